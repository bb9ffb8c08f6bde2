"""The lines that a shim is sent, and what its answers mean. docs/adapters.md is the contract in words.

Nothing here starts, reads or waits: a line of JSON is made from a call, and an answer from a line of JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ecfleet.clients.contract import LOG_ACTIONS, TASK_ACTIONS, USER_ACTIONS, Action, Call, Capability
from ecfleet.fleet_description import suggestion
from ecfleet_mocks.model.dialect import DIALECT_5_17, DIALECTS, Dialect

if TYPE_CHECKING:
    from ecfleet.sandbox import Sandbox

__all__ = [
    "CONTRACT",
    "Answer",
    "Hello",
    "Nonsense",
    "Unable",
    "actions_of",
    "described",
    "excerpt",
    "hello_request",
    "read_answer",
    "read_hello",
    "run_request",
]

CONTRACT: Final = 1
"""The number of the contract that docs/adapters.md describes; a shim may refuse one it does not know."""

_TRANSPORTS: Final = frozenset({Capability.TCP, Capability.SSL, Capability.HTTP, Capability.HTTPS})

E = TypeVar("E", bound=StrEnum)


class Nonsense(ValueError):
    """A line is no answer as the contract has it; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a shim tells about its client. `actions` are those it can do, each within its capabilities."""

    name: str
    release: str
    dialect: Dialect
    capabilities: frozenset[Capability]
    actions: frozenset[Action]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call; the fields are those of `Outcome`."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    fetched: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Unable:
    """The shim says that its client cannot do the call, and why."""

    reason: str


def actions_of(capabilities: Collection[Capability]) -> frozenset[Action]:
    """All actions that a client with these capabilities could have."""
    actions: set[Action] = set()
    if _TRANSPORTS & set(capabilities):
        actions |= USER_ACTIONS
        if Capability.TASKS in capabilities:
            actions |= TASK_ACTIONS
    if Capability.LOG_FETCH in capabilities:
        actions |= LOG_ACTIONS
    return frozenset(actions)


def hello_request(number: int) -> bytes:
    """The first line that a shim is sent."""
    return _line({"id": number, "request": "hello", "contract": CONTRACT})


def run_request(number: int, call: Call, sandbox: Sandbox, timeout: float) -> bytes:
    """The line that asks for a call: all that decides what the client does is in it."""
    return _line(
        {"id": number, "request": "run", **_described(call), **_surroundings(call, sandbox, timeout)}
    )


def described(call: Call) -> str:
    """A call in a line of JSON for people, without its environment and its password."""
    if call.socks is not None and call.socks.password:
        call = replace(call, socks=replace(call.socks, password="***"))
    return json.dumps({"request": "run", **_described(call)}, ensure_ascii=False)


def _described(call: Call) -> dict[str, Any]:
    socks = call.socks
    return {
        "action": call.action,
        "arguments": list(call.arguments),
        "host": call.host,
        "port": call.port,
        "transport": call.transport,
        "disable_ssl": call.disable_ssl,
        "socks": None
        if socks is None
        else {
            "host": socks.host,
            "port": socks.port,
            "version": socks.version,
            "user": socks.user,
            "password": socks.password,
        },
    }


def _surroundings(call: Call, sandbox: Sandbox, timeout: float) -> dict[str, Any]:
    return {
        "environment": sandbox.environment | dict(call.environment),
        "home": str(sandbox.home),
        "cwd": str(sandbox.cwd),
        "time_limit": timeout,
    }


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


# --- answers ------------------------------------------------------------------------------------------


def read_hello(line: bytes, number: int) -> Hello:
    """What the answer to the hello says. Raises `Nonsense`."""
    told = _object(line, number, {"name", "release", "dialect", "capabilities", "actions"})
    capabilities = _names(told, "capabilities", Capability)
    possible = actions_of(capabilities)
    actions = _names(told, "actions", Action) if "actions" in told else possible
    if not capabilities:
        raise Nonsense("'capabilities' is empty: a client that can do nothing cannot be checked")
    if not possible:
        raise Nonsense(f"'capabilities' has none of {_listed(_TRANSPORTS)} or {Capability.LOG_FETCH}")
    for action in sorted(actions - possible):
        needs = Capability.TASKS if action in TASK_ACTIONS else Capability.LOG_FETCH
        raise Nonsense(f"'actions' has {action!s}, which needs the capability {needs!s}")
    for capability, among in ((Capability.TASKS, TASK_ACTIONS), (Capability.LOG_FETCH, LOG_ACTIONS)):
        if capability in capabilities and not actions & among:
            raise Nonsense(f"'capabilities' has {capability!s}, but 'actions' has none of {_listed(among)}")
    speaks = told.get("dialect", DIALECT_5_17.name)
    if speaks not in DIALECTS:
        raise Nonsense(f"'dialect' must be one of {', '.join(DIALECTS)}, and not {speaks!r}")
    return Hello(_text(told, "name"), _text(told, "release"), DIALECTS[speaks], capabilities, actions)


def read_answer(line: bytes, number: int) -> Answer | Unable:
    """What the answer to a run request says. Raises `Nonsense`."""
    told = _object(line, number, {"exit_code", "stdout", "stderr", "fetched", "unimplemented"})
    if "unimplemented" in told:
        if len(told) > 1:
            raise Nonsense("'unimplemented' stands beside other keys: it is an answer by itself")
        return Unable(_text(told, "unimplemented"))
    code = told.get("exit_code")
    if type(code) is not int or not 0 <= code <= 255:
        seen = f"and not {_shown(code)}" if "exit_code" in told else "and is missing"
        raise Nonsense(f"'exit_code' must be a whole number from 0 to 255, {seen}")
    for key in ("stdout", "stderr"):
        if not isinstance(told.get(key, ""), str):
            raise Nonsense(f"{key!r} must be a text, and not {_shown(told[key])}")
    fetched = told.get("fetched")
    if fetched is not None:
        try:
            fetched = base64.b64decode(fetched, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Nonsense("'fetched' must be base64 in one piece") from None
    return Answer(code, told.get("stdout", ""), told.get("stderr", ""), fetched)


def _object(line: bytes, number: int, known: Collection[str]) -> dict[str, Any]:
    """The members of an answer without its id."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        raise Nonsense(f"it is no JSON: {excerpt(line)}") from None
    if not isinstance(told, dict):
        raise Nonsense(f"it is no JSON object: {excerpt(line)}")
    if told.pop("id", None) != number:
        raise Nonsense(f"its 'id' is not {number}, that of the request: {excerpt(line)}")
    for key in told:
        if key not in known:
            raise Nonsense(f"unknown key {key!r}{suggestion(key, sorted(known))}")
    return told


def excerpt(line: bytes) -> str:
    """The beginning of a line, for a message."""
    text = line.decode("utf-8", errors="backslashreplace").strip()
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        seen = f"and not {_shown(value)}" if key in told else "and is missing"
        raise Nonsense(f"{key!r} must be a text in one line, {seen}")
    return value.strip()


def _names(told: Mapping[str, Any], key: str, among: type[E]) -> frozenset[E]:
    values = told.get(key)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        seen = f"and not {_shown(values)}" if key in told else "and is missing"
        raise Nonsense(f"{key!r} must be an array of names, {seen}")
    for value in values:
        if value not in list(among):
            raise Nonsense(
                f"{key!r} has {value!r}, which is unknown{suggestion(value, list(map(str, among)))}"
            )
    return frozenset(map(among, values))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
