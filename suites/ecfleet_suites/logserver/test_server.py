"""What a log server sends for a request, read as plain bytes."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecfleet import FleetFactory, expect, rule, violated
from ecfleet.services import LogServer
from ecfleet_suites.logserver.by_hand import answer

TABLES = resources.files(__package__) / "tables"
DELTA = tomllib.loads((TABLES / "delta.toml").read_text(encoding="utf-8"))
ERRORS = tomllib.loads((TABLES / "errors.toml").read_text(encoding="utf-8"))

MTIME = 1_700_000_000
LARGE = 300_000
"""Bytes, more than fit into what the system keeps for a connection that is not read."""

OUTPUT = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda block, times: block * times, st.binary(min_size=1, max_size=100), st.integers(0, 5000)),
)
"""The output of a job."""


def output(directory: Path, content: bytes, name: str = "job.1", mtime: int = MTIME) -> Path:
    """A file of a job with this content and modification time."""
    path = directory / name
    path.write_bytes(content)
    os.utime(path, (mtime, mtime))
    return path


@rule("LOG-01")
@pytest.mark.parametrize("request_line", [b"version\n", b"version \n", b" version\r\n", b"version\n\0"])
def test_the_version(ecf_log_server: LogServer, request_line: bytes) -> None:
    expect(answer(ecf_log_server.address, request_line), b"2", "the answer to version")


@rule("LOG-02")
@given(content=OUTPUT.map(lambda content: content.replace(b"\0", b"-")))
@example(content=b"x" * LARGE)
def test_get_sends_the_file(ecf_log_server: LogServer, ecf_log_dir: Path, content: bytes) -> None:
    # Without NUL bytes: later releases leave them out here, earlier ones do not.
    path = output(ecf_log_dir, content)
    seen = answer(ecf_log_server.address, f"get {path}\n".encode())
    expect(seen, content, "the answer to get")


@rule("LOG-03")
@given(content=OUTPUT, mtime=st.integers(0, 2**32))
def test_getf_sends_a_header_and_the_file(
    ecf_log_server: LogServer, ecf_log_dir: Path, content: bytes, mtime: int
) -> None:
    path = output(ecf_log_dir, content, mtime=mtime)
    seen = answer(ecf_log_server.address, f"getf  {path}\n\0".encode())
    head, told, _, body = header_and_body(seen)
    expect(head, "0", "the first field of the header of getf")
    expect(told, str(mtime), "the modification time in the header of getf")
    expect(body, content, "what follows the header of getf")


@rule("LOG-03")
@pytest.mark.parametrize("what", ["an empty file", "a directory"])
def test_getf_of_nothing_is_a_header_alone(ecf_log_server: LogServer, ecf_log_dir: Path, what: str) -> None:
    path = output(ecf_log_dir, b"") if what == "an empty file" else ecf_log_dir
    _, _, _, body = header_and_body(answer(ecf_log_server.address, f"getf {path}\n".encode()))
    expect(body, b"", f"what follows the header of getf of {what}")


def header_and_body(seen: bytes) -> tuple[str, str, str, bytes]:
    """The three fields of a header, and what follows it."""
    fields = seen.split(b":", 3)
    if len(fields) < 4:
        violated("the answer to getf or delta", expected="KIND:MTIME:CHECKSUM:...", seen=repr(seen[:100]))
    return fields[0].decode(), fields[1].decode(), fields[2].decode(), fields[3]


def _row_name(row: dict[str, str]) -> str:
    return f"{row['position']}-{row['mtime']}-{row['checksum'][:2]}"


@rule("LOG-04")
@pytest.mark.parametrize("row", DELTA["row"], ids=_row_name)
def test_the_answers_to_delta(ecf_log_server: LogServer, ecf_log_dir: Path, row: dict[str, str]) -> None:
    size: int = DELTA["size"]
    content = bytes(number % 251 for number in range(size))
    path = output(ecf_log_dir, content)
    name, plus, more = row["position"].partition("+")
    position = str(size + int(more)) if plus else {"size": str(size), "size-1": str(size - 1)}.get(name, name)
    mtime = str(MTIME) if row["mtime"] == "same" else row["mtime"]
    seen = answer(ecf_log_server.address, f"delta {position} {mtime} {row['checksum']} {path}\n\0".encode())
    known = int(position) if position.isdigit() else 0
    wanted = {
        "unchanged": b"1",
        "rest": b"1:%d:x:" % MTIME + content[known:],
        "whole": b"0:%d:x:" % MTIME + content,
    }
    expect(seen, wanted[row["answer"]], f"the answer to delta with position {row['position']}")


@rule("LOG-04")
@given(old=OUTPUT, new=OUTPUT, appended=st.booleans(), later=st.integers(0, 1))
def test_what_delta_gives_makes_the_file(
    ecf_log_server: LogServer, ecf_log_dir: Path, old: bytes, new: bytes, appended: bool, later: int
) -> None:
    # A file that is written anew and is then longer cannot be told from one that has grown (FB-66).
    changed = old + new if appended or len(new) > len(old) else new
    later = 1 if changed != old else later
    path = output(ecf_log_dir, old)
    _, mtime, checksum, known = header_and_body(answer(ecf_log_server.address, f"getf {path}\n".encode()))
    output(ecf_log_dir, changed, mtime=MTIME + later)
    seen = answer(ecf_log_server.address, f"delta {len(known)} {mtime} {checksum or 'x'} {path}\n".encode())
    if seen == b"1":
        made = known
    else:
        kind, _, _, body = header_and_body(seen)
        made = known + body if kind == "1" else body
    expect(made, changed, "the file as it is after an increment")


JOB_FILES = ["job.1", "job.2", "job.10", "job.1.rid", "job.ecf", "job"]
OTHER_FILES = ["jobs.1", "xjob.1", "job-1", "job1.1", "a.b", "a"]
NAMES = st.sampled_from(JOB_FILES + OTHER_FILES)


@rule("LOG-05")
@given(names=st.sets(NAMES), asked=NAMES)
def test_the_rows_of_list(ecf_log_server: LogServer, ecf_log_dir: Path, names: set[str], asked: str) -> None:
    directory = ecf_log_dir / "out"
    directory.mkdir(exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    for number, name in enumerate(sorted(names)):
        output(directory, b"x" * number, name, MTIME + number)
    wanted = []
    for name in names:
        if name.startswith(asked.partition(".")[0] + "."):
            found = (directory / name).stat()
            times = int(found.st_atime), int(found.st_mtime), int(found.st_ctime)
            numbers = (found.st_mode, found.st_uid, found.st_gid, found.st_size, *times)
            wanted.append(" ".join(map(str, numbers)) + f" {directory}/{name}\n")
    seen = answer(ecf_log_server.address, f"list {directory}/{asked}\n".encode()).decode()
    expect(sorted(seen.splitlines(keepends=True)), sorted(wanted), "the rows of list")


@rule("LOG-06")
@pytest.mark.parametrize("request_line", ERRORS["requests"], ids=repr)
def test_an_error_is_a_close_without_a_byte(
    ecf_log_server: LogServer, ecf_log_dir: Path, request_line: str
) -> None:
    output(ecf_log_dir, b"output\n")
    asked = request_line.replace("{dir}", str(ecf_log_dir)).encode() + b"\n"
    expect(answer(ecf_log_server.address, asked), b"", f"the answer to {request_line!r}")


@rule("LOG-06")
@given(junk=st.binary(max_size=60))
def test_junk_is_answered_by_a_close(ecf_log_server: LogServer, junk: bytes) -> None:
    line = b"\x16\x03\x01" + junk.replace(b"\n", b"") + b"\n"
    expect(answer(ecf_log_server.address, line), b"", "the answer to the bytes of a TLS client")


SECRET = b"ecfleet-secret output of somebody else\n"
PARTS = ["served", "served-not", "inside", "way-out", "way-in", "job.1", "other", "..", ".", "", "etc"]


def tree(root: Path) -> Path:
    """Directories of which served alone is to be answered, with links in and out of it; returns served."""
    served, inside = root / "served", root / "served" / "inside"
    for directory in (served, inside, root / "served-not", root / "other"):
        directory.mkdir(exist_ok=True)
        output(directory, b"output\n" if directory in (served, inside) else SECRET)
    for link, target in {
        served / "way-out": root / "other",
        served / "way-in": inside,
        inside / "job.2": root / "other" / "job.1",
        root / "way-in": served,
    }.items():
        if not link.is_symlink():
            link.symlink_to(target)
    return served


@rule("LOG-07")
@given(
    parts=st.lists(st.sampled_from(PARTS), max_size=6),
    begin=st.sampled_from(["served", "served/", "served-not", "served/..", "", "/", "served/inside"]),
    action=st.sampled_from(["get", "getf", "delta 0 0 x", "delta 3 0 x", "list"]),
)
@settings(max_examples=150)
def test_nothing_outside_is_answered(
    outside: tuple[LogServer, Path], parts: list[str], begin: str, action: str
) -> None:
    server, root = outside
    path = "/".join([f"{root}/{begin}", *parts])
    asked = os.path.dirname(path) if action == "list" else path
    served = os.path.realpath(root / "served")
    led = os.path.realpath(asked)
    seen = answer(server.address, f"{action} {path}\n".encode())
    expect(SECRET in seen or SECRET[3:] in seen, False, "whether a file outside is sent")
    if led != served and not led.startswith(served + "/"):
        expect(seen, b"", "the answer for a path that leads outside")


@rule("LOG-07")
@pytest.mark.parametrize(
    "path", ["served-not/job.1", "served/../other/job.1", "served/way-out/job.1", "served/inside/job.2"]
)
def test_ways_outside(outside: tuple[LogServer, Path], path: str) -> None:
    server, root = outside
    for action in ("get", "getf", "delta 0 0 x"):
        seen = answer(server.address, f"{action} {root}/{path}\n".encode())
        expect(seen, b"", f"the answer for {path}")


@rule("LOG-07")
def test_links_that_lead_outside_are_not_listed(outside: tuple[LogServer, Path]) -> None:
    server, root = outside
    seen = answer(server.address, f"list {root}/served/inside/job.1\n".encode()).decode()
    names = [line.split(" ", 7)[-1].rpartition("/")[2] for line in seen.splitlines()]
    expect(names, ["job.1"], "the files listed where one is a link that leads outside")


@pytest.fixture
def outside(ecf_fleet: FleetFactory, tmp_path: Path) -> Iterator[tuple[LogServer, Path]]:
    fleet = ecf_fleet()
    root = tmp_path / "root"
    root.mkdir()
    server = fleet.log_server(paths=[tree(root)])
    with fleet:
        yield server, root


@rule("LOG-08")
@pytest.mark.parametrize("action", ["get", "getf", "delta 3 0 x"])
def test_a_request_cut_anywhere(ecf_log_server: LogServer, ecf_log_dir: Path, action: str) -> None:
    path = output(ecf_log_dir, b"output\n")
    asked = f"{action}  {path}\n\0".encode()
    whole = answer(ecf_log_server.address, asked)
    expect(b"put\n" in whole, True, f"whether {action} in one piece is answered")
    for cut in range(1, len(asked)):
        seen = answer(ecf_log_server.address, asked[:cut], asked[cut:])
        expect(seen, whole, f"the answer to {action} in two pieces")


@rule("LOG-08")
@pytest.mark.parametrize("after", [0, 1000, 150_000, 200_000, 250_000, 270_000, 285_000, 290_000])
def test_a_nul_that_comes_late(ecf_log_server: LogServer, ecf_log_dir: Path, after: int) -> None:
    path = output(ecf_log_dir, b"x" * LARGE)
    asked = f"getf  {path}\n".encode()
    seen = answer(ecf_log_server.address, asked, late=b"\0", after=after, room=4096)
    expect(len(header_and_body(seen)[3]), LARGE, "bytes of the file when the NUL behind the request is late")


BELOW = st.sampled_from(["", "/a", "/b", "/a/a", "/a/b", "/b/a", "/b/b", "/ab"])


@rule("LOG-09")
@given(prefixes=st.sets(BELOW.map("/far".__add__), min_size=1, max_size=4), below=BELOW, data=st.data())
def test_the_longest_prefix_of_the_map_counts(
    ecf_fleet: FleetFactory, tmp_path: Path, prefixes: set[str], below: str, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(sorted(prefixes)))
    directories = {prefix: tmp_path / f"place{number}" for number, prefix in enumerate(sorted(prefixes))}
    for prefix, directory in directories.items():
        for rest in ("", "/a", "/b", "/a/a", "/a/b", "/b/a", "/b/b", "/ab"):
            (directory / rest[1:]).mkdir(parents=True, exist_ok=True)
            output(directory / rest[1:], f"{prefix} and then {rest}".encode())
    fleet = ecf_fleet()
    server = fleet.log_server(paths=[tmp_path], logmap=[(one, str(directories[one])) for one in order])
    asked = f"/far{below}"
    fitting = [prefix for prefix in prefixes if f"{asked}/".startswith(f"{prefix}/")]
    longest = max(fitting, key=len, default=None)
    rest = "" if longest is None else asked.removeprefix(longest)
    with fleet:
        seen = answer(server.address, f"get {asked}/job.1\n".encode()).decode()
    if longest is None:
        expect(seen, "", "the file got where no prefix of the map fits")
    else:
        expect(seen, f"{longest} and then {rest}", "the file got through a map with overlapping prefixes")
