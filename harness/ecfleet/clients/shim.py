"""The adapter for any program: a process that is sent requests as lines of JSON and answers each with a line.

The contract is in docs/adapters.md. One process does many calls; after a crash, nonsense or the end of a
time limit it is ended with all that it started, and the next call gets a new one.
"""

from __future__ import annotations

import os
import shlex
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from ecfleet.clients.contract import (
    TIME_LIMIT,
    Call,
    ClientError,
    ClientNotFound,
    ContractBroken,
    Outcome,
    Unimplemented,
    capabilities_needed,
    refuse_unable,
)
from ecfleet.clients.processes import surroundings_of_programs
from ecfleet.clients.shim_messages import (
    Answer,
    Nonsense,
    Unable,
    described,
    excerpt,
    hello_request,
    read_answer,
    read_hello,
    run_request,
)
from ecfleet.clients.shim_process import Ended, LineProcess, TimeIsOver, Unsolicited

if TYPE_CHECKING:
    from ecfleet.sandbox import Sandbox

__all__ = ["ShimClient"]

_SEE: Final = "see docs/adapters.md"


class ShimClient:
    """A client behind a shim.

    `command` is started in `directory` (default: the working directory), with HOME=/ and the few variables
    that every program gets, and those `inherited`: what decides a call is in its request. The constructor
    says hello, for which the program has `time_limit` seconds; it raises `ClientNotFound` when there is no
    such program and `ClientError` when that does not answer as a shim. `close` ends the process, as does the
    end of the object or of the interpreter.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: Path | None = None,
        inherited: Iterable[str] = (),
        time_limit: float = TIME_LIMIT,
    ) -> None:
        self._directory = Path.cwd() if directory is None else directory
        self._command = _found(command, self._directory)
        self._environment = surroundings_of_programs(inherited)
        self._process: LineProcess | None = None
        self._number = 0
        self._one_at_a_time = threading.Lock()
        self.name = self._command[0] if len(self._command) == 1 else shlex.join(self._command)
        try:
            self._number += 1
            line = self._ask(hello_request(self._number), time_limit, "hello")
            told = read_hello(line, self._number)
        except TimeIsOver:
            self._kill()
            raise ClientError(f"{self.name}: no answer to hello within {time_limit:g} s: {_SEE}") from None
        except Nonsense as problem:
            self._kill()
            raise ClientError(f"{self.name}: its answer to hello: {problem}: {_SEE}") from None
        except ContractBroken as problem:
            raise ClientError(f"{problem}: {_SEE}") from None
        self.name, self.release = told.name, told.release
        self.dialect = told.dialect
        self.capabilities, self.actions = told.capabilities, told.actions

    def run(self, call: Call, sandbox: Sandbox, timeout: float = TIME_LIMIT) -> Outcome:
        """Have the shim do the call; calls from several threads are done one after another.

        Raises `ContractBroken` for a crash, nonsense, output that nobody asked for, and an "unimplemented"
        to what the client claims. When the time is up the process is killed.
        """
        refuse_unable(self, call, self.actions)
        try:
            return self.attempt(call, sandbox, timeout)
        except Unimplemented as refused:
            claimed = ", ".join(sorted(capabilities_needed(call)))
            raise ContractBroken(
                f"{self.name} claims {claimed} and {call.action}, but answers unimplemented ({refused})"
            ) from None

    def attempt(self, call: Call, sandbox: Sandbox, timeout: float = TIME_LIMIT) -> Outcome:
        """As `run`, but also what the client does not claim; `Unimplemented` when it says so itself."""
        started = time.monotonic()
        stdout, stderr, fetched = "", "", None
        exit_code: int | None = None
        with self._one_at_a_time:
            self._number += 1
            try:
                line = self._ask(run_request(self._number, call, sandbox, timeout), timeout, call.action)
                answer = read_answer(line, self._number)
                stderr = self._process.errors if self._process is not None else ""
            except TimeIsOver:
                stderr = self._process.errors if self._process is not None else ""
                self._kill()
                answer = None
            except Nonsense as problem:
                self._break(f"its answer to {call.action}: {problem}")
        match answer:
            case Unable(reason):
                raise Unimplemented(reason)
            case Answer():
                exit_code, stdout, fetched = answer.exit_code, answer.stdout, answer.fetched
                stderr = answer.stderr + stderr
        return Outcome(
            exit_code=exit_code,
            stdout=stdout,
            stderr=stderr,
            seconds=time.monotonic() - started,
            command=f"{shlex.join(self._command)} <<< {shlex.quote(described(call))}",
            timed_out=exit_code is None,
            fetched=fetched,
        )

    def close(self) -> None:
        """End the process, if one runs; the next call starts another."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _ask(self, line: bytes, timeout: float, what: str) -> bytes:
        deadline = time.monotonic() + timeout
        if self._process is None:
            try:
                self._process = LineProcess(self._command, self._directory, self._environment)
            except OSError as problem:
                raise ClientError(
                    f"{self._command[0]} cannot be started: {problem.strerror or problem}"
                ) from None
        try:
            return self._process.ask(line, deadline)
        except Ended as how:
            self._break(f"asked for {what}, it {how}")
        except Unsolicited as more:
            self._break(f"it wrote more than the one line it was asked for: {excerpt(more.output)}")

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _break(self, problem: str) -> NoReturn:
        self._kill()
        raise ContractBroken(f"{self.name}: {problem}") from None


def _found(command: Sequence[str], directory: Path) -> list[str]:
    """The command with its program as a path; a relative path is one from `directory`."""
    program = os.path.expanduser(command[0])
    found = shutil.which(str(directory / program) if os.sep in program else program)
    if found is None:
        where = (
            f"is not there or cannot be executed (from {directory})"
            if os.sep in program
            else "is not on PATH"
        )
        raise ClientNotFound(f"{command[0]} {where}")
    return [os.path.abspath(found), *command[1:]]
