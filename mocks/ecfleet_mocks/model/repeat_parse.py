"""Reading a ``repeat`` line; refused texts in the words seen on 5.9.2."""

from __future__ import annotations

import re
from calendar import monthrange

from ecfleet_mocks.model.definition import Node, valid_name
from ecfleet_mocks.model.repeats import Repeat, RepeatKind
from ecfleet_mocks.model.text_line import Line, LineError

__all__ = ["read_repeat"]

_RANGES = {
    RepeatKind.INTEGER: r"-?\d+",
    RepeatKind.DATE: r"\d{8}",
    RepeatKind.DATETIME: r"\d{8}T\d{6}",
}


def read_repeat(node: Node, line: Line) -> None:
    """Read a repeat into a node.

    :raises LineError: when the node has one already, or the line is none.
    """
    words = line.words
    if len(words) < 2:
        raise LineError(f"RepeatParser::doParse: Invalid repeat {line.shown}")
    try:
        kind = RepeatKind(words[0])
    except ValueError:
        raise LineError(f"RepeatParser::doParse: Invalid repeat {line.shown}") from None
    if kind is RepeatKind.DAY:
        _add(node, _day(words[1:], line))
        return
    name, values = words[1], words[2:]
    if kind in _RANGES:
        values = _range(kind, values, line)
        if kind is RepeatKind.DATE:
            _check_dates(name, values, line)
    elif not values:
        raise LineError(f"Invalid repeat : {line.shown}")
    else:
        values = tuple(map(_unquoted, values))
        if kind is RepeatKind.DATELIST:
            _check_list(name, values)
    if kind in _NAMED and not valid_name(name):
        raise LineError(f"{_NAMED[kind]} Invalid name: {name}")
    repeat = Repeat.at_start(kind, name, values)
    if line.state_words:
        repeat = Repeat(kind, name, values, line.state_words[0])
    _add(node, repeat)


def _add(node: Node, repeat: Repeat) -> None:
    if node.repeat is not None:
        raise LineError(
            f"Add Repeat failed: Repeat of name '{node.repeat.name}' already exist for node {node.label}",
            # Being put to where it stands counts, although it is then thrown away.
            numbers=repeat.position != repeat.start,
        )
    node.repeat = repeat


def _range(kind: RepeatKind, values: tuple[str, ...], line: Line) -> tuple[str, ...]:
    if len(values) < 2 or not all(re.fullmatch(_RANGES[kind], value) for value in values[:2]):
        hint = " YMD must be 8 characters i.e yyyymmdd" if kind is RepeatKind.DATE else ""
        raise LineError(f"Invalid repeat : {line.shown}{hint}")
    step = values[2] if len(values) > 2 else ""
    if kind is RepeatKind.DATE and not step:
        step = "1"
    if kind is RepeatKind.DATETIME:
        step = step or "24:00:00"
    if kind is RepeatKind.INTEGER and step == "1":
        step = ""
    if step and not re.fullmatch(r"-?\d+(:\d\d:\d\d)?", step):
        raise LineError(f"Invalid repeat : {line.shown}")
    return (*values[:2], step) if step else tuple(values[:2])


_NAMED = {
    RepeatKind.DATE: "RepeatDate::RepeatDate:",
    RepeatKind.DATELIST: "RepeatDateList:",
    RepeatKind.ENUMERATED: "RepeatEnumerated:",
    RepeatKind.INTEGER: "RepeatInteger:",
    RepeatKind.STRING: "RepeatString::",
}


def _day(words: tuple[str, ...], line: Line) -> Repeat:
    if len(words) > 1:
        raise LineError(f"RepeatParser::doParse: repeat day, <end-date> not supported: {line.shown}")
    if not re.fullmatch(_RANGES[RepeatKind.INTEGER], words[0]):
        raise LineError("Invalid repeat day:")
    return Repeat.at_start(RepeatKind.DAY, "", words)


def _fault(ymd: str) -> str:
    """Why eight digits are no date; empty when they are one."""
    year, month, day = int(ymd[:4]), int(ymd[4:6]), int(ymd[6:])
    if not 1400 <= year <= 9999:
        return "Year is out of valid range: 1400..9999"
    if not 1 <= month <= 12:
        return "Month number is out of range 1..12"
    if not 1 <= day <= 31:
        return "Day of month value is out of range 1..31"
    return "" if day <= monthrange(year, month)[1] else "Day of month is not valid for year"


def _check_dates(name: str, values: tuple[str, ...], line: Line) -> None:
    for value in values[:2]:
        if fault := _fault(value):
            raise LineError(f"Invalid repeat : {line.shown}\n{fault} YMD is not a valid date")
    start, end, step = (int(value) for value in values)
    shown = f"repeat {name} {start} {end} {step}"
    if step == 0:
        raise LineError(f"Invalid Repeat date: the delta cannot be zero{shown}")
    if step > 0 and start > end:
        raise LineError(
            "Invalid Repeat date: The end must be greater than the start date, when delta is positive "
            f"{shown}"
        )
    if step < 0 and start < end:
        raise LineError(
            "Invalid Repeat date: The start must be greater than the end date, when delta is negative "
            f"{shown}"
        )


def _check_list(name: str, values: tuple[str, ...]) -> None:
    for value in values:
        if not re.fullmatch(r"\d{8}", value) or _fault(value):
            raise LineError(
                f"Invalid Repeat datelist Invalid Repeat datelist : {name} the date {value} is not valid. "
                "Please use yyyymmdd format."
            )


def _unquoted(word: str) -> str:
    # Values are split at blanks before the quotes are looked at, so that a quote may stay on one side.
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word
