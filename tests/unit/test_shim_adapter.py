"""The adapter for shims: what is said both ways, limits, crashes, nonsense, lies, what is left running."""

from __future__ import annotations

import base64
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet.clients import (
    Action,
    Call,
    Capability,
    ClientError,
    ClientNotFound,
    ContractBroken,
    ShimClient,
    SocksRoute,
    Unimplemented,
    close_client,
)
from ecfleet.clients.shim_messages import Nonsense, actions_of, read_answer, read_hello
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.model.transport import Transport

HELLO = {
    "name": "fake",
    "release": "1.2",
    "capabilities": ["tcp", "tasks"],
    "actions": ["ping", "label", "init"],
}
"""What the shims of these tests say of themselves."""

SHIM = """
import json, os, sys, time
HELLO = {hello}
def say(answer):
    print(json.dumps(answer), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    id = request["id"]
    if request["request"] == "hello":
        say({{"id": id, **HELLO}})
        continue
    action, words, environment = request["action"], request["arguments"], request["environment"]
{body}
"""

PING = Call(Action.PING, "127.0.0.1", 3141)
MakeShim = Callable[..., ShimClient]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def shim(tmp_path: Path) -> Iterator[MakeShim]:
    """Makes a client out of what a shim does with a run request, in Python."""
    made: list[ShimClient] = []

    def make(body: str, hello: dict[str, Any] = HELLO, **options: Any) -> ShimClient:
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (tmp_path / "shim.py").write_text(SHIM.format(hello=repr(hello), body=lines))
        client = ShimClient([sys.executable, "-IS", "shim.py"], directory=tmp_path, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def gone(pid: int) -> bool:
    """Whether a process that was ended is gone within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        os.sched_yield()
    return False


# --- what is said ---


def test_what_a_shim_says_of_itself(shim: MakeShim) -> None:
    client = shim("pass")
    assert (client.name, client.release, client.dialect) == ("fake", "1.2", DIALECT_5_17)
    assert client.capabilities == {Capability.TCP, Capability.TASKS}
    assert client.actions == {Action.PING, Action.LABEL, Action.INIT}


def test_a_request_holds_all_that_decides_the_call(shim: MakeShim, sandbox: Sandbox) -> None:
    hello = HELLO | {"capabilities": ["tcp", "ssl", "tasks", "socks"]}
    client = shim("say({'id': id, 'exit_code': 0, 'stdout': line})", hello)
    sandbox.set("ECF_PORT", "4141")
    call = Call(
        Action.LABEL,
        None,
        None,
        Transport.SSL,
        ("l", "a é"),
        SocksRoute("127.0.0.1", 1080, 4, "user", "ecfleet-secret"),
        {"ECF_NAME": "/s/t"},
    )
    outcome = client.run(call, sandbox, timeout=20)
    told = json.loads(outcome.stdout)
    environment = told.pop("environment")
    assert environment == sandbox.environment | {"ECF_NAME": "/s/t"}
    assert environment["ECF_PORT"] == "4141"
    assert told == {
        "id": 2,
        "request": "run",
        "action": "label",
        "arguments": ["l", "a é"],
        "host": None,
        "port": None,
        "transport": "ssl",
        "disable_ssl": False,
        "socks": {
            "host": "127.0.0.1",
            "port": 1080,
            "version": 4,
            "user": "user",
            "password": "ecfleet-secret",
        },
        "home": str(sandbox.home),
        "cwd": str(sandbox.cwd),
        "time_limit": 20,
    }
    assert "ecfleet-secret" not in outcome.command


def test_an_outcome_is_what_the_answer_says(shim: MakeShim, sandbox: Sandbox) -> None:
    hello = {"name": "fake", "release": "1", "capabilities": ["log-fetch"]}
    client = shim(
        "sys.stderr.write('noted\\n'); sys.stderr.flush()\n"
        "say({'id': id, 'exit_code': 3, 'stdout': 'out', 'stderr': 'err\\n', 'fetched': 'AAEC'})",
        hello,
    )
    outcome = client.run(Call(Action.LOG_FETCH, arguments=("/x",)), sandbox)
    assert (outcome.exit_code, outcome.stdout, outcome.fetched) == (3, "out", b"\0\1\2")
    assert outcome.stderr == "err\nnoted\n"
    assert not outcome.timed_out


def test_one_process_does_many_calls(shim: MakeShim, sandbox: Sandbox) -> None:
    client = shim("say({'id': id, 'exit_code': 0, 'stdout': str(os.getpid())})")
    assert len({client.run(PING, sandbox).stdout for _ in range(5)}) == 1


def test_calls_of_several_threads_do_not_mix(shim: MakeShim, sandbox: Sandbox) -> None:
    client = shim("say({'id': id, 'exit_code': 0, 'stdout': words[1]})")
    seen: dict[str, str] = {}

    def ask(text: str) -> None:
        for _ in range(20):
            seen[text] = client.run(Call(Action.LABEL, arguments=("l", text)), sandbox).stdout

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"a": "a", "b": "b", "c": "c"}


def test_the_process_gets_no_home_and_nothing_of_ecflow(
    shim: MakeShim, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ECF_HOST", "NO_ECF", "https_proxy", "SOMETHING"):
        monkeypatch.setenv(name, "leaked")
    monkeypatch.setenv("WANTED", "inherited")
    client = shim(
        "say({'id': id, 'exit_code': 0, 'stdout': json.dumps(dict(os.environ))})", inherited=["WANTED"]
    )
    seen = json.loads(client.run(PING, sandbox).stdout)
    assert "leaked" not in seen.values()
    assert (seen["HOME"], seen["WANTED"]) == ("/", "inherited")


def test_large_requests_and_answers(shim: MakeShim, sandbox: Sandbox) -> None:
    client = shim("sys.stderr.write('e' * 300000); say({'id': id, 'exit_code': 0, 'stdout': words[1] * 2})")
    text = "x" * 1_000_000
    outcome = client.run(Call(Action.LABEL, arguments=("l", text)), sandbox)
    assert outcome.stdout == text * 2
    assert outcome.stderr == "e" * 300_000


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("os._exit(3)", r"asked for ping, it ended with status 3$"),
        ("os._exit(0)", r"asked for ping, it ended with status 0$"),
        ("os.abort()", r"it was ended by SIGABRT$"),
        ("raise OSError('no disk')", r"ended with status 1 \(it last said: OSError: no disk\)$"),
        ("os.write(1, b'{\"id\"'); os._exit(1)", r"ended with status 1 in the middle of a line$"),
        ("os.close(1); time.sleep(1000)", r"it closed its standard output$"),
        ("print('hello', flush=True)", r"its answer to ping: it is no JSON: 'hello'$"),
        ("print('[' * 100000, flush=True)", r"it is no JSON: '\[+\.\.\.'$"),
        ("os.write(1, b'\\xff\\n')", r"it is no JSON: '.+xff'$"),
        ("say([1])", r"it is no JSON object: '\[1\]'$"),
        ("say({'exit_code': 0})", r"its 'id' is not 2, that of the request: '\{\"exit_code\": 0\}'$"),
        ("say({'id': 1, 'exit_code': 0})", r"its 'id' is not 2, that of the request"),
        ("say({'id': id})", r"'exit_code' must be a whole number from 0 to 255, and is missing$"),
        ("say({'id': id, 'exit_code': True})", r"from 0 to 255, and not true$"),
        ("say({'id': id, 'exit_code': -1})", r"from 0 to 255, and not -1$"),
        ("say({'id': id, 'exit_code': 0, 'stdout': 1})", r"'stdout' must be a text, and not 1$"),
        (
            "say({'id': id, 'exit_code': 0, 'std_out': ''})",
            r"unknown key 'std_out'; did you mean 'stdout'\?$",
        ),
        ("say({'id': id, 'exit_code': 0, 'fetched': '?'})", r"'fetched' must be base64 in one piece$"),
        (
            "say({'id': id, 'exit_code': 0, 'unimplemented': 'x'})",
            r"'unimplemented' stands beside other keys",
        ),
        (
            "say({'id': id, 'unimplemented': ''})",
            r"'unimplemented' must be a text in one line, and not \"\"$",
        ),
        (
            "say({'id': id, 'unimplemented': 'not yet'})",
            r"fake claims tcp and ping, but answers unimplemented \(not yet\)$",
        ),
        (
            "os.write(1, json.dumps({'id': id, 'exit_code': 0}).encode() + b'\\nmore\\n')",
            r"it wrote more than the one line it was asked for: 'more'$",
        ),
    ],
)
def test_a_broken_contract_is_one_line(shim: MakeShim, sandbox: Sandbox, body: str, problem: str) -> None:
    client = shim(body)
    with pytest.raises(ContractBroken, match=problem) as error:
        client.run(PING, sandbox)
    assert isinstance(error.value, AssertionError)
    assert "\n" not in str(error.value)


def test_after_a_crash_there_is_a_new_process(shim: MakeShim, sandbox: Sandbox) -> None:
    client = shim(
        "os._exit(1) if action == 'init' else say({'id': id, 'exit_code': 0, 'stdout': str(os.getpid())})"
    )
    before = client.run(PING, sandbox).stdout
    with pytest.raises(ContractBroken):
        client.run(Call(Action.INIT, arguments=("1",)), sandbox)
    assert client.run(PING, sandbox).stdout != before


def test_output_between_calls_is_not_taken_for_an_answer(shim: MakeShim, sandbox: Sandbox) -> None:
    body = (
        "say({'id': id, 'exit_code': 0})\n"
        "if action == 'label':\n"
        "    open(words[0], 'w').close()\n"
        "    while os.path.exists(words[0]): time.sleep(0.001)\n"
        "    say({'id': id + 1, 'exit_code': 0})\n"
        "    open(words[0], 'w').close()"
    )
    client = shim(body)
    flag = sandbox.root / "flag"
    assert client.run(Call(Action.LABEL, arguments=(str(flag), "x")), sandbox).ok
    wait_for(flag.exists)
    flag.unlink()
    wait_for(flag.exists)
    with pytest.raises(ContractBroken, match="it wrote more than the one line it was asked for"):
        client.run(PING, sandbox)
    assert client.run(PING, sandbox).ok


def test_an_end_between_calls_is_told(shim: MakeShim, sandbox: Sandbox) -> None:
    client = shim("say({'id': id, 'exit_code': 0, 'stdout': str(os.getpid())})\nos._exit(7)")
    pid = int(client.run(PING, sandbox).stdout)
    assert gone(pid)
    with pytest.raises(ContractBroken, match=r"ended with status 7$"):
        client.run(PING, sandbox)
    assert client.run(PING, sandbox).ok


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        os.sched_yield()


def test_the_time_limit_ends_the_process_and_its_children(shim: MakeShim, sandbox: Sandbox) -> None:
    body = (
        "import subprocess\n"
        "if action == 'ping': say({'id': id, 'exit_code': 0}); continue\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "print(os.getpid(), child.pid, file=sys.stderr, flush=True)\n"
        "time.sleep(1000)"
    )
    client = shim(body)
    outcome = client.run(Call(Action.LABEL, arguments=("l", "x")), sandbox, timeout=1.0)
    assert outcome.timed_out
    assert outcome.exit_code is None
    pids = list(map(int, outcome.stderr.split()))
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    assert client.run(PING, sandbox).ok


def test_a_shim_that_does_not_read_is_ended_in_time(shim: MakeShim, sandbox: Sandbox) -> None:
    client = shim("if action == 'init': say({'id': id, 'exit_code': 0}); time.sleep(1000)")
    assert client.run(Call(Action.INIT, arguments=("1",)), sandbox).ok
    outcome = client.run(Call(Action.LABEL, arguments=("l", "x" * 1_000_000)), sandbox, timeout=0.3)
    assert outcome.timed_out


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_nothing_is_left_running(shim: MakeShim, sandbox: Sandbox, tmp_path: Path, how: str) -> None:
    shim("say({'id': id, 'exit_code': 0, 'stdout': str(os.getpid())})")
    client: Any = ShimClient([sys.executable, "-IS", "shim.py"], directory=tmp_path)
    pid = int(client.run(PING, sandbox).stdout)
    if how == "closed":
        close_client(client)
    else:
        del client
        gc.collect()
    assert gone(pid)


def test_the_end_of_input_is_the_end(tmp_path: Path, shim: MakeShim, sandbox: Sandbox) -> None:
    """A shim may tidy up when its standard input ends."""
    client = shim("say({'id': id, 'exit_code': 0})")
    source = (tmp_path / "shim.py").read_text()
    (tmp_path / "shim.py").write_text(source + "\nopen('ended', 'w').close()\n")
    client.close()
    assert client.run(PING, sandbox).ok
    client.close()
    assert (tmp_path / "ended").exists()


# --- claims ---


@pytest.mark.parametrize(
    ("call", "lacks"),
    [
        (Call(Action.PING, transport=Transport.HTTP), "it lacks http"),
        (Call(Action.PING, socks=SocksRoute("127.0.0.1", 1080)), "it lacks socks"),
        (Call(Action.SUITES), "does not claim to do suites"),
    ],
)
def test_what_is_not_claimed_is_not_asked_for(
    shim: MakeShim, sandbox: Sandbox, call: Call, lacks: str
) -> None:
    client = shim("os._exit(1)")
    with pytest.raises(Unimplemented, match=lacks):
        client.run(call, sandbox)


def test_an_attempt_asks_for_what_is_not_claimed(shim: MakeShim, sandbox: Sandbox) -> None:
    client = shim("say({'id': id, 'unimplemented': 'no HTTP'})")
    with pytest.raises(Unimplemented, match=r"^no HTTP$"):
        client.attempt(Call(Action.PING, transport=Transport.HTTP), sandbox)


# --- hello ---


@pytest.mark.parametrize(
    ("hello", "problem"),
    [
        ({}, "'capabilities' must be an array of names, and is missing"),
        (HELLO | {"capabilities": []}, "'capabilities' is empty"),
        (HELLO | {"capabilities": "tcp"}, "'capabilities' must be an array of names, and not \"tcp\""),
        (
            HELLO | {"capabilities": ["tpc"]},
            "'capabilities' has 'tpc', which is unknown; did you mean 'tcp'?",
        ),
        (
            HELLO | {"capabilities": ["tasks"]},
            "'capabilities' has none of http, https, ssl, tcp or log-fetch",
        ),
        (HELLO | {"actions": ["pong"]}, "'actions' has 'pong', which is unknown; did you mean 'ping'?"),
        (HELLO | {"capabilities": ["tcp"]}, "'actions' has init, which needs the capability tasks"),
        (HELLO | {"actions": ["log_list"]}, "'actions' has log_list, which needs the capability log-fetch"),
        (HELLO | {"actions": ["ping"]}, "'capabilities' has tasks, but 'actions' has none of abort,"),
        (HELLO | {"dialect": "5.8"}, "'dialect' must be one of 5.9, 5.17, and not '5.8'"),
        (HELLO | {"name": ""}, "'name' must be a text in one line, and not \"\""),
        (HELLO | {"release": 1}, "'release' must be a text in one line, and not 1"),
        (HELLO | {"version": "1"}, "unknown key 'version'"),
    ],
)
def test_a_wrong_hello_is_one_line(shim: MakeShim, hello: dict[str, Any], problem: str) -> None:
    with pytest.raises(ClientError) as error:
        shim("pass", hello)
    assert problem in str(error.value)
    assert str(error.value).endswith(": see docs/adapters.md")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("command", "error", "problem"),
    [
        (["no-such-program"], ClientNotFound, "^no-such-program is not on PATH$"),
        (["./no-such-program"], ClientNotFound, "is not there or cannot be executed"),
        (["true"], ClientError, "asked for hello, it ended with status 0: see docs"),
        (["cat"], ClientError, "its answer to hello: unknown key 'request'"),
        (["sleep", "1000"], ClientError, "no answer to hello within 0.3 s: see docs"),
    ],
)
def test_programs_that_are_no_shim(command: list[str], error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem) as raised:
        ShimClient(command, time_limit=0.3)
    assert "\n" not in str(raised.value)


def test_a_program_that_cannot_be_executed(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF not really")
    broken.chmod(0o755)
    with pytest.raises(ClientError, match=r"cannot be started: "):
        ShimClient(["./broken"], directory=tmp_path)


def test_hello_alone() -> None:
    told = {"id": 1, "name": "x", "release": "1", "capabilities": ["http", "log-fetch"], "dialect": "5.9"}
    hello = read_hello(json.dumps(told).encode(), 1)
    assert hello.dialect is DIALECT_5_9
    assert hello.actions == actions_of({Capability.HTTP, Capability.LOG_FETCH})
    assert Action.INIT not in hello.actions
    assert {Action.PING, Action.LOG_LIST} <= hello.actions


@given(
    line=st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_line_is_an_answer_or_nonsense(line: bytes) -> None:
    for read in (read_hello, read_answer):
        with pytest.raises(Nonsense) as error:
            read(line, 1)
        assert str(error.value).isprintable()


@given(
    code=st.integers(0, 255),
    out=st.text(),
    err=st.text(),
    fetched=st.none() | st.binary(),
)
def test_an_answer_comes_back_as_it_was(code: int, out: str, err: str, fetched: bytes | None) -> None:
    told = {
        "id": 5,
        "exit_code": code,
        "stdout": out,
        "stderr": err,
        "fetched": None if fetched is None else base64.b64encode(fetched).decode(),
    }
    answer: Any = read_answer(json.dumps(told).encode(), 5)
    assert (answer.exit_code, answer.stdout, answer.stderr, answer.fetched) == (code, out, err, fetched)
