"""The mock ecFlow server as a service: listeners, exchanges and TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from functools import partial

import pytest

from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import (
    ConnectionClosed,
    ConnectionOpened,
    Decision,
    Journal,
    Note,
    ReplySent,
    RequestReceived,
    ServiceStarted,
    ServiceStopped,
    TlsEstablished,
    TlsFailed,
)
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.service import AddressInUse, ServiceError
from ecfleet_mocks.tls import authority, server_context
from ecfleet_mocks.wire import (
    OK,
    CompleteCmd,
    DeleteCmd,
    ErrorCmd,
    LoadDefsCmd,
    ServerState,
    ServerVersionCmd,
    SStringCmd,
    SSuitesCmd,
    StcApi,
    StcCmd,
    decode_reply,
    encode_request,
    frame,
)

from .ecflow_peer import FRAMED_OK, FRAMED_PING, PING, SUITES, ask, exchange, reply_in, trusting


async def test_one_tree_behind_all_listeners() -> None:
    async with EcflowServer(plain=0, tls=0, http=0) as server:
        assert set(server.addresses) == {Transport.TCP, Transport.SSL, Transport.HTTP}
        assert server.address == server.addresses[Transport.TCP]
        assert len(set(server.addresses.values())) == 3
        assert {started.transport for started in server.journal.of(ServiceStarted)} == {"tcp", "ssl", "http"}

        load = LoadDefsCmd("suite s\nendsuite\n", "s.def", user="fred", host="laptop")
        assert await ask(server, load) == OK
        secured = await exchange(
            server, frame(encode_request(SUITES)), transport=Transport.SSL, tls=trusting()
        )
        assert reply_in(secured) == SSuitesCmd(("s",))
        body = encode_request(SUITES)
        request = b"POST /v1/ecflow HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        answer = await exchange(server, request, transport=Transport.HTTP)
        assert decode_reply(answer.partition(b"\r\n\r\n")[2]) == SSuitesCmd(("s",))


@pytest.mark.parametrize("dialect", [DIALECT_5_9, DIALECT_5_17], ids=lambda each: each.name)
async def test_one_exchange_is_on_record(dialect: Dialect) -> None:
    async with EcflowServer(dialect=dialect) as server:
        assert await exchange(server, FRAMED_PING) == FRAMED_OK
        journal = server.journal
        (request,) = journal.of(RequestReceived)
        assert request.raw == FRAMED_PING
        assert request.decoded == PING
        (reply,) = journal.of(ReplySent)
        assert (reply.raw, reply.decoded) == (FRAMED_OK, OK)
        closed = await journal.wait_for_async(ConnectionClosed)
        assert (closed.received, closed.sent, closed.how) == (len(FRAMED_PING), len(FRAMED_OK), "closed")
        assert {event.connection for event in journal.of(ConnectionOpened)} == {request.connection}


async def test_version_is_the_dialects() -> None:
    async with EcflowServer(dialect=DIALECT_5_9) as server:
        assert await ask(server, ServerVersionCmd(user="fred")) == SStringCmd("5.9.2")
    async with EcflowServer() as server:
        assert await ask(server, ServerVersionCmd(user="fred")) == SStringCmd("5.17.0")


async def test_a_request_in_single_bytes() -> None:
    async with EcflowServer() as server:
        reader, writer = await asyncio.open_connection(*server.address)
        for value in FRAMED_PING:
            writer.write(bytes([value]))
            await writer.drain()
        assert await reader.read() == FRAMED_OK
        writer.close()
        await writer.wait_closed()
        (request,) = server.journal.of(RequestReceived)
        assert request.raw == FRAMED_PING


async def test_bytes_after_the_request_are_dropped() -> None:
    async with EcflowServer() as server:
        assert await exchange(server, FRAMED_PING + FRAMED_PING + b"rubbish") == FRAMED_OK
        assert len(server.journal.of(RequestReceived)) == 1


async def test_a_silent_peer_just_waits() -> None:
    async with EcflowServer() as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(FRAMED_PING[:50])
        await writer.drain()
        # The server is single threaded: what it answered here, it has had the chance to answer there.
        for _ in range(3):
            assert await exchange(server, FRAMED_PING) == FRAMED_OK
        assert not server.journal.of(RequestReceived, connection=1)
        writer.write(FRAMED_PING[50:])
        assert await reader.read() == FRAMED_OK
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("cut", [0, 3, 8, 100])
async def test_a_request_cut_short(cut: int) -> None:
    async with EcflowServer(host_name="machine1") as server:
        said = await exchange(server, FRAMED_PING[:cut], half_close=True)
        expected = f" ->Server:machine1@{server.address.port} (5.17.0) replied with: End of file"
        assert reply_in(said) == ErrorCmd(expected)


@pytest.mark.parametrize(
    "junk",
    [b"zzzzzzzz", b"GET / HTTP/1.1\r\n\r\n", b"       0", b"       2{}", frame(b"hello"), frame(b"[]")],
)
async def test_rubbish_gets_an_error(junk: bytes) -> None:
    async with EcflowServer(dialect=DIALECT_5_9, host_name="machine1") as server:
        expected = f" ->Server:machine1@{server.address.port} (5.9.2) replied with: Invalid argument"
        assert reply_in(await exchange(server, junk)) == ErrorCmd(expected)
        (request,) = server.journal.of(RequestReceived)
        assert (request.raw, request.decoded) == (junk, None)
        (decision,) = server.journal.of(Decision)
        assert decision.what == "refuse the request"
        assert decision.why
        assert await ask(server, PING) == OK


async def test_a_length_over_the_limit() -> None:
    async with EcflowServer(limit=1000) as server:
        said = await exchange(server, b"     3e9")
        reply = reply_in(said)
        assert isinstance(reply, ErrorCmd)
        assert reply.message.endswith("replied with: Invalid argument")
        (note,) = server.journal.of(Note)
        assert "the real 5.17.0 sets no limit" in note.text
        assert reply_in(await exchange(server, b"     3e8" + b" " * 1000)) == reply


async def test_a_faithful_server_waits_for_what_was_announced() -> None:
    async with EcflowServer(limit=1000, faithful=True) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"ffffffff" + b" " * 5000)
        writer.write_eof()
        await writer.drain()
        for _ in range(3):
            assert await exchange(server, FRAMED_PING) == FRAMED_OK
        assert not server.journal.of(ReplySent, connection=1)
        assert not server.journal.of(ConnectionClosed, connection=1)
        writer.close()
        await writer.wait_closed()
        assert not await reader.read()


async def test_a_client_killed_in_mid_request() -> None:
    async with EcflowServer() as server:
        _, writer = await asyncio.open_connection(*server.address)
        writer.write(FRAMED_PING[:100])
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        closed = await server.journal.wait_for_async(ConnectionClosed)
        assert closed.connection == 1
        assert not server.connections
        assert await ask(server, PING) == OK


async def test_a_port_in_use() -> None:
    async with EcflowServer() as first:
        second = EcflowServer(name="second", plain=first.address.port)
        with pytest.raises(AddressInUse, match=rf"^second: 127\.0\.0\.1:{first.address.port} is in use .*$"):
            await second.start()
        assert not second.running
        # The other listener of a server that cannot start does not stay behind either.
        third = EcflowServer(plain=0, http=first.address.port)
        with pytest.raises(AddressInUse):
            await third.start()
        assert not third.running
        assert await ask(first, PING) == OK


async def test_stop_leaves_nothing_running() -> None:
    server = EcflowServer(tls=0, http=0)
    await server.start()
    idle = []
    for transport, address in server.addresses.items():
        idle.append(await asyncio.open_connection(*address))
        await server.journal.wait_for_async(ConnectionOpened, partial(_came_by, transport))
    await server.stop()
    assert not server.running
    assert not server.connections
    assert server.journal.of(ServiceStopped)
    for reader, writer in idle:
        assert await _rest(reader) == b""
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    for address in server.addresses.values():
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
    await server.stop()


async def test_a_server_can_be_started_again() -> None:
    server = EcflowServer()
    async with server:
        await ask(server, LoadDefsCmd("suite s\nendsuite\n", user="fred"))
    async with server:
        assert await ask(server, SUITES) == SSuitesCmd(("s",))
        assert list(server.addresses.values()) == [server.address]


def test_what_does_not_go_together() -> None:
    with pytest.raises(ServiceError, match=r"^ecflow_server: no listener; give at least one"):
        EcflowServer(plain=None)
    with pytest.raises(ServiceError, match=r"^old: release 5\.9 has no HTTP; leave http out"):
        EcflowServer(name="old", http=0, dialect=DIALECT_5_9)


async def test_tls_versions_are_the_dialects() -> None:
    old = trusting(maximum_version=ssl.TLSVersion.TLSv1_2)
    async with EcflowServer(plain=None, tls=0, dialect=DIALECT_5_9) as server:
        assert await exchange(server, FRAMED_PING, tls=old) == FRAMED_OK
        assert await exchange(server, FRAMED_PING, tls=trusting()) == FRAMED_OK
        assert [each.version for each in server.journal.of(TlsEstablished)] == ["TLSv1.2", "TLSv1.3"]
    # A context made for an older release is narrowed to what this one takes.
    context = server_context(authority().issue("127.0.0.1"), DIALECT_5_9)
    async with EcflowServer(plain=None, tls=0, tls_context=context) as server:
        with pytest.raises(OSError):  # noqa: PT011 - a reset or an alert, as the system has it
            await exchange(server, FRAMED_PING, tls=old)
        failed = await server.journal.wait_for_async(TlsFailed)
        assert failed.reason
        assert await exchange(server, FRAMED_PING, tls=trusting()) == FRAMED_OK


async def test_plain_bytes_on_the_tls_port_get_no_byte() -> None:
    async with EcflowServer(plain=None, tls=0) as server:
        for data in (FRAMED_PING, b"GET / HTTP/1.1\r\n\r\n"):
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(data)
            assert await _rest(reader) == b""
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert len(server.journal.of(TlsFailed)) == 2
        assert not server.journal.of(RequestReceived)


async def test_tls_on_the_plain_port_gets_the_error() -> None:
    async with EcflowServer() as server:
        with pytest.raises(ssl.SSLError, match=r"WRONG_VERSION_NUMBER|wrong version number"):
            await asyncio.open_connection(*server.address, ssl=trusting())
        (reply,) = server.journal.of(ReplySent)
        assert isinstance(reply.decoded, ErrorCmd)
        assert reply.decoded.message.endswith("replied with: Invalid argument")


def _came_by(transport: Transport, event: ConnectionOpened) -> bool:
    return event.transport == transport


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end, which may be a reset."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_shared_journal_tells_servers_apart() -> None:
    journal = Journal()
    async with (
        EcflowServer(name="one", journal=journal) as one,
        EcflowServer(name="two", journal=journal) as two,
    ):
        await ask(one, PING)
        await ask(two, DeleteCmd(("/nosuch",), user="fred"))
        assert [event.decoded for event in journal.of(RequestReceived, service="one")] == [PING]
        (reply,) = journal.of(ReplySent, service="two")
        assert isinstance(reply.decoded, ErrorCmd)


async def test_state_at_the_start() -> None:
    async with EcflowServer(state=ServerState.HALTED) as server:
        command = CompleteCmd(path="/s/t", jobs_password="ecfleet-secret", remote_id="1", host="laptop")
        assert await ask(server, command) == StcCmd(StcApi.BLOCK_CLIENT_SERVER_HALTED)
