"""Each rule catches the subject that breaks it.

Which other rules that subject trips, and that it declares them, is what ``python -m ecfleet.kill_matrix``
finds out, which takes much longer.
"""

from __future__ import annotations

import pytest

from ecfleet.kill_matrix import problems_of_catalogue
from ecfleet.mutants import Mutant, kill, load_mutants
from ecfleet.rules import Catalogue, find_suites
from ecfleet.verdicts import Verdict

CATALOGUE = Catalogue(find_suites())
MUTANTS = load_mutants(CATALOGUE.areas.values())


def test_there_are_rules() -> None:
    assert len(CATALOGUE.rules) > 100


def test_rules_and_mutants_fit() -> None:
    assert problems_of_catalogue(CATALOGUE, MUTANTS.values()) == []


@pytest.mark.parametrize("rule", CATALOGUE.rules)
def test_each_rule_has_a_mutant(rule: str) -> None:
    assert any(mutant.rule == rule for mutant in MUTANTS.values())


@pytest.mark.shares_threads
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_each_mutant_is_killed_by_its_own_rule(mutant: Mutant) -> None:
    assert kill(mutant)[mutant.rule] is Verdict.FAIL
