"""Child commands: what they change, and which are taken for the task's own.

Answers, counts and states in the tables were measured on a 5.9.2 server.
"""

from __future__ import annotations

from typing import Any

import pytest

from ecfleet_mocks.model.definition import Node, NodeKind
from ecfleet_mocks.model.task_context import Standing, standing
from ecfleet_mocks.wire import (
    OK,
    AbortCmd,
    BeginCmd,
    ChildCommand,
    CompleteCmd,
    CtsApi,
    CtsCmd,
    ErrorCmd,
    EventCmd,
    FlagType,
    InitCmd,
    LabelCmd,
    MeterCmd,
    NodeState,
    QueueCmd,
    Reply,
    SStringCmd,
    StcApi,
    StcCmd,
    TaskCommand,
    Variable,
)

from .model_servers import SMALL, Server

T = "/s/f/t"
ME: dict[str, Any] = {"path": T, "jobs_password": "_DJP_", "remote_id": "1"}


def _node(state: NodeState, password: str = "", remote_id: str = "", *, free: bool = False) -> Node:
    node = Node(NodeKind.TASK, "t")
    node.state, node.jobs_password, node.remote_id = state, password, remote_id
    if free:
        node.variables = (Variable("ECF_PASS", "FREE"),)
    return node


OWN, DONE = Standing.OWN, Standing.REPEATED
ECF, PID = Standing.ZOMBIE_ECF, Standing.ZOMBIE_PID
PASSWORD, BOTH = Standing.ZOMBIE_PASSWORD, Standing.ZOMBIE_PID_AND_PASSWORD
INIT, EVENT, ABORT, COMPLETE = (
    ChildCommand.INIT,
    ChildCommand.EVENT,
    ChildCommand.ABORT,
    ChildCommand.COMPLETE,
)


@pytest.mark.parametrize(
    ("task", "child", "password", "remote_id", "expected"),
    [
        (_node(NodeState.SUBMITTED, "P"), INIT, "P", "5", OWN),
        (_node(NodeState.SUBMITTED, "P"), INIT, "x", "5", PASSWORD),
        (_node(NodeState.QUEUED), INIT, "", "5", OWN),
        (_node(NodeState.QUEUED), INIT, "x", "5", PASSWORD),
        (_node(NodeState.UNKNOWN), EVENT, "_DJP_", "5", OWN),
        (_node(NodeState.ACTIVE, "P", "5"), INIT, "P", "5", DONE),
        (_node(NodeState.ACTIVE, "", ""), INIT, "", "6", DONE),
        (_node(NodeState.ACTIVE, "P", "5"), EVENT, "P", "5", OWN),
        (_node(NodeState.ACTIVE, "P", "5"), EVENT, "P", "6", PID),
        (_node(NodeState.ACTIVE, "P", "5"), EVENT, "x", "5", PASSWORD),
        (_node(NodeState.ACTIVE, "P", "5"), EVENT, "x", "6", BOTH),
        (_node(NodeState.ACTIVE, "P", "5"), EVENT, "_DJP_", "6", OWN),
        (_node(NodeState.ACTIVE, "P", "5", free=True), EVENT, "x", "6", OWN),
        (_node(NodeState.COMPLETE, "", ""), COMPLETE, "x", "6", DONE),
        (_node(NodeState.COMPLETE, "", ""), EVENT, "", "6", ECF),
        (_node(NodeState.COMPLETE, "", ""), INIT, "x", "6", ECF),
        (_node(NodeState.COMPLETE, "", ""), INIT, "_DJP_", "6", OWN),
        (_node(NodeState.ABORTED, "P", "5"), ABORT, "P", "5", DONE),
        (_node(NodeState.ABORTED, "P", "5"), ABORT, "P", "6", ECF),
        (_node(NodeState.ABORTED, "P", "5"), ABORT, "x", "5", ECF),
        (_node(NodeState.ABORTED, "P", "5"), COMPLETE, "P", "5", ECF),
        (_node(NodeState.ABORTED, "P", "5"), EVENT, "x", "6", ECF),
    ],
)
def test_standing(task: Node, child: ChildCommand, password: str, remote_id: str, expected: Standing) -> None:
    assert standing(task, child, password, remote_id) is expected


# --- what each command changes ------------------------------------------------------------------------------


def test_a_job_from_submission_to_the_end() -> None:
    server = Server(SMALL, begin=True, passwords=["secret01"])
    tree = server.model.tree
    assert server.model.submit(T) == "secret01"
    task = server.model.task(T)
    assert (task.state, task.try_number, task.jobs_password) == (NodeState.SUBMITTED, 1, "secret01")
    assert tree.suites["s"].limits[0].state() == "1 /s/f/t"
    job: dict[str, Any] = {"path": T, "jobs_password": "secret01", "remote_id": "42"}
    assert server.do(InitCmd((Variable("A", "1"), Variable("B", "2")), **job)) == OK
    assert (task.state, task.remote_id) == (NodeState.ACTIVE, "42")
    assert task.variables == (Variable("A", "1"), Variable("B", "2"))
    assert [tree.state, tree.suites["s"].state] == [NodeState.ACTIVE] * 2
    assert server.do(CompleteCmd(("A", "nosuch"), **job)) == OK
    assert (task.state, task.jobs_password, task.remote_id, task.try_number) == (
        NodeState.COMPLETE,
        "",
        "",
        1,
    )
    assert [variable.name for variable in task.variables] == ["B"]
    assert tree.suites["s"].limits[0].state() == ""
    assert tree.state is NodeState.QUEUED, "the other task still waits"
    assert server.do(CompleteCmd((), **job)) == OK, "once more is no fault"


def test_abort_keeps_password_and_reason() -> None:
    server = Server(SMALL, begin=True)
    password = server.model.submit(T)
    job: dict[str, Any] = {"path": T, "jobs_password": password, "remote_id": "42"}
    server.do(InitCmd((), **job))
    assert server.do(AbortCmd("it broke", **job)) == OK
    task = server.model.task(T)
    assert (task.state, task.aborted_reason, task.jobs_password) == (NodeState.ABORTED, "it broke", password)
    assert task.flags == 1 << FlagType.TASK_ABORTED
    assert server.model.tree.state is NodeState.ABORTED
    server.do(AbortCmd("again", **job))
    assert task.aborted_reason == "it broke"
    server.do(InitCmd((), **ME))
    assert (task.flags, task.aborted_reason) == (0, "it broke")
    server.do(AbortCmd(**ME))
    assert task.aborted_reason == "Trap raised in job file"


@pytest.mark.parametrize(
    ("command", "numbers"),
    [
        (InitCmd((), **ME), 5),
        (CompleteCmd((), **ME), 2),
        (AbortCmd("x", **ME), 6),
        (EventCmd("started", **ME), 1),
        (EventCmd("7", **ME), 1),
        (EventCmd("nosuch", **ME), 0),
        (MeterCmd("step", 5, **ME), 1),
        (MeterCmd("step", 11, **ME), 0),
        (MeterCmd("step", -1, **ME), 0),
        (MeterCmd("nosuch", 1, **ME), 0),
        (LabelCmd("info", "none", **ME), 1),
        (LabelCmd("nosuch", "x", **ME), 0),
        (QueueCmd("q", "active", **ME), 1),
        (QueueCmd("q", "no_of_aborted", **ME), 0),
        (InitCmd((Variable("A", "1"), Variable("B", "2")), **ME), 7),
        (EventCmd("started", path=T, jobs_password="bad"), 1),
        (InitCmd((), path="/nosuch", jobs_password="bad"), 0),
    ],
)
def test_numbers_a_child_command_takes(command: TaskCommand, numbers: int) -> None:
    server = Server(SMALL, begin=True)
    assert server.taken(command) == (numbers, 0)


def test_events_by_name_and_number() -> None:
    server = Server(SMALL, begin=True)
    for command in (EventCmd("7", **ME), EventCmd("started", **ME), EventCmd("seven", False, **ME)):
        assert server.do(command) == OK
    assert [event.value for event in server.model.task(T).events] == [True, False]


def test_labels_and_meters() -> None:
    server = Server(SMALL, begin=True)
    server.do(LabelCmd("info", "two\nlines", **ME))
    server.do(MeterCmd("step", 7, **ME))
    task = server.model.task(T)
    assert (task.labels[0].value, task.labels[0].new_value) == ("none", "two\nlines")
    assert task.labels[0].state() == '"two\\nlines"'
    assert task.meters[0].value == 7


def test_a_queue_hands_out_its_steps() -> None:
    server = Server(SMALL, begin=True)

    def queue(action: str, step: str = "", path: str = "", name: str = "q") -> Reply:
        return server.do(QueueCmd(name, action, step, path, **ME))

    assert [queue("active") for _ in range(2)] == [SStringCmd("a"), SStringCmd("b")]
    assert queue("no_of_aborted") == OK
    assert queue("aborted", "a") == OK
    assert queue("complete", "b") == OK
    assert queue("no_of_aborted") == SStringCmd("1")
    assert queue("reset") == OK
    assert [queue("active") for _ in range(4)] == [
        SStringCmd("a"),
        SStringCmd("b"),
        SStringCmd("c"),
        SStringCmd("<NULL>"),
    ]
    assert queue("complete", "zz") == ErrorCmd("QueueAttr::complete: Could not find zz in queue q")
    assert queue("active", name="x") == ErrorCmd("QueueCmd:: Could not find queue x Up the node hierarchy")
    assert queue("active", path="/s") == ErrorCmd(
        "QueueCmd:: Could not find queue of name q, on input node /s"
    )
    assert queue("active", path="/x") == ErrorCmd("QueueCmd:: Could not find node at path /x")
    assert queue("active", path=T) == SStringCmd("<NULL>")


def test_a_queue_is_looked_for_upwards() -> None:
    server = Server("suite s\nqueue q a\ntask t\nendsuite\n", begin=True)
    reply = server.do(QueueCmd("q", "active", path="/s/t", jobs_password="_DJP_"))
    assert reply == SStringCmd("a")


REPEATS = [
    ("repeat integer A 1 2", "2", "3"),
    ("repeat integer A 3 1 -2", "1", "-1"),
    ("repeat enumerated A a b", "1", "2"),
    ("repeat string A a b", "1", "2"),
    ("repeat date A 20240131 20240201", "20240201", "20240202"),
    ("repeat datelist A 20240101 20240102", "1", "2"),
    ("repeat datetime A 20240101T000000 20240101T120000 12:00:00", "20240101T120000", "20240102T000000"),
]


@pytest.mark.parametrize("level", ["family", "task"])
@pytest.mark.parametrize(("repeat", "second", "past"), REPEATS)
def test_a_repeat_runs_its_node_again(repeat: str, second: str, past: str, level: str) -> None:
    inside = f"{repeat}\ntask t\n" if level == "family" else f"task t\n{repeat}\n"
    server = Server(f"suite s\nfamily f\n{inside}endfamily\nendsuite\n", begin=True)
    family, task = server.model.tree.find("/s/f"), server.model.task(T)
    assert family is not None
    holder = family if level == "family" else task
    job: dict[str, Any] = {"path": T, "jobs_password": "_DJP_"}
    for state, position in ((NodeState.QUEUED, second), (NodeState.COMPLETE, past)):
        server.do(InitCmd((), **job))
        server.do(CompleteCmd((), **job))
        assert holder.repeat is not None
        assert holder.repeat.position == position
        assert [node.state for node in (task, family, family.suite)] == [state] * 3


@pytest.mark.parametrize(
    ("repeat", "level", "numbers"),
    [
        ("repeat integer A 1 2", "family", 11),
        ("repeat integer A 1 2", "task", 9),
        ("repeat day 1", "family", 10),
        ("repeat day 1", "task", 8),
    ],
)
def test_numbers_a_repeat_takes(repeat: str, level: str, numbers: int) -> None:
    inside = f"{repeat}\ntask t\n" if level == "family" else f"task t\n{repeat}\n"
    server = Server(f"suite s\nfamily f\n{inside}endfamily\nendsuite\n", begin=True)
    server.do(InitCmd((), **ME))
    assert server.taken(CompleteCmd((), **ME)) == (numbers, 0)


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("time 00:10", "complete"),
        ("time 23:58", "complete"),
        ("time 00:10 23:50 00:10", "queued"),
        ("today 00:10 23:50 00:10", "queued"),
        ("time +00:05", "complete"),
        ("cron 00:10", "queued"),
        ("date 1.1.2099", "queued"),
        ("date 1.1.2020", "complete"),
        ("day monday", "complete"),
    ],
)
def test_times_still_to_come_run_a_task_again(line: str, state: str) -> None:
    server = Server(f"suite s\nfamily f\ntask t\n{line}\nendfamily\nendsuite\n", begin=True)
    server.do(InitCmd((), **ME))
    server.do(CompleteCmd((), **ME))
    assert server.model.task(T).state.name.lower() == state
    assert [day.expired for day in server.model.task(T).days] == ([True] if "day" in line[:4] else [])


# --- limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "task", "submitted", "active", "complete"),
    [
        ("inlimit -n lim 2", "", "2 /s/f|", "2 /s/f|", "|"),
        ("inlimit lim 2", "inlimit -n x", "2 /s/f/t|1 /s/f/t", "2 /s/f/t|1 /s/f/t", "|"),
        ("inlimit -s lim 2", "inlimit /s:x", "2 /s/f/t|1 /s/f/t", "|1 /s/f/t", "|"),
        ("", "inlimit -s x", "|1 /s/f/t", "|", "|"),
    ],
)
def test_limits(family: str, task: str, submitted: str, active: str, complete: str) -> None:
    server = Server(
        f"suite s\nlimit lim 9\nlimit x 9\nfamily f\n{family}\ntask t\n{task}\nendfamily\nendsuite\n",
        begin=True,
    )

    def taken() -> str:
        return "|".join(limit.state() for limit in server.model.tree.suites["s"].limits)

    job: dict[str, Any] = {"path": T, "jobs_password": server.model.submit(T), "remote_id": "1"}
    assert taken() == submitted
    server.do(InitCmd((), **job))
    assert taken() == active
    server.do(CompleteCmd((), **job))
    assert taken() == complete


def test_a_node_only_limit_stays_while_anything_below_runs() -> None:
    server = Server(
        "suite s\nlimit lim 9\nfamily f\ninlimit -n lim 2\ntask t\ntask u\nendfamily\nendsuite\n", begin=True
    )
    limit = server.model.tree.suites["s"]
    jobs: dict[str, dict[str, Any]] = {
        path: {"path": path, "jobs_password": server.model.submit(path)} for path in ("/s/f/t", "/s/f/u")
    }
    server.do(CompleteCmd((), **jobs["/s/f/t"]))
    assert limit.limits[0].state() == "2 /s/f"
    server.do(AbortCmd("x", **jobs["/s/f/u"]))
    assert limit.limits[0].state() == ""


def test_a_job_that_was_never_submitted_takes_no_limit() -> None:
    server = Server(SMALL, begin=True)
    server.do(InitCmd((), **ME))
    assert server.model.tree.suites["s"].limits[0].state() == ""


# --- halted -----------------------------------------------------------------------------------------------


def test_a_halted_server_blocks_before_it_looks() -> None:
    server = Server(SMALL, begin=True)
    server.do(CtsCmd(CtsApi.HALT))
    for command in (InitCmd((), **ME), CompleteCmd((), path="/nosuch"), EventCmd("e", path=T)):
        assert server.do(command) == StcCmd(StcApi.BLOCK_CLIENT_SERVER_HALTED)
    assert not server.model.zombies.listing()
    server.do(CtsCmd(CtsApi.SHUTDOWN))
    assert server.do(InitCmd((), **ME)) == OK


def test_submitting_what_is_no_task() -> None:
    server = Server(SMALL)
    for path in ("/s/f", "/nosuch"):
        with pytest.raises(KeyError, match="no task at path"):
            server.model.submit(path)


def test_running_again_keeps_the_message_flag_but_begin_does_not() -> None:
    server = Server("suite s\ntask t\nrepeat integer A 1 9\nendsuite\n", begin=True)
    task = server.model.task("/s/t")
    task.flags = 1 << FlagType.MESSAGE | 1 << FlagType.LATE
    server.do(CompleteCmd((), path="/s/t", jobs_password="_DJP_"))
    assert task.flags == 1 << FlagType.MESSAGE
    server.do(BeginCmd("s", True))
    assert task.flags == 0
