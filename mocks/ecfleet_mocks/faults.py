"""What a service can be told to do wrong: for the next exchange, for a predicate, or by chance with a seed.

A fault is plain data; :class:`~ecfleet_mocks.service.Connection` carries it out, so that every service
knows the same faults.  Names follow the failures met in the field (late, dripping, cut, garbled, reset,
half-closed, refused, mute).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Answer",
    "AnswerInPieces",
    "Close",
    "Corrupt",
    "Delay",
    "Drip",
    "Fault",
    "Faults",
    "HalfClose",
    "LoseReply",
    "Mute",
    "Refuse",
    "Reset",
    "Stall",
    "Truncate",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """What all faults have in common."""


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """Hold the reply back for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """Send the reply in pieces of ``size`` bytes, ``interval`` seconds apart."""

    size: int = 1
    interval: float = 0.0


@dataclass(frozen=True, slots=True)
class Truncate(Fault):
    """Send only the first ``length`` bytes of the reply, then close in order."""

    length: int


@dataclass(frozen=True, slots=True)
class Corrupt(Fault):
    """Replace the reply's bytes from ``offset`` on by ``data``; the length stays."""

    offset: int
    data: bytes = b"\x00"


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """Send ``after`` bytes of the reply, then reset the connection (RST)."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class HalfClose(Fault):
    """Send the reply and close the sending side only; the connection stays until the peer closes."""


@dataclass(frozen=True, slots=True)
class Close(Fault):
    """Close in order as soon as the request has been read, without a reply and without acting on it."""


@dataclass(frozen=True, slots=True)
class LoseReply(Fault):
    """Act on the request, then close in order without sending the reply."""


@dataclass(frozen=True, slots=True)
class Refuse(Fault):
    """Reset the connection as soon as it is made."""


@dataclass(frozen=True, slots=True)
class Mute(Fault):
    """Accept, read, and never say anything; the connection stays until the peer or the service ends it."""


@dataclass(frozen=True, slots=True)
class Stall(Fault):
    """Send the first ``after`` bytes of the reply, then nothing more; the connection stays."""

    after: int = 0


@dataclass(frozen=True, slots=True)
class Answer(Fault):
    """Send ``data`` as it is instead of a reply, without acting on the request.

    Then close in order, or leave the connection to the peer with ``close=False``.
    """

    data: bytes
    close: bool = True


@dataclass(frozen=True, slots=True)
class AnswerInPieces(Fault):
    """As :class:`Answer`, in these pieces, ``interval`` seconds apart."""

    pieces: tuple[bytes, ...]
    interval: float = 0.05


class Faults:
    """The faults that a service is to commit.

    A service asks once for each connection when it is made (only :class:`Refuse` counts then) and once for
    each exchange when the request is whole.  The first that applies is taken, in this order: :meth:`next`,
    :meth:`when`, :meth:`by_chance`.
    """

    def __init__(self) -> None:
        self._next: list[Fault] = []
        self._when: list[tuple[Callable[[Any], bool], Fault]] = []
        self._by_chance: list[tuple[float, Fault, random.Random]] = []

    def next(self, *faults: Fault) -> None:
        """Commit these in the next exchanges, one each, in this order."""
        self._next.extend(faults)

    def when(self, predicate: Callable[[Any], bool], fault: Fault) -> None:
        """Commit ``fault`` in every exchange whose decoded request satisfies ``predicate``.

        For :class:`Refuse`, which comes before any request, the predicate is given None.
        """
        self._when.append((predicate, fault))

    def by_chance(self, probability: float, fault: Fault, *, seed: int) -> None:
        """Commit ``fault`` with this probability (0 to 1), from a generator with this seed.

        :raises ValueError: when the probability is not within 0 and 1.
        """
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability is within 0 and 1, not {probability}")
        self._by_chance.append((probability, fault, random.Random(seed)))

    def clear(self) -> None:
        """Forget all faults that were asked for."""
        self._next.clear()
        self._when.clear()
        self._by_chance.clear()

    @property
    def pending(self) -> tuple[Fault, ...]:
        """The faults given to :meth:`next` that have not been committed yet."""
        return tuple(self._next)

    def __bool__(self) -> bool:
        return bool(self._next or self._when or self._by_chance)

    def at_accept(self) -> Fault | None:
        """The fault for a connection that was just made: a :class:`Refuse`, or None."""
        return self._choose(None, accept=True) if self else None

    def for_exchange(self, request: Any) -> Fault | None:
        """The fault for the exchange that begins with this decoded request, or None."""
        return self._choose(request, accept=False) if self else None

    def _choose(self, request: Any, *, accept: bool) -> Fault | None:
        def fits(fault: Fault) -> bool:
            return isinstance(fault, Refuse) is accept

        if self._next and fits(self._next[0]):
            return self._next.pop(0)
        for predicate, fault in self._when:
            if fits(fault) and predicate(request):
                return fault
        for probability, fault, generator in self._by_chance:
            if fits(fault) and generator.random() < probability:
                return fault
        return None
