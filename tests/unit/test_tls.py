"""TLS for the mocks: the nouns, the authority, and contexts that behave as each release does."""

from __future__ import annotations

import datetime
import os
import ssl
import threading
import warnings
from pathlib import Path

import pytest
from cryptography import x509

from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.tls import (
    Authority,
    Blob,
    Credential,
    CredentialError,
    authority,
    client_context,
    server_context,
    web_context,
)


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "machine1") -> tuple[str, str]:
    """Shake hands in memory: the version and what ALPN chose, as the client sees them."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    failure: ssl.SSLError | None = None
    for _ in range(6):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                # The other side still reads the alert; the client's view of it counts.
                if side is here:
                    raise
                failure = error
    if failure is not None:
        raise failure
    return here.version() or "", here.selected_alpn_protocol() or ""


def offering(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that offers one version of TLS and trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize(
    ("dialect", "version", "outcome"),
    [
        (DIALECT_5_17, ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        (DIALECT_5_17, ssl.TLSVersion.TLSv1_2, "TLSV1_ALERT_PROTOCOL_VERSION"),
        (DIALECT_5_17, ssl.TLSVersion.TLSv1_1, "TLSV1_ALERT_PROTOCOL_VERSION"),
        (DIALECT_5_9, ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
        (DIALECT_5_9, ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (DIALECT_5_9, ssl.TLSVersion.TLSv1_1, "TLSV1_ALERT_INTERNAL_ERROR"),
    ],
    ids=lambda value: value.name if isinstance(value, Dialect | ssl.TLSVersion) else value,
)
def test_versions_of_each_release(dialect: Dialect, version: ssl.TLSVersion, outcome: str) -> None:
    context = server_context(authority().issue("machine1"), dialect)
    try:
        seen, _ = handshake(context, offering(version))
    except ssl.SSLError as error:
        seen = error.reason or ""
    if version is ssl.TLSVersion.TLSv1_1 and seen == "NO_PROTOCOLS_AVAILABLE":
        pytest.skip("not applicable: this OpenSSL cannot offer TLS 1.1")
    assert seen == outcome


def test_a_client_that_trusts_the_authority_is_satisfied_whatever_the_name() -> None:
    context = server_context(authority().issue("machine1"))
    assert handshake(context, client_context(authority().certificate), "elsewhere")[0] == "TLSv1.3"


def test_a_client_that_trusts_another_authority_is_not() -> None:
    context = server_context(authority().issue("machine1"))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(context, client_context(Authority().certificate))


def test_the_leaf_alone_is_no_anchor() -> None:
    credential = authority().issue("machine1")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(credential), client_context(credential.certificate))


def test_dates_are_checked() -> None:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    past = authority().issue_between("machine1", not_before=now - 2 * day, not_after=now - day)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(server_context(past), client_context(authority().certificate))


def test_https_negotiates_http_1_1_and_takes_tls_1_2() -> None:
    context = web_context(authority().issue("machine1"))
    client = offering(ssl.TLSVersion.TLSv1_2)
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert handshake(context, client) == ("TLSv1.2", "http/1.1")


def test_a_name_and_an_address_stand_in_the_certificate() -> None:
    certificate = x509.load_pem_x509_certificate(authority().issue("machine1", "127.9.8.7").certificate.data)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["machine1"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.9.8.7"]


def test_the_authority_and_its_credentials_are_made_once() -> None:
    made: list[tuple[Authority, Credential]] = []
    threads = [
        threading.Thread(target=lambda: made.append((authority(), authority().issue("once", "127.0.0.1"))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one, _ in made}) == 1
    assert len({id(credential) for _, credential in made}) == 1
    assert authority().issue("other") != made[0][1]


def test_no_name_is_refused() -> None:
    with pytest.raises(CredentialError, match="at least one host name"):
        authority().issue()


def test_what_openssl_refuses_is_one_line() -> None:
    good, other = authority().issue("machine1"), authority().issue("machine2")
    with pytest.raises(CredentialError, match=r"^certificate and key cannot be used: KEY_VALUES_MISMATCH$"):
        server_context(Credential(good.certificate, other.key))
    with pytest.raises(CredentialError, match="certificate and key cannot be used"):
        server_context(Credential(Blob(b""), good.key))
    with pytest.raises(CredentialError, match="DH parameters cannot be used"):
        server_context(good, dh=Blob(b"nothing"))
    with pytest.raises(CredentialError, match="no certificate to trust"):
        client_context(Blob(b"nothing"))
    with pytest.raises(CredentialError, match="no certificate to trust"):
        client_context(Blob(b"\xff"))


def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server_context(authority().issue("machine1"))
    with pytest.raises(CredentialError):
        server_context(Credential(Blob(b""), Blob(b"")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="not applicable: no file modes here")
def test_secret_files_are_the_owners_only_even_over_an_open_one(tmp_path: Path) -> None:
    path = tmp_path / "server.key"
    path.write_text("something longer than what replaces it")
    path.chmod(0o644)
    Blob(b"key", secret=True).write_to_path(path)
    assert path.read_bytes() == b"key"
    assert path.stat().st_mode & 0o777 == 0o600
    Blob(b"certificate").write_to_path(str(tmp_path / "server.crt"))
    assert (tmp_path / "server.crt").stat().st_mode & 0o777 == 0o644


def test_secrets_do_not_show_in_the_representation() -> None:
    credential = Credential(Blob(b"c"), Blob(b"ecfleet-secret-key", secret=True), "ecfleet-secret-phrase")
    assert "ecfleet-secret" not in repr(credential)
