"""Zombies: what their jobs are answered, what is noted of them, what users can do about them.

Answers and records in the tables were measured on a 5.9.2 server.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ecfleet_mocks.wire import (
    OK,
    AbortCmd,
    BlockClientZombieCmd,
    ChildCommand,
    CompleteCmd,
    CtsWaitCmd,
    ErrorCmd,
    EventCmd,
    FlagType,
    InitCmd,
    LabelCmd,
    MeterCmd,
    NodeState,
    QueueCmd,
    Reply,
    TaskCommand,
    ZombieAction,
    ZombieCmd,
    ZombieType,
)

from .model_servers import SMALL, Server

T = "/s/f/t"
ME: dict[str, Any] = {"path": T, "jobs_password": "_DJP_", "remote_id": "1"}

_WRONG: dict[str, Any] = {"path": T, "jobs_password": "wrong", "remote_id": "1"}
_CALLS: list[tuple[TaskCommand, bool]] = [
    (InitCmd((), **_WRONG), True),
    (EventCmd("started", **_WRONG), False),
    (MeterCmd("step", 1, **_WRONG), False),
    (LabelCmd("info", "x", **_WRONG), False),
    (CtsWaitCmd("1 == 1", **_WRONG), True),
    (QueueCmd("q", "active", **_WRONG), True),
    (AbortCmd("x", **_WRONG), True),
    (CompleteCmd((), **_WRONG), True),
]


@pytest.mark.parametrize(("command", "blocked"), _CALLS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    ("path", "kind"), [(T, ZombieType.ECF_PASSWD), ("/s/f", ZombieType.PATH), ("/x", ZombieType.PATH)]
)
def test_default_answers_to_zombies(command: TaskCommand, blocked: bool, path: str, kind: ZombieType) -> None:
    server = Server(SMALL, begin=True)
    reply = server.do(replace(command, path=path))
    assert reply == (BlockClientZombieCmd(kind) if blocked else OK)
    (zombie,) = server.model.zombies.listing()
    assert (zombie.zombie_type, zombie.path, zombie.calls) == (kind, path, 0)
    assert zombie.attribute.lifetime == (900 if kind is ZombieType.PATH else 3600)
    assert (zombie.host, zombie.jobs_password, zombie.user_action) == ("jobhost", "wrong", ZombieAction.BLOCK)
    task = server.model.task(T)
    assert task.flags == (1 << FlagType.ZOMBIE if path == T else 0)
    assert [event.value for event in task.events] == [False, False], "nothing is done"


def test_calls_of_one_path_share_a_record() -> None:
    server = Server(SMALL, begin=True)
    for remote_id in ("1", "2"):
        server.do(EventCmd("started", path=T, jobs_password="x", remote_id=remote_id))
    (zombie,) = server.model.zombies.listing()
    assert (zombie.remote_id, zombie.calls, zombie.last_child_command) == ("1", 1, ChildCommand.EVENT)


_DONE = "[ authentication failed ] Request set to FAIL via zombie setting"


@pytest.mark.parametrize(
    ("action", "label", "complete", "kept"),
    [
        (ZombieAction.FOB, OK, OK, False),
        (ZombieAction.FAIL, ErrorCmd(_DONE), ErrorCmd(_DONE), True),
        (ZombieAction.BLOCK, OK, BlockClientZombieCmd(ZombieType.ECF_PASSWD), True),
        (ZombieAction.KILL, OK, OK, True),
        (ZombieAction.ADOPT, OK, OK, False),
    ],
)
@pytest.mark.parametrize("by", ["attribute", "user"])
def test_zombie_actions(by: str, action: ZombieAction, label: Reply, complete: Reply, kept: bool) -> None:
    attribute = f"zombie ecf_passwd:{action.name.lower()}::" if by == "attribute" else ""
    server = Server(SMALL.replace("task t", f"task t\n{attribute}"), begin=True)
    job: dict[str, Any] = {"path": T, "jobs_password": server.model.submit(T), "remote_id": "1"}
    server.do(InitCmd((), **job))
    if by == "user":
        server.do(EventCmd("started", **_WRONG))
        assert server.do(ZombieCmd(action, (T,))) == OK
    assert server.do(LabelCmd("info", "zz", **_WRONG)) == label
    adopted = action is ZombieAction.ADOPT
    task = server.model.task(T)
    assert task.labels[0].new_value == ("zz" if adopted else "")
    assert task.jobs_password == ("wrong" if adopted else job["jobs_password"])
    assert server.do(CompleteCmd((), **_WRONG)) == complete
    assert bool(server.model.zombies.listing()) is kept
    assert (task.state is NodeState.COMPLETE) is adopted
    assert bool(task.flags >> FlagType.KILLED & 1) is (action is ZombieAction.KILL)


def test_a_removed_zombie_comes_back() -> None:
    server = Server(SMALL, begin=True)
    server.do(CompleteCmd((), **_WRONG))
    server.do(CompleteCmd((), **_WRONG))
    assert server.do(ZombieCmd(ZombieAction.REMOVE, (T,))) == OK
    assert not server.model.zombies.listing()
    server.do(CompleteCmd((), **_WRONG))
    assert [zombie.calls for zombie in server.model.zombies.listing()] == [0]


def test_user_actions_that_cannot_be() -> None:
    server = Server(SMALL, begin=True)
    server.do(InitCmd((), **ME))
    server.do(EventCmd("started", path=T, jobs_password="wrong", remote_id="9"))
    server.do(EventCmd("started", path="/gone", jobs_password="wrong", remote_id="9"))
    assert server.do(ZombieCmd(ZombieAction.ADOPT, (T,))) == ErrorCmd(
        "ZombieCtrl::adoptCli: Can *not* adopt zombies, where process id are different. Task(1) zombie(9). "
        "Please kill both process, and re-queue"
    )
    assert server.do(ZombieCmd(ZombieAction.ADOPT, ("/gone",))) == ErrorCmd(
        "ZombieCtrl::adoptCli: Can't adopt zombie, there is no corresponding task!"
    )
    for action, verb in ((ZombieAction.BLOCK, "block"), (ZombieAction.KILL, "kill")):
        assert server.do(ZombieCmd(action, ("/gone",))) == ErrorCmd(
            f"ZombieCtrl::{verb}Cli: Can't {verb} zombie, there is no corresponding task for path /gone"
        )
    assert server.do(ZombieCmd(ZombieAction.KILL, ("/s/f/u",))) == ErrorCmd(
        "ZombieCtrl::killCli: Can't kill, could not locate zombie(and hence pid) for path: /s/f/u"
    )
    for action in (ZombieAction.FOB, ZombieAction.FAIL, ZombieAction.REMOVE):
        assert server.do(ZombieCmd(action, ("/nosuch",))) == OK


def test_zombies_grow_old() -> None:
    server = Server(SMALL, begin=True)
    server.do(EventCmd("started", **_WRONG))
    server.now += timedelta(seconds=90)
    assert [zombie.duration for zombie in server.model.zombies.listing()] == [90]


def test_free_clears_the_flag_but_djp_does_not() -> None:
    free = SMALL.replace("task u", "edit ECF_PASS 'FREE'\ntask u")
    for text, password, flags in ((free, "any", 0), (SMALL, "_DJP_", 1 << FlagType.ZOMBIE)):
        server = Server(text, begin=True)
        server.model.task(T).flags = 1 << FlagType.ZOMBIE
        assert server.do(LabelCmd("info", "x", path=T, jobs_password=password)) == OK
        assert server.model.task(T).flags == flags


@pytest.mark.parametrize(
    ("remote_id", "password", "zombie_id", "zombie_password", "gone"),
    [
        ("5", "P", "5", "x", True),
        ("5", "P", "6", "P", False),
        ("5", "P", "6", "x", False),
        ("", "", "6", "", True),
        ("", "P", "6", "x", False),
    ],
)
@pytest.mark.parametrize("end", [CompleteCmd, AbortCmd])
def test_the_record_of_the_own_process_goes_with_the_job(
    end: type[CompleteCmd | AbortCmd],
    remote_id: str,
    password: str,
    zombie_id: str,
    zombie_password: str,
    gone: bool,
) -> None:
    server = Server(SMALL)
    server.do(EventCmd("e", path="/s/f/v", jobs_password=zombie_password, remote_id=zombie_id))
    server.load(SMALL.replace("task t", "task v"), force=True)
    task = server.model.task("/s/f/v")
    task.remote_id, task.jobs_password = remote_id, password
    assert server.do(end(path="/s/f/v", jobs_password="_DJP_")) == OK
    assert (not server.model.zombies.listing()) is gone
