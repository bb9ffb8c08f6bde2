"""The attributes of nodes as the archive writes them: in mementos, in zombie records and in child commands.

Names, order and defaults of the fields were seen on 5.9.2 and 5.17.0 where a class does not say otherwise.
Times, dates and durations stay the text that was on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ecfleet_mocks.wire.archive import BOOL, INT, TEXT, WORD, Enumeration, Many, Wrapped
from ecfleet_mocks.wire.enumerations import ChildCommand, NodeState, ZombieAction, ZombieType
from ecfleet_mocks.wire.schema import Struct, named, optional, record, unnamed

__all__ = [
    "AutoArchiveAttr",
    "AutoCancelAttr",
    "AutoRestoreAttr",
    "AvisoAttr",
    "Calendar",
    "ClockAttr",
    "CronAttr",
    "DateAttr",
    "DayAttr",
    "Event",
    "Expression",
    "GenericAttr",
    "InLimit",
    "Label",
    "LateAttr",
    "Limit",
    "Meter",
    "MirrorAttr",
    "PartExpression",
    "QueueAttr",
    "TimeAttr",
    "TimeSeries",
    "TimeSlot",
    "Variable",
    "VerifyAttr",
    "ZombieAttr",
]

DURATION: Final = Wrapped("duration", TEXT, in_sequence=True)
"""A duration as ``HH:MM:SS``; hours may have more digits, and a minus may stand before them."""
POINT_IN_TIME: Final = Wrapped("ptime", TEXT, in_sequence=True)
"""A point in time as ``2026-Nov-20 16:19:34``, or ``not-a-date-time``."""
DATE: Final = Wrapped("date", TEXT, in_sequence=True)
"""A date as ``2026-Nov-23``."""
FLAG: Final = Wrapped("flag_", INT, version="Flag")
"""A node's flag: bit ``1 << n`` for each :class:`~ecfleet_mocks.wire.enumerations.FlagType` n that is set."""

_NAME: Final = named("n_", TEXT)
_FREE: Final = optional("free_", BOOL)


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class Variable:
    """A variable: ``edit NAME 'value'``."""

    name: Annotated[str, _NAME]
    value: Annotated[str, named("v_", TEXT)]


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class PartExpression:
    """One line of a trigger or complete expression.

    :param type: how it joins the one before: 0 first, 1 and (seen on 5.9.2), 2 or (read in source of 5.17).
    """

    expression: Annotated[str, named("exp_", TEXT)]
    type: Annotated[int, optional("type_", INT)] = 0


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class Expression:
    """A trigger or complete expression."""

    parts: Annotated[tuple[PartExpression, ...], named("vec_", Many(Struct(PartExpression)))]
    free: Annotated[bool, _FREE] = False


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class Event:
    """An event; it has a name, a number or both."""

    name: Annotated[str, optional("n_", TEXT)] = ""
    number: Annotated[int | None, optional("number_", INT)] = None
    value: Annotated[bool, optional("v_", BOOL)] = False
    initial_value: Annotated[bool, optional("iv_", BOOL)] = False


@record(versioned=False, order=("minimum", "maximum", "value", "name", "color_change"))
@dataclass(frozen=True, slots=True)
class Meter:
    """A meter."""

    name: Annotated[str, _NAME]
    minimum: Annotated[int, named("min_", INT)]
    maximum: Annotated[int, named("max_", INT)]
    value: Annotated[int, named("v_", INT)]
    color_change: Annotated[int, named("cc_", INT)]


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class Label:
    """A label, with its text from the definition and the one set since."""

    name: Annotated[str, _NAME]
    value: Annotated[str, optional("v_", TEXT)] = ""
    new_value: Annotated[str, optional("new_v_", TEXT)] = ""


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and the paths of the tasks that hold its tokens."""

    name: Annotated[str, _NAME]
    limit: Annotated[int, named("lim_", INT)]
    value: Annotated[int, optional("value_", INT)] = 0
    paths: Annotated[tuple[str, ...], optional("paths_", Many(TEXT))] = ()


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class InLimit:
    """A reference to a limit."""

    name: Annotated[str, _NAME]
    path: Annotated[str, optional("path_", TEXT)] = ""
    tokens: Annotated[int, optional("tokens_", INT)] = 1
    limit_this_node_only: Annotated[bool, optional("limit_this_node_only_", BOOL)] = False
    limit_submission: Annotated[bool, optional("limit_submission_", BOOL)] = False
    incremented: Annotated[bool, optional("incremented_", BOOL)] = False


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class TimeSlot:
    """A time of day, or a span, in hours and minutes."""

    hour: Annotated[int, named("h_", INT)]
    minute: Annotated[int, named("m_", INT)]


@record()
@dataclass(frozen=True, slots=True)
class TimeSeries:
    """One time, or times from ``start`` to ``finish`` every ``increment``.

    :param next_time_slot: ``None``: it is the start.
    """

    start: Annotated[TimeSlot, named("start_", Struct(TimeSlot))]
    finish: Annotated[TimeSlot | None, optional("finish_", Struct(TimeSlot))] = None
    increment: Annotated[TimeSlot | None, optional("incr_", Struct(TimeSlot))] = None
    next_time_slot: Annotated[TimeSlot | None, optional("nextTimeSlot_", Struct(TimeSlot))] = None
    relative_duration: Annotated[str, optional("relativeDuration_", DURATION)] = "00:00:00"
    relative_to_suite_start: Annotated[bool, optional("relativeToSuiteStart_", BOOL)] = False
    is_valid: Annotated[bool, optional("isValid_", BOOL)] = True


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class TimeAttr:
    """A ``time`` or ``today`` attribute: ecFlow's TimeAttr and TodayAttr look the same."""

    time_series: Annotated[TimeSeries, named("ts_", Struct(TimeSeries))]
    free: Annotated[bool, _FREE] = False


@record()
@dataclass(frozen=True, slots=True)
class CronAttr:
    """A ``cron`` attribute; week days count from 0, Sunday."""

    time_series: Annotated[TimeSeries, named("timeSeries_", Struct(TimeSeries))]
    week_days: Annotated[tuple[int, ...], optional("weekDays_", Many(INT))] = ()
    last_week_days_of_month: Annotated[tuple[int, ...], optional("last_week_days_of_month_", Many(INT))] = ()
    days_of_month: Annotated[tuple[int, ...], optional("daysOfMonth_", Many(INT))] = ()
    months: Annotated[tuple[int, ...], optional("months_", Many(INT))] = ()
    free: Annotated[bool, _FREE] = False
    last_day_of_month: Annotated[bool, optional("last_day_of_month_", BOOL)] = False


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class DateAttr:
    """A ``date`` attribute; 0 stands for any."""

    day: Annotated[int, named("day_", INT)]
    month: Annotated[int, named("month_", INT)]
    year: Annotated[int, named("year_", INT)]
    free: Annotated[bool, _FREE] = False


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class DayAttr:
    """A ``day`` attribute; days count from 0, Sunday.

    :param date: the date that it stands for next; ``None``: not worked out yet.
    """

    day: Annotated[int, named("day_", INT)]
    free: Annotated[bool, _FREE] = False
    expired: Annotated[bool, optional("expired_", BOOL)] = False
    date: Annotated[str | None, optional("date_", DATE)] = None


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class LateAttr:
    """A ``late`` attribute: submitted, active and complete later than these."""

    submitted: Annotated[TimeSlot | None, optional("s_", Struct(TimeSlot))] = None
    active: Annotated[TimeSlot | None, optional("a_", Struct(TimeSlot))] = None
    complete: Annotated[TimeSlot | None, optional("c_", Struct(TimeSlot))] = None
    complete_is_relative: Annotated[bool, optional("c_is_rel_", BOOL)] = False
    is_late: Annotated[bool, optional("isLate_", BOOL)] = False


@record()
@dataclass(frozen=True, slots=True)
class ZombieAttr:
    """A ``zombie`` attribute, also the one that stands in a zombie record.

    :param child_commands: those it holds for; none: all.
    :param lifetime: seconds that the server remembers such a zombie.
    """

    child_commands: Annotated[
        tuple[ChildCommand | int, ...], named("child_cmds_", Many(Enumeration(ChildCommand)))
    ] = ()
    zombie_type: Annotated[ZombieType | int, named("zombie_type_", Enumeration(ZombieType))] = (
        ZombieType.NOT_SET
    )
    action: Annotated[ZombieAction | int, named("action_", Enumeration(ZombieAction))] = ZombieAction.BLOCK
    lifetime: Annotated[int, named("zombie_lifetime_", INT)] = 0


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class VerifyAttr:
    """A ``verify`` attribute (seen on 5.9.2)."""

    state: Annotated[NodeState | int, named("state_", Enumeration(NodeState))]
    expected: Annotated[int, named("expected_", INT)]
    actual: Annotated[int, named("actual_", INT)] = 0


@record(order=("steps", "states", "name", "index"))
@dataclass(frozen=True, slots=True)
class QueueAttr:
    """A ``queue`` attribute, with the state of each step."""

    name: Annotated[str, named("name_", TEXT)]
    steps: Annotated[tuple[str, ...], named("theQueue_", Many(TEXT))]
    states: Annotated[tuple[NodeState | int, ...], named("state_vec_", Many(Enumeration(NodeState)))]
    index: Annotated[int, named("currentIndex_", INT)] = 0


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class GenericAttr:
    """A ``generic`` attribute (seen on 5.9.2)."""

    name: Annotated[str, named("name_", TEXT)]
    values: Annotated[tuple[str, ...], named("values_", Many(TEXT))] = ()


@record()
@dataclass(frozen=True, slots=True)
class AvisoAttr:
    """An ``aviso`` attribute (seen on 5.17.0)."""

    path: Annotated[str, unnamed(TEXT)]
    name: Annotated[str, unnamed(TEXT)]
    listener: Annotated[str, unnamed(TEXT)]
    url: Annotated[str, unnamed(TEXT)]
    schema: Annotated[str, unnamed(TEXT)]
    polling: Annotated[str, unnamed(TEXT)]
    auth: Annotated[str, unnamed(TEXT)]
    reason: Annotated[str, unnamed(TEXT)]
    revision: Annotated[int, unnamed(WORD)]
    active: Annotated[str, unnamed(TEXT)]


@record()
@dataclass(frozen=True, slots=True)
class MirrorAttr:
    """A ``mirror`` attribute (seen on 5.17.0)."""

    name: Annotated[str, unnamed(TEXT)]
    remote_path: Annotated[str, unnamed(TEXT)]
    remote_host: Annotated[str, unnamed(TEXT)]
    remote_port: Annotated[str, unnamed(TEXT)]
    polling: Annotated[str, unnamed(TEXT)]
    ssl: Annotated[bool, unnamed(BOOL)]
    auth: Annotated[str, unnamed(TEXT)]
    reason: Annotated[str, unnamed(TEXT)]


@record()
@dataclass(frozen=True, slots=True)
class ClockAttr:
    """A suite's ``clock`` (read in source of 5.17); ``gain`` is in seconds."""

    hybrid: Annotated[bool, named("hybrid_", BOOL)]
    positive_gain: Annotated[bool, optional("positiveGain_", BOOL)] = False
    gain: Annotated[int, optional("gain_", INT)] = 0
    day: Annotated[int, optional("day_", INT)] = 0
    month: Annotated[int, optional("month_", INT)] = 0
    year: Annotated[int, optional("year_", INT)] = 0


@record()
@dataclass(frozen=True, slots=True)
class Calendar:
    """A suite's calendar; times that are ``None`` are the initial time.

    :param increment: time between two looks of the server, a minute by default (``day_changed`` and
        ``increment`` read in source of 5.17).
    """

    initial_time: Annotated[str, named("initTime_", POINT_IN_TIME)]
    suite_time: Annotated[str | None, optional("suiteTime_", POINT_IN_TIME)] = None
    initial_local_time: Annotated[str | None, optional("initLocalTime_", POINT_IN_TIME)] = None
    last_time: Annotated[str | None, optional("lastTime_", POINT_IN_TIME)] = None
    day_changed: Annotated[bool, optional("dayChanged_", BOOL)] = False
    duration: Annotated[str, optional("duration_", DURATION)] = "00:00:00"
    increment: Annotated[str, optional("increment_", DURATION)] = "00:01:00"


@record()
@dataclass(frozen=True, slots=True)
class AutoCancelAttr:
    """``autocancel`` (seen on 5.9.2)."""

    time: Annotated[TimeSlot, named("time_", Struct(TimeSlot))]
    relative: Annotated[bool, optional("relative_", BOOL)] = True
    days: Annotated[bool, optional("days_", BOOL)] = False


@record()
@dataclass(frozen=True, slots=True)
class AutoArchiveAttr:
    """``autoarchive`` (seen on 5.9.2; ``idle`` read in source of 5.17)."""

    time: Annotated[TimeSlot, named("time_", Struct(TimeSlot))]
    relative: Annotated[bool, optional("relative_", BOOL)] = True
    days: Annotated[bool, optional("days_", BOOL)] = False
    idle: Annotated[bool, optional("idle_", BOOL)] = False


@record()
@dataclass(frozen=True, slots=True)
class AutoRestoreAttr:
    """``autorestore`` (seen on 5.9.2)."""

    paths: Annotated[tuple[str, ...], named("nodes_to_restore_", Many(TEXT))]
