"""A fleet as plain data: what was asked for, comparable, and the errors that name it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from os import PathLike, fspath
from typing import Any

from ecfleet.hosts import Host
from ecfleet_mocks.model.auth import AuthRelease
from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.model.tunnels import Personality
from ecfleet_mocks.service import Service

__all__ = ["FleetDescription", "FleetError", "ServiceDescription", "as_plain_data", "suggestion"]


class FleetError(RuntimeError):
    """The fleet cannot be as asked; the message is one clear line.

    :ivar service: name of the service that it is about, if it is about one.
    :ivar option: the keyword that is wrong, if one is.
    """

    def __init__(self, message: str, *, service: str | None = None, option: str | None = None) -> None:
        super().__init__(message)
        self.service = service
        self.option = option


@dataclass(frozen=True, slots=True)
class ServiceDescription:
    """One service as it was asked for: its kind, which is also the method that adds it, and its keywords."""

    kind: str
    name: str
    host: str | None
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FleetDescription:
    """A fleet without its addresses: equal for fleets that were asked for in the same way, in any order."""

    seed: int
    hosts: Mapping[str, tuple[str, ...]]
    """The aliases of each host."""
    services: Mapping[str, ServiceDescription]


def as_plain_data(value: Any) -> Any:
    """An option as it would be written down: names for services and hosts, texts for paths and enums."""
    match value:
        case Service() | Host() | Dialect() | Personality() | AuthRelease():
            return value.name
        case Enum():
            return value.value
        case PathLike():
            return fspath(value)
        case Mapping():
            return {as_plain_data(key): as_plain_data(entry) for key, entry in value.items()}
        case list() | tuple() | set() | frozenset():
            entries = [as_plain_data(entry) for entry in value]
            return sorted(entries) if isinstance(value, set | frozenset) else entries
    return value


def suggestion(wrong: str, known: Collection[str]) -> str:
    """How an error about an unknown name goes on: what was meant, perhaps, and what there is."""
    close = difflib.get_close_matches(wrong, known, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    there_is = f" (there is {', '.join(known)})" if known else " (there is none)"
    return meant or there_is
