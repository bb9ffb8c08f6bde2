"""Classes on the wire, declared field by field beside the dataclass that stands for them.

A dataclass says in its annotations how each field is written::

    @record(registry=COMMANDS)
    @dataclass(frozen=True, slots=True)
    class CtsNodeCmd(UserCommand):
        api: Annotated[CtsNodeApi | int, named("api_", Enumeration(CtsNodeApi))]
        path: Annotated[str, named("absNodePath_", TEXT)] = ""

:func:`record` turns that into a :class:`Structure`, which is all that reading and writing need.  A Python
base class that is a record itself is the C++ base class, written first, as ``value0``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, TypeVar, get_type_hints

from ecfleet_mocks.wire.archive import (
    ABSENT,
    TEXT,
    UINT,
    VERSION_FIELD,
    Fields,
    Kind,
    Reader,
    Writer,
    object_text,
)
from ecfleet_mocks.wire.errors import ArchiveError, NullPointer, UnknownClass, UnknownObject, WrongType

__all__ = [
    "Member",
    "Polymorphic",
    "Registry",
    "Shared",
    "Struct",
    "Structure",
    "Unique",
    "named",
    "optional",
    "record",
    "unnamed",
]

T = TypeVar("T")

_NEW: Final = 0x80000000
"""Set in a pointer's id where the class name, or the object's data, follows."""
_DECLARED: Final = 0x40000000
"""Set in a polymorphic id where the object has exactly the declared class."""


@dataclass(frozen=True, slots=True)
class Member:
    """How one field is written.

    :param name: the field's name on the wire; ``None``: unnamed, so written as ``value0``, ``value1``, ...
    :param kind: its type.
    :param optional: left out when it has the dataclass's default; read only where it is the next in line.
    """

    name: str | None
    kind: Kind
    optional: bool = False


def named(name: str, kind: Kind) -> Member:
    """A field that is always written."""
    return Member(name, kind)


def optional(name: str, kind: Kind) -> Member:
    """A field that is left out when it has the dataclass's default."""
    return Member(name, kind, optional=True)


def unnamed(kind: Kind, *, optional: bool = False) -> Member:
    """A field that is written under the next ``valueN``."""
    return Member(None, kind, optional)


@dataclass(frozen=True, slots=True)
class _Step:
    label: str
    attribute: str
    member: Member
    absent: Any


class Structure:
    """A class of the archive: its name, base and fields.

    :param version: the number to write at the first occurrence, from the object; ``None``: the class
        carries no version.
    """

    __slots__ = ("_base", "_steps", "cls", "name", "version")

    def __init__(
        self,
        cls: type[Any],
        name: str,
        base: Structure | None,
        version: Callable[[Any], int] | None,
        members: dict[str, Member],
    ) -> None:
        self.cls = cls
        self.name = name
        self.version = version
        self._base = base
        defaults = {field.name: field.default for field in fields(cls)}
        count = 0 if base is None else 1
        steps = []
        for attribute, member in members.items():
            label = member.name
            if label is None:
                label = f"value{count}"
                count += 1
            absent = defaults[attribute] if member.optional else MISSING
            if member.optional and absent is MISSING:
                raise TypeError(f"{cls.__name__}.{attribute} is optional and has no default")
            steps.append(_Step(label, attribute, member, absent))
        self._steps = tuple(steps)

    def write(self, out: Writer, value: Any) -> str:
        """The JSON object of ``value``."""
        parts = []
        if self.version is not None and self.name not in out.versions:
            out.versions.add(self.name)
            parts.append(f'"{VERSION_FIELD}": {self.version(value)}')
        if self._base is not None:
            parts.append(f'"value0": {self._base.write(out, value)}')
        for step in self._steps:
            content = getattr(value, step.attribute)
            if step.member.optional and content == step.absent:
                continue
            parts.append(f'"{step.label}": {step.member.kind.write(out, content)}')
        return object_text(parts)

    def read(self, source: Reader, value: Any) -> Any:
        """The object of parsed JSON."""
        found: dict[str, Any] = {}
        self._collect(source, value, found)
        return self.cls(**found)

    def _collect(self, source: Reader, value: Any, found: dict[str, Any]) -> None:
        members = Fields(value)
        if self.version is not None:
            source.version(self.name, members)
        if self._base is not None:
            try:
                self._base._collect(source, members.following(), found)
            except ArchiveError as error:
                error.within("value0")
                raise
        for step in self._steps:
            member = step.member
            if member.name is None:
                content = members.following_if_any() if member.optional else members.following()
            elif member.optional:
                content = members.optional(member.name)
            else:
                content = members.named(member.name)
            if content is ABSENT:
                continue
            try:
                found[step.attribute] = member.kind.read(source, content)
            except ArchiveError as error:
                error.within(step.label)
                raise


class Registry:
    """The classes that may stand behind a polymorphic pointer, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Structure] = {}
        self._by_class: dict[type[Any], Structure] = {}

    @property
    def classes(self) -> tuple[type[Any], ...]:
        """The dataclasses, in order of declaration."""
        return tuple(self._by_class)

    def add(self, structure: Structure) -> None:
        """Take one more class in."""
        self._by_name[structure.name] = structure
        self._by_class[structure.cls] = structure

    def named(self, name: str) -> Structure:
        """The class ``name``.

        :raises UnknownClass: when there is none.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownClass(f"class {name!r} is not known here") from None

    def of(self, value: Any) -> Structure:
        """The class of ``value``.

        :raises UnknownClass: when it is none of these.
        """
        try:
            return self._by_class[type(value)]
        except KeyError:
            raise UnknownClass(f"a {type(value).__name__} cannot be written here") from None


_STRUCTURES: dict[type[Any], Structure] = {}


def record(
    *,
    name: str | None = None,
    versioned: bool | Callable[[Any], int] = True,
    registry: Registry | None = None,
    order: tuple[str, ...] | None = None,
) -> Callable[[type[T]], type[T]]:
    """Declare a frozen dataclass as a class of the archive.

    :param name: ecFlow's class name; the dataclass's own by default.
    :param versioned: whether a class version is written (0, or what the function says of the object).
    :param registry: where a polymorphic pointer finds the class.
    :param order: the attributes in the order of the wire, where that is not the order of the dataclass.
    """

    def declare(cls: type[T]) -> type[T]:
        base = _STRUCTURES.get(cls.__mro__[1])
        inherited = {field.name for field in fields(cls.__mro__[1])} if base is not None else set()
        hints = get_type_hints(cls, include_extras=True)
        own = tuple(field.name for field in fields(cls) if field.name not in inherited)  # type: ignore[arg-type]
        if order is not None and sorted(order) != sorted(own):
            raise TypeError(f"{cls.__name__}: the order names other attributes than the class has")
        members = {
            attribute: next(part for part in hints[attribute].__metadata__ if isinstance(part, Member))
            for attribute in order or own
        }
        version = versioned if callable(versioned) else (_zero if versioned else None)
        structure = Structure(cls, name or cls.__name__, base, version, members)
        _STRUCTURES[cls] = structure
        if registry is not None:
            registry.add(structure)
        return cls

    return declare


def _zero(_: Any) -> int:
    return 0


class Struct:
    """An object of the class of ``cls``, in place."""

    __slots__ = ("_structure", "read", "write")

    def __init__(self, cls: type[Any]) -> None:
        self._structure = _STRUCTURES[cls]
        self.write = self._structure.write
        self.read = self._structure.read


class Unique:
    """A unique pointer to a class that has no derived ones; never null."""

    __slots__ = ("_structure",)

    def __init__(self, cls: type[Any]) -> None:
        self._structure = _STRUCTURES[cls]

    def write(self, out: Writer, value: Any) -> str:
        return object_text([_write_unique(out, self._structure, value)])

    def read(self, source: Reader, value: Any) -> Any:
        return _read_unique(source, self._structure, Fields(value))


class Shared:
    """A shared pointer to a class that has no derived ones.

    The same Python object twice in one message is written once and referred to afterwards.
    """

    __slots__ = ("_structure",)

    def __init__(self, cls: type[Any]) -> None:
        self._structure = _STRUCTURES[cls]

    def write(self, out: Writer, value: Any) -> str:
        return object_text([_write_wrapper(out, self._structure, value)])

    def read(self, source: Reader, value: Any) -> Any:
        return _read_wrapper(source, self._structure, Fields(value), self._structure.cls)


class Polymorphic:
    """A shared pointer to any class of ``registry``.

    :param base: the Python class that all of them derive from.
    :param declared: the class behind id 0x40000000, where the declared class is no abstract one.
    :param unique: a unique pointer, which counts no objects.
    """

    __slots__ = ("_base", "_declared", "_registry", "_unique")

    def __init__(
        self,
        registry: Registry,
        base: type[Any],
        *,
        declared: type[Any] | None = None,
        unique: bool = False,
    ) -> None:
        self._registry = registry
        self._base = base
        self._declared = None if declared is None else _STRUCTURES[declared]
        self._unique = unique

    def write(self, out: Writer, value: Any) -> str:
        if self._declared is not None and type(value) is self._declared.cls:
            return object_text([f'"polymorphic_id": {_DECLARED}', _write_wrapper(out, self._declared, value)])
        structure = self._registry.of(value)
        number = out.classes.get(structure.name)
        if number is not None:
            head = [f'"polymorphic_id": {number}']
        else:
            number = out.classes[structure.name] = len(out.classes) + 1
            head = [f'"polymorphic_id": {_NEW | number}', f'"polymorphic_name": "{structure.name}"']
        if self._unique:
            return object_text([*head, _write_unique(out, structure, value)])
        return object_text([*head, _write_wrapper(out, structure, value)])

    def read(self, source: Reader, value: Any) -> Any:
        members = Fields(value)
        number = UINT.read(source, members.named("polymorphic_id"))
        if number == 0:
            raise NullPointer("the pointer is null")
        if number & _DECLARED:
            if self._declared is None:
                raise UnknownClass("the declared class is abstract")
            return _read_wrapper(source, self._declared, members, self._base)
        if number & _NEW:
            # The first name given for a number stays (read in source of cereal 1.3.0).
            name = TEXT.read(source, members.named("polymorphic_name"))
            source.classes.setdefault(number & ~_NEW, name)
        elif number in source.classes:
            name = source.classes[number]
        else:
            raise UnknownClass(f"class number {number} was not named before")
        structure = self._registry.named(name)
        try:
            if self._unique:
                return _read_unique(source, structure, members)
            return _read_wrapper(source, structure, members, self._base)
        except ArchiveError as error:
            error.within(name)
            raise


def _write_unique(out: Writer, structure: Structure, value: Any) -> str:
    return '"ptr_wrapper": ' + object_text(['"valid": 1', f'"data": {structure.write(out, value)}'])


def _read_unique(source: Reader, structure: Structure, members: Fields) -> Any:
    wrapper = Fields(members.named("ptr_wrapper"))
    if not UINT.read(source, wrapper.named("valid")):
        raise NullPointer("the pointer is null")
    return structure.read(source, wrapper.named("data"))


def _write_wrapper(out: Writer, structure: Structure, value: Any) -> str:
    number = out.objects.get(id(value))
    if number is not None:
        return '"ptr_wrapper": ' + object_text([f'"id": {number}'])
    number = out.objects[id(value)] = len(out.objects) + 1
    inside = [f'"id": {_NEW | number}', f'"data": {structure.write(out, value)}']
    return '"ptr_wrapper": ' + object_text(inside)


def _read_wrapper(source: Reader, structure: Structure, members: Fields, base: type[Any]) -> Any:
    wrapper = Fields(members.named("ptr_wrapper"))
    number = UINT.read(source, wrapper.named("id"))
    if number == 0:
        raise NullPointer("the pointer is null")
    if number & _NEW:
        value = structure.read(source, wrapper.named("data"))
        source.objects[number & ~_NEW] = value
        return value
    if number not in source.objects:
        raise UnknownObject(f"object number {number} was not written before")
    value = source.objects[number]
    if not isinstance(value, base):
        raise WrongType(f"object number {number} is a {type(value).__name__}")
    return value
