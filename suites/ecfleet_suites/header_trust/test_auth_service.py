"""Whom the auth service accepts, and what it tells the proxy about them."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecfleet import FleetFactory, expect, expect_in, rule
from ecfleet.services import AuthService
from ecfleet.wire import http1
from ecfleet_suites.exchanges import ask
from ecfleet_suites.header_trust.chain import USERS, basic

PAIRS = list(USERS.items())
VISIBLE = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_categories=["C"]), max_size=12
)


@st.composite
def attempts(draw: st.DrawFn) -> tuple[str, str]:
    """A name and a password: right, nearly right, or anything."""
    user, password = draw(st.sampled_from(PAIRS))
    return draw(
        st.sampled_from(
            [
                (user, password),
                (user.upper(), password),
                (user.swapcase(), password),
                (user, password.upper()),
                (user, password + " "),
                (user, password[:-1]),
                (user, ""),
                ("", password),
                (f" {user}", password),
                (user, draw(st.sampled_from(PAIRS))[1]),
            ]
        )
        | st.tuples(VISIBLE.filter(lambda text: ":" not in text), VISIBLE)
    )


@pytest.fixture
def auth(ecf_fleet: FleetFactory) -> Iterator[AuthService]:
    fleet = ecf_fleet()
    service = fleet.auth_service(users=USERS, realm="local")
    with fleet:
        yield service


def authenticate(auth: AuthService, *headers: tuple[str, str]) -> http1.Response:
    """The reply to what a reverse proxy asks."""
    fields = http1.Headers([("Host", "auth.example.org"), ("Connection", "close"), *headers])
    return ask(auth.address, http1.Request("GET", "/authenticate", headers=fields, version="HTTP/1.0"))


@rule("TRUST-10")
@given(attempt=attempts())
@example(attempt=("alice", USERS["alice"]))
@example(attempt=("alice", USERS["alice"].upper()))
def test_exact_credentials_only(auth: AuthService, attempt: tuple[str, str]) -> None:
    user, password = attempt
    seen = authenticate(auth, basic(user, password))
    known = USERS.get(user) == password
    what = "known" if known else "other"
    expect(seen.status, 200 if known else 401, f"status for {what} credentials")
    if not known:
        challenge = seen.headers.get("WWW-Authenticate") or ""
        expect_in('Basic realm="local"', challenge, "challenge of the 401")
        expect(seen.headers.get("X-Auth-Username"), None, "X-Auth-Username with the 401")


@rule("TRUST-10")
@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic ***",
        f"Basic {base64.b64encode(b'alice').decode()}",
        f"Digest {basic('alice', USERS['alice'])[1].partition(' ')[2]}",
        basic("alice", USERS["alice"])[1].partition(" ")[2],
        "Bearer ecfleet-secret",
    ],
    ids=["empty", "no credential", "no base64", "no colon", "another scheme", "no scheme", "bearer"],
)
def test_unusable_credentials(auth: AuthService, value: str) -> None:
    seen = authenticate(auth, ("Authorization", value))
    expect(seen.status, 401, "status for unusable credentials")
    expect_in('Basic realm="local"', seen.headers.get("WWW-Authenticate") or "", "challenge of the 401")


@rule("TRUST-11")
@given(
    pair=st.sampled_from(PAIRS),
    spoofed=st.none() | st.sampled_from([*USERS, "root", ""]),
    name=st.sampled_from(["X-Auth-Username", "x-auth-username", "X-AUTH-USERNAME"]),
)
@example(pair=PAIRS[0], spoofed="root", name="X-Auth-Username")
def test_the_accepted_user_is_named(
    auth: AuthService, pair: tuple[str, str], spoofed: str | None, name: str
) -> None:
    extra = [] if spoofed is None else [(name, spoofed)]
    seen = authenticate(auth, *extra, basic(*pair))
    expect(seen.status, 200, "status for known credentials")
    expect(seen.headers.get_all("X-Auth-Username"), [pair[0]], "X-Auth-Username of the reply")
    expect(seen.headers.get_all("X-Auth-Realm"), ["local"], "X-Auth-Realm of the reply")
    expect(len(seen.headers.get_all("Authorization")), 1, "Authorization lines of the reply")
