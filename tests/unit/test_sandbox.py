"""A sandbox holds what it was given, takes over nothing that decides, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from ecfleet.sandbox import Sandbox, SandboxError, TokenFilePlace


@pytest.mark.parametrize(
    "name",
    [
        "ECF_HOST",
        "ECF_PORT",
        "ECF_SSL",
        "ECF_ANYTHING_NEW",
        "NO_ECF",
        "http_proxy",
        "HTTPS_PROXY",
        "all_proxy",
    ],
)
def test_nothing_that_decides_is_inherited(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    with Sandbox() as sandbox:
        assert name not in sandbox.environment
    with pytest.raises(SandboxError, match=name):
        Sandbox(inherit=(name,))


def test_own_home_and_the_path_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/somewhere/bin")
    monkeypatch.setenv("JAVA_HOME", "/java")
    with Sandbox(inherit=("JAVA_HOME",)) as sandbox:
        assert sandbox.environment["HOME"] == str(sandbox.home) != os.environ.get("HOME")
        assert sandbox.environment["PATH"] == "/somewhere/bin"
        assert sandbox.environment["JAVA_HOME"] == "/java"
        sandbox.unset("PATH")
        sandbox.unset("HOME")
        assert not {"PATH", "HOME"} & set(sandbox.environment)


def test_environment_is_a_copy() -> None:
    with Sandbox() as sandbox:
        sandbox.environment["ECF_HOST"] = "elsewhere"
        assert "ECF_HOST" not in sandbox.environment
        sandbox.set("ECF_HOST", "machine1")
        assert sandbox.environment["ECF_HOST"] == "machine1"


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("A=B", "x"), ("A", "x\0y")])
def test_impossible_variables_are_refused(name: str, value: str) -> None:
    with Sandbox() as sandbox, pytest.raises(SandboxError):
        sandbox.set(name, value)


def test_files_are_where_clients_look_and_private() -> None:
    with Sandbox() as sandbox:
        certificate = sandbox.put_certificate("server.crt", "PEM")
        assert certificate == sandbox.home / ".ecflowrc/ssl/server.crt"
        aside = sandbox.put_certificate("server.crt", b"PEM", sandbox.root / "home" / "certificates")
        assert aside.read_bytes() == b"PEM"
        in_home = sandbox.put_token_file({"version": 1, "tokens": []})
        assert in_home == sandbox.home / ".ecflowapirc"
        assert json.loads(in_home.read_text()) == {"version": 1, "tokens": []}
        assert sandbox.put_token_file("x", TokenFilePlace.DIRECTORY) == sandbox.cwd / ".ecflowapirc"
        apart = sandbox.put_token_file(b"y", TokenFilePlace.ENVIRONMENT)
        assert sandbox.environment["ECF_AUTHTOKENS"] == str(apart)
        assert apart.parent not in (sandbox.home, sandbox.cwd)
        hosts = sandbox.put_host_file(["machine1:3141", "machine2"])
        assert Path(sandbox.environment["ECF_HOSTFILE"]).read_text() == "machine1:3141\nmachine2\n"
        for path in (certificate, in_home, apart, hosts):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert sandbox.put_file("sub/run.sh", "#!/bin/sh\n", 0o755).stat().st_mode & 0o111
        sandbox.put_certificate("server.crt", "again")
        assert certificate.read_text() == "again"


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a/../../b", "", "."])
def test_files_cannot_leave_the_working_directory(name: str) -> None:
    with Sandbox() as sandbox, pytest.raises(SandboxError, match="leads out"):
        sandbox.put_file(name, "x")


def test_removes_itself_unless_kept(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        root = sandbox.root
        assert root.is_dir()
    assert not root.exists()
    sandbox.close()

    with Sandbox(tmp_path / "kept", keep=True) as sandbox:
        sandbox.put_file("definition.def", "suite s\nendsuite\n")
    assert (tmp_path / "kept/cwd/definition.def").exists()

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("keep me")
    with Sandbox(tmp_path / "mine") as sandbox:
        sandbox.put_host_file(["machine1"])
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes"]


def test_write_to_copies_files_and_own_variables_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "xx_XX.inherited")
    target = tmp_path / "kept"
    with Sandbox() as sandbox:
        sandbox.put_token_file("ecfleet-secret-file")
        sandbox.set("ECF_PORT", "4141")
        sandbox.write_to(target)
        with pytest.raises(SandboxError, match="not empty"):
            sandbox.write_to(target)
        home = str(sandbox.home)
    assert (target / "home/.ecflowapirc").read_text() == "ecfleet-secret-file"
    assert (target / "environment").read_text() == f"ECF_PORT=4141\nHOME={home}\n"
    assert stat.S_IMODE((target / "environment").stat().st_mode) == 0o600


def test_host_name_can_be_told() -> None:
    with Sandbox(host_name="laptop") as told, Sandbox() as asked:
        assert told.host_name == "laptop"
        assert asked.host_name
