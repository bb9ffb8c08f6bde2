"""A fleet as a TOML file: hosts, then services, each with the keywords that :class:`Fleet` has for it.

    [hosts.machine1]
    aliases = ["machine1.ecmwf.int"]

    [[ecflow_server]]
    name = "operations"
    host = "machine1"
    plain = 3141            # a port; 0 or true for a free one, false for no such listener
    definition = "suite.def"

Paths are relative to the file.  Every mistake is one line that names file, line and key.
"""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Collection, Iterator, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from ecfleet.fleet import Fleet, FleetError
from ecfleet.fleet_description import suggestion
from ecfleet.hosts import HostsError
from ecfleet.toml_lines import KeyPath, line_of, line_of_syntax_error
from ecfleet.topology_values import FLEET, HOST, SERVICES, Key
from ecfleet_mocks.journal import Journal
from ecfleet_mocks.service import Service, ServiceError

__all__ = ["TopologyError", "load"]


class TopologyError(ValueError):
    """A topology file is wrong: ``FILE:LINE: key: problem``, in one line."""


def load(
    path: str | PathLike[str],
    *,
    journal: Journal | None = None,
    classes: Mapping[str, type[Any]] = MappingProxyType({}),
) -> Fleet:
    """The fleet that a topology file describes, not yet started.

    :param journal: as for :class:`Fleet`, as are the ``classes``.
    :raises TopologyError: when the file cannot be read or is wrong.
    :raises OneLoopbackAddress: when the fleet needs more loopback addresses than this platform has.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise TopologyError(f"{path}: no UTF-8 text, so no topology") from None
    except OSError as error:
        raise TopologyError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, problem = line_of_syntax_error(text, error)
        raise TopologyError(f"{path}:{line}: no TOML: {problem}") from None
    return _Topology(str(path), text, file.resolve().parent, document).fleet(journal, classes)


class _Topology:
    def __init__(self, shown: str, text: str, directory: Path, document: dict[str, Any]) -> None:
        self.shown = shown
        self.text = text
        self.directory = directory
        self.document = document

    def fleet(self, journal: Journal | None, classes: Mapping[str, type[Any]]) -> Fleet:
        for name in self.document:
            self.known((name,), ("fleet", "hosts", *SERVICES))
        fleet = Fleet(journal=journal, classes=classes, **self.table(("fleet",), FLEET))
        for name in self.section(("hosts",)):
            at: KeyPath = ("hosts", name)
            aliases = self.table(at, HOST).get("aliases", [])
            with self.telling(at):
                fleet.host(name, *aliases)
        paths: dict[str, KeyPath] = {}
        for kind, keys in SERVICES.items():
            for number, _ in enumerate(self.array(kind)):
                at = (kind, number)
                options = self.table(at, keys)
                if "host" in options and options["host"].lower() not in fleet.names:
                    unknown = options["host"]
                    self.wrong((*at, "host"), f"unknown host {unknown!r}{suggestion(unknown, fleet.hosts)}")
                with self.telling(at):
                    service: Service = getattr(fleet, kind)(**options)
                    paths[service.name] = at
        try:
            fleet.check()
        except FleetError as error:
            at = paths.get(error.service or "", ())
            self.wrong(self.option(at, error), str(error))
        return fleet

    def section(self, at: KeyPath) -> Mapping[str, Any]:
        """The table at a path; empty when there is none."""
        value: Any = self.document
        for step in at:
            value = value.get(step, {}) if isinstance(value, dict) else value[step]
        if not isinstance(value, dict):
            header = f"[[{at[0]}]]" if isinstance(at[-1], int) else f"[{'.'.join(map(str, at))}]"
            self.wrong(at, f"must be a table, {header}, not {value!r}")
        return value

    def array(self, kind: str) -> list[Any]:
        value = self.document.get(kind, [])
        if not isinstance(value, list):
            self.wrong((kind,), f"must be in double brackets, [[{kind}]], as there can be several")
        return value

    def table(self, at: KeyPath, keys: Mapping[str, Key]) -> dict[str, Any]:
        """The values of a table by keyword, read and checked."""
        found = self.section(at)
        options: dict[str, Any] = {}
        for name, value in found.items():
            self.known((*at, name), keys)
            key = keys[name]
            try:
                options[key.keyword or name] = key.read(value, self.directory)
            except ValueError as error:
                self.wrong((*at, name), str(error))
        for name, key in keys.items():
            if key.needed and name not in found:
                self.wrong((*at, name), "is missing")
        return options

    def known(self, at: KeyPath, names: Collection[str]) -> None:
        """Whether the last step of a path is one of these."""
        key = str(at[-1])
        if key not in names:
            self.wrong(at, f"unknown key{suggestion(key, names)}")

    @contextlib.contextmanager
    def telling(self, at: KeyPath) -> Iterator[None]:
        """What goes wrong in here is told with the line of the table or, where it is known, of the key."""
        try:
            yield
        except FleetError as error:
            self.wrong(self.option(at, error), str(error))
        except (HostsError, ServiceError, ValueError) as error:
            self.wrong(at, str(error))

    def option(self, at: KeyPath, error: FleetError) -> KeyPath:
        """The path of the key that an error is about, or of its table."""
        return (*at, error.option) if error.option is not None and error.option in self.section(at) else at

    def wrong(self, at: KeyPath, problem: str) -> NoReturn:
        key = ".".join(str(step) for step in at if isinstance(step, str)) or "topology"
        raise TopologyError(f"{self.shown}:{line_of(self.text, at)}: {key}: {problem}") from None
