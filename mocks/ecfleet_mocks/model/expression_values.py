"""What an attribute is worth in an expression: events, meters, variables, repeats, limits, queues.

The order in which attributes are looked for, and all values, were seen on 5.9.2.  A repeat over date-times
(5.12 and later) was not seen in an expression; here it is worth 0.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from ecfleet_mocks.model.attributes import Event, Queue
from ecfleet_mocks.model.calendars import calendar_date, calendar_minutes
from ecfleet_mocks.model.definition import Node, NodeKind
from ecfleet_mocks.model.expression import FunctionName
from ecfleet_mocks.model.expression_parse import number_in
from ecfleet_mocks.model.repeats import Repeat, RepeatKind

__all__ = ["attribute_value", "calendar_function", "divided", "has_attribute", "moved_value"]

_DATES: Final = (RepeatKind.DATE, RepeatKind.DATELIST)
_DAY_REPEAT: Final = "day"
"""The name of a repeat over days, which has none of its own."""


def has_attribute(node: Node, name: str) -> bool:
    """Whether expressions can speak of ``name`` at this very node."""
    return attribute_value(node, name) is not None


def attribute_value(node: Node, name: str) -> int | None:
    """What ``name`` is worth at this very node; None when there is nothing of that name.

    An event, a meter, a user's variable, the repeat, a generated variable, a limit, a queue, in this order.
    A text that is no number of 32 bits is worth 0.
    """
    event = _event(node, name)
    if event is not None:
        return int(event.value)
    for meter in node.meters:
        if meter.name == name:
            return meter.value
    for variable in node.variables:
        if variable.name == name:
            return number_in(variable.value) or 0
    if node.repeat is not None and (node.repeat.name or _DAY_REPEAT) == name:
        return _repeat_value(node.repeat)
    generated = _generated(node, name)
    if generated is not None:
        return generated
    for limit in node.limits:
        if limit.name == name:
            return limit.value
    for queue in node.queues:
        if queue.name == name:
            return _queue_value(queue)
    return None


def _event(node: Node, name: str) -> Event | None:
    for event in node.events:
        if event.name == name:
            return event
    number = number_in(name) if name[:1].isdigit() else None
    for event in node.events:
        if number is not None and event.number == number:
            return event
    return None


def moved_value(node: Node, name: str, days: int) -> int | None:
    """The date ``days`` from that of a repeat over dates called ``name``; None when ``name`` is no such one."""
    repeat = node.repeat
    if repeat is None or repeat.name != name or repeat.kind not in _DATES:
        return None
    if _event(node, name) is not None or any(
        known.name == name for group in (node.meters, node.variables) for known in group
    ):
        return None
    return julian_to_date(date_to_julian(_repeat_value(repeat)) + days)


# --- repeats and queues --------------------------------------------------------------------------------


def _repeat_value(repeat: Repeat) -> int:
    """The value itself, for strings and words their place; that of the last one when it has run out."""
    kind = repeat.kind
    if kind is RepeatKind.DAY:
        return number_in(repeat.words[0]) or 0 if repeat.words else 0
    if kind in (RepeatKind.DATETIME, RepeatKind.DATETIMELIST):
        return 0
    position = number_in(repeat.position) or 0
    if kind in (RepeatKind.INTEGER, RepeatKind.DATE):
        ends = [number_in(word) or 0 for word in repeat.words[:2]]
        return max(min(ends), min(max(ends), position))
    place = max(0, min(position, len(repeat.words) - 1))
    if kind is RepeatKind.STRING:
        return place
    number = number_in(repeat.words[place])
    return place if number is None else number


def _queue_value(queue: Queue) -> int:
    """The next step when it is a number, else its place."""
    number = number_in(queue.steps[queue.index]) if queue.index < len(queue.steps) else None
    return queue.index if number is None else number


# --- generated variables ---------------------------------------------------------------------------------

_NOT_NUMBERS: Final = {
    NodeKind.SUITE: ("ECF_CLOCK", "ECF_TIME", "DATE", "DAY", "MONTH"),
    NodeKind.FAMILY: (),
    NodeKind.TASK: ("ECF_JOB", "ECF_JOBOUT", "ECF_SCRIPT", "ECF_NAME"),
    NodeKind.ALIAS: ("ECF_JOB", "ECF_JOBOUT", "ECF_SCRIPT", "ECF_NAME"),
}
"""Generated variables whose values are texts, and so worth 0."""


def _generated(node: Node, name: str) -> int | None:
    if name in _NOT_NUMBERS[node.kind]:
        return 0
    if node.is_submittable:
        texts = {"TASK": node.name, "ECF_PASS": node.jobs_password, "ECF_RID": node.remote_id}
        if name == "ECF_TRYNO":
            return node.try_number
    elif node.kind is NodeKind.FAMILY:
        texts = {"FAMILY": node.path.partition("/")[2].partition("/")[2], "FAMILY1": node.name}
    else:
        texts = {"SUITE": node.name}
    if name in texts:
        return number_in(texts[name]) or 0
    if node.kind is NodeKind.SUITE and name in _CALENDAR:
        return _calendar_value(node, name)
    return _repeat_part(node.repeat, name)


_CALENDAR: Final = ("YYYY", "MM", "DD", "DOW", "DOY", "ECF_DATE", "ECF_JULIAN", "TIME")


def _calendar_value(suite: Node, name: str) -> int:
    today = calendar_date(suite.calendar)
    if today is None:
        # There before begin, without a value.
        return 0
    if name == "TIME":
        hours, minutes = divmod(calendar_minutes(suite.calendar), 60)
        return hours * 100 + minutes
    return {
        "YYYY": today.year,
        "MM": today.month,
        "DD": today.day,
        "DOW": today.isoweekday() % 7,
        "DOY": today.timetuple().tm_yday,
        "ECF_DATE": today.year * 10000 + today.month * 100 + today.day,
        "ECF_JULIAN": _julian(today),
    }[name]


def _repeat_part(repeat: Repeat | None, name: str) -> int | None:
    """The parts of a repeat over dates ``D``: ``D_YYYY``, ``D_MM``, ``D_DD``, ``D_DOW``, ``D_JULIAN``."""
    if repeat is None or repeat.kind not in _DATES or not name.startswith(f"{repeat.name}_"):
        return None
    part = name[len(repeat.name) + 1 :]
    value = _repeat_value(repeat)
    year, month, day = value // 10000, value // 100 % 100, value % 100
    if part not in ("YYYY", "MM", "DD", "DOW", "JULIAN"):
        return None
    try:
        today = date(year, month, day)
    except ValueError:
        return 0
    return {
        "YYYY": year,
        "MM": month,
        "DD": day,
        "DOW": today.isoweekday() % 7,
        "JULIAN": _julian(today),
    }[part]


# --- dates -------------------------------------------------------------------------------------------------

_FIRST_JULIAN: Final = 1721425
"""The day number before 1 January of year 1 in the calendar that Python counts with."""
_DAYS_BEFORE: Final = 1721119
"""The day number before 1 March of year 0."""
_CYCLE_DAYS: Final = 146097
"""The days of four centuries, after which the calendar repeats itself."""


def _julian(day: date) -> int:
    return day.toordinal() + _FIRST_JULIAN


def divided(left: int, right: int) -> tuple[int, int]:
    """Quotient and remainder as in C, where both go towards zero.

    :raises ZeroDivisionError: when ``right`` is 0.
    """
    quotient = abs(left) // abs(right)
    if (left < 0) != (right < 0):
        quotient = -quotient
    return quotient, left - quotient * right


def calendar_function(name: FunctionName, argument: int) -> int:
    """A function of the calendar.

    A date has eight digits, or ten with the hour; any other number has day 0.
    """
    if name is FunctionName.JULIAN_TO_DATE:
        return julian_to_date(argument)
    digits = len(str(abs(argument))) + (argument < 0)
    if digits == 10:
        argument = divided(argument, 100)[0]
    elif digits != 8:
        return 0
    return date_to_julian(argument)


def date_to_julian(number: int) -> int:
    """The day number of a date written ``YYYYMMDD``; what is no date gets a number all the same."""
    year, rest = divided(number, 10000)
    month, day = divided(rest, 100)
    # Counted from March, so that the odd day comes last.
    month, year = (month - 3, year) if month > 2 else (month + 9, year - 1)
    century, year = divided(year, 100)
    days = divided(153 * month + 2, 5)[0] + day
    return divided(_CYCLE_DAYS * century, 4)[0] + divided(1461 * year, 4)[0] + days + _DAYS_BEFORE


def julian_to_date(number: int) -> int:
    """The date, as ``YYYYMMDD``, of a day number."""
    century, rest = divided(4 * (number - _DAYS_BEFORE) - 1, _CYCLE_DAYS)
    year, rest = divided(4 * divided(rest, 4)[0] + 3, 1461)
    month, rest = divided(5 * (divided(rest, 4)[0] + 1) - 3, 153)
    day = divided(rest, 5)[0] + 1
    # March is month 0.
    later = divided(month + 1, 11)[0]
    return (100 * century + year + later) * 10000 + (month + 3 if month < 10 else month - 9) * 100 + day
