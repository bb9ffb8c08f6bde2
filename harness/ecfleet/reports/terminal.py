"""The report on a terminal: a table of areas, a list of rules, a block for each thing to know."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TextIO

from ecfleet.events import Run
from ecfleet.reports.comparison import Comparison, Turn
from ecfleet.timeline import lines
from ecfleet.verdicts import Case, ExitStatus, RuleResult, Verdict

WIDTH = 100
"""Where lines of prose are wrapped, in characters."""

BRIEF = 12
"""How many steps of an exchange are shown in short."""

MOST = 5
"""How many failing cases of one rule are shown; the rest is counted."""

_COLOURS = {
    Verdict.PASS: "32",
    Verdict.FAIL: "31;1",
    Verdict.ERROR: "31;1",
    Verdict.KNOWN_DEVIATION: "33",
    Verdict.INCONCLUSIVE: "33",
}

_ORDER = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.KNOWN_DEVIATION,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_RUN,
    Verdict.NOT_APPLICABLE,
    Verdict.PASS,
)

_COUNTED = {
    Verdict.PASS: "hold",
    Verdict.FAIL: "fail",
    Verdict.ERROR: "error",
    Verdict.KNOWN_DEVIATION: "deviate as known",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NOT_RUN: "not run",
    Verdict.NOT_APPLICABLE: "not applicable",
}


class TerminalReport:
    """Writes a run as text that says the same without colour.

    :param colour: whether verdicts are coloured.
    :param quiet: leave out the list of rules.
    :param columns: how wide the terminal is, in characters, so that the list of rules has a line for each;
        None for no limit.
    :param timelines: show the whole exchange of each failing case, and not a short account for the first.
    """

    def __init__(
        self,
        out: TextIO,
        *,
        colour: bool = False,
        quiet: bool = False,
        columns: int | None = None,
        timelines: bool = False,
    ) -> None:
        self.out = out
        self.colour = colour
        self.quiet = quiet
        self.columns = columns
        self.timelines = timelines

    def write(self, run: Run, comparison: Comparison | None = None) -> None:
        """Write the whole report, and what has changed since another run."""
        blocks = [self._table(run)]
        if not self.quiet:
            blocks.append(self._rules(run))
        blocks += self._failures(run)
        blocks += self._stale(run)
        blocks += self._deviations(run)
        blocks += self._undecided(run)
        blocks += self._changes(comparison) if comparison is not None else []
        blocks += [[self._paint(f"ecfleet itself failed: {fault}", Verdict.ERROR)] for fault in run.faults]
        blocks.append(self._last(run))
        self.out.write("\n\n".join("\n".join(block) for block in blocks if block) + "\n")

    # --- tables -------------------------------------------------------------------------------------

    def _table(self, run: Run) -> list[str]:
        rows = [["area", *(column.title for column in run.columns)]]
        for area in run.catalogue.areas.values():
            ids = {rule.id for rule in area.rules}
            counts = [
                Counter(r.verdict for r in run.results if r.column == column.label and r.rule in ids)
                for column in run.columns
            ]
            if any(counts):
                rows.append([area.title, *(_counts(count) for count in counts)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return [lines[0], "-" * max(map(len, lines)), *lines[1:]]

    def _rules(self, run: Run) -> list[str]:
        verdicts = {(result.rule, result.column): result for result in run.results}
        # A column as wide as its widest word, so that the verdicts stand under each other.
        wide = {
            column.label: max(
                len(column.label),
                *(len(_brief(r)) for r in run.results if r.column == column.label),
            )
            for column in run.columns
        }
        longest = max((len(result.rule) for result in run.results), default=4)
        heads = "  ".join(column.label.ljust(wide[column.label]) for column in run.columns)
        lines = [f"{'rule':<{longest}}  {heads}".rstrip()]
        for rule in run.catalogue.rules.values():
            found = [verdicts.get((rule.id, column.label)) for column in run.columns]
            if not any(found):
                continue
            cells = [
                self._paint(_brief(result).ljust(wide[column.label]), result.verdict)
                if result
                else " " * wide[column.label]
                for column, result in zip(run.columns, found, strict=True)
            ]
            used = longest + 2 + sum(wide[column.label] + 2 for column in run.columns)
            lines.append(f"{rule.id:<{longest}}  {'  '.join(cells)}  {self._fit(rule.sentence, used)}")
        return lines

    def _fit(self, text: str, used: int) -> str:
        """As much of the text as the rest of a line holds."""
        if self.columns is None or used + len(text) <= self.columns:
            return text
        return textwrap.shorten(text, max(self.columns - used, 10), placeholder=" …")

    # --- blocks -------------------------------------------------------------------------------------

    def _failures(self, run: Run) -> Iterator[list[str]]:
        for column, result, rule in run.having(Verdict.FAIL, Verdict.ERROR):
            head = f"{result.verdict.upper()}  {rule.id}  {column.title}"
            told = [
                self._paint(head, result.verdict),
                *_wrap("rule", f"{rule.sentence} ({rule.level})"),
                *_wrap("source", rule.citation),
            ]
            cases = list(result.having(Verdict.FAIL, Verdict.ERROR))
            for number, case in enumerate(cases[:MOST]):
                told += _evidence(case)
                told += self._exchange(case, first=not number)
                told += [f"  {'replay':<10} {run.replays[result.column, case.id]}"]
            if len(cases) > MOST:
                told.append(f"  and {len(cases) - MOST} more cases; --json has them all")
            told += _wrap("fix", rule.fix)
            yield told

    def _exchange(self, case: Case, *, first: bool) -> Iterator[str]:
        """The timeline of a case: all of it when asked for, else the end of the first case's in short."""
        if case.timeline is None or not (first or self.timelines):
            return
        if self.timelines:
            yield "  timeline"
            yield from (f"    {line}" for line in lines(case.timeline))
        else:
            yield "  timeline   (in short; --timeline shows all)"
            yield from (f"    {line}" for line in lines(case.timeline.brief(BRIEF), details=False))

    def _stale(self, run: Run) -> Iterator[list[str]]:
        for stale in run.stale:
            head = f"STALE  {stale.waiver.rule}  {stale.column}  {stale.staleness} waiver"
            yield [
                self._paint(head, Verdict.FAIL),
                *_wrap("listed", f"{stale.waiver.observed} ({stale.waiver.source})"),
                *_wrap("so", stale.advice),
            ]

    def _deviations(self, run: Run) -> Iterator[list[str]]:
        for column, result, rule in run.having(Verdict.KNOWN_DEVIATION):
            cases = list(result.having(Verdict.KNOWN_DEVIATION))
            lines = [
                self._paint(f"known deviation  {rule.id}  {column.title}", result.verdict),
                *_wrap("rule", f"{rule.sentence} ({rule.level})"),
                *_wrap("source", rule.citation),
            ]
            for reason, source in dict.fromkeys((case.waiver, case.waiver_source) for case in cases):
                lines += _wrap("reason", f"{reason} ({source})")
            lines += _wrap("seen", cases[0].message)
            if len(cases) > 1:
                lines.append(f"  {'':<10} and so in {len(cases) - 1} more cases")
            yield lines

    def _undecided(self, run: Run) -> Iterator[list[str]]:
        for column, result, rule in run.having(Verdict.INCONCLUSIVE):
            lines = [self._paint(f"inconclusive  {rule.id}  {column.title}", result.verdict)]
            for message in dict.fromkeys(case.message for case in result.having(Verdict.INCONCLUSIVE)):
                lines += _wrap("missing", message.removeprefix("inconclusive: "))
            yield lines
        missing: dict[tuple[str, str], list[str]] = {}
        for result in run.results:
            for case in result.having(Verdict.NOT_RUN):
                rules = missing.setdefault((case.needs, case.install), [])
                if result.rule not in rules:
                    rules.append(result.rule)
        for (needs, install), rules in missing.items():
            yield [f"not run  needs {needs}: {install}", *_wrap("rules", ", ".join(rules))]

    def _changes(self, comparison: Comparison) -> Iterator[list[str]]:
        head = f"since {comparison.source} ({comparison.began}, seed {comparison.seed})"
        rows = [head, f"  {'same':<10} {_verdicts(comparison.same)}"]
        rows += [f"  {'release':<10} {who}: {then}, now {now}" for who, then, now in comparison.releases]
        for change in comparison.changes:
            if change.turn not in (Turn.NEW, Turn.GONE):
                seen = f": {change.evidence}" if change.evidence else ""
                rows += _wrap(
                    str(change.turn),
                    f"{change.rule}  {change.column}  {change.before} -> {change.after}{seen}",
                )
        for turn, words in ((Turn.NEW, "not in that report"), (Turn.GONE, "not in this run")):
            if found := comparison.having(turn):
                rows += _wrap(str(turn), f"{_verdicts(len(found))} {words}")
        yield rows

    def _last(self, run: Run) -> list[str]:
        counts = Counter(result.verdict for result in run.results)
        said = ", ".join(f"{counts[v]} {_COUNTED[v]}" for v in (Verdict.PASS, *_ORDER[:-1]) if counts[v])
        if run.stale:
            said += f", {len(run.stale)} stale waiver{'s' if len(run.stale) > 1 else ''}"
        status = int(run.exit_status)
        good = Verdict.PASS if run.exit_status is ExitStatus.OK else Verdict.FAIL
        line = f"{said or 'nothing was run'} (exit status {status})"
        return [self._paint(line, good), f"seed {run.seed}, {run.seconds:.1f} s"]

    def _paint(self, text: str, verdict: Verdict) -> str:
        code = _COLOURS.get(verdict)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code else text


def _verdicts(count: int) -> str:
    return f"{count} {'verdict' if count == 1 else 'verdicts'}"


def _counts(count: Counter[Verdict]) -> str:
    return ", ".join(
        f"{count[verdict]} {verdict}" for verdict in (Verdict.PASS, *_ORDER[:-1]) if count[verdict]
    )


def _brief(result: RuleResult) -> str:
    """The verdict, and how many cases it leaves out."""
    left_out = len(list(result.having(Verdict.NOT_RUN)))
    if result.verdict is not Verdict.NOT_RUN and left_out:
        return f"{result.verdict} ({left_out} of {len(result.cases)} not run)"
    return str(result.verdict)


def _evidence(case: Case) -> list[str]:
    lines = _wrap("case", case.id)
    if case.what:
        lines += [
            *_wrap("looked at", case.what),
            *_wrap("expected", case.expected),
            *_wrap("seen", case.seen),
        ]
    else:
        lines += _wrap("seen", case.message)
    if case.example:
        lines += _wrap("example", case.example)
    return lines


def _wrap(label: str, text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        lines += textwrap.wrap(paragraph, WIDTH - 13, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"  {name:<10} {line}".rstrip() for name, line in zip(_once(label), lines, strict=False)]


def _once(label: str) -> Iterable[str]:
    yield label
    while True:
        yield ""
