"""The mock services, what they can be told to do wrong, and what they put on record."""

from ecfleet_mocks.auth_service import AuthService
from ecfleet_mocks.ecflow_framed import FramedConnection
from ecfleet_mocks.ecflow_http import HttpConnection
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.faults import *  # noqa: F403
from ecfleet_mocks.faults import __all__ as _faults
from ecfleet_mocks.journal import *  # noqa: F403
from ecfleet_mocks.journal import __all__ as _journal
from ecfleet_mocks.log_server import LogConnection, LogServer
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.reverse_proxy import ReverseProxy, Timeouts
from ecfleet_mocks.served_files import ServedFiles
from ecfleet_mocks.service import AddressInUse, Connection, Service, ServiceError
from ecfleet_mocks.socks_proxy import SocksConnection, SocksProxy
from ecfleet_mocks.tls_files import ServerRefuses

__all__ = [
    "AddressInUse",
    "AuthService",
    "Connection",
    "EcflowServer",
    "FramedConnection",
    "HttpConnection",
    "LogConnection",
    "LogServer",
    "ReverseProxy",
    "ServedFiles",
    "ServerRefuses",
    "Service",
    "ServiceError",
    "SocksConnection",
    "SocksProxy",
    "Timeouts",
    "Transport",
    *_faults,
    *_journal,
]
