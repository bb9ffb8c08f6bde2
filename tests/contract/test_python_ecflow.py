"""The ecflow module of release 5.9.2 on the mock and on ecflow_server 5.9.2: every call gives the same."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ecfleet.certificates import self_signed, server_files
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.tls import server_context
from ecfleet_mocks.wire import ServerState

from .peers import require_python_ecflow, require_release
from .real_server import running_server
from .sameness import Place, same

CREDENTIAL = self_signed(socket.gethostname())
SCRIPT = Path(__file__).parent / "real_python.py"

DEFINITION = """\
suite s
  defstatus suspended
  edit GREETING 'hello'
  family f
    task a
      event go
      meter m 0 100 90
      label l "hello"
    task b
      trigger a == complete and a:go
      repeat string S "one" "two"
  endfamily
endsuite
"""


def calls(python: Path, root: Path, port: int, home: str, transport: Transport) -> list[dict[str, Any]]:
    """What each call of the script gave, in order, without what may differ."""
    user_home = root / "python_home"
    directory = user_home / ".ecflowrc" / "ssl"
    directory.mkdir(parents=True)
    (directory / "server.crt").write_bytes(CREDENTIAL.certificate.data)
    (root / "s.def").write_text(DEFINITION)
    secure = ["ssl"] if transport is Transport.SSL else []
    done = subprocess.run(
        [python, SCRIPT, "127.0.0.1", str(port), "s.def", *secure],
        env={"HOME": str(user_home), "PATH": os.defpath, "LC_ALL": "C"},
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    place = Place(port, home, str(root))
    outcomes = []
    for line in done.stdout.splitlines():
        # Some calls of the module print by themselves; that has to be the same as well.
        outcome = json.loads(line) if line.startswith('{"call"') else {"printed": line}
        outcomes.append(
            {key: same(value, place) if isinstance(value, str) else value for key, value in outcome.items()}
        )
    return outcomes


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.SSL])
async def test_calls_of_the_module(tmp_path: Path, transport: Transport) -> None:
    python = require_python_ecflow()
    program = require_release("ecflow_server", "5.9.2")
    secure = transport is Transport.SSL
    files = {name: blob.data for name, blob in server_files(CREDENTIAL).items()}
    theirs = tmp_path / "real"
    theirs.mkdir()
    with running_server(program, theirs, ssl_files=files if secure else None) as real_server:
        real = calls(python, theirs, real_server.port, str(real_server.home), transport)
    ours = tmp_path / "mock"
    ours.mkdir()
    home = str(ours / "ecf_home")
    async with EcflowServer(
        plain=None if secure else 0,
        tls=0 if secure else None,
        tls_context=server_context(CREDENTIAL, DIALECT_5_9) if secure else None,
        dialect=DIALECT_5_9,
        host_name=socket.gethostname(),
        home=home,
        state=ServerState.HALTED,
        faithful=True,
    ) as server:
        mock = await asyncio.to_thread(calls, python, ours, server.address.port, home, transport)
    assert [each.get("call") for each in mock] == [each.get("call") for each in real]
    for mine, other in zip(mock, real, strict=True):
        assert mine == other
    assert {each.get("call"): each.get("result") for each in mock}["ping"] == 0
