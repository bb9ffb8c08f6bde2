"""Pings a second against the mock and against the real ecflow_server, and how fast mocks start."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.conftest import cpu_seconds, generated_load
from contract.peers import require_release
from contract.real_server import running_server
from ecfleet.certificates import self_signed, server_files
from ecfleet.fleet import Fleet
from ecfleet.models import DIALECT_5_9
from ecfleet.services import Address, Transport

PINGS = 500
KINDS = ("plain", "tls")


@dataclass(frozen=True)
class Target:
    """A server under load: where, which certificate to trust, and the process whose CPU time it uses."""

    address: Address
    certificate: Path | None
    pid: int


@contextmanager
def mock(kind: str, tmp_path: Path) -> Iterator[Target]:
    fleet = Fleet()
    credential = self_signed("localhost")
    server = fleet.ecflow_server(
        dialect=DIALECT_5_9,
        plain=0 if kind == "plain" else None,
        tls=0 if kind == "tls" else None,
        certificate=credential,
    )
    trusted = None
    if kind == "tls":
        trusted = tmp_path / "mock.crt"
        credential.certificate.write_to_path(trusted)
    with fleet:
        transport = Transport.TCP if kind == "plain" else Transport.SSL
        yield Target(server.addresses[transport], trusted, os.getpid())


@contextmanager
def real(kind: str, tmp_path: Path) -> Iterator[Target]:
    program = require_release("ecflow_server", "5.9.2")
    files = None
    trusted = None
    if kind == "tls":
        credential = self_signed("localhost")
        files = {name: blob.data for name, blob in server_files(credential).items()}
        trusted = tmp_path / "real.crt"
        credential.certificate.write_to_path(trusted)
    with running_server(program, tmp_path / "real", ssl_files=files) as server:
        yield Target(Address("127.0.0.1", server.port), trusted, server.process.pid)


@pytest.mark.parametrize("which", [mock, real], ids=["mock", "real"])
@pytest.mark.parametrize("kind", KINDS)
def test_pings_one_connection_each(
    benchmark: BenchmarkFixture,
    kind: str,
    which: Callable[[str, Path], object],
    tmp_path: Path,
) -> None:
    benchmark.group = f"{PINGS} pings, {kind}"
    with which(kind, tmp_path) as target, generated_load(target.address, target.certificate) as load:  # type: ignore[attr-defined]
        load(20)
        benchmark.pedantic(load, args=(PINGS,), rounds=5)


@pytest.mark.parametrize("kind", KINDS)
def test_server_cpu_time_of_a_ping(
    benchmark: BenchmarkFixture, kind: str, tmp_path: Path, report: Callable[[str], None]
) -> None:
    """The CPU time that a ping costs the server: the mock's over the real one's."""
    benchmark.group = f"server CPU of {PINGS} pings, {kind}"
    spent: dict[str, float] = {}
    for name, which in (("real", real), ("mock", mock)):
        place = tmp_path / name
        place.mkdir()
        with which(kind, place) as target, generated_load(target.address, target.certificate) as load:
            load(20)
            before = cpu_seconds(target.pid)
            if name == "mock":
                benchmark.pedantic(load, args=(4 * PINGS,), rounds=1)
            else:
                load(4 * PINGS)
            spent[name] = cpu_seconds(target.pid) - before
    ratio = spent["mock"] / spent["real"]
    benchmark.extra_info |= {"ratio": ratio, **spent}
    each = {name: f"{seconds / (4 * PINGS) * 1e6:.0f} µs" for name, seconds in spent.items()}
    report(f"ping over {kind}: the mock spends {ratio:.2f} times the real server's CPU time ({each})")


def test_start_of_a_mock_server(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "start"

    def start_and_stop() -> None:
        fleet = Fleet()
        fleet.ecflow_server()
        with fleet:
            pass

    benchmark(start_and_stop)


def test_start_of_a_fleet_of_100_servers(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "start"

    def start_and_stop() -> None:
        fleet = Fleet()
        for number in range(100):
            fleet.ecflow_server(f"server{number}")
        with fleet:
            assert len(fleet.services) == 100

    benchmark.pedantic(start_and_stop, rounds=5)
