"""The timeline of an exchange: every hop on one clock, who led to whom, and no secret in it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet.clients import Action, BuiltinClient, Call, ClientError, Outcome, SocksRoute
from ecfleet.fleet import Fleet
from ecfleet.hops import printable, timeline_of
from ecfleet.masking import Secrets
from ecfleet.sandbox import Sandbox
from ecfleet.timeline import Kind, Step, Timeline, lines
from ecfleet.witness import ClientEnded, ClientStarted, Witness, http_message, mark_examples
from ecfleet_mocks.faults import Delay
from ecfleet_mocks.journal import (
    Address,
    ConnectionClosed,
    ConnectionOpened,
    Decision,
    Event,
    FaultInjected,
    IdentityFound,
    Journal,
    Note,
    ReplySent,
    RequestReceived,
    RouteTaken,
    ServiceStarted,
    ServiceStopped,
    TlsEstablished,
    TlsFailed,
    UpstreamOpened,
)
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import (
    CtsApi,
    CtsCmd,
    GroupCTSCmd,
    InitCmd,
    ServerVersionCmd,
    StcApi,
    StcCmd,
    encode_request,
)
from ecfleet_mocks.wire.http1 import Headers, Request, Response, write_request, write_response
from ecfleet_mocks.wire.socks import Credentials

SECRET = "ecfleet-secret-value"
BEARER = {"url": "https://example.org", "key": "ecfleet-secret-key", "email": "me@example.org"}
PROXY, SERVER = Address("127.0.0.1", 8443), Address("127.0.0.1", 3141)
FIRST, SECOND = Address("127.0.0.1", 50001), Address("127.0.0.1", 50002)
PING = CtsCmd(api=CtsApi.PING)
BODY = encode_request(PING)
POST = Request("POST", "/v1/ecflow", headers=Headers([("Content-Length", str(len(BODY)))]), body=BODY)


def chain() -> list[Event]:
    """A client's call over a reverse proxy, which is told of its own connection late."""
    return [
        ServiceStarted(0.0, "server", 0, SERVER, "http"),
        ServiceStarted(0.0, "proxy", 0, PROXY, "https"),
        ClientStarted(1.0, "client", 1, "ping", (("ECF_SSL", "1"),), ("~/.ecflowrc/ssl/server.crt",)),
        ConnectionOpened(1.1, "proxy", 2, FIRST, PROXY, "https"),
        TlsEstablished(1.2, "proxy", 2, "TLSv1.3", "AES", "machine1"),
        RequestReceived(1.3, "proxy", 2, b"", POST),
        ConnectionOpened(1.4, "server", 3, SECOND, SERVER, "http"),
        UpstreamOpened(1.5, "proxy", 2, SECOND, SERVER),
        RequestReceived(1.6, "server", 3, write_request(POST), PING),
        IdentityFound(1.6, "server", 3, "Alice", "X-Auth-Username"),
        ReplySent(1.7, "server", 3, b"", StcCmd(StcApi.OK)),
        ReplySent(1.8, "proxy", 2, b"", Response(200, "OK", headers=Headers([("Server", "y")]))),
        ConnectionClosed(1.9, "proxy", 2, "closed", 10, 20),
        ClientEnded(2.0, "client", 1, "client --ping", 0, False, 1.0, "pong\n", ""),
        ServiceStopped(2.1, "proxy", 0),
    ]


def told(*events: Event, **options: Any) -> Timeline:
    timeline = timeline_of(events, Secrets(), **options)
    assert timeline is not None
    return timeline


def opened(at: float = 1.0, connection: int = 1, peer: Address = FIRST) -> ConnectionOpened:
    return ConnectionOpened(at, "server", connection, peer, SERVER, "tcp")


# --- of a journal -------------------------------------------------------------------------------------


def test_an_exchange_is_told_over_every_hop() -> None:
    assert list(lines(told(*chain()))) == [
        "   1.000  client          starts: client --ping",
        "                            ECF_SSL=1",
        "                            files: ~/.ecflowrc/ssl/server.crt",
        "   1.100    proxy     #1  https connection from client (127.0.0.1:50001)",
        "   1.200    proxy     #1  TLS handshake: TLSv1.3, AES, for machine1",
        "   1.300    proxy     #1  request: POST /v1/ecflow CtsCmd PING",
        f"                            Content-Length: {len(BODY)}",
        "   1.400    proxy     #1  connects to server (127.0.0.1:3141)",
        "   1.400      server  #2  http connection from proxy (127.0.0.1:50002)",
        "   1.600      server  #2  request: POST /v1/ecflow CtsCmd PING",
        f"                            Content-Length: {len(BODY)}",
        "   1.600      server  #2  user 'Alice': X-Auth-Username",
        "   1.700      server  #2  reply: OK",
        "   1.800    proxy     #1  reply: 200 OK",
        "                            Server: y",
        "   1.900    proxy     #1  ends: closed, 10 bytes received, 20 sent",
        "   2.000  client          ends with exit status 0 after 1.000 s",
        "                            stdout: pong",
    ]


def test_steps_are_in_the_order_of_their_times_whatever_was_recorded_first() -> None:
    timeline = told(*reversed(chain()))
    times = [step.at for step in timeline.steps]
    assert times == sorted(times)
    assert timeline.hops == ("client", "proxy", "server")
    assert [step.depth for step in timeline.steps if step.kind is Kind.REQUEST] == [1, 2]


def test_a_port_that_is_used_again_leads_to_the_connection_of_its_time() -> None:
    events = [
        opened(1.0, 1, FIRST),
        UpstreamOpened(1.1, "proxy", 7, FIRST, SERVER),
        ConnectionOpened(0.9, "proxy", 7, SECOND, PROXY, "tcp"),
        opened(5.0, 2, FIRST),
        Note(5.1, "server", 2, "nobody led here"),
    ]
    depths = {step.text: step.depth for step in told(*events).steps}
    assert depths["tcp connection from proxy (127.0.0.1:50001)"] == 1
    assert depths["nobody led here"] == 0


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        (TlsFailed(2.0, "server", 1, "WRONG_VERSION"), Kind.TLS_FAILED, "TLS handshake fails: WRONG_VERSION"),
        (Decision(2.0, "server", 1, "allow", ""), Kind.DECISION, "decides: allow"),
        (Decision(2.0, "server", 1, "refuse", "no user"), Kind.DECISION, "decides: refuse (no user)"),
        (
            RouteTaken(2.0, "server", 1, Address("machine1", 9316), "DOMAINNAME", None),
            Kind.ROUTE,
            "machine1:9316 as DOMAINNAME: no route",
        ),
        (
            RouteTaken(2.0, "server", 1, Address("machine1", 9316), "DOMAINNAME", SERVER),
            Kind.ROUTE,
            "machine1:9316 as DOMAINNAME: leads to 127.0.0.1:3141",
        ),
        (FaultInjected(2.0, "server", 1, Delay(1.5)), Kind.FAULT, "fault, as told: Delay(seconds=1.5)"),
        (Note(2.0, "server", 1, "5.9.2 dies here"), Kind.NOTE, "5.9.2 dies here"),
        (
            ReplySent(2.0, "server", 1, write_response(Response(200, "OK")), StcCmd(StcApi.OK)),
            Kind.REPLY,
            "reply: 200 OK OK",
        ),
        (
            ConnectionClosed(2.0, "server", 1, "eof", 3, 0),
            Kind.ABANDONED,
            "ends without a request: eof, 3 bytes received, 0 sent",
        ),
        (
            ClientEnded(2.0, "client", 9, "c", None, True, 30.0, "", ""),
            Kind.END,
            "was stopped after 30.000 s: its time was up",
        ),
        (
            ClientEnded(2.0, "client", 9, "c", -11, False, 0.5, "", ""),
            Kind.END,
            "was ended by signal 11 after 0.500 s",
        ),
        (
            ClientEnded(2.0, "client", 9, "c", None, False, 0.5, "", "", "ClientError: gone"),
            Kind.END,
            "did not run: ClientError: gone",
        ),
        (ServiceStopped(2.0, "server", 0), Kind.STOP, "stops"),
    ],
)
def test_each_event_has_its_words(event: Event, kind: Kind, text: str) -> None:
    step = told(opened(), event, opened(3.0, 2)).steps[1]
    assert (step.kind, step.text) == (kind, text)


def test_a_request_without_a_reply_is_seen() -> None:
    steps = told(
        opened(),
        RequestReceived(2.0, "server", 1, b"", PING),
        ConnectionClosed(3.0, "server", 1, "reset", 9, 0),
    ).steps
    assert (steps[-1].kind, steps[-1].text) == (
        Kind.ABANDONED,
        "ends without a reply: reset, 9 bytes received, 0 sent",
    )


def test_what_nobody_has_to_know_is_no_step() -> None:
    assert timeline_of([ServiceStarted(0.0, "server", 0, SERVER, "tcp")], Secrets()) is None
    assert timeline_of([Note(0.0, "server", 5, "of no connection")], Secrets()) is None
    assert timeline_of([ServiceStopped(0.0, "server", 0)], Secrets()) is None


def test_of_a_long_journal_the_end_is_kept_and_no_run_is_cut() -> None:
    events: list[Event] = []
    for run in range(4):
        events.append(ClientStarted(10.0 * run, "client", 100 + run, "ping", (), ()))
        events += [opened(10.0 * run + 1, run + 1), Note(10.0 * run + 2, "server", run + 1, f"run {run}")]
        events.append(ClientEnded(10.0 * run + 3, "client", 100 + run, "c", 0, False, 3.0, "", ""))
    whole = told(*events)
    assert (len(whole.steps), whole.left_out) == (16, 0)
    tail = told(*events, most=11)
    assert (len(tail.steps), tail.left_out) == (8, 8)
    assert tail.steps[0].kind is Kind.START
    assert {step.connection for step in tail.steps} == {0, 1, 2}
    one = told(*events, most=3)
    assert (len(one.steps), one.left_out) == (3, 13)
    assert next(lines(one)) == "       …  13 more steps not shown"
    since = told(*events, since=25.0)
    assert [step.at for step in since.steps] == [30.0, 31.0, 32.0, 33.0]
    assert since.left_out == 0


def test_no_peer_takes_the_terminal_over() -> None:
    step = told(opened(), Note(2.0, "server", 1, "a\x1b[2J\nb\udc80é日")).steps[1]
    assert step.text == "a\\x1b[2J\\nb\\udc80é日"
    assert step.text.isprintable()


@given(st.text())
def test_every_text_becomes_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()


def test_a_long_text_is_cut_after_its_secrets_are_out() -> None:
    secrets = Secrets()
    secrets.add(SECRET)
    timeline = timeline_of([opened(), Note(2.0, "server", 1, "x" * 390 + SECRET + "y" * 99)], secrets)
    assert timeline is not None
    text = timeline.steps[1].text
    assert (len(text), text[389:]) == (400, "x***1yyyyy…")


# --- as data and text ---------------------------------------------------------------------------------

STEPS = st.builds(
    Step,
    st.floats(0, 1e6).map(lambda at: round(at, 6)),
    st.text(),
    st.sampled_from(Kind),
    st.text(),
    st.integers(0, 9),
    st.integers(0, 9),
    st.lists(st.text()).map(tuple),
)


@given(st.builds(Timeline, st.lists(STEPS).map(tuple), st.integers(0, 99)))
def test_plain_data_and_back(timeline: Timeline) -> None:
    assert Timeline.from_table(json.loads(json.dumps(timeline.as_table()))) == timeline


def test_in_short_what_was_asked_and_what_came_of_it_is_left() -> None:
    brief = told(*chain()).brief(4)
    assert [(step.hop, step.kind) for step in brief.steps] == [
        ("server", Kind.REQUEST),
        ("server", Kind.REPLY),
        ("proxy", Kind.REPLY),
        ("client", Kind.END),
    ]
    assert brief.left_out == 8
    text = list(lines(brief, details=False))
    assert (len(text), text[0]) == (5, "       …  8 more steps not shown")
    assert next(lines(Timeline(brief.steps[-1:], 1))).endswith("1 more step not shown")


# --- the client's part --------------------------------------------------------------------------------


def test_runs_of_a_client_are_in_the_journal(tmp_path: Path) -> None:
    fleet = Fleet(journal=Journal())
    server = fleet.ecflow_server(http=0)
    witness = Witness(fleet.journal)
    client = witness.watch(BuiltinClient())
    with fleet, Sandbox(tmp_path / "s") as sandbox:
        sandbox.set("ECF_PASS", SECRET)
        sandbox.put_token_file({"version": 1, "tokens": [{"server": ".*", "type": "bearer", "api": BEARER}]})
        port = server.addresses[Transport.HTTP].port
        call = Call(Action.PING, "127.0.0.1", port, transport=Transport.HTTP, environment={"EXTRA": "1"})
        outcome = client.run(call, sandbox)
    assert outcome.ok
    (started,) = fleet.journal.of(ClientStarted)
    (ended,) = fleet.journal.of(ClientEnded)
    assert started.variables == (("ECF_PASS", SECRET), ("EXTRA", "1"))
    assert started.files == ("~/.ecflowapirc",)
    assert (ended.exit_code, ended.stdout) == (0, outcome.stdout)
    timeline = timeline_of(fleet.journal.events, witness.secrets())
    assert timeline is not None
    assert timeline.hops == ("builtin", "ecflow_server")
    request = next(step for step in timeline.steps if step.kind is Kind.REQUEST)
    assert (request.depth, "Authorization: Bearer ***2" in request.details) == (1, True)
    assert "ecfleet-secret" not in json.dumps(timeline.as_table())
    assert (client.name, client.release, client.dialect) == ("builtin", "5.17.0", BuiltinClient().dialect)
    assert client.capabilities == BuiltinClient().capabilities
    assert client.retry_seconds == 0.05  # type: ignore[attr-defined]


class Broken:
    """A client that cannot be started."""

    name, release, dialect, capabilities = "broken", "1", None, frozenset[str]()

    def run(self, call: Call, sandbox: Sandbox, timeout: float = 30.0) -> Outcome:
        raise ClientError("it is not there")


def test_a_client_that_does_not_run_is_told_too(tmp_path: Path) -> None:
    witness = Witness(Journal())
    broken: Any = Broken()
    with Sandbox(tmp_path / "s") as sandbox:
        for name in range(20):
            sandbox.put_file(f"d{name}/f", "")
        sandbox.set("ECF_AUTHTOKENS", sandbox.home / "elsewhere")
        with pytest.raises(ClientError):
            witness.watch(broken).run(Call(Action.PING), sandbox)
    (started,) = witness.journal.of(ClientStarted)
    assert (len(started.files), started.files[0]) == (12, "./d0/f")
    assert started.variables == (("ECF_AUTHTOKENS", "~/elsewhere"),)
    (ended,) = witness.journal.of(ClientEnded)
    assert ended.problem == "ClientError: it is not there"


def test_of_a_property_the_last_example_counts() -> None:
    witness = Witness(Journal(clock=iter(range(100)).__next__))
    tried: list[int] = []

    @given(st.sampled_from([1, 2, 3]))
    def check(number: int) -> None:
        tried.append(number)

    @given(st.sampled_from([1, 2, 3]))
    async def check_later(number: int) -> None:
        tried.append(number)

    inner = check.hypothesis.inner_test  # type: ignore[attr-defined]
    undo = mark_examples(check, witness.example_begins)
    check()
    assert witness.since == len(tried) > 1
    undo()
    assert check.hypothesis.inner_test is inner  # type: ignore[attr-defined]
    before = len(tried)
    mark_examples(check_later, witness.example_begins)
    asyncio.run(check_later.hypothesis.inner_test(1))  # type: ignore[attr-defined]
    assert (len(tried), witness.since) == (before + 1, before + 1)


# --- secrets ------------------------------------------------------------------------------------------


def test_http_messages_are_found_also_where_the_service_decoded_further() -> None:
    raw = write_request(POST)
    assert http_message(RequestReceived(0, "s", 1, raw, PING)) == POST
    assert http_message(RequestReceived(0, "s", 1, b"x", POST)) is POST
    assert http_message(RequestReceived(0, "s", 1, encode_request(PING), PING)) is None
    assert http_message(RequestReceived(0, "s", 1, b"POST / HTTP/1.1\r\nbroken", None)) is None
    assert http_message(RequestReceived(0, "s", 1, b"!! / HTTP/1.1 \r\n\r\n", None)) is None
    reply = http_message(ReplySent(0, "s", 1, b"HTTP/1.1 204 No Content\r\n\r\n", None))
    assert isinstance(reply, Response)
    assert reply.status == 204


@pytest.mark.parametrize(
    "message",
    [
        Request("GET", "/", headers=Headers([("Authorization", f"Bearer {SECRET}")])),
        Request("GET", "/", headers=Headers([("Authorization", SECRET)])),
        Request("GET", "/", headers=Headers([("Cookie", f"a=b; session={SECRET}")])),
        Request("POST", "/", body=encode_request(InitCmd(path="/s", jobs_password=SECRET))),
        Response(200, "OK", headers=Headers([("Set-Cookie", f"session={SECRET}; Path=/")])),
        InitCmd(path="/s/t", jobs_password=SECRET),
        ServerVersionCmd(password=SECRET),
        GroupCTSCmd(commands=(PING, ServerVersionCmd(password=SECRET))),
        Credentials("user", SECRET),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_services_were_sent_in_secret_is_known(message: Any) -> None:
    journal = Journal()
    kind = ReplySent if isinstance(message, Response) else RequestReceived
    journal.record(kind(0.0, "server", 1, b"", message))
    assert SECRET not in Witness(journal).secrets().mask(f"seen {SECRET}, no more")


def test_what_clients_were_given_in_secret_is_known(tmp_path: Path) -> None:
    witness = Witness(Journal())
    with Sandbox(tmp_path / "s") as sandbox:
        socks = SocksRoute("localhost", 1, user="u", password="ecfleet-secret-socks")
        call = Call(Action.PING, socks=socks, environment={"MY_TOKEN": "ecfleet-secret-token"})
        witness.started(0.0, "client", 1, call, sandbox)
    masked = witness.secrets().mask("ecfleet-secret-token ecfleet-secret-socks ecfleet-secret-token")
    assert masked == "***1 ***2 ***1"
