"""Which clients there are: the built-in one, and the real programs on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ecfleet.clients import python
from ecfleet.clients.builtin import BuiltinClient
from ecfleet.clients.command import CommandClient
from ecfleet.clients.configuration import ClientEntry, find_configuration
from ecfleet.clients.contract import ClientError, ClientNotFound, ClientUnderTest
from ecfleet.clients.python import PythonClient
from ecfleet.fleet_description import suggestion

__all__ = ["described_clients", "find_clients", "load_client"]

_REAL: tuple[Callable[[], ClientUnderTest], ...] = (lambda: CommandClient("ecflow_client"), PythonClient)


def find_clients() -> list[ClientUnderTest]:
    """Every real client on this machine, without the built-in one. One that does not work is left out."""
    found: list[ClientUnderTest] = []
    for make in _REAL:
        try:
            found.append(make())
        except ClientError:
            continue
    return found


def load_client(name: str) -> ClientUnderTest:
    """The client called `name`: "builtin", one that ecfleet.toml describes, "python-ecflow", a program on
    PATH such as "ecflow_client", or a path.

    Raises `ClientNotFound` when there is no such program, `ClientError` when it is no ecFlow client or its
    description is wrong.
    """
    if name == "builtin":
        return BuiltinClient()
    described = {} if os.sep in name else described_clients()
    if name in described:
        return described[name].client()
    if name == python.NAME:
        return PythonClient()
    try:
        return CommandClient(name)
    except ClientNotFound as error:
        if not described:
            raise
        raise ClientNotFound(f"{error}; nor is it described{suggestion(name, list(described))}") from None


def described_clients() -> Mapping[str, ClientEntry]:
    """The clients that ecfleet.toml or pyproject.toml of the working directory describes, by name."""
    found = find_configuration()
    return {} if found is None else found.clients
