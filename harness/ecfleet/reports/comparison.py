"""What has changed since an earlier run, by its JSON report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ecfleet.events import Run
from ecfleet.reports.files import ReportError
from ecfleet.verdicts import Verdict

__all__ = ["Change", "Comparison", "Turn", "compare", "read_previous"]

_FORMATS = (1,)
"""The formats of reports that can be compared with."""
_BAD = (Verdict.FAIL, Verdict.ERROR)


class Turn(StrEnum):
    """Which way something has changed."""

    WORSE = "worse"
    """It fails now and did not."""
    BETTER = "better"
    """It failed and holds now."""
    EXPLAINED = "explained"
    """It failed, and still does, as is known now."""
    OTHERWISE = "otherwise"
    """It failed then and now, with other evidence."""
    CHANGED = "changed"
    """Between two other verdicts."""
    NEW = "new"
    """It was not in the earlier report."""
    GONE = "gone"
    """It is not in this run."""


@dataclass(frozen=True, slots=True)
class Change:
    """One rule whose verdict on one program is not what it was; None where there was or is none.

    ``evidence`` is the first line of what was seen last.
    """

    rule: str
    column: str
    turn: Turn
    before: Verdict | None
    after: Verdict | None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences to an earlier run.

    ``source`` is the name of its report's file, ``began`` its time in UTC, ``ecfleet`` the release that made
    it, ``seed`` its seed. ``releases`` are the programs of another release than now: label, then and now.
    ``same`` is how many verdicts are what they were.
    """

    source: str
    began: str
    ecfleet: str
    seed: int
    changes: tuple[Change, ...]
    same: int
    releases: tuple[tuple[str, str, str], ...] = ()

    def having(self, *turns: Turn) -> list[Change]:
        """The changes of these kinds."""
        return [change for change in self.changes if change.turn in turns]

    def as_table(self) -> dict[str, Any]:
        """As plain data for the JSON report."""
        return {
            "source": self.source,
            "began": self.began,
            "ecfleet": self.ecfleet,
            "seed": self.seed,
            "same": self.same,
            "releases": [{"column": who, "before": then, "after": now} for who, then, now in self.releases],
            "changes": [
                {
                    "rule": change.rule,
                    "column": change.column,
                    "turn": str(change.turn),
                    "before": None if change.before is None else str(change.before),
                    "after": None if change.after is None else str(change.after),
                    "evidence": change.evidence,
                }
                for change in self.changes
            ],
        }


@dataclass(frozen=True, slots=True)
class _Verdict:
    verdict: Verdict
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Previous:
    """An earlier report, as far as it is compared with."""

    source: str
    began: str
    ecfleet: str
    seed: int
    releases: Mapping[str, str]
    verdicts: Mapping[tuple[str, str], _Verdict]


def read_previous(path: Path) -> Previous:
    """Read a JSON report of an earlier run.

    :raises ReportError: when it cannot be read or is none.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise ReportError(
            f"{path}: is no JSON; give a file that 'ecfleet check --json' has written"
        ) from None
    number = table.get("format") if isinstance(table, dict) else None
    if number not in _FORMATS:
        raise ReportError(f"{path}: is no report of 'ecfleet check --json' that this release can read")
    try:
        return Previous(
            source=path.name,
            began=str(table["began"]),
            ecfleet=str(table["ecfleet"]),
            seed=int(table["seed"]),
            releases={str(one["label"]): str(one["release"]) for one in table["columns"]},
            verdicts={
                (str(one["rule"]), str(one["column"])): _Verdict(
                    Verdict(one["verdict"]), _evidence(case for case in one["cases"])
                )
                for one in table["results"]
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"{path}: is no whole report: {type(error).__name__}: {error}") from None


def _evidence(cases: Any) -> tuple[str, ...]:
    return tuple(sorted({str(case.get("message", "")) for case in cases if Verdict(case["verdict"]) in _BAD}))


def compare(previous: Previous, run: Run) -> Comparison:
    """What has changed between an earlier report and this run.

    Programs are the same when their columns have the same label, whatever their releases.
    """
    now = {
        (result.rule, result.column): _Verdict(
            result.verdict, tuple(sorted({case.message for case in result.having(*_BAD)}))
        )
        for result in run.results
    }
    changes: list[Change] = []
    same = 0
    order = {rule: number for number, rule in enumerate(run.catalogue.rules)}
    columns = {column.label: number for number, column in enumerate(run.columns)}
    for rule, column in sorted(
        {*previous.verdicts, *now}, key=lambda key: (columns.get(key[1], 99), order.get(key[0], 9999), key)
    ):
        before, after = previous.verdicts.get((rule, column)), now.get((rule, column))
        turn = _turn(before, after)
        if turn is None:
            same += 1
            continue
        latest = after or before
        seen = latest.evidence[0].splitlines()[:1] if latest is not None and latest.evidence else []
        changes.append(
            Change(
                rule,
                column,
                turn,
                before.verdict if before else None,
                after.verdict if after else None,
                seen[0] if seen else "",
            )
        )
    releases = {column.label: column.release for column in run.columns}
    return Comparison(
        source=previous.source,
        began=previous.began,
        ecfleet=previous.ecfleet,
        seed=previous.seed,
        changes=tuple(changes),
        same=same,
        releases=tuple(
            (label, previous.releases[label], release)
            for label, release in releases.items()
            if label in previous.releases and previous.releases[label] != release
        ),
    )


def _turn(before: _Verdict | None, after: _Verdict | None) -> Turn | None:
    if before is None:
        return Turn.NEW
    if after is None:
        return Turn.GONE
    if before.verdict is after.verdict:
        return Turn.OTHERWISE if before.evidence != after.evidence else None
    if after.verdict in _BAD:
        return Turn.OTHERWISE if before.verdict in _BAD else Turn.WORSE
    if before.verdict in _BAD and after.verdict is Verdict.PASS:
        return Turn.BETTER
    if before.verdict in _BAD and after.verdict is Verdict.KNOWN_DEVIATION:
        return Turn.EXPLAINED
    return Turn.CHANGED
