"""The catalogue: what a rules.toml may say, which mistakes are told how, and what selects a rule."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from ecfleet import citations, rules
from ecfleet.rules import Catalogue, Level, RulesError, Severity, Source, Subject

WHOLE = """
[area]
title = "Certificate selection"
prefix = "CERT"
summary = "Which file is trusted."

[[rule]]
id = "CERT-01"
sentence = "A client trusts server.crt."
why = "Else it fails."
level = "must"
subject = "client"
capabilities = ["ssl"]
severity = "high"
symptom = "handshake failure"
fix = "Look again."
field_bugs = ["FB-02"]
[[rule.source]]
document = "openssl"
heading = "Certificates"
[[rule.source]]
release = "5.9.2"
experiment = "both files in place"

[[rule]]
id = "CERT-02"
sentence = "Another."
why = "Because."
level = "observed"
subject = "tunnel"
severity = "low"
symptom = "none"
fix = "none"
source = { release = "5.9.2", experiment = "a ping" }
"""


def area(folder: Path, text: str, name: str = "certificates") -> rules.Area:
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "rules.toml").write_text(text, encoding="utf-8")
    return rules.read_area(place)


def test_reads_all_that_a_rule_says(tmp_path: Path) -> None:
    read = area(tmp_path, WHOLE)
    first, second = read.rules
    assert (read.name, read.title, read.prefix, read.summary) == (
        "certificates",
        "Certificate selection",
        "CERT",
        "Which file is trusted.",
    )
    assert first == rules.Rule(
        id="CERT-01",
        area="certificates",
        sentence="A client trusts server.crt.",
        why="Else it fails.",
        level=Level.MUST,
        subject=Subject.CLIENT,
        severity=Severity.HIGH,
        symptom="handshake failure",
        fix="Look again.",
        sources=(
            Source(document="openssl", heading="Certificates"),
            Source(release="5.9.2", experiment="both files in place"),
        ),
        capabilities=frozenset({"ssl"}),
        field_bugs=("FB-02",),
    )
    assert first.citation == ('OpenSSL set-up of ecFlow 5, "Certificates"; ecFlow 5.9.2: both files in place')
    assert second.sources == (Source(release="5.9.2", experiment="a ping"),)
    assert second.capabilities == frozenset()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "CERT-01"', 'id = "TOK-01"', "rule number 1: key 'id': must be 'CERT-'"),
        ('id = "CERT-02"', 'id = "CERT-01"', "rule CERT-01: key 'id': is there twice"),
        ('id = "CERT-01"', 'id = "CERT-1"', "two or more digits"),
        ('why = "Else it fails."', "", "rule CERT-01: key 'why': is missing"),
        ('why = "Else it fails."', "why = 3", "rule CERT-01: key 'why': must be a text"),
        ('why = "Else it fails."', 'why = " "', "rule CERT-01: key 'why': must be a text"),
        ('level = "must"', 'level = "may"', "key 'level': must be one of must, should, observed"),
        ('severity = "high"', 'severity = "dire"', "key 'severity': must be one of high"),
        ('subject = "client"', 'subject = "tunnel"', "key 'capabilities': are a client's"),
        ('capabilities = ["ssl"]', 'capabilities = "ssl"', "key 'capabilities': must be an array of texts"),
        ('capabilities = ["ssl"]', 'capabilities = ["a", "a"]', "key 'capabilities': names something twice"),
        ('document = "openssl"', 'document = "a blog"', "source: key 'document': must be one of openssl"),
        ('heading = "Certificates"', "", "source: key 'heading': is missing"),
        ('heading = "Certificates"', 'heading = "C"\nsha256 = "x"', "key 'sha256': must be 64"),
        ('level = "must"', 'level = "observed"\nreason = ""', "key 'reason': is unknown"),
        (
            'level = "observed"',
            'level = "should"',
            "rule CERT-02: key 'source': a rule of level should needs",
        ),
        (
            'release = "5.9.2"\n',
            'release = "5.9.2"\ndocument = "openssl"\n',
            "either a document or a release",
        ),
        ('title = "Certificate selection"', "", "area: key 'title': is missing"),
        ("[area]", "[zone]", "area: key 'title': is missing"),
        ("[[rule]]", "[rule]", "is no TOML"),
        ("subject =", "subject", "is no TOML"),
    ],
)
def test_a_mistake_is_told_with_file_and_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in WHOLE
    with pytest.raises(RulesError) as caught:
        area(tmp_path, WHOLE.replace(old, new, 1))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'certificates' / 'rules.toml'}: ")
    assert told in message
    assert "\n" not in message


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"rules\.toml: cannot be read: No such file"):
        rules.read_area(tmp_path)
    (tmp_path / "rules.toml").write_bytes(b"\xff")
    with pytest.raises(RulesError, match="is no UTF-8 text"):
        rules.read_area(tmp_path)
    (tmp_path / "rules.toml").write_text('[area]\ntitle = "A"\nprefix = "A"\n', encoding="utf-8")
    with pytest.raises(RulesError, match=r"has no \[\[rule\]\]"):
        rules.read_area(tmp_path)


def catalogue(folder: Path) -> Catalogue:
    area(folder / "suite", WHOLE)
    area(folder / "suite", WHOLE.replace("CERT", "TOK").replace("handshake failure", "401"), "tokens")
    return Catalogue((rules.read_suite(folder / "suite"),))


def test_selects_by_id_area_level_subject_and_words(tmp_path: Path) -> None:
    known = catalogue(tmp_path)

    def ids(found: list[rules.Rule]) -> list[str]:
        return [rule.id for rule in found]

    assert ids(known.select()) == ["CERT-01", "CERT-02", "TOK-01", "TOK-02"]
    assert ids(known.select("cert")) == ["CERT-01", "CERT-02"]
    assert ids(known.select(area="tokens")) == ["TOK-01", "TOK-02"]
    assert ids(known.select(level=Level.OBSERVED, subject=Subject.TUNNEL)) == ["CERT-02", "TOK-02"]
    assert ids(known.select(text="Failure HANDSHAKE")) == ["CERT-01"]
    assert ids(known.select(text="fb-02", area="tokens")) == ["TOK-01"]
    assert known.ids(["CERT-01"]) == {"CERT-01"}
    assert known.ids(["CERT-0", "tok-02"]) == {"CERT-01", "CERT-02", "TOK-02"}
    with pytest.raises(RulesError, match="no rule's id begins with 'NOPE'"):
        known.ids(["CERT", "NOPE"])


def test_an_id_that_is_spelled_out_selects_just_that_rule(tmp_path: Path) -> None:
    text = WHOLE.replace("CERT-02", "CERT-010")
    known = Catalogue((rules.Suite("s", tmp_path, (area(tmp_path, text),)),))
    assert known.ids(["CERT-01"]) == {"CERT-01"}
    assert known.ids(["CERT-0"]) == {"CERT-01", "CERT-010"}


def test_names_and_prefixes_are_unique(tmp_path: Path) -> None:
    one = rules.Suite("one", tmp_path, (area(tmp_path / "one", WHOLE),))
    with pytest.raises(RulesError, match="suite 'one' is already in"):
        Catalogue((one, one))
    with pytest.raises(RulesError, match="area 'certificates' is already that of"):
        Catalogue((one, rules.Suite("two", tmp_path, one.areas)))
    with pytest.raises(RulesError, match="prefix 'CERT' is already that of"):
        Catalogue((one, rules.Suite("two", tmp_path, (area(tmp_path / "two", WHOLE, "others"),))))


def test_an_unknown_capability_is_told(tmp_path: Path) -> None:
    known = catalogue(tmp_path)
    known.check_capabilities(["ssl", "http"])
    with pytest.raises(RulesError, match=r"rule CERT-01: key 'capabilities': 'ssl' is none of http, tcp"):
        known.check_capabilities(["tcp", "http"])


def test_a_rule_without_a_test_is_told(tmp_path: Path) -> None:
    areas = [area(tmp_path, WHOLE)]
    rules.check_tests(areas, {"CERT-01", "CERT-02"})
    with pytest.raises(RulesError, match=r"rule CERT-02: no test in .* decides it"):
        rules.check_tests(areas, {"CERT-01"})


def entry_points(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str]) -> None:
    found = [importlib.metadata.EntryPoint(name, value, rules.GROUP) for name, value in entries]

    def of(group: str) -> list[importlib.metadata.EntryPoint]:
        assert group == rules.GROUP
        return found

    monkeypatch.setattr(importlib.metadata, "entry_points", of)


def test_suites_are_found_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    area(tmp_path / "found_suite", WHOLE)
    (tmp_path / "found_suite" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    entry_points(monkeypatch, ("anything", "found_suite"))
    (suite,) = rules.find_suites()
    assert (suite.name, suite.root) == ("found_suite", tmp_path / "found_suite")
    assert [rule.id for rule in suite.rules] == ["CERT-01", "CERT-02"]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([], "no suite is installed"),
        ([("lost", "no_such_package_at_all")], "suite 'lost' cannot be imported: No module named"),
        ([("flat", "json.decoder")], "suite 'flat': its entry point 'json.decoder' is no package"),
        ([("empty", "json")], "no folder in .* has a rules.toml"),
    ],
)
def test_a_suite_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, entries: list[tuple[str, str]], told: str
) -> None:
    entry_points(monkeypatch, *entries)
    with pytest.raises(RulesError, match=told):
        rules.find_suites()


def test_the_decorator_is_a_pytest_mark() -> None:
    mark = rules.rule("CERT-01")
    assert isinstance(mark, pytest.MarkDecorator)
    assert (mark.name, mark.args) == ("ecf_rule", ("CERT-01",))


# --- citations ----------------------------------------------------------------------------------------

PAGE = "Title\n\nThe client looks\nfor a file. Else it\tfails!\n\nBoth work"


def test_a_changed_sentence_is_noticed_and_its_layout_is_not(tmp_path: Path) -> None:
    digest = citations.digest("The client looks for a file.")
    text = WHOLE.replace('heading = "Certificates"', f'heading = "Certificates"\nsha256 = "{digest}"')
    cited = area(tmp_path, text).rules
    assert citations.changed(cited, "openssl", PAGE) == []
    assert citations.changed(cited, "openssl", PAGE.replace("\n", "  \n")) == []
    changed = citations.changed(cited, "openssl", PAGE.replace("a file", "two files"))
    assert [(rule.id, source.heading) for rule, source in changed] == [("CERT-01", "Certificates")]
    assert citations.changed(cited, "connecting-from-home", "") == []


def test_prints_the_digest_of_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.txt"
    page.write_text(PAGE, encoding="utf-8")
    assert citations.main([str(page), "looks FOR"]) == 0
    assert capsys.readouterr().out.strip() == citations.digest("The client looks for a file.")
    for arguments, told in (
        ([str(page), "e"], "3 sentences contain 'e'"),
        ([str(page), "absent"], "0 sentences contain"),
        ([str(tmp_path / "none"), "x"], "cannot be read"),
        ([], "usage:"),
    ):
        assert citations.main(arguments) == 2
        assert told in capsys.readouterr().err
