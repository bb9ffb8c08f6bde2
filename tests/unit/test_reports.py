"""Reports of a run: text, progress, JSON by its schema, and the pages of the catalogue."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ecfleet import masking
from ecfleet.events import CaseFinished, ColumnStarted, RuleFinished, Run, RunFinished
from ecfleet.profiles import Waiver
from ecfleet.reports import json_report, progress, rule_pages, terminal
from ecfleet.verdicts import ExitStatus
from unit.finished_runs import CASES, CLIENT, STALE, TIMELINE, finished, with_timelines


def text_of(run: Run, **options: Any) -> str:
    out = io.StringIO()
    terminal.TerminalReport(out, **options).write(run)
    return out.getvalue()


# --- terminal -----------------------------------------------------------------------------------------


def test_a_good_run_is_a_calm_page() -> None:
    assert text_of(finished(("LOG-01",), exit_status=ExitStatus.OK)) == (
        "area        ecflow_client 5.9.2\n"
        "-------------------------------\n"
        "Log server  1 pass\n"
        "\n"
        "rule    ecflow_client\n"
        "LOG-01  pass           The sentence of LOG-01.\n"
        "\n"
        "1 hold (exit status 0)\n"
        "seed 7, 1.2 s\n"
    )


def test_a_failure_is_a_block_with_all_that_is_needed() -> None:
    text = text_of(finished(("LOG-02",), exit_status=ExitStatus.FAILED), quiet=True)
    blocks = text.split("\n\n")
    assert blocks[1].startswith(
        "FAIL  LOG-02  ecflow_client 5.9.2\n"
        "  rule       The sentence of LOG-02. (must)\n"
        '  source     OpenSSL set-up of ecFlow 5, "A heading"; ecFlow 5.9.2: a ping\n'
        "  case       suite/logs/test_logs.py::fails[1]\n"
        "  looked at  exit code\n"
        "  expected   0\n"
        "  seen       1\n"
        "  example    number=5\n"
        "  replay     ecfleet check --case 'suite/logs/test_logs.py::fails[1]'\n"
        "  case       suite/logs/test_logs.py::fails[2]\n"
    )
    assert blocks[1].endswith("  and 2 more cases; --json has them all\n  fix        Make it work.")
    assert blocks[2] == "1 fail (exit status 1)\nseed 7, 1.2 s\n"


def test_a_failure_has_its_exchange_in_short_or_whole() -> None:
    run = with_timelines(finished(("LOG-02",), exit_status=ExitStatus.FAILED))
    short, whole = text_of(run, quiet=True), text_of(run, quiet=True, timelines=True)
    assert short.count("  timeline   (in short; --timeline shows all)\n") == 1
    assert "       …  4 more steps not shown\n" in short
    assert "       0.520    reverse_proxy   #1  request: POST /v1/ecflow CtsCmd PING\n" in short
    assert "Authorization" not in short
    assert whole.count("  timeline\n") == 5
    assert whole.count("Authorization: Bearer ***1\n") == 5
    assert TIMELINE.steps[1].text in whole


def test_everything_else_to_know_has_its_block() -> None:
    text = text_of(finished(stale=(STALE,), faults=("the suite is broken",)))
    for part in (
        "area        ecflow_client 5.9.2",
        "Log server  1 pass, 1 fail, 1 error, 1 known-deviation, 1 inconclusive, 1 not-run, 1 not-applicable",
        "LOG-08                   pass (1 of 2 not run)  The sentence of LOG-08.\n",
        "ERROR  LOG-07  ecflow_client 5.9.2\n",
        "  seen       OSError: disk\n",
        "STALE  LOG-01  ecflow_client  unused waiver\n"
        "  listed     seen 0 (/home/user/w.toml)\n"
        "  so         remove the waiver\n",
        "known deviation  LOG-03  ecflow_client 5.9.2\n",
        "  reason     It does not look. (p.toml)\n",
        "  seen       exit code: expected 1, seen 0\n",
        "inconclusive  LOG-04  ecflow_client 5.9.2\n  missing    a log\n",
        "not run  needs nginx: apt install nginx\n  rules      LOG-05, LOG-08\n",
        "ecfleet itself failed: the suite is broken\n",
        "2 hold, 1 fail, 1 error, 1 deviate as known, 1 inconclusive, 1 not run, 1 not applicable, "
        "1 stale waiver (exit status 4)\n",
    ):
        assert part in text
    assert "\x1b" not in text


def test_colour_changes_nothing_but_the_colour() -> None:
    import re

    run = finished(stale=(STALE,))
    coloured = text_of(run, colour=True)
    assert "\x1b[31;1mFAIL" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text_of(run)


def test_the_list_of_rules_fits_a_terminal() -> None:
    narrow = text_of(finished(("LOG-01",)), columns=40).splitlines()
    assert "LOG-01  pass           The sentence of …" in narrow
    assert (
        "LOG-01  pass           The sentence of LOG-01."
        in text_of(finished(("LOG-01",)), columns=46).splitlines()
    )


def test_a_run_of_nothing_says_so() -> None:
    text = text_of(finished((), columns=(), exit_status=ExitStatus.OK))
    assert "nothing was run (exit status 0)" in text


# --- progress -----------------------------------------------------------------------------------------


def test_the_bar_fills_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    bar = progress.Bar(out)
    bar(ColumnStarted(CLIENT, 1, 4))
    bar(CaseFinished(CLIENT, "LOG-01", CASES["LOG-01"][0]))
    bar(CaseFinished(CLIENT, "LOG-02", CASES["LOG-02"][0]))
    *_, half = out.getvalue().rstrip().split("\r")
    assert half == "[############............] 2/4 ecflow_client 5.9.2  LOG-02  1 failed"
    bar(RunFinished(finished(("LOG-01",))))
    assert out.getvalue().endswith(f"\r{' ' * len(half)}\r")
    written = len(out.getvalue())
    bar.clear()
    assert len(out.getvalue()) == written


def test_the_bar_stays_on_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()
    progress.Bar(out)(ColumnStarted(replace(CLIENT, label="x" * 200), 1, 0))
    assert len(out.getvalue()) == len("\r") + 39


def test_lines_tell_what_does_not_hold() -> None:
    out = io.StringIO()
    lines = progress.Lines(out)
    run = finished()
    lines(ColumnStarted(CLIENT, 2, 3))
    for result in run.results[:2]:
        lines(RuleFinished(CLIENT, result))
    lines(RunFinished(run))
    lines.clear()
    assert out.getvalue() == "ecflow_client 5.9.2: 2 rules, 3 cases\necflow_client 5.9.2: LOG-02 fail\n"


# --- JSON ---------------------------------------------------------------------------------------------


def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(json_report.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, format_checker=checker)


def test_the_report_fits_its_schema_and_holds_all(tmp_path: Path) -> None:
    run = with_timelines(finished(stale=(STALE,), faults=("broken",)))
    path = tmp_path / "report.json"
    json_report.write(run, path)
    table = json.loads(path.read_text(encoding="utf-8"))
    validator().validate(table)
    assert (table["seed"], table["exit_status"], table["began"]) == (7, 4, run.began)
    assert table["counts"]["pass"] == 2
    assert [column["kind"] for column in table["columns"]] == ["client", "services"]
    failed = next(result for result in table["results"] if result["rule"] == "LOG-02")
    assert failed["counts"] == {"fail": 7}
    assert failed["cases"][0] == {
        "id": "suite/logs/test_logs.py::fails[1]",
        "verdict": "fail",
        "message": "exit code: expected 0, seen 1",
        "what": "exit code",
        "expected": "0",
        "seen": "1",
        "example": "number=5",
        "timeline": TIMELINE.as_table(),
        "seconds": 0.0,
        "replay": "ecfleet check --case 'suite/logs/test_logs.py::fails[1]'",
    }
    assert table["rules"][1]["truths"]["at_hand"][0]["text"] == "Fails: exit code: expected 0, seen 1"
    assert table["rules"][0]["sources"] == [
        {
            "document": "openssl",
            "heading": "A heading",
            "sha256": "0" * 64,
            "citation": 'OpenSSL set-up of ecFlow 5, "A heading"',
        },
        {"release": "5.9.2", "experiment": "a ping", "citation": "ecFlow 5.9.2: a ping"},
    ]
    assert table["stale_waivers"][0]["source"] == "w.toml"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.pop("seed"),
        lambda table: table.update(format=2),
        lambda table: table.update(more=1),
        lambda table: table["counts"].pop("error"),
        lambda table: table["results"][0].update(verdict="good"),
        lambda table: table["results"][0]["cases"][0].update(id="elsewhere"),
        lambda table: table["results"][1]["cases"][0].pop("message"),
        lambda table: table["results"][1]["cases"][0].pop("replay"),
        lambda table: table["results"][2]["cases"][0].pop("waiver"),
        lambda table: table["results"][0]["cases"][0].update(waiver="why"),
        lambda table: table["results"][4]["cases"][0].pop("install"),
        lambda table: table["rules"][0]["sources"][0].pop("heading"),
        lambda table: table["rules"][0].update(sources=[]),
        lambda table: table["rules"][0].pop("truths"),
        lambda table: table["rules"][0]["truths"].update(releases=[]),
        lambda table: table["results"][1]["cases"][0]["timeline"].update(steps=[]),
        lambda table: table["results"][1]["cases"][0]["timeline"]["steps"][0].update(kind="other"),
        lambda table: table["results"][0]["cases"][0].update(timeline=TIMELINE.as_table()),
    ],
)
def test_the_schema_refuses_what_is_wrong(spoil: Any) -> None:
    table = json_report.as_table(with_timelines(finished()))
    validator().validate(table)
    spoil(table)
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(table)


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_text("the old one", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(json_report.ReportError, match=r"report\.json: cannot be written: No space left"):
        json_report.write(finished(), path)
    assert path.read_text(encoding="utf-8") == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_place_that_cannot_be_written_to_is_told_before_the_run(tmp_path: Path) -> None:
    json_report.check_writable(tmp_path / "new.json")
    with pytest.raises(json_report.ReportError, match="is a directory; give the name of a file"):
        json_report.check_writable(tmp_path)
    with pytest.raises(json_report.ReportError, match="there is no directory"):
        json_report.check_writable(tmp_path / "none" / "r.json")


# --- secrets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Basic ecfleet-secret",
        "authorization: bearer ecfleet-secret, more",
        "('Authorization', 'Bearer ecfleet-secret')",
        "Authorization: EmailKey ecfleet-secret",
        '{"Authorization": "Basic ecfleet-secret"}',
        "ECF_PASS=ecfleet-secret ecflow_client --init",
        '{"jobs_password_": "ecfleet-secret"}',
        '{"api": {"key": "ecfleet-secret", "email": "x"}}',
        '{"password":"ecfleet-secret"}',
        "ecflow_client --password ecfleet-secret --ping",
        "Set-Cookie: session=ecfleet-secret; Path=/",
    ],
)
def test_credentials_are_masked(text: str) -> None:
    masked = masking.mask(text)
    assert "ecfleet-secret" not in masked
    assert masking.MASK in masked


def test_what_is_no_credential_stays() -> None:
    text = "ECF_NAME=/s/t ECF_TRYNO=1 Authorization missing; key words; Basic English"
    assert masking.mask(text) == text


# --- pages of the catalogue ---------------------------------------------------------------------------


def test_a_rule_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_pages, "shipped_profiles", lambda: ())
    catalogue = finished(("LOG-01", "LOG-08")).catalogue
    assert rule_pages.explain(catalogue, catalogue.rules["LOG-01"]) == (
        "LOG-01  Log server\n"
        "  must, client, severity high, needs tcp\n"
        "\n"
        "  Rule      The sentence of LOG-01.\n"
        "  Why       So that it works.\n"
        "  Symptom   It does not work.\n"
        "  Fix       Make it work.\n"
        '  Source    OpenSSL set-up of ecFlow 5, "A heading"\n'
        "  Source    ecFlow 5.9.2: a ping\n"
        "  Explains  FB-02\n"
        "  Test      ecfleet check --rule LOG-01\n"
        "\n"
        "  The documents                                     The releases\n"
        f"  {'-' * 47}   {'-' * 47}\n"
        "  OpenSSL set-up of ecFlow 5 (says)                 ecFlow 5.9.2 (tells)\n"
        "    The sentence of LOG-01.                           a ping\n"
        '    ["A heading"]                                     [experiment that the rule is from]\n'
        "\n"
        "                                                    ecFlow 5.17.0 (open)\n"
        "                                                      Not known here.\n"
        "                                                      [no experiment, no profile]"
    )


def test_deviating_programs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from ecfleet.profiles import Basis, Profile

    waiver = Waiver("LOG-01", "seen 0", "It does not look.", "ecfleet", Path("p.toml"))
    profile = Profile("ecflow_client", "5.9.2", Basis.RUN, "a", Path("p.toml"), (waiver,))
    monkeypatch.setattr(rule_pages, "shipped_profiles", lambda: (profile,))
    catalogue = finished(("LOG-01", "LOG-08")).catalogue
    assert "ecflow_client 5.9.2 (deviates)\n" in rule_pages.explain(catalogue, catalogue.rules["LOG-01"])
    assert "(deviates)" not in rule_pages.explain(catalogue, catalogue.rules["LOG-08"])


def test_a_program_at_hand_stands_beside_documents_and_releases() -> None:
    run = finished(("LOG-02",))
    page = rule_pages.explain(run.catalogue, run.catalogue.rules["LOG-02"], run)
    rows = page.partition("  The documents")[2].splitlines()
    assert rows[0].split("  ")[-1].strip() == "At hand"
    assert rows[2].endswith("ecflow_client 5.9.2 (deviates)")
    assert all(len(row) <= rule_pages.WIDTH for row in page.splitlines())


def test_rules_are_listed_by_area() -> None:
    catalogue = finished(("LOG-01", "LOG-08")).catalogue
    assert rule_pages.listing(catalogue, list(catalogue.rules.values())) == (
        "Log server (logs)\n"
        "  LOG-01  must      client         The sentence of LOG-01.\n"
        "  LOG-08  must      logserver      The sentence of LOG-08."
    )
