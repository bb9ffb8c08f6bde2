"""`ecfleet certs`: what is written, with which permissions, and how mistakes are told."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ecfleet.certificates import DH_1024, PASSPHRASE, authority
from ecfleet.certs_command import CertsError, Kind, Phrase, describe, make_set, write_set
from ecfleet.cli import main


def test_a_shared_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "set"
    assert main(["certs", str(directory), "--host", "machine1"]) == 0
    server, client = directory / "server", directory / "client"
    assert {path.name for path in server.iterdir()} == {"server.crt", "server.key", "dh2048.pem"}
    assert {path.name for path in client.iterdir()} == {"server.crt"}
    assert (server / "server.crt").read_bytes() == (client / "server.crt").read_bytes()
    said = capsys.readouterr().out
    for words in (f"{server}: ", f"{client}: ", "~/.ecflowrc/ssl", "--ssl --host=machine1", "expect: works"):
        assert words in said


def test_a_set_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "set"
    arguments = ["certs", str(directory), "--host", "machine1", "--port", "4141", "--passphrase", "right"]
    assert main(arguments) == 0
    names = {path.name for path in (directory / "server").iterdir()}
    assert names == {f"machine1.4141.{part}" for part in ("crt", "key", "pem", "passwd")}
    assert (directory / "server" / "machine1.4141.passwd").read_text() == f"{PASSPHRASE}\n"
    assert "ECF_SSL=machine1.4141" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="not run: needs permissions as on POSIX")
def test_permissions(tmp_path: Path) -> None:
    directory = tmp_path / "set"
    write_set(directory, make_set(phrase=Phrase.RIGHT))
    modes = {
        path.relative_to(directory).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in directory.rglob("*")
    }
    assert modes.pop("server") == modes.pop("client") == 0o700
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert modes["server/server.key"] == modes["server/server.passwd"] == 0o600
    assert modes["server/server.crt"] == modes["client/server.crt"] == 0o644


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_says_what_to_expect(kind: Kind, tmp_path: Path) -> None:
    made = make_set(kind, host="machine1")
    write_set(tmp_path / "set", made)
    assert describe(tmp_path / "set", made).endswith(f"expect: {made.expected}")
    assert (tmp_path / "set" / "server" / "server.key").stat().st_size > 0


def test_what_clients_trust() -> None:
    for kind, same in ((Kind.SELF_SIGNED, True), (Kind.CHAIN, True), (Kind.OTHER_FILE, False)):
        made = make_set(kind, host="machine1")
        assert (made.server["server.crt"] == made.client["server.crt"]) is same
    assert make_set(Kind.CA_SIGNED).client["server.crt"] == authority().certificate
    assert make_set(Kind.EMPTY).client["server.crt"].data == b""


def test_parameters() -> None:
    assert make_set(Kind.SMALL_PARAMETERS).server["dh1024.pem"] == DH_1024
    assert make_set(Kind.SMALL_PARAMETERS, host="m", port=1).server["m.1.pem"] == DH_1024
    assert not [name for name in make_set(Kind.NO_PARAMETERS).server if name.endswith(".pem")]


@pytest.mark.parametrize(
    ("phrase", "content"),
    [
        (Phrase.WRONG, b"ecfleet-secret-of-another-key\n"),
        (Phrase.CRLF, f"{PASSPHRASE}\r\n".encode()),
        (Phrase.MISSING, None),
    ],
)
def test_pass_phrase_files(phrase: Phrase, content: bytes | None) -> None:
    made = make_set(phrase=phrase)
    assert b"ENCRYPTED" in made.server["server.key"].data
    held = made.server.get("server.passwd")
    assert (None if held is None else held.data) == content
    assert "bad decrypt" in made.expected


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--kind", "nonsense"], "there is no kind 'nonsense'; there are self-signed, ca-signed,"),
        (["--passphrase", "maybe"], "there is no --passphrase 'maybe'; there are none, right,"),
        (["--host", "a/b"], "'a/b' cannot be a host: give a name of 1 to 64 characters"),
        (["--host", ""], "'' cannot be a host: give a name of 1 to 64 characters"),
        (["--port", "65536"], "65536 cannot be a port: give a number from 1 to 65535"),
        (["--port", "x"], "must be a whole number"),
        (["--kind", "another-key", "--passphrase", "right"], "give --kind another-key alone"),
    ],
)
def test_mistakes_are_told_in_one_line(
    arguments: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["certs", str(tmp_path / "set"), *arguments]) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert told.startswith("ecfleet certs: ")
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "server.key").write_text("mine")
    assert main(["certs", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"ecfleet certs: {tmp_path}: is there and not an empty directory; name a new one\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["server.key"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write_set(tmp_path / "set", make_set())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["client", "server"]


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ecfleet.certs_command.os.rename", fails)
    with pytest.raises(CertsError, match=r"set: No space left on device"):
        write_set(tmp_path / "set", make_set())
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CertsError, match=r"Not a directory|exists"):
        write_set(tmp_path / "file" / "set", make_set())
