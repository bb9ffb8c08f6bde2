"""Where a real server dies or misbehaves: the mock survives and says so, or does the same when faithful.

One test a case, each with and without `faithful=True`, on the transports and in the dialects in which it was
seen.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from ecfleet_mocks.ecflow_http import FAITHFUL_BODY_LIMIT
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import ConnectionClosed, ConnectionOpened, Event, Note
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import (
    NULL_REQUEST,
    OK,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    ErrorCmd,
    Reply,
    SyncApi,
    decode_reply,
    encode_request,
    frame,
)

from .ecflow_peer import PING, ask, exchange, reply_in

TCP, HTTP = Transport.TCP, Transport.HTTP
FAITHFUL = pytest.mark.parametrize("faithful", [True, False], ids=["faithful", "careful"])
WHERE = pytest.mark.parametrize(
    ("dialect", "transport"),
    [(DIALECT_5_9, TCP), (DIALECT_5_17, TCP), (DIALECT_5_17, HTTP)],
    ids=["5.9 tcp", "5.17 tcp", "5.17 http"],
)


def server(dialect: Dialect, transport: Transport, **options: Any) -> EcflowServer:
    if transport is HTTP:
        return EcflowServer(plain=None, http=0, dialect=dialect, **options)
    return EcflowServer(dialect=dialect, **options)


def wrapped(payload: bytes, transport: Transport) -> bytes:
    if transport is TCP:
        return frame(payload)
    return b"POST /v1/ecflow HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(payload), payload)


async def tell(made: EcflowServer, payload: bytes, transport: Transport) -> Reply | None:
    """Send a request, give the reply, None when the connection ends without one."""
    data = await exchange(made, wrapped(payload, transport))
    if not data:
        return None
    return reply_in(data) if transport is TCP else decode_reply(data.partition(b"\r\n\r\n")[2])


async def serves(made: EcflowServer, transport: Transport) -> bool:
    return await tell(made, encode_request(PING), transport) == OK


def notes(made: EcflowServer) -> list[str]:
    return [note.text for note in made.journal.of(Note)]


async def dies_or_tells(made: EcflowServer, payload: bytes, transport: Transport, faithful: bool) -> None:
    reply = await tell(made, payload, transport)
    if faithful:
        assert reply is None
        assert not made.running
        with pytest.raises(ConnectionRefusedError):
            await serves(made, transport)
    else:
        assert isinstance(reply, ErrorCmd)
        assert f"the real {made.dialect.version}" in reply.message
        assert made.running
        assert await serves(made, transport)
        assert f"the real {made.dialect.version}" in notes(made)[0]
        assert "here" in notes(made)[0]


@WHERE
@FAITHFUL
async def test_a_full_sync_with_an_unknown_handle(
    dialect: Dialect, transport: Transport, faithful: bool
) -> None:
    command = encode_request(CSyncCmd(SyncApi.SYNC_FULL, 77, user="fred", host="laptop"))
    async with server(dialect, transport, faithful=faithful) as made:
        await dies_or_tells(made, command, transport, faithful)


@pytest.mark.parametrize("transport", [TCP, HTTP])
@FAITHFUL
async def test_a_null_command_on_5_17(transport: Transport, faithful: bool) -> None:
    async with server(DIALECT_5_17, transport, faithful=faithful) as made:
        await dies_or_tells(made, NULL_REQUEST, transport, faithful)


@FAITHFUL
async def test_a_null_command_on_5_9(faithful: bool) -> None:
    async with server(DIALECT_5_9, TCP, faithful=faithful) as made:
        assert await tell(made, NULL_REQUEST, TCP) == ErrorCmd(
            "ClientToServerRequest::handleRequest: Cannot send a NULL request to the server !"
        )
        assert await serves(made, TCP)


@pytest.mark.parametrize("api", [0, 19, 99])
@FAITHFUL
async def test_an_unknown_number_in_a_command_on_5_9(api: int, faithful: bool) -> None:
    command = encode_request(CtsCmd(api, user="fred", host="laptop"))
    async with server(DIALECT_5_9, TCP, faithful=faithful) as made:
        await dies_or_tells(made, command, TCP, faithful)


@pytest.mark.parametrize("api", [0, 19, 99])
@pytest.mark.parametrize("transport", [TCP, HTTP])
@FAITHFUL
async def test_an_unknown_number_in_a_command_on_5_17(api: int, transport: Transport, faithful: bool) -> None:
    command = encode_request(CtsCmd(api, user="fred", host="laptop"))
    async with server(DIALECT_5_17, transport, faithful=faithful) as made:
        assert await tell(made, command, transport) == OK


@WHERE
@FAITHFUL
async def test_a_refused_terminate(dialect: Dialect, transport: Transport, faithful: bool) -> None:
    command = encode_request(CtsCmd(CtsApi.TERMINATE, user="fred", host="laptop"))
    lists = "4.4.14\nowner\n-fred\n"
    async with server(dialect, transport, faithful=faithful, lists=lists) as made:
        reply = await tell(made, command, transport)
        assert isinstance(reply, ErrorCmd)
        assert ("*write*" in reply.message) is (dialect is DIALECT_5_9)
        assert made.running is not faithful
        if faithful:
            with pytest.raises(ConnectionRefusedError):
                await serves(made, transport)
        else:
            assert await serves(made, transport)
            assert notes(made) == [f"the real {dialect.version} ends here all the same, after this refusal"]


@FAITHFUL
async def test_an_http_body_over_one_mebibyte(faithful: bool) -> None:
    whole = encode_request(PING).ljust(FAITHFUL_BODY_LIMIT + 1)
    async with server(DIALECT_5_17, HTTP, faithful=faithful) as made:
        if faithful:
            with pytest.raises(ConnectionResetError):
                await exchange(made, wrapped(whole, HTTP))
        else:
            assert await tell(made, whole, HTTP) == OK
        assert notes(made)[0].startswith("the real 5.17.0 resets the connection")
        assert await tell(made, encode_request(PING).ljust(FAITHFUL_BODY_LIMIT), HTTP) == OK


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/ecflow HTTP/1.1\r\n\r\n",
        b"HEAD / HTTP/1.1\r\n\r\n",
        wrapped(b"", HTTP),
        wrapped(b"not JSON", HTTP),
        wrapped(b"{}", HTTP),
        wrapped(b'{"21ClientToServerRequest": {"cmd_": ', HTTP),
        wrapped(encode_request(PING).replace(b"CtsCmd", b"NoSuchCmd"), HTTP),
    ],
    ids=["GET", "HEAD", "no body", "no JSON", "empty object", "broken JSON", "unknown class"],
)
@FAITHFUL
async def test_http_requests_that_are_answered_by_nothing(request_bytes: bytes, faithful: bool) -> None:
    async with server(DIALECT_5_17, HTTP, faithful=faithful) as made:
        reply = await exchange(made, request_bytes)
        if faithful:
            assert reply == b""
        else:
            head, _, body = reply.partition(b"\r\n\r\n")
            assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 "))
            assert body or request_bytes.startswith(b"HEAD")
        assert notes(made) == ["the real 5.17.0 closes without a reply here"]
        assert await serves(made, HTTP)


# --- silent connections -----------------------------------------------------------------------------------


Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def is_number(number: int, event: Event) -> bool:
    return event.connection == number


async def silent_peers(made: EcflowServer, count: int) -> list[Peer]:
    peers = [await asyncio.open_connection(*made.address) for _ in range(count)]
    for number in range(1, count + 1):
        await made.journal.wait_for_async(ConnectionOpened, partial(is_number, number))
    return peers


async def leave(*peers: Peer) -> None:
    for _, writer in peers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in peers), return_exceptions=True)


@WHERE
async def test_a_careful_server_closes_the_longest_silent_connection(
    dialect: Dialect, transport: Transport
) -> None:
    async with server(dialect, transport, connection_limit=4) as made:
        peers = await silent_peers(made, 4)
        assert not notes(made)
        assert await serves(made, transport)
        # The first peer had to go, in order and without a byte; the others are still there.
        assert await peers[0][0].read() == b""
        assert notes(made) == [
            f"the real {dialect.version} keeps silent connections until it has no room here"
        ]
        for reader, writer in peers[1:]:
            writer.write(wrapped(encode_request(PING), transport))
            assert await reader.read()
        await leave(*peers)


@pytest.mark.parametrize("dialect", [DIALECT_5_9, DIALECT_5_17], ids=["5.9", "5.17"])
async def test_a_faithful_server_lets_new_connections_hang_until_old_ones_go(dialect: Dialect) -> None:
    async with server(dialect, TCP, connection_limit=4, faithful=True) as made:
        peers = await silent_peers(made, 5)
        hanging = peers.pop()
        hanging[1].write(wrapped(encode_request(PING), TCP))
        # Nothing comes, whatever else is done in the meantime: the other peers are still served.
        peers[0][1].write(b"       ")
        await peers[0][1].drain()
        for _ in range(20):
            await asyncio.sleep(0)
        assert all(connection.bytes_received < 20 for connection in made.connections)
        await leave(peers.pop())
        assert reply_in(await hanging[0].read()) == OK
        await leave(hanging)
        await made.journal.wait_for_async(ConnectionClosed, partial(is_number, 5))
        assert await ask(made, PING) == OK
        await leave(*peers)


async def test_a_faithful_http_server_never_comes_back() -> None:
    async with server(DIALECT_5_17, HTTP, connection_limit=2, faithful=True) as made:
        peers = await silent_peers(made, 3)
        await leave(*peers)
        for number in (1, 2):
            await made.journal.wait_for_async(ConnectionClosed, partial(is_number, number))
        reader, writer = await asyncio.open_connection(*made.address)
        writer.write(wrapped(encode_request(PING), HTTP))
        await made.journal.wait_for_async(ConnectionOpened, partial(is_number, 4))
        for _ in range(20):
            await asyncio.sleep(0)
        (hanging,) = (connection for connection in made.connections if connection.number == 4)
        assert hanging.bytes_received == 0
        assert made.running
        await leave((reader, writer))
