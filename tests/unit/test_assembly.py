"""What a fleet is put together of: hosts, names, replaced classes, seeds, certificates, and its mistakes."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from ecfleet import hosts
from ecfleet.certificates import CertificateKind, authority, expired, self_signed
from ecfleet.fleet import Fleet, FleetError
from ecfleet.hosts import AddressPool, Host, OneLoopbackAddress, own_addresses
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import (
    Address,
    Journal,
    RouteTaken,
    ServiceStarted,
)
from ecfleet_mocks.log_server import LogServer
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.service import Service
from ecfleet_mocks.socks_proxy import SocksProxy
from ecfleet_mocks.tls import client_context
from ecfleet_mocks.wire import (
    CtsApi,
    CtsCmd,
    FrameReader,
    Reply,
    StcApi,
    StcCmd,
    decode_reply,
    encode_request,
    frame,
)

PING = frame(encode_request(CtsCmd(api=CtsApi.PING, host="here", user="emos")))


def until_closed(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def ask(address: Address, request: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    """Send a request and read until the peer closes."""
    with socket.create_connection(address, timeout=10) as plain:
        if tls is None:
            plain.sendall(request)
            return until_closed(plain)
        with tls.wrap_socket(plain) as secured:
            secured.sendall(request)
            return until_closed(secured)


def ping(address: Address, tls: ssl.SSLContext | None = None) -> Reply:
    reader = FrameReader()
    reader.feed(ask(address, PING, tls))
    payload = reader.next()
    assert payload is not None
    return decode_reply(payload)


OK = StcCmd(StcApi.OK)


# --- hosts ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not own_addresses(), reason="not applicable: one loopback address only")
def test_two_hosts_have_the_same_port_and_names_lead_there(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "out").write_text("of one")
    (tmp_path / "two" / "out").write_text("of two")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fleet = Fleet()
    fleet.host("machine1", "Machine1.ecmwf.int")
    one = fleet.log_server("one", host="machine1", port=port, paths=[tmp_path / "one"])
    two = fleet.log_server("two", host="machine2", port=port, paths=[tmp_path / "two"])
    proxy = fleet.socks_proxy()
    with fleet:
        assert one.address.port == two.address.port == port
        assert one.address.host == fleet.names["machine1"] == fleet.names["machine1.ecmwf.int"]
        for name, directory in ((b"machine1.ecmwf.int", "one"), (b"MACHINE2", "two")):
            with socket.create_connection(proxy.address, timeout=10) as sock:
                sock.sendall(b"\4\1" + port.to_bytes(2, "big") + b"\0\0\0\1\0" + name + b"\0")
                assert sock.recv(8)[:2] == b"\0\x5a"
                sock.sendall(f"get {tmp_path / directory / 'out'}\n".encode())
                assert until_closed(sock) == f"of {directory}".encode()
    routes = fleet.journal.of(RouteTaken)
    assert [route.destination for route in routes] == [one.address, two.address]


def test_routes_that_are_given_are_the_only_ones() -> None:
    fleet = Fleet()
    fleet.host("machine1")
    proxy = fleet.socks_proxy(routes={})
    with fleet, socket.create_connection(proxy.address, timeout=10) as sock:
        sock.sendall(b"\4\1\0\1\0\0\0\1\0machine1\0")
        assert sock.recv(8)[:2] == b"\0\x5b"


def test_a_host_is_had_by_any_of_its_names() -> None:
    fleet = Fleet()
    host = fleet.host("machine1", "m1")
    assert fleet.host("MACHINE1") is fleet.host("m1") is fleet.host("m1", "machine1") is host
    assert fleet.hosts == {"machine1": host}
    assert fleet.hosts_file() == f"{host.address} machine1 m1\n"
    with pytest.raises(FleetError, match="host 'machine2': 'M1' cannot be a name of it as well"):
        fleet.host("machine2", "M1")
    with pytest.raises(FleetError, match="host 'machine1': 'other' cannot be a name"):
        fleet.host("machine1", "other")
    assert list(fleet.hosts) == ["machine1"]


def test_a_server_tells_the_name_of_its_host() -> None:
    fleet = Fleet()
    assert fleet.ecflow_server("named", host="machine1").host_name == "machine1"
    assert fleet.ecflow_server("other", host="machine1", host_name="alias").host_name == "alias"
    assert fleet.ecflow_server("local").host_name == "127.0.0.1"


def test_a_host_of_another_fleet_is_refused() -> None:
    with pytest.raises(FleetError, match="host 'machine1' is of another fleet"):
        Fleet().ecflow_server(host=Fleet().host("machine1"))


def test_with_one_loopback_address_hosts_share_it_until_a_port_is_wanted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = AddressPool(probe=lambda address: False)
    monkeypatch.setattr(hosts, "pool", lambda: pool)
    fleet = Fleet()
    one = fleet.log_server("one", host="machine1", paths=[tmp_path])
    two = fleet.log_server("two", host="machine2", paths=[tmp_path])
    with fleet:
        assert one.address.host == two.address.host == "127.0.0.1"
    fleet.log_server("three", host="machine1", port=9316, paths=[tmp_path])
    fleet.log_server("four", host="machine2", port=9316, paths=[tmp_path])
    with pytest.raises(OneLoopbackAddress, match="three and four both want port 9316"), fleet:
        pass


# --- mistakes -------------------------------------------------------------------------------------------


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.ecflow_server("operations")
    with pytest.raises(FleetError, match="two services are called 'operations'"):
        fleet.ecflow_server("operations")
    with pytest.raises(FleetError, match=r"no service 'operation'; did you mean 'operations'\?"):
        fleet["operation"]
    with pytest.raises(FleetError, match=r"no service class 'LogSrver'; did you mean 'LogServer'\?"):
        Fleet(classes={"LogSrver": LogServer})
    with pytest.raises(FleetError, match=r"none\.def: No such file or directory"):
        fleet.ecflow_server("other", definition=tmp_path / "none.def")
    assert list(fleet.services) == ["operations"]


@pytest.mark.parametrize(
    ("upstream", "says"),
    [
        ("nobody", "proxy: upstream: no service 'nobody' (there is proxy, plain)"),
        ("plian", "proxy: upstream: no service 'plian'; did you mean 'plain'?"),
        ("machine1:x", "proxy: upstream: no service 'machine1:x'"),
        ("machine1:70000", "proxy: upstream: no service 'machine1:70000'"),
        ("plain", "proxy: upstream: plain has no HTTP listener"),
        ("proxy", "services that need each other: proxy -> proxy"),
        (EcflowServer(name="plain", http=0), "proxy: upstream: 'plain' is of another fleet"),
        (EcflowServer(name="stranger", http=0), "proxy: upstream: 'stranger' is of another fleet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "service",
)
def test_a_target_that_cannot_be_is_told_before_anything_starts(upstream: str | Service, says: str) -> None:
    fleet = Fleet()
    fleet.reverse_proxy("proxy", upstream=upstream)
    fleet.ecflow_server("plain")
    with pytest.raises(FleetError) as caught, fleet:
        pass
    assert str(caught.value).startswith(says)
    assert not fleet.journal.of(ServiceStarted)


def test_a_port_wanted_twice_is_told_before_anything_starts(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.log_server("one", host="machine1", port=9316, paths=[tmp_path])
    fleet.ecflow_server("two", host="machine1", plain=9316)
    with pytest.raises(FleetError, match="one and two both want port 9316 of machine1; give another"), fleet:
        pass
    assert not fleet.journal.of(ServiceStarted)


# --- classes, seeds, certificates -----------------------------------------------------------------------


def test_a_class_can_be_replaced() -> None:
    class Mutated(EcflowServer):
        pass

    fleet = Fleet(classes={"EcflowServer": Mutated})
    assert isinstance(fleet.ecflow_server(), Mutated)
    assert type(fleet.socks_proxy()) is SocksProxy


def test_seeds_differ_between_services_and_repeat_between_fleets() -> None:
    def passwords(seed: int, name: str) -> list[str]:
        server = Fleet(seed=seed).ecflow_server(name)
        server.server.load("suite s\n task t\nendsuite\n")
        return [server.server.submit("/s/t") for _ in range(3)]

    assert passwords(1, "a") == passwords(1, "a")
    assert passwords(1, "a") != passwords(1, "b")
    assert passwords(1, "a") != passwords(2, "a")


def test_the_journal_can_be_given() -> None:
    journal = Journal()
    fleet = Fleet(journal=journal)
    assert fleet.ecflow_server().journal is journal


def context(pem: bytes) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.load_verify_locations(cadata=pem.decode())
    return made


def test_clients_get_the_file_that_makes_each_server_trusted() -> None:
    fleet = Fleet()
    shared = fleet.ecflow_server("shared", host="machine1", tls=0)
    separate = fleet.ecflow_server(
        "separate", host="machine1", plain=None, tls=0, certificate=CertificateKind.SEPARATE
    )
    other = fleet.ecflow_server("other", tls=0, certificate=CertificateKind.SEPARATE, dialect=DIALECT_5_9)
    signed = fleet.ecflow_server("signed", tls=0, certificate=CertificateKind.AUTHORITY)
    given = fleet.ecflow_server("given", tls=0, certificate=expired())
    fleet.ecflow_server("without")
    with fleet:
        files = fleet.client_files()
        secured = {
            server.name: server.addresses[Transport.SSL] for server in (shared, separate, other, signed)
        }
        for name, file in (
            ("shared", "server.crt"),
            ("separate", f"machine1.{secured['separate'].port}.crt"),
            ("other", f"localhost.{secured['other'].port}.crt"),
            ("signed", f"127.0.0.1.{secured['signed'].port}.crt"),
        ):
            assert ping(secured[name], context(files[file].data)) == OK
        with pytest.raises(ssl.SSLCertVerificationError):
            ping(secured["separate"], client_context(files["server.crt"]))
        own = given.addresses[Transport.SSL].port
        assert files[f"{socket.gethostname()}.{own}.crt"] == expired().certificate
    assert files["ca.pem"] == authority().certificate
    assert fleet.certificates["shared"] == self_signed()
    assert set(fleet.certificates) == {"shared", "separate", "other", "signed", "given"}


def test_the_description_is_plain_data_and_holds_no_address() -> None:
    fleet = Fleet(seed=3)
    host: Host = fleet.host("machine1")
    server = fleet.ecflow_server("web", host=host, http=0)
    fleet.reverse_proxy(upstream=server)
    described = fleet.description
    assert described.hosts == {"machine1": ()}
    assert described.services["web"].options["dialect"] == "5.17"
    assert described.services["reverse_proxy"].options["upstream"] == "web"
    assert host.address not in repr(described)
    same = Fleet(seed=3)
    same.reverse_proxy(upstream="web")
    same.ecflow_server("web", host="machine1", http=0)
    assert same.description == described
    options: dict[str, Any] = {"user": "emos"}
    same.ecflow_server("more", **options)
    assert same.description != described
