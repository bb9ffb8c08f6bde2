"""python-socks as a foreign client of the SOCKS proxy: it finds the same way, and the same refusals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy

from ecfleet_mocks.journal import Address, RequestReceived, RouteTaken
from ecfleet_mocks.model.tunnels import OPENSSH, RFC1928, Personality
from ecfleet_mocks.socks_proxy import SocksProxy
from ecfleet_mocks.wire.socks import Greeting, ReplyCode, Request

PASSWORD = "ecfleet-secret"


@contextlib.asynccontextmanager
async def far_side() -> AsyncIterator[Address]:
    """A program that speaks first."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"welcome")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield Address(*server.sockets[0].getsockname()[:2])


async def heard_through(
    proxy: SocksProxy,
    kind: ProxyType,
    host: str,
    port: int,
    user: str | None = None,
    password: str | None = None,
) -> bytes:
    """What the far side says to python-socks; names are left to the proxy."""
    client = Proxy(kind, *proxy.address, username=user, password=password, rdns=True)
    with await client.connect(host, port, timeout=10) as sock:
        loop = asyncio.get_running_loop()
        heard = b""
        while data := await loop.sock_recv(sock, 100):
            heard += data
        return heard


@pytest.mark.parametrize(
    ("kind", "host", "address_type"),
    [
        (ProxyType.SOCKS4, "machine1", "DOMAINNAME"),
        (ProxyType.SOCKS4, "10.9.8.7", "IPV4"),
        (ProxyType.SOCKS5, "machine1", "DOMAINNAME"),
        (ProxyType.SOCKS5, "10.9.8.7", "IPV4"),
        (ProxyType.SOCKS5, "2001:db8::7", "IPV6"),
    ],
)
@pytest.mark.parametrize("personality", [RFC1928, OPENSSH], ids=lambda personality: str(personality.name))
async def test_connections(kind: ProxyType, host: str, address_type: str, personality: Personality) -> None:
    async with far_side() as far:
        routes = {"machine1": far, "10.9.8.7": far, "2001:db8::7": far}
        async with SocksProxy(routes=routes, personality=personality) as proxy:
            assert await heard_through(proxy, kind, host, 3141) == b"welcome"
            (route,) = proxy.journal.of(RouteTaken)
            assert (route.asked, route.address_type) == (Address(host, 3141), address_type)
            request = proxy.journal.of(RequestReceived)[-1].decoded
            assert isinstance(request, Request)
            assert request.version == (4 if kind is ProxyType.SOCKS4 else 5)


async def test_user_and_password() -> None:
    async with far_side() as far, SocksProxy(routes={"machine1": far}, users={"bob": PASSWORD}) as proxy:
        assert await heard_through(proxy, ProxyType.SOCKS5, "machine1", 80, "bob", PASSWORD) == b"welcome"
        with pytest.raises(ProxyError):
            await heard_through(proxy, ProxyType.SOCKS5, "machine1", 80, "bob", "ecfleet-secret-2")
        with pytest.raises(ProxyError):
            await heard_through(proxy, ProxyType.SOCKS5, "machine1", 80)
        assert proxy.journal.of(RequestReceived)[0].decoded == Greeting((0, 2))


async def test_the_user_id_of_version_4() -> None:
    async with far_side() as far, SocksProxy(routes={"machine1": far}) as proxy:
        assert await heard_through(proxy, ProxyType.SOCKS4, "machine1", 80, "bob") == b"welcome"
        assert proxy.journal.of(RequestReceived)[-1].decoded.user == "bob"


@pytest.mark.parametrize("code", sorted(set(ReplyCode) - {ReplyCode.SUCCEEDED}))
async def test_it_reads_the_same_code_from_every_refusal(code: ReplyCode) -> None:
    async with SocksProxy(routes={"machine1": code}) as proxy:
        with pytest.raises(ProxyError) as caught:
            await heard_through(proxy, ProxyType.SOCKS5, "machine1", 80)
        assert caught.value.error_code == code
        with pytest.raises(ProxyError) as caught:
            await heard_through(proxy, ProxyType.SOCKS4, "machine1", 80)
        assert caught.value.error_code == 0x5B
