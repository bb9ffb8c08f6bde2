"""Certificate material as ecFlow's OpenSSL set-up asks for it, and every way in which it goes wrong.

Each function returns a :class:`Credential` or the files of a directory as ``{name: Blob}``; nothing is
written until :func:`write_directory` is called.  Keys and certificates are made once per process and reused,
so two calls with the same arguments give the same credential.  For certificates signed by an authority see
:func:`authority`.
"""

from __future__ import annotations

import base64
import datetime
import functools
import os
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from ecfleet.certificates_chain import Chain, chain_of, elliptic
from ecfleet_mocks.tls import Authority, Blob, Credential, CredentialError, authority

__all__ = [
    "DH_1024",
    "DH_2048",
    "PASSPHRASE",
    "SHARED",
    "Authority",
    "Blob",
    "CertificateKind",
    "Chain",
    "Credential",
    "CredentialError",
    "another_key",
    "authority",
    "chain",
    "chain_of",
    "client_files",
    "elliptic",
    "encrypted",
    "expired",
    "make",
    "not_yet_valid",
    "self_signed",
    "server_files",
    "server_stem",
    "write_directory",
]

P = ParamSpec("P")
T = TypeVar("T")

PASSPHRASE = "ecfleet-secret-passphrase"
"""The passphrase of encrypted keys unless another is given."""

SHARED = "server"
"""The stem of the file set that all servers of a machine share (OpenSSL set-up, file lists)."""

_DAY = datetime.timedelta(days=1)

# RFC 7919, appendix A.1: ffdhe2048.
_FFDHE2048 = int(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF9"
    "7D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935"
    "984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FB"
    "B96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F61"
    "9172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA"
    "886B423861285C97FFFFFFFFFFFFFFFF",
    16,
)
# RFC 2409, section 6.2: the second Oakley group.
_OAKLEY1024 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def _pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _parameters(prime: int) -> Blob:
    """Group of this prime and generator 2, as ``openssl dhparam`` writes it.

    Not by way of cryptography, which adds the subgroup order of a known group, in another format.
    """
    octets = prime.to_bytes(prime.bit_length() // 8 + 1, "big")
    return Blob(_pem("DH PARAMETERS", _der(0x30, _der(0x02, octets) + _der(0x02, b"\x02"))))


DH_2048 = _parameters(_FFDHE2048)
"""``dh2048.pem``: the 2048-bit group of RFC 7919, which every OpenSSL takes; nobody waits for its making."""

DH_1024 = _parameters(_OAKLEY1024)
"""``dh1024.pem`` with 1024 bits, which today's OpenSSL refuses (seen on 5.9.2 and 5.17.0)."""


class CertificateKind(StrEnum):
    """The credentials that a server of a fleet can be told to present."""

    SHARED = "shared"
    """Self-signed; all servers of the fleet present the same one."""
    SEPARATE = "separate"
    """Self-signed, with a key pair of the server's own."""
    AUTHORITY = "authority"
    """Signed by the authority of this process."""
    CHAIN = "chain"
    """As ``authority``, and the file that is sent holds the authority's certificate too."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_NAME = "wrong-name"
    """Self-signed for another host."""


_making = threading.RLock()
_made: dict[tuple[object, ...], Any] = {}


def _once(make: Callable[P, T]) -> Callable[P, T]:
    """As functools.cache, but two threads that ask at once get the same key too."""

    @functools.wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> T:
        asked = (make, args, tuple(kwargs.items()))
        with _making:
            if asked not in _made:
                _made[asked] = make(*args, **kwargs)
            return cast(T, _made[asked])

    return made


@_once
def _key(bits: int, pair: int) -> rsa.RSAPrivateKey:
    """The key pair of this number; there is one of each size and number in a process."""
    return rsa.generate_private_key(65537, bits)


_SHA256_WITH_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")
_VERSION_3 = bytes.fromhex("a003020102")


def _as_version_1(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    """The same certificate in X.509 version 1, DER.

    ``openssl x509 -req -signkey`` writes that version, and cryptography writes none but the third.
    """
    signed = certificate.tbs_certificate_bytes
    content = signed[signed.index(_VERSION_3) + len(_VERSION_3) :]
    signed = _der(0x30, content)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return _der(0x30, signed + _SHA256_WITH_RSA + _der(0x03, b"\0" + signature))


def _key_pem(key: rsa.RSAPrivateKey, passphrase: str | None = None) -> Blob:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return Blob(key.private_bytes(encoding, form, encryption), secret=True)


@_once
def _self_signed(host: str, bits: int, pair: int, begins: int, ends: int) -> Credential:
    """``begins`` and ``ends`` in days from now."""
    key = _key(bits, pair)
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * _DAY)
        .not_valid_after(now + ends * _DAY)
        .sign(key, hashes.SHA256())
    )
    return Credential(Blob(_pem("CERTIFICATE", _as_version_1(certificate, key))), _key_pem(key))


def self_signed(host: str = "localhost", *, bits: int = 2048, pair: int = 0) -> Credential:
    """What the steps of ecFlow's OpenSSL set-up make: RSA, X.509 version 1, no extensions, ten years.

    :param host: the common name (1 to 64 characters); ecFlow's clients do not look at it.
    :param bits: of the RSA key.  The set-up says 1024, which today's OpenSSL refuses; the default works.
    :param pair: number of the key pair; another number, another pair.
    """
    return _self_signed(host, bits, pair, -1, 3650)


def expired(host: str = "localhost", *, pair: int = 0) -> Credential:
    """Self-signed, and no longer valid since yesterday."""
    return _self_signed(host, 2048, pair, -365, -1)


def not_yet_valid(host: str = "localhost", *, pair: int = 0) -> Credential:
    """Self-signed, and valid from tomorrow on."""
    return _self_signed(host, 2048, pair, 1, 365)


def chain(*names: str) -> Credential:
    """Issued by the authority, with the authority's certificate at the end of the same file."""
    issued = authority().issue(*names)
    return Credential(Blob(issued.certificate.data + authority().certificate.data), issued.key)


def another_key(credential: Credential, *, pair: int = 99) -> Credential:
    """The same certificate with a key that does not belong to it; no server starts with that."""
    return Credential(credential.certificate, _key_pem(_key(2048, pair)))


@_once
def encrypted(credential: Credential, passphrase: str = PASSPHRASE) -> Credential:
    """The same credential with its key encrypted by ``passphrase``.

    :raises CredentialError: when the key is encrypted already, or is no PEM key.
    """
    try:
        key = serialization.load_pem_private_key(credential.key.data, None)
    except (ValueError, TypeError):
        raise CredentialError("the key is no unencrypted PEM key, so it cannot be encrypted") from None
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return Credential(
        credential.certificate, Blob(key.private_bytes(encoding, form, encryption), secret=True), passphrase
    )


def make(kind: CertificateKind, *names: str, pair: int = 1) -> Credential:
    """A credential of this kind for a server that has these names and addresses.

    :param pair: number of the key pair for :attr:`CertificateKind.SEPARATE`; 0 is the shared one's.
    :raises CredentialError: without any name.
    """
    if not names:
        raise CredentialError("a certificate needs at least one host name or address")
    match kind:
        case CertificateKind.SHARED:
            return self_signed()
        case CertificateKind.SEPARATE:
            return self_signed(names[0], pair=pair)
        case CertificateKind.AUTHORITY:
            return authority().issue(*names)
        case CertificateKind.CHAIN:
            return chain(*names)
        case CertificateKind.EXPIRED:
            return expired(names[0])
        case CertificateKind.NOT_YET_VALID:
            return not_yet_valid(names[0])
        case CertificateKind.WRONG_NAME:
            return self_signed("elsewhere.invalid")


def server_stem(host: str, port: int) -> str:
    """The stem of a server's own file set, ``<host>.<port>`` (OpenSSL set-up, file lists)."""
    return f"{host}.{port}"


def server_files(
    credential: Credential, stem: str = SHARED, *, parameters: Blob | None = DH_2048
) -> dict[str, Blob]:
    """The files that an ecFlow server needs: certificate, key, DH parameters, passphrase if there is one.

    :param stem: :data:`SHARED`, or :func:`server_stem` for a set of the server's own.
    :param parameters: None leaves the file of DH parameters out.
    """
    files = {f"{stem}.crt": credential.certificate, f"{stem}.key": credential.key}
    if parameters is not None:
        files["dh2048.pem" if stem == SHARED else f"{stem}.pem"] = parameters
    if credential.passphrase is not None:
        files[f"{stem}.passwd"] = Blob(f"{credential.passphrase}\n".encode(), secret=True)
    return files


def client_files(trusted: Credential | Blob, stem: str = SHARED) -> dict[str, Blob]:
    """The one file that a client needs: the certificates that it trusts."""
    return {f"{stem}.crt": trusted.certificate if isinstance(trusted, Credential) else trusted}


def write_directory(directory: str | os.PathLike[str], files: Mapping[str, Blob]) -> Path:
    """Write the files into a directory, which is made, for the owner only, when it is not there.

    :raises OSError: as for any file.
    """
    path = Path(directory)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, blob in files.items():
        blob.write_to_path(path / name)
    return path
