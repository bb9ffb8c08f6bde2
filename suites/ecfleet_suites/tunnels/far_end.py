"""A listener that plays a part in a test: a thread that calls a function with each accepted connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

from ecfleet.services import Address

PATIENCE = 5.0
"""Seconds that a part waits for its peer before it gives up."""


@contextlib.contextmanager
def playing(part: Callable[[socket.socket], None]) -> Iterator[Address]:
    """Listen on a free port while in the ``with`` block; connections are served one after another.

    What the peer does wrong (OSError) ends its connection and nothing else.
    """
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(*listener.getsockname())

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    if ended.is_set():
                        return
                    connection.settimeout(PATIENCE)
                    with contextlib.suppress(OSError):
                        part(connection)

        thread = threading.Thread(target=serve, name="far end", daemon=True)
        thread.start()
        try:
            yield address
        finally:
            ended.set()
            # Closing a listener does not wake up whoever accepts on it; a connection does.
            socket.create_connection(address).close()
            thread.join()


@contextlib.contextmanager
def nobody_listens() -> Iterator[Address]:
    """An address that refuses connections, and that nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Address(*bound.getsockname())


def read_exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes, or fewer when the peer closes or resets the connection before."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while len(data) < count and (more := connection.recv(count - len(data))):
            data += more
    return data


def read_to_end(connection: socket.socket) -> bytes:
    """All bytes until the peer has closed its sending side.

    :raises OSError: for a reset, or when nothing comes for a long time.
    """
    parts = []
    while data := connection.recv(65536):
        parts.append(data)
    return b"".join(parts)
