"""Recorded requests replayed against the model, and its replies compared with the recorded ones.

The recordings are one long session each, in which much depends on commands that the model does not carry out
yet and on jobs that really ran.  So the lines are taken in scenes: each names its lines, why they are
taken, what brings the model to their starting point, and which lines between are left out and why.  The
same line numbers hold for both releases.

Volatile and therefore masked: times and durations, the process id, the count of calendar updates, a
calendar memento that a real server adds when its clock went on, and the process resources of 5.17.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ecfleet_mocks.model.dialect import DIALECTS, Dialect
from ecfleet_mocks.model.server import ServerModel
from ecfleet_mocks.wire import (
    BeginCmd,
    CompleteCmd,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    InitCmd,
    LoadDefsCmd,
    Reply,
    ServerState,
    SStatsCmd,
    SSyncCmd,
    SuiteCalendarMemento,
    SyncApi,
    TaskCommand,
    Variable,
    ZombieAction,
    ZombieCmd,
    decode_reply,
    decode_request,
)

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
_AT = datetime(2026, 11, 20, 16, 47, 37)
"""When the suites of the recordings began; the next slots of their time attributes follow from it."""

_USER: dict[str, Any] = {"user": "USERNAME", "host": "HOSTNAME"}


@cache
def _lines(release: str) -> list[dict[str, Any]]:
    with (CAPTURES / f"{release}.tcp.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _request(release: str, line: int) -> Any:
    return decode_request(_lines(release)[line - 1]["request"].encode())


def _jobs_password(release: str, line: int) -> str:
    command = _request(release, line)
    assert isinstance(command, TaskCommand)
    return command.jobs_password


# --- starting points --------------------------------------------------------------------------------------


def _fresh(model: ServerModel, release: str) -> None:
    """A server right after its start."""


def _loaded(model: ServerModel, release: str) -> None:
    """The suites s1, s2 and s3, from the recorded load, in a running server."""
    model.handle(CtsCmd(CtsApi.RESTART, **_USER))
    load = _request(release, 44)
    assert isinstance(load, LoadDefsCmd)
    model.handle(load)


def _registered(model: ServerModel, release: str) -> None:
    """The handles 1, 2 and 3, from the recorded requests."""
    _loaded(model, release)
    for line in range(62, 71):
        model.handle(_request(release, line))


def _begun(model: ServerModel, release: str) -> None:
    """The suites begun."""
    _loaded(model, release)
    model.handle(BeginCmd(**_USER))


def _submitted(model: ServerModel, release: str) -> None:
    """t5 and t1 submitted as the left-out ``--run`` did: recorded passwords, the flag of a user's command."""
    _begun(model, release)
    for path in ("/s1/f/t5", "/s1/f/t1"):
        model.submit(path)
        model.task(path).flags = 1 << 8


def _t1_active(model: ServerModel, release: str) -> None:
    """t1 active with its recorded password and id, everything else that ran complete."""
    _submitted(model, release)
    model.handle(_request(release, 118))
    model.handle(CompleteCmd((), path="/s1/f/t5", jobs_password="_DJP_"))


def _t6_free(model: ServerModel, release: str) -> None:
    """t6 with a variable ECF_PASS of value FREE, as an alteration left out gave it."""
    _begun(model, release)
    model.handle(InitCmd((), path="/s1/f/t6", jobs_password="_DJP_"))
    model.handle(CompleteCmd((), path="/s1/f/t6", jobs_password="_DJP_"))
    task = model.task("/s1/f/t6")
    task.variables = (*task.variables, Variable("ECF_PASS", "FREE"))


def _zombies(model: ServerModel, release: str) -> None:
    """t1 complete; t6 active with the recorded password and the id 1234."""
    _t1_active(model, release)
    model.handle(_request(release, 194))
    task = model.task("/s1/f/t6")
    task.jobs_password = _jobs_password(release, 220)
    task.try_number = 1
    model.handle(
        InitCmd((), path="/s1/f/t6", jobs_password=task.jobs_password, remote_id="1234", host="HOSTNAME")
    )


def _t6_complete(model: ServerModel, release: str) -> None:
    """t6 complete after its zombie was adopted, no zombie left but that of t1."""
    _zombies(model, release)
    model.handle(_request(release, 211))
    model.handle(CompleteCmd((), path="/s1/f/t6", jobs_password="_DJP_"))


def _halted(model: ServerModel, release: str) -> None:
    """t6 submitted in a halted server."""
    _begun(model, release)
    model.submit("/s1/f/t6")
    model.task("/s1/f/t6").jobs_password = _jobs_password(release, 252)
    model.handle(CtsCmd(CtsApi.HALT, **_USER))


@dataclass(frozen=True)
class Scene:
    """Lines that replay from one starting point.

    :param lines: first and last line, both replayed.
    :param why: why these.
    :param start: brings a new model to the starting point.
    :param left_out: lines between that are not replayed, with the reason.
    :param numbers_at: change numbers are set, before the key, to those in the sync request of the value: the
        lines before took numbers that only the real server's jobs and the left-out commands explain.
    """

    lines: tuple[int, int]
    why: str
    start: Callable[[ServerModel, str], None]
    left_out: dict[int, str] = field(default_factory=dict)
    numbers_at: dict[int, int] = field(default_factory=dict)


_CHECKS = "job scripts are not read"
_FILES = "white list and password files are not read"
_QUERY = "--query is not carried out yet"

SCENES = {
    "a server and its suites": Scene(
        (1, 56),
        "start, server states, statistics, syncs of an empty server, loading; all numbers equal",
        _fresh,
        {11: _CHECKS, 33: "no job is submitted", 36: _FILES, 37: _FILES, 38: _FILES},
    ),
    "client handles": Scene(
        (62, 70),
        "registering, adding and removing suites, listing",
        _loaded,
    ),
    "handles that are wrong": Scene(
        (74, 79),
        "news, sync and drop with handles that do not exist, registering in place of another",
        _registered,
    ),
    "handles dropped": Scene(
        (87, 91),
        "dropping one handle, another user's, all of one's own",
        _registered,
    ),
    "begin": Scene(
        (99, 112),
        "suspend, begin and begin again, forced or not, all suites, the state that follows and the syncs",
        _loaded,
        {},
        {107: 110},
    ),
    "a task's life": Scene(
        (118, 160),
        "init, event, meter, label and queue, each with the sync that tells it",
        _submitted,
        {142: _QUERY},
        {118: 119},
    ),
    "a task completes": Scene(
        (194, 196),
        "complete, the sync that tells it, complete once more",
        _t1_active,
        {},
        {194: 195},
    ),
    "a task that checks nothing": Scene(
        (209, 210),
        "ECF_PASS=FREE: any password and any process id",
        _t6_free,
    ),
    "zombies": Scene(
        (211, 235),
        "every user action on zombies of every kind, and what their jobs are answered",
        _zombies,
    ),
    "zombies of a complete task": Scene(
        (236, 247),
        "calls for a complete task, calls for a path without a task, user actions on both",
        _t6_complete,
    ),
    "zombie attributes": Scene(
        (250, 251),
        "a zombie attribute that fails a path zombie, ECF_NAME that is a family",
        _t6_complete,
    ),
    "halted and shut down": Scene(
        (252, 257),
        "child commands blocked by a halted server, user commands served, child commands served again",
        _halted,
    ),
}

_MASKED = re.compile(
    r"\d\d:\d\d:\d\d"
    r"|\d{4}-\w{3}-\d\d"
    r"|ECF_PID \\?'\d+\\?'"
    r"|cal_count:\d+"
    r"|MSG:\[[^]]*\]"
    r"|duration=\d+"
    r"| (?:dur|rt):X"
    r"|(?:  )(?:pid|[a-z]+_memory\w*|page_size|n_\w+) +\d+(?: \(\w+\))?"
)


def _shown(reply: Reply) -> str:
    """A reply as text with everything volatile masked."""
    if isinstance(reply, SStatsCmd):
        reply = SStatsCmd(replace(reply.stats, resources=None))
    if isinstance(reply, SSyncCmd):
        mementos = tuple(
            compound
            for compound in reply.changes.mementos
            if not all(isinstance(memento, SuiteCalendarMemento) for memento in compound.mementos)
        )
        reply = replace(reply, changes=replace(reply.changes, mementos=mementos))
    text = _MASKED.sub("X", repr(reply))
    return re.sub(r" (?:dur|rt):-?X", "", text).replace("\\n", "\n")


def _model(dialect: Dialect, release: str) -> ServerModel:
    passwords = iter([_jobs_password(release, 121), _jobs_password(release, 118), "another1", "another2"])
    return ServerModel(
        dialect,
        host_name="HOSTNAME",
        port=5111,
        now=lambda: _AT,
        new_password=lambda: next(passwords),
        user="USERNAME",
        state=ServerState.HALTED,
        home="/HOME/srv",
        faithful=True,
    )


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_recorded_requests_get_the_recorded_replies(dialect: Dialect, name: str) -> None:
    scene = SCENES[name]
    release = dialect.version
    model = _model(dialect, release)
    scene.start(model, release)
    compared = 0
    for number in range(scene.lines[0], scene.lines[1] + 1):
        if number in scene.left_out:
            continue
        if number in scene.numbers_at:
            told = _request(release, scene.numbers_at[number])
            assert isinstance(told, CSyncCmd)
            model.tree.state_change = told.state_change
            model.tree.modify_change = told.modify_change
        line = _lines(release)[number - 1]
        for exchange in line.get("exchanges") or [line]:
            if not exchange["request"]:
                continue
            reply = model.handle(decode_request(exchange["request"].encode()))
            recorded = decode_reply(exchange["reply"].encode())
            assert _shown(reply) == _shown(recorded), f"line {number}: {' '.join(line['argv'][2:])}"
            compared += 1
    assert compared


def test_the_scenes_cover_both_releases_alike() -> None:
    """The line numbers mean the same commands in both recordings, up to numbers and passwords."""
    for scene in SCENES.values():
        for number in range(scene.lines[0], scene.lines[1] + 1):
            old, new = (_lines(dialect.version)[number - 1]["argv"][2:] for dialect in DIALECTS.values())
            assert re.sub(r"\d+", "N", " ".join(old)) == re.sub(r"\d+", "N", " ".join(new)), number


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_a_sync_that_kills_the_real_server_is_recorded_without_reply(dialect: Dialect) -> None:
    """The last line of the recordings; the model's own answer to it is tested elsewhere."""
    last = _lines(dialect.version)[-1]
    command = decode_request(last["request"].encode())
    assert isinstance(command, CSyncCmd)
    assert command.api == SyncApi.SYNC_FULL
    assert not last["reply"]


def test_zombie_actions_are_all_replayed() -> None:
    """The scene of zombies leaves no user action out."""
    first, last = SCENES["zombies"].lines
    seen = set()
    for number in range(first, last + 1):
        line = _lines("5.9.2")[number - 1]
        if line["request"] and isinstance(command := decode_request(line["request"].encode()), ZombieCmd):
            seen.add(command.action)
    assert seen == set(ZombieAction)
