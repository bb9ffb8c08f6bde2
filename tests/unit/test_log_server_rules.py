"""What a log server does with paths, maps, increments and checksums, in both forms."""

from __future__ import annotations

import hashlib
import math
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.model.log_files import (
    ChecksumKind,
    DeltaAnswer,
    DeltaKind,
    checksum,
    delta_answer,
    list_pattern,
    listed,
    map_path,
    name_on_disk,
    number,
    parse_logmap,
    parse_logpath,
    refusal,
    within,
    without_nul,
)

SERVED = ("/out", "/data/logs/")


@pytest.mark.parametrize(
    ("path", "safe", "faithful"),
    [
        # path, served by default, served by the script
        ("/out/job1.1", True, True),
        ("/out", True, True),
        ("/out//job1.1", True, True),
        ("/out/./job1.1", True, True),
        ("//out/job1.1", True, False),
        ("/data/logs/job1.1", True, True),
        ("/data/logs", True, False),
        ("/data/logsother/job1.1", False, False),
        ("/out_evil/job1.1", False, True),
        ("/outer", False, True),
        ("/out/../etc/hostname", False, True),
        ("/out/../../etc/hostname", False, True),
        ("/../out/job1.1", False, True),
        ("/out/..", False, True),
        ("/out/..data", True, True),
        ("/out/a..b", True, True),
        ("/out/job1.1\0", False, True),
        ("out/job1.1", False, False),
        ("", False, False),
        ("/", False, False),
        ("/etc/hostname", False, False),
        ("/elsewhere/out/job1.1", False, False),
    ],
)
def test_which_paths_are_served(path: str, safe: bool, faithful: bool) -> None:
    assert (refusal(path, SERVED) is None) is safe
    assert (refusal(path, SERVED, faithful=True) is None) is faithful


def test_the_script_takes_directories_for_expressions() -> None:
    assert refusal("/oXt/job1.1", ("/o.t",), faithful=True) is None
    assert refusal("/oXt/job1.1", ("/o.t",)) is not None
    with pytest.raises(ValueError, match=r"'/out\(' is no regular expression"):
        refusal("/out(/a", ("/out(",), faithful=True)
    assert refusal("/out(/a", ("/out(",)) is None


def test_each_refusal_says_why() -> None:
    texts = {refusal(path, SERVED) for path in ("/out/\0", "out/a", "/out/../a", "/other")}
    assert len(texts) == 4
    assert None not in texts


parts = st.sampled_from(["out", "out_evil", "a", "..", ".", "", "...", "data"])


@given(st.lists(parts, max_size=8).map("/".join), st.booleans())
def test_nothing_outside_is_ever_permitted(path: str, absolute: bool) -> None:
    path = "/" + path if absolute else path
    if refusal(path, ("/out",)) is None:
        assert posixpath.commonpath(["/out", posixpath.normpath("/" + path.lstrip("/"))]) == "/out"


@pytest.mark.parametrize(
    ("path", "directory", "inside"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a", True),
        ("/ab", "/a", False),
        ("/a", "/a/b", False),
        ("/a", "/", True),
    ],
)
def test_within(path: str, directory: str, inside: bool) -> None:
    assert within(path, directory) is inside


@pytest.mark.parametrize(
    ("path", "safe", "faithful"),
    [
        ("/a/f", "/x/f", "/x/f"),
        ("/a/b/f", "/y/f", "/x/b/f"),
        ("/ab/f", "/ab/f", "/xb/f"),
        ("/a", "/x", "/x"),
        ("/c/f", "/z/f", "/z/f"),
        ("/cf", "/cf", "/cf"),
        ("/d/a/f", "/d/a/f", "/d/a/f"),
        ("", "", ""),
    ],
)
def test_the_map(path: str, safe: str, faithful: str) -> None:
    logmap = [("/a", "/x"), ("/a/b", "/y"), ("/c/", "/z/")]
    assert map_path(path, logmap) == safe
    assert map_path(path, logmap, faithful=True) == faithful


def test_the_longest_prefix_wins_in_any_order() -> None:
    logmap = [("/a/b", "/y"), ("/a", "/x"), ("/a/b/c", "/w")]
    for turn in range(3):
        assert map_path("/a/b/c/f", logmap[turn:] + logmap[:turn]) == "/w/f"


def test_the_script_takes_a_map_for_expressions() -> None:
    assert map_path("/aXb/f", [("/a.b", "/x")], faithful=True) == "/x/f"
    assert map_path("/aXb/f", [("/a.b", "/x")]) == "/aXb/f"
    with pytest.raises(ValueError, match="no regular expression"):
        map_path("/a", [("/a[", "/x")], faithful=True)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        ("/a:/x", (("/a", "/x"),)),
        ("/a:/x:/b:/y", (("/a", "/x"), ("/b", "/y"))),
        ("/a:/x:/a:/y", (("/a", "/y"),)),
        ("/a:/x:/b", (("/a", "/x"), ("/b", ""))),
        ("/a:/x:::", (("/a", "/x"),)),
    ],
)
def test_logmap(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert parse_logmap(text) == pairs


def test_logpath() -> None:
    assert parse_logpath("/a:/b") == ("/a", "/b")
    assert parse_logpath("/a:/b::") == ("/a", "/b")
    assert parse_logpath("") == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17", 17),
        (" \t17 ", 17),
        ("+17", 17),
        ("-17", -17),
        ("12abc", 12),
        ("1.5e1x", 15),
        (".5", 0.5),
        ("5.", 5),
        ("0x10", 0),
        ("1_000", 1),
        ("abc", 0),
        ("x", 0),
        ("", 0),
        ("-", 0),
        ("Infinity", math.inf),
        ("-inf", -math.inf),
        ("9" * 20, 1e20),
        ("١٧", 0),
    ],
)
def test_numbers_as_perl_reads_them(text: str, value: float) -> None:
    assert number(text) == value


def test_nan_is_nan() -> None:
    assert math.isnan(number("nan"))


def delta(position: str, mtime: str, sum_: str, own: str = "x") -> tuple[DeltaAnswer, DeltaAnswer]:
    """The safe answer and the script's for a file of 100 bytes, changed at 1700000000."""

    def answer(faithful: bool) -> DeltaAnswer:
        return delta_answer(
            100, 1700000000, own, position=position, known_mtime=mtime, known_checksum=sum_, faithful=faithful
        )

    return answer(False), answer(True)


UNCHANGED, WHOLE = DeltaAnswer(DeltaKind.UNCHANGED), DeltaAnswer(DeltaKind.WHOLE)


def increment(start: int) -> DeltaAnswer:
    return DeltaAnswer(DeltaKind.INCREMENT, start)


@pytest.mark.parametrize(
    ("position", "mtime", "sum_", "safe", "faithful"),
    [
        ("100", "1700000000", "x", UNCHANGED, UNCHANGED),
        ("100", "1600000000", "x", WHOLE, WHOLE),
        ("40", "1600000000", "x", increment(40), increment(40)),
        ("0", "0", "x", increment(0), increment(0)),
        ("101", "1700000000", "x", WHOLE, WHOLE),
        ("-1", "1700000000", "x", WHOLE, WHOLE),
        ("abc", "0", "x", increment(0), increment(0)),
        # A checksum that is no number equals x for the script.
        ("100", "1700000000", "abc", WHOLE, UNCHANGED),
        ("40", "1700000000", "abc", WHOLE, increment(40)),
        ("40", "1700000000", "0", WHOLE, increment(40)),
        ("40", "1700000000", "7", WHOLE, WHOLE),
    ],
)
def test_delta_without_checksums(
    position: str, mtime: str, sum_: str, safe: DeltaAnswer, faithful: DeltaAnswer
) -> None:
    assert delta(position, mtime, sum_) == (safe, faithful)


@pytest.mark.parametrize(
    ("position", "sum_", "own", "safe", "faithful"),
    [
        ("100", "deadbeef", "deadbeef", UNCHANGED, UNCHANGED),
        ("100", "x", "deadbeef", UNCHANGED, UNCHANGED),
        ("40", "deadbeef", "deadbeef", increment(40), increment(40)),
        # A rotated file: both sums begin with a letter, so the script takes them for equal.
        ("40", "deadbeef", "cafe", WHOLE, increment(40)),
        ("40", "7beef", "7cafe", WHOLE, increment(40)),
        ("40", "8beef", "7cafe", WHOLE, WHOLE),
        ("40", "x", "7cafe", WHOLE, WHOLE),
    ],
)
def test_delta_with_checksums(
    position: str, sum_: str, own: str, safe: DeltaAnswer, faithful: DeltaAnswer
) -> None:
    assert delta(position, "1700000000", sum_, own) == (safe, faithful)


@given(
    st.integers(-10, 200),
    st.integers(0, 3),
    st.sampled_from(["x", "a", "7"]),
    st.sampled_from(["x", "a", "7"]),
)
def test_the_safe_answer_never_keeps_what_may_have_changed(
    size: int, mtime: int, sum_: str, own: str
) -> None:
    found = delta_answer(100, 2, own, position=str(size), known_mtime=str(mtime), known_checksum=sum_)
    if found.kind is DeltaKind.INCREMENT:
        assert own == sum_
        assert found.start == size < 100
    elif found.kind is DeltaKind.UNCHANGED:
        assert (size, mtime) == (100, 2)
        assert sum_ in (own, "x")


def test_checksums() -> None:
    head = b"a" * 5000
    assert checksum(head, ChecksumKind.NONE) == "x"
    assert checksum(head, ChecksumKind.SHA1) == hashlib.sha1(b"a" * 1024).hexdigest()


@pytest.mark.parametrize(
    ("path", "directory", "beginning"),
    [
        ("/out/job1.2", "/out/", "job1"),
        ("/out/job1", "/out/", "job1"),
        ("/out/a.b.c", "/out/", "a"),
        ("/out/", "/out/", ""),
        ("/out", "/", "out"),
        ("job1.1", "./", "job1"),
    ],
)
def test_where_a_list_looks(path: str, directory: str, beginning: str) -> None:
    assert list_pattern(path) == (directory, beginning)


@pytest.mark.parametrize(
    ("name", "beginning", "safe", "faithful"),
    [
        ("job1.1", "job1", True, True),
        ("job10.1", "job1", False, False),
        ("job1", "job1", False, False),
        ("a+b.1", "a+b", True, False),
        ("jb1.1", "jo?b1", False, True),
        (".hidden", "", True, True),
        (".", "", False, True),
        ("..", "", False, True),
    ],
)
def test_what_is_listed(name: str, beginning: str, safe: bool, faithful: bool) -> None:
    assert listed(name, beginning) is safe
    assert listed(name, beginning, faithful=True) is faithful


@pytest.mark.parametrize(("path", "name"), [("/a", "/a"), ("/a\0", "/a"), ("/a\0b", None), ("/a\0\0", None)])
def test_names_with_a_nul(path: str, name: str | None) -> None:
    assert name_on_disk(path) == name


def test_nul_bytes_are_left_out() -> None:
    assert without_nul(b"\0a\0b\0") == b"ab"
