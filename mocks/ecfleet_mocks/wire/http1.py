"""HTTP/1.1 messages: bytes to objects and back, without sockets.

Readers are fed bytes, cut anywhere, and give whole messages; writers write just what an object says, so that
what is wrong can be written on purpose. What a reader takes:

* lines end in CR LF or in LF alone; empty lines before a request are skipped;
* a field name directly followed by its colon, no folded lines, no control characters (nginx 1.22 answers 400
  to these); every other spelling is kept as it came;
* a body by Content-Length (one line, digits only), by ``Transfer-Encoding: chunked``, or, replies only, until
  the connection closes. Both lengths at once, or a length given twice, is an error and never a guess: that is
  how requests are smuggled past a proxy;
* HTTP/1.x only.

Limits are checked before anything is kept: a promise of a long body costs no memory.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, Final, Generic, TypeVar

from ecfleet_mocks.wire.http_errors import (
    AmbiguousLength,
    BadChunk,
    BadHeaderLine,
    BadStartLine,
    BadVersion,
    BodyTooLong,
    HeadTooLong,
    HttpError,
    MessageCutShort,
    UnknownCoding,
    shown,
)
from ecfleet_mocks.wire.http_headers import Field, Headers, read_fields
from ecfleet_mocks.wire.http_messages import (
    Message,
    Request,
    Response,
    chunked,
    write_request,
    write_response,
)

__all__ = [
    "AmbiguousLength",
    "BadChunk",
    "BadHeaderLine",
    "BadStartLine",
    "BadVersion",
    "BodyTooLong",
    "Field",
    "HeadTooLong",
    "Headers",
    "HttpError",
    "Message",
    "MessageCutShort",
    "Request",
    "RequestReader",
    "Response",
    "ResponseReader",
    "UnknownCoding",
    "chunked",
    "write_request",
    "write_response",
]

HEAD_LIMIT: Final = 64 * 2**10
BODY_LIMIT: Final = 64 * 2**20
CHUNK_LINE_LIMIT: Final = 1024

_TOKEN_BYTE: Final = re.compile(rb"[\r!#$%&'*+\-.^_`|~0-9A-Za-z]")
_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\x00-\x20\x7f]+) (HTTP/[0-9]\.[0-9])")
_STATUS_LINE: Final = re.compile(rb"(HTTP/[0-9]\.[0-9]) ([1-9][0-9]{2})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?")
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


M = TypeVar("M", Request, Response)


class _Reader(ABC, Generic[M]):
    """The state machine: head, then one of the bodies, then the next head.

    ============== ========================================= =========================
    state          takes                                     next
    ============== ========================================= =========================
    ``head``       lines up to an empty one                  a body state, or head
    ``length``     as many bytes as announced                head
    ``chunk``      the line with a chunk's size              data, or trailers at 0
    ``data``       the chunk and its line end                chunk
    ``trailers``   lines up to an empty one                  head
    ``until close``  everything                              (the end of the stream)
    ============== ========================================= =========================
    """

    _skips_empty_lines: ClassVar[bool] = False

    def __init__(self, *, head_limit: int = HEAD_LIMIT, body_limit: int = BODY_LIMIT) -> None:
        self.head_limit = head_limit
        self.body_limit = body_limit
        self.error: HttpError | None = None
        self.rejected = b""  # the bytes of the message in which the error was met
        self._buffer = bytearray()
        self._state = "head"
        self._line = 0  # where in the buffer the line being looked for starts
        self._scanned = 0  # up to here there is no line end
        self._need = 0
        self._head = b""
        self._pending: M | None = None
        self._body = bytearray()
        self._coded = bytearray()

    @property
    def pending(self) -> M | None:
        """The message whose head is complete and whose body is still coming, with an empty body."""
        return self._pending

    @property
    def idle(self) -> bool:
        """Whether no byte of an unfinished message has arrived."""
        return self._state == "head" and not self._buffer

    def feed(self, data: bytes) -> list[M]:
        """Take bytes; give the messages that are now complete.

        An error is raised when no message was completed before it in these bytes; otherwise they are given
        first, ``error`` is set, and the next call raises it. After an error a reader takes nothing more.
        """
        if self.error is not None:
            raise self.error
        self._buffer += data
        messages: list[M] = []
        try:
            while (message := self._step()) is not False:
                if message is not True:
                    messages.append(message)
        except HttpError as error:
            self.error = error
            self.rejected = bytes(self._head + self._coded + self._buffer)
            self._buffer.clear()
            if not messages:
                raise
        return messages

    def at_eof(self) -> list[M]:
        """Take the end of the stream; give the reply that it completes, if any.

        Raises :class:`MessageCutShort` when bytes are missing, or the error met before.
        """
        if self.error is not None:
            raise self.error
        if self._state == "until close":
            body = bytes(self._buffer)
            self._buffer.clear()
            return [self._complete(body)]
        if not self.idle:
            self.error = MessageCutShort(f"the stream ended inside a message ({self._wanting()})")
            raise self.error
        return []

    def _wanting(self) -> str:
        if self._state == "head":
            return f"{len(self._buffer)} bytes of the head came"
        if self._state == "length":
            return f"{len(self._buffer)} of {self._need} body bytes came"
        return f"{len(self._body)} bytes of a chunked body came"

    def _step(self) -> M | bool:
        """One transition: a message, True (made progress), or False (needs bytes)."""
        match self._state:
            case "head":
                return self._step_head()
            case "length":
                if len(self._buffer) < self._need:
                    return False
                return self._complete(self._take(self._need))
            case "chunk":
                return self._step_chunk()
            case "data":
                return self._step_data()
            case "trailers":
                return self._step_trailers()
            case _:
                if len(self._buffer) > self.body_limit:
                    raise BodyTooLong(f"the body is over the limit of {self.body_limit} bytes")
                return False

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._line = self._scanned = 0
        return taken

    def _lines_end(self) -> int | None:
        """Where the block of lines that an empty line closes ends; None: not there yet."""
        while True:
            end = self._buffer.find(b"\n", self._scanned)
            if end < 0:
                self._scanned = len(self._buffer)
                found = None
                break
            line, self._line, self._scanned = self._line, end + 1, end + 1
            if end == line or (end == line + 1 and self._buffer[line] == 0x0D):
                found = end + 1
                break
        if (len(self._buffer) if found is None else found) > self.head_limit:
            raise HeadTooLong(f"the headers are over the limit of {self.head_limit} bytes")
        return found

    def _step_head(self) -> M | bool:
        if self._skips_empty_lines and self._line == 0:
            while self._buffer.startswith((b"\r\n", b"\n")):
                self._take(2 if self._buffer[0] == 0x0D else 1)
        if self._buffer and not self._could_start(self._buffer):
            raise BadStartLine(f"not HTTP/1.x: {shown(bytes(self._buffer[:40]))}")
        end = self._lines_end()
        if end is None:
            return False
        head = self._head = self._take(end)
        start, *lines = _split_lines(head)
        message = self._parse_head(start, read_fields(lines), head)
        return self._begin_body(message)

    @abstractmethod
    def _could_start(self, data: bytearray) -> bool:
        """Whether a message can start with these bytes; told early, so that no peer waits for ever."""

    @abstractmethod
    def _parse_head(self, start: bytes, headers: Headers, head: bytes) -> M: ...

    @abstractmethod
    def _has_no_body(self, message: M) -> bool: ...

    def _begin_body(self, message: M) -> M | bool:
        coded = bool(message.headers.get_all("Transfer-Encoding"))
        need = _content_length(message.headers)
        if coded and need is not None:
            raise AmbiguousLength("both Content-Length and Transfer-Encoding are given")
        if coded:
            codings = message.headers.get_all("Transfer-Encoding")
            if [coding.strip().lower() for coding in codings] != ["chunked"]:
                raise UnknownCoding(f"Transfer-Encoding is {', '.join(codings)!r}; only 'chunked' is read")
            if message.version == "HTTP/1.0":
                raise AmbiguousLength("Transfer-Encoding in an HTTP/1.0 message")
        self._pending = message
        if self._has_no_body(message):
            return self._complete(b"")
        if coded:
            self._state = "chunk"
            return True
        if need is None and isinstance(message, Response):
            self._state = "until close"
            return True
        self._need = need or 0
        if self._need > self.body_limit:
            raise BodyTooLong(
                f"a body of {self._need} bytes is announced; the limit is {self.body_limit} bytes"
            )
        self._state = "length"
        return True

    def _chunk_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._scanned)
        self._scanned = len(self._buffer) if end < 0 else end
        if (len(self._buffer) if end < 0 else end + 1) > CHUNK_LINE_LIMIT:
            raise BadChunk(f"the line of a chunk's size is over {CHUNK_LINE_LIMIT} bytes")
        if end < 0:
            return None
        line = self._take(end + 1)
        self._coded += line
        return line

    def _step_chunk(self) -> bool:
        line = self._chunk_line()
        if line is None:
            return False
        found = _CHUNK_LINE.fullmatch(line.removesuffix(b"\n").removesuffix(b"\r"))
        if found is None:
            raise BadChunk(f"no chunk size: {shown(line)}")
        self._need = int(found[1], 16)
        if self._need + len(self._body) > self.body_limit:
            raise BodyTooLong(f"the chunks are over the limit of {self.body_limit} bytes")
        self._state = "data" if self._need else "trailers"
        return True

    def _step_data(self) -> bool:
        end = self._buffer[self._need : self._need + 2]
        if end and end != b"\r" and not end.startswith((b"\r\n", b"\n")):
            raise BadChunk(f"{shown(bytes(end))} after a chunk where a line end belongs")
        if not end or end == b"\r":
            return False
        self._body += self._buffer[: self._need]
        self._coded += self._take(self._need + (1 if end[0] == 0x0A else 2))
        self._state = "chunk"
        return True

    def _step_trailers(self) -> M | bool:
        end = self._lines_end()
        if end is None:
            return False
        lines = self._take(end)
        self._coded += lines
        return self._complete(bytes(self._body), read_fields(_split_lines(lines)))

    def _complete(self, body: bytes, trailers: Headers | None = None) -> M:
        message = self._pending
        assert message is not None, "a body has a head"
        coded = bytes(self._coded)
        self._state, self._pending, self._head = "head", None, b""
        self._body, self._coded = bytearray(), bytearray()
        return replace(message, body=body, trailers=trailers or Headers(), coded_body=coded)


class RequestReader(_Reader[Request]):
    """Reads requests. ``head_limit`` and ``body_limit`` are bytes (64 KiB and 64 MiB unless told)."""

    _skips_empty_lines = True

    @property
    def awaits_continue(self) -> bool:
        """Whether a request asked for ``100 Continue`` and no byte of its body has come."""
        pending = self._pending
        return pending is not None and pending.expects_continue and not (self._buffer or self._coded)

    def _could_start(self, data: bytearray) -> bool:
        return _TOKEN_BYTE.match(data) is not None

    def _parse_head(self, start: bytes, headers: Headers, head: bytes) -> Request:
        found = _REQUEST_LINE.fullmatch(start)
        if found is None:
            raise BadStartLine(f"no request line: {shown(start)}")
        method, target, version = (part.decode("latin-1") for part in found.groups())
        _check_version(version)
        return Request(method, target, headers=headers, version=version, head=head)

    def _has_no_body(self, message: Request) -> bool:
        return False


class ResponseReader(_Reader[Response]):
    """Reads replies. A 1xx reply is no answer yet: it is put into ``interim`` and not given by ``feed``.

    ``method`` is that of the request: a reply to HEAD has no body, whatever its headers say.
    """

    def __init__(
        self, *, method: str = "POST", head_limit: int = HEAD_LIMIT, body_limit: int = BODY_LIMIT
    ) -> None:
        super().__init__(head_limit=head_limit, body_limit=body_limit)
        self.method = method
        self.interim: list[Response] = []

    def feed(self, data: bytes) -> list[Response]:
        final = [one for one in super().feed(data) if self._is_final(one)]
        if self.error is not None and not final:
            raise self.error
        return final

    def _is_final(self, response: Response) -> bool:
        if 100 <= response.status < 200 and response.status != 101:
            self.interim.append(response)
            return False
        return True

    def _could_start(self, data: bytearray) -> bool:
        return b"HTTP/".startswith(bytes(data[:5]))

    def _parse_head(self, start: bytes, headers: Headers, head: bytes) -> Response:
        found = _STATUS_LINE.fullmatch(start)
        if found is None:
            raise BadStartLine(f"no status line: {shown(start)}")
        version, status, reason = (part.decode("latin-1") for part in found.groups(b""))
        _check_version(version)
        return Response(int(status), reason, headers=headers, version=version, head=head)

    def _has_no_body(self, message: Response) -> bool:
        return self.method == "HEAD" or message.status in (204, 304) or message.status < 200


def _split_lines(block: bytes) -> list[bytes]:
    """The lines of a block that an empty line closes, without their ends and without that line."""
    return [line.removesuffix(b"\r") for line in block.split(b"\n")[:-2]]


def _content_length(headers: Headers) -> int | None:
    values = headers.get_all("Content-Length")
    if not values:
        return None
    if len(values) > 1:
        raise AmbiguousLength(f"Content-Length is given {len(values)} times")
    if not _DIGITS.fullmatch(values[0]):
        raise AmbiguousLength(f"Content-Length is no number: {values[0][:40]!r}")
    return int(values[0])


def _check_version(version: str) -> None:
    if not version.startswith("HTTP/1."):
        raise BadVersion(f"version {version} is not read; only HTTP/1.x is")
