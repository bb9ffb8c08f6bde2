"""The common face of all services: an address, a journal, faults, and a life inside ``async with``."""

from __future__ import annotations

import abc
import asyncio
import errno
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ecfleet_mocks.connection import Connection, Handshake
from ecfleet_mocks.faults import Faults
from ecfleet_mocks.journal import Address, Journal, ServiceStarted, ServiceStopped

__all__ = ["AddressInUse", "Connection", "Service", "ServiceError"]


class ServiceError(RuntimeError):
    """A service cannot be started or used as asked; the message is one clear line."""


class AddressInUse(ServiceError):
    """Somebody else listens on the address that a service was to have."""


class Service(abc.ABC):
    """A mock that listens: ``async with Service(...) as service: service.address``.

    :param name: how journal and errors call it.
    :param host: the address or name to listen on; default the IPv4 loopback address.
    :param port: the port; 0, the default, lets the system choose: see :attr:`address`.
    :param journal: where events go; default a new one of its own.
    :param faults: what to do wrong; default nothing.
    """

    def __init__(
        self,
        *,
        name: str,
        host: str = "127.0.0.1",
        port: int = 0,
        journal: Journal | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.journal = journal if journal is not None else Journal()
        self.faults = faults if faults is not None else Faults()
        self.connections: set[Connection] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._address: Address | None = None

    @property
    def address(self) -> Address:
        """Where it listens (the first listener, when there are several).

        :raises ServiceError: before the start.
        """
        if self._address is None:
            raise ServiceError(f"{self.name} has not been started, so it has no address yet")
        return self._address

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return bool(self._servers)

    async def start(self) -> None:
        """Begin to listen.

        :raises AddressInUse: when the address is taken.
        :raises ServiceError: when it cannot listen there for another reason.
        """
        # A service that is started again has a new address.
        self._address = None
        try:
            await self.open_listeners()
        except BaseException:
            await self.stop()
            raise

    @abc.abstractmethod
    async def open_listeners(self) -> None:
        """Call :meth:`listen` for each listener of this service."""

    async def stop(self) -> None:
        """Close listeners and connections.  Stopping twice is no error."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.close()
        handshakes = tuple(self._handshakes)
        for handshake in handshakes:
            handshake.cancel()
        await asyncio.gather(*handshakes, return_exceptions=True)
        for connection in tuple(self.connections):
            connection.abort()
        # Transports report connection_lost one turn of the loop after abort(); TLS ones a few more.
        for _ in range(20):
            if not self.connections:
                break
            await asyncio.sleep(0)
        for server in servers:
            await server.wait_closed()
        if servers:
            self.journal.record(ServiceStopped(self.journal.now(), self.name, 0))

    def watch_handshake(self, handshake: asyncio.Task[None]) -> None:
        """Keep a handshake that is under way, so that :meth:`stop` can end it."""
        self._handshakes.add(handshake)
        handshake.add_done_callback(self._handshakes.discard)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def listen(
        self,
        factory: Callable[[], Connection],
        *,
        port: int | None = None,
        transport: str = "tcp",
        tls: ssl.SSLContext | None = None,
    ) -> Address:
        """Open one more listener of this service.

        :param factory: makes the protocol of a connection.
        :param port: default the service's own.
        :param transport: what the journal calls it.
        :param tls: a server context makes it a TLS listener.
        :raises AddressInUse: when the address is taken.
        :raises ServiceError: when it cannot listen there for another reason.
        """
        wanted = Address(self.host, self.port if port is None else port)
        loop = asyncio.get_running_loop()
        accept: Callable[[], asyncio.BaseProtocol] = factory
        if tls is not None:
            context = tls

            def accept() -> asyncio.BaseProtocol:
                return Handshake(self, context, factory())

        try:
            server = await loop.create_server(accept, *wanted, backlog=512)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse(
                    f"{self.name}: {wanted} is in use by another program; "
                    "give another port, or 0 for a free one"
                ) from None
            reason = error.strerror or str(error)
            raise ServiceError(f"{self.name}: cannot listen on {wanted}: {reason}") from None
        self._servers.append(server)
        bound = Address(*server.sockets[0].getsockname()[:2])
        if self._address is None:
            self._address = bound
        self.journal.record(ServiceStarted(self.journal.now(), self.name, 0, bound, transport))
        return bound
