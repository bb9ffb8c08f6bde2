"""News, syncs and handles: the decisions, the mementos, and that they bring a client up to date."""

from __future__ import annotations

from typing import Any

import pytest

from ecfleet_mocks.model.changes import Aspect, Changes
from ecfleet_mocks.model.definition import Definition, Node, NodeKind
from ecfleet_mocks.model.definition_parse import parse_definition
from ecfleet_mocks.model.definition_print import definition_text
from ecfleet_mocks.wire import (
    AbortCmd,
    BeginCmd,
    CompleteCmd,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    DeleteCmd,
    EventCmd,
    FlagMemento,
    InitCmd,
    LabelCmd,
    MeterCmd,
    NewsKind,
    NodeEventMemento,
    NodeLabelMemento,
    NodeLimitMemento,
    NodeMeterMemento,
    NodeQueueIndexMemento,
    NodeRepeatIndexMemento,
    NodeState,
    NodeStateMemento,
    NodeVariableMemento,
    PathsApi,
    PathsCmd,
    QueueCmd,
    ServerState,
    ServerStateMemento,
    SNewsCmd,
    SSyncCmd,
    StateMemento,
    SubmittableMemento,
    SuiteCalendarMemento,
    SuspendedMemento,
    SyncApi,
    TaskCommand,
    Variable,
)

from .model_servers import SMALL, Server

T = "/s/f/t"
ME: dict[str, Any] = {"path": T, "jobs_password": "_DJP_", "remote_id": "1"}


def _told(reply: SSyncCmd) -> dict[str, list[str]]:
    return {
        compound.path: [type(memento).__name__ for memento in compound.mementos]
        for compound in reply.changes.mementos
    }


_STATE, _ALL_STATES = "NodeStateMemento", {"/": ["StateMemento"], "/s": ["NodeStateMemento"]}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            InitCmd((), **ME),
            {**_ALL_STATES, "/s/f": [_STATE], T: ["SubmittableMemento", _STATE]},
        ),
        (EventCmd("started", **ME), {T: ["NodeEventMemento"]}),
        (MeterCmd("step", 5, **ME), {T: ["NodeMeterMemento"]}),
        (LabelCmd("info", "x", **ME), {T: ["NodeLabelMemento"]}),
        (QueueCmd("q", "active", **ME), {T: ["NodeQueueIndexMemento"]}),
        (
            AbortCmd("x", **ME),
            {**_ALL_STATES, "/s/f": [_STATE], T: ["SubmittableMemento", _STATE, "FlagMemento"]},
        ),
        (CompleteCmd((), **ME), {T: ["SubmittableMemento", _STATE]}),
        (EventCmd("nosuch", **ME), {}),
    ],
)
def test_mementos_of_a_child_command(command: TaskCommand, told: dict[str, list[str]]) -> None:
    server = Server(SMALL, begin=True)
    before = server.numbers()
    server.do(command)
    reply = server.sync(before)
    assert not reply.full_definition
    assert (reply.changes.state_change, reply.changes.modify_change) == server.numbers()
    assert _told(reply) == told


def test_only_what_is_newer_is_told() -> None:
    server = Server(SMALL, begin=True)
    server.do(EventCmd("started", **ME))
    before = server.numbers()
    server.do(EventCmd("7", **ME))
    (compound,) = server.sync(before).changes.mementos
    assert [memento.event.name for memento in compound.mementos if isinstance(memento, NodeEventMemento)] == [
        "seven"
    ]
    assert server.sync(server.numbers()).changes.mementos == ()


def test_new_variables_are_told_with_all_attributes() -> None:
    server = Server(SMALL, begin=True)
    before = server.numbers()
    server.do(InitCmd((Variable("A", "1"),), **ME))
    compound = server.sync(before).changes.mementos[-1]
    assert compound.clear_attributes
    names = [type(memento).__name__ for memento in compound.mementos]
    assert names[:2] == ["SubmittableMemento", "NodeStateMemento"]
    assert names[2:] == [
        "NodeMeterMemento",
        "NodeEventMemento",
        "NodeEventMemento",
        "NodeLabelMemento",
        "NodeQueueMemento",
        "NodeVariableMemento",
        "NodeInLimitMemento",
    ]


def test_submission_tells_the_limit() -> None:
    server = Server(SMALL, begin=True)
    before = server.numbers()
    server.model.submit(T)
    assert _told(server.sync(before))["/s"] == [_STATE, "NodeLimitMemento"]


def test_the_server_itself_and_suspension() -> None:
    server = Server(SMALL, begin=True)
    before = server.numbers()
    server.do(CtsCmd(CtsApi.HALT))
    server.do(PathsCmd(PathsApi.SUSPEND, ("/s/f",)))
    reply = server.sync(before)
    assert _told(reply) == {"/": ["ServerStateMemento"], "/s/f": ["SuspendedMemento", "FlagMemento"]}
    assert reply.changes.mementos[0].mementos == (ServerStateMemento(ServerState.HALTED),)


def test_a_new_server_tells_its_state() -> None:
    server = Server(state=ServerState.HALTED)
    assert server.numbers() == (1, 0)
    assert _told(server.sync((0, 0))) == {"/": ["ServerStateMemento"]}


class Follower:
    """A client that keeps a definition up to date from syncs, as far as the mementos made here go."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.definition = Definition()
        self.numbers = (0, 0)
        self.follow(SyncApi.SYNC_FULL)

    def follow(self, api: SyncApi = SyncApi.SYNC) -> SSyncCmd:
        reply = self.server.sync(self.numbers, api=api)
        if reply.full_definition:
            self.definition = parse_definition(reply.definition_text)
            self.numbers = (self.definition.state_change, self.definition.modify_change)
            return reply
        for compound in reply.changes.mementos:
            node = self.definition.find(compound.path)
            for memento in compound.mementos:
                self._apply(node, memento)
        self.numbers = (reply.changes.state_change, reply.changes.modify_change)
        return reply

    def _apply(self, node: Node | None, memento: object) -> None:
        match memento:
            case StateMemento(state=state):
                self.definition.state = NodeState(state)
            case ServerStateMemento(state=state):
                self.definition.server_state = ServerState(state)
            case FlagMemento(flag=flag):
                (node or self.definition).flags = flag
            case SuiteCalendarMemento():
                pass
            case _:
                assert node is not None
                self._apply_to_node(node, memento)

    def _apply_to_node(self, node: Node, memento: object) -> None:
        match memento:
            case NodeStateMemento(state=(state, _)):
                node.state = NodeState(state)
            case SuspendedMemento(suspended=suspended):
                node.suspended = suspended
            case SubmittableMemento():
                node.jobs_password, node.remote_id = memento.jobs_password, memento.remote_id
                node.aborted_reason, node.try_number = memento.abort_reason, memento.try_number
            case NodeEventMemento(event=told):
                node.events = tuple(
                    type(event)(event.number, event.name, event.initial, told.value)
                    if (event.name, event.number) == (told.name, told.number)
                    else event
                    for event in node.events
                )
            case NodeMeterMemento(meter=told):
                node.meters = tuple(
                    type(meter)(meter.name, meter.minimum, meter.maximum, meter.color_change, told.value)
                    if meter.name == told.name
                    else meter
                    for meter in node.meters
                )
            case NodeLabelMemento(label=told):
                node.labels = tuple(
                    type(label)(told.name, told.value, told.new_value) if label.name == told.name else label
                    for label in node.labels
                )
            case NodeLimitMemento(limit=told):
                node.limits = tuple(
                    type(limit)(told.name, told.limit, told.value, told.paths)
                    if limit.name == told.name
                    else limit
                    for limit in node.limits
                )
            case NodeQueueIndexMemento():
                (queue,) = node.queues
                node.queues = (
                    type(queue)(
                        queue.name, queue.steps, memento.index, tuple(map(NodeState, memento.states))
                    ),
                )
            case NodeRepeatIndexMemento(index_or_value=position):
                assert node.repeat is not None
                node.repeat = type(node.repeat)(
                    node.repeat.kind, node.repeat.name, node.repeat.words, str(position)
                )
            case NodeVariableMemento(variable=variable):
                kept = tuple(known for known in node.variables if known.name != variable.name)
                node.variables = (*kept, variable)
            case _:
                # Told again with all attributes, but unchanged.
                assert type(memento).__name__ in ("NodeQueueMemento", "NodeInLimitMemento")


def _same(follower: Follower) -> None:
    assert definition_text(follower.definition, state_change=0, modify_change=0) == definition_text(
        follower.server.model.tree, state_change=0, modify_change=0
    )


def test_a_client_that_follows_holds_the_same_tree() -> None:
    server = Server(SMALL.replace("family f", "family f\n    repeat integer R 1 3"))
    follower = Follower(server)
    steps: list[object] = [
        BeginCmd("s"),
        "submit",
        InitCmd((Variable("A", "1"),), **ME),
        EventCmd("started", **ME),
        MeterCmd("step", 3, **ME),
        LabelCmd("info", "new", **ME),
        QueueCmd("q", "active", **ME),
        EventCmd("started", path=T, jobs_password="wrong"),
        PathsCmd(PathsApi.SUSPEND, ("/s/f/u",)),
        CtsCmd(CtsApi.SHUTDOWN),
        AbortCmd("broke", **ME),
        CompleteCmd((), **ME),
        CompleteCmd((), path="/s/f/u", jobs_password="_DJP_"),
        PathsCmd(PathsApi.RESUME, ("/s/f/u",)),
        DeleteCmd(("/s/f/u",)),
        DeleteCmd(("/s",)),
    ]
    full = 0
    for step in steps:
        if step == "submit":
            server.model.submit(T)
        else:
            assert not isinstance(step, str)
            server.do(step)  # type: ignore[arg-type]
        full += follower.follow().full_definition
        assert follower.numbers == server.numbers()
        _same(follower)
    assert full == 3, "begin and both deletes; everything else is told in steps"


# --- decisions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "modify", "news", "full"),
    [
        (0, 0, NewsKind.NO_NEWS, False),
        (-1, 0, NewsKind.NEWS, False),
        (0, -1, NewsKind.NEWS, True),
        (1, 0, NewsKind.DO_FULL_SYNC, True),
        (0, 1, NewsKind.DO_FULL_SYNC, True),
        (5, -1, NewsKind.DO_FULL_SYNC, True),
    ],
)
def test_news_and_sync_by_numbers(state: int, modify: int, news: NewsKind, full: bool) -> None:
    server = Server(SMALL, begin=True)
    server.do(EventCmd("started", **ME))
    numbers = (server.model.state_change + state, server.model.modify_change + modify)
    assert server.do(CSyncCmd(SyncApi.NEWS, 0, *numbers)) == SNewsCmd(news)
    assert server.sync(numbers).full_definition is full


def test_a_full_sync_carries_the_numbers() -> None:
    server = Server(SMALL, begin=True)
    reply = server.sync((0, 0), api=SyncApi.SYNC_FULL)
    assert reply.full_definition
    assert (reply.changes.state_change, reply.suites_text) == (0, "")
    definition = parse_definition(reply.definition_text)
    assert (definition.state_change, definition.modify_change) == server.numbers()


def test_sync_clock_adds_the_calendars() -> None:
    server = Server(SMALL + "suite unbegun\nendsuite\n")
    server.do(BeginCmd("s"))
    before = server.numbers()
    server.do(EventCmd("started", **ME))
    reply = server.sync(before, api=SyncApi.SYNC_CLOCK)
    assert _told(reply) == {T: ["NodeEventMemento"], "/s": ["SuiteCalendarMemento"]}
    (calendar,) = reply.changes.mementos[1].mementos
    assert isinstance(calendar, SuiteCalendarMemento)
    assert calendar.calendar.initial_time == "2026-Nov-20 12:00:00"
    assert calendar.calendar.suite_time is None, "what equals the initial time is left out"


# --- the journal --------------------------------------------------------------------------------------------


def test_the_journal_stops_at_what_is_old() -> None:
    definition = Definition()
    suite = Node(NodeKind.SUITE, "s")
    task = Node(NodeKind.TASK, "t", suite)
    definition.suites["s"] = suite
    changes = Changes(definition)
    changes.changed(suite, Aspect.STATE)
    changes.changed(task, Aspect.EVENT, "e")
    changes.changed(None, Aspect.FLAG)
    assert changes.since(0, suite) == {suite: {(Aspect.STATE, "")}, task: {(Aspect.EVENT, "e")}}
    assert changes.since(1, suite) == {task: {(Aspect.EVENT, "e")}}
    assert changes.since(2, suite) == {}
    assert changes.since(2, None) == {None: {(Aspect.FLAG, "")}}
    assert changes.highest(None) == (3, 0)
    assert changes.highest([suite]) == (3, 0), "the definition's own changes count for every handle"
    changes.modified(suite)
    assert changes.since(0, suite) == {}
    assert changes.highest([suite]) == (3, 1)
    changes.forget(suite)
    assert changes.highest([suite]) == (3, 0)
