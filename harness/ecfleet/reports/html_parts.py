"""Parts that several sections of the HTML page are made of."""

from __future__ import annotations

from collections.abc import Iterator

from ecfleet.reports.markup import Markup, tag
from ecfleet.reports.truths import WORDS, counted
from ecfleet.verdicts import Verdict

__all__ = ["SIGNS", "chip", "command"]

SIGNS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.ERROR: "!",
    Verdict.KNOWN_DEVIATION: "≠",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_RUN: "○",
    Verdict.NOT_APPLICABLE: "–",
}
"""A sign beside the words, so that colour is never all there is."""


def chip(verdict: Verdict, count: int | None = None) -> Markup:
    """A verdict as a sign and words, or how many have it."""
    sign = tag("span", SIGNS[verdict], class_="sign", aria_hidden="true")
    return tag(
        "span", sign, WORDS[verdict] if count is None else counted(verdict, count), class_=f"chip {verdict}"
    )


def command(text: str, label: str) -> Markup:
    """A command line to read and to copy. The button is shown where scripts run."""
    return tag(
        "div",
        tag("pre", tag("code", *_unbroken(text)), tabindex="0", aria_label=label, role="region"),
        tag("button", "Copy", type="button", class_="copy", hidden=True, aria_label=f"Copy: {label}"),
        class_="command",
    )


def _unbroken(text: str) -> Iterator[Markup | str]:
    """The words of a command line, which break between each other rather than at their hyphens."""
    for number, word in enumerate(text.split(" ")):
        yield " " if number else ""
        yield tag("span", word)
