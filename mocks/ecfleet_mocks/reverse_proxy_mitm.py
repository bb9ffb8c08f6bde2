"""The reverse proxy's second engine: mitmproxy reads the request, talks to the back end, writes the reply.

Our listener accepts, does TLS, commits faults and keeps the journal; the bytes go on to mitmproxy over
loopback, which calls back for each decision. So everything between reading a request and writing a reply is
mitmproxy's, and an independent check of our own engine.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ecfleet_mocks.connection import Connection
from ecfleet_mocks.faults import Fault
from ecfleet_mocks.journal import Address
from ecfleet_mocks.mitmproxy_thread import Program, program, shut_down_mitmproxy
from ecfleet_mocks.model.proxy import Refused
from ecfleet_mocks.reverse_proxy_asyncio import announced_length, date_now
from ecfleet_mocks.wire.http1 import HttpError, Request, Response, ResponseReader, write_response

if TYPE_CHECKING:
    from ecfleet_mocks.reverse_proxy import ReverseProxy

__all__ = ["MitmEngine", "shut_down_mitmproxy"]

_HEAD_LIMIT: Final = 32 * 2**10
_TLS_RECORD: Final = b"\x16"

T = TypeVar("T")


class MitmEngine:
    """mitmproxy as the engine of one proxy."""

    def __init__(self, proxy: ReverseProxy) -> None:
        self._proxy = proxy
        self._program: Program | None = None
        self._open: set[asyncio.Event] = set()

    def connection(self) -> Connection:
        """A protocol for a new client connection."""
        assert self._program is not None
        return MitmConnection(self._proxy, self._program, self._open)

    async def start(self) -> None:
        """Make sure that mitmproxy runs; raises ServiceError when it cannot."""
        self._program = program()
        await asyncio.wrap_future(self._program.started)

    async def stop(self) -> None:
        """Wait until mitmproxy has closed all that it opened for this proxy. Its thread goes on."""
        for gone in tuple(self._open):
            await gone.wait()


class MitmConnection(Connection):
    """A client's connection, handed on to mitmproxy."""

    def __init__(self, proxy: ReverseProxy, mitm: Program, still_open: set[asyncio.Event]) -> None:
        super().__init__(proxy, "http" if proxy.tls_context is None else "https")
        self._proxy = proxy
        self._mitm = mitm
        self._still_open = still_open
        self._loop = asyncio.get_running_loop()
        self._link: asyncio.Transport | None = None
        self._gone = asyncio.Event()
        self._raw = bytearray()
        self._unsent = bytearray()
        self._replies = ResponseReader()
        self._request: Request | None = None
        self._fault: Fault | None = None
        self._asked: asyncio.Task[Any] | None = None
        self._ended = False

    # --- the client's side --------------------------------------------------------------------------------

    def opened(self) -> None:
        self._proxy.spawn(self._connect())

    def received(self, data: bytes) -> None:
        if self._request is None and not self._raw:
            # mitmproxy, alone among the engines, stops reading at an empty line before a request
            data = data.lstrip(b"\r\n")
        if self._ended or not data:
            return
        self._raw += data
        if self._raw.startswith(_TLS_RECORD):
            self._refuse(Refused(400, "TLS on a port for plain HTTP", close=True))
        elif self._request is None and len(self._raw) > _HEAD_LIMIT and not self._head_is_whole():
            # mitmproxy itself would collect headers for ever
            self._refuse(Refused(400, f"headers of over {_HEAD_LIMIT} bytes", close=True))
        elif self._link is None:
            self._unsent += data
        else:
            self._link.write(data)

    def closed(self) -> None:
        self._ended = True
        if self._asked is not None:
            self._asked.cancel()
        if self._link is not None:
            self._link.abort()

    def _head_is_whole(self) -> bool:
        start = bytes(self._raw[:_HEAD_LIMIT])
        return b"\n\r\n" in start or b"\n\n" in start

    # --- mitmproxy's side ---------------------------------------------------------------------------------

    async def _connect(self) -> None:
        try:
            link, _ = await self._loop.create_connection(lambda: _Link(self), *self._mitm.address)
        except OSError as error:
            self.note(f"mitmproxy does not take the connection: {error.strerror or error}")
            self.abort()
            return
        self._still_open.add(self._gone)
        self._mitm.register(link.get_extra_info("sockname")[1], self)
        if self._ended:
            link.abort()
            return
        self._link = link
        self._link.write(bytes(self._unsent))
        self._unsent.clear()

    def link_received(self, data: bytes) -> None:
        """mitmproxy wrote to the client."""
        if self._ended:
            return
        try:
            replies = self._replies.feed(data)
        except HttpError as error:
            self._refuse(Refused(502, f"mitmproxy wrote no HTTP: {error}", close=True))
            return
        while self._replies.interim:
            self.send(self._replies.interim.pop(0).raw)
        for reply in replies:
            self._respond(reply, reply.raw)

    def link_lost(self) -> None:
        """mitmproxy closed."""
        if not self._ended:
            self._ended = True
            self.close()

    def _respond(self, response: Response, raw: bytes) -> None:
        if self._request is None:
            self._take_over(None)
            self._proxy.decided(self, "refuse", f"mitmproxy answered {response.status}", response.status)
        self._ended = self._fault is not None or not response.keep_alive
        fault, self._fault, self._request = self._fault, None, None
        self.reply(raw, response, fault=fault, close=self._ended)
        if self._ended and self._link is not None:
            self._link.abort()

    def _refuse(self, refused: Refused) -> None:
        """Answer ourselves, beside mitmproxy, and end."""
        if self._ended or self.lost:
            return
        if self._request is None and not self._take_over(None):
            return
        request = self._request
        response = self._proxy.refused(self, replace(refused, close=True), request)
        self._request = request if request is not None else Request("", "")
        self._respond(response, write_response(response))

    def _take_over(self, request: Request | None) -> bool:
        """Record a request and find its fault; whether it is still to be answered."""
        raw = bytes(self._raw)
        self._raw.clear()
        self._proxy.took(self, raw, request)
        self._fault = self.fault_for(request)
        self._request = request
        self._ended = self.preempt(self._fault)
        return not self._ended

    # --- called from mitmproxy's thread -------------------------------------------------------------------

    @property
    def upstream(self) -> Address:
        return self._proxy.upstream

    @property
    def upstream_timeouts(self) -> tuple[float, float]:
        return self._proxy.timeouts.connect, self._proxy.timeouts.read

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def begin() -> None:
            if self.lost:
                work.close()
                future.cancel()
            else:
                self._asked = self._proxy.spawn(work)
                self._asked.add_done_callback(lambda task: _copy(task, future))

        try:
            self._loop.call_soon_threadsafe(begin)
        except RuntimeError:  # the loop of the proxy has been closed
            work.close()
            future.cancel()
        return future

    def replied(self, reply: Response, request: Request) -> Response:
        return self._proxy.rules.client_reply(reply, request, date_now())

    def opened_upstream(self, local: Address, remote: Address) -> None:
        self._proxy.opened_upstream(self, local, remote)

    def upstream_failed(self, *, timed_out: bool) -> None:
        self._soon(lambda: self._refuse(self._proxy.rules.upstream_missing(timed_out)))

    def crashed(self, why: str) -> None:
        self._soon(lambda: self._refuse(Refused(500, why)))

    def dropped(self) -> None:
        def drop() -> None:
            self._gone.set()
            self._still_open.discard(self._gone)

        self._soon(drop)

    def _soon(self, action: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop of the proxy has been closed
            self._loop.call_soon_threadsafe(action)

    # --- on the loop of the proxy, for mitmproxy ----------------------------------------------------------

    async def look_at(self, head: Request) -> bool:
        rules = self._proxy.rules
        refused = rules.malformed(head) or rules.too_large(announced_length(head))
        if refused is None or self._ended:
            return not self._ended
        if self._take_over(head):
            self._refuse(refused)
        return False

    async def take(self, request: Request) -> Response | Request | None:
        if self._ended or not self._take_over(request):
            return None
        self._replies.method = request.method
        peer = self.transport.get_extra_info("peername")
        return await self._proxy.judge(self, request, str(peer[0]))


def _copy(task: asyncio.Task[T], future: concurrent.futures.Future[T]) -> None:
    """Hand the outcome of a task to whom waits in another thread."""
    if task.cancelled():
        future.cancel()
    elif (error := task.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())


class _Link(asyncio.Protocol):
    """The connection to mitmproxy that belongs to a client's connection."""

    def __init__(self, front: MitmConnection) -> None:
        self._front = front

    def data_received(self, data: bytes) -> None:
        self._front.link_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._front.link_lost()
