"""Password files and their encryption, from a table of what released programs do."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.model.access_crypt import FAILURE_TOKENS, encrypt
from ecfleet_mocks.model.access_passwords import (
    PasswordFile,
    PasswordFileError,
    client_password,
    parse_password_file,
)

TABLE = tomllib.loads((Path(__file__).parents[1] / "data" / "access" / "passwords.toml").read_text())
HOST, PORT = "HOST", "3141"

Row = dict[str, Any]


def rows(kind: str) -> list[Any]:
    return [pytest.param(row, id=row["what"]) for row in TABLE[kind]]


def sent(user: str, typed: str) -> str:
    if typed.startswith("token:"):
        return typed.removeprefix("token:")
    return encrypt(typed, user) if typed else ""


def pairs(row: Row, *keys: str) -> list[list[str]]:
    return [pair for key in keys for pair in row.get(key, [])]


@pytest.mark.parametrize("row", rows("file"))
def test_who_gets_in(row: Row) -> None:
    file = parse_password_file(row["text"])
    for user, typed in pairs(row, "lets_in"):
        assert file.accepts(user, sent(user, typed)), (user, typed)
    for user, typed in pairs(row, "refuses"):
        assert not file.accepts(user, sent(user, typed)), (user, typed)
    assert pairs(row, "lets_in", "refuses")


@pytest.mark.parametrize("row", rows("file"))
def test_who_gets_in_to_a_careful_server(row: Row) -> None:
    file = parse_password_file(row["text"])
    lets_in, refuses = pairs(row, "safe_lets_in"), pairs(row, "safe_refuses")
    lets_in += [pair for pair in pairs(row, "lets_in") if pair not in refuses]
    refuses += [pair for pair in pairs(row, "refuses") if pair not in lets_in]
    for user, typed in lets_in:
        assert file.accepts_here(user, sent(user, typed), HOST, PORT), (user, typed)
    for user, typed in refuses:
        assert not file.accepts_here(user, sent(user, typed), HOST, PORT), (user, typed)


@pytest.mark.parametrize("row", rows("refused"))
def test_refused_files(row: Row) -> None:
    with pytest.raises(PasswordFileError) as refusal:
        parse_password_file(row["text"], name="passwd")
    assert str(refusal.value) == row["message"]
    for user, typed in row["left"]:
        assert refusal.value.left.accepts(user, sent(user, typed)), (user, typed)
    for user, typed in row.get("left_refuses", ()):
        assert not refusal.value.left.accepts(user, sent(user, typed)), (user, typed)


@pytest.mark.parametrize("row", rows("no_start"))
def test_files_without_a_line_for_the_server(row: Row) -> None:
    assert not parse_password_file(row["text"]).is_for(HOST, PORT)


@pytest.mark.parametrize(
    ("user", "password", "crypted"),
    [
        # as recorded, 5.9.2 and 5.17.0
        ("USERNAME", "secret", "US7rZJtYssnI2"),
        ("fred", "fredpw", "frrkVfqP8mTwo"),
        ("fred", "bad", "fredh/7jOB9AY"),
        ("joe", "x", "joTOMI5t5.Yzc"),
        ("", "secret", "*0"),
    ],
)
def test_encryption(user: str, password: str, crypted: str) -> None:
    assert encrypt(password, user) == crypted


@given(st.text(alphabet=st.characters(codec="ascii", exclude_characters="\0"), max_size=12))
def test_any_name_is_a_salt_or_fails(user: str) -> None:
    found = encrypt("secret", user)
    assert found in FAILURE_TOKENS or found != encrypt("another", user)


def test_importing_crypt_warns_nobody() -> None:
    code = "from ecfleet_mocks.model.access_crypt import encrypt; print(encrypt('secret', 'USERNAME'))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("US7rZJtYssnI2\n", "")


def test_passwords_are_not_shown() -> None:
    shown = repr(parse_password_file("4.5.0\nalice h 1 ecfleet-secret\n"))
    assert encrypt("ecfleet-secret", "alice") not in shown


# --- the client's side (seen on 5.9.2 and 5.17.0) ---------------------------------------------------------

CLIENT_FILE = parse_password_file(
    "4.5.0\nalice server 3141 one\nalice laptop 3141 two\nalice server 3142 three\nbob laptop 3141 four\n"
)


@pytest.mark.parametrize(
    ("user", "host", "port", "typed"),
    [
        ("alice", "server", "3141", "one"),
        ("alice", "server", "3142", "three"),
        # no line for that host: the one for the client's own host name
        ("alice", "localhost", "3141", "two"),
        ("bob", "server", "3141", "four"),
        # the port must match
        ("alice", "server", "3143", ""),
        ("bob", "server", "3142", ""),
        ("zed", "server", "3141", ""),
    ],
)
def test_which_password_a_client_sends(user: str, host: str, port: str, typed: str) -> None:
    assert client_password(CLIENT_FILE, user, host, port, "laptop") == sent(user, typed)


def test_no_file_is_no_password() -> None:
    assert client_password(PasswordFile(), "alice", "server", "3141", "laptop") == ""
