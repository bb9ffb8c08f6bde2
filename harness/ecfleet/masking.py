"""Takes passwords and tokens out of texts that go into reports.

Two ways, because each finds what the other cannot: a credential is known by the words around it, or because
its value was seen where secrets are (a token file, ECF_PASS, an Authorization header).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from ecfleet_mocks.wire.http_headers import SECRET_NAMES

MASK = "***"

SHORTEST: Final = 4
"""Characters that a value needs to be looked for: a shorter one would be found everywhere."""

_SECRETS = (
    # HTTP credentials, in a header or in a header's text anywhere.
    re.compile(
        r"(?i)(\b(?:proxy-)?authorization\b['\"]?\s*[:=,]\s*['\"]?(?:basic|bearer|emailkey)\s+)"
        r"(?!\*\*\*)[^\s'\",;]+"
    ),
    re.compile(r"(?i)(\b(?:set-)?cookie\b['\"]?\s*[:=,]\s*['\"]?)(?!\*\*\*)[^\r\n'\"]+"),
    # A task's password and a user's, as variables and as fields of requests and token files.
    re.compile(r"(\bECF_(?:PASS|TOKEN|SECRET)\w*=)(?!\*\*\*)[^\s'\"]+"),
    re.compile(r"(?i)(\"(?:jobs_password_|password_?|pswd_|key|token|secret)\"\s*:\s*\")(?!\*\*\*)[^\"]+"),
    re.compile(r"(?i)((?<![\w-])--password[= ])(?!\*\*\*)[^\s'\"]+"),
    # A web token is one wherever it stands.
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{2,}\.[\w-]+"),
)

_SECRET_NAMES = re.compile(r"(?i)(?:pass|passwd|password|pswd|token|secret|api_?key|key)_?$")
_SECRET_HEADERS = SECRET_NAMES | {"x-api-key", "x-auth-token"}


def mask(text: str) -> str:
    """The text with every credential that the words around it give away replaced by ``***``."""
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


class Secrets:
    """Values that must not be told, and texts without them.

    Each value gets a name of its own, ``***1``, ``***2``, in the order in which they come up in the texts, so
    that a reader sees whether two places hold the same secret.
    """

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def add(self, value: str) -> None:
        """Take note of a secret; short values are not, see :data:`SHORTEST`."""
        value = value.strip()
        if len(value) >= SHORTEST:
            for form in _forms(value):
                self._values.setdefault(form, value)

    def add_variables(self, variables: Iterable[tuple[str, str]]) -> None:
        """Take note of the values of variables whose names say that they are secret (ECF_PASS)."""
        for name, value in variables:
            if _SECRET_NAMES.search(name):
                self.add(value)

    def add_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """Take note of credentials in HTTP headers; of Basic ones also of the password inside."""
        for name, value in headers:
            if name.lower() in _SECRET_HEADERS:
                scheme, _, credential = value.strip().partition(" ")
                self.add(credential or scheme)
                if scheme.lower() == "basic":
                    self.add(_password_in(credential))
                for part in re.split(r"[;,]\s*", value):
                    self.add(part.partition("=")[2])

    def add_json(self, content: bytes | str) -> None:
        """Take note of the keys and passwords of a token file; of what is no JSON, nothing."""
        try:
            self._add_fields(json.loads(content))
        except (ValueError, RecursionError):
            return

    def _add_fields(self, value: Any) -> None:
        if isinstance(value, list):
            for one in value:
                self._add_fields(one)
        elif isinstance(value, dict):
            for name, one in value.items():
                if isinstance(one, str) and _SECRET_NAMES.search(name):
                    self.add(one)
                    user = value.get("username")
                    if isinstance(user, str):
                        pair = f"{user}:{one}".encode("utf-8", "surrogatepass")
                        self.add(base64.b64encode(pair).decode())
                self._add_fields(one)

    def known_in(self, text: str) -> bool:
        """Whether one of these values is in the text."""
        return any(form in text for form in self._values)

    def mask(self, text: str) -> str:
        """The text without these values, nor any credential that the words around it give away."""
        if self._values and text:
            # The longest first: a secret may be part of another one.
            forms = sorted((form for form in self._values if form in text), key=len, reverse=True)
            if forms:
                text = re.sub("|".join(map(re.escape, forms)), lambda found: self._name(found[0]), text)
        return mask(text)

    def _name(self, form: str) -> str:
        return self._names.setdefault(self._values[form], f"{MASK}{len(self._names) + 1}")


def _forms(value: str) -> set[str]:
    """How a value may stand in evidence: as it is, in a repr, in JSON, in a URL, in base64."""
    raw = value.encode("utf-8", "surrogatepass")
    return {
        value,
        repr(value)[1:-1],
        repr(raw)[2:-1],
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(raw, safe=""),
        base64.b64encode(raw).decode(),
    }


def _password_in(credential: str) -> str:
    try:
        pair = base64.b64decode(credential, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
    return pair.partition(":")[2]
