"""White lists, from a table of lists and what released servers make of them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.model.access_lists import WhiteList, WhiteListError, parse_white_list

TABLE = tomllib.loads((Path(__file__).parents[1] / "data" / "access" / "white_lists.toml").read_text())

Row = dict[str, Any]


def rows(kind: str) -> list[Any]:
    return [pytest.param(row, id=row["what"]) for row in TABLE[kind]]


def parsed(row: Row, release: str) -> WhiteList:
    include = row.get("included", {}).get if release == "5.17" else None
    return parse_white_list(row["text"], name="lists", include=include)


def releases(row: Row) -> tuple[str, ...]:
    return (row["release"],) if "release" in row else ("5.9", "5.17")


def asked(words: str) -> tuple[str, tuple[str, ...] | None]:
    user, *paths = words.split()
    return user, tuple(paths) or None


def check(row: Row, found: WhiteList, prefix: str = "") -> int:
    """Hold a list against a row's expectations with this prefix; how many there are."""
    count = 0
    for key, may, expected in (
        ("reads", found.may_read, True),
        ("refused_read", found.may_read, False),
        ("writes", found.may_write, True),
        ("refused_write", found.may_write, False),
    ):
        for words in row.get(prefix + key, ()):
            assert may(*asked(words)) is expected, f"{prefix}{key}: {words}"
            count += 1
    return count


@pytest.mark.parametrize("row", rows("list"))
def test_what_a_list_allows(row: Row) -> None:
    for release in releases(row):
        assert check(row, parsed(row, release).with_owner("owner"))


def _is_changed(row: Row) -> bool:
    return any(key.startswith("safe_") for key in row)


@pytest.mark.parametrize("row", [row for row in TABLE["list"] if _is_changed(row)])
def test_what_a_careful_server_makes_of_it(row: Row) -> None:
    for release in releases(row):
        found = parsed(row, release).with_owner("owner", shut=True)
        assert check(row, found, "safe_")
        assert all(found.may_read(*asked(words)) for words in row["reads"])


@pytest.mark.parametrize(
    "row", [row for row in TABLE["list"] if not any(key.startswith("safe_") for key in row)]
)
def test_a_careful_server_changes_nothing_else(row: Row) -> None:
    for release in releases(row):
        found = parsed(row, release)
        assert found.with_owner("owner", shut=True) == found.with_owner("owner")


@pytest.mark.parametrize("row", rows("refused"))
def test_refused_lists(row: Row) -> None:
    for release in releases(row):
        with pytest.raises(WhiteListError) as refusal:
            parsed(row, release)
        assert str(refusal.value) == row["message"]
        assert check(row, refusal.value.left, "left_")


def test_a_file_that_includes_itself_ends() -> None:
    texts = {"a": "one\n#include <b>\n", "b": "two\n#include <a>\n"}
    with pytest.raises(WhiteListError, match="#included"):
        parse_white_list("4.4.14\n#include <a>\n", include=texts.get)


def test_the_same_file_may_be_included_twice() -> None:
    found = parse_white_list("4.4.14\n#include <a>\n#include <a>  # again\n", include={"a": "one\n"}.get)
    assert found.may_write("one")
    assert not found.may_read("zed")


# --- generated lists ------------------------------------------------------------------------------------

_NAMES = st.sampled_from(["alice", "bob", "carol", "*"])
_PATHS = st.lists(st.sampled_from(["/a", "/a/b", "/ab", "/c"]), max_size=3)
_LINES = st.lists(st.tuples(st.booleans(), _NAMES, _PATHS), max_size=6)


def _text(lines: list[tuple[bool, str, list[str]]]) -> str:
    shown = (f"{'-' if reads else ''}{name} {','.join(paths)}" for reads, name, paths in lines)
    return "4.4.14\n" + "\n".join(shown) + "\n"


@given(_LINES, st.sampled_from(["alice", "zed"]), st.lists(st.sampled_from(["/a", "/a/b", "/b"]), min_size=1))
def test_more_paths_are_never_more_allowed(
    lines: list[tuple[bool, str, list[str]]], user: str, paths: list[str]
) -> None:
    found = parse_white_list(_text(lines))
    for may in (found.may_read, found.may_write):
        assert may(user, tuple(paths)) == all(may(user, (path,)) for path in paths)


@given(_LINES, st.sampled_from(["alice", "zed"]), st.sampled_from([None, ("/a",), ("/a/b",), ("/b", "/a")]))
def test_who_may_write_may_read(
    lines: list[tuple[bool, str, list[str]]], user: str, paths: tuple[str, ...] | None
) -> None:
    found = parse_white_list(_text(lines))
    if found.may_write(user, paths):
        assert found.may_read(user, paths)


@given(_LINES, st.sampled_from(["/a", "/a/b", "/b"]))
def test_what_is_allowed_holds_below(lines: list[tuple[bool, str, list[str]]], path: str) -> None:
    found = parse_white_list(_text(lines))
    for may in (found.may_read, found.may_write):
        if may("alice", (path,)):
            assert may("alice", (f"{path}/deep/er",))


@given(st.text())
def test_any_text_is_a_list_or_refused(text: str) -> None:
    reading: Callable[[str], WhiteList] = parse_white_list
    for start in ("", "4.4.14\n"):
        try:
            found = reading(start + text)
        except WhiteListError as error:
            found = error.left
        found.may_read("alice")
        found.may_write("alice", ("/a",))
