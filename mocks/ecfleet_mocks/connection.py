"""One accepted connection of a service: what it puts on record, its reply, and the faults it commits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from ecfleet_mocks.faults import (
    Answer,
    AnswerInPieces,
    Close,
    Corrupt,
    Delay,
    Drip,
    Fault,
    HalfClose,
    LoseReply,
    Mute,
    Refuse,
    Reset,
    Stall,
    Truncate,
)
from ecfleet_mocks.journal import (
    Address,
    ConnectionClosed,
    ConnectionOpened,
    FaultInjected,
    Note,
    ReplySent,
    TlsEstablished,
    TlsFailed,
)

if TYPE_CHECKING:
    from ecfleet_mocks.service import Service

__all__ = ["Connection", "Handshake"]


class Connection(asyncio.Protocol):
    """One accepted connection of a service: journal, reply and faults.

    A subclass overrides :meth:`received` and calls :meth:`reply` (or :meth:`send` and :meth:`close`).
    """

    def __init__(self, service: Service, transport_name: str = "tcp") -> None:
        self.service = service
        self.journal = service.journal
        self.transport_name = transport_name
        self._transport: asyncio.Transport | None = None
        self._early = b""
        self._secured = False
        self.number = service.journal.next_connection()
        self.bytes_received = 0
        self.bytes_sent = 0
        self.lost = False
        self._how = "closed"
        self._timers: list[asyncio.TimerHandle] = []
        self._muted = False
        self._tls_failed = False

    @property
    def transport(self) -> asyncio.Transport:
        """The transport; there is one from :meth:`opened` on."""
        assert self._transport is not None
        return self._transport

    # --- what subclasses override -------------------------------------------------------------------

    def opened(self) -> None:
        """The connection is ready for data (after the handshake, with TLS)."""

    def received(self, data: bytes) -> None:
        """Bytes arrived."""

    def peer_finished(self) -> None:
        """The peer closed its sending side; default: close."""
        self.close()

    def closed(self) -> None:
        """The connection is gone."""

    # --- what subclasses call -----------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Record a remark, such as what a released program would have done here."""
        self.journal.record(Note(self.journal.now(), self.service.name, self.number, text))

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        if not self.lost and data:
            self.bytes_sent += len(data)
            self.transport.write(data)

    def close(self) -> None:
        """Close in order, after what was sent has gone out."""
        if not self.lost:
            self.transport.close()

    def abort(self) -> None:
        """Close at once, dropping what has not gone out."""
        if not self.lost:
            self.transport.abort()

    def reset(self) -> None:
        """Close at once with a reset (RST) rather than an orderly end."""
        if self.lost:
            return
        self._how = "reset"
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def fault_for(self, request: Any) -> Fault | None:
        """The fault for this exchange, recorded; None for most."""
        faults = self.service.faults
        if not faults:
            return None
        fault = faults.for_exchange(request)
        if fault is not None:
            self._record_fault(fault)
        return fault

    def preempt(self, fault: Fault | None) -> bool:
        """Carry out a fault that replaces the whole exchange; True when the request must not be acted on."""
        match fault:
            case Close():
                self.close()
            case Mute():
                self._muted = True
            case Answer(data, close):
                self.send(data)
                if close:
                    self.close()
                else:
                    self._muted = True
            case AnswerInPieces(pieces, interval):
                self._send_pieces(pieces, interval)
            case _:
                return False
        return True

    def reply(
        self, data: bytes, decoded: Any = None, *, fault: Fault | None = None, close: bool = True
    ) -> None:
        """Send a reply, changed by ``fault`` if there is one, and close unless told otherwise."""
        self.journal.record(ReplySent(self.journal.now(), self.service.name, self.number, data, decoded))
        if fault is None:
            self.send(data)
            if close:
                self.close()
        else:
            self._reply_with(fault, data, close=close)

    # --- asyncio ------------------------------------------------------------------------------------

    def accepted(self, transport: asyncio.BaseTransport) -> None:
        """Record that the peer connected, before any handshake."""
        peer, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        self.journal.record(
            ConnectionOpened(
                self.journal.now(),
                self.service.name,
                self.number,
                Address(*peer[:2]) if peer else Address("", 0),
                Address(*local[:2]) if local else Address("", 0),
                self.transport_name,
            )
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's, so this is a cast and not a check.
        self._transport = cast("asyncio.Transport", transport)
        service = self.service
        service.connections.add(self)
        tls = transport.get_extra_info("ssl_object")
        if tls is None:
            self.accepted(transport)
        else:
            self._secured = True
            cipher = tls.cipher()
            self.journal.record(
                TlsEstablished(
                    self.journal.now(),
                    service.name,
                    self.number,
                    tls.version() or "",
                    cipher[0] if cipher else "",
                    None,
                )
            )
        if service.faults and (fault := service.faults.at_accept()) is not None:
            self._record_fault(fault)
            assert isinstance(fault, Refuse)
            self.reset()
            return
        self.opened()
        if self._early:
            early, self._early = self._early, b""
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            # A TLS client's first data may come in the same read as the end of its handshake.
            self._early += data
            return
        self.bytes_received += len(data)
        if not self._muted:
            self.received(data)

    def eof_received(self) -> bool:
        if self._transport is None:
            return False
        if self._muted:
            return not self._secured
        self.peer_finished()
        return not (self.lost or self._secured)

    def tls_failed(self, reason: str) -> None:
        """Put on record, once, that there is no TLS with this peer."""
        if not self._tls_failed:
            self._tls_failed = True
            self.journal.record(TlsFailed(self.journal.now(), self.service.name, self.number, reason))

    def connection_lost(self, error: Exception | None) -> None:
        if self.lost:
            # A handshake that fails ends the connection by itself.
            return
        self.lost = True
        if isinstance(error, ssl.SSLError):
            # With TLS 1.3 a client's refusal of the certificate comes after the server's handshake is over.
            self.tls_failed(error.reason or str(error))
        self.service.connections.discard(self)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        how = self._how if error is None else (getattr(error, "strerror", None) or str(error))
        self.journal.record(
            ConnectionClosed(
                self.journal.now(),
                self.service.name,
                self.number,
                how,
                self.bytes_received,
                self.bytes_sent,
            )
        )
        self.closed()

    # --- faults -------------------------------------------------------------------------------------

    def _record_fault(self, fault: Fault) -> None:
        self.journal.record(FaultInjected(self.journal.now(), self.service.name, self.number, fault))

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, action))

    def _reply_with(self, fault: Fault, data: bytes, *, close: bool) -> None:
        def finish(rest: bytes) -> None:
            self.send(rest)
            if close:
                self.close()

        match fault:
            case Delay(seconds):
                self._later(seconds, lambda: finish(data))
            case Drip(size, interval):
                self._drip(data, size, interval, close=close)
            case Truncate(length):
                self.send(data[:length])
                self.close()
            case Corrupt(offset, junk):
                finish(data[:offset] + junk[: len(data) - offset] + data[offset + len(junk) :])
            case Reset(after):
                self.send(data[:after])
                if self.bytes_sent:
                    # Let the bytes leave before the reset overtakes them.
                    self._later(0.01, self.reset)
                else:
                    self.reset()
            case HalfClose():
                self.send(data)
                if self.transport.can_write_eof():
                    self.transport.write_eof()
            case LoseReply():
                self.close()
            case Stall(after):
                self.send(data[:after])
                self._muted = True
            case _:
                finish(data)

    def _send_pieces(self, pieces: tuple[bytes, ...], interval: float) -> None:
        if not pieces:
            self.close()
            return
        self.send(pieces[0])
        self._later(interval if pieces[1:] else 0, lambda: self._send_pieces(pieces[1:], interval))

    def _drip(self, data: bytes, size: int, interval: float, *, close: bool) -> None:
        if self.lost:
            return
        self.send(data[:size])
        rest = data[size:]
        if rest:
            self._later(interval, lambda: self._drip(rest, size, interval, close=close))
        elif close:
            self.close()


# TLS 1.0 as the version of the record, as OpenSSL writes it before one is agreed upon; level fatal.
_ALERT: Final = b"\x15\x03\x01\x00\x02\x02"
_ALERTS: Final = {"UNSUPPORTED_PROTOCOL": 70, "NO_SUITABLE_SIGNATURE_ALGORITHM": 80}
"""What OpenSSL tells a client whose offer is too old, by its own reason (seen on 5.9.2 and 5.17.0)."""


class Handshake(asyncio.Protocol):
    """Accepts for a TLS listener: asyncio itself tells nobody about handshakes that fail."""

    def __init__(self, service: Service, context: ssl.SSLContext, connection: Connection) -> None:
        self._service = service
        self._context = context
        self._connection = connection
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        plain = cast("asyncio.Transport", transport)
        self._connection.accepted(plain)
        # Not start_tls(): uvloop reads from here on although told to pause, and what the peer sends before
        # start_tls() has begun is lost. A second descriptor of the untouched socket loses nothing.
        sock = socket.socket(fileno=os.dup(plain.get_extra_info("socket").fileno()))
        sock.setblocking(False)
        plain.abort()
        self._task = asyncio.get_running_loop().create_task(self._shake_hands(sock))
        self._task.add_done_callback(lambda task: self._ended(sock))
        self._service.watch_handshake(self._task)

    async def _shake_hands(self, sock: socket.socket) -> None:
        connection = self._connection
        # The loop closes its own descriptor of a connection whose handshake fails, alert unsent.
        with sock.dup() as spare:
            try:
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: connection, sock, ssl=self._context
                )
            except (OSError, EOFError) as error:
                # A peer that closes or resets during the handshake raises an error without a text.
                reason = getattr(error, "reason", None) or str(error) or "closed by the peer"
                if reason in _ALERTS:
                    with contextlib.suppress(OSError):
                        spare.send(_ALERT + bytes([_ALERTS[reason]]))
                connection.tls_failed(reason)
                connection.connection_lost(None)

    def _ended(self, sock: socket.socket) -> None:
        # Only a connection that was made owns its socket; a task may be cancelled before it has begun.
        if self._connection._transport is None:
            sock.close()
