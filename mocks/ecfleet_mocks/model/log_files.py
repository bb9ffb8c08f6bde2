"""What a log server does with a request: mapping, permission, increments, lists, as pure functions.

The released script (5.9.2 and 5.17.0 are alike here) trusts too much: paths are checked as texts, without a
boundary at ``/``, and ``..`` is left out of the check but not out of the path (FB-67); checksums are compared
as numbers (FB-66); the map is tried in random order (FB-71).  Each function for that has two forms, the safe
one and, with ``faithful=True``, the script's.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = [
    "CHECKSUM_BYTES",
    "DEFAULT_PORT",
    "SPACE",
    "USUAL_PORT",
    "ChecksumKind",
    "DeltaAnswer",
    "DeltaKind",
    "checksum",
    "delta_answer",
    "list_pattern",
    "listed",
    "map_path",
    "name_on_disk",
    "number",
    "parse_logmap",
    "parse_logpath",
    "refusal",
    "within",
    "without_nul",
]

DEFAULT_PORT: Final = 19999
"""The script's port without LOGPORT (read in source of 5.9.2 and 5.17.0)."""

USUAL_PORT: Final = 9316
"""The log servers' port at the Centre ("Redirect logserver requests to localhost")."""

CHECKSUM_BYTES: Final = 1024
"""How many bytes from the beginning of a file its checksum covers."""

SPACE: Final = " \t\n\v\f\r"
"""What the script takes for white space."""


class ChecksumKind(StrEnum):
    """What stands in the checksum field."""

    NONE = "x"
    """The letter ``x``: the script without the Perl module Digest::SHA1, as on Debian."""
    SHA1 = "sha1"
    """The SHA-1 of the first 1024 bytes, in hexadecimal."""


class DeltaKind(StrEnum):
    """How ``delta`` is answered."""

    UNCHANGED = "unchanged"
    """By ``1`` alone."""
    INCREMENT = "increment"
    """By the header of kind 1 and the bytes from a position on."""
    WHOLE = "whole"
    """By the header of kind 0 and the whole file."""


@dataclass(frozen=True, slots=True)
class DeltaAnswer:
    """How ``delta`` is answered, and from which byte of the file on."""

    kind: DeltaKind
    start: int = 0


def parse_logpath(text: str) -> tuple[str, ...]:
    """The directories of LOGPATH, a list with colons."""
    return tuple(_split(text, ":"))


def parse_logmap(text: str) -> tuple[tuple[str, str], ...]:
    """The pairs of LOGMAP, ``from:to:from:to``; a last ``from`` without ``to`` is mapped to nothing."""
    parts = parse_logpath(text)
    ends = (*parts[1::2], "") if len(parts) % 2 else parts[1::2]
    # A name that comes twice has the last meaning.
    return tuple(dict(zip(parts[::2], ends, strict=True)).items())


def map_path(path: str, logmap: Iterable[tuple[str, str]], *, faithful: bool = False) -> str:
    """The path after LOGMAP.

    Safe: the longest prefix wins, and a prefix ends at a ``/``.  Faithful: the first that matches as a
    regular expression from the beginning (the real order is random in each process; here it is the given).

    :raises ValueError: faithful, when a prefix is no regular expression.
    """
    if faithful:
        for old, new in logmap if path else ():
            if found := _expression(old).match(path):
                return new + path[found.end() :]
        return path
    fitting = [(old, new) for old, new in logmap if old and _begins(path, old)]
    if not fitting:
        return path
    old, new = max(fitting, key=lambda pair: len(pair[0]))
    return new + path[len(old) :]


def refusal(path: str, served: Sequence[str], *, faithful: bool = False) -> str | None:
    """Why this path must not be served, judged by its text alone, or None.

    What it leads to by symbolic links is to be held against :func:`within` afterwards.

    :raises ValueError: faithful, when a served directory is no regular expression.
    """
    if faithful:
        checked = "/".join(part for part in _split(path, "/") if part != "..")
        if any(_expression(directory).match(checked) for directory in served):
            return None
        return f"{checked!r} begins with no served directory"
    if "\0" in path:
        return "the path holds a NUL"
    if not path.startswith("/"):
        return "the path is not absolute"
    if ".." in path.split("/"):
        return "the path goes up (..)"
    if any(within(path, directory) for directory in served):
        return None
    return "the path is in no served directory"


def name_on_disk(path: str) -> str | None:
    """What the script hands to the system for a path: a NUL at its very end is dropped.

    None for a path with a NUL elsewhere: no file has it.  It opens a file without the white space at the end
    of its path, but looks up time and size with it, so that these may be unknown for a file that it sends.
    """
    name = path.removesuffix("\0")
    return None if "\0" in name else name


def within(path: str, directory: str) -> bool:
    """Whether an absolute path is a directory or below it, as texts; empty and ``.`` parts do not count."""
    parts, above = _parts(path), _parts(directory)
    return parts[: len(above)] == above


def checksum(head: bytes, kind: ChecksumKind) -> str:
    """The checksum field for a file that begins with ``head``, of which the first 1024 bytes count."""
    if kind is ChecksumKind.NONE:
        return "x"
    return hashlib.sha1(head[:CHECKSUM_BYTES], usedforsecurity=False).hexdigest()


def delta_answer(
    size: int,
    mtime: int,
    own_checksum: str,
    *,
    position: str,
    known_mtime: str,
    known_checksum: str,
    faithful: bool = False,
) -> DeltaAnswer:
    """How ``delta`` is answered for a file of this size (bytes), modification time and checksum.

    Texts that are no numbers count as 0.  Faithful: checksums, too, are compared as numbers, so that ``abc``
    equals ``x``; safe: as texts, so that what is not known to be the same is sent whole.
    """
    known = number(position)

    def same_checksum() -> bool:
        if faithful:
            return number(own_checksum) == number(known_checksum)
        return own_checksum == known_checksum

    if size == known:
        sure = (number(known_checksum) == 0 if faithful else known_checksum == "x") or same_checksum()
        return DeltaAnswer(DeltaKind.UNCHANGED if mtime == number(known_mtime) and sure else DeltaKind.WHOLE)
    if 0 <= known < size and same_checksum():
        return DeltaAnswer(DeltaKind.INCREMENT, int(known))
    return DeltaAnswer(DeltaKind.WHOLE)


_NUMBER: Final = re.compile(
    r"[ \t\n\v\f\r]*([+-]?)(?:(inf(?:inity)?)|(nan)|((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))", re.I | re.A
)


def number(text: str) -> int | float:
    """The number that a text begins with, as Perl reads it; 0 when it begins with none."""
    found = _NUMBER.match(text)
    if found is None:
        return 0
    sign, infinite, nan, digits = found.groups()
    if nan:
        return math.nan
    if infinite:
        value: int | float = math.inf
    else:
        value = int(digits) if digits.isdigit() and len(digits) < 19 else float(digits)
    return -value if sign == "-" else value


def list_pattern(path: str) -> tuple[str, str]:
    """For ``list``: the directory (with its final ``/``) and the text that names begin with before a dot."""
    directory, slash, name = path.rpartition("/")
    return directory + slash if slash else "./", name.partition(".")[0]


def listed(name: str, beginning: str, *, faithful: bool = False) -> bool:
    """Whether a file of this name is in the list for this beginning.

    Faithful: the beginning is a regular expression, and the directories ``.`` and ``..`` count as files.

    :raises ValueError: faithful, when the beginning is no regular expression.
    """
    if faithful:
        return _expression(beginning + r"\.").match(name) is not None
    return name.startswith(beginning + ".") and name not in (".", "..")


def without_nul(data: bytes) -> bytes:
    """What ``get`` (and only that) makes of a block of a file since 5.16: its NUL bytes are left out."""
    return data.replace(b"\0", b"")


def _split(text: str, separator: str) -> list[str]:
    """Split as Perl does: empty parts at the end are dropped."""
    parts = text.split(separator)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _begins(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix) :][:1] in ("", "/"))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _expression(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.A)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
