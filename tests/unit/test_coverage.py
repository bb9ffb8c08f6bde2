"""Statements of the public pages, the rules that decide them, and the pages where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ecfleet import citations, coverage
from ecfleet.coverage import Coverage, problems, read_coverage
from ecfleet.rules import DOCUMENTS, Catalogue, RulesError, Suite, find_suites, read_area

CATALOGUE = Catalogue(find_suites())
STATED = coverage.coverage_of(CATALOGUE.suites)

DIGEST = "0" * 64
PAGE = f'[[page]]\ndocument = "openssl"\nsha256 = "{DIGEST}"\n'
STATEMENT = f"""
[[statement]]
document = "openssl"
section = "2"
heading = "Somewhere"
number = 1
says = "Something holds."
words = 3
sha256 = "{DIGEST}"
"""


# --- the shipped statements ---------------------------------------------------------------------------


def test_statements_and_rules_fit() -> None:
    assert problems(STATED, CATALOGUE) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_page_has_statements_most_of_which_are_decided(document: str) -> None:
    mine = [statement for statement in STATED.statements if statement.document == document]
    assert len(mine) > 25
    assert document in STATED.pages
    decided = sum(bool(statement.rules) for statement in mine)
    about_programs = sum(not statement.outside for statement in mine)
    assert decided > about_programs / 2


def test_no_two_statements_say_the_same() -> None:
    said = [(statement.document, statement.says) for statement in STATED.statements]
    assert len(set(said)) == len(said)


def test_the_pages_say_what_is_cited(capsys: pytest.CaptureFixture[str]) -> None:
    place = os.environ.get("ECFLEET_DOCUMENTS")
    if place is None:
        pytest.skip("the pages are no part of ecfleet: ECFLEET_DOCUMENTS=DIRECTORY compares with them")
    assert citations.main([place]) == 0, capsys.readouterr().out


# --- reading ------------------------------------------------------------------------------------------


def written(directory: Path, text: str) -> Path:
    path = directory / coverage.COVERAGE_FILE
    path.write_text(text, encoding="utf-8")
    return path


def test_a_statement_is_read(tmp_path: Path) -> None:
    more = STATEMENT.replace("number = 1", "number = 2") + 'rules = ["CERT-01"]\n'
    third = STATEMENT.replace("number = 1", "number = 3") + 'outside = "by hand"\n'
    found = read_coverage(written(tmp_path, PAGE + STATEMENT + more + third))
    assert [statement.id for statement in found.statements] == [
        "openssl 2(1)",
        "openssl 2(2)",
        "openssl 2(3)",
    ]
    assert [statement.open for statement in found.statements] == [True, False, False]
    assert [statement.number for statement in found.of("CERT-01")] == [2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PAGE + STATEMENT.replace("number = 1", "number = 2"), "openssl 2(2): key 'number': 1 comes next"),
        (STATEMENT, "openssl 2(1): key 'document': is no [[page]] of this file"),
        (PAGE + STATEMENT + 'rules = ["CERT-01"]\noutside = "x"\n', "key 'outside': it has rules"),
        (PAGE + STATEMENT.replace("words = 3", "words = 0"), "key 'words': must be a whole number from 1 on"),
        (PAGE + STATEMENT.replace("words = 3", "words = true"), "key 'words': must be a whole number"),
        (PAGE + STATEMENT.replace(DIGEST, "12"), "key 'sha256': must be 64 hexadecimal digits"),
        (PAGE.replace("openssl", "novel"), "page number 1: key 'document': must be one of openssl, "),
        (PAGE + STATEMENT + 'odd = "x"\n', "key 'odd': is unknown"),
        ("[[unstated]]\nrule = 'X-01'\n", "unstated number 1: key 'reason': is missing"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RulesError) as caught:
        read_coverage(written(tmp_path, text))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_suites_cannot_speak_of_one_page(tmp_path: Path) -> None:
    suites = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, PAGE)
        suites.append(Suite(name, tmp_path / name, ()))
    assert coverage.coverage_of(suites[:1]).pages == {"openssl": DIGEST}
    assert coverage.coverage_of([Suite("none", tmp_path / "none", ())]).pages == {}
    with pytest.raises(RulesError, match="page 'openssl' is already in another suite"):
        coverage.coverage_of(suites)


# --- what does not fit --------------------------------------------------------------------------------


def test_what_does_not_fit_is_listed(tmp_path: Path, rules_text: Callable[..., str]) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "rules.toml").write_text(rules_text("LOG-01", "LOG-02", "LOG-03"), encoding="utf-8")
    catalogue = Catalogue((Suite("s", tmp_path, (read_area(folder),)),))
    text = PAGE + STATEMENT + 'rules = ["LOG-01", "LOG-09"]\n'
    text += "[[unstated]]\nrule = 'LOG-03'\nreason = 'it is about all of the page'\n"
    text += "[[unstated]]\nrule = 'LOG-01'\nreason = 'none'\n"
    found = read_coverage(written(tmp_path, text))
    assert problems(found, catalogue) == [
        "openssl 2(1) names LOG-09: there is no such rule",
        "'unstated' names LOG-01: there is no such rule, or it cites no page, or it has a statement",
        "LOG-02 cites the page 'openssl', and no statement of that page names it",
    ]
    assert len(problems(Coverage({}, (), {}), catalogue)) == 3
