"""Mementos of single attributes, and the base of all mementos.

Classes and fields were seen on 5.9.2 and 5.17.0 where a class does not say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ecfleet_mocks.wire.archive import INT, NUMBER, TEXT, Enumeration, Many
from ecfleet_mocks.wire.attributes import (
    AvisoAttr,
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
from ecfleet_mocks.wire.enumerations import NodeState
from ecfleet_mocks.wire.repeats import REPEAT, RepeatBase
from ecfleet_mocks.wire.schema import Registry, Struct, named, record

__all__ = [
    "Memento",
    "NodeAvisoMemento",
    "NodeCompleteMemento",
    "NodeCronMemento",
    "NodeDateMemento",
    "NodeDayMemento",
    "NodeEventMemento",
    "NodeGenericMemento",
    "NodeInLimitMemento",
    "NodeLabelMemento",
    "NodeLateMemento",
    "NodeLimitMemento",
    "NodeMeterMemento",
    "NodeMirrorMemento",
    "NodeQueueIndexMemento",
    "NodeQueueMemento",
    "NodeRepeatIndexMemento",
    "NodeRepeatMemento",
    "NodeTimeMemento",
    "NodeTodayMemento",
    "NodeTriggerMemento",
    "NodeVariableMemento",
    "NodeVerifyMemento",
    "NodeZombieMemento",
]

MEMENTO_CLASSES: Final = Registry()
"""Every memento class; this module and :mod:`ecfleet_mocks.wire.mementos` fill it."""


@record()
@dataclass(frozen=True, slots=True)
class Memento:
    """Base of all mementos; it carries nothing."""


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeEventMemento(Memento):
    """An event."""

    event: Annotated[Event, named("event_", Struct(Event))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeMeterMemento(Memento):
    """A meter."""

    meter: Annotated[Meter, named("meter_", Struct(Meter))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeLabelMemento(Memento):
    """A label."""

    label: Annotated[Label, named("label_", Struct(Label))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeQueueMemento(Memento):
    """A queue."""

    queue: Annotated[QueueAttr, named("queue_", Struct(QueueAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeQueueIndexMemento(Memento):
    """Where a queue stands."""

    index: Annotated[int, named("index_", INT)]
    name: Annotated[str, named("name_", TEXT)]
    states: Annotated[tuple[NodeState | int, ...], named("state_vec_", Many(Enumeration(NodeState)))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeGenericMemento(Memento):
    """A generic attribute (seen on 5.9.2)."""

    generic: Annotated[GenericAttr, named("generic_", Struct(GenericAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeVariableMemento(Memento):
    """A variable."""

    variable: Annotated[Variable, named("var_", Struct(Variable))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeLimitMemento(Memento):
    """A limit."""

    limit: Annotated[Limit, named("limit_", Struct(Limit))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeInLimitMemento(Memento):
    """A reference to a limit."""

    inlimit: Annotated[InLimit, named("inlimit_", Struct(InLimit))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeTriggerMemento(Memento):
    """A trigger."""

    expression: Annotated[Expression, named("exp_", Struct(Expression))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeCompleteMemento(Memento):
    """A complete expression."""

    expression: Annotated[Expression, named("exp_", Struct(Expression))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeRepeatMemento(Memento):
    """A repeat (seen on 5.9.2)."""

    repeat: Annotated[RepeatBase, named("repeat_", REPEAT)]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeRepeatIndexMemento(Memento):
    """Where a repeat stands: its value, or its index for lists."""

    index_or_value: Annotated[int, named("index_or_value_", NUMBER)]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeLateMemento(Memento):
    """A late attribute."""

    late: Annotated[LateAttr, named("late_", Struct(LateAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeTimeMemento(Memento):
    """A time attribute."""

    time: Annotated[TimeAttr, named("attr_", Struct(TimeAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeTodayMemento(Memento):
    """A today attribute."""

    today: Annotated[TimeAttr, named("attr_", Struct(TimeAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeCronMemento(Memento):
    """A cron attribute."""

    cron: Annotated[CronAttr, named("attr_", Struct(CronAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeDateMemento(Memento):
    """A date attribute."""

    date: Annotated[DateAttr, named("attr_", Struct(DateAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeDayMemento(Memento):
    """A day attribute."""

    day: Annotated[DayAttr, named("attr_", Struct(DayAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeZombieMemento(Memento):
    """A zombie attribute."""

    zombie: Annotated[ZombieAttr, named("attr_", Struct(ZombieAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeVerifyMemento(Memento):
    """The verify attributes (seen on 5.9.2)."""

    verifies: Annotated[tuple[VerifyAttr, ...], named("verifys_", Many(Struct(VerifyAttr)))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeAvisoMemento(Memento):
    """An aviso attribute (seen on 5.17.0)."""

    aviso: Annotated[AvisoAttr, named("aviso_", Struct(AvisoAttr))]


@record(registry=MEMENTO_CLASSES)
@dataclass(frozen=True, slots=True)
class NodeMirrorMemento(Memento):
    """A mirror attribute (seen on 5.17.0)."""

    mirror: Annotated[MirrorAttr, named("mirror_", Struct(MirrorAttr))]
