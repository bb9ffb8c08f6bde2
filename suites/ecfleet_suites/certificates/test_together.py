"""Plain and TLS beside each other: the wrong kind of server, several servers, several ways to ask for TLS."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import FleetFactory, Sandbox, expect, not_applicable, rule
from ecfleet.clients import Action, Call, ClientUnderTest, task_environment
from ecfleet.models import Dialect
from ecfleet.services import (
    Journal,
    RequestReceived,
    Service,
    TlsEstablished,
    Transport,
)
from ecfleet_suites.certificates.bench import HOST, OWN, Bench, certificate_of, credential_of
from ecfleet_suites.certificates.experiments import decide


@pytest.fixture
def bench(
    ecf_client: ClientUnderTest,
    ecf_sandbox: Sandbox,
    ecf_journal: Journal,
    ecf_fleet: FleetFactory,
    ecf_dialect: Dialect,
) -> Bench:
    return Bench(ecf_client, ecf_sandbox, ecf_journal, ecf_fleet, ecf_dialect)


# Whoever speaks for this task without its password is sent away at once, and not asked to wait.
TASK_DEFINITION = """\
suite s
  task t
    zombie ecf_passwd:fail::3600
    zombie ecf_pid:fail::3600
    zombie ecf_pid_passwd:fail::3600
    zombie ecf:fail::3600
endsuite
"""
TASK = {"ECF_DENIED": "1"} | task_environment("/s/t", "ecfleet-secret-job", remote_id="1")
"""A task whose client gives up rather than try again for a day."""


@rule("CERT-27")
@pytest.mark.parametrize("action", [Action.PING, Action.SUITES], ids=["ping", "suites"])
def test_a_plain_client_at_a_tls_server_ends_at_once(bench: Bench, action: Action) -> None:
    with bench.server() as server:
        outcome = bench.client.run(Call(action, HOST, server.address.port), bench.sandbox)
        expect(bench.seen(outcome), "refused", "plain command at a TLS server")
    expect(bench.connections(), 1, "connections of a plain client at a TLS server")
    bench.must_have_been_told("EOF", outcome, "message of a plain client at a TLS server")


@rule("CERT-27")
def test_so_does_a_plain_task(bench: Bench) -> None:
    if "tasks" not in bench.client.capabilities:
        not_applicable(f"{bench.client.name} lacks tasks")
    with bench.server() as server:
        call = Call(Action.INIT, HOST, server.address.port, arguments=("1",), environment=TASK)
        expect(bench.seen(bench.client.run(call, bench.sandbox)), "refused", "plain init at a TLS server")
    expect(bench.connections(), 1, "connections of a plain task at a TLS server")


@rule("CERT-28")
@pytest.mark.parametrize("what", ["ecflow_server", "ecflow_server with HTTP", "log_server"])
def test_a_tls_client_at_a_plain_service_ends_at_once(bench: Bench, what: str, tmp_path: Path) -> None:
    fleet = bench.fleets()
    service: Service
    if what == "log_server":
        service = fleet.log_server(paths=[tmp_path], dialect=bench.dialect)
    elif what == "ecflow_server":
        service = fleet.ecflow_server(dialect=bench.dialect)
    else:
        service = fleet.ecflow_server(plain=None, http=0)
    bench.put({"server.crt": OWN})
    with fleet:
        call = Call(Action.PING, HOST, service.address.port, transport=Transport.SSL)
        outcome = bench.client.run(call, bench.sandbox)
    expect(outcome.exit_code, 1, f"exit code of --ping --ssl at a plain {what}")
    expect(bench.connections(), 1, f"connections of a TLS client at a plain {what}")
    bench.must_have_been_told(
        "possibly non-ssl server", outcome, "message of a TLS client at a plain service"
    )


DEFINITION = "suite s\n" + "".join(f"  task t{number}\n    label l '{'x' * 2000}'\n" for number in range(100))


@rule("CERT-31")
def test_a_long_reply_is_read_to_its_end(bench: Bench) -> None:
    bench.put({"server.crt": OWN})
    with bench.server() as server:
        server.server.load(DEFINITION)
        call = Call(Action.GET, HOST, server.address.port, transport=Transport.SSL)
        outcome = bench.client.run(call, bench.sandbox)
    expect(outcome.exit_code, 0, "exit code of --get over TLS with a reply of 200 kB")
    expect("task t99" in outcome.stdout, True, "whether the end of the reply is printed")


@rule("CERT-32")
def test_servers_of_one_machine_share_a_certificate(bench: Bench) -> None:
    bench.put({"server.crt": OWN})
    with ExitStack() as stack:
        servers = [stack.enter_context(bench.server()) for _ in range(2)]
        for server in servers * 2:
            expect(bench.pinged(server, ecf_ssl="1"), "answered", "ping of servers that share a certificate")


@rule("CERT-33")
def test_servers_with_certificates_of_their_own(bench: Bench) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(bench.server(kind)) for kind in ("A", "B")]
        names = [f"{HOST}.{server.address.port}.crt" for server in servers]
        bench.put({name: certificate_of(kind) for name, kind in zip(names, ("A", "B"), strict=True)})
        for server in servers * 2:
            seen = bench.pinged(server, ecf_ssl="text", host_by="environment", port_by="environment")
            expect(seen, "answered", "ping of servers with a certificate each")


@rule("CERT-33")
@pytest.mark.parametrize("host", ["localhost", HOST])
def test_servers_behind_forwarded_ports(bench: Bench, host: str) -> None:
    """``ssh -L`` puts servers of other machines behind ports of this one; the file is named after that."""
    named = bench.sandbox.host_name if host == "localhost" else host
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(bench.server(kind)) for kind in ("A", "B")}
        ends = [(kind, server, server.address.port) for kind, server in servers.items()]
        bench.put({f"machine1.{port}.crt": certificate_of(kind) for kind, _, port in ends})
        for _, server, _ in ends:
            seen = bench.pinged(server, host=host, ssl=True)
            expect(seen, "no connection", "ping through a forwarded port with the file of the far end's name")
        bench.put({f"{named}.{port}.crt": certificate_of(kind) for kind, _, port in ends})
        for _, server, _ in ends * 2:
            seen = bench.pinged(server, host=host, ssl=True)
            expect(seen, "answered", "ping through forwarded ports with a file for each")


@rule("CERT-34")
@given(order=st.lists(st.booleans(), min_size=3, max_size=5))
@settings(max_examples=4)
def test_one_client_talks_to_both_kinds(bench: Bench, order: list[bool]) -> None:
    bench.put({"server.crt": OWN})
    with bench.server() as secure, bench.server("plain") as plain:
        for tls in [*order, True, False, True]:
            server, name = (secure, "TLS") if tls else (plain, "plain")
            expect(bench.pinged(server, ssl=tls), "answered", f"ping of the {name} server of two")


@rule("CERT-34")
def test_to_both_kinds_at_once(bench: Bench) -> None:
    bench.put({"server.crt": OWN})
    with bench.server() as secure, bench.server("plain") as plain, ThreadPoolExecutor(4) as pool:
        asked = [(secure, True), (plain, False)] * 2
        codes = pool.map(lambda one: bench.ping(one[0], ssl=one[1]).exit_code, asked)
        expect(list(codes), [0, 0, 0, 0], "exit codes of pings of a TLS and a plain server at once")
    secured = {event.connection for event in bench.journal.of(TlsEstablished)}
    expect(len(secured), 2, "TLS connections of four pings")


@rule("CERT-35")
@pytest.mark.parametrize("how", ["ECF_SSL", "--ssl"])
def test_tasks_choose_as_users_do(bench: Bench, how: str) -> None:
    with bench.server() as server:
        server.server.load(TASK_DEFINITION)
        bench.put({"server.crt": OWN})
        call = Call(
            Action.INIT,
            HOST,
            server.address.port,
            transport=Transport.SSL if how == "--ssl" else Transport.TCP,
            arguments=("1",),
            environment=TASK | ({"ECF_SSL": "1"} if how == "ECF_SSL" else {}),
        )
        bench.client.run(call, bench.sandbox)
    served = [event for event in bench.journal.of(RequestReceived) if event.decoded is not None]
    assert served, f"init with {how}: the server has got no command"
    expect(len(bench.tls_versions()) > 0, True, f"whether init with {how} came over TLS")


@rule("CERT-37")
def test_ecf_ssl_wins_over_http(bench: Bench, record_property: Callable[[str, object], None]) -> None:
    fleet = bench.fleets()
    secure = fleet.ecflow_server(
        "tls", plain=None, tls=0, certificate=credential_of("A"), dialect=bench.dialect
    )
    bench.put({"server.crt": OWN})
    with fleet:
        call = Call(
            Action.PING,
            HOST,
            secure.address.port,
            transport=Transport.HTTP,
            environment={"ECF_SSL": "1"},
        )
        seen = bench.seen(bench.client.run(call, bench.sandbox))
    outcomes = {"5.17": "answered", "the option before the environment": "refused"}
    record_property("ecf_follows", decide(seen, outcomes, "ping with --http and ECF_SSL=1 at a TLS server"))
