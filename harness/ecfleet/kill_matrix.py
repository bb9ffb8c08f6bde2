"""The kill matrix: every mutant against every rule.

``python -m ecfleet.kill_matrix -j 2`` runs it and prints it. A mutant must be killed by its own rule and
must trip beyond that just the rules that it declares; each rule needs a mutant. Exit status: 0 when
all that is so, 1 when it is not, 2 when it cannot be run.

First all rules are run without a mutant: none may fail, and what the tests of each rule touch is recorded
(:mod:`ecfleet.touching`). Then each mutant meets all rules that touch what it changes, with a few examples
for each property; the others end as they did without it. Those that ought to fail and did not meet it again,
with as many examples as a check has.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TextIO

from ecfleet import parallel
from ecfleet.mutants import Mutant, find_mutant, kill, load_mutants
from ecfleet.parallel import Tell
from ecfleet.rules import Area, Catalogue, RulesError, find_suites
from ecfleet.touching import Touched, recorded
from ecfleet.verdicts import Verdict

__all__ = ["Row", "declared", "grid", "problems_of_catalogue", "row"]

EXAMPLES = 4
"""Examples for each property in the first meeting of a mutant with all rules."""

_SIGNS = {
    Verdict.PASS: ".",
    Verdict.NOT_APPLICABLE: "-",
    Verdict.NOT_RUN: "-",
    Verdict.INCONCLUSIVE: "?",
    Verdict.ERROR: "E",
}
LEGEND = (
    "X killed by its own rule   x trips as declared   ! trips undeclared   . holds   "
    "- not run or not applicable   ? inconclusive   E error   (blank) out of its reach"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A mutant and the verdicts on it by rule; rules that it cannot touch are left out."""

    mutant: Mutant
    verdicts: Mapping[str, Verdict]
    seconds: float = 0.0

    @property
    def tripped(self) -> frozenset[str]:
        """The rules that it broke."""
        return frozenset(rule for rule, verdict in self.verdicts.items() if verdict is Verdict.FAIL)

    @property
    def problems(self) -> list[str]:
        """What is not as declared, a line for each; empty when all is well."""
        mutant, tripped = self.mutant, self.tripped
        lines = []
        if mutant.rule not in tripped:
            lines.append(f"survives: {mutant.rule} is '{self.verdicts.get(mutant.rule, 'not tested')}'")
        if undeclared := sorted(tripped - mutant.trips - {mutant.rule}):
            lines.append(f"trips {', '.join(undeclared)} and does not say so")
        if untripped := sorted(mutant.trips - tripped):
            lines.append(f"says that it trips {', '.join(untripped)} and does not")
        if wrong := sorted(rule for rule, verdict in self.verdicts.items() if verdict is Verdict.ERROR):
            lines.append(f"makes the tests of {', '.join(wrong)} end in an error")
        return [f"{mutant.id} {line}" for line in lines]

    def sign(self, rule: str) -> str:
        """One character for a rule."""
        verdict = self.verdicts.get(rule)
        if verdict is Verdict.FAIL:
            return "X" if rule == self.mutant.rule else "x" if rule in self.mutant.trips else "!"
        return " " if verdict is None else _SIGNS[verdict]


def declared(mutant: Mutant) -> Row:
    """The row of a mutant as it is declared."""
    return Row(mutant, dict.fromkeys({mutant.rule, *mutant.trips}, Verdict.FAIL))


def row(
    mutant: Mutant, catalogue: Catalogue, reach: Sequence[str], *, examples: int = EXAMPLES, seed: int = 0
) -> Row:
    """Run a mutant against the rules that it can trip.

    :raises RulesError: when the tests cannot be run.
    """
    began = time.perf_counter()
    expected = sorted({mutant.rule, *mutant.trips})
    met = dict.fromkeys([*expected, *reach])
    verdicts = kill(mutant, met, suites=catalogue.suites, seed=seed, examples=examples)
    if again := [rule for rule in expected if verdicts.get(rule) is not Verdict.FAIL]:
        verdicts |= kill(mutant, again, suites=catalogue.suites, seed=seed)
    return Row(mutant, verdicts, time.perf_counter() - began)


def problems_of_catalogue(catalogue: Catalogue, mutants: Iterable[Mutant]) -> list[str]:
    """What can be seen to be wrong without running anything: rules without a mutant, trips of no rule."""
    mutants = list(mutants)
    killers = {mutant.rule for mutant in mutants}
    lines = [f"{rule} has no mutant" for rule in catalogue.rules if rule not in killers]
    lines += [
        f"{mutant.id} says that it trips {rule}: there is no such rule"
        for mutant in mutants
        for rule in sorted(mutant.trips - catalogue.rules.keys())
    ]
    return lines


def grid(areas: Iterable[Area], rows: Sequence[Row]) -> str:
    """Mutants as lines, rules as columns, area by area; each column is headed by the rule's number."""
    areas = [area for area in areas if area.rules]
    longest = max((len(row.mutant.id) for row in rows), default=0)
    widths = [max(len(area.rules), len(area.prefix)) for area in areas]
    ids = [[rule.id for rule in area.rules] for area in areas]
    heads = [[area.prefix for area in areas]]
    digits = max((len(_number(id)) for column in ids for id in column), default=0)
    heads += [
        ["".join(_number(id).zfill(digits)[digit] for id in column) for column in ids]
        for digit in range(digits)
    ]
    lines = [_line("", longest, head, widths) for head in heads]
    lines += [
        _line(row.mutant.id, longest, ["".join(row.sign(rule) for rule in column) for column in ids], widths)
        for row in rows
    ]
    return "\n".join(lines)


def _number(id: str) -> str:
    return id.rpartition("-")[2]


def _line(label: str, longest: int, cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{label:<{longest}}  {'  '.join(padded)}".rstrip()


# --- the command --------------------------------------------------------------------------------------


def run(catalogue: Catalogue, wanted: Sequence[str], *, jobs: int, examples: int, out: TextIO) -> bool:
    """Run and print the matrix; whether all is as it must be.

    :param wanted: ids of mutants; empty for all.
    :raises RulesError: when a mutant or suite cannot be used.
    """
    mutants = load_mutants(catalogue.areas.values())
    chosen = [find_mutant(id, catalogue.areas.values()) for id in wanted] or list(mutants.values())
    problems = [] if wanted else problems_of_catalogue(catalogue, mutants.values())
    began = time.perf_counter()
    touched, wrong = without_mutant(catalogue, examples=examples)
    problems += wrong
    print(f"{time.perf_counter() - began:5.1f} s  without mutant", file=out, flush=True)
    rows: dict[str, Row] = {}
    parts = [_Part(mutant.id, tuple(touched.reach(mutant))) for mutant in chosen]
    # The longest first: none of them is left over at the end for one process alone.
    parts.sort(key=lambda part: -len(part.reach))
    work = partial(_work, catalogue, examples=examples)
    with closing(parallel.spread(work, parts, jobs, lambda message: None)) as done:
        for part, result in done:
            if isinstance(result, parallel.WorkLost):
                problems.append(f"{part.mutant} could not be run: {str(result).splitlines()[-1]}")
                continue
            verdicts, seconds = result
            rows[part.mutant] = Row(mutants[part.mutant], verdicts, seconds)
            problems += rows[part.mutant].problems
            print(f"{seconds:5.1f} s  {part.mutant}", file=out, flush=True)
    ordered = [rows[id] for id in mutants if id in rows]
    print(f"\n{grid(catalogue.areas.values(), ordered)}\n\n{LEGEND}", file=out)
    for one in ordered:
        if one.mutant.trips:
            print(
                f"{one.mutant.id} trips {', '.join(sorted(one.mutant.trips))}: {one.mutant.reason}", file=out
            )
    for problem in problems:
        print(f"PROBLEM {problem}", file=out)
    killed = sum(one.mutant.rule in one.tripped for one in ordered)
    print(
        f"\n{killed} of {len(parts)} mutants killed by their own rules, {len(catalogue.rules)} rules, "
        f"{len(problems)} problems, {time.perf_counter() - began:.0f} s with {jobs} processes",
        file=out,
    )
    return not problems


@dataclass(frozen=True, slots=True)
class _Part:
    mutant: str
    reach: tuple[str, ...]


def without_mutant(catalogue: Catalogue, *, examples: int = EXAMPLES) -> tuple[Touched, list[str]]:
    """Run all rules on sound subjects: what their tests touch, and a line for each that fails."""
    from ecfleet import runner

    settings = runner.Settings(clients=("builtin",), profiles=False, quick=True, examples=examples)
    with recorded() as touched:
        run = runner.run(catalogue, settings)
    lines = [f"without mutant: {fault}" for fault in run.faults]
    lines += [
        f"without mutant: {result.rule} is '{result.verdict}'"
        for result in run.results
        if result.verdict in (Verdict.FAIL, Verdict.ERROR)
    ]
    return touched, lines


def _work(
    catalogue: Catalogue, part: _Part, tell: Tell, *, examples: int
) -> tuple[Mapping[str, Verdict], float]:
    done = row(find_mutant(part.mutant, catalogue.areas.values()), catalogue, part.reach, examples=examples)
    # Without the mutant itself: its functions cannot be sent.
    return done.verdicts, done.seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m ecfleet.kill_matrix", description="Run every mutant against every rule."
    )
    parser.add_argument("mutant", nargs="*", help="only these, by id (default: all)")
    parser.add_argument("-j", "--jobs", type=int, default=parallel.default_jobs(), help="processes to use")
    parser.add_argument(
        "--examples", type=int, default=EXAMPLES, help=f"for each property at first (default: {EXAMPLES})"
    )
    options = parser.parse_args(arguments)
    try:
        catalogue = Catalogue(find_suites())
        well = run(
            catalogue,
            options.mutant,
            jobs=max(1, options.jobs),
            examples=max(1, options.examples),
            out=sys.stdout,
        )
    except RulesError as error:
        print(f"kill matrix: {error}", file=sys.stderr)
        return 2
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
