"""From a call to the command on the wire, with the checks that a client makes before any contact."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

from ecfleet.clients.contract import TASK_ACTIONS, Action, Call
from ecfleet.clients.failures import Fatal
from ecfleet.clients.surroundings import TaskIdentity
from ecfleet_mocks.model.definition_parse import parse_definition
from ecfleet_mocks.model.definition_print import definition_text
from ecfleet_mocks.wire import (
    AbortCmd,
    BeginCmd,
    Command,
    CompleteCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    CtsWaitCmd,
    DeleteCmd,
    EventCmd,
    InitCmd,
    LabelCmd,
    LoadDefsCmd,
    MeterCmd,
    QueueCmd,
    ServerVersionCmd,
    Variable,
)

__all__ = ["Asked", "argument_error", "definition_to_send", "login_name", "make_command"]

_QUEUE_ACTIONS = ("active", "aborted", "complete", "no_of_aborted", "reset")


class Asked:
    """A command, and how messages show it: normalised, not as it was typed (seen on 5.9.2 and 5.17.0)."""

    __slots__ = ("command", "shown")

    def __init__(self, command: Command, shown: str) -> None:
        self.command = command
        self.shown = shown


def login_name() -> str:
    """The name of the user whose process this is, as ecFlow's clients find it (not by USER or LOGNAME)."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def argument_error(text: str) -> Fatal:
    """The heading under which the released clients report wrong arguments, exit status 1."""
    return Fatal(f"ecflow_client: Caught exception whilst parsing arguments:\n{text}\n")


def definition_to_send(text: str, version: str) -> str:
    """A definition file in the network style, as a client of release `version` sends it.

    Raises `DefinitionError`, a ValueError, when the text is no definition.
    """
    definition = parse_definition(text)
    definition.version = version
    return definition_text(definition)


def make_command(
    call: Call,
    *,
    host: str,
    user: str,
    identity: TaskIdentity,
    directory: Path,
    definition_to_send: Callable[[str, str], str],
    version: str,
) -> Asked:
    """The command of a call. Raises `Fatal` for what a client refuses without asking the server."""
    if call.action in TASK_ACTIONS:
        return _task_command(call, host, identity)
    arguments = list(call.arguments)
    action = call.action
    match action:
        case Action.PING | Action.STATS | Action.SUITES:
            api = {Action.PING: CtsApi.PING, Action.STATS: CtsApi.STATS, Action.SUITES: CtsApi.SUITES}[action]
            _at_most(arguments, 0, action)
            return Asked(CtsCmd(api, host=host, user=user), f"--{action}")
        case Action.SERVER_VERSION:
            _at_most(arguments, 0, action)
            return Asked(ServerVersionCmd(host=host, user=user), "--server_version")
        case Action.GET | Action.GET_STATE:
            node_api = CtsNodeApi.GET if action is Action.GET else CtsNodeApi.GET_STATE
            _at_most(arguments, 1, action)
            path = arguments[0] if arguments else ""
            shown = f"--{action}={path}" if path else f"--{action}"
            return Asked(CtsNodeCmd(node_api, path, host=host, user=user), shown)
        case Action.BEGIN:
            return _begin(arguments, host, user)
        case Action.DELETE:
            return _delete(arguments, host, user)
        case Action.LOAD:
            return _load(arguments, host, user, directory, lambda text: definition_to_send(text, version))
        case _:
            raise argument_error(f"{action} is no command for an ecFlow server")


def _at_most(arguments: list[str], count: int, action: Action) -> None:
    if len(arguments) > count:
        raise argument_error(f"{action}: at most {count} arguments expected, found {len(arguments)}")


def _begin(arguments: list[str], host: str, user: str) -> Asked:
    force = "force" in arguments
    if force:
        arguments.remove("force")
    _at_most(arguments, 1, Action.BEGIN)
    suite = arguments[0] if arguments else ""
    value = " ".join(word for word in (suite, "--force" if force else "") if word)
    shown = f"--begin={value}" if value else "--begin"
    return Asked(BeginCmd(suite, force, host=host, user=user), shown)


def _delete(arguments: list[str], host: str, user: str) -> Asked:
    force = arguments[:1] == ["force"]
    paths = arguments[force:]
    if paths == ["_all_"]:
        shown = "--delete _all_ force yes" if force else "--delete _all_ yes"
        return Asked(DeleteCmd((), force, host=host, user=user), shown)
    if not paths or not all(path.startswith("/") for path in paths):
        raise argument_error("Delete: No paths specified. Paths must begin with a leading '/' character\n")
    shown = " ".join(["--delete", *(["force"] if force else []), "yes", *paths])
    return Asked(DeleteCmd(tuple(paths), force, host=host, user=user), shown)


def _load(
    arguments: list[str], host: str, user: str, directory: Path, definition_to_send: Callable[[str], str]
) -> Asked:
    force = arguments[1:] == ["force"]
    if not arguments or (len(arguments) > 1 and not force):
        raise argument_error(
            "LoadDefsCmd: expected the path of a definition file, and at most the word force"
        )
    name = arguments[0]
    heading = f"\nLoadDefsCmd::LoadDefsCmd. Failed to parse file/definition {name}\n"
    try:
        text = (directory / name).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        raise argument_error(heading) from None
    try:
        definition = definition_to_send(text)
    except ValueError as problem:
        raise argument_error(f"{heading}{problem}\n") from None
    return Asked(LoadDefsCmd(definition, name, force, host=host, user=user), f"--load={name}")


def _task_command(call: Call, host: str, identity: TaskIdentity) -> Asked:
    names = {Action.WAIT: "CtsWaitCmd"}
    name = names.get(call.action, f"{call.action.capitalize()}Cmd")
    if not identity.path:
        raise argument_error(f"{name}: No task path specified for ECF_NAME \n")
    if not identity.password:
        raise argument_error(f"{name}: No jobs password specified for ECF_PASS \n")
    arguments = list(call.arguments)
    remote_id = identity.remote_id
    if call.action is Action.INIT:
        if not arguments:
            raise argument_error("InitCmd: the process or remote id is missing")
        if remote_id and remote_id != arguments[0]:
            raise argument_error(
                f"remote id({arguments[0]}) passed as an argument, not the same the client environment"
                f" ECF_RID({remote_id})"
            )
        remote_id = arguments.pop(0)

    path, password, number = identity.path, identity.password, identity.try_number

    def asked(build: Callable[..., Command], shown: str, *values: object) -> Asked:
        command = build(
            *values, host=host, path=path, jobs_password=password, remote_id=remote_id, try_number=number
        )
        return Asked(command, f"chd:{shown} {path}")

    match call.action:
        case Action.INIT:
            return asked(InitCmd, "init", _variables(arguments))
        case Action.COMPLETE:
            return asked(CompleteCmd, "complete", tuple(arguments))
        case Action.ABORT:
            reason = " ".join(arguments).replace("\n", "").replace(";", " ")
            return asked(AbortCmd, f"abort {reason}".rstrip(), reason)
        case Action.EVENT:
            event, value = _event(arguments)
            return asked(EventCmd, f"event {event} {int(value)}", event, value)
        case Action.METER:
            meter, number_shown = _meter(arguments)
            return asked(MeterCmd, f"meter {meter} {number_shown}", meter, number_shown)
        case Action.LABEL:
            if len(arguments) < 2:
                raise argument_error("LabelCmd: At least 2 arguments expected: <label-name> <label-value>\n")
            label = " ".join(arguments[1:])
            return asked(LabelCmd, f"label {arguments[0]} '{label}'", arguments[0], label)
        case Action.QUEUE:
            queue, action, step, where = _queue(arguments)
            shown = (
                f"queue {queue} {action} {step} {where}".rstrip(" ")
                if where
                else f"queue {queue} {action} {step}"
            )
            return asked(QueueCmd, shown, queue, action, step, where)
        case _:
            expression = " ".join(arguments)
            if not expression:
                raise argument_error("CtsWaitCmd: the expression is missing")
            return asked(CtsWaitCmd, f"wait {expression}", expression)


def _variables(arguments: list[str]) -> tuple[Variable, ...]:
    made: list[Variable] = []
    for text in arguments:
        name, separator, value = text.partition("=")
        if not name or not separator:
            raise argument_error(
                "Could not parse variable provided to --add; Expected  var1=value1 var2=value2"
                f" but found {text}"
            )
        made.append(Variable(name, value))
    return tuple(made)


def _event(arguments: list[str]) -> tuple[str, bool]:
    if not arguments or len(arguments) > 2:
        raise argument_error(f"EventCmd: one or two arguments expected, found {len(arguments)}")
    word = arguments[1] if len(arguments) == 2 else "set"
    if word not in ("set", "clear"):
        raise argument_error(f"EventCmd: The second argument must be [ set | clear ] but found {word}")
    return arguments[0], word == "set"


def _meter(arguments: list[str]) -> tuple[str, int]:
    if len(arguments) != 2:
        raise argument_error(
            f"MeterCmd: Two arguments expected, found {len(arguments)}"
            " Please specify <meter-name> <meter-value>, i.e. --meter=name 100\n"
        )
    try:
        return arguments[0], int(arguments[1])
    except ValueError:
        raise argument_error("MeterCmd: Second argument must be a integer, i.e. --meter=name 100\n") from None


def _queue(arguments: list[str]) -> tuple[str, str, str, str]:
    """Name, action, step, path of the node; a last argument that begins with a slash is the path."""
    if len(arguments) < 2 or arguments[1] not in _QUEUE_ACTIONS:
        raise argument_error(
            "QueueCmd: incorrect argument specified, expected at least two arguments: <queue-name>"
            f" [{' | '.join(_QUEUE_ACTIONS)}] step <path to node with queue>(optional)\n"
        )
    name, action, *rest = arguments
    where = rest.pop() if rest and rest[-1].startswith("/") else ""
    if len(rest) > 1 or (action in ("aborted", "complete")) != bool(rest):
        raise argument_error(
            "QueueCmd: a step must be provided with aborted and complete, and with nothing else\n"
        )
    return name, action, rest[0] if rest else "", where
