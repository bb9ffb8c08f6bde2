"""TLS just so: contexts that speak one version, and what a server does in a handshake."""

from __future__ import annotations

import socket
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecfleet.certificates import Blob, Credential, write_directory
from ecfleet.services import Address

__all__ = [
    "PATIENCE",
    "VERSIONS",
    "Handshake",
    "client_speaking",
    "presenting",
    "shake_hands",
    "speaking_only",
]

PATIENCE: Final = 10.0
"""Seconds that a server has for a handshake."""

VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def _only(context: ssl.SSLContext, version: str) -> ssl.SSLContext:
    with warnings.catch_warnings():
        # The old versions are deprecated, which is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        if version in ("TLSv1", "TLSv1.1"):
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def presenting(credential: Credential) -> ssl.SSLContext:
    """A server-side context with this credential, all else by default."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="ecfleet-suites-") as place:
        write_directory(place, {"crt": credential.certificate, "key": credential.key})
        context.load_cert_chain(Path(place, "crt"), Path(place, "key"))
    return context


def speaking_only(credential: Credential, version: str) -> ssl.SSLContext:
    """A server-side context that speaks this version and no other."""
    return _only(presenting(credential), version)


def client_speaking(version: str | None = None, *trusted: Blob) -> ssl.SSLContext:
    """A client-side context that speaks this version only, and verifies when there is something to trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if not trusted:
        context.verify_mode = ssl.CERT_NONE
    # Python 3.13 has both of these on in its own defaults; ecFlow's clients have neither.
    context.verify_flags &= ~(ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags.VERIFY_X509_STRICT)
    for blob in trusted:
        context.load_verify_locations(cadata=blob.data.decode("ascii"))
    return _only(context, version) if version is not None else context


@dataclass(frozen=True, slots=True)
class Handshake:
    """What came of a handshake: the version agreed upon and the leaf that was presented, or why not."""

    version: str = ""
    leaf: bytes = b""
    alpn: str | None = None
    problem: str = ""


def shake_hands(address: Address, context: ssl.SSLContext) -> Handshake:
    """One handshake with a server; ``problem`` is OpenSSL's reason when there was none."""
    try:
        with _connected(address) as sock, context.wrap_socket(sock) as secure:
            return Handshake(
                version=secure.version() or "",
                leaf=secure.getpeercert(binary_form=True) or b"",
                alpn=secure.selected_alpn_protocol(),
            )
    except ssl.SSLError as error:
        return Handshake(problem=(error.reason or str(error)).replace("_", " ").lower())
    except OSError as error:
        return Handshake(problem=error.strerror or str(error) or type(error).__name__)


@contextmanager
def _connected(address: Address) -> Iterator[socket.socket]:
    with socket.create_connection(address, PATIENCE) as sock:
        yield sock
