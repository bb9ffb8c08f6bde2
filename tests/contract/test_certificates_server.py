"""The table of starts on a real ecflow_server 5.9.2: it does in every row what it did in the experiments.

The same functions decide the rows on the mock, in the suite. Where a row has no experiment behind it, this
test is its evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract.peers import require_release
from ecfleet.certificates import DH_2048, Blob, chain_of, write_directory
from ecfleet.certificates_server import CommandStarter, MockStarter, Refused, ServerStart, Starter
from ecfleet.fleet import Fleet
from ecfleet.models import DIALECT_5_9
from ecfleet_suites.certificates.handshakes import client_speaking, shake_hands
from ecfleet_suites.certificates.server_bench import (
    ServerRow,
    came_of,
    credential_named,
    decide_start,
    must_start,
    presented,
    shared_set,
    starts,
)


@pytest.fixture(scope="module")
def real() -> CommandStarter:
    return CommandStarter(require_release("ecflow_server", "5.9.2"))


@pytest.fixture(params=["mock", "real"])
def starter(request: pytest.FixtureRequest) -> Iterator[Starter]:
    if request.param == "real":
        yield request.getfixturevalue("real")
    else:
        yield MockStarter(Fleet, DIALECT_5_9)


@pytest.mark.parametrize("row", starts(), ids=lambda row: f"{row.number or 'document'}: {row.what}")
def test_the_real_server_starts_and_refuses_as_in_the_table(row: ServerRow, real: CommandStarter) -> None:
    decide_start(row, real)


def test_the_real_server_is_taken_for_its_release(real: CommandStarter) -> None:
    assert (real.name, real.release, real.dialect) == ("ecflow_server", "5.9.2", DIALECT_5_9)


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("TLSv1", "tlsv1 alert internal error"),
        ("TLSv1.1", "tlsv1 alert internal error"),
        ("TLSv1.2", ""),
        ("TLSv1.3", ""),
    ],
)
def test_versions(starter: Starter, version: str, problem: str) -> None:
    with starter.start(ServerStart(shared_set(), ssl=True)) as result:
        server = must_start(result, "start with the shared set")
        seen = shake_hands(server.address, client_speaking(version))
    assert seen.problem == problem
    assert seen.version == ("" if problem else version)


def test_files_are_read_at_the_start_only(starter: Starter) -> None:
    with starter.start(ServerStart(shared_set(), ssl=True)) as result:
        server = must_start(result, "start with the shared set")
        other = credential_named("B")
        write_directory(server.directory, {"server.crt": other.certificate, "server.key": other.key})
        assert presented(server.address) == "A"


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
        assert shake_hands(server.address, client_speaking(None, chain.root)).problem == ""


def test_no_protocol_is_agreed_upon(starter: Starter) -> None:
    context = client_speaking(None, credential_named("A").certificate)
    context.set_alpn_protocols(["http/1.1", "h2"])
    with starter.start(ServerStart(shared_set(), ssl=True)) as result:
        seen = shake_hands(must_start(result, "start with the shared set").address, context)
    assert (seen.problem, seen.alpn) == ("", None)


def test_wrong_clients_end_nothing(starter: Starter) -> None:
    with starter.start(ServerStart(shared_set(), ssl=True)) as result:
        server = must_start(result, "start with the shared set")
        for _ in range(3):
            stranger = client_speaking(None, Blob(credential_named("B").certificate.data))
            assert "verify failed" in shake_hands(server.address, stranger).problem
        assert presented(server.address) == "A"


def test_a_server_without_home_files_does_not_start(starter: Starter) -> None:
    with starter.start(ServerStart({}, ssl=True)) as result:
        assert isinstance(result, Refused)
        assert came_of(result) == "134"
        assert f"{result.host_name}.{result.port_name}.crt" in result.said
