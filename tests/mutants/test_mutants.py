"""Each rule has a subject that breaks it, and each such subject says what it trips.

That each is killed by its rule and trips just that is what ``python -m ecfleet.kill_matrix`` finds out.
"""

from __future__ import annotations

import pytest

from ecfleet.kill_matrix import problems_of_catalogue
from ecfleet.mutants import load_mutants
from ecfleet.rules import Catalogue, find_suites

CATALOGUE = Catalogue(find_suites())
MUTANTS = load_mutants(CATALOGUE.areas.values())


def test_there_are_rules() -> None:
    assert len(CATALOGUE.rules) > 100


def test_rules_and_mutants_fit() -> None:
    assert problems_of_catalogue(CATALOGUE, MUTANTS.values()) == []


@pytest.mark.parametrize("rule", CATALOGUE.rules)
def test_each_rule_has_a_mutant(rule: str) -> None:
    assert any(mutant.rule == rule for mutant in MUTANTS.values())
