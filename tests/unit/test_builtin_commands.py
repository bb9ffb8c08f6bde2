"""The commands that the built-in client puts on the wire, and what it refuses before any contact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecfleet.clients import (
    Action,
    task_environment,
)
from ecfleet.clients.requests import login_name
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.wire import (
    OK,
    Command,
    EventCmd,
    InitCmd,
    LabelCmd,
    LoadDefsCmd,
    MeterCmd,
    QueueCmd,
    TaskCommand,
    UserCommand,
    decode_request,
)

from .client_runs import TASK, ask
from .scripted_server import (
    ScriptedServer,
    answers,
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(host_name="laptop") as made:
        yield made


def sent(sandbox: Sandbox, action: Action, *arguments: str, **more: Any) -> Command:
    """The command on the wire for a call."""
    seen: list[bytes] = []
    with ScriptedServer(answers(OK, seen)) as server:
        outcome = ask(server, sandbox, action, *arguments, **more)
    assert outcome.ok, outcome.stderr
    (request,) = seen
    assert request[:8] == b"%8x" % (len(request) - 8)
    return decode_request(request[8:])


@pytest.mark.parametrize(
    ("action", "arguments", "class_name", "fields"),
    [
        (Action.PING, (), "CtsCmd", {"api": 8}),
        (Action.STATS, (), "CtsCmd", {"api": 10}),
        (Action.SUITES, (), "CtsCmd", {"api": 11}),
        (Action.SERVER_VERSION, (), "ServerVersionCmd", {}),
        (Action.GET, (), "CtsNodeCmd", {"api": 3, "path": ""}),
        (Action.GET, ("/s",), "CtsNodeCmd", {"api": 3, "path": "/s"}),
        (Action.GET_STATE, ("/s",), "CtsNodeCmd", {"api": 5, "path": "/s"}),
        (Action.BEGIN, (), "BeginCmd", {"suite": "", "force": False}),
        (Action.BEGIN, ("s", "force"), "BeginCmd", {"suite": "s", "force": True}),
        (Action.DELETE, ("/a", "/b"), "DeleteCmd", {"paths": ("/a", "/b"), "force": False}),
        (Action.DELETE, ("force", "/a"), "DeleteCmd", {"paths": ("/a",), "force": True}),
        (Action.DELETE, ("_all_",), "DeleteCmd", {"paths": (), "force": False}),
        (Action.DELETE, ("force", "_all_"), "DeleteCmd", {"paths": (), "force": True}),
    ],
)
def test_user_commands_on_the_wire(
    sandbox: Sandbox, action: Action, arguments: tuple[str, ...], class_name: str, fields: dict[str, Any]
) -> None:
    command = sent(sandbox, action, *arguments)
    assert type(command).__name__ == class_name
    assert isinstance(command, UserCommand)
    assert (command.host, command.user) == ("laptop", login_name())
    assert {name: getattr(command, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("action", "arguments", "class_name", "fields"),
    [
        (Action.INIT, ("1234",), "InitCmd", {"variables": ()}),
        (Action.COMPLETE, (), "CompleteCmd", {"delete_variables": ()}),
        (Action.COMPLETE, ("A", "B"), "CompleteCmd", {"delete_variables": ("A", "B")}),
        (Action.ABORT, (), "AbortCmd", {"reason": ""}),
        (Action.ABORT, ("no\ndisk; left",), "AbortCmd", {"reason": "nodisk  left"}),
        (Action.EVENT, ("ev",), "EventCmd", {"name": "ev", "value": True}),
        (Action.EVENT, ("1", "clear"), "EventCmd", {"name": "1", "value": False}),
        (Action.METER, ("m", "-5"), "MeterCmd", {"name": "m", "value": -5}),
        (Action.LABEL, ("lab", "a", "é b"), "LabelCmd", {"name": "lab", "label": "a é b"}),
        (Action.WAIT, ("/s/u == complete",), "CtsWaitCmd", {"expression": "/s/u == complete"}),
        (Action.QUEUE, ("q", "active"), "QueueCmd", {"action": "active", "step": "", "queue_path": ""}),
        (
            Action.QUEUE,
            ("q", "complete", "a", "/s/f"),
            "QueueCmd",
            {"action": "complete", "step": "a", "queue_path": "/s/f"},
        ),
    ],
)
def test_task_commands_on_the_wire(
    sandbox: Sandbox, action: Action, arguments: tuple[str, ...], class_name: str, fields: dict[str, Any]
) -> None:
    command = sent(sandbox, action, *arguments, environment=TASK)
    assert type(command).__name__ == class_name
    assert isinstance(command, TaskCommand)
    identity = (command.path, command.jobs_password, command.remote_id, command.try_number, command.host)
    assert identity == ("/s/f/t", "ecfleet-secret-pass", "1234", 2, "laptop")
    assert {name: getattr(command, name) for name in fields} == fields


def test_init_brings_variables_and_its_own_remote_id(sandbox: Sandbox) -> None:
    environment = task_environment("/s/t", "ecfleet-secret")
    command = sent(sandbox, Action.INIT, "77", "A=1", "B=x=y", environment=environment)
    assert isinstance(command, InitCmd)
    assert command.remote_id == "77"
    assert [(each.name, each.value) for each in command.variables] == [("A", "1"), ("B", "x=y")]


def test_load_sends_the_definition(sandbox: Sandbox) -> None:
    sandbox.put_file("s.def", "suite s\n  task t\nendsuite\n")
    command = sent(sandbox, Action.LOAD, "s.def", "force")
    assert isinstance(command, LoadDefsCmd)
    assert (command.filename, command.force) == ("s.def", True)
    assert "suite s" in command.definition


@pytest.mark.parametrize(
    ("action", "arguments", "environment", "says"),
    [
        (Action.COMPLETE, (), {}, "CompleteCmd: No task path specified for ECF_NAME"),
        (Action.EVENT, ("e",), {"ECF_NAME": "/s/t"}, "EventCmd: No jobs password specified for ECF_PASS"),
        (Action.INIT, ("1",), TASK, "remote id(1) passed as an argument, not the same"),
        (Action.INIT, ("1234", "broken"), TASK, "but found broken"),
        (Action.EVENT, ("e", "bad"), TASK, "[ set | clear ] but found bad"),
        (Action.METER, ("m",), TASK, "Two arguments expected, found 1"),
        (Action.METER, ("m", "abc"), TASK, "must be a integer"),
        (Action.LABEL, ("l",), TASK, "At least 2 arguments"),
        (Action.QUEUE, ("q", "bad"), TASK, "incorrect argument"),
        (Action.QUEUE, ("q", "complete"), TASK, "a step must be provided"),
        (Action.DELETE, (), {}, "No paths specified"),
        (Action.LOAD, ("nosuch.def",), {}, "Failed to parse file/definition nosuch.def"),
        (Action.LOAD, ("bad.def",), {}, "Failed to parse file/definition bad.def"),
    ],
)
def test_wrong_arguments_end_without_any_contact(
    sandbox: Sandbox, action: Action, arguments: tuple[str, ...], environment: dict[str, str], says: str
) -> None:
    sandbox.put_file("bad.def", "rubbish\n")
    with ScriptedServer(answers(OK)) as server:
        outcome = ask(server, sandbox, action, *arguments, environment=environment)
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("ecflow_client: Caught exception whilst parsing arguments:\n")
    assert says in outcome.stderr
    assert server.connections == 0


def test_classes_of_the_child_commands_are_covered() -> None:
    assert {EventCmd, InitCmd, LabelCmd, MeterCmd, QueueCmd} <= set(TaskCommand.__subclasses__())
