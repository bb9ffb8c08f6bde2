"""The real programs that mocks are held against: where they are, which Debian package has them.

A test asks with `require_peer("ecflow_server")`. On a machine without the program the test is skipped with
one line that names the package; with ECFLEET_REQUIRE_PEERS=1 in the environment (as in CI) it fails instead,
so that nothing is left out unseen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NoReturn

import pytest

# Debian puts daemons into the sbin directories, which are not on the PATH of an ordinary user.
_DAEMON_DIRECTORIES: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Peer:
    """A real program: the names it may have, the Debian package that brings it."""

    programs: tuple[str, ...]
    package: str


PEERS: Final = {
    "chromium": Peer(("chromium", "chromium-browser"), "chromium"),
    "curl": Peer(("curl",), "curl"),
    "danted": Peer(("danted", "sockd"), "dante-server"),
    "ecflow_client": Peer(("ecflow_client",), "ecflow-client"),
    "ecflow_logsvr": Peer(("ecflow_logsvr", "ecflow_logsvr.pl"), "ecflow-server"),
    "ecflow_server": Peer(("ecflow_server",), "ecflow-server"),
    "ecflow_ui": Peer(("ecflow_ui", "ecflow_ui.x"), "ecflow-client"),
    "nginx": Peer(("nginx",), "nginx"),
    "node": Peer(("node", "nodejs"), "nodejs"),
    "openssl": Peer(("openssl",), "openssl"),
    "proxychains4": Peer(("proxychains4",), "proxychains4"),
    "ssh": Peer(("ssh",), "openssh-client"),
    "sshd": Peer(("sshd",), "openssh-server"),
    "xvfb": Peer(("Xvfb",), "xvfb"),
}


def _absent(what: str, package: str) -> NoReturn:
    line = f"{what} is not installed: apt-get install {package}"
    if os.environ.get("ECFLEET_REQUIRE_PEERS") == "1":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


@cache
def find_peer(name: str) -> Path | None:
    """Where the program called `name` (a key of PEERS) is, or None."""
    search = os.pathsep.join((os.environ.get("PATH", os.defpath), *_DAEMON_DIRECTORIES))
    for program in PEERS[name].programs:
        found = shutil.which(program, path=search)
        if found:
            return Path(found).resolve()
    return None


def require_peer(name: str) -> Path:
    """The program called `name` (a key of PEERS); without it the test is skipped, or fails in CI."""
    found = find_peer(name)
    if found is None:
        _absent(name, PEERS[name].package)
    return found


@cache
def ecflow_release(program: Path) -> str:
    """The release that an ecFlow client or server tells with --version, such as "5.9.2"; empty if none."""
    said = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=30, check=False, env={"HOME": "/"}
    ).stdout
    _, found, rest = said.partition("version(")
    return rest.partition(")")[0] if found else ""


def require_release(name: str, release: str) -> Path:
    """The ecFlow program `name` of just that release; another release counts as absent."""
    program = require_peer(name)
    seen = ecflow_release(program)
    if seen != release:
        _absent(f"{name} {release} (found {seen or 'an unknown release'} at {program})", PEERS[name].package)
    return program


@cache
def _python_with_ecflow() -> Path | None:
    # Debian's module belongs to Debian's interpreter, not to the one that runs the tests.
    for interpreter in dict.fromkeys(("/usr/bin/python3", shutil.which("python3") or "/usr/bin/python3")):
        if not Path(interpreter).exists():
            continue
        tried = subprocess.run(
            [interpreter, "-c", "import ecflow"], capture_output=True, timeout=30, check=False
        )
        if tried.returncode == 0:
            return Path(interpreter)
    return None


def require_python_ecflow() -> Path:
    """An interpreter that can import the real ecflow module."""
    found = _python_with_ecflow()
    if found is None:
        _absent("the Python module ecflow", "python3-ecflow")
    return found
