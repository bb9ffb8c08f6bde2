"""Verdicts: what a test may say about a rule, how many tests make one verdict, and the exit status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from ecfleet.clients.contract import ContractBroken, Unimplemented
from ecfleet.timeline import Timeline

if TYPE_CHECKING:
    from _pytest.outcomes import Skipped
else:
    Skipped = pytest.skip.Exception

__all__ = [
    "Case",
    "ExitStatus",
    "Inconclusive",
    "NotApplicable",
    "NotRun",
    "RuleResult",
    "RuleViolation",
    "Verdict",
    "combine",
    "exit_status",
    "expect",
    "expect_in",
    "inconclusive",
    "judge",
    "not_applicable",
    "not_run",
    "show",
    "violated",
]

LONGEST = 4000
"""How many characters of one value evidence shows."""


class Verdict(StrEnum):
    """What was found out about one rule and one program."""

    PASS = "pass"
    FAIL = "fail"
    KNOWN_DEVIATION = "known-deviation"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not-applicable"
    NOT_RUN = "not-run"
    ERROR = "error"


class ExitStatus(IntEnum):
    """How ``ecfleet check`` ends."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNDECIDED = 3
    FAULT = 4


# Of the tests of one rule, the first of these that occurs speaks for all. A rule that holds in some cases
# while others could not be run holds as far as it was tried: the reports name the cases left out.
_WORST_FIRST = (
    Verdict.ERROR,
    Verdict.FAIL,
    Verdict.KNOWN_DEVIATION,
    Verdict.INCONCLUSIVE,
    Verdict.PASS,
    Verdict.NOT_RUN,
    Verdict.NOT_APPLICABLE,
)

_GRAVEST_FIRST = (ExitStatus.FAULT, ExitStatus.USAGE, ExitStatus.FAILED, ExitStatus.UNDECIDED)


class RuleViolation(AssertionError):
    """The rule is broken: ``what`` was looked at, what it should be, and what it is, as texts."""

    def __init__(self, what: str, expected: str, seen: str) -> None:
        super().__init__(f"{what}: expected {expected}, seen {seen}")
        self.what = what
        self.expected = expected
        self.seen = seen


# These three are pytest's skip outcome, so that a plain pytest run shows them as skipped with their reason,
# and Hypothesis passes them on at once instead of searching for a smaller example.
class Inconclusive(Skipped):
    """The evidence does not decide the rule."""


class NotApplicable(Skipped):
    """The rule is not about this program."""


class NotRun(Skipped):
    """Something is not installed here: ``needs`` names it, ``install`` is the command that brings it."""

    def __init__(self, needs: str, install: str) -> None:
        super().__init__(f"not run: needs {needs}; install it with: {install}")
        self.needs = needs
        self.install = install


def show(value: object) -> str:
    """A value as evidence shows it: a plain text as it is, anything else by ``repr``, not without end."""
    plain = isinstance(value, str) and value and value.isprintable() and value == value.strip()
    text = str(value) if plain else repr(value)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text) - LONGEST} characters more)"
    return text


def violated(what: str, *, expected: str, seen: str) -> NoReturn:
    """Say that the rule is broken.

    :raises RuleViolation: always.
    """
    raise RuleViolation(what, expected, seen)


def expect(seen: object, expected: object, what: str) -> None:
    """Say that the rule is broken unless what was seen is what it wants.

    :param what: what was looked at, "exit code of --ping". Keep ports, paths and times out of it.
    :raises RuleViolation: when the two differ.
    """
    __tracebackhide__ = True
    if seen != expected:
        violated(what, expected=show(expected), seen=show(seen))


def expect_in(part: str, whole: str, what: str) -> None:
    """Say that the rule is broken unless a text contains another.

    :raises RuleViolation: when it does not.
    """
    __tracebackhide__ = True
    if part not in whole:
        violated(what, expected=f"a text with {show(part)}", seen=show(whole))


def inconclusive(missing: str) -> NoReturn:
    """Say which evidence is missing to decide the rule.

    :raises Inconclusive: always.
    """
    raise Inconclusive(f"inconclusive: {missing}")


def not_applicable(why: str) -> NoReturn:
    """Say why the rule is not about this program.

    :raises NotApplicable: always.
    """
    raise NotApplicable(f"not applicable: {why}")


def not_run(needs: str, *, install: str) -> NoReturn:
    """Say what has to be installed before the rule can be tested.

    :param install: the whole command, "pip install 'ecfleet[mitmproxy]'".
    :raises NotRun: always.
    """
    raise NotRun(needs, install)


@dataclass(frozen=True, slots=True)
class Case:
    """What one test found. ``id`` is ``SUITE/AREA/FILE.py::TEST``, as ``ecfleet check --case`` takes it.

    ``what``, ``expected`` and ``seen`` are texts, empty unless the rule is broken. ``message`` is the whole
    evidence in one text, in which waivers look for what they know; ``example`` what Hypothesis found, and
    ``details`` a traceback, of errors only.
    ``waiver`` is the reason of the known deviation, ``waiver_evidence`` how it was found out, and
    ``waiver_source`` the file that lists it. ``timeline`` tells the exchanges of a case that does not hold.
    """

    id: str
    verdict: Verdict
    message: str = ""
    what: str = ""
    expected: str = ""
    seen: str = ""
    example: str = ""
    needs: str = ""
    install: str = ""
    details: str = ""
    waiver: str = ""
    waiver_source: str = ""
    waiver_evidence: str = ""
    seconds: float = 0.0
    timeline: Timeline | None = None

    def as_table(self) -> dict[str, Any]:
        """As plain data: what crosses a process border, and what the JSON report holds."""
        table: dict[str, Any] = {
            name: getattr(self, name)
            for name in _CASE_TEXTS
            if getattr(self, name) or name in ("id", "verdict")
        }
        if self.timeline is not None:
            table["timeline"] = self.timeline.as_table()
        return {**table, "verdict": str(self.verdict), "seconds": round(self.seconds, 6)}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Case:
        """The inverse of :meth:`as_table`."""
        texts = {name: str(table.get(name, "")) for name in _CASE_TEXTS if name != "verdict"}
        timeline = table.get("timeline")
        return cls(
            verdict=Verdict(str(table["verdict"])),
            seconds=float(table.get("seconds", 0.0)),
            timeline=None if timeline is None else Timeline.from_table(timeline),
            **texts,
        )


_CASE_TEXTS = tuple(name for name in Case.__dataclass_fields__ if name not in ("seconds", "timeline"))


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The verdict on one rule for one program. ``column`` is the program's: a client's, or ``mocks``."""

    rule: str
    column: str
    cases: tuple[Case, ...]
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", combine(case.verdict for case in self.cases))

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many cases had which verdict."""
        return dict(Counter(case.verdict for case in self.cases))

    @property
    def seconds(self) -> float:
        """Time that its tests took."""
        return sum(case.seconds for case in self.cases)

    def having(self, *verdicts: Verdict) -> Iterator[Case]:
        """The cases with one of these verdicts."""
        return (case for case in self.cases if case.verdict in verdicts)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a rule from those of its tests.

    :raises ValueError: when there is none.
    """
    found = set(verdicts)
    for verdict in _WORST_FIRST:
        if verdict in found:
            return verdict
    raise ValueError("a rule that no test decided has no verdict")


def exit_status(applying: Iterable[ExitStatus]) -> ExitStatus:
    """The one that wins of several that apply: 4, 2, 1, 3, and 0 when there is none."""
    found = set(applying)
    return next((status for status in _GRAVEST_FIRST if status in found), ExitStatus.OK)


def judge(error: BaseException | None, *, deciding: bool = True) -> Case:
    """What a test that ended with ``error`` (None: it ended well) found; a case without an id.

    :param deciding: False for what happens around a test, where a plain AssertionError is a fault of
        ecfleet and no verdict on the program.
    """
    match error:
        case None:
            return Case("", Verdict.PASS)
        case BaseExceptionGroup() if error.exceptions:
            # Several failures at once: the gravest is the evidence.
            found = [judge(one, deciding=deciding) for one in error.exceptions]
            worst = min(found, key=lambda case: _WORST_FIRST.index(case.verdict))
            # A group of a kind of its own says more, such as that the failure did not come again.
            own = [error.message] if type(error) not in (ExceptionGroup, BaseExceptionGroup) else []
            notes = [worst.example, *own, *getattr(error, "__notes__", ())]
            return replace(worst, example="\n".join(note for note in notes if note))
        case RuleViolation():
            case = Case("", Verdict.FAIL, str(error), error.what, error.expected, error.seen)
        case NotRun():
            return Case("", Verdict.NOT_RUN, str(error.msg), needs=error.needs, install=error.install)
        case NotApplicable():
            return Case("", Verdict.NOT_APPLICABLE, str(error.msg))
        case Skipped():
            # A bare skip gives a reason and decides nothing.
            return Case("", Verdict.INCONCLUSIVE, str(error.msg))
        case Unimplemented():
            return Case("", Verdict.NOT_APPLICABLE, str(error))
        case ContractBroken():
            # Whatever the test was about: a client that crashes or lies has not kept the rule.
            case = Case("", Verdict.FAIL, str(error))
        case AssertionError() | pytest.fail.Exception() if deciding:
            case = Case("", Verdict.FAIL, str(error) or "an assertion of the test does not hold")
        case _:
            case = Case("", Verdict.ERROR, f"{type(error).__name__}: {error}")
    # Hypothesis tells the example that it found as a note.
    return replace(case, example="\n".join(getattr(error, "__notes__", ())))
