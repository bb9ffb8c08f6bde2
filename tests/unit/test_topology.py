"""Topologies: the same object as by the Python interface, one line with file, line and key per mistake."""

from __future__ import annotations

import re
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet import hosts
from ecfleet.certificates import CertificateKind
from ecfleet.fleet import Fleet
from ecfleet.hosts import AddressPool, OneLoopbackAddress
from ecfleet.toml_lines import line_of
from ecfleet.topology import TopologyError, load
from ecfleet_mocks.journal import Journal
from ecfleet_mocks.log_server import LogServer
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.tunnels import OPENSSH
from ecfleet_mocks.wire import ServerState

EVERYTHING = """\
[fleet]
seed = 7

[hosts.machine1]
aliases = ["m1", "machine1.ecmwf.int"]
[hosts.machine2]

[[reverse_proxy]]
upstream = "web"
auth = "auth"
certificate = "authority"
server_name = "ecflow.example.org"

[[ecflow_server]]
name = "operations"
host = "machine1"
plain = false
tls = 3141
certificate = "expired"
release = "5.9"
user = "emos"
state = "halted"
faithful = true

[[ecflow_server]]
name = "web"
http = true

[[log_server]]
host = "m1"
port = 9316
paths = ["logs", "/tmp"]
logmap = { "/here" = "/there" }

[[socks_proxy]]
host = "machine2"
versions = [4]
personality = "openssh"
routes = { "machine9" = "127.0.0.1:99" }

[[auth_service]]
name = "auth"
users = { alice = "ecfleet-secret-alice" }
realm = "ecmwf"
"""


def test_a_topology_and_python_make_the_same_fleet(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(EVERYTHING)

    fleet = Fleet(seed=7)
    fleet.host("machine1", "m1", "machine1.ecmwf.int")
    fleet.host("machine2")
    fleet.ecflow_server(
        "operations",
        host="machine1",
        plain=None,
        tls=3141,
        certificate=CertificateKind.EXPIRED,
        dialect=DIALECT_5_9,
        user="emos",
        state=ServerState.HALTED,
        faithful=True,
    )
    web = fleet.ecflow_server("web", http=0)
    fleet.log_server(
        host="machine1", port=9316, paths=[tmp_path / "logs", "/tmp"], logmap={"/here": "/there"}
    )
    fleet.socks_proxy(
        host="machine2", versions=(4,), personality=OPENSSH, routes={"machine9": "127.0.0.1:99"}
    )
    auth = fleet.auth_service("auth", users={"alice": "ecfleet-secret-alice"}, realm="ecmwf")
    fleet.reverse_proxy(upstream=web, auth=auth, server_name="ecflow.example.org")

    loaded = load(file)
    assert loaded.description == fleet.description
    fleet.log_server("one more", paths=["/tmp"])
    assert loaded.description != fleet.description


def test_nothing_is_a_fleet_too(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text("")
    assert load(file).description == Fleet().description


def test_journal_and_classes_are_handed_on(tmp_path: Path) -> None:
    class Mutated(LogServer):
        pass

    file = tmp_path / "fleet.toml"
    file.write_text('[[log_server]]\npaths = ["."]\n')
    journal = Journal()
    fleet = load(file, journal=journal, classes={"LogServer": Mutated})
    assert fleet.journal is journal
    assert isinstance(fleet["log_server"], Mutated)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[fleet]\nseed = 1\nseed = 2\n", 3, "no TOML: Cannot overwrite a value"),
        ("[fleet\n", 1, "no TOML: "),
        ("[fleet]\nseed = \n", 2, "no TOML: Invalid value"),
        ('[hosts.machine1]\naliases = ["m1"\n', 2, "no TOML: Unclosed array"),
        ("[flet]\n", 1, "flet: unknown key; did you mean 'fleet'?"),
        ("[[ecflow_sever]]\n", 1, "ecflow_sever: unknown key; did you mean 'ecflow_server'?"),
        ("\n[fleet]\nsead = 1\n", 3, "fleet.sead: unknown key; did you mean 'seed'?"),
        ("[fleet]\nseed = true\n", 2, "fleet.seed: must be a whole number, not True"),
        ("fleet = 1\n", 1, "fleet: must be a table, [fleet], not 1"),
        ("hosts = 1\n", 1, "hosts: must be a table, [hosts], not 1"),
        ("[hosts]\nmachine1 = 'x'\n", 2, "hosts.machine1: must be a table, [hosts.machine1], not 'x'"),
        (
            "[hosts.machine1]\nalias = ['m1']\n",
            2,
            "hosts.machine1.alias: unknown key; did you mean 'aliases'?",
        ),
        ("[hosts.a]\n[hosts.'a b']\n", 2, "hosts.a b: 'a b' is no host name"),
        (
            "[hosts.a]\n[hosts.b]\naliases = ['A']\n",
            2,
            "hosts.b: host 'b': 'A' cannot be a name of it as well",
        ),
        ("[hosts.localhost]\n", 1, "hosts.localhost: 'localhost' is each machine's own name"),
        ("[log_server]\npaths = ['x']\n", 1, "log_server: must be in double brackets, [[log_server]]"),
        ("log_server = [1]\n", 1, "log_server: must be a table, [[log_server]], not 1"),
        ("[[log_server]]\nport = 1\n", 1, "log_server.paths: is missing"),
        ("[[log_server]]\npaths = 'x'\n", 2, "log_server.paths: must be a list of texts, not 'x'"),
        ("[[log_server]]\npaths = []\n", 1, "log_server: log_server: give at least one directory"),
        (
            "[[log_server]]\npaths = [\n  'x',\n  1,\n]\n",
            2,
            "log_server.paths: must be a text in one line, not 1",
        ),
        ("[[log_server]]\nlogmap = 'x'\n", 2, "log_server.logmap: must be a table of texts"),
        ("[[ecflow_server]]\nplain = 65536\n", 2, "ecflow_server.plain: must be a port from 1 to 65535"),
        ("[[ecflow_server]]\nplain = -1\n", 2, "ecflow_server.plain: must be a port"),
        ("[[ecflow_server]]\nplain = '1'\n", 2, "ecflow_server.plain: must be a port"),
        ("[[ecflow_server]]\nplain = false\n", 1, "ecflow_server: ecflow_server: no listener"),
        ("[[ecflow_server]]\nfaithful = 1\n", 2, "ecflow_server.faithful: must be true or false, not 1"),
        (
            "[[ecflow_server]]\nrelease = '6.1'\n",
            2,
            "ecflow_server.release: no dialect '6.1'; there are 5.9, 5.17",
        ),
        ("[[ecflow_server]]\nhttp = 0\nrelease = '5.9'\n", 1, "release 5.9 has no HTTP"),
        ("[[ecflow_server]]\ncertificate = 'old'\n", 2, "certificate: must be one of shared, separate,"),
        ("[[ecflow_server]]\nstate = 'asleep'\n", 2, "state: must be one of halted, shutdown, running"),
        ("[[ecflow_server]]\nname = 'a'\n\ndefinition = 'no.def'\n", 4, "no.def: No such file or directory"),
        ("[[ecflow_server]]\n[[ecflow_server]]\n", 2, "two services are called 'ecflow_server'"),
        (
            "[hosts.machine1]\n[[ecflow_server]]\n# a comment\nhost = 'machin1'\n",
            4,
            "ecflow_server.host: unknown host 'machin1'; did you mean 'machine1'?",
        ),
        ("[[ecflow_server]]\nhost = 'a'\n", 2, "ecflow_server.host: unknown host 'a' (there is none)"),
        ("[[socks_proxy]]\nversions = [3]\n", 2, "socks_proxy.versions: must be [4], [5] or [4, 5], not [3]"),
        ("[[socks_proxy]]\nroutes = { a = 'b:x' }\n", 1, "socks_proxy: "),
        ("[[auth_service]]\n", 1, "auth_service.users: is missing"),
        ("[[reverse_proxy]]\nupstream = 'a'\n", 2, "reverse_proxy.upstream: "),
        ("[[reverse_proxy]]\nupstream = 'a'\nengine = 'apache'\n", 3, "engine: must be one of asyncio, "),
        (
            "[[ecflow_server]]\nname = 'operations'\nhttp = 0\n[[reverse_proxy]]\nupstream = 'operation'\n",
            5,
            "no service 'operation'; did you mean 'operations'?",
        ),
        (
            "[[ecflow_server]]\nname = 'a'\n[[reverse_proxy]]\nupstream = 'a'\n",
            4,
            "a has no HTTP listener; give it an http port",
        ),
        (
            "[[log_server]]\nname = 'a'\npaths = ['.']\nport = 9\n\n"
            "[[log_server]]\nname = 'b'\npaths = ['.']\nport = 9\n",
            9,
            "log_server.port: a and b both want port 9 of 127.0.0.1",
        ),
        (
            "[[ecflow_server]]\nplain = 9\ntls = 9\n",
            1,
            "ecflow_server: ecflow_server twice wants port 9",
        ),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_key(
    text: str, line: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fleet.toml").write_text(text)
    with pytest.raises(TopologyError) as caught:
        load("fleet.toml")
    message = str(caught.value)
    assert message.startswith(f"fleet.toml:{line}: ")
    assert says in message
    assert len(message.splitlines()) == 1


def test_a_definition_with_a_mistake_is_told(tmp_path: Path) -> None:
    (tmp_path / "wrong.def").write_text("suite s\n  tusk t\nendsuite\n")
    file = tmp_path / "fleet.toml"
    file.write_text('[[ecflow_server]]\ntls = 0\ndefinition = "wrong.def"\n')
    with pytest.raises(TopologyError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}:3: ecflow_server.definition: {tmp_path / 'wrong.def'}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"none\.toml: cannot be read: No such file or directory$"):
        load(tmp_path / "none.toml")
    with pytest.raises(TopologyError, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(TopologyError, match="no UTF-8 text"):
        load(tmp_path / "latin.toml")


def test_more_addresses_than_the_platform_has_is_not_a_mistake_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_address = AddressPool(probe=lambda address: False)
    monkeypatch.setattr(hosts, "pool", lambda: one_address)
    file = tmp_path / "fleet.toml"
    service = '[[log_server]]\nname = "{0}"\nhost = "{0}"\nport = 9316\npaths = ["."]\n'
    file.write_text("[hosts.a]\n[hosts.b]\n" + service.format("a") + service.format("b"))
    with pytest.raises(OneLoopbackAddress, match="a and b both want port 9316"):
        load(file)
    file.write_text(
        ("[hosts.a]\n[hosts.b]\n" + service.format("a") + service.format("b")).replace("9316", "0")
    )
    assert set(load(file).names.values()) == {"127.0.0.1"}


names = st.text("abcd", min_size=1, max_size=3)


values = st.sampled_from(["1", "'x'", "[\n1,\n\n2]", "'''a\n\nb'''"])


@given(st.dictionaries(names, st.dictionaries(names, values, max_size=3), max_size=3), st.integers(0, 2))
def test_lines_are_where_the_keys_are(tables: dict[str, dict[str, str]], blank: int) -> None:
    lines: list[str] = []
    expected: dict[tuple[str, ...], int] = {}
    for table, keys in tables.items():
        lines += ["# [comment]"] * blank
        lines.append(f"[{table}]")
        expected[table,] = len(lines)
        for key, value in keys.items():
            lines += [""] * blank
            expected[table, key] = len(lines) + 1
            lines += f"{key} = {value}".split("\n")
    text = "\n".join(lines) + "\n"
    tomllib.loads(text)
    assert {path: line_of(text, path) for path in expected} == expected


@given(st.text("[]hosts.=\"'{}ab \n0#", max_size=40))
def test_no_text_is_more_than_one_line_of_complaint(text: str) -> None:
    # No temporary directory of pytest: Hypothesis wants no function-scoped fixture.
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "fleet.toml"
        file.write_text(text)
        try:
            load(file)
        except TopologyError as error:
            assert re.fullmatch(r".*fleet\.toml:\d+: .+", str(error))  # noqa: PT017
