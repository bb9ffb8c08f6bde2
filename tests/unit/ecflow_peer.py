"""A peer that talks to the mock ecFlow server in bytes, over plain TCP or TLS."""

from __future__ import annotations

import asyncio
import ssl

from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.tls import authority, client_context
from ecfleet_mocks.wire import (
    OK,
    Command,
    CtsApi,
    CtsCmd,
    FrameReader,
    Reply,
    decode_reply,
    encode_reply,
    encode_request,
    frame,
)

PING = CtsCmd(CtsApi.PING, host="laptop", user="fred")
SUITES = CtsCmd(CtsApi.SUITES, host="laptop", user="fred")
FRAMED_PING = frame(encode_request(PING))
FRAMED_OK = frame(encode_reply(OK))


async def exchange(
    server: EcflowServer,
    data: bytes,
    *,
    transport: Transport | None = None,
    tls: ssl.SSLContext | None = None,
    half_close: bool = False,
) -> bytes:
    """Send bytes, give what comes until the server closes."""
    address = server.address if transport is None else server.addresses[transport]
    reader, writer = await asyncio.open_connection(*address, ssl=tls)
    try:
        writer.write(data)
        if half_close:
            writer.write_eof()
        return await reader.read()
    finally:
        writer.close()
        await asyncio.wait_for(asyncio.gather(writer.wait_closed(), return_exceptions=True), 10)


async def ask(server: EcflowServer, command: Command) -> Reply:
    return reply_in(await exchange(server, frame(encode_request(command))))


def reply_in(data: bytes) -> Reply:
    reader = FrameReader()
    reader.feed(data)
    payload = reader.next()
    assert payload is not None, f"no whole reply in {data!r}"
    return decode_reply(payload)


def trusting(**options: ssl.TLSVersion) -> ssl.SSLContext:
    context = client_context(authority().certificate)
    for name, value in options.items():
        setattr(context, name, value)
    return context
