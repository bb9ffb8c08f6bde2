"""What a client asks a SOCKS proxy for, and what it does with the answer."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import Dialect, FleetFactory, Sandbox, SocksRoute, expect, rule
from ecfleet.clients import Action, Call, ClientUnderTest, Outcome
from ecfleet.hosts import nss_wrapper_environment
from ecfleet.models import tunnels
from ecfleet.services import (
    Address,
    Answer,
    ConnectionOpened,
    EcflowServer,
    Fault,
    LogServer,
    RequestReceived,
    Reset,
    SocksProxy,
    Truncate,
)
from ecfleet.wire import OK, encode_reply, frame, socks
from ecfleet_suites.tunnels.far_end import nobody_listens, playing, read_exactly

USUAL_PORT = 9316
"""The port of every log server at the Centre."""

LABEL = st.from_regex(r"[A-Za-z]([A-Za-z0-9-]{0,10}[A-Za-z0-9])?", fullmatch=True)
NAMES = st.lists(LABEL, min_size=1, max_size=4).map(".".join).filter(lambda name: name.lower() != "localhost")
PORTS = st.integers(1, 65535)
VERSIONS = st.sampled_from([4, 5])
VISIBLE = st.characters(exclude_categories=["C", "Z"])


@dataclass
class Tunnel:
    """A client, its sandbox, and a SOCKS proxy before an ecFlow server."""

    client: ClientUnderTest
    sandbox: Sandbox
    server: EcflowServer
    proxy: SocksProxy

    def ping(
        self,
        host: str,
        port: int,
        *,
        version: int = 5,
        user: str = "",
        password: str = "",
        proxy: Address | None = None,
        action: Action = Action.PING,
    ) -> Outcome:
        """A ping of this server through the proxy."""
        route = SocksRoute(*(proxy or self.proxy.address), version=version, user=user, password=password)
        return self.client.run(Call(action, host, port, socks=route), self.sandbox)

    def know(self, name: str, address: str) -> None:
        """The client's own machine knows the name, as with an alias in /etc/hosts."""
        file = self.sandbox.put_file("hosts", f"{address} {name}\n".encode())
        for variable, value in (nss_wrapper_environment(file) or {"NSS_WRAPPER_HOSTS": str(file)}).items():
            self.sandbox.set(variable, value)

    def received(self) -> list[RequestReceived]:
        """Every message that the proxy got so far."""
        return self.proxy.journal.of(RequestReceived, service=self.proxy.name)

    def reached(self) -> int:
        """How many connections came to the server so far."""
        return len(self.server.journal.of(ConnectionOpened, service=self.server.name))


@pytest.fixture
def tunnel(
    ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, ecf_fleet: FleetFactory, ecf_dialect: Dialect
) -> Iterator[Tunnel]:
    fleet = ecf_fleet()
    server = fleet.ecflow_server(dialect=ecf_dialect)
    proxy = fleet.socks_proxy(routes={}, unrouted="none")
    with fleet:
        yield Tunnel(ecf_client, ecf_sandbox, server, proxy)


@rule("TUN-01")
@given(name=NAMES, port=PORTS, version=VERSIONS, known_here=st.booleans())
def test_a_name_goes_to_the_proxy_as_a_name(
    tunnel: Tunnel, name: str, port: int, version: int, known_here: bool
) -> None:
    tunnel.know(name if known_here else "another", "127.0.0.1")
    tunnel.proxy.table.add(f"{name}:{port}", tunnel.server.address)
    before = len(tunnel.received())
    seen = tunnel.ping(name, port, version=version)
    asked = {
        (one.decoded.destination.address_type.name, one.decoded.destination.host.lower())
        for one in tunnel.received()[before:]
        if isinstance(one.decoded, socks.Request)
    }
    expect(asked, {("DOMAINNAME", name.lower())}, "what the proxy is asked for")
    expect(seen.exit_code, 0, "exit code of --ping of a name that only the far side knows")


@rule("TUN-02")
@given(
    names=st.lists(NAMES.map(str.lower), min_size=1, max_size=2, unique=True).map(
        lambda names: ["logserver", *(name for name in names if name != "logserver")]
    ),
    order=st.lists(st.integers(0, 2), min_size=1, max_size=4),
    version=VERSIONS,
)
def test_log_servers_on_one_port_are_told_apart_by_name(
    clusters: Clusters, names: list[str], order: list[int], version: int
) -> None:
    for name, server in zip(names, clusters.servers, strict=False):
        clusters.proxy.table.add(f"{name}:{USUAL_PORT}", server.address)
    for number in (one % len(names) for one in order):
        seen = clusters.fetch(names[number], version)
        expect(seen.fetched, b"output of cluster %d\n" % number, "the file got from the log server named")


@dataclass
class Clusters:
    """A client, its sandbox, and a SOCKS proxy before log servers that have the same file each."""

    client: ClientUnderTest
    sandbox: Sandbox
    servers: list[LogServer]
    proxy: SocksProxy

    def fetch(self, host: str, version: int) -> Outcome:
        """The file from the log server on this host."""
        route = SocksRoute(*self.proxy.address, version=version)
        call = Call(Action.LOG_FETCH, host, USUAL_PORT, arguments=("/output/job.1",), socks=route)
        return self.client.run(call, self.sandbox)


@pytest.fixture
def clusters(
    ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, ecf_fleet: FleetFactory
) -> Iterator[Clusters]:
    fleet = ecf_fleet()
    servers = []
    for number in range(3):
        directory = ecf_sandbox.root / f"cluster{number}"
        directory.mkdir()
        (directory / "job.1").write_bytes(b"output of cluster %d\n" % number)
        servers.append(
            fleet.log_server(
                f"log_server_{number}",
                host=f"cluster{number}",
                paths=[directory],
                logmap={"/output": str(directory)},
            )
        )
    proxy = fleet.socks_proxy(routes={})
    with fleet:
        yield Clusters(ecf_client, ecf_sandbox, servers, proxy)


def refused(asked: socks.Destination) -> tunnels.Leads:
    """Routes that lead nowhere."""
    return socks.ReplyCode.CONNECTION_REFUSED


FAULTS: dict[str, Fault] = {
    "half a reply": Truncate(3),
    "a reset": Reset(),
    "an answer that is no SOCKS": Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
}


@rule("TUN-03")
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize(
    "trouble", ["a refusal", "nothing but a close", "a login that is wanted", "no listener", *FAULTS]
)
def test_nothing_goes_around_a_proxy_that_fails(
    trouble: str,
    version: int,
    ecf_client: ClientUnderTest,
    ecf_sandbox: Sandbox,
    ecf_fleet: FleetFactory,
    ecf_dialect: Dialect,
) -> None:
    fleet = ecf_fleet()
    server = fleet.ecflow_server(dialect=ecf_dialect)
    proxy = fleet.socks_proxy(
        routes=refused,
        personality=tunnels.OPENSSH if trouble == "nothing but a close" else tunnels.RFC1928,
        users={"somebody": "ecfleet-secret"} if trouble == "a login that is wanted" else None,
    )
    if trouble in FAULTS:
        proxy.faults.when(lambda request: True, FAULTS[trouble])
    tunnel = Tunnel(ecf_client, ecf_sandbox, server, proxy)
    tunnel.know("machine1", "127.0.0.1")
    with fleet, nobody_listens() as nobody:
        dead = nobody if trouble == "no listener" else None
        seen = tunnel.ping("machine1", server.address.port, version=version, proxy=dead)
    expect(seen.exit_code, 1, f"exit code of --ping through a proxy with {trouble}")
    expect(tunnel.reached(), 0, f"connections around a proxy with {trouble}")


@rule("TUN-03")
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_this_machine_is_no_exception(tunnel: Tunnel, host: str) -> None:
    tunnel.proxy.table.add(host, socks.ReplyCode.NOT_ALLOWED)
    seen = tunnel.ping(host, tunnel.server.address.port)
    expect(seen.exit_code, 1, f"exit code of --ping of {host} through a proxy that refuses it")
    expect(tunnel.reached(), 0, f"connections to {host} around a proxy that refuses it")


BOUND = {
    "IPv4": b"\x01\x7f\x00\x00\x01\x12\x34",
    "IPv4 zero": b"\x01" + b"\x00" * 6,
    "IPv6": b"\x04" + b"\x20\x01" + b"\x00" * 13 + b"\x01\x12\x34",
    "name": b"\x03\x07gateway\x12\x34",
}
ANSWER = frame(encode_reply(OK))
EARLY = st.one_of(st.just(0), st.integers(8, len(ANSWER)))
"""How much of the answer comes with the reply; never part of its header, a matter of another area."""


@rule("TUN-04")
@given(
    bound=st.sampled_from(list(BOUND)),
    version=VERSIONS,
    early=EARLY,
    cut=st.integers(0, 12),
)
def test_bytes_behind_the_reply_are_the_far_sides(
    tunnel: Tunnel, bound: str, version: int, early: int, cut: int
) -> None:
    def part(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read_request(connection)
        reply = b"\x05\x00\x00" + BOUND[bound] if version == 5 else b"\x00\x5a" + b"\x00" * 6
        cut_at = min(cut, len(reply))
        connection.sendall(reply[:cut_at])
        connection.sendall(reply[cut_at:] + ANSWER[:early])
        length = read_exactly(connection, 8)
        read_exactly(connection, int(length or b"0", 16))
        connection.sendall(ANSWER[early:])
        read_exactly(connection, 1)

    with playing(part) as address:
        seen = tunnel.ping("machine1", 3141, version=version, proxy=address)
    expect(seen.exit_code, 0, "exit code of --ping with the answer right behind the reply of the proxy")


def read_request(connection: socket.socket) -> None:
    """Read the SOCKS dialogue of a client that asks for a name, up to the end of its request."""
    begin = read_exactly(connection, 2)
    if begin[:1] == b"\x04":
        read_exactly(connection, 6)
        for _ in ("user id", "name"):
            while read_exactly(connection, 1) not in (b"\0", b""):
                pass
        return
    read_exactly(connection, begin[1] if len(begin) == 2 else 0)
    connection.sendall(b"\x05\x00")
    begin = read_exactly(connection, 5)
    read_exactly(connection, begin[4] + 2 if len(begin) == 5 else 0)


@rule("TUN-05")
@given(
    name=NAMES,
    port=PORTS,
    user=st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]), max_size=12),
)
def test_the_bytes_of_a_request_of_socks_4a(tunnel: Tunnel, name: str, port: int, user: str) -> None:
    tunnel.proxy.table.add(f"{name}:{port}", tunnel.server.address)
    before = len(tunnel.received())
    seen = tunnel.ping(name, port, version=4, user=user)
    expect(seen.exit_code, 0, "exit code of --ping through a proxy of SOCKS 4")
    raw = [one.raw for one in tunnel.received()[before:]]
    wanted = b"\4\1" + port.to_bytes(2, "big") + b"\0\0\0\1" + user.encode() + b"\0" + name.encode() + b"\0"
    expect(raw, [wanted], "the bytes of the request for a name in SOCKS 4")


@rule("TUN-06")
@given(user=st.text(VISIBLE, min_size=1, max_size=20), password=st.text(VISIBLE, min_size=1, max_size=20))
def test_user_and_password_are_given_when_they_are_wanted(tunnel: Tunnel, user: str, password: str) -> None:
    secret = f"ecfleet-secret-{password}"
    tunnel.proxy.users = {user: secret}
    tunnel.proxy.table.add("machine1", tunnel.server.address)
    seen = tunnel.ping("machine1", 3141, user=user, password=secret)
    expect(seen.exit_code, 0, "exit code of --ping through a proxy that wants user and password")


@rule("TUN-06")
@given(password=st.text(VISIBLE, max_size=20))
@settings(max_examples=10)
def test_a_proxy_that_wants_no_password_gets_none(tunnel: Tunnel, password: str) -> None:
    secret = f"ecfleet-secret-{password}"
    tunnel.proxy.table.add("machine1", tunnel.server.address)
    before = len(tunnel.received())
    seen = tunnel.ping("machine1", 3141, user="somebody", password=secret)
    expect(seen.exit_code, 0, "exit code of --ping through a proxy that wants no login")
    sent = b"".join(one.raw for one in tunnel.received()[before:])
    expect(secret.encode() in sent, False, "whether the password is sent to a proxy that does not want it")


@rule("TUN-06")
def test_a_login_that_is_refused_is_a_failure(tunnel: Tunnel) -> None:
    tunnel.proxy.users = {"somebody": "ecfleet-secret"}
    tunnel.proxy.table.add("machine1", tunnel.server.address)
    seen = tunnel.ping("machine1", 3141, user="somebody", password="ecfleet-secret-of-another")
    expect(seen.exit_code, 1, "exit code of --ping with a password that the proxy refuses")
    expect(tunnel.reached(), 0, "connections at the server after a login that was refused")


@rule("TUN-07")
def test_each_refusal_has_a_text_of_its_own(tunnel: Tunnel) -> None:
    texts: dict[str, str] = {}
    refusals = [code for code in socks.ReplyCode if code is not socks.ReplyCode.SUCCEEDED]
    for code in refusals:
        tunnel.proxy.table.add("machine1", code)
        seen = tunnel.ping("machine1", 3141, action=Action.SERVER_VERSION)
        expect(seen.exit_code, 1, f"exit code of --server_version with the refusal {code.name}")
        texts[code.name] = without_times(seen.stderr)
    alike = {name for name, text in texts.items() if list(texts.values()).count(text) > 1}
    expect(alike, set(), "refusals that a user cannot tell apart")


def without_times(text: str) -> str:
    """A text without dates and times, so that two runs can be compared."""
    return re.sub(r"\[?\d\d:\d\d:\d\d(\.\d+)?( \d+\.\d+\.\d{4})?\]?", "", text)
