"""The reverse proxy of the HTTPS authentication set-up page, as behaviour, with exchangeable engines."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Protocol

from ecfleet_mocks.connection import Connection
from ecfleet_mocks.faults import Faults
from ecfleet_mocks.http_exchange import ExchangeFailed, exchange
from ecfleet_mocks.journal import (
    Address,
    Decision,
    IdentityFound,
    Journal,
    RequestReceived,
    UpstreamOpened,
)
from ecfleet_mocks.model.proxy import Location, ProxyRules, ProxySettings, Refused
from ecfleet_mocks.reverse_proxy_asyncio import AsyncioConnection, date_now
from ecfleet_mocks.service import Service, ServiceError
from ecfleet_mocks.wire.http1 import Request, Response

__all__ = ["ENGINES", "ReverseProxy", "Timeouts"]

ENGINES = ("asyncio", "mitmproxy")
"""The engines that run in this process."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection to the back end, for its reply (both as the set-up page has them),
    and for the auth service (nginx's default)."""

    connect: float = 90.0
    read: float = 500.0
    auth: float = 60.0


class ReverseProxy(Service):
    """nginx with the documented configuration: TLS, ``/v1/ecflow`` behind ``auth_request``, static pages.

    Both engines take their decisions from :class:`ecfleet_mocks.model.proxy.ProxyRules`. The engine
    ``"asyncio"`` reads and writes HTTP with our own codec; with ``"mitmproxy"`` that program, in a thread and
    loop of its own, does everything between reading the request and writing the reply. Connections, TLS,
    faults and the journal are ours in both.

    :param upstream: the HTTP listener of the ecFlow server.
    :param auth: the auth service; None asks nobody and hands every request on with the client's own headers,
        as the page's first server block does.
    :param tls_context: a server context; None for plain HTTP.
    :param engine: ``"asyncio"`` or ``"mitmproxy"``.
    :param server_name: the ``Host`` that the back end gets when the client names none.
    :param body_limit: bytes; nginx's default, 1 MiB, for the page sets none.
    :param static: HTML pages by path, beside the front page.
    :param timeouts: how long to wait for others.
    :raises ServiceError: for an engine that is unknown or not installed.
    """

    rules_class: ClassVar[type[ProxyRules]] = ProxyRules
    """The decisions; a subclass may bring others."""

    def __init__(
        self,
        *,
        upstream: Address,
        auth: Address | None = None,
        tls_context: ssl.SSLContext | None = None,
        engine: str = "asyncio",
        server_name: str = "localhost",
        body_limit: int = 2**20,
        static: Mapping[str, bytes] | None = None,
        timeouts: Timeouts | None = None,
        name: str = "reverse_proxy",
        host: str = "127.0.0.1",
        port: int = 0,
        journal: Journal | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(name=name, host=host, port=port, journal=journal, faults=faults)
        if engine not in ENGINES:
            raise ServiceError(f"{name}: there is no engine {engine!r}; there are {', '.join(ENGINES)}")
        if engine == "mitmproxy" and find_spec("mitmproxy") is None:
            raise ServiceError(
                f"{name}: the engine mitmproxy is not installed; pip install 'ecfleet[mitmproxy]'"
            )
        self.upstream = upstream
        self.auth = auth
        self.tls_context = tls_context
        self.engine = engine
        self.server_name = server_name
        self.body_limit = body_limit
        self.static = static
        self.timeouts = timeouts if timeouts is not None else Timeouts()
        self.rules = self._rules()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._running_engine: Engine = _OwnEngine(self)

    async def open_listeners(self) -> None:
        # Both addresses may have been set since this object was made.
        self.rules = self._rules()
        if self.engine == "mitmproxy":
            from ecfleet_mocks.reverse_proxy_mitm import MitmEngine

            self._running_engine = MitmEngine(self)
        await self._running_engine.start()
        await self.listen(
            self._running_engine.connection,
            transport="http" if self.tls_context is None else "https",
            tls=self.tls_context,
        )

    async def stop(self) -> None:
        await super().stop()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._running_engine.stop()

    def _rules(self) -> ProxyRules:
        static = {} if self.static is None else {"static": self.static}
        return self.rules_class(
            ProxySettings(
                server_name=self.server_name,
                scheme="http" if self.tls_context is None else "https",
                auth_host=None if self.auth is None else str(self.auth),
                body_limit=self.body_limit,
                **static,
            )
        )

    # --- what the engines use -----------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` as a task that :meth:`stop` ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def took(self, connection: Connection, raw: bytes, request: Request | None) -> None:
        """Record a request, or what came instead of one."""
        journal = self.journal
        journal.record(RequestReceived(journal.now(), self.name, connection.number, raw, request))

    def decided(self, connection: Connection, what: str, why: str, subject: object = None) -> None:
        """Record a decision."""
        journal = self.journal
        journal.record(Decision(journal.now(), self.name, connection.number, what, why, subject))

    def refused(self, connection: Connection, refused: Refused, request: Request | None) -> Response:
        """The reply to a request that goes no further."""
        self.decided(connection, "refuse", refused.why, refused.status)
        return self.rules.own_reply(refused, request, date_now())

    async def judge(self, connection: Connection, request: Request, peer: str) -> Response | Request:
        """What to do with a whole request: answer it, or hand on the request that is returned."""
        rules = self.rules
        early = rules.malformed(request) or rules.too_large(len(request.body))
        if early is not None:
            return self.refused(connection, early, request)
        match rules.location(request):
            case Location.INTERNAL:
                return self.refused(connection, Refused(404, "this location is internal"), request)
            case Location.STATIC:
                reply = rules.static_reply(request)
                if isinstance(reply, Refused):
                    return self.refused(connection, reply, request)
                self.decided(connection, "answer", "a static page")
                return rules.own_reply(reply, request, date_now())
        auth_reply = None
        if self.auth is not None:
            auth_reply = await self._ask(connection, request, self.auth)
            verdict = rules.verdict(auth_reply)
            if verdict is not None:
                return self.refused(connection, verdict, request)
        onward = rules.upstream_request(request, auth_reply, peer)
        self._admitted(connection, onward, auth_reply)
        return onward

    async def hand_on(self, connection: Connection, request: Request, onward: Request) -> Response:
        """Send the request to the back end and give what the client gets."""
        try:
            reply = await exchange(
                self.upstream,
                onward,
                connect_timeout=self.timeouts.connect,
                read_timeout=self.timeouts.read,
                opened=lambda local, remote: self.opened_upstream(connection, local, remote),
            )
        except ExchangeFailed as error:
            connection.note(str(error))
            return self.refused(connection, self.rules.upstream_missing(error.timed_out), request)
        return self.rules.client_reply(reply, request, date_now())

    def opened_upstream(self, connection: Connection, local: Address, remote: Address) -> None:
        """Record a connection to the auth service or the back end."""
        journal = self.journal
        journal.record(UpstreamOpened(journal.now(), self.name, connection.number, local, remote))

    async def _ask(self, connection: Connection, request: Request, auth: Address) -> Response | None:
        try:
            return await exchange(
                auth,
                self.rules.auth_request(request),
                connect_timeout=self.timeouts.auth,
                read_timeout=self.timeouts.auth,
                opened=lambda local, remote: self.opened_upstream(connection, local, remote),
            )
        except ExchangeFailed as error:
            connection.note(str(error))
            return None

    def _admitted(self, connection: Connection, onward: Request, auth_reply: Response | None) -> None:
        journal = self.journal
        if auth_reply is None:
            self.decided(connection, "hand on", "nobody is asked", onward)
            return
        user = onward.headers.get("X-Auth-Username")
        why = "the auth service named the user" if user else "the auth service named no user"
        journal.record(
            IdentityFound(journal.now(), self.name, connection.number, user or "", why, bool(user))
        )
        self.decided(connection, "hand on", f"the auth service answered {auth_reply.status}", onward)


class Engine(Protocol):
    """What makes the connections of a proxy."""

    def connection(self) -> Connection:
        """A protocol for a new client connection."""

    async def start(self) -> None:
        """Get ready; raises ServiceError."""

    async def stop(self) -> None:
        """Wait until nothing of the proxy's connections is left."""


class _OwnEngine:
    """The engine that needs nothing: each connection does its own work on the loop of the proxy."""

    def __init__(self, proxy: ReverseProxy) -> None:
        self._proxy = proxy

    def connection(self) -> Connection:
        return AsyncioConnection(self._proxy)

    async def start(self) -> None:
        """Nothing is to be done."""

    async def stop(self) -> None:
        """Nothing is left."""
