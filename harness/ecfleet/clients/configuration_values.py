"""The keys of a client's description: which kinds each is for, and how its value is read.

A reader raises ValueError with what the value must be.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from ecfleet.clients.contract import Action, Capability
from ecfleet.fleet_description import suggestion
from ecfleet.sandbox import SandboxError, check_inheritable
from ecfleet_mocks.model.dialect import DIALECTS, Dialect

__all__ = ["COMMAND_CAPABILITIES", "KEYS", "Key", "Kind"]

E = TypeVar("E", bound=StrEnum)

Reader: TypeAlias = Callable[[Any, Path], Any]
"""Value, and the directory of the file, which paths are relative to."""

COMMAND_CAPABILITIES: Final = frozenset(Capability) - {
    Capability.DISABLE_SSL,
    Capability.SOCKS,
    Capability.LOG_FETCH,
}
"""What can be asked for by options of ecflow_client."""


class Kind(StrEnum):
    """How a client is driven."""

    COMMAND = "command"
    PYTHON = "python"
    SHIM = "shim"
    BUILTIN = "builtin"


def text(value: Any, directory: Path) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"must be a text in one line, and not {value!r}")
    return value


def texts(value: Any, directory: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"must be an array of texts, and not {value!r}")
    found = tuple(text(entry, directory) for entry in value)
    if len(set(found)) != len(found):
        raise ValueError("names something twice")
    return found


def kind(value: Any, directory: Path) -> Kind:
    if value not in list(Kind):
        raise ValueError(f"unknown kind {value!r}{suggestion(str(value), list(map(str, Kind)))}")
    return Kind(value)


def command(value: Any, directory: Path) -> tuple[str, ...]:
    if isinstance(value, list):
        if not value or not all(isinstance(word, str) and "\0" not in word for word in value) or not value[0]:
            raise ValueError(f"must be a program and its first arguments, and not {value!r}")
        return tuple(value)
    line = text(value, directory)
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ValueError(f"cannot be taken apart like a line of a shell ({error}): give an array") from None
    if not words:
        raise ValueError("names no program")
    return tuple(words)


def some_of(among: type[E]) -> Reader:
    """A reader for an array of names, each the value of a member."""

    def read(value: Any, directory: Path) -> frozenset[E]:
        for name in texts(value, directory):
            if name not in list(among):
                raise ValueError(f"unknown name {name!r}{suggestion(name, list(map(str, among)))}")
        return frozenset(among(name) for name in value)

    return read


def known_dialect(value: Any, directory: Path) -> Dialect:
    if not isinstance(value, str) or value not in DIALECTS:
        raise ValueError(f"must be one of {', '.join(DIALECTS)}, as a text, and not {value!r}")
    return DIALECTS[value]


def files(value: Any, directory: Path) -> tuple[Path, ...]:
    names = (text(value, directory),) if isinstance(value, str) else texts(value, directory)
    return tuple(directory / name for name in names)


def variables(value: Any, directory: Path) -> tuple[str, ...]:
    names = texts(value, directory)
    try:
        check_inheritable(names)
    except SandboxError as error:
        raise ValueError(str(error)) from None
    if "HOME" in names:
        raise ValueError("HOME cannot be inherited by a client under test: each call has a home of its own")
    return names


def seconds(value: Any, directory: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
        raise ValueError(f"must be seconds, more than 0 and at most 3600, and not {value!r}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Key:
    """How the value of a key is read, and the kinds that it is for."""

    read: Reader
    kinds: frozenset[Kind] = frozenset(Kind)


_PROGRAMS: Final = frozenset({Kind.COMMAND, Kind.PYTHON, Kind.SHIM})

KEYS: Final[dict[str, Key]] = {
    "kind": Key(kind),
    "command": Key(command, _PROGRAMS),
    "release": Key(text, frozenset({Kind.COMMAND})),
    "dialect": Key(known_dialect, frozenset({Kind.COMMAND, Kind.BUILTIN})),
    "capabilities": Key(some_of(Capability)),
    "actions": Key(some_of(Action)),
    "profile": Key(text),
    "waivers": Key(files),
    "inherit": Key(variables, _PROGRAMS),
    "time_limit": Key(seconds),
}
"""Every key of [clients.NAME]."""
