"""A mock server can misbehave in every way that the scripted servers of the recordings did.

What clients make of it is compared with the real ecflow_client elsewhere; here the bytes and the end of each
connection are, for all 155 recorded reactions of both releases over TCP and HTTP.
"""

from __future__ import annotations

import asyncio

import pytest

from ecfleet_mocks.journal import Address, FaultInjected
from ecfleet_mocks.wire import CtsApi, CtsCmd, encode_request, frame

from .reactions import Reaction, recorded

SUITES = encode_request(CtsCmd(CtsApi.SUITES, user="fred", host="laptop"))
REQUESTS = {
    "tcp": frame(SUITES),
    "http": b"POST /v1/ecflow HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(SUITES), SUITES),
}


async def meet(address: Address, reaction: Reaction, expected: bytes) -> tuple[bytes, str]:
    """One exchange as a client sees it: the bytes, and how the connection ends."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(REQUESTS[reaction.transport])
        seen = b""
        try:
            if reaction.mode in ("open", "http, left open"):
                seen = await reader.readexactly(len(expected))
                return seen, "open" if not reader.at_eof() else "closed"
            while piece := await reader.read(65536):
                seen += piece
        except ConnectionResetError:
            return seen, "reset"
        return seen, "closed"
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def test_the_file_is_whole() -> None:
    assert len(recorded()) == 155


@pytest.mark.parametrize("reaction", [row for row in recorded() if not row.nobody_listens], ids=str)
async def test_the_mock_misbehaves_likewise(reaction: Reaction) -> None:
    ends = {"closed on accept": "reset", "reset": "reset", "open": "open", "http, left open": "open"}
    async with reaction.server() as server:
        for connection in range(reaction.connections):
            if reaction.by_connection:
                expected = reaction.sends[min(connection, len(reaction.sends) - 1)]
            else:
                expected = b"".join(reaction.sends)
            if reaction.mode == "never":
                reader, writer = await asyncio.open_connection(*server.address)
                writer.write(REQUESTS[reaction.transport])
                # The request has been read, and another one has been since: nothing is to come.
                await server.journal.wait_for_async(FaultInjected)
                other, closing = await asyncio.open_connection(*server.address)
                closing.write(REQUESTS[reaction.transport])
                await server.journal.wait_for_async(FaultInjected, lambda event: event.connection % 2 == 0)
                assert not reader.at_eof()
                assert not other.at_eof()
                for end in (writer, closing):
                    end.close()
                    await end.wait_closed()
            else:
                seen = await meet(server.address, reaction, expected)
                assert seen == (expected, ends.get(reaction.mode, "closed"))
