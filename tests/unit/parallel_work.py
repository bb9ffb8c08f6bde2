"""Work for other processes, which import it by name."""

from __future__ import annotations

import os
import threading
from typing import Any

from ecfleet.parallel import Tell


def double(part: int, tell: Tell) -> tuple[int, int]:
    """Twice the number and the process that doubled it; tells the number before."""
    tell(part)
    return 2 * part, os.getpid()


def fails(part: int, tell: Tell) -> int:
    """Fails for 1, ends its process for 2, returns what cannot be sent for 3."""
    if part == 1:
        raise LookupError("no one")
    if part == 2:
        os._exit(7)
    result: Any = threading.Lock() if part == 3 else part
    return result  # type: ignore[no-any-return]


def waits(part: int, tell: Tell) -> None:
    """Tells its process and waits for the signal that ends it."""
    tell(os.getpid())
    threading.Event().wait()
