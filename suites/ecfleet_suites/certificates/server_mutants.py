"""Mock servers that break one rule of their files each."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from dataclasses import replace
from pathlib import Path

from ecfleet import Mutant
from ecfleet.certificates import DH_2048, elliptic, write_directory
from ecfleet.models import certificates
from ecfleet.services import EcflowServer, ServerRefuses, TlsFailed

__all__ = ["SERVER_MUTANTS"]

FileSet = certificates.FileSet
Problem = certificates.Problem
ServerFiles = certificates.ServerFiles
TlsSettings = certificates.TlsSettings


class TlsByFiles(EcflowServer):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        if settings.ecf_ssl is None and not settings.ssl_option:
            found = super().select_files(replace(settings, ssl_option=True))
            return found if found.problem is None else super().select_files(settings)
        return super().select_files(settings)


class EmptyMeansUnset(EcflowServer):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        return super().select_files(replace(settings, ecf_ssl=settings.ecf_ssl or None))


class _Hidden(EcflowServer):
    """The directory as it looks without some of its files."""

    def without(self, settings: TlsSettings, *names: str) -> ServerFiles:
        hidden = Path(f"{settings.home}/.ecflowrc/ssl/")
        present = {path.name for path in hidden.iterdir()} - set(names)
        return certificates.select_server_files(
            self.dialect, settings, lambda path: Path(path).name in present and Path(path).parent == hidden
        )


class OwnSetFirst(_Hidden):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        if settings.ecf_ssl == "1":
            found = self.without(settings, "server.crt")
            return found if found.certificate.used else super().select_files(settings)
        return super().select_files(settings)


class SharedStandsIn(EcflowServer):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        found = super().select_files(settings)
        if settings.ecf_ssl not in (None, "", "1") and settings.ecf_port is not None and found.problem:
            return super().select_files(replace(settings, ecf_ssl="1"))
        return found


class IgnoresPortOption(EcflowServer):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        if settings.ecf_ssl is not None:
            settings = replace(settings, port_option=None)
        return super().select_files(settings)


class OtherSwitchWins(EcflowServer):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        if settings.ssl_option and settings.ecf_ssl is not None:
            option = settings if self.dialect.ssl_option_wins else replace(settings, ecf_ssl=None)
            value = replace(settings, ssl_option=False)
            return super().select_files(value if self.dialect.ssl_option_wins else option)
        return super().select_files(settings)


class GoesOnInClear(EcflowServer):
    def tls_from_files(self, settings: TlsSettings) -> ssl.SSLContext | None:
        names = {path.name for path in _present(settings)}
        if "server.key" in names and not any(name.endswith(".crt") for name in names):
            return None
        return super().tls_from_files(settings)


def _present(settings: TlsSettings) -> list[Path]:
    return list(Path(f"{settings.home}/.ecflowrc/ssl").iterdir())


class MakesUpKey(EcflowServer):
    def tls_from_files(self, settings: TlsSettings) -> ssl.SSLContext | None:
        try:
            return super().tls_from_files(settings)
        except ServerRefuses as problem:
            files = self.select_files(settings)
            if files.problem is not None and files.problem.problem is Problem.NO_KEY:
                return _own_context()
            raise problem


def _own_context() -> ssl.SSLContext:
    made = elliptic("made up", pair=9)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="ecfleet-mutant-") as place:
        write_directory(place, {"crt": made.certificate, "key": made.key})
        context.load_cert_chain(Path(place, "crt"), Path(place, "key"))
    return context


class NeedsNoParameters(EcflowServer):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        found = super().select_files(settings)
        if found.problem is not None and found.problem.problem is Problem.NO_DH:
            names = {path.name for path in _present(settings)}
            if not any(name.endswith(".pem") for name in names):
                made = Path(found.certificate.directory, "made.pem")
                DH_2048.write_to_path(made)
                return replace(found, dh_parameters=made.name, problem=None)
        return found


class OldParametersFirst(EcflowServer):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        found = super().select_files(settings)
        old = Path(found.certificate.directory, "dh1024.pem")
        if found.dh_parameters == "dh2048.pem" and old.exists():
            return replace(found, dh_parameters=old.name)
        return found


class MixesSets(EcflowServer):
    def select_files(self, settings: TlsSettings) -> ServerFiles:
        found = super().select_files(settings)
        others = [path.name for path in _present(settings) if path.name.endswith(".pem")]
        if found.problem is not None and found.problem.problem is Problem.NO_DH and others:
            return replace(found, dh_parameters=others[0], problem=None)
        return found


class TakesSmallParameters(EcflowServer):
    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        try:
            return super().load_files(files, passphrase)
        except ServerRefuses as problem:
            if "dh key too small" not in str(problem):
                raise
            good = Path(files.certificate.directory, "made.pem")
            DH_2048.write_to_path(good)
            return super().load_files(replace(files, dh_parameters=good.name), passphrase)


class TakesSmallKeys(EcflowServer):
    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        try:
            return super().load_files(files, passphrase)
        except ServerRefuses as problem:
            if "ee key too small" not in str(problem):
                raise
            return _own_context()


class KeepsLineFeed(EcflowServer):
    def read_passphrase(self, path: Path | None) -> bytes:
        return super().read_passphrase(None) if path is None else path.read_bytes()


class StripsEveryLineEnd(EcflowServer):
    def read_passphrase(self, path: Path | None) -> bytes:
        return super().read_passphrase(path).rstrip(b"\r\n")


class TriesNothing(EcflowServer):
    def read_passphrase(self, path: Path | None) -> bytes:
        return b"" if path is None else super().read_passphrase(path)


class ReadsIdlePhrase(EcflowServer):
    def read_passphrase(self, path: Path | None) -> bytes:
        phrase = super().read_passphrase(path)
        if b"nonsense" in phrase:
            raise ServerRefuses("Exception in ServerMain:: the pass phrase holds a line end", 1)
        return phrase


class TakesWhatDoesNotFit(EcflowServer):
    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        try:
            return super().load_files(files, passphrase)
        except ServerRefuses as problem:
            if "key values mismatch" not in str(problem):
                raise
            return _own_context()


class SendsLeafOnly(EcflowServer):
    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        directory = Path(files.certificate.directory)
        whole = (directory / str(files.certificate.used)).read_bytes()
        end = b"-----END CERTIFICATE-----\n"
        (directory / "leaf.pem").write_bytes(whole[: whole.find(end) + len(end)] if end in whole else whole)
        leaf = replace(files.certificate, used="leaf.pem")
        return super().load_files(replace(files, certificate=leaf), passphrase)


class TakesAnotherVersion(EcflowServer):
    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        context = super().load_files(files, passphrase)
        if self.dialect.tls_1_2:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context


class ReadsAgain(EcflowServer):
    """Puts other files into use as soon as they are there."""

    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        context = super().load_files(files, passphrase)
        directory = files.certificate.directory
        name = Path(directory, str(files.certificate.used))
        before = name.read_bytes()

        def renew(sock: ssl.SSLObject, server_name: str | None, current: ssl.SSLContext) -> None:
            if name.exists() and name.read_bytes() != before:
                sock.context = EcflowServer.load_files(self, files, passphrase)

        context.sni_callback = renew
        return context


class AsksForCertificate(EcflowServer):
    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        context = super().load_files(files, passphrase)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


class EndsAtWrongClients(EcflowServer):
    def watch_handshake(self, handshake: asyncio.Task[None]) -> None:
        super().watch_handshake(handshake)
        handshake.add_done_callback(lambda _: self._count())

    def _count(self) -> None:
        if self.tls_settings is not None and len(self.journal.of(TlsFailed)) > 2:
            for listener in self._servers:
                listener.close()


class RefusesTheRecipe(EcflowServer):
    """It does not take what the documented commands make: X.509 version 1, for just 3650 days."""

    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        certificate = Path(files.certificate.directory, str(files.certificate.used)).read_bytes()
        if _made_by_the_commands(certificate):
            raise ServerRefuses("Exception in ServerMain:: use_certificate_chain_file: unsupported", 1)
        return super().load_files(files, passphrase)


def _made_by_the_commands(certificate: bytes) -> bool:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(certificate)
    except ValueError:
        return False
    lifetime = found.not_valid_after_utc - found.not_valid_before_utc
    small = found.public_key().key_size < 2048  # type: ignore[union-attr]
    return found.version is x509.Version.v1 and lifetime.days == 3650 and not small


def _breaks(
    id: str, sentence: str, server: type, also: frozenset[str] = frozenset(), why: str = ""
) -> Mutant:
    rule = id.partition(".")[0]
    return Mutant(
        id=id, rule=rule, sentence=sentence, classes={"EcflowServer": server}, trips=also, reason=why
    )


SERVER_MUTANTS = [
    _breaks("CERT-40.tls-by-files", "It speaks TLS whenever there are files for it.", TlsByFiles),
    _breaks(
        "CERT-41.empty-means-unset", "It takes an empty ECF_SSL for one that is not set.", EmptyMeansUnset
    ),
    _breaks("CERT-42.own-set-first", "With ECF_SSL=1 it takes its own set when both are there.", OwnSetFirst),
    _breaks(
        "CERT-43.shared-stands-in",
        "It takes the shared set where ECF_SSL=<host>.<port> finds none.",
        SharedStandsIn,
    ),
    _breaks(
        "CERT-44.ignores-port-option", "With ECF_SSL it names its files after ECF_PORT.", IgnoresPortOption
    ),
    _breaks(
        "CERT-45.other-switch-wins",
        "With both switches it takes the other set than its release.",
        OtherSwitchWins,
    ),
    _breaks("CERT-46.goes-on-in-clear", "Without a certificate it speaks plain TCP.", GoesOnInClear),
    _breaks("CERT-47.makes-up-a-key", "Without a key it makes one, with a certificate.", MakesUpKey),
    _breaks("CERT-48.needs-no-parameters", "Without DH parameters it makes some.", NeedsNoParameters),
    _breaks("CERT-49.old-parameters-first", "It takes dh1024.pem when both are there.", OldParametersFirst),
    _breaks("CERT-50.mixes-sets", "It takes DH parameters of the other set.", MixesSets),
    _breaks("CERT-51.takes-small-parameters", "It takes DH parameters of 1024 bits.", TakesSmallParameters),
    _breaks("CERT-52.takes-small-keys", "It takes RSA keys of 1024 bits.", TakesSmallKeys),
    _breaks(
        "CERT-53.keeps-the-line-feed", "The line feed at the end belongs to its pass phrase.", KeepsLineFeed
    ),
    _breaks("CERT-54.strips-line-ends", "It strips all line ends of the pass phrase.", StripsEveryLineEnd),
    _breaks(
        "CERT-55.tries-nothing", "Without a pass phrase file it tries an empty pass phrase.", TriesNothing
    ),
    _breaks(
        "CERT-56.reads-an-idle-phrase", "It checks a pass phrase that it does not need.", ReadsIdlePhrase
    ),
    _breaks(
        "CERT-57.takes-what-does-not-fit", "It starts with a key of another certificate.", TakesWhatDoesNotFit
    ),
    _breaks("CERT-58.sends-the-leaf-only", "It sends the first certificate of the file only.", SendsLeafOnly),
    _breaks("CERT-59.takes-another-version", "In place of 5.9 it speaks TLS 1.2 only.", TakesAnotherVersion),
    _breaks("CERT-60.reads-again", ReadsAgain.__doc__ or "", ReadsAgain),
    _breaks("CERT-61.asks-for-a-certificate", "It asks its clients for a certificate.", AsksForCertificate),
    _breaks(
        "CERT-62.ends-at-wrong-clients",
        "It stops listening after three failed handshakes.",
        EndsAtWrongClients,
    ),
    _breaks("CERT-63.refuses-the-recipe", RefusesTheRecipe.__doc__ or "", RefusesTheRecipe),
]
