"""The repeats of nodes, as the archive writes them (seen on 5.9.2 where a class does not say otherwise)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ecfleet_mocks.wire.archive import INT, NUMBER, TEXT, Many, Wrapped
from ecfleet_mocks.wire.schema import Polymorphic, Registry, named, record

__all__ = [
    "REPEATS",
    "RepeatBase",
    "RepeatDate",
    "RepeatDateList",
    "RepeatDateTime",
    "RepeatDay",
    "RepeatEnumerated",
    "RepeatInteger",
    "RepeatString",
]

_CLASSES: Final = Registry()
_START: Final = named("start_", INT)
_END: Final = named("end_", INT)
_DELTA: Final = named("delta_", INT)
_VALUE: Final = named("value_", NUMBER)
_INDEX: Final = named("currentIndex_", INT)


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class RepeatBase:
    """Base of all repeats: the name of the variable."""

    name: Annotated[str, named("name_", TEXT)]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class RepeatDate(RepeatBase):
    """``repeat date``; dates as numbers such as 20240101, ``delta`` in days."""

    start: Annotated[int, _START]
    end: Annotated[int, _END]
    delta: Annotated[int, _DELTA]
    value: Annotated[int, _VALUE]


_INSTANT: Final = Wrapped("value0", Wrapped("time_since_epoch", Wrapped("count", NUMBER)), version="Instant")
"""Nanoseconds since the epoch, as cereal writes a time point inside ecFlow's Instant."""
_SPAN: Final = Wrapped("value0", Wrapped("count", NUMBER), version="Duration")
"""Seconds, as cereal writes a duration inside ecFlow's Duration."""


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class RepeatDateTime(RepeatBase):
    """``repeat datetime`` of 5.17, as numbers (read in source of 5.17).

    Points in time are nanoseconds since the epoch, ``delta`` is in seconds.
    """

    start: Annotated[int, named("start_", _INSTANT)]
    end: Annotated[int, named("end_", _INSTANT)]
    delta: Annotated[int, named("delta_", _SPAN)]
    value: Annotated[int, named("value_", _INSTANT)]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class RepeatInteger(RepeatBase):
    """``repeat integer``."""

    start: Annotated[int, _START]
    end: Annotated[int, _END]
    delta: Annotated[int, _DELTA]
    value: Annotated[int, _VALUE]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class RepeatEnumerated(RepeatBase):
    """``repeat enumerated``."""

    values: Annotated[tuple[str, ...], named("theEnums_", Many(TEXT))]
    index: Annotated[int, _INDEX]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class RepeatDateList(RepeatBase):
    """``repeat datelist``; dates as numbers such as 20240101."""

    values: Annotated[tuple[int, ...], named("list_", Many(INT))]
    index: Annotated[int, _INDEX]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class RepeatString(RepeatBase):
    """``repeat string``."""

    values: Annotated[tuple[str, ...], named("theStrings_", Many(TEXT))]
    index: Annotated[int, _INDEX]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class RepeatDay(RepeatBase):
    """``repeat day``."""

    step: Annotated[int, named("step_", INT)]


REPEAT: Final = Wrapped("type_", Polymorphic(_CLASSES, RepeatBase, unique=True), version="Repeat")
"""A node's repeat: its one field points to the kind of repeat."""

REPEATS: Final = _CLASSES.classes
"""Every class of repeat."""
