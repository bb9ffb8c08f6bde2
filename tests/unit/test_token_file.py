"""The token file, held against what the document says and what clients were seen to do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.model.token_file import (
    DOCUMENTED_PLACES,
    Basic,
    Bearer,
    Entry,
    TokenChoice,
    TokenFileError,
    TokenSettings,
    choose_entry,
    find_token,
    find_token_file,
    parse_token_file,
    server_url,
)
from ecfleet_mocks.model.token_pattern import BadPattern, matches, translate

DATA = Path(__file__).parent.parent / "data"
TABLE: dict[str, Any] = json.loads((DATA / "token_files.json").read_text(encoding="utf-8"))
PATTERNS: list[dict[str, str]] = [
    json.loads(line)
    for line in (DATA / "token_patterns_libstdcxx_12.jsonl").read_text(encoding="utf-8").splitlines()
]
PLACES = {"documented": DOCUMENTED_PLACES, "5.17": DIALECT_5_17.token_places, "5.9": DIALECT_5_9.token_places}
GOOD_KEY = "ecfleet-secret-good"
URL = server_url("http", "localhost", 4141)
SETTINGS = TokenSettings(directory="/cwd", home="/home")


def choose(content: bytes | None, url: str = URL) -> TokenChoice:
    return find_token(
        DIALECT_5_17.token_places,
        SETTINGS,
        url,
        exists=lambda path: path == "/home/.ecflowapirc",
        read=lambda _: content,
    )


def outcome(pattern: str, text: str) -> str:
    try:
        return "match" if matches(pattern, text) else "no match"
    except BadPattern:
        return "invalid"


def token_file(*entries: Entry) -> bytes:
    tokens: list[dict[str, Any]] = []
    for entry in entries:
        if isinstance(entry.token, Bearer):
            api = {"url": entry.token.url, "key": entry.token.key, "email": entry.token.email}
        else:
            api = {"username": entry.token.username, "password": entry.token.password}
        kind = "bearer" if isinstance(entry.token, Bearer) else "basic"
        tokens.append({"server": entry.pattern, "type": kind, "api": api})
    return json.dumps({"version": 1, "tokens": tokens}).encode()


@pytest.mark.parametrize("row", TABLE["files"], ids=lambda row: row["evidence"])
def test_file_agrees_with_the_table(row: dict[str, Any]) -> None:
    choice = choose(row["text"].replace("GOOD", json.dumps(TABLE["good"])).encode())
    if row["outcome"] == "token":
        assert isinstance(choice.token, Bearer)
        assert choice.token.key == GOOD_KEY
        assert choice.warning is None
        return
    assert choice.token is None
    assert choice.send == (row["outcome"] == "none")
    assert row["says"] in (choice.warning or "")
    assert GOOD_KEY not in (choice.warning or "")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(text, kind) for kind in ("match", "no match", "invalid") for text in TABLE["patterns"][kind]],
)
def test_pattern_agrees_with_the_table(pattern: str, expected: str) -> None:
    assert outcome(pattern, TABLE["patterns"]["url"]) == expected


def test_patterns_agree_with_the_library_that_clients_are_built_on() -> None:
    """Outcomes of std::regex_match of GCC 12 for the same patterns and texts."""
    differing = [row for row in PATTERNS if outcome(row["pattern"], row["text"]) != row["outcome"]]
    assert differing == []
    assert {row["outcome"] for row in PATTERNS} == {"match", "no match", "invalid"}


@pytest.mark.parametrize("row", TABLE["places"], ids=lambda row: row["evidence"])
def test_place_agrees_with_the_table(row: dict[str, Any]) -> None:
    names = {"home": "/home/.ecflowapirc", "cwd": "/cwd/.ecflowapirc"}
    settings = TokenSettings(
        directory="/cwd",
        home=None if row.get("home_unset") else "/home",
        ecf_authtokens=row["authtokens"],
    )
    present = {names.get(name, name) for name in row["files"]}
    found = find_token_file(PLACES[row["order"]], settings, present.__contains__)
    assert found == (None if row["read"] is None else names.get(row["read"], row["read"]))


def test_nothing_is_tried_after_the_file_that_was_found() -> None:
    files = {"/home/.ecflowapirc": b"nonsense", "/cwd/.ecflowapirc": token_file(Entry(".*", Basic("u", "p")))}
    choice = find_token(
        DIALECT_5_17.token_places, SETTINGS, URL, exists=files.__contains__, read=files.__getitem__
    )
    assert choice.token is None
    assert choice.warning is not None
    assert choice.warning.startswith("Unable to load tokens, from: /home/.ecflowapirc. Due to: parse error")


def test_no_file_at_all_is_a_warning() -> None:
    choice = find_token(DIALECT_5_17.token_places, SETTINGS, URL, exists=lambda _: False, read=lambda _: None)
    assert choice == TokenChoice(warning="Unable to open : /cwd/.ecflowapirc, to load tokens.")


def test_empty_authtokens_stops_the_request() -> None:
    settings = TokenSettings(directory="/cwd", home="/home", ecf_authtokens="")
    choice = find_token(
        DIALECT_5_17.token_places, settings, URL, exists=lambda _: True, read=lambda _: token_file()
    )
    assert not choice.send


def test_release_without_token_file_says_nothing() -> None:
    choice = find_token(
        DIALECT_5_9.token_places, SETTINGS, URL, exists=lambda _: True, read=lambda _: b"nonsense"
    )
    assert choice == TokenChoice()


def test_headers() -> None:
    assert (
        Bearer("ecfleet-secret-key", "https://api", "me@there").authorization() == "Bearer ecfleet-secret-key"
    )
    assert Bearer("").authorization() is None
    # base64 of "us:er:pässword" in UTF-8, with the colon of the user name as it is
    assert Basic("us:er", "pässword").authorization() == "Basic dXM6ZXI6cMOkc3N3b3Jk"


def test_a_secret_does_not_show() -> None:
    shown = repr([Bearer("ecfleet-secret-key"), Basic("user", "ecfleet-secret-password")])
    assert "ecfleet-secret" not in shown
    entry = {"server": 5, "type": "basic", "api": {"username": "u", "password": "ecfleet-secret"}}
    content = json.dumps({"version": 1, "tokens": [entry]}).encode()
    with pytest.raises(TokenFileError) as caught:
        parse_token_file(content)
    assert "ecfleet-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"version": 1e999}',
        b'{"version": NaN}',
        b"\xff\xfe",
        b'{"version": 1, "tokens": "\\ud800"}',
        b'{"version": 1, "tokens": [[]]}',
        b'{"version": 1' + b"0" * 5000 + b"}",
    ],
)
def test_unusual_bytes_are_one_clear_error(content: bytes) -> None:
    with pytest.raises(TokenFileError) as caught:
        parse_token_file(content)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_entries_or_the_typed_error(content: bytes) -> None:
    try:
        entries = parse_token_file(content)
    except TokenFileError:
        return
    assert isinstance(entries, list)


hosts = st.sampled_from(["localhost", "127.0.0.1", "machine1", "machine1.example.org"])
urls = st.builds(server_url, st.sampled_from(["http", "https"]), hosts, st.sampled_from([443, 4141, "8443"]))


@st.composite
def overlapping_patterns(draw: st.DrawFn) -> str:
    """A literal URL with parts opened up, so that many patterns match the same URL."""
    scheme = draw(st.sampled_from(["http", "https", "https?", "(http|https)", ".*"]))
    host = draw(hosts.map(re.escape) | st.sampled_from([".*", "machine1.*", "[a-z]+", "[0-9.]+"]))
    port = draw(st.sampled_from(["443", "4141", "[0-9]+", ".*", r"\d{3,4}"]))
    return f"{scheme}://{host}:{port}"


@given(st.lists(overlapping_patterns(), max_size=8), urls)
def test_first_match_wins_and_the_whole_url_has_to_match(patterns: list[str], url: str) -> None:
    """The oracle is Python's own fullmatch, which agrees with ECMAScript for these patterns."""
    entries = [Entry(pattern, Basic(f"user{position}", "p")) for position, pattern in enumerate(patterns)]
    expected = next((entry for entry in entries if re.fullmatch(entry.pattern, url)), None)
    assert choose_entry(parse_token_file(token_file(*entries)), url) == expected


@given(st.text(alphabet="ab1:/.*+?{}()[]^$|\\-,=!<P:d", max_size=12), st.text(alphabet="ab1:/.", max_size=6))
def test_a_pattern_is_translated_or_refused(pattern: str, text: str) -> None:
    refusal = None
    try:
        translated = translate(pattern)
    except BadPattern as problem:
        refusal, translated = str(problem), ""
    assert len((refusal or "").splitlines()) <= 1
    assert "(?i" not in translated
    assert (outcome(pattern, text) == "invalid") >= (refusal is not None)
