"""The mock ecFlow server on plain TCP and inside TLS: framed requests, framed replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ecfleet_mocks.ecflow_exchange import ExchangeConnection, decode
from ecfleet_mocks.journal import Decision
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.wire import (
    OK,
    ArchiveError,
    BadHeader,
    FrameReader,
    Reply,
    TooLong,
    WireError,
    encode_reply,
    frame,
)

if TYPE_CHECKING:
    from ecfleet_mocks.ecflow_server import EcflowServer

__all__ = ["FramedConnection"]

_FRAMED_OK: Final = frame(encode_reply(OK))
_ANYBODY: Final = Sender()
"""On TCP and TLS the transport proves nothing about the sender: the command's own user counts."""


class FramedConnection(ExchangeConnection):
    """One exchange as wire messages: eight characters of hexadecimal length, then the archive."""

    def __init__(self, server: EcflowServer, transport: str) -> None:
        super().__init__(server, transport)
        self._reader = FrameReader(limit=server.limit)

    def take(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            payload = self._reader.next()
        except TooLong as error:
            self._refuse_length(error)
        except BadHeader as error:
            self._refuse(error)
        else:
            if payload is not None:
                self._exchange(payload)

    def cut_short(self) -> None:
        if self.discarding:
            return
        self.request_arrived(None)
        if not self.preempted(None):
            self._answer(self.server.server.end_of_file())

    def _exchange(self, payload: bytes) -> None:
        try:
            command = decode(payload)
        except ArchiveError as error:
            self._refuse(error)
            return
        self.request_arrived(command)
        if self.preempted(command):
            return
        reply = self.server.answer(self, command, _ANYBODY)
        if reply is None:
            self.close()
        else:
            self._answer(reply)

    def _refuse(self, error: WireError) -> None:
        self.request_arrived(None)
        self._record("refuse the request", str(error))
        if not self.preempted(None):
            self._answer(self.server.server.invalid_argument())

    def _refuse_length(self, error: TooLong) -> None:
        release = self.server.dialect.version
        self.note(f"the real {release} sets no limit: it makes a buffer of the announced length and waits")
        if self.server.faithful:
            # It waits for as long as the peer does. The buffer we spare ourselves.
            self.discarding = True
            self._record("wait for the announced bytes", str(error))
            return
        self._refuse(error)

    def _answer(self, reply: Reply) -> None:
        data = _FRAMED_OK if reply is OK else frame(encode_reply(reply))
        self.reply(data, reply, fault=self.fault)

    def _record(self, what: str, why: str) -> None:
        self.journal.record(Decision(self.journal.now(), self.service.name, self.number, what, why))
