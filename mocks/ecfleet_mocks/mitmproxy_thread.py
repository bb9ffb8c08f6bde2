"""mitmproxy inside this process: one thread, one loop, one master, one listener, for all proxies.

It is no library made for embedding. Two masters at once break each other, so there is one, whose listener
tells the proxies apart by the address that a connection comes from. Its default set of add-ons ends the
process on an error at start, so only those are loaded that forwarding needs. Listeners that are still in its
list at shutdown stay open, so the list is emptied first. Releases 11 and 12 are known to work.

Everything here runs in mitmproxy's thread, but for :class:`Program`'s public methods.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import importlib
import logging
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from ecfleet_mocks.journal import Address
from ecfleet_mocks.service import ServiceError
from ecfleet_mocks.wire.http1 import Headers, Request, Response

if TYPE_CHECKING:
    from mitmproxy import connection, http
    from mitmproxy.addons.proxyserver import Proxyserver
    from mitmproxy.proxy.server_hooks import ServerConnectionHookData

__all__ = ["Front", "Program", "program", "shut_down_mitmproxy"]

_LOOPBACK: Final = "127.0.0.1"
# The place in front of the @ is never used: each request is sent to the back end of its own proxy.
_MODE: Final = f"reverse:http://{_LOOPBACK}:9@{_LOOPBACK}:0"
_BODY_LIMIT: Final = "64m"
_STATE: Final = "ecfleet"

T = TypeVar("T")


class Front(Protocol):
    """A proxy's connection as mitmproxy's thread sees it. Coroutines run on the loop of the proxy."""

    @property
    def upstream(self) -> Address:
        """Where admitted requests go."""

    @property
    def upstream_timeouts(self) -> tuple[float, float]:
        """Seconds to connect to the back end, and to wait for its reply."""

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the loop of the proxy."""

    async def look_at(self, head: Request) -> bool:
        """Whether a request may send its body; otherwise it has been answered."""

    async def take(self, request: Request) -> Response | Request | None:
        """Answer a whole request, hand on another one, or None: say nothing."""

    def replied(self, reply: Response, request: Request) -> Response:
        """What the client gets of the back end's reply."""

    def opened_upstream(self, local: Address, remote: Address) -> None:
        """mitmproxy connected to the back end."""

    def upstream_failed(self, *, timed_out: bool) -> None:
        """There will be no reply of the back end."""

    def crashed(self, why: str) -> None:
        """mitmproxy, or a decision that it asked for, failed on the request."""

    def dropped(self) -> None:
        """mitmproxy has closed all that belongs to this connection."""


class Program:
    """The running mitmproxy."""

    def __init__(self) -> None:
        self.address = Address(_LOOPBACK, 0)
        self._fronts: dict[int, Front] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        self.started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="ecfleet-mitmproxy", daemon=True)
        self._thread.start()

    def register(self, port: int, front: Front) -> None:
        """Tell to whom connections from this local port belong."""
        self._fronts[port] = front

    def stop(self) -> None:
        """Close everything and end the thread."""
        if self._loop is not None and self._leave is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()
        for front in self._fronts.values():
            front.dropped()
        self._fronts.clear()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def front(self, peer: connection.Address | None) -> Front | None:
        """To whom a connection from this address belongs."""
        return self._fronts.get(peer[1]) if peer else None

    def gone(self, peer: connection.Address | None) -> None:
        """mitmproxy has done with the connection from this address."""
        if peer and (front := self._fronts.pop(peer[1], None)) is not None:
            front.dropped()

    def _run(self) -> None:
        try:
            # mitmproxy is made for asyncio's own loop; a policy may have put another one in its place.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._main())
        except (Exception, SystemExit) as error:
            if self.started.done():
                raise
            self.started.set_exception(ServiceError(f"mitmproxy does not start: {error!r}"))

    async def _main(self) -> None:
        from mitmproxy.addons.core import Core
        from mitmproxy.addons.next_layer import NextLayer
        from mitmproxy.master import Master
        from mitmproxy.options import Options

        self._loop = asyncio.get_running_loop()
        self._leave = asyncio.Event()
        master = Master(Options())
        servers = _listener(self)
        hooks = _Hooks(self)
        master.addons.add(Core(), servers, NextLayer(), hooks)
        master.options.update(
            mode=[_MODE], connection_strategy="lazy", keep_host_header=True, body_size_limit=_BODY_LIMIT
        )
        crashes = _Crashes(self)
        logging.getLogger("mitmproxy").addHandler(crashes)
        try:
            running = asyncio.create_task(master.run())
            await asyncio.wait(
                [running, ready := asyncio.create_task(hooks.is_running.wait())],
                return_when=asyncio.FIRST_COMPLETED,
            )
            ready.cancel()
            bound = servers.listen_addrs()
            if running.done() or not bound:
                raise ServiceError("mitmproxy does not listen")
            self.address = Address(*bound[0][:2])
            self.started.set_result(None)
            await self._leave.wait()
            await servers.servers.update([])
            master.shutdown()
            await running
        finally:
            logging.getLogger("mitmproxy").removeHandler(crashes)


_lock = threading.Lock()
_program: Program | None = None


def program() -> Program:
    """The program, started if it does not run; wait for its ``started``."""
    global _program
    with _lock:
        if _program is None or not _program.alive:
            _import_mitmproxy()
            _program = Program()
            atexit.register(shut_down_mitmproxy)
        return _program


def _import_mitmproxy() -> None:
    """Load what the thread needs, half a second's work the first time.

    Release 11 loads a library that warns of its own names. Warning filters belong to the process, so they
    are set aside here, in the caller's thread, and not in ours, where it would happen behind its back.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("mitmproxy.addons.next_layer")
        importlib.import_module("mitmproxy.master")


def shut_down_mitmproxy() -> None:
    """End mitmproxy and its thread, if they run; the next proxy starts them anew.

    For the end of a test session. Stop the proxies that use it first.
    """
    global _program
    with _lock:
        ending, _program = _program, None
    atexit.unregister(shut_down_mitmproxy)
    if ending is not None:
        ending.stop()


def _listener(owner: Program) -> Proxyserver:
    """mitmproxy's listener, made to tell when it has done with a connection."""
    from mitmproxy.addons.proxyserver import Proxyserver

    class Listener(Proxyserver):
        name = "proxyserver"  # mitmproxy looks its add-ons up by name

        @contextlib.contextmanager
        def register_connection(self, connection_id: Any, handler: Any) -> Iterator[None]:
            try:
                with super().register_connection(connection_id, handler):
                    yield
            finally:
                # Release 12 forgets to close what it has cancelled twice.
                for left in handler.transports.values():
                    if left.writer is not None:
                        left.writer.transport.abort()
                # Sockets are closed one turn of the loop later than transports.
                asyncio.get_running_loop().call_soon(owner.gone, handler.client.peername)

    made: Callable[[], Proxyserver] = Listener  # its own constructor has no types
    return made()


class _Crashes(logging.Handler):
    """Hears of exceptions inside mitmproxy, which logs them and leaves the client waiting."""

    def __init__(self, owner: Program) -> None:
        super().__init__(logging.ERROR)
        self._owner = owner

    def emit(self, record: logging.LogRecord) -> None:
        front = self._owner.front(getattr(record, "client", None))
        if front is not None:
            front.crashed(f"mitmproxy failed on the request: {record.getMessage()}")


class _Hooks:
    """The add-on: called by mitmproxy at each step of an exchange; method names are its own."""

    def __init__(self, owner: Program) -> None:
        self._owner = owner
        self.is_running = asyncio.Event()
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def running(self) -> None:
        self.is_running.set()

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        await self.requestheaders(flow)
        flow.kill()

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        front = self._front(flow)
        if front is None or not await self._ask(front, front.look_at(_request_of(flow, b""))):
            flow.kill()

    async def request(self, flow: http.HTTPFlow) -> None:
        front = self._front(flow)
        if front is None:
            flow.kill()
            return
        request = _request_of(flow, flow.request.raw_content or b"")
        outcome = await self._ask(front, front.take(request))
        match outcome:
            case Response():
                flow.response = _mitm_response(outcome)
            case Request():
                flow.request = _mitm_request(outcome, front.upstream)
                flow.metadata[_STATE] = request
                self._wait(flow.client_conn, front, front.upstream_timeouts[0])
            case _:
                flow.kill()

    def server_connected(self, data: ServerConnectionHookData) -> None:
        front = self._owner.front(data.client.peername)
        if front is not None and data.server.sockname and data.server.peername:
            front.opened_upstream(Address(*data.server.sockname[:2]), Address(*data.server.peername[:2]))
            self._wait(data.client, front, front.upstream_timeouts[1])

    def response(self, flow: http.HTTPFlow) -> None:
        front, request = self._front(flow), flow.metadata.get(_STATE)
        self._wait_no_more(flow.client_conn)
        if front is not None and request is not None:
            flow.response = _mitm_response(front.replied(_response_of(flow), request))

    def error(self, flow: http.HTTPFlow) -> None:
        self._wait_no_more(flow.client_conn)
        front = self._front(flow)
        if front is not None and _STATE in flow.metadata:
            front.upstream_failed(timed_out=False)

    def client_disconnected(self, client: connection.Client) -> None:
        self._wait_no_more(client)

    def _front(self, flow: http.HTTPFlow) -> Front | None:
        return self._owner.front(flow.client_conn.peername)

    async def _ask(self, front: Front, work: Coroutine[Any, Any, T]) -> T | None:
        """Ask the proxy; None when it has no answer, for an unanswered request must never be handed on."""
        try:
            return await asyncio.wrap_future(front.submit(work))
        except asyncio.CancelledError:
            return None
        except Exception as error:
            front.crashed(f"the decision failed: {error!r}")
            return None

    def _wait(self, client: connection.Client, front: Front, seconds: float) -> None:
        self._wait_no_more(client)
        loop = asyncio.get_running_loop()
        self._timers[id(client)] = loop.call_later(seconds, lambda: front.upstream_failed(timed_out=True))

    def _wait_no_more(self, client: connection.Client) -> None:
        timer = self._timers.pop(id(client), None)
        if timer is not None:
            timer.cancel()


# --- mitmproxy's messages and ours ------------------------------------------------------------------------


def _request_of(flow: http.HTTPFlow, body: bytes) -> Request:
    data = flow.request.data
    target = data.path.decode("latin-1")
    if data.authority:
        start = f"{data.scheme.decode('latin-1')}://" if data.path else ""
        target = f"{start}{data.authority.decode('latin-1')}{target}"
    return Request(
        data.method.decode("latin-1"),
        target,
        headers=_headers_of(data.headers),
        body=body,
        version=data.http_version.decode("latin-1"),
    )


def _response_of(flow: http.HTTPFlow) -> Response:
    assert flow.response is not None
    data = flow.response.data
    return Response(
        data.status_code,
        data.reason.decode("latin-1"),
        headers=_headers_of(data.headers),
        body=data.content or b"",
    )


def _headers_of(headers: http.Headers) -> Headers:
    return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.fields)


def _fields_of(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _mitm_response(response: Response) -> http.Response:
    from mitmproxy import http

    return http.Response(
        http_version=b"HTTP/1.1",
        status_code=response.status,
        reason=response.reason.encode("latin-1"),
        headers=http.Headers(_fields_of(response.headers)),
        content=response.body,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=0.0,
    )


def _mitm_request(onward: Request, upstream: Address) -> http.Request:
    """The request that the back end is to get: a new one, for mitmproxy keeps the client's to know whether
    the client's connection lives on."""
    from mitmproxy import http

    return http.Request(
        host=upstream.host,
        port=upstream.port,
        method=onward.method.encode("latin-1"),
        scheme=b"http",
        authority=b"",
        path=onward.target.encode("latin-1"),
        http_version=onward.version.encode("latin-1"),
        headers=http.Headers(_fields_of(onward.headers)),
        content=onward.body,
        trailers=None,
        timestamp_start=0.0,
        timestamp_end=0.0,
    )
