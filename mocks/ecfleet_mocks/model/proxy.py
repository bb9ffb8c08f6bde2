"""What the documented reverse proxy decides, without sockets; every engine asks the same rules.

The behaviour is that of nginx with the authenticated location of the HTTPS authentication set-up page
(section "Setting up the Reverse Proxy"), as seen on nginx 1.22.1 with a stub auth service and a recording
back end. Each decision is a method of :class:`ProxyRules` of its own, so that a subclass can take just one
of them otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from http import HTTPStatus
from typing import Final

from ecfleet_mocks.model.request_target import BadTarget, read_target
from ecfleet_mocks.wire.http1 import (
    BadVersion,
    BodyTooLong,
    Headers,
    HttpError,
    Request,
    Response,
    UnknownCoding,
)

__all__ = [
    "IDENTITY_HEADERS",
    "Location",
    "ProxyRules",
    "ProxySettings",
    "Refused",
    "status_of",
]

IDENTITY_HEADERS: Final = ("Authorization", "X-Auth-Username", "X-Auth-Realm", "X-Auth-Roles")
"""The headers taken from the auth service's reply, in the order in which they are written."""

_LINE_LIMIT: Final = 8190
_METHOD: Final = re.compile(r"[A-Z_-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PASSABLE_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_ONCE_ONLY: Final = (
    "Host",
    "Authorization",
    "Content-Length",
    "Content-Range",
    "Expect",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Transfer-Encoding",
)
_HOP: Final = (
    "Connection",
    "Content-Length",
    "Expect",
    "Host",
    "Keep-Alive",
    "TE",
    "Transfer-Encoding",
    "Upgrade",
)
_FORWARDING: Final = ("X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto")
_REPLY_HOP: Final = (
    "Connection",
    "Content-Length",
    "Content-Type",
    "Date",
    "Keep-Alive",
    "Server",
    "Transfer-Encoding",
    "Upgrade",
)


class Location(Enum):
    """The part of the configuration that handles a request."""

    ECFLOW = "/v1/ecflow"
    INTERNAL = "= /auth"
    STATIC = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """What a configuration would say.

    ``scheme`` is the one that clients use; ``auth_host`` is the auth service as ``host:port``, None for the
    page's first server block, which asks nobody and hands everything on. ``body_limit`` is in bytes;
    ``static`` maps paths to HTML pages.
    """

    server_name: str = "localhost"
    scheme: str = "https"
    auth_host: str | None = None
    body_limit: int = 2**20
    static: Mapping[str, bytes] = field(
        default_factory=lambda: {"/index.html": b"<html>ecFlow</html>\n"}, repr=False
    )


@dataclass(frozen=True, slots=True)
class Refused:
    """The proxy answers itself. ``headers`` are added to its reply; ``close`` ends the connection."""

    status: int
    why: str
    headers: Headers = field(default_factory=Headers)
    close: bool = False


def status_of(error: HttpError) -> int:
    """The status with which nginx answers a request that cannot be read."""
    match error:
        case BadVersion():
            return HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
        case UnknownCoding():
            return HTTPStatus.NOT_IMPLEMENTED
        case BodyTooLong():
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        case _:
            return HTTPStatus.BAD_REQUEST


class ProxyRules:
    """The decisions of one proxy. All methods are pure."""

    def __init__(self, settings: ProxySettings) -> None:
        self.settings = settings

    # --- before anybody is asked --------------------------------------------------------------------------

    def malformed(self, request: Request) -> Refused | None:
        """Refuse what nginx does not take (400, 405, 414, 501, 505), or return None.

        An engine's own reader may have refused some of it before.
        """
        if not _METHOD.fullmatch(request.method):
            return _bad("the method is not in capitals")
        if request.method == "TRACE":
            return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "TRACE is not allowed", close=True)
        if request.method == "CONNECT":
            return _bad("this is no forward proxy")
        if not request.version.startswith("HTTP/1."):
            return Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "not HTTP/1.x", close=True)
        if len(f"{request.method} {request.target} {request.version}") > _LINE_LIMIT:
            return Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "the request line is too long", close=True)
        try:
            read_target(request.target)
        except BadTarget as error:
            return _bad(str(error))
        return self.malformed_headers(request)

    def malformed_headers(self, request: Request) -> Refused | None:
        """The part of :meth:`malformed` that looks at the headers."""
        headers = request.headers
        if any(len(one.line()) > _LINE_LIMIT for one in headers.fields):
            return _bad("a header line is too long")
        if any(_CONTROL.search(value) for _, value in headers):
            return _bad("a control character or a folded line in a header")
        for name in _ONCE_ONLY:
            if len(headers.get_all(name)) > 1:
                return _bad(f"{name} is given twice")
        coding = headers.get("Transfer-Encoding")
        if coding is not None and coding.lower() != "chunked":
            return Refused(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding is not chunked", close=True)
        if coding is not None and ("Content-Length" in headers or request.version == "HTTP/1.0"):
            return _bad("chunks beside Content-Length, or in HTTP/1.0")
        host = headers.get("Host")
        if host is None and request.version != "HTTP/1.0":
            return _bad("HTTP/1.1 without Host")
        if host is not None and (not host.strip(".") or any(odd in host for odd in "/\\ \t")):
            return _bad("Host is no host name")
        return None

    def too_large(self, length: int) -> Refused | None:
        """Refuse a body of this many bytes, before the auth service is asked, or return None."""
        if length <= self.settings.body_limit:
            return None
        why = f"a body of {length} bytes; the limit is {self.settings.body_limit}"
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why, close=True)

    def location(self, request: Request) -> Location:
        """Which location handles the request; paths are compared after normalisation, with case."""
        path = read_target(request.target).path
        if self.settings.auth_host is None or path.startswith(Location.ECFLOW.value):
            return Location.ECFLOW
        return Location.INTERNAL if path == "/auth" else Location.STATIC

    def static_reply(self, request: Request) -> Response | Refused:
        """Answer from the static pages, to anybody."""
        path = read_target(request.target).path
        page = self.settings.static.get("/index.html" if path == "/" else path)
        if request.method not in ("GET", "HEAD", "POST"):
            return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "static pages are only read")
        if page is None:
            return Refused(HTTPStatus.NOT_FOUND, f"there is no page {path}")
        if request.method == "POST":
            return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "static pages are only read")
        return Response(HTTPStatus.OK, "OK", headers=Headers([("Content-Type", "text/html")]), body=page)

    # --- the auth service ---------------------------------------------------------------------------------

    def auth_request(self, request: Request) -> Request:
        """What the auth service is asked: the client's headers, not its body, always by GET."""
        headers = Headers(
            [
                ("X-Original-URI", request.target),
                ("Host", self.settings.auth_host or ""),
                ("Connection", "close"),
                *self.passed_headers(request.headers).without("X-Original-URI").fields,
            ]
        )
        return Request("GET", "/authenticate", headers=headers, version="HTTP/1.0")

    def verdict(self, auth_reply: Response | None) -> Refused | None:
        """What follows from the auth service's reply (None: no usable one): None lets the request pass."""
        if auth_reply is None:
            return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "the auth service did not answer")
        status = auth_reply.status
        if 200 <= status < 300:
            return None
        if status == HTTPStatus.UNAUTHORIZED:
            challenges = auth_reply.headers.get_all("WWW-Authenticate")
            headers = Headers(("WWW-Authenticate", value) for value in challenges)
            return Refused(HTTPStatus.UNAUTHORIZED, "the auth service refused the credentials", headers)
        if status == HTTPStatus.FORBIDDEN:
            return Refused(HTTPStatus.FORBIDDEN, "the auth service forbade it")
        return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"the auth service answered {status}")

    # --- the request that is handed on --------------------------------------------------------------------

    def identity_headers(self, client_headers: Headers, auth_reply: Response) -> list[tuple[str, str]]:
        """The identity as the auth service gave it, in the configuration's spelling.

        A header that the reply lacks, or has empty, is left out; of repeated ones the first counts. Nothing
        of it ever comes from ``client_headers``.
        """
        found = ((name, auth_reply.headers.get(name)) for name in IDENTITY_HEADERS)
        return [(name, value) for name, value in found if value]

    def passed_headers(self, client_headers: Headers) -> Headers:
        """The client's headers without those of this connection and without those that nginx ignores.

        It ignores names with anything but letters, digits and hyphens: with underscores above all.
        """
        passable = (one for one in client_headers.fields if _PASSABLE_NAME.fullmatch(one.name))
        return Headers(replace(one, raw=b"") for one in passable).without(*_HOP)

    def upstream_headers(self, client_headers: Headers) -> Headers:
        """The client's headers that the back end gets: none that the configuration sets."""
        overridden = _FORWARDING if self.settings.auth_host is None else (*_FORWARDING, *IDENTITY_HEADERS)
        return self.passed_headers(client_headers).without(*overridden)

    def forwarding_headers(self, request: Request, peer: str) -> list[tuple[str, str]]:
        """X-Real-IP, X-Forwarded-For, X-Forwarded-Proto and Host; ``peer`` is the client's address."""
        hops = [*request.headers.get_all("X-Forwarded-For"), peer]
        return [
            ("X-Real-IP", peer),
            ("X-Forwarded-For", ", ".join(hops)),
            ("X-Forwarded-Proto", self.settings.scheme),
            ("Host", self._host(request)),
        ]

    def upstream_request(self, request: Request, auth_reply: Response | None, peer: str) -> Request:
        """The request as the back end gets it: HTTP/1.0, one connection, a length instead of chunks."""
        identity = [] if auth_reply is None else self.identity_headers(request.headers, auth_reply)
        fields = [*identity, *self.forwarding_headers(request, peer), ("Connection", "close")]
        if request.body or "Content-Length" in request.headers or request.is_chunked:
            fields.append(("Content-Length", str(len(request.body))))
        headers = Headers([*fields, *self.upstream_headers(request.headers).fields])
        target = request.target
        if self.settings.auth_host is not None:
            target = read_target(request.target).escaped
        return Request(request.method, target, headers=headers, body=request.body, version="HTTP/1.0")

    def _host(self, request: Request) -> str:
        """The host as nginx names it: of the target or of ``Host``, in lower case, without port."""
        named = read_target(request.target).authority or request.headers.get("Host")
        if named is None:
            return self.settings.server_name
        return re.sub(r":[0-9]*\Z", "", named).rstrip(".").lower()

    # --- the reply to the client --------------------------------------------------------------------------

    def upstream_missing(self, timed_out: bool) -> Refused:
        """What the client gets when the back end gave no reply."""
        if timed_out:
            return Refused(HTTPStatus.GATEWAY_TIMEOUT, "the back end did not answer in time")
        return Refused(HTTPStatus.BAD_GATEWAY, "the back end gave no reply")

    def client_reply(self, reply: Response, request: Request, date: str) -> Response:
        """A reply of the back end as the client gets it; ``date`` as HTTP writes it."""
        others = (one for one in reply.headers.without(*_REPLY_HOP).fields if not _hidden(one.name))
        return self._finished(reply, request, date, Headers(others), close=False)

    def own_reply(self, reply: Response | Refused, request: Request | None, date: str) -> Response:
        """A reply of the proxy itself. ``request`` is None when it could not be read."""
        if isinstance(reply, Response):
            return self._finished(reply, request, date, Headers(), close=False)
        reason = HTTPStatus(reply.status).phrase
        page = f"<html><head><title>{reply.status} {reason}</title></head></html>\r\n".encode()
        made = Response(reply.status, reason, headers=Headers([("Content-Type", "text/html")]), body=page)
        return self._finished(made, request, date, reply.headers, close=reply.close)

    def _finished(
        self, reply: Response, request: Request | None, date: str, others: Headers, *, close: bool
    ) -> Response:
        has_body = reply.status not in (204, 304)
        head_only = request is not None and request.method == "HEAD"
        fields = [("Server", "ecfleet"), ("Date", date)]
        content_type = reply.headers.get("Content-Type")
        if content_type is not None:
            fields.append(("Content-Type", content_type))
        length = reply.headers.get("Content-Length") if head_only else None
        if has_body:
            fields.append(("Content-Length", length or str(len(reply.body))))
        stays = request is not None and request.keep_alive and not close
        fields.append(("Connection", "keep-alive" if stays else "close"))
        return Response(
            reply.status,
            reply.reason,
            headers=Headers([*fields, *(replace(one, raw=b"") for one in others.fields)]),
            body=reply.body if has_body and not head_only else b"",
        )


def _bad(why: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, why, close=True)


def _hidden(name: str) -> bool:
    return name.lower() == "x-pad" or name.lower().startswith("x-accel-")
