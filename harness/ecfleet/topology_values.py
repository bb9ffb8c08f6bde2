"""The values of a topology file: each reader takes one as TOML gives it and returns what the fleet wants.

A reader raises ValueError with what the value must be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from ecfleet.certificates import CertificateKind
from ecfleet_mocks.model.auth import AUTH_RELEASES
from ecfleet_mocks.model.dialect import Dialect, dialect
from ecfleet_mocks.model.tunnels import OPENSSH, RFC1928
from ecfleet_mocks.reverse_proxy import ENGINES
from ecfleet_mocks.wire import ServerState

__all__ = ["FLEET", "HOST", "SERVICES", "Key", "Reader"]

Reader: TypeAlias = Callable[[Any, Path], Any]
"""Value, and the directory of the file, which paths are relative to."""


def text(value: Any, directory: Path) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError(f"must be a text in one line, not {value!r}")
    return value


def flag(value: Any, directory: Path) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def whole_number(value: Any, directory: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"must be a whole number, not {value!r}")
    return value


def port(value: Any, directory: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
        raise ValueError(f"must be a port from 1 to 65535, or 0 for a free one, not {value!r}")
    return value


def listener(value: Any, directory: Path) -> int | None:
    """A port, true for a free one, false for no such listener."""
    if isinstance(value, bool):
        return 0 if value else None
    return port(value, directory)


def texts(value: Any, directory: Path) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"must be a list of texts, not {value!r}")
    return [text(entry, directory) for entry in value]


def path(value: Any, directory: Path) -> Path:
    return directory / text(value, directory)


def paths(value: Any, directory: Path) -> list[Path]:
    return [path(entry, directory) for entry in texts(value, directory)]


def table_of_texts(value: Any, directory: Path) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f'must be a table of texts, such as {{ a = "b" }}, not {value!r}')
    return {name: text(entry, directory) for name, entry in value.items()}


def versions(value: Any, directory: Path) -> list[int]:
    if value not in ([4], [5], [4, 5], [5, 4]):
        raise ValueError(f"must be [4], [5] or [4, 5], not {value!r}")
    return list(value)


def release(value: Any, directory: Path) -> Dialect:
    return dialect(text(value, directory))


def one_of(choices: Mapping[str, Any]) -> Reader:
    """One of these texts, which stands for what the mapping says."""

    def read(value: Any, directory: Path) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {value!r}")
        return choices[value]

    return read


def member_of(kind: type[Enum]) -> Reader:
    """One of an enumeration, by value if values are texts and by name in lower case if they are numbers."""
    return one_of(
        {member.value if isinstance(member.value, str) else member.name.lower(): member for member in kind}
    )


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a table.

    :param keyword: of the fleet's method; default the key itself.
    """

    read: Reader
    keyword: str | None = None
    needed: bool = False


FLEET: Mapping[str, Key] = {"seed": Key(whole_number)}
"""The keys of ``[fleet]``."""

HOST: Mapping[str, Key] = {"aliases": Key(texts)}
"""The keys of ``[hosts.NAME]``."""

_SERVICE = {"name": Key(text), "host": Key(text)}
_ONE_PORT = _SERVICE | {"port": Key(port)}
_CERTIFICATE = Key(member_of(CertificateKind))

SERVICES: Mapping[str, Mapping[str, Key]] = {
    "ecflow_server": _SERVICE
    | {
        "plain": Key(listener),
        "tls": Key(listener),
        "http": Key(listener),
        "certificate": _CERTIFICATE,
        "release": Key(release, "dialect"),
        "definition": Key(path),
        "user": Key(text),
        "host_name": Key(text),
        "state": Key(member_of(ServerState)),
        "faithful": Key(flag),
    },
    "log_server": _ONE_PORT
    | {
        "paths": Key(paths, needed=True),
        "logmap": Key(table_of_texts),
        "release": Key(release, "dialect"),
        "faithful": Key(flag),
    },
    "socks_proxy": _ONE_PORT
    | {
        "routes": Key(table_of_texts),
        "users": Key(table_of_texts),
        "versions": Key(versions),
        "personality": Key(one_of({"rfc1928": RFC1928, "openssh": OPENSSH})),
    },
    "auth_service": _ONE_PORT
    | {
        "users": Key(table_of_texts, needed=True),
        "realm": Key(text),
        "include_legacy_headers": Key(flag),
        "release": Key(one_of(AUTH_RELEASES)),
        "faithful": Key(flag),
    },
    "reverse_proxy": _ONE_PORT
    | {
        "upstream": Key(text, needed=True),
        "auth": Key(text),
        "certificate": _CERTIFICATE,
        "engine": Key(one_of({engine: engine for engine in ENGINES})),
        "server_name": Key(text),
        "body_limit": Key(whole_number),
    },
}
"""The keys of each ``[[KIND]]``, where the kind is the fleet's method that adds such a service."""
