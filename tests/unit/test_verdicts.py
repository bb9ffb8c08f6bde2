"""Verdicts: what ends a test means what, how tests add up, and which exit status wins."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import verdicts
from ecfleet.timeline import Kind, Step, Timeline
from ecfleet.verdicts import Case, ExitStatus, RuleResult, RuleViolation, Verdict


def test_expect_tells_what_was_expected_and_seen() -> None:
    verdicts.expect(3, 3, "a number")
    with pytest.raises(RuleViolation) as caught:
        verdicts.expect("0", 1, "exit code of --ping")
    error = caught.value
    assert (error.what, error.expected, error.seen) == ("exit code of --ping", "1", "0")
    assert str(error) == "exit code of --ping: expected 1, seen 0"
    with pytest.raises(RuleViolation, match="the output: expected a text with ping, seen ''"):
        verdicts.expect_in("ping", "", "the output")
    verdicts.expect_in("ping", "a ping", "the output")
    with pytest.raises(RuleViolation, match="the route: expected one, seen none"):
        verdicts.violated("the route", expected="one", seen="none")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain text", "plain text"),
        ("", "''"),
        (" edges ", "' edges '"),
        ("two\nlines", r"'two\nlines'"),
        (b"bytes", "b'bytes'"),
        (None, "None"),
        (Verdict.PASS, "pass"),
        ("x" * 5000, "x" * 4000 + "… (1000 characters more)"),
    ],
)
def test_values_are_shown_so_that_they_can_be_told_apart(value: object, shown: str) -> None:
    assert verdicts.show(value) == shown


def raised_by(function: object, *arguments: object, **named: object) -> BaseException:
    try:
        function(*arguments, **named)  # type: ignore[operator]
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("error", "verdict", "message"),
    [
        (None, Verdict.PASS, ""),
        (RuleViolation("a", "b", "c"), Verdict.FAIL, "a: expected b, seen c"),
        (AssertionError("1 == 2"), Verdict.FAIL, "1 == 2"),
        (AssertionError(), Verdict.FAIL, "an assertion of the test does not hold"),
        (raised_by(pytest.fail, "so"), Verdict.FAIL, "so"),
        (raised_by(pytest.skip, "so"), Verdict.INCONCLUSIVE, "so"),
        (raised_by(verdicts.inconclusive, "a log"), Verdict.INCONCLUSIVE, "inconclusive: a log"),
        (raised_by(verdicts.not_applicable, "no TLS"), Verdict.NOT_APPLICABLE, "not applicable: no TLS"),
        (
            raised_by(verdicts.not_run, "nginx", install="apt install nginx"),
            Verdict.NOT_RUN,
            "not run: needs nginx; install it with: apt install nginx",
        ),
        (ValueError("odd"), Verdict.ERROR, "ValueError: odd"),
        (DeprecationWarning("old"), Verdict.ERROR, "DeprecationWarning: old"),
    ],
)
def test_each_end_of_a_test_has_its_verdict(
    error: BaseException | None, verdict: Verdict, message: str
) -> None:
    case = verdicts.judge(error)
    assert (case.verdict, case.message) == (verdict, message)


def test_around_a_test_only_a_rule_violation_is_a_failure() -> None:
    assert verdicts.judge(AssertionError("x"), deciding=False).verdict is Verdict.ERROR
    assert verdicts.judge(RuleViolation("a", "b", "c"), deciding=False).verdict is Verdict.FAIL


def test_of_several_failures_the_gravest_is_the_evidence() -> None:
    violation, fault = RuleViolation("a", "b", "c"), ValueError("odd")
    group = BaseExceptionGroup("both", [violation, ExceptionGroup("inner", [fault])])
    assert verdicts.judge(group).message == "ValueError: odd"
    assert verdicts.judge(ExceptionGroup("one", [violation])).what == "a"


def test_a_failure_that_does_not_come_again_is_told() -> None:
    class FlakyFailure(ExceptionGroup[Exception]):
        pass

    case = verdicts.judge(FlakyFailure("unreliable", [RuleViolation("a", "b", "c")]))
    assert (case.verdict, case.example) == (Verdict.FAIL, "unreliable")


def test_the_example_that_was_found_is_evidence() -> None:
    @settings(database=None, max_examples=60)
    @given(number=st.integers(0, 1000))
    def property_of(number: int) -> None:
        verdicts.expect(number < 5, True, "smallness")

    case = verdicts.judge(raised_by(property_of))
    assert case.message == "smallness: expected True, seen False"
    assert "number=5" in case.example


def test_hypothesis_passes_on_what_is_not_run() -> None:
    tried = []

    @settings(database=None)
    @given(number=st.integers())
    def property_of(number: int) -> None:
        tried.append(number)
        verdicts.not_run("nginx", install="apt install nginx")

    assert verdicts.judge(raised_by(property_of)).verdict is Verdict.NOT_RUN
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ("pass pass", "pass"),
        ("pass fail", "fail"),
        ("fail error", "error"),
        ("known-deviation fail", "fail"),
        ("known-deviation pass inconclusive", "known-deviation"),
        ("inconclusive pass", "inconclusive"),
        ("pass not-run not-applicable", "pass"),
        ("not-run not-applicable", "not-run"),
        ("not-applicable", "not-applicable"),
    ],
)
def test_the_verdict_on_a_rule_adds_up(found: str, verdict: str) -> None:
    for order in itertools.permutations(found.split()):
        cases = tuple(Case(f"s/a/t.py::{n}", Verdict(word), "m") for n, word in enumerate(order))
        assert RuleResult("A-01", "mocks", cases).verdict == verdict


def test_no_test_is_no_verdict() -> None:
    with pytest.raises(ValueError, match="no verdict"):
        verdicts.combine([])


@pytest.mark.parametrize("size", range(5))
def test_the_highest_of_4_2_1_3_wins(size: int) -> None:
    for found in itertools.combinations([ExitStatus(n) for n in (1, 2, 3, 4)], size):
        expected = next((n for n in (4, 2, 1, 3) if n in found), 0)
        assert verdicts.exit_status(found) == expected


@given(
    verdict=st.sampled_from(Verdict),
    texts=st.dictionaries(
        st.sampled_from(["message", "what", "seen", "example", "needs", "waiver"]), st.text(min_size=1)
    ),
    microseconds=st.integers(0, 10**9),
    timeline=st.none() | st.just(Timeline((Step(0.5, "client", Kind.START, "starts"),), left_out=2)),
)
def test_a_case_survives_the_way_between_processes(
    verdict: Verdict, texts: dict[str, str], microseconds: int, timeline: Timeline | None
) -> None:
    changes: dict[str, Any] = {**texts}
    case = replace(Case("s/a/t.py::x", verdict, seconds=microseconds / 10**6, timeline=timeline), **changes)
    assert Case.from_table(case.as_table()) == case


def test_a_result_counts_its_cases() -> None:
    cases = (
        Case("1", Verdict.PASS, seconds=1.0),
        Case("2", Verdict.NOT_RUN, seconds=0.5),
        Case("3", Verdict.PASS),
    )
    result = RuleResult("A-01", "mocks", cases)
    assert result.counts == {Verdict.PASS: 2, Verdict.NOT_RUN: 1}
    assert result.seconds == 1.5
    assert [case.id for case in result.having(Verdict.NOT_RUN, Verdict.FAIL)] == ["2"]
