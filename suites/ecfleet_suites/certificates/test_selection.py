"""Which file a client trusts: the experiments, the whole space, and what no table can hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import FleetFactory, Sandbox, expect, not_applicable, rule, violated
from ecfleet.clients import ClientUnderTest
from ecfleet.models import DIALECT_5_9, DIALECT_5_17, Dialect, dialect
from ecfleet.services import EcflowServer, Journal
from ecfleet_suites.certificates.bench import ANOTHER, HOST, OWN, Bench, certificate_of, costs_a_process
from ecfleet_suites.certificates.experiments import Experiment, Seen, decide, experiments, of_rule
from ecfleet_suites.certificates.space import Point, every_pair, every_point, oracle

Remark = Callable[[str, object], None]


@pytest.fixture
def bench(
    ecf_client: ClientUnderTest,
    ecf_sandbox: Sandbox,
    ecf_journal: Journal,
    ecf_fleet: FleetFactory,
    ecf_dialect: Dialect,
) -> Bench:
    return Bench(ecf_client, ecf_sandbox, ecf_journal, ecf_fleet, ecf_dialect)


# --- the table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", of_rule(experiments()))
def test_experiment(row: Experiment, bench: Bench, record_property: Remark) -> None:
    capability = "disable-ssl"
    if row.disable_ssl and capability not in bench.client.capabilities:
        not_applicable(f"{bench.client.name} lacks {capability}")
    with bench.server(row.server, dialect=dialect(row.release) if row.release else None) as server:
        bench.put({bench.filled_in(name, server): certificate_of(kind) for name, kind in row.files.items()})
        environment = {}
        if row.directory is not None:
            for name, kind in row.directory["files"].items():
                bench.sandbox.put_certificate(name, certificate_of(kind), bench.sandbox.root)
            environment["ECF_SSL_DIR"] = f"{bench.sandbox.root}/{row.directory['variable']}"
        seen = bench.pinged(
            server,
            host=row.host,
            port_by=row.port,
            ecf_ssl=None if row.ecf_ssl is None else bench.filled_in(row.ecf_ssl, server),
            ssl=row.ssl,
            environment=environment,
            disable_ssl=row.disable_ssl,
        )
    record_property("ecf_follows", decide(seen, row.outcome, f"ping ({row.what})"))


# --- the whole space ----------------------------------------------------------------------------------


@rule("CERT-14")
def test_the_whole_space(
    bench: Bench, ecf_seed: int, record_property: Remark, pytestconfig: pytest.Config
) -> None:
    # A mutant of something else than the choice of the file is not worth the seconds.
    mutant = pytestconfig.getoption("ecf_mutant") or ""
    thorough = not costs_a_process(bench.client) and (not mutant or "CERT-01" <= mutant < "CERT-20")
    points: Iterable[Point] = every_point() if thorough else every_pair(ecf_seed)
    judges = {name: oracle(release) for name, release in (("5.9", DIALECT_5_9), ("5.17", DIALECT_5_17))}
    like: Counter[str] = Counter()
    wrong: list[Point] = []
    what = "every content of the directory, every ECF_SSL, --ssl, host and port"
    with bench.server() as server:
        own_host, port = bench.sandbox.host_name, str(server.address.port)
        for point in sorted(points, key=_directory_first):
            bench.put({name: certificate_of(kind) for name, kind in point.files(own_host, port).items()})
            seen = bench.pinged(
                server,
                host=point.host,
                host_by=point.host_by,
                port_by=point.port_by,
                ecf_ssl=None if point.ecf_ssl is None else bench.filled_in(point.ecf_ssl, server),
                ssl=point.ssl,
            )
            agreeing = [name for name, judge in judges.items() if judge.at(point, own_host, port) == seen]
            like.update(agreeing)
            if "5.17" not in agreeing:
                wrong.append(point)
            if not agreeing:
                expected = judges["5.17"].at(point, own_host, port)
                violated(what, expected=f"{expected} at {point}", seen=seen)
    if wrong:
        followed = "all as ecFlow 5.9" if like["5.9"] == like.total() - like["5.17"] else "some as ecFlow 5.9"
        where = f"; first where they differ: {wrong[0]}"
        violated(what, expected="all as ecFlow 5.17", seen=followed + where)
    record_property("ecf_follows", f"{what}: follows 5.17 in {like['5.17']} points, 5.9 in {like['5.9']}")


def _directory_first(point: Point) -> tuple[str, ...]:
    """Points with the same files one after the other, so that few files have to be written."""
    named = "127.0.0.1" if point.host == "127.0.0.1" else ""
    return (named, str(point.elsewhere), str(point.shared), str(point.specific))


# --- what no table holds ------------------------------------------------------------------------------

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


@rule("CERT-09")
@given(value=VALUES | st.sampled_from(["0", "false", "no", "off", "01", " 1", "1 ", "TRUE", "2"]))
@settings(max_examples=8)
def test_any_other_value_means_the_servers_own_file(bench: Bench, value: str) -> None:
    if value == "1":
        return
    with bench.server() as server:
        for shared, own, outcome in (
            (ANOTHER, OWN, Seen.ANSWERED),
            (OWN, ANOTHER, Seen.REFUSED),
            (OWN, None, Seen.NO_CONNECTION),
        ):
            files = {"server.crt": shared} | ({} if own is None else {_own_name(server): own})
            bench.put(files)
            seen = bench.pinged(server, host_by="environment", port_by="environment", ecf_ssl=value)
            expect(seen, outcome, "ping with ECF_SSL set to some text")


def _own_name(server: EcflowServer, host: str = HOST) -> str:
    return f"{host}.{server.address.port}.crt"


@rule("CERT-10")
@pytest.mark.parametrize(
    ("shared", "own", "outcome"),
    [(OWN, ANOTHER, "answered"), (ANOTHER, OWN, "refused"), (None, OWN, "answered")],
    ids=["shared", "the other way round", "own"],
)
def test_an_empty_value_selects_as_one(bench: Bench, shared: bytes | None, own: bytes, outcome: str) -> None:
    with bench.server() as server:
        named = (("server.crt", shared), (_own_name(server), own))
        bench.put({name: content for name, content in named if content is not None})
        seen = bench.pinged(server, host_by="environment", port_by="environment", ecf_ssl="")
    expect(seen, outcome, "ping with an empty ECF_SSL")


@rule("CERT-11")
@pytest.mark.parametrize("named", ["machine1.4141", "<H>.4141", "machine1.<P>", "<H>.<P>.crt", "server"])
def test_the_text_of_ecf_ssl_names_no_file(bench: Bench, named: str, record_property: Remark) -> None:
    with bench.server() as server:
        value = bench.filled_in(named, server)
        for in_the_named_file, in_the_own_file, by_address in (
            (ANOTHER, OWN, "answered"),
            (OWN, ANOTHER, "refused"),
        ):
            bench.put({f"{value}.crt": in_the_named_file, _own_name(server): in_the_own_file})
            seen = bench.pinged(server, host_by="environment", port_by="environment", ecf_ssl=value)
            by_text = "answered" if by_address == "refused" else "refused"
            outcomes = {"5.9": by_address, "5.17": by_address, "the document's <host>.<port>": by_text}
            remark = decide(seen, outcomes, "ping with another server's name in ECF_SSL")
    record_property("ecf_follows", remark)


@rule("CERT-12")
@given(others=st.sets(st.sampled_from(["localhost", "LOCALHOST", "127.0.0.1", "localhost.localdomain"])))
@settings(max_examples=5)
def test_localhost_is_the_machine_itself(bench: Bench, others: set[str]) -> None:
    with bench.server() as server:
        names = [_own_name(server, host) for host in others]
        bench.put({_own_name(server, bench.sandbox.host_name): OWN} | dict.fromkeys(names, ANOTHER))
        expect(bench.pinged(server, host="localhost", ssl=True), "answered", "ping of localhost")
        bench.put(dict.fromkeys([*names, "machine1.1.crt"], OWN))
        expect(bench.pinged(server, host="localhost", ssl=True), "no connection", "ping of localhost")


@rule("CERT-13")
@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "LOCALHOST", "Localhost"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_every_other_spelling_stays_as_it_is(bench: Bench, host: str, by: str) -> None:
    with bench.server() as server:
        own = _own_name(server, bench.sandbox.host_name)
        bench.put({own: ANOTHER, _own_name(server, host): OWN})
        expect(bench.pinged(server, host=host, host_by=by, ssl=True), "answered", f"ping of {host}")
        bench.put({own: OWN})
        expect(bench.pinged(server, host=host, host_by=by, ssl=True), "no connection", f"ping of {host}")


@rule("CERT-15")
@pytest.mark.parametrize("value", ["0", "text", "<H>.<P>"])
def test_ecf_ssl_decides_also_with_the_option(bench: Bench, value: str, record_property: Remark) -> None:
    with bench.server() as server:
        bench.put({"server.crt": ANOTHER, _own_name(server): OWN})
        value = bench.filled_in(value, server)
        seen = bench.pinged(server, host_by="environment", port_by="environment", ecf_ssl=value, ssl=True)
    outcomes = {"5.9": "refused", "5.17": "answered", "command help": "refused"}
    record_property("ecf_follows", decide(seen, outcomes, "ping with --ssl and another ECF_SSL than 1"))


@rule("CERT-16")
@pytest.mark.parametrize(
    "how", [{"ecf_ssl": "1"}, {"ecf_ssl": "text"}, {"ssl": True}], ids=["1", "text", "--ssl"]
)
def test_no_other_directory_counts(bench: Bench, how: dict[str, object]) -> None:
    home, here = bench.sandbox.home, bench.sandbox.cwd
    bench.put({"machine1.1.crt": OWN})
    with bench.server() as server:
        for place in (home, here, home / ".ecflowrc", home / ".ecflow" / "ssl", here / ".ecflowrc" / "ssl"):
            for name in ("server.crt", _own_name(server)):
                bench.sandbox.put_certificate(name, OWN, place)
        seen = bench.pinged(server, host_by="environment", port_by="environment", **how)
        expect(seen, "no connection", "ping with files in every directory but the right one")
        bench.put({"server.crt": OWN, _own_name(server): OWN})
        seen = bench.pinged(server, host_by="environment", port_by="environment", **how)
        expect(seen, "answered", "ping with files in $HOME/.ecflowrc/ssl")


@rule("CERT-17")
def test_the_variable_is_put_before_the_name(bench: Bench) -> None:
    bench.put({"server.crt": ANOTHER})
    bench.sandbox.put_certificate("site-server.crt", OWN, bench.sandbox.root)
    with bench.server() as server:
        environment = {"ECF_SSL_DIR": f"{bench.sandbox.root}/site-"}
        seen = bench.pinged(server, ssl=True, environment=environment)
    expect(seen, "answered", "ping with ECF_SSL_DIR as the beginning of a file name")


@rule("CERT-18")
@pytest.mark.parametrize("how", [{"ecf_ssl": "1"}, {"ssl": True}], ids=["ECF_SSL", "--ssl"])
def test_without_home(bench: Bench, how: dict[str, object]) -> None:
    bench.put({"server.crt": OWN})
    bench.sandbox.put_certificate("server.crt", OWN, bench.sandbox.cwd / ".ecflowrc" / "ssl")
    bench.sandbox.unset("HOME")
    with bench.server() as server:
        outcome = bench.ping(server, **how)  # type: ignore[arg-type]
        expect(bench.seen(outcome), "no connection", "ping without HOME")
        bench.must_have_been_told("HOME", outcome, "message of a client without HOME")


@rule("CERT-05")
def test_no_file_no_connection(bench: Bench) -> None:
    with bench.server() as server:
        seen = bench.pinged(server, ecf_ssl="text")
    expect(seen, "no connection", "ping with TLS asked for and no file")


@rule("CERT-19")
@pytest.mark.parametrize(
    ("how", "names"),
    [
        ({"ssl": True}, ["server.crt", "<H>.<P>.crt"]),
        ({"ecf_ssl": "1"}, ["server.crt", "<H>.<P>.crt"]),
        ({"ecf_ssl": "text"}, ["<H>.<P>.crt"]),
    ],
    ids=["--ssl", "1", "text"],
)
def test_the_message_names_the_files(bench: Bench, how: dict[str, object], names: list[str]) -> None:
    bench.put({"machine1.1.crt": OWN})
    with bench.server() as server:
        outcome = bench.ping(server, host_by="environment", port_by="environment", **how)  # type: ignore[arg-type]
        expect(bench.seen(outcome), "no connection", "ping with TLS asked for and no file")
        for name in names:
            wanted = bench.filled_in(name, server)
            bench.must_have_been_told(wanted, outcome, "message about a missing certificate")
        bench.must_have_been_told(".ecflowrc/ssl", outcome, "message about a missing certificate")


@rule("CERT-20")
@pytest.mark.parametrize("value", ["1", "", "text"])
def test_no_ecf_needs_no_certificate(bench: Bench, value: str) -> None:
    with bench.server() as server:
        outcome = bench.ping(server, ecf_ssl=value, environment={"NO_ECF": "1"})
    expect(outcome.exit_code, 0, "exit code of --ping with NO_ECF, ECF_SSL and no certificate")
    expect(bench.connections(), 0, "connections with NO_ECF")


@rule("CERT-20")
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_to_tell_about_itself_needs_no_certificate(bench: Bench, option: str) -> None:
    outcome = _with_options(bench, [option], {"ECF_SSL": "1"})
    expect(outcome, 0, f"exit code of {option} with ECF_SSL=1 and no certificate")


@rule("CERT-04")
@pytest.mark.parametrize("option", ["--no_ssl", "--ssl=1"])
def test_the_option_has_one_spelling(bench: Bench, option: str) -> None:
    bench.put({"server.crt": OWN})
    with bench.server() as server:
        where = [f"--host={HOST}", f"--port={server.address.port}"]
        expect(_with_options(bench, [option, *where, "--ping"], {}), 1, f"exit code with {option}")
    expect(bench.connections(), 0, f"connections with {option}")


def _with_options(bench: Bench, options: list[str], environment: dict[str, str]) -> int | None:
    """Exit code of a client that takes the options of ecflow_client, run with these."""
    run_options = getattr(bench.client, "run_options", None)
    if run_options is None:
        not_applicable(f"{bench.client.name} has no options")
    exit_code: int | None = run_options(options, bench.sandbox, environment).exit_code
    return exit_code


@rule("CERT-02")
@pytest.mark.parametrize(
    ("own", "outcome"), [(OWN, "answered"), (ANOTHER, "refused")], ids=["own", "another"]
)
def test_the_specific_file_stands_in(bench: Bench, own: bytes, outcome: str) -> None:
    with bench.server() as server:
        bench.put({_own_name(server): own})
        seen = bench.pinged(server, host_by="environment", port_by="environment", ecf_ssl="1")
    expect(seen, outcome, "ping with ECF_SSL=1, ECF_PORT and only <host>.<port>.crt")


CHANGES_NOTHING = [None, ANOTHER, b"", b"no certificate\n"]
"""What a file may hold that must not be looked at; None is no file."""


@rule("CERT-01")
@pytest.mark.parametrize("specific", CHANGES_NOTHING, ids=["no file", "another", "empty", "text"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_server_crt_comes_first(bench: Bench, specific: bytes | None, by: str) -> None:
    with bench.server() as server:
        bench.put({"server.crt": OWN} | ({} if specific is None else {_own_name(server): specific}))
        seen = bench.pinged(server, host_by=by, port_by=by, ecf_ssl="1")
        expect(seen, "answered", "ping with ECF_SSL=1 and the server's own server.crt")
        bench.put({"server.crt": ANOTHER, _own_name(server): OWN})
        seen = bench.pinged(server, host_by=by, port_by=by, ecf_ssl="1")
        expect(seen, "refused", "ping with ECF_SSL=1 and another server's server.crt")


@rule("CERT-03")
@pytest.mark.parametrize("shared", CHANGES_NOTHING, ids=["no file", "another", "empty", "text"])
def test_the_specific_file_is_the_only_one(bench: Bench, shared: bytes | None) -> None:
    with bench.server() as server:
        value = f"{HOST}.{server.address.port}"
        told = {"host_by": "environment", "port_by": "environment", "ecf_ssl": value}
        bench.put({_own_name(server): OWN} | ({} if shared is None else {"server.crt": shared}))
        seen = bench.pinged(server, **told)
        expect(seen, "answered", "ping with ECF_SSL=<host>.<port> and the server's own file")
        bench.put({"server.crt": OWN, _own_name(server): ANOTHER})
        seen = bench.pinged(server, **told)
        expect(seen, "refused", "ping with ECF_SSL=<host>.<port> and only server.crt right")


@rule("CERT-04")
@pytest.mark.parametrize("specific", CHANGES_NOTHING, ids=["no file", "another", "empty", "text"])
def test_the_option_takes_server_crt_first(bench: Bench, specific: bytes | None) -> None:
    with bench.server() as server:
        bench.put({"server.crt": OWN} | ({} if specific is None else {_own_name(server): specific}))
        expect(bench.pinged(server, ssl=True), "answered", "ping --ssl with the server's own server.crt")


@rule("CERT-04")
def test_the_option_falls_back_to_the_specific_file(bench: Bench) -> None:
    with bench.server() as server:
        bench.put({_own_name(server): OWN})
        expect(bench.pinged(server, ssl=True), "answered", "ping --ssl with only <host>.<port>.crt")


@rule("CERT-07")
@pytest.mark.parametrize("elsewhere", [None, "3141", "4141", "1"])
def test_the_name_follows_the_address_dialled(bench: Bench, elsewhere: str | None) -> None:
    with bench.server() as server:
        hosts = (HOST, bench.sandbox.host_name)
        decoys = {} if elsewhere is None else {f"{host}.{elsewhere}.crt": ANOTHER for host in hosts}
        bench.put(decoys | {"server.crt": ANOTHER, _own_name(server): OWN})
        seen = bench.pinged(server, ecf_ssl=f"{HOST}.{server.address.port}")
    expect(seen, "answered", "ping with --host, --port and ECF_SSL=<host>.<port>")


@rule("CERT-08")
@pytest.mark.parametrize("shared", CHANGES_NOTHING, ids=["no file", "another", "empty", "text"])
@pytest.mark.parametrize("host", [None, "localhost", HOST])
def test_certificates_alone_do_not_turn_tls_on(bench: Bench, shared: bytes | None, host: str | None) -> None:
    with bench.server("plain") as server:
        names = [_own_name(server, name) for name in (HOST, bench.sandbox.host_name)]
        bench.put(dict.fromkeys(names, OWN) | ({} if shared is None else {"server.crt": shared}))
        seen = bench.pinged(server, host=host)
    expect(seen, "answered", "plain ping with certificates in place")
