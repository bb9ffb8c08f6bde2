"""Three truths about a rule: the document's, each release's, and that of the programs of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecfleet.profiles import Basis, Profile, Recorded, Shown, Waiver, shipped_profiles
from ecfleet.reports.truths import RELEASES, Stance, Truth, counted, truths_of
from ecfleet.rules import Level, Rule, Source, Subject, find_suites
from ecfleet.verdicts import Verdict
from unit.finished_runs import finished, rule

RUN = Profile("ecflow_client", "5.9.2", Basis.RUN, "a", Path("p.toml"), ())
RECORDED = Profile("ecflow_client", "5.17.0", Basis.RECORDINGS, "a", Path("q.toml"), ())


def of(about: Rule, *profiles: Profile) -> list[tuple[str, Stance]]:
    return [(truth.who, truth.stance) for truth in truths_of(about, profiles).releases]


def test_a_document_says_the_rule_in_our_words() -> None:
    assert truths_of(rule("LOG-01"), ()).document == Truth(
        "OpenSSL set-up of ecFlow 5", Stance.SAYS, "The sentence of LOG-01.", '"A heading"'
    )


def test_a_document_does_not_say_what_only_releases_do() -> None:
    observed = replace(rule("LOG-01"), level=Level.OBSERVED)
    document = truths_of(observed, ()).document
    assert (document.stance, document.basis) == (Stance.OPEN, 'compare "A heading"')
    alone = replace(observed, sources=(Source(release="5.9.2", experiment="a ping"),))
    document = truths_of(alone, ()).document
    assert (document.who, document.stance, document.basis) == (
        "No document",
        Stance.OPEN,
        "no page tells it",
    )


def test_releases_are_in_order_and_none_is_passed_over() -> None:
    sources = [
        Source(release=release, experiment="x") for release in ("nginx 1.22.1", "5.17.0", "5.9.2", "5.11.3")
    ]
    about = replace(rule("LOG-01"), sources=tuple(sources))
    assert [who for who, _ in of(about)] == ["ecFlow 5.9.2", "ecFlow 5.11.3", "ecFlow 5.17.0", "nginx 1.22.1"]
    assert of(replace(about, sources=(Source("openssl", "A heading"),))) == [
        (f"ecFlow {release}", Stance.OPEN) for release in RELEASES
    ]


@pytest.mark.parametrize(
    ("profile", "changes", "stance", "text", "basis"),
    [
        (RUN, {}, Stance.HOLDS, "Held in all cases that were run.", "by running it"),
        (
            replace(
                RUN,
                waivers=(
                    Waiver("LOG-01", "seen 0", "It does not look.", "me", Path("p"), evidence="run it"),
                ),
            ),
            {},
            Stance.DEVIATES,
            "It does not look.",
            "run it",
        ),
        (
            replace(RUN, capabilities=frozenset({"ssl"})),
            {},
            Stance.OPEN,
            "Not applicable: ecflow_client lacks tcp.",
            "by running it",
        ),
        (RECORDED, {}, Stance.OPEN, "Not decided: no recording shows it", "from recordings"),
        (
            replace(RECORDED, recorded=(Recorded("LOG-01", Shown.HOLDS, "line 7"),)),
            {},
            Stance.HOLDS,
            "line 7",
            "from recordings",
        ),
        (
            replace(RECORDED, recorded=(Recorded("LOG-01", Shown.PARTLY, "line 8"),)),
            {},
            Stance.OPEN,
            "Not decided: line 8",
            "from recordings",
        ),
    ],
)
def test_a_profile_tells_how_its_program_stands(
    profile: Profile, changes: dict[str, Any], stance: Stance, text: str, basis: str
) -> None:
    truth = truths_of(replace(rule("LOG-01"), **changes), [profile]).releases
    found = [one for one in truth if one.who == f"ecflow_client {profile.release}"]
    assert found == [Truth(f"ecflow_client {profile.release}", stance, text, basis)]


def test_a_profile_of_a_client_says_nothing_of_services() -> None:
    assert of(rule("LOG-01", Subject.LOGSERVER), RUN) == of(rule("LOG-01", Subject.LOGSERVER))


def test_the_programs_of_a_run_are_at_hand() -> None:
    run = finished()
    said = {
        id: [
            (truth.who, truth.stance, truth.text, truth.basis)
            for truth in truths_of(run.catalogue.rules[id], (), run).at_hand
        ]
        for id in run.catalogue.rules
    }
    who = "ecflow_client 5.9.2"
    assert said["LOG-01"] == [(who, Stance.HOLDS, "Holds.", "this run, 1 case: 1 holds")]
    assert said["LOG-02"] == [
        (who, Stance.DEVIATES, "Fails: exit code: expected 0, seen 1", "this run, 7 cases: 7 fail")
    ]
    assert said["LOG-03"] == [
        (
            who,
            Stance.DEVIATES,
            "Deviates as known: It does not look.",
            "this run, 1 case: 1 deviates as known",
        )
    ]
    assert said["LOG-04"][0][1:3] == (Stance.OPEN, "Inconclusive: a log")
    assert said["LOG-05"][0][1:3] == (Stance.OPEN, "Not run: needs nginx")
    assert said["LOG-08"][0] == ("mocks", Stance.HOLDS, "Holds.", "this run, 2 cases: 1 not run, 1 holds")


def test_every_rule_that_is_shipped_has_its_truths() -> None:
    profiles = shipped_profiles()
    for suite in find_suites():
        for entry in suite.rules:
            truths = truths_of(entry, profiles)
            told = (truths.document, *truths.releases)
            assert all(truth.who and truth.text and truth.basis for truth in told), entry.id
            assert all(any(release in truth.who for truth in truths.releases) for release in RELEASES)


def test_numbers_agree_with_their_verbs() -> None:
    assert [counted(Verdict.PASS, 1), counted(Verdict.PASS, 2)] == ["1 holds", "2 hold"]
    assert [counted(Verdict.NOT_RUN, 1), counted(Verdict.NOT_RUN, 0)] == ["1 not run", "0 not run"]
