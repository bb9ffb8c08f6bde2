"""Reloading the white list and the password files, good ones and bad ones."""

from __future__ import annotations

import pytest

from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.wire import (
    OK,
    CtsApi,
    CtsCmd,
    ErrorCmd,
)

from .access_commands import refusal
from .access_servers import (
    BOTH,
    FAITHFUL,
    RESET,
    SECRET,
    SUITES,
    Files,
    allowed,
    ask,
    passwords,
    server,
)

# --- reloading --------------------------------------------------------------------------------------------

RELOAD_LISTS, RELOAD_PASSWD, RELOAD_CUSTOM = (
    CtsCmd(api)
    for api in (CtsApi.RELOAD_WHITE_LIST, CtsApi.RELOAD_PASSWD_FILE, CtsApi.RELOAD_CUSTOM_PASSWD_FILE)
)


@BOTH
@FAITHFUL
@pytest.mark.parametrize("reload", [RELOAD_LISTS, RELOAD_PASSWD, RELOAD_CUSTOM], ids=lambda it: it.api.name)
def test_who_may_reload(dialect: Dialect, faithful: bool, reload: CtsCmd) -> None:
    files = Files("4.4.14\nalice\n-reader\nlimited /s\n")
    made = server(dialect, files, faithful=faithful)
    files.passwd = files.custom_passwd = passwords()
    for user in ("reader", "limited", "zed"):
        assert refusal(ask(made, reload, user)), user
    assert ask(made, reload, "alice") == OK


@BOTH
@FAITHFUL
def test_a_white_list_that_comes_later(dialect: Dialect, faithful: bool) -> None:
    files = Files()
    made = server(dialect, files, faithful=faithful)
    assert ask(made, RELOAD_LISTS, "zed") == ErrorCmd(
        "The ECF_LISTS file lists does not exist. Server CWD : /ecf_home"
    )
    files.lists = "4.4.14\nalice\n"
    assert ask(made, RELOAD_LISTS, "zed") == OK
    assert not allowed(made, SUITES, "zed")
    assert allowed(made, RESET, "tester"), "the server's own account"
    files.lists = "4.4.14\n-zed\n"
    assert not allowed(made, SUITES, "zed"), "in force from the reload on"
    assert ask(made, RELOAD_LISTS, "tester") == OK
    assert allowed(made, SUITES, "zed")
    files.lists = None
    assert isinstance(ask(made, RELOAD_LISTS, "tester"), ErrorCmd)
    assert allowed(made, SUITES, "zed")
    assert not allowed(made, SUITES, "alice"), "the old list stays"
    assert not made.model.notes


@BOTH
def test_a_white_list_with_a_bad_version_opens_released_servers(dialect: Dialect) -> None:
    files = Files("4.4.14\nalice\n")
    released, careful = server(dialect, files, faithful=True), server(dialect, files)
    files.lists = "4.4.4\nalice\n"
    # the released servers take the last newline out of the text of an error
    told = ErrorCmd(
        "Only white list files with a version >= 4.4.5 is supported\n 1: 4.4.4\nfor ECF_LISTS file lists"
    )
    for made in (released, careful):
        assert ask(made, RELOAD_LISTS, "alice") == told
    assert allowed(released, RESET, "zed")
    assert not allowed(careful, SUITES, "zed")
    assert allowed(careful, RESET, "alice")
    assert [note.text for note in careful.model.notes] == [
        f"the real {dialect.version} forgets the old white list, so that everybody has full access here"
    ]


@BOTH
def test_a_white_list_with_a_bad_line_leaves_half_of_it_in_released_servers(dialect: Dialect) -> None:
    files = Files("4.4.14\nalice\n-reader\n")
    released, careful = server(dialect, files, faithful=True), server(dialect, files)
    files.lists = "4.4.14\nbob\ntwo names\n"
    for made in (released, careful):
        assert ask(made, RELOAD_LISTS, "alice") == ErrorCmd(
            "Can only have one user per line, first user:two second user:names"
        )
    assert allowed(released, RESET, "bob")
    assert not allowed(released, SUITES, "alice")
    assert not allowed(released, SUITES, "tester"), "the server's own account is not added again"
    assert allowed(careful, RESET, "alice")
    assert allowed(careful, RESET, "tester")
    assert not allowed(careful, SUITES, "bob")
    assert "keeps the users before the bad line" in careful.model.notes[0].text


@BOTH
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (
            "4.5.1\nalice HOST 3141 pw\n",
            "Only passwd files with a version >= 4.5.0 is supported\n 1: 4.5.1\n"
            "for ECF_PASSWD/ECF_CUSTOM_PASSWD file {name}",
        ),
        ("4.5.0\nalice HOST port pw\n", "Port number must be integer'salice HOST port pw"),
        ("4.5.0\nalice HOST\n", "expected <user> <host> <port> <passwd> # commentalice HOST"),
    ],
)
@pytest.mark.parametrize("custom", [True, False])
def test_a_broken_password_file_opens_released_servers(
    dialect: Dialect, custom: bool, broken: str, told: str
) -> None:
    files = Files(None, passwords(), passwords())
    released, careful = server(dialect, files, faithful=True), server(dialect, files)
    if custom:
        files.custom_passwd = broken
    else:
        files.passwd = broken
    name = "custom" if custom else "passwd"
    for made in (released, careful):
        reply = ask(made, RELOAD_CUSTOM if custom else RELOAD_PASSWD, "alice", SECRET)
        assert reply == ErrorCmd(told.format(name=name))
    # Emptied: those without a password get in, those with one do not.
    assert allowed(released, SUITES, "zed", custom=custom)
    assert not allowed(released, SUITES, "alice", SECRET, custom=custom)
    assert not allowed(careful, SUITES, "zed", custom=custom)
    assert allowed(careful, SUITES, "alice", SECRET, custom=custom)
    assert [note.text for note in careful.model.notes] == [
        f"the real {dialect.version} forgets all of ECF_{'CUSTOM_' if custom else ''}PASSWD: "
        "users without a password get in here"
    ]


@BOTH
def test_a_password_file_without_users_opens_released_servers_too(dialect: Dialect) -> None:
    files = Files(passwd=passwords())
    released, careful = server(dialect, files, faithful=True), server(dialect, files)
    files.passwd = "4.5.0\n"
    assert ask(released, RELOAD_PASSWD, "alice", SECRET) == OK
    assert allowed(released, SUITES, "zed")
    assert isinstance(ask(careful, RELOAD_PASSWD, "alice", SECRET), ErrorCmd)
    assert not allowed(careful, SUITES, "zed")
    assert allowed(careful, SUITES, "alice", SECRET)
    assert len(careful.model.notes) == 1


@BOTH
def test_half_a_password_file_stays_in_released_servers(dialect: Dialect) -> None:
    files = Files(passwd=passwords())
    released, careful = server(dialect, files, faithful=True), server(dialect, files)
    files.passwd = passwords(f"bob HOST 3141 {SECRET}\nbad\n")
    for made in (released, careful):
        assert isinstance(ask(made, RELOAD_PASSWD, "alice", SECRET), ErrorCmd)
    assert allowed(released, SUITES, "bob", SECRET)
    assert not allowed(released, SUITES, "alice", SECRET)
    assert allowed(careful, SUITES, "alice", SECRET)
    assert not allowed(careful, SUITES, "bob", SECRET)
    assert "lines before the bad one" in careful.model.notes[0].text


@BOTH
def test_reloading_password_files_that_never_were(dialect: Dialect) -> None:
    made = server(dialect, Files())
    for reload, variable, name in (
        (RELOAD_PASSWD, "ECF_PASSWD", "passwd"),
        (RELOAD_CUSTOM, "ECF_CUSTOM_PASSWD", "custom"),
    ):
        assert ask(made, reload, "zed") == ErrorCmd(
            f"The {variable} file {name} does not exist. Server CWD : /ecf_home"
        )


@BOTH
def test_reloading_a_password_file_does_not_ask_for_a_line_of_this_server(dialect: Dialect) -> None:
    files = Files(passwd=passwords())
    made = server(dialect, files)
    files.passwd = passwords(f"alice other 1 {SECRET}\n")
    assert ask(made, RELOAD_PASSWD, "alice", SECRET) == OK
    assert allowed(made, SUITES, "alice", SECRET)
