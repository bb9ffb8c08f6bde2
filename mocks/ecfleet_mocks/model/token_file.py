"""The token file `.ecflowapirc`: where it is looked for, what it may hold, which entry a client uses.

Documented in "How to setup ecFlow with HTTPS authentication", under "Setting up the ecFlow Client"; what
clients do was seen on 5.17.0, whose code is that of 5.15 to 5.17. The documented search order and the
released one differ, so the order is an argument; `Dialect.token_places` holds the released one.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ecfleet_mocks.model.dialect import TokenPlace
from ecfleet_mocks.model.token_pattern import BadPattern, matches

__all__ = [
    "DOCUMENTED_PLACES",
    "FILE_NAME",
    "Basic",
    "Bearer",
    "Entry",
    "Token",
    "TokenChoice",
    "TokenFileError",
    "TokenPlace",
    "TokenSettings",
    "choose_entry",
    "find_token",
    "find_token_file",
    "parse_token_file",
    "server_url",
]

FILE_NAME = ".ecflowapirc"

DOCUMENTED_PLACES = (TokenPlace.DIRECTORY, TokenPlace.HOME)
"""The documented order: "How to setup ecFlow with HTTPS authentication", "Setting up the ecFlow Client"."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """An API key. `url` and `email` have to be there but never leave the machine (seen on 5.17.0)."""

    key: str = field(repr=False)
    url: str = ""
    email: str = ""

    def authorization(self) -> str | None:
        """Value of the Authorization header; None, and no header at all, with an empty key."""
        return f"Bearer {self.key}" if self.key else None


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password, encoded as UTF-8 with nothing escaped."""

    username: str
    password: str = field(repr=False)

    def authorization(self) -> str | None:
        """Value of the Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


Token = Bearer | Basic


@dataclass(frozen=True, slots=True)
class Entry:
    """One usable entry: the pattern for the whole of `scheme://host:port`, and its token."""

    pattern: str
    token: Token


class TokenFileError(ValueError):
    """A token file is of no use as a whole; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """What decides which file is read. None means not set; `directory` is the working directory."""

    directory: str
    home: str | None = None
    ecf_authtokens: str | None = None


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """What a client does about a token.

    `token` None: the request goes without Authorization, and `warning` says why on standard error.
    `send` False: no request is sent; the client treats that as a connection that failed.
    """

    token: Token | None = None
    warning: str | None = None
    send: bool = True


def server_url(scheme: str, host: str, port: int | str) -> str:
    """What patterns are matched against: scheme, host as the client was given it, and port always."""
    return f"{scheme}://{host}:{port}"


def find_token_file(
    places: Sequence[TokenPlace], settings: TokenSettings, exists: Callable[[str], bool]
) -> str | None:
    """Path of the file that is read; None when there is no place to look.

    ECF_AUTHTOKENS, where it is a place, is taken without a look whether the file exists, and without
    expansion of `~`. Of the other places the first that holds the name is taken, whatever the name
    stands for; with none, the last place is named, so that the warning can name it.
    """
    candidates: list[str] = []
    for place in places:
        if place is TokenPlace.ENVIRONMENT:
            if settings.ecf_authtokens is not None:
                return settings.ecf_authtokens
        elif place is TokenPlace.DIRECTORY:
            candidates.append(f"{settings.directory}/{FILE_NAME}")
        elif settings.home is not None:
            candidates.append(f"{settings.home}/{FILE_NAME}")
    return next((path for path in candidates if exists(path)), candidates[-1] if candidates else None)


def parse_token_file(content: bytes) -> list[Entry]:
    """The usable entries of a token file, in order.

    Entries of no known type are left out without a word; any other fault in any entry refuses the whole
    file. Raises `TokenFileError`.
    """
    document = _load(content)
    if not isinstance(document, dict):
        raise TokenFileError(f"the top level is {_kind(document)}, not an object")
    version = document.get("version")
    if type(version) is not int or not -(2**63) <= version < 2**64:
        raise TokenFileError("No version found")
    if version != 1:
        raise TokenFileError("Expected version 1")
    tokens = document.get("tokens")
    if tokens is None:
        return []
    if isinstance(tokens, dict):
        # The values serve as the list; the real parser keeps an object's members in the order of their names.
        tokens = [tokens[name] for name in sorted(tokens)]
    if not isinstance(tokens, list):
        raise TokenFileError(f"tokens is {_kind(tokens)}, not an array")
    entries = [_entry(position, item) for position, item in enumerate(tokens, 1) if item is not None]
    return [entry for entry in entries if entry is not None]


def choose_entry(entries: Sequence[Entry], url: str) -> Entry | None:
    """The first entry, whatever its type, whose pattern matches the whole of `url`.

    Raises `BadPattern` when a pattern up to there is no regular expression; later ones are not looked at.
    """
    return next((entry for entry in entries if matches(entry.pattern, url)), None)


def find_token(
    places: Sequence[TokenPlace],
    settings: TokenSettings,
    url: str,
    *,
    exists: Callable[[str], bool],
    read: Callable[[str], bytes | None],
) -> TokenChoice:
    """All of the above: which token a client sends to `url`, or what it says instead.

    `read` gives a file's content, None when it cannot be opened; relative paths are relative to
    `settings.directory`. Nothing is tried after the file that was found first, whatever is wrong with it.
    """
    path = find_token_file(places, settings, exists)
    if path is None:
        return TokenChoice()
    if path == "":
        return TokenChoice(warning="Unable to open : , to load tokens.", send=False)
    content = read(path)
    if content is None:
        return TokenChoice(warning=f"Unable to open : {path}, to load tokens.")
    try:
        entry = choose_entry(parse_token_file(content), url)
    except TokenFileError as problem:
        return TokenChoice(warning=f"Unable to load tokens, from: {path}. Due to: {problem}")
    except BadPattern as problem:
        return TokenChoice(warning=f"Unable to load tokens, from: {path}. Due to: {problem}", send=False)
    if entry is None:
        return TokenChoice(warning=f"Unable to find token for URL: {url}")
    return TokenChoice(token=entry.token)


def _load(content: bytes) -> object:
    def refuse(text: str) -> object:
        raise ValueError(f"{text} is no JSON")

    def number(text: str) -> float:
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"the number {text} is out of range")
        return value

    def integer(text: str) -> int | float:
        # Longer than any integer that the real parser holds; it makes a floating point number of it.
        return int(text) if len(text) <= 20 else number(text)

    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        document: object = json.loads(text, parse_constant=refuse, parse_float=number, parse_int=integer)
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # lone surrogates are no text
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
        raise TokenFileError(f"parse error at {where}: {problem.msg}") from None
    except RecursionError:
        raise TokenFileError("parse error: nested too deeply") from None
    except UnicodeError:
        raise TokenFileError("parse error: the text is no UTF-8") from None
    except ValueError as problem:
        raise TokenFileError(f"parse error: {problem}") from None
    return document


def _entry(position: int, item: object) -> Entry | None:
    if not isinstance(item, dict):
        raise TokenFileError(f"entry {position} is {_kind(item)}, not an object")
    match item.get("type"):
        case "bearer":
            key = _text(position, item, "key")
            token: Token = Bearer(key, _text(position, item, "url"), _text(position, item, "email"))
        case "basic":
            token = Basic(_text(position, item, "username"), _text(position, item, "password"))
        case _:
            return None
    server = item.get("server")
    if not isinstance(server, str):
        raise TokenFileError(f"entry {position}: server is {_kind(server)}, not a string")
    return Entry(server, token)


def _text(position: int, item: dict[str, object], name: str) -> str:
    api = item.get("api")
    if not isinstance(api, dict):
        raise TokenFileError(f"entry {position}: api is {_kind(api)}, not an object")
    value: object = api.get(name)
    if not isinstance(value, str):
        raise TokenFileError(f"entry {position}: api.{name} is {_kind(value)}, not a string")
    return value


def _kind(value: object) -> str:
    """How an error names what stands there; never the value itself, which may be a secret."""
    match value:
        case None:
            return "missing or null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
