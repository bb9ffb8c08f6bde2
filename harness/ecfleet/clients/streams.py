"""Blocking connections of the built-in client: names, deadlines, SOCKS, TLS."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecfleet.clients.contract import SocksRoute
from ecfleet.clients.failures import AttemptFailed, TimeIsUp
from ecfleet_mocks.wire import WireError
from ecfleet_mocks.wire.socks import Credentials, Request, RequestCommand, destination
from ecfleet_mocks.wire.socks_dialogue import ClientDialogue

__all__ = ["Deadline", "Stream", "Target", "TlsFailed", "connect", "socks_request"]

_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """An ecFlow server as the client was told: host and port as texts, because they may be wrong."""

    host: str
    port: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Deadline:
    """The end of an attempt and that of the whole call, on the clock of the machine (seconds).

    `limit` None: the attempt lasts as long as the call may.
    """

    __slots__ = ("attempt_ends", "call_ends", "limit")

    def __init__(self, call_ends: float, limit: float | None = None) -> None:
        self.call_ends = call_ends
        self.limit = limit
        self.attempt_ends = call_ends if limit is None else min(call_ends, time.monotonic() + limit)

    def left(self) -> float:
        """Seconds left for the attempt. Raises `TimeIsUp` or, for the attempt alone, TimeoutError."""
        left = self.attempt_ends - time.monotonic()
        if left > 0:
            return left
        if self.attempt_ends >= self.call_ends:
            raise TimeIsUp
        raise TimeoutError

    def passed(self) -> TimeoutError | TimeIsUp:
        """What to raise when the system says that a wait took too long."""
        return TimeIsUp() if time.monotonic() >= self.call_ends - 0.001 else TimeoutError()


class TlsFailed(Exception):
    """The handshake failed; the text is the reason in OpenSSL's words."""


class Stream:
    """A connection with a deadline. Every wait raises `TimeIsUp` or TimeoutError when it is over."""

    def __init__(self, sock: socket.socket, deadline: Deadline, early: bytes = b"") -> None:
        self._sock = sock
        self._deadline = deadline
        self._early = early

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        self._sock.settimeout(self._deadline.left())
        try:
            self._sock.sendall(data)
        except TimeoutError:
            raise self._deadline.passed() from None

    def receive(self) -> bytes:
        """What has come, at least a byte; nothing at the end of the stream. Raises OSError.

        The end of a TLS stream without close_notify is an end like any other, as it is for ecFlow's
        clients.
        """
        if self._early:
            early, self._early = self._early, b""
            return early
        self._sock.settimeout(self._deadline.left())
        try:
            return self._sock.recv(_CHUNK)
        except ssl.SSLEOFError:
            return b""
        except TimeoutError:
            raise self._deadline.passed() from None

    def start_tls(self, context: ssl.SSLContext, server_name: str | None = None) -> None:
        """Speak TLS from here on; without `server_name` no SNI is sent. Raises `TlsFailed`."""
        if self._early:
            raise TlsFailed("wrong version number")
        self._sock.settimeout(self._deadline.left())
        try:
            self._sock = context.wrap_socket(self._sock, server_hostname=server_name)
        except TimeoutError:
            raise self._deadline.passed() from None
        except ssl.SSLEOFError:
            raise TlsFailed("stream truncated") from None
        except ssl.SSLError as problem:
            raise TlsFailed((problem.reason or str(problem)).replace("_", " ").lower()) from None
        except OSError as problem:
            raise TlsFailed(os.strerror(problem.errno) if problem.errno else str(problem)) from None

    def close(self) -> None:
        """Close, without a word to the other side."""
        self._sock.close()


def connect(target: Target, route: SocksRoute | None, deadline: Deadline, hosts_file: str | None) -> Stream:
    """A connection to `target`, directly or through the SOCKS proxy of `route`.

    Raises `AttemptFailed` with the text that ecFlow's clients print in brackets, up to "for request".
    """
    if route is None:
        return Stream(_dial(target, deadline, hosts_file), deadline)
    sock = _dial(Target(route.host, str(route.port)), deadline, hosts_file)
    try:
        return Stream(sock, deadline, _through_proxy(sock, route, target, deadline))
    except BaseException:
        sock.close()
        raise


def socks_request(route: SocksRoute, target: Target) -> Request:
    """What the proxy is asked for. The name goes unresolved: only the far side may know it."""
    return Request(
        route.version, RequestCommand.CONNECT, destination(target.host, int(target.port)), user=route.user
    )


def _through_proxy(sock: socket.socket, route: SocksRoute, target: Target, deadline: Deadline) -> bytes:
    try:
        credentials = Credentials(route.user, route.password) if route.user and route.version == 5 else None
        dialogue = ClientDialogue(socks_request(route, target), credentials)
        stream = Stream(sock, deadline)
        stream.send(dialogue.start())
        while not dialogue.done:
            data = stream.receive()
            if not data:
                dialogue.at_eof()
            stream.send(dialogue.feed(data))
    except (WireError, ValueError) as problem:
        raise AttemptFailed(f"SOCKS{route.version} {route.host}:{route.port}: {problem}") from None
    except ConnectionError as problem:
        raise AttemptFailed(f"SOCKS{route.version} {route.host}:{route.port}: {problem.strerror}") from None
    return dialogue.take_leftover()


def _dial(target: Target, deadline: Deadline, hosts_file: str | None) -> socket.socket:
    problem: OSError | None = None
    for family, address in _addresses(target, hosts_file):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(deadline.left())
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError as passed:
            sock.close()
            # The system has a time limit of its own, and says so with an errno.
            if passed.errno == errno.ETIMEDOUT:
                problem = passed
                continue
            raise deadline.passed() from None
        except OSError as failed:
            sock.close()
            problem = failed
            continue
        except BaseException:
            sock.close()
            raise
        return sock
    reason = os.strerror(problem.errno) if problem and problem.errno else "no address"
    raise AttemptFailed(f"Client::handle_connect: Ran out of end points: connection error( {reason} )")


def _addresses(target: Target, hosts_file: str | None) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Where `target` is: by the hosts file of nss_wrapper where one is set, else as the system knows it."""
    host = _from_hosts_file(target.host, hosts_file) or target.host
    try:
        if not target.port.isascii() or not target.port.isdigit() or int(target.port) > 65535:
            raise socket.gaierror
        found = socket.getaddrinfo(host, int(target.port), type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise AttemptFailed("resolve: Host not found (authoritative)") from None
    return [(family, (str(address[0]), int(address[1]))) for family, _, _, _, address in found]


def _from_hosts_file(host: str, hosts_file: str | None) -> str | None:
    if hosts_file is None:
        return None
    try:
        lines = Path(hosts_file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.partition("#")[0].split()
        if host.lower() in (name.lower() for name in words[1:]):
            try:
                return str(ipaddress.ip_address(words[0]))
            except ValueError:
                continue
    return None
