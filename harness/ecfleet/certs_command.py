"""``ecfleet certs DIR``: certificates and keys for real ecFlow programs, right ones and wrong ones.

Two directories are written, one with what the server needs and one with what its clients need; each goes to
``$HOME/.ecflowrc/ssl`` of the account in question. All of it is made for trials and tests.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from ecfleet.certificates import (
    DH_1024,
    PASSPHRASE,
    SHARED,
    Blob,
    Credential,
    another_key,
    authority,
    chain,
    encrypted,
    expired,
    not_yet_valid,
    self_signed,
    server_files,
    server_stem,
    write_directory,
)

__all__ = [
    "CertificateSet",
    "CertsError",
    "Kind",
    "Phrase",
    "describe",
    "kind_called",
    "make_set",
    "phrase_called",
    "write_set",
]

_LONGEST_NAME: Final = 64
"""Characters of a common name (X.520)."""


class CertsError(ValueError):
    """A set cannot be made or written as asked; the message is one line."""


class Kind(StrEnum):
    """What the certificate of a set is like."""

    SELF_SIGNED = "self-signed"
    CA_SIGNED = "ca-signed"
    CHAIN = "chain"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_NAME = "wrong-name"
    OTHER_FILE = "other-file"
    LEAF_ONLY = "leaf-only"
    EMPTY = "empty"
    GARBAGE = "garbage"
    ANOTHER_KEY = "another-key"
    SMALL_KEY = "small-key"
    SMALL_PARAMETERS = "small-parameters"
    NO_PARAMETERS = "no-parameters"


class Phrase(StrEnum):
    """Whether the key is encrypted, and what the file with its pass phrase holds."""

    NONE = "none"
    RIGHT = "right"
    WRONG = "wrong"
    MISSING = "missing"
    CRLF = "crlf"


_MEANING: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.SELF_SIGNED: ("self-signed, as documented, with 2048 bits", "works"),
    Kind.CA_SIGNED: ("signed by an authority; clients have the authority's certificate", "works"),
    Kind.CHAIN: ("certificate and authority in one file, on both sides", "works"),
    Kind.EXPIRED: ("self-signed, expired yesterday", "clients: certificate verify failed"),
    Kind.NOT_YET_VALID: ("self-signed, valid from tomorrow on", "clients: certificate verify failed"),
    Kind.WRONG_NAME: ("self-signed for another host", "works: ecFlow's clients compare no names"),
    Kind.OTHER_FILE: ("clients have the certificate of another server", "clients: certificate verify failed"),
    Kind.LEAF_ONLY: (
        "signed by an authority; clients have the server's own certificate",
        "clients: certificate verify failed",
    ),
    Kind.EMPTY: ("the clients' file is empty", "clients: certificate verify failed, after a second attempt"),
    Kind.GARBAGE: (
        "the clients' file holds no certificate",
        "clients: certificate verify failed, after a second attempt",
    ),
    Kind.ANOTHER_KEY: ("the key of another certificate", "server: exit status 1, key values mismatch"),
    Kind.SMALL_KEY: ("a key of 1024 bits, as documented", "server: exit status 1, ee key too small"),
    Kind.SMALL_PARAMETERS: (
        "Diffie-Hellman parameters of 1024 bits",
        "server: exit status 1, dh key too small",
    ),
    Kind.NO_PARAMETERS: ("no Diffie-Hellman parameters", "server: exit status 1, names the missing file"),
}
_PHRASE_MEANING: Final[Mapping[Phrase, str]] = {
    Phrase.WRONG: "server: exit status 1, bad decrypt",
    Phrase.MISSING: "server: exit status 1, bad decrypt (it tries the word 'test')",
    Phrase.CRLF: "server: exit status 1, bad decrypt (the carriage return counts)",
}


@dataclass(frozen=True, slots=True)
class CertificateSet:
    """The files of a server and of its clients, what they are like, and what to expect of them.

    ``host`` and ``port`` are those of a server's own set; ``port`` is None for the shared one.
    """

    kind: Kind
    phrase: Phrase
    host: str
    port: int | None
    server: Mapping[str, Blob]
    client: Mapping[str, Blob]

    @property
    def expected(self) -> str:
        """What real programs do with it, with OpenSSL 3 in its default security level."""
        return _PHRASE_MEANING.get(self.phrase, _MEANING[self.kind][1])


def kind_called(name: str) -> Kind:
    """The kind of this name.

    :raises CertsError: when there is none.
    """
    if name not in list(Kind):
        raise CertsError(f"there is no kind {name!r}; there are {', '.join(Kind)}")
    return Kind(name)


def phrase_called(name: str) -> Phrase:
    """The state of the pass phrase of this name.

    :raises CertsError: when there is none.
    """
    if name not in list(Phrase):
        raise CertsError(f"there is no --passphrase {name!r}; there are {', '.join(Phrase)}")
    return Phrase(name)


def make_set(
    kind: Kind = Kind.SELF_SIGNED,
    *,
    host: str | None = None,
    port: int | None = None,
    phrase: Phrase = Phrase.NONE,
) -> CertificateSet:
    """A set for a server.

    :param host: the machine that it runs on, by the name that gethostname() has there; default this machine.
    :param port: makes a set of that server's own, ``<host>.<port>.*``; default the shared one, ``server.*``.
    :raises CertsError: when a name or port cannot be one, or an encrypted key is asked for where there is
        none of its own.
    """
    host = socket.gethostname() if host is None else host
    if not host or len(host) > _LONGEST_NAME or "/" in host or not host.isprintable() or " " in host:
        raise CertsError(f"{host!r} cannot be a host: give a name of 1 to {_LONGEST_NAME} characters")
    if port is not None and not 0 < port < 65536:
        raise CertsError(f"{port} cannot be a port: give a number from 1 to 65535")
    credential, trusted = _credential(kind, host)
    stem = SHARED if port is None else server_stem(host, port)
    if phrase is not Phrase.NONE:
        if kind is Kind.ANOTHER_KEY:
            raise CertsError("a key that does not fit is not encrypted: give --kind another-key alone")
        credential = encrypted(credential)
    files = server_files(credential, stem)
    if kind is Kind.SMALL_PARAMETERS:
        del files[_parameters(stem)]
        files["dh1024.pem" if port is None else f"{stem}.pem"] = DH_1024
    if kind is Kind.NO_PARAMETERS:
        del files[_parameters(stem)]
    match phrase:
        case Phrase.WRONG:
            files[f"{stem}.passwd"] = Blob(b"ecfleet-secret-of-another-key\n", secret=True)
        case Phrase.CRLF:
            files[f"{stem}.passwd"] = Blob(f"{PASSPHRASE}\r\n".encode(), secret=True)
        case Phrase.MISSING:
            del files[f"{stem}.passwd"]
        case _:
            pass
    return CertificateSet(kind, phrase, host, port, files, {f"{stem}.crt": trusted})


def _parameters(stem: str) -> str:
    return "dh2048.pem" if stem == SHARED else f"{stem}.pem"


def _credential(kind: Kind, host: str) -> tuple[Credential, Blob]:
    """What the server presents, and what its clients' file holds."""
    match kind:
        case Kind.CA_SIGNED:
            return authority().issue(host), authority().certificate
        case Kind.LEAF_ONLY:
            issued = authority().issue(host)
            return issued, issued.certificate
        case Kind.CHAIN:
            credential = chain(host)
        case Kind.EXPIRED:
            credential = expired(host)
        case Kind.NOT_YET_VALID:
            credential = not_yet_valid(host)
        case Kind.WRONG_NAME:
            credential = self_signed("elsewhere.invalid")
        case Kind.OTHER_FILE:
            return self_signed(host), self_signed(host, pair=1).certificate
        case Kind.EMPTY:
            return self_signed(host), Blob(b"")
        case Kind.GARBAGE:
            return self_signed(host), Blob(b"no certificate\n")
        case Kind.ANOTHER_KEY:
            credential = another_key(self_signed(host), pair=1)
        case Kind.SMALL_KEY:
            credential = self_signed(host, bits=1024)
        case _:
            credential = self_signed(host)
    return credential, credential.certificate


def write_set(directory: Path, made: CertificateSet) -> None:
    """Write ``server`` and ``client`` below a directory that is new or empty; all of it or nothing.

    Directories are for the owner only (0700), keys and pass phrases too (0600).

    :raises CertsError: when there is something in it, or it cannot be written.
    """
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise CertsError(f"{directory}: is there and not an empty directory; name a new one")
        parent = directory.absolute().parent
        parent.mkdir(parents=True, exist_ok=True)
        # Made aside and renamed, so that nobody finds half of a set.
        place = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=parent))
    except OSError as problem:
        raise CertsError(f"{directory}: {problem.strerror or problem}") from None
    try:
        write_directory(place / "server", made.server)
        write_directory(place / "client", made.client)
        if directory.exists():
            directory.rmdir()
        os.rename(place, directory)
    except OSError as problem:
        shutil.rmtree(place, ignore_errors=True)
        raise CertsError(f"{directory}: {problem.strerror or problem}") from None


def describe(directory: Path, made: CertificateSet) -> str:
    """What was written, what goes where, how to start both sides, and what to expect."""
    own = made.port is not None
    port = made.port if own else 3141
    switch = f"ECF_SSL={made.host}.{made.port} ECF_PORT={made.port}" if own else "ECF_SSL=1"
    start = f"{switch} ecflow_server" if own else "ecflow_server --ssl        (or with ECF_SSL=1)"
    call = (
        f"{switch} ECF_HOST={made.host} ecflow_client --ping"
        if own
        else (f"ecflow_client --ssl --host={made.host} --port={port} --ping        (or with ECF_SSL=1)")
    )
    lines = [f"{made.kind}: {_MEANING[made.kind][0]}"]
    if made.phrase is not Phrase.NONE:
        lines.append(f"the key is encrypted with {PASSPHRASE!r}; the file with it: {made.phrase}")
    lines += [
        "",
        f"{directory / 'server'}: for the account that runs ecflow_server, on {made.host}",
        *(f"    {name:<24} {_what(name)}" for name in made.server),
        f"  install   {_install(directory / 'server')}",
        f"  start     {start}",
        "",
        f"{directory / 'client'}: for each account that runs ecflow_client, ecflow_ui, a job or Python",
        *(f"    {name:<24} whom to trust" for name in made.client),
        f"  install   {_install(directory / 'client')}",
        f"  call      {call}",
    ]
    if own:
        lines.append(
            "  note      the file is named after host and port as the client dials them; localhost stands for"
            " the client's own machine, and behind a forwarded port it is that port"
        )
    lines += ["", f"expect: {made.expected}"]
    return "\n".join(lines)


def _install(source: Path) -> str:
    return f"mkdir -p -m 700 ~/.ecflowrc/ssl && cp -p {shlex.quote(str(source))}/* ~/.ecflowrc/ssl/"


def _what(name: str) -> str:
    match Path(name).suffix:
        case ".crt":
            return "certificate"
        case ".key":
            return "private key"
        case ".passwd":
            return "pass phrase of the key"
        case _:
            return "Diffie-Hellman parameters"
