"""Proxies, auth services and ecFlow servers that break one rule of header trust each."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import ClassVar

from ecfleet import Mutant
from ecfleet.models import auth, identity, proxy, sender
from ecfleet.services import AuthService, Connection, EcflowServer, HttpConnection, ReverseProxy
from ecfleet.wire import OK, Command, Reply, TaskCommand, UserCommand, http1

Headers = http1.Headers
ProxyRules = proxy.ProxyRules
IDENTITY = tuple(name for name in proxy.IDENTITY_HEADERS if name != "Authorization")


class AnonymousPass(ProxyRules):
    """Lets requests without Authorization through."""

    _anonymous = False

    def auth_request(self, request: http1.Request) -> http1.Request:
        self._anonymous = "Authorization" not in request.headers
        return super().auth_request(request)

    def verdict(self, auth_reply: http1.Response | None) -> proxy.Refused | None:
        return None if self._anonymous else super().verdict(auth_reply)


class ExactSpelling(ProxyRules):
    """Removes identity headers of clients only where they are spelled as in the configuration."""

    def upstream_headers(self, client_headers: Headers) -> Headers:
        lower = {name.lower() for name in IDENTITY}
        others = [
            field
            for field in client_headers.fields
            if field.name.lower() in lower and field.name not in IDENTITY
        ]
        return Headers([*super().upstream_headers(client_headers).fields, *others])


class FillsIn(ProxyRules):
    """Takes from the client what the auth reply does not say."""

    def identity_headers(self, client_headers: Headers, auth_reply: http1.Response) -> list[tuple[str, str]]:
        told = super().identity_headers(client_headers, auth_reply)
        known = {name for name, _ in told}
        own = [(name, client_headers.get(name) or "") for name in IDENTITY if name not in known]
        return told + [(name, value) for name, value in own if value]


class KeepsUnderscores(ProxyRules):
    """Passes header names with underscores on."""

    def passed_headers(self, client_headers: Headers) -> Headers:
        odd = [field for field in client_headers.fields if "_" in field.name]
        return Headers([*super().passed_headers(client_headers).fields, *odd])


class KeepsCredentials(ProxyRules):
    """Hands the client's Authorization on."""

    def identity_headers(self, client_headers: Headers, auth_reply: http1.Response) -> list[tuple[str, str]]:
        told = super().identity_headers(client_headers, auth_reply)
        own = client_headers.get("Authorization")
        return [(name, own if name == "Authorization" and own else value) for name, value in told]


class SendsTheBody(ProxyRules):
    """Sends the body to the auth service as well."""

    def auth_request(self, request: http1.Request) -> http1.Request:
        asked = super().auth_request(request)
        headers = asked.headers.adding("Content-Length", str(len(request.body)))
        return replace(asked, headers=headers, body=request.body)


class PassesStatusesOn(ProxyRules):
    """Gives clients whatever status the auth service answered."""

    def verdict(self, auth_reply: http1.Response | None) -> proxy.Refused | None:
        found = super().verdict(auth_reply)
        if found is None or auth_reply is None:
            return found
        return replace(found, status=auth_reply.status)


class FailsOpen(ProxyRules):
    """Lets everybody through while the auth service gives no answer."""

    def verdict(self, auth_reply: http1.Response | None) -> proxy.Refused | None:
        return None if auth_reply is None else super().verdict(auth_reply)


class RemembersTheFirst(ProxyRules):
    """Takes everybody of the realm local for the first one whom it let in."""

    _first: list[tuple[str, str]] | None = None

    def identity_headers(self, client_headers: Headers, auth_reply: http1.Response) -> list[tuple[str, str]]:
        told = super().identity_headers(client_headers, auth_reply)
        if ("X-Auth-Realm", "local") not in told:
            return told
        self._first = self._first or told
        return self._first


class TakesTwoCredentials(ProxyRules):
    """Takes a request with several Authorization lines."""

    def malformed_headers(self, request: http1.Request) -> proxy.Refused | None:
        return super().malformed_headers(replace(request, headers=request.headers.without("Authorization")))


def proxy_with(rules: type[ProxyRules]) -> type[ReverseProxy]:
    """A reverse proxy that decides by ``rules``."""

    class MutatedProxy(ReverseProxy):
        rules_class: ClassVar[type[ProxyRules]] = rules

    return MutatedProxy


class CarelessAboutCase(AuthService):
    """Compares passwords without case."""

    def decide(self, request: http1.Request) -> auth.AuthDecision:
        found = super().decide(request)
        if found.user is not None:
            return found
        try:
            credential = (request.headers.get("Authorization") or "").partition(" ")[2]
            user, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return found
        for provider in self.providers:
            if isinstance(provider, auth.PlainProvider):
                for known in provider.users:
                    if known.username == user and known.password.lower() == password.lower():
                        return auth.AuthDecision(auth.AuthUser(user, provider.realm), "nearly right")
        return found


class Nameless(AuthService):
    """Leaves the realm out."""

    def answer(self, decision: auth.AuthDecision) -> http1.Response:
        reply = super().answer(decision)
        return replace(reply, headers=reply.headers.without("X-Auth-Realm"))


class Echoes(AuthService):
    """Takes the name of the user from X-Auth-Username when the request has one."""

    def decide(self, request: http1.Request) -> auth.AuthDecision:
        found = super().decide(request)
        wished = request.headers.get("X-Auth-Username")
        if found.user is None or not wished:
            return found
        return replace(found, user=replace(found.user, username=wished))


class NotProven(HttpConnection):
    """Takes no name as proven."""

    def identify(self, request: http1.Request, command: Command | None) -> identity.Identity:
        return replace(super().identify(request, command), secure=False)


class AnySpelling(HttpConnection):
    """Compares header names without case."""

    def identify(self, request: http1.Request, command: Command | None) -> identity.Identity:
        named = Headers((name.title(), value) for name, value in request.headers)
        return super().identify(replace(request, headers=named), command)


class ReadsCredentials(HttpConnection):
    """Takes the name out of Basic credentials when no other header names the user."""

    def identify(self, request: http1.Request, command: Command | None) -> identity.Identity:
        found = super().identify(request, command)
        scheme, _, credential = (request.headers.get("Authorization") or "").partition(" ")
        if scheme != "Basic" or "X-Auth-Username" in request.headers or not isinstance(command, UserCommand):
            return found
        return replace(found, user=base64.b64decode(credential).decode().partition(":")[0])


class TakesTheLast(HttpConnection):
    """Takes the last of repeated headers."""

    def identify(self, request: http1.Request, command: Command | None) -> identity.Identity:
        return super().identify(replace(request, headers=Headers([*request.headers][::-1])), command)


class NoticesUsers(HttpConnection):
    """Remembers whether a user with a password was named."""

    named = False

    def identify(self, request: http1.Request, command: Command | None) -> identity.Identity:
        self.named = "X-Auth-Password" in request.headers
        return super().identify(request, command)


class RefusesNamedJobs(EcflowServer):
    """Answers OK to child commands that come with a user and password, and carries none of them out."""

    http_connection: ClassVar[type[HttpConnection]] = NoticesUsers

    def answer(self, connection: Connection, command: Command | None, sender: sender.Sender) -> Reply | None:
        if isinstance(command, TaskCommand) and isinstance(connection, NoticesUsers) and connection.named:
            return OK
        return super().answer(connection, command, sender)


def server_with(connection: type[HttpConnection]) -> type[EcflowServer]:
    """An ecFlow server whose HTTP connections are of this kind."""

    class MutatedServer(EcflowServer):
        http_connection: ClassVar[type[HttpConnection]] = connection

    return MutatedServer


MUTANTS = [
    Mutant(
        id="TRUST-01.anonymous-pass",
        rule="TRUST-01",
        sentence="Requests without any credentials are let through.",
        classes={"ReverseProxy": proxy_with(AnonymousPass)},
        trips=frozenset({"TASK-03"}),
        reason="a job without a token file gets through the auth chain, and its client succeeds",
    ),
    Mutant(
        id="TRUST-02.exact-spelling",
        rule="TRUST-02",
        sentence="Identity headers of clients in another case are passed on.",
        classes={"ReverseProxy": proxy_with(ExactSpelling)},
    ),
    Mutant(
        id="TRUST-03.fills-in",
        rule="TRUST-03",
        sentence="What the auth reply lacks is taken from the client.",
        classes={"ReverseProxy": proxy_with(FillsIn)},
    ),
    Mutant(
        id="TRUST-04.keeps-underscores",
        rule="TRUST-04",
        sentence="Header names with underscores are passed on.",
        classes={"ReverseProxy": proxy_with(KeepsUnderscores)},
    ),
    Mutant(
        id="TRUST-05.keeps-credentials",
        rule="TRUST-05",
        sentence="The client's Authorization is passed on.",
        classes={"ReverseProxy": proxy_with(KeepsCredentials)},
    ),
    Mutant(
        id="TRUST-06.sends-the-body",
        rule="TRUST-06",
        sentence="The auth service gets the body too.",
        classes={"ReverseProxy": proxy_with(SendsTheBody)},
    ),
    Mutant(
        id="TRUST-07.passes-statuses-on",
        rule="TRUST-07",
        sentence="The client gets whatever status the auth service answered.",
        classes={"ReverseProxy": proxy_with(PassesStatusesOn)},
    ),
    Mutant(
        id="TRUST-07.fails-open",
        rule="TRUST-07",
        sentence="Without an answer of the auth service everybody is let through.",
        classes={"ReverseProxy": proxy_with(FailsOpen)},
    ),
    Mutant(
        id="TRUST-08.remembers-the-first",
        rule="TRUST-08",
        sentence="Everybody is taken for the first user that was let in.",
        classes={"ReverseProxy": proxy_with(RemembersTheFirst)},
    ),
    Mutant(
        id="TRUST-09.takes-two-credentials",
        rule="TRUST-09",
        sentence="Two Authorization lines are passed to the auth service.",
        classes={"ReverseProxy": proxy_with(TakesTwoCredentials)},
    ),
    Mutant(
        id="TRUST-10.careless-about-case",
        rule="TRUST-10",
        sentence="Passwords are compared without case.",
        classes={"AuthService": CarelessAboutCase},
    ),
    Mutant(
        id="TRUST-11.leaves-the-realm-out",
        rule="TRUST-11",
        sentence="The reply has no X-Auth-Realm.",
        classes={"AuthService": Nameless},
    ),
    Mutant(
        id="TRUST-11.echoes",
        rule="TRUST-11",
        sentence="The reply names the user that the request's X-Auth-Username names.",
        classes={"AuthService": Echoes},
        trips=frozenset({"TRUST-08"}),
        reason="the proxy passes the client's header to the auth service, and its reply is believed",
    ),
    Mutant(
        id="TRUST-12.not-proven",
        rule="TRUST-12",
        sentence="A name beside Authorization is not taken as proven.",
        classes={"EcflowServer": server_with(NotProven)},
        trips=frozenset({"TRUST-13", "TRUST-15"}),
        reason="some of their rows have a proven user",
    ),
    Mutant(
        id="TRUST-13.any-spelling",
        rule="TRUST-13",
        sentence="Header names are compared without case.",
        classes={"EcflowServer": server_with(AnySpelling)},
    ),
    Mutant(
        id="TRUST-14.reads-credentials",
        rule="TRUST-14",
        sentence="The user is taken from Basic credentials that come alone.",
        classes={"EcflowServer": server_with(ReadsCredentials)},
    ),
    Mutant(
        id="TRUST-15.takes-the-last",
        rule="TRUST-15",
        sentence="Of repeated headers the last counts.",
        classes={"EcflowServer": server_with(TakesTheLast)},
    ),
    Mutant(
        id="TRUST-16.refuses-named-jobs",
        rule="TRUST-16",
        sentence="Child commands with a user and password are answered OK and not carried out.",
        classes={"EcflowServer": RefusesNamedJobs},
    ),
]
