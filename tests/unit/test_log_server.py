"""The log server on real files: what it serves, what it refuses, how it streams, and its faults."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import os
import socket
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.faults import (
    Answer,
    Close,
    Corrupt,
    Delay,
    Drip,
    Fault,
    HalfClose,
    LoseReply,
    Mute,
    Refuse,
    Reset,
    Truncate,
)
from ecfleet_mocks.journal import Address, ConnectionClosed, Decision, ReplySent, RequestReceived
from ecfleet_mocks.lingering import LingeringConnection
from ecfleet_mocks.log_server import FileSent, LogServer
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.served_files import Refused, ServedFiles
from ecfleet_mocks.service import ServiceError
from ecfleet_mocks.wire.logserver import FileHeader, FileKind, LogAction, LogRequest, decode_rows

MTIME = 1_700_000_000
TEXT = b"the output of a job\n"
OUTSIDE = b"ecfleet-secret: outside\n"


@pytest.fixture
def root() -> Iterator[Path]:
    """Files inside and around a served directory ``out``; links of every kind between them."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory).resolve()
        for name, content in {
            "out/job1.1": TEXT,
            "out/job1.2": b"\0two\0",
            "out/empty.1": b"",
            "out/sub/deep.1": b"deep\n",
            "out_evil/job1.1": OUTSIDE,
            "secret/key.1": OUTSIDE,
        }.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(content)
            os.utime(root / name, (MTIME, MTIME))
        (root / "out" / "link_in.1").symlink_to("sub/deep.1")
        (root / "out" / "link_out.1").symlink_to("../secret/key.1")
        (root / "out" / "link_up").symlink_to("..")
        (root / "out" / "round.1").symlink_to("round.1")
        (root / "alias").symlink_to("out")
        os.mkfifo(root / "out" / "pipe.1")
        yield root


def serving(root: Path, **options: Any) -> LogServer:
    return LogServer(paths=[root / "out"], **options)


async def ask(server: LogServer, request: str | bytes, *, half_close: bool = False) -> bytes:
    """All that the server answers until it closes."""
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        writer.write(request.encode() if isinstance(request, str) else request)
        if half_close:
            writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


# --- what it serves ---------------------------------------------------------------------------------------


async def test_each_word(root: Path) -> None:
    async with serving(root) as server:
        path = root / "out" / "job1.1"
        assert await ask(server, "version\n") == b"2"
        assert await ask(server, f"get {path}\n") == TEXT
        assert await ask(server, f"getf  {path}\n\0") == b"0:1700000000:x:" + TEXT
        assert await ask(server, f"delta 4 {MTIME} x {path}\n\0") == b"1:1700000000:x:" + TEXT[4:]
        assert await ask(server, f"delta {len(TEXT)} {MTIME} x {path}\n\0") == b"1"
        assert await ask(server, f"delta {len(TEXT)} 5 x {path}\n\0") == b"0:1700000000:x:" + TEXT
        assert await ask(server, f"delta 100 {MTIME} x {path}\n\0") == b"0:1700000000:x:" + TEXT
        found = path.stat()
        rows = decode_rows(await ask(server, f"list {path}\n"))
        assert sorted(row.path for row in rows) == [str(path), str(path.with_suffix(".2"))]
        (row,) = (row for row in rows if row.path == str(path))
        assert (row.mode, row.uid, row.gid) == (found.st_mode, found.st_uid, found.st_gid)
        assert (row.size, row.mtime, row.ctime) == (len(TEXT), MTIME, int(found.st_ctime))


async def test_odd_but_harmless_requests(root: Path) -> None:
    async with serving(root) as server:
        out = root / "out"
        assert await ask(server, f"get {out}/empty.1\n") == b""
        assert await ask(server, f"getf {out}/empty.1\n") == b"0:1700000000:x:"
        assert (await ask(server, f"getf {out}/sub\n")).startswith(b"0:")
        assert await ask(server, f"get {out}/job1.1 \t\r\n") == TEXT
        assert await ask(server, f"getf {out}/job1.1\r\n") == b"0:1700000000:x:" + TEXT
        assert await ask(server, f"get {out}//sub/./deep.1\n") == b"deep\n"
        assert await ask(server, f"get {out}/link_in.1\n") == b"deep\n"
        assert await ask(server, f"get {out}/job1.1\nget {out}/sub/deep.1\n") == TEXT
        assert await ask(server, f"get {out}/job1.1", half_close=True) == TEXT
        assert await ask(server, "", half_close=True) == b""


async def test_the_journal_has_request_decision_and_reply(root: Path) -> None:
    async with serving(root) as server:
        path = str(root / "out" / "job1.1")
        await ask(server, f"getf  {path}\n\0")
        journal = server.journal
        (request,) = journal.of(RequestReceived)
        assert (request.raw, request.decoded) == (
            f"getf  {path}\n".encode(),
            LogRequest(LogAction.GETF, path),
        )
        (decision,) = journal.of(Decision)
        assert (decision.what, decision.why) == ("serve", path)
        (reply,) = journal.of(ReplySent)
        header = FileHeader(FileKind.WHOLE, str(MTIME), "x")
        assert (reply.raw, reply.decoded) == (b"0:1700000000:x:" + TEXT, FileSent(header, path, 0, len(TEXT)))
        closed = await journal.wait_for_async(ConnectionClosed)
        assert (closed.how, closed.sent) == ("closed", len(reply.raw))


async def test_a_path_in_pieces(root: Path) -> None:
    async with serving(root) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        for byte in f"get {root}/out/job1.1\n".encode():
            writer.write(bytes((byte,)))
            await asyncio.sleep(0)
        assert await reader.read() == TEXT
        writer.close()


async def test_names_of_any_bytes(root: Path) -> None:
    names = ["Übung.1".encode(), b"latin\xe4.1", b"with blank.1", b"colon:1.1"]
    for name in names:
        file = root / "out" / os.fsdecode(name)
        file.write_bytes(name)
    async with serving(root) as server:
        for name in names:
            path = os.fsencode(root / "out") + b"/" + name
            assert await ask(server, b"get " + path + b"\n") == name
            (row,) = decode_rows(await ask(server, b"list " + path + b"\n"))
            assert os.fsencode(row.path) == path


async def test_maps_and_several_directories(root: Path) -> None:
    server = LogServer(
        paths=[root / "out", root / "secret"],
        logmap={"/hpc": str(root / "out"), "/hpc/keys": str(root / "secret"), "/up": f"{root}/out/.."},
    )
    async with server:
        assert await ask(server, "get /hpc/job1.1\n") == TEXT
        assert await ask(server, "get /hpc/keys/key.1\n") == OUTSIDE
        assert await ask(server, "get /hpcx/job1.1\n") == b""
        assert await ask(server, "get /up/out/job1.1\n") == b""
        assert await ask(server, f"get {root}/secret/key.1\n") == OUTSIDE
        # A link from one served directory into the other stays inside.
        assert await ask(server, "get /hpc/link_out.1\n") == OUTSIDE


async def test_checksums_of_the_first_1024_bytes(root: Path) -> None:
    path = root / "out" / "long.1"
    path.write_bytes(b"a" * 3000)
    sha1 = hashlib.sha1(b"a" * 1024).hexdigest().encode()
    async with serving(root, checksum="sha1") as server:
        answer = await ask(server, f"getf {path}\n")
        assert answer.split(b":")[2:] == [sha1, b"a" * 3000]
        assert (await ask(server, f"delta 2999 0 {sha1.decode()} {path}\n")).endswith(b":a")
        # The file is rewritten, and longer: what the client has is not the beginning of it.
        path.write_bytes(b"b" * 4000)
        assert (await ask(server, f"delta 3000 0 {sha1.decode()} {path}\n")).startswith(b"0:")
        directory = await ask(server, f"getf {root}/out/sub\n")
        assert directory.split(b":")[2] == hashlib.sha1(b"").hexdigest().encode()


async def test_get_leaves_out_nul_bytes_from_5_16_on_and_the_others_do_not(root: Path) -> None:
    path = root / "out" / "job1.2"
    async with serving(root, dialect=DIALECT_5_17) as newer, serving(root, dialect=DIALECT_5_9) as older:
        assert await ask(newer, f"get {path}\n") == b"two"
        assert await ask(older, f"get {path}\n") == b"\0two\0"
        for server in (newer, older):
            assert await ask(server, f"getf {path}\n") == b"0:1700000000:x:\0two\0"
            assert await ask(server, f"delta 1 0 x {path}\n") == b"1:1700000000:x:two\0"


async def test_a_file_of_nul_bytes_only(root: Path) -> None:
    (root / "out" / "zero.1").write_bytes(bytes(300_000) + b"end")
    async with serving(root) as server:
        assert await ask(server, f"get {root}/out/zero.1\n") == b"end"


# --- what it refuses --------------------------------------------------------------------------------------

REFUSED = {
    "get OUT/missing": "No such file",
    "get OUT/../secret/key.1": "goes up",
    "get OUT/sub/../job1.1": "goes up",
    "get OUT_evil/job1.1": "in no served directory",
    "get /etc/hostname": "in no served directory",
    "get ROOT/alias/job1.1": "in no served directory",
    "get OUT/link_out.1": "outside the served directories",
    "getf OUT/link_out.1": "outside the served directories",
    "delta 0 0 x OUT/link_out.1": "outside the served directories",
    "get OUT/link_up/secret/key.1": "outside the served directories",
    "getf OUT/link_up": "outside the served directories",
    "get OUT/round.1": "symbolic links",
    "get OUT/pipe.1": "neither a file nor a directory",
    "get OUT/job1.1/": "Not a directory",
    "get OUT/job1.1/.": "Not a directory",
    "get OUT/job1.1/./x": "Not a directory",
    "get OUT/job1.1\0": "NUL",
    "get out/job1.1": "not absolute",
    "get": "not absolute",
    "getf": "not absolute",
    "delta 0 0 x": "not absolute",
    "list": "not absolute",
    "list OUT/../secret/key.1": "goes up",
    "list OUT/link_up/secret/key.1": "outside the served directories",
    "list OUT/missing/job1.1": "No such file",
    "list OUT/job1.1/x.1": "Not a directory",
    "list OUT": "in no served directory",
    "help": "'help' is no word",
    "Version": "'Version' is no word",
    "": "'' is no word",
    "GET / HTTP/1.1": "'GET' is no word",
}


@pytest.mark.parametrize("request_", REFUSED)
async def test_every_refusal_is_a_close_and_the_journal_says_why(root: Path, request_: str) -> None:
    async with serving(root) as server:
        request = request_.replace("OUT", str(root / "out")).replace("ROOT", str(root))
        assert await ask(server, request + "\n") == b""
        (decision,) = server.journal.of(Decision)
        assert decision.what == "refuse"
        assert REFUSED[request_] in decision.why
        assert server.journal.of(ReplySent) == []


async def test_lists_leave_out_what_leads_outside(root: Path) -> None:
    async with serving(root) as server:
        assert await ask(server, f"list {root}/out/link_out.1\n") == b""
        (row,) = decode_rows(await ask(server, f"list {root}/out/link_in.1\n"))
        assert row.path == f"{root}/out/link_in.1"
        assert await ask(server, f"list {root}/out/\n") == b""
        assert await ask(server, f"list {root}/out/round.1\n") == b""


async def test_faithful_gives_away_what_the_script_does(root: Path) -> None:
    async with serving(root, faithful=True) as server:
        for request in (
            "OUT/../secret/key.1",
            "OUT_evil/job1.1",
            "OUT/link_out.1",
            "OUT/link_up/secret/key.1",
        ):
            assert await ask(server, f"get {request}\n".replace("OUT", str(root / "out"))) == OUTSIDE
        assert await ask(server, f"get {root}/secret/key.1\n") == b""
        assert await ask(server, f"list {root}/out\n") == b""
        rows = decode_rows(await ask(server, f"list {root}/out/\n"))
        assert {row.path.rpartition("/")[2] for row in rows} == {".", ".."}
        # Neither waits for a pipe for ever, as the script does.
        assert await ask(server, f"get {root}/out/pipe.1\n") == b""
        assert await ask(server, f"list {root}/out/job(.1\n") == b""


async def test_a_line_without_end_has_a_limit(root: Path) -> None:
    async with serving(root, request_limit=100) as server:
        assert await ask(server, b"get " + b"a" * 200) == b""
        assert "at most 100 bytes" in server.journal.of(Decision)[0].why


def test_a_link_put_in_place_of_a_directory_after_the_check_leads_nowhere(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ServedFiles([str(root / "out")])
    resolve = os.path.realpath

    def resolve_and_exchange(path: str, **options: Any) -> str:
        found = resolve(path, **options)
        if path.endswith("deep.1"):
            (root / "out" / "sub").rename(root / "out" / "moved")
            (root / "out" / "sub").symlink_to(root / "secret")
            (root / "secret" / "deep.1").write_bytes(OUTSIDE)
        return found

    monkeypatch.setattr(os.path, "realpath", resolve_and_exchange)
    with pytest.raises(Refused, match=r"Not a directory|symbolic links"):
        files.open(str(root / "out" / "sub" / "deep.1"))


pieces = st.sampled_from(
    [
        *(
            "out",
            "out_evil",
            "secret",
            "key.1",
            "job1.1",
            "sub",
            "deep.1",
            "link_in.1",
            "link_out.1",
            "link_up",
        ),
        *(
            "alias",
            "..",
            "..",
            ".",
            "",
            "/",
            " ",
            "\t",
            "\r",
            "\0",
            "out/..",
            "etc/hostname",
            "ROOT",
            "ROOT/out",
        ),
    ]
)


@given(path=st.lists(pieces, max_size=8).map("/".join), rooted=st.booleans(), word=st.sampled_from(LogAction))
def test_no_path_ever_brings_content_from_outside(
    outside_root: Path, path: str, rooted: bool, word: LogAction
) -> None:
    files = ServedFiles([str(outside_root / "out")], [("/mapped", str(outside_root / "out"))])
    asked = (f"{outside_root}/out/" if rooted else "") + path.replace("ROOT", str(outside_root))
    with contextlib.suppress(Refused):
        if word is LogAction.LIST:
            for row in files.rows(asked):
                assert "secret" not in os.path.realpath(row.path)
                assert os.path.realpath(row.path).startswith(f"{outside_root}/out/")
        else:
            file = files.open(asked)
            with contextlib.closing(file):
                assert file.stream is None or OUTSIDE not in file.stream.read()


@pytest.fixture(scope="module")
def outside_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As ``root``, for all examples of one test."""
    root = tmp_path_factory.mktemp("outside").resolve()
    for name, content in {
        "out/job1.1": TEXT,
        "out/sub/deep.1": TEXT,
        "out_evil/job1.1": OUTSIDE,
        "secret/key.1": OUTSIDE,
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)
    (root / "out" / "link_in.1").symlink_to("sub/deep.1")
    (root / "out" / "link_out.1").symlink_to("../secret/key.1")
    (root / "out" / "link_up").symlink_to("..")
    (root / "alias").symlink_to("out")
    return root


# --- streaming --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def slow_client(server: LogServer) -> Iterator[socket.socket]:
    """A client that takes little at a time."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        client.connect(server.address)
        client.setblocking(False)
        yield client


async def read_all(client: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    seen = bytearray()
    while data := await loop.sock_recv(client, 65536):
        seen += data
    return bytes(seen)


async def test_a_large_file_is_streamed_in_little_memory(root: Path) -> None:
    size = 24 * 2**20
    block = bytes(range(256)) * 4096
    path = root / "out" / "large.1"
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
    async with serving(root, dialect=DIALECT_5_9) as server:
        with slow_client(server) as client:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, f"get  {path}\n\0".encode())
            await server.journal.wait_for_async(ReplySent)
            (connection,) = server.connections
            # The client reads nothing until the sockets between are full ...
            while connection.transport.get_write_buffer_size() == 0:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            # ... and from then on the server reads nothing more of the file either.
            for _ in range(100):
                await asyncio.sleep(0)
            assert connection.transport.get_write_buffer_size() < 2**20
            seen, total = hashlib.sha256(), 0
            while data := await loop.sock_recv(client, 262144):
                seen.update(data)
                total += len(data)
        assert total == size
        assert seen.digest() == hashlib.sha256(block * (size // len(block))).digest()
        (reply,) = server.journal.of(ReplySent)
        assert len(reply.raw) == 64 * 1024


async def test_others_are_served_while_a_large_file_is_on_its_way(root: Path) -> None:
    path = root / "out" / "large.1"
    path.write_bytes(bytes(8 * 2**20))
    async with serving(root) as server:
        with slow_client(server) as client:
            await asyncio.get_running_loop().sock_sendall(client, f"getf {path}\n".encode())
            await server.journal.wait_for_async(ReplySent)
            assert await ask(server, "version\n") == b"2"
            assert len(server.journal.of(ConnectionClosed)) <= 1
            assert len(await read_all(client)) == 8 * 2**20 + len(f"0:{int(path.stat().st_mtime)}:x:")


async def test_a_file_that_grows_rotates_or_vanishes_while_it_is_sent(root: Path) -> None:
    path = root / "out" / "growing.1"
    first = b"a" * (6 * 2**20)
    for change in ("grow", "rotate", "vanish"):
        path.write_bytes(first)
        async with serving(root) as server:
            with slow_client(server) as client:
                await asyncio.get_running_loop().sock_sendall(client, f"get {path}\n".encode())
                await server.journal.wait_for_async(ReplySent)
                if change == "grow":
                    with path.open("ab") as file:
                        file.write(b"more")
                elif change == "rotate":
                    path.rename(path.with_suffix(".2"))
                    path.write_bytes(b"another file")
                else:
                    path.unlink()
                assert await read_all(client) == first + (b"more" if change == "grow" else b"")


async def test_a_nul_that_comes_late_costs_nothing(root: Path) -> None:
    content = b"a" * 300_000
    path = root / "out" / "late.1"
    path.write_bytes(content)
    async with serving(root) as server:
        with slow_client(server) as client:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, f"get {path}\n".encode())
            await server.journal.wait_for_async(ReplySent)
            # All is in the sockets' buffers, the server has finished, and now the NUL comes.
            (connection,) = server.connections
            out = connection.transport.get_write_buffer_size
            while connection.bytes_sent < len(content) or out():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            await loop.sock_sendall(client, b"\0")
            assert await read_all(client) == content


async def test_a_client_that_never_closes_is_closed_in_the_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LingeringConnection, "linger", 0.01)
    async with serving(root) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"version\n")
        await server.journal.wait_for_async(ConnectionClosed)
        assert await reader.read() == b"2"
        writer.close()


async def test_a_nul_that_comes_late_is_a_reset_when_faithful(root: Path) -> None:
    content = b"a" * 300_000
    path = root / "out" / "late.1"
    path.write_bytes(content)
    async with serving(root, faithful=True) as server:
        with slow_client(server) as client:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, f"get {path}\n".encode())
            # All is in the socket's buffer, the server has closed, and now the NUL comes.
            await server.journal.wait_for_async(ConnectionClosed)
            await loop.sock_sendall(client, b"\0")
            with pytest.raises(ConnectionResetError):
                assert len(await read_all(client)) < len(content)


async def test_a_client_that_leaves_and_a_server_that_stops_close_the_file(root: Path) -> None:
    path = root / "out" / "large.1"
    path.write_bytes(bytes(8 * 2**20))

    def open_files() -> int:
        return sum(os.path.realpath(f"/proc/self/fd/{fd}") == str(path) for fd in os.listdir("/proc/self/fd"))

    async with serving(root) as server:
        with slow_client(server) as client:
            await asyncio.get_running_loop().sock_sendall(client, f"getf {path}\n".encode())
            await server.journal.wait_for_async(ReplySent)
            assert open_files() == 1
        await server.journal.wait_for_async(ConnectionClosed)
        assert open_files() == 0
        with slow_client(server) as client:
            await asyncio.get_running_loop().sock_sendall(client, f"getf {path}\n".encode())
            await server.journal.wait_for_async(ReplySent, lambda reply: reply.connection > 1)
            await server.stop()
            assert open_files() == 0
            assert not server.connections


# --- faults -----------------------------------------------------------------------------------------------

WHOLE = b"0:1700000000:x:" + TEXT
FAULTS: list[tuple[Fault, bytes, str]] = [
    (Delay(0.01), WHOLE, "eof"),
    (Drip(1, 0.0), WHOLE, "eof"),
    (Drip(5, 0.001), WHOLE, "eof"),
    (Truncate(0), b"", "eof"),
    (Truncate(7), WHOLE[:7], "eof"),
    (Truncate(1000), WHOLE, "eof"),
    (Corrupt(2, b"9"), b"0:9" + WHOLE[3:], "eof"),
    (Corrupt(1000, b"9"), WHOLE, "eof"),
    (Reset(0), b"", "reset"),
    (Reset(7), WHOLE[:7], "reset"),
    (HalfClose(), WHOLE, "eof"),
    (Close(), b"", "eof"),
    (LoseReply(), b"", "eof"),
    (Answer(b"2:junk"), b"2:junk", "eof"),
]


async def seen_with(server: LogServer, request: str) -> tuple[bytes, str]:
    reader, writer = await asyncio.open_connection(*server.address)
    seen = b""
    try:
        writer.write(request.encode())
        while data := await reader.read(100):
            seen += data
    except ConnectionResetError:
        return seen, "reset"
    finally:
        writer.close()
    return seen, "eof"


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize(("fault", "expected", "end"), FAULTS)
async def test_faults(root: Path, fault: Fault, expected: bytes, end: str, faithful: bool) -> None:
    async with serving(root, faithful=faithful) as server:
        server.faults.next(fault)
        request = f"getf {root}/out/job1.1\n"
        assert await seen_with(server, request) == (expected, end)
        # The next one is served.
        assert await seen_with(server, request) == (WHOLE, "eof")


async def test_a_corruption_across_two_blocks(root: Path) -> None:
    path = root / "out" / "large.1"
    path.write_bytes(b"a" * 600_000)
    async with serving(root) as server:
        server.faults.next(Corrupt(256 * 1024 - 2, b"12345"), Drip(100_000, 0.0))
        answer = await ask(server, f"get {path}\n")
        assert len(answer) == 600_000
        assert answer.strip(b"a") == b"12345"
        assert answer.index(b"1") == 256 * 1024 - 2
        assert await ask(server, f"get {path}\n") == b"a" * 600_000


async def test_a_mute_server_and_one_that_refuses(root: Path) -> None:
    async with serving(root) as server:
        server.faults.next(Mute())
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"version\n")
        await server.journal.wait_for_async(RequestReceived)
        assert await ask(server, "version\n") == b"2"
        assert not reader.at_eof()
        writer.close()
        server.faults.next(Refuse())
        assert await seen_with(server, "version\n") == (b"", "reset")


async def test_faults_by_request(root: Path) -> None:
    async with serving(root) as server:
        server.faults.when(lambda request: request is not None and request.action == "version", Truncate(0))
        assert await ask(server, "version\n") == b""
        assert await ask(server, f"get {root}/out/job1.1\n") == TEXT


# --- wrong use --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"paths": []}, "at least one directory"),
        ({"paths": ["out"]}, "'out' is not absolute"),
        ({"paths": ["/out"], "checksum": "md5"}, "x or sha1, not 'md5'"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ServiceError, match=text):
        LogServer(**options)


async def test_the_map_may_be_pairs_and_the_address_is_known_only_after_the_start(root: Path) -> None:
    server = serving(root, logmap=[("/hpc", str(root / "out"))])
    with pytest.raises(ServiceError, match="not been started"):
        assert server.address
    async with server:
        assert isinstance(server.address, Address)
        assert await ask(server, "get /hpc/job1.1\n") == TEXT


# --- the same on uvloop -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scenario",
    [
        test_each_word,
        test_odd_but_harmless_requests,
        test_a_large_file_is_streamed_in_little_memory,
        test_a_nul_that_comes_late_costs_nothing,
        test_a_client_that_leaves_and_a_server_that_stops_close_the_file,
        test_a_corruption_across_two_blocks,
        functools.partial(test_faults, fault=Drip(1, 0.0), expected=WHOLE, end="eof", faithful=False),
        functools.partial(test_faults, fault=Reset(7), expected=WHOLE[:7], end="reset", faithful=True),
        functools.partial(test_faults, fault=HalfClose(), expected=WHOLE, end="eof", faithful=True),
    ],
)
def test_on_uvloop(root: Path, scenario: Callable[..., Coroutine[Any, Any, None]]) -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario(root))
