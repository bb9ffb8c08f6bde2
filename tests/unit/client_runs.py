"""One run of the built-in client against a server on this machine, with pauses that take no time."""

from __future__ import annotations

from typing import Any

from ecfleet.clients import (
    Action,
    BuiltinClient,
    Call,
    Outcome,
    task_environment,
)
from ecfleet.sandbox import Sandbox

from .scripted_server import (
    ScriptedServer,
)

TASK = task_environment("/s/f/t", "ecfleet-secret-pass", remote_id="1234", try_number=2)


class Clock:
    """A clock that only the client's pauses move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def quick(clock: Clock, **changes: Any) -> BuiltinClient:
    """A client whose pauses take no time and are as long as those of the released clients."""
    return BuiltinClient(retry_seconds=10, blocked_seconds=10, clock=clock, sleep=clock.sleep, **changes)


def ask(
    server: ScriptedServer | int,
    sandbox: Sandbox,
    action: Action,
    *arguments: str,
    client: BuiltinClient | None = None,
    timeout: float = 20.0,
    **more: Any,
) -> Outcome:
    port = server if isinstance(server, int) else server.port
    call = Call(action, "127.0.0.1", port, arguments=arguments, **more)
    return (client or BuiltinClient()).run(call, sandbox, timeout)
