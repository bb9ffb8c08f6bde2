"""Certificate material: what the OpenSSL set-up of ecFlow describes, and each way in which it goes wrong."""

from __future__ import annotations

import datetime
import os
import shutil
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dh, rsa

from ecfleet.certificates import (
    DH_1024,
    DH_2048,
    PASSPHRASE,
    Blob,
    CertificateKind,
    Credential,
    CredentialError,
    another_key,
    authority,
    client_files,
    encrypted,
    expired,
    make,
    not_yet_valid,
    self_signed,
    server_files,
    server_stem,
    write_directory,
)
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.tls import client_context, server_context


def read(credential: Credential) -> x509.Certificate:
    return x509.load_pem_x509_certificate(credential.certificate.data)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_self_signed_is_what_the_recipe_makes() -> None:
    certificate = read(self_signed("machine1"))
    assert certificate.version is x509.Version.v1
    assert certificate.subject.rfc4514_string() == certificate.issuer.rfc4514_string() == "CN=machine1"
    assert len(certificate.extensions) == 0
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    certificate.verify_directly_issued_by(certificate)
    years = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days / 365
    assert 9.9 < years < 10.1


def test_the_certificate_is_well_formed_for_openssl_too(tmp_path: Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("not run: needs openssl; apt install openssl")
    path = tmp_path / "server.crt"
    self_signed("machine1").certificate.write_to_path(path)
    command = [program, "x509", "-in", str(path), "-noout", "-text"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Version: 1 (0x0)" in text
    verify = [program, "verify", "-CAfile", str(path), str(path)]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("credential", "reason"),
    [(expired("machine1"), "certificate has expired"), (not_yet_valid("machine1"), "not yet valid")],
    ids=["expired", "not yet valid"],
)
def test_wrong_dates_are_refused_although_the_client_has_the_same_file(
    credential: Credential, reason: str
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        handshake(server_context(credential), client_context(credential.certificate))


@pytest.mark.parametrize(
    "kind", [kind for kind in CertificateKind if "valid" not in kind and kind != "expired"]
)
def test_the_other_kinds_satisfy_a_client_that_has_the_right_file(kind: CertificateKind) -> None:
    credential = make(kind, "machine1", "127.0.0.1")
    issued = kind in (CertificateKind.AUTHORITY, CertificateKind.CHAIN)
    anchor = authority().certificate if issued else credential.certificate
    handshake(server_context(credential), client_context(anchor))


def test_a_chain_is_its_own_anchor_and_a_leaf_is_not() -> None:
    whole = make(CertificateKind.CHAIN, "machine1")
    handshake(server_context(whole), client_context(whole.certificate))
    leaf = make(CertificateKind.AUTHORITY, "machine1")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(leaf), client_context(leaf.certificate))


def test_kinds_of_wrong_dates_are_that() -> None:
    now = datetime.datetime.now(datetime.UTC)
    assert read(make(CertificateKind.EXPIRED, "machine1")).not_valid_after_utc < now
    assert read(make(CertificateKind.NOT_YET_VALID, "machine1")).not_valid_before_utc > now
    assert "machine1" not in read(make(CertificateKind.WRONG_NAME, "machine1")).subject.rfc4514_string()


def test_shared_is_one_for_all_and_separate_is_not() -> None:
    assert make(CertificateKind.SHARED, "machine1") is make(CertificateKind.SHARED, "machine2")
    first = make(CertificateKind.SEPARATE, "machine1", pair=1)
    second = make(CertificateKind.SEPARATE, "machine1", pair=2)
    assert len({credential.key for credential in (first, second, self_signed())}) == 3
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(first), client_context(second.certificate))


def test_material_is_made_once_also_when_two_threads_ask() -> None:
    made: list[Credential] = []
    threads = [
        threading.Thread(target=lambda: made.append(self_signed("once", bits=1024, pair=41)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(credential) for credential in made}) == 1


def test_an_encrypted_key_opens_with_its_passphrase_only() -> None:
    credential = encrypted(self_signed())
    assert b"ENCRYPTED" in credential.key.data
    handshake(server_context(credential), client_context(self_signed().certificate))
    for wrong in (None, "ecfleet-secret-other"):
        with pytest.raises(CredentialError):
            server_context(Credential(credential.certificate, credential.key, wrong))
    with pytest.raises(CredentialError, match="no unencrypted PEM key"):
        encrypted(credential, "ecfleet-secret-twice")


def test_a_key_of_another_certificate_is_refused() -> None:
    with pytest.raises(CredentialError, match="KEY_VALUES_MISMATCH"):
        server_context(another_key(self_signed()))


def test_1024_bits_are_refused_as_a_real_server_refuses_them() -> None:
    with pytest.raises(CredentialError, match="EE_KEY_TOO_SMALL"):
        server_context(self_signed(bits=1024))


def scaled_e(bits: int) -> int:
    """The integer part of e times two to the power of ``bits``."""
    guard = 64
    term = total = 1 << (bits + guard)
    number = 1
    while term:
        term //= number
        total += term
        number += 1
    return total >> guard


def scaled_pi(bits: int) -> int:
    """The integer part of pi times two to the power of ``bits``, by Machin's formula."""
    guard = 64
    one = 1 << (bits + guard)

    def inverse_tangent(of: int) -> int:
        term, total, number, sign = one // of, 0, 1, 1
        while term:
            total += sign * (term // number)
            term //= of * of
            number += 2
            sign = -sign
        return total

    return (16 * inverse_tangent(5) - 4 * inverse_tangent(239)) >> guard


@pytest.mark.parametrize(
    ("blob", "prime"),
    [
        # RFC 7919, appendix A.1, and RFC 2409, section 6.2, give these formulas.
        (DH_2048, 2**2048 - 2**1984 + (scaled_e(1918) + 560316) * 2**64 - 1),
        (DH_1024, 2**1024 - 2**960 - 1 + 2**64 * (scaled_pi(894) + 129093)),
    ],
    ids=["2048", "1024"],
)
def test_dh_parameters_are_the_standard_groups(blob: Blob, prime: int) -> None:
    parameters = serialization.load_pem_parameters(blob.data)
    assert isinstance(parameters, dh.DHParameters)
    assert parameters.parameter_numbers().p == prime
    assert parameters.parameter_numbers().g == 2
    assert blob.data.startswith(b"-----BEGIN DH PARAMETERS-----")


def test_dh_parameters_of_2048_bits_serve_a_tls_1_2_client() -> None:
    context = server_context(self_signed(), DIALECT_5_9, dh=DH_2048)
    client = client_context(self_signed().certificate)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("DHE-RSA-AES256-GCM-SHA384")
    handshake(context, client)


def test_dh_parameters_of_1024_bits_are_refused() -> None:
    with pytest.raises(CredentialError, match="DH_KEY_TOO_SMALL"):
        server_context(self_signed(), DIALECT_5_9, dh=DH_1024)


def test_file_names_of_both_sets() -> None:
    plain, locked = self_signed(), encrypted(self_signed())
    assert list(server_files(plain)) == ["server.crt", "server.key", "dh2048.pem"]
    assert list(server_files(locked, server_stem("machine1", 3141))) == [
        "machine1.3141.crt",
        "machine1.3141.key",
        "machine1.3141.pem",
        "machine1.3141.passwd",
    ]
    assert "dh2048.pem" not in server_files(plain, parameters=None)
    assert client_files(plain) == {"server.crt": plain.certificate}
    assert client_files(authority().certificate, "machine1.3141") == {
        "machine1.3141.crt": authority().certificate
    }


def test_a_directory_is_written_with_modes_that_keep_secrets(tmp_path: Path) -> None:
    directory = write_directory(tmp_path / "home" / "ssl", server_files(encrypted(self_signed())))
    assert (directory / "server.passwd").read_text() == PASSPHRASE + "\n"
    if os.name == "posix":
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in directory.iterdir()}
        assert modes == {
            "server.crt": "0o644",
            "server.key": "0o600",
            "dh2048.pem": "0o644",
            "server.passwd": "0o600",
        }
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_certificate_without_a_name_is_refused() -> None:
    with pytest.raises(CredentialError, match="at least one host name"):
        make(CertificateKind.AUTHORITY)
