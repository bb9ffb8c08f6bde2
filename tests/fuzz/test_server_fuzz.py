"""The running server against anything: whatever bytes come, however they are cut, it answers or closes.

Never a hang (each peer closes its sending side and then waits for the end), never a traceback (the event
loop's exception handler and the log are watched), nothing kept (connections, tasks, memory), and it serves
on.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import Event, Journal
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import OK, CtsApi, CtsCmd, encode_reply, encode_request, frame

CAPTURES: Final = Path(__file__).parents[1] / "data" / "captures"
PATIENCE: Final = 30.0
"""Seconds after which a connection that has not ended counts as hanging."""
PING: Final = encode_request(CtsCmd(CtsApi.PING, user="fred", host="laptop"))


class ForgetfulJournal(Journal):
    """A journal grows by what it is for; this one does not, so that any other growth is seen."""

    def record(self, event: Event) -> None:
        """Forget it."""


@cache
def recorded() -> tuple[bytes, ...]:
    with (CAPTURES / "5.17.0.tcp.jsonl").open(encoding="utf-8") as lines:
        found = {(json.loads(line).get("request") or "").encode() for line in lines}
    # A terminate would be obeyed.
    return tuple(sorted(each for each in found if 0 < len(each) < 4096 and b'"api_": 5\n' not in each))


def posted(body: bytes) -> bytes:
    return b"POST /v1/ecflow HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@st.composite
def spoiled(draw: st.DrawFn, transport: Transport) -> bytes:
    wrap = posted if transport is Transport.HTTP else frame
    data = bytearray(wrap(draw(st.sampled_from(recorded()))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 20))] = draw(st.binary(max_size=8))
    return bytes(data)


def inputs(transport: Transport) -> st.SearchStrategy[list[bytes]]:
    """Bytes in pieces, each of which is sent by itself."""
    anything = st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=100).map(frame),
        st.binary(max_size=100).map(posted),
        spoiled(transport),
    )
    cuts = st.lists(st.integers(0, 4096), max_size=3)
    return st.tuples(anything, cuts).map(lambda drawn: _cut(*drawn))


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted(min(cut, len(data)) for cut in cuts)
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


async def meet(server: EcflowServer, pieces: list[bytes]) -> bytes:
    """Send the pieces and close that side; what comes until the server closes."""
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            writer.write_eof()
            return await asyncio.wait_for(reader.read(), PATIENCE)
        except TimeoutError:
            raise
        except OSError:
            # The server has closed, or reset, while more was still on its way.
            return b""
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@contextmanager
def nothing_goes_wrong(caplog: pytest.LogCaptureFixture) -> Iterator[asyncio.Runner]:
    """A loop whose complaints, and those in any log, fail the test."""
    complaints: list[dict[str, Any]] = []
    caplog.set_level(logging.WARNING)
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        yield runner
    assert not complaints
    assert not caplog.records


@pytest.mark.parametrize("faithful", [True, False], ids=["faithful", "careful"])
@pytest.mark.parametrize(
    ("dialect", "transport"),
    [(DIALECT_5_9, Transport.TCP), (DIALECT_5_17, Transport.TCP), (DIALECT_5_17, Transport.HTTP)],
    ids=["5.9 tcp", "5.17 tcp", "5.17 http"],
)
def test_any_bytes_at_any_cut(
    dialect: Dialect, transport: Transport, faithful: bool, caplog: pytest.LogCaptureFixture
) -> None:
    over_http = transport is Transport.HTTP
    ping, ok = (posted(PING), encode_reply(OK)) if over_http else (frame(PING), frame(encode_reply(OK)))

    with nothing_goes_wrong(caplog) as runner:
        server = EcflowServer(
            plain=None if over_http else 0,
            http=0 if over_http else None,
            dialect=dialect,
            faithful=faithful,
            journal=ForgetfulJournal(),
            limit=2**20,
        )

        @given(inputs(transport))
        def one(pieces: list[bytes]) -> None:
            if not server.running:
                # A faithful server dies of some requests.
                assert faithful
                runner.run(server.stop())
                runner.run(server.start())
            runner.run(meet(server, pieces))
            if server.running:
                assert runner.run(meet(server, [ping])).endswith(ok)
                assert not server.connections

        runner.run(server.start())
        try:
            one()
        finally:
            runner.run(server.stop())
        assert not asyncio.all_tasks(runner.get_loop())


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.HTTP])
def test_memory_does_not_grow(transport: Transport, caplog: pytest.LogCaptureFixture) -> None:
    over_http = transport is Transport.HTTP
    wrap = posted if over_http else frame
    # Requests that are all different, and most of them no good.
    count = max(300, settings().max_examples)

    async def many(server: EcflowServer, start: int) -> None:
        for number in range(start, start + count):
            body = PING.replace(b'"fred"', b'"fred%d"' % number)
            await meet(server, [wrap(body)])
            await meet(server, [wrap(body[: -(number % 50) - 1])])
            await meet(server, [wrap(body)[: number % 60]])

    with nothing_goes_wrong(caplog) as runner:
        server = EcflowServer(
            plain=None if over_http else 0, http=0 if over_http else None, journal=ForgetfulJournal()
        )
        runner.run(server.start())
        try:
            # Whatever is kept for later, such as small requests that were read before, is there after this.
            runner.run(many(server, 0))
            tracemalloc.start()
            try:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
                runner.run(many(server, 10**6))
                gc.collect()
                grown = tracemalloc.get_traced_memory()[0] - before
            finally:
                tracemalloc.stop()
        finally:
            runner.run(server.stop())
    # Small requests are kept, 512 of them at most and each of some kilobytes; nothing else is.
    assert grown < 4 * 2**20, f"{grown} bytes more after {3 * count} connections"
