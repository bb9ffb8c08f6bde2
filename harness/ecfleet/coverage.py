"""What the public ecFlow pages ask for, statement by statement, and the rules that decide each.

A suite keeps the statements as data, in ``coverage.toml`` beside its areas: where each is on its page, what
it says in words of our own, the digest of the words that it stands for, and the rules that decide it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ecfleet.rules import DOCUMENTS, Catalogue, RulesError, Suite
from ecfleet.toml_tables import TableReader, read_toml

__all__ = ["COVERAGE_FILE", "Coverage", "Statement", "coverage_of", "problems", "read_coverage"]

COVERAGE_FILE = "coverage.toml"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a page asks for.

    ``section`` is the page's own number, or the order of its sections where it has none; ``number`` counts
    the statements of a section. ``says`` is the statement in our words, ``words`` how many words of the page
    it stands for and ``sha256`` their digest (:func:`ecfleet.citations.digest`). ``outside`` is why no rule
    about a program can decide it; a statement with neither that nor ``rules`` is open.
    """

    document: str
    section: str
    heading: str
    number: int
    says: str
    words: int
    sha256: str
    rules: tuple[str, ...] = ()
    outside: str = ""

    @property
    def id(self) -> str:
        """Its page, section and number: ``openssl 2(1)``."""
        return f"{self.document} {self.section}({self.number})"

    @property
    def open(self) -> bool:
        """Whether a rule could decide it and none does."""
        return not self.rules and not self.outside


@dataclass(frozen=True, slots=True)
class Coverage:
    """The statements of all pages, in order.

    ``pages`` holds the digest of each whole page, ``unstated`` why a rule that cites a page has no statement.
    """

    pages: Mapping[str, str]
    statements: tuple[Statement, ...]
    unstated: Mapping[str, str]

    def of(self, rule: str) -> list[Statement]:
        """The statements that a rule decides."""
        return [statement for statement in self.statements if rule in statement.rules]


def coverage_of(suites: Iterable[Suite]) -> Coverage:
    """What all suites say; a suite without a ``coverage.toml`` says nothing.

    :raises RulesError: when a file is wrong, or two suites speak of one page.
    """
    pages: dict[str, str] = {}
    statements: list[Statement] = []
    unstated: dict[str, str] = {}
    for suite in suites:
        path = suite.root / COVERAGE_FILE
        if not path.is_file():
            continue
        found = read_coverage(path)
        if twice := pages.keys() & found.pages.keys():
            raise RulesError(f"{path}: page '{min(twice)}' is already in another suite")
        pages |= found.pages
        statements += found.statements
        unstated |= found.unstated
    return Coverage(pages, tuple(statements), unstated)


def read_coverage(path: Path) -> Coverage:
    """The statements in a file.

    :raises RulesError: with file, statement and key.
    """
    document = TableReader(read_toml(path, RulesError), str(path), RulesError)
    pages: dict[str, str] = {}
    for number, table in enumerate(document.tables("page"), 1):
        reader = TableReader(table, f"{path}: page number {number}", RulesError)
        name = _document(reader)
        pages[name] = _digest(reader)
        reader.finish()
    unstated: dict[str, str] = {}
    for number, table in enumerate(document.tables("unstated"), 1):
        reader = TableReader(table, f"{path}: unstated number {number}", RulesError)
        unstated[reader.text("rule")] = reader.text("reason")
        reader.finish()
    statements = [
        _statement(TableReader(table, f"{path}: statement number {number}", RulesError))
        for number, table in enumerate(document.tables("statement"), 1)
    ]
    document.finish()
    counts: dict[tuple[str, str], int] = {}
    for statement in statements:
        section = (statement.document, statement.section)
        counts[section] = counts.get(section, 0) + 1
        if statement.document not in pages:
            raise RulesError(f"{path}: statement {statement.id}: key 'document': is no [[page]] of this file")
        if statement.number != counts[section]:
            raise RulesError(f"{path}: statement {statement.id}: key 'number': {counts[section]} comes next")
        if statement.rules and statement.outside:
            raise RulesError(f"{path}: statement {statement.id}: key 'outside': it has rules")
    return Coverage(pages, tuple(statements), unstated)


def _statement(reader: TableReader) -> Statement:
    statement = Statement(
        document=_document(reader),
        section=reader.text("section"),
        heading=reader.text("heading"),
        number=_count(reader, "number"),
        says=reader.text("says"),
        words=_count(reader, "words"),
        sha256=_digest(reader),
        rules=reader.texts("rules"),
        outside=reader.text("outside", ""),
    )
    reader.finish()
    return statement


def _document(reader: TableReader) -> str:
    name = reader.text("document")
    if name not in DOCUMENTS:
        raise reader.mistake("document", f"must be one of {', '.join(DOCUMENTS)}, and not {name!r}")
    return name


def _digest(reader: TableReader) -> str:
    value = reader.text("sha256")
    if not _DIGEST.fullmatch(value):
        raise reader.mistake("sha256", "must be 64 hexadecimal digits")
    return value


def _count(reader: TableReader, key: str) -> int:
    value = reader.take(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise reader.mistake(key, "must be a whole number from 1 on")
    return value


def problems(coverage: Coverage, catalogue: Catalogue) -> list[str]:
    """What does not fit together, a line for each: rules that are not there, or that no statement names."""
    lines = [
        f"{statement.id} names {rule}: there is no such rule"
        for statement in coverage.statements
        for rule in statement.rules
        if rule not in catalogue.rules
    ]
    lines += [
        f"'unstated' names {rule}: there is no such rule, or it cites no page, or it has a statement"
        for rule in coverage.unstated
        if rule not in catalogue.rules or coverage.of(rule) or not _cited(catalogue, rule)
    ]
    for rule in catalogue.rules:
        stated = {statement.document for statement in coverage.of(rule)}
        lines += [
            f"{rule} cites the page '{page}', and no statement of that page names it"
            for page in sorted(_cited(catalogue, rule) - stated)
            if rule not in coverage.unstated
        ]
    return lines


def _cited(catalogue: Catalogue, rule: str) -> set[str]:
    return {source.document for source in catalogue.rules[rule].sources if source.document}
