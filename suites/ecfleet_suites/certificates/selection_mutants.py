"""Clients that choose the wrong certificate file, each in a way of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ecfleet import Mutant
from ecfleet.models import Dialect, certificates

__all__ = ["SELECTION_MUTANTS"]

FileSet = certificates.FileSet
Selection = certificates.Selection
TlsSettings = certificates.TlsSettings
select = certificates.select_client_certificate

Exists = Callable[[str], bool]
Select = Callable[[Dialect, TlsSettings, Exists], Selection]

WHOLE_SPACE = frozenset({"CERT-14"})
EVERYWHERE = "every combination is enumerated there"


def _hidden(exists: Exists, *, shared: bool) -> Exists:
    """The directory as it looks without server.crt, or without all others."""
    return lambda path: exists(path) and path.endswith("server.crt") is not shared


def _specific_first(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    found = select(dialect, settings, _hidden(exists, shared=True))
    return found if found.used is not None else select(dialect, settings, exists)


def prefers_specific(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    if settings.ecf_ssl == "1" and not settings.ssl_option:
        return _specific_first(dialect, settings, exists)
    return select(dialect, settings, exists)


def shared_only(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    # Only for a file of the environment's address: with options it is CERT-07 that looks.
    if settings.ecf_ssl == "1" and settings.port_option is None:
        exists = _hidden(exists, shared=False)
    return select(dialect, settings, exists)


def server_crt_stands_in(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    found = select(dialect, settings, exists)
    another = settings.ecf_ssl not in (None, "", "1") and "." in (settings.ecf_ssl or "")
    if another and found.used is None and found.tls and settings.host_option in (None, "localhost"):
        stood_in = select(dialect, replace(settings, ecf_ssl="1"), exists)
        return stood_in if stood_in.used is not None else found
    return found


def option_prefers_specific(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    if settings.ssl_option and settings.ecf_ssl is None:
        return _specific_first(dialect, settings, exists)
    return select(dialect, settings, exists)


def goes_on_in_clear(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    found = select(dialect, settings, exists)
    place = Path(found.directory)
    empty = bool(found.directory) and not (place.is_dir() and any(place.glob("*.crt")))
    return Selection(tls=False) if found.problem is not None and empty else found


def ignores_options(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    if settings.ecf_ssl is not None:
        settings = replace(settings, host_option=None, port_option=None)
    return select(dialect, settings, exists)


def certificate_turns_tls_on(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    found = select(dialect, settings, exists)
    if found.tls:
        return found
    offered = select(dialect, replace(settings, ssl_option=True), exists)
    return offered if offered.file_set is FileSet.SHARED else found


def no_means_off(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    if settings.ecf_ssl in ("0", "no", "off", "false") and not settings.ssl_option:
        settings = replace(settings, ecf_ssl=None)
    return select(dialect, settings, exists)


def empty_means_unset(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    return select(dialect, replace(settings, ecf_ssl=settings.ecf_ssl or None), exists)


def value_names_the_file(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    found = select(dialect, settings, exists)
    named = f"{settings.ecf_ssl}.crt"
    if settings.ecf_ssl in (None, "", "1") or not exists(found.directory + named):
        return found
    return Selection(True, found.directory, (named,), named, FileSet.SPECIFIC)


def keeps_localhost(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    # A client that is told no host has none to keep.
    if settings.host_option == "localhost" and settings.ecf_ssl is None:
        settings = replace(settings, own_host="localhost")
    return select(dialect, settings, exists)


def folds_the_host(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    def folded(host: str | None) -> str | None:
        return host.lower() if host is not None and not host[:1].isdigit() else host

    named = replace(settings, host_option=folded(settings.host_option), ecf_host=folded(settings.ecf_host))
    return select(dialect, named, exists)


def forgets_one_corner(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    """Wrong only where an empty ECF_SSL, a host by variable and a port by option come together."""
    if settings.ecf_ssl == "" and settings.ecf_host is not None and settings.port_option is not None:
        return _specific_first(dialect, settings, exists)
    return select(dialect, settings, exists)


def option_wins(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    if settings.ssl_option:
        settings = replace(settings, ecf_ssl=None)
    return select(dialect, settings, exists)


def looks_in_home_too(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    found = select(dialect, settings, exists)
    if found.tls and found.used is None and settings.home is not None:
        for place in (f"{settings.home}/.ecflowrc/", f"{settings.home}/"):
            other = select(dialect, replace(settings, ecf_ssl_dir=place), exists)
            if other.used is not None:
                return other
    return found


def adds_a_slash(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    if settings.ecf_ssl_dir is not None and not settings.ecf_ssl_dir.endswith("/"):
        settings = replace(settings, ecf_ssl_dir=settings.ecf_ssl_dir + "/")
    return select(dialect, settings, exists)


def home_is_here(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    return select(dialect, replace(settings, home="." if settings.home is None else settings.home), exists)


def tells_no_names(dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
    found = select(dialect, settings, exists)
    if found.problem is None or settings.home is None:
        return found
    return replace(found, problem=replace(found.problem, text="Error: there is no certificate"))


# --- one client, several servers ----------------------------------------------------------------------


class _RemembersShared:
    """Takes server.crt for the certificate of the first server that it was used for."""

    def __init__(self) -> None:
        self.first: dict[str, str] = {}

    def __call__(self, dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
        found = select(dialect, settings, exists)
        if found.file_set is FileSet.SHARED:
            port = certificates.dialled(settings)[1]
            if self.first.setdefault(found.directory, port) != port:
                return select(dialect, settings, _hidden(exists, shared=True))
        return found


class _RemembersSpecific:
    """Goes on with the first file of its own that it has found, whatever server is asked next."""

    def __init__(self) -> None:
        self.first: dict[str, Selection] = {}

    def __call__(self, dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
        found = select(dialect, settings, exists)
        if found.file_set is FileSet.SPECIFIC and exists(found.path or ""):
            # A file that is gone since then is not gone on with.
            kept = self.first.get(found.directory)
            if kept is None or not exists(kept.path or ""):
                self.first[found.directory] = kept = found
            return kept
        return found


class _StaysWithTls:
    """Once TLS, always TLS, for all that share a home."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    def __call__(self, dialect: Dialect, settings: TlsSettings, exists: Exists) -> Selection:
        found = select(dialect, settings, exists)
        home = settings.home or ""
        if found.used is not None:
            self.used.add(home)
        if not found.tls and home in self.used:
            return select(dialect, replace(settings, ssl_option=True), exists)
        return found


def _selects(
    id: str, sentence: str, function: Select, also: frozenset[str] = WHOLE_SPACE, why: str = EVERYWHERE
) -> Mutant:
    rule = id.partition(".")[0]
    return Mutant(
        id=id,
        rule=rule,
        sentence=sentence,
        behaviour={"select_certificate": function},
        trips=also - {rule},
        reason=why if also - {rule} else "",
    )


SELECTION_MUTANTS = [
    _selects(
        "CERT-01.prefers-specific",
        "With ECF_SSL=1 it takes <host>.<port>.crt when both are there.",
        prefers_specific,
    ),
    _selects("CERT-02.shared-only", "With ECF_SSL=1 and ECF_PORT it knows server.crt only.", shared_only),
    _selects(
        "CERT-03.server-crt-stands-in",
        "It takes server.crt where ECF_SSL=<host>.<port> finds no file.",
        server_crt_stands_in,
    ),
    _selects(
        "CERT-04.option-prefers-specific",
        "With --ssl it takes <host>.<port>.crt when both are there.",
        option_prefers_specific,
    ),
    _selects(
        "CERT-05.goes-on-in-clear", "Without a certificate file it connects in clear.", goes_on_in_clear
    ),
    _selects(
        "CERT-07.ignores-options",
        "With ECF_SSL it names the file after ECF_HOST and ECF_PORT.",
        ignores_options,
    ),
    _selects(
        "CERT-08.certificate-turns-tls-on",
        "It speaks TLS whenever there is a server.crt.",
        certificate_turns_tls_on,
        frozenset({"CERT-34"}),
        "there a certificate lies beside a plain server too",
    ),
    _selects("CERT-09.no-means-off", "It takes ECF_SSL=0, no, off and false for: no TLS.", no_means_off),
    _selects(
        "CERT-10.empty-means-unset", "It takes an empty ECF_SSL for one that is not set.", empty_means_unset
    ),
    _selects(
        "CERT-11.value-names-the-file",
        "It takes the file that ECF_SSL spells out, where there is one.",
        value_names_the_file,
    ),
    _selects(
        "CERT-12.keeps-localhost",
        "Told localhost, it looks for localhost.<port>.crt.",
        keeps_localhost,
        WHOLE_SPACE | {"CERT-33"},
        "both dial localhost as well",
    ),
    _selects(
        "CERT-13.folds-the-host",
        "It writes the host in lower case before it looks.",
        folds_the_host,
        frozenset(),
    ),
    _selects("CERT-14.forgets-one-corner", forgets_one_corner.__doc__ or "", forgets_one_corner),
    _selects("CERT-15.option-wins", "With --ssl it does not look at ECF_SSL.", option_wins),
    _selects(
        "CERT-16.looks-in-home-too",
        "It also looks in $HOME and $HOME/.ecflowrc.",
        looks_in_home_too,
        frozenset(),
    ),
    _selects("CERT-17.adds-a-slash", "It puts a slash after ECF_SSL_DIR.", adds_a_slash, frozenset()),
    _selects(
        "CERT-18.home-is-here",
        "Without HOME it looks below the working directory.",
        home_is_here,
        frozenset(),
    ),
    _selects(
        "CERT-19.tells-no-names", "It does not say which files it looked for.", tells_no_names, frozenset()
    ),
    _selects(
        "CERT-32.server-crt-of-one-server",
        _RemembersShared.__doc__ or "",
        _RemembersShared(),
        frozenset({"CERT-23", "CERT-24", "CERT-34"}),
        "there one server.crt serves for several servers too",
    ),
    _selects(
        "CERT-33.first-file-for-all", _RemembersSpecific.__doc__ or "", _RemembersSpecific(), frozenset()
    ),
    _selects("CERT-34.once-tls-always-tls", _StaysWithTls.__doc__ or "", _StaysWithTls(), frozenset()),
]
