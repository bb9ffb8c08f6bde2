"""The generated pages of the documentation: current, well formed, and written by their command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecfleet import pages
from ecfleet.rules import Catalogue, find_suites

DOCS = Path(__file__).parents[2] / "docs"
GENERATED = pages.generate()


@pytest.mark.parametrize("name", GENERATED)
def test_a_page_is_what_the_data_say(name: str) -> None:
    current = (DOCS / name).read_text(encoding="utf-8")
    assert current == GENERATED[name], "run: python -m ecfleet.pages docs"


def test_every_rule_is_explained() -> None:
    for rule in Catalogue(find_suites()).rules:
        assert f"\n### {rule}\n" in GENERATED["rules.md"]
        assert f"[{rule}](rules.md#{rule.lower()})" in GENERATED["kill-matrix.md"]


@pytest.mark.parametrize("name", GENERATED)
def test_links_lead_somewhere(name: str) -> None:
    for target, anchor in re.findall(r"\]\(([\w.-]*)#([\w-]+)\)", GENERATED[name]):
        text = GENERATED[target or name]
        headings = [
            re.sub(r"[^\w\- ]", "", line.lstrip("# ")) for line in text.splitlines() if line[:1] == "#"
        ]
        assert anchor in {heading.strip().lower().replace(" ", "-") for heading in headings}, anchor


@pytest.mark.parametrize("name", GENERATED)
def test_tables_have_as_many_cells_in_each_row(name: str) -> None:
    columns = 0
    for line in GENERATED[name].splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not columns or not cells or cells == columns, line
        columns = cells


def test_the_command_writes_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pages.main([str(tmp_path), "--check"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == len(GENERATED)
    assert pages.main([str(tmp_path)]) == 0
    assert pages.main([str(tmp_path), "--check"]) == 0
    (tmp_path / "rules.md").write_text("old", encoding="utf-8")
    capsys.readouterr()
    assert pages.main([str(tmp_path), "--check"]) == 1
    assert "rules.md is stale" in capsys.readouterr().out
    assert pages.main([str(tmp_path / "none")]) == 2
