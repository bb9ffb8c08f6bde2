"""The adapter for the Python module ecflow, in the interpreter that has it.

Every call is a process of its own: a program of ours (`ecfleet.drivers.python_ecflow`) makes a Client, does
the call and ends, as a job or a cron script would.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ecfleet.clients.command import nearest_dialect
from ecfleet.clients.contract import (
    TASK_ACTIONS,
    TIME_LIMIT,
    USER_ACTIONS,
    Action,
    Call,
    Capability,
    ClientError,
    ClientNotFound,
    Outcome,
    Unimplemented,
    refuse_unable,
)
from ecfleet.clients.processes import release_number, run_program, surroundings_of_programs, text_of

if TYPE_CHECKING:
    from ecfleet.sandbox import Sandbox

__all__ = ["NAME", "PythonClient", "interpreters"]

NAME: Final = "python-ecflow"
"""The name of the adapter, and of the client that it finds by itself."""

_DRIVER: Final = Path(__file__).parent.parent / "drivers" / "python_ecflow.py"


def interpreters() -> list[str]:
    """Where the module may be: the interpreter that runs us, the one on PATH, and the system's, which is
    the one that a distribution's package belongs to. Each is named once.
    """
    candidates = (sys.executable, shutil.which("python3"), "/usr/bin/python3")
    return list(dict.fromkeys(path for path in candidates if path and os.access(path, os.X_OK)))


class PythonClient:
    """The module ecflow of an interpreter.

    `interpreter` is a path or a name on PATH (default: the first of `interpreters` that has the module);
    `inherited` are variables taken over from the environment where the module is not on the interpreter's
    own path. Raises `ClientNotFound` when no interpreter has it, `ClientError` when it tells no release.
    """

    def __init__(
        self,
        interpreter: str | Path | None = None,
        *,
        words: Sequence[str] = (),
        inherited: Iterable[str] = (),
    ) -> None:
        environment = surroundings_of_programs(inherited)
        self.name = NAME
        if interpreter is None:
            self._command, told = _first_with_module(environment)
        else:
            found = shutil.which(os.path.expanduser(interpreter))
            if found is None:
                raise ClientNotFound(
                    f"{interpreter} is not there or cannot be executed: name a Python interpreter"
                )
            self._command = [os.path.abspath(found), *words]
            told = _told(self._command, environment)
        try:
            facts = json.loads(told.splitlines()[-1])
            self.release = str(facts["release"])
            transports = frozenset(Capability(name) for name in facts["transports"])
        except (ValueError, IndexError, KeyError, TypeError):
            raise ClientError(
                f"{shlex.join(self._command)}: its module ecflow does not tell a release"
            ) from None
        self.dialect = nearest_dialect(self.release)
        # The module asks for the whole definition, with its states, whatever is wanted of it.
        self.actions = (USER_ACTIONS | TASK_ACTIONS) - {Action.GET_STATE}
        self.capabilities = frozenset(
            {Capability.TASKS, Capability.HOST_FILE, Capability.DISABLE_SSL}
            | transports
            | ({Capability.TOKEN_FILE} if release_number(self.release) >= (5, 15) else set())
        )

    def run(self, call: Call, sandbox: Sandbox, timeout: float = TIME_LIMIT) -> Outcome:
        """Do the call in a new process. When its time is up it is killed with all that it started."""
        refuse_unable(self, call, self.actions)
        if call.action is Action.GET and call.arguments:
            raise Unimplemented(f"{self.name} {self.release} gets whole definitions, and no single node")
        told = {
            "action": call.action,
            "host": call.host,
            "port": call.port,
            "transport": call.transport,
            "disable_ssl": call.disable_ssl,
            "arguments": list(call.arguments),
        }
        argv = [*self._command, str(_DRIVER), json.dumps(told)]
        started = time.monotonic()
        try:
            exit_code, out, err = run_program(
                argv, sandbox.environment | dict(call.environment), str(sandbox.cwd), timeout
            )
        except OSError as problem:
            raise ClientError(f"{argv[0]} cannot be started: {problem.strerror or problem}") from None
        return Outcome(
            exit_code=exit_code,
            stdout=text_of(out),
            stderr=text_of(err),
            seconds=time.monotonic() - started,
            command=shlex.join(argv),
            timed_out=exit_code is None,
        )


def _first_with_module(environment: dict[str, str]) -> tuple[list[str], str]:
    for path in interpreters():
        try:
            return [path], _told([path], environment)
        except ClientNotFound:
            continue
    raise ClientNotFound(
        "no Python interpreter here has the module ecflow: apt-get install python3-ecflow, or name the "
        "interpreter that has it in ecfleet.toml"
    )


def _told(command: Sequence[str], environment: dict[str, str], timeout: float = TIME_LIMIT) -> str:
    """What the driver tells about the module of an interpreter."""
    shown = shlex.join(command)
    try:
        exit_code, out, err = run_program([*command, str(_DRIVER)], environment, "/", timeout)
    except OSError as problem:
        raise ClientError(f"{shown} cannot be started: {problem.strerror or problem}") from None
    if exit_code is None:
        raise ClientError(f"{shown}: to import ecflow took more than {timeout:g} s")
    if exit_code != 0:
        last = (text_of(err).strip().splitlines() or [f"exit status {exit_code}"])[-1]
        raise ClientNotFound(
            f"{shown} cannot import the module ecflow ({last}): apt-get install python3-ecflow"
        )
    return text_of(out)
