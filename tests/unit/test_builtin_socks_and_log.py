"""The built-in client through a SOCKS proxy, and at a log server."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from ecfleet.certificates import self_signed
from ecfleet.clients import Action, BuiltinClient, Call, Outcome, SocksRoute
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.dialect import DIALECT_5_17
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.tls import server_context
from ecfleet_mocks.wire import OK

from .scripted_server import Handler, ScriptedServer, answers, http_answers, http_ok, nobody_listens

NAME = b"machine1.inside"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(host_name="laptop") as made:
        yield made


def read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionResetError
        data += more
    return data


def splice(client: socket.socket, port: int) -> None:
    """Carry bytes both ways until both sides have ended."""
    with socket.create_connection(("127.0.0.1", port)) as server:

        def carry(source: socket.socket, target: socket.socket) -> None:
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                return

        up = threading.Thread(target=carry, args=(client, server))
        up.start()
        carry(server, client)
        up.join(10)


def socks5(
    port: int, asked: list[bytes], reply: int = 0, users: tuple[bytes, bytes] | None = None
) -> Handler:
    """A proxy written from RFC 1928 and 1929; what it was asked for is kept."""

    def handler(connection: socket.socket) -> None:
        version, count = read(connection, 2)
        methods = read(connection, count)
        assert version == 5
        if users is None:
            connection.sendall(b"\x05\x00")
        else:
            assert 2 in methods
            connection.sendall(b"\x05\x02")
            user = read(connection, read(connection, 2)[1])
            password = read(connection, read(connection, 1)[0])
            asked.append(user + b":" + password)
            connection.sendall(b"\x01" + (b"\x00" if (user, password) == users else b"\x01"))
            if (user, password) != users:
                return
        asked.append(read(connection, 4))
        asked.append(read(connection, read(connection, 1)[0]))
        asked.append(read(connection, 2))
        connection.sendall(b"\x05" + bytes([reply]) + b"\x00\x01\x00\x00\x00\x00\x00\x00")
        if reply == 0:
            splice(connection, port)

    return handler


def socks4a(port: int, asked: list[bytes], reply: int = 0x5A) -> Handler:
    """A proxy written from the SOCKS4A memo; what it was asked for is kept."""

    def text(connection: socket.socket) -> bytes:
        data = b""
        while not data.endswith(b"\0"):
            data += read(connection, 1)
        return data[:-1]

    def handler(connection: socket.socket) -> None:
        asked.append(read(connection, 8))
        asked.append(text(connection))
        asked.append(text(connection))
        connection.sendall(b"\x00" + bytes([reply]) + b"\x00" * 6)
        if reply == 0x5A:
            splice(connection, port)

    return handler


def through(
    proxy: ScriptedServer,
    sandbox: Sandbox,
    version: int,
    transport: Transport,
    user: str = "",
    password: str = "",
) -> Outcome:
    route = SocksRoute("127.0.0.1", proxy.port, version, user, password)
    call = Call(Action.PING, NAME.decode(), 4141, transport, socks=route)
    return BuiltinClient().run(call, sandbox, 20)


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("transport", list(Transport))
def test_every_transport_through_a_proxy_that_resolves(
    sandbox: Sandbox, version: int, transport: Transport
) -> None:
    credential = self_signed("machine1")
    sandbox.put_certificate(f"{NAME.decode()}.4141.crt", credential.certificate.data)
    handler = http_answers(http_ok(OK)) if transport in (Transport.HTTP, Transport.HTTPS) else answers(OK)
    secure = transport in (Transport.SSL, Transport.HTTPS)
    context = server_context(credential, DIALECT_5_17) if secure else None
    asked: list[bytes] = []
    with ScriptedServer(handler, context=context) as server:
        make = socks5 if version == 5 else socks4a
        with ScriptedServer(make(server.port, asked)) as proxy:
            outcome = through(proxy, sandbox, version, transport)
    assert outcome.ok, outcome.stderr
    if version == 5:
        assert asked == [b"\x05\x01\x00\x03", NAME, struct.pack(">H", 4141)]
    else:
        assert asked == [b"\x04\x01" + struct.pack(">H", 4141) + b"\x00\x00\x00\x01", b"", NAME]


@pytest.mark.parametrize(("password", "works"), [("ecfleet-secret", True), ("wrong", False)])
def test_socks5_credentials(sandbox: Sandbox, password: str, works: bool) -> None:
    asked: list[bytes] = []
    with ScriptedServer(answers(OK)) as server:
        handler = socks5(server.port, asked, users=(b"me", b"ecfleet-secret"))
        with ScriptedServer(handler) as proxy:
            outcome = through(proxy, sandbox, 5, Transport.TCP, "me", password)
    assert outcome.ok == works
    assert asked[0] == b"me:" + password.encode()
    assert "ecfleet-secret" not in outcome.command + outcome.stderr


def test_socks4_user(sandbox: Sandbox) -> None:
    asked: list[bytes] = []
    with ScriptedServer(answers(OK)) as server, ScriptedServer(socks4a(server.port, asked)) as proxy:
        assert through(proxy, sandbox, 4, Transport.TCP, "me").ok
    assert asked[1] == b"me"


@pytest.mark.parametrize(
    "handler",
    [socks5(0, [], reply=5), socks5(0, [], reply=255), lambda _: None],
    ids=["refused", "odd", "closed"],
)
def test_a_proxy_that_refuses_is_a_connection_error(sandbox: Sandbox, handler: Handler) -> None:
    with ScriptedServer(handler) as proxy:
        route = SocksRoute("127.0.0.1", proxy.port)
        outcome = BuiltinClient().run(Call(Action.SUITES, "machine1", 4141, socks=route), sandbox, 20)
    assert outcome.exit_code == 1
    assert f"SOCKS5 127.0.0.1:{proxy.port}: " in outcome.stderr
    assert "After 2 attempts" in outcome.stderr
    assert proxy.connections == 2


def test_no_proxy_at_all(sandbox: Sandbox) -> None:
    with nobody_listens() as port:
        route = SocksRoute("127.0.0.1", port)
        outcome = BuiltinClient().run(Call(Action.SUITES, "machine1", 4141, socks=route), sandbox, 20)
    assert outcome.exit_code == 1
    assert "Connection refused" in outcome.stderr


# --- log server ---

CONTENT = b"job output\n\xff\x00" * 20_000


def log_server(version: bytes, answer: bytes, seen: list[bytes], reset: bool = False) -> Handler:
    def handler(connection: socket.socket) -> None:
        request = connection.recv(65536)
        seen.append(request)
        connection.sendall(version if request.startswith(b"version") else answer)
        if reset and not request.startswith(b"version"):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return handler


def fetch(
    handler: Handler, sandbox: Sandbox, action: Action = Action.LOG_FETCH, path: str | None = "/out/job.1"
) -> Outcome:
    with ScriptedServer(handler) as server:
        arguments = () if path is None else (path,)
        return BuiltinClient().run(Call(action, "127.0.0.1", server.port, arguments=arguments), sandbox, 20)


def test_file_is_fetched_as_the_ui_does(sandbox: Sandbox) -> None:
    seen: list[bytes] = []
    outcome = fetch(log_server(b"2", b"0:1700000000:x:" + CONTENT, seen), sandbox)
    assert outcome.ok
    assert outcome.fetched == CONTENT
    assert outcome.stdout.encode("utf-8", "surrogateescape") == CONTENT
    assert seen == [b"version\n", b"getf  /out/job.1\n\0"]


def test_another_version_means_plain_get(sandbox: Sandbox) -> None:
    seen: list[bytes] = []
    outcome = fetch(log_server(b"1", CONTENT, seen), sandbox)
    assert outcome.fetched == CONTENT
    assert seen == [b"version\n", b"get  /out/job.1\n\0"]


def test_empty_file_by_getf_is_a_file(sandbox: Sandbox) -> None:
    outcome = fetch(log_server(b"2", b"0:1700000000:x:", []), sandbox)
    assert (outcome.exit_code, outcome.fetched) == (0, b"")


@pytest.mark.parametrize("version", [b"1", b"2"])
def test_closing_without_a_byte_is_a_failure(sandbox: Sandbox, version: bytes) -> None:
    outcome = fetch(log_server(version, b"", []), sandbox)
    assert (outcome.exit_code, outcome.fetched) == (1, None)
    assert "log server" in outcome.stderr


def test_half_a_header_and_a_reset_are_failures(sandbox: Sandbox) -> None:
    assert fetch(log_server(b"2", b"0:170", []), sandbox).exit_code == 1
    assert fetch(log_server(b"2", b"0:1700000000:x:" + CONTENT, [], reset=True), sandbox).exit_code == 1


def test_version_and_list(sandbox: Sandbox) -> None:
    row = b"33188 0 0 5 1 2 3 /out/job.1\n"
    assert fetch(log_server(b"2", b"", []), sandbox, Action.LOG_VERSION, None).stdout == "2\n"
    seen: list[bytes] = []
    assert fetch(log_server(b"2", row, seen), sandbox, Action.LOG_LIST).stdout == row.decode()
    assert seen == [b"list /out/job.1\n"]


def test_path_and_address_are_needed(sandbox: Sandbox) -> None:
    assert "path of the file is missing" in fetch(log_server(b"2", b"", []), sandbox, path=None).stderr
    assert fetch(log_server(b"2", b"x", []), sandbox, path="/a\nb").exit_code == 1
    outcome = BuiltinClient().run(Call(Action.LOG_VERSION, None, None), sandbox)
    assert outcome.exit_code == 1
    assert "set ECF_LOGHOST and ECF_LOGPORT" in outcome.stderr


def test_address_by_variables_and_through_a_proxy(sandbox: Sandbox) -> None:
    asked: list[bytes] = []
    with (
        ScriptedServer(log_server(b"2", b"0:1:x:" + CONTENT, [])) as server,
        ScriptedServer(socks5(server.port, asked)) as proxy,
    ):
        sandbox.set("ECF_LOGHOST", "logserver")
        sandbox.set("ECF_LOGPORT", "9316")
        route = SocksRoute("127.0.0.1", proxy.port)
        call = Call(Action.LOG_FETCH, None, None, arguments=("/out/job.1",), socks=route)
        outcome = BuiltinClient().run(call, sandbox, 20)
    assert outcome.fetched == CONTENT
    assert asked == [b"\x05\x01\x00\x03", b"logserver", struct.pack(">H", 9316)] * 2


def test_nobody_at_the_log_server(sandbox: Sandbox) -> None:
    with nobody_listens() as port:
        outcome = BuiltinClient().run(Call(Action.LOG_VERSION, "127.0.0.1", port), sandbox)
    assert outcome.exit_code == 1
    assert "Connection refused" in outcome.stderr
