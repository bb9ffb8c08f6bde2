"""Chains of certificates: a root, any number of intermediate authorities, and a leaf for a server.

P-256 keys, so that a chain is made in a few milliseconds; once per process and length.
"""

from __future__ import annotations

import datetime
import functools
import threading
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ecfleet_mocks.tls import Blob, Credential, CredentialError

__all__ = ["Chain", "chain_of", "elliptic"]

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chain:
    """A root, the authorities below it in order, and what the last of them has issued (the leaf alone)."""

    root: Blob
    intermediates: tuple[Blob, ...]
    leaf: Credential

    @property
    def whole(self) -> Credential:
        """The leaf's credential with all other certificates after the leaf's, as a server may send them."""
        others = b"".join(blob.data for blob in (*reversed(self.intermediates), self.root))
        return Credential(Blob(self.leaf.certificate.data + others), self.leaf.key)


_making = threading.Lock()


def chain_of(intermediates: int, host: str = "localhost") -> Chain:
    """A chain with so many authorities between root and leaf; the same one for the same arguments.

    :param host: the common name of the leaf, of at most 30 characters.
    :raises CredentialError: for a number below 0.
    """
    if intermediates < 0:
        raise CredentialError(f"a chain has 0 or more intermediate authorities, and not {intermediates}")
    with _making:
        return _chain_of(intermediates, host)


def elliptic(host: str = "localhost", *, pair: int = 0) -> Credential:
    """Self-signed with a P-256 key and X.509 version 3: what few set-ups have, but made at once.

    :param pair: number of the key pair; another number, another pair.
    """
    with _making:
        return _elliptic(host, pair)


@functools.cache
def _elliptic(host: str, pair: int) -> Credential:
    key = _key()
    return Credential(_certificate(host, key, host, key, authority=None), _private(key))


@functools.cache
def _chain_of(intermediates: int, host: str) -> Chain:
    # No two chains have names in common: the name is how an issuer is looked for.
    which = f"for {host}, {intermediates} between"
    signer, signer_name = _key(), f"root {which}"
    root = _certificate(signer_name, signer, signer_name, signer, authority=True)
    between: list[Blob] = []
    for number in range(intermediates):
        key, name = _key(), f"intermediate {number + 1} {which}"
        between.append(_certificate(name, key, signer_name, signer, authority=True))
        signer, signer_name = key, name
    key = _key()
    leaf = Credential(_certificate(host, key, signer_name, signer, authority=False), _private(key))
    return Chain(root, tuple(between), leaf)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _private(key: ec.EllipticCurvePrivateKey) -> Blob:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return Blob(key.private_bytes(encoding, form, serialization.NoEncryption()), secret=True)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool | None,
) -> Blob:
    """``authority`` None leaves the extension out, as in a certificate that is its own anchor."""
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 3650 * _DAY)
    )
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    return Blob(builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
