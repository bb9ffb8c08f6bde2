"""A client, its sandbox, and mock servers that present what a test wants; and what comes of a ping."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from ecfleet import Fleet, FleetFactory, Sandbox, violated
from ecfleet.certificates import (
    Credential,
    authority,
    chain,
    elliptic,
    expired,
    not_yet_valid,
    self_signed,
)
from ecfleet.clients import Action, Call, ClientUnderTest, Outcome
from ecfleet.models import DIALECT_5_9, Dialect
from ecfleet.services import (
    ConnectionOpened,
    EcflowServer,
    Journal,
    RequestReceived,
    TlsEstablished,
    Transport,
)
from ecfleet_suites.certificates.experiments import Seen
from ecfleet_suites.certificates.handshakes import presenting

__all__ = ["ANOTHER", "HOST", "OWN", "Bench", "certificate_of", "costs_a_process", "credential_of"]

HOST = "127.0.0.1"
"""Taken literally for the file name by all programs, where localhost becomes the machine's name."""


def credential_of(kind: str) -> Credential:
    """What a server presents, by its name in the tables."""
    match kind:
        case "A":
            return elliptic("localhost", pair=0)
        case "B":
            return elliptic("localhost", pair=1)
        case "recipe":
            return self_signed("localhost")
        case "expired":
            return expired("localhost")
        case "future":
            return not_yet_valid("localhost")
        case "another-name":
            return elliptic("elsewhere.invalid")
        case "leaf":
            return authority().issue("localhost", HOST)
        case "chain":
            return chain("localhost", HOST)
        case _:
            raise KeyError(kind)


def certificate_of(kind: str) -> bytes:
    """What a client's file holds, by its name in the tables."""
    match kind:
        case "empty":
            return b""
        case "text":
            return b"no certificate\n"
        case "authority":
            return authority().certificate.data
        case _:
            return credential_of(kind).certificate.data


OWN = certificate_of("A")
"""The certificate of the servers of a bench, unless told otherwise."""
ANOTHER = certificate_of("B")
"""That of a server that is not there."""


def costs_a_process(client: ClientUnderTest) -> bool:
    """Whether every call of this client starts a program, so that finite spaces are covered pair by pair.

    Only the built-in client does not; it is known by its replaceable behaviour.
    """
    return not hasattr(client, "behaviour")


@cache
def _context_of(kind: str, release: str) -> ssl.SSLContext:
    """What servers present, made once: OpenSSL takes its time to load a key.

    One for each release, because a server that takes TLS 1.3 only sets that in its context.
    """
    return presenting(credential_of(kind))


@dataclass(repr=False)
class Bench:
    """A client under test in its sandbox, and the servers that it is sent to."""

    client: ClientUnderTest
    sandbox: Sandbox
    journal: Journal
    fleets: FleetFactory
    dialect: Dialect
    _present: dict[str, bytes] = field(default_factory=dict)

    @contextmanager
    def server(
        self,
        presents: str | Credential = "A",
        *,
        dialect: Dialect | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Iterator[EcflowServer]:
        """A server that presents this on its one listener, or speaks plain TCP ("plain").

        :param context: TLS just so, on a server that adds nothing to it.
        """
        fleet: Fleet = self.fleets()
        release = self.dialect if dialect is None else dialect
        if context is not None:
            server = fleet.ecflow_server(plain=None, tls=0, tls_context=context, dialect=DIALECT_5_9)
        elif presents == "plain":
            server = fleet.ecflow_server(dialect=release)
        elif isinstance(presents, str):
            ready = _context_of(presents, release.name)
            server = fleet.ecflow_server(plain=None, tls=0, tls_context=ready, dialect=release)
        else:
            server = fleet.ecflow_server(plain=None, tls=0, certificate=presents, dialect=release)
        with fleet:
            yield server

    def filled_in(self, text: str, server: EcflowServer, host: str = HOST) -> str:
        """A text of the tables, for this server."""
        port = str(server.address.port)
        return text.replace("<hostname>", self.sandbox.host_name).replace("<P>", port).replace("<H>", host)

    def put(self, files: Mapping[str, bytes]) -> None:
        """The certificate directory holds just these."""
        for name in set(self._present) - set(files):
            (self.sandbox.certificate_directory / name).unlink(missing_ok=True)
        for name, content in files.items():
            if self._present.get(name) != content:
                self.sandbox.put_certificate(name, content)
        self._present = dict(files)

    def ping(
        self,
        server: EcflowServer,
        *,
        host: str | None = HOST,
        host_by: str = "option",
        port_by: str = "option",
        ecf_ssl: str | None = None,
        ssl: bool = False,
        environment: Mapping[str, str] | None = None,
        disable_ssl: bool = False,
    ) -> Outcome:
        """A ping of this server. ``host_by`` and ``port_by`` say how the client is told: by "option" or by
        "environment"; a host of None is not told at all."""
        variables = dict(environment or {})
        if ecf_ssl is not None:
            variables["ECF_SSL"] = ecf_ssl
        if host is not None and host_by == "environment":
            variables["ECF_HOST"] = host
        if port_by == "environment":
            variables["ECF_PORT"] = str(server.address.port)
        call = Call(
            Action.PING,
            host if host_by == "option" else None,
            server.address.port if port_by == "option" else None,
            transport=Transport.SSL if ssl else Transport.TCP,
            environment=variables,
            disable_ssl=disable_ssl,
        )
        return self.client.run(call, self.sandbox)

    def seen(self, outcome: Outcome, since: int = 0) -> str:
        """What came of a ping, from exit status and journal; of all events after the first ``since``."""
        events = self.journal.events[since:]
        connections = sum(isinstance(event, ConnectionOpened) for event in events)
        # A TLS server that gets a plain request, or the reverse, reads no command in it.
        requests = sum(isinstance(event, RequestReceived) and event.decoded is not None for event in events)
        if outcome.exit_code == 0 and requests == 1:
            return Seen.ANSWERED
        if outcome.exit_code == 1 and not requests:
            return Seen.REFUSED if connections else Seen.NO_CONNECTION
        status = "no end within the time" if outcome.timed_out else f"exit code {outcome.exit_code}"
        return f"{status}, connections: {connections}, commands at the server: {requests}"

    def pinged(self, server: EcflowServer, **how: object) -> str:
        """What comes of a ping: :meth:`ping`, then :meth:`seen`."""
        before = len(self.journal)
        return self.seen(self.ping(server, **how), before)  # type: ignore[arg-type]

    def tls_versions(self) -> list[str]:
        """The protocol versions that connections agreed upon."""
        return [event.version for event in self.journal.of(TlsEstablished)]

    def connections(self) -> int:
        """How many connections all servers have seen."""
        return len(self.journal.of(ConnectionOpened))

    def must_have_been_told(self, text: str, outcome: Outcome, what: str) -> None:
        """The client's output has to hold this."""
        said = outcome.stderr + outcome.stdout
        if text not in said:
            violated(what, expected=f"a text with {text}", seen=said or "nothing")
