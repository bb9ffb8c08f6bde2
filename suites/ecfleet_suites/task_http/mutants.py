"""Clients and servers that break one rule of child commands over HTTP each."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace

from ecfleet import Mutant
from ecfleet.clients import Behaviour
from ecfleet.clients.replies import Next
from ecfleet.clients.streams import Target
from ecfleet.clients.surroundings import TaskIdentity
from ecfleet.models import sender, token_file
from ecfleet.services import Connection, EcflowServer
from ecfleet.wire import (
    OK,
    AbortCmd,
    BlockClientZombieCmd,
    Command,
    EventCmd,
    LabelCmd,
    NodeState,
    Reply,
    ServerState,
    TaskCommand,
    ZombieType,
    decode_request,
    encode_request,
    http1,
)

Token = token_file.Token
HttpRequest = Callable[[Target, bytes, Token | None], http1.Request]


def rewriting(change: Callable[[TaskCommand], TaskCommand]) -> HttpRequest:
    """HTTP requests in which child commands are changed."""

    def http_request(target: Target, body: bytes, token: Token | None) -> http1.Request:
        command = decode_request(body)
        if isinstance(command, TaskCommand):
            body = encode_request(change(command))
        return Behaviour().http_request(target, body, token)

    return http_request


def without_accents(command: TaskCommand) -> TaskCommand:
    if isinstance(command, LabelCmd):
        return replace(command, label=command.label.encode("ascii", "replace").decode())
    return command


def without_reason(command: TaskCommand) -> TaskCommand:
    return replace(command, reason="") if isinstance(command, AbortCmd) else command


def sends_the_password(target: Target, body: bytes, token: Token | None) -> http1.Request:
    request = Behaviour().http_request(target, body, token)
    command = decode_request(body)
    if token is None and isinstance(command, TaskCommand):
        pair = base64.b64encode(f"{command.path}:{command.jobs_password}".encode()).decode()
        request = replace(request, headers=request.headers.adding("Authorization", f"Basic {pair}"))
    return request


def users_only(target: Target, body: bytes, token: Token | None) -> http1.Request:
    if isinstance(decode_request(body), TaskCommand):
        token = None
    return Behaviour().http_request(target, body, token)


def ignores_blocks(reply: Reply) -> Next:
    step = Behaviour().next_step(reply)
    return Next.SUCCEEDED if step is Next.ZOMBIE else step


def fills_in(environment: Mapping[str, str]) -> TaskIdentity:
    found = Behaviour().task_identity(environment)
    return replace(found, path=found.path or "/", password=found.password or "_DJP_")


def only_one(environment: Mapping[str, str]) -> bool:
    return environment.get("NO_ECF") == "1"


def any_status(status: int) -> bool:
    return True


def believes_pages(payload: bytes) -> Reply:
    return OK if payload.startswith(b"<") else Behaviour().decode(payload)


def retries() -> bool:
    return True


class BlocksRepeatedAborts(EcflowServer):
    """Takes a repeated abort for a zombie's."""

    def answer(self, connection: Connection, command: Command | None, sender: sender.Sender) -> Reply | None:
        if isinstance(command, AbortCmd):
            task = self.server.tree.find(command.path)
            if task is not None and task.state is NodeState.ABORTED:
                return BlockClientZombieCmd(ZombieType.ECF)
        return super().answer(connection, command, sender)


class LetsAnybodyAbort(EcflowServer):
    """Does not look at the password of an abort."""

    def answer(self, connection: Connection, command: Command | None, sender: sender.Sender) -> Reply | None:
        if isinstance(command, AbortCmd) and self.server.tree.find(command.path) is not None:
            command = replace(command, jobs_password=self.server.task(command.path).jobs_password)
        return super().answer(connection, command, sender)


class DropsEventsWhenHalted(EcflowServer):
    """Answers OK to events while it is halted."""

    def answer(self, connection: Connection, command: Command | None, sender: sender.Sender) -> Reply | None:
        if isinstance(command, EventCmd) and self.server.state is ServerState.HALTED:
            return OK
        return super().answer(connection, command, sender)


MUTANTS = [
    Mutant(
        id="TASK-01.first-try-always",
        rule="TASK-01",
        sentence="Over HTTP it sends try number 1, whatever ECF_TRYNO says.",
        behaviour={"http_request": rewriting(lambda command: replace(command, try_number=1))},
    ),
    Mutant(
        id="TASK-02.sends-the-password",
        rule="TASK-02",
        sentence="It sends path and job password as Basic credentials.",
        behaviour={"http_request": sends_the_password},
    ),
    Mutant(
        id="TASK-03.users-only",
        rule="TASK-03",
        sentence="It uses the token file for user commands only.",
        behaviour={"http_request": users_only},
    ),
    Mutant(
        id="TASK-04.ascii-labels",
        rule="TASK-04",
        sentence="It replaces letters of a label that are not ASCII.",
        behaviour={"http_request": rewriting(without_accents)},
    ),
    Mutant(
        id="TASK-05.no-reason",
        rule="TASK-05",
        sentence="It sends no reason with an abort.",
        behaviour={"http_request": rewriting(without_reason)},
    ),
    Mutant(
        id="TASK-06.ignores-blocks",
        rule="TASK-06",
        sentence="It takes the reply that blocks a zombie for success.",
        behaviour={"next_step": ignores_blocks},
    ),
    Mutant(
        id="TASK-07.fills-in",
        rule="TASK-07",
        sentence="It sends a path and a password of its own making when ECF_NAME or ECF_PASS is missing.",
        behaviour={"task_identity": fills_in},
    ),
    Mutant(
        id="TASK-08.only-one",
        rule="TASK-08",
        sentence="It heeds NO_ECF only with the value 1.",
        behaviour={"wants_no_contact": only_one},
    ),
    Mutant(
        id="TASK-09.any-status",
        rule="TASK-09",
        sentence="It looks at the body whatever the status, and asks again when it cannot read it.",
        behaviour={"accepts_status": any_status},
    ),
    Mutant(
        id="TASK-10.believes-pages",
        rule="TASK-10",
        sentence="It takes a page for an OK.",
        behaviour={"decode": believes_pages},
    ),
    Mutant(
        id="TASK-11.retries",
        rule="TASK-11",
        sentence="It sends the request again when the connection ends without a reply.",
        behaviour={"retries_http": retries},
    ),
    Mutant(
        id="TASK-12.blocks-repeated-aborts",
        rule="TASK-12",
        sentence="A repeated abort is taken for a zombie's.",
        classes={"EcflowServer": BlocksRepeatedAborts},
    ),
    Mutant(
        id="TASK-13.lets-anybody-abort",
        rule="TASK-13",
        sentence="An abort is carried out whatever its password.",
        classes={"EcflowServer": LetsAnybodyAbort},
    ),
    Mutant(
        id="TASK-14.drops-events-when-halted",
        rule="TASK-14",
        sentence="A halted server answers OK to events.",
        classes={"EcflowServer": DropsEventsWhenHalted},
    ),
]
