"""Exchanges of a rule's own with a service: bytes out, bytes back, each on a connection of its own."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator

from ecfleet import RuleViolation, violated
from ecfleet.services import Address
from ecfleet.wire import (
    Command,
    FrameReader,
    Reply,
    WireError,
    decode_reply,
    encode_request,
    frame,
    http1,
)

__all__ = ["PATIENCE", "HttpTalk", "answer_bytes", "ask", "ask_framed", "post", "posted", "reply_in"]

PATIENCE = 10.0
"""Seconds that a service has for an answer before it counts as silent."""


@contextlib.contextmanager
def _peer_may_be_gone() -> Iterator[None]:
    try:
        yield
    except ConnectionError:
        pass
    except OSError as problem:
        if problem.errno != errno.ENOTCONN:
            raise


def answer_bytes(address: Address, *pieces: bytes, half_close: bool = False) -> bytes:
    """All that comes back until the service closes, for ``pieces`` sent one after the other.

    ``half_close`` ends the sending side after them. A reset ends what comes, as a close does.
    """
    received = bytearray()
    with socket.create_connection(address, PATIENCE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            # A server may answer and close before it has seen everything; what it said is still there.
            with _peer_may_be_gone():
                for piece in pieces:
                    sock.sendall(piece)
                if half_close:
                    sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(65536):
                received += data
        except TimeoutError:
            violated("the end of the connection", expected="a close", seen="nothing within the time")
        except ConnectionError:
            pass
    return bytes(received)


def reply_in(answer: bytes) -> Reply:
    """The framed reply that an answer holds, which must be all of it."""
    reader = FrameReader()
    try:
        reader.feed(answer)
        payload = reader.next()
        reader.at_eof()
        if payload is not None:
            return decode_reply(payload)
    except WireError as problem:
        violated("reply of the server", expected="a framed reply and no more", seen=str(problem))
    raise RuleViolation("reply of the server", "a framed reply", "the connection closed without one")


def ask_framed(address: Address, command: Command) -> Reply:
    """The reply to a command sent over TCP."""
    return reply_in(answer_bytes(address, frame(encode_request(command))))


def post(command: Command, headers: Iterable[tuple[str, str]] = ()) -> http1.Request:
    """The HTTP request for a command, with these headers in front of those that every client sends."""
    return posted(encode_request(command), headers)


def posted(body: bytes, headers: Iterable[tuple[str, str]] = ()) -> http1.Request:
    """The HTTP request with this body."""
    fields = [
        *headers,
        ("Content-Length", str(len(body))),
        ("Content-Type", "application/json"),
        ("Host", "ecflow.example.org"),
    ]
    return http1.Request("POST", "/v1/ecflow", headers=http1.Headers(fields), body=body)


class HttpTalk:
    """One HTTP connection that may carry several requests; ``own`` is its address as the service sees it."""

    def __init__(self, address: Address) -> None:
        self._sock = socket.create_connection(address, PATIENCE)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.own = Address(*self._sock.getsockname()[:2])

    def __enter__(self) -> HttpTalk:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def ask(self, request: http1.Request) -> http1.Response:
        """The reply to ``request``; none at all breaks the rule."""
        reader = http1.ResponseReader(method=request.method)
        try:
            self._sock.sendall(http1.write_request(request))
            while data := self._sock.recv(65536):
                if found := reader.feed(data):
                    return found[0]
            if found := reader.at_eof():
                return found[0]
        except (OSError, WireError) as problem:
            violated("reply to an HTTP request", expected="an HTTP reply", seen=type(problem).__name__)
        raise RuleViolation("reply to an HTTP request", "an HTTP reply", "a closed connection")


def ask(address: Address, request: http1.Request) -> http1.Response:
    """The reply to one HTTP request."""
    with HttpTalk(address) as talk:
        return talk.ask(request)
