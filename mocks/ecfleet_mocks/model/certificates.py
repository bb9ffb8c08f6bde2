"""Which certificate files an ecFlow program looks for, in which order, and which it uses.

Pure functions: the environment, the options and the test for a file are handed in, nothing is read.
Documented in "OpenSSL set-up of ecFlow 5" (the list of ways to choose SSL, and the files that server
and client expect); what the page leaves open was seen by running 5.9.2 and 5.17.0, and each
difference between them is a field of the `Dialect`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from ecfleet_mocks.model.dialect import Dialect

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_PORT",
    "CertificateProblem",
    "FileSet",
    "Problem",
    "Selection",
    "ServerFiles",
    "TlsSettings",
    "certificate_directory",
    "certificate_host",
    "dialled",
    "select_client_certificate",
    "select_server_files",
]

DEFAULT_HOST = "localhost"
DEFAULT_PORT = "3141"
"""Where a client goes that is told nothing (seen on 5.9.2 and 5.17.0)."""

SHARED = "server"


class FileSet(StrEnum):
    """The two sets of file names. Only the certificate decides between them; they are never mixed."""

    SHARED = "shared"
    SPECIFIC = "specific"


class Problem(Enum):
    """Why no certificate could be chosen."""

    NO_HOME = "HOME is not set"
    NO_CERTIFICATE = "none of the certificate files exists"
    NO_KEY = "the private key does not exist"
    NO_DH = "the Diffie-Hellman parameters do not exist"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """All that decides whether a program uses TLS, and with which files. None means not set, not given.

    `ssl_option` is `--ssl`; `Client.enable_ssl()` and the SSL choice of a server entry in ecflow_ui do
    the same. `own_host` is what gethostname() tells where the program runs. Ports are texts, because
    they become part of a file name as they were written (`04141` is not `4141`, seen on 5.9.2).
    """

    own_host: str
    home: str | None = None
    ecf_ssl: str | None = None
    ecf_ssl_dir: str | None = None
    ssl_option: bool = False
    ecf_host: str | None = None
    ecf_port: str | None = None
    host_option: str | None = None
    port_option: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateProblem:
    """Why the program gives up before it connects or listens.

    `names` are the file names that its message holds, `text` the message of the dialect's release.
    `while_parsing` tells that the message comes under the heading for argument errors, rather than bare.
    """

    problem: Problem
    names: tuple[str, ...]
    text: str
    while_parsing: bool = True


@dataclass(frozen=True, slots=True)
class Selection:
    """What came of the search.

    `tls`: whether TLS is asked for at all. `looked_for`: file names in the order in which their
    existence is tested, repeats included, because a release may search more than once. `used`: the
    name of the certificate used, with the `directory` (that ends in what separates it from the name).
    """

    tls: bool
    directory: str = ""
    looked_for: tuple[str, ...] = ()
    used: str | None = None
    file_set: FileSet | None = None
    problem: CertificateProblem | None = None

    @property
    def path(self) -> str | None:
        """Path of the certificate used, None without one."""
        return None if self.used is None else self.directory + self.used


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The files that a server reads, by name below `certificate.directory`.

    `password` is None where there is no such file; the pass phrase `test` is tried then.
    """

    certificate: Selection
    key: str | None = None
    dh_parameters: str | None = None
    password: str | None = None
    problem: CertificateProblem | None = None


class _Search(Enum):
    """How a search goes: what asked for it decides what is looked for and what the message says."""

    OPTION = "--ssl"
    SET_TO_1 = "ECF_SSL=1"
    EMPTY = "ECF_SSL="
    OTHER = "ECF_SSL=anything else"


def certificate_host(host: str, own_host: str) -> str:
    """The host part of a file name: as given, save that `localhost`, in lower case, is the own host name.

    Seen on 5.9.2 and 5.17.0: `127.0.0.1`, `LOCALHOST` and every other spelling stay as they are.
    """
    return own_host if host == DEFAULT_HOST else host


def certificate_directory(dialect: Dialect, settings: TlsSettings) -> str | None:
    """The directory of the certificate files, to be glued to a file name; None without HOME.

    "OpenSSL set-up of ecFlow 5": `$HOME/.ecflowrc/ssl`. Newer releases take ECF_SSL_DIR instead, as it
    is: without a slash at its end nothing is found (seen on 5.17.0).
    """
    if dialect.ssl_dir_variable and settings.ecf_ssl_dir is not None:
        return settings.ecf_ssl_dir
    return None if settings.home is None else f"{settings.home}/.ecflowrc/ssl/"


def dialled(settings: TlsSettings) -> tuple[str, str]:
    """Host and port that a client connects to: option, else environment, else localhost and 3141.

    An empty ECF_HOST counts as unset, an empty ECF_PORT does not (seen on 5.9.2).
    """
    host, port = _environment_address(settings)
    if settings.host_option is not None:
        host = settings.host_option
    if settings.port_option is not None:
        port = settings.port_option
    return host, port


def select_client_certificate(
    dialect: Dialect, settings: TlsSettings, exists: Callable[[str], bool]
) -> Selection:
    """The certificate that a client trusts.

    `exists` is asked with whole paths, and must say what stat() would: a directory of that name counts
    as present, a dangling link does not (seen on 5.9.2). Any ECF_SSL that is set, to whatever value,
    turns TLS on. 5.9 searches with the address of the environment first, then again when an option gives
    another host or port, then once more for `--ssl`; each search may fail by itself, the last one
    decides. 5.17 searches once, with the address that it connects to, and ECF_SSL wins over `--ssl`.
    """
    address = dialled(settings)
    searches: list[tuple[_Search, tuple[str, str], bool]] = []
    environment = _environment_search(settings)
    if environment is not None:
        if dialect.ssl_environment_before_options:
            searches.append((environment, _environment_address(settings), False))
            if settings.host_option is not None or settings.port_option is not None:
                searches.append((environment, address, True))
        else:
            searches.append((environment, address, True))
    if settings.ssl_option and (environment is None or dialect.ssl_option_wins):
        searches.append((_Search.OPTION, address, True))
    return _run(dialect, settings, searches, exists)


def select_server_files(
    dialect: Dialect, settings: TlsSettings, exists: Callable[[str], bool]
) -> ServerFiles:
    """The files that a server uses. Its host is always its own; `settings` gives the port.

    5.9 sees only ECF_PORT when it resolves ECF_SSL, and does not search again for `--port` (seen on
    5.9.2). Once the certificate has chosen the set, all else comes from that set. A missing DH file is
    reported by the name of the second candidate.
    """
    address = (settings.own_host, settings.port_option or settings.ecf_port or DEFAULT_PORT)
    searches: list[tuple[_Search, tuple[str, str], bool]] = []
    environment = _environment_search(settings)
    if environment is not None:
        early = (settings.own_host, settings.ecf_port or DEFAULT_PORT)
        searches.append((environment, early if dialect.ssl_environment_before_options else address, False))
    if settings.ssl_option and (environment is None or dialect.ssl_option_wins):
        searches.append((_Search.OPTION, address, False))
    chosen = _run(dialect, settings, searches, exists)
    if chosen.used is None:
        return ServerFiles(chosen, problem=chosen.problem)

    stem = chosen.used.removesuffix(".crt")
    key = f"{stem}.key"
    if not exists(chosen.directory + key):
        problem = _absent(Problem.NO_KEY, "password protected private server key file", chosen.directory, key)
        return ServerFiles(chosen, problem=problem)
    dh_names = ("dh2048.pem", "dh1024.pem") if chosen.file_set is FileSet.SHARED else (f"{stem}.pem",)
    dh = next((name for name in dh_names if exists(chosen.directory + name)), None)
    if dh is None:
        problem = _absent(Problem.NO_DH, "dhparam file(pem)", chosen.directory, dh_names[-1])
        return ServerFiles(chosen, key, problem=problem)
    password = f"{stem}.passwd"
    return ServerFiles(chosen, key, dh, password if exists(chosen.directory + password) else None)


def _absent(problem: Problem, kind: str, directory: str, name: str) -> CertificateProblem:
    text = f"Error: The {kind} '{directory}{name}' does not exist"
    return CertificateProblem(problem, (name,), text, while_parsing=False)


def _environment_address(settings: TlsSettings) -> tuple[str, str]:
    port = DEFAULT_PORT if settings.ecf_port is None else settings.ecf_port
    return settings.ecf_host or DEFAULT_HOST, port


def _environment_search(settings: TlsSettings) -> _Search | None:
    match settings.ecf_ssl:
        case None:
            return None
        case "1":
            return _Search.SET_TO_1
        case "":
            return _Search.EMPTY
        case _:
            return _Search.OTHER


def _run(
    dialect: Dialect,
    settings: TlsSettings,
    searches: list[tuple[_Search, tuple[str, str], bool]],
    exists: Callable[[str], bool],
) -> Selection:
    """One search after the other; the first that finds nothing ends it, the last one decides."""
    if not searches:
        return Selection(tls=False)
    directory = certificate_directory(dialect, settings)
    if directory is None:
        problem = CertificateProblem(Problem.NO_HOME, (), dialect.home_missing_text, searches[0][2])
        return Selection(tls=True, problem=problem)

    chosen = Selection(tls=True, directory=directory)
    for search, (host, port), while_parsing in searches:
        stem = f"{certificate_host(host, settings.own_host)}.{port}"
        wanted = {FileSet.SHARED: f"{SHARED}.crt", FileSet.SPECIFIC: f"{stem}.crt"}
        if search is _Search.OTHER:
            del wanted[FileSet.SHARED]
        looked_for = chosen.looked_for
        found: FileSet | None = None
        for file_set, name in wanted.items():
            looked_for += (name,)
            if exists(directory + name):
                found = file_set
                break
        if found is None:
            problem = _no_certificate(dialect, search, stem, while_parsing)
            return replace(chosen, looked_for=looked_for, used=None, file_set=None, problem=problem)
        chosen = replace(chosen, looked_for=looked_for, used=wanted[found], file_set=found)
    return chosen


def _no_certificate(dialect: Dialect, search: _Search, stem: str, while_parsing: bool) -> CertificateProblem:
    """The message of the release. With an empty ECF_SSL it leaves out that server.crt was tried as well."""
    shared, specific = f"{SHARED}.crt", f"{stem}.crt"
    names: tuple[str, ...] = (shared, specific)
    match search:
        case _Search.OPTION:
            listed, origin = f"{shared} or {specific}", ""
        case _Search.SET_TO_1:
            listed, origin = f"{shared} *OR* {specific}", "1"
        case _:
            listed, origin, names = specific, stem, (specific,)
    text = dialect.certificate_missing_text.format(names=listed)
    if origin:
        text += dialect.certificate_missing_origin.format(value=origin)
    return CertificateProblem(Problem.NO_CERTIFICATE, names, text, while_parsing)
