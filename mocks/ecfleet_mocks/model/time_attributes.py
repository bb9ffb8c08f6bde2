"""Attributes that wait for a time or date: ``time``, ``today``, ``cron``, ``date`` and ``day``.

Each has ``text()`` and ``state()`` as in :mod:`ecfleet_mocks.model.attributes`.  The texts were seen on
5.9.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date as calendar_day
from datetime import timedelta

__all__ = ["WEEKDAYS", "Cron", "DateAttribute", "DayAttribute", "TimeAttribute", "TimeSeries", "clock_text"]

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""Days by their number on the wire."""


def clock_text(minutes: int) -> str:
    """Minutes since midnight as ``HH:MM``."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """One time, or every ``increment`` minutes from ``start`` to ``finish``; all in minutes.

    :param relative: counted from the begin or requeue of the suite instead of midnight (written ``+``).
    :param is_valid: False once the last time has passed.
    :param next_slot: the time that is waited for, None when that is ``start``.
    :param relative_duration: time counted for a relative series, ``HH:MM:SS``, empty when zero.
    """

    start: int
    finish: int | None = None
    increment: int = 0
    relative: bool = False
    is_valid: bool = True
    next_slot: int | None = None
    relative_duration: str = ""

    def text(self) -> str:
        text = ("+" if self.relative else "") + clock_text(self.start)
        if self.finish is None:
            return text
        return f"{text} {clock_text(self.finish)} {clock_text(self.increment)}"

    def state_words(self) -> list[str]:
        words = []
        if not self.is_valid:
            words.append("isValid:false")
        if self.next_slot is not None:
            words.append(f"nextTimeSlot/{clock_text(self.next_slot)}")
        if self.relative_duration:
            words.append(f"relativeDuration/{self.relative_duration}")
        return words

    def restarted(self, now: int) -> TimeSeries:
        """The series as it is after begin: waiting for its next time from ``now`` on (minutes of the day).

        A time that has passed is not valid any more; a series goes on counting past its end (seen on 5.9.2).
        """
        if self.relative:
            return replace(self, is_valid=True, next_slot=None, relative_duration="")
        if self.finish is None or not self.increment:
            return replace(self, is_valid=self.start >= now, next_slot=None, relative_duration="")
        steps = max(0, -(-(now - self.start) // self.increment))
        slot = self.start + steps * self.increment
        return replace(
            self,
            is_valid=slot <= self.finish,
            next_slot=slot if steps else None,
            relative_duration="",
        )

    @property
    def comes_again(self) -> bool:
        """Whether a node that is complete runs once more at a later time of the series."""
        return self.finish is not None and self.is_valid


def _series_state(free: bool, series: TimeSeries) -> str:
    return " ".join(["free", *series.state_words()] if free else series.state_words())


@dataclass(frozen=True, slots=True)
class TimeAttribute:
    """``time`` or ``today``; ``free`` once its time has come or a user has freed it."""

    keyword: str
    series: TimeSeries
    free: bool = False

    def text(self) -> str:
        return f"{self.keyword} {self.series.text()}"

    def state(self) -> str:
        return _series_state(self.free, self.series)

    def restarted(self, now: int) -> TimeAttribute:
        return replace(self, series=self.series.restarted(now), free=False)


@dataclass(frozen=True, slots=True)
class Cron:
    """``cron``: a series on chosen days, for ever.

    :param options: the options as written, in the order ``-w``, ``-d``, ``-m``, such as ``"-w 0,1"``.
    """

    options: str
    series: TimeSeries
    free: bool = False

    def text(self) -> str:
        return f"cron {self.options + ' ' if self.options else ''}{self.series.text()}"

    def state(self) -> str:
        return _series_state(self.free, self.series)

    def restarted(self, now: int) -> Cron:
        return replace(self, series=self.series.restarted(now), free=False)


@dataclass(frozen=True, slots=True)
class DateAttribute:
    """``date DAY.MONTH.YEAR``; 0 stands for any and is written ``*``."""

    day: int
    month: int
    year: int
    free: bool = False

    def text(self) -> str:
        return "date " + ".".join(str(part) if part else "*" for part in (self.day, self.month, self.year))

    def state(self) -> str:
        return "free" if self.free else ""

    def restarted(self) -> DateAttribute:
        return replace(self, free=False)

    def comes_again(self, today: calendar_day) -> bool:
        """Whether a node that is complete runs once more on a later date."""
        if not (self.day and self.month and self.year):
            return True
        return (self.year, self.month, self.day) > (today.year, today.month, today.day)


@dataclass(frozen=True, slots=True)
class DayAttribute:
    """``day monday``; ``date`` is the day it waits for, as written: ``"2026-Nov-23"``, empty before begin."""

    day: int
    date: str = ""
    free: bool = False
    expired: bool = False

    def text(self) -> str:
        return f"day {WEEKDAYS[self.day]}"

    def state(self) -> str:
        words = ["free"] if self.free else []
        if self.expired:
            words.append("expired")
        return " ".join([*words, f"date:{self.date or 'not-a-date-time'}"])

    def waiting_from(self, today: calendar_day | None) -> DayAttribute:
        """The attribute as it is after begin: waiting for that day of the week, today included."""
        waiting = ""
        if today is not None:
            ahead = (self.day - today.isoweekday()) % 7
            waiting = (today + timedelta(days=ahead)).strftime("%Y-%b-%d")
        return replace(self, date=waiting, free=False, expired=False)
