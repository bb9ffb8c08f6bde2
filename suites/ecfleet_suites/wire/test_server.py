"""What an ecFlow server takes and refuses, how it ends an exchange, and that nothing stops it."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecfleet import expect, expect_in, rule
from ecfleet.services import EcflowServer
from ecfleet.wire import (
    OK,
    BeginCmd,
    Command,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    DeleteCmd,
    ErrorCmd,
    Reply,
    decode_reply,
    encode_request,
    frame,
    http1,
)
from ecfleet_suites.exchanges import answer_bytes, ask, ask_framed, posted, reply_in

# The host makes the length of the payload a number with letters, so that capitals can be told.
PING = CtsCmd(CtsApi.PING, host="machine1.example.org", user="someuser")
PAYLOAD = encode_request(PING)
MESSAGE = frame(PAYLOAD)


def table(name: str) -> dict[str, Any]:
    """A table of this area."""
    return tomllib.loads((resources.files(__package__) / "tables" / name).read_text(encoding="utf-8"))


HEADERS: dict[str, dict[str, str]] = table("headers.toml")
PAYLOADS: dict[str, dict[str, str]] = table("payloads.toml")


def expect_error(reply: Reply, text: str, what: str) -> None:
    """The reply is an ErrorCmd that ends so."""
    expect(type(reply).__name__, "ErrorCmd", f"class of the reply to {what}")
    assert isinstance(reply, ErrorCmd)
    expect_in(f"replied with: {text}", reply.message, f"text of the reply to {what}")


@rule("WIRE-12")
@pytest.mark.parametrize("spelling", HEADERS["accepted"])
def test_lengths_that_are_taken(ecf_server: EcflowServer, spelling: str) -> None:
    header = HEADERS["accepted"][spelling].format(n=len(PAYLOAD)).encode()
    reply = reply_in(answer_bytes(ecf_server.address, header + PAYLOAD))
    expect(reply, OK, f"reply to a length that is {spelling}")


@rule("WIRE-12")
@pytest.mark.parametrize("header", HEADERS["refused"])
def test_what_is_no_length(ecf_server: EcflowServer, header: str) -> None:
    sent = HEADERS["refused"][header].format(n=len(PAYLOAD)).encode() + PAYLOAD
    expect_error(reply_in(answer_bytes(ecf_server.address, sent)), "Invalid argument", header)


@rule("WIRE-13")
@pytest.mark.parametrize("payload", PAYLOADS["refused"])
def test_payloads_that_cannot_be_read(ecf_server: EcflowServer, payload: str) -> None:
    sent = frame(PAYLOADS["refused"][payload].encode())
    expect_error(reply_in(answer_bytes(ecf_server.address, sent)), "Invalid argument", payload)


@rule("WIRE-13")
@pytest.mark.parametrize("payload", PAYLOADS["accepted"])
def test_payloads_that_are_unusual(ecf_server: EcflowServer, payload: str) -> None:
    sent = frame(PAYLOADS["accepted"][payload].encode())
    expect(reply_in(answer_bytes(ecf_server.address, sent)), OK, f"reply to {payload}")


@rule("WIRE-14")
@given(length=st.integers(0, len(MESSAGE) - 1))
@example(length=0)
@example(length=3)
@example(length=8)
@example(length=len(MESSAGE) - 1)
@settings(max_examples=10)
def test_a_sender_that_stops(ecf_server: EcflowServer, length: int) -> None:
    answer = answer_bytes(ecf_server.address, MESSAGE[:length], half_close=True)
    expect_error(reply_in(answer), "End of file", "a message that is cut")


@rule("WIRE-15")
@given(
    junk=st.binary(max_size=64)
    | st.binary(max_size=64).map(frame)
    | st.tuples(st.binary(min_size=8, max_size=8), st.just(PAYLOAD)).map(b"".join)
)
@example(junk=b"ffffffff" + PAYLOAD)
@example(junk=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
@example(junk=frame(b"\xff\xfe"))
@settings(max_examples=40)
def test_nothing_stops_it(ecf_server: EcflowServer, junk: bytes) -> None:
    answer_bytes(ecf_server.address, junk, half_close=True)
    expect(ask_framed(ecf_server.address, PING), OK, "reply to a ping after other bytes")


@rule("WIRE-16")
@given(cuts=st.lists(st.integers(1, len(MESSAGE) - 1), max_size=4, unique=True).map(sorted))
@example(cuts=[4, 8])
@settings(max_examples=10)
def test_a_request_in_pieces(ecf_server: EcflowServer, cuts: list[int]) -> None:
    ends = [*cuts, len(MESSAGE)]
    pieces = [MESSAGE[begin:end] for begin, end in zip([0, *cuts], ends, strict=True)]
    expect(reply_in(answer_bytes(ecf_server.address, *pieces)), OK, "reply to a request in pieces")


@rule("WIRE-16")
@pytest.mark.parametrize("more", [b"zzzz", MESSAGE], ids=["junk", "a second message"])
def test_one_reply(ecf_server: EcflowServer, more: bytes) -> None:
    reply = reply_in(answer_bytes(ecf_server.address, MESSAGE + more))
    expect(reply, OK, "the one reply to a message with bytes after it")


def http_request(variant: str) -> http1.Request:
    """A ping by HTTP with one thing unusual."""
    request = posted(PAYLOAD)
    headers = request.headers
    match variant:
        case "PUT":
            return http1.Request(variant, request.target, headers=headers, body=PAYLOAD)
        case "chunked":
            headers = headers.without("Content-Length").adding("Transfer-Encoding", "chunked")
        case "no content type":
            headers = headers.without("Content-Type")
        case "text/plain":
            headers = headers.with_("Content-Type", "text/plain")
        case "HTTP/1.0":
            return http1.Request("POST", request.target, headers=headers, body=PAYLOAD, version="HTTP/1.0")
        case "keep-alive":
            headers = headers.adding("Connection", "keep-alive")
        case "/" | "/v1/nosuch?x=1":
            return http1.Request("POST", variant, headers=headers, body=PAYLOAD)
    return http1.Request("POST", request.target, headers=headers, body=PAYLOAD)


@rule("WIRE-17")
@pytest.mark.parametrize(
    "variant",
    [
        "as clients do",
        "PUT",
        "chunked",
        "no content type",
        "text/plain",
        "HTTP/1.0",
        "keep-alive",
        "/",
        "/v1/nosuch?x=1",
    ],
)
def test_http_requests_that_are_unusual(ecf_http_server: EcflowServer, variant: str) -> None:
    response = ask(ecf_http_server.address, http_request(variant))
    expect(response.status, 200, f"status of the reply to a request: {variant}")
    expect(decode_reply(response.body), OK, f"reply to a request: {variant}")


@rule("WIRE-17")
@pytest.mark.parametrize(
    "command",
    [
        BeginCmd("nosuch", host="node1", user="someuser"),
        DeleteCmd(("/nosuch",), host="node1", user="someuser"),
        CtsNodeCmd(CtsNodeApi.GET, "/nosuch", host="node1", user="someuser"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_errors_over_http(ecf_http_server: EcflowServer, command: Command) -> None:
    response = ask(ecf_http_server.address, posted(encode_request(command)))
    what = type(command).__name__
    expect(response.status, 200, f"status of the reply to a {what} that fails")
    expect(response.headers.get("Content-Type"), "application/json", "Content-Type of the reply")
    expect(type(decode_reply(response.body)).__name__, "ErrorCmd", f"reply to a {what} that fails")
