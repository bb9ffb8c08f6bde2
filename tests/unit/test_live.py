"""``up``: a fleet from a topology file, until a signal comes; the examples, each loaded and started."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from ecfleet.certificates import authority
from ecfleet.hosts import own_addresses
from ecfleet.reach import how_to_reach, write_files
from ecfleet.topology import load
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import Address
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import CtsApi, CtsCmd, encode_request, frame

pytestmark = pytest.mark.skipif(os.name != "posix", reason="not applicable: signals of POSIX")

EXAMPLES = Path(__file__).parents[2] / "examples"
PING = frame(encode_request(CtsCmd(api=CtsApi.PING, host="here", user="emos")))


def ask(address: tuple[str, int], request: bytes) -> bytes:
    with socket.create_connection(address, timeout=10) as sock:
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65536), b""))


class Running:
    """``up`` in a process of its own."""

    def __init__(self, topology: Path, directory: Path) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-X",
                "dev",
                "-c",
                "import sys, ecfleet.live as l; sys.exit(l.up(sys.argv[1]))",
                topology,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(directory)},
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdout: IO[str] = self.process.stdout
        self.stderr: IO[str] = self.process.stderr

    def until(self, words: str) -> list[str]:
        """The lines up to the first that holds these words."""
        lines: list[str] = []
        for line in self.stdout:
            lines.append(line.rstrip("\n"))
            if words in line:
                return lines
        pytest.fail(f"no {words!r} in {lines}; standard error: {self.stderr.read()}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Exit status, the rest of standard output, and standard error."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output, errors


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[[Path], Running]]:
    running: list[Running] = []
    directory = tmp_path / "tmp"
    directory.mkdir()

    def start(topology: Path) -> Running:
        running.append(Running(topology, directory))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()
    assert list(directory.iterdir()) == []


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A topology of one ecFlow server with a plain and a TLS listener."""
    file = tmp_path / "plain.toml"
    file.write_text('[[ecflow_server]]\nname = "operations"\nrelease = "5.9"\ntls = 0\n')
    return file


def address_in(lines: list[str], beginning: str) -> Address:
    line = next(line for line in lines if line.startswith(beginning))
    host, _, port = line.rpartition(" ")[2].rpartition(":")
    return Address(host, int(port))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_from_start_to_signal(number: signal.Signals, up: Callable[[Path], Running], plain: Path) -> None:
    fleet = up(plain)
    told = fleet.until("Ready.")
    address = address_in(told, "operations: ")
    directory = Path(told[0].partition("certificates for clients: ")[2])
    assert (directory / "server.crt").read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert ask(address, PING)
    (line,) = fleet.until("CtsCmd PING")
    assert line.endswith("-> OK")
    # A client in the middle of a request does not hold it up.
    with socket.create_connection(address, timeout=10) as half:
        half.sendall(PING[:20])
        status, output, errors = fleet.stop(number)
    assert (status, errors) == (0, "")
    assert output.splitlines()[-1] == "Stopped."
    assert not directory.exists()
    with pytest.raises(ConnectionRefusedError):
        ask(address, PING)


def test_it_stops_when_nobody_reads_any_more(up: Callable[[Path], Running], plain: Path) -> None:
    fleet = up(plain)
    address = address_in(fleet.until("Ready."), "operations: ")
    fleet.stdout.close()
    assert ask(address, PING)
    assert fleet.process.wait(timeout=30) == 0
    assert fleet.stderr.read() == ""


@pytest.mark.parametrize("signals", [1, 2])
def test_a_signal_that_comes_early_or_twice_is_no_traceback(
    signals: int, up: Callable[[Path], Running], plain: Path
) -> None:
    fleet = up(plain)
    fleet.until("operations: ")
    for _ in range(signals):
        fleet.process.send_signal(signal.SIGINT)
    assert fleet.stop()[0::2] == (0, "")


def test_a_wrong_topology_is_one_line_and_status_2(up: Callable[[Path], Running], tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[[ecflow_server]]\nplian = 3141\n")
    process = up(file).process
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (2, "")
    assert errors == f"ecfleet up: {file}:2: ecflow_server.plian: unknown key; did you mean 'plain'?\n"


def test_a_missing_file_is_one_line_and_status_2(up: Callable[[Path], Running], tmp_path: Path) -> None:
    process = up(tmp_path / "none.toml").process
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (2, "")
    assert errors == f"ecfleet up: {tmp_path / 'none.toml'}: cannot be read: No such file or directory\n"


def test_a_port_in_use_is_one_line_and_status_2(up: Callable[[Path], Running], tmp_path: Path) -> None:
    file = tmp_path / "taken.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(f"[[ecflow_server]]\nplain = 0\ntls = {port}\n")
        process = up(file).process
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (2, "")
    assert errors.startswith(f"ecfleet up: ecflow_server: 127.0.0.1:{port} is in use by another program")
    assert len(errors.splitlines()) == 1


# --- the examples ---------------------------------------------------------------------------------------

needs_addresses = pytest.mark.skipif(
    not own_addresses(), reason="not applicable: this platform has one loopback address only"
)


def through_socks(proxy: Address, name: str, port: int, request: bytes) -> bytes:
    asked = b"\4\1" + port.to_bytes(2, "big") + b"\0\0\0\1\0" + name.encode() + b"\0"
    with socket.create_connection(proxy, timeout=10) as sock:
        sock.sendall(asked)
        assert sock.recv(8)[:2] == b"\0\x5a"
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65536), b""))


@needs_addresses
def test_example_from_home(up: Callable[[Path], Running]) -> None:
    fleet = up(EXAMPLES / "from-home.toml")
    told = fleet.until("Ready.")
    proxy = address_in(told, "tunnel: ")
    assert f"  last line of proxychains.conf: socks5 {proxy.host} 9050" in told
    for machine, file in (("machine1", "t1.1"), ("machine2.ecmwf.int", "t2.1")):
        path = EXAMPLES / "output" / machine.partition(".")[0] / file
        assert through_socks(proxy, machine, 9316, f"get {path}\n".encode()) == path.read_bytes()
    assert through_socks(proxy, "machine1", 3141, PING)
    lines = fleet.until("CtsCmd PING")
    assert any("SOCKS 4 CONNECT machine2.ecmwf.int:9316" in line for line in lines)
    assert any(f"get {EXAMPLES / 'output' / 'machine2' / 't2.1'}" in line for line in lines)
    assert fleet.stop()[0::2] == (0, "")


@needs_addresses
def test_example_https_chain_and_no_secret_is_shown(up: Callable[[Path], Running], tmp_path: Path) -> None:
    fleet = up(EXAMPLES / "https-chain.toml")
    told = fleet.until("Ready.")
    command = next(line for line in told if line.startswith("  curl --cacert"))
    words = command.split()
    context = ssl.create_default_context(cafile=words[words.index("--cacert") + 1])
    name, _, rest = words[words.index("--resolve") + 1].partition(":")
    port, _, host = rest.partition(":")
    answers = []
    for password in ("ecfleet-secret-alice", "ecfleet-secret-wrong"):
        with (
            socket.create_connection((host, int(port)), timeout=10) as sock,
            context.wrap_socket(sock, server_hostname=name) as secured,
        ):
            body = encode_request(CtsCmd(api=CtsApi.PING, host="here", user="emos"))
            credential = base64.b64encode(f"alice:{password}".encode()).decode()
            head = (
                f"POST /v1/ecflow HTTP/1.1\r\nHost: {name}\r\nAuthorization: Basic {credential}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            secured.sendall(head.encode() + body)
            answers.append(secured.recv(65536).split(b"\r\n")[0])
    assert [answer.split()[1] for answer in answers] == [b"200", b"401"]
    status, output, errors = fleet.stop()
    assert (status, errors) == (0, "")
    everything = "\n".join(told) + output
    assert "user alice" in everything
    assert "ecfleet-secret" not in everything
    assert base64.b64encode(b"alice:ecfleet-secret-alice").decode() not in everything


@needs_addresses
def test_example_server(tmp_path: Path) -> None:
    fleet = load(EXAMPLES / "server.toml")
    with fleet:
        for name, transports in (("new", ["tcp", "ssl", "http"]), ("old", ["tcp", "ssl"])):
            server = fleet[name]
            assert isinstance(server, EcflowServer)
            assert [str(transport) for transport in server.addresses] == transports
            assert ask(server.addresses[Transport.TCP], PING)
        write_files(fleet, tmp_path)
        told = how_to_reach(fleet, tmp_path)
    old = fleet["old"]
    assert isinstance(old, EcflowServer)
    own = f"{old.address.host}.{old.addresses[Transport.SSL].port}.crt"
    files = {path.name for path in (tmp_path / ".ecflowrc" / "ssl").iterdir()}
    assert {"server.crt", own, "ca.pem"} <= files
    assert (tmp_path / ".ecflowrc" / "ssl" / "ca.pem").read_bytes() == authority().certificate.data
    assert (tmp_path / "hosts").read_text() == fleet.hosts_file()
    assert sum("ecflow_client" in line for line in told) == 5


@needs_addresses
def test_the_commands_that_are_told_work_as_they_are(tmp_path: Path) -> None:
    if shutil.which("ecflow_client") is None:
        pytest.skip("not run: needs ecflow_client; apt install ecflow-client")
    fleet = load(EXAMPLES / "server.toml")
    with fleet:
        write_files(fleet, tmp_path)
        commands = [line.strip() for line in how_to_reach(fleet, tmp_path) if "ecflow_client" in line]
        # The installed client may be of a release that knows no HTTP.
        commands = [command for command in commands if "--http" not in command]
        assert len(commands) == 4
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ECF_")}
        for command in commands:
            done = subprocess.run(
                command, shell=True, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@needs_addresses
def test_how_to_reach_each_kind_of_service(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(
        "[hosts.machine1]\n"
        '[[log_server]]\nhost = "machine1"\npaths = ["a b"]\n'
        "[[socks_proxy]]\nversions = [4]\n"
        '[[auth_service]]\nusers = { alice = "ecfleet-secret-alice" }\n'
        '[[reverse_proxy]]\nupstream = "127.0.0.1:1"\n'
    )
    fleet = load(file)
    with fleet:
        told = how_to_reach(fleet, tmp_path)
        logs, socks = fleet["log_server"].address, fleet["socks_proxy"].address
        auth, proxy = fleet["auth_service"].address, fleet["reverse_proxy"].address
    assert told[1:3] == ["hosts:", f"  {logs.host} machine1"]
    for line in (
        f"log_server: log server on machine1, {logs}",
        f"  variables of a suite: ECF_LOGHOST=machine1 ECF_LOGPORT={logs.port}",
        f"  echo 'get {tmp_path / 'a b'}/FILE' | nc {logs.host} {logs.port}",
        f"socks_proxy: SOCKS proxy on this machine, {socks}",
        f"  last line of proxychains.conf: socks4 127.0.0.1 {socks.port}",
        f"  curl --socks4a {socks} http://HOST:PORT/",
        f"  curl -i -u USER http://{auth}/authenticate",
        f"  ecflow_client --https --host 127.0.0.1 --port {proxy.port} --ping",
    ):
        assert line in told
    assert "ecfleet-secret" not in "\n".join(told)
