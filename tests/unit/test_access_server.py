"""Access on a whole server model: the order of checks, groups, terminate, starting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecfleet_mocks.model.access import CannotStart
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.wire import (
    OK,
    CompleteCmd,
    CtsApi,
    CtsCmd,
    ErrorCmd,
    GroupCTSCmd,
    GroupSTCCmd,
    InitCmd,
    LabelCmd,
    PathsApi,
    PathsCmd,
    UserCommand,
)

from .access_commands import by, refusal
from .access_servers import (
    BOTH,
    FAITHFUL,
    NOT_AUTHENTIC,
    NOT_AUTHORISED,
    OTHER,
    PING,
    RESET,
    SECRET,
    SUITES,
    WRONG,
    Files,
    allowed,
    ask,
    passwords,
    server,
)

# --- without files ----------------------------------------------------------------------------------------


@BOTH
@FAITHFUL
def test_without_files_everybody_may_do_everything(dialect: Dialect, faithful: bool) -> None:
    made = server(dialect, Files(), faithful=faithful)
    assert allowed(made, RESET, "zed")
    # and a password is refused as there is none to compare it with
    assert not allowed(made, SUITES, "zed", SECRET)
    assert not allowed(made, SUITES, "zed", SECRET, custom=True)
    assert allowed(made, SUITES, "zed", custom=True)


@BOTH
def test_a_user_without_a_name(dialect: Dialect) -> None:
    made = server(dialect, Files())
    told = ask(made, PathsCmd(PathsApi.SUSPEND, ("/s",)), "")
    if dialect.empty_user_accepted:
        assert not refusal(told)
    else:
        assert told == ErrorCmd("[ authentication failed ] User '' is not allowed any access. paths(/s,)")


# --- passwords: who is asked, in which order ---------------------------------------------------------------


@BOTH
@FAITHFUL
def test_login_users_and_custom_users_have_a_file_each(dialect: Dialect, faithful: bool) -> None:
    files = Files(None, passwords(), passwords(f"fred HOST 3141 {OTHER}\n"))
    made = server(dialect, files, faithful=faithful)
    assert allowed(made, SUITES, "alice", SECRET)
    assert allowed(made, SUITES, "fred", OTHER, custom=True)
    assert not allowed(made, SUITES, "alice", SECRET, custom=True)
    assert not allowed(made, SUITES, "fred", OTHER)
    assert not allowed(made, SUITES, "fred", custom=True)
    assert not allowed(made, SUITES, "zed")


@BOTH
def test_login_users_need_no_password_while_there_is_a_custom_file_only(dialect: Dialect) -> None:
    made = server(dialect, Files(custom_passwd=passwords(f"fred HOST 3141 {SECRET}\n")))
    assert allowed(made, SUITES, "zed")
    assert not allowed(made, SUITES, "zed", custom=True)
    assert allowed(made, SUITES, "fred", SECRET, custom=True)


@BOTH
def test_custom_users_without_a_custom_file(dialect: Dialect) -> None:
    made = server(dialect, Files(passwd=passwords()))
    assert not allowed(made, SUITES, "fred", SECRET, custom=True)


@BOTH
def test_the_white_list_applies_to_custom_names_too(dialect: Dialect) -> None:
    made = server(dialect, Files("4.4.14\n-fred\n", None, passwords(f"fred HOST 3141 {SECRET}\n")))
    assert allowed(made, SUITES, "fred", SECRET, custom=True)
    assert not allowed(made, RESET, "fred", SECRET, custom=True)


@pytest.mark.parametrize(
    ("listed", "password", "of_5_9", "of_5_17"),
    [
        (True, "", False, True),
        (True, WRONG, False, True),
        (True, SECRET, True, True),
        (False, "", False, False),
        (False, SECRET, False, False),
    ],
)
def test_ping(listed: bool, password: str, of_5_9: bool, of_5_17: bool) -> None:
    files = Files(f"4.4.14\n{'alice' if listed else 'bob'}\n", passwords())
    assert allowed(server(DIALECT_5_9, files), PING, "alice", password) is of_5_9
    assert allowed(server(DIALECT_5_17, files), PING, "alice", password) is of_5_17


@pytest.mark.parametrize("password", [SECRET, WRONG])
@pytest.mark.parametrize("listed", [True, False])
def test_the_first_check_that_fails_is_told(password: str, listed: bool) -> None:
    files = Files(f"4.4.14\n{'-alice' if listed else 'bob'}\n", passwords())
    nothing = "[ authentication failed ] User 'alice' is not allowed any access."
    no_write = "[ authentication failed ] User alice has no *write* access. Please see your administrator."
    right = password == SECRET
    assert refusal(ask(server(DIALECT_5_9, files), RESET, "alice", password)) == (
        no_write if right and listed else nothing
    )
    assert refusal(ask(server(DIALECT_5_17, files), RESET, "alice", password)) == (
        NOT_AUTHORISED if right else NOT_AUTHENTIC
    )


@BOTH
def test_child_commands_are_not_checked(dialect: Dialect) -> None:
    made = server(dialect, Files("4.4.14\nbob\n", passwords()), "suite s\n task t\n  label l 'x'\nendsuite\n")
    task: dict[str, Any] = {"path": "/s/t", "jobs_password": "_DJP_", "remote_id": "1", "host": "node"}
    for command in (InitCmd((), **task), LabelCmd("l", "new", **task), CompleteCmd((), **task)):
        assert made.model.handle(command, Sender("zed", False, "wrong")) == OK


# --- where a released server lets in whom it should not ----------------------------------------------------


@pytest.mark.parametrize(
    ("user", "password", "of_released"),
    [("alice", OTHER, True), ("alice", SECRET, False), ("x", WRONG, True)],
)
@BOTH
def test_passwords_that_released_servers_judge_badly(
    dialect: Dialect, user: str, password: str, of_released: bool
) -> None:
    text = passwords(f"alice other 1 {OTHER}\nalice HOST 3141 {SECRET}\nx HOST 3141 {SECRET}\n")
    assert allowed(server(dialect, Files(passwd=text), faithful=True), SUITES, user, password) is of_released
    careful = server(dialect, Files(passwd=text))
    assert allowed(careful, SUITES, user, password) is not of_released
    (note,) = careful.model.notes
    does = "lets the sender in" if of_released else "refuses the sender"
    assert note.text.startswith(f"the real {dialect.version} {does}")
    assert note.text.endswith(" here")


@BOTH
def test_readers_by_minus_star_alone(dialect: Dialect) -> None:
    released = server(dialect, Files("4.4.14\n-*\n"), faithful=True)
    assert allowed(released, RESET, "zed")
    careful = server(dialect, Files("4.4.14\n-*\n"))
    assert allowed(careful, SUITES, "zed")
    assert not allowed(careful, RESET, "zed")
    assert allowed(careful, RESET, "tester")
    assert [note.text for note in careful.model.notes] == [
        f"the real {dialect.version} lets everybody write, as the white list has -* and names no writer here"
    ]


# --- terminate --------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("in_group", [True, False])
@pytest.mark.parametrize("user", ["reader", "zed"])
def test_a_refused_terminate(dialect: Dialect, in_group: bool, user: str) -> None:
    terminate: UserCommand = CtsCmd(CtsApi.TERMINATE)
    if in_group:
        terminate = GroupCTSCmd((SUITES, terminate))
    files = Files("4.4.14\n-reader\nwriter\n")
    released = server(dialect, files, faithful=True)
    assert refusal(ask(released, terminate, user))
    assert released.model.terminated
    careful = server(dialect, files)
    assert refusal(ask(careful, terminate, user))
    assert not careful.model.terminated
    assert [note.text for note in careful.model.notes] == [
        f"the real {dialect.version} ends here all the same, after this refusal"
    ]
    ask(careful, terminate, "writer")
    assert careful.model.terminated


# --- groups -----------------------------------------------------------------------------------------------


@BOTH
def test_a_group_is_refused_as_a_whole(dialect: Dialect) -> None:
    made = server(dialect, Files("4.4.14\n-reader\n"), "suite s\nendsuite\n")
    reply = ask(made, GroupCTSCmd((SUITES, RESET)), "reader")
    assert refusal(reply)
    assert isinstance(ask(made, GroupCTSCmd((SUITES, PING)), "reader"), GroupSTCCmd)


def test_whose_name_counts_in_a_group() -> None:
    files = Files("4.4.14\nalice\n")
    inner_bad = replace(by(GroupCTSCmd((by(SUITES, "zed"),)), "zed"), user="alice")
    outer_bad = replace(by(GroupCTSCmd((by(SUITES, "alice"),)), "alice"), user="zed")
    # 5.9.2: each member for itself, the sender of the group not at all. Later: the sender for all.
    before, after = server(DIALECT_5_9, files), server(DIALECT_5_17, files)
    assert refusal(before.model.handle(inner_bad))
    assert not refusal(before.model.handle(outer_bad))
    assert not refusal(after.model.handle(inner_bad))
    assert refusal(after.model.handle(outer_bad))


# --- starting ---------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("files", "why"),
    [
        (Files("4.4.4\nalice\n"), "Only white list files"),
        (Files("4.4.14\na b\n"), "one user per line"),
        (Files(passwd="4.5.1\n"), "Only passwd files"),
        (Files(passwd="4.5.0\n"), "password file passwd does not contain any users"),
        (Files(passwd=""), "password file passwd does not contain any users"),
        (Files(passwd=passwords("alice localhost 3141 pw\n")), "match the host and port"),
        (Files(custom_passwd="4.5.0\n"), "custom password file custom does not contain"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_with_which_no_server_starts(dialect: Dialect, files: Files, why: str) -> None:
    with pytest.raises(CannotStart, match=why):
        server(dialect, files)


def test_an_included_file_that_is_missing_matters_from_5_16_on() -> None:
    files = Files("4.4.14\n#include <nosuch>\n")
    assert allowed(server(DIALECT_5_9, files), RESET, "zed")
    with pytest.raises(CannotStart, match="#included"):
        server(DIALECT_5_17, files)
