"""The built-in client over TLS and HTTPS: which certificate it trusts, and what it says when it does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ecfleet.certificates import another_key, chain, expired, not_yet_valid, self_signed
from ecfleet.clients import Action, BuiltinClient, Call, Outcome
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.tls import Blob, Credential, authority, server_context, web_context
from ecfleet_mocks.wire import OK

from .scripted_server import ScriptedServer, answers, http_answers, http_ok, says_nothing, take_frame

A = self_signed("machine1", pair=0)
B = self_signed("machine1", pair=1)
VERIFY_FAILED = "SslClient::handle_handshake: error(certificate verify failed)"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(host_name="laptop") as made:
        yield made


def ping(port: int, sandbox: Sandbox, host: str = "127.0.0.1", **more: Any) -> Outcome:
    more.setdefault("transport", Transport.SSL)
    client = more.pop("client", None) or BuiltinClient()
    return client.run(Call(Action.PING, host, port, **more), sandbox, 20)


def leaf_of(credential: Credential) -> Blob:
    """The first certificate of a chain file."""
    end = b"-----END CERTIFICATE-----\n"
    return Blob(credential.certificate.data.partition(end)[0] + end)


@pytest.mark.parametrize("dialect", [DIALECT_5_9, DIALECT_5_17], ids=lambda each: each.name)
def test_self_signed_certificate_is_its_own_anchor(sandbox: Sandbox, dialect: Any) -> None:
    sandbox.put_certificate("server.crt", A.certificate.data)
    with ScriptedServer(answers(OK), context=server_context(A, dialect)) as server:
        outcome = ping(server.port, sandbox)
    assert outcome.ok, outcome.stderr


@pytest.mark.parametrize(
    ("shown", "trusted", "trusts"),
    [
        pytest.param(A, B.certificate, False, id="experiment 42: another certificate"),
        pytest.param(
            expired("machine1"), expired("machine1").certificate, False, id="experiment 43: expired"
        ),
        pytest.param(
            not_yet_valid("machine1"),
            not_yet_valid("machine1").certificate,
            False,
            id="experiment 43: future",
        ),
        pytest.param(A, A.certificate, True, id="experiment 44: name of another host"),
        pytest.param(
            chain("machine1"), authority().certificate, True, id="experiment 45: leaf, file holds the CA"
        ),
        pytest.param(
            chain("machine1"),
            leaf_of(chain("machine1")),
            False,
            id="experiment 46: leaf, file holds the leaf",
        ),
        pytest.param(
            chain("machine1"), chain("machine1").certificate, True, id="experiment 47: chain on both sides"
        ),
    ],
)
def test_what_is_trusted(sandbox: Sandbox, shown: Credential, trusted: Blob, trusts: bool) -> None:
    sandbox.put_certificate("server.crt", trusted.data)
    with ScriptedServer(answers(OK), context=server_context(shown, DIALECT_5_17)) as server:
        outcome = ping(server.port, sandbox)
    assert outcome.ok == trusts, outcome.stderr
    if not trusts:
        text = f"{VERIFY_FAILED} on 127.0.0.1:{server.port} possibly non-ssl server\n\n"
        assert outcome.stderr == f"Error: request( --ping ) failed!  Server reply: {text}"
    assert server.connections == 1


@pytest.mark.parametrize("content", ["", "no certificate", A.key.data])
def test_a_file_without_certificate_fails_twice(sandbox: Sandbox, content: bytes | str) -> None:
    """Experiment 48: the second attempt trusts nothing, so that the handshake fails."""
    sandbox.put_certificate("server.crt", content)
    with ScriptedServer(answers(OK), context=server_context(A, DIALECT_5_17)) as server:
        outcome = ping(server.port, sandbox)
    assert outcome.exit_code == 1
    assert VERIFY_FAILED in outcome.stderr
    assert server.connections == 1


def test_selection_decides_by_host_and_port(sandbox: Sandbox) -> None:
    with ScriptedServer(answers(OK), context=server_context(B, DIALECT_5_17)) as server:
        sandbox.put_certificate(f"laptop.{server.port}.crt", B.certificate.data)
        assert ping(server.port, sandbox, "localhost").ok
        sandbox.put_certificate("server.crt", A.certificate.data)
        assert not ping(server.port, sandbox, "localhost").ok
        by_variable = {"ECF_SSL": f"laptop.{server.port}"}
        outcome = ping(server.port, sandbox, "localhost", transport=Transport.TCP, environment=by_variable)
        assert outcome.ok


def test_no_certificate_no_contact(sandbox: Sandbox) -> None:
    with ScriptedServer(answers(OK)) as server:
        outcome = ping(server.port, sandbox)
        assert outcome.exit_code == 1
        assert f"server.crt or 127.0.0.1.{server.port}.crt in $HOME/.ecflowrc/ssl" in outcome.stderr
        sandbox.set("ECF_SSL", "1")
        old = ping(server.port, sandbox, transport=Transport.TCP, client=BuiltinClient(DIALECT_5_9))
        assert old.stderr == (
            "Openssl::enable: Error: Expected to find the self signed certificate file(CRT)"
            " server.crt *OR* laptop.3141.crt in $HOME/.ecflowrc/ssl when ECF_SSL=1\n"
        )
        sandbox.unset("HOME")
        assert ping(server.port, sandbox).exit_code == 1
    assert server.connections == 0


@pytest.mark.parametrize(("dialect", "exit_code"), [(DIALECT_5_9, 1), (DIALECT_5_17, 0)], ids=["5.9", "5.17"])
def test_no_ecf_and_a_missing_certificate(sandbox: Sandbox, dialect: Any, exit_code: int) -> None:
    """Experiment 52."""
    environment = {"ECF_SSL": "1", "NO_ECF": "1"}
    client = BuiltinClient(dialect)
    outcome = ping(1, sandbox, transport=Transport.TCP, environment=environment, client=client)
    assert outcome.exit_code == exit_code


def test_plain_server(sandbox: Sandbox) -> None:
    """A plain ecFlow server answers a handshake with a framed error; then it closes."""

    def plain(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"     100" + b"x" * 256)

    sandbox.put_certificate("server.crt", A.certificate.data)
    with ScriptedServer(plain) as server:
        outcome = ping(server.port, sandbox)
    assert outcome.exit_code == 1
    assert "error(wrong version number)" in outcome.stderr
    assert outcome.stderr.endswith("possibly non-ssl server\n\n")
    assert server.connections == 1


def test_server_that_closes_during_the_handshake(sandbox: Sandbox) -> None:
    sandbox.put_certificate("server.crt", A.certificate.data)
    with ScriptedServer(lambda connection: connection.shutdown(socket.SHUT_WR)) as server:
        outcome = ping(server.port, sandbox)
    assert outcome.exit_code == 1
    assert "SslClient::handle_handshake: error(" in outcome.stderr
    assert server.connections == 1


def test_server_that_closes_without_reply_is_tried_again(sandbox: Sandbox) -> None:
    def closes(connection: socket.socket) -> None:
        take_frame(connection)

    sandbox.put_certificate("server.crt", A.certificate.data)
    with ScriptedServer(closes, answers(OK), context=server_context(A, DIALECT_5_17)) as server:
        assert ping(server.port, sandbox).ok
    assert server.connections == 2


def test_plain_client_at_a_tls_server(sandbox: Sandbox) -> None:
    with ScriptedServer(answers(OK), context=server_context(A, DIALECT_5_17)) as server:
        outcome = ping(server.port, sandbox, transport=Transport.TCP)
    assert outcome.exit_code == 1


def test_no_answer_to_the_handshake(sandbox: Sandbox) -> None:
    sandbox.put_certificate("server.crt", A.certificate.data)
    with ScriptedServer(says_nothing) as server:
        call = Call(Action.PING, "127.0.0.1", server.port, Transport.SSL)
        assert BuiltinClient().run(call, sandbox, 0.2).timed_out


@pytest.mark.parametrize(
    "credential",
    [A, expired("machine1"), chain("another-name")],
    ids=["self-signed", "expired", "wrong name"],
)
def test_https_verifies_nothing(sandbox: Sandbox, credential: Credential) -> None:
    seen: list[bytes] = []
    api = {"url": "u", "email": "e", "key": "ecfleet-secret"}
    sandbox.put_token_file(
        {"version": 1, "tokens": [{"server": "https://localhost:.*", "type": "bearer", "api": api}]}
    )
    with ScriptedServer(http_answers(http_ok(OK), seen), context=web_context(credential)) as server:
        outcome = ping(server.port, sandbox, "localhost", transport=Transport.HTTPS)
    assert outcome.ok, outcome.stderr
    assert b"\r\nAuthorization: Bearer ecfleet-secret\r\n" in seen[0]


def test_https_at_a_server_that_speaks_plain_http(sandbox: Sandbox) -> None:
    def refuses(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with ScriptedServer(refuses) as plain:
        outcome = ping(plain.port, sandbox, transport=Transport.HTTPS)
    assert outcome.exit_code == 1
    assert outcome.stderr.endswith("Error: Could not contact server (-1)\n")


def test_tls_wins_over_http(sandbox: Sandbox) -> None:
    sandbox.put_certificate("server.crt", A.certificate.data)
    with ScriptedServer(answers(OK), context=server_context(A, DIALECT_5_17)) as server:
        for transport in (Transport.HTTP, Transport.HTTPS):
            assert ping(server.port, sandbox, transport=transport, environment={"ECF_SSL": "1"}).ok


def test_another_key_cannot_be_served() -> None:
    """The credential of a test above, to be sure that its making is not what fails."""
    with pytest.raises(Exception, match="key"):
        server_context(another_key(A), DIALECT_5_17)
