"""Virtual hosts: each host name of a fleet gets an address of its own in 127.0.0.0/8.

With that, two log servers can both listen on port 9316 and still be two machines, as they are in the field.
A client reaches the names through a SOCKS proxy that knows them, or through nss_wrapper with the text of
:func:`hosts_file`, or it is given the address.

Addresses do not collide.  A process claims whole blocks 127.x.y.0/24: on Linux each claim is an abstract
Unix socket, which lives in the same network namespace as the loopback interface and which the kernel drops
when the process ends; elsewhere the block follows from the process id alone.  An address is free again when
nothing holds its :class:`Host` any more, a block when none of its addresses is in use.
"""

from __future__ import annotations

import atexit
import ctypes.util
import functools
import ipaddress
import os
import re
import socket
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "LOOPBACK",
    "AddressPool",
    "Host",
    "HostNameError",
    "HostsError",
    "OneLoopbackAddress",
    "check_host_name",
    "hosts_file",
    "nss_wrapper_environment",
    "own_addresses",
]

LOOPBACK = "127.0.0.1"
"""The address that every platform has; services of no named host listen here."""

_FIRST_BLOCK = 1 << 8
"""127.1.0.0/24: 127.0.x.y is left to the system (127.0.0.1, 127.0.1.1, 127.0.0.53)."""
_BLOCKS = 254 << 8
"""Up to 127.254.255.0/24: 127.255.255.255 is a broadcast address."""
_PER_BLOCK = 254
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


class HostsError(RuntimeError):
    """Virtual hosts cannot be had as asked; the message is one clear line."""


class HostNameError(HostsError):
    """A text is no usable host name."""


class OneLoopbackAddress(HostsError):
    """The platform has one loopback address only, and what was asked for needs more.

    Rules and tests report this as not applicable, never as passed.
    """


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Host:
    """A machine of a fleet: its name, its loopback address (dotted quad), other names for the same machine.

    Two hosts are never equal, so that an address is held exactly as long as its host.
    """

    name: str
    address: str
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name, then the aliases."""
        return (self.name, *self.aliases)


def check_host_name(name: str) -> str:
    """Return ``name`` if it can be a virtual host's: labels of letters, digits, ``-`` and ``_`` between dots.

    :raises HostNameError: when it is something else, an address, or ``localhost``, which every machine keeps
        for itself.
    """
    if name.lower() == "localhost":
        raise HostNameError("'localhost' is each machine's own name and cannot be a virtual host's")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        raise HostNameError(f"{name!r} is an address; a virtual host needs a name, its address is chosen")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise HostNameError(
            f"{name!r} is no host name: letters, digits, '-' and '_' in labels of up to 63, joined by dots"
        )
    return name


def _can_bind(address: str) -> bool:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _claim(block: str) -> Callable[[], None] | None:
    """Claim a block for this process; returns what gives it back, or None when another process has it."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0ecfleet {block}")
    except OSError:
        claim.close()
        return None
    return claim.close


@dataclass(slots=True, eq=False)
class _Block:
    """254 addresses that this process has claimed."""

    release: Callable[[], None]
    free: deque[str]
    used: int = 0


class AddressPool:
    """Hands out loopback addresses, one for each virtual host.

    :param probe: whether an address can be bound; default asks the system.
    :param claim: reserves a block, named by its first three numbers (``"127.4.17"``), against other
        processes; returns what gives it back, or None when it is taken.
    """

    def __init__(
        self,
        probe: Callable[[str], bool] = _can_bind,
        claim: Callable[[str], Callable[[], None] | None] = _claim,
    ) -> None:
        self._probe = probe
        self._claim = claim
        self._lock = threading.Lock()
        self._blocks: list[_Block] = []
        self._returned: deque[tuple[_Block, str]] = deque()
        self._next = os.getpid() % _BLOCKS
        self._own_addresses: bool | None = None

    @property
    def own_addresses(self) -> bool:
        """Whether this platform has more loopback addresses than 127.0.0.1."""
        if self._own_addresses is None:
            self._own_addresses = self._probe("127.1.2.3") and self._probe("127.254.200.7")
        return self._own_addresses

    def host(self, name: str, aliases: Iterable[str] = ()) -> Host:
        """A new host with an address of its own; 127.0.0.1 where the platform has no other.

        :raises HostNameError: when a name cannot be a host's.
        :raises HostsError: when every address is taken.
        """
        names = [check_host_name(one) for one in (name, *aliases)]
        if not self.own_addresses:
            return Host(names[0], LOOPBACK, tuple(names[1:]))
        with self._lock:
            block = self._blocks[-1] if self._blocks and self._blocks[-1].free else self._take_block()
            address = block.free.popleft()
            block.used += 1
        host = Host(names[0], address, tuple(names[1:]))
        weakref.finalize(host, self._give_back, block, address).atexit = False
        self._settle()
        return host

    def _take_block(self) -> _Block:
        for _ in range(_BLOCKS):
            number = _FIRST_BLOCK + self._next
            self._next = (self._next + 1) % _BLOCKS
            prefix = f"127.{number >> 8}.{number & 255}"
            release = self._claim(prefix)
            if release is not None:
                addresses = (f"{prefix}.{last}" for last in range(1, _PER_BLOCK + 1))
                self._blocks.append(_Block(release, deque(addresses)))
                return self._blocks[-1]
        raise HostsError("every block of loopback addresses is claimed by another running ecfleet")

    def _give_back(self, block: _Block, address: str) -> None:
        # This may run in any thread at any moment, also in one that holds the lock.
        self._returned.append((block, address))
        self._settle()

    def _settle(self) -> None:
        """Take back what was returned, unless somebody else is about to; blocks without a host are freed."""
        while self._returned and self._lock.acquire(blocking=False):
            try:
                block, address = self._returned.popleft()
                block.used -= 1
                block.free.append(address)
                if not block.used and block in self._blocks:
                    self._blocks.remove(block)
                    block.release()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Give all blocks back to other processes, whatever hosts there are."""
        with self._lock:
            while self._blocks:
                self._blocks.pop().release()


@functools.cache
def pool() -> AddressPool:
    """The pool of this process; its blocks are given back when the process ends."""
    made = AddressPool()
    atexit.register(made.close)
    return made


if hasattr(os, "register_at_fork"):
    # A child must not hand out addresses of the block that its parent goes on using.
    os.register_at_fork(after_in_child=pool.cache_clear)


def own_addresses() -> bool:
    """Whether each virtual host gets an address of its own here; else what needs that is not applicable."""
    return pool().own_addresses


def hosts_file(hosts: Iterable[Host]) -> str:
    """The hosts as text in the format of /etc/hosts, one line each."""
    return "".join(f"{host.address} {' '.join(host.names)}\n" for host in hosts)


def nss_wrapper_environment(hosts_file: Path) -> dict[str, str] | None:
    """Environment variables that make a program resolve names by this file first; None without nss_wrapper.

    Names that are not in the file fall back to the system; ecflow_client, Python and curl follow it
    (seen on 5.9.2 and 5.17.0).
    """
    library = ctypes.util.find_library("nss_wrapper")
    if library is None:
        return None
    return {"LD_PRELOAD": library, "NSS_WRAPPER_HOSTS": str(hosts_file)}
