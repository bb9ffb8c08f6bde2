"""Starts of servers with given files: the table, what the names in it stand for, and what a start comes to.

Nothing here knows whether the server is the mock or a real one.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from ecfleet import expect_in, violated
from ecfleet.certificates import (
    DH_1024,
    DH_2048,
    Credential,
    another_key,
    chain,
    elliptic,
    encrypted,
    expired,
    not_yet_valid,
    self_signed,
)
from ecfleet.certificates_server import Refused, ServerStart, Started, Starter
from ecfleet.services import Address
from ecfleet_suites.certificates.experiments import decide, read_table
from ecfleet_suites.certificates.handshakes import client_speaking, shake_hands

__all__ = ["ServerRow", "content", "credential_named", "decide_start", "presented", "shared_set", "starts"]

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One row of ``tables/server.toml``, whose head explains the fields."""

    number: int
    rule: str
    what: str
    files: dict[str, str]
    outcome: dict[str, str] = field(default_factory=dict)
    both: str = ""
    ecf_ssl: str | None = None
    ssl: bool = False
    port: str = "option"
    says: list[str] = field(default_factory=list)

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome by release."""
        return {"5.9": self.both, "5.17": self.both} if self.both else self.outcome

    @property
    def start(self) -> ServerStart:
        """The row as a start."""
        files = {name: content(what) for name, what in self.files.items()}
        return ServerStart(files, ecf_ssl=self.ecf_ssl, ssl=self.ssl, port_by=self.port)


@cache
def starts() -> tuple[ServerRow, ...]:
    """The rows of the table."""
    return tuple(ServerRow(**row) for row in read_table("server.toml")["start"])


CREDENTIALS = ("A", "B", "expired", "future", "another-name", "chain")


@cache
def credential_named(name: str) -> Credential:
    """A credential by its name in the table."""
    match name:
        case "A":
            return self_signed("localhost")
        case "B":
            return elliptic("localhost", pair=1)
        case "another":
            return another_key(self_signed("localhost"), pair=1)
        case "small":
            return self_signed("localhost", bits=1024)
        case "expired":
            return expired("localhost")
        case "future":
            return not_yet_valid("localhost")
        case "another-name":
            return elliptic("elsewhere.invalid")
        case "chain":
            return chain("localhost", HOST)
        case _:
            raise KeyError(name)


def content(text: str) -> bytes:
    """What a file of the table holds."""
    if text.startswith("'"):
        return text[1:-1].encode()
    plain = {"empty": b"", "text": b"nothing of use\n", "dh2048": DH_2048.data, "dh1024": DH_1024.data}
    if text in plain:
        return plain[text]
    what, _, phrase = text.partition(" ")
    name, _, part = what.partition(".")
    credential = credential_named(name)
    if part == "crt":
        return credential.certificate.data
    return (encrypted(credential, phrase) if phrase else credential).key.data


def shared_set(**changed: str | None) -> dict[str, bytes]:
    """The files of a server with credential A; ``changed`` as in the table: crt, key, dh, passwd."""
    wanted: Mapping[str, str | None] = {
        "crt": "A.crt",
        "key": "A.key",
        "dh": "dh2048",
        "passwd": None,
    } | changed
    names = {"crt": "server.crt", "key": "server.key", "dh": "dh2048.pem", "passwd": "server.passwd"}
    return {names[part]: content(what) for part, what in wanted.items() if what is not None}


def presented(address: Address) -> str:
    """Which credential a server presents, by its name in the table."""
    found = shake_hands(address, client_speaking())
    for name in CREDENTIALS:
        if found.leaf == ssl.PEM_cert_to_DER_cert(_first(credential_named(name).certificate.data)):
            return name
    return f"a certificate that it was not given ({found.problem or 'handshake done'})"


def _first(pem: bytes) -> str:
    end = b"-----END CERTIFICATE-----"
    return (pem[: pem.index(end) + len(end)]).decode("ascii")


def came_of(result: Started | Refused) -> str:
    """What a start came to, in the words of the table."""
    if isinstance(result, Refused):
        return str(result.exit_code)
    return presented(result.address) if result.tls else "plain"


def decide_start(row: ServerRow, starter: Starter) -> str:
    """Hold a start against its row; whose behaviour it is, where releases differ.

    :raises RuleViolation: when the server is not like its release.
    """
    with starter.start(row.start) as result:
        what = f"start with {row.what}"
        follows = decide(came_of(result), row.outcomes, what, dialect=starter.dialect)
        if isinstance(result, Refused):
            for words in row.says:
                named = row.start.named(words, result.host_name, result.port_name)
                expect_in(named, result.said, f"what a server says that finds {row.what}")
    return follows


def must_start(result: Started | Refused, what: str) -> Started:
    """The server, which has to run."""
    if isinstance(result, Refused):
        violated(what, expected="it starts", seen=f"exit status {result.exit_code}: {result.said[:300]}")
    return result


def must_refuse(result: Started | Refused, what: str) -> Refused:
    """How it ended; it must not run."""
    if isinstance(result, Started):
        violated(what, expected="it ends with an exit status", seen="it runs")
    return result
