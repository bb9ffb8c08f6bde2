"""The report as GitHub-flavoured Markdown, for the summary of a workflow step."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from ecfleet.events import Column, Run
from ecfleet.reports.comparison import Comparison, Turn
from ecfleet.reports.truths import WORDS, counted
from ecfleet.timeline import lines
from ecfleet.verdicts import Case, Verdict

__all__ = ["LIMIT", "as_text"]

LIMIT: Final = 1_000_000
"""Bytes: GitHub takes a summary of up to 1 MiB for one step and throws a longer one away."""

_MOST = 3
"""How many cases of one rule are told."""

_SIGNS = {
    Verdict.PASS: "✅",
    Verdict.FAIL: "❌",
    Verdict.ERROR: "💥",
    Verdict.KNOWN_DEVIATION: "≠",
    Verdict.INCONCLUSIVE: "❔",
    Verdict.NOT_RUN: "⏸️",
    Verdict.NOT_APPLICABLE: "—",
}

_ACTIVE = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&@])")


def as_text(run: Run, comparison: Comparison | None = None) -> str:
    """The run as Markdown: a table of areas, then a section for each thing to know."""
    parts = ["\n".join(_head(run)), *_failures(run)]
    for title, rows in (
        ("Changes", list(_changes(comparison)) if comparison else []),
        ("Stale waivers", list(_stale(run))),
        ("Known deviations", list(_deviations(run))),
        ("Not decided", list(_undecided(run))),
        ("Not run", list(_not_run(run))),
    ):
        if rows:
            parts.append("\n".join((f"### {title}", "", *rows, "")))
    text, left_out = "", 0
    for part in parts:
        if len((text + part).encode()) > LIMIT - 200:
            left_out += 1
        else:
            text += f"{part}\n"
    if left_out:
        text += f"\n_{left_out} more sections do not fit; the JSON and HTML reports have them._\n"
    return text


def _head(run: Run) -> Iterator[str]:
    counts = Counter(result.verdict for result in run.results)
    said = ", ".join(counted(verdict, counts[verdict]) for verdict in _SIGNS if counts[verdict])
    yield f"## ecfleet: {said or 'nothing was run'}"
    yield ""
    yield f"Exit status {int(run.exit_status)}, seed {run.seed}, {run.seconds:.1f} s. {_code(run.command)}"
    yield ""
    for fault in run.faults:
        yield f"> **ecfleet itself failed:** {_plain(fault)}"
        yield ""
    if not run.columns:
        return
    yield f"| area | {' | '.join(_plain(column.title) for column in run.columns)} |"
    yield f"|---|{'---|' * len(run.columns)}"
    for area in run.catalogue.areas.values():
        ids = {rule.id for rule in area.rules}
        cells = [
            Counter(r.verdict for r in run.results if r.column == column.label and r.rule in ids)
            for column in run.columns
        ]
        if any(cells):
            told = " | ".join(
                ", ".join(f"{sign} {counted(v, count[v])}" for v, sign in _SIGNS.items() if count[v])
                for count in cells
            )
            yield f"| {_plain(area.title)} | {told} |"
    yield ""


def _failures(run: Run) -> Iterator[str]:
    for column, result, rule in run.having(Verdict.FAIL, Verdict.ERROR):
        rows = [
            f"### {_SIGNS[result.verdict]} {rule.id} {WORDS[result.verdict]}: {_plain(column.title)}",
            "",
            f"{_plain(rule.sentence)} _({rule.level}; {_plain(rule.citation)})_",
            "",
        ]
        cases = list(result.having(Verdict.FAIL, Verdict.ERROR))
        for case in cases[:_MOST]:
            rows += _case(run, column, case)
        if len(cases) > _MOST:
            rows += [f"and {len(cases) - _MOST} more cases", ""]
        rows += [f"**Fix:** {_plain(rule.fix)}", ""]
        yield "\n".join(rows)


def _case(run: Run, column: Column, case: Case) -> Iterator[str]:
    if case.what:
        yield "| looked at | expected | seen |"
        yield "|---|---|---|"
        yield f"| {_plain(case.what)} | {_code(case.expected)} | {_code(case.seen)} |"
    else:
        yield from _block(case.message)
    yield ""
    if case.example or case.timeline is not None:
        yield "<details><summary>Exchange</summary>"
        yield ""
        if case.example:
            yield from _block(case.example)
        if case.timeline is not None:
            yield from _block("\n".join(lines(case.timeline)))
        yield ""
        yield "</details>"
        yield ""
    yield from _block(run.replays[column.label, case.id], "sh")
    yield ""


def _changes(comparison: Comparison) -> Iterator[str]:
    told = [change for change in comparison.changes if change.turn is not Turn.GONE]
    yield f"Since {_plain(comparison.source)} of {_plain(comparison.began)}: {comparison.same} as before."
    for label, then, now in comparison.releases:
        yield f"{_plain(label)} was {_plain(then)} and is {_plain(now)}."
    yield ""
    if told:
        yield "| rule | program | before | now |"
        yield "|---|---|---|---|"
    for change in told:
        before, after = (
            "—" if v is None else f"{_SIGNS[v]} {WORDS[v]}" for v in (change.before, change.after)
        )
        yield f"| {change.rule} | {_plain(change.column)} | {before} | {after} |"


def _stale(run: Run) -> Iterator[str]:
    for stale in run.stale:
        waiver = stale.waiver
        yield (
            f"- {waiver.rule}, {_plain(stale.column)}: {stale.staleness} waiver in "
            f"{_code(waiver.source.name)} ({_code(waiver.observed)}): {_plain(stale.advice)}"
        )


def _deviations(run: Run) -> Iterator[str]:
    for column, result, _ in run.having(Verdict.KNOWN_DEVIATION):
        reasons = dict.fromkeys(case.waiver for case in result.having(Verdict.KNOWN_DEVIATION))
        yield f"- {result.rule}, {_plain(column.title)}: {_plain(' '.join(reasons))}"


def _undecided(run: Run) -> Iterator[str]:
    for column, result, _ in run.having(Verdict.INCONCLUSIVE):
        missing = dict.fromkeys(
            case.message.removeprefix("inconclusive: ") for case in result.having(Verdict.INCONCLUSIVE)
        )
        yield f"- {result.rule}, {_plain(column.title)}: {_plain('; '.join(missing))}"


def _not_run(run: Run) -> Iterator[str]:
    missing: dict[tuple[str, str], dict[str, None]] = {}
    for result in run.results:
        for case in result.having(Verdict.NOT_RUN):
            missing.setdefault((case.needs, case.install), {})[result.rule] = None
    for (needs, install), rules in missing.items():
        yield f"- {_plain(needs)}: {_code(install)} ({', '.join(rules)})"


def _plain(text: str) -> str:
    """The text on one line with nothing in it that Markdown would take as its own."""
    return _ACTIVE.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """The text on one line as code, whatever it holds; it may stand in a cell of a table."""
    line = " ".join(text.split())
    if not line:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    padded = f" {line} " if "`" in (line[0], line[-1]) else line
    return f"{fence}{padded}{fence}".replace("|", "\\|")


def _block(text: str, language: str = "") -> Iterator[str]:
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    yield f"{fence}{language}"
    yield text
    yield fence
