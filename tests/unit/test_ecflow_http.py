"""The mock ecFlow server over HTTP: what it takes, what it answers, and for whom it takes the sender."""

from __future__ import annotations

import asyncio

import pytest

from ecfleet_mocks.ecflow_http import FAITHFUL_BODY_LIMIT, FAITHFUL_HEAD_LIMIT
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.faults import Answer, Truncate
from ecfleet_mocks.journal import Decision, IdentityFound, Note, RequestReceived
from ecfleet_mocks.wire import (
    NULL_REQUEST,
    OK,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    ErrorCmd,
    EventCmd,
    decode_reply,
    encode_reply,
    encode_request,
)
from ecfleet_mocks.wire.http1 import Response, ResponseReader

PING = CtsCmd(CtsApi.PING, host="laptop", user="fred")
BODY = encode_request(PING)
OK_BODY = encode_reply(OK)


def over_http(*, faithful: bool = False) -> EcflowServer:
    return EcflowServer(plain=None, http=0, faithful=faithful)


def post(body: bytes = BODY, *headers: str, start: str = "POST /v1/ecflow HTTP/1.1") -> bytes:
    head = "\r\n".join([start, "Host: localhost", *headers, f"Content-Length: {len(body)}", "", ""])
    return head.encode("latin-1") + body


async def exchange(server: EcflowServer, data: bytes, *, half_close: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        writer.write(data)
        if half_close:
            writer.write_eof()
        return await reader.read()
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def answer(server: EcflowServer, data: bytes, method: str = "POST", **options: bool) -> Response:
    reader = ResponseReader(method=method)
    responses = reader.feed(await exchange(server, data, **options)) + reader.at_eof()
    assert len(responses) == 1
    return responses[0]


async def test_the_reply_is_the_recorded_one() -> None:
    expected = (
        b"HTTP/1.1 200 OK\r\nServer: Boost.Beast/300\r\nContent-Type: application/json\r\n"
        b"Content-Length: 238\r\n\r\n" + OK_BODY
    )
    async with over_http() as server:
        assert await exchange(server, post()) == expected
        closing = expected.replace(b"238\r\n", b"238\r\nConnection: close\r\n")
        assert await exchange(server, post(BODY, "Connection: close")) == closing
        assert await exchange(server, post(BODY, "Connection: keep-alive")) == expected
        old = expected.replace(b"HTTP/1.1", b"HTTP/1.0")
        assert await exchange(server, post(start="POST /v1/ecflow HTTP/1.0")) == old


@pytest.mark.parametrize(
    "data",
    [
        post(start="POST / HTTP/1.1"),
        post(start="POST /v1/nosuch?x=1 HTTP/1.1"),
        post(start="PUT /v1/ecflow HTTP/1.1"),
        post(BODY, "Content-Type: text/plain"),
        post(BODY, "Expect: 100-continue"),
        post() + post(),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
    ],
)
@pytest.mark.parametrize("faithful", [True, False])
async def test_only_the_body_counts(data: bytes, faithful: bool) -> None:
    async with over_http(faithful=faithful) as server:
        assert (await answer(server, data)).body == OK_BODY
        (request,) = server.journal.of(RequestReceived)
        assert (request.raw, request.decoded) == (data, PING)


async def test_errors_of_ecflow_are_200() -> None:
    async with over_http() as server:
        got = await answer(server, post(encode_request(CtsNodeCmd(CtsNodeApi.GET, "/nosuch", user="fred"))))
        assert got.status == 200
        assert decode_reply(got.body) == ErrorCmd("Cannot find node at path '/nosuch' ")


UNREADABLE = [
    ("GET", b"GET /v1/ecflow HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ("HEAD", b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    ("POST", post(b""), 400),
    ("POST", post(b"hello"), 400),
    ("POST", post(b"{}"), 400),
    ("POST", b"     131" + BODY, 400),
    ("POST", b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello", 400),
    ("POST", post(BODY, "X-Filler: " + "x" * 70_000), 431),
]


@pytest.mark.parametrize(("method", "data", "status"), UNREADABLE)
async def test_what_cannot_be_read_is_told_so(method: str, data: bytes, status: int) -> None:
    async with over_http() as server:
        got = await answer(server, data, method)
        assert got.status == status
        assert got.headers.get("Connection") == "close"
        assert got.headers.get("Allow") == ("POST" if status == 405 else None)
        assert bool(got.body) is (method != "HEAD")
        (note,) = server.journal.of(Note)
        assert note.text == "the real 5.17.0 closes without a reply here"
        (decision,) = server.journal.of(Decision)
        assert decision.what == "refuse the request"
        assert decision.why
        assert (await answer(server, post())).body == OK_BODY


@pytest.mark.parametrize("data", [data for _, data, _ in UNREADABLE])
async def test_a_faithful_server_says_nothing_to_it(data: bytes) -> None:
    async with over_http(faithful=True) as server:
        try:
            assert await exchange(server, data) == b""
        except ConnectionResetError:
            # what a system makes of a close while unread bytes are waiting
            assert len(data) > FAITHFUL_HEAD_LIMIT
        assert (await answer(server, post())).body == OK_BODY


async def test_a_body_at_the_limit() -> None:
    full = BODY + b" " * (FAITHFUL_BODY_LIMIT - len(BODY))
    async with over_http(faithful=True) as server:
        assert (await answer(server, post(full))).body == OK_BODY
        with pytest.raises(ConnectionError):
            await exchange(server, post(full + b" "))
    async with over_http() as server:
        assert (await answer(server, post(full + b" "))).body == OK_BODY
        (note,) = server.journal.of(Note)
        assert note.text == "the real 5.17.0 resets the connection at a body over 1048576 bytes"


async def test_a_body_over_the_set_limit() -> None:
    async with EcflowServer(plain=None, http=0, limit=500) as server:
        got = await answer(server, b"POST / HTTP/1.1\r\nContent-Length: 501\r\n\r\n")
        assert got.status == 413
        (note,) = server.journal.of(Note)
        assert note.text == "the real 5.17.0 resets the connection here"


async def test_a_long_head_is_remarked() -> None:
    async with over_http() as server:
        data = post(BODY, "X-Filler: " + "x" * FAITHFUL_HEAD_LIMIT)
        assert (await answer(server, data)).body == OK_BODY
        (note,) = server.journal.of(Note)
        assert note.text == "the real 5.17.0 closes without a reply at a head over 8192 bytes"


async def test_a_request_cut_short() -> None:
    async with over_http() as server:
        assert (await answer(server, post()[:-20], half_close=True)).status == 400
        assert await exchange(server, b"", half_close=True) == b""
    async with over_http(faithful=True) as server:
        assert await exchange(server, post()[:-20], half_close=True) == b""


async def test_a_null_command() -> None:
    async with over_http() as server:
        got = await answer(server, post(NULL_REQUEST))
        assert isinstance(decode_reply(got.body), ErrorCmd)
    async with over_http(faithful=True) as server:
        assert await exchange(server, post(NULL_REQUEST)) == b""
        assert not server.running


async def test_faults() -> None:
    unavailable = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    async with over_http() as server:
        server.faults.next(Answer(unavailable), Truncate(30))
        assert (await answer(server, post())).status == 503
        assert len(await exchange(server, post())) == 30
        assert (await answer(server, post())).status == 200


@pytest.mark.parametrize(
    ("headers", "user", "secure"),
    [
        ((), "fred", False),
        (("Authorization: Bearer ecfleet-secret",), "fred", False),
        (("X-Auth-Username: jane",), "jane", False),
        (("X-Auth-Username: jane", "Authorization: "), "jane", True),
        (("X-Auth-Username: jane", "X-Auth-Username: eve", "Authorization: x"), "jane", True),
        (("x-auth-username: jane", "Authorization: x"), "fred", False),
        (("X-Auth-Username: jane", "authorization: x"), "jane", False),
    ],
)
async def test_whom_the_headers_make_of_the_sender(headers: tuple[str, ...], user: str, secure: bool) -> None:
    async with over_http() as server:
        assert (await answer(server, post(BODY, *headers))).status == 200
        (found,) = server.journal.of(IdentityFound)
        assert (found.user, found.secure) == (user, secure)
        assert found.why


async def test_child_commands_have_no_user() -> None:
    event = EventCmd("done", path="/s/t", jobs_password="ecfleet-secret", remote_id="1", host="laptop")
    async with over_http() as server:
        await answer(server, post(encode_request(event), "X-Auth-Username: jane", "Authorization: x"))
        (found,) = server.journal.of(IdentityFound)
        assert (found.user, found.secure) == ("", False)
