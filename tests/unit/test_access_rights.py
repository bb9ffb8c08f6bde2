"""What each command needs: every user command as sent by every kind of user.

For 5.9.2 the texts of 121 commands as sent by eight users were recorded from a real server; for 5.17.0 there
is a table of who was refused what.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ecfleet_mocks.model.access_files import AccessFile, AccessFiles
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.wire import USER_COMMANDS

from .access_commands import COMMANDS, SUITES, by, refusal
from .model_servers import Server

DATA = Path(__file__).parents[1] / "data" / "access"
HEAD, *RECORDED = map(json.loads, (DATA / "refusals-5.9.2.jsonl").read_text().splitlines())
TABLE_5_17 = tomllib.loads((DATA / "refusals-5.17.0.toml").read_text())


def server(dialect: Dialect, white_list: str, *, faithful: bool = True) -> Server:
    made = Server(SUITES, dialect=dialect, faithful=faithful)
    made.model.read_access_files(AccessFiles(lists=AccessFile("lists", lambda: white_list)))
    return made


def test_every_user_command_is_there() -> None:
    assert {type(command) for command in COMMANDS.values()} == set(USER_COMMANDS)
    assert [row["command"] for row in RECORDED] == list(COMMANDS)


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: row["command"])
def test_as_recorded_from_5_9_2(row: dict[str, Any]) -> None:
    for faithful in (True, False):
        asked = server(DIALECT_5_9, HEAD["white_list"], faithful=faithful)
        for user, text in row["refusals"].items():
            reply = asked.model.handle(by(COMMANDS[row["command"]], user))
            assert refusal(reply) == text, user


@pytest.mark.parametrize("row", TABLE_5_17["row"], ids=lambda row: f"{row['user']}, {row['evidence']}")
@pytest.mark.parametrize("faithful", [True, False])
def test_as_seen_on_5_17(row: dict[str, Any], faithful: bool) -> None:
    if row.get("faithful", faithful) is not faithful:
        return
    asked = server(DIALECT_5_17, TABLE_5_17["white_list"], faithful=faithful)
    text = "Command not accepted, due to: Authorisation (user) failed, due to: Insufficient permissions"
    for name in row["allowed"]:
        assert not refusal(asked.model.handle(by(COMMANDS[name], row["user"]))), name
    for name in row["refused"]:
        assert refusal(asked.model.handle(by(COMMANDS[name], row["user"]))) == text, name


def test_a_careful_server_says_that_the_real_one_deletes_more() -> None:
    asked = server(DIALECT_5_17, TABLE_5_17["white_list"], faithful=False)
    asked.model.handle(by(COMMANDS["delete /a/nosuch /b/nosuch"], "daemon"))
    (note,) = asked.model.notes
    assert note.text.startswith("the real 5.17.0 looks at the first path alone")
    assert note.text.endswith(" here")
