"""One HTTP exchange with the next service: connect, send, read one reply, close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from ecfleet_mocks.journal import Address
from ecfleet_mocks.wire.http1 import HttpError, Request, Response, ResponseReader, write_request

__all__ = ["ExchangeFailed", "exchange"]

_REPLY_LIMIT: Final = 64 * 2**20


class ExchangeFailed(Exception):
    """There is no usable reply; ``timed_out`` tells slowness from everything else."""

    def __init__(self, why: str, *, timed_out: bool = False) -> None:
        super().__init__(why)
        self.timed_out = timed_out


async def exchange(
    address: Address,
    request: Request,
    *,
    connect_timeout: float,
    read_timeout: float,
    opened: Callable[[Address, Address], None],
) -> Response:
    """Send ``request`` to ``address`` over a connection of its own and give the reply.

    :param connect_timeout: seconds until the connection must stand.
    :param read_timeout: seconds that may pass between two arrivals of bytes.
    :param opened: told the local and the remote address of the new connection.
    :raises ExchangeFailed: when there is no whole reply.
    """
    loop = asyncio.get_running_loop()
    upstream = _Upstream(request, read_timeout)
    try:
        async with asyncio.timeout(connect_timeout):
            transport, _ = await loop.create_connection(lambda: upstream, *address)
    except TimeoutError:
        raise ExchangeFailed(f"{address}: no connection within {connect_timeout} s", timed_out=True) from None
    except OSError as error:
        raise ExchangeFailed(f"{address}: {error.strerror or error}") from None
    try:
        local = transport.get_extra_info("sockname")
        opened(Address(*local[:2]), address)
        transport.write(write_request(request))
        return await upstream.reply
    except ExchangeFailed as error:
        raise ExchangeFailed(f"{address}: {error}", timed_out=error.timed_out) from None
    finally:
        transport.abort()
        await upstream.gone.wait()


class _Upstream(asyncio.Protocol):
    """Reads the reply."""

    def __init__(self, request: Request, read_timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.reply: asyncio.Future[Response] = self._loop.create_future()
        self.gone = asyncio.Event()
        self._reader = ResponseReader(method=request.method, body_limit=_REPLY_LIMIT)
        self._read_timeout = read_timeout
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._wait_on()

    def data_received(self, data: bytes) -> None:
        self._wait_on()
        try:
            replies = self._reader.feed(data)
        except HttpError as error:
            self._fail(f"no HTTP reply: {error}")
        else:
            self._finish(replies)

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            if error is not None:
                raise HttpError(str(error) or type(error).__name__)
            self._finish(self._reader.at_eof())
        except HttpError as problem:
            self._fail(f"no whole reply: {problem}")
        self._fail("the connection was closed without a reply")
        self.gone.set()

    def _finish(self, replies: list[Response]) -> None:
        if replies and not self.reply.done():
            self.reply.set_result(replies[0])

    def _fail(self, why: str, *, timed_out: bool = False) -> None:
        if not self.reply.done():
            self.reply.set_exception(ExchangeFailed(why, timed_out=timed_out))
            # Nobody may be waiting any more when the proxy's own client has gone.
            self.reply.exception()

    def _wait_on(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._read_timeout, self._too_slow)

    def _too_slow(self) -> None:
        self._fail(f"nothing came for {self._read_timeout} s", timed_out=True)
