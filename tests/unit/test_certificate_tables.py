"""The tables of the certificate suite: every statement and experiment has rules, and these have tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import ecfleet_suites.certificates
from ecfleet.coverage import COVERAGE_FILE, read_coverage
from ecfleet.models import DIALECTS, Dialect
from ecfleet.rules import Area, Level, Subject, read_area
from ecfleet_suites.certificates.experiments import Outcomes, experiments, read_table
from ecfleet_suites.certificates.server_bench import starts
from ecfleet_suites.certificates.space import (
    DIMENSIONS,
    OracleDisagrees,
    Point,
    every_pair,
    every_point,
    oracle,
)

FOLDER = Path(ecfleet_suites.certificates.__file__).parent
SERVER_RULES_FROM = "CERT-40"


@pytest.fixture(scope="module")
def area() -> Area:
    return read_area(FOLDER)


def coverage() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = read_table("coverage.toml")
    return found


def rows() -> Iterator[tuple[int, str, str, Outcomes]]:
    """Number, rule, subject and outcomes of every row of both tables."""
    for experiment in experiments():
        yield experiment.number, experiment.rule, experiment.what, experiment.outcome
    for start in starts():
        yield start.number, start.rule, start.what, start.outcomes


def test_every_experiment_is_decided_by_some_rule() -> None:
    assert set(coverage()["experiments"]) == {str(number) for number in range(1, 61)}
    assert all(rules for table in coverage().values() for rules in table.values())


def test_every_rule_is_there_for_something(area: Area) -> None:
    named = {rule for table in coverage().values() for rules in table.values() for rule in rules}
    assert named == {rule.id for rule in area.rules}


def test_every_statement_of_the_document_is_decided_by_some_rule() -> None:
    statements = read_coverage(FOLDER.parent / COVERAGE_FILE).statements
    mine = [statement for statement in statements if statement.document == "openssl"]
    assert len(mine) > 20
    assert [statement.id for statement in mine if statement.open] == []


def test_rows_are_decided_by_the_rules_that_the_coverage_names() -> None:
    for number, rule, what, _ in rows():
        if number:
            assert rule in coverage()["experiments"][str(number)], what


def test_experiments_that_no_row_holds_have_a_test_of_their_own() -> None:
    in_rows = {number for number, *_ in rows()}
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("test_*.py"))
    for number, rules in coverage()["experiments"].items():
        if int(number) not in in_rows:
            assert any(f'@rule("{rule}")' in text for rule in rules), number


def test_subjects_follow_the_numbers(area: Area) -> None:
    for rule in area.rules:
        expected = Subject.ECFLOW_SERVER if rule.id >= SERVER_RULES_FROM else Subject.CLIENT
        assert rule.subject is expected, rule.id


def test_a_rule_that_the_document_does_not_state_is_an_observed_one(area: Area) -> None:
    for rule in area.rules:
        documented = any(source.document for source in rule.sources)
        assert documented == (rule.level is not Level.OBSERVED), rule.id


def test_both_truths_stand_where_releases_differ(area: Area) -> None:
    rules = {rule.id: rule for rule in area.rules}
    for _, rule, what, outcomes in rows():
        if outcomes["5.9"] != outcomes["5.17"]:
            assert {"5.9.2", "5.17.0"} <= {source.release for source in rules[rule].sources}, what


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_the_model_agrees_with_the_experiments(dialect: Dialect) -> None:
    assert oracle(dialect).dialect is dialect


def test_a_model_that_disagrees_is_no_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecfleet_suites.certificates.space.Oracle.outcome", lambda *_: "answered")
    oracle.cache_clear()
    try:
        with pytest.raises(OracleDisagrees, match=r"experiment 4 .* on 5\.17: the model says 'answered'"):
            oracle(DIALECTS["5.17"])
    finally:
        oracle.cache_clear()


def test_the_space_is_the_whole_product() -> None:
    points = list(every_point())
    assert len(set(points)) == len(points)
    for name, values in DIMENSIONS.items():
        assert {getattr(point, name) for point in points} == set(values)
    # 9 ways to ask for TLS, 5 to tell the host, 2 to tell the port, 18 directories
    assert len(points) == 9 * 5 * 2 * 18


def pairs(points: list[Point]) -> set[tuple[str, object, str, object]]:
    names = list(DIMENSIONS)
    return {
        (first, getattr(point, first), second, getattr(point, second))
        for point in points
        for place, first in enumerate(names)
        for second in names[place + 1 :]
    }


@pytest.mark.parametrize("seed", [0, 1, 2026])
def test_few_points_hold_every_pair(seed: int) -> None:
    few = every_pair(seed)
    assert pairs(few) == pairs(list(every_point()))
    assert len(few) < 60
    assert few == every_pair(seed)
