"""Known deviations: shipped profiles of released programs, and the waiver files of users.

A list of known deviations is worth something only while each entry is true. So an entry that nothing
needs, whose rule now fails in another way, whose date is over, or that is there twice fails the run.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ecfleet.rules import Rule, Subject
from ecfleet.toml_tables import TableReader, read_toml
from ecfleet.verdicts import Case, RuleResult, Verdict

__all__ = [
    "Basis",
    "Profile",
    "ProfileError",
    "Recorded",
    "Shown",
    "StaleWaiver",
    "Staleness",
    "Stand",
    "Waiver",
    "match",
    "profile_for",
    "read_profile",
    "read_waivers",
    "review",
    "shipped_profiles",
    "stand",
]

MOCKS = "mocks"
"""The column of rules about services, and the name by which a waiver file speaks of it."""


class ProfileError(ValueError):
    """A profile or waiver file is wrong; the message is one line that names file, entry and key."""


class Basis(StrEnum):
    """How the deviations of a profile were found out: the program was run, or its exchanges were recorded."""

    RUN = "run"
    RECORDINGS = "recordings"


@dataclass(frozen=True, slots=True)
class Waiver:
    """One known deviation.

    ``observed`` must be part of the evidence of a failing case for the waiver to cover it. ``evidence``
    says how the deviation was found out, ``reason`` why it is there, ``owner`` whom to ask. After
    ``expiry`` (that day included it still holds) it fails the run; None never expires. ``client`` is
    the program that it is about, empty for any.
    """

    rule: str
    observed: str
    reason: str
    owner: str
    source: Path
    evidence: str = ""
    expiry: datetime.date | None = None
    client: str = ""

    def expired(self, today: datetime.date) -> bool:
        """Whether its date is over."""
        return self.expiry is not None and today > self.expiry

    def covers(self, case: Case, rule: str) -> bool:
        """Whether it explains why this case of a rule failed."""
        return self.rule == rule and self.observed in case.message


class Shown(StrEnum):
    """How much of a rule recordings show: all that it says, or a part, which decides nothing."""

    HOLDS = "holds"
    PARTLY = "partly"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recordings show of a rule; ``evidence`` names file and lines and says what is there."""

    rule: str
    shows: Shown
    evidence: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one release of one program: its deviations, and what recordings of it show.

    ``capabilities`` are the program's (values of :class:`ecfleet.clients.Capability`), empty where they are
    not told. A program that was run breaks no other rule that it can be held to than those of the waivers;
    one known from recordings is undecided where neither they nor a waiver say something.
    """

    client: str
    release: str
    basis: Basis
    about: str
    path: Path
    waivers: tuple[Waiver, ...]
    capabilities: frozenset[str] = frozenset()
    recorded: tuple[Recorded, ...] = ()


@dataclass(frozen=True, slots=True)
class Stand:
    """How a released program stands to a rule, by its profile: the verdict, and what that rests on."""

    verdict: Verdict
    evidence: str


class Staleness(StrEnum):
    """What is wrong with a waiver."""

    UNUSED = "unused"
    CHANGED = "changed"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class StaleWaiver:
    """A waiver that fails the run, for the program in ``column``, and one line on what to do."""

    waiver: Waiver
    column: str
    staleness: Staleness
    advice: str


def shipped_profiles() -> tuple[Profile, ...]:
    """The profiles that come with ecfleet."""
    return tuple(read_profile(path) for path in sorted(Path(__file__).parent.glob("*.toml")))


def profile_for(client: str, release: str, profiles: Iterable[Profile]) -> Profile | None:
    """The profile of this release of this program, if there is one."""
    return next((p for p in profiles if (p.client, p.release) == (client, release)), None)


def read_profile(path: Path) -> Profile:
    """A shipped profile.

    :raises ProfileError: with file, entry and key.
    """
    document = TableReader(read_toml(path, ProfileError), str(path), ProfileError)
    head = TableReader(document.take("profile") or {}, f"{path}: profile", ProfileError)
    client, release = head.text("client"), head.text("release")
    basis, about = head.choice("basis", Basis), head.text("about")
    capabilities = frozenset(head.texts("capabilities"))
    head.finish()
    waivers = _read_entries(document, path, client)
    recorded = []
    for number, table in enumerate(document.tables("recorded"), 1):
        if basis is not Basis.RECORDINGS:
            raise document.mistake("recorded", "goes with basis = 'recordings'")
        reader = TableReader(table, f"{path}: recorded number {number}", ProfileError)
        recorded.append(Recorded(reader.text("rule"), reader.choice("shows", Shown), reader.text("evidence")))
        reader.finish()
    document.finish()
    for waiver in waivers:
        if not waiver.evidence:
            raise ProfileError(f"{path}: waiver {waiver.rule}: key 'evidence': is missing")
    return Profile(client, release, basis, about, path, waivers, capabilities, tuple(recorded))


def stand(profile: Profile, rule: Rule) -> Stand | None:
    """How the program of a profile stands to a rule; None for rules about services, which it is none of."""
    if rule.subject is not Subject.CLIENT:
        return None
    reasons = [waiver.reason for waiver in profile.waivers if waiver.rule == rule.id]
    if reasons:
        return Stand(Verdict.KNOWN_DEVIATION, " ".join(dict.fromkeys(reasons)))
    if profile.capabilities and (lacking := rule.capabilities - profile.capabilities):
        return Stand(Verdict.NOT_APPLICABLE, f"{profile.client} lacks {', '.join(sorted(lacking))}")
    if profile.basis is Basis.RUN:
        return Stand(Verdict.PASS, "run")
    for entry in profile.recorded:
        if entry.rule == rule.id:
            verdict = Verdict.PASS if entry.shows is Shown.HOLDS else Verdict.INCONCLUSIVE
            return Stand(verdict, entry.evidence)
    return Stand(Verdict.INCONCLUSIVE, "no recording shows it")


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """A user's waiver file: ``[[waiver]]`` tables as in a profile, with an expiry, and a client if need be.

    :raises ProfileError: with file, entry and key.
    """
    document = TableReader(read_toml(path, ProfileError), str(path), ProfileError)
    waivers = _read_entries(document, path, None)
    document.finish()
    for waiver in waivers:
        if waiver.expiry is None:
            raise ProfileError(f"{path}: waiver {waiver.rule}: key 'expiry': is missing")
    return waivers


def _read_entries(document: TableReader, path: Path, client: str | None) -> tuple[Waiver, ...]:
    waivers = []
    for number, table in enumerate(document.tables("waiver"), 1):
        reader = TableReader(table, f"{path}: waiver number {number}", ProfileError)
        rule = reader.text("rule")
        reader.where = f"{path}: waiver {rule}"
        waivers.append(
            Waiver(
                rule=rule,
                observed=reader.text("observed"),
                reason=reader.text("reason"),
                owner=reader.text("owner"),
                source=path,
                evidence=reader.text("evidence", ""),
                expiry=reader.date("expiry"),
                client=client if client is not None else reader.text("client", ""),
            )
        )
        reader.finish()
    return tuple(waivers)


def check_rules(waivers: Iterable[Waiver], known: Collection[str]) -> None:
    """Raise :class:`ProfileError` for a waiver of a rule that is not ``known``."""
    for waiver in waivers:
        if waiver.rule not in known:
            raise ProfileError(
                f"{waiver.source}: waiver {waiver.rule}: key 'rule': there is no such rule; "
                "'ecfleet rules' lists them"
            )


def match(
    waivers: Iterable[Waiver], rule: str, case: Case, *, client: str, today: datetime.date
) -> Waiver | None:
    """The waiver that explains why a case of ``rule`` failed for this program, if any."""
    for waiver in waivers:
        if waiver.client in ("", client) and waiver.covers(case, rule) and not waiver.expired(today):
            return waiver
    return None


def review(
    waivers: Sequence[Waiver], results: Iterable[RuleResult], *, client: str, today: datetime.date
) -> list[StaleWaiver]:
    """The waivers that have become untrue, judged by the results of one program.

    :param client: its name, by which waivers speak of it; :data:`MOCKS` for the rules about services.

    A waiver of a rule that was not run, is not applicable or undecided cannot be judged and is left alone.
    """
    decided = {result.rule: result for result in results}
    stale: list[StaleWaiver] = []
    seen: set[tuple[str, str]] = set()
    for waiver in waivers:
        if waiver.client not in ("", client) or waiver.rule not in decided:
            continue
        result = decided[waiver.rule]
        staleness = _judge(waiver, result, seen, today)
        if staleness is not None:
            stale.append(StaleWaiver(waiver, result.column, staleness, _ADVICE[staleness]))
        seen.add((waiver.rule, waiver.observed))
    return stale


_ADVICE = {
    Staleness.UNUSED: "nothing failed that it covers: remove the waiver",
    Staleness.CHANGED: "the rule fails, but not as listed: look at the failure, then correct the waiver",
    Staleness.EXPIRED: "its date is over: look whether the deviation is still to be accepted",
    Staleness.DUPLICATE: "the same rule and text is listed twice: remove one",
}


def _judge(
    waiver: Waiver, result: RuleResult, seen: set[tuple[str, str]], today: datetime.date
) -> Staleness | None:
    if (waiver.rule, waiver.observed) in seen:
        return Staleness.DUPLICATE
    if waiver.expired(today):
        return Staleness.EXPIRED
    if any(waiver.covers(case, result.rule) for case in result.having(Verdict.KNOWN_DEVIATION)):
        return None
    if any(result.having(Verdict.FAIL)):
        return Staleness.CHANGED
    # A rule may hold as far as it was tried while the failing case was left out.
    undecided = (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_RUN, Verdict.NOT_APPLICABLE)
    return None if any(result.having(*undecided)) else Staleness.UNUSED
