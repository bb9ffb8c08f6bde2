"""The auth service: what it accepts, what it refuses, what it issues, and how it says so."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import replace

import jwt as pyjwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.auth_service import AuthService
from ecfleet_mocks.faults import Close, Delay, Truncate
from ecfleet_mocks.journal import Decision, IdentityFound, ReplySent, RequestReceived
from ecfleet_mocks.model.auth import (
    AUTH_RELEASE_0_2,
    AUTH_RELEASE_0_3,
    AuthRelease,
    AuthUser,
    Credentials,
    JwtSettings,
    PlainProvider,
    PlainUser,
    Refusal,
    challenge,
    claims,
    credentials_of,
    decide,
    sign,
    success_reply,
)
from ecfleet_mocks.service import ServiceError
from ecfleet_mocks.wire.http1 import Headers, Response, ResponseReader

PASSWORD = "ecfleet-secret-password"
SIGNING = "ecfleet-secret-that-signs-the-tokens"
LOCAL = PlainProvider((PlainUser("alice", PASSWORD, ("admin", "user")),))
OTHER = PlainProvider((PlainUser("bob", PASSWORD),), realm="Other", name="second")
RELEASES = pytest.mark.parametrize("release", [AUTH_RELEASE_0_2, AUTH_RELEASE_0_3], ids=lambda one: one.name)


def basic(user: str, password: str = PASSWORD, scheme: str = "Basic") -> str:
    return f"{scheme} {b64encode(f'{user}:{password}'.encode()).decode()}"


def accepted(header: str, *more: tuple[str, str], release: AuthRelease = AUTH_RELEASE_0_2) -> str | None:
    headers = Headers([("Authorization", header), *more])
    user = decide(headers, (LOCAL, OTHER), release).user
    return None if user is None else f"{user.realm}/{user.username}"


# --- the decision -----------------------------------------------------------------------------------------


@RELEASES
@pytest.mark.parametrize(
    ("header", "who"),
    [
        (basic("alice"), "local/alice"),
        (basic("bob"), "Other/bob"),
        (basic("alice", scheme="basic"), "local/alice"),
        (basic("alice", scheme="BASIC"), "local/alice"),
        (basic("alice", scheme="Plain"), "local/alice"),
        (basic("alice", scheme="pLAIN"), "local/alice"),
        ("  " + basic("alice").replace(" ", "   ") + " ", "local/alice"),
        (basic("alice") + ", Bearer ecfleet-secret", "local/alice"),
        ("Bearer ecfleet-secret," + basic("alice"), "local/alice"),
        ("Negotiate abc, " + basic("alice"), "local/alice"),
        (basic("alice", PASSWORD + " "), None),
        (basic("alice", PASSWORD.upper()), None),
        (basic("alice", ""), None),
        (basic("Alice"), None),
        (basic("carol"), None),
        (basic("", PASSWORD), None),
        (basic(""), None),
        ("Basic " + b64encode(b"alice").decode(), None),
        ("Basic " + b64encode(b"\xff\xfe:x").decode(), None),
        ("Basic not-base64", None),
        (basic("alice").rstrip("="), None if basic("alice").endswith("=") else "local/alice"),
        ("", None),
        ("   ", None),
        ("Basic", None),
        (basic("alice") + " extra", None),
        (basic("alice") + ",", None),
        ("Bearer ecfleet-secret", None),
        ("Digest abc", None),
    ],
)
def test_credentials_decide(header: str, who: str | None, release: AuthRelease) -> None:
    assert accepted(header, release=release) == who


def test_password_may_hold_colons_and_the_user_name_may_not() -> None:
    provider = PlainProvider((PlainUser("alice", "ecfleet-secret:with:colons"), PlainUser("a:b", "x")))
    assert isinstance(provider.check(b64encode(b"alice:ecfleet-secret:with:colons").decode()), AuthUser)
    assert isinstance(provider.check(b64encode(b"a:b:x").decode()), Refusal)


@given(user=st.text(min_size=1).filter(lambda text: ":" not in text), password=st.text())
def test_plain_provider_accepts_just_what_it_holds(user: str, password: str) -> None:
    provider = PlainProvider((PlainUser(user, password),))

    def check(text: str) -> AuthUser | Refusal:
        return provider.check(b64encode(text.encode()).decode())

    assert check(f"{user}:{password}") == AuthUser(user, "local")
    assert isinstance(check(f"{user}:{password}x"), Refusal)
    assert isinstance(check(f"{user}x:{password}"), Refusal)


def test_repeated_scheme_is_refused_by_the_older_release_and_the_last_counts_in_the_newer() -> None:
    both = basic("carol") + ", " + basic("alice", scheme="Plain")
    assert accepted(both, release=AUTH_RELEASE_0_2) is None
    assert accepted(both, release=AUTH_RELEASE_0_3) == "local/alice"
    reverse = basic("alice") + ", " + basic("carol")
    assert accepted(reverse, release=AUTH_RELEASE_0_3) is None


def test_newer_release_takes_three_different_credentials_at_most() -> None:
    three = f"{basic('alice')}, Bearer a, Digest b"
    assert accepted(three, release=AUTH_RELEASE_0_3) == "local/alice"
    assert accepted(f"{three}, Bearer a, Digest b", release=AUTH_RELEASE_0_3) == "local/alice"
    assert accepted(f"{three}, Negotiate c", release=AUTH_RELEASE_0_3) is None
    assert accepted(f"{three}, Negotiate c", release=AUTH_RELEASE_0_2) == "local/alice"


@pytest.mark.parametrize(
    ("realm", "who"),
    [("local", "local/alice"), ("LOCAL", "local/alice"), ("Other", None), ("none", None), ("", None)],
)
def test_realm_header_leaves_the_providers_of_that_realm(realm: str, who: str | None) -> None:
    assert accepted(basic("alice"), ("X-Auth-Realm", realm)) == who


def test_header_beyond_ascii_counts_as_absent() -> None:
    assert decide(Headers([("Authorization", "Basic é")]), (LOCAL,)).why == "no credentials"
    assert accepted(basic("alice"), ("X-Auth-Realm", "é")) == "local/alice"


def test_first_of_repeated_authorization_lines_counts() -> None:
    headers = Headers([("authorization", basic("alice")), ("Authorization", basic("bob"))])
    user = decide(headers, (LOCAL, OTHER)).user
    assert user is not None
    assert user.username == "alice"


def test_reasons_hold_no_secret() -> None:
    for header in (basic("carol"), "Bearer ecfleet-secret", "Basic ecfleet-secret", "ecfleet-secret"):
        why = decide(Headers([("Authorization", header)]), (LOCAL,)).why
        assert why
        assert "ecfleet-secret" not in why
        assert b64encode(PASSWORD.encode()).decode()[4:-4] not in why
    credentials = credentials_of("Bearer ecfleet-secret")
    assert isinstance(credentials, Credentials)
    for shown in (credentials, LOCAL, JwtSettings(SIGNING)):
        assert "ecfleet-secret" not in repr(shown)


def test_challenge_names_each_scheme_and_realm_once_in_the_order_of_the_providers() -> None:
    assert challenge((OTHER, LOCAL, replace(LOCAL, name="again"))) == (
        'Basic realm="Other", Basic realm="local"'
    )
    assert challenge(()) == "Bearer"


# --- the JWT ----------------------------------------------------------------------------------------------

ALICE = AuthUser("alice", "local", ("admin", "user"))


@RELEASES
def test_token_is_verified_by_a_jwt_library(release: AuthRelease) -> None:
    settings = JwtSettings(SIGNING, issuer="issuer", lifetime=60, audience="hearers")
    token = sign(claims(ALICE, settings, now=1000, release=release), settings.secret)
    assert pyjwt.get_unverified_header(token) == {"typ": "JWT", "alg": "HS256"}
    options = {"verify_exp": False, "verify_iat": False}
    seen = pyjwt.decode(
        token,
        SIGNING,
        algorithms=["HS256"],
        issuer="issuer",
        audience="hearers" if release.audience_claim else None,
        options=options,  # type: ignore[arg-type]
    )
    expected = {
        "sub": "local-alice",
        "iss": "issuer",
        "iat": 1000,
        "exp": 1060,
        "username": "alice",
        "realm": "local",
        "roles": ["admin", "user"],
        "scopes": None if release is AUTH_RELEASE_0_2 else {},
        "attributes": {},
    }
    assert seen == expected | ({"aud": "hearers"} if release is AUTH_RELEASE_0_2 else {})
    with pytest.raises(pyjwt.InvalidSignatureError):
        pyjwt.decode(token, SIGNING + "x", algorithms=["HS256"], options=options)  # type: ignore[arg-type]


def test_older_release_writes_a_null_audience_when_none_is_configured() -> None:
    assert claims(ALICE, JwtSettings(SIGNING), now=0, release=AUTH_RELEASE_0_2)["aud"] is None


@pytest.mark.parametrize(("attribute", "expiry"), [("50", 50), ("5000", 160), ("soon", 160), ("", 160)])
def test_newer_release_ends_the_token_with_the_users_own_expiry(attribute: str, expiry: int) -> None:
    user = replace(ALICE, attributes={"exp": attribute})
    settings = JwtSettings(SIGNING, lifetime=60)
    assert claims(user, settings, now=100, release=AUTH_RELEASE_0_3)["exp"] == expiry
    assert claims(user, settings, now=100, release=AUTH_RELEASE_0_2)["exp"] == 160


@pytest.mark.parametrize("name", ["jürgen", "a\r\nX-Evil: 1", "a\x00"])
def test_user_who_fits_into_no_header_is_an_error(name: str) -> None:
    user = AuthUser(name, "local")
    with pytest.raises(UnicodeEncodeError):
        success_reply(user, "token", include_legacy_headers=True)
    assert success_reply(user, "token", include_legacy_headers=False).status == 200


# --- the service ------------------------------------------------------------------------------------------


async def ask(
    service: AuthService, *lines: str, method: str = "GET", path: str = "/authenticate"
) -> Response:
    """One request, one reply; the connection is closed."""
    reader, writer = await asyncio.open_connection(*service.address)
    try:
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: auth", "Connection: close", *lines])
        writer.write(head.encode() + b"\r\n\r\n")
        parser = ResponseReader(method=method)
        replies = parser.feed(await reader.read()) or parser.at_eof()
        return replies[0]
    finally:
        writer.close()
        await writer.wait_closed()


def service(**options: object) -> AuthService:
    return AuthService(providers=(LOCAL,), jwt=JwtSettings(SIGNING), now=lambda: 1e9, **options)  # type: ignore[arg-type]


async def test_success_carries_the_token_and_the_legacy_headers() -> None:
    async with service() as auth:
        reply = await ask(auth, f"Authorization: {basic('alice')}")
    assert (reply.status, reply.body) == (200, b"Authenticated successfully")
    assert [reply.headers.get(f"X-Auth-{name}") for name in ("Username", "Realm", "Roles")] == [
        "alice",
        "local",
        "admin,user",
    ]
    scheme, _, token = (reply.headers.get("Authorization") or "").partition(" ")
    assert scheme == "Bearer"
    assert pyjwt.decode(token, SIGNING, algorithms=["HS256"], options={"verify_exp": False})["iat"] == 10**9
    (found,) = auth.journal.of(IdentityFound)
    assert (found.user, found.secure) == ("alice", True)
    (decision,) = auth.journal.of(Decision)
    assert (decision.what, decision.why) == ("accept", "accepted by plain-provider")


async def test_without_legacy_headers_there_is_only_the_token() -> None:
    async with service(include_legacy_headers=False) as auth:
        reply = await ask(auth, f"Authorization: {basic('alice')}")
    assert reply.status == 200
    assert "Authorization" in reply.headers
    assert not any(name.lower().startswith("x-auth-") for name, _ in reply.headers)


async def test_refusal_says_what_would_be_taken() -> None:
    async with service() as auth:
        reply = await ask(auth, f"Authorization: {basic('alice', 'ecfleet-secret-wrong')}")
    assert reply.status == 401
    assert reply.headers.get_all("WWW-Authenticate") == ['Basic realm="local"']
    assert reply.headers.get("Content-Type") == "application/json"
    assert json.loads(reply.body) == {"error": "Unauthorized access"}
    assert auth.journal.of(IdentityFound) == []
    (decision,) = auth.journal.of(Decision)
    assert (decision.what, decision.why) == ("refuse", "plain-provider: wrong user name or password")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/authenticate", 401),
        ("GET", "/authenticate?x=1", 401),
        ("POST", "/authenticate", 405),
        ("DELETE", "/providers", 405),
        ("GET", "/health", 200),
        ("GET", "/authenticate/", 404),
        ("GET", "/", 404),
        ("GET", "/Authenticate", 404),
    ],
)
async def test_endpoints(method: str, path: str, status: int) -> None:
    async with service() as auth:
        reply = await ask(auth, method=method, path=path)
    assert reply.status == status
    if method == "HEAD":
        assert reply.body == b""


async def test_providers_are_listed_without_credentials() -> None:
    async with AuthService(providers=(LOCAL, OTHER)) as auth:
        reply = await ask(auth, path="/providers")
    assert json.loads(reply.body) == [
        {"name": "plain-provider", "type": "Basic", "realm": "local"},
        {"name": "second", "type": "Basic", "realm": "Other"},
    ]


async def test_users_in_short_and_nobody_by_default() -> None:
    async with AuthService(users={"alice": PASSWORD}, realm="here") as auth:
        reply = await ask(auth, f"Authorization: {basic('alice')}")
    assert reply.headers.get("X-Auth-Realm") == "here"
    async with AuthService() as nobody:
        assert (await ask(nobody, f"Authorization: {basic('alice')}")).status == 401
    with pytest.raises(ServiceError, match="either users or providers"):
        AuthService(users={}, providers=())


@pytest.mark.parametrize("faithful", [False, True])
async def test_user_beyond_ascii_is_500_and_faithfully_a_broken_connection(faithful: bool) -> None:
    provider = PlainProvider((PlainUser("jürgen", PASSWORD),))
    async with AuthService(providers=(provider,), faithful=faithful) as auth:
        if faithful:
            with pytest.raises((ConnectionError, IndexError)):
                await ask(auth, f"Authorization: {basic('jürgen')}")
        else:
            assert (await ask(auth, f"Authorization: {basic('jürgen')}")).status == 500


async def test_raw_request_is_on_record_and_the_decoded_one_hides_the_secret() -> None:
    async with service() as auth:
        await ask(auth, f"Authorization: {basic('alice')}")
    (event,) = auth.journal.of(RequestReceived)
    assert basic("alice").encode() in event.raw
    assert basic("alice").split()[1] not in repr(event.decoded)
    (sent,) = auth.journal.of(ReplySent)
    assert (sent.decoded.headers.get("Authorization") or "x").partition(" ")[2] not in repr(sent.decoded)


async def test_connection_serves_several_requests() -> None:
    async with service() as auth:
        reader, writer = await asyncio.open_connection(*auth.address)
        writer.write(b"GET /health HTTP/1.1\r\n\r\n" * 2 + b"GET /health HTTP/1.0\r\n\r\n")
        replies = ResponseReader().feed(await reader.read())
        writer.close()
        await writer.wait_closed()
    assert [reply.body for reply in replies] == [b"OK"] * 3


@pytest.mark.parametrize("raw", [b"nonsense\r\n\r\n", b"\x16\x03\x01", b"GET / HTTP/1.1\r\nA : b\r\n\r\n"])
async def test_what_is_no_http_gets_400(raw: bytes) -> None:
    async with service() as auth:
        reader, writer = await asyncio.open_connection(*auth.address)
        writer.write(raw)
        (reply,) = ResponseReader().feed(await reader.read())
        writer.close()
        await writer.wait_closed()
    assert reply.status == 400


async def test_faults_are_committed() -> None:
    async with service() as auth:
        auth.faults.next(Close(), Truncate(17), Delay(0.01))
        with pytest.raises(IndexError):
            await ask(auth, path="/health")
        with pytest.raises(ValueError, match="ended"):
            await ask(auth, path="/health")
        assert (await ask(auth, path="/health")).status == 200
