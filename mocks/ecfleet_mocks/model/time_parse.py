"""Reading the lines of time attributes; refused texts in the words seen on 5.9.2."""

from __future__ import annotations

import re

from ecfleet_mocks.model.definition import Node
from ecfleet_mocks.model.text_line import Line, LineError
from ecfleet_mocks.model.time_attributes import (
    WEEKDAYS,
    Cron,
    DateAttribute,
    DayAttribute,
    TimeAttribute,
    TimeSeries,
)

__all__ = ["clock_minutes", "read_cron", "read_date", "read_day", "read_time", "read_today"]


def clock_minutes(text: str) -> int:
    """Minutes since midnight of ``HH:MM``.

    :raises LineError: when it is no such time.
    """
    hour, colon, minute = text.partition(":")
    if not colon:
        raise LineError(f"TimeSeries::getTime: Invalid time :'{text}'")
    if not re.fullmatch(r"\d\d", hour):
        raise LineError(f"TimeSeries::getTime: Invalid hour :{hour}")
    if not re.fullmatch(r"\d\d", minute):
        raise LineError(f"TimeSeries::getTime: Invalid minute :{minute}")
    if int(hour) > 23:
        raise LineError(f"TimeSeries::testTime: time hour({int(hour)}) must be in range 0-23")
    if int(minute) > 59:
        raise LineError(f"TimeSeries::testTime: time minute({int(minute)}) must be in range 0-59")
    return int(hour) * 60 + int(minute)


def _series(words: list[str], state_words: tuple[str, ...], line: Line) -> TimeSeries:
    relative = words[0].startswith("+")
    times = [clock_minutes(word.lstrip("+")) for word in words]
    if len(times) not in (1, 3):
        raise LineError("TimeSeries::create: Invalid time series :")
    start, finish, increment = times if len(times) == 3 else (times[0], None, 0)
    if finish is not None:
        _check_series(start, finish, increment)
    next_slot: int | None = None
    duration = ""
    for word in state_words:
        name, _, value = word.partition("/")
        if name == "nextTimeSlot":
            next_slot = clock_minutes(value)
        elif name == "relativeDuration":
            duration = value
    return TimeSeries(
        start, finish, increment, relative, "isValid:false" not in state_words, next_slot, duration
    )


def _check_series(start: int, finish: int, increment: int) -> None:
    begins, ends, step = (f"{time // 60:02d}:{time % 60:02d}" for time in (start, finish, increment))
    wrong = "TimeSeries::TimeSeries: Invalid time series:"
    if start > finish:
        raise LineError(f"{wrong} Start time({begins}) is greater than end time({ends})")
    length = finish - start
    if increment > length:
        raise LineError(
            f"{wrong} Increment({step}) is greater than duration {length // 60:02d}:{length % 60:02d}:00 "
            f"between start({begins}) and finish({ends})"
        )


def read_time(node: Node, line: Line) -> None:
    """``time``."""
    node.times += (_time(line),)


def read_today(node: Node, line: Line) -> None:
    """``today``."""
    node.todays += (_time(line),)


def _time(line: Line) -> TimeAttribute:
    if not line.words:
        keyword = line.keyword
        raise LineError(f"{keyword.capitalize()}Parser::doParse: Invalid {keyword} :{line.shown}")
    series = _series(list(line.words), line.state_words, line)
    return TimeAttribute(line.keyword, series, "free" in line.state_words)


def read_cron(node: Node, line: Line) -> None:
    """``cron [-w DAYS] [-d DAYS] [-m MONTHS] TIMES``; the last week days of a month come after the others."""
    words = list(line.words)
    options: dict[str, str] = {}
    while words and words[0] in ("-w", "-d", "-m") and len(words) > 1:
        option = words.pop(0)
        values = words.pop(0).split(",")
        options[option] = ",".join(
            [value for value in values if not value.endswith("L")]
            + [value for value in values if value.endswith("L")]
        )
    if not words or not re.match(r"\+?\d", words[0]):
        raise LineError("Invalid cron, no time specified")
    written = " ".join(f"{option} {options[option]}" for option in ("-w", "-d", "-m") if option in options)
    node.crons += (Cron(written, _series(words, line.state_words, line), "free" in line.state_words),)


def read_date(node: Node, line: Line) -> None:
    """``date DAY.MONTH.YEAR``, each a number or ``*``."""
    text = line.words[0] if line.words else ""
    parts = text.split(".")
    if len(parts) != 3:
        missing = "first" if len(parts) < 2 else "second"
        raise LineError(f"DateAttr::getDate Invalid date missing {missing} dot :{text}")
    try:
        day, month, year = (0 if part == "*" else int(part) for part in parts)
    except ValueError:
        raise LineError(f"DateAttr::getDate Invalid date :{text}") from None
    if day > 31 or month > 12:
        raise LineError(f"Invalid Date(day,month,year) : {text}")
    node.dates += (DateAttribute(day, month, year, "free" in line.state_words),)


def read_day(node: Node, line: Line) -> None:
    """``day NAME``."""
    text = line.words[0] if line.words else ""
    if text not in WEEKDAYS:
        expected = ",".join([*WEEKDAYS[1:], WEEKDAYS[0]])
        raise LineError(f"Invalid day({text}) specification expected one of [{expected}]: ")
    waiting = ""
    for word in line.state_words:
        if word.startswith("date:") and word != "date:not-a-date-time":
            waiting = word.removeprefix("date:")
    node.days += (
        DayAttribute(
            WEEKDAYS.index(text), waiting, "free" in line.state_words, "expired" in line.state_words
        ),
    )
