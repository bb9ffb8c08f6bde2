"""What a client makes of a log server's answers."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import Sandbox, expect, rule
from ecfleet.clients import Action, Call, ClientUnderTest, Outcome
from ecfleet.services import Answer, Close, Drip, LogServer, RequestReceived, Reset
from ecfleet.wire import logserver

MTIME = 1_700_000_000
HEADER = 15
"""Bytes of the header before a file of these tests: 0:1700000000:x:"""


@dataclass
class Viewer:
    """A client, its sandbox, and a log server with a directory."""

    client: ClientUnderTest
    sandbox: Sandbox
    server: LogServer
    directory: Path

    def put(self, content: bytes, name: str = "job.1") -> Path:
        """The output of a job."""
        path = self.directory / name
        path.write_bytes(content)
        os.utime(path, (MTIME, MTIME))
        return path

    def fetch(self, path: Path, timeout: float = 30.0) -> Outcome:
        """What the client gets for the path."""
        call = Call(Action.LOG_FETCH, *self.server.address, arguments=(str(path),))
        return self.client.run(call, self.sandbox, timeout)

    def requests(self) -> list[logserver.LogRequest]:
        """Every request so far."""
        return [one.decoded for one in self.server.journal.of(RequestReceived, service=self.server.name)]


@pytest.fixture
def viewer(
    ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, ecf_log_server: LogServer, ecf_log_dir: Path
) -> Viewer:
    return Viewer(ecf_client, ecf_sandbox, ecf_log_server, ecf_log_dir)


def sends_file(request: logserver.LogRequest | None) -> bool:
    """Whether a request is for a file (and not for the version)."""
    return request is not None and request.action in (logserver.LogAction.GET, logserver.LogAction.GETF)


# A table and no generated cases: how the pieces are read depends on the moment, so that a client that is
# wrong would not fail each time alike. No piece is so small that it cuts the header.
@rule("LOG-10")
@pytest.mark.parametrize("size", [1, 100, 5000, 65536, 65537, 300_000, 2_000_000])
@pytest.mark.parametrize("piece", [64, 1000, 100_000], ids="pieces of {}".format)
def test_a_file_is_read_to_the_end_of_the_connection(viewer: Viewer, size: int, piece: int) -> None:
    piece = max(piece, size // 200)
    content = random.Random(size).randbytes(size).replace(b"\0", b"-")
    viewer.server.faults.clear()
    viewer.server.faults.when(sends_file, Drip(piece))
    seen = viewer.fetch(viewer.put(content))
    expect(seen.exit_code, 0, "exit code of fetching a file that comes in pieces")
    expect(len(seen.fetched or b""), size, "bytes of a file that comes in pieces")
    expect(seen.fetched == content, True, "whether the bytes of a file that comes in pieces are the same")


@rule("LOG-11")
@pytest.mark.parametrize("size", range(1, HEADER + 1))
def test_a_header_in_pieces(viewer: Viewer, size: int) -> None:
    viewer.server.faults.clear()
    viewer.server.faults.when(sends_file, Drip(size, 0.002))
    seen = viewer.fetch(viewer.put(b"output\n"))
    expect(seen.exit_code, 0, "exit code of fetching a file whose header comes in pieces")
    expect(seen.fetched, b"output\n", "the file got when its header comes in pieces")


KINDS = [b"\0", b"\0\0", b"line\n", b"\xff", b"0:", b"1:1:x:"]


@rule("LOG-12")
@given(content=st.lists(st.sampled_from(KINDS), min_size=1).map(b"".join))
def test_bytes_of_all_kinds_are_kept(viewer: Viewer, content: bytes) -> None:
    seen = viewer.fetch(viewer.put(content))
    expect(seen.fetched, content, "the file got that holds NUL bytes")


@rule("LOG-13")
def test_an_empty_file_is_no_error(viewer: Viewer) -> None:
    seen = viewer.fetch(viewer.put(b""))
    expect(seen.exit_code, 0, "exit code of fetching an empty file")
    expect(seen.fetched, b"", "the file got that is empty")


@rule("LOG-13")
@pytest.mark.parametrize("what", ["missing", "outside"])
def test_a_missing_file_is_not_empty(viewer: Viewer, tmp_path: Path, what: str) -> None:
    viewer.put(b"output\n")
    path = viewer.directory / "job.2"
    if what == "outside":
        path = tmp_path / "job.1"
        path.write_bytes(b"output of somebody else\n")
    seen = viewer.fetch(path)
    expect(seen.exit_code, 1, f"exit code of fetching a file that is {what}")


@rule("LOG-14")
@given(version=st.sampled_from([b"1", b"3", b"0", b"22", b"v2", b"none", b"", b"2" * 100]))
@settings(max_examples=8)
def test_without_version_2_get_is_used(viewer: Viewer, version: bytes) -> None:
    faults = viewer.server.faults
    faults.clear()
    answered = Answer(version) if version else Close()
    faults.when(
        lambda request: request is not None and request.action == logserver.LogAction.VERSION, answered
    )
    faults.when(lambda request: request is not None and request.action == logserver.LogAction.GETF, Close())
    seen = viewer.fetch(viewer.put(b"output\n"))
    expect(seen.exit_code, 0, "exit code of fetching a file from a log server of another version")
    expect(seen.fetched, b"output\n", "the file got from a log server of another version")


LETTERS = st.characters(exclude_categories=["C", "Z"], exclude_characters="/")
WORD = st.text(LETTERS, min_size=1, max_size=8).filter(lambda word: word not in (".", ".."))


@rule("LOG-15")
@given(words=st.lists(WORD, min_size=1, max_size=3), blanks=st.integers(1, 3))
def test_a_path_is_sent_as_it_is(viewer: Viewer, words: list[str], blanks: int) -> None:
    name = f"{(' ' * blanks).join(words)}.1"
    before = len(viewer.requests())
    seen = viewer.fetch(viewer.put(b"output\n", name))
    asked = [one.path for one in viewer.requests()[before:] if sends_file(one)]
    expect(asked, [f"{viewer.directory}/{name}"], "the path that the log server is asked for")
    expect(seen.fetched, b"output\n", "the file got by a path with blanks and letters of all kinds")


@rule("LOG-16")
@pytest.mark.parametrize("after", [0, 1, HEADER, HEADER + 3, HEADER + 200_000])
def test_a_reset_in_the_middle_is_a_failure(viewer: Viewer, after: int) -> None:
    path = viewer.put(b"x" * 300_000)
    viewer.server.faults.clear()
    viewer.server.faults.when(sends_file, Reset(after))
    seen = viewer.fetch(path)
    expect(seen.exit_code, 1, "exit code of fetching a file whose connection is reset")
