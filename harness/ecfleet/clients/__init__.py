"""Clients under test: the contract, the built-in client, and the adapters for programs."""

from ecfleet.clients.behaviour import Behaviour
from ecfleet.clients.builtin import BuiltinClient
from ecfleet.clients.command import CommandClient
from ecfleet.clients.configuration import ConfigurationError
from ecfleet.clients.configured import ConfiguredClient
from ecfleet.clients.contract import (
    LOG_ACTIONS,
    TASK_ACTIONS,
    USER_ACTIONS,
    Action,
    Call,
    Capability,
    ClientError,
    ClientNotFound,
    ClientUnderTest,
    ContractBroken,
    Outcome,
    SocksRoute,
    Unimplemented,
    capabilities_needed,
    close_client,
    refuse_unable,
    task_environment,
)
from ecfleet.clients.find import described_clients, find_clients, load_client
from ecfleet.clients.python import PythonClient
from ecfleet.clients.shim import ShimClient

__all__ = [
    "LOG_ACTIONS",
    "TASK_ACTIONS",
    "USER_ACTIONS",
    "Action",
    "Behaviour",
    "BuiltinClient",
    "Call",
    "Capability",
    "ClientError",
    "ClientNotFound",
    "ClientUnderTest",
    "CommandClient",
    "ConfigurationError",
    "ConfiguredClient",
    "ContractBroken",
    "Outcome",
    "PythonClient",
    "ShimClient",
    "SocksRoute",
    "Unimplemented",
    "capabilities_needed",
    "close_client",
    "described_clients",
    "find_clients",
    "load_client",
    "refuse_unable",
    "task_environment",
]
