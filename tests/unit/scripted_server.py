"""A blocking server that does with each connection what its script says, for tests of clients.

Kept apart from the project's own servers on purpose: a client's tests should not lean on them.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from ecfleet_mocks.wire import Reply, encode_reply, frame

Handler = Callable[[socket.socket], None]


class ScriptedServer:
    """Serves one connection after the other, the n-th by the n-th handler, and the last one for ever after.

    `received` holds what each handler read, in order, as far as it used `take` or `take_frame`.
    """

    def __init__(self, *script: Handler, context: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.context = context
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            handler = self.script[min(self.connections, len(self.script) - 1)]
            self.connections += 1
            with connection:
                connection.settimeout(10)
                with contextlib.suppress(OSError):
                    if self.context is None:
                        handler(connection)
                    else:
                        with self.context.wrap_socket(connection, server_side=True) as secured:
                            handler(secured)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would leave accept() waiting.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


def take_frame(connection: socket.socket) -> bytes:
    """One framed request, header included."""
    data = b""
    while len(data) < 8:
        data += connection.recv(8 - len(data)) or _ended()
    length = int(data, 16)
    while len(data) < 8 + length:
        data += connection.recv(65536) or _ended()
    return data


def take_http(connection: socket.socket) -> bytes:
    """One HTTP request with a Content-Length, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or _ended()
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        more = connection.recv(65536) or _ended()
        body += more
        data += more
    return data


def _ended() -> bytes:
    raise ConnectionResetError("the client closed in mid-request")


def answers(data: bytes | Reply, seen: list[bytes] | None = None) -> Handler:
    """Read a framed request (kept in `seen`), answer with these bytes or that reply, close."""
    reply = data if isinstance(data, bytes) else frame(encode_reply(data))

    def handler(connection: socket.socket) -> None:
        request = take_frame(connection)
        if seen is not None:
            seen.append(request)
        connection.sendall(reply)

    return handler


def http_answers(reply: bytes, seen: list[bytes] | None = None) -> Handler:
    """Read an HTTP request (kept in `seen`), answer with these bytes, close."""

    def handler(connection: socket.socket) -> None:
        request = take_http(connection)
        if seen is not None:
            seen.append(request)
        connection.sendall(reply)

    return handler


def http_ok(reply: Reply) -> bytes:
    """A 200 with a reply, as an ecFlow server writes it."""
    body = encode_reply(reply)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


def resets(connection: socket.socket) -> None:
    """Read a request and end the connection with a reset."""
    take_frame(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says_nothing(connection: socket.socket) -> None:
    """Accept, read, never answer; ends when the client does."""
    while connection.recv(65536):
        pass


@contextlib.contextmanager
def nobody_listens() -> Iterator[int]:
    """A port that refuses: bound, so that nobody else gets it, and not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
