"""Ctrl-C and SIGTERM during a run: nothing that happens in between may swallow them."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


class Interrupted(KeyboardInterrupt):
    """The user, or who runs the program, wants it to end; ``signal`` is the number of the signal."""

    def __init__(self, signal: int) -> None:
        super().__init__()
        self.signal = signal


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM end what is run in here, with everything that it has started.

    A KeyboardInterrupt may get lost on its way: pytest and its plugins take it for a failure in places. So
    the signal is remembered and told at the end once more.

    :raises Interrupted: at the end, when a signal came.
    """
    came: list[int] = []

    def end(number: int, frame: object) -> None:
        came.append(number)
        raise Interrupted(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        if not came:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise Interrupted(came[0])
