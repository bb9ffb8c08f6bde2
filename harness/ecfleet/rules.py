"""The catalogue of rules: what ecFlow programs have to do, kept as data beside the suites that test it.

A suite is a package that names itself in the entry point group ``ecfleet.suites``. Each folder of it
with a ``rules.toml`` is an area. The harness finds suites by that entry point only.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ecfleet.toml_tables import TableReader, read_toml

if TYPE_CHECKING:
    import pytest

__all__ = [
    "Area",
    "Catalogue",
    "Level",
    "Rule",
    "RulesError",
    "Severity",
    "Source",
    "Subject",
    "Suite",
    "find_suites",
    "read_area",
    "read_suite",
    "rule",
]

GROUP = "ecfleet.suites"
MARK = "ecf_rule"
RULES_FILE = "rules.toml"

DOCUMENTS: Mapping[str, str] = {
    "openssl": "OpenSSL set-up of ecFlow 5",
    "https-authentication": "How to setup ecFlow with HTTPS authentication",
    "connecting-from-home": "Run ecflow_ui at home",
}
"""The public ecFlow pages that rules are cited from: short name to title."""

_ID = re.compile(r"[A-Z][A-Z0-9]*-\d{2,}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class RulesError(ValueError):
    """A catalogue is wrong; the message is one line that names the file, the rule and the key."""


class Level(StrEnum):
    """How binding a rule is: documented as needed, documented as advice, or what releases do."""

    MUST = "must"
    SHOULD = "should"
    OBSERVED = "observed"


class Subject(StrEnum):
    """What a rule is about."""

    CLIENT = "client"
    ECFLOW_SERVER = "ecflow-server"
    REVERSE_PROXY = "reverse-proxy"
    AUTH_SERVICE = "auth-service"
    LOGSERVER = "logserver"
    TUNNEL = "tunnel"


class Severity(StrEnum):
    """What breaking a rule costs its user."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule comes from: a page and heading of the documents, or a release and an experiment.

    ``sha256`` is the digest of the cited sentence (:func:`ecfleet.citations.digest`), so that a changed
    document is noticed without its text being kept here. A release is one of ecFlow unless a program is named
    before it ("nginx 1.22.1").
    """

    document: str = ""
    heading: str = ""
    sha256: str = ""
    release: str = ""
    experiment: str = ""

    @property
    def citation(self) -> str:
        """One line for a reader."""
        if self.document:
            return f'{DOCUMENTS[self.document]}, "{self.heading}"'
        program = "" if self.release[:1].isalpha() else "ecFlow "
        return f"{program}{self.release}: {self.experiment}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue.

    ``sentence`` is the rule, ``why`` what it is good for, ``symptom`` what a user sees where it is
    broken, ``fix`` what to change. ``capabilities`` are what a client needs for the rule to apply to it
    (values of :class:`ecfleet.clients.Capability`). ``area`` is the name of its folder.
    """

    id: str
    area: str
    sentence: str
    why: str
    level: Level
    subject: Subject
    severity: Severity
    symptom: str
    fix: str
    sources: tuple[Source, ...]
    capabilities: frozenset[str] = frozenset()
    field_bugs: tuple[str, ...] = ()

    @property
    def citation(self) -> str:
        """Its sources in one line."""
        return "; ".join(source.citation for source in self.sources)

    def mentions(self, text: str) -> bool:
        """Whether all words of ``text`` occur in what is said about the rule, whatever the case."""
        said = " ".join(
            (self.id, self.sentence, self.why, self.symptom, self.fix, self.citation, *self.field_bugs)
        ).casefold()
        return all(word in said for word in text.casefold().split())


@dataclass(frozen=True, slots=True)
class Area:
    """The rules of one folder."""

    name: str
    title: str
    prefix: str
    path: Path
    rules: tuple[Rule, ...]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    """A package of areas. ``root`` is its folder, ``name`` the name of that."""

    name: str
    root: Path
    areas: tuple[Area, ...]

    @property
    def rules(self) -> Iterator[Rule]:
        """All its rules."""
        return (rule for area in self.areas for rule in area.rules)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The rules of several suites, by id.

    :raises RulesError: when two suites claim one name, or two areas one name or prefix.
    """

    suites: tuple[Suite, ...]
    rules: Mapping[str, Rule] = field(init=False)
    areas: Mapping[str, Area] = field(init=False)

    def __post_init__(self) -> None:
        rules: dict[str, Rule] = {}
        areas: dict[str, Area] = {}
        prefixes: dict[str, Area] = {}
        names: dict[str, Suite] = {}
        for suite in self.suites:
            if suite.name in names:
                raise RulesError(f"{suite.root}: suite '{suite.name}' is already in {names[suite.name].root}")
            names[suite.name] = suite
            for area in suite.areas:
                for mapping, key, what in ((areas, area.name, "area"), (prefixes, area.prefix, "prefix")):
                    if key in mapping:
                        raise RulesError(
                            f"{area.path}: {what} '{key}' is already that of {mapping[key].path}"
                        )
                    mapping[key] = area
                rules.update((rule.id, rule) for rule in area.rules)
        object.__setattr__(self, "rules", rules)
        object.__setattr__(self, "areas", areas)

    def ids(self, prefixes: Iterable[str]) -> frozenset[str]:
        """The ids that the prefixes select: the one that a prefix spells out, else all that begin so.

        :raises RulesError: when a prefix selects nothing.
        """
        chosen: set[str] = set()
        for prefix in prefixes:
            wanted = prefix.upper()
            found = {wanted} if wanted in self.rules else {id for id in self.rules if id.startswith(wanted)}
            if not found:
                raise RulesError(f"no rule's id begins with {prefix!r}; 'ecfleet rules' lists them")
            chosen |= found
        return frozenset(chosen)

    def select(
        self,
        prefix: str = "",
        *,
        area: str = "",
        level: Level | None = None,
        subject: Subject | None = None,
        text: str = "",
    ) -> list[Rule]:
        """The rules that fit every filter given, in the order of the catalogue."""
        return [
            rule
            for rule in self.rules.values()
            if rule.id.startswith(prefix.upper())
            and (not area or rule.area == area)
            and (level is None or rule.level is level)
            and (subject is None or rule.subject is subject)
            and rule.mentions(text)
        ]

    def check_capabilities(self, known: Collection[str]) -> None:
        """Raise :class:`RulesError` when a rule needs a capability that is not ``known``."""
        for rule in self.rules.values():
            for name in sorted(rule.capabilities - set(known)):
                where = self.areas[rule.area].path / RULES_FILE
                among = ", ".join(sorted(known))
                raise RulesError(f"{where}: rule {rule.id}: key 'capabilities': {name!r} is none of {among}")


def rule(id: str) -> pytest.MarkDecorator:
    """Say which rule a test decides: ``@rule("CERT-01")``, or ``pytest.param(..., marks=rule("CERT-01"))``.

    A test decides one rule; many tests may decide the same one.
    """
    import pytest  # late, so that the catalogue can be read without it

    return getattr(pytest.mark, MARK)(id)  # type: ignore[no-any-return]


def find_suites() -> tuple[Suite, ...]:
    """The installed suites, in the order of their names.

    :raises RulesError: when there is none, one cannot be imported, or its catalogue is wrong.
    """
    found = {entry.name: entry for entry in importlib.metadata.entry_points(group=GROUP)}
    if not found:
        raise RulesError(
            f"no suite is installed (entry point group '{GROUP}'); in a source checkout run: pip install -e ."
        )
    suites = []
    for name, entry in sorted(found.items()):
        try:
            package = entry.load()
        except ImportError as error:
            raise RulesError(f"suite '{name}' cannot be imported: {error}") from None
        folders = list(getattr(package, "__path__", ()))
        if not folders:
            raise RulesError(f"suite '{name}': its entry point '{entry.value}' is no package")
        suites.append(read_suite(Path(folders[0])))
    return tuple(suites)


def read_suite(root: Path) -> Suite:
    """The suite in the folder ``root``.

    :raises RulesError: when it has no area, or one of them is wrong.
    """
    areas = tuple(read_area(path.parent) for path in sorted(root.glob(f"*/{RULES_FILE}")))
    if not areas:
        raise RulesError(f"suite '{root.name}': no folder in {root} has a {RULES_FILE}")
    return Suite(root.name, root, areas)


def read_area(folder: Path) -> Area:
    """The area in ``folder``, from its ``rules.toml``.

    :raises RulesError: with file, rule and key.
    """
    path = folder / RULES_FILE
    document = TableReader(read_toml(path, RulesError), str(path), RulesError)
    head = TableReader(document.take("area") or {}, f"{path}: area", RulesError)
    title, prefix, summary = head.text("title"), head.text("prefix"), head.text("summary", "")
    head.finish()
    rules: dict[str, Rule] = {}
    for number, table in enumerate(document.tables("rule"), 1):
        entry = _read_rule(table, f"{path}: rule number {number}", path, folder.name, prefix)
        if entry.id in rules:
            raise RulesError(f"{path}: rule {entry.id}: key 'id': is there twice")
        rules[entry.id] = entry
    document.finish()
    if not rules:
        raise RulesError(f"{path}: has no [[rule]]")
    return Area(folder.name, title, prefix, folder, tuple(rules.values()), summary)


def _read_rule(table: object, where: str, path: Path, area: str, prefix: str) -> Rule:
    reader = TableReader(table, where, RulesError)
    id = reader.text("id")
    if not _ID.fullmatch(id) or not id.startswith(f"{prefix}-"):
        raise reader.mistake("id", f"must be '{prefix}-' and two or more digits, and not {id!r}")
    reader.where = f"{path}: rule {id}"
    level = reader.choice("level", Level)
    subject = reader.choice("subject", Subject)
    capabilities = frozenset(reader.texts("capabilities"))
    if capabilities and subject is not Subject.CLIENT:
        raise reader.mistake("capabilities", "are a client's; this rule's subject is none")
    sources = tuple(_read_source(source, reader.where) for source in reader.tables("source"))
    if level is Level.OBSERVED:
        if not any(source.release for source in sources):
            raise reader.mistake("source", "an observed rule needs a release and an experiment")
    elif not any(source.document for source in sources):
        raise reader.mistake("source", f"a rule of level {level} needs a document and a heading")
    entry = Rule(
        id=id,
        area=area,
        sentence=reader.text("sentence"),
        why=reader.text("why"),
        level=level,
        subject=subject,
        severity=reader.choice("severity", Severity),
        symptom=reader.text("symptom"),
        fix=reader.text("fix"),
        sources=sources,
        capabilities=capabilities,
        field_bugs=reader.texts("field_bugs"),
    )
    reader.finish()
    return entry


def _read_source(table: object, where: str) -> Source:
    reader = TableReader(table, f"{where}: source", RulesError)
    document, release = reader.text("document", ""), reader.text("release", "")
    if bool(document) == bool(release):
        raise reader.mistake("document", "give either a document or a release")
    if document:
        if document not in DOCUMENTS:
            raise reader.mistake("document", f"must be one of {', '.join(DOCUMENTS)}, and not {document!r}")
        source = Source(document, reader.text("heading"), reader.text("sha256", ""))
        if source.sha256 and not _DIGEST.fullmatch(source.sha256):
            raise reader.mistake("sha256", "must be 64 hexadecimal digits")
    else:
        source = Source(release=release, experiment=reader.text("experiment"))
    reader.finish()
    return source


def check_tests(areas: Iterable[Area], tested: Collection[str]) -> None:
    """Raise :class:`RulesError` for a rule of ``areas`` that no test decides.

    :param tested: the ids that the collected tests name.
    """
    for area in areas:
        for entry in area.rules:
            if entry.id not in tested:
                raise RulesError(
                    f"{area.path / RULES_FILE}: rule {entry.id}: no test in {area.path} decides it"
                )
