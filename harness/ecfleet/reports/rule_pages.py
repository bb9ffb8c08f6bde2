"""The catalogue for a reader: a list of rules, and all that is known about one."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from ecfleet.coverage import coverage_of
from ecfleet.events import Run
from ecfleet.profiles import shipped_profiles
from ecfleet.reports.truths import Truth, Truths, truths_of
from ecfleet.rules import Catalogue, Rule

WIDTH = 100


def listing(catalogue: Catalogue, rules: Sequence[Rule]) -> str:
    """The rules under the titles of their areas, one a line."""
    longest = max(len(rule.id) for rule in rules)
    blocks = []
    for area in catalogue.areas.values():
        mine = [rule for rule in rules if rule.area == area.name]
        if not mine:
            continue
        lines = [f"{area.title} ({area.name})"]
        lines += [
            f"  {rule.id:<{longest}}  {rule.level:<8}  {rule.subject:<13}  {rule.sentence}" for rule in mine
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def explain(catalogue: Catalogue, rule: Rule, run: Run | None = None) -> str:
    """What one rule says, why, where it comes from, how to fix a program, and the three truths about it.

    :param run: a run in which programs at hand were tested by it.
    """
    about = [rule.level, rule.subject, f"severity {rule.severity}"]
    if rule.capabilities:
        about.append(f"needs {', '.join(sorted(rule.capabilities))}")
    lines = [f"{rule.id}  {catalogue.areas[rule.area].title}", f"  {', '.join(about)}", ""]
    lines += _paragraph("Rule", rule.sentence)
    lines += _paragraph("Why", rule.why)
    lines += _paragraph("Symptom", rule.symptom)
    lines += _paragraph("Fix", rule.fix)
    for source in rule.sources:
        lines += _paragraph("Source", source.citation)
    for statement in coverage_of(catalogue.suites).of(rule.id):
        lines += _paragraph("Decides", f"{statement.id}: {statement.says}")
    if rule.field_bugs:
        lines += _paragraph("Explains", ", ".join(rule.field_bugs))
    lines += _paragraph("Test", f"ecfleet check --rule {rule.id}")
    return "\n".join((*lines, "", *three_truths(truths_of(rule, shipped_profiles(), run))))


def three_truths(truths: Truths) -> Iterator[str]:
    """The documents, the releases and the programs at hand beside each other, in columns of text."""
    columns = [("The documents", (truths.document,)), ("The releases", truths.releases)]
    if truths.at_hand:
        columns.append(("At hand", truths.at_hand))
    width = (WIDTH - 2 - 3 * (len(columns) - 1)) // len(columns)
    told = [[title, "-" * width, *_entries(found, width)] for title, found in columns]
    for row in zip_longest(*told, fillvalue=""):
        yield ("  " + "   ".join(cell.ljust(width) for cell in row)).rstrip()


def _entries(truths: Sequence[Truth], width: int) -> Iterator[str]:
    for number, truth in enumerate(truths):
        if number:
            yield ""
        yield from textwrap.wrap(f"{truth.who} ({truth.stance})", width)
        yield from textwrap.wrap(truth.text, width, initial_indent="  ", subsequent_indent="  ")
        yield from textwrap.wrap(f"[{truth.basis}]", width, initial_indent="  ", subsequent_indent="  ")


def _paragraph(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<9} ",
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )
