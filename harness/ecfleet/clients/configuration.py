"""The clients that a project describes: `ecfleet.toml`, or `[tool.ecfleet]` of `pyproject.toml`.

docs/adapters.md lists the keys. Only the working directory is looked at, and `ecfleet.toml` wins.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from ecfleet.clients.builtin import BuiltinClient
from ecfleet.clients.command import CommandClient
from ecfleet.clients.configuration_values import COMMAND_CAPABILITIES, KEYS, Kind
from ecfleet.clients.configured import ConfiguredClient
from ecfleet.clients.contract import (
    TIME_LIMIT,
    Action,
    Capability,
    ClientError,
    ClientUnderTest,
    close_client,
)
from ecfleet.clients.python import PythonClient
from ecfleet.clients.shim import ShimClient
from ecfleet.fleet_description import suggestion
from ecfleet.toml_lines import KeyPath, line_of, line_of_syntax_error
from ecfleet_mocks.model.dialect import DIALECT_5_17, Dialect

__all__ = [
    "FILE",
    "ClientEntry",
    "Configuration",
    "ConfigurationError",
    "find_configuration",
    "read_configuration",
]

FILE: Final = "ecfleet.toml"
PROJECT_FILE: Final = "pyproject.toml"
RESERVED: Final = ("builtin", "mocks")
"""Names that mean something already."""


class ConfigurationError(ClientError):
    """A description of clients is wrong; the message is one line that names file, line and key."""


@dataclass(frozen=True, slots=True)
class ClientEntry:
    """One client as it is described; None and empty are what was left out.

    `directory` is that of the file, which relative paths start from; `where` is file, line and table, for
    messages.
    """

    name: str
    kind: Kind
    where: str
    directory: Path
    command: tuple[str, ...] = ()
    release: str | None = None
    dialect: Dialect | None = None
    capabilities: frozenset[Capability] | None = None
    actions: frozenset[Action] | None = None
    profile: str | None = None
    waivers: tuple[Path, ...] = ()
    inherit: tuple[str, ...] = ()
    time_limit: float = TIME_LIMIT

    def client(self) -> ClientUnderTest:
        """The client, ready to run.

        Raises `ClientError`: there is no such program, or it does not do what is claimed for it here.
        """
        inner = self._inner()
        possible: Collection[Action] = getattr(inner, "actions", tuple(Action))
        capabilities = inner.capabilities if self.capabilities is None else self.capabilities
        actions = possible if self.actions is None else self.actions
        for key, beyond in (
            ("capabilities", sorted(capabilities - inner.capabilities)),
            ("actions", sorted(set(actions) - set(possible))),
        ):
            if beyond:
                close_client(inner)
                raise ConfigurationError(
                    f"{self.where}: {key}: the client itself does not claim {beyond[0]!s}"
                )
        return ConfiguredClient(inner, self.name, capabilities, actions, self.inherit, self.time_limit)

    def _inner(self) -> ClientUnderTest:
        match self.kind:
            case Kind.BUILTIN:
                return BuiltinClient(self.dialect or DIALECT_5_17)
            case Kind.PYTHON:
                interpreter = self._command()
                return PythonClient(
                    interpreter[0] if interpreter else None, words=interpreter[1:], inherited=self.inherit
                )
            case Kind.SHIM:
                return ShimClient(
                    self.command,
                    directory=self.directory,
                    inherited=self.inherit,
                    time_limit=self.time_limit,
                )
            case Kind.COMMAND:
                program, *words = self._command()
                return CommandClient(
                    program,
                    self.release,
                    words=words,
                    name=self.name,
                    capabilities=self.capabilities,
                    dialect=self.dialect,
                )

    def _command(self) -> list[str]:
        """The command for a program that runs in the directory of a sandbox: its paths must be whole ones."""
        words = list(self.command)
        for number, word in enumerate(words):
            if word.startswith(("./", "../")) or (number == 0 and "/" in word and not word.startswith("~")):
                words[number] = str((self.directory / word).absolute())
        return words


@dataclass(frozen=True, slots=True)
class Configuration:
    """The clients described in a file, by name, in its order."""

    path: Path
    clients: Mapping[str, ClientEntry]


def find_configuration(directory: Path | None = None) -> Configuration | None:
    """What `ecfleet.toml`, or else `pyproject.toml`, describes in `directory` (default: the working one).

    None when there is neither, or the second has no table [tool.ecfleet]. Raises `ConfigurationError`.
    """
    directory = Path() if directory is None else directory
    for name in (FILE, PROJECT_FILE):
        if (directory / name).is_file():
            found = read_configuration(directory / name)
            if found is not None:
                return found
    return None


def read_configuration(path: Path) -> Configuration | None:
    """What a file describes; None for a `pyproject.toml` without [tool.ecfleet].

    Raises `ConfigurationError` when it cannot be read or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: is no UTF-8 text") from None
    return parse_configuration(text, path)


def parse_configuration(text: str, path: Path) -> Configuration | None:
    """As `read_configuration`, for a file that is not written yet."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, problem = line_of_syntax_error(text, error)
        raise ConfigurationError(f"{path}:{line}: no TOML: {problem}") from None
    return _Reader(path, text, document).configuration()


class _Reader:
    def __init__(self, path: Path, text: str, document: dict[str, Any]) -> None:
        self.path = path
        self.text = text
        self.document = document

    def configuration(self) -> Configuration | None:
        at: KeyPath = ()
        if self.path.name == PROJECT_FILE:
            at = ("tool", "ecfleet")
            tools = self.document.get("tool")
            if not isinstance(tools, dict) or "ecfleet" not in tools:
                return None
        for key in self.table(at):
            self.known((*at, key), ("clients",))
        names = self.table((*at, "clients"))
        return Configuration(self.path, {name: self.entry((*at, "clients", name)) for name in names})

    def entry(self, at: KeyPath) -> ClientEntry:
        name = str(at[-1])
        if name in RESERVED:
            self.wrong(at, f"the name {name!r} is taken: choose another")
        if not name or not name.isprintable() or any(letter.isspace() or letter == "/" for letter in name):
            self.wrong(at, f"a client's name has neither blanks nor '/': {name!r}")
        table = self.table(at)
        if "kind" not in table:
            self.wrong(at, f"'kind' is missing: one of {', '.join(Kind)}")
        values = {}
        for key, value in table.items():
            self.known((*at, key), KEYS)
            try:
                values[key] = KEYS[key].read(value, self.path.parent)
            except ValueError as error:
                self.wrong((*at, key), str(error))
        kind: Kind = values.pop("kind")
        for key in values:
            if kind not in KEYS[key].kinds:
                self.wrong((*at, key), f"is not for kind {kind!s}")
        if "command" not in values and kind in (Kind.COMMAND, Kind.SHIM):
            self.wrong(at, "'command' is missing: the program and its first arguments")
        beyond = sorted(values.get("capabilities", frozenset()) - COMMAND_CAPABILITIES)
        if kind is Kind.COMMAND and beyond:
            self.wrong(
                (*at, "capabilities"), f"no option of a command line client is for {beyond[0]!s}: use a shim"
            )
        directory = self.path.parent.absolute()
        return ClientEntry(
            name, kind, f"{self.path}:{line_of(self.text, at)}: clients.{name}", directory, **values
        )

    def table(self, at: KeyPath) -> dict[str, Any]:
        """The table at a path; empty when there is none."""
        value: Any = self.document
        for step in at:
            value = value.get(step, {})
        if not isinstance(value, dict):
            self.wrong(at, f"must be a table, [{'.'.join(map(str, at))}]")
        return value

    def known(self, at: KeyPath, names: Collection[str]) -> None:
        """Whether the last step of a path is one of these."""
        key = str(at[-1])
        if key not in names:
            self.wrong(at, f"unknown key{suggestion(key, names)}")

    def wrong(self, at: KeyPath, problem: str) -> NoReturn:
        key = ".".join(map(str, at)) or "clients"
        raise ConfigurationError(f"{self.path}:{line_of(self.text, at)}: {key}: {problem}") from None
