"""The built-in client over HTTP: its request, the token, what it makes of every kind of answer."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from ecfleet.clients import (
    Action,
    Outcome,
)
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import (
    OK,
    SStringCmd,
    SSuitesCmd,
    decode_request,
    encode_reply,
    frame,
)

from .client_runs import TASK, Clock, ask, quick
from .scripted_server import (
    ScriptedServer,
    answers,
    http_answers,
    http_ok,
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(host_name="laptop") as made:
        yield made


def http(
    sandbox: Sandbox, reply: bytes, action: Action = Action.SUITES, **more: Any
) -> tuple[Outcome, int, list[bytes]]:
    seen: list[bytes] = []
    with ScriptedServer(http_answers(reply, seen)) as server:
        outcome = ask(server, sandbox, action, transport=Transport.HTTP, client=quick(Clock()), **more)
    return outcome, server.connections, seen


def test_http_request_is_as_recorded(sandbox: Sandbox) -> None:
    outcome, _, (request,) = http(sandbox, http_ok(SSuitesCmd(("s",))))
    assert (outcome.exit_code, outcome.stdout) == (0, "s \n")
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/ecflow HTTP/1.1"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "Accept",
        "Connection",
        "Content-Length",
        "Content-Type",
        "Host",
        "User-Agent",
    ]
    assert {"Accept: */*", "Connection: close", "Content-Type: application/json"} <= set(lines)
    assert decode_request(body)
    assert outcome.stderr == f"Unable to open : {sandbox.cwd}/.ecflowapirc, to load tokens.\n"


@pytest.mark.parametrize(
    ("token", "header"),
    [
        (
            {"type": "bearer", "api": {"url": "u", "email": "e", "key": "ecfleet-secret"}},
            "Bearer ecfleet-secret",
        ),
        (
            {"type": "basic", "api": {"username": "u", "password": "ecfleet-secret"}},
            "Basic dTplY2ZsZWV0LXNlY3JldA==",
        ),
    ],
)
def test_token_is_sent_after_accept(sandbox: Sandbox, token: dict[str, Any], header: str) -> None:
    sandbox.put_token_file({"version": 1, "tokens": [{"server": "http://127.0.0.1:.*", **token}]})
    outcome, _, (request,) = http(sandbox, http_ok(OK), environment=TASK, action=Action.COMPLETE)
    assert outcome.ok
    assert outcome.stderr == ""
    assert request.decode().split("\r\n")[1:3] == ["Accept: */*", f"Authorization: {header}"]
    assert "ecfleet-secret" not in outcome.command


def test_a_key_with_a_line_end_is_never_sent(sandbox: Sandbox) -> None:
    api = {"url": "u", "email": "e", "key": "ecfleet-secret\r\nX-Auth-Username: root"}
    sandbox.put_token_file({"version": 1, "tokens": [{"server": ".*", "type": "bearer", "api": api}]})
    outcome, connections, _ = http(sandbox, http_ok(OK))
    assert (outcome.exit_code, connections) == (1, 0)


def test_broken_pattern_counts_as_a_connection_error(sandbox: Sandbox) -> None:
    api = {"username": "u", "password": "p"}
    sandbox.put_token_file({"version": 1, "tokens": [{"server": "*", "type": "basic", "api": api}]})
    outcome, connections, _ = http(sandbox, http_ok(OK))
    assert (outcome.exit_code, connections) == (1, 0)
    assert "After 2 attempts" in outcome.stderr


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (b"201 Fine", "Created (201)"),
        (b"204 No Content", "No Content (204)"),
        (b"301 Go", "Moved Permanently (301)"),
        (b"401 Unauthorized", "Unauthorized (401)"),
        (b"403 Forbidden", "Forbidden (403)"),
        (b"413 x", "Payload Too Large (413)"),
        (b"502 Bad Gateway", "Bad Gateway (502)"),
        (b"504 x", "Gateway Timeout (504)"),
        (b"599 x", "Internal Server Error (599)"),
    ],
)
@pytest.mark.parametrize("action", [Action.SUITES, Action.COMPLETE])
def test_every_status_but_200_ends_the_call(
    sandbox: Sandbox, status: bytes, says: str, action: Action
) -> None:
    reply = b"HTTP/1.1 " + status + b"\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
    outcome, connections, _ = http(sandbox, reply, action, environment=TASK)
    assert (outcome.exit_code, connections) == (1, 1)
    assert f"HttpClient::handle_server_response: Error: {says}\n" in outcome.stderr


BODY = encode_reply(SStringCmd("text"))
CHUNKED = b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % (len(BODY) - 5) + BODY[5:] + b"\r\n0\r\n\r\n"
ZIPPED = gzip.compress(BODY)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
        b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    ],
)
def test_all_forms_of_a_body_are_read(sandbox: Sandbox, reply: bytes) -> None:
    outcome, _, _ = http(sandbox, reply)
    assert (outcome.exit_code, outcome.stdout) == (0, "text\n")


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", frame(BODY), b"SSH-2.0-x\r\n"]
)
@pytest.mark.parametrize("action", [Action.SUITES, Action.COMPLETE])
def test_connection_failures_over_http_are_final(sandbox: Sandbox, reply: bytes, action: Action) -> None:
    outcome, connections, _ = http(sandbox, reply, action, environment=TASK)
    assert (outcome.exit_code, connections) == (1, 1)
    assert "Error: Could not contact server (-1)\n" in outcome.stderr


@pytest.mark.parametrize("body", [b"", b"hello", b"<html>login</html>", b"{}"])
def test_undecodable_body_is_tried_again(sandbox: Sandbox, body: bytes) -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    outcome, connections, _ = http(sandbox, reply)
    assert (outcome.exit_code, connections) == (1, 2)
    assert "Failed to connect" in outcome.stderr


@pytest.mark.parametrize(("value", "http"), [("HTTP", True), ("http", False), ("SSL", False), ("", False)])
def test_protocol_by_environment(sandbox: Sandbox, value: str, http: bool) -> None:
    with ScriptedServer(http_answers(http_ok(OK)) if http else answers(OK)) as server:
        assert ask(server, sandbox, Action.PING, environment={"ECF_HOST_PROTOCOL": value}).ok
