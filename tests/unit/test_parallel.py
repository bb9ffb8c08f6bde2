"""Work spread over processes: results, messages, lost parts, and checks in parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ecfleet import parallel, runner
from ecfleet.events import CaseFinished, ColumnStarted, Event, RuleFinished, Run
from ecfleet.parallel import WorkLost, spread
from ecfleet.rules import Catalogue, read_suite
from ecfleet.verdicts import Verdict

from . import parallel_work

SuiteMaker = Callable[[Mapping[str, str]], Path]

pytestmark = pytest.mark.shares_threads


def test_every_part_is_done_in_another_process() -> None:
    told: list[int] = []
    done = dict(spread(parallel_work.double, range(5), 2, told.append))
    results = [result for result in done.values() if not isinstance(result, WorkLost)]
    assert {part: value for part, (value, _) in zip(done, results, strict=True)} == {
        0: 0,
        1: 2,
        2: 4,
        3: 6,
        4: 8,
    }
    assert os.getpid() not in {process for _, process in results}
    assert sorted(told) == [0, 1, 2, 3, 4]


def test_nothing_to_do_starts_no_process() -> None:
    parts: list[int] = []
    assert list(spread(parallel_work.double, parts, 4, print)) == []


def test_a_lost_part_does_not_stop_the_others() -> None:
    done = dict(spread(parallel_work.fails, range(6), 2, print))
    lost = {part: str(result) for part, result in done.items() if isinstance(result, WorkLost)}
    assert {part: result for part, result in done.items() if part not in lost} == {0: 0, 4: 4, 5: 5}
    assert lost.keys() == {1, 2, 3}
    assert lost[1].splitlines()[-1] == "LookupError: no one"
    assert lost[2] == "a worker process ended by itself (exit status 7)"
    assert "pickle" in lost[3]


def test_who_stops_listening_ends_the_processes() -> None:
    class EnoughError(Exception):
        pass

    processes: list[int] = []

    def told(process: int) -> None:
        processes.append(process)
        if len(processes) == 2:
            raise EnoughError

    with pytest.raises(EnoughError):
        list(spread(parallel_work.waits, range(2), 2, told))
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_there_is_room_for_one_process_at_least() -> None:
    assert parallel.default_jobs() >= 1


TESTS = """
import pytest
from ecfleet import expect, not_run, rule

@rule("{0}-01")
@pytest.mark.parametrize("number", range(4))
def test_some(number):
    expect(number < 3, True, "a number")

@rule("{0}-02")
def test_listens(ecf_fleet, tmp_path):
    fleet = ecf_fleet()
    fleet.host("machine1")
    server = fleet.log_server(host="machine1", port=9316, paths=[tmp_path])
    with fleet:
        expect(server.running, True, "whether it listens")

@rule("{0}-03")
def test_needs():
    not_run("nginx", install="apt install nginx")
"""
CLIENT_TEST = """
from ecfleet import expect, rule

@rule("CLI-01")
def test_name(ecf_client):
    expect(ecf_client.name, "builtin", "name")
"""


@pytest.fixture
def catalogue(make_suite: SuiteMaker, rules_text: Callable[..., str]) -> Catalogue:
    """Three areas, one of them about clients."""
    files = {"cli/rules.toml": rules_text("CLI-01", subject="client"), "cli/test_cli.py": CLIENT_TEST}
    for prefix in ("LOG", "WIRE"):
        name = prefix.lower()
        files[f"{name}/rules.toml"] = rules_text(*(f"{prefix}-0{number}" for number in (1, 2, 3)))
        files[f"{name}/test_{name}.py"] = TESTS.format(prefix)
    return Catalogue((read_suite(make_suite(files)),))


def check(catalogue: Catalogue, jobs: int, told: list[Event], **settings: object) -> Run:
    def listen(event: Event) -> None:
        told.append(event)

    given = {"clients": ("builtin",), "seed": 7, "jobs": jobs} | settings
    return runner.run(catalogue, runner.Settings(**given), [listen])  # type: ignore[arg-type]


def found(run: Run) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    return sorted(
        (result.column, result.rule, [(case.id, str(case.verdict), case.message) for case in result.cases])
        for result in run.results
    )


def test_a_check_in_parts_finds_the_same(catalogue: Catalogue) -> None:
    alone: list[Event] = []
    together: list[Event] = []
    one, two = check(catalogue, 1, alone), check(catalogue, 2, together)
    assert found(two) == found(one)
    assert [result.rule for result in two.results] == ["CLI-01"] + [
        f"{prefix}-0{number}" for prefix in ("LOG", "WIRE") for number in (1, 2, 3)
    ]
    assert (two.exit_status, two.faults) == (one.exit_status, ())
    assert two.replays == one.replays
    for kind in (ColumnStarted, CaseFinished, RuleFinished):
        assert sum(isinstance(event, kind) for event in together) == sum(
            isinstance(event, kind) for event in alone
        )
    assert [event for event in together if isinstance(event, ColumnStarted)] == [
        event for event in alone if isinstance(event, ColumnStarted)
    ]


def test_a_part_of_the_rules_can_be_asked_for(catalogue: Catalogue) -> None:
    run = check(catalogue, 2, [], rules=("LOG-02", "WIRE-02"))
    assert [(result.rule, result.verdict) for result in run.results] == [
        ("LOG-02", Verdict.PASS),
        ("WIRE-02", Verdict.PASS),
    ]


def test_what_is_wrong_with_a_suite_is_told_once(catalogue: Catalogue) -> None:
    (catalogue.areas["log"].path / "test_more.py").write_text("import no_such_module", encoding="utf-8")
    run = check(catalogue, 2, [])
    faults = [fault for fault in run.faults if "no_such_module" in fault]
    assert len(faults) == len(run.faults)
    assert len({fault.partition(":")[0] for fault in faults}) == 1
    assert run.exit_status == 4
