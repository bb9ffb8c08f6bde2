"""Runs a program once, in a session of its own, so that the end of its time ends all that it has started."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Final

from ecfleet.sandbox import INHERITED

__all__ = ["end_group", "release_number", "run_program", "surroundings_of_programs", "text_of"]

_OUTPUT_LIMIT: Final = 64 * 2**20
"""Bytes kept of each output stream; what goes beyond is a client gone wild."""


def surroundings_of_programs(inherited: Iterable[str] = ()) -> dict[str, str]:
    """The environment of a program outside of any sandbox: when it is asked for its release, or serves calls.

    What every sandbox inherits, the variables named, and HOME=/, where no file of ecFlow lies: a client that
    looks into its own environment, where it should look into that of a call, must not find a user's files.
    """
    names = (*INHERITED, *inherited)
    return {"PATH": os.defpath, "HOME": "/"} | {
        name: os.environ[name] for name in names if name in os.environ
    }


def run_program(
    argv: Sequence[str], environment: Mapping[str, str], directory: str, timeout: float
) -> tuple[int | None, bytes, bytes]:
    """Exit status (None: killed because its `timeout` in seconds was up), standard output and standard error.

    Standard input is empty. Raises OSError when the program cannot be started.
    """
    with subprocess.Popen(
        argv,
        env=environment,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        out, err = bytearray(), bytearray()
        ended = False
        try:
            ended = _collect(process, {process.stdout: out, process.stderr: err}, time.monotonic() + timeout)
        finally:
            # Also when the program ended by itself: what it left running would hold its pipes.
            end_group(process)
        return (process.returncode if ended else None), bytes(out), bytes(err)


def _collect(process: subprocess.Popen[bytes], streams: dict[IO[bytes], bytearray], deadline: float) -> bool:
    """Read both streams until the program has ended. False when its time was up before."""
    with selectors.DefaultSelector() as selector:
        for stream, kept in streams.items():
            selector.register(stream, selectors.EVENT_READ, kept)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(min(left, 0.05)):
                data = os.read(key.fd, 65536)
                kept = key.data
                if not data:
                    selector.unregister(key.fileobj)
                elif len(kept) < _OUTPUT_LIMIT:
                    kept += data
            if process.poll() is not None and not selector.select(0):
                return True
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that has a session of its own, and all that it started in there."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def text_of(data: bytes) -> str:
    """UTF-8; bytes that are not survive as surrogates."""
    return data.decode("utf-8", errors="surrogateescape")


def release_number(release: str) -> tuple[int, ...]:
    """The numbers in the name of a release, to compare: (5, 9, 2)."""
    return tuple(int(part) for part in re.findall(r"\d+", release))
