"""Known deviations: what a profile may say, what it explains, and when it has become untrue."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from ecfleet import profiles, rules
from ecfleet.profiles import Basis, ProfileError, Staleness, Waiver
from ecfleet.verdicts import Case, RuleResult, Verdict

TODAY = datetime.date(2030, 6, 15)

PROFILE = """
[profile]
client = "ecflow_client"
release = "5.9.2"
basis = "run"
about = "A program."

[[waiver]]
rule = "TOK-02"
observed = "seen 0"
reason = "It does not look."
evidence = "release 5.9.2, a ping"
owner = "ecfleet"
expiry = 2031-01-31
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "profile.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_a_profile(tmp_path: Path) -> None:
    path = written(tmp_path, PROFILE)
    profile = profiles.read_profile(path)
    assert (profile.client, profile.release, profile.basis) == ("ecflow_client", "5.9.2", Basis.RUN)
    assert profile.waivers == (
        Waiver(
            rule="TOK-02",
            observed="seen 0",
            reason="It does not look.",
            owner="ecfleet",
            source=path,
            evidence="release 5.9.2, a ping",
            expiry=datetime.date(2031, 1, 31),
            client="ecflow_client",
        ),
    )
    assert profiles.profile_for("ecflow_client", "5.9.2", [profile]) is profile
    assert profiles.profile_for("ecflow_client", "5.9.3", [profile]) is None
    assert profiles.profile_for("other", "5.9.2", [profile]) is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('basis = "run"', 'basis = "hearsay"', "profile: key 'basis': must be one of run, recordings"),
        ('client = "ecflow_client"', "", "profile: key 'client': is missing"),
        ('reason = "It does not look."', "", "waiver TOK-02: key 'reason': is missing"),
        ('evidence = "release 5.9.2, a ping"', "", "waiver TOK-02: key 'evidence': is missing"),
        ('owner = "ecfleet"', "", "waiver TOK-02: key 'owner': is missing"),
        ('observed = "seen 0"', 'observed = ""', "waiver TOK-02: key 'observed': must be a text"),
        ("2031-01-31", '"2031-01-31"', "waiver TOK-02: key 'expiry': must be a date without quotes"),
        ("2031-01-31", "2031-01-31T00:00:00", "waiver TOK-02: key 'expiry': must be a date"),
        ('rule = "TOK-02"', "", "waiver number 1: key 'rule': is missing"),
        ("[[waiver]]", "[[waivers]]", "key 'waivers': is unknown; known are profile, recorded, waiver"),
    ],
)
def test_a_mistake_in_a_profile_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in PROFILE
    path = written(tmp_path, PROFILE.replace(old, new))
    with pytest.raises(ProfileError) as caught:
        profiles.read_profile(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)


def test_a_waiver_file_needs_an_expiry_and_may_name_a_client(tmp_path: Path) -> None:
    entry = PROFILE[PROFILE.index("[[waiver]]") :]
    (any_client,) = profiles.read_waivers(written(tmp_path, entry))
    (one_client,) = profiles.read_waivers(written(tmp_path, f'{entry}client = "mine"\n'))
    assert (any_client.client, one_client.client) == ("", "mine")
    with pytest.raises(ProfileError, match="waiver TOK-02: key 'expiry': is missing"):
        profiles.read_waivers(written(tmp_path, entry.replace("expiry = 2031-01-31", "")))
    with pytest.raises(ProfileError, match="key 'waiver': must be tables"):
        profiles.read_waivers(written(tmp_path, "waiver = 3"))
    with pytest.raises(ProfileError, match=r"none\.toml: cannot be read"):
        profiles.read_waivers(tmp_path / "none.toml")


def test_a_waiver_of_no_rule_is_told() -> None:
    profiles.check_rules([waiver()], {"TOK-02"})
    with pytest.raises(ProfileError, match="waiver TOK-02: key 'rule': there is no such rule"):
        profiles.check_rules([waiver()], {"TOK-01"})


def waiver(observed: str = "seen 0", **changes: object) -> Waiver:
    values: dict[str, object] = {
        "rule": "TOK-02",
        "observed": observed,
        "reason": "r",
        "owner": "o",
        "source": Path("w.toml"),
    }
    return Waiver(**(values | changes))  # type: ignore[arg-type]


def failing(message: str = "x: expected 1, seen 0") -> Case:
    return Case("s/a/t.py::x", Verdict.FAIL, message)


@pytest.mark.parametrize(
    ("listed", "covers"),
    [
        (waiver(), True),
        (waiver("seen 2"), False),
        (waiver(rule="TOK-03"), False),
        (waiver(client="ecflow_client"), True),
        (waiver(client="other"), False),
        (waiver(expiry=TODAY), True),
        (waiver(expiry=TODAY - datetime.timedelta(days=1)), False),
    ],
)
def test_a_waiver_covers_just_what_it_names(listed: Waiver, covers: bool) -> None:
    found = profiles.match([listed], "TOK-02", failing(), client="ecflow_client", today=TODAY)
    assert (found is listed) == covers


DEVIATES = Case("s/a/t.py::d", Verdict.KNOWN_DEVIATION, "x: expected 1, seen 0", waiver="r")
HOLDS = Case("s/a/t.py::p", Verdict.PASS)


@pytest.mark.parametrize(
    ("listed", "cases", "expected"),
    [
        ([waiver()], [DEVIATES, HOLDS], []),
        ([waiver()], [HOLDS], [Staleness.UNUSED]),
        ([waiver(), waiver("seen 2")], [DEVIATES], [Staleness.UNUSED]),
        ([waiver("seen 2")], [failing()], [Staleness.CHANGED]),
        ([waiver(), waiver()], [DEVIATES], [Staleness.DUPLICATE]),
        ([waiver(expiry=datetime.date(2030, 6, 14))], [failing()], [Staleness.EXPIRED]),
        ([waiver()], [Case("s/a/t.py::e", Verdict.ERROR, "m")], []),
        ([waiver()], [Case("s/a/t.py::e", Verdict.INCONCLUSIVE, "m")], []),
        ([waiver()], [HOLDS, Case("s/a/t.py::e", Verdict.NOT_RUN, "m")], []),
        ([waiver()], [Case("s/a/t.py::e", Verdict.NOT_APPLICABLE, "m")], []),
        ([waiver(client="other")], [HOLDS], []),
        ([waiver(rule="TOK-09")], [HOLDS], []),
    ],
)
def test_an_untrue_waiver_is_found(
    listed: list[Waiver], cases: list[Case], expected: list[Staleness]
) -> None:
    result = RuleResult("TOK-02", "ecflow_client", tuple(cases))
    stale = profiles.review(listed, [result], client="ecflow_client", today=TODAY)
    assert [entry.staleness for entry in stale] == expected
    assert all(entry.column == "ecflow_client" and entry.advice for entry in stale)


def test_the_shipped_profiles_name_rules_that_exist() -> None:
    shipped = profiles.shipped_profiles()
    assert ("ecflow_client", "5.9.2") in {(profile.client, profile.release) for profile in shipped}
    known = {rule.id for suite in rules.find_suites() for rule in suite.rules}
    for profile in shipped:
        profiles.check_rules(profile.waivers, known)


@pytest.mark.parametrize(
    ("subject", "capabilities", "deviates", "verdict"),
    [
        ("client", ("ssl",), False, Verdict.PASS),
        ("client", (), False, Verdict.PASS),
        ("client", ("https",), False, Verdict.NOT_APPLICABLE),
        ("client", ("ssl",), True, Verdict.KNOWN_DEVIATION),
        ("logserver", (), False, None),
    ],
)
def test_a_program_that_was_run_stands_to_every_rule(
    tmp_path: Path,
    rules_text: Callable[..., str],
    subject: str,
    capabilities: tuple[str, ...],
    deviates: bool,
    verdict: Verdict | None,
) -> None:
    text = rules_text("TOK-02", subject=subject, capabilities=capabilities)
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    (rule,) = rules.read_area(tmp_path).rules
    profile = profiles.Profile(
        client="c",
        release="1",
        basis=profiles.Basis.RUN,
        about="a",
        path=Path("c-1.toml"),
        waivers=(waiver(), waiver("seen 2")) if deviates else (),
        capabilities=frozenset({"ssl", "tcp"}),
    )
    stand = profiles.stand(profile, rule)
    assert (stand.verdict if stand else None) is verdict
    if deviates:
        assert stand is not None
        assert stand.evidence == "r"


def test_what_was_recorded_goes_with_recordings_only(tmp_path: Path) -> None:
    recorded = '[[recorded]]\nrule = "TOK-03"\nshows = "holds"\nevidence = "f.jsonl, line 1: so"\n'
    with pytest.raises(ProfileError, match="key 'recorded': goes with basis = 'recordings'"):
        profiles.read_profile(written(tmp_path, PROFILE + recorded))
    text = PROFILE.replace('basis = "run"', 'basis = "recordings"') + recorded
    profile = profiles.read_profile(written(tmp_path, text))
    assert [(entry.rule, entry.shows) for entry in profile.recorded] == [("TOK-03", profiles.Shown.HOLDS)]
    with pytest.raises(ProfileError, match="recorded number 1: key 'shows': must be one of holds, partly"):
        profiles.read_profile(written(tmp_path, text.replace('"holds"', '"perhaps"')))
