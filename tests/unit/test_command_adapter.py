"""The adapter for ecflow_client: options, limits, clients that misbehave, and the real program."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.peers import require_peer
from ecfleet.clients import (
    Action,
    Call,
    Capability,
    ClientError,
    ClientNotFound,
    CommandClient,
    SocksRoute,
    Unimplemented,
    capabilities_needed,
    find_clients,
    load_client,
    task_environment,
)
from ecfleet.clients.command import arguments, capabilities_of
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import OK, SStringCmd

from .scripted_server import ScriptedServer, answers, nobody_listens

VERSION = 'echo "Ecflow version(5.9.2) boost(1.74.0) compiler(gcc 12.2.0)"'
Program = Callable[..., CommandClient]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Makes a client out of a shell script, which is also asked for its version."""

    def make(script: str, version: str = VERSION) -> CommandClient:
        path = tmp_path / "client"
        path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then {version}; exit 0; fi\n{script}\n')
        path.chmod(0o755)
        return CommandClient(path)

    return make


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (Call(Action.PING, "h", 1), ["--host=h", "--port=1", "--ping"]),
        (Call(Action.PING, None, None), ["--ping"]),
        (Call(Action.PING, "h", 1, Transport.SSL), ["--ssl", "--host=h", "--port=1", "--ping"]),
        (Call(Action.STATS, None, None, Transport.HTTPS), ["--https", "--stats"]),
        (Call(Action.LOAD, None, arguments=("a.def", "force")), ["--load=a.def", "force"]),
        (Call(Action.GET, None), ["--get"]),
        (Call(Action.GET_STATE, None, arguments=("/s",)), ["--get_state=/s"]),
        (Call(Action.BEGIN, None), ["--begin"]),
        (Call(Action.BEGIN, None, arguments=("s",)), ["--begin=s"]),
        (Call(Action.BEGIN, None, arguments=("s", "force")), ["--begin=s --force"]),
        (Call(Action.DELETE, None, arguments=("/a", "/b")), ["--delete=yes", "/a", "/b"]),
        (Call(Action.DELETE, None, arguments=("force", "/a")), ["--delete=force", "yes", "/a"]),
        (Call(Action.DELETE, None, arguments=("_all_",)), ["--delete=_all_", "yes"]),
        (Call(Action.DELETE, None, arguments=("force", "_all_")), ["--delete=_all_", "force", "yes"]),
        (Call(Action.INIT, None, arguments=("77",)), ["--init=77"]),
        (Call(Action.INIT, None, arguments=("77", "A=1")), ["--init=77", "--add", "A=1"]),
        (Call(Action.COMPLETE, None), ["--complete"]),
        (Call(Action.COMPLETE, None, arguments=("A",)), ["--complete", "--remove", "A"]),
        (Call(Action.ABORT, None), ["--abort"]),
        (Call(Action.ABORT, None, arguments=("no disk",)), ["--abort=no disk"]),
        (Call(Action.EVENT, None, arguments=("e", "clear")), ["--event=e", "clear"]),
        (Call(Action.METER, None, arguments=("m", "-5")), ["--meter=m", "-5"]),
        (Call(Action.LABEL, None, arguments=("l", "a b")), ["--label=l", "a b"]),
        (Call(Action.WAIT, None, arguments=("/s == complete",)), ["--wait=/s == complete"]),
        (Call(Action.QUEUE, None, arguments=("q", "active")), ["--queue=q", "active"]),
    ],
)
def test_options(call: Call, expected: list[str]) -> None:
    assert arguments(call) == expected


@pytest.mark.parametrize(
    ("release", "added"),
    [
        ("5.9.2", set()),
        ("5.13.8", set()),
        ("5.14.0", {Capability.HTTP, Capability.HTTPS}),
        ("5.15.0", {Capability.HTTP, Capability.HTTPS, Capability.TOKEN_FILE}),
        ("5.17.0", {Capability.HTTP, Capability.HTTPS, Capability.TOKEN_FILE}),
        ("6.0.0", {Capability.HTTP, Capability.HTTPS, Capability.TOKEN_FILE}),
    ],
)
def test_capabilities_follow_the_release(release: str, added: set[Capability]) -> None:
    always = {Capability.TCP, Capability.SSL, Capability.TASKS, Capability.HOST_FILE}
    assert capabilities_of(release) == always | added


def test_release_is_read_from_the_program(program: Program) -> None:
    old = program("exit 0")
    assert (old.name, old.release, old.dialect) == ("client", "5.9.2", DIALECT_5_9)
    new = program("exit 0", "echo 'Ecflow version(5.17.0) boost(1.74.0)'")
    assert (new.release, new.dialect) == ("5.17.0", DIALECT_5_17)
    assert program("exit 0", "echo 5.15.1").release == "5.15.1"


def test_outcome_has_all_that_came_out(program: Program, sandbox: Sandbox) -> None:
    sandbox.set("ECF_PORT", "4141")
    client = program("pwd; echo $ECF_PORT $EXTRA; printf '\\377'; echo oops >&2; exit 3")
    outcome = client.run(Call(Action.PING, None, None, environment={"EXTRA": "more"}), sandbox)
    assert outcome.stdout == f"{sandbox.cwd}\n4141 more\n\udcff"
    assert (outcome.exit_code, outcome.stderr, outcome.timed_out) == (3, "oops\n", False)
    assert outcome.command.endswith("client --ping")


def test_environment_is_the_sandbox_s_and_nothing_else(
    program: Program, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ECF_HOST", "ECF_SSL", "NO_ECF", "https_proxy", "SOMETHING"):
        monkeypatch.setenv(name, "leaked")
    outcome = program("env").run(Call(Action.PING), sandbox)
    assert "leaked" not in outcome.stdout
    assert f"HOME={sandbox.home}\n" in outcome.stdout


def test_a_signal_is_a_negative_exit_code(program: Program, sandbox: Sandbox) -> None:
    assert program("kill -ABRT $$").run(Call(Action.PING), sandbox).exit_code == -6


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


def ends(pid: int) -> bool:
    """Whether a process that was killed is gone within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if not alive(pid):
                return True
        except FileNotFoundError:
            return True
        os.sched_yield()
    return False


def test_time_limit_ends_the_client_and_its_children(program: Program, sandbox: Sandbox) -> None:
    client = program("sleep 1000 & echo $!; echo partial; wait")
    outcome = client.run(Call(Action.PING), sandbox, timeout=0.3)
    assert outcome.timed_out
    assert outcome.exit_code is None
    child, partial = outcome.stdout.split()
    assert partial == "partial"
    assert ends(int(child))


def test_a_child_left_behind_does_not_hold_the_call(program: Program, sandbox: Sandbox) -> None:
    client = program("sleep 1000 & echo $!; exit 0")
    outcome = client.run(Call(Action.PING), sandbox, timeout=20)
    assert (outcome.exit_code, outcome.timed_out) == (0, False)
    assert ends(int(outcome.stdout))


def test_a_flood_of_output_is_read_to_the_end(program: Program, sandbox: Sandbox) -> None:
    client = program("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 1")
    outcome = client.run(Call(Action.PING), sandbox)
    assert (len(outcome.stdout), len(outcome.stderr), outcome.exit_code) == (3_000_000, 3_000_000, 1)


def test_standard_input_is_empty(program: Program, sandbox: Sandbox) -> None:
    assert program("cat; exit 0").run(Call(Action.PING), sandbox, timeout=10).exit_code == 0


@pytest.mark.parametrize(
    "call",
    [
        Call(Action.PING, transport=Transport.HTTP),
        Call(Action.PING, socks=SocksRoute("127.0.0.1", 1080)),
        Call(Action.LOG_FETCH, arguments=("/x",)),
    ],
)
def test_what_it_cannot_do_is_unimplemented(program: Program, sandbox: Sandbox, call: Call) -> None:
    with pytest.raises(Unimplemented, match=r"^client 5\.9\.2 cannot do \w+: it lacks [\w-]+$"):
        program("exit 0").run(call, sandbox)


def test_capabilities_of_a_call() -> None:
    needed = capabilities_needed(Call(Action.COMPLETE, transport=Transport.HTTP, socks=SocksRoute("h", 1)))
    assert needed == {Capability.HTTP, Capability.TASKS, Capability.SOCKS}
    assert capabilities_needed(Call(Action.LOG_FETCH)) == {Capability.LOG_FETCH}


def one_line(error: pytest.ExceptionInfo[Any]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_missing_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClientNotFound) as error:
        load_client(str(tmp_path / "nothing"))
    assert "apt-get install ecflow-client" in one_line(error)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientNotFound) as error:
        load_client("ecflow_client")
    assert "is not on PATH" in one_line(error)
    assert "ecflow_client" not in {client.name for client in find_clients()}
    (tmp_path / "plain").write_text("no program")
    with pytest.raises(ClientNotFound):
        load_client(str(tmp_path / "plain"))


def test_programs_that_are_no_client(program: Program, tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="tells no release") as error:
        program("exit 0", "echo hello")
    one_line(error)
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF not really")
    broken.chmod(0o755)
    with pytest.raises(ClientError, match="cannot be started") as error:
        CommandClient(broken)
    one_line(error)


def test_a_program_that_vanishes(program: Program, sandbox: Sandbox) -> None:
    client = program("exit 0")
    client.program.unlink()
    with pytest.raises(ClientError, match="cannot be started: No such file") as error:
        client.run(Call(Action.PING), sandbox)
    one_line(error)


def test_builtin_is_a_client_by_name() -> None:
    assert load_client("builtin").name == "builtin"


# --- the real ecflow_client ---


@pytest.fixture
def real() -> CommandClient:
    return CommandClient(require_peer("ecflow_client"))


def test_real_client_tells_its_release(real: CommandClient) -> None:
    assert real.name.startswith("ecflow_client")
    assert real.release.startswith("5.")
    found = {client.name: client.release for client in find_clients()}
    assert found["ecflow_client"] == real.release


def test_real_client_talks_to_a_server(real: CommandClient, sandbox: Sandbox) -> None:
    seen: list[bytes] = []
    with ScriptedServer(answers(SStringCmd("9.9.9"), seen)) as server:
        outcome = real.run(Call(Action.SERVER_VERSION, "127.0.0.1", server.port), sandbox)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "9.9.9\n", "")
    assert b"ServerVersionCmd" in seen[0]


def test_real_task_command_takes_the_task_from_the_environment(real: CommandClient, sandbox: Sandbox) -> None:
    seen: list[bytes] = []
    task = task_environment("/s/t", "ecfleet-secret", remote_id="77", try_number=3)
    with ScriptedServer(answers(OK, seen)) as server:
        call = Call(Action.INIT, "127.0.0.1", server.port, arguments=("77",), environment=task)
        assert real.run(call, sandbox).ok
    assert b'"path_to_submittable_": "/s/t"' in seen[0]
    assert b'"try_no_": 3' in seen[0]


def test_real_client_is_ended_in_time(real: CommandClient, sandbox: Sandbox) -> None:
    """Refused, it would wait ten seconds before it tries again."""
    with nobody_listens() as port:
        outcome = real.run(Call(Action.SUITES, "127.0.0.1", port), sandbox, timeout=0.5)
    assert outcome.timed_out
