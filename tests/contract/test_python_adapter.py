"""The adapter for the module ecflow with the real module, on the mock and on the real server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecfleet import Fleet, Sandbox
from ecfleet.clients import (
    Action,
    Call,
    Capability,
    Outcome,
    PythonClient,
    find_clients,
    load_client,
    task_environment,
)
from ecfleet.clients.probe import try_capability
from ecfleet.services import Answer, RequestReceived
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import OK, Variable, encode_reply, frame

from .peers import require_python_ecflow, require_release
from .real_server import running_server

TASK = "/s/f/t"
DEFINITION = """\
suite s
  family f
    task t
      event e
      meter m 0 100 100
      label l ""
      queue q one two
  endfamily
endsuite
"""


@pytest.fixture
def client() -> PythonClient:
    return PythonClient(require_python_ecflow())


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        made.put_file("s.def", DEFINITION)
        yield made


def test_it_is_found_and_known_by_name(client: PythonClient) -> None:
    assert client.release.startswith("5.")
    assert {Capability.TCP, Capability.SSL, Capability.TASKS} <= client.capabilities
    assert load_client("python-ecflow").release == client.release
    assert "python-ecflow" in {one.name for one in find_clients()}


@pytest.mark.parametrize(
    "capability", [Capability.TCP, Capability.SSL, Capability.DISABLE_SSL, Capability.TASKS]
)
def test_it_has_what_it_claims(client: PythonClient, capability: Capability) -> None:
    found = try_capability(client, capability)
    assert found is not None
    assert found.shown, found.said


def user_calls(client: PythonClient, sandbox: Sandbox, port: int) -> list[Outcome]:
    """A definition is loaded, begun, got and deleted."""
    calls: list[tuple[Action, tuple[str, ...]]] = [
        (Action.PING, ()),
        (Action.SERVER_VERSION, ()),
        (Action.SUITES, ()),
        (Action.LOAD, ("s.def",)),
        (Action.LOAD, ("s.def",)),
        (Action.LOAD, ("s.def", "force")),
        (Action.LOAD, ("nothing.def",)),
        (Action.SUITES, ()),
        (Action.BEGIN, ("s",)),
        (Action.BEGIN, ("nothing",)),
        (Action.GET, ()),
        (Action.DELETE, ("force", "/s")),
        (Action.DELETE, ("_all_",)),
        (Action.SUITES, ()),
    ]
    return [client.run(Call(action, "127.0.0.1", port, arguments=words), sandbox) for action, words in calls]


def test_user_commands_on_mock_and_server(client: PythonClient, sandbox: Sandbox, tmp_path: Path) -> None:
    program = require_release("ecflow_server", "5.9.2")
    with running_server(program, tmp_path) as real_server:
        real = user_calls(client, sandbox, real_server.port)
    fleet = Fleet()
    server = fleet.ecflow_server(dialect=DIALECT_5_9, faithful=True)
    with fleet:
        mock = user_calls(client, sandbox, server.address.port)
    codes = [outcome.exit_code for outcome in real]
    assert codes == [0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0]
    assert [outcome.exit_code for outcome in mock] == codes
    assert [outcome.stdout for outcome in mock] == [outcome.stdout for outcome in real]
    assert real[1].stdout == "5.9.2\n"
    assert real[7].stdout == "s\n"
    assert "already exist" in real[4].stderr
    assert "task t" in real[10].stdout


def test_child_commands_say_which_task_speaks(client: PythonClient, sandbox: Sandbox) -> None:
    fleet = Fleet()
    server = fleet.ecflow_server(dialect=DIALECT_5_9)

    def submit() -> str:
        server.server.load(DEFINITION, force=True)
        return server.server.submit(TASK)

    def sent(*calls: tuple[Action, *tuple[str, ...]]) -> list[Any]:
        """What a job sends with these calls; each must succeed."""
        before = len(fleet.journal.of(RequestReceived))
        password = fleet.call(submit)
        task = task_environment(TASK, password, remote_id="77", try_number=1)
        for action, *words in calls:
            call = Call(action, *server.address, arguments=tuple(words), environment=task)
            assert client.run(call, sandbox).ok, action
        commands = [event.decoded for event in fleet.journal.of(RequestReceived)[before:]]
        assert len(commands) == len(calls)
        for command in commands:
            told = (command.path, command.jobs_password, command.remote_id, command.try_number)
            assert told == (TASK, password, "77", 1)
        return commands

    with fleet:
        init, event, meter, label, complete = sent(
            (Action.INIT, "77", "A=1=2"),
            (Action.EVENT, "e", "clear"),
            (Action.METER, "m", "5"),
            (Action.LABEL, "l", "some", "text"),
            (Action.COMPLETE, "A"),
        )
        _, queue, abort = sent((Action.INIT, "77"), (Action.QUEUE, "q", "active"), (Action.ABORT, "no disk"))
    assert init.variables == (Variable("A", "1=2"),)
    assert (event.name, event.value) == ("e", False)
    assert (meter.name, meter.value) == ("m", 5)
    assert (label.name, label.label) == ("l", "some text")
    assert complete.delete_variables == ("A",)
    assert (queue.name, queue.action, queue.step, queue.queue_path) == ("q", "active", "", "")
    assert abort.reason == "no disk"


def test_a_wait_asks_the_server(client: PythonClient, sandbox: Sandbox) -> None:
    fleet = Fleet()
    server = fleet.ecflow_server(dialect=DIALECT_5_9)
    server.faults.when(lambda request: True, Answer(frame(encode_reply(OK))))
    with fleet:
        task = task_environment(TASK, "ecfleet-secret", remote_id="77")
        words = ("/s/f/t", "==", "complete")
        assert client.run(Call(Action.WAIT, *server.address, arguments=words, environment=task), sandbox).ok
        (asked,) = fleet.journal.of(RequestReceived)
    assert asked.decoded.expression == "/s/f/t == complete"


def test_a_task_that_is_not_told_is_an_error(client: PythonClient, sandbox: Sandbox) -> None:
    outcome = client.run(Call(Action.EVENT, "127.0.0.1", 1, arguments=("e",)), sandbox)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (1, "", "Child Path not set\n")


def test_arguments_that_the_module_does_not_take(client: PythonClient, sandbox: Sandbox) -> None:
    for action, words in ((Action.METER, ("m", "many")), (Action.METER, ("m",)), (Action.QUEUE, ("q",))):
        outcome = client.run(
            Call(
                action,
                "127.0.0.1",
                1,
                arguments=words,
                environment=task_environment(TASK, "x", remote_id="1"),
            ),
            sandbox,
        )
        assert outcome.exit_code == 1
        assert outcome.stderr
        assert "Traceback" not in outcome.stderr


def test_host_and_port_may_come_from_the_environment(client: PythonClient, sandbox: Sandbox) -> None:
    fleet = Fleet()
    server = fleet.ecflow_server(dialect=DIALECT_5_9)
    with fleet:
        host, port = server.address
        for call in (
            Call(Action.PING, None, None, environment={"ECF_HOST": host, "ECF_PORT": str(port)}),
            Call(Action.PING, host, None, environment={"ECF_PORT": str(port)}),
            Call(Action.PING, None, port, environment={"ECF_HOST": host}),
        ):
            assert client.run(call, sandbox).ok
        assert len(fleet.journal.of(RequestReceived)) == 3


def test_no_module_of_ours_shadows_theirs(client: PythonClient, sandbox: Sandbox) -> None:
    """Some of our modules have names of the standard library's or of others."""
    sandbox.set("PYTHONPATH", os.devnull)
    assert client.run(Call(Action.PING, "127.0.0.1", 1, Transport.TCP), sandbox).exit_code == 1
