"""The commands of the OpenSSL set-up, run as the document prints them with the installed openssl."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ecfleet import not_run, violated
from ecfleet_suites.certificates.experiments import read_table

__all__ = ["PHRASE", "follow", "parameters", "remove_phrase", "run_openssl"]

PHRASE: Final = "ecfleet-secret typed at the prompt"
"""What is typed where a command asks for a pass phrase."""

_PATIENCE: Final = 60.0
"""Seconds for one command; a key of 2048 bits takes well under one."""


def run_openssl(arguments: Sequence[str], directory: Path, patience: float = _PATIENCE) -> bool:
    """Run ``openssl`` there; whether it has ended well. False also when its time was up."""
    program = shutil.which("openssl")
    if program is None:
        not_run("openssl", install="apt-get install openssl")
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _run(step: Mapping[str, Any], directory: Path, replaced: Mapping[str, str]) -> None:
    words = [replaced.get(word, word) for word in step["printed"]]
    # Options have to stand before the number of bits, which is the last word of two of the commands.
    arguments = [words[0], *step["answers"], *words[1:]]
    if not run_openssl(arguments, directory):
        violated(
            f"openssl {' '.join(words)}",
            expected="the documented command ends well",
            seen="it ends with an error",
        )


def follow(directory: Path, *, bits: str = "1024") -> None:
    """Key, request and certificate, as printed but for the size of the key, and server.passwd.

    :raises RuleViolation: when a command fails.
    """
    (directory / "phrase").write_text(f"{PHRASE}\n", encoding="utf-8")
    for step in read_table("recipe.toml")["step"]:
        _run(step, directory, {"1024": bits})
    (directory / "server.passwd").write_text(PHRASE, encoding="utf-8")


def remove_phrase(directory: Path) -> None:
    """The documented way to be rid of the pass phrase: the old key is kept as server.key.secure."""
    shutil.copyfile(directory / "server.key", directory / "server.key.secure")
    for step in read_table("recipe.toml")["remove"]:
        _run(step, directory, {})
    (directory / "server.passwd").unlink()


def parameters(directory: Path, patience: float) -> bool:
    """The documented command for dh2048.pem; whether it was done in time (seconds)."""
    step = read_table("recipe.toml")["parameters"][0]
    return run_openssl(step["printed"], directory, patience)
