"""What a run tells those who listen to it, as it goes on: reporters and progress bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ecfleet.profiles import StaleWaiver
from ecfleet.rules import Catalogue, Rule
from ecfleet.verdicts import Case, ExitStatus, RuleResult, Verdict


@dataclass(frozen=True, slots=True)
class Column:
    """A program that rules are tested on: a client, or the mocks for the rules about services.

    ``label`` is unique in a run, ``argument`` is how ``--client`` calls it, empty for the mocks.
    """

    label: str
    name: str
    release: str = ""
    argument: str = ""
    capabilities: tuple[str, ...] = ()
    profile: str = ""

    @property
    def title(self) -> str:
        """Label and release."""
        return f"{self.label} {self.release}".strip()


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins."""

    seed: int
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class ColumnStarted:
    """The tests for one program are known and begin: ``cases`` tests of ``rules`` rules."""

    column: Column
    rules: int
    cases: int


@dataclass(frozen=True, slots=True)
class CaseFinished:
    """One test ended."""

    column: Column
    rule: str
    case: Case


@dataclass(frozen=True, slots=True)
class RuleFinished:
    """The last test of a rule ended for one program."""

    column: Column
    result: RuleResult


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run is over."""

    run: Run


Event: TypeAlias = RunStarted | ColumnStarted | CaseFinished | RuleFinished | RunFinished


class Listener(Protocol):
    """Is told every event of a run, in order, in the thread of the run."""

    def __call__(self, event: Event) -> None:
        """Take note of an event."""


@dataclass(frozen=True, slots=True)
class Run:
    """All that came of a run.

    ``began`` is the time in UTC, ISO 8601; ``seconds`` the wall time. ``faults`` are ecfleet's own, beside
    errors of single tests. ``replays`` gives the command for a column's label and a case.
    """

    catalogue: Catalogue
    columns: tuple[Column, ...]
    results: tuple[RuleResult, ...]
    stale: tuple[StaleWaiver, ...]
    faults: tuple[str, ...]
    seed: int
    began: str
    seconds: float
    command: str
    replays: Mapping[tuple[str, str], str]
    exit_status: ExitStatus

    def having(self, *verdicts: Verdict) -> Iterator[tuple[Column, RuleResult, Rule]]:
        """The results with one of these verdicts, by columns, in the order of the catalogue."""
        order = {id: number for number, id in enumerate(self.catalogue.rules)}
        for column in self.columns:
            mine = [r for r in self.results if r.column == column.label and r.verdict in verdicts]
            for result in sorted(mine, key=lambda result: order[result.rule]):
                yield column, result, self.catalogue.rules[result.rule]
