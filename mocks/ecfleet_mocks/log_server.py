"""The log server, from which ecflow_ui has the output of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecfleet_mocks.faults import Corrupt, Delay, Drip, Fault, Faults, HalfClose, LoseReply, Reset, Truncate
from ecfleet_mocks.journal import Decision, Journal, ReplySent, RequestReceived
from ecfleet_mocks.lingering import LingeringConnection
from ecfleet_mocks.model.dialect import DIALECT_5_17, Dialect
from ecfleet_mocks.model.log_files import ChecksumKind, DeltaKind, delta_answer, without_nul
from ecfleet_mocks.served_files import OpenFile, Refused, ServedFiles
from ecfleet_mocks.service import Service, ServiceError
from ecfleet_mocks.wire.logserver import (
    VERSION_REPLY,
    FileHeader,
    FileKind,
    LogAction,
    LogRequest,
    LogRequestReader,
    LogServerError,
    encode_file_header,
    encode_row,
)

__all__ = ["FileSent", "LogConnection", "LogServer"]

BLOCK: Final = 256 * 1024
"""Bytes read and sent at a time; with the transport's buffer this is all the memory that a file takes."""

RECORDED: Final = 64 * 1024
"""The journal keeps the first so many bytes of a reply."""


@dataclass(frozen=True, slots=True)
class FileSent:
    """What the journal has as the decoded form of a reply that sends a file.

    :param header: the header; None for ``get``.
    :param path: the path after LOGMAP.
    :param start: the byte of the file from which on it is sent.
    :param size: the size of the file when it was opened, in bytes.
    """

    header: FileHeader | None
    path: str
    start: int
    size: int


class LogServer(Service):
    """A log server on the given directories.

    By default it refuses what is outside them: ``..``, symbolic links that lead out, a directory whose name
    only begins like a served one.  The released script serves all of these.

    :param paths: the directories served (LOGPATH), absolute.
    :param logmap: prefixes replaced before anything else (LOGMAP).
    :param faithful: do as the released script does, also where it trusts too much.
    :param checksum: what the checksum field holds; default ``x``, as on Debian.
    :param dialect: since 5.16, ``get`` (and only that) leaves out NUL bytes.
    :param request_limit: the longest request line taken, in bytes; the script has no limit.
    :raises ServiceError: when a directory is not absolute, or there is none.
    """

    def __init__(
        self,
        *,
        paths: Sequence[Path | str],
        logmap: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        faithful: bool = False,
        checksum: ChecksumKind | str = ChecksumKind.NONE,
        dialect: Dialect = DIALECT_5_17,
        request_limit: int = 64 * 1024,
        name: str = "log_server",
        host: str = "127.0.0.1",
        port: int = 0,
        journal: Journal | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(name=name, host=host, port=port, journal=journal, faults=faults)
        directories = [str(path) for path in paths]
        if not directories:
            raise ServiceError(f"{name}: give at least one directory to serve (LOGPATH)")
        for directory in directories:
            if not directory.startswith("/"):
                raise ServiceError(f"{name}: the directory {directory!r} is not absolute")
        pairs = list(logmap.items()) if isinstance(logmap, Mapping) else list(logmap)
        try:
            kind = ChecksumKind(checksum)
        except ValueError:
            raise ServiceError(f"{name}: a checksum is x or sha1, not {checksum!r}") from None
        self.files = ServedFiles(directories, pairs, faithful=faithful, kind=kind)
        self.faithful = faithful
        self.dialect = dialect
        self.request_limit = request_limit

    async def open_listeners(self) -> None:
        await self.listen(self.new_connection)

    def new_connection(self) -> LogConnection:
        """The protocol of one more accepted connection; a subclass may have another."""
        return LogConnection(self)


class LogConnection(LingeringConnection):
    """One request, one answer, one close."""

    def __init__(self, server: LogServer) -> None:
        super().__init__(server)
        self.server = server
        self._reader = LogRequestReader(server.request_limit)
        self._asked = False
        self._sending: _Sending | None = None
        self._writable = True
        self._next: asyncio.TimerHandle | None = None

    # --- the request --------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        # What follows the line (a NUL from the UI, a second line) means nothing.
        if self._asked:
            return
        self._reader.feed(data)
        try:
            request = self._reader.next()
        except LogServerError as error:
            self._refuse(LogRequest(""), str(error))
            return
        if request is not None:
            self._serve(request)

    def peer_finished(self) -> None:
        if self._asked:
            # The client has nothing to add, and may well wait for the answer.
            return
        request = self._reader.at_eof()
        if request is None:
            self.close()
        else:
            self._serve(request)

    def _serve(self, request: LogRequest) -> None:
        self._asked = True
        raw = self._reader.line or b""
        self.journal.record(RequestReceived(self.journal.now(), self.service.name, self.number, raw, request))
        if self.server.faithful:
            # The script reads one line and no more, so what comes later makes its close a reset.
            self.transport.pause_reading()
        fault = self.fault_for(request)
        if self.preempt(fault):
            return
        try:
            match request.action:
                case LogAction.VERSION:
                    self._answer(request, VERSION_REPLY, VERSION_REPLY.decode(), fault)
                case LogAction.GET | LogAction.GETF | LogAction.DELTA:
                    self._send_file(request, fault)
                case LogAction.LIST:
                    rows = self.server.files.rows(request.path)
                    self._answer(request, b"".join(map(encode_row, rows)), rows, fault)
                case _:
                    raise Refused(f"{request.action!r} is no word of the log server")
        except Refused as refused:
            self._refuse(request, str(refused))

    def _refuse(self, request: LogRequest, why: str) -> None:
        """Every error is a close without bytes; only the journal says which (seen on 5.9.2 and 5.17.0)."""
        self._asked = True
        self._decide("refuse", why, request)
        self._end()

    def _send_file(self, request: LogRequest, fault: Fault | None) -> None:
        file = self.server.files.open(request.path)
        header: FileHeader | None = None
        start = 0
        if request.action == LogAction.GETF:
            header = FileHeader(FileKind.WHOLE, file.mtime, file.checksum)
        elif request.action == LogAction.DELTA:
            header = FileHeader(FileKind.WHOLE, file.mtime, file.checksum)
            if file.known:
                answer = delta_answer(
                    file.size,
                    int(file.mtime),
                    file.checksum,
                    position=request.position,
                    known_mtime=request.mtime,
                    known_checksum=request.checksum,
                    faithful=self.server.faithful,
                )
                if answer.kind is DeltaKind.UNCHANGED:
                    file.close()
                    self._answer(request, b"1", "unchanged", fault)
                    return
                if answer.kind is DeltaKind.INCREMENT:
                    header = FileHeader(FileKind.INCREMENT, file.mtime, file.checksum)
                    start = answer.start
        if file.stream is not None and start:
            file.stream.seek(start)
        head = b"" if header is None else encode_file_header(header)
        self._answer(request, head, FileSent(header, file.path, start, file.size), fault, file)

    # --- the answer ---------------------------------------------------------------------------------

    def _answer(
        self,
        request: LogRequest,
        head: bytes,
        decoded: object,
        fault: Fault | None,
        file: OpenFile | None = None,
    ) -> None:
        self._decide("serve", file.path if file is not None else str(request.action), request)
        filtered = request.action == LogAction.GET and self.server.dialect.log_get_removes_nul
        self._sending = sending = _Sending(head, file, without_nul if filtered else None, fault)
        first = sending.read(RECORDED)
        self.journal.record(ReplySent(self.journal.now(), self.service.name, self.number, first, decoded))
        sending.put_back(first)
        if isinstance(fault, Delay):
            self._next = asyncio.get_running_loop().call_later(fault.seconds, self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Send the next block; one for each turn of the loop, so that others are served in between."""
        sending, self._next = self._sending, None
        if sending is None or self.lost or not self._writable:
            return
        data = sending.next()
        self.send(data)
        if not data:
            self._done()
        else:
            self._next = asyncio.get_running_loop().call_later(sending.interval, self._go_on)

    def _done(self) -> None:
        sending, self._sending = self._sending, None
        if sending is None:
            return
        sending.close()
        match sending.fault:
            case Reset() if self.bytes_sent:
                # Let the bytes leave before the reset overtakes them.
                self._later(0.01, self.reset)
            case Reset():
                self.reset()
            case HalfClose():
                if self.transport.can_write_eof():
                    self.transport.write_eof()
            case _:
                self._end()

    def _end(self) -> None:
        if self.server.faithful:
            self.close()
        else:
            self.finish()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        if self._next is None:
            self._go_on()

    def closed(self) -> None:
        if self._next is not None:
            self._next.cancel()
        if self._sending is not None:
            self._sending.close()
            self._sending = None

    def _decide(self, what: str, why: str, request: LogRequest) -> None:
        self.journal.record(Decision(self.journal.now(), self.service.name, self.number, what, why, request))


class _Sending:
    """An answer on its way: a head and perhaps a file, block by block, as a fault would have it."""

    def __init__(
        self, head: bytes, file: OpenFile | None, change: Callable[[bytes], bytes] | None, fault: Fault | None
    ) -> None:
        self.fault = fault
        self.interval = 0.0
        self._head = head
        self._file = file
        self._change = change
        self._size = BLOCK
        self._left: int | None = None
        self._offset = 0
        match fault:
            case Drip(size, interval):
                self._size, self.interval = size, interval
            case Truncate(length):
                self._left = length
            case Reset(after):
                self._left = after
            case LoseReply():
                self._left = 0

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes of the unharmed answer; empty at its end."""
        data, self._head = self._head[:size], self._head[size:]
        stream = self._file.stream if self._file is not None else None
        while stream is not None and len(data) < size and (block := stream.read(size - len(data))):
            data += self._change(block) if self._change is not None else block
        return data

    def put_back(self, data: bytes) -> None:
        """Undo a :meth:`read`."""
        self._head = data + self._head

    def next(self) -> bytes:
        """The next bytes to send, as the fault makes them; empty at the end."""
        size = self._size if self._left is None else min(self._size, self._left)
        data = self.read(size) if size else b""
        if self._left is not None:
            self._left -= len(data)
        if isinstance(self.fault, Corrupt):
            data = _overlaid(data, self.fault.offset - self._offset, self.fault.data)
        self._offset += len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _overlaid(data: bytes, at: int, junk: bytes) -> bytes:
    """``data`` with ``junk`` written over it from ``at`` on (which may be negative); the length stays."""
    begin, end = max(at, 0), min(at + len(junk), len(data))
    return data[:begin] + junk[begin - at : end - at] + data[end:] if begin < end else data
