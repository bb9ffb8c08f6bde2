"""The adapter for ecflow_client, and for any program that takes the same options.

A call becomes an argument list and an environment; the program runs in the sandbox.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ecfleet.clients.contract import (
    Action,
    Call,
    Capability,
    ClientError,
    ClientNotFound,
    Outcome,
    refuse_unable,
)
from ecfleet.clients.processes import release_number, run_program, surroundings_of_programs, text_of
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.model.transport import Transport

if TYPE_CHECKING:
    from ecfleet.sandbox import Sandbox

__all__ = ["CommandClient", "arguments", "capabilities_of", "nearest_dialect", "release_of"]

_VERSION: Final = re.compile(
    r"Ecflow version\(([0-9]+(?:\.[0-9]+)*)\)|^([0-9]+\.[0-9]+\.[0-9]+)\s*$", re.MULTILINE
)


def release_of(program: Path, words: Sequence[str] = (), timeout: float = 30.0) -> str:
    """The release that `program WORDS --version` tells. Raises `ClientError` when it tells none."""
    try:
        exit_code, out, err = run_program(
            [str(program), *words, "--version"], surroundings_of_programs(), "/", timeout
        )
    except OSError as problem:
        raise _cannot_start(program, problem) from None
    if exit_code is None:
        raise ClientError(f"{program} --version did not end within {timeout:g} s: is it an ecFlow client?")
    found = _VERSION.search(text_of(out) + "\n" + text_of(err))
    if found is None:
        raise ClientError(
            f"{program} --version tells no release (exit status {exit_code}): is it an ecFlow client?"
        )
    return found[1] or found[2]


def capabilities_of(release: str) -> frozenset[Capability]:
    """What an ecflow_client of that release can do: HTTP from 5.14 on, the token file from 5.15 on.

    It speaks no SOCKS and fetches no files from log servers (those are ecflow_ui's).
    """
    capabilities = {Capability.TCP, Capability.SSL, Capability.TASKS, Capability.HOST_FILE}
    number = release_number(release)
    if number >= (5, 14):
        capabilities |= {Capability.HTTP, Capability.HTTPS}
    if number >= (5, 15):
        capabilities.add(Capability.TOKEN_FILE)
    return frozenset(capabilities)


def nearest_dialect(release: str) -> Dialect:
    """The known dialect that is nearest: 5.17's from 5.14 on (the first with HTTP), else 5.9's."""
    return DIALECT_5_17 if release_number(release) >= (5, 14) else DIALECT_5_9


class CommandClient:
    """A command line client. Raises `ClientNotFound` when there is no such program, `ClientError` when
    its release is neither given nor told by `--version`.

    `program` is a path, or a name to be found on PATH; `words` stand before the options of every call.
    `name` defaults to the program's, `capabilities` to those of an ecflow_client of that release, `dialect`
    to the nearest.
    """

    has_user_options = True

    def __init__(
        self,
        program: Path | str = "ecflow_client",
        release: str | None = None,
        *,
        words: Sequence[str] = (),
        name: str = "",
        capabilities: Iterable[Capability] | None = None,
        dialect: Dialect | None = None,
    ) -> None:
        found = shutil.which(os.path.expanduser(program))
        if found is None:
            raise ClientNotFound(_not_found(str(program)))
        self.program = Path(found).absolute()
        self.words = tuple(words)
        self.name = name or self.program.name
        self.release = release_of(self.program, self.words) if release is None else release
        self.capabilities = capabilities_of(self.release) if capabilities is None else frozenset(capabilities)
        self.dialect = nearest_dialect(self.release) if dialect is None else dialect

    def run(self, call: Call, sandbox: Sandbox, timeout: float = 30.0) -> Outcome:
        """Run the program once. When its time is up it is killed with all that it started."""
        refuse_unable(self, call)
        return self.run_options(arguments(call), sandbox, call.environment, timeout)

    def run_options(
        self,
        options: Sequence[str],
        sandbox: Sandbox,
        environment: Mapping[str, str],
        timeout: float = 30.0,
    ) -> Outcome:
        """Run the program with these options, for what is not a `Call`: --version, options that do not exist.

        `environment` comes on top of the sandbox's.
        """
        argv = [str(self.program), *self.words, *options]
        environment = sandbox.environment | dict(environment)
        started = time.monotonic()
        try:
            exit_code, out, err = run_program(argv, environment, str(sandbox.cwd), timeout)
        except OSError as problem:
            raise _cannot_start(self.program, problem) from None
        return Outcome(
            exit_code=exit_code,
            stdout=text_of(out),
            stderr=text_of(err),
            seconds=time.monotonic() - started,
            command=shlex.join(argv),
            timed_out=exit_code is None,
        )


def arguments(call: Call) -> list[str]:
    """The options of ecflow_client for a call, without the program."""
    options: list[str] = []
    if call.transport is not Transport.TCP:
        options.append(f"--{call.transport}")
    if call.host is not None:
        options.append(f"--host={call.host}")
    if call.port is not None:
        options.append(f"--port={call.port}")
    if call.user is not None:
        options.append(f"--user={call.user}")
    if call.password is not None:
        options.append(f"--password={call.password}")
    return options + _action(call.action, list(call.arguments))


def _action(action: Action, words: list[str]) -> list[str]:
    match action:
        case Action.BEGIN:
            force = "force" in words
            suite = [word for word in words if word != "force"]
            value = " ".join([*suite, *(["--force"] if force else [])])
            return [f"--begin={value}" if value else "--begin"]
        case Action.DELETE:
            if words[:1] == ["_all_"] or words[:2] == ["force", "_all_"]:
                return ["--delete=_all_", *(["force"] if words[0] == "force" else []), "yes"]
            if words[:1] == ["force"]:
                return ["--delete=force", "yes", *words[1:]]
            return ["--delete=yes", *words]
        case Action.INIT:
            return [f"--init={words[0] if words else ''}", *(["--add", *words[1:]] if words[1:] else [])]
        case Action.COMPLETE:
            return ["--complete", *(["--remove", *words] if words else [])]
        case Action.ABORT:
            return [f"--abort={' '.join(words)}"] if words else ["--abort"]
        case Action.WAIT:
            return [f"--wait={' '.join(words)}"]
        case _:
            return [f"--{action}={words[0]}", *words[1:]] if words else [f"--{action}"]


def _not_found(program: str) -> str:
    where = "is not there or cannot be executed" if os.sep in program else "is not on PATH"
    return f"{program} {where}: apt-get install ecflow-client, or name another client with --client PATH"


def _cannot_start(program: Path, problem: OSError) -> ClientError:
    return ClientError(f"{program} cannot be started: {problem.strerror or problem}")
