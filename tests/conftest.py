"""What all tests share: Hypothesis profiles, and a look after each test for what it left behind."""

from __future__ import annotations

import asyncio
import asyncio.runners
import gc
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# Deadlines measure the machine, and nothing here asserts a time.
settings.register_profile(
    "ecfleet", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("full", settings.get_profile("ecfleet"), max_examples=5_000, derandomize=False)
settings.load_profile(os.environ.get("ECFLEET_HYPOTHESIS_PROFILE", "ecfleet"))

_unfinished: list[str] = []
_cancel_all_tasks = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]


def _remember_unfinished(loop: asyncio.AbstractEventLoop) -> None:
    # The runner cancels in silence whatever a test left running; here it is written down first.
    _unfinished.extend(repr(task) for task in asyncio.all_tasks(loop) if not task.done())
    _cancel_all_tasks(loop)


asyncio.runners._cancel_all_tasks = _remember_unfinished  # type: ignore[attr-defined]


def _sockets() -> set[str]:
    """The sockets that this process has open (Linux; elsewhere the empty set)."""
    found: set[str] = set()
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return found
    for name in names:
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_directory() -> Iterator[Path]:
    """Send all temporary files of this process to one place, where leftovers can be seen."""
    place = Path(tempfile.mkdtemp(prefix="ecfleet-tests-"))
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(place)
    yield place
    tempfile.tempdir = before[0]
    if before[1] is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before[1]
    shutil.rmtree(place, ignore_errors=True)


def _left_over(place: Path) -> set[str]:
    return {entry.name for entry in place.iterdir() if not entry.name.startswith("pytest-of-")}


@pytest.fixture(autouse=True)
def _leaves_nothing_behind(request: pytest.FixtureRequest, _own_temporary_directory: Path) -> Iterator[None]:
    """Fail a test that leaves a thread, socket, asyncio task or temporary file behind.

    The mark ``shares_threads`` excuses threads and sockets that live as long as the process by design.
    """
    threads, sockets, files = set(threading.enumerate()), _sockets(), _left_over(_own_temporary_directory)
    _unfinished.clear()
    yield
    left: list[Any] = [f"unfinished task {task}" for task in _unfinished]
    left += [f"temporary file {name}" for name in _left_over(_own_temporary_directory) - files]
    if request.node.get_closest_marker("shares_threads") is None:
        for thread in set(threading.enumerate()) - threads:
            thread.join(1)
            if thread.is_alive():
                left.append(f"thread {thread.name}")
        if _sockets() - sockets:
            gc.collect()
            left += [f"open {name}" for name in _sockets() - sockets]
    if left:
        pytest.fail("left behind: " + "; ".join(map(str, left)))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "shares_threads: the test starts a thread that lives as long as the process"
    )
