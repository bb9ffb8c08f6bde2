"""What all connections of the mock ecFlow server have in common: one exchange, and then the end."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ecfleet_mocks.faults import Fault, HalfClose
from ecfleet_mocks.journal import RequestReceived
from ecfleet_mocks.service import Connection
from ecfleet_mocks.wire import Command, NullPointer, decode_request

if TYPE_CHECKING:
    from ecfleet_mocks.ecflow_server import EcflowServer

__all__ = ["ExchangeConnection", "decode"]

_SMALL_REQUEST: Final = 2048

# Requests are frozen data and most are small and sent over and over (ping, news, sync): the same bytes need
# to be read only once.
_decode_small = lru_cache(maxsize=512)(decode_request)


def decode(payload: bytes) -> Command | None:
    """The command in a request's JSON; None for a null command.

    :raises ArchiveError: when there is none in it.
    """
    try:
        return _decode_small(payload) if len(payload) <= _SMALL_REQUEST else decode_request(payload)
    except NullPointer:
        return None


class ExchangeConnection(Connection):
    """A connection that serves one request.

    Bytes after the request are dropped, as released servers do (seen on 5.9.2 and 5.17.0).
    """

    def __init__(self, server: EcflowServer, transport: str) -> None:
        super().__init__(server, transport)
        self.server = server
        self.answered = False
        self.discarding = False  # the bytes that come are of no interest, but no reply is due either
        self._raw: list[bytes] = []
        self._fault: Fault | None = None

    def opened(self) -> None:
        self.server.room.enter(self)

    def closed(self) -> None:
        self.server.room.leave(self)

    def received(self, data: bytes) -> None:
        if self.answered or self.discarding:
            return
        self._raw.append(data)
        self.take(data)

    def peer_finished(self) -> None:
        if not self.answered:
            self.cut_short()
        elif isinstance(self._fault, HalfClose):
            self.close()
        # Otherwise the reply is still on its way (a fault delays it), and closes when it has gone out.

    def take(self, data: bytes) -> None:
        """Bytes of the request arrived."""
        raise AssertionError("each kind of connection reads its own form")

    def cut_short(self) -> None:
        """The peer closed its sending side before the request was whole."""
        self.close()

    def request_arrived(self, decoded: object) -> None:
        """Put the whole request on record, with what it says (None when that cannot be told)."""
        self.answered = True
        self.server.room.spoke(self)
        raw = self._raw[0] if len(self._raw) == 1 else b"".join(self._raw)
        self._raw.clear()
        self.journal.record(RequestReceived(self.journal.now(), self.service.name, self.number, raw, decoded))

    def preempted(self, request: object) -> bool:
        """Choose this exchange's fault; True when it replaces the exchange."""
        self._fault = self.fault_for(request)
        return self._fault is not None and self.preempt(self._fault)

    @property
    def fault(self) -> Fault | None:
        """The fault that the reply is to suffer."""
        return self._fault
