"""The built-in client beside ecflow_client, at the same real server and with the same files.

What both print and how they end has to be the same, save what ecflow_client restyles (definitions).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecfleet.certificates import client_files, self_signed, server_files
from ecfleet.clients import Action, BuiltinClient, Call, CommandClient, Outcome, task_environment
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.transport import Transport

from .peers import require_release
from .real_server import RealServer, running_server
from .sameness import Place, same

DEFINITION = 'suite s\n  task t\n    event 1\n    meter m 0 100\n    label l ""\n  task u\nendsuite\n'
SEARCHES = Path(__file__).parent.parent / "data" / "certificate_search_5.9.2.jsonl"


@pytest.fixture
def real() -> CommandClient:
    return CommandClient(require_release("ecflow_client", "5.9.2"), "5.9.2")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        made.put_file("s.def", DEFINITION)
        made.put_file("bad.def", "rubbish\n")
        yield made


@pytest.fixture(params=["plain", "tls"])
def server(request: pytest.FixtureRequest, tmp_path: Path, sandbox: Sandbox) -> Iterator[RealServer]:
    program = require_release("ecflow_server", "5.9.2")
    credential = self_signed("machine1")
    files = server_files(credential) if request.param == "tls" else {}
    for name, blob in client_files(credential).items() if files else ():
        sandbox.put_certificate(name, blob.data)
    with running_server(
        program, tmp_path, ssl_files={name: blob.data for name, blob in files.items()}
    ) as running:
        yield running


def compared(outcome: Outcome, server: RealServer, sandbox: Sandbox) -> tuple[int | None, str, str]:
    place = Place(server.port, str(server.home), str(sandbox.cwd))
    # An argument error repeats the command line, which the two clients do not share.
    error = outcome.stderr.partition("\nargs: ")[0].rstrip("\n")
    return outcome.exit_code, same(outcome.stdout, place), same(error, place)


def test_same_answers_at_the_same_server(real: CommandClient, server: RealServer, sandbox: Sandbox) -> None:
    builtin = BuiltinClient(DIALECT_5_9)
    transport = Transport.SSL if (sandbox.certificate_directory / "server.crt").exists() else Transport.TCP
    task = task_environment("/s/t", "ecfleet-secret", remote_id="77") | {"ECF_DENIED": "1"}
    steps: list[tuple[Action, tuple[str, ...], dict[str, str]]] = [
        (Action.PING, (), {}),
        (Action.SERVER_VERSION, (), {}),
        (Action.SUITES, (), {}),
        (Action.LOAD, ("nosuch.def",), {}),
        (Action.GET, ("/nosuch",), {}),
        (Action.BEGIN, ("nosuch",), {}),
        (Action.DELETE, ("/nosuch",), {}),
        (Action.EVENT, ("1",), task),
        (Action.LABEL, ("l", "some text"), task),
        (Action.METER, ("m", "50"), task),
        (Action.METER, ("m", "many"), task),
        (Action.WAIT, ("/s/u == queued",), task | {"ECF_NAME": ""}),
        (Action.INIT, ("78",), task),
        (Action.COMPLETE, (), {"ECF_PASS": "x"}),
    ]
    # A real server starts halted, and a halted one lets task commands wait for ten seconds each.
    options = ["--ssl"] if transport is Transport.SSL else []
    restart = [str(real.program), *options, f"--port={server.port}", "--restart"]
    subprocess.run(restart, env=sandbox.environment, check=True, timeout=30)
    loaded = builtin.run(Call(Action.LOAD, "localhost", server.port, transport, ("s.def",)), sandbox)
    assert loaded.ok, loaded.stderr
    differing: dict[str, Any] = {}
    for action, words, environment in steps:
        call = Call(action, "localhost", server.port, transport, words, environment=environment)
        mine = compared(builtin.run(call, sandbox), server, sandbox)
        theirs = compared(real.run(call, sandbox), server, sandbox)
        if mine != theirs:
            differing[f"{action} {words}"] = (mine, theirs)
    assert differing == {}


def test_a_definition_loaded_by_either_is_the_same(
    real: CommandClient, server: RealServer, sandbox: Sandbox
) -> None:
    transport = Transport.SSL if (sandbox.certificate_directory / "server.crt").exists() else Transport.TCP
    seen: list[str] = []
    for client in (real, BuiltinClient(DIALECT_5_9)):
        load = Call(Action.LOAD, "localhost", server.port, transport, ("s.def", "force"))
        outcome = client.run(load, sandbox)
        assert outcome.ok, outcome.stderr
        get = Call(Action.GET, "localhost", server.port, transport, ("/s",))
        seen.append(real.run(get, sandbox).stdout)
    assert "suite s\n" in seen[0]
    assert seen[0] == seen[1]


def test_real_client_searches_certificates_as_in_the_table(real: CommandClient) -> None:
    """Every seventh row of the table that ends without a certificate, on the client itself."""
    rows = [json.loads(line) for line in SEARCHES.read_text(encoding="utf-8").splitlines()]
    failing = [row for row in rows if row["error"]]
    assert len(failing) > 50
    for row in failing[::7]:
        with Sandbox() as sandbox:
            for name in row["files"]:
                sandbox.put_certificate(name.replace("thishost", sandbox.host_name), "PEM")
            host, _, port = (row["environment"] or ":").partition(":")
            variables = {"ECF_SSL": row["ecf_ssl"], "ECF_HOST": host or None, "ECF_PORT": port or None}
            call = Call(
                Action.PING,
                row["host_option"],
                row["port_option"],
                Transport.SSL if row["ssl_option"] else Transport.TCP,
                environment={name: value for name, value in variables.items() if value is not None},
            )
            outcome = real.run(call, sandbox, timeout=20)
            assert outcome.exit_code == 1
            expected = row["error"].replace("thishost", sandbox.host_name)
            assert expected in outcome.stderr.splitlines(), row
            assert ("whilst parsing arguments" in outcome.stderr) == row["under_argument_heading"], row
