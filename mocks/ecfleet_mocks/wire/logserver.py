"""The log server's dialogue: request lines, reply headers and directory rows, to objects and back.

One connection carries one request line ended by LF; the answer ends where the server closes.  There is no
length and no error text (seen on the log server scripts of 5.9.2 and 5.17.0).  Texts keep any bytes: they are
decoded as UTF-8 with surrogate escapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from ecfleet_mocks.wire.errors import UnexpectedEnd, WireError

__all__ = [
    "VERSION_REPLY",
    "FileHeader",
    "FileKind",
    "ListRow",
    "LogAction",
    "LogRequest",
    "LogRequestReader",
    "LogServerError",
    "decode_file_header",
    "decode_file_reply",
    "decode_log_request",
    "decode_rows",
    "encode_file_header",
    "encode_log_request",
    "encode_row",
]

VERSION_REPLY: Final = b"2"
"""The answer to ``version``, without a newline (seen on 5.9.2 and 5.17.0)."""

HEADER_LIMIT: Final = 512
"""More bytes (of about 60 expected) without the end of a header are no header."""


class LogServerError(WireError):
    """Bytes that are no log server message."""


class LogAction(StrEnum):
    """The words that a log server knows; letter case counts (seen on 5.9.2 and 5.17.0)."""

    VERSION = "version"
    GET = "get"
    GETF = "getf"
    DELTA = "delta"
    LIST = "list"


class FileKind(IntEnum):
    """What follows a header, its first field."""

    WHOLE = 0
    INCREMENT = 1


@dataclass(frozen=True, slots=True)
class LogRequest:
    """One request.

    :param action: the first word, also when no server knows it.
    :param path: the rest as it was sent; trailing white space, also a CR, is still there.
    :param position: of ``delta``: how many bytes of the file the client has.  This and the next two are
        kept as texts, because the server takes any text and makes a number of it.
    :param mtime: of ``delta``: the modification time that the client knows (seconds since 1970).
    :param checksum: of ``delta``: the checksum that the client knows, ``x`` for none.
    """

    action: LogAction | str
    path: str = ""
    position: str = ""
    mtime: str = ""
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What comes before the bytes of a file in the answer to ``getf`` and ``delta``.

    :param mtime: modification time, seconds since 1970; empty when the server could not tell.
    :param checksum: SHA-1 (hex) of the first 1024 bytes, or ``x`` where the server has no SHA-1.
    """

    kind: FileKind
    mtime: str
    checksum: str


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line of the answer to ``list``, all numbers decimal; times are seconds since 1970."""

    mode: int
    uid: int
    gid: int
    size: int
    atime: int
    mtime: int
    ctime: int
    path: str


class LogRequestReader:
    """Finds the request line in whatever pieces it arrives.

    :param limit: the longest line taken, in bytes.
    """

    def __init__(self, limit: int = 64 * 1024) -> None:
        self.limit = limit
        self.leftover = b""
        self.line: bytes | None = None

    def feed(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        self.leftover += data

    def next(self) -> LogRequest | None:
        """The request once its line is whole, else None; its bytes, LF included, are then in ``line``.

        :raises LogServerError: when the line is longer than the limit.
        """
        end = self.leftover.find(b"\n", 0, self.limit + 1)
        if end >= 0:
            return self._take(end + 1)
        if len(self.leftover) > self.limit:
            raise LogServerError(f"a request line has at most {self.limit} bytes; this one goes on")
        return None

    def at_eof(self) -> LogRequest | None:
        """The request whose line the client ended by closing instead of LF; None when nothing was sent.

        A real server takes it: the end of the stream ends a line (seen on 5.9.2).
        """
        return self._take(len(self.leftover)) if self.leftover and self.line is None else None

    def _take(self, end: int) -> LogRequest:
        self.line, self.leftover = self.leftover[:end], self.leftover[end:]
        return decode_log_request(self.line)


def decode_log_request(line: bytes) -> LogRequest:
    """Read a request line, with or without its LF; any bytes are some request.

    White space splits the words, leading white space does not count, and the path takes all that is left.
    """
    words = _split(line.removesuffix(b"\n"), 1)
    if not words:
        return LogRequest("")
    action = words[0]
    rest = words[1] if len(words) > 1 else ""
    if action not in set(LogAction):
        return LogRequest(action, rest)
    if action != LogAction.DELTA:
        return LogRequest(LogAction(action), rest)
    fields = _split(_bytes(rest), 3) + [""] * 4
    return LogRequest(LogAction.DELTA, fields[3], *fields[:3])


def encode_log_request(request: LogRequest, *, as_ui: bool = False) -> bytes:
    """Write a request line.

    :param as_ui: as ecflow_ui spells it: two blanks before the path of ``get`` and ``getf``, and a NUL behind
        the LF of all that send a file (read in source of 5.17).
    :raises LogServerError: when a text holds an LF, which would end the line.
    """
    words = [str(request.action)]
    if request.action == LogAction.DELTA:
        words += [request.position, request.mtime, request.checksum]
    if as_ui and request.action in (LogAction.GET, LogAction.GETF):
        words.append("")
    if request.path:
        words.append(request.path)
    line = " ".join(words)
    if "\n" in line:
        raise LogServerError("a log server request cannot hold an LF: it would end the line")
    sends_file = request.action in (LogAction.GET, LogAction.GETF, LogAction.DELTA)
    return _bytes(line) + (b"\n\0" if as_ui and sends_file else b"\n")


def encode_file_header(header: FileHeader) -> bytes:
    """Write the header of the answer to ``getf`` or ``delta``."""
    return _bytes(f"{int(header.kind)}:{header.mtime}:{header.checksum}:")


def decode_file_header(data: bytes) -> tuple[FileHeader, int] | None:
    """Read the header of an answer to ``getf`` or ``delta`` and tell how many bytes it took.

    None while it is incomplete: it may arrive in pieces (FB-64).

    :raises LogServerError: when this cannot be the beginning of a header.
    """
    fields = data[:HEADER_LIMIT].split(b":", 3)
    if fields[0] and fields[0] not in (b"0", b"1"):
        raise LogServerError(f"the answer begins with {fields[0][:20]!r} where 0: or 1: has to be")
    if len(fields) < 4:
        if len(data) >= HEADER_LIMIT:
            raise LogServerError(f"no end of the header within {HEADER_LIMIT} bytes")
        return None
    if not fields[0]:
        raise LogServerError("the answer begins with a colon where 0: or 1: has to be")
    header = FileHeader(FileKind(int(fields[0])), _text(fields[1]), _text(fields[2]))
    return header, sum(len(field) + 1 for field in fields[:3])


def decode_file_reply(data: bytes) -> tuple[FileHeader | None, bytes]:
    """Read a whole answer to ``getf`` or ``delta``, after the server has closed: the header and the bytes.

    A lone ``1`` says that nothing has changed: then there is no header.

    :raises UnexpectedEnd: when there is nothing (what a server does for every error), or half a header.
    :raises LogServerError: when the header is none.
    """
    if data == b"1":
        return None, b""
    found = decode_file_header(data)
    if found is None:
        what = "in the middle of its header" if data else "without an answer, as it does for every error"
        raise UnexpectedEnd(f"the log server closed the connection {what}")
    header, taken = found
    return header, data[taken:]


def encode_row(row: ListRow) -> bytes:
    """Write one line of the answer to ``list``, LF included."""
    numbers = (row.mode, row.uid, row.gid, row.size, row.atime, row.mtime, row.ctime)
    return _bytes(" ".join(map(str, numbers)) + f" {row.path}\n")


def decode_rows(data: bytes) -> list[ListRow]:
    """Read a whole answer to ``list``.

    :raises LogServerError: when a line is no row; the text shows its beginning.
    """
    rows = []
    for line in _text(data).removesuffix("\n").split("\n") if data else ():
        fields = line.split(" ", 7)
        try:
            numbers = [int(field) for field in fields[:7]]
        except ValueError:
            numbers = []
        if len(numbers) < 7 or len(fields) < 8:
            raise LogServerError(f"this is no line of a directory list: {line[:80]!r}")
        mode, uid, gid, size, atime, mtime, ctime = numbers
        rows.append(ListRow(mode, uid, gid, size, atime, mtime, ctime, fields[7]))
    return rows


def _split(line: bytes, times: int) -> list[str]:
    # On bytes, so that only ASCII white space splits, as in the script, and no letter of another alphabet.
    return [_text(word) for word in line.split(None, times)]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
