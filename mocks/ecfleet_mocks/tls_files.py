"""How an ecFlow server starts TLS from files: which it wants, what it loads, and how it ends without them.

Which files are looked for is ``model.certificates``; this loads them with OpenSSL, as a real server does at
its start and never again.  Exit statuses and what is said were seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

from ecfleet_mocks.model.certificates import Problem, ServerFiles, TlsSettings
from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.service import ServiceError

__all__ = ["DEFAULT_PASSPHRASE", "ServerRefuses", "load_files", "read_passphrase", "refuse"]

ABORTED: Final = 134
"""Exit status, as shells have it, of a program that SIGABRT has ended: an exception that nobody caught."""

DEFAULT_PASSPHRASE: Final = b"test"
"""What a server tries where there is no password file (seen on 5.9.2 and 5.17.0; not documented)."""


class ServerRefuses(ServiceError):
    """A server does not start with the files that it finds; ``exit_code`` is that of the real program."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def refuse(files: ServerFiles, settings: TlsSettings, dialect: Dialect) -> None:
    """Tell what is missing.

    :raises ServerRefuses: when there is a problem; without a certificate a real server is aborted, except
        that 5.9.2 ends with 1 when ECF_SSL asked for TLS.
    """
    problem = files.problem
    if problem is None:
        return
    code = 1
    if problem.problem is Problem.NO_CERTIFICATE:
        code = ABORTED if settings.ecf_ssl is None else dialect.certificate_missing_exit
    raise ServerRefuses(problem.text, code)


def read_passphrase(path: Path | None) -> bytes:
    """The pass phrase in a file: all of it, but for one line feed at its end; ``test`` without a file.

    A second line feed and a carriage return stay in it (seen on 5.9.2 and 5.17.0).
    """
    if path is None:
        return DEFAULT_PASSPHRASE
    return path.read_bytes().removesuffix(b"\n")


def load_files(files: ServerFiles, passphrase: bytes, dialect: Dialect) -> ssl.SSLContext:
    """A server-side context with these files, of which OpenSSL has checked that they go together.

    :raises ServerRefuses: with OpenSSL's reason.
    """
    directory = files.certificate.directory
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if dialect.tls_1_2:
        context.set_ciphers("DEFAULT")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    # OpenSSL takes no more than this much for a pass phrase, and says so by an exception of its own.
    phrase = passphrase[:1024]
    try:
        context.load_dh_params(f"{directory}{files.dh_parameters}")
    except (ssl.SSLError, OSError) as problem:
        raise _unusable("use_tmp_dh_file", problem) from None
    try:
        context.load_cert_chain(
            f"{directory}{files.certificate.used}", f"{directory}{files.key}", lambda: phrase
        )
    except (ssl.SSLError, OSError, ValueError) as problem:
        raise _unusable("use_certificate_chain_file, use_private_key_file", problem) from None
    return context


def _unusable(step: str, problem: Exception) -> ServerRefuses:
    said = getattr(problem, "reason", None) or getattr(problem, "strerror", None) or str(problem)
    reason = said.replace("_", " ").lower() if said.isupper() else said
    if isinstance(problem, OSError) and problem.errno and not isinstance(problem, ssl.SSLError):
        reason = os.strerror(problem.errno)
    return ServerRefuses(f"Exception in ServerMain:: {step}: {reason}", 1)
