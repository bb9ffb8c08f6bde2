"""Progress while a run goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
from typing import TextIO

from ecfleet.events import CaseFinished, ColumnStarted, Event, RuleFinished, RunFinished
from ecfleet.verdicts import Verdict

WIDTH = 24
"""Characters between the ends of the bar."""


class Bar:
    """One line that is written over and over; it is gone when the run is over.

    :param out: a terminal.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.done = 0
        self.total = 0
        self._drawn = 0
        self._failed = 0

    def __call__(self, event: Event) -> None:
        match event:
            case ColumnStarted(_, _, cases):
                self.done, self.total = 0, cases
                self._draw(event.column.title)
            case CaseFinished(column, rule, case):
                self.done += 1
                self._failed += case.verdict in (Verdict.FAIL, Verdict.ERROR)
                failed = f"  {self._failed} failed" if self._failed else ""
                self._draw(f"{column.title}  {rule}{failed}")
            case RunFinished():
                self.clear()

    def _draw(self, text: str) -> None:
        full = WIDTH * self.done // self.total if self.total else WIDTH
        line = f"[{'#' * full}{'.' * (WIDTH - full)}] {self.done}/{self.total} {text}"
        line = line[: shutil.get_terminal_size().columns - 1]
        self.out.write(f"\r{line}{' ' * (self._drawn - len(line))}")
        self.out.flush()
        self._drawn = len(line)

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            self.out.write(f"\r{' ' * self._drawn}\r")
            self.out.flush()
            self._drawn = 0


class Lines:
    """A line for each program and for each rule that it does not fulfil, as soon as that is known."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def __call__(self, event: Event) -> None:
        match event:
            case ColumnStarted(column, rules, cases):
                counts = f"{rules} {_noun('rule', rules)}, {cases} {_noun('case', cases)}"
                self._write(f"{column.title}: {counts}")
            case RuleFinished(column, result) if result.verdict not in (
                Verdict.PASS,
                Verdict.NOT_APPLICABLE,
            ):
                self._write(f"{column.title}: {result.rule} {result.verdict}")

    def clear(self) -> None:
        """Nothing has to be taken away."""

    def _write(self, line: str) -> None:
        self.out.write(f"{line}\n")
        self.out.flush()


def _noun(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
