"""What every service of a fleet saw and did, as typed events on one clock.

Assertions and reports read the journal; nobody parses log text.  Each event names its service and the
connection that it belongs to.  A service that connects onwards records :class:`UpstreamOpened` with the
local address of its new connection, which is the peer address in the next service's
:class:`ConnectionOpened`: so one exchange can be followed over every hop (:meth:`Journal.follow`).
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

__all__ = [
    "Address",
    "ConnectionClosed",
    "ConnectionOpened",
    "Decision",
    "Event",
    "FaultInjected",
    "IdentityFound",
    "Journal",
    "Note",
    "ReplySent",
    "RequestReceived",
    "RouteTaken",
    "ServiceStarted",
    "ServiceStopped",
    "TlsEstablished",
    "TlsFailed",
    "UpstreamOpened",
]


class Address(NamedTuple):
    """A socket address: host (an IPv4 or IPv6 address, or a name) and port (0 to 65535)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Event:
    """What all events have: when (seconds since the journal began), which service, which connection.

    ``connection`` is unique in the journal and 0 for what belongs to no connection.
    """

    at: float
    service: str
    connection: int


@dataclass(frozen=True, slots=True)
class ServiceStarted(Event):
    """A service listens; one event per listener."""

    address: Address
    transport: str


@dataclass(frozen=True, slots=True)
class ServiceStopped(Event):
    """A service has closed its listeners and connections."""


@dataclass(frozen=True, slots=True)
class ConnectionOpened(Event):
    """A peer connected (before any TLS handshake)."""

    peer: Address
    local: Address
    transport: str


@dataclass(frozen=True, slots=True)
class TlsEstablished(Event):
    """A TLS handshake succeeded. ``version`` as OpenSSL names it (``"TLSv1.3"``)."""

    version: str
    cipher: str
    sni: str | None = None


@dataclass(frozen=True, slots=True)
class TlsFailed(Event):
    """A TLS handshake failed, with OpenSSL's reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class RequestReceived(Event):
    """A whole request, raw and decoded; ``decoded`` is None when it could not be decoded."""

    raw: bytes
    decoded: Any = None


@dataclass(frozen=True, slots=True)
class IdentityFound(Event):
    """Who the service takes the requester for, and why."""

    user: str
    why: str
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Decision(Event):
    """What the service decided about a request: a short verb phrase, the reason, and the subject if any."""

    what: str
    why: str
    subject: Any = None


@dataclass(frozen=True, slots=True)
class RouteTaken(Event):
    """Where a request or tunnel was sent: what was asked for, its address type, and where that led."""

    asked: Address
    address_type: str
    destination: Address | None
    """None when there was no route."""


@dataclass(frozen=True, slots=True)
class UpstreamOpened(Event):
    """The service connected onwards; ``local`` is the peer address that the next service sees."""

    local: Address
    remote: Address


@dataclass(frozen=True, slots=True)
class ReplySent(Event):
    """A reply was handed to the transport, raw and as an object; a fault may have changed what went out."""

    raw: bytes
    decoded: Any = None


@dataclass(frozen=True, slots=True)
class FaultInjected(Event):
    """A fault was applied to this connection."""

    fault: Any


@dataclass(frozen=True, slots=True)
class Note(Event):
    """A remark, such as what a released program would have done here."""

    text: str


@dataclass(frozen=True, slots=True)
class ConnectionClosed(Event):
    """The connection ended: how (``"closed"``, ``"reset"``, ``"eof"`` or an error), and bytes both ways."""

    how: str
    received: int
    sent: int


E = TypeVar("E", bound=Event)


class Journal:
    """An append-only list of events, shared by the services of a fleet, safe to read from any thread.

    :param clock: seconds, monotonic; default :func:`time.monotonic`.  Event times are relative to the
        moment at which the journal was made.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._events: list[Event] = []
        self._listeners: tuple[Callable[[Event], None], ...] = ()
        self._numbers = itertools.count(1)
        self._changed = threading.Condition()
        self._waiting = 0

    def now(self) -> float:
        """Seconds since the journal began."""
        return self._clock() - self._began

    def next_connection(self) -> int:
        """A number for a new connection, unique in this journal, from 1."""
        return next(self._numbers)

    def record(self, event: Event) -> None:
        """Append an event and tell the subscribers.  A subscriber must be quick and must not raise."""
        self._events.append(event)
        for listener in self._listeners:
            listener(event)
        # Waiting is rare and recording is not: only a journal that somebody waits on pays for the lock.
        if self._waiting:
            with self._changed:
                self._changed.notify_all()

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``listener`` with each event from now on, in the recording thread; returns what ends it."""
        self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

        return unsubscribe

    @property
    def events(self) -> tuple[Event, ...]:
        """All events so far, in the order of recording."""
        return tuple(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self._events)

    def of(self, kind: type[E], *, service: str | None = None, connection: int | None = None) -> list[E]:
        """The events of one type, optionally of one service or one connection, in order."""
        return [
            event
            for event in self.events
            if isinstance(event, kind)
            and (service is None or event.service == service)
            and (connection is None or event.connection == connection)
        ]

    def follow(self, connection: int) -> list[Event]:
        """All events of a connection and of the connections that it led to, over every hop, by time."""
        wanted = {connection}
        events = self.events
        # The system gives one local port to connections to different services, so both ends count; of the
        # far end only the port, for a service may have been dialled by name.
        hops = {
            (opened.peer, opened.local.port): opened.connection
            for opened in events
            if isinstance(opened, ConnectionOpened)
        }
        for event in events:
            if isinstance(event, UpstreamOpened) and event.connection in wanted:
                onward = hops.get((event.local, event.remote.port))
                if onward is not None:
                    wanted.add(onward)
        return [event for event in events if event.connection in wanted]

    def wait_for(
        self,
        kind: type[E],
        predicate: Callable[[E], bool] = lambda event: True,
        *,
        timeout: float = 10.0,
    ) -> E:
        """Block the calling thread until such an event is on record (it may be already) and return it.

        Not for use on the event loop that runs the services: there use :meth:`wait_for_async`.

        :param timeout: seconds.
        :raises TimeoutError: when there is none by then.
        """
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            self._waiting += 1
            try:
                while True:
                    # _events only grows, so what was looked at once need not be looked at again
                    while seen < len(self._events):
                        event = self._events[seen]
                        seen += 1
                        if isinstance(event, kind) and predicate(event):
                            return event
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise TimeoutError(f"no {kind.__name__} within {timeout} s")
                    self._changed.wait(left)
            finally:
                self._waiting -= 1

    async def wait_for_async(
        self,
        kind: type[E],
        predicate: Callable[[E], bool] = lambda event: True,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - same parameter as the blocking form
    ) -> E:
        """As :meth:`wait_for`, for coroutines on any loop, the services' own included.

        :raises TimeoutError: when there is none within ``timeout`` seconds.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        found: asyncio.Future[E] = loop.create_future()

        def deliver(event: E) -> None:
            if not found.done():
                found.set_result(event)

        def look(event: Event) -> None:
            if isinstance(event, kind) and predicate(event):
                loop.call_soon_threadsafe(deliver, event)

        unsubscribe = self.subscribe(look)
        try:
            for event in self.events:
                look(event)
            async with asyncio.timeout(timeout):
                return await found
        except TimeoutError:
            raise TimeoutError(f"no {kind.__name__} within {timeout} s") from None
        finally:
            unsubscribe()
