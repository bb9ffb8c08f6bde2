"""A check in several processes: the rules of each program in parts, and their verdicts put together again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from ecfleet import parallel, runner
from ecfleet.events import Column, ColumnStarted, Event, Listener
from ecfleet.interrupts import interruptible
from ecfleet.parallel import Tell, WorkLost
from ecfleet.rules import Catalogue, Subject

PARTS = 3
"""Into how many parts each process's share of a program's rules is cut: the last ones even out the load."""


@dataclass(frozen=True, slots=True)
class _Part:
    column: Column
    rules: tuple[str, ...]
    targets: tuple[str, ...]


def run_columns(
    catalogue: Catalogue,
    settings: runner.Settings,
    columns: Sequence[Column],
    targets: Sequence[str],
    tell: Listener,
) -> Iterator[tuple[Column, runner.Ended]]:
    """Run the tests for all programs in ``settings.jobs`` processes; what came of each program.

    :raises KeyboardInterrupt: when it is interrupted; nothing is left running.
    """
    ended = {column.label: runner.Ended() for column in columns}
    parts: list[_Part] = []
    for column in columns:
        # What there is to run is found out here, once, so that totals are known and mistakes are told once.
        found = runner.run_column(catalogue, settings, column, targets, tell, collect_only=True)
        ended[column.label].faults += found.faults
        if not found.faults:
            parts += _cut(catalogue, settings, column)
    work = partial(_run_part, catalogue, replace(settings, jobs=1))
    with interruptible(), closing(parallel.spread(work, parts, settings.jobs, tell)) as done:
        for part, result in done:
            mine = ended[part.column.label]
            if isinstance(result, WorkLost):
                mine.faults.append(f"{part.column.label}: {', '.join(part.rules)}: {result}")
            else:
                mine.results += result.results
                mine.faults += result.faults
    order = {rule: number for number, rule in enumerate(catalogue.rules)}
    for column in columns:
        ended[column.label].results.sort(key=lambda result: order[result.rule])
        yield column, ended[column.label]


def _cut(catalogue: Catalogue, settings: runner.Settings, column: Column) -> Iterator[_Part]:
    """The rules for one program, area by area."""
    selected = catalogue.ids(settings.rules) if settings.rules else catalogue.rules.keys()
    chosen = {
        area: [
            rule.id
            for rule in area.rules
            if rule.id in selected and (rule.subject is Subject.CLIENT) == bool(column.argument)
        ]
        for area in catalogue.areas.values()
    }
    size = math.ceil(sum(map(len, chosen.values())) / (settings.jobs * PARTS))
    for area, rules in chosen.items():
        for first in range(0, len(rules), size):
            yield _Part(column, tuple(rules[first : first + size]), (str(area.path),))


def _run_part(catalogue: Catalogue, settings: runner.Settings, part: _Part, tell: Tell) -> runner.Ended:
    def hand_on(event: Event) -> None:
        # That the tests for the program begin has been told, and for all of them.
        if not isinstance(event, ColumnStarted):
            tell(event)

    return runner.run_column(
        catalogue, replace(settings, rules=part.rules), part.column, part.targets, hand_on
    )
