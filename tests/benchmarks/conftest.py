"""What the benchmarks share: a load generator in a process of its own, and the CPU time of a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecfleet.services import Address

Load = Callable[[int], float]
"""Sends so many pings, one connection each; returns the seconds that they took."""


@contextmanager
def generated_load(address: Address, certificate: Path | None = None) -> Iterator[Load]:
    """A load generator for this server, in a process of its own."""
    program = Path(__file__).with_name("load_generator.py")
    command = [sys.executable, str(program), address.host, str(address.port)]
    if certificate is not None:
        command.append(str(certificate))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, replies = process.stdin, process.stdout

        def load(count: int) -> float:
            requests.write(f"{count}\n")
            requests.flush()
            answer = replies.readline()
            assert answer, "the load generator ended early"
            return float(answer)

        yield load
        requests.close()
        process.wait(timeout=10)


def cpu_seconds(pid: int) -> float:
    """User and system CPU time that a process has used so far, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def report(record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]) -> object:
    """Prints a line past the capture, so that a run by hand shows the ratios."""

    def say(line: str) -> None:
        record_property("ratio", line)
        with capsys.disabled():
            print(f"\n  {line}")

    return say
