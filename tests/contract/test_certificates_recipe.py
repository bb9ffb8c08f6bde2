"""The commands of the OpenSSL set-up, run as printed, and their files on real programs.

The printed command for DH parameters takes from seconds to minutes, so it runs in the long run only; all
else uses a group of RFC 7919 in its place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from contract.peers import require_peer, require_release
from ecfleet.certificates import DH_2048
from ecfleet.certificates_server import CommandStarter, Refused, ServerStart
from ecfleet_suites.certificates import recipe

LONG_RUN = os.environ.get("ECFLEET_HYPOTHESIS_PROFILE") == "full"


@pytest.fixture(scope="module")
def server() -> CommandStarter:
    require_peer("openssl")
    return CommandStarter(require_release("ecflow_server", "5.9.2"))


def made(directory: Path, *names: str) -> dict[str, bytes]:
    return {name: (directory / name).read_bytes() for name in names} | {"dh2048.pem": DH_2048.data}


def ping(server: CommandStarter, files: dict[str, bytes], home: Path) -> int:
    """Exit status of ecflow_client --ssl --ping at a server with these files; it has the same server.crt."""
    client = require_release("ecflow_client", "5.9.2")
    directory = home / ".ecflowrc" / "ssl"
    directory.mkdir(parents=True)
    (directory / "server.crt").write_bytes(files["server.crt"])
    with server.start(ServerStart(files, ssl=True)) as started:
        assert not isinstance(started, Refused), started
        options = ["--ssl", "--host=localhost", f"--port={started.address.port}", "--ping"]
        return subprocess.run(
            [client, *options],
            env={"HOME": str(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        ).returncode


def test_as_printed_the_real_server_refuses_the_key(server: CommandStarter, tmp_path: Path) -> None:
    recipe.follow(tmp_path)
    files = made(tmp_path, "server.crt", "server.key", "server.passwd")
    with server.start(ServerStart(files, ssl=True)) as end:
        assert isinstance(end, Refused)
    assert end.exit_code == 1
    assert "ee key too small" in end.said


def test_with_a_longer_key_real_programs_work(server: CommandStarter, tmp_path: Path) -> None:
    recipe.follow(tmp_path, bits="2048")
    assert b"ENCRYPTED" in (tmp_path / "server.key").read_bytes()
    assert ping(server, made(tmp_path, "server.crt", "server.key", "server.passwd"), tmp_path / "home") == 0


def test_without_the_pass_phrase_real_programs_work(server: CommandStarter, tmp_path: Path) -> None:
    recipe.follow(tmp_path, bits="2048")
    recipe.remove_phrase(tmp_path)
    assert not (tmp_path / "server.passwd").exists()
    assert b"ENCRYPTED" in (tmp_path / "server.key.secure").read_bytes()
    assert b"ENCRYPTED" not in (tmp_path / "server.key").read_bytes()
    assert ping(server, made(tmp_path, "server.crt", "server.key"), tmp_path / "home") == 0


@pytest.mark.skipif(not LONG_RUN, reason="not run: openssl dhparam may take minutes; tox -e full runs it")
def test_the_printed_parameters(server: CommandStarter, tmp_path: Path) -> None:
    assert shutil.which("openssl")
    recipe.follow(tmp_path, bits="2048")
    assert recipe.parameters(tmp_path, patience=900.0), "openssl dhparam did not end well"
    files = made(tmp_path, "server.crt", "server.key", "server.passwd")
    files["dh2048.pem"] = (tmp_path / "dh2048.pem").read_bytes()
    assert files["dh2048.pem"] != DH_2048.data
    assert ping(server, files, tmp_path / "home") == 0
