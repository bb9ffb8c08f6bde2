"""SOCKS 4, 4a and 5: bytes to messages and back.

The messages are in :mod:`ecfleet_mocks.wire.socks_messages`, the dialogues of both sides that use them in
:mod:`ecfleet_mocks.wire.socks_dialogue`; the names of the first are handed on here.

Each ``decode_...`` function is given all bytes that have arrived and returns the message with the number of
bytes that it took, or None while the message is incomplete.  Texts keep any bytes: they are decoded as UTF-8
with surrogate escapes, so that encoding gives the same bytes again.  Numbers outside the enumerations are
kept as plain integers, and can be written, so that wrong messages can be seen and sent on purpose.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum
from typing import Final, TypeVar

from ecfleet_mocks.wire.socks_messages import (
    NOTHING_BOUND,
    AddressType,
    AuthenticationMethod,
    Credentials,
    CredentialsStatus,
    Destination,
    Greeting,
    MethodChoice,
    Reply,
    ReplyCode,
    Request,
    RequestCommand,
    Socks4Code,
    SocksError,
    destination,
)

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
    "decode_credentials",
    "decode_credentials_status",
    "decode_greeting",
    "decode_method_choice",
    "decode_reply",
    "decode_request",
    "destination",
    "encode_credentials",
    "encode_credentials_status",
    "encode_greeting",
    "encode_method_choice",
    "encode_reply",
    "encode_request",
]

E = TypeVar("E", bound=IntEnum)

LIMIT_4: Final = 512
"""The longest user id and the longest host name (bytes) taken in SOCKS 4 and 4a, which set no limit."""


# --- SOCKS 5: greeting and authentication ---------------------------------------------------------------


def encode_greeting(greeting: Greeting) -> bytes:
    """Write the first message of SOCKS 5."""
    return bytes((5, len(greeting.methods), *greeting.methods))


def decode_greeting(data: bytes) -> tuple[Greeting, int] | None:
    """Read the first message of SOCKS 5.

    :raises SocksError: when the version is not 5.
    """
    if not data:
        return None
    _expect_version(data[0], 5, "greeting")
    if len(data) < 2 or len(data) < 2 + data[1]:
        return None
    end = 2 + data[1]
    return Greeting(tuple(data[2:end])), end


def encode_method_choice(choice: MethodChoice) -> bytes:
    """Write the answer to the greeting."""
    return bytes((5, choice.method))


def decode_method_choice(data: bytes) -> tuple[MethodChoice, int] | None:
    """Read the answer to the greeting.

    :raises SocksError: when the version is not 5.
    """
    if data:
        _expect_version(data[0], 5, "answer to the greeting")
    if len(data) < 2:
        return None
    return MethodChoice(_known(AuthenticationMethod, data[1])), 2


def encode_credentials(credentials: Credentials) -> bytes:
    """Write user name and password.

    :raises SocksError: when one of them is longer than 255 bytes.
    """
    user, password = _bytes(credentials.user), _bytes(credentials.password)
    for what, value in (("user name", user), ("password", password)):
        if len(value) > 255:
            raise SocksError(f"a SOCKS {what} has at most 255 bytes, this one has {len(value)}")
    return b"\x01%c%s%c%s" % (len(user), user, len(password), password)


def decode_credentials(data: bytes) -> tuple[Credentials, int] | None:
    """Read user name and password.

    :raises SocksError: when the version of this negotiation is not 1.
    """
    if data:
        _expect_version(data[0], 1, "user/password message")
    if len(data) < 2:
        return None
    middle = 2 + data[1]
    if len(data) <= middle or len(data) < middle + 1 + data[middle]:
        return None
    end = middle + 1 + data[middle]
    return Credentials(_text(data[2:middle]), _text(data[middle + 1 : end])), end


def encode_credentials_status(status: CredentialsStatus) -> bytes:
    """Write the answer to the credentials."""
    return bytes((1, status.status))


def decode_credentials_status(data: bytes) -> tuple[CredentialsStatus, int] | None:
    """Read the answer to the credentials.

    :raises SocksError: when the version of this negotiation is not 1.
    """
    if data:
        _expect_version(data[0], 1, "answer to user and password")
    return (CredentialsStatus(data[1]), 2) if len(data) >= 2 else None


# --- requests and replies -------------------------------------------------------------------------------


def encode_request(request: Request) -> bytes:
    """Write a request.

    :raises SocksError: when it cannot be written in that version (IPv6 in SOCKS 4, a name that is too long,
        a user id or a SOCKS 4a name with a NUL).
    """
    if request.version == 5:
        return bytes((5, request.command, request.reserved)) + _encode_destination(request.destination)
    to = request.destination
    user, tail = _bytes(request.user), b""
    if to.address_type is AddressType.IPV6:
        raise SocksError("SOCKS 4 has no IPv6 addresses; use SOCKS 5")
    if to.address_type is AddressType.IPV4:
        address = ipaddress.IPv4Address(to.host).packed
    else:
        # Any address 0.0.0.x with x other than 0 says that a name follows (SOCKS 4A memo).
        address, tail = b"\0\0\0\1", _bytes(to.host) + b"\0"
    if b"\0" in user or b"\0" in tail[:-1]:
        raise SocksError("SOCKS 4 ends texts by a NUL, so they cannot contain one")
    return (
        bytes((request.version, request.command)) + to.port.to_bytes(2, "big") + address + user + b"\0" + tail
    )


def decode_request(data: bytes) -> tuple[Request, int] | None:
    """Read a request of either version; the first byte decides.

    :raises SocksError: when the version is neither 4 nor 5, the address type is unknown, or a SOCKS 4 text
        has no end within 512 bytes.
    """
    if not data:
        return None
    if data[0] == 4:
        return _decode_request_4(data)
    _expect_version(data[0], 5, "request")
    if len(data) < 4:
        return None
    found = _decode_destination(data, 3)
    if found is None:
        return None
    to, end = found
    return Request(5, _known(RequestCommand, data[1]), to, reserved=data[2]), end


def _decode_request_4(data: bytes) -> tuple[Request, int] | None:
    if len(data) < 8:
        return None
    command, port, address = _known(RequestCommand, data[1]), int.from_bytes(data[2:4], "big"), data[4:8]
    found = _until_nul(data, 8, "user id")
    if found is None:
        return None
    user, end = found
    if address[:3] != b"\0\0\0" or address[3] == 0:
        to = Destination(AddressType.IPV4, str(ipaddress.IPv4Address(address)), port)
        return Request(4, command, to, user), end
    found = _until_nul(data, end, "host name")
    if found is None:
        return None
    name, end = found
    return Request(4, command, Destination(AddressType.DOMAINNAME, name, port), user), end


def encode_reply(reply: Reply) -> bytes:
    """Write a reply.  In SOCKS 4 the version byte is 0, and what is no IPv4 address is written as 0.0.0.0.

    :raises SocksError: when the bound name is too long for SOCKS 5.
    """
    if reply.version == 5:
        return bytes((5, reply.code, 0)) + _encode_destination(reply.bound)
    is_4 = reply.bound.address_type is AddressType.IPV4
    address = ipaddress.IPv4Address(reply.bound.host if is_4 else "0.0.0.0").packed
    return bytes((0, reply.code)) + reply.bound.port.to_bytes(2, "big") + address


def decode_reply(data: bytes, version: int) -> tuple[Reply, int] | None:
    """Read the reply to a request of this version (4 or 5).

    :raises SocksError: when the version byte or the address type is wrong.
    """
    if not data:
        return None
    _expect_version(data[0], 5 if version == 5 else 0, f"reply of SOCKS {version}")
    if version == 4:
        if len(data) < 8:
            return None
        port, host = int.from_bytes(data[2:4], "big"), str(ipaddress.IPv4Address(data[4:8]))
        return Reply(4, _known(Socks4Code, data[1]), Destination(AddressType.IPV4, host, port)), 8
    if len(data) < 4:
        return None
    found = _decode_destination(data, 3)
    if found is None:
        return None
    bound, end = found
    return Reply(5, _known(ReplyCode, data[1]), bound), end


# --- parts ------------------------------------------------------------------------------------------------


def _encode_destination(to: Destination) -> bytes:
    if to.address_type is AddressType.DOMAINNAME:
        name = _bytes(to.host)
        if len(name) > 255:
            raise SocksError(f"a name in SOCKS 5 has at most 255 bytes, this one has {len(name)}")
        address = bytes((len(name),)) + name
    else:
        address = ipaddress.ip_address(to.host).packed
    return bytes((to.address_type,)) + address + to.port.to_bytes(2, "big")


def _decode_destination(data: bytes, start: int) -> tuple[Destination, int] | None:
    """Read address type, address and port from ``start`` on, where at least one byte is."""
    kind, start = data[start], start + 1
    match kind:
        case AddressType.IPV4:
            length = 4
        case AddressType.IPV6:
            length = 16
        case AddressType.DOMAINNAME:
            if len(data) <= start:
                return None
            length, start = data[start], start + 1
        case _:
            raise SocksError(f"unknown SOCKS address type {kind}", ReplyCode.ADDRESS_TYPE_NOT_SUPPORTED)
    end = start + length
    if len(data) < end + 2:
        return None
    raw = data[start:end]
    host = _text(raw) if kind == AddressType.DOMAINNAME else str(ipaddress.ip_address(raw))
    return Destination(AddressType(kind), host, int.from_bytes(data[end : end + 2], "big")), end + 2


def _until_nul(data: bytes, start: int, what: str) -> tuple[str, int] | None:
    end = data.find(b"\0", start, start + LIMIT_4 + 1)
    if end >= 0:
        return _text(data[start:end]), end + 1
    if len(data) - start > LIMIT_4:
        raise SocksError(f"the {what} of a SOCKS 4 request has no end within {LIMIT_4} bytes")
    return None


def _expect_version(seen: int, expected: int, what: str) -> None:
    if seen != expected:
        raise SocksError(f"the {what} begins with {seen:#04x} where {expected:#04x} has to be")


def _known(kind: type[E], value: int) -> E | int:
    try:
        return kind(value)
    except ValueError:
        return value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return bytes(raw).decode("utf-8", "surrogateescape")
