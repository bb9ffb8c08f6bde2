"""``ecfleet up TOPOLOGY``: a fleet that runs until somebody stops it, and what happens on it, live."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TextIO, TypeAlias

from ecfleet.exchanges import ExchangeLines
from ecfleet.fleet import FleetError
from ecfleet.hosts import HostsError
from ecfleet.reach import how_to_reach, write_files
from ecfleet.topology import TopologyError, load
from ecfleet_mocks.journal import Event
from ecfleet_mocks.service import ServiceError

__all__ = ["up"]

Arrivals: TypeAlias = "queue.SimpleQueue[Event | None]"
"""Events as they happen, and None when it is time to stop."""


@contextlib.contextmanager
def _signals_to(arrivals: Arrivals) -> Iterator[None]:
    """Ctrl-C, SIGTERM and the end of the terminal ask for an orderly stop, from here on."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def stop(number: int, frame: FrameType | None) -> None:
        # SimpleQueue is the one queue that a signal handler may put to.
        arrivals.put(None)

    before = {getattr(signal, name): signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def up(path: str | os.PathLike[str], *, stream: TextIO | None = None, errors: TextIO | None = None) -> int:
    """Start the fleet of a topology file, say how to reach it, and show every exchange until a signal comes.

    Call it in the main thread: it handles SIGINT, SIGTERM and SIGHUP meanwhile.  When nobody reads the
    stream any more, it stops as well.

    :param stream: for all that it has to say; default standard output.
    :param errors: for the one line of an error; default standard error.
    :returns: the exit status: 0, or 2 when the fleet could not be started.
    """
    stream = stream if stream is not None else sys.stdout
    errors = errors if errors is not None else sys.stderr
    arrivals: Arrivals = queue.SimpleQueue()
    with _signals_to(arrivals):
        try:
            fleet = load(path)
            fleet.journal.subscribe(arrivals.put)
            with tempfile.TemporaryDirectory(prefix="ecfleet-up-") as made, fleet:
                home = Path(made)
                write_files(fleet, home)
                with contextlib.suppress(BrokenPipeError):
                    _say(stream, *how_to_reach(fleet, home), "Ready. Ctrl-C stops the fleet.")
                    _show(arrivals, ExchangeLines(max(map(len, fleet.services), default=0)), stream)
            with contextlib.suppress(BrokenPipeError):
                _say(stream, "Stopped.")
        except (TopologyError, FleetError, HostsError, ServiceError) as error:
            print(f"ecfleet up: {error}", file=errors)
            return 2
    _forget_broken_pipe(stream)
    return 0


def _say(stream: TextIO, *lines: str) -> None:
    for line in lines:
        print(line, file=stream)
    stream.flush()


def _show(arrivals: Arrivals, lines: ExchangeLines, stream: TextIO) -> None:
    while (event := arrivals.get()) is not None:
        _say(stream, *lines.feed(event))


def _forget_broken_pipe(stream: TextIO) -> None:
    """Without a reader, Python would complain once more when it flushes standard output at its end."""
    try:
        stream.flush()
    except BrokenPipeError:
        if stream is sys.stdout:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
