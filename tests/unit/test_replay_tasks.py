"""Every child command of the recordings is answered as recorded.

Most are lines of the scenes that `test_model_replay` plays from the recordings over TCP; here the same scenes
are played from the recording over HTTP, and what the scenes leave out is played line by line. The state that
a line needs is made by hand where the recorded session came to it by jobs that really ran and by commands
that are not carried out yet: each such line says what that is.

Nothing is masked but what the scenes mask: the other replies to child commands hold nothing volatile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from ecfleet_mocks.model.dialect import DIALECT_5_17, dialect
from ecfleet_mocks.model.server import ServerModel
from ecfleet_mocks.wire import (
    BeginCmd,
    CompleteCmd,
    CtsApi,
    CtsCmd,
    InitCmd,
    LoadDefsCmd,
    ServerState,
    TaskCommand,
    decode_reply,
    decode_request,
)

from . import test_model_replay as scenes

CAPTURES: Final = Path(__file__).parents[1] / "data" / "captures"
SESSIONS: Final = ("5.9.2.tcp", "5.17.0.tcp", "5.17.0.http")
PYTHON: Final = ("5.9.2.python.tcp", "5.17.0.python.tcp", "5.17.0.python.http")
OWNER: Final[dict[str, Any]] = {"user": "USERNAME", "host": "HOSTNAME"}


@cache
def lines(name: str) -> tuple[dict[str, Any], ...]:
    with (CAPTURES / f"{name}.jsonl").open(encoding="utf-8") as file:
        return tuple(map(json.loads, file))


def exchanges(line: dict[str, Any]) -> Iterator[tuple[TaskCommand, str]]:
    """The child commands of a line that were answered, with their replies."""
    for exchange in line.get("exchanges") or [line]:
        if exchange["request"]:
            command = decode_request(exchange["request"].encode())
            if isinstance(command, TaskCommand):
                yield command, exchange["reply"]


def with_child_commands(name: str) -> dict[int, list[tuple[TaskCommand, str]]]:
    found = {number: list(exchanges(line)) for number, line in enumerate(lines(name), 1)}
    return {number: commands for number, commands in found.items() if commands}


def begun(name: str) -> ServerModel:
    """A server with the session's own definition, loaded and begun by its commands."""
    model = ServerModel(
        dialect("5.17" if name.startswith("5.17") else "5.9"),
        host_name="HOSTNAME",
        port=5111,
        now=lambda: datetime(2026, 11, 20, 16, 47, 37),
        new_password=lambda: "password",
        user="USERNAME",
        state=ServerState.RUNNING,
        faithful=True,
    )
    loads = (decode_request(line["request"].encode()) for line in lines(name) if line["request"])
    model.handle(next(command for command in loads if isinstance(command, LoadDefsCmd) and command.filename))
    model.handle(BeginCmd(**OWNER))
    return model


def active(model: ServerModel, command: TaskCommand, path: str = "", remote_id: str = "") -> None:
    """Make the task active with the password of a recorded command, as its job once was."""
    path = path or command.path
    model.submit(path)
    model.task(path).jobs_password = command.jobs_password
    model.handle(
        InitCmd((), path=path, jobs_password=command.jobs_password, remote_id=remote_id or command.remote_id)
    )


def complete(model: ServerModel, path: str) -> None:
    model.handle(CompleteCmd((), path=path, jobs_password="_DJP_"))


# --- what the lines need before each of their exchanges -----------------------------------------------------


def t5_runs_too(model: ServerModel, command: TaskCommand, count: int) -> None:
    """The job speaks, and that of t5 has begun; t5 is complete before the job asks once more."""
    if count:
        complete(model, "/s1/f/t5")
        return
    active(model, command)
    active(model, command, "/s1/f/t5")


def own_job(model: ServerModel, command: TaskCommand, count: int) -> None:
    """The job that speaks runs."""
    active(model, command)


def already_aborted(model: ServerModel, command: TaskCommand, count: int) -> None:
    """The job has told that it is aborted."""
    active(model, command)
    model.handle(command)


def halted(model: ServerModel, command: TaskCommand, count: int) -> None:
    """The job runs and the server is halted; it is restarted before the job asks once more."""
    if not count:
        active(model, command)
    model.handle(CtsCmd(CtsApi.RESTART if count else CtsApi.HALT, **OWNER))


def another_job(model: ServerModel, command: TaskCommand, count: int) -> None:
    """The task is active, but the job that speaks is not its own."""
    active(model, command)
    model.task(command.path).jobs_password = "another1"


Preparation = Callable[[ServerModel, TaskCommand, int], None]
BY_LINE: Final[dict[int, Preparation]] = {
    163: t5_runs_too,
    164: t5_runs_too,
    166: t5_runs_too,
    198: own_job,
    200: already_aborted,
    202: own_job,
    203: own_job,
    258: halted,
    579: another_job,
    580: another_job,
}
NOT_SENT: Final = {
    ("5.9.2.tcp", 580): "line 579 is that of the host file; in line 580 nobody listens",
    ("5.17.0.tcp", 579): "line 580 is that of the host file",
    ("5.17.0.http", 579): "the next host of the host file is not tried over HTTP",
    ("5.17.0.http", 580): "the next host of the host file is not tried over HTTP",
}


@pytest.mark.parametrize("number", BY_LINE)
@pytest.mark.parametrize("name", SESSIONS)
def test_lines_outside_the_scenes(name: str, number: int) -> None:
    recorded = with_child_commands(name)
    if (name, number) in NOT_SENT:
        assert number not in recorded
        return
    model = begun(name)
    for count, (command, reply) in enumerate(recorded[number]):
        BY_LINE[number](model, command, count)
        assert model.handle(command) == decode_reply(reply.encode())


@pytest.mark.parametrize("name", scenes.SCENES)
def test_the_scenes_over_http(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "_lines", lambda release: lines(f"{release}.http"))
    # The suites of this recording began later, and so their time attributes stand at later slots.
    monkeypatch.setattr(scenes, "_AT", datetime(2026, 11, 20, 16, 54, 31))
    scenes.test_recorded_requests_get_the_recorded_replies(DIALECT_5_17, name)


@pytest.mark.parametrize("name", PYTHON)
def test_lines_of_the_python_module(name: str) -> None:
    """A job of t1 that no longer counts, and a job of t4 from init to complete."""
    model = begun(name)
    compared = []
    for commands in with_child_commands(name).values():
        for command, reply in commands:
            if isinstance(command, InitCmd):
                model.submit(command.path)
                model.task(command.path).jobs_password = command.jobs_password
            assert model.handle(command) == decode_reply(reply.encode()), command
            compared.append(command.path)
    assert compared == ["/s1/f/t1"] * 3 + ["/s1/f/t4"] * 4


@pytest.mark.parametrize("name", SESSIONS)
def test_no_line_is_forgotten(name: str) -> None:
    played = {
        number
        for scene in scenes.SCENES.values()
        for number in range(scene.lines[0], scene.lines[1] + 1)
        if number not in scene.left_out
    }
    assert with_child_commands(name).keys() <= played | BY_LINE.keys()
    assert len(with_child_commands(name)) >= 60


def test_no_recording_is_forgotten() -> None:
    others = {path.name for path in CAPTURES.glob("*.jsonl") if ".auth." not in path.name}
    others -= {f"{name}.jsonl" for name in (*SESSIONS, *PYTHON)}
    assert others == {"client-reactions.jsonl", "malformed-requests.jsonl", "tls.jsonl", "5.9.2.ui.tcp.jsonl"}
    assert not with_child_commands("5.9.2.ui.tcp")
