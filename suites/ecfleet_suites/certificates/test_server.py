"""How a server uses its files: the table of starts, and what a running server does with them.

Every rule is tested on a mock of each release, because releases differ.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet import FleetFactory, expect, rule
from ecfleet.certificates import DH_2048, Blob, chain_of, encrypted
from ecfleet.certificates_server import MockStarter, ServerStart, Starter
from ecfleet.models import DIALECT_5_9, DIALECT_5_17
from ecfleet_suites.certificates import recipe
from ecfleet_suites.certificates.experiments import of_rule
from ecfleet_suites.certificates.handshakes import PATIENCE, client_speaking, shake_hands
from ecfleet_suites.certificates.server_bench import (
    ServerRow,
    credential_named,
    decide_start,
    must_refuse,
    must_start,
    presented,
    shared_set,
    starts,
)


@pytest.fixture(params=[DIALECT_5_9, DIALECT_5_17], ids=lambda release: release.name)
def starter(request: pytest.FixtureRequest, ecf_fleet: FleetFactory) -> Starter:
    return MockStarter(ecf_fleet, request.param)


@pytest.mark.parametrize("row", of_rule(starts()))
def test_start(row: ServerRow, starter: Starter, record_property: Callable[[str, object], None]) -> None:
    record_property("ecf_follows", decide_start(row, starter))


# The pass phrase is an open space: whatever can be typed, with or without the line feed that an editor adds.
PHRASES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=4, max_size=60)


@rule("CERT-53")
@given(phrase=PHRASES, end=st.sampled_from(["", "\n"]))
@settings(max_examples=5)
def test_any_pass_phrase(starter: Starter, phrase: str, end: str) -> None:
    files = shared_set()
    files["server.key"] = encrypted(credential_named("A"), phrase).key.data
    files["server.passwd"] = f"{phrase}{end}".encode()
    with starter.start(ServerStart(files, ssl=True)) as result:
        must_start(result, "start with a pass phrase file")


@rule("CERT-54")
@given(phrase=PHRASES, added=st.sampled_from(["\n\n", "\r\n", " ", "x", "\n ", "\t"]))
@settings(max_examples=5)
def test_anything_else_than_the_pass_phrase(starter: Starter, phrase: str, added: str) -> None:
    files = shared_set()
    files["server.key"] = encrypted(credential_named("A"), phrase).key.data
    files["server.passwd"] = f"{phrase}{added}".encode()
    with starter.start(ServerStart(files, ssl=True)) as result:
        refused = must_refuse(result, "start with something after the pass phrase")
    expect(refused.exit_code, 1, "exit status with something after the pass phrase")


@rule("CERT-58")
@pytest.mark.parametrize("intermediates", [0, 1, 2])
def test_the_whole_file_is_sent(starter: Starter, intermediates: int) -> None:
    chain = chain_of(intermediates)
    files = {
        "server.crt": chain.whole.certificate.data,
        "server.key": chain.leaf.key.data,
        "dh2048.pem": DH_2048.data,
    }
    with starter.start(ServerStart(files, ssl=True)) as result:
        server = must_start(result, "start with a chain")
        problem = shake_hands(server.address, client_speaking(None, chain.root)).problem
    expect(problem, "", "verification by a client that has the root alone")


VERSIONS = {
    "5.9": {"TLSv1": False, "TLSv1.1": False, "TLSv1.2": True, "TLSv1.3": True},
    "5.17": {"TLSv1": False, "TLSv1.1": False, "TLSv1.2": False, "TLSv1.3": True},
}
ALERTS = {"5.9": "alert internal error", "5.17": "alert protocol version"}


@rule("CERT-59")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
def test_protocol_versions(starter: Starter, version: str) -> None:
    with starter.start(ServerStart(shared_set(), ssl=True)) as result:
        server = must_start(result, "start with the shared set")
        seen = shake_hands(server.address, client_speaking(version))
    taken = VERSIONS[starter.dialect.name][version]
    expect(seen.version, version if taken else "", f"version agreed upon with a client of {version} alone")
    if not taken:
        alert = ALERTS[starter.dialect.name]
        expect(
            alert in seen.problem, True, f"whether a client of {version} alone gets {alert}: {seen.problem}"
        )


@rule("CERT-60")
def test_files_are_read_at_the_start_only(starter: Starter) -> None:
    with starter.start(ServerStart(shared_set(), ssl=True)) as result:
        server = must_start(result, "start with the shared set")
        for name, blob in (("crt", credential_named("B").certificate), ("key", credential_named("B").key)):
            blob.write_to_path(server.directory / f"server.{name}")
        expect(presented(server.address), "A", "certificate presented after the files were replaced")
        trusting = client_speaking(None, credential_named("B").certificate)
        problem = shake_hands(server.address, trusting).problem
        expect("verify failed" in problem, True, "whether a client with the new file refuses the server")


@rule("CERT-61")
def test_no_client_certificate_and_no_protocol(starter: Starter) -> None:
    with starter.start(ServerStart(shared_set(), ssl=True)) as result:
        server = must_start(result, "start with the shared set")
        context = client_speaking()
        context.set_alpn_protocols(["http/1.1", "h2"])
        with socket.create_connection(server.address, PATIENCE) as sock, context.wrap_socket(sock) as secure:
            expect(secure.selected_alpn_protocol(), None, "application protocol agreed upon")
        asked = _asks_for_certificate(server.address)
    expect(asked, False, "whether the server asks for a client certificate")


def _asks_for_certificate(address: tuple[str, int]) -> bool:
    """Whether a CertificateRequest is among the handshake messages (RFC 8446, section 4.3.2)."""
    context = client_speaking()
    types: list[int] = []

    def heard(
        connection: object, direction: str, version: object, content: int, message: int, data: bytes
    ) -> None:
        if direction == "read" and int(content) == 22:
            types.append(int(message))

    context._msg_callback = heard  # type: ignore[attr-defined]
    with socket.create_connection(address, PATIENCE) as sock, context.wrap_socket(sock):
        return 13 in types


@rule("CERT-62")
@pytest.mark.parametrize(
    "sent",
    [b"", b"\0" * 64, b"GET / HTTP/1.1\r\n\r\n", b'      12{"nonsense": 1}', b"\x16\x03\x01\x02\x00\x01"],
    ids=["nothing", "zeros", "http", "plain request", "half a hello"],
)
def test_a_wrong_client_ends_nothing(starter: Starter, sent: bytes) -> None:
    with starter.start(ServerStart(shared_set(), ssl=True)) as result:
        server = must_start(result, "start with the shared set")
        for _ in range(3):
            with socket.create_connection(server.address, PATIENCE) as sock:
                sock.sendall(sent)
        strict = client_speaking(None, credential_named("B").certificate)
        expect("verify failed" in shake_hands(server.address, strict).problem, True, "whether B is refused")
        expect(presented(server.address), "A", "certificate presented after wrong clients")


# --- the documented commands --------------------------------------------------------------------------


@cache
def _made(bits: str, *, phrase: bool = True) -> Mapping[str, bytes]:
    """The files of a server by the documented commands; made once, because keys take their time."""
    with tempfile.TemporaryDirectory(prefix="ecfleet-recipe-") as place:
        directory = Path(place)
        recipe.follow(directory, bits=bits)
        if not phrase:
            recipe.remove_phrase(directory)
        names = ("server.crt", "server.key", *(("server.passwd",) if phrase else ()))
        return {name: (directory / name).read_bytes() for name in names} | {"dh2048.pem": DH_2048.data}


@rule("CERT-52")
def test_the_commands_as_printed_make_a_key_that_is_refused(starter: Starter) -> None:
    with starter.start(ServerStart(_made("1024"), ssl=True)) as result:
        refused = must_refuse(result, "start with what the commands make as printed")
    expect(refused.exit_code, 1, "exit status with what the commands make as printed")
    expect("ee key too small" in refused.said, True, "whether the size of the key is named")


@rule("CERT-63")
@pytest.mark.parametrize("phrase", [True, False], ids=["with pass phrase", "without"])
def test_the_commands_with_a_longer_key(starter: Starter, phrase: bool) -> None:
    files = _made("2048", phrase=phrase)
    with starter.start(ServerStart(files, ssl=True)) as result:
        server = must_start(result, "start with what the commands make with 2048 bits")
        problem = shake_hands(server.address, client_speaking(None, Blob(files["server.crt"]))).problem
    expect(problem, "", "verification by a client that has the same server.crt")
