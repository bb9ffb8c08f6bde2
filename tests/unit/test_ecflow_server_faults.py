"""What the mock ecFlow server does wrong when told to, and what ends it."""

from __future__ import annotations

import asyncio

import pytest

from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.faults import (
    Answer,
    Close,
    Corrupt,
    Delay,
    Drip,
    Fault,
    HalfClose,
    LoseReply,
    Mute,
    Refuse,
    Reset,
    Truncate,
)
from ecfleet_mocks.journal import (
    ConnectionClosed,
    FaultInjected,
    Note,
    ReplySent,
)
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import (
    NULL_REQUEST,
    OK,
    CtsApi,
    CtsCmd,
    ErrorCmd,
    LoadDefsCmd,
    SSuitesCmd,
    encode_request,
    frame,
)

from .ecflow_peer import FRAMED_OK, FRAMED_PING, PING, SUITES, ask, exchange, reply_in, trusting


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Delay(0.01), FRAMED_OK),
        (Drip(size=50), FRAMED_OK),
        (Truncate(20), FRAMED_OK[:20]),
        (Corrupt(0, b"zz"), b"zz" + FRAMED_OK[2:]),
        (Close(), b""),
        (LoseReply(), b""),
        (Answer(b"hello"), b"hello"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.SSL])
async def test_faults_are_committed_once(fault: Fault, expected: bytes, transport: Transport) -> None:
    tls = trusting() if transport is Transport.SSL else None
    async with EcflowServer(tls=0) as server:
        server.faults.next(fault)
        assert await exchange(server, FRAMED_PING, transport=transport, tls=tls) == expected
        assert [event.fault for event in server.journal.of(FaultInjected)] == [fault]
        assert await exchange(server, FRAMED_PING, transport=transport, tls=tls) == FRAMED_OK


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.SSL])
async def test_half_closed_until_the_peer_closes(transport: Transport) -> None:
    tls = trusting() if transport is Transport.SSL else None
    async with EcflowServer(tls=0) as server:
        server.faults.next(HalfClose())
        reader, writer = await asyncio.open_connection(*server.addresses[transport], ssl=tls)
        writer.write(FRAMED_PING)
        assert await reader.readexactly(len(FRAMED_OK)) == FRAMED_OK
        for _ in range(3):
            assert await exchange(server, FRAMED_PING) == FRAMED_OK
        assert not server.journal.of(ConnectionClosed, connection=1)
        # On TCP the end of the reply can be told; TLS has no half of a connection to close.
        if transport is Transport.TCP:
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        await server.journal.wait_for_async(ConnectionClosed, lambda event: event.connection == 1)


@pytest.mark.parametrize("fault", [Reset(), Reset(after=100), Refuse()], ids=repr)
async def test_faults_that_reset(fault: Fault) -> None:
    async with EcflowServer() as server:
        server.faults.next(fault)
        with pytest.raises(ConnectionResetError):
            await exchange(server, FRAMED_PING)
        assert await exchange(server, FRAMED_PING) == FRAMED_OK


async def test_a_mute_server_says_nothing() -> None:
    async with EcflowServer() as server:
        server.faults.next(Mute())
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(FRAMED_PING)
        await server.journal.wait_for_async(FaultInjected)
        for _ in range(3):
            assert await exchange(server, FRAMED_PING) == FRAMED_OK
        writer.close()
        await writer.wait_closed()
        assert not await reader.read()
        assert not server.journal.of(ReplySent, connection=1)


async def test_lost_requests_and_lost_replies_differ() -> None:
    load = frame(encode_request(LoadDefsCmd("suite s\nendsuite\n", user="fred")))
    async with EcflowServer() as server:
        server.faults.next(Close())
        assert await exchange(server, load) == b""
        assert await ask(server, SUITES) == SSuitesCmd(())
        server.faults.when(lambda command: isinstance(command, LoadDefsCmd), LoseReply())
        assert await exchange(server, load) == b""
        assert await ask(server, SUITES) == SSuitesCmd(("s",))


async def test_terminate_is_answered_and_then_nothing_listens() -> None:
    server = EcflowServer()
    async with server:
        assert await ask(server, CtsCmd(CtsApi.TERMINATE, user="fred")) == OK
        assert not server.running
        with pytest.raises(ConnectionRefusedError):
            await exchange(server, FRAMED_PING)
    async with server:
        assert await ask(server, PING) == OK
        assert await ask(server, PING) == OK
        assert server.running


@pytest.mark.parametrize(
    ("dialect", "deadly"),
    [(DIALECT_5_17, NULL_REQUEST), (DIALECT_5_9, encode_request(CtsCmd(99, user="fred", host="laptop")))],
    ids=["null command on 5.17", "unknown number on 5.9"],
)
async def test_what_kills_a_real_server(dialect: Dialect, deadly: bytes) -> None:
    async with EcflowServer(dialect=dialect) as server:
        assert isinstance(reply_in(await exchange(server, frame(deadly))), ErrorCmd)
        (note,) = server.journal.of(Note)
        assert dialect.version in note.text
        assert "ends the server process" in note.text
        assert await ask(server, PING) == OK

    async with EcflowServer(dialect=dialect, faithful=True) as server:
        bystander, writer = await asyncio.open_connection(*server.address)
        assert await exchange(server, FRAMED_PING) == FRAMED_OK
        assert await exchange(server, frame(deadly)) == b""
        assert await bystander.read() == b""
        assert not server.running
        with pytest.raises(ConnectionRefusedError):
            await exchange(server, FRAMED_PING)
        writer.close()
        await writer.wait_closed()


async def test_a_null_command_that_does_not_kill() -> None:
    async with EcflowServer(dialect=DIALECT_5_9, faithful=True) as server:
        reply = reply_in(await exchange(server, frame(NULL_REQUEST)))
        assert isinstance(reply, ErrorCmd)
        assert "Cannot send a NULL request" in reply.message
