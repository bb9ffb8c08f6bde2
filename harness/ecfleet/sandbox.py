"""A home of its own for every run of a client: HOME, working directory, environment, files.

What a client finds decides which server it talks to, with which certificate and which token; so it
finds exactly what a test has put there and nothing of the machine's own user.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["INHERITED", "Sandbox", "SandboxError", "TokenFilePlace", "check_inheritable"]

INHERITED: Final = (
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SYSTEMROOT",
)
"""The only variables taken over from the environment of the harness; the rest would decide silently.

Nothing that starts with ECF_ (nor NO_ECF) and no proxy variable is among them, nor can it be asked for.
"""

_NEVER_INHERITED: Final = ("NO_ECF", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY")


class SandboxError(ValueError):
    """A sandbox cannot hold what it is asked to hold; the message is one clear line."""


def check_inheritable(names: Iterable[str]) -> None:
    """Raise `SandboxError` when one of these variables would decide a verdict if a client inherited it."""
    for name in names:
        if name.startswith("ECF_") or name.upper() in _NEVER_INHERITED:
            raise SandboxError(f"{name} cannot be inherited by a client under test: set it in the sandbox")


class TokenFilePlace(StrEnum):
    """Where `Sandbox.put_token_file` puts the file."""

    HOME = "home"
    DIRECTORY = "working directory"
    ENVIRONMENT = "ECF_AUTHTOKENS"


class Sandbox:
    """Directories and variables for client runs; removes itself at the end of `with`, unless `keep`.

    `root` is a directory that is made when it is not there (default: a new temporary one). A directory
    that was there before is never removed, only what the sandbox made in it. `host_name` is what
    the built-in client takes for the name of its machine (default: gethostname()); a real program asks
    the system. `inherit` names further variables to take over, for clients that need a JAVA_HOME or
    so. Raises `SandboxError` for one that would decide a verdict.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        keep: bool = False,
        host_name: str | None = None,
        inherit: Iterable[str] = (),
    ) -> None:
        names = (*INHERITED, *inherit)
        check_inheritable(names)
        self.keep = keep
        self.host_name = socket.gethostname() if host_name is None else host_name
        if root is None:
            self.root = Path(tempfile.mkdtemp(prefix="ecfleet-sandbox-"))
            self._made_root = True
        else:
            self._made_root = not root.exists()
            root.mkdir(parents=True, exist_ok=True)
            self.root = root.resolve()
        self.home = self.root / "home"
        self.cwd = self.root / "cwd"
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.cwd.mkdir(mode=0o700, exist_ok=True)
        self._inherited = {name: os.environ[name] for name in names if name in os.environ}
        self._inherited.setdefault("PATH", os.defpath)
        self._own: dict[str, str] = {"HOME": str(self.home)}

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of a client run, a copy."""
        return self._inherited | self._own

    def set(self, name: str, value: str | Path) -> None:
        """Set a variable for every run to come."""
        text = str(value)
        if not name or "=" in name or "\0" in name + text:
            raise SandboxError(f"{name!r} cannot be set: a variable holds no NUL, and its name no '='")
        self._own[name] = text

    def unset(self, name: str) -> None:
        """Leave a variable out, whether it was set here or inherited (HOME included)."""
        self._own.pop(name, None)
        self._inherited.pop(name, None)

    @property
    def certificate_directory(self) -> Path:
        """$HOME/.ecflowrc/ssl of this sandbox."""
        return self.home / ".ecflowrc" / "ssl"

    def put_certificate(self, name: str, content: bytes | str, directory: Path | None = None) -> Path:
        """Put a file called `name` into the certificate directory, or into `directory`; its path."""
        return _write((directory or self.certificate_directory) / name, content)

    def put_token_file(
        self, content: bytes | str | Mapping[str, Any], where: TokenFilePlace = TokenFilePlace.HOME
    ) -> Path:
        """Put a token file, a mapping as JSON; its path.

        With ENVIRONMENT it lies aside from both usual places, and ECF_AUTHTOKENS is set to its path.
        """
        if isinstance(content, Mapping):
            content = json.dumps(content, indent=2)
        if where is TokenFilePlace.ENVIRONMENT:
            path = _write(self.root / "tokens" / "ecflowapirc", content)
            self.set("ECF_AUTHTOKENS", path)
            return path
        return _write((self.home if where is TokenFilePlace.HOME else self.cwd) / ".ecflowapirc", content)

    def put_host_file(self, lines: Iterable[str]) -> Path:
        """Put a host file with these lines and set ECF_HOSTFILE to it; its path."""
        path = _write(self.root / "hosts" / "hostfile", "".join(f"{line}\n" for line in lines))
        self.set("ECF_HOSTFILE", path)
        return path

    def put_file(self, name: str, content: bytes | str, mode: int = 0o600) -> Path:
        """Put a file below the working directory, `name` being relative to it; its path.

        Raises `SandboxError` when the name leads out of the working directory.
        """
        path = (self.cwd / name).resolve()
        if not path.is_relative_to(self.cwd.resolve()) or path == self.cwd.resolve():
            raise SandboxError(f"{name!r} leads out of the working directory of the sandbox")
        return _write(path, content, mode)

    def write_to(self, directory: Path) -> None:
        """Copy all files, and the variables that were set here, to `directory` for a look afterwards.

        Only the owner can read them, because token files and keys are among them. The variables are in
        the file `environment`, one `NAME=value` a line, as `env -i $(cat environment)` would take them
        when no value holds a blank. Raises `SandboxError` when there is something in `directory`.
        """
        if directory.exists() and any(directory.iterdir()):
            raise SandboxError(f"{directory}: not empty; name a new directory to keep the sandbox in")
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for entry in sorted(self.root.iterdir()):
            if entry.resolve() == directory.resolve():
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.copytree(entry, directory / entry.name, symlinks=True)
            else:
                shutil.copy2(entry, directory / entry.name, follow_symlinks=False)
        lines = "".join(f"{name}={value}\n" for name, value in sorted(self._own.items()))
        _write(directory / "environment", lines)

    def close(self) -> None:
        """Remove what the sandbox made. Harmless when called again."""
        if self.keep:
            return
        if self._made_root:
            shutil.rmtree(self.root, ignore_errors=True)
            return
        for name in ("home", "cwd", "tokens", "hosts"):
            shutil.rmtree(self.root / name, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _write(path: Path, content: bytes | str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = content.encode() if isinstance(content, str) else content
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    path.chmod(mode)
    return path
