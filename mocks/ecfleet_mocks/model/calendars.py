"""A suite's calendar: made at begin, read where a date is needed.

Nothing advances a calendar by itself here; what the real server does every minute needs a clock.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from ecfleet_mocks.model.attributes import Clock
from ecfleet_mocks.model.definition import Calendar, Node

__all__ = ["calendar_at_begin", "calendar_date", "calendar_minutes", "misses_hybrid_date", "time_text"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def time_text(moment: datetime) -> str:
    """A point in time as definition texts and statistics write it, ``2026-Nov-20 16:49:34``."""
    return f"{moment.year}-{_MONTHS[moment.month - 1]}-{moment.day:02d} {moment:%H:%M:%S}"


def calendar_date(calendar: Calendar | None) -> date | None:
    """The suite's date; None before begin, or when the text is no date."""
    if calendar is None:
        return None
    year, _, rest = calendar.suite_time.partition("-")
    month, _, rest = rest.partition("-")
    day = rest.partition(" ")[0]
    if month not in _MONTHS or not year.isdigit() or not day.isdigit():
        return None
    return date(int(year), _MONTHS.index(month) + 1, int(day))


def calendar_minutes(calendar: Calendar | None) -> int:
    """Minutes of the day in the suite's time; 0 before begin."""
    time = calendar.suite_time.rpartition(" ")[2] if calendar is not None else ""
    hour, _, rest = time.partition(":")
    minute = rest.partition(":")[0]
    return int(hour) * 60 + int(minute) if hour.isdigit() and minute.isdigit() else 0


def misses_hybrid_date(node: Node, today: date | None) -> bool:
    """Whether a node of a suite with a hybrid clock can never run, since the date of that clock stands still.

    So it is with any cron, with a date other than today's or with a ``*`` in it, with days none of which is
    today's; and with dates and days together unless a date in full and a day are today's (seen on 5.9.2).
    """
    if node.crons:
        return True
    if today is None or not (node.dates or node.days):
        return False
    in_full = (today.day, today.month, today.year)
    date_hit = any((each.day, each.month, each.year) == in_full for each in node.dates)
    day_hit = any(each.day == today.isoweekday() % 7 for each in node.days)
    return not ((date_hit or not node.dates) and (day_hit or not node.days))


def calendar_at_begin(clock: Clock | None, now: datetime) -> Calendar:
    """The calendar of a suite that begins now.

    A clock with a date starts at midnight of that date; the gain is added (seen on 5.9.2).
    """
    suite_time = now
    if clock is not None and clock.date:
        day, month, year = (int(part) if part.isdigit() else 0 for part in clock.date.split("."))
        suite_time = datetime(year or now.year, month or now.month, day or now.day)
    if clock is not None and clock.gain.lstrip("+-").isdigit():
        suite_time += timedelta(seconds=int(clock.gain))
    shown = time_text(suite_time)
    local = time_text(now)
    return Calendar(shown, shown, "00:00:00", local, local, "00:01:00")
