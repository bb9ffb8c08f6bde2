"""The command line: what it prints, one line for each mistake, and the exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import jsonschema
import pytest

from ecfleet import cli, clients, profiles, rules, runner
from ecfleet.interrupts import Interrupted
from ecfleet.reports import json_report

SuiteMaker = Callable[[Mapping[str, str]], Path]
Main = Callable[..., tuple[int, str, str]]

TESTS = """
import pytest
from ecfleet.rules import rule
from ecfleet.verdicts import expect, not_run

@rule("LOG-01")
def test_holds():
    pass

@rule("LOG-02")
def test_fails():
    expect("ecfleet-secret", "something", "a text")

@rule("LOG-03")
def test_needs():
    not_run("nginx", install="apt install nginx")
"""

CLIENT_TESTS = """
from ecfleet.rules import rule
from ecfleet.verdicts import expect

@rule("CLI-01")
def test_name(ecf_client):
    expect(ecf_client.name, "builtin", "name")

@rule("CLI-02")
def test_secure(ecf_client):
    expect("https" in ecf_client.capabilities, True, "whether HTTPS is there")
"""


@pytest.fixture
def main(
    make_suite: SuiteMaker,
    rules_text: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Main:
    """Runs the command in this process on a small suite; exit status, output and errors."""
    root = make_suite(
        {
            "logs/rules.toml": rules_text("LOG-01", "LOG-02", "LOG-03"),
            "logs/test_logs.py": TESTS,
            "clients/rules.toml": rules_text("CLI-01", subject="client")
            + rules_text("CLI-02", subject="client", capabilities=("https",)).partition("[[rule]]")[1]
            + rules_text("CLI-02", subject="client", capabilities=("https",)).partition("[[rule]]")[2],
            "clients/test_clients.py": CLIENT_TESTS,
        }
    )
    # A workflow step that runs these tests has a summary of its own.
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setattr(rules, "find_suites", lambda: (rules.read_suite(root),))
    monkeypatch.setattr(clients, "find_clients", list)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_check_reports_and_ends_with_the_status(main: Main, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    status, out, err = main("check", "--seed", "7", "--json", str(path))
    assert status == 1
    lines = out.splitlines()
    assert re.fullmatch(r"area +builtin \S+ +mocks", lines[0])
    assert re.fullmatch(r"Area of CLI +2 pass", lines[2])
    assert re.fullmatch(r"Area of LOG +1 pass, 1 fail, 1 not-run", lines[3])
    assert "FAIL  LOG-02  mocks\n" in out
    assert "not run  needs nginx: apt install nginx\n  rules      LOG-03\n" in out
    assert "3 hold, 1 fail, 1 not run (exit status 1)\nseed 7, " in out
    assert err.splitlines() == [
        next(line for line in err.splitlines() if re.fullmatch(r"builtin \S+: 2 rules, 2 cases", line)),
        "mocks: 3 rules, 3 cases",
        "mocks: LOG-02 fail",
        "mocks: LOG-03 not-run",
    ]
    assert "\x1b" not in out + err
    table = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(table, json.loads(json_report.SCHEMA.read_text(encoding="utf-8")))
    assert table["command"] == f"ecfleet check --seed 7 --json {path}"
    assert table["exit_status"] == 1


def test_the_replay_command_runs_just_the_failure(main: Main) -> None:
    import shlex

    _, out, _ = main("check", "--seed", "7")
    (line,) = re.findall(r"^  replay +(.*)$", out, re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert program == "ecfleet"
    status, again, err = main(*arguments)
    assert status == 1
    assert "1 fail (exit status 1)\nseed 7, " in again
    assert err.splitlines()[-2:] == ["mocks: 1 rule, 1 case", "mocks: LOG-02 fail"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--rule", "LOG-01"], 0, "1 hold (exit status 0)"),
        (["--rule", "CLI"], 0, "2 hold (exit status 0)"),
        (["--rule", "log-03", "--rule", "CLI-01"], 3, "1 hold, 1 not run (exit status 3)"),
        (["--rule", "LOG-01", "--client", "builtin", "--client", "builtin"], 0, "1 hold (exit status 0)"),
        (["--rule", "LOG-01", "--quiet"], 0, "1 hold (exit status 0)"),
    ],
)
def test_a_part_can_be_asked_for(main: Main, arguments: list[str], status: int, said: str) -> None:
    ended, out, err = main("check", *arguments)
    assert (ended, said in out) == (status, True)
    assert ("rule    " in out, bool(err)) == ((False, False) if "--quiet" in arguments else (True, True))


WAIVER = """
[[waiver]]
rule = "LOG-02"
observed = "a text: expected something"
reason = "So it is."
owner = "me"
expiry = 2999-01-01
"""


def test_a_waiver_file_makes_the_run_green(main: Main, tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text(WAIVER, encoding="utf-8")
    status, out, _ = main("check", "--waivers", str(path))
    assert status == 0
    assert "known deviation  LOG-02  mocks\n" in out
    assert "  reason     So it is. (w.toml)\n" in out
    path.write_text(WAIVER.replace("something", "else"), encoding="utf-8")
    status, out, _ = main("check", "--waivers", str(path))
    assert status == 1
    assert "STALE  LOG-02  mocks  changed waiver\n" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "ecfleet: the following arguments are required: COMMAND (see ecfleet --help)"),
        (["chekc"], "ecfleet: argument COMMAND: invalid choice: 'chekc'"),
        (["check", "--nonsense"], "--nonsense"),
        (
            ["check", "--seed", "x"],
            "ecfleet check: argument --seed: must be a whole number from 0 on, and not 'x'",
        ),
        (["check", "--seed", "-1"], "ecfleet check: argument --seed: must be a whole number from 0 on"),
        (
            ["check", "--examples", "0"],
            "ecfleet check: argument --examples: must be a whole number from 1 on",
        ),
        (["check", "--rule", "NOPE"], "ecfleet check: no rule's id begins with 'NOPE'"),
        (["check", "--case", "a/b/c.py::d"], "ecfleet check: there is no case 'a/b/c.py::d'"),
        (["check", "--mutant", "LOG-01.x"], "ecfleet check: there is no mutant 'LOG-01.x'; there are: none"),
        (["check", "--waivers", "none.toml"], "ecfleet check: none.toml: cannot be read: No such file"),
        (["check", "--json", "none/r.json"], "ecfleet check: none/r.json: there is no directory none"),
        (["check", "--keep", "/dev/null/x"], "ecfleet check: /dev/null/x: Not a directory"),
        (["check", "--client", "/no/such/program"], "ecfleet check: "),
        (["check", "--html", "/"], "ecfleet check: /: is a directory; give the name of a file"),
        (["check", "--junit", "none/j.xml"], "ecfleet check: none/j.xml: there is no directory none"),
        (["check", "--summary", "none/s.md"], "ecfleet check: none/s.md: there is no directory none"),
        (["check", "--compare", "none.json"], "ecfleet check: none.json: cannot be read: No such file"),
        (["rules", "LOG", "--client", "builtin"], "ecfleet rules: --client goes with the id of one rule"),
        (["rules", "CLI-01", "--client", "/no/such/program"], "ecfleet rules: "),
        (["rules", "NOPE"], "ecfleet rules: no rule fits"),
        (["rules", "--area", "x"], "ecfleet rules: there is no area 'x'; there are clients, logs"),
        (
            ["rules", "--level", "may"],
            "ecfleet rules: there is no level 'may'; there are must, should, observed",
        ),
        (["rules", "--subject", "x"], "ecfleet rules: there is no subject 'x'; there are client, "),
        (["up", "none.toml"], "none.toml"),
    ],
)
def test_each_mistake_is_one_line(main: Main, arguments: list[str], told: str) -> None:
    status, out, err = main(*arguments)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("interrupt", "status"),
    [(KeyboardInterrupt(), 130), (Interrupted(signal.SIGINT), 130), (Interrupted(signal.SIGTERM), 143)],
)
def test_ctrl_c_is_one_line(
    main: Main, monkeypatch: pytest.MonkeyPatch, interrupt: KeyboardInterrupt, status: int
) -> None:
    def end(*_: object) -> None:
        raise interrupt

    monkeypatch.setattr(runner, "run", end)
    assert main("check") == (status, "", "ecfleet: interrupted\n")


def test_a_fault_of_its_own_is_one_line_and_a_file(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("a bug\nof two lines")

    monkeypatch.setattr(runner, "run", break_down)
    status, out, err = main("check")
    assert (status, out) == (4, "")
    told = re.fullmatch(
        r"ecfleet: a fault of its own: RuntimeError: a bug of two lines \(details in (.*)\)\n", err
    )
    assert told
    details = Path(told[1])
    assert details.parent == Path(tempfile.gettempdir())
    assert "break_down" in details.read_text(encoding="utf-8")
    details.unlink()


def test_an_error_of_a_test_leaves_its_traceback_in_a_file(main: Main) -> None:
    (suite,) = rules.find_suites()
    (suite.root / "logs" / "test_more.py").write_text(
        'from ecfleet.rules import rule\n@rule("LOG-01")\ndef test_x(): raise OSError("a disk")\n',
        encoding="utf-8",
    )
    status, out, _ = main("check", "--rule", "LOG-01")
    assert status == 4
    assert "ERROR  LOG-01  mocks\n" in out
    told = re.search(r"^ecfleet: details of its own faults are in (.*)$", out, re.MULTILINE)
    assert told
    details = Path(told[1])
    assert "OSError: a disk" in details.read_text(encoding="utf-8")
    details.unlink()


def test_rules_are_listed_filtered_and_explained(main: Main) -> None:
    status, out, err = main("rules")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ")] == [
        "CLI-01",
        "CLI-02",
        "LOG-01",
        "LOG-02",
        "LOG-03",
    ]
    assert out.startswith("Area of CLI (clients)\n  CLI-01  must      client         The rule CLI-01")
    for arguments, count in (
        (["log"], 3),
        (["--area", "clients"], 2),
        (["--subject", "logserver"], 3),
        (["--text", "rule cli-02"], 1),
        (["--level", "must", "LOG-0"], 3),
    ):
        _, out, _ = main("rules", *arguments)
        assert sum(line.startswith("  ") for line in out.splitlines()) == count
    _, out, _ = main("rules", "cli-02")
    assert out.startswith("CLI-02  Area of CLI\n  must, client, severity high, needs https\n")


def test_the_default_is_the_builtin_client_and_all_that_are_found(
    main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other:
        name = "other"
        release = "1.0"
        dialect = clients.BuiltinClient().dialect
        capabilities = frozenset({clients.Capability.TCP})

    load = clients.load_client
    monkeypatch.setattr(clients, "find_clients", lambda: [Other()])
    monkeypatch.setattr(clients, "load_client", lambda name: Other() if name == "other" else load(name))
    status, out, _ = main("check", "--rule", "CLI", "--seed", "7")
    assert status == 1
    assert re.search(r"^area +builtin \S+ +other 1\.0$", out, re.MULTILINE)
    assert re.search(r"^CLI-01 +pass +fail +", out, re.MULTILINE)
    assert re.search(r"^CLI-02 +pass +not-applicable +", out, re.MULTILINE)
    assert re.search(r"^  replay +ecfleet check --client other --seed 7 --case ", out, re.MULTILINE)

    waiver = profiles.Waiver("CLI-01", "seen other", "Its name.", "me", Path("other.toml"), client="other")
    shipped = profiles.Profile("other", "1.0", profiles.Basis.RUN, "a", Path("other.toml"), (waiver,))
    monkeypatch.setattr(profiles, "shipped_profiles", lambda: (shipped,))
    status, out, _ = main("check", "--rule", "CLI")
    assert status == 0
    assert re.search(r"^CLI-01 +pass +known-deviation +", out, re.MULTILINE)
    assert "  reason     Its name. (other.toml)\n" in out
    status, out, _ = main("check", "--rule", "CLI", "--no-profile", "--client", "other")
    assert status == 1
    assert re.search(r"^  replay +ecfleet check --client other --no-profile --seed ", out, re.MULTILINE)


def test_version_and_help_are_told(main: Main) -> None:
    for arguments in (["--version"], ["check", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(*arguments)
        assert ended.value.code == 0


def test_a_terminal_gets_colour_unless_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert cli._colour(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert not cli._colour(Terminal())  # type: ignore[arg-type]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not cli._colour(Terminal())  # type: ignore[arg-type]


def test_a_reader_that_goes_away_is_no_fault() -> None:
    command = [sys.executable, "-m", "ecfleet.cli", "--help"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        ended = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False, timeout=60)
    assert b"Traceback" not in ended.stderr


def test_all_reports_are_written_at_once(main: Main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = tmp_path / "step.md"
    step.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    files = {name: tmp_path / f"report.{name}" for name in ("json", "html", "junit")}
    given = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    assert main("check", "--quiet", *given)[0] == 1
    assert all(path.stat().st_size for path in files.values())
    assert step.read_text(encoding="utf-8").startswith("before\n## ecfleet: 3 hold, 1 fails")
    summary = tmp_path / "summary.md"
    status, out, _ = main(
        "check", "--quiet", "--summary", str(summary), "--compare", str(files["json"]), "--timeline"
    )
    assert status == 1
    assert "\nsince report.json (" in out
    assert "\n  same       5 verdicts\n" in out
    assert summary.read_text(encoding="utf-8").startswith("## ecfleet: 3 hold, 1 fails")
    assert step.read_text(encoding="utf-8").count("## ecfleet") == 1


def test_a_client_at_hand_is_tested_by_the_rule_that_is_explained(main: Main) -> None:
    status, out, err = main("rules", "cli-01", "--client", "builtin")
    assert (status, err) == (0, "")
    assert "At hand" in out
    assert "builtin 5.17.0 (holds)" in out


@pytest.mark.shares_threads
def test_a_check_can_use_several_processes(main: Main) -> None:
    status, out, _ = main("check", "--seed", "7", "--rule", "LOG", "--jobs", "2")
    alone, said, _ = main("check", "--seed", "7", "--rule", "LOG", "-j", "1")
    assert (status, alone) == (1, 1)
    assert re.sub(r"\d+\.\d s", "", out) == re.sub(r"\d+\.\d s", "", said)
    status, _, err = main("check", "-j", "-1")
    assert status == 2
    assert err.startswith("ecfleet check: argument -j/--jobs: must be a whole number from 0 on")
