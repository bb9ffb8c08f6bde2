"""Hosts and services put together into a fleet, before any of them lives."""

from __future__ import annotations

import abc
import datetime
import random
import socket
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

from ecfleet import hosts
from ecfleet.certificates import (
    Blob,
    CertificateKind,
    Credential,
    authority,
    client_files,
    make,
    server_stem,
)
from ecfleet.fleet_description import (
    FleetDescription,
    FleetError,
    ServiceDescription,
    as_plain_data,
    suggestion,
)
from ecfleet.hosts import LOOPBACK, Host
from ecfleet.members import Member, Target
from ecfleet_mocks.auth_service import AuthService
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import Address, Journal
from ecfleet_mocks.log_server import LogServer
from ecfleet_mocks.model.dialect import DIALECT_5_17, Dialect
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.model.tunnels import Routes
from ecfleet_mocks.reverse_proxy import ReverseProxy
from ecfleet_mocks.service import Service
from ecfleet_mocks.socks_proxy import SocksProxy
from ecfleet_mocks.tls import server_context, web_context

__all__ = ["Assembly"]

S = TypeVar("S", bound=Service)


class Assembly(abc.ABC):
    """Hosts and services on one journal and one clock; :class:`~ecfleet.fleet.Fleet` gives them life."""

    def __init__(
        self,
        *,
        seed: int = 0,
        journal: Journal | None = None,
        classes: Mapping[str, type[Any]] = MappingProxyType({}),
        now: Callable[[], datetime.datetime] = datetime.datetime.now,
    ) -> None:
        self.seed = seed
        self.journal = journal if journal is not None else Journal()
        self._classes: dict[str, type[Any]] = {
            known.__name__: known
            for known in (EcflowServer, LogServer, SocksProxy, AuthService, ReverseProxy)
        }
        for name, replacement in classes.items():
            if name not in self._classes:
                raise FleetError(f"no service class {name!r}{suggestion(name, self._classes)}")
            self._classes[name] = replacement
        self._now = now
        self._hosts: dict[str, Host] = {}
        self._members: dict[str, Member] = {}
        self._credentials: dict[str, Credential] = {}

    # --- what is in it ------------------------------------------------------------------------------

    @property
    def services(self) -> Mapping[str, Service]:
        """The services by name, in the order in which they were added."""
        return MappingProxyType({name: member.service for name, member in self._members.items()})

    @property
    def hosts(self) -> Mapping[str, Host]:
        """The hosts by name, in the order in which they were added."""
        return MappingProxyType({host.name: host for host in self._hosts.values()})

    @property
    def names(self) -> dict[str, str]:
        """Address of each host name and alias, names in lower case."""
        return {name: host.address for name, host in self._hosts.items()}

    @property
    def certificates(self) -> Mapping[str, Credential]:
        """What the TLS services present, by name of the service."""
        return MappingProxyType(self._credentials)

    @property
    def description(self) -> FleetDescription:
        """The fleet as plain data."""
        return FleetDescription(
            self.seed,
            {name: host.aliases for name, host in self.hosts.items()},
            {name: member.described for name, member in self._members.items()},
        )

    def __getitem__(self, name: str) -> Service:
        """The service of this name.

        :raises FleetError: when there is none.
        """
        if name not in self._members:
            raise FleetError(f"no service {name!r}{suggestion(name, self._members)}")
        return self._members[name].service

    def hosts_file(self) -> str:
        """The hosts as text in the format of /etc/hosts."""
        return hosts.hosts_file(self.hosts.values())

    def client_files(self) -> dict[str, Blob]:
        """The files that a client needs in its certificate directory to trust this fleet, once that runs.

        ``server.crt`` when any server presents the shared certificate, ``<host>.<port>.crt`` for the other
        TLS servers under each name of theirs, and ``ca.pem``, the authority that signs for HTTPS.
        """
        files = {"ca.pem": authority().certificate}
        for name, credential in self._credentials.items():
            service = self._members[name].service
            if not isinstance(service, EcflowServer) or Transport.SSL not in service.addresses:
                continue
            described = self._members[name].described
            kind = described.options["certificate"]
            if kind == CertificateKind.SHARED:
                files |= client_files(credential)
                continue
            trusted = authority().certificate if kind == CertificateKind.AUTHORITY else credential.certificate
            address = service.addresses[Transport.SSL]
            # A client replaces "localhost" by the name of its own machine before it looks for the file.
            for host in (*self._names_on(described.host), socket.gethostname()):
                files |= client_files(trusted, server_stem(host, address.port))
        return files

    # --- adding to it -------------------------------------------------------------------------------

    def host(self, name: str, *aliases: str) -> Host:
        """The host of this name, new when there is none yet.

        :raises HostNameError: when a name cannot be a host's.
        :raises FleetError: when a name or alias belongs to another host.
        """
        known = self._hosts.get(name.lower())
        if known is None:
            known = hosts.pool().host(name, aliases)
        taken = [alias for alias in known.names if self._hosts.get(alias.lower(), known) is not known]
        missing = [alias for alias in aliases if alias.lower() not in map(str.lower, known.names)]
        if taken or missing:
            raise FleetError(f"host {name!r}: {(taken or missing)[0]!r} cannot be a name of it as well")
        for alias in known.names:
            self._hosts[alias.lower()] = known
        return known

    def ecflow_server(
        self,
        name: str = "ecflow_server",
        *,
        host: Host | str | None = None,
        plain: int | None = 0,
        tls: int | None = None,
        http: int | None = None,
        certificate: CertificateKind | Credential = CertificateKind.SHARED,
        dialect: Dialect = DIALECT_5_17,
        definition: str | PathLike[str] | None = None,
        **options: Any,
    ) -> EcflowServer:
        """Add an ecFlow server.

        :param host: the machine that it runs on, a new one if there is none of that name; default 127.0.0.1.
        :param plain: port of the plain listener, 0 for a free one, None for no such listener.
        :param tls: port of the TLS listener, likewise.
        :param http: port of the HTTP listener, likewise.
        :param certificate: what the TLS listener presents.
        :param definition: path of a definition file that is loaded at once.
        :param options: the other keywords of :class:`EcflowServer`.
        :raises FleetError: also when the definition cannot be read.
        :raises ServiceError: when the options do not go together.
        """
        machine = self._machine_name(host)
        listeners: dict[str, Any] = {"plain": plain, "tls": tls, "http": http, "dialect": dialect}
        asked = listeners | {"definition": definition} | options
        context = credential = None
        if tls is not None:
            asked["certificate"] = certificate
            credential = self._credential(certificate, machine)
            context = options.get("tls_context") or server_context(credential, dialect)
        defaults = {"now": self._now, "seed": self._seed_of(name), "host_name": machine}
        server: EcflowServer = self._add(
            EcflowServer,
            ServiceDescription("ecflow_server", name, machine, asked),
            defaults | {"tls_context": context} | listeners | options,
            ports=(plain, tls, http),
            credential=credential,
        )
        if definition is not None:
            try:
                server.server.load(Path(definition).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                del self._members[name]
                self._credentials.pop(name, None)
                reason = error.strerror if isinstance(error, OSError) else str(error)
                raise FleetError(f"{definition}: {reason}", service=name, option="definition") from None
        return server

    def log_server(
        self,
        name: str = "log_server",
        *,
        host: Host | str | None = None,
        port: int = 0,
        paths: Iterable[str | PathLike[str]],
        **options: Any,
    ) -> LogServer:
        """Add a log server.

        :param host: the machine that it runs on, a new one if there is none of that name; default 127.0.0.1.
        :param port: 0 for a free one; 9316 is usual at ECMWF.
        :param paths: the directories that it serves (its LOGPATH).
        :param options: the other keywords of :class:`LogServer`.
        """
        machine = self._machine_name(host)
        asked = {"port": port, "paths": [Path(path) for path in paths]} | options
        return self._add(LogServer, ServiceDescription("log_server", name, machine, asked), asked)

    def socks_proxy(
        self,
        name: str = "socks_proxy",
        *,
        host: Host | str | None = None,
        port: int = 0,
        routes: Routes | None = None,
        **options: Any,
    ) -> SocksProxy:
        """Add a SOCKS proxy.

        :param host: the machine that it runs on, a new one if there is none of that name; default 127.0.0.1.
        :param port: 0 for a free one; proxychains expects 9050.
        :param routes: where names lead; default each host of the fleet, by its names, and nothing else.
        :param options: the other keywords of :class:`SocksProxy`.
        """
        machine = self._machine_name(host)
        asked = {"port": port, "routes": routes} | options
        return self._add(
            SocksProxy,
            ServiceDescription("socks_proxy", name, machine, asked),
            asked | {"routes": {} if routes is None else routes},
        )

    def auth_service(
        self,
        name: str = "auth_service",
        *,
        host: Host | str | None = None,
        port: int = 0,
        **options: Any,
    ) -> AuthService:
        """Add an auth service (Auth-o-tron).

        :param host: the machine that it runs on, a new one if there is none of that name; default 127.0.0.1.
        :param options: the other keywords of :class:`AuthService`.
        """
        machine = self._machine_name(host)
        asked = {"port": port} | options
        return self._add(AuthService, ServiceDescription("auth_service", name, machine, asked), asked)

    def reverse_proxy(
        self,
        name: str = "reverse_proxy",
        *,
        host: Host | str | None = None,
        port: int = 0,
        upstream: Target,
        auth: Target | None = None,
        certificate: CertificateKind | Credential | None = CertificateKind.AUTHORITY,
        **options: Any,
    ) -> ReverseProxy:
        """Add a reverse proxy in front of the HTTP listener of an ecFlow server.

        :param host: the machine that it runs on, a new one if there is none of that name; default 127.0.0.1.
        :param upstream: where requests go that are let through.
        :param auth: who is asked about each request; None for nobody.
        :param certificate: what it presents; None for plain HTTP.
        :param options: the other keywords of :class:`ReverseProxy`.
        """
        machine = self._machine_name(host)
        asked = {"port": port, "upstream": upstream, "auth": auth, "certificate": certificate} | options
        credential = None if certificate is None else self._credential(certificate, machine)
        nowhere = Address(LOOPBACK, 0)  # both are known at the start only
        return self._add(
            ReverseProxy,
            ServiceDescription("reverse_proxy", name, machine, asked),
            {"port": port, "upstream": nowhere, "auth": None if auth is None else nowhere}
            | {"tls_context": None if credential is None else web_context(credential)}
            | options,
            credential=credential,
            targets={"upstream": upstream} if auth is None else {"upstream": upstream, "auth": auth},
        )

    @property
    @abc.abstractmethod
    def running(self) -> bool:
        """Whether its services have been started and not been stopped."""

    # --- inside -------------------------------------------------------------------------------------

    def _seed_of(self, name: str) -> int:
        return random.Random(f"{self.seed} {name}").getrandbits(32)

    def _machine_name(self, host: Host | str | None) -> str | None:
        """The name of the host, which is added when it is new."""
        if host is None:
            return None
        known = self.host(host if isinstance(host, str) else host.name)
        if isinstance(host, Host) and known is not host:
            raise FleetError(f"host {host.name!r} is of another fleet")
        return known.name

    def _names_on(self, host: str | None) -> tuple[str, ...]:
        if host is None:
            return ("localhost", LOOPBACK)
        return (*self.hosts[host].names, self.hosts[host].address)

    def _credential(self, certificate: CertificateKind | Credential, machine: str | None) -> Credential:
        if isinstance(certificate, Credential):
            return certificate
        names = self._names_on(machine)
        # Pair 0 is the shared one's.
        return make(certificate, *dict.fromkeys((*names, "localhost")), pair=1 + len(self._credentials))

    def _add(
        self,
        cls: type[S],
        described: ServiceDescription,
        keywords: Mapping[str, Any],
        *,
        ports: Iterable[int | None] | None = None,
        credential: Credential | None = None,
        targets: Mapping[str, Target] = MappingProxyType({}),
    ) -> S:
        name = described.name
        if self.running:
            raise FleetError(f"{name}: the fleet runs already; add services before it starts")
        if name in self._members:
            raise FleetError(f"two services are called {name!r}; give one another name", service=name)
        address = LOOPBACK if described.host is None else self.hosts[described.host].address
        made = self._classes[cls.__name__](name=name, host=address, journal=self.journal, **keywords)
        service = cast(S, made)
        wanted = tuple(port for port in ([keywords["port"]] if ports is None else ports) if port)
        plain = ServiceDescription(described.kind, name, described.host, as_plain_data(described.options))
        self._members[name] = Member(service, plain, wanted, targets)
        if credential is not None:
            self._credentials[name] = credential
        return service
