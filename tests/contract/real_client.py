"""The real ecflow_client as used at a terminal, on any server, step by step; and two runs compared."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ecfleet.certificates import Credential
from ecfleet_mocks.model.transport import Transport

from .sameness import Place, same

JOB_PASSWORD = "the password of the job last shown"


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the client: its options and the ECF_* variables it is given."""

    options: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it."""

    step: Step
    exit_code: int
    stdout: str
    stderr: str

    def lines(self) -> list[str]:
        return [f"exit code {self.exit_code}", *self.stdout.split("\n"), *self.stderr.split("\n")]


def user(*options: str) -> Step:
    return Step(options)


def task(path: str, *options: str, password: str = "_DJP_", remote_id: str = "123") -> Step:
    # ECF_DENIED: a blocked call ends after two attempts instead of after hours. _DJP_ is the password that
    # any server takes, so that no job has to run first.
    return Step(
        options,
        {
            "ECF_NAME": path,
            "ECF_PASS": password,
            "ECF_RID": remote_id,
            "ECF_TRYNO": "1",
            "ECF_DENIED": "1",
        },
    )


class Terminal:
    """Runs the client on one server, as from a shell with its own home and working directory."""

    def __init__(
        self,
        client: Path,
        root: Path,
        place: tuple[int, str],
        transport: Transport,
        trusts: Credential,
        files: Mapping[str, str],
    ) -> None:
        port, home = place
        root.mkdir(exist_ok=True)
        self._client = client
        self._transport = transport
        self._port = port
        self.work = root / "work"
        self.work.mkdir()
        self._home = root / "client_home"
        directory = self._home / ".ecflowrc" / "ssl"
        directory.mkdir(parents=True)
        (directory / "server.crt").write_bytes(trusts.certificate.data)
        for name, text in files.items():
            (self.work / name).write_text(text)
        self._place = Place(port, home, str(self.work))
        self.password = ""
        self.host = "127.0.0.1"

    def speak(self, transport: Transport) -> None:
        """Call the server over this transport from now on."""
        self._transport = transport

    def command(self, step: Step) -> tuple[list[str], dict[str, str]]:
        secure = ["--ssl"] if self._transport is Transport.SSL else []
        where = ["--host", self.host, "--port", str(self._port)]
        environment = {"HOME": str(self._home), "PATH": os.defpath, "LC_ALL": "C"}
        return [str(self._client), *where, *secure, *step.options], environment | step.environment

    def run(self, step: Step) -> Seen:
        command, environment = self.command(step)
        if environment.get("ECF_PASS") == JOB_PASSWORD:
            environment["ECF_PASS"] = self.password
        done = subprocess.run(
            command,
            env=environment,
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if found := re.search(r"edit ECF_PASS '([\w./]{8})'", done.stdout):
            self.password = found[1]
        return Seen(step, done.returncode, same(done.stdout, self._place), same(done.stderr, self._place))


def compare(mock: Sequence[Seen], real: Sequence[Seen]) -> None:
    assert [seen.step for seen in mock] == [seen.step for seen in real]
    differences: list[str] = []
    for number, (ours, theirs) in enumerate(zip(mock, real, strict=True), 1):
        if ours != theirs:
            differences.append(f"step {number}: {' '.join(ours.step.options)}")
            differences += difflib.unified_diff(
                theirs.lines(), ours.lines(), "ecflow_server", "mock", n=0, lineterm=""
            )
    assert not differences, "\n".join(differences)
