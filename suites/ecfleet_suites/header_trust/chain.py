"""A reverse proxy, the auth service that it asks and the ecFlow server behind it, seen at every hop."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from ecfleet import expect
from ecfleet.fleet import Fleet
from ecfleet.services import (
    AuthService,
    ConnectionOpened,
    EcflowServer,
    Event,
    IdentityFound,
    Journal,
    RequestReceived,
    ReverseProxy,
    Timeouts,
)
from ecfleet.wire import Command, CtsApi, CtsCmd, http1
from ecfleet_suites.exchanges import HttpTalk, post

__all__ = ["CLAIMED", "USERS", "Chain", "Exchange", "basic", "make_chain", "ping"]

USERS = {
    "alice": "ecfleet-secret-a",
    "bob": "ecfleet-secret:with:colons",
    "Alice": "ecfleet-secret-A",
    "carol-ann": "ecfleet-secret sauce é",
}
"""Who is known to the auth service, with passwords."""

CLAIMED = "mallory"
"""Whom the commands of these tests claim to come from; nobody knows the name."""


def basic(user: str, password: str) -> tuple[str, str]:
    """The Authorization header of a user with a password."""
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ping(user: str = CLAIMED) -> Command:
    """A command that names ``user`` as its sender."""
    return CtsCmd(CtsApi.PING, host="client.example.org", user=user)


@dataclass(frozen=True)
class Exchange:
    """What came of one request: the reply, and what each service got for it."""

    response: http1.Response
    asked: tuple[http1.Request, ...]
    """What the auth service was sent."""
    arrived: tuple[http1.Request, ...]
    """What the ecFlow server was sent."""
    accepted: tuple[str, ...]
    """Whom the auth service accepted."""
    acting: tuple[str, ...]
    """For whom the ecFlow server acted."""


@dataclass(frozen=True)
class Chain:
    """The services, running."""

    fleet: Fleet
    proxy: ReverseProxy
    auth: AuthService
    server: EcflowServer

    @property
    def journal(self) -> Journal:
        return self.proxy.journal

    def exchange(self, request: http1.Request) -> Exchange:
        """Send one request through the chain, on a connection of its own."""
        with HttpTalk(self.proxy.address) as talk:
            response = talk.ask(request)
            return self._seen(talk, response)

    def say(self, *headers: tuple[str, str], command: Command | None = None) -> Exchange:
        """Post a command (a ping that claims to be mallory's) with these headers."""
        return self.exchange(post(ping() if command is None else command, headers))

    def expect_nothing_behind(self, seen: Exchange, what: str) -> None:
        """The ecFlow server was not reached."""
        expect(len(seen.arrived), 0, f"requests that reached the ecFlow server for {what}")

    def _seen(self, talk: HttpTalk, response: http1.Response) -> Exchange:
        # Connections to different services may come from one port, so the service counts too.
        opened = self.journal.of(ConnectionOpened, service=self.proxy.name)
        mine = [one for one in opened if one.peer == talk.own]
        events = self.journal.follow(mine[-1].connection) if mine else []
        return Exchange(
            response,
            tuple(self._requests(events, self.auth.name)),
            tuple(self._requests(events, self.server.name)),
            tuple(self._users(events, self.auth.name)),
            tuple(self._users(events, self.server.name)),
        )

    def _requests(self, events: Iterable[Event], service: str) -> Iterable[http1.Request]:
        for event in events:
            if isinstance(event, RequestReceived) and event.service == service:
                yield http1.RequestReader().feed(event.raw)[0]

    def _users(self, events: Iterable[Event], service: str) -> Iterable[str]:
        return (
            event.user for event in events if isinstance(event, IdentityFound) and event.service == service
        )


def make_chain(fleet: Fleet, engine: str, *, legacy: bool = True, auth_patience: float = 60.0) -> Chain:
    """A chain in a fleet that has not been started yet. It speaks plain HTTP: TLS changes no header.

    ``legacy``: whether the auth service tells the user in X-Auth-* headers. ``auth_patience``: seconds that
    the proxy waits for the auth service.
    """
    server = fleet.ecflow_server("ecflow_server", plain=None, http=0)
    auth = fleet.auth_service("auth_service", users=USERS, include_legacy_headers=legacy)
    proxy = fleet.reverse_proxy(
        upstream=server,
        auth=auth,
        certificate=None,
        engine=engine,
        timeouts=Timeouts(auth=auth_patience),
    )
    return Chain(fleet, proxy, auth, server)
