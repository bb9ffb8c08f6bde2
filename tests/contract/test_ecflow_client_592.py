"""ecflow_client 5.9.2 on the mock and on ecflow_server 5.9.2: exit codes and outputs are the same.

Each scenario is a list of calls of the real client. It runs on both servers, over plain TCP and over TLS,
and every step is compared; `sameness` says what may differ.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ecfleet.certificates import self_signed, server_files
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.faults import Delay
from ecfleet_mocks.journal import ConnectionClosed, FaultInjected, RequestReceived
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.tls import server_context
from ecfleet_mocks.wire import CompleteCmd, ServerState

from .peers import require_release
from .real_client import JOB_PASSWORD, Terminal, compare, task, user
from .real_server import running_server

CREDENTIAL = self_signed(socket.gethostname())

DEFINITIONS = {
    "s.def": """\
suite s
  defstatus suspended
  edit ECF_TRIES '1'
  edit ECF_DUMMY_TASK ''
  edit GREETING 'it's here'
  limit lim 3
  family f
    repeat integer YMD 1 3
    task a
      event go
      event 3
      event 7 up set
      meter m 0 100 90
      label l "hello"
      inlimit /s:lim
    task b
      trigger a == complete
      zombie ecf_passwd:fail:init,event,meter,label,complete,abort:3600
    task c
      complete a:go
      zombie ecf_pid:fob::300
      late -s +00:15 -a 20:00 -c +02:00
  endfamily
  task d
    time 23:58
endsuite
""",
    "two.def": """\
suite one
  family g
    task t
  endfamily
endsuite
suite two
  task t
    label text ""
endsuite
""",
    "bad.def": "suite x\n  familyy f\n",
    "job.def": """\
suite j
  edit ECF_TRIES '1'
  edit ECF_JOB_CMD 'true'
  task a
    event go
    meter m 0 100 50
    zombie ecf_passwd:fail::3600
    zombie ecf_pid:fail::3600
    zombie ecf_pid_passwd:fail::3600
    zombie ecf:fail::3600
endsuite
""",
}

USER_COMMANDS = [
    user("--ping"),
    user("--server_version"),
    user("--stats"),
    user("--suites"),
    user("--get"),
    user("--get_state"),
    user("--load=bad.def"),
    user("--load=nosuch.def"),
    user("--load=s.def"),
    user("--load=s.def"),
    user("--get_state"),
    user("--load=s.def", "force"),
    user("--suites"),
    user("--get"),
    user("--get=/s"),
    user("--get=/s/f/a"),
    user("--get_state"),
    user("--get_state=/s"),
    user("--get_state=/s/f"),
    user("--get=/nosuch"),
    user("--get=/s/f/nosuch"),
    user("--get_state=/nosuch"),
    user("--begin=nosuch"),
    user("--begin=s"),
    user("--get_state"),
    user("--begin=s"),
    user("--get_state"),
    user("--load=two.def"),
    user("--suites"),
    user("--begin"),
    user("--get_state"),
    user("--delete=yes", "/nosuch"),
    user("--delete=yes", "/nosuch", "/two/t", "/one/nosuch"),
    user("--get_state"),
    user("--delete=yes", "/one/g"),
    user("--delete=yes", "/two"),
    user("--delete=yes", "two"),
    user("--suites"),
    user("--get_state"),
    user("--delete=yes", "_all_"),
    user("--suites"),
    user("--get"),
    user("--get_state"),
    user("--stats"),
]

TASK_COMMANDS = [
    user("--load=s.def"),
    user("--begin=s"),
    user("--get_state"),
    task("/s/f/a", "--init=123"),
    user("--get_state"),
    task("/s/f/a", "--init=123"),
    task("/s/f/a", "--init=77"),
    task("/s/f/a", "--event=go"),
    task("/s/f/a", "--event=go", "clear"),
    task("/s/f/a", "--event=go", "set"),
    task("/s/f/a", "--event=3"),
    task("/s/f/a", "--event=up", "clear"),
    task("/s/f/a", "--event=nosuch"),
    task("/s/f/a", "--meter=m", "42"),
    task("/s/f/a", "--meter=m", "420"),
    task("/s/f/a", "--meter=m", "-1"),
    task("/s/f/a", "--meter=m", "many"),
    task("/s/f/a", "--meter=nosuch", "42"),
    task("/s/f/a", "--label=l", "two words", 'and "quotes"'),
    task("/s/f/a", "--label=nosuch", "text"),
    user("--get_state"),
    task("/s/f/a", "--event=go", remote_id="77"),
    task("/s/f/a", "--label=l", "not from this job", password="wrong"),
    user("--get_state=/s/f/a"),
    task("/s/f/a", "--complete"),
    task("/s/f/a", "--complete"),
    task("/s/f/a", "--event=go"),
    user("--get_state"),
    task("/s/f/b", "--init=9", remote_id="9", password="wrong"),
    user("--get_state=/s/f/b"),
    task("/s/f/b", "--init=9", remote_id="9"),
    task("/s/f/b", "--abort=it is broken; really", remote_id="9"),
    user("--get_state"),
    task("/s/f/b", "--abort", remote_id="9"),
    task("/s/f/c", "--init=10", remote_id="10"),
    task("/s/f/c", "--meter=m", "1", remote_id="11"),
    task("/s/f/c", "--abort", remote_id="10"),
    task("/s/f/nosuch", "--label=l", "x"),
    task("/s/f", "--event=go"),
    task("", "--event=go"),
    task("/s/d", "--event=go", password=""),
    user("--get_state"),
    user("--stats"),
]

JOB_COMMANDS = [
    user("--get_state"),
    task("/j/a", "--init=123", password="wrong"),
    task("/j/a", "--init=123", password=JOB_PASSWORD),
    user("--get_state"),
    task("/j/a", "--init=123", password=JOB_PASSWORD),
    task("/j/a", "--meter=m", "1", password="wrong"),
    task("/j/a", "--meter=m", "2", password=JOB_PASSWORD, remote_id="9"),
    task("/j/a", "--meter=m", "3", password="wrong", remote_id="9"),
    task("/j/a", "--meter=m", "4", password=JOB_PASSWORD),
    task("/j/a", "--complete", password=JOB_PASSWORD),
    user("--get_state"),
    task("/j/a", "--event=go", password=JOB_PASSWORD),
    task("/j/a", "--complete", password=JOB_PASSWORD),
    user("--get_state"),
]


@pytest.fixture
def client() -> Path:
    return require_release("ecflow_client", "5.9.2")


@pytest.fixture
def server_program() -> Path:
    return require_release("ecflow_server", "5.9.2")


@contextlib.contextmanager
def real_terminal(program: Path, client: Path, root: Path, transport: Transport) -> Iterator[Terminal]:
    root.mkdir()
    files = {name: blob.data for name, blob in server_files(CREDENTIAL).items()}
    # A script for the one task whose job is made; its job command runs nothing.
    with running_server(program, root, ssl_files=files if transport is Transport.SSL else None) as server:
        scripts = server.home / "j"
        scripts.mkdir()
        (scripts / "a.ecf").write_text("true\n")
        yield Terminal(client, root, (server.port, str(server.home)), transport, CREDENTIAL, DEFINITIONS)


@contextlib.asynccontextmanager
async def mock_terminal(
    client: Path, root: Path, transport: Transport
) -> AsyncIterator[tuple[EcflowServer, Terminal]]:
    home = str(root / "ecf_home")
    secure = transport is Transport.SSL
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
        terminal = Terminal(client, root, (server.address.port, home), transport, CREDENTIAL, DEFINITIONS)
        yield server, terminal


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.SSL])
async def test_user_commands(
    client: Path, server_program: Path, tmp_path: Path, transport: Transport
) -> None:
    with real_terminal(server_program, client, tmp_path / "real", transport) as terminal:
        real = [terminal.run(step) for step in USER_COMMANDS]
    async with mock_terminal(client, tmp_path / "mock", transport) as (_, terminal):
        mock = [await asyncio.to_thread(terminal.run, step) for step in USER_COMMANDS]
    compare(mock, real)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.SSL])
async def test_task_commands(
    client: Path, server_program: Path, tmp_path: Path, transport: Transport
) -> None:
    steps = [user("--restart"), *TASK_COMMANDS]
    with real_terminal(server_program, client, tmp_path / "real", transport) as terminal:
        real = [terminal.run(step) for step in steps]
    async with mock_terminal(client, tmp_path / "mock", transport) as (_, terminal):
        mock = [await asyncio.to_thread(terminal.run, step) for step in steps]
    compare(mock, real)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.SSL])
async def test_commands_of_a_job(
    client: Path, server_program: Path, tmp_path: Path, transport: Transport
) -> None:
    begun = [user("--load=job.def"), user("--begin=j"), user("--get_state"), user("--restart")]
    with real_terminal(server_program, client, tmp_path / "real", transport) as terminal:
        # A real server submits the job in the restart itself.
        real = [terminal.run(step) for step in begun + JOB_COMMANDS]
    async with mock_terminal(client, tmp_path / "mock", transport) as (server, terminal):
        mock = [await asyncio.to_thread(terminal.run, step) for step in begun]
        server.server.submit("/j/a")
        mock += [await asyncio.to_thread(terminal.run, step) for step in JOB_COMMANDS]
    compare(mock, real)


async def test_a_blocked_call_waits_and_gives_up(client: Path, server_program: Path, tmp_path: Path) -> None:
    """The client waits ten seconds before its second and last attempt, here on both servers at once."""
    before = [user("--load=s.def"), user("--begin=s"), user("--restart"), task("/s/f/a", "--init=123")]
    blocked = task("/s/f/a", "--complete", password="wrong")
    with real_terminal(server_program, client, tmp_path / "real", Transport.TCP) as theirs:
        async with mock_terminal(client, tmp_path / "mock", Transport.TCP) as (server, ours):
            for step in before:
                compare([await asyncio.to_thread(ours.run, step)], [theirs.run(step)])
            mock, real = await asyncio.gather(
                asyncio.to_thread(ours.run, blocked), asyncio.to_thread(theirs.run, blocked)
            )
            attempts = [
                request
                for request in server.journal.of(RequestReceived)
                if isinstance(request.decoded, CompleteCmd)
            ]
    compare([mock], [real])
    assert mock.exit_code == 1
    assert "zombie detected" in mock.stdout
    assert len(attempts) == 2


async def test_a_blocked_call_on_a_halted_server(client: Path, server_program: Path, tmp_path: Path) -> None:
    blocked = task("/s/f/a", "--complete")
    with real_terminal(server_program, client, tmp_path / "real", Transport.TCP) as theirs:
        async with mock_terminal(client, tmp_path / "mock", Transport.TCP) as (_, ours):
            mock, real = await asyncio.gather(
                asyncio.to_thread(ours.run, blocked), asyncio.to_thread(theirs.run, blocked)
            )
    compare([mock], [real])
    assert "server is HALTED" in mock.stdout


async def test_a_client_that_is_killed_while_it_waits(client: Path, tmp_path: Path) -> None:
    async with mock_terminal(client, tmp_path / "mock", Transport.TCP) as (server, terminal):
        server.faults.next(Delay(3600))
        (command, *arguments), environment = terminal.command(user("--ping"))
        waiting = await asyncio.create_subprocess_exec(
            command, *arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            injected = await server.journal.wait_for_async(FaultInjected)
        finally:
            waiting.kill()
            await waiting.wait()
        seen = await asyncio.to_thread(terminal.run, user("--ping"))
        assert seen.exit_code == 0
        assert injected.connection in {each.number for each in server.connections}
    closed = server.journal.of(ConnectionClosed, connection=injected.connection)
    assert len(closed) == 1


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.SSL])
async def test_a_client_of_the_other_transport(
    client: Path, server_program: Path, tmp_path: Path, transport: Transport
) -> None:
    """A plain client at a TLS server and the reverse: refused in the same words."""
    other = Transport.SSL if transport is Transport.TCP else Transport.TCP
    steps = [user("--suites"), task("/s/t", "--complete")]
    with real_terminal(server_program, client, tmp_path / "real", transport) as terminal:
        terminal.speak(other)
        real = [terminal.run(step) for step in steps]
    async with mock_terminal(client, tmp_path / "mock", transport) as (_, terminal):
        terminal.speak(other)
        mock = [await asyncio.to_thread(terminal.run, step) for step in steps]
    compare(mock, real)
    assert {seen.exit_code for seen in mock} == {1}
