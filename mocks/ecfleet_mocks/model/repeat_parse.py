"""Reading a ``repeat`` line; refused texts in the words seen on 5.9.2."""

from __future__ import annotations

import re

from ecfleet_mocks.model.definition import Node
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
    if node.repeat is not None:
        raise LineError(
            f"Add Repeat failed: Repeat of name '{node.repeat.name}' already exist for node {node.label}"
        )
    words = line.words
    if len(words) < 2:
        raise LineError(f"RepeatParser::doParse: Invalid repeat {line.shown}")
    try:
        kind = RepeatKind(words[0])
    except ValueError:
        raise LineError(f"RepeatParser::doParse: Invalid repeat {line.shown}") from None
    if kind is RepeatKind.DAY:
        node.repeat = Repeat.at_start(kind, "", words[1:2])
        return
    name, values = words[1], words[2:]
    if kind in _RANGES:
        values = _range(kind, values, line)
    elif not values:
        raise LineError(f"Invalid repeat : {line.shown}")
    else:
        values = tuple(map(_unquoted, values))
    repeat = Repeat.at_start(kind, name, values)
    if line.state_words:
        repeat = Repeat(kind, name, values, line.state_words[0])
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


def _unquoted(word: str) -> str:
    # Values are split at blanks before the quotes are looked at, so that a quote may stay on one side.
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word
