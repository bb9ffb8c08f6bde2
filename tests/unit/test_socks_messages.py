"""SOCKS messages: the bytes of real programs both ways, any message both ways, prefixes incomplete."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.wire.errors import WireError
from ecfleet_mocks.wire.socks import (
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
    decode_credentials,
    decode_credentials_status,
    decode_greeting,
    decode_method_choice,
    decode_reply,
    decode_request,
    destination,
    encode_credentials,
    encode_credentials_status,
    encode_greeting,
    encode_method_choice,
    encode_reply,
    encode_request,
)

CONNECT = RequestCommand.CONNECT


def name(host: str, port: int = 5220) -> Destination:
    return Destination(AddressType.DOMAINNAME, host, port)


def ipv4(host: str, port: int = 5220) -> Destination:
    return Destination(AddressType.IPV4, host, port)


# What proxychains 4.16 sends, as recorded at the proxy.
REQUESTS = {
    "socks4, proxy_dns, name": (
        "04 01 14 64 00 00 00 01 00 6d 61 63 68 69 6e 65 31 00",
        Request(4, CONNECT, name("machine1")),
    ),
    "socks4, address": ("04 01 14 64 0a 09 08 07 00", Request(4, CONNECT, ipv4("10.9.8.7"))),
    "socks4, localhost": ("04 01 14 64 7f 00 00 01 00", Request(4, CONNECT, ipv4("127.0.0.1"))),
    "socks4, user bob": (
        "04 01 14 64 00 00 00 01 62 6f 62 00 6d 61 63 68 69 6e 65 31 00",
        Request(4, CONNECT, name("machine1"), user="bob"),
    ),
    "socks4, upper case": (
        "04 01 14 64 00 00 00 01 00 4d 41 43 48 49 4e 45 31 00",
        Request(4, CONNECT, name("MACHINE1")),
    ),
    "socks5, name": (
        "05 01 00 03 08 6d 61 63 68 69 6e 65 31 14 64",
        Request(5, CONNECT, name("machine1")),
    ),
    "socks5, address": ("05 01 00 01 0a 09 08 07 14 64", Request(5, CONNECT, ipv4("10.9.8.7"))),
}

# What OpenSSH 9.2 answers.
REPLIES = {
    "socks4": (4, "00 5a 00 00 00 00 00 00", Reply(4, Socks4Code.GRANTED)),
    "socks5": (5, "05 00 00 01 00 00 00 00 00 00", Reply(5, ReplyCode.SUCCEEDED)),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_of_proxychains(case: str) -> None:
    recorded, request = REQUESTS[case]
    raw = bytes.fromhex(recorded)
    assert decode_request(raw) == (request, len(raw))
    assert encode_request(request) == raw


@pytest.mark.parametrize("case", REPLIES)
def test_replies_of_openssh(case: str) -> None:
    version, recorded, reply = REPLIES[case]
    raw = bytes.fromhex(recorded)
    assert decode_reply(raw, version) == (reply, len(raw))
    assert encode_reply(reply) == raw
    assert reply.succeeded


def test_greetings_of_proxychains() -> None:
    assert encode_greeting(Greeting((0,))).hex() == "050100"
    assert encode_greeting(Greeting((0, 2))).hex() == "05020002"
    assert decode_greeting(bytes.fromhex("05020002")) == (
        Greeting((AuthenticationMethod.NO_AUTHENTICATION, AuthenticationMethod.USERNAME_PASSWORD)),
        4,
    )


# --- any message ----------------------------------------------------------------------------------------

ports = st.integers(0, 0xFFFF)
bytes_255 = st.binary(max_size=255).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
texts_4 = (
    st.binary(max_size=200)
    .filter(lambda raw: 0 not in raw)
    .map(lambda raw: raw.decode("utf-8", "surrogateescape"))
)
addresses_4 = st.ip_addresses(v=4).map(str)
destinations = st.one_of(
    st.builds(Destination, st.just(AddressType.IPV4), addresses_4, ports),
    st.builds(Destination, st.just(AddressType.IPV6), st.ip_addresses(v=6).map(str), ports),
    st.builds(Destination, st.just(AddressType.DOMAINNAME), bytes_255, ports),
)
# 0.0.0.x means in version 4 that a name follows.
plain_4 = addresses_4.filter(
    lambda host: ipaddress.ip_address(host) not in ipaddress.ip_network("0.0.0.0/24")
)
destinations_4 = st.one_of(
    st.builds(Destination, st.just(AddressType.IPV4), plain_4, ports),
    st.builds(Destination, st.just(AddressType.DOMAINNAME), texts_4, ports),
)


def known(kind: Callable[[int], Any]) -> st.SearchStrategy[Any]:
    def number(value: int) -> Any:
        try:
            return kind(value)
        except ValueError:
            return value

    return st.integers(0, 255).map(number)


commands = known(RequestCommand)
requests = st.one_of(
    st.builds(Request, st.just(5), commands, destinations, st.just(""), st.integers(0, 255)),
    st.builds(Request, st.just(4), commands, destinations_4, texts_4),
)
replies = st.one_of(
    st.builds(Reply, st.just(5), known(ReplyCode), destinations),
    st.builds(Reply, st.just(4), known(Socks4Code), destinations_4.filter(lambda to: to.address_type == 1)),
)


def check_every_prefix(raw: bytes, message: object, decode: Callable[[bytes], Any]) -> None:
    for end in range(len(raw)):
        assert decode(raw[:end]) is None
    assert decode(raw) == (message, len(raw))
    assert decode(raw + b"\x05behind") == (message, len(raw))


@given(requests)
def test_any_request_and_none_of_its_prefixes(request: Request) -> None:
    check_every_prefix(encode_request(request), request, decode_request)


@given(replies)
def test_any_reply_and_none_of_its_prefixes(reply: Reply) -> None:
    check_every_prefix(encode_reply(reply), reply, lambda raw: decode_reply(raw, reply.version))


@given(st.lists(st.integers(0, 255), max_size=255).map(tuple), known(AuthenticationMethod))
def test_any_greeting_and_choice(methods: tuple[int, ...], method: int) -> None:
    check_every_prefix(encode_greeting(Greeting(methods)), Greeting(methods), decode_greeting)
    choice = MethodChoice(method)
    check_every_prefix(encode_method_choice(choice), choice, decode_method_choice)


@given(bytes_255, bytes_255, st.integers(0, 255))
def test_any_credentials_and_status(user: str, password: str, status: int) -> None:
    credentials = Credentials(user, password)
    check_every_prefix(encode_credentials(credentials), credentials, decode_credentials)
    answer = CredentialsStatus(status)
    check_every_prefix(encode_credentials_status(answer), answer, decode_credentials_status)
    assert answer.succeeded is (status == 0)


@given(st.binary(max_size=700), st.sampled_from([4, 5]))
def test_any_bytes_are_a_message_incomplete_or_a_typed_error(raw: bytes, version: int) -> None:
    decoders: list[Callable[[bytes], Any]] = [
        decode_greeting,
        decode_method_choice,
        decode_credentials,
        decode_credentials_status,
        decode_request,
        lambda data: decode_reply(data, version),
    ]
    for decode in decoders:
        try:
            found = decode(raw)
        except SocksError:
            continue
        assert found is None or 0 < found[1] <= len(raw)


# --- what is wrong ----------------------------------------------------------------------------------------


def test_a_socks_error_is_a_wire_error() -> None:
    assert issubclass(SocksError, WireError)


def test_an_unknown_address_type_has_a_reply_code() -> None:
    with pytest.raises(SocksError, match="address type 7") as caught:
        decode_request(b"\x05\x01\x00\x07")
    assert caught.value.reply is ReplyCode.ADDRESS_TYPE_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("decode", "raw"),
    [
        (decode_greeting, b"\x04\x01"),
        (decode_method_choice, b"HT"),
        (decode_credentials, b"\x05\x00"),
        (decode_credentials_status, b"\x05\x00"),
        (decode_request, b"GET / HTTP/1.1\r\n"),
        (decode_request, b"\x16\x03\x01"),
        (lambda raw: decode_reply(raw, 4), b"\x04\x5a"),
        (lambda raw: decode_reply(raw, 5), b"\x00\x5a"),
    ],
)
def test_a_wrong_first_byte_is_told(decode: Callable[[bytes], object], raw: bytes) -> None:
    with pytest.raises(SocksError, match=f"begins with {raw[0]:#04x}"):
        decode(raw)


@pytest.mark.parametrize("raw", [b"\x04\x01\x00\x50\x7f\0\0\1", b"\x04\x01\x00\x50\0\0\0\1bob\0"])
def test_a_socks4_text_without_end_is_not_waited_for(raw: bytes) -> None:
    assert decode_request(raw + b"a" * 512) is None
    assert decode_request(raw + b"a" * 512 + b"\0") is not None
    with pytest.raises(SocksError, match="no end within 512 bytes"):
        decode_request(raw + b"a" * 513)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (Request(4, CONNECT, Destination(AddressType.IPV6, "::1", 80)), "no IPv6"),
        (Request(4, CONNECT, name("a\0b")), "NUL"),
        (Request(4, CONNECT, name("machine1"), user="b\0b"), "NUL"),
        (Request(5, CONNECT, name("a" * 256)), "255 bytes"),
    ],
)
def test_what_cannot_be_written_is_refused(request_: Request, text: str) -> None:
    with pytest.raises(SocksError, match=text):
        encode_request(request_)


@pytest.mark.parametrize("credentials", [Credentials("u" * 256, "p"), Credentials("u", "ä" * 128)])
def test_long_credentials_are_refused(credentials: Credentials) -> None:
    with pytest.raises(SocksError, match="at most 255 bytes, this one has 256"):
        encode_credentials(credentials)


def test_a_password_is_not_printed() -> None:
    assert "ecfleet-secret" not in repr(Credentials("bob", "ecfleet-secret"))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", ipv4("127.0.0.1", 80)),
        ("::1", Destination(AddressType.IPV6, "::1", 80)),
        ("[::1]", Destination(AddressType.IPV6, "::1", 80)),
        ("0:0:0:0:0:0:0:1", Destination(AddressType.IPV6, "::1", 80)),
        ("machine1", name("machine1", 80)),
        ("256.0.0.1", name("256.0.0.1", 80)),
    ],
)
def test_a_destination_has_the_type_of_its_host(host: str, expected: Destination) -> None:
    assert destination(host, 80) == expected


@pytest.mark.parametrize(("host", "port"), [("", 80), ("machine1", -1), ("machine1", 65536)])
def test_an_impossible_destination_is_refused(host: str, port: int) -> None:
    with pytest.raises(SocksError):
        destination(host, port)


def test_a_socks4_reply_cannot_hold_a_name_and_has_zeros_instead() -> None:
    assert encode_reply(Reply(4, Socks4Code.REJECTED, name("machine1"))).hex() == "005b146400000000"
    assert ipv4("0.0.0.0", 0) == NOTHING_BOUND
