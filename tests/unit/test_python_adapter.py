"""The adapter for the module ecflow: how interpreters are found, what they are told, and what they answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecfleet.clients import (
    Action,
    Call,
    Capability,
    ClientError,
    ClientNotFound,
    PythonClient,
    SocksRoute,
    Unimplemented,
)
from ecfleet.clients.python import interpreters
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.model.transport import Transport

MakeClient = Callable[..., PythonClient]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def client(tmp_path: Path) -> MakeClient:
    """Makes a client of an interpreter that is a shell script; `$2` is what the driver is told."""

    def make(body: str = 'echo "$2"', told: Any = None, **options: Any) -> PythonClient:
        told = {"release": "5.9.2", "transports": ["tcp", "ssl"]} if told is None else told
        text = told if isinstance(told, str) else json.dumps(told)
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\nif [ $# -lt 2 ]; then echo '{text}'; exit 0; fi\n{body}\n")
        path.chmod(0o755)
        return PythonClient(path, **options)

    return make


def test_a_release_and_its_capabilities(client: MakeClient) -> None:
    old = client()
    always = {Capability.TCP, Capability.SSL, Capability.DISABLE_SSL, Capability.TASKS, Capability.HOST_FILE}
    assert (old.name, old.release, old.dialect) == ("python-ecflow", "5.9.2", DIALECT_5_9)
    assert old.capabilities == always
    new = client(told={"release": "5.17.0", "transports": ["tcp", "ssl", "http", "https"]})
    assert new.dialect is DIALECT_5_17
    assert new.capabilities == always | {Capability.HTTP, Capability.HTTPS, Capability.TOKEN_FILE}


def test_what_the_driver_is_told(client: MakeClient, sandbox: Sandbox) -> None:
    call = Call(Action.LABEL, "h", 77, Transport.SSL, ("l", "a é"), environment={"ECF_NAME": "/s/t"})
    outcome = client('echo "$2"; echo "$ECF_NAME $PWD"').run(call, sandbox)
    told, surroundings = outcome.stdout.splitlines()
    assert json.loads(told) == {
        "action": "label",
        "host": "h",
        "port": 77,
        "transport": "ssl",
        "disable_ssl": False,
        "arguments": ["l", "a é"],
    }
    assert surroundings == f"/s/t {sandbox.cwd}"
    assert "python_ecflow.py" in outcome.command


def test_exit_code_and_limit_are_those_of_the_process(client: MakeClient, sandbox: Sandbox) -> None:
    failed = client("echo oops >&2; exit 1").run(Call(Action.PING), sandbox)
    assert (failed.exit_code, failed.stderr) == (1, "oops\n")
    assert client("sleep 1000").run(Call(Action.PING), sandbox, timeout=0.3).timed_out


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (Call(Action.PING, transport=Transport.HTTP), "it lacks http"),
        (Call(Action.PING, socks=SocksRoute("127.0.0.1", 1)), "it lacks socks"),
        (Call(Action.LOG_FETCH, arguments=("/x",)), "it lacks log-fetch"),
        (Call(Action.GET_STATE), "does not claim to do get_state"),
        (Call(Action.GET, arguments=("/s",)), "gets whole definitions, and no single node"),
    ],
)
def test_what_it_cannot_do(client: MakeClient, sandbox: Sandbox, call: Call, told: str) -> None:
    with pytest.raises(Unimplemented, match=told):
        client().run(call, sandbox)


def test_variables_that_the_module_needs(
    client: MakeClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    path = tmp_path / "python"
    path.write_text('#!/bin/sh\necho "{\\"release\\": \\"$PYTHONPATH\\", \\"transports\\": [\\"tcp\\"]}"\n')
    path.chmod(0o755)
    assert PythonClient(path).release == ""
    assert PythonClient(path, inherited=["PYTHONPATH"]).release == str(tmp_path / "lib")


@pytest.mark.parametrize(
    "told", ["", "hello", "[]", '{"release": "5.9.2"}', '{"release": "1", "transports": ["x"]}']
)
def test_an_interpreter_that_tells_no_release(client: MakeClient, told: str) -> None:
    with pytest.raises(ClientError, match=r"its module ecflow does not tell a release$") as error:
        client(told=told)
    assert "\n" not in str(error.value)


def test_interpreters_without_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClientNotFound, match="nothing is not there or cannot be executed: name a Python"):
        PythonClient(tmp_path / "nothing")
    with pytest.raises(ClientNotFound) as error:
        # Without site-packages no interpreter has it.
        PythonClient(sys.executable, words=["-IS"])
    assert "cannot import the module ecflow (ModuleNotFoundError: No module named 'ecflow')" in str(
        error.value
    )
    assert "apt-get install python3-ecflow" in str(error.value)
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF not really")
    broken.chmod(0o755)
    with pytest.raises(ClientError, match="cannot be started: "):
        PythonClient(broken)
    monkeypatch.setattr("ecfleet.clients.python.interpreters", lambda: ["/bin/false"])
    with pytest.raises(ClientNotFound, match=r"^no Python interpreter here has the module ecflow: apt-get"):
        PythonClient()


def test_where_the_module_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = tmp_path / "python3"
    on_path.write_text("#!/bin/sh\n")
    on_path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = interpreters()
    assert found[:2] == [sys.executable, str(on_path)]
    assert set(found[2:]) <= {"/usr/bin/python3"}
