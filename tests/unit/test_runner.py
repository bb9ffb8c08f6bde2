"""A run of suites: verdicts, events, exit status, isolation from the user's pytest, mutants."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ecfleet import mutants, runner
from ecfleet.events import CaseFinished, ColumnStarted, Event, RuleFinished, Run, RunFinished, RunStarted
from ecfleet.mutants import Mutant
from ecfleet.profiles import ProfileError, Staleness
from ecfleet.rules import Catalogue, RulesError, Suite, read_suite
from ecfleet.verdicts import ExitStatus, Verdict

SuiteMaker = Callable[[Mapping[str, str]], Path]

HEAD = """
import pytest
from ecfleet.rules import rule
from ecfleet.verdicts import expect, inconclusive, not_applicable, not_run
"""

ALL_VERDICTS = (
    HEAD
    + """
@rule("LOG-01")
def test_pass():
    expect(1, 1, "a number")

@rule("LOG-02")
@pytest.mark.parametrize("number", [1, 2, 3])
async def test_fail(number):
    expect(number, 1, "a number")

@rule("LOG-03")
def test_inconclusive():
    inconclusive("a log")

@rule("LOG-04")
def test_not_applicable():
    not_applicable("no such thing")

@rule("LOG-05")
def test_not_run():
    not_run("nginx", install="apt install nginx")

@rule("LOG-06")
def test_error(tmp_path):
    raise OSError(f"disk {tmp_path.name}")
"""
)


def suite_of(make_suite: SuiteMaker, rules_toml: str, test: str, **more: str) -> tuple[Suite, ...]:
    files = {"logs/rules.toml": rules_toml, "logs/test_logs.py": test}
    return (read_suite(make_suite(files | {f"logs/{name}.py": text for name, text in more.items()})),)


def check(
    suites: tuple[Suite, ...], listeners: list[Callable[[Event], None]] | None = None, **settings: object
) -> Run:
    given = {"clients": ("builtin",), "seed": 7} | settings
    return runner.run(Catalogue(suites), runner.Settings(**given), listeners or [])  # type: ignore[arg-type]


def verdicts_of(run: Run) -> dict[str, str]:
    return {result.rule: str(result.verdict) for result in run.results}


def test_each_rule_gets_its_verdict(make_suite: SuiteMaker, rules_text: Callable[..., str]) -> None:
    run = check(suite_of(make_suite, rules_text(*(f"LOG-0{n}" for n in range(1, 7))), ALL_VERDICTS))
    assert verdicts_of(run) == {
        "LOG-01": "pass",
        "LOG-02": "fail",
        "LOG-03": "inconclusive",
        "LOG-04": "not-applicable",
        "LOG-05": "not-run",
        "LOG-06": "error",
    }
    assert run.exit_status is ExitStatus.FAULT
    assert run.faults == ()
    failed = next(result for result in run.results if result.rule == "LOG-02")
    assert [case.verdict for case in failed.cases] == [Verdict.PASS, Verdict.FAIL, Verdict.FAIL]
    assert [(case.what, case.expected, case.seen) for case in failed.cases][1:] == [
        ("a number", "1", "2"),
        ("a number", "1", "3"),
    ]
    name = run.catalogue.suites[0].name
    assert failed.cases[2].id == f"{name}/logs/test_logs.py::test_fail[3]"
    (broken,) = next(result for result in run.results if result.rule == "LOG-06").cases
    assert "OSError: disk" in broken.details
    assert {result.column for result in run.results} == {"mocks"}
    assert [column.label for column in run.columns] == ["mocks"]


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        (["LOG-01"], ExitStatus.OK),
        (["LOG-01", "LOG-02", "LOG-03"], ExitStatus.FAILED),
        (["LOG-01", "LOG-03"], ExitStatus.UNDECIDED),
        (["LOG-04"], ExitStatus.OK),
        (["LOG-05"], ExitStatus.UNDECIDED),
        (["LOG-02", "LOG-06"], ExitStatus.FAULT),
    ],
)
def test_the_exit_status_follows_from_the_verdicts(
    make_suite: SuiteMaker, rules_text: Callable[..., str], rules: list[str], status: ExitStatus
) -> None:
    suites = suite_of(make_suite, rules_text(*(f"LOG-0{n}" for n in range(1, 7))), ALL_VERDICTS)
    run = check(suites, rules=tuple(rules))
    assert sorted(verdicts_of(run)) == rules
    assert run.exit_status is status


def test_what_is_not_installed_is_no_trouble_unless_asked_for(
    make_suite: SuiteMaker, rules_text: Callable[..., str]
) -> None:
    test = HEAD + '@rule("LOG-01")\ndef test_it():\n    not_run("nginx", install="apt install nginx")\n'
    suites = suite_of(make_suite, rules_text("LOG-01"), test)
    assert check(suites).exit_status is ExitStatus.OK
    assert check(suites, rules=("LOG",)).exit_status is ExitStatus.UNDECIDED


def test_listeners_are_told_as_it_goes_on(make_suite: SuiteMaker, rules_text: Callable[..., str]) -> None:
    test = HEAD + (
        '@rule("LOG-01")\ndef test_a(): pass\n'
        '@rule("LOG-02")\ndef test_b(): pass\n'
        '@rule("LOG-01")\ndef test_c(): expect(1, 2, "x")\n'
    )
    told: list[Event] = []
    run = check(suite_of(make_suite, rules_text("LOG-01", "LOG-02"), test), [told.append], seed=3)
    match told:
        case [
            RunStarted(3),
            ColumnStarted(_, 2, 3),
            CaseFinished(_, "LOG-01"),
            CaseFinished(_, "LOG-02"),
            RuleFinished(_, b),
            CaseFinished(_, "LOG-01", case),
            RuleFinished(_, a),
            RunFinished(finished),
        ]:
            assert (a.rule, a.verdict, b.rule, b.verdict) == ("LOG-01", "fail", "LOG-02", "pass")
            assert case.verdict is Verdict.FAIL
            assert finished is run
        case _:
            pytest.fail(f"other events: {told}")


def test_trouble_after_a_verdict_is_an_error(make_suite: SuiteMaker, rules_text: Callable[..., str]) -> None:
    test = HEAD + (
        "@pytest.fixture\ndef fragile():\n    yield\n    raise OSError('left over')\n"
        '@rule("LOG-01")\ndef test_a(fragile): pass\n'
        "@pytest.fixture\ndef broken():\n    assert 0\n"
        '@rule("LOG-02")\ndef test_b(broken): pass\n'
    )
    told: list[Event] = []
    run = check(suite_of(make_suite, rules_text("LOG-01", "LOG-02"), test), [told.append])
    assert verdicts_of(run) == {"LOG-01": "error", "LOG-02": "error"}
    assert [len(result.cases) for result in run.results] == [1, 1]
    assert [event.case.verdict for event in told if isinstance(event, CaseFinished)] == ["error", "error"]


@pytest.mark.parametrize(
    ("ids", "test", "told"),
    [
        (["LOG-01", "LOG-02"], '@rule("LOG-01")\ndef test_a(): pass\n', "rule LOG-02: no test in"),
        (["LOG-01"], "def test_a(): pass\n", "decides one rule: mark it @rule"),
        (["LOG-01"], '@rule("LOG-09")\ndef test_a(): pass\n', "has no rule 'LOG-09'"),
        (["LOG-01"], '@rule("LOG-01")\n@rule("LOG-01")\ndef test_a(): pass\n', "decides one rule"),
        (["LOG-01"], '@rule("LOG-01")\ndef test_a(ecf_client): pass\n', "must not use ecf_client"),
        (["LOG-01"], "import no_such_module_at_all\n", "no_such_module_at_all"),
        (["LOG-01"], '@rule("LOG-01")\n@pytest.mark.odd\ndef test_a(): pass\n', "'odd' not found"),
    ],
)
def test_a_suite_that_is_wrong_is_a_fault(
    make_suite: SuiteMaker, rules_text: Callable[..., str], ids: list[str], test: str, told: str
) -> None:
    run = check(suite_of(make_suite, rules_text(*ids), HEAD + test))
    assert run.exit_status is ExitStatus.FAULT
    assert told in "\n".join(run.faults)


def test_the_users_pytest_does_not_meddle(
    make_suite: SuiteMaker,
    rules_text: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    test = HEAD + (
        "from hypothesis import given, strategies as st\n"
        '@rule("LOG-01")\n@given(text=st.text())\ndef test_a(text): print("noise")\n'
    )
    suites = suite_of(make_suite, rules_text("LOG-01"), test)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text("raise OSError('read')\n", encoding="utf-8")
    (suites[0].root / "conftest.py").write_text("raise OSError('read')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    before = dict(os.environ)
    assert verdicts_of(check(suites)) == {"LOG-01": "pass"}
    assert dict(os.environ) == before
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conftest.py", "pytest.ini", suites[0].name]


PROPERTY = (
    HEAD
    + """
from hypothesis import given, settings, strategies as st
tried = []

@rule("LOG-01")
@given(numbers=st.lists(st.integers()))
def test_first(numbers): pass

@rule("LOG-02")
@given(number=st.integers(0, 10**9))
@settings(phases=settings.default.phases[:3])
def test_property(number, ecf_seed):
    tried.append(number)

@rule("LOG-03")
def test_tried(ecf_seed):
    seen = (ecf_seed, *tried)
    tried.clear()
    expect(seen, (), "what was tried")
"""
)


def test_a_seed_repeats_a_run_and_each_property_of_it(
    make_suite: SuiteMaker, rules_text: Callable[..., str]
) -> None:
    suites = suite_of(make_suite, rules_text("LOG-01", "LOG-02", "LOG-03"), PROPERTY)

    def tried(seed: int, *rules: str) -> str:
        run = check(suites, seed=seed, rules=rules)
        return next(result.cases[0].seen for result in run.results if result.rule == "LOG-03")

    first = tried(11)
    assert first.startswith("(11, ")
    assert len(first.split(",")) == 1 + 25
    assert tried(11, "LOG-02", "LOG-03") == first
    assert tried(12) != first.replace("11", "12", 1)


def test_a_case_is_run_alone_and_named_in_the_replay(
    make_suite: SuiteMaker, rules_text: Callable[..., str]
) -> None:
    suites = suite_of(make_suite, rules_text(*(f"LOG-0{n}" for n in range(1, 7))), ALL_VERDICTS)
    case = f"{suites[0].name}/logs/test_logs.py::test_fail[2]"
    run = check(suites, case=case, profiles=False)
    assert [[case.id for case in result.cases] for result in run.results] == [[case]]
    assert run.exit_status is ExitStatus.FAILED
    assert run.replays["mocks", case] == f"ecfleet check --no-profile --seed 7 --case '{case}'"


@pytest.mark.parametrize(
    "wrong", ["", "nowhere/", "::", "test_logs.py::test_none", "test_logs.py::test_fail[9]"]
)
def test_an_unknown_case_is_the_users_mistake(
    make_suite: SuiteMaker, rules_text: Callable[..., str], wrong: str
) -> None:
    suites = suite_of(make_suite, rules_text(*(f"LOG-0{n}" for n in range(1, 7))), ALL_VERDICTS)
    with pytest.raises(RulesError, match="there is no case"):
        check(suites, case=f"{suites[0].name}/logs/{wrong}")


INTERRUPTING = """
import os
import signal

@pytest.fixture
def place(tmp_path):
    os.environ["ECFLEET_SEEN"] = "up"
    yield
    os.environ["ECFLEET_SEEN"] = "down"

@rule("LOG-01")
def test_a(place):
    {}

@rule("LOG-02")
def test_b():
    os.environ["ECFLEET_SEEN"] = "up again"
"""

SWALLOWED = """
    try:
        os.kill(os.getpid(), signal.{})
        signal.pause()
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.parametrize(
    ("body", "number", "after"),
    [
        ("raise KeyboardInterrupt", None, "down"),
        (SWALLOWED.format("SIGINT"), signal.SIGINT, "up again"),
        (SWALLOWED.format("SIGTERM"), signal.SIGTERM, "up again"),
    ],
)
def test_an_interrupt_ends_the_run(
    make_suite: SuiteMaker,
    rules_text: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    number: int | None,
    after: str,
) -> None:
    monkeypatch.setenv("ECFLEET_SEEN", "")
    suites = suite_of(make_suite, rules_text("LOG-01", "LOG-02"), HEAD + INTERRUPTING.format(body))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt) as caught:
        check(suites)
    assert getattr(caught.value, "signal", None) == number
    assert os.environ["ECFLEET_SEEN"] == after
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


WAIVER = """
[[waiver]]
rule = "{rule}"
observed = "{observed}"
reason = "The released program does so."
owner = "somebody"
expiry = 2999-01-01
"""


def test_a_waiver_explains_a_deviation_and_fails_the_run_when_untrue(
    make_suite: SuiteMaker, rules_text: Callable[..., str], tmp_path: Path
) -> None:
    suites = suite_of(make_suite, rules_text(*(f"LOG-0{n}" for n in range(1, 7))), ALL_VERDICTS)
    path = tmp_path / "waivers.toml"

    def with_waivers(*entries: str) -> Run:
        path.write_text("".join(entries), encoding="utf-8")
        return check(suites, rules=("LOG-01", "LOG-02"), waivers=(path,))

    two, three = (WAIVER.format(rule="LOG-02", observed=f"expected 1, seen {n}") for n in (2, 3))
    run = with_waivers(two, three)
    assert verdicts_of(run)["LOG-02"] == "known-deviation"
    assert (run.exit_status, run.stale) == (ExitStatus.OK, ())
    case = run.results[1].cases[1]
    assert (case.waiver, case.waiver_source) == ("The released program does so.", "waivers.toml")

    assert verdicts_of(with_waivers(two))["LOG-02"] == "fail"

    for entries, stale in (
        ([two, three, three], Staleness.DUPLICATE),
        ([two, three, WAIVER.format(rule="LOG-01", observed="x")], Staleness.UNUSED),
        ([WAIVER.format(rule="LOG-02", observed="seen 9")], Staleness.CHANGED),
        ([two, three.replace("2999", "1999")], Staleness.EXPIRED),
    ):
        run = with_waivers(*entries)
        assert [entry.staleness for entry in run.stale] == [stale]
        assert run.exit_status is ExitStatus.FAILED

    with pytest.raises(ProfileError, match="there is no such rule"):
        with_waivers(WAIVER.format(rule="LOG-77", observed="x"))


MUTANTS = """
from ecfleet.mutants import Mutant
from ecfleet_mocks.log_server import LogServer

class Deaf(LogServer):
    async def start(self):
        raise AssertionError("deaf")

class Blind(LogServer):
    pass

MUTANTS = [
    Mutant(id="LOG-01.is-deaf", rule="LOG-01", sentence="It is deaf.", classes={"LogServer": Deaf}),
    Mutant(id="LOG-01.is-well", rule="LOG-01", sentence="It is well.", classes={"LogServer": Blind}),
]
"""

MUTABLE = (
    HEAD
    + """
@rule("LOG-01")
def test_listens(ecf_fleet, tmp_path):
    fleet = ecf_fleet()
    server = fleet.log_server(paths=[tmp_path])
    with fleet:
        expect(server.running, True, "whether it listens")

@rule("LOG-01")
def test_second():
    raise OSError("the first failure is enough")

@rule("LOG-02")
def test_other():
    pass
"""
)


def test_a_mutant_is_killed_by_its_rule_or_survives(
    make_suite: SuiteMaker, rules_text: Callable[..., str]
) -> None:
    passing = MUTABLE.replace('raise OSError("the first failure is enough")', "pass")
    suites = suite_of(make_suite, rules_text("LOG-01", "LOG-02"), MUTABLE, mutants=MUTANTS)
    known = mutants.load_mutants(suites[0].areas)
    assert mutants.kill(known["LOG-01.is-deaf"], suites=suites) == {"LOG-01": Verdict.FAIL}
    assert mutants.kill(known["LOG-01.is-deaf"], "all", suites=suites) == {
        "LOG-01": Verdict.FAIL,
        "LOG-02": Verdict.PASS,
    }
    (suites[0].root / "logs" / "test_others.py").write_text(passing, encoding="utf-8")
    (suites[0].root / "logs" / "test_logs.py").unlink()
    assert mutants.kill(known["LOG-01.is-well"], suites=suites) == {"LOG-01": Verdict.PASS}
    assert mutants.kill(known["LOG-01.is-deaf"], ["LOG-02"], suites=suites) == {"LOG-02": Verdict.PASS}
    with pytest.raises(RulesError, match=r"there is no mutant 'LOG-02\.x'; there are: LOG-01\.is-deaf"):
        check(suites, mutant="LOG-02.x")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"id": "LOG-01"}, "the id must be 'LOG-01.'"),
        ({"id": "LOG-02.x"}, "the id must be 'LOG-01.'"),
        ({"classes": {}}, "it changes nothing"),
        ({"trips": frozenset({"LOG-02"})}, "'trips' and 'reason' go together"),
        ({"reason": "so"}, "'trips' and 'reason' go together"),
        ({"trips": frozenset({"LOG-01"}), "reason": "so"}, "'trips' names its own rule"),
    ],
)
def test_a_mutant_that_does_not_fit_together_is_told(given: dict[str, object], told: str) -> None:
    good: dict[str, object] = {
        "id": "LOG-01.x",
        "rule": "LOG-01",
        "sentence": "s",
        "classes": {"LogServer": object},
    }
    Mutant(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^mutant") as caught:
        Mutant(**(good | given))  # type: ignore[arg-type]
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("MUTANTS = 3", "MUTANTS must be a list of Mutant"),
        ("", "MUTANTS must be a list of Mutant"),
        ("1/0", "cannot be imported: ZeroDivisionError"),
        (MUTANTS.replace("LOG-01", "LOG-07"), "area 'logs' has no rule LOG-07"),
        (MUTANTS.replace("is-well", "is-deaf"), "is there twice"),
    ],
)
def test_a_file_of_mutants_that_is_wrong_is_told(
    make_suite: SuiteMaker, rules_text: Callable[..., str], text: str, told: str
) -> None:
    suites = suite_of(make_suite, rules_text("LOG-01"), HEAD, mutants=text)
    with pytest.raises(RulesError) as caught:
        mutants.load_mutants(suites[0].areas)
    assert str(caught.value).startswith(str(suites[0].root / "logs" / "mutants.py"))
    assert told in str(caught.value)


KEPT = (
    HEAD
    + """
@rule("LOG-01")
def test_fails(ecf_sandbox):
    ecf_sandbox.put_file("seen.txt", b"evidence")
    expect(1, 2, "x")

@rule("LOG-02")
def test_holds(ecf_sandbox):
    ecf_sandbox.put_file("seen.txt", b"evidence")
"""
)


def test_the_files_of_a_failure_are_kept(
    make_suite: SuiteMaker, rules_text: Callable[..., str], tmp_path: Path
) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()
    run = check(suite_of(make_suite, rules_text("LOG-01", "LOG-02"), KEPT), keep=keep)
    assert verdicts_of(run) == {"LOG-01": "fail", "LOG-02": "pass"}
    assert [path.name for path in keep.iterdir()] == ["LOG-01_test_fails"]
    assert (keep / "LOG-01_test_fails" / "cwd" / "seen.txt").read_bytes() == b"evidence"
