"""What `ecfleet certs` writes, used by a real ecflow_server with --ssl and a real ecflow_client with --ssl.

Also the reports about real clients that no rule's table has in it: what they say, and how often they try.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from contract.peers import require_release
from ecfleet.certificates_server import CommandStarter, Refused, ServerStart
from ecfleet.certs_command import Kind, Phrase, make_set, write_set

WORK = (Kind.SELF_SIGNED, Kind.CA_SIGNED, Kind.CHAIN, Kind.WRONG_NAME)
SERVER_REFUSES = {
    Kind.ANOTHER_KEY: "key values mismatch",
    Kind.SMALL_KEY: "ee key too small",
    Kind.SMALL_PARAMETERS: "dh key too small",
    Kind.NO_PARAMETERS: "dh1024.pem",
}


@pytest.fixture(scope="module")
def server() -> CommandStarter:
    return CommandStarter(require_release("ecflow_server", "5.9.2"))


@pytest.fixture(scope="module")
def client() -> Path:
    return require_release("ecflow_client", "5.9.2")


def ping(client: Path, home: Path, files: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """As the printed instructions have it: the directory copied to ~/.ecflowrc/ssl, then the call."""
    shutil.copytree(files, home / ".ecflowrc" / "ssl")
    return subprocess.run(
        [client, *options, "--ping"],
        env={"HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("phrase", [Phrase.NONE, Phrase.RIGHT])
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in SERVER_REFUSES])
def test_a_set_on_real_programs(
    kind: Kind, phrase: Phrase, server: CommandStarter, client: Path, tmp_path: Path
) -> None:
    made = make_set(kind, phrase=phrase)
    write_set(tmp_path / "set", made)
    with server.start(ServerStart(contents(tmp_path / "set" / "server"), ssl=True)) as started:
        assert not isinstance(started, Refused), started
        options = ("--ssl", "--host=localhost", f"--port={started.address.port}")
        done = ping(client, tmp_path / "home", tmp_path / "set" / "client", *options)
    assert (done.returncode == 0) == (kind in WORK), done.stderr
    assert (made.expected.startswith("works")) == (kind in WORK)
    if kind not in WORK:
        assert "certificate verify failed" in done.stderr
        assert "certificate verify failed" in made.expected


@pytest.mark.parametrize("kind", SERVER_REFUSES)
def test_a_set_that_the_real_server_refuses(kind: Kind, server: CommandStarter) -> None:
    made = make_set(kind)
    files = {name: blob.data for name, blob in made.server.items()}
    with server.start(ServerStart(files, ssl=True)) as refused:
        assert isinstance(refused, Refused)
    assert refused.exit_code == 1
    assert SERVER_REFUSES[kind] in refused.said
    assert "exit status 1" in made.expected


@pytest.mark.parametrize("phrase", [Phrase.WRONG, Phrase.MISSING, Phrase.CRLF])
def test_a_pass_phrase_that_the_real_server_refuses(phrase: Phrase, server: CommandStarter) -> None:
    files = {name: blob.data for name, blob in make_set(phrase=phrase).server.items()}
    with server.start(ServerStart(files, ssl=True)) as refused:
        assert isinstance(refused, Refused)
    assert refused.exit_code == 1
    assert "bad decrypt" in refused.said


def test_a_set_of_its_own_on_real_programs(server: CommandStarter, client: Path, tmp_path: Path) -> None:
    # The port is known at the start only, so the names are put in by the starter.
    made = make_set(Kind.SELF_SIGNED, host="named", port=1, phrase=Phrase.RIGHT)
    files = {name.replace("named.1.", "<H>.<P>."): blob.data for name, blob in made.server.items()}
    start = ServerStart(files, ecf_ssl="<H>.<P>", port_by="environment")
    with server.start(start) as started:
        assert not isinstance(started, Refused), started
        trusted = tmp_path / "client"
        trusted.mkdir()
        [blob] = made.client.values()
        blob.write_to_path(trusted / f"{started.host_name}.{started.port_name}.crt")
        done = ping(client, tmp_path / "home", trusted, "--ssl", f"--port={started.address.port}")
    assert done.returncode == 0, done.stderr
