"""A SOCKS client of a few lines, written from RFC 1928, RFC 1929 and the memos on versions 4 and 4a.

It shares no code with the proxy that it talks to, so that it can judge what that says.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterator

from ecfleet import violated
from ecfleet.services import Address
from ecfleet_suites.tunnels.far_end import PATIENCE, read_exactly

CONNECT = 1


@contextlib.contextmanager
def dialled(proxy: Address) -> Iterator[socket.socket]:
    """A connection to the proxy while in the ``with`` block.

    :raises RuleViolation: for whatever ends it other than in order, also a long silence.
    """
    try:
        with socket.create_connection(proxy, timeout=PATIENCE) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield sock
    except OSError as error:
        violated("the connection to the proxy", expected="in order", seen=error.strerror or str(error))


def request(version: int, host: str, port: int, *, command: int = CONNECT, user: bytes = b"") -> bytes:
    """The request for a host by name or IPv4 address, in version 4 (a name: 4a) or 5."""
    try:
        address = ipaddress.IPv4Address(host).packed
    except ValueError:
        address = b""
    name, to_port = host.encode(), port.to_bytes(2, "big")
    if version == 4:
        begin = bytes((4, command)) + to_port
        return begin + (address + user + b"\0" if address else b"\0\0\0\1" + user + b"\0" + name + b"\0")
    return bytes((5, command, 0)) + (b"\1" + address if address else bytes((3, len(name))) + name) + to_port


def greet(sock: socket.socket, *methods: int) -> int | None:
    """Offer these methods of SOCKS 5; the one that the proxy chose, None when it closed instead."""
    sock.sendall(bytes((5, len(methods), *methods)))
    chosen = read_exactly(sock, 2)
    return chosen[1] if len(chosen) == 2 and chosen[0] == 5 else None


def log_in(sock: socket.socket, user: str, password: str) -> bool:
    """Send user and password; whether the proxy said that it takes them."""
    name, secret = user.encode(), password.encode()
    sock.sendall(bytes((1, len(name))) + name + bytes((len(secret),)) + secret)
    return read_exactly(sock, 2) == b"\1\0"


def ask(sock: socket.socket, version: int, asked: bytes) -> int | None:
    """Send a request; the code of the reply, None when the proxy closed without a whole one."""
    sock.sendall(asked)
    if version == 4:
        reply = read_exactly(sock, 8)
        return reply[1] if len(reply) == 8 and reply[0] == 0 else None
    reply = read_exactly(sock, 4)
    if len(reply) < 4 or reply[0] != 5:
        return None
    length = {1: 4, 4: 16}.get(reply[3])
    if length is None:
        length = (read_exactly(sock, 1) or b"\0")[0]
    return reply[1] if len(read_exactly(sock, length + 2)) == length + 2 else None


def succeeded(version: int, code: int | None) -> bool:
    """Whether this is the code that says that the connection stands."""
    return code == (0x5A if version == 4 else 0)


def open_through(sock: socket.socket, version: int, host: str, port: int, behind: bytes = b"") -> int | None:
    """The whole dialogue without a login, with ``behind`` in one piece with the request; as :func:`ask`."""
    if version == 5 and greet(sock, 0) != 0:
        return None
    return ask(sock, version, request(version, host, port) + behind)
