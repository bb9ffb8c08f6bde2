"""The reverse proxy: the same expectations for every engine.

``TABLE`` holds what nginx 1.22.1 does with the authenticated location of the HTTPS authentication set-up
page, seen with a stub auth service and a recording back end. ``DEVIATIONS`` lists where an engine differs.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks import reverse_proxy as reverse_proxy_module
from ecfleet_mocks.auth_service import AuthService
from ecfleet_mocks.connection import Connection
from ecfleet_mocks.faults import (
    Answer,
    Close,
    Corrupt,
    Delay,
    Drip,
    Fault,
    HalfClose,
    LoseReply,
    Mute,
    Refuse,
    Reset,
    Truncate,
)
from ecfleet_mocks.journal import (
    Address,
    ConnectionClosed,
    ConnectionOpened,
    Decision,
    FaultInjected,
    IdentityFound,
    Journal,
    ReplySent,
    RequestReceived,
    TlsEstablished,
    UpstreamOpened,
)
from ecfleet_mocks.model.proxy import IDENTITY_HEADERS, ProxyRules, ProxySettings
from ecfleet_mocks.model.request_target import BadTarget, read_target
from ecfleet_mocks.reverse_proxy import ENGINES, ReverseProxy, Timeouts
from ecfleet_mocks.service import Service, ServiceError
from ecfleet_mocks.tls import authority, client_context, web_context
from ecfleet_mocks.wire.http1 import (
    Headers,
    Request,
    RequestReader,
    Response,
    ResponseReader,
    write_response,
)

PIP = "pip install 'ecfleet[mitmproxy]'"


@pytest.fixture(scope="module", autouse=True)
def _mitmproxy_for_this_module() -> Iterator[None]:
    """Keep one mitmproxy for all tests here, and leave none."""
    if find_spec("mitmproxy") is None:
        yield
        return
    from ecfleet_mocks.mitmproxy_thread import program, shut_down_mitmproxy

    program().started.result(60)
    yield
    shut_down_mitmproxy()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "mitmproxy" and find_spec("mitmproxy") is None:
        if os.environ.get("ECFLEET_REQUIRE_PEERS") == "1":
            pytest.fail(f"mitmproxy is required here: {PIP}")
        pytest.skip(PIP)
    return name


# --- the services around the proxy ------------------------------------------------------------------------

Reply = Response | bytes | None


class Recorder(Service):
    """An HTTP service that keeps what it gets and answers what it is told (None: nothing, ever)."""

    def __init__(self, name: str, answer: Reply, journal: Journal) -> None:
        super().__init__(name=name, journal=journal)
        self.answer = answer
        self.requests: list[Request] = []

    async def open_listeners(self) -> None:
        await self.listen(lambda: _Recording(self), transport="http")


class _Recording(Connection):
    service: Recorder

    def __init__(self, service: Recorder) -> None:
        super().__init__(service, "http")
        self._reader = RequestReader()

    def received(self, data: bytes) -> None:
        for request in self._reader.feed(data):
            self.service.requests.append(request)
            answer = self.service.answer
            if answer is not None:
                self.reply(answer if isinstance(answer, bytes) else write_response(answer))


def reply(status: int, *fields: tuple[str, str], body: bytes = b"") -> Response:
    headers = Headers([*fields, ("Content-Length", str(len(body)))])
    return Response(status, "Reason", headers=headers, body=body)


ACCEPTED = reply(
    200,
    ("authorization", "Bearer issued"),
    ("x-auth-username", "alice"),
    ("x-auth-realm", "local"),
    ("x-auth-roles", "admin,user"),
    body=b"Authenticated successfully",
)
DONE = reply(
    200,
    ("Server", "Boost.Beast/300"),
    ("Content-Type", "application/json"),
    ("X-Other", "kept"),
    ("Connection", "close"),
    body=b'{"ecflow": 1}',
)


@dataclass
class Chain:
    """A proxy between a recording auth service and a recording back end."""

    proxy: ReverseProxy
    auth: Recorder
    back: Recorder
    journal: Journal

    @property
    def reached(self) -> str:
        """Who was asked: ``"a"`` for the auth service, ``"b"`` for the back end, each as often as it was."""
        return "a" * len(self.auth.requests) + "b" * len(self.back.requests)

    async def ask(self, raw: bytes, *, method: str = "POST", replies: int = 1) -> list[Response]:
        """Send bytes on a new connection and read replies, until there are so many or it ends."""
        return await talk(self.proxy.address, raw, method=method, replies=replies)

    async def one(
        self, *lines: str, body: bytes = b"{}", start: str = "POST /v1/ecflow HTTP/1.1"
    ) -> Response:
        """A usual request, with more header lines; its only reply."""
        (response,) = await self.ask(post(*lines, body=body, start=start), method=start.split()[0])
        return response


def post(*lines: str, body: bytes = b"{}", start: str = "POST /v1/ecflow HTTP/1.1") -> bytes:
    head = [start, "Host: LocalHost:8443", "Authorization: Basic eA==", "Connection: close", *lines]
    if body:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


async def talk(
    address: Address,
    raw: bytes,
    *,
    method: str = "POST",
    replies: int = 1,
    tls: ssl.SSLContext | None = None,
) -> list[Response]:
    reader, writer = await asyncio.open_connection(*address, ssl=tls, server_hostname=tls and "localhost")
    parser = ResponseReader(method=method)
    found: list[Response] = []
    try:
        writer.write(raw)
        async with asyncio.timeout(20):
            while len(found) < replies:
                data = await reader.read(65536)
                if not data:
                    found += parser.at_eof()
                    break
                found += parser.feed(data)
    finally:
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
    return found


@asynccontextmanager
async def chain(
    engine: str,
    *,
    auth: Reply = ACCEPTED,
    back: Reply = DONE,
    kind: type[ReverseProxy] = ReverseProxy,
    ask_auth: bool = True,
    tls: ssl.SSLContext | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncIterator[Chain]:
    journal = Journal()
    async with (
        Recorder("auth", auth, journal) as auth_service,
        Recorder("back", back, journal) as back_end,
        kind(
            upstream=back_end.address,
            auth=auth_service.address if ask_auth else None,
            engine=engine,
            server_name="your_domain.com",
            tls_context=tls,
            timeouts=timeouts,
            journal=journal,
        ) as proxy,
    ):
        yield Chain(proxy, auth_service, back_end, journal)


# --- what nginx does --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A request, the status that nginx gives it, and whom it asks (see :attr:`Chain.reached`)."""

    name: str
    raw: bytes
    status: int
    reached: str
    target: str | None = None
    """The target at the back end."""


H = b"Host: localhost\r\n"
A = b"Authorization: Basic eA==\r\n"
C = b"Connection: close\r\n"
TWO = b"Content-Length: 2\r\n\r\n{}"
P = b"POST /v1/ecflow HTTP/1.1\r\n"


def get(target: str, *, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\n".encode() + H + A + C + b"\r\n"


TABLE = [
    Row("usual request", P + H + A + C + TWO, 200, "ab", "/v1/ecflow"),
    Row("HTTP/1.0", P.replace(b"1.1", b"1.0") + H + A + TWO, 200, "ab"),
    Row("HTTP/1.0 without host", P.replace(b"1.1", b"1.0") + A + TWO, 200, "ab"),
    Row("HTTP/1.2", P.replace(b"1.1", b"1.2") + H + A + C + TWO, 200, "ab"),
    Row("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, ""),
    Row("HTTP/2.0", P.replace(b"1.1", b"2.0") + H + A + TWO, 505, ""),
    Row("lines ending in LF", (P + H + A + C + b"\r\n").replace(b"\r\n", b"\n"), 200, "ab"),
    Row("empty line first", b"\r\n" + P + H + A + C + TWO, 200, "ab"),
    Row("chunked", P + H + A + C + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200, "ab"),
    Row(
        "trailers",
        P + H + A + C + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Auth-Username: eve\r\n\r\n",
        200,
        "ab",
    ),
    *(
        Row(method, get("/v1/ecflow", method=method), 200, "ab")
        for method in ("GET", "PUT", "DELETE", "PATCH")
    ),
    Row("OPTIONS", get("/v1/ecflow", method="OPTIONS"), 200, "ab"),
    Row("TRACE", get("/v1/ecflow", method="TRACE"), 405, ""),
    Row("CONNECT", b"CONNECT localhost:1 HTTP/1.1\r\n" + H + b"\r\n", 400, ""),
    Row("method in small letters", get("/v1/ecflow", method="post"), 400, ""),
    # paths
    Row("slash after", get("/v1/ecflow/"), 200, "ab", "/v1/ecflow/"),
    Row("prefix", get("/v1/ecflowXYZ?q"), 200, "ab", "/v1/ecflowXYZ?q"),
    Row("two slashes", get("//v1/ecflow"), 200, "ab", "/v1/ecflow"),
    Row("dots", get("/x/../v1/./ecflow"), 200, "ab", "/v1/ecflow"),
    Row("percent code", get("/v1/%65cflow"), 200, "ab", "/v1/ecflow"),
    Row("percent code of the slash", get("/v1%2Fecflow"), 200, "ab", "/v1/ecflow"),
    Row(
        "escaped anew",
        get("/v1/ecflow/a%20b%2Fc%3Fd%25?q=1%20"),
        200,
        "ab",
        "/v1/ecflow/a%20b/c%3Fd%25?q=1%20",
    ),
    Row("fragment", get("/v1/ecflow#frag"), 200, "ab", "/v1/ecflow"),
    Row("absolute target", get("http://ABS.example:99/v1/ecflow"), 200, "ab", "/v1/ecflow"),
    Row("capitals", get("/v1/ECFLOW"), 404, ""),
    Row("capitals by POST", P.replace(b"ecflow", b"ECFLOW") + H + A + C + TWO, 404, ""),
    Row("out of the location", get("/v1/ecflow/../../auth"), 404, ""),
    Row("over the root", get("/v1/../../x"), 400, ""),
    Row("NUL", get("/v1/%00"), 400, ""),
    Row("bad percent code", get("/v1/%zz"), 400, ""),
    Row("no slash", get("v1/ecflow"), 400, ""),
    Row("asterisk", get("*", method="OPTIONS"), 400, ""),
    Row("internal location", get("/auth"), 404, ""),
    Row("below the internal location", get("/auth/"), 404, ""),
    Row("no such page", get("/nothing"), 404, ""),
    Row("no such page by PUT", get("/nothing", method="PUT"), 405, ""),
    Row("front page", get("/"), 200, ""),
    Row("front page by POST", get("/", method="POST"), 405, ""),
    # headers
    Row("no host", P + A + C + TWO, 400, ""),
    Row("two hosts", P + H + b"Host: other\r\n" + A + C + TWO, 400, ""),
    Row("empty host", P + b"Host:\r\n" + A + C + TWO, 400, ""),
    Row("host with a slash", P + b"Host: a/b\r\n" + A + C + TWO, 400, ""),
    Row("two authorizations", P + H + A + b"authorization: Basic eQ==\r\n" + C + TWO, 400, ""),
    Row("two types", P + H + A + b"Content-Type: a\r\nContent-Type: b\r\n" + C + TWO, 200, "ab"),
    Row("blank before the colon", P + H + A + b"Foo : 1\r\n" + C + TWO, 400, ""),
    Row("folded line", P + H + A + b"Foo: 1\r\n two\r\n" + C + TWO, 400, ""),
    Row("NUL in a value", P + H + A + b"Foo: a\x00b\r\n" + C + TWO, 400, ""),
    Row("empty name", P + H + A + b": a\r\n" + C + TWO, 400, ""),
    Row("odd name", P + H + A + b"Foo@Bar: 1\r\n" + C + TWO, 200, "ab"),
    Row("line without colon", P + H + A + b"Foo\r\n" + C + TWO, 200, "ab"),
    Row("bytes beyond ASCII", P + H + A + b"Foo: \xe9\r\n" + C + TWO, 200, "ab"),
    Row("header line of 8 kB", P + H + A + b"X: " + b"y" * 8000 + b"\r\n" + C + TWO, 200, "ab"),
    Row("header line of 9 kB", P + H + A + b"X: " + b"y" * 9000 + b"\r\n" + C + TWO, 400, ""),
    Row("target of 9 kB", get("/v1/ecflow?" + "y" * 9000), 414, ""),
    # lengths
    Row("body of 1 MiB", P + H + A + C + b"Content-Length: 1048576\r\n\r\n" + b"x" * 1048576, 200, "ab"),
    Row("announced body over 1 MiB", P + H + C + b"Content-Length: 1048577\r\n\r\n", 413, ""),
    Row("two lengths", P + H + A + C + b"Content-Length: 2\r\n" + TWO, 400, ""),
    Row("two different lengths", P + H + A + C + b"Content-Length: 3\r\n" + TWO, 400, ""),
    Row("length that is no number", P + H + A + C + b"Content-Length: 2x\r\n\r\n{}", 400, ""),
    Row(
        "length and chunks",
        P + H + A + C + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        400,
        "",
    ),
    Row(
        "chunks in HTTP/1.0",
        P.replace(b"1.1", b"1.0") + H + A + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        400,
        "",
    ),
    Row("unknown coding", P + H + A + C + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, ""),
    Row("no HTTP", b"     13f{}\r\n\r\n", 400, ""),
    Row("TLS on the plain port", b"\x16\x03\x01\x00\x05hello", 400, ""),
]

_STRICTER = "a safe reader refuses it"
DEVIATIONS: dict[tuple[str, str], tuple[int, str, str]] = {
    ("asyncio", "HTTP/2 preface"): (505, "", "the version is looked at before the target"),
    ("asyncio", "line without colon"): (400, "", _STRICTER),
    ("mitmproxy", "HTTP/2 preface"): (505, "", "the version is looked at before the target"),
    ("mitmproxy", "line without colon"): (400, "", _STRICTER),
    ("mitmproxy", "odd name"): (400, "", _STRICTER),
    ("mitmproxy", "trailers"): (500, "", "mitmproxy cannot read them and would leave the client waiting"),
}


def test_deviations_are_rows_and_deviate() -> None:
    rows = {row.name: (row.status, row.reached) for row in TABLE}
    assert len(rows) == len(TABLE)
    assert {engine for engine, _ in DEVIATIONS} <= set(ENGINES)
    assert [name for (_, name), seen in DEVIATIONS.items() if rows[name] == seen[:2]] == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
async def test_table(engine: str, row: Row) -> None:
    async with chain(engine) as link:
        responses = await link.ask(row.raw, method="POST")
        status, reached, _ = DEVIATIONS.get((engine, row.name), (row.status, row.reached, ""))
        assert ([one.status for one in responses], link.reached) == ([status], reached)
        if row.target is not None:
            assert [one.target for one in link.back.requests] == [row.target]


async def test_http_0_9_is_refused_where_nginx_answers_without_a_head(engine: str) -> None:
    async with chain(engine) as link:
        assert [one.status for one in await link.ask(b"GET /v1/ecflow\r\n\r\n")] == [400]
        assert link.reached == ""


# --- the auth service -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "seen"),
    [(200, 200), (201, 200), (204, 200), (206, 200), (401, 401), (403, 403)]
    + [(status, 500) for status in (301, 302, 400, 402, 404, 407, 418, 429, 500, 502, 503, 504)],
)
async def test_status_of_the_auth_service_decides(engine: str, status: int, seen: int) -> None:
    answer = reply(status, ("WWW-Authenticate", 'Basic realm="local"'), ("X-Auth-Username", "alice"))
    async with chain(engine, auth=answer) as link:
        response = await link.one()
        assert response.status == seen
        assert len(link.back.requests) == (1 if seen == 200 else 0)
        challenges = response.headers.get_all("WWW-Authenticate")
        assert challenges == (['Basic realm="local"'] if seen == 401 else [])


async def test_body_of_the_auth_service_is_never_shown(engine: str) -> None:
    for status in (401, 403, 500):
        async with chain(engine, auth=reply(status, body=b"ecfleet-secret-inside")) as link:
            response = await link.one()
            assert b"ecfleet-secret-inside" not in response.raw
            assert response.headers.get("Content-Type") == "text/html"


async def test_auth_service_gets_the_headers_and_not_the_body(engine: str) -> None:
    async with chain(engine) as link:
        await link.one(
            "Content-Type: application/json",
            "Cookie: c",
            "x-auth-REALM: mine",
            "X_Auth_Realm: dropped",
            "X-Original-URI: /elsewhere",
            "Expect: 100-continue",
            "TE: trailers",
            start="POST //v1/%65cflow?q HTTP/1.1",
        )
        (request,) = link.auth.requests
    assert (request.method, request.target, request.version, request.body) == (
        "GET",
        "/authenticate",
        "HTTP/1.0",
        b"",
    )
    assert list(request.headers) == [
        ("X-Original-URI", "//v1/%65cflow?q"),
        ("Host", str(link.auth.address)),
        ("Connection", "close"),
        ("Authorization", "Basic eA=="),
        ("Content-Type", "application/json"),
        ("Cookie", "c"),
        ("x-auth-REALM", "mine"),
    ]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"nonsense"])
async def test_auth_service_that_gives_no_reply_is_500(engine: str, answer: bytes) -> None:
    async with chain(engine, auth=answer) as link:
        assert (await link.one()).status == 500
        assert link.back.requests == []


async def test_auth_service_that_is_down_is_500(engine: str) -> None:
    async with chain(engine) as link:
        await link.auth.stop()
        assert (await link.one()).status == 500
        assert link.back.requests == []


async def test_slow_auth_service_is_500(engine: str) -> None:
    async with chain(engine, auth=None, timeouts=Timeouts(auth=0.05)) as link:
        assert (await link.one()).status == 500
        assert link.back.requests == []


# --- the rules alone ----------------------------------------------------------------------------------------

SPELLED = st.sampled_from(IDENTITY_HEADERS).flatmap(
    lambda name: st.tuples(
        *(st.sampled_from([c.lower(), c.upper(), *("_" if c == "-" else "")]) for c in name)
    )
)
CLIENT_HEADERS = st.lists(st.tuples(SPELLED.map("".join), st.sampled_from(["eve", "", "Bearer eve"])))


@given(sent=CLIENT_HEADERS, named=st.sets(st.sampled_from(IDENTITY_HEADERS)))
def test_identity_never_comes_from_the_client_however_it_is_spelled(
    sent: list[tuple[str, str]], named: set[str]
) -> None:
    rules = ProxyRules(ProxySettings(auth_host="auth:8080"))
    answer = reply(200, *((name.lower(), "given") for name in sorted(named)))
    onward = rules.upstream_request(
        Request("POST", "/v1/ecflow", headers=Headers([("Host", "h"), *sent]), body=b"{}"), answer, "1.2.3.4"
    )
    known = {name.lower() for name in IDENTITY_HEADERS}
    found = [(name, value) for name, value in onward.headers if name.lower().replace("_", "-") in known]
    assert found == [(name, "given") for name in IDENTITY_HEADERS if name in named]


@given(
    path=st.lists(st.sampled_from(["v1", "ecflow", ".", "..", "", "%2e%2E", "%2F", "a%20b"])).map("/".join)
)
def test_path_is_normalised_once_for_all(path: str) -> None:
    try:
        target = read_target("/" + path)
    except BadTarget:
        return
    again = read_target(target.escaped)
    assert again.path == target.path
    assert not {".", ".."} & set(target.path.split("/"))
    assert "//" not in target.path


# --- what the back end gets -------------------------------------------------------------------------------


async def test_back_end_gets_the_identity_of_the_auth_service_in_order_and_spelling(engine: str) -> None:
    async with chain(engine) as link:
        await link.one(
            "X-Auth-Username: eve", "Cookie: c", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2"
        )
        (request,) = link.back.requests
    assert (request.method, request.target, request.version, request.body) == (
        "POST",
        "/v1/ecflow",
        "HTTP/1.0",
        b"{}",
    )
    assert list(request.headers) == [
        ("Authorization", "Bearer issued"),
        ("X-Auth-Username", "alice"),
        ("X-Auth-Realm", "local"),
        ("X-Auth-Roles", "admin,user"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-For", "1.1.1.1, 2.2.2.2, 127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("Host", "localhost"),
        ("Connection", "close"),
        ("Content-Length", "2"),
        ("Cookie", "c"),
    ]


SPELLINGS = [
    str.lower,
    str.upper,
    str.title,
    lambda name: name.replace("-", "_"),
    lambda name: name.swapcase(),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("answer", [ACCEPTED, reply(200)], ids=["named", "unnamed"])
async def test_client_never_passes_an_identity(
    engine: str, spelling: Callable[[str], str], answer: Response
) -> None:
    names = ["X-Auth-Username", "X-Auth-Realm", "X-Auth-Roles", "X-Real-IP", "X-Forwarded-Proto"]
    async with chain(engine, auth=answer) as link:
        await link.one(*(f"{spelling(name)}: eve" for name in names), "X-Auth-Username: eve")
        (request,) = link.back.requests
    assert "eve" not in request.raw.decode()
    assert b"eA==" not in request.raw
    named = answer is ACCEPTED
    assert request.headers.get_all("X-Auth-Username") == (["alice"] if named else [])
    assert request.headers.get_all("Authorization") == (["Bearer issued"] if named else [])


async def test_empty_identity_header_is_left_out_and_of_repeated_ones_the_first_counts(engine: str) -> None:
    answer = reply(200, ("X-Auth-Username", "first"), ("x-auth-username", "second"), ("X-Auth-Roles", ""))
    async with chain(engine, auth=answer) as link:
        await link.one("X-Auth-Roles: admin")
        (request,) = link.back.requests
    assert [pair for pair in request.headers if pair[0].lower().startswith("x-auth")] == [
        ("X-Auth-Username", "first")
    ]
    assert "Authorization" not in request.headers


async def test_password_header_and_cookie_pass_as_documented(engine: str) -> None:
    async with chain(engine) as link:
        await link.one("X-Auth-Password: ecfleet-secret", "Cookie: c")
        (request,) = link.back.requests
    assert request.headers.get("X-Auth-Password") == "ecfleet-secret"
    assert request.headers.get("Cookie") == "c"


async def test_headers_of_the_connection_do_not_pass(engine: str) -> None:
    async with chain(engine) as link:
        await link.one(
            "Connection: X-Real-IP, X-Auth-Username",
            "Keep-Alive: 5",
            "TE: trailers",
            "Upgrade: websocket",
            "Expect: 100-continue",
        )
        (request,) = link.back.requests
    assert [name for name, _ in request.headers][-1] == "Content-Length"
    assert request.headers.get("Connection") == "close"
    assert request.headers.get("X-Real-IP") == "127.0.0.1"


@pytest.mark.parametrize(
    ("start", "named", "host"),
    [
        ("POST /v1/ecflow HTTP/1.1", "Host: MiXed:99", "mixed"),
        ("POST /v1/ecflow HTTP/1.1", "Host: [::1]:80", "[::1]"),
        ("POST http://ABS.example:99/v1/ecflow HTTP/1.1", "Host: other", "abs.example"),
        ("POST /v1/ecflow HTTP/1.0", "Accept: */*", "your_domain.com"),
    ],
)
async def test_host_is_named_without_port_in_small_letters(
    engine: str, start: str, named: str, host: str
) -> None:
    raw = f"{start}\r\n{named}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    async with chain(engine) as link:
        await link.ask(raw)
        assert [one.headers.get_all("Host") for one in link.back.requests] == [[host]]


async def test_chunks_become_a_length_and_trailers_are_dropped(engine: str) -> None:
    raw = P + H + A + C + b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n3\r\n":1\r\n1\r\n}\r\n0\r\n\r\n'
    async with chain(engine) as link:
        await link.ask(raw)
        (request,) = link.back.requests
    assert request.body == b'{"a":1}'
    assert request.headers.get_all("Content-Length") == ["7"]
    assert "Transfer-Encoding" not in request.headers
    assert len(request.trailers) == 0


async def test_without_auth_service_everything_is_handed_on_with_the_clients_headers(engine: str) -> None:
    async with chain(engine, ask_auth=False) as link:
        await link.one("X-Auth-Username: eve", start="POST /any//path%2F?q HTTP/1.1")
        (request,) = link.back.requests
        assert link.auth.requests == []
    assert request.target == "/any//path%2F?q"
    assert request.headers.get("X-Auth-Username") == "eve"
    assert request.headers.get("Authorization") == "Basic eA=="


# --- what the client gets ---------------------------------------------------------------------------------


async def test_reply_of_the_back_end_is_passed_with_own_server_and_date(engine: str) -> None:
    async with chain(engine) as link:
        response = await link.one()
    assert (response.status, response.reason, response.body) == (200, "Reason", b'{"ecflow": 1}')
    assert response.version == "HTTP/1.1"
    names = [name for name, _ in response.headers]
    assert names == ["Server", "Date", "Content-Type", "Content-Length", "Connection", "X-Other"]
    assert response.headers.get("Server") != "Boost.Beast/300"
    assert response.headers.get("Connection") == "close"


@pytest.mark.parametrize("status", [201, 204, 302, 400, 404, 500, 503])
async def test_status_of_the_back_end_is_passed(engine: str, status: int) -> None:
    async with chain(engine, back=reply(status)) as link:
        assert (await link.one()).status == status


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
    ],
    ids=["chunked", "1.0 until close", "1.1 until close"],
)
async def test_every_form_of_reply_is_passed_with_a_length(engine: str, raw: bytes) -> None:
    async with chain(engine, back=raw) as link:
        response = await link.one()
    assert (response.body, response.headers.get_all("Content-Length")) == (b"{}", ["2"])
    assert "Transfer-Encoding" not in response.headers


async def test_head_has_no_body_and_keeps_the_length(engine: str) -> None:
    async with chain(engine, back=b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n") as link:
        response = await link.one(start="HEAD /v1/ecflow HTTP/1.1", body=b"")
        assert (response.status, response.body) == (200, b"")
        assert response.headers.get("Content-Length") == "13"
        refused = await link.one(start="HEAD /nothing HTTP/1.1", body=b"")
        assert (refused.status, refused.body) == (404, b"")


async def test_back_end_that_is_down_is_502_after_the_auth_service_was_asked(engine: str) -> None:
    async with chain(engine) as link:
        await link.back.stop()
        assert (await link.one()).status == 502
        assert link.reached == "a"
    async with chain(engine, auth=reply(401)) as link:
        await link.back.stop()
        assert (await link.one()).status == 401


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"nonsense\r\n\r\n"]
)
async def test_back_end_that_gives_no_whole_reply_is_502(engine: str, answer: bytes) -> None:
    async with chain(engine, back=answer) as link:
        assert (await link.one()).status == 502


async def test_silent_back_end_is_504(engine: str) -> None:
    async with chain(engine, back=None, timeouts=Timeouts(read=0.05)) as link:
        assert (await link.one()).status == 504


async def test_100_continue_is_said_before_the_body_comes(engine: str) -> None:
    async with chain(engine) as link:
        reader, writer = await asyncio.open_connection(*link.proxy.address)
        raw = post("Expect: 100-continue")
        writer.write(raw[:-2])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(raw[-2:])
        (response,) = ResponseReader().feed(await reader.read())
        writer.close()
        await writer.wait_closed()
    assert response.status == 200


async def test_connection_serves_one_request_after_the_other(engine: str) -> None:
    async with chain(engine) as link:
        kept = P + H + A + TWO
        other = get("/nothing").replace(C, b"")
        responses = await link.ask(kept + other + kept + P + H + A + C + TWO, replies=9)
        assert [one.status for one in responses] == [200, 404, 200, 200]
        assert [one.headers.get("Connection") for one in responses] == ["keep-alive"] * 3 + ["close"]
        assert link.reached == "aaabbb"


async def test_request_after_a_refused_one_is_not_read(engine: str) -> None:
    smuggled = P + H + A + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + P + H + A + C + TWO
    async with chain(engine) as link:
        responses = await link.ask(smuggled, replies=9)
        assert [one.status for one in responses] == [400]
        assert link.reached == ""


async def test_large_bodies_pass_both_ways(engine: str) -> None:
    body = bytes(range(256)) * 3000
    async with chain(engine, back=reply(200, body=body * 4)) as link:
        response = await link.one(body=body)
        assert link.back.requests[0].body == body
    assert response.body == body * 4


async def test_many_clients_at_once_keep_their_own_replies(engine: str) -> None:
    secret = "ecfleet-secret"
    async with (
        AuthService(users={f"user{number}": secret for number in range(20)}) as auth,
        Recorder("back", DONE, Journal()) as back,
        ReverseProxy(upstream=back.address, auth=auth.address, engine=engine) as proxy,
    ):

        async def one(number: int) -> None:
            login = b64encode(f"user{number}:{secret}".encode())
            (response,) = await talk(proxy.address, post(f"X-Number: {number}").replace(b"eA==", login))
            assert response.status == 200

        await asyncio.gather(*(one(number) for number in range(20)))
        named = {(one.headers.get("X-Number"), one.headers.get("X-Auth-Username")) for one in back.requests}
    assert named == {(str(number), f"user{number}") for number in range(20)}


# --- TLS, faults, journal ---------------------------------------------------------------------------------


async def test_tls(engine: str) -> None:
    credential = authority().issue("localhost")
    async with chain(engine, tls=web_context(credential)) as link:
        tls = client_context(authority().certificate)
        (response,) = await talk(link.proxy.address, post(), tls=tls)
        assert response.status == 200
        assert link.back.requests[0].headers.get("X-Forwarded-Proto") == "https"
        assert link.journal.of(TlsEstablished, service="reverse_proxy") != []


@pytest.mark.parametrize(
    ("fault", "seen", "reached"),
    [
        (Close(), b"", ""),
        (LoseReply(), b"", "ab"),
        (Answer(b"HTTP/1.1 418 Teapot\r\n\r\n"), b"HTTP/1.1 418 Teapot\r\n\r\n", ""),
        (Truncate(12), b"HTTP/1.1 200", "ab"),
        (Truncate(0), b"", "ab"),
        (Reset(), None, "ab"),
        (Refuse(), None, ""),
        (Corrupt(9, b"999"), b"HTTP/1.1 999 Reason", "ab"),
        (Delay(0.01), b"HTTP/1.1 200 Reason", "ab"),
        (Drip(50), b"HTTP/1.1 200 Reason", "ab"),
        (HalfClose(), b"HTTP/1.1 200 Reason", "ab"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
async def test_faults(engine: str, fault: Fault, seen: bytes | None, reached: str) -> None:
    async with chain(engine) as link:
        link.proxy.faults.next(fault)
        reader, writer = await asyncio.open_connection(*link.proxy.address)
        try:
            writer.write(post())
            data: bytes | None = await reader.read()
        except ConnectionError:
            data = None
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        if seen is None or data is None:
            assert data is seen
        else:
            assert data[: len(seen)] == seen
            assert bool(data) == bool(seen)
        assert [event.fault for event in link.journal.of(FaultInjected)] == [fault]
        assert link.reached == reached


async def test_mute_says_nothing_until_the_end(engine: str) -> None:
    async with chain(engine) as link:
        link.proxy.faults.next(Mute())
        reader, writer = await asyncio.open_connection(*link.proxy.address)
        writer.write(post())
        await link.journal.wait_for_async(FaultInjected)
        await link.proxy.stop()
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        assert link.reached == ""


async def test_one_exchange_is_followed_over_the_hops(engine: str) -> None:
    async with chain(engine) as link:
        await link.one()
    journal = link.journal
    (opened,) = journal.of(ConnectionOpened, service="reverse_proxy")
    events = journal.follow(opened.connection)
    requests = [event for event in events if isinstance(event, ConnectionOpened)]
    assert [event.service for event in requests] == ["reverse_proxy", "auth", "back"]
    onward = [event.remote for event in events if isinstance(event, UpstreamOpened)]
    assert onward == [link.auth.address, link.back.address]
    (received,) = journal.of(RequestReceived, service="reverse_proxy")
    assert received.raw == post()
    assert received.decoded.body == b"{}"
    assert "eA==" not in repr(received.decoded)
    (found,) = journal.of(IdentityFound)
    assert (found.user, found.secure) == ("alice", True)
    (decision,) = journal.of(Decision, service="reverse_proxy")
    assert (decision.what, decision.why) == ("hand on", "the auth service answered 200")
    (sent,) = journal.of(ReplySent, service="reverse_proxy")
    assert sent.decoded.status == 200


async def test_auth_reply_without_a_name_is_put_on_record(engine: str) -> None:
    async with chain(engine, auth=reply(200, ("Authorization", "Bearer issued"))) as link:
        await link.one()
        (found,) = link.journal.of(IdentityFound)
        assert (found.user, found.secure) == ("", False)


async def test_refusals_are_on_record_with_their_reason(engine: str) -> None:
    async with chain(engine, auth=reply(401)) as link:
        await link.one()
        await link.ask(get("/auth"), method="GET")
        await link.ask(b"     13f{}\r\n\r\n")
        decisions = link.journal.of(Decision)
        assert [event.what for event in decisions] == ["refuse"] * 3
        assert all(event.why for event in decisions)
        assert [event.subject for event in decisions] == [401, 404, 400]


# --- life -------------------------------------------------------------------------------------------------


async def test_client_that_goes_away_ends_its_exchange(engine: str) -> None:
    async with chain(engine, back=None) as link:
        _, writer = await asyncio.open_connection(*link.proxy.address)
        writer.write(post())
        await link.journal.wait_for_async(UpstreamOpened, lambda event: event.remote == link.back.address)
        writer.close()
        await writer.wait_closed()
        await link.journal.wait_for_async(ConnectionClosed, lambda event: event.service == "back")


async def test_stop_in_mid_exchange_leaves_nothing(engine: str) -> None:
    async with chain(engine, back=None) as link:
        reader, writer = await asyncio.open_connection(*link.proxy.address)
        writer.write(post())
        await link.journal.wait_for_async(UpstreamOpened, lambda event: event.remote == link.back.address)
        await link.proxy.stop()
        await link.proxy.stop()
        assert not link.proxy.running
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_addresses_may_be_set_until_the_start(engine: str) -> None:
    journal = Journal()
    async with Recorder("auth", ACCEPTED, journal) as auth, Recorder("back", DONE, journal) as back:
        proxy = ReverseProxy(upstream=Address("127.0.0.1", 0), auth=Address("127.0.0.1", 0), engine=engine)
        proxy.upstream, proxy.auth = back.address, auth.address
        async with proxy:
            (response,) = await talk(proxy.address, post())
        assert response.status == 200
        assert auth.requests[0].headers.get("Host") == str(auth.address)


class Believing(ProxyRules):
    """Takes the client's word when the auth service has none."""

    def identity_headers(self, client_headers: Headers, auth_reply: Response) -> list[tuple[str, str]]:
        name = auth_reply.headers.get("X-Auth-Username") or client_headers.get("X-Auth-Username") or ""
        return [("X-Auth-Username", name)]


class BelievingProxy(ReverseProxy):
    rules_class = Believing


async def test_one_decision_can_be_replaced(engine: str) -> None:
    async with chain(engine, auth=reply(200), kind=BelievingProxy) as link:
        await link.one("X-Auth-Username: eve")
        assert link.back.requests[0].headers.get_all("X-Auth-Username") == ["eve"]


class Failing(ProxyRules):
    """Fails in the decision that would let a request through."""

    def upstream_request(self, request: Request, auth_reply: Response | None, peer: str) -> Request:
        raise ZeroDivisionError


class FailingProxy(ReverseProxy):
    rules_class = Failing


async def test_decision_that_fails_hands_nothing_on_and_ends_the_connection(engine: str) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    async with chain(engine, kind=FailingProxy) as link:
        statuses = []
        with suppress(ConnectionError):
            statuses = [one.status for one in await link.ask(post())]
        assert statuses == ([500] if engine == "mitmproxy" else [])
        assert link.back.requests == []


async def test_unknown_engine_is_one_clear_line() -> None:
    with pytest.raises(ServiceError, match="there is no engine 'apache'; there are asyncio, mitmproxy"):
        ReverseProxy(upstream=Address("127.0.0.1", 1), engine="apache")


def test_missing_mitmproxy_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverse_proxy_module, "find_spec", lambda name: None)
    with pytest.raises(ServiceError) as caught:
        ReverseProxy(upstream=Address("127.0.0.1", 1), engine="mitmproxy")
    assert PIP in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mitmproxy_is_imported_late() -> None:
    code = "import ecfleet_mocks.reverse_proxy, sys; sys.exit('mitmproxy' in sys.modules)"
    path = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=False)
    assert done.returncode == 0
