"""Whole nodes, as mementos of new children carry them.

Everywhere else nodes travel as definition text.  Fields and their order: read in source of 5.17, most of
them seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from ecfleet_mocks.wire.archive import BOOL, INT, TEXT, WORD, Enumeration, Many, Pair, Wrapped
from ecfleet_mocks.wire.attributes import (
    DURATION,
    FLAG,
    AutoArchiveAttr,
    AutoCancelAttr,
    AutoRestoreAttr,
    AvisoAttr,
    Calendar,
    ClockAttr,
    CronAttr,
    DateAttr,
    DayAttr,
    Event,
    Expression,
    GenericAttr,
    InLimit,
    Label,
    LateAttr,
    Limit,
    Meter,
    MirrorAttr,
    QueueAttr,
    TimeAttr,
    Variable,
    VerifyAttr,
    ZombieAttr,
)
from ecfleet_mocks.wire.enumerations import DisplayState, NodeState
from ecfleet_mocks.wire.repeats import REPEAT, RepeatBase
from ecfleet_mocks.wire.schema import Polymorphic, Registry, Shared, Struct, Unique, named, optional, record

__all__ = [
    "Alias",
    "Family",
    "MiscAttrs",
    "Node",
    "NodeContainer",
    "Submittable",
    "Suite",
    "Task",
]

_CLASSES: Final = Registry()
_STATE: Final = Pair(Wrapped("st_", Enumeration(NodeState)), DURATION)
_DEFAULT_STATUS: Final = Wrapped("st_", Enumeration(DisplayState))


def _some(name: str, cls: type[Any]) -> Any:
    return optional(name, Many(Struct(cls)))


@record()
@dataclass(frozen=True, slots=True)
class MiscAttrs:
    """The attributes that few nodes have."""

    zombies: Annotated[tuple[ZombieAttr, ...], _some("zombies_", ZombieAttr)] = ()
    verifies: Annotated[tuple[VerifyAttr, ...], _some("verifys_", VerifyAttr)] = ()
    queues: Annotated[tuple[QueueAttr, ...], _some("queues_", QueueAttr)] = ()
    generics: Annotated[tuple[GenericAttr, ...], _some("generics_", GenericAttr)] = ()


@record()
@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What all nodes have.

    :param state: the state, and the calendar time of its last change as ``HH:MM:SS``; ``None``: unknown.
    :param flag: a bit for each :class:`~ecfleet_mocks.wire.enumerations.FlagType` that is set.
    """

    name: Annotated[str, named("n_", TEXT)] = field(kw_only=False)
    state: Annotated[tuple[NodeState | int, str] | None, optional("st_", _STATE)] = None
    suspended: Annotated[bool, optional("suspended_", BOOL)] = False
    default_status: Annotated[DisplayState | int, optional("d_st_", _DEFAULT_STATUS)] = DisplayState.QUEUED
    variables: Annotated[tuple[Variable, ...], _some("vars_", Variable)] = ()
    complete: Annotated[Expression | None, optional("c_expr_", Unique(Expression))] = None
    trigger: Annotated[Expression | None, optional("t_expr_", Unique(Expression))] = None
    meters: Annotated[tuple[Meter, ...], _some("meters_", Meter)] = ()
    events: Annotated[tuple[Event, ...], _some("events_", Event)] = ()
    labels: Annotated[tuple[Label, ...], _some("labels_", Label)] = ()
    avisos: Annotated[tuple[AvisoAttr, ...], _some("avisos_", AvisoAttr)] = ()
    mirrors: Annotated[tuple[MirrorAttr, ...], _some("mirrors_", MirrorAttr)] = ()
    times: Annotated[tuple[TimeAttr, ...], _some("times_", TimeAttr)] = ()
    todays: Annotated[tuple[TimeAttr, ...], _some("todays_", TimeAttr)] = ()
    crons: Annotated[tuple[CronAttr, ...], _some("crons_", CronAttr)] = ()
    dates: Annotated[tuple[DateAttr, ...], _some("dates_", DateAttr)] = ()
    days: Annotated[tuple[DayAttr, ...], _some("days_", DayAttr)] = ()
    late: Annotated[LateAttr | None, optional("late_", Unique(LateAttr))] = None
    misc: Annotated[MiscAttrs | None, optional("misc_attrs_", Unique(MiscAttrs))] = None
    repeat: Annotated[RepeatBase | None, optional("repeat_", REPEAT)] = None
    limits: Annotated[tuple[Limit, ...], optional("limits_", Many(Shared(Limit)))] = ()
    inlimits: Annotated[
        tuple[InLimit, ...], optional("inLimitMgr_", Wrapped("vec_", Many(Struct(InLimit))))
    ] = ()
    flag: Annotated[int, optional("flag_", FLAG)] = 0
    autocancel: Annotated[AutoCancelAttr | None, optional("auto_cancel_", Unique(AutoCancelAttr))] = None
    autoarchive: Annotated[AutoArchiveAttr | None, optional("auto_archive_", Unique(AutoArchiveAttr))] = None
    autorestore: Annotated[AutoRestoreAttr | None, optional("auto_restore_", Unique(AutoRestoreAttr))] = None


NODE_POINTER: Final = Polymorphic(_CLASSES, Node)
"""A shared pointer to a suite, family, task or alias."""


@record()
@dataclass(frozen=True, slots=True, kw_only=True)
class Submittable(Node):
    """What tasks and aliases have."""

    jobs_password: Annotated[str, optional("paswd_", TEXT)] = ""
    remote_id: Annotated[str, optional("rid_", TEXT)] = ""
    abort_reason: Annotated[str, optional("abr_", TEXT)] = ""
    try_number: Annotated[int, optional("tryNo_", INT)] = 0


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(Submittable):
    """An alias of a task."""


ALIAS_POINTER: Final = Polymorphic(_CLASSES, Alias, declared=Alias)
"""A shared pointer to an alias, which is written without its class name."""


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Submittable):
    """A task."""

    alias_number: Annotated[int, optional("alias_no_", WORD)] = 0
    aliases: Annotated[tuple[Alias, ...], optional("aliases_", Many(ALIAS_POINTER))] = ()


@record()
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeContainer(Node):
    """What families and suites have."""

    nodes: Annotated[tuple[Node, ...], named("nodes_", Many(NODE_POINTER))] = ()


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True, kw_only=True)
class Family(NodeContainer):
    """A family."""


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True, kw_only=True)
class Suite(NodeContainer):
    """A suite (read in source of 5.17; in recordings suites travel as text)."""

    begun: Annotated[bool, optional("begun_", BOOL)] = False
    clock: Annotated[ClockAttr | None, optional("clockAttr_", Shared(ClockAttr))] = None
    calendar: Annotated[Calendar, named("cal_", Struct(Calendar))]
