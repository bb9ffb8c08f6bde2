"""HTTP/1.1 messages as objects, and the writers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ecfleet_mocks.wire.http_headers import Headers


@dataclass(frozen=True, slots=True)
class Message:
    """What requests and replies share.

    ``body`` is without chunk sizes; ``trailers`` are those after a chunked body. ``head`` and ``coded_body``
    are the bytes as received (empty for a message made here, and not to be trusted after
    :func:`dataclasses.replace`); they take no part in comparisons.
    """

    headers: Headers = field(default_factory=Headers, kw_only=True)
    body: bytes = field(default=b"", kw_only=True)
    version: str = field(default="HTTP/1.1", kw_only=True)
    trailers: Headers = field(default_factory=Headers, kw_only=True)
    head: bytes = field(default=b"", kw_only=True, compare=False, repr=False)
    coded_body: bytes = field(default=b"", kw_only=True, compare=False, repr=False)

    @property
    def raw(self) -> bytes:
        """The message as it was received, byte for byte; empty for a message made here."""
        return self.head + (self.coded_body or self.body) if self.head else b""

    @property
    def keep_alive(self) -> bool:
        """Whether the sender lets the connection serve another message."""
        options = self.headers.listed("Connection")
        if self.version == "HTTP/1.0":
            return "keep-alive" in options and "close" not in options
        return "close" not in options

    @property
    def is_chunked(self) -> bool:
        """Whether the headers announce a chunked body."""
        return "chunked" in self.headers.listed("Transfer-Encoding")


@dataclass(frozen=True, slots=True)
class Request(Message):
    """A request, e.g. ``Request("POST", "/v1/ecflow", headers=Headers([("Host", "h")]), body=b"{}")``."""

    method: str
    target: str

    @property
    def expects_continue(self) -> bool:
        """Whether the sender waits for ``100 Continue`` before it sends the body."""
        return self.version != "HTTP/1.0" and "100-continue" in self.headers.listed("Expect")


@dataclass(frozen=True, slots=True)
class Response(Message):
    """A reply, e.g. ``Response(200, "OK", body=b"{}")``."""

    status: int
    reason: str = ""


def chunked(
    body: bytes,
    sizes: Iterable[int] = (),
    *,
    trailers: Headers | None = None,
    extension: str = "",
) -> bytes:
    """``body`` in the chunked coding: one chunk for each of ``sizes`` (bytes), the rest in a last one.

    ``extension`` is written after each size, with its semicolon when it is to have one.
    """
    parts: list[bytes] = []
    rest = body
    for size in [*sizes, len(body)]:
        chunk, rest = rest[:size], rest[size:]
        if chunk:
            parts.append(f"{len(chunk):x}{extension}\r\n".encode("latin-1") + chunk + b"\r\n")
    return b"".join([*parts, b"0\r\n", _block(trailers or Headers())])


def write_request(request: Request, *, code_body: bool = True) -> bytes:
    """The bytes of a request. Nothing is added, mended or checked: no length, no Host.

    A body whose headers announce the chunked coding is written as one chunk, unless ``code_body`` is false:
    then the body's bytes follow the headers as they are. Raises UnicodeEncodeError for text beyond Latin-1.
    """
    start = f"{request.method} {request.target} {request.version}\r\n"
    return start.encode("latin-1") + _rest(request, code_body)


def write_response(response: Response, *, code_body: bool = True) -> bytes:
    """The bytes of a reply, on the same terms as :func:`write_request`."""
    start = f"{response.version} {response.status:03} {response.reason}\r\n"
    return start.encode("latin-1") + _rest(response, code_body)


def _rest(message: Message, code_body: bool) -> bytes:
    body = message.body
    if code_body and message.is_chunked:
        body = chunked(body, trailers=message.trailers)
    return _block(message.headers) + body


def _block(headers: Headers) -> bytes:
    return b"".join([*(one.line() + b"\r\n" for one in headers.fields), b"\r\n"])
