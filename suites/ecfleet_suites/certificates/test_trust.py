"""Whom a client believes: what its one file vouches for, and what nothing vouches for."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import FleetFactory, Sandbox, expect, rule
from ecfleet.certificates import Blob, Credential, chain_of, elliptic, expired, not_yet_valid, self_signed
from ecfleet.clients import ClientUnderTest
from ecfleet.models import Dialect
from ecfleet.services import Journal
from ecfleet_suites.certificates.bench import ANOTHER, OWN, Bench, credential_of
from ecfleet_suites.certificates.handshakes import speaking_only


@pytest.fixture
def bench(
    ecf_client: ClientUnderTest,
    ecf_sandbox: Sandbox,
    ecf_journal: Journal,
    ecf_fleet: FleetFactory,
    ecf_dialect: Dialect,
) -> Bench:
    return Bench(ecf_client, ecf_sandbox, ecf_journal, ecf_fleet, ecf_dialect)


@rule("CERT-06")
def test_another_key_is_refused_at_once(bench: Bench) -> None:
    with bench.server() as server:
        bench.put({"server.crt": ANOTHER})
        expect(bench.pinged(server, ssl=True), "refused", "ping of a server with another key")
    expect(bench.connections(), 1, "connections of a client that cannot verify the server")


@rule("CERT-06")
def test_the_same_name_vouches_for_nothing(bench: Bench) -> None:
    with bench.server(elliptic("localhost", pair=7)) as server:
        bench.put({"server.crt": elliptic("localhost", pair=8).certificate.data})
        expect(
            bench.pinged(server, ssl=True), "refused", "ping of a server with another key of the same name"
        )


@rule("CERT-06")
def test_authorities_of_the_machine_do_not_count(bench: Bench) -> None:
    with bench.server("leaf") as server:
        bench.put({"server.crt": ANOTHER})
        authority = bench.sandbox.put_file("authority.pem", credential_of("chain").certificate.data)
        environment = {"SSL_CERT_FILE": str(authority), "SSL_CERT_DIR": str(authority.parent)}
        seen = bench.pinged(server, ssl=True, environment=environment)
    expect(seen, "refused", "ping of a server that only SSL_CERT_FILE vouches for")


@rule("CERT-22")
@pytest.mark.parametrize(
    "presented", [expired("localhost", pair=1), not_yet_valid("localhost", pair=1)], ids=["expired", "future"]
)
def test_dates_count(bench: Bench, presented: Credential) -> None:
    with bench.server(presented) as server:
        bench.put({"server.crt": presented.certificate.data})
        expect(
            bench.pinged(server, ssl=True), "refused", "ping of a server whose certificate is not valid now"
        )
    expect(bench.connections(), 1, "connections of a client that refuses the dates")


@rule("CERT-21")
@pytest.mark.parametrize("name", ["elsewhere.invalid", "*.example.org", "127.0.0.2", "x" * 64])
def test_the_common_name_does_not_count(bench: Bench, name: str) -> None:
    presented = elliptic(name)
    with bench.server(presented) as server:
        bench.put({"server.crt": presented.certificate.data})
        expect(bench.pinged(server, ssl=True), "answered", "ping of a server with the common name of another")


# Which certificates there are is finite; how many a file holds and in which order is open.


@dataclass(frozen=True)
class Chained:
    """A server with so many authorities between its root and its leaf, of which it sends the first ``sent``;
    beside the others its client's file holds what ``beside`` names, in the order that ``order`` gives."""

    intermediates: int
    sent: int
    beside: tuple[str, ...]
    order: int

    @property
    def presented(self) -> Credential:
        """What the server sends."""
        chain = chain_of(self.intermediates)
        sent = (chain.leaf.certificate, *chain.intermediates[::-1][: self.sent])
        return Credential(Blob(b"".join(blob.data for blob in sent)), chain.leaf.key)

    def held(self, *, anchored: bool) -> bytes:
        """What the client's file holds; ``anchored``: the root too."""
        chain = chain_of(self.intermediates)
        others = {
            "another server's": elliptic("localhost", pair=1).certificate,
            "a stranger's": elliptic("stranger", pair=3).certificate,
            "a root that has signed nothing here": chain_of(0, "elsewhere").root,
            "the leaf": chain.leaf.certificate,
        }
        file = [others[name].data for name in self.beside]
        file += [blob.data for blob in chain.intermediates[::-1][self.sent :]]
        file += [chain.root.data] if anchored else []
        random.Random(self.order).shuffle(file)
        return b"".join(file)


BESIDE = ("another server's", "a stranger's", "a root that has signed nothing here", "the leaf")
CHAINED = st.integers(0, 2).flatmap(
    lambda number: st.builds(
        Chained,
        intermediates=st.just(number),
        sent=st.integers(0, number),
        beside=st.lists(st.sampled_from(BESIDE), max_size=3, unique=True).map(tuple),
        order=st.integers(0, 99),
    )
)


@rule("CERT-23")
@given(chained=CHAINED)
@settings(max_examples=12)
def test_a_root_in_the_file_vouches_for_what_it_has_signed(bench: Bench, chained: Chained) -> None:
    with bench.server(chained.presented) as server:
        bench.put({"server.crt": chained.held(anchored=True)})
        seen = bench.pinged(server, ssl=True)
    expect(seen, "answered", "ping of a server whose chain ends in the client's file")


@rule("CERT-24")
@given(chained=CHAINED)
@settings(max_examples=12)
def test_a_chain_without_its_root_vouches_for_nothing(bench: Bench, chained: Chained) -> None:
    with bench.server(chained.presented) as server:
        bench.put({"server.crt": chained.held(anchored=False) or ANOTHER})
        seen = bench.pinged(server, ssl=True)
    expect(seen, "refused", "ping of a server whose chain has no root in the client's file")


@rule("CERT-25")
@pytest.mark.parametrize("content", [b"no certificate\n", None], ids=["text", "a directory"])
def test_a_file_that_holds_no_certificate(bench: Bench, content: bytes | None) -> None:
    if content is None:
        (bench.sandbox.certificate_directory / "server.crt").mkdir(parents=True)
    else:
        bench.put({"server.crt": content})
    with bench.server() as server:
        expect(bench.pinged(server, ssl=True), "refused", "ping with a useless server.crt")


@rule("CERT-26")
def test_what_the_documented_commands_make_is_accepted(bench: Bench) -> None:
    presented = self_signed("localhost")
    with bench.server(presented) as server:
        bench.put({"server.crt": presented.certificate.data})
        expect(bench.pinged(server, ssl=True), "answered", "ping of a server with an X.509 v1 certificate")


@rule("CERT-29")
@pytest.mark.parametrize("release", ["TLSv1.2", "TLSv1.3"])
def test_either_version_alone_is_spoken(bench: Bench, release: str) -> None:
    bench.put({"server.crt": OWN})
    with bench.server(context=speaking_only(credential_of("A"), release)) as server:
        expect(bench.pinged(server, ssl=True), "answered", f"ping of a server that speaks {release} only")
    expect(bench.tls_versions(), [release], "protocol versions agreed upon")


@rule("CERT-30")
@pytest.mark.parametrize("release", ["TLSv1", "TLSv1.1"])
def test_older_versions_are_not_spoken(bench: Bench, release: str) -> None:
    bench.put({"server.crt": OWN})
    with bench.server(context=speaking_only(credential_of("A"), release)) as server:
        expect(bench.pinged(server, ssl=True), "refused", f"ping of a server that speaks {release} only")
    expect(bench.tls_versions(), [], "protocol versions agreed upon")
