"""Access on a whole server model: the order of checks, reloads, groups, HTTP identities, PERMISSIONS."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ecfleet_mocks.model.access import CannotStart
from ecfleet_mocks.model.access_crypt import encrypt
from ecfleet_mocks.model.access_files import AccessFile, AccessFiles
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, DIALECTS, Dialect
from ecfleet_mocks.model.identity import http_identity
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
    Reply,
    SSuitesCmd,
    UserCommand,
    Variable,
)
from ecfleet_mocks.wire.http1 import Headers

from .access_commands import COMMANDS, by, refusal
from .model_servers import Server

# Only the first eight characters count: these have to differ in them.
SECRET, OTHER, WRONG = "right-ecfleet-secret", "other-ecfleet-secret", "wrong-ecfleet-secret"
BOTH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
FAITHFUL = pytest.mark.parametrize("faithful", [True, False], ids=["faithful", "careful"])

PING, SUITES, RESET = (CtsCmd(api) for api in (CtsApi.PING, CtsApi.SUITES, CtsApi.STATS_RESET))
NOT_AUTHENTIC = (
    "Command not accepted, due to: Authentication (user command) failed, due to: "
    "Incorrect credentials detected"
)
NOT_AUTHORISED = "Command not accepted, due to: Authorisation (user) failed, due to: Insufficient permissions"

DEFINITION = """
suite p1
  edit PERMISSIONS 'other'
  family mine
    edit PERMISSIONS 'me,you'
    task t
  endfamily
  task t
endsuite
suite p2
  task t
endsuite
"""


@dataclass
class Files:
    """The three files of a server as texts; None where there is none."""

    lists: str | None = None
    passwd: str | None = None
    custom_passwd: str | None = None
    names: AccessFiles = field(init=False)

    def __post_init__(self) -> None:
        self.names = AccessFiles(
            AccessFile("lists", lambda: self.lists),
            AccessFile("passwd", lambda: self.passwd),
            AccessFile("custom", lambda: self.custom_passwd),
            "/ecf_home",
        )


def server(
    dialect: Dialect,
    files: Files,
    text: str = "",
    *,
    faithful: bool = False,
) -> Server:
    made = Server(text, dialect=dialect, faithful=faithful)
    made.model.set_address("HOST", 3141)
    made.model.read_access_files(files.names)
    return made


def ask(made: Server, command: UserCommand, user: str, password: str = "", *, custom: bool = False) -> Reply:
    return made.model.handle(by(command, user, encrypt(password, user) if password else "", custom=custom))


def allowed(
    made: Server, command: UserCommand, user: str, password: str = "", *, custom: bool = False
) -> bool:
    return not refusal(ask(made, command, user, password, custom=custom))


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


def passwords(line: str = f"alice HOST 3141 {SECRET}\n") -> str:
    return "4.5.0\n" + line


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


# --- HTTP identities (5.15 and later) -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "command_user", "command_password", "white_list", "outcome"),
    [
        # neither X-header: who the command says, with or without Authorization
        ({}, "alice", SECRET, "*", ""),
        ({}, "alice", "", "*", NOT_AUTHENTIC),
        ({"Authorization": "Bearer x"}, "alice", "", "*", NOT_AUTHENTIC),
        # X-Auth-Username alone: a login user, whose password the other header has, encrypted
        ({"X-Auth-Username": "alice"}, "zed", "", "*", NOT_AUTHENTIC),
        ({"X-Auth-Username": "alice", "X-Auth-Password": "{crypted}"}, "zed", "", "*", ""),
        ({"X-Auth-Username": "alice", "X-Auth-Password": SECRET}, "zed", "", "*", NOT_AUTHENTIC),
        ({"X-Auth-Username": "alice"}, "alice", SECRET, "*", NOT_AUTHENTIC),
        # with Authorization: proven, whatever it says, and nobody need be in the password file
        ({"X-Auth-Username": "alice", "Authorization": "Bearer x"}, "zed", "", "*", ""),
        ({"X-Auth-Username": "alice", "Authorization": ""}, "zed", "", "*", ""),
        ({"X-Auth-Username": "unknown", "Authorization": "x"}, "zed", "", "*", ""),
        # the white list is for the name that counts
        ({"X-Auth-Username": "alice", "Authorization": "x"}, "bob", "", "bob", NOT_AUTHORISED),
        ({"X-Auth-Username": "bob", "Authorization": "x"}, "alice", "", "bob", ""),
        ({"X-Auth-Username": "Bob", "Authorization": "x"}, "bob", "", "bob", NOT_AUTHORISED),
        # names of headers have case
        ({"x-auth-username": "alice", "Authorization": "x"}, "zed", "", "*", NOT_AUTHENTIC),
        ({"X-Auth-Username": "alice", "authorization": "x"}, "zed", "", "*", NOT_AUTHENTIC),
        # realm and roles are not looked at
        ({"X-Auth-Realm": "r", "X-Auth-Roles": "admin"}, "zed", "", "*", NOT_AUTHENTIC),
        # a password without a name is a user without one
        ({"X-Auth-Password": "x", "Authorization": "x"}, "alice", SECRET, "alice", NOT_AUTHORISED),
    ],
)
def test_http_identities(
    headers: dict[str, str], command_user: str, command_password: str, white_list: str, outcome: str
) -> None:
    made = server(DIALECT_5_17, Files(f"4.4.14\n{white_list}\n", passwords()), faithful=True)
    crypted = encrypt(SECRET, "alice")
    sent = Headers([(name, value.format(crypted=crypted)) for name, value in headers.items()])
    command = by(SUITES, command_user, encrypt(command_password, command_user) if command_password else "")
    found = http_identity(sent, command)
    sender = Sender(found.user, found.secure, found.password or None)
    own = (found.user, found.password) == (command.user, command.password) and not found.secure
    reply = made.model.handle(command, Sender() if own else sender)
    assert refusal(reply) == outcome
    assert outcome or isinstance(reply, SSuitesCmd)


def test_custom_users_cannot_be_reached_by_header() -> None:
    made = server(DIALECT_5_17, Files(None, passwords(), passwords(f"fred HOST 3141 {SECRET}\n")))
    sender = Sender("fred", False, encrypt(SECRET, "fred"))
    assert refusal(made.model.handle(by(SUITES, "fred", custom=True), sender)) == NOT_AUTHENTIC


def test_a_header_names_the_sender_of_all_of_a_group() -> None:
    made = server(DIALECT_5_17, Files("4.4.14\nalice\n"))
    group = by(GroupCTSCmd((SUITES, RESET)), "zed")
    assert refusal(made.model.handle(group)) == NOT_AUTHORISED
    assert not refusal(made.model.handle(group, Sender("alice", True)))


# --- PERMISSIONS (seen on 5.17.0) -------------------------------------------------------------------------


def suspend(*paths: str) -> PathsCmd:
    return PathsCmd(PathsApi.SUSPEND, paths)


@pytest.mark.parametrize(
    ("command", "user", "is_allowed"),
    [
        # the nearest definition decides, for reading and writing alike
        (suspend("/p1"), "other", True),
        (suspend("/p1"), "me", False),
        (suspend("/p1/t"), "me", False),
        (suspend("/p1/mine"), "me", True),
        (suspend("/p1/mine/t"), "you", True),
        (suspend("/p1/mine/t"), "other", False),
        # all paths must be allowed
        (suspend("/p2", "/p1"), "me", False),
        (suspend("/p2", "/p1/mine"), "me", True),
        # nothing defined: everybody
        (suspend("/p2"), "zed", True),
        (SUITES, "zed", True),
        # nobody is exempt
        (suspend("/p1"), "tester", False),
        # a node that is not there
        (suspend("/p1/nosuch"), "zed", True),
    ],
)
def test_permissions(command: UserCommand, user: str, is_allowed: bool) -> None:
    made = server(DIALECT_5_17, Files(), DEFINITION)
    assert refusal(ask(made, command, user)) == ("" if is_allowed else NOT_AUTHORISED)
    # 5.9.2 knows nothing of it
    assert not refusal(ask(server(DIALECT_5_9, Files(), DEFINITION), command, user))
    # and a white list switches it off
    assert not refusal(ask(server(DIALECT_5_17, Files("4.4.14\n*\n"), DEFINITION), command, user))


def test_permissions_of_the_server() -> None:
    made = server(DIALECT_5_17, Files(), DEFINITION)
    made.model.tree.user_variables = (Variable("PERMISSIONS", "me"),)
    assert not refusal(ask(made, PING, "me"))
    for user in ("zed", "tester"):
        assert refusal(ask(made, PING, user)) == NOT_AUTHORISED, "the owner is locked out as well"
    assert refusal(ask(made, suspend("/p2"), "zed")) == NOT_AUTHORISED
    assert not refusal(ask(made, suspend("/p1"), "other")), "an inner list replaces the outer one"


def test_what_permissions_do_not_hide() -> None:
    made = server(DIALECT_5_17, Files(), DEFINITION)
    for name in ("get_state nothing", "sync_full", "begin"):
        assert not refusal(ask(made, COMMANDS[name], "zed")), "judged on the server alone"
