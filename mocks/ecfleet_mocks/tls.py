"""TLS for the mocks: the nouns for certificate material, an authority made once per process, contexts.

Three nouns.  A :class:`Blob` is the content of a file.  A :class:`Credential` is what a server needs to be
somebody: certificate, key, perhaps a passphrase.  An :class:`Authority` issues credentials to any name at
once.  What an authority would never issue (expired, self-signed as ecFlow's OpenSSL set-up tells, for another
name) is made in ``ecfleet.certificates`` out of the same nouns.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import ssl
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from ecfleet_mocks.model.dialect import DIALECT_5_17, Dialect

__all__ = [
    "Authority",
    "Blob",
    "Credential",
    "CredentialError",
    "authority",
    "client_context",
    "server_context",
    "web_context",
]


class CredentialError(ValueError):
    """A certificate, key or passphrase cannot be used; one clear line that names the part."""


@dataclass(frozen=True, slots=True)
class Blob:
    """The content of a generated file.

    :param data: all of it.
    :param secret: whether only the owner may read the file (mode 0600 rather than 0644).
    """

    data: bytes = field(repr=False)
    secret: bool = False

    def write_to_path(self, path: str | os.PathLike[str]) -> None:
        """Write the file, replacing what is there; others can at no moment read a secret one.

        :raises OSError: as for any file.
        """
        mode = 0o600 if self.secret else 0o644
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(descriptor, "wb") as file:
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, mode)
            file.write(self.data)


@dataclass(frozen=True, slots=True)
class Credential:
    """What a TLS server presents.

    :param certificate: PEM; the leaf, followed by the rest of the chain if there is one.
    :param key: PEM, the private key of the leaf.
    :param passphrase: what decrypts ``key``; None when it is not encrypted.
    """

    certificate: Blob
    key: Blob
    passphrase: str | None = field(default=None, repr=False)


class Authority:
    """A certificate authority for tests.  It issues a credential once per set of names and reuses it."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="ecfleet", organization_unit_name="mock fleet")
        self._lock = threading.Lock()
        self._issued: dict[tuple[str, ...], Credential] = {}

    @property
    def certificate(self) -> Blob:
        """The authority's own certificate, PEM: what a client has to trust."""
        return Blob(self._ca.cert_pem.bytes())

    def issue(self, *names: str) -> Credential:
        """A credential for these host names and addresses, valid now; the same one for the same names.

        :raises CredentialError: without any name.
        """
        if not names:
            raise CredentialError("a certificate needs at least one host name or address")
        with self._lock:
            if names not in self._issued:
                self._issued[names] = self._issue(names)
            return self._issued[names]

    def issue_between(
        self, *names: str, not_before: datetime.datetime, not_after: datetime.datetime
    ) -> Credential:
        """A new credential for these names, valid between two moments (aware, or naive in UTC)."""
        with self._lock:
            return self._issue(names, not_before, not_after)

    def _issue(
        self,
        names: tuple[str, ...],
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
    ) -> Credential:
        leaf = self._ca.issue_cert(*names, common_name=names[0], not_before=not_before, not_after=not_after)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        return Credential(Blob(chain), Blob(leaf.private_key_pem.bytes(), secret=True))


@functools.cache
def _authority() -> Authority:
    return Authority()


_making = threading.Lock()


def authority() -> Authority:
    """The authority of this process, made at the first call."""
    with _making:
        return _authority()


@contextlib.contextmanager
def _as_files(credential: Credential) -> Iterator[tuple[Path, Path]]:
    """The ssl module reads certificates from files only; these last for one call."""
    with tempfile.TemporaryDirectory(prefix="ecfleet-tls-") as directory:
        certificate, key = Path(directory, "crt"), Path(directory, "key")
        credential.certificate.write_to_path(certificate)
        credential.key.write_to_path(key)
        yield certificate, key


def _context(credential: Credential) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # An empty passphrase rather than None: OpenSSL would ask on the terminal.
    passphrase = credential.passphrase or ""
    with _as_files(credential) as (certificate, key):
        try:
            context.load_cert_chain(certificate, key, lambda: passphrase)
        except (ssl.SSLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or str(error)
            raise CredentialError(f"certificate and key cannot be used: {reason}") from None
    return context


def server_context(
    credential: Credential, dialect: Dialect = DIALECT_5_17, *, dh: Blob | None = None
) -> ssl.SSLContext:
    """A context for the TLS side of ecFlow's TCP protocol, with the protocol versions of a release.

    5.17: TLS 1.3 only; what offers less gets alert 70, protocol version.  5.9: whatever OpenSSL's defaults
    let through; with OpenSSL 3 these are TLS 1.2 and 1.3, and an older offer fails on the signature
    algorithms with alert 80, internal error.  Seen on 5.9.2 and 5.17.0.  No client certificate is asked for
    and no ALPN is spoken.

    :param dh: PEM parameters for finite-field key exchange, which a TLS 1.2 client may ask for.
    :raises CredentialError: when OpenSSL refuses certificate, key, passphrase or parameters.
    """
    context = _context(credential)
    if dialect.tls_1_2:
        context.set_ciphers("DEFAULT")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if dh is not None:
        with tempfile.TemporaryDirectory(prefix="ecfleet-tls-") as directory:
            path = Path(directory, "pem")
            dh.write_to_path(path)
            try:
                context.load_dh_params(str(path))
            except (ssl.SSLError, OSError) as error:
                reason = getattr(error, "reason", None) or str(error)
                raise CredentialError(f"DH parameters cannot be used: {reason}") from None
    return context


def web_context(credential: Credential) -> ssl.SSLContext:
    """A context for HTTPS: TLS 1.2 and later, HTTP/1.1 when the client negotiates.

    :raises CredentialError: as :func:`server_context`.
    """
    context = _context(credential)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def client_context(*anchors: Blob) -> ssl.SSLContext:
    """A context that checks servers as ecFlow's clients do (seen on 5.9.2 and 5.17.0).

    The chain has to end in one of the anchors, and dates are checked; the host name is not.

    :param anchors: PEM; each may hold several certificates.
    :raises CredentialError: when one holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for anchor in anchors:
        try:
            context.load_verify_locations(cadata=anchor.data.decode("ascii"))
        except (ssl.SSLError, ValueError) as error:
            reason = getattr(error, "reason", None) or str(error)
            raise CredentialError(f"no certificate to trust: {reason}") from None
    return context
