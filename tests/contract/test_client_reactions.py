"""ecflow_client 5.9.2 on mock servers that misbehave: it reacts as it was recorded to react.

The recordings were made against a scripted server; here a mock server is that server, by its faults. Exit
code, both outputs and the number of connections are compared.

Most reactions take no time and have a test each. Those in which the client pauses for ten seconds between its
attempts are one test that runs them all at once. Two go on for as long as they are let and were stopped
after 25 and 45 seconds; they run with the Hypothesis profile `full` only.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from ecfleet_mocks.journal import ConnectionOpened
from unit.reactions import Reaction, recorded

from .peers import require_release

REACTIONS: Final = [reaction for reaction in recorded() if reaction.release == "5.9.2"]
LEFT_OUT: Final[dict[int, str]] = {}
"""Lines of 5.9.2 that are not played, with the reason; there are none."""
ENDLESS: Final = {
    67: "a child command that finds no server asks again until ECF_TIMEOUT, at least a minute",
    81: "a user command that is told to wait on its home server asks again for ever",
}
FULL: Final = os.environ.get("ECFLEET_HYPOTHESIS_PROFILE") == "full"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client did; `exit_code` is None when it was still running."""

    exit_code: int | None
    stdout: str
    stderr: str
    connections: int


@asynccontextmanager
async def peer_of(reaction: Reaction) -> AsyncIterator[tuple[int, list[ConnectionOpened]]]:
    """A port where things are as they were for the recorded client, and who connected to it."""
    if reaction.nobody_listens:
        with socket.socket() as taken:
            # A port that nobody else can get, and where nobody listens.
            taken.bind(("127.0.0.1", 0))
            yield taken.getsockname()[1], []
        return
    async with reaction.server() as server:
        opened: list[ConnectionOpened] = []
        unsubscribe = server.journal.subscribe(
            lambda event: opened.append(event) if isinstance(event, ConnectionOpened) else None
        )
        try:
            yield server.address.port, opened
        finally:
            unsubscribe()


async def play(client: Path, home: Path, reaction: Reaction) -> Seen:
    """Run the client as recorded; one that does not end by itself is stopped where the recorded one was."""
    os.makedirs(home, exist_ok=True)
    async with peer_of(reaction) as (port, opened):
        told = [option.format(host="localhost", port=port) for option in reaction.options]
        process = await asyncio.create_subprocess_exec(
            client,
            *told,
            env={"HOME": str(home), "PATH": os.defpath, "LC_ALL": "C", **reaction.environment},
            cwd=home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        talking = asyncio.ensure_future(process.communicate())
        if reaction.exit_code is None:
            await asyncio.wait([talking], timeout=reaction.seconds)
            assert not talking.done(), "it was to go on"
            process.kill()
            out, err = await talking
            exit_code = None
        else:
            out, err = await asyncio.wait_for(talking, 60)
            exit_code = process.returncode
        return Seen(exit_code, masked(out.decode(), port), masked(err.decode(), port), len(opened))


def masked(text: str, port: int) -> str:
    text = text.replace(f"localhost:{port}", "localhost:{port}").replace(f"--port={port}", "--port={port}")
    text = re.sub(r"\[\d\d:\d\d:\d\d \d+\.\d+\.\d+\]", "[TIME]", text)
    return re.sub(r"succeeded in [\d:.]+  ~\d+ milliseconds", "succeeded in TIME", text)


def expected(reaction: Reaction) -> Seen:
    def same(text: str) -> str:
        return masked(text, -1)

    return Seen(reaction.exit_code, same(reaction.stdout), same(reaction.stderr), reaction.connections)


def is_slow(reaction: Reaction) -> bool:
    """The client pauses: two of five seconds, or ten."""
    return reaction.seconds > 2


QUICK: Final = [row for row in REACTIONS if not is_slow(row) and row.number not in LEFT_OUT]
SLOW: Final = [row for row in REACTIONS if is_slow(row) and row.number not in {*LEFT_OUT, *ENDLESS}]


@pytest.fixture
def client() -> Path:
    return require_release("ecflow_client", "5.9.2")


def test_no_line_is_forgotten() -> None:
    played = {row.number for row in (*QUICK, *SLOW)} | ENDLESS.keys() | LEFT_OUT.keys()
    assert played == {row.number for row in REACTIONS}
    assert len(REACTIONS) == 62


@pytest.mark.parametrize("reaction", QUICK, ids=str)
async def test_reacts_as_recorded(client: Path, tmp_path: Path, reaction: Reaction) -> None:
    assert await play(client, tmp_path, reaction) == expected(reaction)


async def test_reacts_as_recorded_with_pauses(client: Path, tmp_path: Path) -> None:
    seen = await asyncio.gather(*(play(client, tmp_path / str(row.number), row) for row in SLOW))
    for row, found in zip(SLOW, seen, strict=True):
        assert found == expected(row), row


@pytest.mark.skipif(not FULL, reason="takes 45 s: tox -e full, or ECFLEET_HYPOTHESIS_PROFILE=full")
async def test_goes_on_as_recorded(client: Path, tmp_path: Path) -> None:
    rows = [row for row in REACTIONS if row.number in ENDLESS]
    seen = await asyncio.gather(*(play(client, tmp_path / str(row.number), row) for row in rows))
    for row, found in zip(rows, seen, strict=True):
        assert found == expected(row), row
