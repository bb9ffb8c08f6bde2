"""A mock of Auth-o-tron, the service that a reverse proxy asks who a request comes from."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from ecfleet_mocks.connection import Connection
from ecfleet_mocks.faults import Faults
from ecfleet_mocks.journal import Decision, IdentityFound, Journal, RequestReceived
from ecfleet_mocks.model.auth import (
    AUTH_RELEASE_0_2,
    AuthDecision,
    AuthRelease,
    JwtSettings,
    PlainProvider,
    PlainUser,
    Provider,
    claims,
    decide,
    refused_reply,
    sign,
    success_reply,
)
from ecfleet_mocks.service import Service, ServiceError
from ecfleet_mocks.wire.http1 import (
    Headers,
    HttpError,
    Request,
    RequestReader,
    Response,
    write_response,
)

__all__ = ["AuthService"]

_READ_ONLY: Final = ("GET", "HEAD")


class AuthService(Service):
    """Auth-o-tron with in-process providers: ``/authenticate``, ``/health`` and ``/providers``.

    Its decisions are those of :mod:`ecfleet_mocks.model.auth`; they rest on reading the source of the
    releases and on the set-up page, as no released program is run beside it. :meth:`decide` and
    :meth:`answer` may be overridden.

    :param users: names and passwords of a plain provider, in short; ``realm`` is its realm.
    :param providers: all providers, when there is more to say. Without either, nobody is known.
    :param include_legacy_headers: whether a success carries ``X-Auth-Username``, ``-Realm`` and ``-Roles``,
        without which ecFlow learns no user. Off by default in Auth-o-tron, on in the set-up page and here.
    :param jwt: what the issued JWT says and how it is signed.
    :param faithful: break the connection, as the released program does, instead of answering 500 when the
        user's name is no printable ASCII.
    :param now: seconds since 1970, for the JWT.
    :raises ServiceError: when both users and providers are given.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str] | None = None,
        realm: str = "local",
        providers: Sequence[Provider] | None = None,
        include_legacy_headers: bool = True,
        jwt: JwtSettings | None = None,
        release: AuthRelease = AUTH_RELEASE_0_2,
        faithful: bool = False,
        now: Callable[[], float] = time.time,
        name: str = "auth_service",
        host: str = "127.0.0.1",
        port: int = 0,
        journal: Journal | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(name=name, host=host, port=port, journal=journal, faults=faults)
        if users is not None and providers is not None:
            raise ServiceError(f"{name}: give either users or providers, not both")
        if providers is None:
            plain = tuple(PlainUser(user, password) for user, password in (users or {}).items())
            providers = (PlainProvider(plain, realm),)
        self.providers = tuple(providers)
        self.include_legacy_headers = include_legacy_headers
        self.jwt = jwt if jwt is not None else JwtSettings()
        self.release = release
        self.faithful = faithful
        self.now = now

    async def open_listeners(self) -> None:
        await self.listen(lambda: _AuthConnection(self), transport="http")

    def decide(self, request: Request) -> AuthDecision:
        """Who the request comes from."""
        return decide(request.headers, self.providers, self.release)

    def answer(self, decision: AuthDecision) -> Response:
        """The reply to ``/authenticate``; raises UnicodeEncodeError for a user who fits into no header."""
        if decision.user is None:
            return refused_reply(self.providers)
        content = claims(decision.user, self.jwt, now=int(self.now()), release=self.release)
        token = sign(content, self.jwt.secret)
        return success_reply(decision.user, token, include_legacy_headers=self.include_legacy_headers)


class _AuthConnection(Connection):
    """A connection that may carry several requests, one after the other."""

    service: AuthService

    def __init__(self, service: AuthService) -> None:
        super().__init__(service, "http")
        self._reader = RequestReader(body_limit=2**20)
        self._ended = False

    def received(self, data: bytes) -> None:
        try:
            requests = self._reader.feed(data)
            for request in requests:
                if not self._ended:
                    self._take(request)
            if self._reader.error is not None:
                raise self._reader.error
        except HttpError as error:
            if not self._ended:
                self._ended = True
                self._decided("refuse", str(error))
                self.reply(write_response(_plain(HTTPStatus.BAD_REQUEST, close=True)))

    def _take(self, request: Request) -> None:
        journal = self.journal
        journal.record(RequestReceived(journal.now(), self.service.name, self.number, request.raw, request))
        fault = self.fault_for(request)
        # After a fault nothing more is taken from a connection, so that replies stay in order.
        self._ended = fault is not None or not request.keep_alive
        if self.preempt(fault):
            return
        response = self._answer(request)
        if response is None:
            self._ended = True
            self.abort()
            return
        headers = response.headers.adding("date", formatdate(usegmt=True))
        if self._ended:
            headers = headers.adding("connection", "close")
        body = b"" if request.method == "HEAD" else response.body
        response = Response(response.status, response.reason, headers=headers, body=body)
        self.reply(write_response(response), response, fault=fault, close=self._ended)

    def _answer(self, request: Request) -> Response | None:
        path = request.target.partition("?")[0]
        if path not in ("/authenticate", "/health", "/providers"):
            self._decided("refuse", f"there is nothing at {path}")
            return _plain(HTTPStatus.NOT_FOUND)
        if request.method not in _READ_ONLY:
            self._decided("refuse", f"{path} is for GET and HEAD, not {request.method}")
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, ("allow", "GET,HEAD"))
        if path == "/health":
            return _body(b"OK", "text/plain; charset=utf-8")
        if path == "/providers":
            listed = [
                {"name": one.name, "type": one.scheme, "realm": one.realm} for one in self.service.providers
            ]
            return _body(json.dumps(listed, separators=(",", ":")).encode(), "application/json")
        return self._authenticate(request)

    def _authenticate(self, request: Request) -> Response | None:
        service = self.service
        decision = service.decide(request)
        if decision.user is None:
            self._decided("refuse", decision.why)
        else:
            self._decided("accept", decision.why, decision.user)
            self.journal.record(
                IdentityFound(
                    self.journal.now(), service.name, self.number, decision.user.username, decision.why, True
                )
            )
        try:
            return service.answer(decision)
        except UnicodeEncodeError:
            self.note("the real program breaks the connection: the user fits into no header")
            return None if service.faithful else _plain(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _decided(self, what: str, why: str, subject: object = None) -> None:
        self.journal.record(Decision(self.journal.now(), self.service.name, self.number, what, why, subject))


def _body(body: bytes, content_type: str) -> Response:
    headers = Headers([("content-type", content_type), ("content-length", str(len(body)))])
    return Response(HTTPStatus.OK, "OK", headers=headers, body=body)


def _plain(status: HTTPStatus, *fields: tuple[str, str], close: bool = False) -> Response:
    ends = (("connection", "close"),) if close else ()
    headers = Headers([*fields, ("content-length", "0"), *ends])
    return Response(status, status.phrase, headers=headers)
