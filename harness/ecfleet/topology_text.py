"""A fleet written down as a topology file, as far as such a file can say it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ecfleet.fleet_description import FleetDescription, ServiceDescription, as_plain_data
from ecfleet.topology_values import SERVICES, Key

__all__ = ["written"]


def written(fleet: FleetDescription) -> str:
    """The text of a topology file for a fleet.

    What only a program can say (a certificate of its own, a function that routes) is there as a comment.
    """
    blocks = [f"[fleet]\nseed = {fleet.seed}"]
    blocks += [
        f"[hosts.{_key(name)}]\naliases = {_value(list(names))}" for name, names in fleet.hosts.items()
    ]
    blocks += [_service(service) for service in fleet.services.values()]
    return "\n\n".join(blocks) + "\n"


def _service(service: ServiceDescription) -> str:
    lines = [f"[[{service.kind}]]", f"name = {_value(service.name)}"]
    if service.host is not None:
        lines.append(f"host = {_value(service.host)}")
    keys = {key.keyword or name: (name, key) for name, key in SERVICES[service.kind].items()}
    for option, asked in service.options.items():
        name, key = keys.get(option, (option, None))
        if asked is None and not (key is not None and _reads(key, False, None)):
            continue
        value = _candidate(asked)
        if key is not None and _reads(key, value, asked):
            lines.append(f"{name} = {_value(value)}")
        else:
            lines.append(f"# {name}: {' '.join(repr(as_plain_data(asked)).split())}")
    return "\n".join(lines)


def _candidate(asked: Any) -> Any:
    if asked is None:
        return False
    if isinstance(asked, Enum) and not isinstance(asked.value, str):
        return asked.name.lower()
    return as_plain_data(asked)


def _reads(key: Key, value: Any, asked: Any) -> bool:
    """Whether a topology file with this value asks for the same."""
    try:
        read = key.read(value, Path())
    except (ValueError, TypeError, AttributeError):
        return False
    return bool(as_plain_data(read) == as_plain_data(asked))


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case Mapping():
            inside = ", ".join(f"{_key(str(name))} = {_value(entry)}" for name, entry in value.items())
            return f"{{ {inside} }}" if inside else "{}"
    # JSON's escapes are a part of TOML's; DEL is the one character that TOML wants escaped and JSON does not.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return _value(name)
