"""What was sent by hand to released servers, and what came back: the mock does the same when faithful.

The recordings (malformed-requests.jsonl) are of 5.9.2 over TCP and of 5.17.0 over TCP and HTTP. Each line is
played twice: with faithful=True the outcome is the recorded one, without it the mock also survives and
tells what is wrong.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import ConnectionOpened
from ecfleet_mocks.model.dialect import dialect
from ecfleet_mocks.wire import OK, CtsApi, CtsCmd, encode_reply, encode_request, frame

RECORDINGS: Final = Path(__file__).parent.parent / "data" / "captures" / "malformed-requests.jsonl"
HOST_NAME: Final = "HOSTNAME"
"""The name under which the recorded servers ran."""
RESET: Final = "err [Errno 104] Connection reset by peer"

FRAMED_PING: Final = frame(encode_request(CtsCmd(CtsApi.PING, user="fred", host="laptop")))
FRAMED_OK: Final = frame(encode_reply(OK))


@dataclass(frozen=True, slots=True)
class Recording:
    """One line of the file. `died`: the server process ended."""

    release: str
    transport: str
    name: str
    parts: tuple[bytes, ...]
    half_close: bool
    reply: bytes
    connection: str
    died: bool

    def __str__(self) -> str:
        return f"{self.release} {self.transport} {self.name}"


def _recordings() -> list[Recording]:
    found: list[Recording] = []
    ping = b""
    for line in RECORDINGS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        parts = [part.encode("latin-1") for part in row.get("parts", [row["sent"]])]
        if row["transport"] == "http":
            if row["name"] == "ping":
                ping = parts[0].partition(b"\r\n\r\n")[2]
            parts[-1] = _whole(parts[-1], ping)
        found.append(
            Recording(
                row["release"],
                row["transport"],
                row["name"],
                tuple(parts),
                row["half_close"],
                row["reply"].encode("latin-1"),
                row["connection"],
                row["server"] != "running",
            )
        )
    return found


def _whole(sent: bytes, ping: bytes) -> bytes:
    """Put back what the file leaves out of its largest requests: a ping, and blanks up to the length."""
    kept, cut, total = sent.partition(b"... (")
    if not cut:
        return sent
    head, _, _ = kept.partition(b"\r\n\r\n")
    return (head + b"\r\n\r\n" + ping).ljust(int(total.removesuffix(b" bytes)")))


async def _play(server: EcflowServer, recording: Recording) -> tuple[bytes, str]:
    """What came back, and how the connection ended, in the words of the file."""
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        try:
            for part in recording.parts:
                writer.write(part)
                await writer.drain()
            if recording.half_close:
                writer.write_eof()
        except ConnectionError:
            # the server has closed while the request was still going out
            return b"", RESET
        if recording.connection.startswith("no close"):
            # Nothing is to come, however long one waits: the server is through with what it was sent once
            # it has served others.
            for _ in range(3):
                await _serves(server)
            silent = any(connection.number == 1 for connection in server.connections)
            return b"", recording.connection if silent else "EOF"
        try:
            return await reader.read(), "EOF"
        except ConnectionResetError:
            return b"", RESET
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def _serves(server: EcflowServer) -> None:
    """A ping on a connection of its own is answered."""
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        if "http" in server.addresses:
            body = FRAMED_PING[8:]
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            assert (await reader.read()).endswith(FRAMED_OK[8:])
        else:
            writer.write(FRAMED_PING)
            assert await reader.read() == FRAMED_OK
    finally:
        writer.close()
        await writer.wait_closed()


def _server(recording: Recording, *, faithful: bool) -> EcflowServer:
    over_http = recording.transport == "http"
    return EcflowServer(
        plain=None if over_http else 0,
        http=0 if over_http else None,
        dialect=dialect(recording.release),
        host_name=HOST_NAME,
        faithful=faithful,
    )


def test_the_file_is_whole() -> None:
    assert len(_recordings()) == 131


@pytest.mark.parametrize("recording", _recordings(), ids=str)
async def test_faithful_as_recorded(recording: Recording) -> None:
    async with _server(recording, faithful=True) as server:
        reply, end = await _play(server, recording)
        # The recorded header counts the bytes of a port with as many digits.
        port = str(server.address.port).encode("ascii")
        expected = recording.reply.replace(b"{port}", port)
        if recording.transport == "tcp" and expected:
            expected = frame(expected[8:])
        assert (reply, end) == (expected, recording.connection)
        assert server.running is not recording.died
        if not recording.died:
            await _serves(server)


@pytest.mark.parametrize("recording", _recordings(), ids=str)
async def test_safe_survives_and_tells(recording: Recording) -> None:
    async with _server(recording, faithful=False) as server:
        waits = recording.connection.startswith("no close") and "ffffffff" not in recording.name
        if waits:
            assert await _play(server, recording) == (b"", recording.connection)
        else:
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(b"".join(recording.parts))
            if recording.half_close:
                writer.write_eof()
            assert await reader.read(), "an error that says what is wrong, or the reply"
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        assert server.running
        await _serves(server)
        assert server.journal.of(ConnectionOpened)
