"""Makes one timeline of a journal: the client's runs, and each hop that an exchange went over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ecfleet.exchanges import reply_in_words, request_in_words
from ecfleet.masking import Secrets
from ecfleet.timeline import Kind, Step, Timeline
from ecfleet.witness import ClientEnded, ClientStarted, http_message
from ecfleet_mocks.journal import (
    Address,
    ConnectionClosed,
    ConnectionOpened,
    Decision,
    Event,
    FaultInjected,
    IdentityFound,
    Note,
    ReplySent,
    RequestReceived,
    RouteTaken,
    ServiceStarted,
    ServiceStopped,
    TlsEstablished,
    TlsFailed,
    UpstreamOpened,
)
from ecfleet_mocks.wire.http1 import Request, Response

__all__ = ["MOST", "printable", "timeline_of"]

MOST: Final = 80
"""How many steps the evidence of a case keeps: the last ones, as a property's failing example is run last."""

_LONGEST: Final = 400
"""Characters of one line."""
_MOST_DETAILS: Final = 16
"""Further lines of one step."""


def timeline_of(
    events: Iterable[Event], secrets: Secrets, *, since: float = 0.0, most: int = MOST
) -> Timeline | None:
    """The timeline of a journal's events, or None when nothing happened on it.

    :param secrets: what must not be told.
    :param since: seconds in the journal; what was before is not told, save who the hops are.
    :param most: how many steps are kept; a run of a client is not cut in two unless it is longer than that.
    """
    hops = _Hops(tuple(events), secrets)
    ordered = sorted((event for event in hops.events if event.at >= since), key=hops.order)
    steps = [step for event in ordered if (step := hops.step(event)) is not None]
    while steps and steps[-1].kind is Kind.STOP:
        # Every service stops at the end of a test.
        steps.pop()
    if not steps:
        return None
    kept = steps[_beginning(steps, most) :]
    numbers: dict[int, int] = {}
    for step in kept:
        if step.connection:
            numbers.setdefault(step.connection, len(numbers) + 1)
    told = (_told(replace(step, connection=numbers.get(step.connection, 0)), secrets) for step in kept)
    return Timeline(tuple(told), len(steps) - len(kept))


def _beginning(steps: Sequence[Step], most: int) -> int:
    """Where to begin so that no more than ``most`` steps are told, a whole run of a client if possible."""
    first = max(len(steps) - most, 0)
    if not first:
        return 0
    starts = (number for number in range(first, len(steps)) if steps[number].kind is Kind.START)
    return next(starts, first)


def _told(step: Step, secrets: Secrets) -> Step:
    return replace(
        step,
        hop=printable(step.hop),
        text=_line(step.text, secrets),
        details=tuple(_line(line, secrets) for line in step.details[:_MOST_DETAILS]),
    )


def _line(text: str, secrets: Secrets) -> str:
    # First without secrets, then short: what is left of a cut secret would not be recognised.
    line = printable(secrets.mask(text))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def printable(text: str) -> str:
    """The text on one line, with what is not printable as an escape: no peer takes a terminal over."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text
    )


@dataclass(slots=True)
class _Run:
    """A run of the client under test."""

    name: str
    began: float
    ended: float = float("inf")
    command: str = ""


@dataclass(slots=True)
class _Hops:
    """What has to be known of all events before one can be told."""

    events: tuple[Event, ...]
    secrets: Secrets
    services: dict[Address, str] = field(default_factory=dict)
    runs: dict[int, _Run] = field(default_factory=dict)
    opened: dict[int, ConnectionOpened] = field(default_factory=dict)
    onward: dict[UpstreamOpened, float] = field(default_factory=dict)
    """When the next hop saw a connection, where that was before it was told of on this side."""
    parents: dict[int, int] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)
    """Requests of a connection that have no reply yet; absent where there was none at all."""

    def __post_init__(self) -> None:
        for event in self.events:
            match event:
                case ServiceStarted():
                    self.services[Address(*event.address)] = event.service
                case ClientStarted():
                    self.runs[event.connection] = _Run(event.service, event.at)
                case ClientEnded() if event.connection in self.runs:
                    self.runs[event.connection].ended = event.at
                    self.runs[event.connection].command = event.command
                case ConnectionOpened():
                    self.opened[event.connection] = event
        self._link()

    def _link(self) -> None:
        """Find the connection that led to each connection, by the address that it comes from."""
        by_peer: dict[Address, list[ConnectionOpened]] = {}
        for opened in self.opened.values():
            by_peer.setdefault(Address(*opened.peer), []).append(opened)
        for event in self.events:
            if isinstance(event, UpstreamOpened):
                # A port may be used again later: the next hop's connection is the nearest in time.
                candidates = by_peer.get(Address(*event.local), [])
                if candidates:
                    at = event.at
                    nearest = min(candidates, key=lambda opened: abs(opened.at - at))
                    self.parents[nearest.connection] = event.connection
                    self.onward[event] = min(event.at, nearest.at)

    def order(self, event: Event) -> tuple[float, bool]:
        """By time; of two at the same time, a connection is made before it arrives."""
        if isinstance(event, UpstreamOpened):
            return self.onward.get(event, event.at), False
        return event.at, True

    def depth(self, connection: int) -> int:
        """How many hops lead to the one that has this connection; the client under test is one."""
        hops, seen = 0, {connection}
        while (parent := self.parents.get(connection)) is not None and parent not in seen:
            hops, connection = hops + 1, parent
            seen.add(parent)
        return hops + bool(self._client_of(connection))

    def _client_of(self, connection: int) -> str:
        """The client that ran when this connection was opened, empty if none did."""
        opened = self.opened.get(connection)
        if opened is None:
            return ""
        return next((run.name for run in self.runs.values() if run.began <= opened.at <= run.ended), "")

    def _peer(self, event: ConnectionOpened) -> str:
        parent = self.parents.get(event.connection)
        who = self.opened[parent].service if parent in self.opened else self._client_of(event.connection)
        return f"{who} ({event.peer})" if who else str(event.peer)

    def step(self, event: Event) -> Step | None:
        """The step that an event is; None for what nobody has to know."""
        match event:
            case ClientStarted():
                command = self.runs[event.connection].command or event.action
                details = [f"{name}={value}" for name, value in event.variables]
                details += [f"files: {', '.join(event.files)}"] if event.files else []
                return Step(event.at, event.service, Kind.START, f"starts: {command}", details=tuple(details))
            case ClientEnded():
                return Step(event.at, event.service, Kind.END, _ending(event), details=tuple(_printed(event)))
            case ServiceStopped():
                return Step(event.at, event.service, Kind.STOP, "stops")
        about = self._of_connection(event)
        if about is None or event.connection not in self.opened:
            return None
        kind, text, more = about
        depth = self.depth(event.connection)
        return Step(self.order(event)[0], event.service, kind, text, event.connection, depth, tuple(more))

    def _of_connection(self, event: Event) -> tuple[Kind, str, Iterable[str]] | None:
        number = event.connection
        match event:
            case ConnectionOpened():
                return Kind.CONNECTION, f"{event.transport} connection from {self._peer(event)}", ()
            case TlsEstablished():
                asked = f", for {event.sni}" if event.sni else ""
                return Kind.TLS, f"TLS handshake: {event.version}, {event.cipher}{asked}", ()
            case TlsFailed():
                self.asked[number] = 0
                return Kind.TLS_FAILED, f"TLS handshake fails: {event.reason}", ()
            case RequestReceived():
                self.asked[number] = self.asked.get(number, 0) + 1
                message = http_message(event)
                words = request_in_words(message or event.decoded, event.raw)
                return Kind.REQUEST, f"request: {words}", self._headers(message)
            case IdentityFound():
                return Kind.IDENTITY, f"user {event.user!r}: {event.why}", ()
            case Decision():
                return Kind.DECISION, f"decides: {event.what}{f' ({event.why})' if event.why else ''}", ()
            case RouteTaken():
                to = event.destination
                leads = "no route" if to is None else f"leads to {self._named(to)}"
                return Kind.ROUTE, f"{event.asked} as {event.address_type}: {leads}", ()
            case UpstreamOpened():
                return Kind.ONWARD, f"connects to {self._named(event.remote)}", ()
            case ReplySent():
                self.asked[number] = 0
                message = http_message(event)
                words = reply_in_words(event.decoded, event.raw)
                if message is not None and message is not event.decoded:
                    words = f"{reply_in_words(message)} {words}"
                return Kind.REPLY, f"reply: {words}", self._headers(message)
            case FaultInjected():
                return Kind.FAULT, f"fault, as told: {event.fault}", ()
            case Note():
                return Kind.NOTE, event.text, ()
            case ConnectionClosed():
                return self._closing(event)
        return None

    def _closing(self, event: ConnectionClosed) -> tuple[Kind, str, Iterable[str]]:
        counts = f"{event.how}, {event.received} bytes received, {event.sent} sent"
        waiting = self.asked.get(event.connection)
        if waiting is None:
            return Kind.ABANDONED, f"ends without a request: {counts}", ()
        if waiting:
            return Kind.ABANDONED, f"ends without a reply: {counts}", ()
        return Kind.CLOSE, f"ends: {counts}", ()

    def _headers(self, message: Request | Response | None) -> Iterator[str]:
        for one in () if message is None else message.headers.fields:
            # A known secret gets its own name later on; any other is known by the header it stands in.
            known = self.secrets.known_in(one.value)
            yield ": ".join((one.name, one.value) if known else one.shown())

    def _named(self, address: Address) -> str:
        name = self.services.get(Address(*address))
        return f"{name} ({address})" if name else str(address)


def _ending(event: ClientEnded) -> str:
    after = f"after {event.seconds:.3f} s"
    if event.problem:
        return f"did not run: {event.problem}"
    if event.timed_out or event.exit_code is None:
        return f"was stopped {after}: its time was up"
    if event.exit_code < 0:
        return f"was ended by signal {-event.exit_code} {after}"
    return f"ends with exit status {event.exit_code} {after}"


def _printed(event: ClientEnded) -> Iterator[str]:
    for name, text in (("stdout", event.stdout), ("stderr", event.stderr)):
        found: list[str] = [line.rstrip() for line in text.splitlines() if line.strip()]
        most = _MOST_DETAILS // 2 - 1
        yield from (f"{name}: {line}" for line in found[:most])
        if len(found) > most:
            yield f"{name}: … {len(found) - most} more lines"
