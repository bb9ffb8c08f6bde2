"""What a client sends, seen at the server, and what it makes of replies, seen from its exit code."""

from __future__ import annotations

import os
import pwd
import tomllib
from enum import IntEnum
from importlib import resources
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecfleet import Sandbox, expect, expect_in, not_applicable, rule
from ecfleet.clients import Action, Capability, ClientUnderTest
from ecfleet.services import (
    Answer,
    Close,
    ConnectionClosed,
    ConnectionOpened,
    Drip,
    EcflowServer,
    Fault,
    LoseReply,
    Refuse,
    RequestReceived,
    Reset,
    Stall,
    Transport,
    Truncate,
)
from ecfleet.wire import (
    HEADER_SIZE,
    OK,
    Command,
    ErrorCmd,
    LabelCmd,
    SStringCmd,
    TaskCommand,
    UserCommand,
    Variable,
    http1,
    parse_header,
)
from ecfleet_suites.wire.bench import FRAMED_OK, Bench, answers


def table(name: str) -> dict[str, Any]:
    """A table of this area."""
    return tomllib.loads((resources.files(__package__) / "tables" / name).read_text(encoding="utf-8"))


REQUESTS = table("requests.toml")
HEADERS: dict[str, str] = table("headers.toml")["accepted"]
UNDECODABLE: dict[str, str] = table("replies.toml")["undecodable"]


@pytest.fixture
def bench(ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, ecf_server: EcflowServer) -> Bench:
    return Bench(ecf_client, ecf_sandbox, ecf_server)


def plain(value: object) -> object:
    """A field's value as a table has it."""
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, Variable):
        return [value.name, value.value]
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def only_message(bench: Bench, before: int) -> tuple[bytes, Command]:
    """The payload of the one message that was sent since, and the command in it.

    The header must give the payload's length, and nothing may have been sent beside the two.
    """
    received = bench.requests()[before:]
    expect(len(received), 1, "requests for one command")
    event = received[0]
    closed = bench.journal.wait_for(ConnectionClosed, lambda one: one.connection == event.connection)
    payload = event.raw[HEADER_SIZE:]
    expect(parse_header(event.raw[:HEADER_SIZE]), len(payload), "length in front of the payload")
    expect(closed.received, HEADER_SIZE + len(payload), "bytes sent for one command")
    assert isinstance(event.decoded, Command), "the request cannot be decoded"
    return payload, event.decoded


def named(row: dict[str, Any]) -> str:
    return " ".join([row["action"], *row.get("arguments", [])])


@rule("WIRE-01")
@pytest.mark.parametrize("row", REQUESTS["row"], ids=named)
def test_the_command_of_an_action(bench: Bench, row: dict[str, Any]) -> None:
    bench.sandbox.put_file("s.def", "suite s\n  family f\n    task t\n  endfamily\nendsuite\n")
    bench.always(answers(OK))
    bench.run(Action(row["action"]), *row.get("arguments", []))
    _, command = only_message(bench, 0)
    what = f"of --{named(row)}"
    expect(type(command).__name__, row["class"], f"class of the request {what}")
    for name, value in row["fields"].items():
        expect(plain(getattr(command, name)), value, f"{name} {what}")
    for name, parts in row.get("contains", {}).items():
        for part in parts:
            expect_in(part, getattr(command, name), f"{name} {what}")
    if isinstance(command, TaskCommand):
        for name, value in REQUESTS["task"].items():
            expect(getattr(command, name), value, f"{name} {what}")
    if isinstance(command, UserCommand):
        expect(command.user, pwd.getpwuid(os.getuid()).pw_name, f"user {what}")


@rule("WIRE-02")
@given(text=st.text(st.sampled_from("aé€日😀 "), min_size=1, max_size=12).map(str.strip).filter(bool))
@example(text="é")
@settings(max_examples=6)
def test_lengths_count_bytes(bench: Bench, text: str) -> None:
    bench.always(answers(OK))
    before = len(bench.requests())
    bench.run(Action.LABEL, "l", text)
    _, command = only_message(bench, before)
    assert isinstance(command, LabelCmd), "the request is no label"
    # What lies between two words is the client's own affair.
    expect(command.label.split(), text.split(), "the label as sent")


@rule("WIRE-03")
@given(size=st.integers(1, len(FRAMED_OK) - 1))
@example(size=1)
@example(size=HEADER_SIZE - 1)
@example(size=HEADER_SIZE)
@example(size=HEADER_SIZE + 1)
@settings(max_examples=4)
def test_a_reply_in_pieces(bench: Bench, size: int) -> None:
    bench.server.faults.next(Drip(size, 0.001))
    expect(bench.run(Action.PING).exit_code, 0, "exit code of --ping, reply in pieces")


@rule("WIRE-04")
@pytest.mark.parametrize("transport", [Transport.TCP, Transport.SSL, Transport.HTTP])
def test_a_reply_is_read_to_its_end(
    transport: Transport, ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    if Capability(transport.value) not in ecf_client.capabilities:
        not_applicable(f"{ecf_client.name} lacks {transport}")
    fixture = {
        Transport.TCP: "ecf_server",
        Transport.SSL: "ecf_tls_server",
        Transport.HTTP: "ecf_http_server",
    }
    server: EcflowServer = request.getfixturevalue(fixture[transport])
    bench = Bench(ecf_client, ecf_sandbox, server, transport)
    for lines in (1, 500, 50_000):
        text = "\n".join(f"line {number} of the reply" for number in range(lines))
        bench.always(answers(SStringCmd(text), transport))
        seen = bench.run(Action.SERVER_VERSION)
        expect(seen.exit_code, 0, f"exit code for a reply of {len(text)} characters over {transport}")
        printed = seen.stdout.rstrip("\n") == text
        expect(printed, True, f"whether {len(text)} characters are printed whole over {transport}")


@rule("WIRE-05")
@given(text=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=30))
@example(text="Cannot find node at path '/s/f/t'")
@settings(max_examples=6)
def test_an_error_of_the_server(bench: Bench, text: str) -> None:
    bench.always(answers(ErrorCmd(text)))
    before = len(bench.requests())
    seen = bench.run(Action.PING)
    expect(seen.exit_code, 1, "exit code of --ping answered by ErrorCmd")
    expect_in(text, seen.stderr, "standard error after ErrorCmd")
    expect(len(bench.requests()) - before, 1, "requests of --ping answered by ErrorCmd")


ENDS: dict[str, Fault] = {
    "no reply": Close(),
    "a lost reply": LoseReply(),
    "1 byte": Truncate(1),
    "7 bytes": Truncate(7),
    "the header": Truncate(8),
    "9 bytes": Truncate(9),
    "half a reply": Truncate(len(FRAMED_OK) // 2),
    "all but one byte": Truncate(len(FRAMED_OK) - 1),
}


@rule("WIRE-06")
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("action", [Action.PING, Action.EVENT])
def test_an_early_end(bench: Bench, end: str, action: Action) -> None:
    bench.server.faults.when(lambda request: True, ENDS[end])
    seen = bench.run(action, *(["e"] if action is Action.EVENT else []))
    expect(seen.exit_code, 1, f"exit code of --{action} when the server closes after {end}")
    expect(len(bench.requests()), 1, f"requests of --{action} when the server closes after {end}")


@rule("WIRE-07")
@pytest.mark.parametrize("wrong", UNDECODABLE)
def test_no_reply_at_all(bench: Bench, wrong: str) -> None:
    bench.always(Answer(UNDECODABLE[wrong].encode()))
    seen = bench.run(Action.PING)
    expect(seen.exit_code, 1, f"exit code of --ping answered by {wrong}")
    expect(len(bench.requests()), 1, f"requests of --ping answered by {wrong}")


@rule("WIRE-08")
def test_one_connection_for_one_exchange(bench: Bench) -> None:
    actions = [Action.PING, Action.STATS, Action.PING, Action.SUITES]
    for number, action in enumerate(actions):
        expect(bench.run(action).exit_code, 0, f"exit code of --{action}")
        only_message(bench, number)
    expect(len(bench.journal.of(ConnectionOpened)), len(actions), "connections for four commands")


@rule("WIRE-09")
@pytest.mark.parametrize("padding", HEADERS)
def test_padding_of_the_header(bench: Bench, padding: str) -> None:
    payload = FRAMED_OK[HEADER_SIZE:]
    bench.always(Answer(HEADERS[padding].format(n=len(payload)).encode() + payload))
    expect(bench.run(Action.PING).exit_code, 0, f"exit code of --ping, header of the reply {padding}")


@rule("WIRE-09")
@pytest.mark.parametrize("more", [b"zzzz", FRAMED_OK], ids=["junk", "another reply"])
def test_bytes_after_the_reply(bench: Bench, more: bytes) -> None:
    bench.always(Answer(FRAMED_OK + more))
    expect(bench.run(Action.PING).exit_code, 0, "exit code of --ping with bytes after the reply")


@rule("WIRE-09")
def test_a_connection_that_is_left_open(bench: Bench) -> None:
    bench.server.faults.next(Stall(len(FRAMED_OK)))
    seen = bench.run(Action.PING, timeout=3.0)
    expect(seen.exit_code, 0, "exit code of --ping, connection left open")


@rule("WIRE-10")
@pytest.mark.parametrize("fault", [Reset(), Refuse(), Reset(9)], ids=["request", "accept", "9 bytes"])
def test_a_reset_is_tried_again(bench: Bench, fault: Fault) -> None:
    bench.server.faults.next(fault)
    seen = bench.run(Action.PING)
    expect(seen.exit_code, 0, "exit code of --ping after one reset")


@rule("WIRE-11")
@given(path=st.from_regex(r"/[A-Za-z0-9_]{1,8}", fullmatch=True))
@settings(max_examples=4)
def test_the_http_request(
    ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, ecf_http_server: EcflowServer, path: str
) -> None:
    bench = Bench(ecf_client, ecf_sandbox, ecf_http_server, Transport.HTTP)
    before = len(bench.requests())
    bench.run(Action.GET, path)
    received = bench.journal.of(RequestReceived)[before:]
    expect(len(received), 1, "requests for one command")
    requests = http1.RequestReader().feed(received[0].raw)
    expect(len(requests), 1, "HTTP requests for one command")
    request = requests[0]
    expect((request.method, request.target), ("POST", "/v1/ecflow"), "method and path")
    expect(request.headers.get_all("Content-Type"), ["application/json"], "Content-Type")
    expect(request.headers.get_all("Content-Length"), [str(len(request.body))], "Content-Length")
    assert isinstance(received[0].decoded, Command), "the body is no command"
    expect(request.body.lstrip()[:1], b"{", "beginning of the body")
