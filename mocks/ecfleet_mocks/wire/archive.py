"""The cereal JSON archive: what a message remembers while it is written or read, and its plain values.

A :class:`Kind` is a C++ type on the wire: it writes a Python value as text and reads one back.  Classes,
pointers and the class versions are in :mod:`ecfleet_mocks.wire.schema`; they build on this.

White space is that of the real writers: a newline after each ``{``, ``[`` and ``,`` and before each ``}``
and ``]``, no indentation, a blank after each ``:``, and ``{}`` and ``[]`` for what is empty (seen on 5.9.2
and 5.17.0).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Final, Protocol

from ecfleet_mocks.wire.errors import ArchiveError, MissingField, WrongType
from ecfleet_mocks.wire.json_text import quote

__all__ = [
    "ABSENT",
    "BOOL",
    "INT",
    "NUMBER",
    "SIZE",
    "TEXT",
    "UINT",
    "WORD",
    "Enumeration",
    "Fields",
    "Kind",
    "Many",
    "Pair",
    "Reader",
    "Wrapped",
    "Writer",
    "array",
    "object_text",
]

ABSENT: Final = object()
"""What an optional field reads as when it is not there."""

VERSION_FIELD: Final = "cereal_class_version"


class Writer:
    """What one message remembers while it is written: class versions, class names and objects given."""

    __slots__ = ("classes", "objects", "versions")

    def __init__(self) -> None:
        self.versions: set[str] = set()
        self.classes: dict[str, int] = {}
        self.objects: dict[int, int] = {}


class Reader:
    """What one message remembers while it is read: the same three things from the other side."""

    __slots__ = ("classes", "objects", "versions")

    def __init__(self) -> None:
        self.versions: set[str] = set()
        self.classes: dict[int, str] = {}
        self.objects: dict[int, Any] = {}

    def version(self, name: str, fields: Fields) -> None:
        """Demand the class version where ``name`` occurs for the first time; its number does not matter."""
        if name not in self.versions:
            self.versions.add(name)
            UINT.read(self, fields.named(VERSION_FIELD))


class Fields:
    """An object being read: fields by name, unnamed ones in sequence, as the real readers go.

    :raises WrongType: when ``value`` is no JSON object.
    """

    __slots__ = ("_index", "_members")

    def __init__(self, value: Any) -> None:
        if type(value) is not tuple:
            raise WrongType(f"expected an object, found {_described(value)}")
        self._members: tuple[tuple[str, Any], ...] = value
        self._index = 0

    def named(self, name: str) -> Any:
        """The field ``name``: the next in sequence, else wherever in the object it stands.

        :raises MissingField: when it is nowhere.
        """
        members = self._members
        index = self._index
        if index < len(members) and members[index][0] == name:
            self._index = index + 1
            return members[index][1]
        for index, (key, value) in enumerate(members):
            if key == name:
                self._index = index + 1
                return value
        raise MissingField(f"field {name!r} is missing")

    def optional(self, name: str) -> Any:
        """The field ``name`` when it is the very next, else :data:`ABSENT` (seen on 5.9.2)."""
        members = self._members
        index = self._index
        if index < len(members) and members[index][0] == name:
            self._index = index + 1
            return members[index][1]
        return ABSENT

    def following(self) -> Any:
        """The next field whatever its name, for bases and unnamed members.

        :raises MissingField: at the end of the object.
        """
        value = self.following_if_any()
        if value is ABSENT:
            raise MissingField("an unnamed field is missing")
        return value

    def following_if_any(self) -> Any:
        """The next field whatever its name, or :data:`ABSENT` at the end of the object."""
        if self._index >= len(self._members):
            return ABSENT
        value = self._members[self._index][1]
        self._index += 1
        return value


class Kind(Protocol):
    """A type on the wire.

    ``write`` gives the JSON text of a value, ``read`` the value of parsed JSON; ``read`` raises an
    :class:`ArchiveError`.
    """

    def write(self, out: Writer, value: Any) -> str: ...

    def read(self, source: Reader, value: Any) -> Any: ...


class _Text:
    __slots__ = ()

    def write(self, out: Writer, value: str) -> str:
        return quote(value)

    def read(self, source: Reader, value: Any) -> str:
        if type(value) is not str:
            raise WrongType(f"expected a string, found {_described(value)}")
        return value


class _Bool:
    __slots__ = ()

    def write(self, out: Writer, value: bool) -> str:
        return "true" if value else "false"

    def read(self, source: Reader, value: Any) -> bool:
        if type(value) is not bool:
            raise WrongType(f"expected true or false, found {_described(value)}")
        return value


class _Whole:
    """A whole number between two bounds; writing does not look at them, so that wrong ones can be sent."""

    __slots__ = ("highest", "lowest")

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest = lowest
        self.highest = highest

    def write(self, out: Writer, value: int) -> str:
        return int.__repr__(value)

    def read(self, source: Reader, value: Any) -> int:
        if type(value) is not int:
            raise WrongType(f"expected a whole number, found {_described(value)}")
        if not self.lowest <= value <= self.highest:
            raise WrongType(f"{_described(value)} is not within {self.lowest} and {self.highest}")
        return value


TEXT: Final = _Text()
"""A string; see :mod:`ecfleet_mocks.wire.json_text` for bytes that are no UTF-8."""
BOOL: Final = _Bool()
INT: Final = _Whole(-(2**31), 2**31 - 1)
"""A C++ ``int``, also under an enum."""
UINT: Final = _Whole(0, 2**32 - 1)
"""A C++ ``unsigned int``; cereal's own numbers are these."""
WORD: Final = _Whole(-(2**31), 2**32 - 1)
"""A C++ ``int`` or ``unsigned int``, where it was not seen which."""
SIZE: Final = _Whole(0, 2**64 - 1)
"""A C++ ``size_t``."""
NUMBER: Final = _Whole(-(2**63), 2**64 - 1)
"""A C++ ``long``, or a number of which no more is known than that it fits 64 bits."""


class Enumeration:
    """A C++ enum.  A number without a name stays a plain ``int``, as it does in the real programs."""

    __slots__ = ("_members",)

    def __init__(self, enumeration: type[IntEnum]) -> None:
        self._members = {int(member): member for member in enumeration}

    def write(self, out: Writer, value: int) -> str:
        return int.__repr__(value)

    def read(self, source: Reader, value: Any) -> int:
        number = INT.read(source, value)
        return self._members.get(number, number)


class Many:
    """An array of ``kind``, as a tuple."""

    __slots__ = ("_kind",)

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def write(self, out: Writer, value: Iterable[Any]) -> str:
        write = self._kind.write
        return array(write(out, element) for element in value)

    def read(self, source: Reader, value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise WrongType(f"expected an array, found {_described(value)}")
        read = self._kind.read
        elements = []
        for index, element in enumerate(value):
            try:
                elements.append(read(source, element))
            except ArchiveError as error:
                error.within(str(index))
                raise
        return tuple(elements)


class Pair:
    """A ``std::pair``: an object with ``first`` and ``second``, as a tuple of two."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Kind, second: Kind) -> None:
        self._first = first
        self._second = second

    def write(self, out: Writer, value: tuple[Any, Any]) -> str:
        first, second = value
        return object_text(
            [f'"first": {self._first.write(out, first)}', f'"second": {self._second.write(out, second)}']
        )

    def read(self, source: Reader, value: Any) -> tuple[Any, Any]:
        fields = Fields(value)
        first = self._first.read(source, fields.named("first"))
        return first, self._second.read(source, fields.named("second"))


class Wrapped:
    """An object with one field, as the value of that field.

    :param version: the class name under which the object's version is counted; ``None``: it has none.
    :param in_sequence: read whatever field comes first, as ecFlow does for times and dates
        (read in source of 5.17).
    """

    __slots__ = ("_field", "_in_sequence", "_kind", "_version")

    def __init__(
        self, field: str, kind: Kind, *, version: str | None = None, in_sequence: bool = False
    ) -> None:
        self._field = field
        self._kind = kind
        self._version = version
        self._in_sequence = in_sequence

    def write(self, out: Writer, value: Any) -> str:
        parts = []
        if self._version is not None and self._version not in out.versions:
            out.versions.add(self._version)
            parts.append(f'"{VERSION_FIELD}": 0')
        parts.append(f'"{self._field}": {self._kind.write(out, value)}')
        return object_text(parts)

    def read(self, source: Reader, value: Any) -> Any:
        fields = Fields(value)
        if self._version is not None:
            source.version(self._version, fields)
        return self._kind.read(source, fields.following() if self._in_sequence else fields.named(self._field))


def array(elements: Iterable[str]) -> str:
    """A JSON array of written elements."""
    inside = ",\n".join(elements)
    return f"[\n{inside}\n]" if inside else "[]"


def object_text(members: list[str]) -> str:
    """A JSON object of written ``"name": value`` members."""
    return "{\n" + ",\n".join(members) + "\n}" if members else "{}"


def _described(value: Any) -> str:
    if type(value) is tuple:
        return "an object"
    if type(value) is list:
        return "an array"
    if value is None:
        return "null"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
