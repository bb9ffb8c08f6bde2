"""LogServer beside the real ecflow_logsvr (5.9.2): the same requests on the same files, the same bytes.

The mock is run with ``faithful=True``.  What its safe default does otherwise is in the last tests here: each
file that the real program gives away from outside of its directories, and the mock's refusal.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ecfleet_mocks.journal import Address
from ecfleet_mocks.log_server import LogServer
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.log_files import ChecksumKind, checksum

from .real_logsvr import running_logsvr

MTIME = 1_700_000_000
CONTENT = b"".join(b"line %06d of the job's output\n" % number for number in range(10_000))
SHA1 = checksum(CONTENT, ChecksumKind.SHA1)


@dataclass(frozen=True, slots=True)
class Place:
    """Directories with files, inside and outside of what is served."""

    root: Path

    @property
    def served(self) -> list[Path]:
        """LOGPATH."""
        return [self.root / "out", self.root / "more"]

    @property
    def logmap(self) -> dict[str, str]:
        """LOGMAP."""
        return {"/mapped": f"{self.root}/out", "/hpc/log.": f"{self.root}/more/"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("logsvr")
    names: dict[str | bytes, bytes] = {
        "out/job1.1": CONTENT,
        "out/job1.2": b"second try\n",
        "out/job1.job1": b"the job\n",
        "out/job10.1": b"another job\n",
        "out/job1": b"no dot\n",
        "out/.hidden": b"hidden\n",
        "out/empty.1": b"",
        "out/nul.1": b"\0begin, mid\0dle, end\0",
        "out/with blank.1": b"blank\n",
        "out/übung.1": "Übung\n".encode(),
        b"out/latin\xe4.1": b"latin\n",
        "out/colon:1.1": b"colon\n",
        "out/a+b.1": b"plus\n",
        "out/..data": b"two dots\n",
        "out/sub/deep.1": b"deep\n",
        "more/job2.1": b"more\n",
        "out_evil/job1.1": b"ecfleet-secret: a name that begins alike\n",
        "out.old/job1.1": b"ecfleet-secret: another directory\n",
        "secret/key.1": b"ecfleet-secret: a directory beside\n",
    }
    for name, content in names.items():
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(content)
    (root / "out" / "link_out.1").symlink_to(root / "secret" / "key.1")
    (root / "out" / "link_in.1").symlink_to("job1.2")
    (root / "out" / "link_dir").symlink_to(root / "secret")
    (root / "out" / "dangling.1").symlink_to("nowhere")
    # An access time in the future is not touched by reading, so that both servers list the same.
    later = int(time.time()) + 3600
    for directory, subdirectories, files in os.walk(os.fsencode(root)):
        for name_ in (b".", *subdirectories, *files):
            if os.path.exists(os.path.join(directory, name_)):
                os.utime(os.path.join(directory, name_), (later, MTIME))
    return Place(root)


@pytest.fixture(scope="module")
def real(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with running_logsvr(place.served, place.logmap, tmp_path_factory.mktemp("scratch")) as address:
        yield address


@pytest.fixture(scope="module")
def real_with_sha1(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    scratch = tmp_path_factory.mktemp("scratch")
    with running_logsvr(place.served, place.logmap, scratch, sha1=True) as address:
        yield address


async def ask(address: Address, request: bytes, *, half_close: bool = False) -> bytes:
    """All that a log server answers until it closes."""
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(request)
            if half_close:
                writer.write_eof()
            return await reader.read()
        finally:
            writer.close()


async def compare(
    place: Place, real: Address, request: str | bytes, *, sha1: bool = False, **how: bool
) -> bytes:
    """Ask both, with OUT for the served directory; hold the answers against each other; return them."""
    raw = request if isinstance(request, bytes) else request.encode()
    raw = raw.replace(b"OUT", os.fsencode(place.root / "out")).replace(b"ROOT", os.fsencode(place.root))
    mock = LogServer(
        paths=place.served,
        logmap=place.logmap,
        faithful=True,
        dialect=DIALECT_5_9,
        checksum=ChecksumKind.SHA1 if sha1 else ChecksumKind.NONE,
    )
    async with mock:
        ours = await ask(mock.address, raw, **how)
    theirs = await ask(real, raw, **how)
    if raw.split()[:1] == [b"list"]:
        assert sorted(ours.splitlines()) == sorted(theirs.splitlines())
    else:
        assert ours == theirs
    return theirs


# (request, whether the real program answers anything)
REQUESTS: list[tuple[str | bytes, bool]] = [
    ("version\n", True),
    ("version and more\n", True),
    (" \tversion\n", True),
    ("version\r\n", True),
    ("version\nget OUT/job1.2\n", True),
    ("Version\n", False),
    ("VERSION\n", False),
    ("versions\n", False),
    ("\n", False),
    (" \n", False),
    ("\r\n", False),
    ("\0\n", False),
    ("help\n", False),
    ("GET / HTTP/1.1\r\nHost: machine1\r\n\r\n", False),
    (b"\x16\x03\x01\x00\x05\x01\x00\x00\n", False),
    ("      5a{}\n", False),
    ("get\n", False),
    ("get \n", False),
    ("get OUT/job1.1\n", True),
    ("get  OUT/job1.1\n\0", True),
    ("get OUT/job1.1 \n", True),
    ("get OUT/job1.1\r\n", True),
    ("get\tOUT/job1.1 \t\r\n", True),
    ("get\vOUT/job1.2\f\n", True),
    ("get OUT/with blank.1\n", True),
    ("get OUT/with  blank.1\n", False),
    ("get OUT/übung.1\n", True),
    (b"get OUT/latin\xe4.1\n", True),
    (b"get OUT/latin\xe4.1\xa0\n", False),
    ("get OUT/colon:1.1\n", True),
    ("get OUT/missing\n", False),
    ("get OUT/empty.1\n", False),
    ("get OUT/nul.1\n", True),
    ("get OUT/job1.2\0\n", True),
    ("get OUT/job1.2\0and more\n", False),
    ("get OUT/job1.2 \0\n", False),
    ("get OUT/job1.2\0 \n", True),
    ("get OUT/job1.2\0/../job1.1\n", False),
    ("get \0OUT/job1.2\n", False),
    ("get OUT/job1.2\nget OUT/job1.1\n", True),
    ("get OUT\n", False),
    ("get OUT/\n", False),
    ("get OUT/sub\n", False),
    ("get OUT/sub/deep.1\n", True),
    ("get OUT/sub/\n", False),
    ("get OUT/job1.2/\n", False),
    ("get OUT//job1.2\n", True),
    ("get OUT/./job1.2\n", True),
    ("get OUT/sub/../job1.2\n", True),
    ("get /OUT/job1.2\n", False),
    ("get ROOT/more/job2.1\n", True),
    ("get job1.1\n", False),
    ("get out/job1.1\n", False),
    ("get /etc/hostname\n", False),
    ("get OUT/link_in.1\n", True),
    ("get OUT/dangling.1\n", False),
    ("get /mapped/job1.2\n", True),
    ("get /mapped\n", False),
    ("get  /mapped/job1.2\n\0", True),
    ("get /mapped/../out/job1.2\n", True),
    ("get /hpc/log.job2.1\n", True),
    ("get /hpc/logsjob2.1\n", True),
    ("get /elsewhere/mapped/job1.2\n", False),
    ("getf\n", False),
    ("getf OUT/job1.1\n", True),
    ("getf  OUT/job1.1\n\0", True),
    ("getf OUT/job1.1 \n", True),
    ("getf OUT/job1.1\r\n", True),
    ("getf OUT/empty.1\n", True),
    ("getf OUT/nul.1\n", True),
    ("getf OUT/sub\n", True),
    ("getf OUT/job1.2\0\n", True),
    ("delta 0 0 x OUT/job1.2\0\n", True),
    ("delta 11 0 x OUT/job1.2\0 \n", True),
    ("list OUT/job1.1\0\n", True),
    ("list OUT/job1\0.1\n", False),
    ("list OUT\0/job1.1\n", False),
    ("getf OUT\n", True),
    ("getf OUT/missing\n", False),
    ("getf OUT/link_in.1\n", True),
    ("getf /mapped/job1.2\n", True),
    ("delta\n", False),
    ("delta 0\n", False),
    ("delta 0 0\n", False),
    ("delta 0 0 x\n", False),
    ("delta OUT/job1.2\n", False),
    ("delta 0 0 x OUT/missing\n", False),
    ("delta 0 0 x OUT/sub\n", True),
    ("delta 0 0 x OUT/job1.2\r\n", True),
    ("delta  0  0  x  OUT/job1.2\n", True),
    ("delta 0 0 x OUT/with blank.1\n", True),
    ("delta 0 0 x OUT/job1.2\n\0", True),
    ("delta 3 0 x /mapped/job1.2\n", True),
    (f"delta 0 {MTIME} x OUT/empty.1\n", True),
    ("delta 0 0 x OUT/empty.1\n", True),
    ("delta 1 0 x OUT/empty.1\n", True),
    ("delta 3 0 x OUT/nul.1\n", True),
    ("list\n", False),
    ("list \n", False),
    ("list OUT/job1.1\n", True),
    ("list OUT/job1.1\r\n", True),
    ("list OUT/job1.anything.at.all\n", True),
    ("list OUT/job1\n", True),
    ("list OUT/job1 \n", False),
    ("list OUT/job\n", False),
    ("list OUT/nothing.1\n", False),
    ("list OUT/a+b.1\n", False),
    ("list OUT/job.*\n", False),
    ("list OUT/.*\n", True),
    ("list OUT/\n", True),
    ("list OUT/sub/\n", True),
    ("list OUT/with blank.1\n", True),
    ("list OUT/übung.1\n", True),
    (b"list OUT/latin\xe4.1\n", True),
    ("list OUT/link_in.1\n", True),
    ("list OUT/dangling.1\n", False),
    ("list OUT/missing/job1.1\n", False),
    ("list OUT/job[.1\n", False),
    ("list OUT/job(1.1\n", False),
    ("list OUT/j?ob1.1\n", True),
    ("list OUT/job.1.1\n", False),
    ("list /mapped/job1.1\n", True),
    ("list job1.1\n", False),
]


@pytest.mark.parametrize(("request_", "answered"), REQUESTS, ids=lambda value: repr(value)[:60])
async def test_the_same_request_has_the_same_answer(
    place: Place, real: Address, request_: str | bytes, answered: bool
) -> None:
    assert bool(await compare(place, real, request_)) is answered


SIZE = len(CONTENT)
NUMBERS = (
    "0",
    "1",
    "1024",
    f"{SIZE - 1}",
    f"{SIZE}",
    f"{SIZE}.0",
    f"0{SIZE}",
    f"{SIZE + 1}",
    "-1",
    "-0",
    "+1",
)
ODD_NUMBERS = ("abc", "x", "12abc", "1e2", "1.9", ".5", "0x10", "1_000", "inf", "-inf", "nan", "9" * 20)
POSITIONS = (*NUMBERS, *ODD_NUMBERS)
MTIMES = (f"{MTIME}", f"{MTIME - 1}", f"{MTIME}.0", f"{MTIME}abc", "0", "abc")
CHECKSUMS = ("x", "X", "abc", "0", "00", "7", "0x7", "7abc", "1e0", "inf", SHA1, SHA1[:10], "a" + SHA1)


@pytest.mark.parametrize("mtime", MTIMES)
@pytest.mark.parametrize("position", POSITIONS)
async def test_delta(place: Place, real: Address, position: str, mtime: str) -> None:
    for sum_ in ("x", "7"):
        assert await compare(place, real, f"delta {position} {mtime} {sum_} OUT/job1.1\n")


@pytest.mark.parametrize("sum_", CHECKSUMS)
@pytest.mark.parametrize("position", ["0", "10", f"{SIZE}"])
async def test_delta_and_checksums(
    place: Place, real: Address, real_with_sha1: Address, position: str, sum_: str
) -> None:
    request = f"delta {position} {MTIME} {sum_} OUT/job1.1\n"
    assert await compare(place, real, request)
    assert await compare(place, real_with_sha1, request, sha1=True)


@pytest.mark.parametrize("name", ["job1.1", "job1.2", "empty.1", "nul.1", "sub", "link_in.1", "job1.2\r"])
async def test_checksums(place: Place, real_with_sha1: Address, name: str) -> None:
    assert await compare(place, real_with_sha1, f"getf OUT/{name}\n", sha1=True)
    assert await compare(place, real_with_sha1, f"delta 1 0 x OUT/{name}\n", sha1=True)


@pytest.mark.parametrize("request_", ["", "version", "get OUT/job1.2", "getf OUT/job1.2", "get OUT/missing"])
async def test_the_clients_end_ends_the_line(place: Place, real: Address, request_: str) -> None:
    await compare(place, real, request_, half_close=True)


@pytest.mark.parametrize("which", ["real", "mock"])
async def test_without_a_line_end_both_wait(place: Place, real: Address, which: str) -> None:
    async with LogServer(paths=place.served, faithful=True) as mock:
        reader, writer = await asyncio.open_connection(*(real if which == "real" else mock.address))
        try:
            writer.write(b"ver")
            # Another client is served meanwhile, so the first one is waited for and not just slow.
            assert await ask(real if which == "real" else mock.address, b"version\n") == b"2"
            assert not reader.at_eof()
            writer.write(b"sion\n")
            assert await reader.read() == b"2"
        finally:
            writer.close()


# --- what the real program gives away ---------------------------------------------------------------------

GIVEN_AWAY = [
    ("get OUT/../secret/key.1\n", b"ecfleet-secret: a directory beside\n"),
    ("getf OUT/../secret/key.1\n", b"ecfleet-secret: a directory beside\n"),
    ("delta 0 0 x OUT/../secret/key.1\n", b"ecfleet-secret: a directory beside\n"),
    ("get OUT/sub/../../secret/key.1\n", b"ecfleet-secret: a directory beside\n"),
    ("get /mapped/../secret/key.1\n", b"ecfleet-secret: a directory beside\n"),
    ("get OUT_evil/job1.1\n", b"ecfleet-secret: a name that begins alike\n"),
    ("get /mapped_evil/job1.1\n", b"ecfleet-secret: a name that begins alike\n"),
    ("get OUT/link_out.1\n", b"ecfleet-secret: a directory beside\n"),
    ("get OUT/link_dir/key.1\n", b"ecfleet-secret: a directory beside\n"),
    ("list OUT/../secret/key.1\n", b"secret/key.1\n"),
    ("list OUT_evil/job1.1\n", b"out_evil/job1.1\n"),
    ("list OUT\n", b"/out.old\n"),
    ("list OUT/link_dir/key.1\n", b"link_dir/key.1\n"),
    ("list OUT/link_out.1\n", b"link_out.1\n"),
]


@pytest.mark.parametrize(("request_", "leaked"), GIVEN_AWAY)
async def test_what_is_given_away_and_by_default_is_not(
    place: Place, real: Address, request_: str, leaked: bytes
) -> None:
    assert leaked in await compare(place, real, request_)
    raw = request_.replace("OUT", str(place.root / "out")).encode()
    async with LogServer(paths=place.served, logmap=place.logmap, dialect=DIALECT_5_9) as safe:
        assert await ask(safe.address, raw) == b""


@pytest.mark.parametrize(
    "request_",
    [
        "version\n",
        "get  OUT/job1.1\n\0",
        "getf  OUT/job1.1\n\0",
        "getf OUT/empty.1\n",
        f"delta 100 {MTIME} x OUT/job1.1\n\0",
        f"delta {SIZE} {MTIME} x OUT/job1.1\n\0",
        f"delta {SIZE + 5} {MTIME} x OUT/job1.1\n\0",
        "list OUT/job1.1\n",
        "get /mapped/job1.2\n",
        "get OUT/link_in.1\n",
        "get OUT/missing\n",
    ],
)
async def test_the_safe_default_serves_what_is_inside_just_the_same(
    place: Place, real: Address, request_: str
) -> None:
    raw = request_.replace("OUT", str(place.root / "out")).encode()
    async with LogServer(paths=place.served, logmap=place.logmap, dialect=DIALECT_5_9) as safe:
        ours = await ask(safe.address, raw)
    assert sorted(ours.splitlines()) == sorted((await ask(real, raw)).splitlines())
