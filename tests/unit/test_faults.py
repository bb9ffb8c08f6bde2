"""Which fault is taken, and that chance is repeatable."""

from __future__ import annotations

import pytest

from ecfleet_mocks.faults import Close, Faults, Refuse, Truncate


def test_nothing_asked_nothing_done() -> None:
    faults = Faults()
    assert not faults
    assert faults.for_exchange("x") is None
    assert faults.at_accept() is None


def test_next_ones_are_taken_in_order_each_once_and_before_others() -> None:
    faults = Faults()
    faults.when(lambda request: True, Close())
    faults.next(Truncate(1), Truncate(2))
    assert faults.pending == (Truncate(1), Truncate(2))
    assert [faults.for_exchange(None) for _ in range(3)] == [Truncate(1), Truncate(2), Close()]


def test_a_refusal_waits_for_the_next_connection() -> None:
    faults = Faults()
    faults.next(Refuse(), Close())
    assert faults.for_exchange("x") is None
    assert faults.at_accept() == Refuse()
    assert faults.at_accept() is None
    assert faults.for_exchange("x") == Close()


def test_when_looks_at_the_request() -> None:
    faults = Faults()
    faults.when(lambda request: request == "load", Close())
    assert faults.for_exchange("ping") is None
    assert faults.for_exchange("load") == Close()
    faults.clear()
    assert faults.for_exchange("load") is None


def test_chance_is_repeatable_and_bounded() -> None:
    def draw(seed: int) -> list[bool]:
        faults = Faults()
        faults.by_chance(0.5, Close(), seed=seed)
        return [faults.for_exchange(None) is not None for _ in range(64)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert {True, False} == set(draw(1))
    with pytest.raises(ValueError, match=r"within 0 and 1, not 1\.5"):
        Faults().by_chance(1.5, Close(), seed=0)
