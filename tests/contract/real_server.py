"""A real ecflow_server for one test: own home, own ECF_HOME, a port of its own, gone at the end."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Below the range from which the system hands out ports for port 0 and for outgoing connections (32768 and up
# on Linux), so that nothing else on the machine is given one of these by chance.
_PORTS: Final = range(20000, 32000)
_ATTEMPTS: Final = 50
_LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp."""


class RealServerFailed(RuntimeError):
    """A real ecflow_server did not come up; the message has what it printed."""


@dataclass(frozen=True, slots=True)
class RealServer:
    """A running ecflow_server. `home` is its ECF_HOME, `process` the server itself."""

    port: int
    home: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_server(
    program: Path,
    root: Path,
    *,
    ssl_files: Mapping[str, bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    start_timeout: float = 30.0,
) -> Iterator[RealServer]:
    """Run `program` in directories below `root`; plain TCP, or TLS when `ssl_files` are given.

    :param ssl_files: what to put into `$HOME/.ecflowrc/ssl`, name to contents.
    :param environment: added to the server's environment, which is otherwise empty but for HOME, PATH and
        ECF_HOME.
    :raises RealServerFailed: when it does not listen within `start_timeout` seconds, or ends before.
    """
    user_home = root / "home"
    directory = user_home / ".ecflowrc" / "ssl"
    directory.mkdir(parents=True)
    for name, contents in (ssl_files or {}).items():
        (directory / name).write_bytes(contents)
    home = root / "ecf_home"
    home.mkdir()
    settings = {"HOME": str(user_home), "PATH": os.defpath, "ECF_HOME": str(home), "LC_ALL": "C"}
    settings |= environment or {}
    options = ["--ssl"] if ssl_files else []
    # The real server takes no port 0 and tells nobody which port it has. So it gets a random one, and another
    # when it says that this one is taken: a conflict costs a few milliseconds and never a test.
    for port in random.sample(_PORTS, _ATTEMPTS):
        printed = root / f"server.{port}.out"
        with printed.open("wb") as output:
            process = subprocess.Popen(
                [program, "--port", str(port), *options],
                env=settings,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            if _comes_up(process, port, start_timeout):
                yield RealServer(port, home, process)
                return
            said = printed.read_text(errors="replace")
            if process.poll() is None or "Address already in use" not in said:
                state = "did not listen" if process.poll() is None else f"ended with {process.returncode}"
                raise RealServerFailed(f"{program.name} on port {port} {state}: {said[:400]}")
        finally:
            _end(process)
    raise RealServerFailed(f"{program.name}: {_ATTEMPTS} random ports were all in use")


def _comes_up(process: subprocess.Popen[bytes], port: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        # Not by connecting: that would reach whoever else listens there while ours is still starting,
        # and would show in the server's counters.
        if _listens(process.pid, port):
            return True
        try:
            process.wait(timeout=0.005)
        except subprocess.TimeoutExpired:
            continue
        return False
    return False


def _listens(pid: int, port: int) -> bool:
    """Whether the process itself has a listening socket on this port, from /proc."""
    listening = {
        f"socket:[{columns[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for columns in map(str.split, _lines(table))
        if len(columns) > 9 and columns[3] == _LISTENING and columns[1].endswith(f":{port:04X}")
    }
    if not listening:
        return False
    try:
        return any(_target(entry) in listening for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def _lines(table: str) -> list[str]:
    try:
        return Path(table).read_text().splitlines()
    except OSError:
        return []


def _target(entry: Path) -> str:
    try:
        return os.readlink(entry)
    except OSError:
        # a descriptor that was closed between listing and looking
        return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    # On SIGTERM a real server writes a checkpoint and goes on; there is nothing here worth a checkpoint.
    process.kill()
    process.wait()
