"""The kill matrix: what the tests of a rule touch, rows, problems, and the command."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ecfleet import clients, kill_matrix, touching
from ecfleet.kill_matrix import Row
from ecfleet.mutants import Mutant, load_mutants
from ecfleet.rules import Catalogue, RulesError, read_suite
from ecfleet.services import LogServer
from ecfleet.verdicts import Verdict

SuiteMaker = Callable[[Mapping[str, str]], Path]

TESTS = """
from ecfleet import Action, Call, expect, rule

@rule("LOG-01")
def test_listens(ecf_fleet, tmp_path):
    fleet = ecf_fleet()
    server = fleet.log_server(paths=[tmp_path])
    with fleet:
        expect(server.running, True, "whether it listens")

@rule("LOG-02")
def test_address(ecf_fleet, tmp_path):
    fleet = ecf_fleet()
    server = fleet.log_server(paths=[tmp_path])
    with fleet:
        expect(server.address.host, "127.0.0.1", "host")

@rule("LOG-03")
def test_nothing():
    pass
"""
CLIENT_TESTS = """
from hypothesis import given, strategies as st
from ecfleet import expect, rule
from ecfleet.clients import Action, Call

@rule("CLI-01")
def test_pings(ecf_client, ecf_server, ecf_sandbox):
    expect(ecf_client.run(Call(Action.PING, *ecf_server.address), ecf_sandbox).exit_code, 0, "exit code")

@rule("CLI-02")
@given(number=st.integers(1, 15))
def test_rarely_fails(ecf_client, number):
    told = ecf_client.behaviour.retries_http()
    expect(told == number, False, "a rare case")
"""
MUTANTS = """
from ecfleet import Mutant
from ecfleet.services import LogServer

class Deaf(LogServer):
    @property
    def running(self):
        return False

class Elsewhere(LogServer):
    @property
    def address(self):
        return super().address._replace(host="elsewhere")

class Well(LogServer):
    def of_its_own(self):
        return 1

MUTANTS = [
    Mutant(id="LOG-01.is-deaf", rule="LOG-01", sentence="It is deaf.", classes={"LogServer": Deaf}),
    Mutant(id="LOG-02.is-elsewhere", rule="LOG-02", sentence="It is elsewhere.",
           classes={"LogServer": Elsewhere}, trips=frozenset({"LOG-03"}), reason="so it was thought"),
    Mutant(id="LOG-03.is-well", rule="LOG-03", sentence="Nothing is wrong.", classes={"LogServer": Well}),
]
"""
CLIENT_MUTANTS = """
from ecfleet import Mutant

MUTANTS = [
    Mutant(id="CLI-01.fails", rule="CLI-01", sentence="It fails.", behaviour={"exit_code": lambda ok: 1}),
    Mutant(id="CLI-02.says-nine", rule="CLI-02", sentence="It says 9.",
           behaviour={"retries_http": lambda: 9}),
]
"""


@pytest.fixture
def catalogue(make_suite: SuiteMaker, rules_text: Callable[..., str]) -> Catalogue:
    """Two areas with mutants, some of which are not what they are declared to be."""
    root = make_suite(
        {
            "logs/rules.toml": rules_text("LOG-01", "LOG-02", "LOG-03"),
            "logs/test_logs.py": TESTS,
            "logs/mutants.py": MUTANTS,
            "cli/rules.toml": rules_text("CLI-01", "CLI-02", subject="client"),
            "cli/test_cli.py": CLIENT_TESTS,
            "cli/mutants.py": CLIENT_MUTANTS,
        }
    )
    return Catalogue((read_suite(root),))


@pytest.mark.shares_threads
def test_the_matrix_tells_what_is_not_as_declared(catalogue: Catalogue) -> None:
    out = io.StringIO()
    assert not kill_matrix.run(catalogue, [], jobs=2, examples=2, out=out)
    lines = out.getvalue().splitlines()
    assert {line for line in lines if line.startswith("PROBLEM")} == {
        "PROBLEM LOG-02.is-elsewhere says that it trips LOG-03 and does not",
        "PROBLEM LOG-03.is-well survives: LOG-03 is 'pass'",
    }
    start = next(number for number, line in enumerate(lines) if "CLI" in line and "LOG" in line)
    assert lines[start : start + 8] == [
        f"{id:<19}  {cli:<3}  {log}".rstrip()
        for id, cli, log in (
            ("", "CLI", "LOG"),
            ("", "00", "000"),
            ("", "12", "123"),
            ("CLI-01.fails", "X", ""),
            ("CLI-02.says-nine", " X", ""),
            ("LOG-01.is-deaf", "", "X"),
            ("LOG-02.is-elsewhere", "", " X."),
            ("LOG-03.is-well", "", "  ."),
        )
    ]
    assert "LOG-02.is-elsewhere trips LOG-03: so it was thought" in lines
    assert lines[-1].startswith("4 of 5 mutants killed by their own rules, 5 rules, 2 problems, ")


@pytest.mark.shares_threads
def test_some_mutants_can_be_asked_for(catalogue: Catalogue) -> None:
    out = io.StringIO()
    assert kill_matrix.run(catalogue, ["CLI-02.says-nine"], jobs=1, examples=2, out=out)
    assert "1 of 1 mutants killed" in out.getvalue()
    with pytest.raises(RulesError, match=r"there is no mutant 'CLI-09\.x'"):
        kill_matrix.run(catalogue, ["CLI-09.x"], jobs=1, examples=2, out=out)


def test_what_fails_without_a_mutant_kills_nothing(
    make_suite: SuiteMaker, rules_text: Callable[..., str]
) -> None:
    broken = TESTS.replace("pass", "assert False")
    files = {"logs/rules.toml": rules_text("LOG-01", "LOG-02", "LOG-03"), "logs/test_logs.py": broken}
    _, wrong = kill_matrix.without_mutant(Catalogue((read_suite(make_suite(files)),)))
    assert wrong == ["without mutant: LOG-03 is 'fail'"]


@pytest.mark.shares_threads
def test_the_reach_of_a_mutant_is_what_the_tests_touch(catalogue: Catalogue) -> None:
    touched, wrong = kill_matrix.without_mutant(catalogue)
    assert wrong == []
    assert "frame" in touched.parts["CLI-01"]
    assert {"LogServer", "LogServer.running"} <= touched.parts["LOG-01"]
    assert "EcflowServer" in touched.parts["CLI-01"]
    assert not touched.parts["LOG-03"]
    mutants = load_mutants(catalogue.areas.values())
    assert touched.reach(mutants["LOG-01.is-deaf"]) == ["LOG-01"]
    assert touched.reach(mutants["LOG-03.is-well"]) == []
    assert touched.reach(mutants["CLI-01.fails"]) == ["CLI-01"]
    assert touched.reach(mutants["CLI-02.says-nine"]) == ["CLI-02"]
    assert touching.observer() is None


class Constructed(LogServer):
    """Differs in what Python calls by itself."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]


def of_class(kind: type) -> Mutant:
    return Mutant(id="LOG-01.x", rule="LOG-01", sentence="s", classes={"LogServer": kind})


def test_a_mutant_that_nothing_can_tell_of_counts_as_a_whole() -> None:
    assert touching.changed_parts(of_class(Constructed)) == {"LogServer"}
    assert "LogServer" in touching.changed_parts(of_class(int))
    behaviour = Mutant(id="LOG-01.x", rule="LOG-01", sentence="s", behaviour={"frame": print})
    assert touching.changed_parts(behaviour) == {"frame"}


def test_the_observed_client_does_what_the_client_does() -> None:
    with touching.recorded() as touched:
        observed = touching.observer()
        assert observed is not None
        touching.begin("CLI-01")
        assert observed.behaviour["retries_http"]() == clients.Behaviour().retries_http()
    assert touched.parts == {"CLI-01": {"retries_http"}}


def test_a_row_names_each_problem() -> None:
    mutant = Mutant(
        id="LOG-01.x",
        rule="LOG-01",
        sentence="s",
        behaviour={"frame": print},
        trips=frozenset({"LOG-02", "LOG-03"}),
        reason="r",
    )
    row = Row(
        mutant,
        {
            "LOG-01": Verdict.PASS,
            "LOG-02": Verdict.FAIL,
            "LOG-03": Verdict.INCONCLUSIVE,
            "LOG-04": Verdict.FAIL,
            "LOG-05": Verdict.ERROR,
            "LOG-06": Verdict.NOT_RUN,
        },
    )
    assert row.problems == [
        "LOG-01.x survives: LOG-01 is 'pass'",
        "LOG-01.x trips LOG-04 and does not say so",
        "LOG-01.x says that it trips LOG-03 and does not",
        "LOG-01.x makes the tests of LOG-05 end in an error",
    ]
    assert "".join(row.sign(f"LOG-0{number}") for number in range(1, 8)) == ".x?!E- "
    assert kill_matrix.declared(mutant).problems == []
    assert "LOG-01 is 'not tested'" in Row(mutant, {}).problems[0]


def test_rules_without_a_mutant_are_seen_without_a_run(catalogue: Catalogue) -> None:
    mutants = load_mutants(catalogue.areas.values())
    assert kill_matrix.problems_of_catalogue(catalogue, mutants.values()) == []
    del mutants["LOG-01.is-deaf"]
    odd = Mutant(
        id="CLI-01.y",
        rule="CLI-01",
        sentence="s",
        behaviour={"frame": print},
        trips=frozenset({"NO-01"}),
        reason="r",
    )
    assert kill_matrix.problems_of_catalogue(catalogue, [*mutants.values(), odd]) == [
        "LOG-01 has no mutant",
        "CLI-01.y says that it trips NO-01: there is no such rule",
    ]


def test_a_wrong_command_line_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert kill_matrix.main(["CERT-01.no-such"]) == 2
    assert "there is no mutant 'CERT-01.no-such'" in capsys.readouterr().err
