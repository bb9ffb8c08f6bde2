"""Where a tunnel leads: given its routes, the one place where a connection lands, or why it is refused.

A route table stands for what only the far side of a tunnel knows: the names and addresses of its hosts.
Names go to the far side unresolved ("Method #2: Dynamic Port Forwarding" of the page on connecting from
home: original host names; seen on OpenSSH 9.2), so nothing here asks the local resolver.
"""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from ecfleet_mocks.wire.socks import AddressType, Destination, ReplyCode, RequestCommand, destination

__all__ = [
    "OPENSSH",
    "RFC1928",
    "Landing",
    "Leads",
    "Personality",
    "Refusal",
    "RouteError",
    "RouteTable",
    "Routes",
    "Unrouted",
    "leads_to",
    "reply_code_for",
    "request_leads_to",
]


class RouteError(ValueError):
    """A route that cannot be understood; the message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Landing:
    """The place a connection is made to: an address (or a name, where a route says so) and a port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """No connection, with the reply code of RFC 1928, "Replies", and the reason in words."""

    code: ReplyCode
    why: str


Leads: TypeAlias = str | tuple[str, int] | ReplyCode | None
"""What a route may lead to.

``"127.0.1.1"``: that address, same port. ``"127.0.1.1:3141"`` or ``("127.0.1.1", 3141)``: that address and
port.  A name instead of the address: the route of that name.  A :class:`ReplyCode` other than SUCCEEDED:
refused so.  None (from a callable): no route.
"""

Routes: TypeAlias = Mapping[str, Leads] | Callable[[Destination], Leads]
"""Routes by ``"name"`` or ``"name:port"`` (a name may be an address, IPv6 in brackets), or a function."""


class Unrouted(StrEnum):
    """What becomes of an address (not a name) that no route mentions."""

    LOOPBACK = "loopback"
    """Connected when it is a loopback address, else refused: nothing leaves this machine."""
    ANY = "any"
    """Connected, as every real proxy does."""
    NONE = "none"
    """Refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """How a proxy answers where proxies differ.

    :param tells_failures: whether a refusal is answered by a reply; else the connection is just closed.
    :param tells_bound_address: whether a success reply holds the proxy's outgoing address; else zeros.
    :param logins: whether user and password are spoken.
    :param passes_resets: whether a reset on one side becomes a reset on the other; else an orderly close.
    """

    name: str
    tells_failures: bool
    tells_bound_address: bool
    logins: bool
    passes_resets: bool


RFC1928: Final = Personality(
    name="rfc1928", tells_failures=True, tells_bound_address=True, logins=True, passes_resets=True
)
"""As RFC 1928 has it, "Replies"; what it leaves open is as plain relays do it."""

OPENSSH: Final = Personality(
    name="openssh", tells_failures=False, tells_bound_address=False, logins=False, passes_resets=False
)
"""As ``ssh -D`` (seen on OpenSSH 9.2): no reply but success, no login, zeros for the bound address."""


class RouteTable:
    """Routes, checked and ready for look-up.

    A route for name and port comes before one for the name alone.  Letter case and a final dot of a name do
    not count.  ``localhost`` without a route of its own is 127.0.0.1: the far machine itself, as with a real
    tunnel (seen with proxychains and OpenSSH).

    :param routes: see :data:`Routes`.
    :param unrouted: what becomes of addresses that no route mentions.
    :param system_names: leave names that no route mentions to the system's resolver; default refuse them.
    :raises RouteError: when a key or value cannot be understood.
    """

    def __init__(
        self, routes: Routes, unrouted: Unrouted | str = Unrouted.LOOPBACK, *, system_names: bool = False
    ) -> None:
        self.system_names = system_names
        try:
            self.unrouted = Unrouted(unrouted)
        except ValueError:
            raise RouteError(f"unrouted is one of {', '.join(Unrouted)}, not {unrouted!r}") from None
        self._function = routes if callable(routes) else None
        self._table: dict[tuple[str, int | None], Leads] = {}
        if not callable(routes):
            for key, leads in routes.items():
                host, port = _host_and_port(key, key)
                _landing(leads, port or 0, key)
                self._table[_same_name(host), port] = leads

    def add(self, key: str, leads: Leads) -> None:
        """Add or replace one route.

        :raises RouteError: when it cannot be understood, or the routes are a function.
        """
        if self._function is not None:
            raise RouteError(f"{key}: these routes are a function, so none can be added")
        host, port = _host_and_port(key, key)
        _landing(leads, port or 0, key)
        self._table[_same_name(host), port] = leads

    def remove(self, key: str) -> None:
        """Forget one route; it is no error when there is none."""
        host, port = _host_and_port(key, key)
        self._table.pop((_same_name(host), port), None)

    def find(self, asked: Destination) -> Leads:
        """What the route for this destination leads to, or None without a route."""
        if self._function is not None:
            return self._function(asked)
        name = _same_name(asked.host)
        if (name, asked.port) in self._table:
            return self._table[name, asked.port]
        return self._table.get((name, None))


def leads_to(table: RouteTable, asked: Destination) -> Landing | Refusal:
    """The place where a connection to ``asked`` lands, or why there is none.

    :raises RouteError: when a function gave a route that cannot be understood.
    """
    seen = set()
    while (asked.host, asked.port) not in seen:
        seen.add((asked.host, asked.port))
        where = f"{asked.host}:{asked.port}"
        leads = table.find(asked)
        if leads is None:
            return _without_route(table, asked)
        landing = _landing(leads, asked.port, where)
        if isinstance(landing, ReplyCode):
            return Refusal(landing, f"the route of {where} says so")
        onward = destination(landing.host, landing.port)
        if onward.address_type is not AddressType.DOMAINNAME:
            return landing
        asked = onward
    return Refusal(ReplyCode.HOST_UNREACHABLE, f"the routes of {asked.host} lead round in a circle")


def _without_route(table: RouteTable, asked: Destination) -> Landing | Refusal:
    if asked.address_type is AddressType.DOMAINNAME:
        if _same_name(asked.host) == "localhost":
            asked = Destination(AddressType.IPV4, "127.0.0.1", asked.port)
        elif table.system_names:
            return Landing(asked.host, asked.port)
        else:
            return Refusal(ReplyCode.HOST_UNREACHABLE, f"no route knows the name {asked.host}")
    if table.unrouted is Unrouted.ANY:
        return Landing(asked.host, asked.port)
    if table.unrouted is Unrouted.LOOPBACK and ipaddress.ip_address(asked.host).is_loopback:
        return Landing(asked.host, asked.port)
    return Refusal(ReplyCode.NOT_ALLOWED, f"no route for the address {asked.host}:{asked.port}")


def request_leads_to(
    table: RouteTable, command: RequestCommand | int, asked: Destination
) -> Landing | Refusal:
    """As :func:`leads_to` for a whole request: commands other than CONNECT are refused.

    :raises RouteError: as :func:`leads_to`.
    """
    if command != RequestCommand.CONNECT:
        name = command.name if isinstance(command, RequestCommand) else f"command {command}"
        return Refusal(ReplyCode.COMMAND_NOT_SUPPORTED, f"{name} is not supported")
    return leads_to(table, asked)


_CODES: Final = {
    errno.ECONNREFUSED: ReplyCode.CONNECTION_REFUSED,
    errno.ENETUNREACH: ReplyCode.NETWORK_UNREACHABLE,
    errno.ENETDOWN: ReplyCode.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: ReplyCode.HOST_UNREACHABLE,
    errno.EHOSTDOWN: ReplyCode.HOST_UNREACHABLE,
    errno.ETIMEDOUT: ReplyCode.TTL_EXPIRED,
    errno.EACCES: ReplyCode.NOT_ALLOWED,
    errno.EPERM: ReplyCode.NOT_ALLOWED,
}


def reply_code_for(error: int | None) -> ReplyCode:
    """The reply code for the error number of a connection that failed; GENERAL_FAILURE for all others."""
    return _CODES.get(error or 0, ReplyCode.GENERAL_FAILURE)


def _landing(leads: Leads, port: int, route: str) -> Landing | ReplyCode:
    match leads:
        case ReplyCode.SUCCEEDED:
            raise RouteError(f"{route}: a route cannot lead to the reply SUCCEEDED; give a host")
        case ReplyCode():
            return leads
        case str():
            host, own_port = _host_and_port(leads, route)
            return Landing(host, port if own_port is None else own_port)
        case (str() as host, int() as own_port) if host and 0 < own_port <= 0xFFFF:
            return Landing(host, own_port)
    raise RouteError(
        f"{route}: a route leads to a host, host:port, (host, port) or reply code, not {leads!r}"
    )


def _host_and_port(text: str, route: str) -> tuple[str, int | None]:
    """Split ``host``, ``host:port``, ``[IPv6]:port``; an IPv6 address without brackets has no port."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")) or text.endswith("]"):
        host, colon, port = text, "", ""
    if not host or any(character.isspace() for character in host):
        raise RouteError(f"{route}: {text!r} has no host name or address")
    host = host.removeprefix("[").removesuffix("]")
    if not colon:
        return host, None
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= 0xFFFF):
        raise RouteError(f"{route}: {port!r} is no port; ports are 1 to 65535")
    return host, int(port)


def _same_name(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.removesuffix(".").lower()
