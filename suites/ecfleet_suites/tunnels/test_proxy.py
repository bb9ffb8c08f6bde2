"""Where a SOCKS proxy leads, what it refuses, and that it passes on every byte."""

from __future__ import annotations

import hashlib
import random
import socket
import string
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import Fleet, FleetFactory, expect, not_applicable, rule
from ecfleet.hosts import own_addresses
from ecfleet.services import Address, ConnectionOpened, EcflowServer, LogServer, SocksProxy
from ecfleet.wire import socks
from ecfleet_suites.tunnels.far_end import nobody_listens, playing, read_exactly, read_to_end
from ecfleet_suites.tunnels.socks_by_hand import (
    CONNECT,
    ask,
    dialled,
    greet,
    log_in,
    open_through,
    request,
    succeeded,
)

MACHINES = ["machine1", "machine10", "machine1.ecmwf.int", "1machine", "ls-1", "ls-1.bullx", "logserver"]
"""Names that are easily taken for one another."""

UNKNOWN = ["machine", "machine2", "ecmwf.int", "machine1.ecmwf", "machine1.ecmwf.int.example"]
VERSIONS = st.sampled_from([4, 5])


@dataclass
class Places:
    """A running fleet of log servers that have a file each which tells the place, and the way to them."""

    fleet: Fleet
    proxy: SocksProxy
    servers: dict[str, LogServer]

    def told(self, version: int, host: str, port: int) -> str | None:
        """What the place tells that one gets to by asking the proxy for this; None when there is none."""
        with dialled(self.proxy.address) as sock:
            code = open_through(sock, version, host, port)
            if not succeeded(version, code):
                return None
            sock.sendall(b"get /place\n")
            return read_exactly(sock, 1000).decode() or None

    def visited(self) -> list[str]:
        """The log servers that connections came to, in order."""
        return [
            event.service
            for event in self.fleet.journal.of(ConnectionOpened)
            if event.service != self.proxy.name
        ]


def places(fleet: Fleet, root: Path, hosts: list[str], routes: dict[str, Address] | None) -> Places:
    """A fleet with a log server on each of these hosts; a host may have several."""
    servers = {}
    for number, host in enumerate(hosts):
        name = f"{host} #{number}"
        directory = root / str(number)
        directory.mkdir(exist_ok=True)
        (directory / "place").write_text(name, encoding="utf-8")
        servers[name] = fleet.log_server(name, host=host, paths=[directory], logmap={"/": f"{directory}/"})
    return Places(fleet, fleet.socks_proxy(routes=routes), servers)


def spelled(name: str, capitals: bool, dot: bool) -> str:
    """The name in another spelling that means the same."""
    return (name.upper() if capitals else name) + ("." if dot else "")


@rule("TUN-08")
@given(
    hosts=st.lists(st.sampled_from(MACHINES), min_size=1, max_size=4),
    asked=st.lists(
        st.tuples(
            VERSIONS, st.sampled_from(MACHINES + UNKNOWN), st.integers(0, 3), st.booleans(), st.booleans()
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_a_name_leads_to_its_host_at_the_port_asked_for(
    ecf_fleet: FleetFactory,
    tmp_path: Path,
    hosts: list[str],
    asked: list[tuple[int, str, int, bool, bool]],
) -> None:
    if not own_addresses():
        not_applicable("this platform has one loopback address, so hosts cannot be told apart by theirs")
    world = places(ecf_fleet(), tmp_path, hosts, None)
    with world.fleet:
        ports = [server.address.port for server in world.servers.values()]
        there = dict(zip(zip(hosts, ports, strict=True), world.servers, strict=True))
        before, visits = len(world.visited()), []
        for version, host, number, capitals, dot in asked:
            port = ports[number % len(ports)]
            place = there.get((host, port))
            seen = world.told(version, spelled(host, capitals, dot), port)
            expect(seen, place, "the place that a name and a port lead to")
            visits += [place] if place is not None else []
    expect(world.visited()[before:], visits, "the places that connections came to")


@rule("TUN-08")
@given(
    routes=st.dictionaries(
        st.tuples(st.sampled_from(MACHINES), st.sampled_from([3141, 3142, 9316, 9317])),
        st.integers(0, 2),
        max_size=8,
    ),
    asked=st.lists(
        st.tuples(VERSIONS, st.sampled_from(MACHINES + UNKNOWN), st.sampled_from([3141, 3142, 9316, 9317])),
        min_size=1,
        max_size=8,
    ),
)
def test_each_port_of_a_name_has_a_route_of_its_own(
    three_places: Places, routes: dict[tuple[str, int], int], asked: list[tuple[int, str, int]]
) -> None:
    world = three_places
    names = list(world.servers)
    for (host, port), number in routes.items():
        world.proxy.table.add(f"{host}:{port}", world.servers[names[number]].address)
    before, visits = len(world.visited()), []
    try:
        for version, host, port in asked:
            place = names[routes[host, port]] if (host, port) in routes else None
            expect(world.told(version, host, port), place, "the place that a name and a port lead to")
            visits += [place] if place is not None else []
    finally:
        for host, port in routes:
            world.proxy.table.remove(f"{host}:{port}")
    expect(world.visited()[before:], visits, "the places that connections came to")


@pytest.fixture
def three_places(ecf_fleet: FleetFactory, tmp_path: Path) -> Iterator[Places]:
    world = places(ecf_fleet(), tmp_path, ["far1", "far2", "far3"], {})
    with world.fleet:
        yield world


@pytest.fixture
def door(ecf_fleet: FleetFactory) -> Iterator[Door]:
    fleet = ecf_fleet()
    server, proxy = fleet.ecflow_server(), fleet.socks_proxy(routes={})
    with fleet:
        proxy.table.add("machine1", server.address)
        yield Door(server, proxy)


@dataclass
class Door:
    """A SOCKS proxy that knows the server as machine1, on whatever port."""

    server: EcflowServer
    proxy: SocksProxy

    def reached(self) -> int:
        """How many connections came to the server so far."""
        return len(self.server.journal.of(ConnectionOpened, service=self.server.name))


@rule("TUN-09")
@pytest.mark.parametrize("version", [4, 5])
def test_only_connect_is_done(door: Door, version: int) -> None:
    refusal = 0x5B if version == 4 else socks.ReplyCode.COMMAND_NOT_SUPPORTED
    for command in range(256):
        if command == CONNECT:
            continue
        with dialled(door.proxy.address) as sock:
            if version == 5:
                expect(greet(sock, 0), 0, "the method that the proxy chooses")
            code = ask(sock, version, request(version, "machine1", 3141, command=command))
            expect(code in (refusal, None), True, f"whether the command {command} is refused")
            expect(read_exactly(sock, 1), b"", "bytes behind the refusal")
    expect(door.reached(), 0, "connections for commands other than CONNECT")


@rule("TUN-10")
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("why", [*socks.ReplyCode.__members__, "NAME", "CLOSED", "ADDRESS"])
def test_what_is_not_connected_is_not_reported_as_success(door: Door, version: int, why: str) -> None:
    host, table = "machine2", door.proxy.table
    with nobody_listens() as nobody:
        match why:
            case "NAME":
                code = socks.ReplyCode.HOST_UNREACHABLE
            case "CLOSED":
                table.add(host, nobody)
                code = socks.ReplyCode.CONNECTION_REFUSED
            case "ADDRESS":
                # An address for documentation (RFC 5737): no route of the proxy's leads there.
                host, code = "192.0.2.1", socks.ReplyCode.NOT_ALLOWED
            case "SUCCEEDED":
                table.add(host, door.server.address)
                code = socks.ReplyCode.SUCCEEDED
            case _:
                code = socks.ReplyCode[why]
                table.add(host, code)
        with dialled(door.proxy.address) as sock:
            seen = open_through(sock, version, host, 3141)
            if code == socks.ReplyCode.SUCCEEDED:
                expect(succeeded(version, seen), True, "whether a connection that stands is reported")
                expect(door.reached(), 1, "connections when success is reported")
                return
            refused: int = 0x5B if version == 4 else code
            expect(seen in (refused, None), True, f"whether the reply says that it failed ({why})")
            expect(read_exactly(sock, 1), b"", "bytes behind the refusal")


WORDS = st.text(string.ascii_letters + string.digits, min_size=1, max_size=10)


@rule("TUN-11")
@given(
    users=st.dictionaries(WORDS, WORDS, min_size=1, max_size=3), user=WORDS, password=WORDS, data=st.data()
)
def test_a_login_is_right_or_it_is_refused(
    door: Door, users: dict[str, str], user: str, password: str, data: st.DataObject
) -> None:
    known = data.draw(st.sampled_from(sorted(users)))
    tried = data.draw(
        st.sampled_from(
            [
                (known, users[known]),
                (known, password),
                (known, users[known] + password),
                (known, users[known].swapcase()),
                (user, users[known]),
                (known.swapcase(), users[known]),
            ]
        )
    )
    door.proxy.users = dict(users)
    right = tried in users.items()
    before = door.reached()
    with dialled(door.proxy.address) as sock:
        expect(greet(sock, 0, 2), 2, "the method chosen by a proxy that has users")
        expect(log_in(sock, *tried), right, "whether user and password are taken")
        if right:
            code = ask(sock, 5, request(5, "machine1", 3141))
            expect(succeeded(5, code), True, "whether a user who has logged in is connected")
        else:
            expect(read_exactly(sock, 1), b"", "bytes behind the refusal of a login")
    expect(door.reached() - before, int(right), "connections after the login")


@rule("TUN-11")
@pytest.mark.parametrize("methods", [(0,), (0, 1), (1,), (), tuple(range(3, 256))], ids=str)
def test_who_offers_no_password_is_not_served(door: Door, methods: tuple[int, ...]) -> None:
    door.proxy.users = {"somebody": "ecfleet-secret"}
    with dialled(door.proxy.address) as sock:
        chosen = greet(sock, *methods)
        expect(chosen in (0xFF, None), True, "whether a client without a password is refused")
        expect(read_exactly(sock, 1), b"", "bytes behind the refusal of a login")


@rule("TUN-11")
def test_socks_4_has_no_password_and_is_not_served(door: Door) -> None:
    door.proxy.users = {"somebody": "ecfleet-secret"}
    with dialled(door.proxy.address) as sock:
        code = ask(sock, 4, request(4, "machine1", 3141, user=b"somebody"))
        expect(code in (0x5B, None), True, "whether SOCKS 4 is refused by a proxy that has users")
    expect(door.reached(), 0, "connections without a login")


def noise(seed: int, size: int) -> bytes:
    """So many bytes without a pattern."""
    return random.Random(seed).randbytes(size)


SIZES = st.one_of(st.integers(0, 3), st.integers(0, 5000), st.sampled_from([65536, 300_000]))


@rule("TUN-12")
@given(version=VERSIONS, size=SIZES, early=st.integers(0, 3000), seed=st.integers(0, 2**16))
def test_what_the_client_sends_arrives_whole(
    door: Door, version: int, size: int, early: int, seed: int
) -> None:
    sent = noise(seed, size)

    def tells_what_came(connection: socket.socket) -> None:
        # The client closes its sending side only: the answer still has to find its way back.
        connection.sendall(hashlib.sha256(read_to_end(connection)).digest())

    with playing(tells_what_came) as address:
        door.proxy.table.add("machine3", address)
        with dialled(door.proxy.address) as sock:
            code = open_through(sock, version, "machine3", 3141, behind=sent[:early])
            expect(succeeded(version, code), True, "whether the connection stands")
            sock.sendall(sent[early:])
            sock.shutdown(socket.SHUT_WR)
            seen = read_exactly(sock, 32)
    expect(seen, hashlib.sha256(sent).digest(), "the digest of what arrived at the far side")


@rule("TUN-12")
@given(version=VERSIONS, size=SIZES, seed=st.integers(0, 2**16))
def test_what_the_far_side_sends_arrives_whole(door: Door, version: int, size: int, seed: int) -> None:
    sent, back = noise(seed, size), []

    def speaks_first_and_then_listens(connection: socket.socket) -> None:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        back.append(read_to_end(connection))

    with playing(speaks_first_and_then_listens) as address:
        door.proxy.table.add("machine3", address)
        with dialled(door.proxy.address) as sock:
            code = open_through(sock, version, "machine3", 3141)
            expect(succeeded(version, code), True, "whether the connection stands")
            seen = read_to_end(sock)
            sock.sendall(b"thanks")
    expect(len(seen), size, "bytes from the far side")
    expect(seen == sent, True, "whether the bytes from the far side are the same")
    expect(back, [b"thanks"], "what the client could still say after the far side had finished")


@rule("TUN-12")
@settings(max_examples=1)
@given(version=VERSIONS)
def test_a_large_transfer_both_ways_at_once(door: Door, version: int) -> None:
    sent = noise(0, 4 * 2**20)

    def echoes(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    with playing(echoes) as address:
        door.proxy.table.add("machine3", address)
        with dialled(door.proxy.address) as sock:
            code = open_through(sock, version, "machine3", 3141)
            expect(succeeded(version, code), True, "whether the connection stands")
            seen = exchanged(sock, sent)
    expect(seen == sent, True, "whether a large transfer comes back as it was sent")


def exchanged(sock: socket.socket, data: bytes) -> bytes:
    """What comes back while and after ``data`` is sent."""

    def send() -> None:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            return

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return read_to_end(sock)
    finally:
        sender.join()
