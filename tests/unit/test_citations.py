"""Digests of cited words, and what changed pages are noticed by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ecfleet import citations, coverage, rules
from ecfleet.citations import digest, outdated, passages
from ecfleet.coverage import Coverage, Statement
from ecfleet.rules import Catalogue, read_suite

SuiteMaker = Callable[[Mapping[str, str]], Path]

PAGE = "Title\n\nThe client looks\nfor a file. Else it\tfails!\n"
STATEMENT = Statement(
    "openssl", "1", "Title", 1, "A file is looked for.", 3, digest("for a file."), ("LOG-01",)
)


def test_passages_are_all_runs_of_words() -> None:
    assert passages("a b  c", 2) == {digest("a b"), digest("b c")}
    assert passages("a", 2) == set()


def test_a_changed_page_is_noticed(make_suite: SuiteMaker, rules_text: Callable[..., str]) -> None:
    cited = f'heading = "A heading", sha256 = "{digest("Else it fails!")}"'
    text = rules_text("LOG-01").replace('heading = "A heading"', cited)
    catalogue = Catalogue((read_suite(make_suite({"logs/rules.toml": text})),))
    stated = Coverage({"openssl": digest(PAGE)}, (STATEMENT, replace(STATEMENT, number=2, rules=())), {})
    assert outdated(catalogue, stated, {"openssl": PAGE}) == []
    assert outdated(catalogue, stated, {"openssl": PAGE.replace(" ", "\n  ")}) == []
    assert outdated(catalogue, stated, {"openssl": PAGE + "More."}) == [
        "openssl: the page has changed: look for statements that are new"
    ]
    assert outdated(catalogue, stated, {"openssl": "Nothing."}) == [
        "openssl 1(1): its words are no longer there (rules LOG-01): A file is looked for.",
        "openssl 1(2): its words are no longer there: A file is looked for.",
        'LOG-01: the sentence cited from "A heading" is no longer there',
        "openssl: the page has changed: look for statements that are new",
    ]
    assert outdated(catalogue, stated, {"connecting-from-home": ""}) == []


def test_the_digest_of_words_is_printed_as_a_statement_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.txt"
    page.write_text(PAGE, encoding="utf-8")
    assert citations.main([str(page), "for a  file."]) == 0
    assert capsys.readouterr().out.splitlines() == [
        digest("The client looks for a file."),
        f"words = 3, sha256 = {digest('for a file.')}",
    ]


def test_a_directory_of_pages_is_compared(
    make_suite: SuiteMaker,
    rules_text: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    suite = read_suite(make_suite({"logs/rules.toml": rules_text("LOG-01")}))
    monkeypatch.setattr(citations, "find_suites", lambda: (suite,))
    place = tmp_path / "pages"
    place.mkdir()
    for name in rules.DOCUMENTS:
        (place / f"{name}.txt").write_text(PAGE, encoding="utf-8")
    text = f'[[page]]\ndocument = "openssl"\nsha256 = "{digest(PAGE)}"\n'
    (suite.root / coverage.COVERAGE_FILE).write_text(text, encoding="utf-8")
    assert citations.main([str(place)]) == 0
    assert capsys.readouterr().out == "3 documents, 0 changes\n"
    (place / "openssl.txt").write_text("Other.", encoding="utf-8")
    assert citations.main([str(place)]) == 1
    assert capsys.readouterr().out.endswith("3 documents, 1 changes\n")
    (suite.root / coverage.COVERAGE_FILE).write_text("[[page]]\n", encoding="utf-8")
    assert citations.main([str(place)]) == 2
    assert "page number 1: key 'document': is missing" in capsys.readouterr().err
    (place / "openssl.txt").unlink()
    assert citations.main([str(place)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_without_the_pages_it_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments in ([], [str(tmp_path / "none")], ["a", "b", "c"]):
        assert citations.main(arguments) == 2
        assert "nothing has been looked at" in capsys.readouterr().err
