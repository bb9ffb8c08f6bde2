"""Where in a TOML text a key stands: tomllib tells lines of syntax errors only."""

from __future__ import annotations

import re
import tomllib
from typing import Any, TypeAlias

__all__ = ["KeyPath", "line_of", "line_of_syntax_error"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys from the top down; a number is the index in an array of tables."""


def _has(document: Any, path: KeyPath) -> bool:
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def line_of(text: str, path: KeyPath) -> int:
    """The line, from 1, at which the value of ``path`` begins.

    Without such a key, the line of the nearest table above it that there is, or 1.

    :param text: a whole TOML document without syntax errors.
    """
    # The first lines of a document are a document too, unless they end within a value.  So the key is in
    # the lines between the longest start without it and the shortest with it.
    lines = text.splitlines(keepends=True)
    without = 0
    for count in range(1, len(lines) + 1):
        try:
            document = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        if _has(document, path):
            return without + 1
        without = count
    return line_of(text, path[:-1]) if path else 1


_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def line_of_syntax_error(text: str, error: tomllib.TOMLDecodeError) -> tuple[int, str]:
    """The line, from 1, of a syntax error, and what tomllib says without the position."""
    said = str(error)
    position = _POSITION.search(said)
    if position is None:
        return 1, said
    line = int(position[1]) if position[1] else max(1, len(text.splitlines()))
    return line, said[: position.start()]
