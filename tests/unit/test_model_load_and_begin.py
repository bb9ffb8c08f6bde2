"""Loading and beginning suites: states, texts, and how many change numbers each step takes.

Every number and text in the tables was measured on a 5.9.2 server.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from ecfleet_mocks.model.dialect import DIALECT_5_17
from ecfleet_mocks.model.user_commands import SuiteExists
from ecfleet_mocks.wire import (
    OK,
    BeginCmd,
    DeleteCmd,
    ErrorCmd,
    FlagType,
    InitCmd,
    LoadDefsCmd,
    NodeState,
    PathsApi,
    PathsCmd,
    ZombieType,
)

from .model_servers import SMALL, Server

ONE = "suite s\nendsuite\n"
TWO = "suite s\nendsuite\nsuite u\nendsuite\n"


def _with_history() -> Server:
    """A server whose edit history has an entry, so that the message flag takes no further number."""
    server = Server()
    server.do(PathsCmd(PathsApi.EDIT_HISTORY, ("clear",)))
    server.load("suite first\nendsuite\n")
    server.do(DeleteCmd(("/first",)))
    return server


@pytest.mark.parametrize(
    ("text", "state", "modify"),
    [
        (ONE, 1, 4),
        (TWO, 1, 7),
        ("suite a\nendsuite\nsuite b\nendsuite\nsuite c\nendsuite\n", 1, 10),
        ("edit X 'y'\nsuite s\nendsuite\n", 3, 4),
        ("suite s\nedit A 'b'\nendsuite\n", 2, 4),
        ("suite s\ntask t\nedit A 'b'\nlabel l \"x\"\nendsuite\n", 4, 4),
        ("suite s\nfamily f\ntask t\nendfamily\nendsuite\n", 3, 4),
        ("suite s\ntask t\nalias a\nendalias\nendsuite\n", 3, 4),
        ("suite s\ndefstatus suspended\nendsuite\n", 1, 4),
        ("suite s\nclock real\nendsuite\n", 2, 4),
        ("suite s\nclock hybrid 1.1.2024\nendsuite\n", 3, 4),
        ("suite s\nclock real 1.1.2024 +300\nendsuite\n", 4, 4),
        ("suite s\ntask t\ntrigger 1 == 1\ntrigger -a 1 == 2\nendsuite\n", 4, 4),
        ("suite s\ntask t\nevent 3 g set\nendsuite\n", 3, 4),
        ("defs_state NET\nsuite s\ntask t\nevent 3 g set\nendsuite\n", 4, 4),
        ("defs_state NET\nsuite s\ntask t\nevent 1 # set\nendsuite\n", 4, 4),
        ("defs_state NET\nsuite s\ntask t\ntrigger 1 == 1 # free\nendsuite\n", 4, 4),
        ("defs_state NET\nsuite s\ntask t\nrepeat integer A 1 3 # 2\nendsuite\n", 4, 4),
        ("defs_state NET\nsuite s\ntask t\nlate -s +00:15 # late\nendsuite\n", 4, 4),
        ("defs_state NET\nsuite s # state:active\nendsuite\n", 3, 4),
        ("defs_state NET\nsuite s # flag:message,late\nendsuite\n", 3, 4),
        ("defs_state NET\nsuite s # suspended:1\nendsuite\n", 2, 4),
        ("defs_state NET\nsuite s\ntask t # passwd:a rid:b try:1\nendsuite\n", 2, 4),
        ("defs_state NET flag:message\nsuite s\nendsuite\n", 2, 4),
        ("defs_state NET state>:active\nsuite s\nendsuite\n", 2, 4),
        ("", 0, 0),
        ("suite s\nbogus\n", 1, 2),
        ("suite s\ntask t\nautoarchive 0\n", 2, 2),
    ],
)
def test_numbers_a_load_takes(text: str, state: int, modify: int) -> None:
    assert _with_history().taken(LoadDefsCmd(text)) == (state, modify)


def test_the_first_recorded_command_also_sets_the_message_flag() -> None:
    server = Server()
    assert server.taken(LoadDefsCmd(ONE)) == (2, 4)
    assert server.model.tree.flags == 1 << FlagType.MESSAGE


@pytest.mark.parametrize(
    ("text", "force", "numbers"),
    [(TWO, False, (1, 4)), (TWO, True, (1, 9)), (ONE, True, (1, 5))],
)
def test_numbers_a_load_over_loaded_suites_takes(text: str, force: bool, numbers: tuple[int, int]) -> None:
    server = Server()
    server.load(TWO)
    assert server.taken(LoadDefsCmd(text, "", force)) == numbers


def test_a_suite_that_exists_ends_the_load_there() -> None:
    server = Server(ONE)
    reply = server.load("suite v\nendsuite\nsuite s\nendsuite\nsuite w\nendsuite\n")
    assert reply == ErrorCmd("Add Suite failed: A Suite of name 's' already exist")
    assert list(server.model.tree.suites) == ["s", "v"]
    newer = Server(ONE, dialect=DIALECT_5_17)
    assert newer.load(ONE) == ErrorCmd("Add Suite failed: A Suite of name 's' already exists")
    with pytest.raises(SuiteExists):
        server.model.load(ONE)


def test_a_forced_load_replaces_and_puts_last() -> None:
    server = Server(TWO)
    assert server.load("suite s\ntask new\nendsuite\n", force=True) == OK
    assert list(server.model.tree.suites) == ["u", "s"]
    assert server.model.task("/s/new").state is NodeState.UNKNOWN


def test_a_text_that_is_no_definition() -> None:
    server = Server()
    assert server.load("suite s\n family\n") == ErrorCmd(
        "LoadDefsCmd::doHandleRequest : Could not parse file file.def : Family name missing.\n"
        "Could not parse ' family' around line number 2\n"
        f"{server.model.dialect.version_banner}\n"
    )
    assert not server.model.tree.suites


def test_user_variables_are_taken_over() -> None:
    server = Server("edit X '1'\nedit Y '1'\n" + ONE)
    server.load("edit X '2'\nsuite v\nendsuite\n")
    assert {each.name: each.value for each in server.model.tree.user_variables} == {"X": "2", "Y": "1"}


BEGUN = [
    ("", 7),
    ("edit A 'b'", 7),
    ("limit l 3", 8),
    ("inlimit /s:l", 7),
    ('label l "x"', 8),
    ("repeat integer A 1 3", 8),
    ("repeat day 1", 7),
    ("defstatus suspended", 8),
    ("defstatus complete", 8),
    ("zombie ecf:fob::100", 7),
    ("late -s +00:15", 7),
    ("time 10:00", 8),
    ("today 10:00", 8),
    ("cron 10:00", 8),
    ("date 1.1.2099", 8),
    ("day monday", 8),
    ("trigger 1 == 1", 7),
    ("verify complete:1", 8),
    ("event x set", 8),
    ("meter m 0 10 5", 8),
    ("queue q a b", 8),
    ("generic g a b", 7),
]


@pytest.mark.parametrize(("attribute", "numbers"), BEGUN)
def test_numbers_a_begin_takes(attribute: str, numbers: int) -> None:
    server = _with_history()
    server.load(f"suite s\ntask t\n{attribute}\nendsuite\n")
    assert server.taken(BeginCmd("s")) == (numbers, 1)


@pytest.mark.parametrize(
    ("inside", "numbers"),
    [
        ("", 4),
        ("family f\nendfamily\n", 6),
        ("task t\ntask u\n", 10),
        ("family f\ntask t\nendfamily\n", 9),
        ("family f\nrepeat integer A 1 3\ntask t\nendfamily\n", 10),
        ("family f\ndefstatus complete\ntask t\nendfamily\n", 11),
        ("family f\ndefstatus suspended\ntask t\nendfamily\n", 10),
        ("defstatus complete\ntask t\n", 8),
    ],
)
def test_numbers_a_begin_of_a_tree_takes(inside: str, numbers: int) -> None:
    server = _with_history()
    server.load(f"suite s\n{inside}endsuite\n")
    assert server.taken(BeginCmd("s")) == (numbers, 1)
    assert server.taken(BeginCmd("s")) == (0, 0)


@pytest.mark.parametrize(
    ("inside", "states"),
    [
        ("task t\n", "s:queued t:queued"),
        ("defstatus complete\ntask t\n", "s:complete t:complete"),
        ("family f\ndefstatus complete\ntask t\nendfamily\n", "s:complete f:complete t:complete"),
        (
            "family f\ndefstatus suspended\ntask t\ndefstatus complete\nendfamily\n",
            "s:queued f:queued t:complete",
        ),
        ("family f\ntask t\ndefstatus complete\nendfamily\n", "s:complete f:complete t:complete"),
        ("family f\ndefstatus aborted\ntask t\nendfamily\n", "s:aborted f:aborted t:queued"),
        ("family f\ndefstatus unknown\ntask t\nendfamily\n", "s:unknown f:unknown t:queued"),
        ("task t\ndefstatus aborted\ntask u\n", "s:aborted t:aborted u:queued"),
    ],
)
def test_default_status_at_begin(inside: str, states: str) -> None:
    server = Server(f"suite s\n{inside}endsuite\n", begin=True)
    seen = " ".join(f"{node.name}:{node.state.name.lower()}" for node in server.model.tree.nodes())
    assert seen == states


@pytest.mark.parametrize(
    ("attributes", "state"),
    [
        ("", "queued"),
        ("day monday", "queued"),
        ("day sunday", "complete"),
        ("day sunday\nday monday", "queued"),
        ("date *.*.*", "complete"),
        ("date 1.1.2024", "queued"),
        ("date 1.*.*", "complete"),
        ("date 2.1.2024\nday monday", "complete"),
        ("date 1.1.2024\nday monday", "queued"),
        ("cron 10:00", "complete"),
        ("time 10:00", "queued"),
        ("time 10:00\nday sunday", "complete"),
    ],
)
def test_what_never_runs_under_a_hybrid_clock_is_complete(attributes: str, state: str) -> None:
    """The first of January 2024, a Monday, for ever."""
    text = f"suite s\nclock hybrid 1.1.2024\ntask t\n{attributes}\ntask u\nendsuite\n"
    server = Server(text, begin=True)
    assert server.model.task("/s/t").state.name.lower() == state


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("time 00:05", "isValid:false"),
        ("time 23:58", ""),
        ("time 19:17", ""),
        ("time +00:05", ""),
        ("time 00:10 23:50 00:10", "nextTimeSlot/19:20"),
        ("time 00:10 10:00 00:10", "isValid:false nextTimeSlot/19:20"),
        ("time 23:00 23:50 00:10", ""),
        ("today 00:05", "isValid:false"),
        ("cron -w 0,1 10:00 20:00 01:00", "nextTimeSlot/20:00"),
    ],
)
def test_times_at_begin(line: str, state: str) -> None:
    server = Server(
        f"suite s\ntask t\n{line}\nendsuite\n", now=datetime(2026, 11, 20, 19, 17, 47), begin=True
    )
    task = server.model.task("/s/t")
    states = [each.state() for each in (*task.times, *task.todays)] + [cron.state() for cron in task.crons]
    assert states == [state]


@pytest.mark.parametrize(
    ("clock", "suite_time", "friday"),
    [
        ("", "2026-Nov-20 12:00:00", "2026-Nov-20"),
        ("clock real 300", "2026-Nov-20 12:05:00", "2026-Nov-20"),
        ("clock real -300", "2026-Nov-20 11:55:00", "2026-Nov-20"),
        ("clock real 12.1.2024", "2024-Jan-12 00:00:00", "2024-Jan-12"),
        ("clock real 12.1.2024 -3600", "2024-Jan-11 23:00:00", "2024-Jan-12"),
        ("clock hybrid 12.1.2024 +3600", "2024-Jan-12 01:00:00", "2024-Jan-12"),
        ("clock hybrid +60", "2026-Nov-20 12:01:00", "2026-Nov-20"),
    ],
)
def test_the_calendar_at_begin(clock: str, suite_time: str, friday: str) -> None:
    server = Server(f"suite s\n{clock}\ntask t\nday friday\nendsuite\n", begin=True)
    calendar = server.model.tree.suites["s"].calendar
    assert calendar is not None
    assert calendar.suite_time == calendar.init_time == suite_time
    assert calendar.init_local_time == "2026-Nov-20 12:00:00"
    assert server.model.task("/s/t").days[0].date == friday


def test_begin_puts_everything_back() -> None:
    text = (
        "defs_state NET\nsuite s # state:complete\nlimit lim 3 # 1 /s/t\n"
        "task t # passwd:x rid:1 abort<:why>abort try:3 state:complete flag:late,message suspended:1\n"
        "late -s +00:10 # late\ntrigger 1 == 1 # free\nrepeat integer A 1 3 # 2\n"
        "inlimit -n lim # incremented:1\n"
        'label l "a" # "b"\nmeter m 0 10 10 # 4\nevent e # set\nqueue q a b # 1 complete queued\nendsuite\n'
    )
    server = Server(text)
    assert server.do(BeginCmd("s")) == OK
    task = server.model.task("/s/t")
    assert (task.jobs_password, task.remote_id, task.aborted_reason, task.try_number) == ("", "", "", 0)
    assert (task.state, task.flags) == (NodeState.QUEUED, 0)
    assert task.suspended, "begin resumes nobody"
    assert task.late is not None
    assert not task.late.is_late
    assert task.trigger is not None
    assert not task.trigger.free
    assert task.repeat is not None
    assert task.repeat.state() == ""
    assert (task.labels[0].state(), task.meters[0].state(), task.events[0].state()) == ("", "", "")
    assert not task.inlimits[0].incremented
    assert task.queues[0].state() == "0 queued queued"
    assert server.model.tree.suites["s"].limits[0].state() == ""


def test_begin_of_what_is_not_there() -> None:
    assert Server(ONE).do(BeginCmd("nosuch")) == ErrorCmd(
        "BeginCmd::doHandleRequest:  Begin failed as suite 'nosuch' is not loaded."
    )


def test_begin_of_all_begins_nothing_when_one_suite_runs() -> None:
    server = Server("suite s\ntask t\nendsuite\nsuite v\ntask t\nendsuite\n")
    server.do(InitCmd((), path="/v/t", jobs_password="_DJP_"))
    reply = server.do(BeginCmd())
    assert reply == ErrorCmd(
        "Begin failed as suite v(computed state=active) can only begin if its in UNKNOWN or COMPLETE state\n"
        "Found 1 tasks with state 'active' or 'submitted'\n   /v/t\n"
        "Use the force argument to bypass this check, at the risk of creating zombies"
    )
    assert not server.model.tree.suites["s"].begun
    assert server.do(BeginCmd("s")) == OK


def test_a_forced_begin_makes_zombies_of_running_jobs() -> None:
    server = Server(SMALL, begin=True)
    password = server.model.submit("/s/f/t")
    assert server.do(BeginCmd("s", True)) == OK
    task = server.model.task("/s/f/t")
    assert task.state is NodeState.QUEUED
    assert task.flags == 1 << FlagType.ZOMBIE
    (zombie,) = server.model.zombies.listing()
    assert (zombie.zombie_type, zombie.jobs_password, zombie.try_number) == (ZombieType.USER, password, 1)
    assert zombie.user_command == "begin"
