"""`ecfleet init`: tries a client on mocks and describes it in a new ecfleet.toml."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from ecfleet.clients import python
from ecfleet.clients.builtin import BuiltinClient
from ecfleet.clients.command import CommandClient
from ecfleet.clients.configuration import (
    FILE,
    PROJECT_FILE,
    RESERVED,
    ConfigurationError,
    parse_configuration,
    read_configuration,
)
from ecfleet.clients.configuration_values import COMMAND_CAPABILITIES, Kind
from ecfleet.clients.contract import (
    LOG_ACTIONS,
    Action,
    Capability,
    ClientError,
    ClientNotFound,
    ClientUnderTest,
    close_client,
)
from ecfleet.clients.find import find_clients
from ecfleet.clients.probe import TRANSPORTS, Finding, try_action, try_capability
from ecfleet.clients.python import PythonClient
from ecfleet.clients.shim import ShimClient
from ecfleet.fleet_description import suggestion
from ecfleet.verdicts import ExitStatus

__all__ = ["Wanted", "initialise"]

HELLO_LIMIT: Final = 10.0
"""Seconds that a program has to answer the hello of a shim."""

UNKNOWN: Final = "unknown"
"""The release of a program that tells none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to describe: a command (empty: every real client found), under which name, of which kind.

    Empty is what shall be found out.
    """

    client: str = ""
    name: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A client and what it showed. `claims` is false for a program that cannot say what it can do."""

    kind: Kind
    command: tuple[str, ...]
    client: ClientUnderTest
    claims: bool = True
    findings: dict[Capability, Finding | None] = field(default_factory=dict)
    actions: frozenset[Action] | None = None

    @property
    def shown(self) -> frozenset[Capability]:
        """The capabilities that it has shown."""
        return frozenset(
            able for able, finding in self.findings.items() if finding is not None and finding.shown
        )

    @property
    def lies(self) -> list[str]:
        """Claims that are not true, a line each."""
        if not self.claims:
            return []
        claimed = self.client.capabilities
        lies = [
            f"it claims {able} and answers {finding.said}"
            for able, finding in self.findings.items()
            if able in claimed and finding is not None and finding.refused
        ]
        return lies + [f"it does not claim {able}, and has it" for able in sorted(self.shown - claimed)]


def initialise(
    wanted: Wanted, out: TextIO, *, force: bool = False, directory: Path | None = None
) -> ExitStatus:
    """Try the client, say what it showed, and write `ecfleet.toml` into `directory` (the working directory).

    The file is there as a whole or not at all, and one that is there is replaced with `force` only. Raises
    `ClientError`, one line, when there is no such client or the file cannot be written.
    """
    directory = Path.cwd() if directory is None else directory
    _check_place(directory, force=force)
    clients = _clients(wanted, directory)
    names = _names([wanted.name or one.client.name for one in clients])
    tried = []
    try:
        for one, name in zip(clients, names, strict=True):
            print(f"{name}: {_introduction(one)}", file=out)
            one = _try(one, out)
            tried.append((name, one))
    finally:
        for one in clients:
            close_client(one.client)
    _write(directory / FILE, _document(tried), force=force)
    lies = [f"{name}: {lie}" for name, one in tried for lie in one.lies]
    for lie in lies:
        print(f"not true: {lie}", file=out)
    print(f"wrote {FILE}; now run: ecfleet check --client {shlex.quote(names[0])}", file=out)
    return ExitStatus.FAILED if lies else ExitStatus.OK


def _check_place(directory: Path, *, force: bool) -> None:
    if (directory / FILE).exists() and not force:
        raise ConfigurationError(f"{FILE} is there already: --force replaces it")
    project = directory / PROJECT_FILE
    if project.is_file() and read_configuration(project) is not None:
        raise ConfigurationError(
            f"{PROJECT_FILE} has a table [tool.ecfleet] already: describe the client there"
        )


# --- which client -------------------------------------------------------------------------------------


def _clients(wanted: Wanted, directory: Path) -> list[Tried]:
    if wanted.kind and wanted.kind not in list(Kind):
        raise ConfigurationError(
            f"--kind: unknown kind {wanted.kind!r}{suggestion(wanted.kind, list(map(str, Kind)))}"
        )
    if wanted.name in RESERVED or re.search(r"[\s/]", wanted.name) or not wanted.name.isprintable():
        raise ConfigurationError(f"--name: {wanted.name!r} is taken, or has a blank or '/' in it")
    if not wanted.client:
        if wanted.kind or wanted.name:
            raise ConfigurationError("--name and --kind are about a client: give --client COMMAND")
        found = find_clients() or [BuiltinClient()]
        return [_found_by_itself(client) for client in found]
    if wanted.client == "builtin":
        return [Tried(Kind.BUILTIN, (), BuiltinClient())]
    if wanted.client == python.NAME:
        return [Tried(Kind.PYTHON, (), PythonClient())]
    try:
        command = tuple(shlex.split(wanted.client))
    except ValueError as error:
        raise ConfigurationError(f"--client: {wanted.client!r}: {error}") from None
    if not command:
        raise ConfigurationError("--client: names no program")
    return [_asked(command, wanted.kind, directory)]


def _found_by_itself(client: ClientUnderTest) -> Tried:
    match client:
        case CommandClient():
            return Tried(Kind.COMMAND, (client.name,), client)
        case PythonClient():
            return Tried(Kind.PYTHON, (), client)
    return Tried(Kind.BUILTIN, (), client)


def _asked(command: tuple[str, ...], kind: str, directory: Path) -> Tried:
    """What kind of client a command is: it tells a release, answers as a shim, or has the module."""
    match kind:
        case Kind.SHIM:
            return Tried(Kind.SHIM, command, _shim(command, directory))
        case Kind.PYTHON:
            return Tried(Kind.PYTHON, command, PythonClient(command[0], words=command[1:]))
        case Kind.COMMAND:
            return _command(command, directory)
        case Kind.BUILTIN:
            raise ConfigurationError("--kind builtin has no command: give --client builtin")
    problems = []
    for guess in _guesses(command):
        try:
            return _asked(command, guess, directory)
        except ClientNotFound as error:
            if shutil.which(_path(command[0], directory)) is None:
                raise
            problems.append(str(error))
        except ClientError as error:
            problems.append(str(error))
    raise ConfigurationError(
        f"{shlex.join(command)}: what kind of client is it? {'; '.join(problems)}; --kind decides, and "
        "docs/adapters.md describes the kinds"
    )


def _guesses(command: tuple[str, ...]) -> tuple[Kind, ...]:
    if len(command) == 1 and re.match(r"python[\d.]*$", Path(command[0]).name):
        return (Kind.PYTHON,)
    return (Kind.SHIM, Kind.COMMAND)


def _shim(command: tuple[str, ...], directory: Path) -> ClientUnderTest:
    return ShimClient(command, directory=directory, time_limit=HELLO_LIMIT)


def _command(command: tuple[str, ...], directory: Path) -> Tried:
    """A program with the options of ecflow_client; one that tells no release has to show what it can do."""
    program = _path(command[0], directory)
    words = [_path(word, directory) if word.startswith(("./", "../")) else word for word in command[1:]]
    try:
        return Tried(Kind.COMMAND, command, CommandClient(program, words=words))
    except ClientNotFound:
        raise
    except ClientError:
        client = CommandClient(program, UNKNOWN, words=words, capabilities=COMMAND_CAPABILITIES)
        return Tried(Kind.COMMAND, command, client, claims=False)


def _path(word: str, directory: Path) -> str:
    return str(directory / word) if os.sep in word and not word.startswith("~") else word


def _names(wanted: list[str]) -> list[str]:
    """Names that can stand in a file: without blanks and '/', and none twice."""
    names: list[str] = []
    for text in wanted:
        name = re.sub(r"[^\w.+-]+", "-", text).strip("-") or "client"
        if name in RESERVED:
            name = f"my-{name}"
        names.append(name)
    return (
        list(dict.fromkeys(names))
        if len(set(names)) == len(names)
        else [f"{n}-{i}" for i, n in enumerate(names)]
    )


# --- what it can do -----------------------------------------------------------------------------------


def _introduction(one: Tried) -> str:
    how = {
        Kind.COMMAND: "a program with the options of ecflow_client",
        Kind.PYTHON: "the Python module ecflow",
        Kind.SHIM: "a shim",
        Kind.BUILTIN: "the client that comes with ecfleet",
    }[one.kind]
    return f"{how}, release {one.client.release}"


def _try(one: Tried, out: TextIO) -> Tried:
    claimed = one.client.capabilities
    findings: dict[Capability, Finding | None] = {}
    for able in Capability:
        # Only a shim can be asked for what it does not claim; and what does not claim shows as it goes on.
        if able not in claimed and not hasattr(one.client, "attempt"):
            continue
        having = (
            claimed if one.claims else [able for able, found in findings.items() if found and found.shown]
        )
        finding = findings[able] = try_capability(one.client, able, having)
        said = "not tried" if finding is None else finding.said
        claim = ("claimed, " if able in claimed else "not claimed, ") if one.claims else ""
        print(f"  {able:<12} {claim}{said}", file=out)
    tried = Tried(one.kind, one.command, one.client, one.claims, findings)
    if one.claims:
        return tried
    if not tried.shown:
        raise ConfigurationError(
            f"{shlex.join(one.command)}: neither tells a release with --version nor does a thing on a mock "
            "with the options of ecflow_client: see docs/adapters.md"
        )
    carrier = next(TRANSPORTS[able] for able in TRANSPORTS if able in tried.shown)
    has = frozenset(
        action
        for action in Action
        if action not in LOG_ACTIONS and try_action(one.client, action, carrier).shown
    )
    print(f"  actions      {', '.join(sorted(has))}", file=out)
    return Tried(one.kind, one.command, one.client, one.claims, findings, has)


# --- the file -----------------------------------------------------------------------------------------


def _document(tried: Iterable[tuple[str, Tried]]) -> str:
    parts = [
        "# The clients that `ecfleet check` tests here; docs/adapters.md of ecfleet describes the keys.\n"
        "# The same can stand in pyproject.toml, as [tool.ecfleet.clients.NAME].\n"
    ]
    parts += [_table(name, one) for name, one in tried]
    return "\n".join(parts)


def _table(name: str, one: Tried) -> str:
    key = name if re.fullmatch(r"[\w-]+", name, re.ASCII) else json.dumps(name)
    lines = [f"[clients.{key}]", f"kind = {_text(one.kind)}"]
    if one.command:
        lines.append(f"command = {_array(one.command)}")
    elif one.kind is Kind.PYTHON:
        lines.append('# command = ["/usr/bin/python3"]   # the interpreter that has the module ecflow')
    if one.claims:
        lines += [
            "# What it claims itself; name fewer to leave rules out, which are then not applicable.",
            f"# capabilities = {_array(_in_order(one.client.capabilities))}",
        ]
    else:
        lines += [
            f"release = {_text(one.client.release)}   # it tells none itself",
            "# What it showed on mocks; the rest is not applicable to it.",
            f"capabilities = {_array(_in_order(one.shown))}",
            f"actions = {_array(sorted(one.actions or ()))}",
        ]
    for able, finding in one.findings.items():
        claimed = able in one.client.capabilities if one.claims else False
        if claimed and (finding is None or not finding.shown):
            said = "not tried" if finding is None else finding.said
            lines.append(f"#   {able}: {said}")
    lines += [
        '# profile = "ecflow_client-5.9.2"   # known deviations: a shipped profile, or a file *.toml',
        '# waivers = ["waivers.toml"]        # deviations that are accepted here, each with an expiry',
    ]
    if one.kind is not Kind.BUILTIN:
        lines.append('# inherit = ["JAVA_HOME"]           # variables of this environment that it needs')
    lines.append("# time_limit = 30                   # seconds for a call")
    return "\n".join(" ".join(line.splitlines()) for line in lines) + "\n"


def _in_order(capabilities: Collection[Capability]) -> list[str]:
    return [str(able) for able in Capability if able in capabilities]


def _text(value: str) -> str:
    """A TOML basic string."""
    return json.dumps(value, ensure_ascii=False)


def _array(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _write(path: Path, text: str, *, force: bool) -> None:
    """The whole file or none: it is written beside its place, and moved there when it is right."""
    parse_configuration(text, path)
    beside = None
    try:
        descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(beside, 0o666 & ~_umask())
        if force:
            os.replace(beside, path)
        else:
            # Unlike a replacement, a link fails when another has come first.
            os.link(beside, path)
    except FileExistsError:
        raise ConfigurationError(f"{path.name} is there already: --force replaces it") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        if beside is not None and os.path.exists(beside):
            os.unlink(beside)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
