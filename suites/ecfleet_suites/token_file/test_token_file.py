"""What a client sends as Authorization, for files whose right reading documents and releases tell."""

from __future__ import annotations

import base64
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet import Sandbox, expect, rule
from ecfleet.clients import Action, Call, ClientUnderTest
from ecfleet.sandbox import TokenFilePlace
from ecfleet.services import EcflowServer, RequestReceived, Transport
from ecfleet.wire import http1

TABLE = tomllib.loads((resources.files(__package__) / "tables" / "patterns.toml").read_text(encoding="utf-8"))
MATCHING: list[str] = TABLE["matching"]
NOT_MATCHING: list[str] = TABLE["not_matching"]
HOST = "127.0.0.1"


def bearer(server: str, key: str) -> dict[str, Any]:
    """A bearer entry of a token file."""
    api = {"url": "https://api.example.org/v1", "key": key, "email": "user@example.org"}
    return {"server": server, "type": "bearer", "api": api}


def basic(server: str, username: str, password: str) -> dict[str, Any]:
    """A basic entry of a token file."""
    return {"server": server, "type": "basic", "api": {"username": username, "password": password}}


def basic_header(username: str, password: str) -> str:
    """The header that a basic entry stands for."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@dataclass
class Bench:
    """A client, its sandbox, and the HTTP server that sees what it sends."""

    client: ClientUnderTest
    sandbox: Sandbox
    server: EcflowServer

    def named(self, template: str) -> str:
        """A pattern of the table, for this server."""
        port = str(self.server.address.port)
        return template.replace("{host}", HOST).replace("{HOST}", HOST.upper()).replace("{port}", port)

    def put(self, *entries: dict[str, Any], where: TokenFilePlace = TokenFilePlace.HOME) -> None:
        """A token file with these entries."""
        self.sandbox.put_token_file({"version": 1, "tokens": list(entries)}, where)

    def sent(self) -> http1.Request:
        """What the server gets when the client pings it; the ping must succeed."""
        before = len(self.server.journal.of(RequestReceived))
        call = Call(Action.PING, HOST, self.server.address.port, transport=Transport.HTTP)
        outcome = self.client.run(call, self.sandbox)
        expect(outcome.exit_code, 0, "exit code of --ping over HTTP")
        received = self.server.journal.of(RequestReceived)[before:]
        expect(len(received), 1, "requests for one ping")
        return http1.RequestReader().feed(received[0].raw)[0]

    def authorizations(self) -> list[str]:
        """The Authorization headers of a ping."""
        return self.sent().headers.get_all("Authorization")


@pytest.fixture
def bench(ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, ecf_http_server: EcflowServer) -> Bench:
    return Bench(ecf_client, ecf_sandbox, ecf_http_server)


@rule("TOK-01")
@given(
    misses=st.lists(st.sampled_from(NOT_MATCHING), max_size=3),
    hits=st.lists(st.sampled_from(MATCHING), min_size=1, max_size=3),
    types=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_the_first_match_wins(bench: Bench, misses: list[str], hits: list[str], types: list[bool]) -> None:
    templates = [*misses, *hits]
    entries, headers = [], []
    for number, (template, is_bearer) in enumerate(zip(templates, types, strict=False)):
        secret = f"ecfleet-secret-{number}"
        server = bench.named(template)
        entries.append(bearer(server, secret) if is_bearer else basic(server, f"user{number}", secret))
        headers.append(f"Bearer {secret}" if is_bearer else basic_header(f"user{number}", secret))
    bench.put(*entries)
    expect(bench.authorizations(), [headers[len(misses)]], "Authorization for the first matching entry")


@rule("TOK-02")
@pytest.mark.parametrize("template", MATCHING)
def test_patterns_that_match(bench: Bench, template: str) -> None:
    bench.put(bearer(bench.named(template), "ecfleet-secret-key"))
    expect(bench.authorizations(), ["Bearer ecfleet-secret-key"], f"Authorization for the server {template}")


@rule("TOK-02")
@pytest.mark.parametrize("template", NOT_MATCHING)
def test_patterns_that_do_not_match(bench: Bench, template: str) -> None:
    bench.put(bearer(bench.named(template), "ecfleet-secret-key"))
    expect(bench.authorizations(), [], f"Authorization for the server {template}")


@rule("TOK-03")
@given(key=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40))
def test_a_bearer_entry(bench: Bench, key: str) -> None:
    bench.put(bearer(".*", key))
    request = bench.sent()
    expect(request.headers.get_all("Authorization"), [f"Bearer {key}"], "Authorization for a bearer entry")
    for private in (b"api.example.org", b"user@example.org"):
        assert private not in request.raw, "url or email of the entry was sent"


@rule("TOK-04")
@given(
    username=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12),
    password=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12),
)
def test_a_basic_entry(bench: Bench, username: str, password: str) -> None:
    bench.put(basic(".*", username, password))
    expect(bench.authorizations(), [basic_header(username, password)], "Authorization for a basic entry")


@rule("TOK-05")
@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "not JSON",
        '{"version": 2, "tokens": []}',
        '{"version": 1, "tokens": []}',
        '{"version": 1, "tokens": [{"server": "other", "type": "basic", '
        '"api": {"username": "u", "password": "ecfleet-secret"}}]}',
    ],
    ids=["no file", "empty", "no JSON", "version 2", "no entries", "no match"],
)
def test_without_a_token_the_request_goes_out_bare(bench: Bench, content: str | None) -> None:
    if content is not None:
        bench.sandbox.put_token_file(content)
    expect(bench.authorizations(), [], "Authorization without a token that fits")


@rule("TOK-06")
def test_home_comes_before_the_working_directory(bench: Bench) -> None:
    bench.put(bearer(".*", "ecfleet-secret-cwd"), where=TokenFilePlace.DIRECTORY)
    expect(
        bench.authorizations(),
        ["Bearer ecfleet-secret-cwd"],
        "Authorization with a file in the cwd",
    )
    bench.put(bearer(".*", "ecfleet-secret-home"), where=TokenFilePlace.HOME)
    expect(bench.authorizations(), ["Bearer ecfleet-secret-home"], "Authorization with files in both places")
