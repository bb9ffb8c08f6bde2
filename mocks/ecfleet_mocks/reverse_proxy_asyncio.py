"""The reverse proxy's own engine: HTTP read and written with our codec, on the loop of the proxy."""

from __future__ import annotations

import asyncio
from collections import deque
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from ecfleet_mocks.connection import Connection
from ecfleet_mocks.model.proxy import Refused, status_of
from ecfleet_mocks.wire.http1 import HttpError, Request, RequestReader, Response, write_response

if TYPE_CHECKING:
    from ecfleet_mocks.reverse_proxy import ReverseProxy

__all__ = ["AsyncioConnection", "announced_length", "date_now"]


def announced_length(request: Request) -> int:
    """The ``Content-Length`` of a request, 0 without one that is a number."""
    length = request.headers.get("Content-Length") or ""
    return int(length) if length.isascii() and length.isdecimal() else 0


def date_now() -> str:
    """The time as HTTP writes it."""
    return formatdate(usegmt=True)


class AsyncioConnection(Connection):
    """A client's connection: its requests are served one after the other, in order."""

    def __init__(self, proxy: ReverseProxy) -> None:
        super().__init__(proxy, "http" if proxy.tls_context is None else "https")
        self._proxy = proxy
        self._reader = RequestReader(head_limit=32 * 2**10)
        self._waiting: deque[Request | HttpError | tuple[Request, Refused]] = deque()
        self._looked_at: Request | None = None
        self._ended = False
        self._task: asyncio.Task[Any] | None = None

    def received(self, data: bytes) -> None:
        if self._ended:
            return
        try:
            self._waiting.extend(self._reader.feed(data))
        except HttpError as error:
            self._waiting.append(error)
        else:
            if self._reader.error is not None:
                self._waiting.append(self._reader.error)
        pending = self._reader.pending
        if pending is not None and self._reader.error is None and pending is not self._looked_at:
            self._looked_at = pending
            self._look_at(pending)
        if self._waiting and self._task is None:
            self._task = self._proxy.spawn(self._serve())
        elif self._task is None:
            self._let_continue()

    def closed(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _look_at(self, head: Request) -> None:
        """Refuse by the head alone what needs no body, so that nobody has to send one."""
        rules = self._proxy.rules
        refused = rules.malformed(head) or rules.too_large(announced_length(head))
        if refused is not None:
            self._waiting.append((head, refused))

    def _let_continue(self) -> None:
        if self._reader.awaits_continue:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    async def _serve(self) -> None:
        try:
            while self._waiting and not self._ended:
                await self._serve_one(self._waiting.popleft())
        except Exception:
            # A decision that fails is an error of this program; the client must not wait for ever.
            self.abort()
            raise
        self._task = None
        if not self._ended:
            self._let_continue()

    async def _serve_one(self, item: Request | HttpError | tuple[Request, Refused]) -> None:
        proxy = self._proxy
        match item:
            case HttpError():
                request, raw = self._reader.pending, self._reader.rejected
                refused: Refused | None = Refused(status_of(item), str(item), close=True)
            case (request, refused):
                raw = request.head
            case _:
                request, raw, refused = item, item.raw, None
        proxy.took(self, raw, request)
        fault = self.fault_for(request)
        if self.preempt(fault):
            self._ended = True
            return
        if refused is not None:
            response = proxy.refused(self, refused, request)
        else:
            assert request is not None
            response = await self._respond(request)
        # After a fault nothing more is taken, so that replies stay in order.
        self._ended = fault is not None or not response.keep_alive
        self.reply(write_response(response), response, fault=fault, close=self._ended)

    async def _respond(self, request: Request) -> Response:
        peer = self.transport.get_extra_info("peername")
        outcome = await self._proxy.judge(self, request, str(peer[0]))
        if isinstance(outcome, Response):
            return outcome
        return await self._proxy.hand_on(self, request, outcome)
