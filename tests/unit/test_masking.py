"""Secrets in evidence: known by the words around them, or by their value."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet.masking import SHORTEST, Secrets, mask

VALUES = st.text(min_size=SHORTEST, max_size=30).map(str.strip).filter(lambda value: len(value) >= SHORTEST)


def knowing(*values: str) -> Secrets:
    secrets = Secrets()
    for value in values:
        secrets.add(value)
    return secrets


@given(VALUES)
def test_a_value_is_found_in_each_of_its_forms(value: str) -> None:
    raw = value.encode("utf-8", "surrogatepass")
    for form in (
        value,
        repr(value)[1:-1],
        json.dumps(value)[1:-1],
        quote(raw, safe=""),
        base64.b64encode(raw).decode(),
    ):
        assert knowing(value).mask(f"«{form}»") == "«***1»"


def test_secrets_have_names_in_the_order_in_which_they_come_up() -> None:
    secrets = knowing("ecfleet-secret-a", "ecfleet-secret-b", "ecfleet-secret")
    assert secrets.mask("b ecfleet-secret-b a ecfleet-secret-a") == "b ***1 a ***2"
    assert secrets.mask("ecfleet-secret-a, ecfleet-secret, ecfleet-secret-b") == "***2, ***3, ***1"
    assert secrets.mask("Authorization: Bearer ecfleet-secret-b") == "Authorization: Bearer ***1"
    assert secrets.known_in("x ecfleet-secret-a y")
    assert not secrets.known_in("nothing")
    assert secrets.mask("") == ""


def test_short_values_are_not_looked_for_everywhere() -> None:
    assert knowing("abc", "   ", "").mask("abc") == "abc"


def test_token_files_are_read_for_keys_and_passwords() -> None:
    secrets = Secrets()
    basic = {"username": "Jörg", "password": "ecfleet-secret-basic"}
    bearer = {"url": "https://example.org", "key": "ecfleet-secret-key", "email": "me@example.org"}
    secrets.add_json(json.dumps({"tokens": [{"api": basic}, {"api": bearer}, 5, None]}))
    header = base64.b64encode("Jörg:ecfleet-secret-basic".encode()).decode()
    text = f"{header} ecfleet-secret-basic ecfleet-secret-key https://example.org me@example.org Jörg"
    assert secrets.mask(text) == "***1 ***2 ***3 https://example.org me@example.org Jörg"


@pytest.mark.parametrize("content", ["", "no JSON", b"\xff\xfe\x00", "[" * 100_000, '"text"'])
def test_what_is_no_token_file_holds_none(content: str | bytes) -> None:
    secrets = Secrets()
    secrets.add_json(content)
    assert secrets.mask("text") == "text"


def test_headers_and_variables_are_known_by_their_names() -> None:
    secrets = Secrets()
    credential = base64.b64encode(b"user:ecfleet-secret-1").decode()
    secrets.add_headers(
        [("authorization", f"Basic {credential}"), ("X-Api-Key", "ecfleet-secret-2"), ("Host", "example.org")]
    )
    secrets.add_headers([("Authorization", "Basic no-base64!")])
    secrets.add_variables(
        [("ECF_PASS", "ecfleet-secret-3"), ("ECF_NAME", "/s/t"), ("TOKEN", "ecfleet-secret-4")]
    )
    text = f"ecfleet-secret-1 {credential} ecfleet-secret-2 ecfleet-secret-3 ecfleet-secret-4"
    assert secrets.mask(f"{text} example.org /s/t") == "***1 ***2 ***3 ***4 ***5 example.org /s/t"


def test_web_tokens_are_known_by_their_look() -> None:
    token = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"ecfleet-secret"}', b"signature")
    )
    assert mask(f"Token {token}!") == "Token ***!"
