"""The mock's model and a real ecflow_server side by side: the same commands to both, the answers compared."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.server import ServerDies, ServerModel
from ecfleet_mocks.wire import (
    Command,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    FrameReader,
    ServerState,
    SyncApi,
    decode_request,
    encode_reply,
    encode_request,
    frame,
)

from .random_commands import Step
from .real_server import running_server

__all__ = ["Difference", "ServerPair", "first_difference", "server_pair"]

_USER: Final[dict[str, Any]] = {"user": "tester", "host": "H"}
_GET: Final = CtsNodeCmd(CtsNodeApi.MIGRATE, **_USER)
_ZOMBIES: Final = CtsCmd(CtsApi.GET_ZOMBIES, **_USER)
_VOLATILE: Final = re.compile(
    r"\d\d:\d\d:\d\d"
    r"|\d{4}-[A-Z][a-z]{2}-\d\d"
    r"|(?<=ECF_PID ')\d+"
    r"|(?<=cal_count:)\d+"
    r"|MSG:\[[^]]*\]"
    r'|(?<="duration_": )\d+'
    r"|Request's per 1,5,15,30,60 min .*?\\n"
)
"""Points in time, durations, the process id, updates of the calendar, the rate of requests."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two servers part: after which step, in what, and the two texts."""

    step: int
    command: Command
    where: str
    mock: str
    real: str

    def __str__(self) -> str:
        at = next(
            (
                at
                for at, (ours, theirs) in enumerate(zip(self.mock, self.real, strict=False))
                if ours != theirs
            ),
            min(len(self.mock), len(self.real)),
        )
        around = slice(max(0, at - 160), at + 240)
        return (
            f"step {self.step}, {self.where}, after {self.command}\n"
            f"  mock: …{self.mock[around]}\n"
            f"  real: …{self.real[around]}"
        )


class ServerPair:
    """Both servers.  A real one starts halted and is shut down at once, so that no job is submitted."""

    def __init__(self, port: int, home: Path) -> None:
        self._port = port
        self._numbers: list[tuple[int, int]] = []
        told = self._real(_GET)
        found = re.search(r"ECF_HOST '([^']*)'", told)
        assert found is not None
        self._model = ServerModel(
            DIALECT_5_9,
            host_name=found[1],
            port=port,
            now=datetime.now,
            new_password=lambda: "password",
            state=ServerState.HALTED,
            home=str(home),
            faithful=True,
        )
        self._model.handle(_GET)
        self._both(CtsCmd(CtsApi.SHUTDOWN, **_USER))

    def step(self, number: int, step: Step) -> Difference | None:
        """Give a step to both; compare the reply, then the tree, the zombies and what a client syncs."""
        before = self._model.state_change, self._model.modify_change
        self._numbers.append(before)
        command = step.at(self._numbers)
        sync = CSyncCmd(SyncApi.SYNC, 0, *before, **_USER)
        for where, each in (("reply", command), ("tree", _GET), ("zombies", _ZOMBIES), ("sync", sync)):
            mock, real = self._both(each)
            if mock != real and not _told_in_full(each, mock, real):
                return Difference(number, command, where, mock, real)
        return None

    def _both(self, command: Command) -> tuple[str, str]:
        real = self._real(command)
        try:
            mock = encode_reply(self._model.handle(decode_request(encode_request(command)))).decode()
        except ServerDies as death:
            mock = f"dead: {death}"
        return _VOLATILE.sub("X", mock), _VOLATILE.sub("X", real)

    def _real(self, command: Command) -> str:
        reader = FrameReader()
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as connection:
            connection.sendall(frame(encode_request(command)))
            try:
                while data := connection.recv(1 << 16):
                    reader.feed(data)
            except ConnectionResetError:
                return "dead"
        payload = reader.next()
        return "dead" if payload is None else payload.decode()


def _told_in_full(command: Command, mock: str, real: str) -> bool:
    """Whether the model answers a sync in full where the real server tells the same by mementos."""
    if not isinstance(command, CSyncCmd) or "dead" in (mock, real):
        return False
    return '"full_defs_": true' in mock and '"full_defs_": false' in real


@contextmanager
def server_pair(program: Path, root: Path) -> Iterator[ServerPair]:
    """A new pair; `root` must not be there yet."""
    with running_server(program, root) as real:
        yield ServerPair(real.port, real.home)


def first_difference(program: Path, root: Path, steps: Sequence[Step]) -> Difference | None:
    """Give a sequence to a new pair and stop at the first difference."""
    with server_pair(program, root) as pair:
        for number, step in enumerate(steps, 1):
            difference = pair.step(number, step)
            if difference is not None:
                return difference
    return None
