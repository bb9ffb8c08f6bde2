"""The recorded reactions of clients to servers that misbehave, and how a mock server is made one of those."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.faults import Answer, AnswerInPieces, Close, Fault, Faults, Mute, Refuse, Reset
from ecfleet_mocks.model.dialect import dialect

RECORDINGS: Final = Path(__file__).parents[1] / "data" / "captures" / "client-reactions.jsonl"


@dataclass(frozen=True, slots=True)
class Reaction:
    """One line of the file; `number` is its line, `seconds` how long the recorded client took."""

    number: int
    release: str
    transport: str
    name: str
    mode: str
    sends: tuple[bytes, ...]
    by_connection: bool
    connections: int
    options: tuple[str, ...]
    environment: dict[str, str]
    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.number} {self.release} {self.transport} {self.name}"

    @property
    def nobody_listens(self) -> bool:
        """The client meets no server at all, or is told not to look for one."""
        return self.connections == 0

    def faults(self) -> Faults:
        """What makes a mock server behave like the scripted one, on every connection."""
        faults = Faults()
        if self.by_connection:
            *first, last = self.sends
            faults.next(*map(Answer, first))
            faults.when(_always, Answer(last))
        else:
            faults.when(_always, self._fault())
        return faults

    def _fault(self) -> Fault:
        modes: dict[str, Fault] = {"closed on accept": Refuse(), "reset": Reset(), "never": Mute()}
        if self.mode in modes:
            return modes[self.mode]
        if self.mode not in ("", "http", "open", "http, left open"):
            raise AssertionError(f"no fault for a server that is {self.mode}")
        if len(self.sends) > 1:
            return AnswerInPieces(self.sends)
        if not self.sends[0]:
            return Close()
        return Answer(self.sends[0], close="open" not in self.mode)

    def server(self) -> EcflowServer:
        """A mock server of the recorded client's release that misbehaves so."""
        over_http = self.transport == "http"
        return EcflowServer(
            plain=None if over_http else 0,
            http=0 if over_http else None,
            dialect=dialect(self.release),
            faults=self.faults(),
        )


def _always(request: object) -> bool:
    return True


def _sent(told: str | list[str]) -> tuple[tuple[bytes, ...], bool]:
    """The bytes for each connection, or the pieces for one."""
    if isinstance(told, str):
        return (told.encode("latin-1"),), False
    if told[0] == "first connection":
        return tuple(part.encode("latin-1") for part in told[1::2]), True
    return tuple(part.encode("latin-1") for part in told), False


def recorded() -> list[Reaction]:
    found = []
    # Not splitlines(): a gzip body has characters that are line ends to it.
    for number, line in enumerate(RECORDINGS.read_text(encoding="utf-8").rstrip("\n").split("\n"), 1):
        row = json.loads(line)
        sends, by_connection = _sent(row["server_sends"])
        found.append(
            Reaction(
                number,
                row["release"],
                row["transport"],
                row["name"],
                row["server_mode"],
                sends,
                by_connection,
                row["connections"],
                tuple(row["argv"]),
                row["env"],
                row["exit_code"] if isinstance(row["exit_code"], int) else None,
                row["stdout"],
                row["stderr"],
                row["seconds"],
            )
        )
    return found
