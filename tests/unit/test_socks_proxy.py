"""The SOCKS proxy: routes, replies, personalities, relay and faults, with our own dialogue as the client."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import hashlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

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
    Address,
    ConnectionClosed,
    Decision,
    IdentityFound,
    ReplySent,
    RequestReceived,
    RouteTaken,
    UpstreamOpened,
)
from ecfleet_mocks.model.tunnels import OPENSSH, RFC1928, Leads, Personality, RouteError
from ecfleet_mocks.service import ServiceError
from ecfleet_mocks.socks_proxy import SocksProxy
from ecfleet_mocks.wire.errors import UnexpectedEnd
from ecfleet_mocks.wire.socks import (
    AddressType,
    Credentials,
    Destination,
    Greeting,
    Reply,
    ReplyCode,
    Request,
    RequestCommand,
    Socks4Code,
    SocksError,
    destination,
    encode_greeting,
    encode_request,
)
from ecfleet_mocks.wire.socks_dialogue import ClientDialogue, SocksRefused

PASSWORD = "ecfleet-secret"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, until its end."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@contextlib.asynccontextmanager
async def far_side(handler: Handler = echo) -> AsyncIterator[Address]:
    """A program on the far side of the tunnel."""
    running: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            with contextlib.suppress(ConnectionError):
                await handler(reader, writer)
        finally:
            writer.close()
            running.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield Address(*server.sockets[0].getsockname()[:2])
    finally:
        server.close()
        for task in tuple(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class Through:
    """A client's connection through a proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        self.reader, self.writer, self.first = reader, writer, first

    async def read_all(self) -> bytes:
        return self.first + await self.reader.read()


@contextlib.asynccontextmanager
async def connected(proxy: SocksProxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*proxy.address)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def through(
    proxy: SocksProxy,
    host: str,
    port: int,
    *,
    version: int = 5,
    command: RequestCommand | int = RequestCommand.CONNECT,
    credentials: Credentials | None = None,
) -> AsyncIterator[Through]:
    """Connect through the proxy as the built-in client does."""
    async with connected(proxy) as (reader, writer):
        client = ClientDialogue(Request(version, command, destination(host, port)), credentials)
        writer.write(client.start())
        while not client.done:
            data = await reader.read(4096)
            if not data:
                client.at_eof()
            writer.write(client.feed(data))
        yield Through(reader, writer, client.take_leftover())


async def refused(proxy: SocksProxy, host: str, port: int, **options: Any) -> int | None:
    with pytest.raises(SocksRefused) as caught:
        async with through(proxy, host, port, **options):
            pass
    return caught.value.code


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# --- where connections go ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
async def test_a_name_is_resolved_by_the_table_and_all_is_in_the_journal(version: int) -> None:
    async with far_side() as far, SocksProxy(routes={"Machine1:3141": far}) as proxy:
        async with through(proxy, "MACHINE1", 3141, version=version) as tunnel:
            tunnel.writer.write(b"hello")
            tunnel.writer.write_eof()
            assert await tunnel.read_all() == b"hello"
        journal = proxy.journal
        request = journal.of(RequestReceived)[-1]
        assert request.decoded == Request(version, RequestCommand.CONNECT, destination("MACHINE1", 3141))
        assert request.raw == encode_request(request.decoded)
        (route,) = journal.of(RouteTaken)
        assert (route.asked, route.address_type) == (Address("MACHINE1", 3141), "DOMAINNAME")
        assert route.destination == far
        (onward,) = journal.of(UpstreamOpened)
        assert onward.remote == far
        (reply,) = journal.of(ReplySent)
        code = Socks4Code.GRANTED if version == 4 else ReplyCode.SUCCEEDED
        assert reply.decoded == Reply(version, code, destination(*onward.local))
        closed = await journal.wait_for_async(ConnectionClosed)
        assert (closed.how, closed.received) == ("closed", len(request.raw) + 5 + (3 if version == 5 else 0))


@pytest.mark.parametrize(
    ("host", "kind"), [("127.0.0.1", "IPV4"), ("10.9.8.7", "IPV4"), ("2001:db8::1", "IPV6")]
)
async def test_addresses_are_recorded_as_what_they_are(host: str, kind: str) -> None:
    async with far_side() as far, SocksProxy(routes={"10.9.8.7": far, "2001:db8::1": far}) as proxy:
        async with through(proxy, host, far.port) as tunnel:
            tunnel.writer.write_eof()
            assert await tunnel.read_all() == b""
        (route,) = proxy.journal.of(RouteTaken)
        assert (route.address_type, route.destination) == (kind, far)


async def test_an_unknown_name_goes_to_no_resolver() -> None:
    async with SocksProxy(routes={}) as proxy:
        # The system's resolver knows this one.
        assert await refused(proxy, socket.gethostname(), 3141) == ReplyCode.HOST_UNREACHABLE
        (route,) = proxy.journal.of(RouteTaken)
        assert route.destination is None
        assert "no route knows the name" in proxy.journal.of(Decision)[-1].why


@pytest.mark.parametrize("code", sorted(set(ReplyCode) - {ReplyCode.SUCCEEDED}))
async def test_every_reply_code_can_be_had(code: ReplyCode) -> None:
    async with SocksProxy(routes={"machine1": code}) as proxy:
        assert await refused(proxy, "machine1", 3141) == code
        assert await refused(proxy, "machine1", 3141, version=4) == Socks4Code.REJECTED


async def test_a_refused_connection_has_its_code() -> None:
    async with SocksProxy(routes={}) as proxy:
        assert await refused(proxy, "127.0.0.1", closed_port()) == ReplyCode.CONNECTION_REFUSED
        assert proxy.journal.of(UpstreamOpened) == []
        assert proxy.journal.of(Decision)[-1].what == "refuse"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENETUNREACH, "Network is unreachable"), ReplyCode.NETWORK_UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, "No route to host"), ReplyCode.HOST_UNREACHABLE),
        (OSError(errno.EMFILE, "Too many open files"), ReplyCode.GENERAL_FAILURE),
        (TimeoutError(), ReplyCode.TTL_EXPIRED),
    ],
)
async def test_other_failures_have_their_codes(
    error: OSError, code: ReplyCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    async with SocksProxy(routes={}) as proxy, connected(proxy) as (reader, writer):
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fail)
        writer.write(encode_greeting(Greeting((0,))))
        writer.write(encode_request(Request(5, RequestCommand.CONNECT, destination("127.0.0.1", 9))))
        assert await reader.read() == b"\x05\x00" + bytes((5, code, 0, 1, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("command", [RequestCommand.BIND, RequestCommand.UDP_ASSOCIATE, 9])
async def test_other_commands_are_refused(command: int) -> None:
    async with SocksProxy(routes={"machine1": "127.0.0.1"}) as proxy:
        assert await refused(proxy, "machine1", 80, command=command) == ReplyCode.COMMAND_NOT_SUPPORTED
        if command != RequestCommand.UDP_ASSOCIATE:
            assert await refused(proxy, "machine1", 80, command=command, version=4) == Socks4Code.REJECTED


async def test_a_function_that_gives_nonsense_is_a_general_failure_and_told() -> None:
    async with SocksProxy(routes=lambda asked: "") as proxy:
        assert await refused(proxy, "machine1", 80) == ReplyCode.GENERAL_FAILURE
        assert "has no host" in proxy.journal.of(Decision)[-1].why


async def test_the_success_reply_comes_only_when_the_far_side_has_connected() -> None:
    async with far_side() as far:
        proxy = SocksProxy(routes={"machine1": far})
        async with proxy, through(proxy, "machine1", 80):
            order = [type(event) for event in proxy.journal if isinstance(event, UpstreamOpened | ReplySent)]
            assert order == [UpstreamOpened, ReplySent]


async def test_the_bound_address_can_be_a_name() -> None:
    bound = Destination(AddressType.DOMAINNAME, "gateway.example", 40001)
    async with far_side() as far:
        proxy = SocksProxy(routes={"machine1": far}, bound=bound)
        async with proxy, through(proxy, "machine1", 80):
            (reply,) = proxy.journal.of(ReplySent)
            assert reply.decoded == Reply(5, ReplyCode.SUCCEEDED, bound)


# --- login ------------------------------------------------------------------------------------------------


async def test_user_and_password_are_asked_for_and_the_password_is_not_recorded() -> None:
    async with far_side() as far, SocksProxy(routes={"machine1": far}, users={"bob": PASSWORD}) as proxy:
        async with through(proxy, "machine1", 80, credentials=Credentials("bob", PASSWORD)) as tunnel:
            tunnel.writer.write_eof()
            assert await tunnel.read_all() == b""
        (found,) = proxy.journal.of(IdentityFound)
        assert found.user == "bob"
        for event in proxy.journal:
            assert PASSWORD not in repr(event)
            assert PASSWORD.encode() not in getattr(event, "raw", b"")


@pytest.mark.parametrize(
    ("user", "password", "why"),
    [
        ("bob", "ecfleet-secret-2", "wrong password"),
        ("eve", PASSWORD, "unknown user"),
        ("", "", "unknown user"),
    ],
)
async def test_a_wrong_login_is_refused(user: str, password: str, why: str) -> None:
    async with SocksProxy(routes={"machine1": "127.0.0.1"}, users={"bob": PASSWORD}) as proxy:
        with pytest.raises(SocksRefused, match="did not accept"):
            async with through(proxy, "machine1", 80, credentials=Credentials(user, password)):
                pass
        assert why in proxy.journal.of(Decision)[-1].why
        assert proxy.journal.of(RouteTaken) == []


async def test_no_login_where_one_is_wanted() -> None:
    async with SocksProxy(routes={"machine1": "127.0.0.1"}, users={"bob": PASSWORD}) as proxy:
        with pytest.raises(SocksRefused, match="wants a login"):
            async with through(proxy, "machine1", 80):
                pass
        assert await refused(proxy, "machine1", 80, version=4) == Socks4Code.REJECTED


# --- personalities ----------------------------------------------------------------------------------------


async def test_openssh_tells_success_with_zeros() -> None:
    async with far_side() as far, SocksProxy(routes={"machine1": far}, personality=OPENSSH) as proxy:
        async with connected(proxy) as (reader, writer):
            writer.write(bytes.fromhex("05020200"))
            assert await reader.readexactly(2) == bytes.fromhex("0500")
            writer.write(encode_request(Request(5, RequestCommand.CONNECT, destination("machine1", 80))))
            assert await reader.readexactly(10) == bytes.fromhex("05000001000000000000")
        async with connected(proxy) as (reader, writer):
            writer.write(encode_request(Request(4, RequestCommand.CONNECT, destination("machine1", 80))))
            assert await reader.readexactly(8) == bytes.fromhex("005a000000000000")


OPENSSH_CLOSES = {
    "name unknown, 5": (b"\x05\x00", Request(5, RequestCommand.CONNECT, destination("machine9", 80))),
    "name unknown, 4": (b"", Request(4, RequestCommand.CONNECT, destination("machine9", 80))),
    "refused, 5": (b"\x05\x00", Request(5, RequestCommand.CONNECT, destination("dead", 80))),
    "refused, 4": (b"", Request(4, RequestCommand.CONNECT, destination("dead", 80))),
    "bind": (b"\x05\x00", Request(5, RequestCommand.BIND, destination("machine1", 80))),
    "udp": (b"\x05\x00", Request(5, RequestCommand.UDP_ASSOCIATE, destination("machine1", 80))),
}


@pytest.mark.parametrize("case", OPENSSH_CLOSES)
async def test_openssh_closes_where_rfc_1928_has_a_reply(case: str) -> None:
    expected, request = OPENSSH_CLOSES[case]
    routes: dict[str, Leads] = {"machine1": "127.0.0.1", "dead": ("127.0.0.1", closed_port())}
    asked = (encode_greeting(Greeting((0,))) if request.version == 5 else b"") + encode_request(request)
    seen = {}
    for personality in (OPENSSH, RFC1928):
        async with (
            SocksProxy(routes=routes, personality=personality) as proxy,
            connected(proxy) as (reader, writer),
        ):
            writer.write(asked)
            seen[personality.name] = await reader.read()
    assert seen["openssh"] == expected
    assert len(seen["rfc1928"]) == len(expected) + (10 if request.version == 5 else 8)


@pytest.mark.parametrize(("personality", "answer"), [(OPENSSH, b""), (RFC1928, b"\x05\xff")])
async def test_only_user_and_password_offered(personality: Personality, answer: bytes) -> None:
    async with SocksProxy(routes={}, personality=personality) as proxy, connected(proxy) as (reader, writer):
        writer.write(bytes.fromhex("050102"))
        assert await reader.read() == answer


@pytest.mark.parametrize("personality", [OPENSSH, RFC1928])
@pytest.mark.parametrize(
    "junk", [b"CONNECT machine1:80 HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x00", b"      5a{}"]
)
async def test_what_is_no_socks_is_closed(personality: Personality, junk: bytes) -> None:
    async with SocksProxy(routes={}, personality=personality) as proxy, connected(proxy) as (reader, writer):
        writer.write(junk)
        assert await reader.read() == b""
        (request,) = proxy.journal.of(RequestReceived)
        assert (request.raw, request.decoded) == (junk, None)
        assert proxy.journal.of(Decision)[0].what == "refuse"


async def test_an_unknown_address_type_is_answered() -> None:
    async with SocksProxy(routes={}) as proxy, connected(proxy) as (reader, writer):
        writer.write(bytes.fromhex("050100 05010009"))
        assert (await reader.read()).hex() == "0500" + "05080001000000000000"


# --- the relay --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
async def test_bytes_behind_the_request_are_kept(version: int) -> None:
    async with (
        far_side() as far,
        SocksProxy(routes={"machine1": far}) as proxy,
        connected(proxy) as (reader, writer),
    ):
        request = encode_request(Request(version, RequestCommand.CONNECT, destination("machine1", 80)))
        writer.write((encode_greeting(Greeting((0,))) if version == 5 else b"") + request + b"early bird")
        writer.write_eof()
        assert (await reader.read()).endswith(b"early bird")


async def test_a_far_side_that_speaks_first_is_heard() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 welcome\r\n")

    async with far_side(greet) as far, SocksProxy(routes={"machine1": far}) as proxy:
        for fault in (Delay(0.02), Drip(1, 0.002), None):
            proxy.faults.next(*([fault] if fault else []))
            async with through(proxy, "machine1", 25) as tunnel:
                assert await tunnel.read_all() == b"220 welcome\r\n"


async def test_each_direction_is_closed_by_itself() -> None:
    async def answer_after_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read()
        writer.write(b"you said " + asked)

    async def end_before_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        heard.set_result(await reader.read())

    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with (
        far_side(answer_after_the_end) as one,
        far_side(end_before_reading) as two,
        SocksProxy(routes={"one": one, "two": two}) as proxy,
    ):
        async with through(proxy, "one", 80) as tunnel:
            tunnel.writer.write(b"a question")
            tunnel.writer.write_eof()
            assert await tunnel.read_all() == b"you said a question"
        async with through(proxy, "two", 80) as tunnel:
            assert await tunnel.read_all() == b""
            tunnel.writer.write(b"still there?")
            tunnel.writer.write_eof()
            assert await heard == b"still there?"


async def test_large_transfers_in_both_directions_with_a_slow_reader() -> None:
    size = 32 * 2**20
    sent = hashlib.sha256()

    async def send_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(size // 65536):
            block = number.to_bytes(4, "big") * 16384
            sent.update(block)
            writer.write(block)
            await writer.drain()
        writer.write_eof()
        heard.set_result(len(await reader.read()))

    heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with (
        far_side(send_much) as far,
        SocksProxy(routes={"machine1": far}) as proxy,
        through(proxy, "machine1", 80) as tunnel,
    ):
        # The client reads little until the sockets between are full ...
        tunnel.writer.transport.pause_reading()  # type: ignore[attr-defined]
        (near,) = proxy.connections
        while near.transport.get_write_buffer_size() == 0:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        # ... and from then on the proxy takes nothing more from the far side either.
        for _ in range(100):
            await asyncio.sleep(0)
        assert near.transport.get_write_buffer_size() < 2**20
        tunnel.writer.transport.resume_reading()  # type: ignore[attr-defined]
        seen = hashlib.sha256(tunnel.first)
        total = len(tunnel.first)
        while data := await tunnel.reader.read(50_000):
            seen.update(data)
            total += len(data)
        assert total == size
        assert seen.digest() == sent.digest()
        tunnel.writer.write(b"x" * size)
        tunnel.writer.write_eof()
        assert await heard == size


async def test_a_far_side_that_reads_nothing_holds_the_client_up() -> None:
    size = 32 * 2**20

    async def read_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await go_on.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        total = 0
        while data := await reader.read(2**20):
            total += len(data)
        writer.write(str(total).encode())

    go_on = asyncio.Event()
    async with (
        far_side(read_late) as far,
        SocksProxy(routes={"machine1": far}) as proxy,
        through(proxy, "machine1", 80) as tunnel,
    ):
        (onward,) = proxy.far_sides
        for _ in range(size // 2**20):
            tunnel.writer.write(bytes(2**20))
        while onward.transport.get_write_buffer_size() == 0:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert onward.transport.get_write_buffer_size() < 2**20
        go_on.set()
        tunnel.writer.write_eof()
        assert await tunnel.read_all() == str(size).encode()


@pytest.mark.parametrize("version", [4, 5])
async def test_a_refusal_is_heard_although_the_client_has_sent_more(version: int) -> None:
    to = destination("127.0.0.1", closed_port())
    async with SocksProxy(routes={}) as proxy, connected(proxy) as (reader, writer):
        request = encode_request(Request(version, RequestCommand.CONNECT, to))
        writer.write((encode_greeting(Greeting((0,))) if version == 5 else b"") + request + bytes(2**20))
        refusal = "0500" + "05050001000000000000" if version == 5 else "005b000000000000"
        assert (await reader.read()).hex() == refusal


@pytest.mark.parametrize(("personality", "how"), [(RFC1928, "reset"), (OPENSSH, "closed")])
async def test_a_reset_of_the_far_side(personality: Personality, how: str) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with far_side(reset) as far, SocksProxy(routes={"machine1": far}, personality=personality) as proxy:
        async with through(proxy, "machine1", 80) as tunnel:
            tunnel.writer.write(b"?")
            if how == "reset":
                with pytest.raises(ConnectionResetError):
                    await tunnel.read_all()
            else:
                assert await tunnel.read_all() == b""
        closed = await proxy.journal.wait_for_async(ConnectionClosed)
        assert closed.how == how


async def test_a_client_that_is_gone_ends_the_far_side() -> None:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        heard.set_result(None)

    heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with far_side(hear) as far, SocksProxy(routes={"machine1": far}) as proxy:
        async with through(proxy, "machine1", 80) as tunnel:
            tunnel.writer.transport.abort()
        await heard


async def test_stopping_ends_both_sides() -> None:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        heard.set_result(None)

    heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with far_side(hear) as far:
        proxy = SocksProxy(routes={"machine1": far})
        await proxy.start()
        async with through(proxy, "machine1", 80) as tunnel:
            await proxy.stop()
            with contextlib.suppress(ConnectionResetError):
                assert await tunnel.read_all() == b""
        await heard
        assert not proxy.far_sides
        assert not proxy.connections


async def test_stopping_while_it_connects_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    began = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        began.set()
        await asyncio.Event().wait()

    proxy = SocksProxy(routes={})
    await proxy.start()
    async with connected(proxy) as (reader, writer):
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
        writer.write(encode_request(Request(4, RequestCommand.CONNECT, destination("127.0.0.1", 9))))
        await began.wait()
        await proxy.stop()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    assert not proxy.connecting


async def test_a_client_that_leaves_in_mid_dialogue() -> None:
    async with SocksProxy(routes={}) as proxy:
        async with connected(proxy) as (reader, writer):
            writer.write(b"\x05\x01\x00\x05\x01")
            writer.write_eof()
            assert await reader.read() == b"\x05\x00"
        assert (await proxy.journal.wait_for_async(ConnectionClosed)).how == "closed"


# --- faults -----------------------------------------------------------------------------------------------


async def raw_exchange(proxy: SocksProxy, host: str = "machine1") -> tuple[bytes, str]:
    """Everything that comes after the method choice, and how the connection ended."""
    async with connected(proxy) as (reader, writer):
        writer.write(encode_greeting(Greeting((0,))))
        try:
            assert await reader.readexactly(2) == b"\x05\x00"
            writer.write(encode_request(Request(5, RequestCommand.CONNECT, destination(host, 80))))
            seen = b""
            while data := await reader.read(100):
                seen += data
                if len(seen) == 10:
                    writer.write_eof()
        except ConnectionResetError:
            return seen, "reset"
        return seen, "eof"


FAULTS: list[tuple[Fault, str, str, bool]] = [
    # fault, what comes in hexadecimal (at least), how it ends, whether the far side is reached
    (Delay(0.01), "whole", "eof", True),
    (Drip(3, 0.001), "whole", "eof", True),
    (Truncate(4), "05000001", "eof", True),
    (Corrupt(1, b"\x05"), "05050001", "eof", True),
    (Reset(3), "050000", "reset", True),
    (Close(), "", "eof", False),
    (LoseReply(), "", "eof", True),
    (Answer(b"\x05\x00"), "0500", "eof", False),
]


@pytest.mark.parametrize(("fault", "expected", "end", "reached"), FAULTS)
async def test_faults_of_the_reply(fault: Fault, expected: str, end: str, reached: bool) -> None:
    async with far_side() as far, SocksProxy(routes={"machine1": far}) as proxy:
        proxy.faults.next(fault)
        seen, how = await raw_exchange(proxy)
        assert how == end
        assert bool(proxy.journal.of(UpstreamOpened)) is reached
        if expected == "whole":
            assert seen == proxy.journal.of(ReplySent)[0].raw
        else:
            assert seen.hex().startswith(expected)
            assert len(seen) == (10 if isinstance(fault, Corrupt) else len(expected) // 2)
        # The next one is served.
        assert (await raw_exchange(proxy))[0][:2] == b"\x05\x00"


async def test_a_fault_also_changes_a_refusal() -> None:
    async with SocksProxy(routes={}) as proxy:
        proxy.faults.next(Truncate(2))
        assert await raw_exchange(proxy) == (b"\x05\x04", "eof")
        proxy.faults.next(Delay(0.01))
        assert await raw_exchange(proxy) == (b"\x05\x04\x00\x01" + bytes(6), "eof")
        proxy.faults.next(Drip(4, 0.001))
        assert await raw_exchange(proxy) == (b"\x05\x04\x00\x01" + bytes(6), "eof")


async def test_a_mute_proxy_says_nothing_and_a_half_closed_one_no_more() -> None:
    async with far_side() as far, SocksProxy(routes={"machine1": far}) as proxy:
        proxy.faults.next(Mute(), HalfClose())
        async with connected(proxy) as (reader, writer):
            writer.write(encode_greeting(Greeting((0,))))
            writer.write(encode_request(Request(5, RequestCommand.CONNECT, destination("machine1", 80))))
            assert await reader.readexactly(2) == b"\x05\x00"
            await proxy.journal.wait_for_async(
                RequestReceived, lambda event: isinstance(event.decoded, Request)
            )
            assert proxy.journal.of(UpstreamOpened) == []
            assert not reader.at_eof()
        seen, how = await raw_exchange(proxy)
        assert (len(seen), how) == (10, "eof")


async def test_a_refused_connection_is_reset_at_once() -> None:
    async with SocksProxy(routes={}) as proxy:
        proxy.faults.next(Refuse())
        with pytest.raises((ConnectionResetError, BrokenPipeError, UnexpectedEnd)):
            async with through(proxy, "machine1", 80):
                pass


async def test_bytes_glued_to_the_reply_are_the_far_sides() -> None:
    async with SocksProxy(routes={"machine1": "127.0.0.1"}) as proxy:
        proxy.faults.next(Answer(bytes.fromhex("05000001000000000000") + b"glued"))
        async with through(proxy, "machine1", 80) as tunnel:
            assert await tunnel.read_all() == b"glued"


# --- wrong use --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"routes": {"machine1": ""}}, RouteError, "machine1"),
        ({"routes": {}, "versions": ()}, ServiceError, "versions are 4 and 5"),
        ({"routes": {}, "versions": (4, 6)}, ServiceError, r"not \[4, 6\]"),
        ({"routes": {}, "users": {}, "personality": OPENSSH}, ServiceError, "has no users"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        SocksProxy(**options)


@pytest.mark.parametrize(("versions", "spoken"), [((4,), 5), ((5,), 4)])
async def test_a_version_that_is_not_spoken_is_closed(versions: tuple[int, ...], spoken: int) -> None:
    async with SocksProxy(routes={}, versions=versions) as proxy:
        with pytest.raises((UnexpectedEnd, SocksError)):
            async with through(proxy, "127.0.0.1", 80, version=spoken):
                pass


# --- the same on uvloop -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scenario",
    [
        test_a_far_side_that_speaks_first_is_heard,
        test_each_direction_is_closed_by_itself,
        test_large_transfers_in_both_directions_with_a_slow_reader,
        test_a_far_side_that_reads_nothing_holds_the_client_up,
        test_a_client_that_is_gone_ends_the_far_side,
        functools.partial(test_a_refusal_is_heard_although_the_client_has_sent_more, 5),
        test_stopping_ends_both_sides,
        test_a_client_that_leaves_in_mid_dialogue,
        test_a_fault_also_changes_a_refusal,
        test_a_mute_proxy_says_nothing_and_a_half_closed_one_no_more,
        test_an_unknown_address_type_is_answered,
        functools.partial(test_bytes_behind_the_request_are_kept, 5),
        functools.partial(test_a_reset_of_the_far_side, RFC1928, "reset"),
        functools.partial(test_a_reset_of_the_far_side, OPENSSH, "closed"),
    ],
)
def test_on_uvloop(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
