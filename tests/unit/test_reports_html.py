"""The HTML page as a text: complete in itself, whole for screen readers, and nothing in it from a client."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet.reports import html_report
from ecfleet.reports.comparison import Change, Comparison, Turn
from ecfleet.reports.html_failures import marked
from ecfleet.reports.markup import Markup, join, plain, tag
from ecfleet.verdicts import ExitStatus, RuleResult, Verdict
from unit.finished_runs import CASES, STALE, finished, with_timelines

VOID = {"br", "hr", "input", "link", "meta"}
COMPARISON = Comparison(
    "old.json",
    "2030-06-14T12:00:00+00:00",
    "0.1.0",
    6,
    (
        Change("LOG-02", "ecflow_client", Turn.WORSE, Verdict.PASS, Verdict.FAIL, "seen <1>"),
        Change("LOG-08", "mocks", Turn.NEW, None, Verdict.PASS),
        Change("LOG-09", "mocks", Turn.GONE, Verdict.PASS, None),
    ),
    3,
    (("ecflow_client", "5.8.0", "5.9.2"),),
)


class Page(HTMLParser):
    """What a test asks of a page; a tag that is not closed in its turn is a mistake."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), tag
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]

    def values(self, attribute: str) -> list[str]:
        return [str(attributes[attribute]) for _, attributes in self.elements if attribute in attributes]


def page(ids: tuple[str, ...] = tuple(CASES), comparison: Comparison | None = COMPARISON) -> tuple[str, Page]:
    text = html_report.as_text(with_timelines(finished(ids, stale=(STALE,), faults=("broken",))), comparison)
    return text, Page(text)


def test_the_page_tells_everything() -> None:
    _, found = page()
    for part in (
        "A fault of ecfleet itself",
        "1 fails, 1 error, 1 deviates as known, 1 inconclusive, 1 not run, 1 not applicable, 2 hold",
        "ecfleet itself failed: broken",
        "Changes since old.json",
        "ecflow_client was 5.8.0 then and is 5.9.2 now.",
        "LOG-02 for ecflow_client 5.9.2",
        "Case 7 of 7: exit code",
        "number=5",
        "ecfleet check --case 'suite/logs/test_logs.py::fails[7]'",
        "Traceback\nOSError: disk",
        "LOG-01, ecflow_client: unused waiver.",
        "It does not look.",
        "LOG-04 for ecflow_client 5.9.2: a log",
        "nginx is needed for LOG-05, LOG-08:",
        "apt install nginx",
        "1 of 2 cases not run",
        "OpenSSL set-up of ecFlow 5",
        "ends without a reply: reset",
        "3 earlier steps are left out.",
        "Host: <script>alert(1)</script>",
    ):
        assert part in found.text, part


def test_the_page_asks_for_nothing_and_allows_nothing_else() -> None:
    text, found = page()
    policy = next(str(one["content"]) for one in found.all("meta") if "http-equiv" in one)
    digests = {
        kind: f"sha256-{base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()}"
        for kind, inside in re.findall(r"<(style|script)>(.*?)</\1>", text, re.DOTALL)
    }
    assert policy == (
        f"default-src 'none'; style-src '{digests['style']}'; script-src '{digests['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"https?://|url\(|@import", text)
    for _, attributes in found.elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on") or name == "src"]
    assert all(href.startswith("#") for href in found.values("href"))


def test_the_page_can_be_walked_through_without_eyes() -> None:
    text, found = page()
    assert found.all("html") == [{"lang": "en"}]
    tags = Counter(tag for tag, _ in found.elements)
    assert all(tags[landmark] == 1 for landmark in ("header", "nav", "main", "footer", "h1"))
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in found.values("href")} - {"rule-log-09"} <= set(ids)
    assert set(found.values("aria-labelledby")) <= set(ids)
    assert all(head.get("scope") in ("col", "row", "rowgroup") for head in found.all("th"))
    assert tags["table"] == tags["caption"]
    for pre in found.all("pre"):
        assert (pre["tabindex"], pre["role"], bool(pre["aria-label"])) == ("0", "region", True)
    for verdict, sign in re.findall(
        r'class="chip ([a-z-]+)"><span class="sign" aria-hidden="true">(.)</span>', text
    ):
        assert Verdict(verdict)
        assert sign.strip()


def test_a_good_run_is_a_calm_page() -> None:
    text = html_report.as_text(finished(("LOG-01",), exit_status=ExitStatus.OK))
    found = Page(text)
    assert "All rules hold or deviate as known" in found.text
    assert not {"failures", "stale", "deviations", "undecided", "missing", "changes"} & set(
        found.values("id")
    )
    assert {"overview", "rules", "explained"} <= set(found.values("id"))


def test_a_run_of_nothing_is_a_page_too(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    html_report.write(finished((), columns=(), exit_status=ExitStatus.OK), path)
    assert "Nothing was run." in Page(path.read_text(encoding="utf-8")).text


def test_no_difference_is_told_as_such() -> None:
    text = html_report.as_text(finished(("LOG-01",)), replace(COMPARISON, changes=()))
    assert "Nothing has changed." in Page(text).text


@given(st.text(min_size=1))
def test_what_a_client_says_is_text_on_the_page(said: str) -> None:
    run = finished(("LOG-02",))
    case = replace(CASES["LOG-02"][0], message=said, what=said, expected="x", seen=said, example=said)
    text = html_report.as_text(replace(run, results=(RuleResult("LOG-02", "ecflow_client", (case,)),)))
    text.encode("utf-8")
    names = [tag for tag, _ in Page(text).elements]
    harmless = replace(case, message="m", what="w", seen="s", example="e")
    other = html_report.as_text(replace(run, results=(RuleResult("LOG-02", "ecflow_client", (harmless,)),)))
    assert names == [tag for tag, _ in Page(other).elements]


# --- pieces -------------------------------------------------------------------------------------------


def test_elements_are_written_from_values() -> None:
    assert tag("p", "a < b", [" & ", tag("b", "c")], None, class_="x", data_y='"', hidden=True, id=None) == (
        '<p class="x" data-y="&quot;" hidden>a &lt; b &amp; <b>c</b></p>'
    )
    assert tag("input", type="search", checked=False) == '<input type="search">'
    assert join(None) == ""
    assert isinstance(join(["a", None]), Markup)
    assert plain("a\x00\x1b\n\tb\udc80") == "a\\x00\\x1b\n\tb\\udc80"


@pytest.mark.parametrize(
    ("expected", "seen", "shown"),
    [
        ("['Basic ***1']", "['Basic ***2']", ("['Basic ***[1]']", "['Basic ***[2]']")),
        ("answered", "refused", ("answered", "refused")),
        ("all of it", "all of it", ("all of it", "all of it")),
        ("abcd", "abcdef", ("abcd", "abcd[ef]")),
        ("", "x", ("", "x")),
    ],
)
def test_what_differs_is_marked(expected: str, seen: str, shown: tuple[str, str]) -> None:
    one, other = (join(cut).replace("<mark>", "[").replace("</mark>", "]") for cut in marked(expected, seen))
    assert (one.replace("&#x27;", "'"), other.replace("&#x27;", "'")) == shown


@given(st.text(), st.text())
def test_marking_loses_nothing(expected: str, seen: str) -> None:
    for text, cut in zip((expected, seen), marked(expected, seen), strict=True):
        assert re.sub("</?mark>", "", join(cut)) == plain(text)
