"""A process that is sent a line and answers with a line, time after time.

No thread is needed: whoever asks also reads what the process writes, to both of its streams.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ecfleet.clients.processes import end_group, text_of

__all__ = ["Ended", "LineProcess", "TimeIsOver", "Unsolicited"]

LINE_LIMIT: Final = 128 * 2**20
"""Bytes that a line may have: a fetched file of 64 MiB in base64 and more."""
ERRORS_KEPT: Final = 2**20
"""Bytes of standard error that are kept for a call; the first ones."""
GRACE: Final = 1.0
"""Seconds that a process has to end by itself once its standard input is closed."""


class Ended(Exception):
    """The process is gone, or its standard output is; the message says how it went."""


class TimeIsOver(Exception):
    """No whole line came in time."""


class Unsolicited(Exception):
    """There was output that nobody had asked for; it is the argument."""

    def __init__(self, output: bytes) -> None:
        super().__init__(output)
        self.output = output


class LineProcess:
    """A running program. It ends with the object at the latest; OSError when it cannot be started."""

    def __init__(self, command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self._stdout, self._stderr = (
            process.stdin.fileno(),
            process.stdout.fileno(),
            process.stderr.fileno(),
        )
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
        self._unread = bytearray()
        self._errors = bytearray()
        self.close = weakref.finalize(self, _end, process)
        """Ends the process: its standard input is closed, then it is killed with all that it started."""

    @property
    def errors(self) -> str:
        """What it wrote to its standard error since the last line that it was sent."""
        return text_of(bytes(self._errors))

    def kill(self) -> None:
        """End the process without giving it time for anything."""
        end_group(self._process)
        self.close()

    def ask(self, line: bytes, deadline: float) -> bytes:
        """Send a line and wait for one, until `deadline` on the monotonic clock.

        Raises `Unsolicited` when output was there before the line was sent, or after the one that answered
        it; `TimeIsOver`; `Ended`.
        """
        self._errors.clear()
        if self._read_now():
            raise Ended(self._how())
        if self._unread:
            raise Unsolicited(bytes(self._unread))
        answer = self._exchange(memoryview(line), deadline)
        self._read_now()
        if self._unread:
            raise Unsolicited(bytes(self._unread))
        return answer

    def _exchange(self, unsent: memoryview, deadline: float) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeIsOver
                for key, _ in selector.select(left):
                    if key.fd == self._stdin:
                        with contextlib.suppress(BrokenPipeError, BlockingIOError):
                            unsent = unsent[os.write(self._stdin, unsent) :]
                            if unsent:
                                continue
                        selector.unregister(self._stdin)
                    elif key.fd == self._stderr:
                        if self._read_errors():
                            selector.unregister(self._stderr)
                    elif self._read_output():
                        raise Ended(self._how())
                end = self._unread.find(b"\n")
                if end >= 0:
                    answer = bytes(self._unread[:end])
                    del self._unread[: end + 1]
                    return answer

    def _read_now(self) -> bool:
        """Take what has been written already; whether the process has closed its output."""
        with contextlib.suppress(BlockingIOError):
            while not self._read_errors():
                continue
        try:
            while True:
                if self._read_output():
                    return True
        except BlockingIOError:
            return False

    def _read_output(self) -> bool:
        data = os.read(self._stdout, 65536)
        self._unread += data
        if len(self._unread) > LINE_LIMIT:
            raise Unsolicited(bytes(self._unread[:200]))
        return not data

    def _read_errors(self) -> bool:
        data = os.read(self._stderr, 65536)
        self._errors += data[: max(0, ERRORS_KEPT - len(self._errors))]
        return not data

    def _how(self) -> str:
        """How the process ended, and the last that it said."""
        try:
            status = self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            how = "closed its standard output"
        else:
            how = f"ended with status {status}" if status >= 0 else f"was ended by {_signal_name(-status)}"
        if self._unread:
            how += " in the middle of a line"
        with contextlib.suppress(BlockingIOError):
            while not self._read_errors():
                continue
        said = self.errors.strip().splitlines()
        return f"{how} (it last said: {said[-1].strip()[:200]})" if said else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        end_group(process)
        process.wait()
