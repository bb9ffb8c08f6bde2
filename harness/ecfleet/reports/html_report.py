"""The report as one HTML page that needs nothing else: no network, no scripts to be read, no other file."""

from __future__ import annotations

import base64
import hashlib
import platform
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ecfleet.events import Run
from ecfleet.profiles import shipped_profiles
from ecfleet.reports.comparison import Comparison, Turn
from ecfleet.reports.files import write_whole
from ecfleet.reports.html_failures import deviations, failures, undecided
from ecfleet.reports.html_parts import chip, command
from ecfleet.reports.html_rules import details, matrix
from ecfleet.reports.markup import Markup, anchor, join, tag
from ecfleet.reports.truths import counted
from ecfleet.verdicts import ExitStatus, Verdict
from ecfleet.version import version

__all__ = ["as_text", "write"]

_HERE = Path(__file__).parent

_HEADLINES = {
    ExitStatus.OK: "All rules hold or deviate as known",
    ExitStatus.FAILED: "Not all rules hold",
    ExitStatus.UNDECIDED: "Nothing fails, but not all is decided",
    ExitStatus.FAULT: "A fault of ecfleet itself",
}

_TURNS = {
    Turn.WORSE: "fails now",
    Turn.BETTER: "mended",
    Turn.EXPLAINED: "known now",
    Turn.OTHERWISE: "fails otherwise",
    Turn.CHANGED: "changed",
    Turn.NEW: "new",
    Turn.GONE: "not in this run",
}

ORDER = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.KNOWN_DEVIATION,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_RUN,
    Verdict.NOT_APPLICABLE,
    Verdict.PASS,
)


def write(run: Run, path: Path, comparison: Comparison | None = None) -> None:
    """Write the page to ``path``, whole or not at all.

    :raises ecfleet.reports.files.ReportError: when that cannot be done.
    """
    write_whole(path, as_text(run, comparison))


def as_text(run: Run, comparison: Comparison | None = None) -> str:
    """The run, and what has changed since another one, as an HTML page.

    The page states a content security policy that allows its own style and script, by their hashes, and
    nothing else; it holds no inline styles or handlers. It can be read without either.
    """
    style, script = (_HERE / "page.css").read_text("utf-8"), (_HERE / "page.js").read_text("utf-8")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    profiles = shipped_profiles()
    sections = [
        _overview(run),
        _changes(comparison),
        *failures(run, profiles),
        *_stale(run),
        *deviations(run),
        *undecided(run),
        *matrix(run),
        *details(run, profiles),
    ]
    shown = [section for section in sections if section]
    title = f"ecfleet: {_counted(run)}"
    page = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", title),
            Markup(f"<style>{style}</style>"),
        ),
        tag(
            "body",
            tag("a", "Skip to the report", class_="skip", href="#report"),
            _header(run),
            _navigation(run, comparison),
            tag("main", *shown, id="report", tabindex="-1"),
            _footer(),
            Markup(f"<script>{script}</script>"),
        ),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _counted(run: Run) -> str:
    counts = Counter(result.verdict for result in run.results)
    said = ", ".join(counted(verdict, counts[verdict]) for verdict in ORDER if counts[verdict])
    return said or "nothing was run"


def _header(run: Run) -> Markup:
    programs = ", ".join(column.title for column in run.columns) or "no program"
    status = int(run.exit_status)
    facts = [
        ("Programs", programs),
        ("Began", tag("time", run.began.replace("T", " ").replace("+00:00", " UTC"), datetime=run.began)),
        ("Took", f"{run.seconds:.1f} s"),
        ("Seed", str(run.seed)),
        ("Exit status", str(status)),
    ]
    good = "good" if run.exit_status is ExitStatus.OK else "open" if status == 3 else "bad"
    return tag(
        "header",
        tag("p", "ecfleet check", class_="brand"),
        tag("h1", _HEADLINES[run.exit_status]),
        tag("p", _counted(run), class_="lead"),
        tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts), class_="facts"),
        command(run.command, "The command of this run") if run.command else None,
        *(tag("p", tag("strong", "ecfleet itself failed: "), fault, class_="fault") for fault in run.faults),
        class_=f"top {good}",
    )


def _navigation(run: Run, comparison: Comparison | None) -> Markup:
    counts = Counter(result.verdict for result in run.results)
    failing = counts[Verdict.FAIL] + counts[Verdict.ERROR]
    links: list[tuple[str, str, int | None]] = [("overview", "Overview", None)]
    if comparison is not None:
        links.append(("changes", "Changes", len([c for c in comparison.changes if c.turn is not Turn.GONE])))
    links += [
        (name, words, count)
        for name, words, count in (
            ("failures", "Failures", failing),
            ("stale", "Stale waivers", len(run.stale)),
            ("deviations", "Known deviations", counts[Verdict.KNOWN_DEVIATION]),
            ("undecided", "Not decided", counts[Verdict.INCONCLUSIVE]),
            ("missing", "Not run", _missing(run)),
        )
        if count
    ]
    if run.results:
        links += [("rules", "All rules", len({result.rule for result in run.results}))]
        links += [("explained", "Rules explained", None)]
    items = (
        tag("li", tag("a", words, " " if count is not None else None, _count(count), href=f"#{name}"))
        for name, words, count in links
    )
    return tag("nav", tag("ul", *items), aria_label="Sections of the report")


def _count(count: int | None) -> Markup | None:
    return None if count is None else tag("span", str(count), class_="count")


def _missing(run: Run) -> int:
    return len({case.needs for result in run.results for case in result.having(Verdict.NOT_RUN)})


def _overview(run: Run) -> Markup:
    rows = []
    for area in run.catalogue.areas.values():
        ids = {rule.id for rule in area.rules}
        counts = [
            Counter(r.verdict for r in run.results if r.column == column.label and r.rule in ids)
            for column in run.columns
        ]
        if any(counts):
            name = tag("a", area.title, href=f"#{anchor('area', area.name)}")
            cells = (
                tag("td", _tally(count), role="cell", data_label=column.title)
                for column, count in zip(run.columns, counts, strict=True)
            )
            rows.append(tag("tr", tag("th", name, scope="row", role="rowheader"), *cells, role="row"))
    heads = [tag("th", "Area", scope="col", role="columnheader")]
    heads += [tag("th", column.title, scope="col", role="columnheader") for column in run.columns]
    table = tag(
        "table",
        tag("caption", "Rules of each area, by verdict"),
        tag("thead", tag("tr", *heads, role="row"), role="rowgroup"),
        tag("tbody", *rows, role="rowgroup"),
        class_="stack overview",
        role="table",
    )
    body = table if rows else tag("p", "Nothing was run.")
    return tag("section", tag("h2", "Overview", id="overview"), body, aria_labelledby="overview")


def _tally(count: Counter[Verdict]) -> Markup:
    if not count:
        return tag("span", "no rules", class_="quiet")
    return join([join([chip(verdict, count[verdict]), " "]) for verdict in ORDER if count[verdict]])


def _stale(run: Run) -> Iterator[Markup]:
    if not run.stale:
        return
    items = (
        tag(
            "li",
            tag("strong", f"{stale.waiver.rule}, {stale.column}: {stale.staleness} waiver."),
            f" {stale.advice[:1].upper()}{stale.advice[1:]}. Listed in {stale.waiver.source.name}: ",
            tag("code", stale.waiver.observed),
        )
        for stale in run.stale
    )
    yield tag(
        "section",
        tag("h2", "Stale waivers", id="stale"),
        tag("p", "A list of known deviations is worth something only while each entry is true."),
        tag("ul", *items, class_="plain"),
        aria_labelledby="stale",
    )


def _changes(comparison: Comparison | None) -> Markup | None:
    if comparison is None:
        return None
    told = [change for change in comparison.changes if change.turn is not Turn.GONE]
    gone = len(comparison.changes) - len(told)
    words = [f"{comparison.same} verdicts are as in {comparison.source}, of "]
    words += [
        tag("time", comparison.began.replace("T", " ").replace("+00:00", " UTC"), datetime=comparison.began)
    ]
    words += [f" (seed {comparison.seed}, ecfleet {comparison.ecfleet})."]
    words += [f" {gone} others in it are of rules or programs that this run has not."] if gone else []
    words += [
        f" {who} was {then or 'of no release'} then and is {now} now."
        for who, then, now in comparison.releases
    ]
    rows = (
        tag(
            "tr",
            tag("th", tag("a", c.rule, href=f"#{anchor('rule', c.rule)}"), scope="row", role="rowheader"),
            tag("td", c.column, role="cell", data_label="Program"),
            tag("td", _TURNS[c.turn], role="cell", data_label="Change", class_=f"turn {c.turn}"),
            tag("td", chip(c.before) if c.before else "none", role="cell", data_label="Before"),
            tag("td", chip(c.after) if c.after else "none", role="cell", data_label="Now"),
            tag("td", c.evidence, role="cell", data_label="Seen", class_="evidence"),
            role="row",
        )
        for c in told
    )
    heads = (
        tag("th", name, scope="col", role="columnheader")
        for name in ("Rule", "Program", "Change", "Before", "Now", "Seen")
    )
    table = tag(
        "table",
        tag("caption", "Verdicts that are not what they were"),
        tag("thead", tag("tr", *heads, role="row"), role="rowgroup"),
        tag("tbody", *rows, role="rowgroup"),
        class_="stack changes",
        role="table",
    )
    return tag(
        "section",
        tag("h2", f"Changes since {comparison.source}", id="changes"),
        tag("p", *words),
        table if told else tag("p", "Nothing has changed."),
        aria_labelledby="changes",
    )


def _footer() -> Markup:
    return tag(
        "footer",
        tag(
            "p",
            f"ecfleet {version()}, Python {platform.python_version()}, {platform.platform()}. "
            "Secrets are written as ***, with the same number for the same secret within a case. "
            "This page is complete in itself and asks nothing of the network.",
        ),
    )
