"""Profiles that are derived from recordings: what lines show, what is refused, and the shipped one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecfleet import profiles
from ecfleet.profiles import Basis, ProfileError, Shown, from_recordings
from ecfleet.profiles.from_recordings import Claim, derive, read_claims
from ecfleet.rules import Catalogue, find_suites, read_suite
from ecfleet.verdicts import Verdict

SuiteMaker = Callable[[Mapping[str, str]], Path]

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
SHIPPED = Path(profiles.__file__).parent


def test_the_shipped_profiles_are_what_the_recordings_say() -> None:
    claims = read_claims(area for suite in find_suites() for area in suite.areas)
    derived = derive(claims, CAPTURES)
    assert derived
    for name, text in derived.items():
        assert (SHIPPED / name).read_text(encoding="utf-8") == text, (
            "run: python -m " + from_recordings.__name__
        )
    recorded = {p.path.name for p in profiles.shipped_profiles() if p.basis is Basis.RECORDINGS}
    assert recorded == set(derived)


def test_what_recordings_do_not_decide_is_inconclusive() -> None:
    (profile,) = (p for p in profiles.shipped_profiles() if p.release == "5.17.0")
    rules = Catalogue(find_suites()).rules.values()
    stands = {rule.id: profiles.stand(profile, rule) for rule in rules}
    assert None in stands.values()
    shown = {entry.rule: entry.shows for entry in profile.recorded}
    for id, stand in stands.items():
        if stand is not None and stand.verdict is not Verdict.KNOWN_DEVIATION:
            holds = shown.get(id) is Shown.HOLDS
            assert stand.verdict is (Verdict.PASS if holds else Verdict.INCONCLUSIVE)
            assert (stand.evidence == "no recording shows it") is (id not in shown)


LINES: list[dict[str, Any]] = [
    {"name": "a", "argv": ["--ping", "x"], "env": {"A": "1", "B": "2"}, "exit_code": 0, "stdout": "pinged"},
    {"name": "b", "argv": ["--ping"], "env": {}, "exit_code": 1, "stdout": "", "stderr": None},
    {"name": "c", "argv": [], "env": {}, "exit_code": True, "stdout": "text \u2028 more"},
]
CLAIM = Claim(
    "CLI-01", "prog", "1.0", "f.jsonl", "holds", "It is so.", {"name": "a"}, {"exit_code": 0}, {}, {}
)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A directory with one recording."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES)
    (tmp_path / "f.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, "line 1"),
        ({"where": {"argv": "--ping"}, "then": {}, "lacks": {"stdout": "err"}}, "lines 1, 2"),
        ({"where": {"argv": ["x", "--ping"]}}, "line 1"),
        ({"where": {"env": {"A": "1"}}, "then": {}, "contains": {"stdout": "ping"}}, "line 1"),
        ({"where": {"exit_code": 1}, "then": {"name": "b"}, "lacks": {"stderr": "x"}}, "line 2"),
        ({"where": {"name": "c"}, "then": {}, "contains": {"stdout": "more"}}, "line 3"),
    ],
)
def test_lines_are_found_and_named(recordings: Path, changes: dict[str, Any], lines: str) -> None:
    (text,) = derive([replace(CLAIM, **changes)], recordings).values()
    assert f'evidence = "f.jsonl, {lines}: It is so."' in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"where": {"name": "z"}}, "no line of the recording fits 'where'"),
        ({"where": {"none": "z"}}, "no line of the recording fits 'where'"),
        ({"where": {"argv": "--ping"}}, "line 2 does not show what is claimed: exit_code"),
        ({"contains": {"stderr": "x"}}, "line 1 does not show what is claimed: stderr"),
        ({"lacks": {"stdout": "ping"}}, "line 1 does not show what is claimed: stdout"),
        ({"where": {"name": "c"}, "then": {"exit_code": 1}}, "line 3 does not show"),
        ({"file": "none.jsonl"}, "none.jsonl: cannot be read"),
    ],
)
def test_what_lines_do_not_show_is_refused(recordings: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ProfileError) as caught:
        derive([replace(CLAIM, **changes)], recordings)
    assert told in str(caught.value)


def test_a_profile_holds_what_was_shown(recordings: Path) -> None:
    claims = [
        CLAIM,
        replace(CLAIM, where={"name": "b"}, then={"exit_code": 1}),
        replace(CLAIM, rule="CLI-02", shows="partly", says="A part."),
        replace(CLAIM, rule="CLI-03", shows="deviates", observed="seen 0", reason="It does."),
        replace(CLAIM, release="2.0"),
    ]
    texts = derive(claims, recordings)
    assert texts.keys() == {"prog-1.0.toml", "prog-2.0.toml"}
    path = recordings / "prog-1.0.toml"
    path.write_text(texts["prog-1.0.toml"], encoding="utf-8")
    profile = profiles.read_profile(path)
    assert (profile.client, profile.release, profile.basis) == ("prog", "1.0", Basis.RECORDINGS)
    assert {entry.rule: entry.shows for entry in profile.recorded} == {
        "CLI-01": Shown.HOLDS,
        "CLI-02": Shown.PARTLY,
    }
    assert profile.recorded[0].evidence == "f.jsonl, lines 1, 2: It is so."
    (waiver,) = profile.waivers
    assert (waiver.rule, waiver.observed, waiver.evidence) == (
        "CLI-03",
        "seen 0",
        "f.jsonl, line 1: It is so.",
    )


def test_a_rule_is_shown_in_one_way(recordings: Path) -> None:
    with pytest.raises(ProfileError, match=r"CLI-01, prog 1\.0: 'shows' is holds and partly at once"):
        derive([CLAIM, replace(CLAIM, shows="partly")], recordings)


ENTRY = """
[[recorded]]
rule = "CLI-01"
program = "prog"
release = "1.0"
file = "f.jsonl"
shows = "holds"
says = "It is so."
where = { name = "a" }
then = { exit_code = 0 }
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"CLI-01"', '"CLI-09"', "key 'rule': 'CLI-09' is no rule of this area about a client"),
        ('"holds"', '"perhaps"', "key 'shows': must be one of holds, partly, deviates"),
        ('"holds"', '"deviates"', "key 'observed': is missing"),
        ("then = { exit_code = 0 }", "", "key 'where': name lines, and what is in them"),
        ('where = { name = "a" }', "where = 3", "key 'where': must be a table of fields"),
        ('says = "It is so."', "", "key 'says': is missing"),
        ('says = "It is so."', 'says = "It is so."\nodd = 1', "key 'odd': is unknown"),
    ],
)
def test_a_wrong_claim_is_told(
    make_suite: SuiteMaker, rules_text: Callable[..., str], old: str, new: str, told: str
) -> None:
    files = {"cli/rules.toml": rules_text("CLI-01", subject="client"), "cli/recordings.toml": ENTRY}
    good = read_suite(make_suite(files))
    assert [claim.rule for claim in read_claims(good.areas)] == ["CLI-01"]
    bad = read_suite(make_suite({"cli/recordings.toml": ENTRY.replace(old, new)}))
    with pytest.raises(ProfileError) as caught:
        read_claims(bad.areas)
    assert told in str(caught.value)


def test_the_command_writes_all_or_nothing(
    recordings: Path,
    make_suite: SuiteMaker,
    rules_text: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {"cli/rules.toml": rules_text("CLI-01", subject="client"), "cli/recordings.toml": ENTRY}
    suite = read_suite(make_suite(files))
    monkeypatch.setattr(from_recordings, "find_suites", lambda: (suite,))
    place = recordings / "profiles"
    place.mkdir()
    assert from_recordings.main([str(recordings), str(place)]) == 0
    assert [path.name for path in place.iterdir()] == ["prog-1.0.toml"]
    (place / "prog-1.0.toml").unlink()
    (recordings / "f.jsonl").write_text("no JSON", encoding="utf-8")
    assert from_recordings.main([str(recordings), str(place)]) == 2
    assert list(place.iterdir()) == []
    assert from_recordings.main([]) == 2
    assert "usage:" in capsys.readouterr().err
