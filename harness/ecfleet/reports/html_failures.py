"""What does not hold, on the HTML page: failures with their exchanges, known deviations, what is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ecfleet.events import Column, Run
from ecfleet.profiles import Profile
from ecfleet.reports.html_parts import chip, command
from ecfleet.reports.html_rules import facts, three_truths
from ecfleet.reports.markup import Markup, anchor, tag
from ecfleet.reports.truths import truths_of
from ecfleet.timeline import Kind, Step, Timeline
from ecfleet.verdicts import Case, Verdict

__all__ = ["deviations", "failures", "undecided"]

OPEN = 1
"""How many cases of a rule are unfolded; the others tend to tell the same."""

LANES = 8
"""How many hops have a lane, and a colour, of their own."""


def failures(run: Run, profiles: tuple[Profile, ...]) -> Iterator[Markup]:
    """A section with an article for each rule that a program breaks."""
    found = list(run.having(Verdict.FAIL, Verdict.ERROR))
    if not found:
        return
    articles = []
    for column, result, rule in found:
        cases = list(result.having(Verdict.FAIL, Verdict.ERROR))
        head = anchor("fail", column.label, rule.id)
        articles.append(
            tag(
                "article",
                tag("h3", chip(result.verdict), " ", f"{rule.id} for {column.title}", id=head),
                tag("p", rule.sentence, class_="sentence"),
                tag("p", f"{rule.level}, severity {rule.severity}. {rule.citation}", class_="basis"),
                *(
                    _case(run, column, case, number, len(cases), folded=number > OPEN)
                    for number, case in enumerate(cases, 1)
                ),
                tag(
                    "details",
                    tag("summary", "The rule: why, symptom, fix, and what documents and releases say"),
                    facts(rule),
                    three_truths(truths_of(rule, profiles, run)),
                    open=True,
                ),
                class_=f"failure {result.verdict}",
                aria_labelledby=head,
            )
        )
    yield tag("section", tag("h2", "Failures", id="failures"), *articles, aria_labelledby="failures")


def _case(run: Run, column: Column, case: Case, number: int, total: int, *, folded: bool) -> Markup:
    replay = run.replays[column.label, case.id]
    parts = [
        tag("p", tag("code", case.id), class_="case-id"),
        *_evidence(case),
        *_block("Example that was found", case.example),
        *_block("What went wrong inside ecfleet", case.details),
    ]
    if case.timeline is not None:
        parts.append(timeline(case.timeline))
    parts += [tag("h5", "Replay just this case"), command(replay, f"Replay {case.id}")]
    count = f"Case {number} of {total}: " if total > 1 else ""
    title = f"{count}{case.what or case.id.partition('::')[2]}"
    if folded:
        return tag("details", tag("summary", tag("h4", title)), *parts, class_="case")
    return tag("section", tag("h4", title), *parts, class_="case")


def _evidence(case: Case) -> Iterator[Markup]:
    if not case.what:
        yield from _block("Seen", case.message)
        return
    expected, seen = marked(case.expected, case.seen)
    yield tag(
        "div",
        tag("div", tag("h5", "Expected"), _pre(expected, "Expected"), class_="expected"),
        tag("div", tag("h5", "Seen"), _pre(seen, "Seen"), class_="seen"),
        class_="both",
    )


def _pre(content: Iterable[Markup | str], label: str) -> Markup:
    # What may be scrolled must be reachable by keyboard.
    return tag("pre", *content, tabindex="0", role="region", aria_label=label)


def _block(title: str, text: str) -> Iterator[Markup]:
    if text:
        yield tag("div", tag("h5", title), _pre([text], title), class_="block")


def marked(one: str, other: str) -> tuple[list[Markup | str], list[Markup | str]]:
    """Both texts with what differs between their common beginning and end marked."""
    before = _alike(one, other)
    after = _alike(one[before:][::-1], other[before:][::-1])
    if before + after < 4 or one == other:
        # Texts that have next to nothing in common differ as a whole.
        return [one], [other]
    return _cut(one, before, after), _cut(other, before, after)


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next(
        (n for n, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its),
        min(len(one), len(other)),
    )


def _cut(text: str, before: int, after: int) -> list[Markup | str]:
    end = len(text) - after
    middle = tag("mark", text[before:end]) if end > before else ""
    return [text[:before], middle, text[end:]]


# --- timelines ----------------------------------------------------------------------------------------


def timeline(told: Timeline, heading: str = "h5") -> Markup:
    """The exchange over every hop: a lane for each, a row for each step."""
    lanes = {hop: min(number, LANES - 1) for number, hop in enumerate(told.hops)}
    legend = (tag("li", _dot(lane), hop) for hop, lane in lanes.items())
    left_out = (
        tag("li", f"{told.left_out} earlier steps are left out.", class_="left-out")
        if told.left_out
        else None
    )
    return tag(
        "div",
        tag(heading, "Exchange over every hop, in seconds"),
        tag("ul", *legend, class_="legend", aria_label="Hops"),
        tag("ol", left_out, *(_step(step, lanes) for step in told.steps), class_="timeline"),
        class_="block",
    )


def _dot(lane: int) -> Markup:
    return tag("span", "", class_=f"dot lane{lane}", aria_hidden="true")


def _step(step: Step, lanes: dict[str, int]) -> Markup:
    count = max(lanes.values(), default=0) + 1
    mine = lanes[step.hop]
    tracks = (tag("i", "", class_=f"lane{lane}" + (" here" if lane == mine else "")) for lane in range(count))
    bad = step.kind in (Kind.TLS_FAILED, Kind.ABANDONED, Kind.FAULT)
    number = tag("span", f"#{step.connection}", class_="number") if step.connection else None
    return tag(
        "li",
        tag("span", f"{step.at:.3f}", class_="at"),
        tag("span", *tracks, class_="tracks", aria_hidden="true"),
        tag(
            "span",
            tag("span", step.hop, class_=f"hop ink{mine}"),
            " ",
            number,
            " ",
            tag("span", step.text, class_="text"),
            tag("span", "\n".join(step.details), class_="more") if step.details else None,
            class_="what",
        ),
        class_=f"{step.kind}{' bad' if bad else ''}",
    )


# --- the rest -----------------------------------------------------------------------------------------


def deviations(run: Run) -> Iterator[Markup]:
    """A section of the known deviations, each with its reason and evidence."""
    articles = []
    for column, result, rule in run.having(Verdict.KNOWN_DEVIATION):
        cases = list(result.having(Verdict.KNOWN_DEVIATION))
        head = anchor("known", column.label, rule.id)
        told = {
            "Reason": dict.fromkeys(case.waiver for case in cases),
            "Evidence": dict.fromkeys(case.waiver_evidence for case in cases if case.waiver_evidence),
            "Seen": dict.fromkeys(case.message for case in cases),
            "Listed in": dict.fromkeys(case.waiver_source for case in cases),
        }
        exchange = next((case.timeline for case in cases if case.timeline is not None), None)
        articles.append(
            tag(
                "article",
                tag("h3", chip(result.verdict), " ", f"{rule.id} for {column.title}", id=head),
                tag("p", rule.sentence, class_="sentence"),
                tag("dl", *(_entry(name, texts) for name, texts in told.items()), class_="told"),
                tag("details", tag("summary", "Exchange"), timeline(exchange, "h4")) if exchange else None,
                class_="known",
                aria_labelledby=head,
            )
        )
    if articles:
        yield tag(
            "section", tag("h2", "Known deviations", id="deviations"), *articles, aria_labelledby="deviations"
        )


def _entry(name: str, texts: Iterable[str]) -> Markup | None:
    found = [tag("dd", text) for text in texts]
    return tag("div", tag("dt", name), *found) if found else None


def undecided(run: Run) -> Iterator[Markup]:
    """What is inconclusive, with the evidence that is missing, and what was not run, with what it needs."""
    items = []
    for column, result, rule in run.having(Verdict.INCONCLUSIVE):
        missing = dict.fromkeys(
            case.message.removeprefix("inconclusive: ") for case in result.having(Verdict.INCONCLUSIVE)
        )
        items.append(
            tag(
                "li",
                tag("strong", f"{rule.id} for {column.title}: "),
                "; ".join(missing),
                ". ",
                rule.sentence,
            )
        )
    if items:
        yield tag(
            "section",
            tag("h2", "Not decided", id="undecided"),
            tag("p", "For these the evidence that would decide them is missing."),
            tag("ul", *items, class_="plain"),
            aria_labelledby="undecided",
        )
    needed: dict[tuple[str, str], dict[str, None]] = {}
    for result in run.results:
        for case in result.having(Verdict.NOT_RUN):
            needed.setdefault((case.needs, case.install), {})[result.rule] = None
    if needed:
        absent = (
            tag(
                "li",
                tag("strong", needs),
                f" is needed for {', '.join(rules)}:",
                command(install, f"Install {needs}"),
            )
            for (needs, install), rules in needed.items()
        )
        yield tag(
            "section",
            tag("h2", "Not run", id="missing"),
            tag("p", "Install this to have them run."),
            tag("ul", *absent, class_="plain"),
            aria_labelledby="missing",
        )
