"""What an ecFlow server does about child commands over HTTP that are repeated, foreign, or come too early."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest

from ecfleet import FleetFactory, expect, rule
from ecfleet.fleet import Fleet
from ecfleet.services import EcflowServer
from ecfleet.wire import (
    OK,
    AbortCmd,
    BlockClientZombieCmd,
    Command,
    CompleteCmd,
    CtsApi,
    CtsCmd,
    CtsWaitCmd,
    EventCmd,
    InitCmd,
    LabelCmd,
    MeterCmd,
    NodeState,
    QueueCmd,
    Reply,
    StcApi,
    StcCmd,
    TaskCommand,
    ZombieType,
    decode_reply,
)
from ecfleet_suites.exchanges import ask, post
from ecfleet_suites.task_http.jobs import definition, node_facts

TABLE: dict[str, Any] = tomllib.loads(
    (resources.files(__package__) / "tables" / "zombies.toml").read_text(encoding="utf-8")
)
COMMANDS: dict[str, TaskCommand] = {
    "init": InitCmd(),
    "complete": CompleteCmd(),
    "abort": AbortCmd("a reason"),
    "wait": CtsWaitCmd("/s/f/init == complete"),
    "queue": QueueCmd("q", "active"),
    "event": EventCmd("e"),
    "meter": MeterCmd("m", 5),
    "label": LabelCmd("l", "text"),
}
REMOTE_ID = "4711"


class Bench:
    """A server with one active task for each child command, named after it."""

    def __init__(self, fleet: Fleet, server: EcflowServer) -> None:
        self.fleet = fleet
        self.server = server
        fleet.call(server.server.load, definition("s", "f", *COMMANDS))
        self.passwords = {name: fleet.call(server.server.submit, f"/s/f/{name}") for name in COMMANDS}

    def send(self, command: Command) -> Reply:
        """The reply to a command sent over HTTP."""
        response = ask(self.server.address, post(command))
        expect(response.status, 200, "status of a child command's reply")
        return decode_reply(response.body)

    def own(self, name: str, command: TaskCommand | None = None) -> TaskCommand:
        """A command as the job of the task ``name`` sends it."""
        return replace(
            COMMANDS[name] if command is None else command,
            host="node1",
            path=f"/s/f/{name}",
            jobs_password=self.passwords[name],
            remote_id=REMOTE_ID,
        )

    def activate(self, *names: str) -> None:
        for name in names:
            expect(self.send(self.own(name, InitCmd())), OK, "reply to init")

    def facts(self, name: str) -> tuple[object, ...]:
        return node_facts(self.fleet, self.server, f"/s/f/{name}")


@pytest.fixture
def bench(ecf_fleet: FleetFactory) -> Iterator[Bench]:
    fleet = ecf_fleet()
    server = fleet.ecflow_server(plain=None, http=0)
    with fleet:
        yield Bench(fleet, server)


@rule("TASK-12")
@pytest.mark.parametrize("name", ["init", "complete", "abort"])
def test_repeated_by_the_same_job(bench: Bench, name: str) -> None:
    bench.activate(name)
    expect(bench.send(bench.own(name)), OK, f"reply to {name}")
    done = bench.facts(name)
    for _ in range(2):
        expect(bench.send(bench.own(name)), OK, f"reply to {name} repeated")
        expect(bench.facts(name) == done, True, f"whether {name} repeated leaves the node as it is")


@rule("TASK-13")
@pytest.mark.parametrize("wrong", TABLE["wrong"], ids=lambda wrong: wrong["what"])
def test_a_strangers_command(bench: Bench, wrong: dict[str, str]) -> None:
    bench.activate(*COMMANDS)
    blocked = BlockClientZombieCmd(ZombieType[wrong["zombie_type"]])
    answers: dict[str, Reply] = dict.fromkeys(TABLE["commands"]["blocked"], blocked)
    answers |= dict.fromkeys(TABLE["commands"]["answered_ok"], OK)
    expect(sorted(answers), sorted(COMMANDS), "child commands of the table")
    for name, answer in answers.items():
        command = bench.own(name)
        if "password" in wrong["what"]:
            command = replace(command, jobs_password="ecfleet-secret-old")
        if "remote id" in wrong["what"]:
            command = replace(command, remote_id="4712")
        if wrong["what"] == "path":
            command = replace(command, path=f"/s/f/{name}_gone")
        before = bench.facts(name)
        expect(bench.send(command), answer, f"reply to {name} with a wrong {wrong['what']}")
        same = bench.facts(name) == before
        expect(same, True, f"whether the node is unchanged after {name} with a wrong {wrong['what']}")


@rule("TASK-14")
@pytest.mark.parametrize("known", [True, False], ids=["own password", "wrong password"])
def test_a_halted_server(bench: Bench, known: bool) -> None:
    bench.activate("event", "complete")
    expect(bench.send(CtsCmd(CtsApi.HALT, host="node1", user="ecflow")), OK, "reply to halt")
    for name in COMMANDS:
        command = bench.own(name)
        if not known:
            command = replace(command, jobs_password="ecfleet-secret-old")
        before = bench.facts(name)
        halted = StcCmd(StcApi.BLOCK_CLIENT_SERVER_HALTED)
        expect(bench.send(command), halted, f"reply of a halted server to {name}")
        expect(bench.facts(name) == before, True, f"whether {name} leaves a halted server's node as it is")
    expect(bench.send(CtsCmd(CtsApi.RESTART, host="node1", user="ecflow")), OK, "reply to restart")
    expect(bench.send(bench.own("complete")), OK, "reply to complete after the restart")
    expect(bench.facts("complete")[0], NodeState.COMPLETE, "state after the restart and complete")
