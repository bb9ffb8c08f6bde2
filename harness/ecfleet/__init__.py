"""ecfleet: checks programs that talk to ecFlow, on a mock fleet of its own.

Everything that users need is importable from here; each name is looked up when it is first used, so that
the pytest plugin costs nothing where it is not used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecfleet.clients import (
        Action,
        Behaviour,
        BuiltinClient,
        Call,
        Capability,
        ClientError,
        ClientUnderTest,
        Outcome,
        SocksRoute,
        find_clients,
        load_client,
        task_environment,
    )
    from ecfleet.fixtures import AuthChain, FleetFactory
    from ecfleet.fleet import Fleet, FleetError
    from ecfleet.mutants import Mutant
    from ecfleet.rules import rule
    from ecfleet.sandbox import Sandbox
    from ecfleet.topology import TopologyError, load
    from ecfleet.verdicts import (
        RuleViolation,
        Verdict,
        expect,
        expect_in,
        inconclusive,
        not_applicable,
        not_run,
        violated,
    )
    from ecfleet_mocks.auth_service import AuthService
    from ecfleet_mocks.ecflow_server import EcflowServer
    from ecfleet_mocks.faults import Faults
    from ecfleet_mocks.journal import Address, Journal
    from ecfleet_mocks.log_server import LogServer
    from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
    from ecfleet_mocks.model.transport import Transport
    from ecfleet_mocks.reverse_proxy import ReverseProxy
    from ecfleet_mocks.socks_proxy import SocksProxy

_WHERE = {
    "ecfleet.clients": (
        "Action",
        "Behaviour",
        "BuiltinClient",
        "Call",
        "Capability",
        "ClientError",
        "ClientUnderTest",
        "Outcome",
        "SocksRoute",
        "find_clients",
        "load_client",
        "task_environment",
    ),
    "ecfleet.fixtures": ("AuthChain", "FleetFactory"),
    "ecfleet.fleet": ("Fleet", "FleetError"),
    "ecfleet.mutants": ("Mutant",),
    "ecfleet.rules": ("rule",),
    "ecfleet.sandbox": ("Sandbox",),
    "ecfleet.topology": ("TopologyError", "load"),
    "ecfleet.verdicts": (
        "RuleViolation",
        "Verdict",
        "expect",
        "expect_in",
        "inconclusive",
        "not_applicable",
        "not_run",
        "violated",
    ),
    "ecfleet_mocks.auth_service": ("AuthService",),
    "ecfleet_mocks.ecflow_server": ("EcflowServer",),
    "ecfleet_mocks.faults": ("Faults",),
    "ecfleet_mocks.journal": ("Address", "Journal"),
    "ecfleet_mocks.log_server": ("LogServer",),
    "ecfleet_mocks.model.dialect": ("DIALECT_5_9", "DIALECT_5_17", "Dialect"),
    "ecfleet_mocks.model.transport": ("Transport",),
    "ecfleet_mocks.reverse_proxy": ("ReverseProxy",),
    "ecfleet_mocks.socks_proxy": ("SocksProxy",),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "DIALECT_5_9",
    "DIALECT_5_17",
    "Action",
    "Address",
    "AuthChain",
    "AuthService",
    "Behaviour",
    "BuiltinClient",
    "Call",
    "Capability",
    "ClientError",
    "ClientUnderTest",
    "Dialect",
    "EcflowServer",
    "Faults",
    "Fleet",
    "FleetError",
    "FleetFactory",
    "Journal",
    "LogServer",
    "Mutant",
    "Outcome",
    "ReverseProxy",
    "RuleViolation",
    "Sandbox",
    "SocksProxy",
    "SocksRoute",
    "TopologyError",
    "Transport",
    "Verdict",
    "expect",
    "expect_in",
    "find_clients",
    "inconclusive",
    "load",
    "load_client",
    "not_applicable",
    "not_run",
    "rule",
    "task_environment",
    "violated",
]


def __getattr__(name: str) -> Any:
    try:
        module = _MODULE_OF[name]
    except KeyError:
        raise AttributeError(f"module 'ecfleet' has no attribute {name!r}") from None
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
