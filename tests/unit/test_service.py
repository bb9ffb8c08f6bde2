"""The common face of services: addresses, errors, TLS handshakes on record, and every fault."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import pytest
import trustme

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
    Stall,
    Truncate,
)
from ecfleet_mocks.journal import (
    Address,
    ConnectionClosed,
    ConnectionOpened,
    FaultInjected,
    ReplySent,
    TlsEstablished,
    TlsFailed,
)
from ecfleet_mocks.service import AddressInUse, Connection, Service, ServiceError


class EchoConnection(Connection):
    def received(self, data: bytes) -> None:
        fault = self.fault_for(data)
        if not self.preempt(fault):
            self.reply(b"<" + data + b">", fault=fault)


class Echo(Service):
    tls: ssl.SSLContext | None = None

    async def open_listeners(self) -> None:
        await self.listen(
            lambda: EchoConnection(self, "ssl" if self.tls else "tcp"),
            tls=self.tls,
            transport="ssl" if self.tls else "tcp",
        )


async def ask(service: Service, data: bytes = b"hello") -> bytes:
    reader, writer = await asyncio.open_connection(*service.address)
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            await writer.wait_closed()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


async def test_address_is_told_after_the_start_and_not_before() -> None:
    service = Echo(name="echo")
    with pytest.raises(ServiceError, match="echo has not been started"):
        _ = service.address
    async with service:
        assert service.address.port > 0
        assert await ask(service) == b"<hello>"
        opened = service.journal.of(ConnectionOpened)
        assert len(opened) == 1
        assert opened[0].local == service.address
        assert [reply.raw for reply in service.journal.of(ReplySent)] == [b"<hello>"]
    assert not service.running


async def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AddressInUse) as caught:
            await Echo(name="echo", port=port).start()
    assert str(caught.value) == (
        f"echo: 127.0.0.1:{port} is in use by another program; give another port, or 0 for a free one"
    )


async def test_an_address_of_another_host_is_one_clear_line() -> None:
    with pytest.raises(ServiceError, match=r"echo: cannot listen on 192\.0\.2\.1:0: "):
        await Echo(name="echo", host="192.0.2.1").start()


async def test_stop_closes_open_connections_and_may_be_repeated() -> None:
    service = Echo(name="echo")
    await service.start()
    reader, writer = await asyncio.open_connection(*service.address)
    await service.journal.wait_for_async(ConnectionOpened)
    await service.stop()
    await service.stop()
    assert not service.connections
    with contextlib.suppress(ConnectionResetError):  # either an end or a reset: both end the stream
        assert await reader.read() == b""
    writer.close()


def shake_hands_and_refuse(address: Address) -> None:
    """Refuse the certificate as a released client does, with an alert (asyncio's own clients send none)."""
    with (
        socket.create_connection(address) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost"),
    ):
        pass


async def test_tls_handshakes_are_on_record_good_and_bad(authority: trustme.CA) -> None:
    service = Echo(name="echo")
    service.tls = server_context(authority)
    async with service:
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        reader, writer = await asyncio.open_connection(
            *service.address, ssl=trusting, server_hostname="localhost"
        )
        writer.write(b"hello")
        assert await reader.read() == b"<hello>"
        writer.close()
        await writer.wait_closed()
        established = service.journal.of(TlsEstablished)
        assert [event.version for event in established] == ["TLSv1.3"]

        await asyncio.to_thread(shake_hands_and_refuse, service.address)
        refused = await service.journal.wait_for_async(TlsFailed)
        assert "UNKNOWN_CA" in refused.reason

        assert await ask(service, b"      ee{plain bytes}") == b""
        plain = await service.journal.wait_for_async(
            TlsFailed, lambda event: event.connection != refused.connection
        )
        assert service.journal.of(ConnectionOpened, connection=plain.connection)
        assert service.journal.of(ConnectionClosed, connection=plain.connection)


async def test_stop_ends_a_handshake_under_way(authority: trustme.CA) -> None:
    service = Echo(name="echo")
    service.tls = server_context(authority)
    await service.start()
    _, writer = await asyncio.open_connection(*service.address)
    await service.journal.wait_for_async(ConnectionOpened)
    await service.stop()
    writer.close()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Delay(0.001), b"<hello>"),
        (Drip(2), b"<hello>"),
        (Truncate(3), b"<he"),
        (Corrupt(1, b"\xff\xff"), b"<\xff\xffllo>"),
        (Corrupt(6, b"\xff\xff"), b"<hello\xff"),
        (HalfClose(), b"<hello>"),
        (Close(), b""),
        (LoseReply(), b""),
        (Answer(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
async def test_each_fault_changes_one_exchange_and_is_on_record(fault: Fault, expected: bytes) -> None:
    async with Echo(name="echo") as service:
        service.faults.next(fault)
        assert await ask(service) == expected
        assert await ask(service) == b"<hello>"
        assert [event.fault for event in service.journal.of(FaultInjected)] == [fault]


@pytest.mark.parametrize("after", [0, 3])
async def test_reset(after: int) -> None:
    async with Echo(name="echo") as service:
        service.faults.next(Reset(after))
        with pytest.raises(ConnectionResetError):
            await ask(service)
        closed = await service.journal.wait_for_async(ConnectionClosed)
        assert (closed.how, closed.sent) == ("reset", after)


async def test_refuse_resets_before_anything_is_read() -> None:
    async with Echo(name="echo") as service:
        service.faults.next(Refuse())
        with pytest.raises(ConnectionResetError):
            await ask(service)
        assert not service.journal.of(ReplySent)


async def test_stall_sends_a_part_and_stays() -> None:
    async with Echo(name="echo") as service:
        service.faults.next(Stall(3))
        reader, writer = await asyncio.open_connection(*service.address)
        writer.write(b"hello")
        assert await reader.readexactly(3) == b"<he"
        assert await ask(service) == b"<hello>"
        assert not reader.at_eof()
        assert len(service.connections) == 1
        writer.close()
        await writer.wait_closed()


async def test_mute_reads_and_stays() -> None:
    async with Echo(name="echo") as service:
        service.faults.next(Mute())
        reader, writer = await asyncio.open_connection(*service.address)
        writer.write(b"hello")
        await service.journal.wait_for_async(FaultInjected)
        writer.write_eof()
        assert await ask(service) == b"<hello>"
        assert len(service.connections) == 1
        assert not reader.at_eof()
        writer.close()
        await writer.wait_closed()
