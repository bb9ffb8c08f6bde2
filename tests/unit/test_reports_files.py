"""The reports for other programs: JUnit XML by its schema, Markdown, and the difference to an earlier run."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from ecfleet.reports import json_report, junit, summary, terminal
from ecfleet.reports.comparison import Comparison, Turn, compare, read_previous
from ecfleet.reports.files import ReportError, append
from ecfleet.verdicts import ExitStatus, RuleResult, Verdict
from unit.finished_runs import CASES, STALE, finished, with_timelines

XSD = xmlschema.XMLSchema10(junit.SCHEMA)


def parsed(text: str) -> ET.Element:
    XSD.validate(text)
    return ET.fromstring(text)


# --- JUnit --------------------------------------------------------------------------------------------


def test_junit_fits_its_schema_and_counts_right() -> None:
    root = parsed(junit.as_text(with_timelines(finished(stale=(STALE,), faults=("broken",)))))
    assert [suite.get("name") for suite in root] == [
        "ecflow_client 5.9.2 Log server",
        "mocks Log server",
        "ecfleet itself",
    ]
    counts = ("tests", "failures", "errors", "skipped")
    assert [root.get(name) for name in counts] == ["17", "8", "2", "5"]
    for suite in root:
        found = [len(suite.findall("testcase"))]
        found += [len(suite.findall(f"testcase/{tag}")) for tag in ("failure", "error", "skipped")]
        assert [suite.get(name) for name in counts] == [str(count) for count in found]


def test_a_junit_failure_tells_all_that_is_needed() -> None:
    root = parsed(junit.as_text(with_timelines(finished(("LOG-02",)))))
    case = root.find("testsuite/testcase")
    assert case is not None
    assert case.attrib == {
        "name": "LOG-02 fails[1]",
        "classname": "ecflow_client.suite.logs.test_logs",
        "time": "0.000",
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "exit code: expected 0, seen 1", "type": "LOG-02"}
    assert failure.text is not None
    for part in (
        "rule      LOG-02 (must): The sentence of LOG-02.",
        "expected  0\nseen      1\nexample   number=5\nreplay    ecfleet check --case",
        "0.540      auth_service  #2  ends without a reply: reset",
        "Host: <script>alert(1)</script>",
    ):
        assert part in failure.text


@pytest.mark.parametrize(
    ("id", "tag", "message"),
    [
        ("LOG-01", None, None),
        ("LOG-03", "skipped", "known deviation: It does not look."),
        ("LOG-04", "skipped", "inconclusive: a log"),
        ("LOG-05", "skipped", "not run: needs nginx"),
        ("LOG-06", "skipped", "not applicable: no TLS"),
        ("LOG-07", "error", "OSError: disk"),
    ],
)
def test_each_verdict_has_its_element(id: str, tag: str | None, message: str | None) -> None:
    case = parsed(junit.as_text(finished((id,)))).find("testsuite/testcase")
    assert case is not None
    outcome = [child for child in case if child.tag != "system-out"]
    assert [child.tag for child in outcome] == ([tag] if tag else [])
    assert [child.get("message") for child in outcome] == ([message] if tag else [])


@given(st.text())
def test_junit_holds_whatever_a_client_says(said: str) -> None:
    run = finished(("LOG-02",))
    case = replace(CASES["LOG-02"][0], message=said or "x", seen=said, example=said)
    parsed(junit.as_text(replace(run, results=(RuleResult("LOG-02", "ecflow_client", (case,)),))))


def test_a_run_of_nothing_is_a_report_too(tmp_path: Path) -> None:
    path = tmp_path / "r.xml"
    junit.write(finished((), columns=()), path)
    assert parsed(path.read_text(encoding="utf-8")).get("tests") == "0"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda root: root.set("tests", "-1"),
        lambda root: root.attrib.pop("time"),
        lambda root: root[0].set("timestamp", "yesterday"),
        lambda root: root[0].attrib.pop("name"),
        lambda root: root[0].findall("testcase")[1].append(ET.Element("other")),
        lambda root: root[0].findall("testcase")[1].append(ET.Element("error", message="two")),
    ],
)
def test_the_junit_schema_refuses_what_is_wrong(spoil: Any) -> None:
    root = parsed(junit.as_text(finished()))
    spoil(root)
    assert not XSD.is_valid(ET.tostring(root, encoding="unicode"))


# --- Markdown -----------------------------------------------------------------------------------------


def test_the_summary_has_a_table_and_a_section_for_each_thing_to_know() -> None:
    run = with_timelines(finished(stale=(STALE,), faults=("the suite | is broken",)))
    text = summary.as_text(run)
    for part in (
        "## ecfleet: 2 hold, 1 fails, 1 error, 1 deviates as known, 1 inconclusive, 1 not run, "
        "1 not applicable\n",
        "> **ecfleet itself failed:** the suite \\| is broken\n",
        "| area | ecflow\\_client 5.9.2 | mocks |\n|---|---|---|\n",
        "### ❌ LOG-02 fails: ecflow\\_client 5.9.2\n",
        "| looked at | expected | seen |\n|---|---|---|\n| exit code | `0` | `1` |\n",
        "and 4 more cases\n",
        "Host: <script>alert(1)</script>\n",
        "```sh\necfleet check --case 'suite/logs/test_logs.py::fails[1]'\n```\n",
        "### Stale waivers\n\n- LOG-01, ecflow\\_client: unused waiver in `w.toml` (`seen 0`): ",
        "### Known deviations\n\n- LOG-03, ecflow\\_client 5.9.2: It does not look.\n",
        "### Not decided\n\n- LOG-04, ecflow\\_client 5.9.2: a log\n",
        "### Not run\n\n- nginx: `apt install nginx` (LOG-05, LOG-08)\n",
    ):
        assert part in text
    assert text.count("<details>") == text.count("</details>") == 4


def test_what_a_client_says_stays_inside_its_cell() -> None:
    case = replace(
        CASES["LOG-02"][0], what="a | b\n<b>", expected="`x` | y", seen="", example="```\n# no heading"
    )
    run = finished(("LOG-02",))
    text = summary.as_text(replace(run, results=(RuleResult("LOG-02", "ecflow_client", (case,)),)))
    assert "| a \\| b \\<b\\> | `` `x` \\| y `` |  |\n" in text
    assert "\n````\n```\n# no heading\n````\n" in text


def test_a_summary_fits_into_what_github_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "LIMIT", 2_000)
    text = summary.as_text(with_timelines(finished()))
    assert len(text.encode()) <= 2_000
    assert "more sections do not fit; the JSON and HTML reports have them" in text


def test_the_summary_of_nothing_says_so() -> None:
    assert summary.as_text(finished((), columns=())).startswith("## ecfleet: nothing was run\n")


def test_a_summary_that_cannot_be_added_to_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be written: Is a directory"):
        append(tmp_path, "text")


# --- the difference to an earlier run -----------------------------------------------------------------


def previous(tmp_path: Path, **verdicts: list[Any]) -> Path:
    """The report of an earlier run, in which some rules had other cases."""
    run = finished(("LOG-01", "LOG-02", "LOG-03", "LOG-04", "LOG-05", "LOG-07"))
    results = tuple(
        RuleResult(
            result.rule, result.column, tuple(verdicts.get(result.rule.replace("-", "_"), result.cases))
        )
        for result in run.results
    )
    path = tmp_path / "old.json"
    json_report.write(replace(run, results=tuple(results)), path)
    return path


def compared(tmp_path: Path, **verdicts: list[Any]) -> Comparison:
    run = finished(("LOG-01", "LOG-02", "LOG-03", "LOG-04", "LOG-05", "LOG-08"))
    return compare(read_previous(previous(tmp_path, **verdicts)), run)


def test_each_change_has_its_turn(tmp_path: Path) -> None:
    comparison = compared(
        tmp_path,
        LOG_01=CASES["LOG-02"],
        LOG_02=CASES["LOG-01"],
        LOG_03=CASES["LOG-02"],
        LOG_04=CASES["LOG-05"],
    )
    assert [(c.rule, c.column, c.turn) for c in comparison.changes] == [
        ("LOG-01", "ecflow_client", Turn.BETTER),
        ("LOG-02", "ecflow_client", Turn.WORSE),
        ("LOG-03", "ecflow_client", Turn.EXPLAINED),
        ("LOG-04", "ecflow_client", Turn.CHANGED),
        ("LOG-07", "ecflow_client", Turn.GONE),
        ("LOG-08", "mocks", Turn.NEW),
    ]
    worse = comparison.changes[1]
    assert (worse.before, worse.after) == (Verdict.PASS, Verdict.FAIL)
    assert worse.evidence == "exit code: expected 0, seen 1"
    assert (comparison.same, comparison.source, comparison.seed) == (1, "old.json", 7)


def test_a_rule_that_fails_in_another_way_is_told(tmp_path: Path) -> None:
    (change,) = compared(tmp_path, LOG_02=CASES["LOG-02"][:1]).having(Turn.OTHERWISE)
    assert (change.rule, change.before, change.after) == ("LOG-02", Verdict.FAIL, Verdict.FAIL)
    (change,) = compared(tmp_path, LOG_02=CASES["LOG-07"]).having(Turn.OTHERWISE)
    assert change.before is Verdict.ERROR


def test_another_release_of_a_program_is_told(tmp_path: Path) -> None:
    path = previous(tmp_path)
    table = json.loads(path.read_text(encoding="utf-8"))
    table["columns"][0]["release"] = "5.8.0"
    path.write_text(json.dumps(table), encoding="utf-8")
    comparison = compare(read_previous(path), finished(("LOG-01",)))
    assert comparison.releases == (("ecflow_client", "5.8.0", "5.9.2"),)
    assert "ecflow\\_client was 5.8.0 and is 5.9.2.\n" in summary.as_text(finished(("LOG-01",)), comparison)


def test_the_reports_tell_what_has_changed(tmp_path: Path) -> None:
    comparison = compared(tmp_path, LOG_02=CASES["LOG-01"])
    run = finished(exit_status=ExitStatus.FAILED)
    table = json_report.as_table(run, comparison)
    jsonschema.validate(table, json.loads(json_report.SCHEMA.read_text(encoding="utf-8")))
    assert [change["turn"] for change in table["comparison"]["changes"]] == ["worse", "gone", "new"]
    assert "| LOG-02 | ecflow\\_client | ✅ holds | ❌ fails |\n" in summary.as_text(run, comparison)
    out = io.StringIO()
    terminal.TerminalReport(out).write(run, comparison)
    assert (
        "since old.json (2030-06-15T12:00:00+00:00, seed 7)\n"
        "  same       4 verdicts\n"
        "  worse      LOG-02  ecflow_client  pass -> fail: exit code: expected 0, seen 1\n"
        "  new        1 verdict not in that report\n"
        "  gone       1 verdict not in this run\n"
    ) in out.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file"),
        ("", "is no JSON; give a file that 'ecfleet check --json' has written"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "is no report of 'ecfleet check --json' that this release can read"),
        ('{"format": 99}', "is no report of 'ecfleet check --json' that this release can read"),
        ('{"format": 1}', "is no whole report: KeyError: 'began'"),
        (
            '{"format": 1, "began": "", "ecfleet": "", "seed": 1, "columns": [], '
            '"results": [{"rule": "A", "column": "b", "verdict": "good", "cases": []}]}',
            "is no whole report: ValueError: 'good' is not a valid Verdict",
        ),
        (
            '{"format": 1, "began": "", "ecfleet": "", "seed": 1, "columns": 7, "results": []}',
            "is no whole report: TypeError",
        ),
    ],
)
def test_what_is_no_report_is_one_line(tmp_path: Path, content: str | None, told: str) -> None:
    path = tmp_path / "old.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ReportError, match=re.escape(f"old.json: {told}")) as raised:
        read_previous(path)
    assert "\n" not in str(raised.value)
