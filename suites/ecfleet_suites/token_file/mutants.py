"""Clients that break one rule of the token file each."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from ecfleet import Mutant
from ecfleet.clients import Behaviour
from ecfleet.clients.streams import Target
from ecfleet.models import Dialect, TokenPlace, token_file
from ecfleet.wire import http1

Token = token_file.Token
TokenChoice = token_file.TokenChoice
TokenSettings = token_file.TokenSettings


def _read_backwards(content: bytes) -> bytes:
    try:
        document = json.loads(content)
        document["tokens"].reverse()
    except (ValueError, KeyError, TypeError):
        return content
    return json.dumps(document).encode()


def takes_the_last(
    places: Sequence[TokenPlace],
    settings: TokenSettings,
    url: str,
    *,
    exists: Callable[[str], bool],
    read: Callable[[str], bytes | None],
) -> TokenChoice:
    def reversed_file(path: str) -> bytes | None:
        content = read(path)
        return None if content is None else _read_backwards(content)

    return token_file.find_token(places, settings, url, exists=exists, read=reversed_file)


def matches_the_host(
    places: Sequence[TokenPlace],
    settings: TokenSettings,
    url: str,
    *,
    exists: Callable[[str], bool],
    read: Callable[[str], bytes | None],
) -> TokenChoice:
    found = token_file.find_token(places, settings, url, exists=exists, read=read)
    if found.token is not None:
        return found
    host = url.partition("://")[2].partition(":")[0]
    return token_file.find_token(places, settings, host, exists=exists, read=read)


def fails_without_a_token(
    places: Sequence[TokenPlace],
    settings: TokenSettings,
    url: str,
    *,
    exists: Callable[[str], bool],
    read: Callable[[str], bytes | None],
) -> TokenChoice:
    found = token_file.find_token(places, settings, url, exists=exists, read=read)
    return replace(found, send=found.token is not None)


def directory_first(dialect: Dialect) -> tuple[TokenPlace, ...]:
    return token_file.DOCUMENTED_PLACES


def sends_the_email(target: Target, body: bytes, token: Token | None) -> http1.Request:
    request = Behaviour().http_request(target, body, token)
    if isinstance(token, token_file.Bearer):
        request = replace(request, headers=request.headers.adding("From", token.email))
    return request


def encodes_as_latin(target: Target, body: bytes, token: Token | None) -> http1.Request:
    request = Behaviour().http_request(target, body, token)
    if isinstance(token, token_file.Basic):
        pair = f"{token.username}:{token.password}".encode("latin-1", "replace")
        value = "Basic " + base64.b64encode(pair).decode()
        request = replace(request, headers=request.headers.with_("Authorization", value))
    return request


MUTANTS = [
    Mutant(
        id="TOK-01.takes-the-last",
        rule="TOK-01",
        sentence="It reads the list of entries from its end.",
        behaviour={"find_token": takes_the_last},
    ),
    Mutant(
        id="TOK-02.matches-the-host",
        rule="TOK-02",
        sentence="A bare host name matches too.",
        behaviour={"find_token": matches_the_host},
    ),
    Mutant(
        id="TOK-03.sends-the-email",
        rule="TOK-03",
        sentence="It sends the email of a bearer entry in a header of its own.",
        behaviour={"http_request": sends_the_email},
    ),
    Mutant(
        id="TOK-04.encodes-as-latin",
        rule="TOK-04",
        sentence="It encodes user name and password as ISO 8859-1.",
        behaviour={"http_request": encodes_as_latin},
    ),
    Mutant(
        id="TOK-05.fails-without-a-token",
        rule="TOK-05",
        sentence="It sends nothing when no entry fits.",
        behaviour={"find_token": fails_without_a_token},
        trips=frozenset({"TOK-02"}),
        reason="that a pattern does not match is seen from a request without a token",
    ),
    Mutant(
        id="TOK-06.directory-first",
        rule="TOK-06",
        sentence="It looks in the working directory before the home directory, as documented.",
        behaviour={"token_places": directory_first},
    ),
]
