"""Clients and SOCKS proxies that break one rule of tunnels each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecfleet import Mutant, SocksRoute
from ecfleet.clients import streams
from ecfleet.clients.failures import AttemptFailed
from ecfleet.clients.streams import Deadline, Stream, Target
from ecfleet.models import tunnels
from ecfleet.services import Answer, SocksConnection, SocksProxy
from ecfleet.wire import WireError, socks, socks_dialogue

# --- clients ----------------------------------------------------------------------------------------------


def looks_names_up(target: Target, route: SocksRoute | None, deadline: Deadline, hosts: str | None) -> Stream:
    for line in Path(hosts).read_text(encoding="utf-8").splitlines() if hosts is not None else ():
        address, *names = line.split()
        if target.host in names:
            target = replace(target, host=address)
    return streams.connect(target, route, deadline, hosts)


def knows_one_log_server(
    target: Target, route: SocksRoute | None, deadline: Deadline, hosts: str | None
) -> Stream:
    if route is not None and target.port == "9316":
        target = replace(target, host="logserver")
    return streams.connect(target, route, deadline, hosts)


def goes_around(target: Target, route: SocksRoute | None, deadline: Deadline, hosts: str | None) -> Stream:
    try:
        return streams.connect(target, route, deadline, hosts)
    except AttemptFailed as refused:
        try:
            return streams.connect(target, None, deadline, hosts)
        except AttemptFailed:
            raise refused from None


def _dialogue(stream: Stream, route: SocksRoute, target: Target, methods: tuple[int, ...]) -> Stream:
    """A SOCKS dialogue that drops what comes behind the reply."""
    dialogue = socks_dialogue.ClientDialogue(
        streams.socks_request(route, target),
        socks.Credentials(route.user, route.password) if route.user and route.version == 5 else None,
        methods,
    )
    try:
        stream.send(dialogue.start())
        while not dialogue.done:
            data = stream.receive()
            if not data:
                dialogue.at_eof()
            stream.send(dialogue.feed(data))
    except (WireError, OSError) as problem:
        stream.close()
        raise AttemptFailed(f"proxy: {problem}") from None
    return stream


def drops_early_bytes(
    target: Target, route: SocksRoute | None, deadline: Deadline, hosts: str | None
) -> Stream:
    if route is None:
        return streams.connect(target, route, deadline, hosts)
    stream = streams.connect(Target(route.host, str(route.port)), None, deadline, hosts)
    return _dialogue(stream, route, target, (0, 2) if route.user else (0,))


def insists_on_a_login(
    target: Target, route: SocksRoute | None, deadline: Deadline, hosts: str | None
) -> Stream:
    if route is None or not route.user or route.version == 4:
        return streams.connect(target, route, deadline, hosts)
    stream = streams.connect(Target(route.host, str(route.port)), None, deadline, hosts)
    return _dialogue(stream, route, target, (2,))


def has_no_login(target: Target, route: SocksRoute | None, deadline: Deadline, hosts: str | None) -> Stream:
    if route is not None and route.version == 5:
        route = replace(route, user="", password="")
    return streams.connect(target, route, deadline, hosts)


def has_no_user_id(target: Target, route: SocksRoute | None, deadline: Deadline, hosts: str | None) -> Stream:
    if route is not None and route.version == 4:
        route = replace(route, user="")
    return streams.connect(target, route, deadline, hosts)


def has_one_text(target: Target, route: SocksRoute | None, deadline: Deadline, hosts: str | None) -> Stream:
    try:
        return streams.connect(target, route, deadline, hosts)
    except AttemptFailed:
        raise AttemptFailed("could not connect") from None


# --- proxies ----------------------------------------------------------------------------------------------


class _PortsDoNotCount(tunnels.RouteTable):
    def find(self, asked: socks.Destination) -> tunnels.Leads:
        found = super().find(asked)
        if found is None:
            for port in (3141, 3142, 9316, 9317):
                found = found or super().find(replace(asked, port=port))
        return found


class TakesAnyPort(SocksProxy):
    """Takes the route of another port when there is none for the port asked for."""

    def __init__(self, *, routes: tunnels.Routes, **options: Any) -> None:
        super().__init__(routes=routes, **options)
        self.table = _PortsDoNotCount(routes, options.get("unrouted", "loopback"))


class _FirstPartOfNames(tunnels.RouteTable):
    def find(self, asked: socks.Destination) -> tunnels.Leads:
        first = asked.host.partition(".")[0]
        if asked.address_type is not socks.AddressType.DOMAINNAME:
            first = asked.host
        return super().find(asked) or super().find(replace(asked, host=first))


class GuessesNames(SocksProxy):
    """Takes a name that it does not know for the machine that its first part names."""

    def __init__(self, *, routes: tunnels.Routes, **options: Any) -> None:
        super().__init__(routes=routes, **options)
        self.table = _FirstPartOfNames(routes, options.get("unrouted", "loopback"))


def _success(version: int) -> bytes:
    if version == 4:
        return socks.encode_reply(socks.Reply(4, socks.Socks4Code.GRANTED))
    return socks.encode_reply(socks.Reply(5, socks.ReplyCode.SUCCEEDED))


class ConnectsForBind(SocksProxy):
    """Does BIND as if it were CONNECT."""

    def new_connection(self) -> SocksConnection:
        return _TakesBindForConnect(self)


class _TakesBindForConnect(SocksConnection):
    def received(self, data: bytes) -> None:
        if not self.relaying and data[:2] in (b"\4\2", b"\5\2") and len(data) > 4:
            data = data[:1] + b"\1" + data[2:]
        super().received(data)


class SucceedsFirst(SocksProxy):
    """Says that it has connected before it finds that nothing leads there, as ssh -L does."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.faults.when(lambda request: self._fails(request, 4), Answer(_success(4)))
        self.faults.when(lambda request: self._fails(request, 5), Answer(_success(5)))

    def _fails(self, request: socks.Request | None, version: int) -> bool:
        if request is None or request.version != version or request.command != socks.RequestCommand.CONNECT:
            return False
        return isinstance(tunnels.leads_to(self.table, request.destination), tunnels.Refusal)


class AsksWhoOffersNothing(SocksProxy):
    """Wants a password only from clients that do not offer to go without."""

    def choose_method(self, offered: Collection[int]) -> socks.AuthenticationMethod:
        if 0 in offered and 2 not in offered:
            return socks.AuthenticationMethod.NO_AUTHENTICATION
        return super().choose_method(offered)


class ForgetsEarlyBytes(SocksProxy):
    """Drops what comes together with the request."""

    def new_connection(self) -> SocksConnection:
        return _ForgetsEarlyBytes(self)


class _ForgetsEarlyBytes(SocksConnection):
    def received(self, data: bytes) -> None:
        relaying = self.relaying
        super().received(data)
        if not relaying and self.dialogue.state is socks_dialogue.ServerState.REQUEST_DECISION:
            self.dialogue.take_leftover()


class ClosesBothWays(SocksProxy):
    """Takes the end of what the client sends for the end of the connection."""

    def new_connection(self) -> SocksConnection:
        return _ClosesBothWays(self)


class _ClosesBothWays(SocksConnection):
    def peer_finished(self) -> None:
        self.close()


class LosesTheRest(SocksProxy):
    """Passes on no more than 256 KiB of what the far side sends."""

    def new_connection(self) -> SocksConnection:
        return _LosesTheRest(self)


class _LosesTheRest(SocksConnection):
    def from_far(self, data: bytes) -> None:
        super().from_far(data[: max(0, 256 * 1024 - self.bytes_sent)])


MUTANTS = [
    Mutant(
        id="TUN-01.looks-names-up",
        rule="TUN-01",
        sentence="It asks the proxy for the address that its own machine knows for the name.",
        behaviour={"connect": looks_names_up},
    ),
    Mutant(
        id="TUN-02.knows-one-log-server",
        rule="TUN-02",
        sentence="It takes every log server at the usual port for the same one, as with local forwarding.",
        behaviour={"connect": knows_one_log_server},
    ),
    Mutant(
        id="TUN-03.goes-around",
        rule="TUN-03",
        sentence="It connects directly when the proxy fails.",
        behaviour={"connect": goes_around},
    ),
    Mutant(
        id="TUN-04.drops-early-bytes",
        rule="TUN-04",
        sentence="It drops what comes in one piece with the proxy's reply.",
        behaviour={"connect": drops_early_bytes},
    ),
    Mutant(
        id="TUN-05.has-no-user-id",
        rule="TUN-05",
        sentence="It leaves the user id of SOCKS 4 empty.",
        behaviour={"connect": has_no_user_id},
    ),
    Mutant(
        id="TUN-06.has-no-login",
        rule="TUN-06",
        sentence="It never offers user and password.",
        behaviour={"connect": has_no_login},
    ),
    Mutant(
        id="TUN-06.insists-on-a-login",
        rule="TUN-06",
        sentence="With user and password it does not offer to go without.",
        behaviour={"connect": insists_on_a_login},
    ),
    Mutant(
        id="TUN-07.has-one-text",
        rule="TUN-07",
        sentence="It has the same words for every refusal.",
        behaviour={"connect": has_one_text},
    ),
    Mutant(
        id="TUN-08.takes-any-port",
        rule="TUN-08",
        sentence="It takes the route of another port when there is none for the port asked for.",
        classes={"SocksProxy": TakesAnyPort},
    ),
    Mutant(
        id="TUN-08.guesses-names",
        rule="TUN-08",
        sentence="It takes an unknown name for the machine that its first part names.",
        classes={"SocksProxy": GuessesNames},
    ),
    Mutant(
        id="TUN-09.connects-for-bind",
        rule="TUN-09",
        sentence="It does BIND as if it were CONNECT.",
        classes={"SocksProxy": ConnectsForBind},
    ),
    Mutant(
        id="TUN-10.succeeds-first",
        rule="TUN-10",
        sentence="It reports success and closes where nothing leads to.",
        classes={"SocksProxy": SucceedsFirst},
        trips=frozenset({"TUN-07"}),
        reason="a client has no refusal to tell",
    ),
    Mutant(
        id="TUN-11.asks-who-offers-nothing",
        rule="TUN-11",
        sentence="It lets in clients that do not offer a password.",
        classes={"SocksProxy": AsksWhoOffersNothing},
    ),
    Mutant(
        id="TUN-12.forgets-early-bytes",
        rule="TUN-12",
        sentence="It drops what comes together with the request.",
        classes={"SocksProxy": ForgetsEarlyBytes},
    ),
    Mutant(
        id="TUN-12.closes-both-ways",
        rule="TUN-12",
        sentence="It ends the connection when the client has sent its last byte.",
        classes={"SocksProxy": ClosesBothWays},
    ),
    Mutant(
        id="TUN-12.loses-the-rest",
        rule="TUN-12",
        sentence="It passes on no more than 256 KiB from the far side.",
        classes={"SocksProxy": LosesTheRest},
    ),
]
