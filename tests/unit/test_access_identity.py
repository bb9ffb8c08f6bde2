"""Who an HTTP request speaks for, and what PERMISSIONS variables let whom do."""

from __future__ import annotations

import pytest

from ecfleet_mocks.model.access_crypt import encrypt
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.model.identity import http_identity
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.wire import (
    GroupCTSCmd,
    PathsApi,
    PathsCmd,
    SSuitesCmd,
    UserCommand,
    Variable,
)
from ecfleet_mocks.wire.http1 import Headers

from .access_commands import COMMANDS, by, refusal
from .access_servers import (
    NOT_AUTHENTIC,
    NOT_AUTHORISED,
    PING,
    RESET,
    SECRET,
    SUITES,
    Files,
    ask,
    passwords,
    server,
)

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
