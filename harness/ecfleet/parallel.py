"""Work spread over processes: parts of a check, and rows of the kill matrix.

Plain processes of multiprocessing do it, so that ``ecfleet check -j`` needs nothing installed. Each is a new
interpreter, which shares no port, directory, address block or thread with the others, and reports the events
of its part as they happen.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

__all__ = ["WorkLost", "default_jobs", "spread"]

Part = TypeVar("Part")
Result = TypeVar("Result")
Tell: TypeAlias = Callable[[Any], None]
Work: TypeAlias = Callable[[Part, Tell], Result]
"""Does one part and returns what came of it; tells messages on the way. Both must be picklable."""


class WorkLost(RuntimeError):
    """A part was not done to its end; the message says why."""


def default_jobs() -> int:
    """How many processes this machine has room for."""
    with contextlib.suppress(AttributeError):  # not everywhere
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Message:
    content: Any


@dataclass(frozen=True, slots=True)
class _Done:
    result: Any


@dataclass(frozen=True, slots=True)
class _Failed:
    traceback: str


@dataclass(slots=True)
class _Worker(Generic[Part]):
    process: SpawnProcess
    connection: Connection[Any, Any]
    part: Part


def spread(
    work: Work[Part, Result], parts: Sequence[Part], jobs: int, told: Tell
) -> Generator[tuple[Part, Result | WorkLost], None, None]:
    """Do all parts in up to ``jobs`` processes; each with its result, in the order in which they are done.

    :param told: gets the messages of all parts, in this thread.

    A part whose process fails or dies is lost, the others go on. When the iterator is closed, by an
    interrupt too, processes that are still at work are told to end (SIGTERM) and waited for.
    """
    context = multiprocessing.get_context("spawn")
    due = deque(parts)
    workers: dict[Connection[Any, Any], _Worker[Part]] = {}

    def hire() -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        process.start()
        theirs.close()
        workers[ours] = _Worker(process, ours, due.popleft())
        _give(ours, workers[ours].part)

    try:
        while due and len(workers) < jobs:
            hire()
        while workers:
            for ready in wait(list(workers)):
                connection = cast("Connection[Any, Any]", ready)
                worker = workers[connection]
                try:
                    message = connection.recv()
                except (EOFError, OSError):
                    status = _dismiss(workers.pop(connection))
                    yield worker.part, WorkLost(f"a worker process ended by itself (exit status {status})")
                    if due:
                        hire()
                    continue
                if isinstance(message, _Message):
                    told(message.content)
                    continue
                part = worker.part
                if due:
                    worker.part = due.popleft()
                    _give(connection, worker.part)
                else:
                    _dismiss(workers.pop(connection))
                failed = isinstance(message, _Failed)
                yield part, WorkLost(message.traceback) if failed else message.result
    finally:
        for worker in workers.values():
            worker.process.terminate()
        for worker in workers.values():
            _dismiss(worker)


def _give(connection: Connection[Any, Any], part: object) -> None:
    # When the process is gone already, that shows at the next message from it.
    with contextlib.suppress(OSError):
        connection.send(part)


def _dismiss(worker: _Worker[Any]) -> int | None:
    """Wait for the end of a process, which finds its connection closed; its exit status."""
    worker.connection.close()
    worker.process.join()
    status = worker.process.exitcode
    worker.process.close()
    return status


def _serve(connection: Connection[Any, Any], work: Work[Any, Any]) -> None:
    """The life of a process: part after part until nobody has more."""
    if hasattr(os, "setpgid"):
        # Ctrl-C goes to the whole group of the terminal, but how a process ends is for its parent to say.
        os.setpgid(0, 0)
    with contextlib.suppress(KeyboardInterrupt, EOFError, OSError):
        while True:
            part = connection.recv()
            try:
                connection.send(_Done(work(part, lambda content: connection.send(_Message(content)))))
            except Exception as error:
                # Also of a result that cannot be sent. Where nobody listens any more, this ends it.
                connection.send(_Failed("".join(traceback.format_exception(error))))
