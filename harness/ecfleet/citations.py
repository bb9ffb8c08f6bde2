"""Digests of cited words, so that a document that changes is noticed without its text being kept.

``python -m ecfleet.citations FILE WORDS`` prints the digest of the one sentence with these words, as a
rule's source has it, and the digest and number of the words themselves, as a statement has them.
``python -m ecfleet.citations DIRECTORY`` looks whether all that rules and statements cite is still in the
documents there, one ``NAME.txt`` each. They are no part of ecfleet: without them nothing is looked at.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ecfleet.coverage import Coverage, coverage_of
from ecfleet.rules import DOCUMENTS, Catalogue, Rule, RulesError, Source, find_suites

# A sentence ends at its full stop, question mark, exclamation mark or colon, and at an empty line.
_ENDS = re.compile(r"(?<=[.?!:])\s+|\n\s*\n")


def digest(words: str) -> str:
    """The SHA-256 of a text, white space being one blank, in 64 hexadecimal digits."""
    return hashlib.sha256(" ".join(words.split()).encode()).hexdigest()


def sentences(text: str) -> list[str]:
    """The sentences of a document."""
    return [" ".join(part.split()) for part in _ENDS.split(text) if part.strip()]


def passages(text: str, words: int) -> set[str]:
    """The digests of every run of so many words of a document."""
    found = text.split()
    return {digest(" ".join(found[at : at + words])) for at in range(len(found) - words + 1)}


def changed(rules: Iterable[Rule], document: str, text: str) -> list[tuple[Rule, Source]]:
    """The rules whose cited sentence is no longer in the document.

    :param document: its short name, one of :data:`ecfleet.rules.DOCUMENTS`.
    :param text: the document as it is now.
    """
    present = {digest(sentence) for sentence in sentences(text)}
    return [
        (rule, source)
        for rule in rules
        for source in rule.sources
        if source.document == document and source.sha256 and source.sha256 not in present
    ]


def outdated(catalogue: Catalogue, coverage: Coverage, documents: Mapping[str, str]) -> list[str]:
    """What is no longer true of the documents, a line for each.

    :param documents: text by short name.
    """
    lines: list[str] = []
    for name, text in documents.items():
        present: dict[int, set[str]] = {}
        for statement in coverage.statements:
            if statement.document != name:
                continue
            if statement.words not in present:
                present[statement.words] = passages(text, statement.words)
            if statement.sha256 not in present[statement.words]:
                rules = f" (rules {', '.join(statement.rules)})" if statement.rules else ""
                lines.append(f"{statement.id}: its words are no longer there{rules}: {statement.says}")
        lines += [
            f'{rule.id}: the sentence cited from "{source.heading}" is no longer there'
            for rule, source in changed(catalogue.rules.values(), name, text)
        ]
        if name in coverage.pages and coverage.pages[name] != digest(text):
            lines.append(f"{name}: the page has changed: look for statements that are new")
    return lines


def main(arguments: Sequence[str]) -> int:
    """The command. Exit status: 0 well, 1 a document has changed, 2 wrong usage, or nothing to look at."""
    if len(arguments) == 2:
        return _print_digests(Path(arguments[0]), arguments[1])
    if len(arguments) == 1 and Path(arguments[0]).is_dir():
        return _look(Path(arguments[0]))
    print(
        "usage: python -m ecfleet.citations FILE WORDS | DIRECTORY; the documents are no part of ecfleet, so "
        "nothing has been looked at",
        file=sys.stderr,
    )
    return 2


def _print_digests(path: Path, words: str) -> int:
    text = _read(path)
    if text is None:
        return 2
    wanted = " ".join(words.split())
    found = [sentence for sentence in sentences(text) if wanted.casefold() in sentence.casefold()]
    if len(found) != 1:
        print(f"{path}: {len(found)} sentences contain {words!r}; give words of just one", file=sys.stderr)
        return 2
    print(digest(found[0]))
    count = len(wanted.split())
    if digest(wanted) in passages(text, count):
        print(f"words = {count}, sha256 = {digest(wanted)}")
    return 0


def _look(directory: Path) -> int:
    documents: dict[str, str] = {}
    for name in DOCUMENTS:
        text = _read(directory / f"{name}.txt")
        if text is None:
            return 2
        documents[name] = text
    try:
        suites = find_suites()
        lines = outdated(Catalogue(suites), coverage_of(suites), documents)
    except RulesError as error:
        print(error, file=sys.stderr)
        return 2
    for line in lines:
        print(line)
    print(f"{len(documents)} documents, {len(lines)} changes")
    return 1 if lines else 0


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{path}: cannot be read: {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
