"""The shipped profiles of programs that were run are what a run finds, rule by rule."""

from __future__ import annotations

import pytest

from ecfleet import clients, profiles, runner
from ecfleet.profiles import Basis, Profile
from ecfleet.rules import Catalogue, Subject, find_suites
from ecfleet.verdicts import Verdict

from .peers import require_python_ecflow, require_release

RUN = {profile.path.stem: profile for profile in profiles.shipped_profiles() if profile.basis is Basis.RUN}
CATALOGUE = Catalogue(find_suites())


@pytest.mark.shares_threads
@pytest.mark.parametrize("profile", RUN.values(), ids=RUN)
def test_a_program_stands_to_each_rule_as_its_profile_says(profile: Profile) -> None:
    if profile.client == "python-ecflow":
        require_python_ecflow()
    else:
        require_release(profile.client, profile.release)
    found = clients.load_client(profile.client)
    assert found.release == profile.release
    assert profile.capabilities == {str(able) for able in found.capabilities}
    mine = [rule for rule in CATALOGUE.rules.values() if rule.subject is Subject.CLIENT]
    run = runner.run(
        CATALOGUE,
        runner.Settings(clients=(profile.client,), rules=tuple(rule.id for rule in mine), seed=1, jobs=2),
    )
    assert run.faults == ()
    assert run.stale == ()
    # What the machine lacks is no matter of the program.
    seen = {result.rule: result.verdict for result in run.results if result.verdict is not Verdict.NOT_RUN}
    told = {rule.id: profiles.stand(profile, rule) for rule in mine}
    assert seen == {rule: stand.verdict for rule, stand in told.items() if stand and rule in seen}
