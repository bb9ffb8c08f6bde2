"""A client as a user has described it: another name, fewer claims, variables that it needs, a time limit."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ecfleet.clients.contract import (
    TIME_LIMIT,
    Action,
    Call,
    Capability,
    ClientUnderTest,
    Outcome,
    close_client,
    refuse_unable,
)

if TYPE_CHECKING:
    from ecfleet.sandbox import Sandbox
    from ecfleet_mocks.model.dialect import Dialect

__all__ = ["ConfiguredClient"]


@dataclass(frozen=True, slots=True)
class ConfiguredClient:
    """The client `inner` under the name `name`.

    It claims `capabilities` and `actions`, which are some of those of `inner`. `inherited` names variables
    of the environment that every call gets unless its sandbox has them. `time_limit`, in seconds, is for
    calls whose rule sets no limit of its own.
    """

    inner: ClientUnderTest
    name: str
    capabilities: frozenset[Capability]
    actions: Collection[Action] = tuple(Action)
    inherited: tuple[str, ...] = ()
    time_limit: float = TIME_LIMIT

    @property
    def release(self) -> str:
        """The release that the client tells."""
        return self.inner.release

    @property
    def dialect(self) -> Dialect:
        """The dialect that it speaks."""
        return self.inner.dialect

    def run(self, call: Call, sandbox: Sandbox, timeout: float = TIME_LIMIT) -> Outcome:
        """Have the client do the call, if it is one that it is described to do."""
        refuse_unable(self, call, self.actions)
        there = sandbox.environment
        added = {
            name: os.environ[name] for name in self.inherited if name in os.environ and name not in there
        }
        limit = self.time_limit if timeout == TIME_LIMIT else timeout
        return self.inner.run(replace(call, environment=added | dict(call.environment)), sandbox, limit)

    def close(self) -> None:
        """End what the client keeps running."""
        close_client(self.inner)
