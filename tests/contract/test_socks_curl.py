"""curl as a real client of the SOCKS proxy, in each of its four ways to use one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from ecfleet_mocks.journal import Address, RequestReceived, RouteTaken
from ecfleet_mocks.model.tunnels import OPENSSH, RFC1928, Personality
from ecfleet_mocks.socks_proxy import SocksProxy
from ecfleet_mocks.wire.socks import ReplyCode, Request

from .peers import require_peer

PASSWORD = "ecfleet-secret"
CANNOT_CONNECT_THROUGH_PROXY = 97


@contextlib.asynccontextmanager
async def web_server() -> AsyncIterator[Address]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nwelcome")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield Address(*server.sockets[0].getsockname()[:2])


async def curl(*arguments: str) -> tuple[int, str]:
    """Exit code and output of curl, which gets no configuration and no environment."""
    running = await asyncio.create_subprocess_exec(
        str(require_peer("curl")),
        *("--disable", "--silent", "--max-time", "20", *arguments),
        env={"HOME": "/nonexistent"},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await running.communicate()
    assert running.returncode is not None
    return running.returncode, output.decode()


@pytest.mark.parametrize("personality", [RFC1928, OPENSSH], ids=lambda personality: str(personality.name))
@pytest.mark.parametrize(
    ("option", "host", "version", "address_type"),
    [
        ("--socks4", "127.0.0.1", 4, "IPV4"),
        ("--socks4a", "machine1", 4, "DOMAINNAME"),
        ("--socks5", "127.0.0.1", 5, "IPV4"),
        ("--socks5", "[2001:db8::7]", 5, "IPV6"),
        ("--socks5-hostname", "machine1", 5, "DOMAINNAME"),
    ],
)
async def test_each_way(
    option: str, host: str, version: int, address_type: str, personality: Personality
) -> None:
    async with web_server() as web:
        routes = {"machine1": web, "127.0.0.1": web, "2001:db8::7": web}
        async with SocksProxy(routes=routes, personality=personality) as proxy:
            assert await curl(option, str(proxy.address), f"http://{host}:8080/") == (0, "welcome")
            (route,) = proxy.journal.of(RouteTaken)
            assert (route.asked, route.address_type) == (Address(host.strip("[]"), 8080), address_type)
            request = proxy.journal.of(RequestReceived)[-1].decoded
            assert isinstance(request, Request)
            assert request.version == version


async def test_user_and_password() -> None:
    async with web_server() as web, SocksProxy(routes={"machine1": web}, users={"bob": PASSWORD}) as proxy:
        way = ("--socks5-hostname", str(proxy.address), "http://machine1/")
        assert await curl("--proxy-user", f"bob:{PASSWORD}", *way) == (0, "welcome")
        assert (await curl("--proxy-user", "bob:ecfleet-secret-2", *way))[0] == CANNOT_CONNECT_THROUGH_PROXY
        assert (await curl(*way))[0] == CANNOT_CONNECT_THROUGH_PROXY


@pytest.mark.parametrize("personality", [RFC1928, OPENSSH], ids=lambda personality: str(personality.name))
@pytest.mark.parametrize("option", ["--socks4a", "--socks5-hostname"])
async def test_refusals(option: str, personality: Personality) -> None:
    routes = {code.name.replace("_", "-"): code for code in set(ReplyCode) - {ReplyCode.SUCCEEDED}}
    async with SocksProxy(routes=routes, personality=personality) as proxy:
        for host in ("CONNECTION-REFUSED", "HOST-UNREACHABLE", "unknown"):
            assert await curl(option, str(proxy.address), f"http://{host}/") == (
                CANNOT_CONNECT_THROUGH_PROXY,
                "",
            )
