"""What the certificate suite costs: seconds on the built-in client, its own processes on ecflow_client."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from contract.peers import require_release
from contract.real_server import running_server
from ecfleet import runner
from ecfleet.certificates import elliptic, server_files
from ecfleet.clients import processes
from ecfleet.rules import Catalogue, Subject, find_suites
from ecfleet.verdicts import ExitStatus

ROUNDS = 15
CLIENT_RULES = tuple(
    rule.id
    for suite in find_suites()
    for rule in suite.rules
    if rule.area == "certificates" and rule.subject is Subject.CLIENT
)


def run_suite(client: str) -> ExitStatus:
    """All certificate rules about clients on one client."""
    settings = runner.Settings(clients=(client,), rules=CLIENT_RULES, seed=1)
    return runner.run(Catalogue(find_suites()), settings).exit_status


def timed(client: str) -> float:
    """The seconds that :func:`run_suite` takes; nothing may fail."""
    began = time.perf_counter()
    assert run_suite(client) is ExitStatus.OK
    return time.perf_counter() - began


def test_on_the_builtin_client(benchmark: BenchmarkFixture, report: Callable[[str], None]) -> None:
    benchmark.group = "certificate suite"
    run_suite("builtin")  # what is imported and made once is no cost of the suite
    spent: list[float] = []
    benchmark.pedantic(lambda: spent.append(timed("builtin")), rounds=3)
    report(f"certificate rules on the built-in client: {statistics.median(spent):.1f} s")


class Kinds:
    """The processes that a suite has started, by what they are bound to do and to wait for."""

    def __init__(self, run: Callable[..., tuple[int | None, bytes, bytes]]) -> None:
        self._run = run
        self.count: Counter[str] = Counter()
        self.seconds = 0.0
        self.waited = 0.0

    def __call__(
        self, argv: list[str], environment: Mapping[str, str], directory: str, timeout: float
    ) -> tuple[int | None, bytes, bytes]:
        started = time.perf_counter()
        code, out, err = self._run(argv, environment, directory, timeout)
        seconds = time.perf_counter() - started
        self.seconds += seconds
        if code == 0:
            kind = "answered over TLS" if "--ssl" in argv or "ECF_SSL" in environment else "answered"
        else:
            kind = "refused" if b"handshake" in err or b"EOF" in err else "no connection"
        self.count[kind] += 1
        if seconds > 1.0:
            # A client pauses for a second before its second attempt, whoever started it.
            self.waited += 1.0
        return code, out, err


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kinds]:
    kinds = Kinds(processes.run_program)
    with monkeypatch.context() as patch:
        patch.setattr("ecfleet.clients.command.run_program", kinds)
        yield kinds


def bare_costs(client: Path, server: Path, place: Path) -> dict[str, float]:
    """The median seconds of one process of each kind, started one after the other at a real server."""
    own, other = elliptic("localhost", pair=0), elliptic("localhost", pair=1)
    files = {name: blob.data for name, blob in server_files(own).items()}
    homes = {"own": own.certificate.data, "other": other.certificate.data, "none": None}
    for name, held in homes.items():
        directory = place / name / ".ecflowrc" / "ssl"
        directory.mkdir(parents=True)
        if held is not None:
            (directory / "server.crt").write_bytes(held)
    with (
        running_server(server, place / "tls", ssl_files=files) as tls,
        running_server(server, place / "plain") as plain,
    ):
        kinds = {
            "answered over TLS": ("own", "--ssl", tls.port),
            "refused": ("other", "--ssl", tls.port),
            "no connection": ("none", "--ssl", tls.port),
            "answered": ("none", "--host=localhost", plain.port),
        }
        return {
            kind: statistics.median(
                _bare([str(client), option, f"--port={port}", "--ping"], place / home) for _ in range(ROUNDS)
            )
            for kind, (home, option, port) in kinds.items()
        }


def _bare(argv: list[str], home: Path) -> float:
    started = time.perf_counter()
    subprocess.run(
        argv,
        env={"HOME": str(home), "PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return time.perf_counter() - started


def test_on_ecflow_client(
    benchmark: BenchmarkFixture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    report: Callable[[str], None],
) -> None:
    """Wall time of the suite over the bare cost of the processes that it starts."""
    benchmark.group = "certificate suite"
    client = require_release("ecflow_client", "5.9.2")
    server = require_release("ecflow_server", "5.9.2")
    assert shutil.which("ecflow_client"), "the client is found by its name"
    run_suite("builtin")
    with counted(monkeypatch) as kinds:
        spent: list[float] = []
        benchmark.pedantic(lambda: spent.append(timed("ecflow_client")), rounds=1)
    costs = bare_costs(client, server, tmp_path)
    bare = kinds.waited + sum(costs[kind] * number for kind, number in kinds.count.items())
    wall = spent[0]
    benchmark.extra_info |= {"ratio": wall / bare, "processes": kinds.count.total(), "bare": bare}
    each = ", ".join(f"{number} {kind} at {costs[kind] * 1e3:.0f} ms" for kind, number in kinds.count.items())
    report(
        f"certificate rules on ecflow_client: {wall:.1f} s, {wall / bare:.2f} times the bare cost of "
        f"{kinds.count.total()} processes ({each}; {kinds.waited:.0f} s of pauses)"
    )
