"""Clients that trust the wrong certificates, or go on wrongly when TLS fails, each in a way of its own."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography import x509

from ecfleet import Mutant
from ecfleet.clients import TASK_ACTIONS, Call, SocksRoute, exchanges, streams, surroundings
from ecfleet.clients.failures import AttemptFailed
from ecfleet.models import Dialect
from ecfleet.services import Transport
from ecfleet.wire import UnexpectedEnd

__all__ = ["EXCHANGE_MUTANTS"]


# --- whom it trusts -----------------------------------------------------------------------------------


def trusts_anyone(path: str) -> ssl.SSLContext:
    return _unverified(exchanges.trust_only(path))


def _unverified(context: ssl.SSLContext) -> ssl.SSLContext:
    context.verify_mode = ssl.CERT_NONE
    return context


def _certificates(path: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError):
        return []


def _nothing_if(wrong: Callable[[list[x509.Certificate]], bool]) -> Callable[[str], ssl.SSLContext]:
    """Trusts nothing at all when there is something wrong with the certificates in the file."""

    def trust(path: str) -> ssl.SSLContext:
        found = _certificates(path)
        return exchanges.trust_only("" if found and wrong(found) else path)

    return trust


def _named_for_others(found: list[x509.Certificate]) -> bool:
    name = found[0].subject.rfc4514_string()
    own = ("localhost", "stranger", "root ", "intermediate ", "ecfleet", "O=", "OU=")
    return not any(word in name for word in own)


def _is_authority(found: list[x509.Certificate]) -> bool:
    return len(found) > 1 or any(len(one.extensions) > 0 for one in found)


def _is_version_1(found: list[x509.Certificate]) -> bool:
    return found[0].version is x509.Version.v1


def forgets_the_date(path: str) -> ssl.SSLContext:
    context = exchanges.trust_only(path)
    no_check_time = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL
    context.verify_flags |= ssl.VerifyFlags(no_check_time)
    return context


def trusts_leaves(path: str) -> ssl.SSLContext:
    context = exchanges.trust_only(path)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return context


def takes_nothing_for_all(path: str) -> ssl.SSLContext:
    try:
        return exchanges.trust_only(path)
    except OSError:
        return _unverified(exchanges.trust_only(""))


def newest_version_only(path: str) -> ssl.SSLContext:
    context = exchanges.trust_only(path)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def takes_old_versions(path: str) -> ssl.SSLContext:
    context = exchanges.trust_only(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


# --- how it goes on -----------------------------------------------------------------------------------


def tries_again_at_the_end(stream: streams.Stream) -> bytes:
    try:
        return exchanges.read_message(stream)
    except UnexpectedEnd:
        raise ConnectionResetError("the server closed") from None


class _TriesAgain(streams.Stream):
    """Takes a handshake that failed for want of TLS for a lost connection, after which it tries again."""

    def start_tls(self, context: ssl.SSLContext, server_name: str | None = None) -> None:
        try:
            super().start_tls(context, server_name)
        except streams.TlsFailed as problem:
            if "verify" in str(problem) or "alert" in str(problem) or "protocol" in str(problem):
                raise
            raise AttemptFailed(str(problem)) from None


def tries_again_without_tls(
    target: streams.Target, route: SocksRoute | None, deadline: streams.Deadline, hosts_file: str | None
) -> streams.Stream:
    stream = streams.connect(target, route, deadline, hosts_file)
    return _TriesAgain(stream._sock, deadline)


def reads_one_piece(stream: streams.Stream) -> bytes:
    """What the first record holds, of a long reply its beginning."""
    data = stream.receive()
    if not data:
        raise UnexpectedEnd("the stream ended before a reply")
    return data[8:]


def tasks_in_clear(call: Call, environment: Mapping[str, str], tls: bool, dialect: Dialect) -> Transport:
    if call.action in TASK_ACTIONS:
        return Transport.TCP
    return surroundings.chosen_transport(call, environment, tls, dialect)


def cannot_disable(call: Call, environment: Mapping[str, str], tls: bool, dialect: Dialect) -> Transport:
    return surroundings.chosen_transport(replace(call, disable_ssl=False), environment, tls, dialect)


def option_before_environment(
    call: Call, environment: Mapping[str, str], tls: bool, dialect: Dialect
) -> Transport:
    web = (Transport.HTTP, Transport.HTTPS)
    return (
        call.transport
        if call.transport in web
        else surroundings.chosen_transport(call, environment, tls, dialect)
    )


def certificate_comes_first(environment: Mapping[str, str]) -> bool:
    return surroundings.wants_no_contact(environment) and "ECF_SSL" not in environment


def _trusts(
    id: str,
    sentence: str,
    function: Callable[[str], ssl.SSLContext],
    also: frozenset[str] = frozenset(),
    why: str = "",
) -> Mutant:
    return Mutant(
        id=id,
        rule=id.partition(".")[0],
        sentence=sentence,
        behaviour={"trust_only": function},
        trips=also,
        reason=why,
    )


def _does(
    id: str, sentence: str, also: frozenset[str] = frozenset(), why: str = "", **functions: Callable[..., Any]
) -> Mutant:
    rule = id.partition(".")[0]
    return Mutant(id=id, rule=rule, sentence=sentence, behaviour=functions, trips=also, reason=why)


EXCHANGE_MUTANTS = [
    _trusts(
        "CERT-06.trusts-anyone",
        "It verifies no certificate.",
        trusts_anyone,
        frozenset(f"CERT-{n:02}" for n in (1, 2, 3, 9, 10, 11, 14, 15, 22, 24, 25)),
        "which file was trusted, and what it vouches for, shows only where servers are refused",
    ),
    _does(
        "CERT-20.certificate-comes-first",
        "It resolves ECF_SSL before it looks at NO_ECF.",
        wants_no_contact=certificate_comes_first,
    ),
    _trusts(
        "CERT-21.compares-names",
        "It trusts no file with the name of another host.",
        _nothing_if(_named_for_others),
    ),
    _trusts("CERT-22.forgets-the-date", "It does not check dates.", forgets_the_date),
    _trusts(
        "CERT-23.knows-no-authorities",
        "It trusts no file with authorities or several certificates.",
        _nothing_if(_is_authority),
    ),
    _trusts("CERT-24.trusts-leaves", "Any certificate of its file is an anchor.", trusts_leaves),
    _trusts(
        "CERT-25.takes-nothing-for-all",
        "With a file that holds no certificate it trusts anyone.",
        takes_nothing_for_all,
    ),
    _trusts(
        "CERT-26.wants-version-3", "It trusts no certificate of X.509 version 1.", _nothing_if(_is_version_1)
    ),
    _does(
        "CERT-27.tries-again-at-the-end",
        "It takes an end without a reply for a lost connection.",
        read_message=tries_again_at_the_end,
    ),
    _does(
        "CERT-28.tries-again-without-tls",
        "It takes a failed handshake for a lost connection.",
        connect=tries_again_without_tls,
    ),
    _trusts("CERT-29.newest-version-only", "It speaks TLS 1.3 only.", newest_version_only),
    _trusts("CERT-30.takes-old-versions", "It agrees to TLS 1.0.", takes_old_versions),
    _does(
        "CERT-31.reads-one-piece",
        "It takes the first piece of a reply for all of it.",
        read_message=reads_one_piece,
    ),
    _does(
        "CERT-35.tasks-in-clear",
        "Its task commands do not look at ECF_SSL or --ssl.",
        chosen_transport=tasks_in_clear,
    ),
    _does("CERT-36.cannot-disable", "It cannot be told to stop using TLS.", chosen_transport=cannot_disable),
    _does(
        "CERT-37.option-before-environment",
        "With --http it does not look at ECF_SSL.",
        chosen_transport=option_before_environment,
    ),
]
