"""Mementos of whole nodes and the definition, and how an incremental sync carries mementos.

Those of single attributes are in :mod:`ecfleet_mocks.wire.attribute_mementos`.

Classes and fields were seen on 5.9.2 and 5.17.0 where a class does not say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ecfleet_mocks.wire.archive import BOOL, INT, TEXT, WORD, Enumeration, Many, Pair
from ecfleet_mocks.wire.attribute_mementos import MEMENTO_CLASSES, Memento
from ecfleet_mocks.wire.attributes import (
    DURATION,
    FLAG,
    Calendar,
    ClockAttr,
    Variable,
)
from ecfleet_mocks.wire.enumerations import DisplayState, NodeState, ServerState
from ecfleet_mocks.wire.nodes import ALIAS_POINTER, NODE_POINTER, Alias, Node
from ecfleet_mocks.wire.schema import Polymorphic, Shared, Struct, named, optional, record

__all__ = [
    "MEMENTOS",
    "AliasChildrenMemento",
    "AliasNumberMemento",
    "ChildrenMemento",
    "CompoundMemento",
    "FlagMemento",
    "IncrementalChanges",
    "NodeDefStatusDeltaMemento",
    "NodeStateMemento",
    "OrderMemento",
    "ServerStateMemento",
    "ServerVariableMemento",
    "StateMemento",
    "SubmittableMemento",
    "SuiteBeginDeltaMemento",
    "SuiteCalendarMemento",
    "SuiteClockMemento",
    "SuspendedMemento",
]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class StateMemento(Memento):
    """The state of the definition."""

    state: Annotated[NodeState | int, named("state_", Enumeration(NodeState))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class ServerStateMemento(Memento):
    """The state of the server."""

    state: Annotated[ServerState | int, named("state_", Enumeration(ServerState))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class ServerVariableMemento(Memento):
    """The user's variables of the server."""

    variables: Annotated[tuple[Variable, ...], named("serverEnv_", Many(Struct(Variable)))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class FlagMemento(Memento):
    """A node's flag, as bits."""

    flag: Annotated[int, named("flag_", FLAG)]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class OrderMemento(Memento):
    """The order of the children, by name."""

    order: Annotated[tuple[str, ...], named("order_", Many(TEXT))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeStateMemento(Memento):
    """A node's state, and the calendar time of its change as ``HH:MM:SS``."""

    state: Annotated[tuple[NodeState | int, str], named("state_", Pair(Enumeration(NodeState), DURATION))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeDefStatusDeltaMemento(Memento):
    """A node's default status."""

    state: Annotated[DisplayState | int, named("state_", Enumeration(DisplayState))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class SuspendedMemento(Memento):
    """Whether a node is suspended."""

    suspended: Annotated[bool, named("suspended_", BOOL)]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class SubmittableMemento(Memento):
    """The job of a task or alias."""

    jobs_password: Annotated[str, named("paswd_", TEXT)]
    remote_id: Annotated[str, named("rid_", TEXT)]
    abort_reason: Annotated[str, named("abr_", TEXT)]
    try_number: Annotated[int, named("tryNo_", INT)]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class AliasNumberMemento(Memento):
    """The number of the next alias."""

    alias_number: Annotated[int, named("alias_no_", WORD)]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class ChildrenMemento(Memento):
    """All children of a suite or family, in full."""

    children: Annotated[tuple[Node, ...], named("children_", Many(NODE_POINTER))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class AliasChildrenMemento(Memento):
    """All aliases of a task, in full."""

    children: Annotated[tuple[Alias, ...], named("children_", Many(ALIAS_POINTER))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class SuiteClockMemento(Memento):
    """A suite's clock (read in source of 5.17)."""

    clock: Annotated[ClockAttr, named("clockAttr_", Struct(ClockAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class SuiteBeginDeltaMemento(Memento):
    """Whether a suite has begun (read in source of 5.17)."""

    begun: Annotated[bool, named("begun_", BOOL)]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class SuiteCalendarMemento(Memento):
    """A suite's calendar."""

    calendar: Annotated[Calendar, named("cal_", Struct(Calendar))]


@record(order=("clear_attributes", "path", "mementos"))
@dataclass(frozen=True, slots=True)
class CompoundMemento:
    """The changes of one node.

    :param path: the node; ``/`` is the definition itself.
    :param clear_attributes: forget all attributes of the node first, the mementos bring them all.
    """

    path: Annotated[str, named("absNodePath_", TEXT)]
    mementos: Annotated[tuple[Memento, ...], named("vec_", Many(Polymorphic(MEMENTO_CLASSES, Memento)))] = ()
    clear_attributes: Annotated[bool, optional("clear_attributes_", BOOL)] = False


@record()
@dataclass(frozen=True, slots=True)
class IncrementalChanges:
    """What an incremental sync brings: the server's numbers and the changes up to them."""

    state_change: Annotated[int, named("server_state_change_no_", WORD)] = 0
    modify_change: Annotated[int, named("server_modify_change_no_", WORD)] = 0
    mementos: Annotated[
        tuple[CompoundMemento, ...], named("compound_mementos_", Many(Shared(CompoundMemento)))
    ] = ()


MEMENTOS: Final = MEMENTO_CLASSES.classes
"""Every memento class, those of attributes first."""
