"""Three truths about a rule, side by side: the document's, the releases', and that of the client at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ecfleet.events import Run
from ecfleet.profiles import Basis, Profile, stand
from ecfleet.rules import DOCUMENTS, Level, Rule
from ecfleet.verdicts import RuleResult, Verdict

__all__ = ["RELEASES", "WORDS", "Stance", "Truth", "Truths", "at_hand", "counted", "truths_of"]

RELEASES = ("5.9.2", "5.17.0")
"""The releases of ecFlow that every rule is asked about."""

WORDS = {
    Verdict.PASS: "holds",
    Verdict.FAIL: "fails",
    Verdict.ERROR: "error",
    Verdict.KNOWN_DEVIATION: "deviates as known",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.NOT_APPLICABLE: "not applicable",
    Verdict.NOT_RUN: "not run",
}
"""What a verdict says of a rule."""

_OF_SEVERAL = {
    Verdict.PASS: "hold",
    Verdict.FAIL: "fail",
    Verdict.ERROR: "errors",
    Verdict.KNOWN_DEVIATION: "deviate as known",
}


def counted(verdict: Verdict, count: int) -> str:
    """A number of rules or cases with a verdict: "1 holds", "2 hold"."""
    return f"{count} {WORDS[verdict] if count == 1 else _OF_SEVERAL.get(verdict, WORDS[verdict])}"


class Stance(StrEnum):
    """How a truth stands to the rule."""

    SAYS = "says"
    """The rule, in our words."""
    TELLS = "tells"
    """What was seen in an experiment."""
    HOLDS = "holds"
    DEVIATES = "deviates"
    OPEN = "open"
    """It is not about the rule, or nobody has found out."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What one source has to say: ``who`` it is, what it says, and on what ``basis`` that is known."""

    who: str
    stance: Stance
    text: str
    basis: str


@dataclass(frozen=True, slots=True)
class Truths:
    """The three of them. ``at_hand`` has one for each column of a run, none without a run."""

    document: Truth
    releases: tuple[Truth, ...]
    at_hand: tuple[Truth, ...] = ()


def truths_of(rule: Rule, profiles: Iterable[Profile], run: Run | None = None) -> Truths:
    """What the documents, the releases and the programs of a run say about a rule."""
    releases = tuple(_releases(rule, tuple(profiles)))
    return Truths(_document(rule), releases, tuple(at_hand(rule, run)) if run else ())


def _document(rule: Rule) -> Truth:
    cited = [source for source in rule.sources if source.document]
    who = "; ".join(dict.fromkeys(DOCUMENTS[source.document] for source in cited)) or "No document"
    basis = "; ".join(dict.fromkeys(f'"{source.heading}"' for source in cited))
    if rule.level is Level.OBSERVED:
        text = "Does not decide this: the rule is what the releases do."
        return Truth(who, Stance.OPEN, text, f"compare {basis}" if basis else "no page tells it")
    return Truth(who, Stance.SAYS, rule.sentence, basis)


def _releases(rule: Rule, profiles: tuple[Profile, ...]) -> Iterator[Truth]:
    named = dict.fromkeys(source.release for source in rule.sources if source.release)
    known = dict.fromkeys(profile.release for profile in profiles)
    plain = {release for release in (*RELEASES, *known, *named) if not release[:1].isalpha()}
    others = [release for release in named if release not in plain]
    for release in (*sorted(plain, key=_number), *others):
        found = [*_experiments(rule, release), *_profiles(rule, release, profiles)]
        if found:
            yield from found
        elif release in RELEASES:
            yield Truth(_program(release), Stance.OPEN, "Not known here.", "no experiment, no profile")


def _program(release: str) -> str:
    return release if release[:1].isalpha() else f"ecFlow {release}"


def _number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".") if part.isdecimal())


def _experiments(rule: Rule, release: str) -> Iterator[Truth]:
    for source in rule.sources:
        if source.release == release:
            yield Truth(
                _program(release), Stance.TELLS, source.experiment, "experiment that the rule is from"
            )


def _profiles(rule: Rule, release: str, profiles: Iterable[Profile]) -> Iterator[Truth]:
    for profile in profiles:
        found = stand(profile, rule) if profile.release == release else None
        if found is None:
            continue
        who = f"{profile.client} {profile.release}"
        basis = "by running it" if profile.basis is Basis.RUN else "from recordings"
        match found.verdict:
            case Verdict.KNOWN_DEVIATION:
                evidence = [waiver.evidence for waiver in profile.waivers if waiver.rule == rule.id]
                known = "; ".join(dict.fromkeys(evidence))
                yield Truth(who, Stance.DEVIATES, found.evidence, known or basis)
            case Verdict.PASS if profile.basis is Basis.RUN:
                yield Truth(who, Stance.HOLDS, "Held in all cases that were run.", basis)
            case Verdict.PASS:
                yield Truth(who, Stance.HOLDS, found.evidence, basis)
            case Verdict.NOT_APPLICABLE:
                yield Truth(who, Stance.OPEN, f"Not applicable: {found.evidence}.", basis)
            case _:
                yield Truth(who, Stance.OPEN, f"Not decided: {found.evidence}", basis)


def at_hand(rule: Rule, run: Run) -> Iterator[Truth]:
    """What the programs of a run did about a rule, in the order of their columns."""
    for column in run.columns:
        for result in run.results:
            if result.rule == rule.id and result.column == column.label:
                yield Truth(
                    column.title, _STANCES.get(result.verdict, Stance.OPEN), _said(result), _cases(result)
                )


_STANCES = {
    Verdict.PASS: Stance.HOLDS,
    Verdict.FAIL: Stance.DEVIATES,
    Verdict.KNOWN_DEVIATION: Stance.DEVIATES,
}


def _said(result: RuleResult) -> str:
    words = WORDS[result.verdict]
    if result.verdict is Verdict.PASS:
        followed = next((case.message for case in result.having(Verdict.PASS) if case.message), "")
        return f"{words.capitalize()}: {followed}" if followed else f"{words.capitalize()}."
    first = next(result.having(result.verdict))
    message = first.message.removeprefix(f"{words}: ")
    return f"{words.capitalize()}: {first.waiver or message}"


def _cases(result: RuleResult) -> str:
    counts = ", ".join(counted(verdict, count) for verdict, count in sorted(result.counts.items()))
    return f"this run, {len(result.cases)} {'case' if len(result.cases) == 1 else 'cases'}: {counts}"
