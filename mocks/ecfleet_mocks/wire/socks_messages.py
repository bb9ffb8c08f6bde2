"""The messages of SOCKS 4, 4a and 5: numbers as enumerations, messages as frozen data.

Terms are those of RFC 1928 ("Requests", "Replies"), RFC 1929 ("Initial negotiation"), and, for versions 4 and
4a, of the memos "SOCKS: A protocol for TCP proxy across firewalls" and "SOCKS 4A: A Simple Extension to
SOCKS 4 Protocol".  Reading and writing them is in :mod:`ecfleet_mocks.wire.socks`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ecfleet_mocks.wire.errors import WireError

__all__ = [
    "NOTHING_BOUND",
    "AddressType",
    "AuthenticationMethod",
    "Credentials",
    "CredentialsStatus",
    "Destination",
    "Greeting",
    "MethodChoice",
    "Reply",
    "ReplyCode",
    "Request",
    "RequestCommand",
    "Socks4Code",
    "SocksError",
    "destination",
]


class SocksError(WireError):
    """Bytes that are no SOCKS message, or a message that cannot be written.

    :param reply: the reply code that RFC 1928 has for this, where there is one.
    """

    def __init__(self, text: str, reply: ReplyCode | None = None) -> None:
        super().__init__(text)
        self.reply = reply


class RequestCommand(IntEnum):
    """CMD of a request (RFC 1928, "Requests"); 1 and 2 also in SOCKS 4."""

    CONNECT = 1
    BIND = 2
    UDP_ASSOCIATE = 3


class AddressType(IntEnum):
    """ATYP of an address (RFC 1928, "Requests").  SOCKS 4 has IPv4 only, SOCKS 4a also names."""

    IPV4 = 1
    DOMAINNAME = 3
    IPV6 = 4


class AuthenticationMethod(IntEnum):
    """METHOD of the greeting (RFC 1928, "Procedure for TCP-based clients")."""

    NO_AUTHENTICATION = 0x00
    GSSAPI = 0x01
    USERNAME_PASSWORD = 0x02
    NONE_ACCEPTABLE = 0xFF


class ReplyCode(IntEnum):
    """REP of a reply (RFC 1928, "Replies")."""

    SUCCEEDED = 0
    GENERAL_FAILURE = 1
    NOT_ALLOWED = 2
    NETWORK_UNREACHABLE = 3
    HOST_UNREACHABLE = 4
    CONNECTION_REFUSED = 5
    TTL_EXPIRED = 6
    COMMAND_NOT_SUPPORTED = 7
    ADDRESS_TYPE_NOT_SUPPORTED = 8


class Socks4Code(IntEnum):
    """CD of a SOCKS 4 reply (the SOCKS 4 memo, "CONNECT")."""

    GRANTED = 0x5A
    REJECTED = 0x5B
    IDENTD_UNREACHABLE = 0x5C
    IDENTD_MISMATCH = 0x5D


@dataclass(frozen=True, slots=True)
class Destination:
    """DST.ADDR and DST.PORT, or BND.ADDR and BND.PORT, with the address type as it was on the wire.

    :param host: an address in its usual notation, or a name as it was sent (letter case kept).
    :param port: 0 to 65535.
    """

    address_type: AddressType
    host: str
    port: int


NOTHING_BOUND: Final = Destination(AddressType.IPV4, "0.0.0.0", 0)
"""What a proxy that does not tell its outgoing address puts into a reply, as OpenSSH does (seen on 9.2)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request; in SOCKS 4 the first message, in SOCKS 5 the one after the authentication.

    :param version: 4 or 5; 4 with a name is SOCKS 4a.
    :param user: the user id of SOCKS 4; empty in SOCKS 5.
    :param reserved: the reserved byte of SOCKS 5, which should be 0.
    """

    version: int
    command: RequestCommand | int
    destination: Destination
    user: str = ""
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request.

    :param code: a :class:`ReplyCode` in SOCKS 5, a :class:`Socks4Code` in SOCKS 4.
    """

    version: int
    code: ReplyCode | Socks4Code | int
    bound: Destination = NOTHING_BOUND

    @property
    def succeeded(self) -> bool:
        """Whether the connection stands."""
        return self.code == (Socks4Code.GRANTED if self.version == 4 else ReplyCode.SUCCEEDED)


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first message of SOCKS 5: the authentication methods that the client offers, in its order."""

    methods: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """The server's answer to the greeting."""

    method: AuthenticationMethod | int


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name and password (RFC 1929, "Initial negotiation"); 1 to 255 bytes each, in its words."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(user={self.user!r}, password=...)"


@dataclass(frozen=True, slots=True)
class CredentialsStatus:
    """The server's answer to the credentials: 0 is success, anything else failure (RFC 1929)."""

    status: int

    @property
    def succeeded(self) -> bool:
        """Whether the credentials were accepted."""
        return self.status == 0


def destination(host: str, port: int) -> Destination:
    """The destination for a host in any notation: IPv4, IPv6 (brackets allowed), else a name.

    :raises SocksError: when the port is not within 0 and 65535 or the name is empty.
    """
    if not 0 <= port <= 0xFFFF:
        raise SocksError(f"a port is within 0 and 65535, not {port}")
    if not host:
        raise SocksError("a destination needs a host")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return Destination(AddressType.DOMAINNAME, host, port)
    kind = AddressType.IPV4 if address.version == 4 else AddressType.IPV6
    return Destination(kind, str(address), port)
