"""The suite definition: a tree of suites, families, tasks and aliases with attributes and state.

Plain mutable data without behaviour; what commands do to it is in the modules beside this one.  Parsing is
in :mod:`ecfleet_mocks.model.definition_parse`, writing in :mod:`ecfleet_mocks.model.definition_print`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ecfleet_mocks.model.attributes import (
    AutoRestore,
    Clock,
    Event,
    Expression,
    Generic,
    InLimit,
    Label,
    Late,
    Limit,
    Meter,
    Queue,
    Verify,
)
from ecfleet_mocks.model.repeats import Repeat
from ecfleet_mocks.model.time_attributes import Cron, DateAttribute, DayAttribute, TimeAttribute
from ecfleet_mocks.wire import DisplayState, NodeState, ServerState, Variable, ZombieAttr

__all__ = ["Calendar", "Definition", "DuplicateName", "Node", "NodeKind", "name_fault", "valid_name"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*\Z")


def valid_name(name: str) -> bool:
    """Whether a node, variable or attribute may be called so: letters, digits, ``_``, and ``.`` inside."""
    return _NAME.match(name) is not None


def name_fault(name: str) -> str:
    """What the released programs say about a name that is not valid; the name is shown in one of two ways."""
    shown = f". '{name}'" if valid_name(name[:1]) else f": {name}"
    return (
        "Valid names can only consist of alphanumeric characters ,underscores and dots. The first character "
        f"cannot be a dot{shown}"
    )


class NodeKind(Enum):
    """What a node is; the value is its keyword."""

    SUITE = "suite"
    FAMILY = "family"
    TASK = "task"
    ALIAS = "alias"


class DuplicateName(ValueError):
    """A node of that name is there already."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The calendar of a begun suite; dates and times as the definition text writes them.

    :param init_time: suite time at begin, ``"2026-Nov-20 16:49:34"``.
    :param duration: since begin, ``"00:00:08"``.
    :param increment: of one update, ``"00:01:00"``.
    """

    init_time: str
    suite_time: str
    duration: str
    init_local_time: str
    last_time: str
    increment: str

    def text(self) -> str:
        return (
            f"calendar initTime:{self.init_time} suiteTime:{self.suite_time} duration:{self.duration} "
            f"initLocalTime:{self.init_local_time} lastTime:{self.last_time} "
            f"calendarIncrement:{self.increment}"
        )


class Node:
    """A suite, family, task or alias.

    Attributes are tuples of immutable values in written order; a change replaces the tuple.  ``children``
    are the nodes below by name, for a task its aliases.  ``state_duration`` and ``run_time`` are times as
    written (``"00:00:16"``), empty when zero.
    """

    __slots__ = (
        "aborted_reason",
        "alias_number",
        "autoarchive",
        "autocancel",
        "autorestore",
        "avisos",
        "begun",
        "calendar",
        "children",
        "clock",
        "complete",
        "crons",
        "dates",
        "days",
        "default_status",
        "events",
        "flags",
        "generics",
        "has_default_status",
        "inlimits",
        "jobs_password",
        "kind",
        "labels",
        "late",
        "limits",
        "meters",
        "mirrors",
        "name",
        "parent",
        "queues",
        "remote_id",
        "repeat",
        "replaced_variables",
        "run_time",
        "state",
        "state_duration",
        "suspended",
        "times",
        "todays",
        "trigger",
        "try_number",
        "variables",
        "verifies",
        "zombies",
    )

    def __init__(self, kind: NodeKind, name: str, parent: Node | None = None) -> None:
        self.kind = kind
        self.name = name
        self.parent = parent
        self.children: dict[str, Node] = {}
        # state
        self.begun = False
        self.alias_number = 0
        self.jobs_password = ""
        self.remote_id = ""
        self.aborted_reason = ""
        self.try_number = 0
        self.state = NodeState.UNKNOWN
        self.state_duration = ""
        self.flags = 0
        self.suspended = False
        self.run_time = ""
        # attributes
        self.default_status = DisplayState.QUEUED
        self.has_default_status = False
        self.late: Late | None = None
        self.complete: Expression | None = None
        self.trigger: Expression | None = None
        self.repeat: Repeat | None = None
        self.variables: tuple[Variable, ...] = ()
        self.replaced_variables = 0
        self.limits: tuple[Limit, ...] = ()
        self.inlimits: tuple[InLimit, ...] = ()
        self.labels: tuple[Label, ...] = ()
        self.meters: tuple[Meter, ...] = ()
        self.events: tuple[Event, ...] = ()
        self.times: tuple[TimeAttribute, ...] = ()
        self.todays: tuple[TimeAttribute, ...] = ()
        self.dates: tuple[DateAttribute, ...] = ()
        self.days: tuple[DayAttribute, ...] = ()
        self.crons: tuple[Cron, ...] = ()
        self.avisos: tuple[str, ...] = ()
        self.mirrors: tuple[str, ...] = ()
        self.autocancel = ""
        self.autoarchive = ""
        self.autorestore: AutoRestore | None = None
        self.zombies: tuple[ZombieAttr, ...] = ()
        self.verifies: tuple[Verify, ...] = ()
        self.queues: tuple[Queue, ...] = ()
        self.generics: tuple[Generic, ...] = ()
        self.clock: Clock | None = None
        self.calendar: Calendar | None = None

    def __repr__(self) -> str:
        return f"<{self.kind.value} {self.path} {self.state.name.lower()}>"

    @property
    def path(self) -> str:
        """The path from the suite down, ``/suite/family/task``."""
        names: list[str] = []
        node: Node | None = self
        while node is not None:
            names.append(node.name)
            node = node.parent
        return "/" + "/".join(reversed(names))

    @property
    def label(self) -> str:
        """The node as error texts show it, ``TASK:/s/t``."""
        return f"{self.kind.name}:{self.path}"

    @property
    def is_submittable(self) -> bool:
        """Whether jobs are made of it: a task or an alias."""
        return self.kind in (NodeKind.TASK, NodeKind.ALIAS)

    @property
    def suite(self) -> Node:
        """The suite it belongs to; a node that was parsed alone stands for its own."""
        node = self
        while node.parent is not None:
            node = node.parent
        return node

    @property
    def display_state(self) -> DisplayState:
        """The state, or suspended."""
        return DisplayState.SUSPENDED if self.suspended else DisplayState(self.state)

    def up(self) -> Iterator[Node]:
        """This node, then its parent, up to the suite."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def down(self) -> Iterator[Node]:
        """This node and all below, parents first, in written order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            if node.children:
                stack.extend(reversed(node.children.values()))

    def add(self, child: Node) -> None:
        """Put a node at the end of the children.

        :raises DuplicateName: when the name is taken.
        """
        if child.name in self.children:
            kinds = "Family/Task" if child.kind is NodeKind.FAMILY else "Task/Family"
            raise DuplicateName(
                f"Add {child.kind.value.capitalize()} failed: A {kinds} of name '{child.name}' already "
                f"exist on node {self.label}"
            )
        child.parent = self
        self.children[child.name] = child


class Definition:
    """The suites and the state of the server that stand in one definition text.

    :ivar server_variables: the server's own, written with `` # server``; empty in a definition made by hand.
    :ivar user_variables: set by users, written before them.
    :ivar state_change: highest number of a state or attribute change.
    :ivar modify_change: highest number of a change of the suites themselves.
    :ivar has_state: whether the text it was read from carries state (a ``defs_state`` line).
    :ivar history: user commands by node path, each entry a line of log text.
    """

    __slots__ = (
        "calendar_count",
        "externs",
        "flags",
        "has_state",
        "history",
        "modify_change",
        "server_state",
        "server_variables",
        "state",
        "state_change",
        "suites",
        "user_variables",
        "version",
    )

    def __init__(self, version: str = "") -> None:
        self.version = version
        self.suites: dict[str, Node] = {}
        self.state = NodeState.UNKNOWN
        self.flags = 0
        self.state_change = 0
        self.modify_change = 0
        self.server_state = ServerState.RUNNING
        self.calendar_count = 0
        self.has_state = False
        self.history: dict[str, tuple[str, ...]] = {}
        self.user_variables: tuple[Variable, ...] = ()
        self.server_variables: tuple[Variable, ...] = ()
        self.externs: tuple[str, ...] = ()

    def find(self, path: str) -> Node | None:
        """The node at an absolute path such as ``/suite/family/task``; None when there is none."""
        if not path.startswith("/"):
            return None
        names = path[1:].split("/")
        node = self.suites.get(names[0])
        for name in names[1:]:
            if node is None:
                return None
            node = node.children.get(name)
        return node

    def nodes(self) -> Iterator[Node]:
        """All nodes, parents first, in written order."""
        for suite in self.suites.values():
            yield from suite.down()
