"""The built-in client against scripted servers: what it makes of answers, when it gives up, where it goes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecfleet.clients import (
    Action,
    Behaviour,
    BuiltinClient,
    Call,
    Capability,
    Unimplemented,
)
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import (
    NULL_REPLY,
    OK,
    BlockClientZombieCmd,
    DefsCmd,
    ErrorCmd,
    GroupSTCCmd,
    SStringCmd,
    SStringVecCmd,
    SSuitesCmd,
    StcApi,
    StcCmd,
    ZombieType,
    encode_reply,
    frame,
)

from .client_runs import TASK, Clock, ask, quick
from .scripted_server import (
    ScriptedServer,
    answers,
    nobody_listens,
    resets,
    says_nothing,
)

HALTED = StcCmd(StcApi.BLOCK_CLIENT_SERVER_HALTED)
ZOMBIE = BlockClientZombieCmd(ZombieType.ECF_PID)
WAIT = StcCmd(StcApi.BLOCK_CLIENT_ON_HOME_SERVER)
END_OF_FILE = "Server replied with: EOF(Server did not reply or mixing ssl and non-ssl)"
UNDECODABLE = "Server replied with: invalid_argument(Could not decode client protocol)"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(host_name="laptop") as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


# --- what comes back ---


@pytest.mark.parametrize(
    ("reply", "printed"),
    [
        (OK, ""),
        (SStringCmd("5.9.2"), "5.9.2\n"),
        (SStringCmd("two\nlines\n"), "two\nlines\n\n"),
        (SStringVecCmd(("a", "b")), "a\nb\n"),
        (SSuitesCmd(("s1", "s2")), "s1 s2 \n"),
        (SSuitesCmd(()), "No suites\n\n"),
        (DefsCmd("#5.9.2\nsuite s\n# enddef\n"), "#5.9.2\nsuite s\n# enddef\n"),
        (GroupSTCCmd((SStringCmd("one"), SStringCmd("two"))), "one\ntwo\n"),
        (StcCmd(StcApi.DELETE_ALL), ""),
    ],
)
def test_a_reply_is_printed_whatever_was_asked(sandbox: Sandbox, reply: Any, printed: str) -> None:
    with ScriptedServer(answers(reply)) as server:
        outcome = ask(server, sandbox, Action.SUITES)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, printed, "")


def test_ping_says_how_long_it_took(sandbox: Sandbox) -> None:
    with ScriptedServer(answers(OK)) as server:
        outcome = ask(server, sandbox, Action.PING)
    assert outcome.ok
    assert outcome.stdout.startswith(f"ping server(127.0.0.1:{server.port}) succeeded in 00:00:0")


def padded(reply: bytes, header: bytes) -> bytes:
    return header % len(reply) + reply


@pytest.mark.parametrize(
    ("data", "exit_code"),
    [
        (padded(encode_reply(OK), b"%08x"), 0),
        (padded(encode_reply(OK), b"%-8x"), 0),
        (frame(encode_reply(OK)) + b"more bytes", 0),
        (frame(b'{"x": {"stc_cmd_": ' + encode_reply(OK).split(b'"stc_cmd_": ', 1)[1]), 0),
    ],
)
def test_odd_but_good_framing_is_taken(sandbox: Sandbox, data: bytes, exit_code: int) -> None:
    with ScriptedServer(answers(data)) as server:
        assert ask(server, sandbox, Action.SUITES).exit_code == exit_code


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", END_OF_FILE),
        (b"   ", END_OF_FILE),
        (frame(encode_reply(OK))[:-5], END_OF_FILE),
        (b"zzzzzzzz" + encode_reply(OK), UNDECODABLE),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", UNDECODABLE),
        (frame(b"hello"), UNDECODABLE),
        (frame(b"{}"), UNDECODABLE),
        (frame(NULL_REPLY), "Server replied with a NULL message"),
        (frame(encode_reply(StcCmd(StcApi.END_OF_FILE))), END_OF_FILE),
        (frame(encode_reply(StcCmd(StcApi.INVALID_ARGUMENT))), UNDECODABLE),
        (
            frame(encode_reply(ErrorCmd("boom\nline2"))),
            "Error: request( --suites ) failed!  Server reply: boom\nline2",
        ),
    ],
)
@pytest.mark.parametrize("is_task", [False, True])
def test_final_failures_are_not_retried(sandbox: Sandbox, data: bytes, says: str, is_task: bool) -> None:
    with ScriptedServer(answers(data)) as server:
        if is_task:
            outcome = ask(server, sandbox, Action.EVENT, "1", environment=TASK)
        else:
            outcome = ask(server, sandbox, Action.SUITES)
    assert outcome.exit_code == 1
    assert says.replace("--suites", "chd:event 1 1 /s/f/t" if is_task else "--suites") in outcome.stderr
    assert server.connections == 1


# --- retries ---


def test_user_command_is_tried_twice(sandbox: Sandbox, clock: Clock) -> None:
    with nobody_listens() as port:
        outcome = ask(port, sandbox, Action.SUITES, client=quick(clock))
    assert outcome.exit_code == 1
    refused = (
        "ClientInvoker: Connection error: (Client::handle_connect: Ran out of end points:"
        f" connection error( Connection refused ) for request( --suites ) on 127.0.0.1:{port})"
    )
    assert outcome.stderr.count(refused) == 2
    assert f"Request( --suites ), Failed to connect to 127.0.0.1:{port}. After 2 attempts." in outcome.stderr
    assert clock.pauses == [10]


def test_ping_tells_its_end_only(sandbox: Sandbox, clock: Clock) -> None:
    with nobody_listens() as port:
        outcome = ask(port, sandbox, Action.PING, client=quick(clock))
    assert len(outcome.stderr.splitlines()) == 2
    assert "Failed to connect" in outcome.stderr


def test_reset_is_retried(sandbox: Sandbox, clock: Clock) -> None:
    with ScriptedServer(resets, answers(OK)) as server:
        outcome = ask(server, sandbox, Action.SUITES, client=quick(clock))
    assert outcome.ok
    assert "Client::handle_read: connection error( Connection reset by peer )" in outcome.stderr


def test_task_command_goes_on_until_the_server_is_there(sandbox: Sandbox, clock: Clock) -> None:
    with ScriptedServer(*[resets] * 5, answers(OK)) as server:
        outcome = ask(server, sandbox, Action.COMPLETE, client=quick(clock), environment=TASK)
    assert outcome.ok
    assert server.connections == 6


@pytest.mark.parametrize(
    ("told", "seconds"), [("5", 60), ("90", 90), ("1000000", 86400), ("", 86400), ("soon", 86400)]
)
def test_task_command_gives_up_after_ecf_timeout(
    sandbox: Sandbox, clock: Clock, told: str, seconds: float
) -> None:
    client = quick(clock)
    client.retry_seconds = seconds / 6
    with nobody_listens() as port:
        outcome = ask(port, sandbox, Action.COMPLETE, client=client, environment=TASK | {"ECF_TIMEOUT": told})
    assert outcome.exit_code == 1
    assert seconds <= clock.now - 1000 <= seconds * 1.4
    assert f"current host(127.0.0.1:{port}) trying next host(127.0.0.1:{port})" in outcome.stdout


@pytest.mark.parametrize("reply", [HALTED, ZOMBIE, None])
def test_denied_ends_after_two_attempts(sandbox: Sandbox, clock: Clock, reply: Any) -> None:
    with ScriptedServer(resets if reply is None else answers(reply)) as server:
        outcome = ask(
            server,
            sandbox,
            Action.EVENT,
            "1",
            client=quick(clock),
            environment=TASK | {"ECF_DENIED": "0"},
        )
    assert outcome.exit_code == 1
    assert "Request( chd:event 1 1 /s/f/t ) ECF_DENIED , Failed to connect" in outcome.stderr
    assert server.connections == 2


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (HALTED, "blocking : server is HALTED, continue waiting"),
        (ZOMBIE, "blocking : zombie detected, continue waiting"),
        (WAIT, "WAITING on home server, continue waiting"),
    ],
)
def test_blocked_task_command_asks_again(sandbox: Sandbox, clock: Clock, reply: Any, says: str) -> None:
    with ScriptedServer(answers(reply), answers(reply), answers(OK)) as server:
        outcome = ask(server, sandbox, Action.COMPLETE, client=quick(clock), environment=TASK)
    assert outcome.ok
    assert outcome.stdout.count(f"chd:complete /s/f/t : 127.0.0.1:{server.port} : {says}") == 2
    assert clock.pauses == [10, 10]


def test_zombie_gives_up_after_its_own_timeout(sandbox: Sandbox, clock: Clock) -> None:
    limits = {"ECF_ZOMBIE_TIMEOUT": "60", "ECF_TIMEOUT": "600"}
    with ScriptedServer(answers(ZOMBIE)) as server:
        outcome = ask(server, sandbox, Action.INIT, "1234", client=quick(clock), environment=TASK | limits)
    assert outcome.exit_code == 1
    assert clock.now == 1060


def test_blocked_user_command_is_tried_twice(sandbox: Sandbox, clock: Clock) -> None:
    with ScriptedServer(answers(HALTED)) as server:
        outcome = ask(server, sandbox, Action.SUITES, client=quick(clock))
    assert outcome.exit_code == 1
    assert server.connections == 2


@pytest.mark.parametrize("value", ["1", "0", ""])
@pytest.mark.parametrize("action", [Action.PING, Action.COMPLETE])
def test_no_ecf_means_no_contact(sandbox: Sandbox, action: Action, value: str) -> None:
    with ScriptedServer(answers(OK)) as server:
        outcome = ask(server, sandbox, action, environment={"NO_ECF": value})
    assert (outcome.exit_code, outcome.stdout, server.connections) == (0, "NO_ECF\n", 0)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [(DIALECT_5_9, "timed out after 1 seconds for"), (DIALECT_5_17, "timed out after 1000ms for")],
    ids=["5.9", "5.17"],
)
def test_connect_timeout_is_the_limit_of_an_attempt(
    sandbox: Sandbox, clock: Clock, dialect: Dialect, text: str
) -> None:
    """The first attempt meets a server that says nothing; a second is the shortest limit that can be told."""
    sandbox.set("ECF_CONNECT_TIMEOUT", "1")
    with ScriptedServer(says_nothing, answers(OK)) as server:
        outcome = ask(server, sandbox, Action.SUITES, client=quick(clock, dialect=dialect))
    assert outcome.ok
    assert outcome.stderr.count(text) == 1


def test_the_harness_ends_a_call_that_takes_too_long(sandbox: Sandbox) -> None:
    with ScriptedServer(says_nothing) as server:
        outcome = ask(server, sandbox, Action.SUITES, timeout=0.2)
    assert outcome.timed_out
    assert outcome.exit_code is None
    with ScriptedServer(answers(WAIT)) as server:
        assert ask(server, sandbox, Action.WAIT, "x", timeout=0.3, environment=TASK).timed_out


# --- hosts ---


def test_host_and_port_from_the_environment(sandbox: Sandbox) -> None:
    with ScriptedServer(answers(OK)) as server:
        sandbox.set("ECF_HOST", "127.0.0.1")
        sandbox.set("ECF_PORT", str(server.port))
        assert BuiltinClient().run(Call(Action.PING, None, None), sandbox).ok


@pytest.mark.parametrize("port", ["", "abc", "%ECF_PORT%", "99999", "-1"])
def test_a_port_that_is_none(sandbox: Sandbox, clock: Clock, port: str) -> None:
    sandbox.set("ECF_PORT", port)
    outcome = quick(clock).run(Call(Action.SUITES, None, None), sandbox)
    assert outcome.exit_code == 1
    assert f"Failed to connect to localhost:{port}. After 2 attempts" in outcome.stderr
    assert "resolve: Host not found (authoritative)" in outcome.stderr


def test_task_command_takes_the_next_host_of_the_file(sandbox: Sandbox, clock: Clock) -> None:
    with nobody_listens() as dead, ScriptedServer(answers(OK)) as server:
        sandbox.put_host_file(["# servers", "", f"127.0.0.1:{server.port}"])
        outcome = ask(dead, sandbox, Action.COMPLETE, client=quick(clock), environment=TASK)
    assert outcome.ok
    assert (
        f"chd:complete /s/f/t current host(127.0.0.1:{dead}) trying next host(127.0.0.1:{server.port})"
        in outcome.stdout
    )


@pytest.mark.parametrize(("policy", "exit_code"), [(None, 1), ("task", 1), ("all", 0)])
def test_user_command_takes_the_next_host_by_policy_only(
    sandbox: Sandbox, clock: Clock, policy: str | None, exit_code: int
) -> None:
    with nobody_listens() as dead, ScriptedServer(answers(OK)) as server:
        sandbox.put_host_file([f"127.0.0.1 {server.port}"])
        if policy is not None:
            sandbox.set("ECF_HOSTFILE_POLICY", policy)
        assert ask(dead, sandbox, Action.SUITES, client=quick(clock)).exit_code == exit_code


def test_options_keep_5_9_from_the_host_file(sandbox: Sandbox, clock: Clock) -> None:
    client = quick(clock, dialect=DIALECT_5_9)
    denied = TASK | {"ECF_DENIED": "1"}
    with nobody_listens() as dead, ScriptedServer(answers(OK)) as server:
        sandbox.put_host_file([f"127.0.0.1:{server.port}"])
        assert not ask(dead, sandbox, Action.COMPLETE, client=client, environment=denied).ok
    assert server.connections == 0


def test_names_of_a_hosts_file_are_found(sandbox: Sandbox) -> None:
    hosts = sandbox.put_file("hosts", "# names\n127.0.0.1 machine1 machine1.example.org\n")
    sandbox.set("NSS_WRAPPER_HOSTS", hosts)
    with ScriptedServer(answers(OK)) as server:
        outcome = BuiltinClient().run(Call(Action.PING, "Machine1", server.port), sandbox)
    assert outcome.ok


# --- the client as a whole ---


def test_5_9_knows_no_http(sandbox: Sandbox) -> None:
    client = BuiltinClient(DIALECT_5_9)
    assert not {Capability.HTTP, Capability.HTTPS, Capability.TOKEN_FILE} & client.capabilities
    with pytest.raises(Unimplemented, match=r"builtin 5\.9\.2 cannot do ping: it lacks http"):
        client.run(Call(Action.PING, port=1, transport=Transport.HTTP), sandbox)


def test_environment_of_the_harness_does_not_reach_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_ECF", "1")
    monkeypatch.setenv("ECF_SSL", "1")
    with ScriptedServer(answers(OK)) as server:
        assert ask(server, sandbox, Action.PING).stdout.startswith("ping server")


def test_a_mutant_replaces_one_function(sandbox: Sandbox) -> None:
    behaviour = dataclasses.replace(Behaviour(), exit_code=lambda _: 0)
    with nobody_listens() as port:
        outcome = ask(port, sandbox, Action.PING, client=BuiltinClient(behaviour=behaviour))
    assert outcome.exit_code == 0


RECORDED = Path(__file__).parent.parent / "data" / "client_reactions.json"


def test_reactions_agree_with_the_recorded_ones(sandbox: Sandbox) -> None:
    """What released clients did against a server that sent these bytes."""
    for row in json.loads(RECORDED.read_text(encoding="utf-8")):
        for dialect in (DIALECT_5_9, DIALECT_5_17):
            clock = Clock()
            with ScriptedServer(answers(row["server_sends"].encode("latin-1"))) as server:
                outcome = ask(
                    server,
                    sandbox,
                    Action(row["action"]),
                    *row["arguments"],
                    client=quick(clock, dialect=dialect),
                    environment=row["environment"],
                )
            assert outcome.exit_code == row["exit_code"], row["evidence"]
            assert server.connections == row["connections"], row["evidence"]
            if row["stderr"] is not None:
                assert outcome.stderr == row["stderr"], row["evidence"]
