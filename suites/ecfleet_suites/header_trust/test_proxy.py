"""What a reverse proxy with the documented configuration lets through, seen from both sides of it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import resources
from importlib.util import find_spec

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecfleet import FleetFactory, expect, not_run, rule, violated
from ecfleet.services import Answer, Close, Fault, Mute, Refuse, Truncate
from ecfleet.wire import LoadDefsCmd, encode_request, http1
from ecfleet_suites.exchanges import posted
from ecfleet_suites.header_trust.chain import USERS, Chain, Exchange, basic, make_chain, ping

STATUSES = tomllib.loads(
    (resources.files(__package__) / "tables" / "auth_status.toml").read_text(encoding="utf-8")
)["row"]
IDENTITY = ("X-Auth-Username", "X-Auth-Realm", "X-Auth-Roles")
ALICE = basic("alice", USERS["alice"])

TOKEN = st.text(st.sampled_from("abcXYZ019-._@"), min_size=1, max_size=12)


@st.composite
def spelled(draw: st.DrawFn, *names: str) -> str:
    """One of the names, in some mixture of capitals and small letters."""
    name = draw(st.sampled_from(names))
    return "".join(char.upper() if draw(st.booleans()) else char.lower() for char in name)


@pytest.fixture(params=["asyncio", "mitmproxy"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "mitmproxy" and find_spec("mitmproxy") is None:
        not_run("mitmproxy", install="pip install 'ecfleet[mitmproxy]'")
    return name


@pytest.fixture
def chain(ecf_fleet: FleetFactory, engine: str) -> Iterator[Chain]:
    fleet = ecf_fleet()
    made = make_chain(fleet, engine)
    with fleet:
        yield made


def reply_of_auth(status: int, *headers: tuple[str, str]) -> Answer:
    """The auth service answers just this."""
    length = ("Content-Length", "0")
    response = http1.Response(status, "Status", headers=http1.Headers([*headers, length]))
    return Answer(http1.write_response(response))


def arrived(seen: Exchange) -> http1.Headers:
    """The headers of the one request that the ecFlow server got."""
    expect(len(seen.arrived), 1, "requests that reached the ecFlow server")
    return seen.arrived[0].headers


REFUSED_CREDENTIALS = {
    "none": (),
    "empty": (("Authorization", ""),),
    "unknown user": (basic("nobody", "ecfleet-secret"),),
    "wrong password": (basic("alice", "ecfleet-secret-wrong"),),
    "another scheme": (("Authorization", "Bearer ecfleet-secret"),),
    "no base64": (("Authorization", "Basic ***"),),
    "identity without credentials": (("X-Auth-Username", "alice"), ("X-Auth-Realm", "local")),
    "cookie": (("Cookie", "session=ecfleet-secret"),),
}


@rule("TRUST-01")
@pytest.mark.parametrize("case", REFUSED_CREDENTIALS)
def test_nobody_gets_through_without_credentials(chain: Chain, case: str) -> None:
    seen = chain.say(*REFUSED_CREDENTIALS[case])
    expect(seen.response.status, 401, f"status for credentials: {case}")
    chain.expect_nothing_behind(seen, f"credentials: {case}")


@rule("TRUST-01")
def test_no_spelling_of_the_path_goes_around(chain: Chain) -> None:
    targets = (
        "/v1/ecflow/",
        "/v1/ecflowXYZ?q",
        "//v1/ecflow",
        "/x/../v1/ecflow",
        "/v1/%65cflow",
        "/v1/./ecflow",
        "/v1/ECFLOW",
        "/",
        "http://ecflow.example.org/v1/ecflow",
    )
    for target in targets:
        request = posted(encode_request(ping()))
        seen = chain.exchange(http1.Request("POST", target, headers=request.headers, body=request.body))
        chain.expect_nothing_behind(seen, f"POST {target} without credentials")
        if seen.response.status < 400:
            violated(f"status of POST {target}", expected="a refusal", seen=str(seen.response.status))


@rule("TRUST-02")
@given(
    spoofed=st.lists(st.tuples(spelled(*IDENTITY), TOKEN), min_size=1, max_size=5),
    told=st.tuples(TOKEN, TOKEN, TOKEN),
)
@example(spoofed=[(name, "spoofed") for name in IDENTITY], told=("alice", "local", "a,b"))
@example(spoofed=[(name.lower(), "spoofed") for name in IDENTITY], told=("alice", "local", "a,b"))
@settings(max_examples=15)
def test_identity_of_the_client_is_replaced(
    chain: Chain, spoofed: list[tuple[str, str]], told: tuple[str, str, str]
) -> None:
    chain.auth.faults.next(reply_of_auth(200, *zip(IDENTITY, told, strict=True)))
    headers = arrived(chain.say(*spoofed))
    for name, value in zip(IDENTITY, told, strict=True):
        expect(headers.get_all(name), [value], f"{name} at the ecFlow server, in all spellings")
    for name in IDENTITY:
        expect(len(headers.get_all(name, case_sensitive=True)), 1, f"lines spelled {name}")


@rule("TRUST-03")
@given(told=st.fixed_dictionaries({}, optional={name: TOKEN | st.just("") for name in IDENTITY}))
@example(told={})
@settings(max_examples=15)
def test_identity_of_the_client_is_removed(chain: Chain, told: dict[str, str]) -> None:
    chain.auth.faults.next(reply_of_auth(200, *told.items()))
    headers = arrived(chain.say(*((name, "spoofed") for name in IDENTITY)))
    for name in IDENTITY:
        wanted = [told[name]] if told.get(name) else []
        said = "with" if wanted else "without"
        expect(headers.get_all(name), wanted, f"{name} at the ecFlow server, auth reply {said} it")


@rule("TRUST-03")
def test_without_legacy_headers_nobody_is_named(ecf_fleet: FleetFactory, engine: str) -> None:
    fleet = ecf_fleet()
    chain = make_chain(fleet, engine, legacy=False)
    with fleet:
        headers = arrived(chain.say(ALICE, ("X-Auth-Username", "spoofed")))
    expect(headers.get_all("X-Auth-Username"), [], "X-Auth-Username without legacy headers")


@rule("TRUST-04")
@given(name=spelled(*(name.replace("-", "_") for name in IDENTITY), "X-Auth_Username", "X_Auth-Username"))
@example(name="X_Auth_Username")
@settings(max_examples=10)
def test_underscores_are_dropped(chain: Chain, name: str) -> None:
    headers = arrived(chain.say(ALICE, (name, "spoofed")))
    odd = [header for header, _ in headers if "_" in header]
    expect(odd, [], "headers with underscores at the ecFlow server")


@rule("TRUST-05")
@given(user=st.sampled_from(sorted(USERS)), told=st.booleans())
@settings(max_examples=8)
def test_credentials_stay_outside(chain: Chain, user: str, told: bool) -> None:
    credentials = basic(user, USERS[user])
    if not told:
        chain.auth.faults.next(reply_of_auth(200, ("X-Auth-Username", user)))
    seen = chain.say(credentials)
    headers = arrived(seen)
    if credentials[1].partition(" ")[2].encode() in seen.arrived[0].raw:
        violated(
            "Authorization at the ecFlow server",
            expected="that of the auth service, or none",
            seen="the client's",
        )
    expect(
        len(headers.get_all("Authorization")),
        int(told),
        f"Authorization lines, auth reply {'with' if told else 'without'} one",
    )


@rule("TRUST-06")
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_the_auth_service_gets_no_body(chain: Chain, coding: str) -> None:
    command = LoadDefsCmd("suite ecfleet-marker\nendsuite\n", host="client.example.org", user="mallory")
    request = posted(encode_request(command), [ALICE, ("X-Custom", "kept")])
    if coding == "chunked":
        headers = request.headers.without("Content-Length").adding("Transfer-Encoding", "chunked")
        request = http1.Request("POST", request.target, headers=headers, body=request.body)
    seen = chain.exchange(request)
    expect(len(seen.asked), 1, "requests to the auth service")
    asked = seen.asked[0]
    expect(asked.method, "GET", "method of the request to the auth service")
    expect(len(asked.body), 0, "bytes of body for the auth service")
    for name in ("Content-Length", "Transfer-Encoding"):
        expect(asked.headers.get_all(name), [], f"{name} for the auth service")
    expect(asked.headers.get("X-Custom"), "kept", "another header for the auth service")
    expect(arrived(seen).get_all("Content-Length"), [str(len(request.body))], "length for the ecFlow server")


@rule("TRUST-07")
@pytest.mark.parametrize("row", STATUSES, ids=lambda row: f"{row['statuses'][0]}-{row['statuses'][-1]}")
def test_statuses_of_the_auth_service(chain: Chain, row: dict[str, object]) -> None:
    statuses = row["statuses"]
    assert isinstance(statuses, list)
    for status in statuses:
        fields = [("X-Auth-Username", "alice"), ("Location", "https://login.example.org/")]
        if status == 401:
            fields.append(("WWW-Authenticate", 'Basic realm="local"'))
        chain.auth.faults.next(reply_of_auth(status, *fields))
        seen = chain.say(ALICE)
        expect(seen.response.status, row["client"], f"status for the client, auth service: {status}")
        reached = bool(seen.arrived)
        expect(reached, row["goes_on"], f"whether the ecFlow server is reached, auth service: {status}")
        challenge = ['Basic realm="local"'] if status == 401 else []
        expect(
            seen.response.headers.get_all("WWW-Authenticate"),
            challenge,
            f"challenge for the client, auth service: {status}",
        )


ILLS: dict[str, Fault] = {
    "refuses": Refuse(),
    "closes": Close(),
    "cuts its reply short": Truncate(20),
    "speaks no HTTP": Answer(b"220 smtp.example.org ready\r\n"),
    "is silent": Mute(),
}


@rule("TRUST-07")
def test_an_ill_auth_service_lets_nobody_in(ecf_fleet: FleetFactory, engine: str) -> None:
    fleet = ecf_fleet()
    chain = make_chain(fleet, engine, auth_patience=0.2)
    with fleet:
        for ill, fault in ILLS.items():
            chain.auth.faults.next(fault)
            seen = chain.say(ALICE)
            expect(seen.response.status, 500, f"status when the auth service {ill}")
            chain.expect_nothing_behind(seen, f"an auth service that {ill}")


@rule("TRUST-08")
@given(
    senders=st.lists(
        st.tuples(
            st.sampled_from([*USERS, ""]),
            st.lists(st.tuples(spelled(*IDENTITY, "X_Auth_Username", "X-User"), TOKEN), max_size=3),
        ),
        min_size=1,
        max_size=4,
    ),
    claimed=TOKEN,
)
@example(senders=[("alice", []), ("bob", [("X-Auth-Username", "Alice")])], claimed="carol-ann")
@settings(max_examples=12)
def test_the_server_acts_for_whom_the_auth_service_accepted(
    chain: Chain, senders: list[tuple[str, list[tuple[str, str]]]], claimed: str
) -> None:
    for user, spoofed in senders:
        # A realm is no mere header to the auth service: another one than its own lets nobody in.
        spoofed = [(name, "local" if name.lower() == "x-auth-realm" else value) for name, value in spoofed]
        credentials = basic(user, USERS[user]) if user else basic("alice", "ecfleet-secret-wrong")
        seen = chain.say(*spoofed, credentials, command=ping(claimed))
        wanted = (user,) if user else ()
        expect(seen.accepted, wanted, "whom the auth service accepted")
        expect(seen.acting, wanted, "whom the ecFlow server acted for")
        expect(seen.response.status, 200 if user else 401, "status for the client")


@rule("TRUST-09")
@pytest.mark.parametrize("second", ["alice", "bob"])
def test_two_credentials_are_refused(chain: Chain, second: str) -> None:
    seen = chain.say(ALICE, basic(second, USERS[second]))
    expect(seen.response.status, 400, "status for two Authorization lines")
    expect(len(seen.asked), 0, "requests to the auth service for two Authorization lines")
    chain.expect_nothing_behind(seen, "two Authorization lines")
