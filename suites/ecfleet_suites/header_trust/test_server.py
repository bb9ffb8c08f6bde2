"""Whom an ecFlow HTTP server takes the sender for, by the table of what releases do."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import FleetFactory, expect, rule
from ecfleet.fleet import Fleet
from ecfleet.services import EcflowServer, IdentityFound
from ecfleet.wire import OK, CompleteCmd, InitCmd, NodeState, Reply, TaskCommand, decode_reply
from ecfleet_suites.exchanges import ask, post
from ecfleet_suites.header_trust.chain import CLAIMED, ping

ROWS: list[dict[str, Any]] = tomllib.loads(
    (resources.files(__package__) / "tables" / "identity.toml").read_text(encoding="utf-8")
)["row"]
WRONG_PASSWORD = "ecfleet-secret-wrong"


def rows(id: str) -> list[Any]:
    """The rows of the table that decide a rule, as parameters."""
    return [pytest.param(row, id=row["name"]) for row in ROWS if row["rule"] == id]


@pytest.fixture
def fleet(ecf_fleet: FleetFactory) -> Iterator[Fleet]:
    made = ecf_fleet()
    made.ecflow_server("server", plain=None, http=0)
    with made:
        yield made


@pytest.fixture
def server(fleet: Fleet) -> EcflowServer:
    found = fleet["server"]
    assert isinstance(found, EcflowServer)
    return found


def judge(server: EcflowServer, row: dict[str, Any]) -> None:
    """Send a ping with the row's headers and compare whom the server took its sender for."""
    before = len(server.journal.of(IdentityFound))
    headers = [(name, value) for name, value in row["headers"]]
    response = ask(server.address, post(ping(), headers))
    expect(response.status, 200, "status of a ping over HTTP")
    found = server.journal.of(IdentityFound)[before:]
    expect(len(found), 1, "identities found for one request")
    expect(found[0].user, row["user"].replace("{command}", CLAIMED), f"user ({row['name']})")
    expect(found[0].secure, row["secure"], f"whether the user is proven ({row['name']})")


@rule("TRUST-12")
@pytest.mark.parametrize("row", rows("TRUST-12"))
def test_the_proxys_user(server: EcflowServer, row: dict[str, Any]) -> None:
    judge(server, row)


@rule("TRUST-12")
@given(
    user=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20),
    claimed=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F), max_size=8),
)
@settings(max_examples=15)
def test_any_user_of_the_proxy(server: EcflowServer, user: str, claimed: str) -> None:
    before = len(server.journal.of(IdentityFound))
    ask(server.address, post(ping(claimed), [("Authorization", "x"), ("X-Auth-Username", user)]))
    found = [(one.user, one.secure) for one in server.journal.of(IdentityFound)[before:]]
    expect(found, [(user, True)], "user, and whether proven, with the proxy's headers")


@rule("TRUST-13")
@pytest.mark.parametrize("row", rows("TRUST-13"))
def test_exact_spelling(server: EcflowServer, row: dict[str, Any]) -> None:
    judge(server, row)


@rule("TRUST-14")
@pytest.mark.parametrize("row", rows("TRUST-14"))
def test_the_commands_own_user(server: EcflowServer, row: dict[str, Any]) -> None:
    judge(server, row)


@rule("TRUST-15")
@pytest.mark.parametrize("row", rows("TRUST-15"))
def test_first_of_each_and_no_realm(server: EcflowServer, row: dict[str, Any]) -> None:
    judge(server, row)


@rule("TRUST-16")
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "Bearer ecfleet-secret")],
        [("Authorization", "Bearer ecfleet-secret"), ("X-Auth-Username", "alice")],
        [("X-Auth-Username", "alice"), ("X-Auth-Password", "ecfleet-secret")],
    ],
    ids=["none", "authorization", "proven user", "user with password"],
)
def test_child_commands_have_no_user(
    fleet: Fleet, server: EcflowServer, headers: list[tuple[str, str]]
) -> None:
    fleet.call(server.server.load, "suite s\n task t\nendsuite\n")
    password = fleet.call(server.server.submit, "/s/t")

    def send(command: TaskCommand) -> tuple[Reply, NodeState]:
        reply = decode_reply(ask(server.address, post(command, headers)).body)
        return reply, fleet.call(lambda: server.server.task("/s/t").state)

    init = InitCmd(host="node1", path="/s/t", remote_id="77", jobs_password=password)
    complete = CompleteCmd(host="node1", path="/s/t", remote_id="77", jobs_password=password)
    wrong = replace(init, jobs_password=WRONG_PASSWORD)
    expect(send(wrong)[1], NodeState.SUBMITTED, "state after init with a wrong password")
    expect(send(init), (OK, NodeState.ACTIVE), "reply and state after init")
    wrong_end = replace(complete, jobs_password=WRONG_PASSWORD)
    expect(send(wrong_end)[1], NodeState.ACTIVE, "state after complete with a wrong password")
    expect(send(complete), (OK, NodeState.COMPLETE), "reply and state after complete")
