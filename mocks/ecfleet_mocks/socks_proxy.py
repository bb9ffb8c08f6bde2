"""A SOCKS proxy, versions 4, 4a and 5, that knows the names of its own side of the tunnel."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable, Collection, Mapping

from ecfleet_mocks.faults import Fault, Faults, HalfClose
from ecfleet_mocks.journal import (
    Address,
    Decision,
    IdentityFound,
    Journal,
    RequestReceived,
    RouteTaken,
    UpstreamOpened,
)
from ecfleet_mocks.lingering import LingeringConnection
from ecfleet_mocks.model.tunnels import (
    RFC1928,
    Landing,
    Personality,
    Refusal,
    RouteError,
    Routes,
    RouteTable,
    Unrouted,
    reply_code_for,
    request_leads_to,
)
from ecfleet_mocks.relay import FarSide
from ecfleet_mocks.service import Service, ServiceError
from ecfleet_mocks.wire.socks import (
    NOTHING_BOUND,
    AuthenticationMethod,
    Credentials,
    Destination,
    Greeting,
    Reply,
    ReplyCode,
    Request,
    Socks4Code,
    SocksError,
    destination,
    encode_reply,
)
from ecfleet_mocks.wire.socks_dialogue import Malformed, ServerDialogue

__all__ = ["SocksConnection", "SocksProxy"]


class SocksProxy(Service):
    """A SOCKS proxy whose names and routes are a table.

    :param routes: where names and addresses lead; see :data:`~ecfleet_mocks.model.tunnels.Routes`.
    :param unrouted: what becomes of addresses without a route; default only loopback addresses are connected.
    :param system_names: leave unknown names to the system's resolver; default they are refused.
    :param users: passwords by user name; then SOCKS 5 wants them, and SOCKS 4, which has none, is refused.
    :param versions: the versions spoken, 4 (with 4a) and 5.
    :param personality: how it answers where proxies differ;
        :data:`~ecfleet_mocks.model.tunnels.RFC1928` or :data:`~ecfleet_mocks.model.tunnels.OPENSSH`.
    :param bound: what a success reply tells as the bound address; default as the personality does.
    :param connect_timeout: seconds for the connection to the far side.
    :raises RouteError: when a route cannot be understood.
    :raises ServiceError: when versions or users cannot be.
    """

    def __init__(
        self,
        *,
        routes: Routes,
        unrouted: Unrouted | str = Unrouted.LOOPBACK,
        system_names: bool = False,
        users: Mapping[str, str] | None = None,
        versions: Collection[int] = (4, 5),
        personality: Personality = RFC1928,
        bound: Destination | None = None,
        connect_timeout: float = 10.0,
        name: str = "socks_proxy",
        host: str = "127.0.0.1",
        port: int = 0,
        journal: Journal | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(name=name, host=host, port=port, journal=journal, faults=faults)
        if not versions or not set(versions) <= {4, 5}:
            raise ServiceError(f"{name}: versions are 4 and 5, not {sorted(versions)}")
        if users is not None and not personality.logins:
            raise ServiceError(f"{name}: a {personality.name} proxy has no users; leave users out")
        self.table = RouteTable(routes, unrouted, system_names=system_names)
        self.users = dict(users) if users is not None else None
        self.versions = frozenset(versions)
        self.personality = personality
        self.bound = bound
        self.connect_timeout = connect_timeout

        self.far_sides: set[FarSide] = set()
        self.connecting: set[asyncio.Task[None]] = set()

    async def open_listeners(self) -> None:
        await self.listen(self.new_connection)

    def new_connection(self) -> SocksConnection:
        """The protocol of one more accepted connection; a subclass may have another."""
        return SocksConnection(self)

    async def stop(self) -> None:
        await super().stop()
        connecting = tuple(self.connecting)
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        for far in tuple(self.far_sides):
            far.transport.abort()
        for _ in range(20):
            if not self.far_sides:
                break
            await asyncio.sleep(0)

    def choose_method(self, offered: Collection[int]) -> AuthenticationMethod:
        """The authentication method for a client that offers these."""
        wanted = (
            AuthenticationMethod.NO_AUTHENTICATION
            if self.users is None
            else AuthenticationMethod.USERNAME_PASSWORD
        )
        return wanted if wanted in offered else AuthenticationMethod.NONE_ACCEPTABLE


class SocksConnection(LingeringConnection):
    """The client's side of a connection through the proxy: the dialogue, then the relay."""

    def __init__(self, proxy: SocksProxy) -> None:
        super().__init__(proxy)
        self.proxy = proxy
        self.dialogue = ServerDialogue(proxy.versions)
        self.far: FarSide | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._relaying = False
        self._finished = False
        self._broken = False
        self._reply_ends_at = 0
        self._after_reply: Callable[[], None] | None = None

    # --- the dialogue -------------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        if self._relaying and self.far is not None:
            self.far.transport.write(data)
            return
        self.dialogue.feed(data)
        while (event := self.dialogue.next()) is not None:
            match event:
                case Greeting():
                    self._greeted(event)
                case Credentials():
                    self._logged_in(event)
                case Request():
                    self._asked(event)
                case Malformed(why, reply):
                    self._record(self.dialogue.leftover, None)
                    self._refuse(why, reply)

    def _greeted(self, greeting: Greeting) -> None:
        self._record(self.dialogue.raw, greeting)
        method = self.proxy.choose_method(greeting.methods)
        answer = self.dialogue.choose_method(method)
        if method != AuthenticationMethod.NONE_ACCEPTABLE:
            self.send(answer)
            return
        wanted = "no authentication" if self.proxy.users is None else "user and password"
        self._decide("refuse", f"the client does not offer {wanted}", greeting)
        if self.proxy.personality.tells_failures:
            self.send(answer)
        self.finish()

    def _logged_in(self, credentials: Credentials) -> None:
        users = self.proxy.users or {}
        # The journal is read by people: the password stays out of it.
        length = len(self.dialogue.raw) - 3 - self.dialogue.raw[1]
        masked = self.dialogue.raw[: len(self.dialogue.raw) - length] + b"*" * length
        self._record(masked, Credentials(credentials.user, "*" * len(credentials.password)))
        accepted = users.get(credentials.user) == credentials.password
        self.send(self.dialogue.answer_credentials(accepted))
        if accepted:
            journal = self.journal
            journal.record(
                IdentityFound(
                    journal.now(), self.service.name, self.number, credentials.user, "SOCKS user and password"
                )
            )
        else:
            known = "wrong password" if credentials.user in users else "unknown user"
            self._decide("refuse", f"{known} {credentials.user!r}", credentials.user)
            self.finish()

    def _asked(self, request: Request) -> None:
        self._record(self.dialogue.raw, request)
        fault = self.fault_for(request)
        if self.preempt(fault):
            return
        try:
            leads = request_leads_to(self.proxy.table, request.command, request.destination)
        except RouteError as error:
            leads = Refusal(ReplyCode.GENERAL_FAILURE, str(error))
        if request.version == 4 and self.proxy.users is not None:
            leads = Refusal(ReplyCode.NOT_ALLOWED, "SOCKS 4 has no passwords, and this proxy wants them")
        asked = Address(request.destination.host, request.destination.port)
        landing = Address(leads.host, leads.port) if isinstance(leads, Landing) else None
        self.journal.record(
            RouteTaken(
                self.journal.now(),
                self.service.name,
                self.number,
                asked,
                request.destination.address_type.name,
                landing,
            )
        )
        if isinstance(leads, Refusal):
            self._answer_refusal(request, leads, fault)
            return
        # What the client sends before the far side is there stays in its socket: memory is bounded.
        self.transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._connect(request, leads, fault))
        self._connecting = task
        self.proxy.connecting.add(task)
        task.add_done_callback(self.proxy.connecting.discard)

    async def _connect(self, request: Request, landing: Landing, fault: Fault | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.proxy.connect_timeout):
                far_sides = self.proxy.far_sides
                _, far = await loop.create_connection(
                    lambda: FarSide(self, far_sides), landing.host, landing.port
                )
        except TimeoutError:
            why = f"no answer from {landing.host}:{landing.port} within {self.proxy.connect_timeout} s"
            refused = Refusal(reply_code_for(errno.ETIMEDOUT), why)
        except OSError as error:
            why = f"{landing.host}:{landing.port}: {error.strerror or error}"
            refused = Refusal(reply_code_for(error.errno), why)
        else:
            self._connected(request, far, fault)
            return
        self._answer_refusal(request, refused, fault)

    def _connected(self, request: Request, far: FarSide, fault: Fault | None) -> None:
        if self.lost:
            far.transport.abort()
            return
        self.far = far
        local = Address(*far.transport.get_extra_info("sockname")[:2])
        remote = Address(*far.transport.get_extra_info("peername")[:2])
        self.journal.record(UpstreamOpened(self.journal.now(), self.service.name, self.number, local, remote))
        self._decide("connect", f"connected to {remote}", request)
        if self.proxy.bound is not None:
            bound = self.proxy.bound
        else:
            bound = destination(*local) if self.proxy.personality.tells_bound_address else NOTHING_BOUND
        data = self.dialogue.answer(ReplyCode.SUCCEEDED, bound)
        code: ReplyCode | Socks4Code = Socks4Code.GRANTED if request.version == 4 else ReplyCode.SUCCEEDED
        self._reply_then(self._relay, data, Reply(request.version, code, bound), fault)

    def _answer_refusal(self, request: Request, refusal: Refusal, fault: Fault | None) -> None:
        data = self.dialogue.answer(refusal.code)
        code = Socks4Code.REJECTED if request.version == 4 else refusal.code
        self._decide("refuse", refusal.why, request)
        if self.proxy.personality.tells_failures:
            self._reply_then(self.finish, data, Reply(request.version, code), fault)
        else:
            self.finish()

    def _refuse(self, why: str, reply: Reply | None) -> None:
        self._decide("refuse", why, None)
        if reply is not None and self.proxy.personality.tells_failures:
            with contextlib.suppress(SocksError):
                self.reply(encode_reply(reply), reply, close=False)
        self.finish()

    def _reply_then(self, action: Callable[[], None], data: bytes, reply: Reply, fault: Fault | None) -> None:
        """Reply, and act when the last byte of the reply has gone, however late a fault makes that."""
        if not isinstance(fault, HalfClose):
            self._reply_ends_at = self.bytes_sent + len(data)
            self._after_reply = action
        self.reply(data, reply, fault=fault, close=False)

    def send(self, data: bytes) -> None:
        super().send(data)
        if self._after_reply is not None and self.bytes_sent >= self._reply_ends_at:
            action, self._after_reply = self._after_reply, None
            action()

    def _record(self, raw: bytes, decoded: Greeting | Credentials | Request | None) -> None:
        self.journal.record(RequestReceived(self.journal.now(), self.service.name, self.number, raw, decoded))

    def _decide(self, what: str, why: str, subject: object) -> None:
        self.journal.record(Decision(self.journal.now(), self.service.name, self.number, what, why, subject))

    # --- the relay ----------------------------------------------------------------------------------

    def _relay(self) -> None:
        far = self.far
        if far is None or self.lost:
            return
        self._relaying = True
        # The first bytes of either side may have come together with the dialogue.
        far.transport.write(self.dialogue.take_leftover())
        far.transport.resume_reading()
        self.transport.resume_reading()
        self.from_far(far.take_held())
        if far.finished:
            self.far_finished()

    def from_far(self, data: bytes) -> None:
        """Pass on bytes of the far side."""
        self.send(data)

    @property
    def relaying(self) -> bool:
        """Whether the dialogue is over and bytes pass freely."""
        return self._relaying

    def peer_finished(self) -> None:
        self._finished = True
        if not self._relaying or self.far is None:
            self.close()
        elif self.far.finished:
            self.close()
            self.far.transport.close()
        elif not self.far.transport.is_closing():
            self.far.transport.write_eof()

    def far_finished(self) -> None:
        """The far side closed its sending side: so does this one, and the other direction stays open."""
        if self._finished:
            self.close()
        elif not self.lost and not self.transport.is_closing():
            self.transport.write_eof()

    def far_lost(self, error: Exception | None) -> None:
        """The far side is gone."""
        if error is not None and self.proxy.personality.passes_resets:
            self.reset()
        else:
            self.close()

    def pause_writing(self) -> None:
        if self.far is not None:
            self.far.pause()

    def resume_writing(self) -> None:
        if self.far is not None and self._relaying:
            self.far.resume()

    def connection_lost(self, error: Exception | None) -> None:
        self._broken = error is not None
        super().connection_lost(error)

    def closed(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self.far is not None:
            self.far.near_lost(broken=self._broken and self.proxy.personality.passes_resets)
