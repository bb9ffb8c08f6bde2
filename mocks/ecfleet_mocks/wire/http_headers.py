"""HTTP header fields as they were on the wire: spelling, order, repetitions, blanks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ecfleet_mocks.wire.http_errors import BadHeaderLine, shown

SECRET_NAMES: Final = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie", "x-auth-password"}
)
"""Fields (lower case) whose values are not shown when headers are printed."""


@dataclass(frozen=True, slots=True)
class Field:
    """One header line.

    ``name`` keeps its spelling, ``value`` comes without the blanks around it (both are Latin-1 text, so that
    every byte survives). ``raw`` is the line as received, without its line end; it is empty for a field made
    here, takes no part in comparisons and is what is written again, so that odd blanks are kept.
    """

    name: str
    value: str
    raw: bytes = field(default=b"", compare=False, repr=False)

    def line(self) -> bytes:
        """The line to write, without its line end. Nothing is checked: a CR LF in a value adds lines."""
        return self.raw or f"{self.name}: {self.value}".encode("latin-1")

    def __repr__(self) -> str:
        return f"Field{self.shown()!r}"

    def shown(self) -> tuple[str, str]:
        """Name and value for print: of a secret only its scheme (``Bearer``, ``Basic``) is left."""
        if self.name.lower() not in SECRET_NAMES:
            return self.name, self.value
        scheme, blank, _ = self.value.partition(" ")
        return self.name, f"{scheme} ***" if blank else "***"


class Headers:
    """An unchanging list of header fields, in order, repetitions included.

    Built from ``(name, value)`` pairs or :class:`Field` objects; iterating gives ``(name, value)`` pairs.
    Names are compared without case, as HTTP asks, unless ``case_sensitive=True`` is given: the ecFlow server
    compares the names of its identity headers with case (seen on 5.17.0).
    """

    __slots__ = ("_fields",)

    _fields: tuple[Field, ...]

    def __init__(self, fields: Iterable[tuple[str, str] | Field] = ()) -> None:
        self._fields = tuple(one if isinstance(one, Field) else Field(*one) for one in fields)

    @property
    def fields(self) -> tuple[Field, ...]:
        """All lines, in order."""
        return self._fields

    def get(self, name: str, default: str | None = None, *, case_sensitive: bool = False) -> str | None:
        """The value of the first line of that name, or ``default``."""
        for one in self._fields:
            if _same(one.name, name, case_sensitive):
                return one.value
        return default

    def get_all(self, name: str, *, case_sensitive: bool = False) -> list[str]:
        """The values of all lines of that name, in order."""
        return [one.value for one in self._fields if _same(one.name, name, case_sensitive)]

    def listed(self, name: str) -> list[str]:
        """The members of a comma-separated list, over all lines of that name, in lower case, none empty."""
        parts = (part.strip().lower() for value in self.get_all(name) for part in value.split(","))
        return [part for part in parts if part]

    def without(self, *names: str, case_sensitive: bool = False) -> Headers:
        """A copy that lacks every line of these names."""
        return Headers(
            one for one in self._fields if not any(_same(one.name, name, case_sensitive) for name in names)
        )

    def with_(self, name: str, value: str) -> Headers:
        """A copy in which one line of that name is left, at the place of the first (else at the end)."""
        fields: list[Field] = []
        new = Field(name, value)
        placed = False
        for one in self._fields:
            if not _same(one.name, name, False):
                fields.append(one)
            elif not placed:
                fields.append(new)
                placed = True
        return Headers(fields if placed else [*fields, new])

    def adding(self, name: str, value: str) -> Headers:
        """A copy with one more line at the end, whatever is there already."""
        return Headers([*self._fields, Field(name, value)])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((one.name, one.value) for one in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._fields)

    def __repr__(self) -> str:
        return f"Headers({[one.shown() for one in self._fields]!r})"


def _same(one: str, other: str, case_sensitive: bool) -> bool:
    return one == other if case_sensitive else one.lower() == other.lower()


_FIELD_LINE: Final = re.compile(rb"([^\x00-\x20\x7f:]+):([^\x00-\x08\x0a-\x1f\x7f]*)")


def read_fields(lines: Iterable[bytes]) -> Headers:
    """Read header lines without their ends; raises :class:`BadHeaderLine`."""
    return Headers(map(_read_field, lines))


def _read_field(line: bytes) -> Field:
    found = _FIELD_LINE.fullmatch(line)
    if found is None:
        raise BadHeaderLine(f"no header line: {shown(line)}")
    name, value = found[1].decode("latin-1"), found[2].strip(b" \t").decode("latin-1")
    made = Field(name, value)
    return made if made.line() == line else Field(name, value, raw=line)
