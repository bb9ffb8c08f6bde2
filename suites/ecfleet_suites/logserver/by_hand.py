"""Requests to a log server as plain bytes, and the whole answer; no code is shared with the server."""

from __future__ import annotations

import socket

from ecfleet import violated
from ecfleet.services import Address

PATIENCE = 5.0
"""Seconds without a byte after which the server is taken for silent."""


def answer(
    server: Address, *pieces: bytes, late: bytes = b"", after: int = 0, room: int | None = None
) -> bytes:
    """What the server sends until it closes, for a request that is sent in these pieces.

    :param late: bytes sent when ``after`` bytes of the answer have come.
    :param room: bytes that the system keeps for this side until they are read; default its own choice.
    :raises RuleViolation: when the connection ends other than by an orderly close.
    """
    parts: list[bytes] = []
    size = 0
    try:
        with socket.socket() as sock:
            sock.settimeout(PATIENCE)
            if room is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(server)
            for piece in pieces:
                sock.sendall(piece)
            while True:
                if late and size >= after:
                    sock.sendall(late)
                    late = b""
                if not (data := sock.recv(min(65536, max(1, after - size)) if late else 65536)):
                    return b"".join(parts)
                parts.append(data)
                size += len(data)
    except OSError as error:
        violated(
            "how the connection ends",
            expected="closed in order by the server",
            seen=f"{error.strerror or error} after {size} bytes",
        )
