"""Making server models for tests: fixed clock, known passwords, small definitions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ecfleet_mocks.model.dialect import DIALECT_5_9, Dialect
from ecfleet_mocks.model.server import ServerModel
from ecfleet_mocks.wire import (
    BeginCmd,
    Command,
    CSyncCmd,
    LoadDefsCmd,
    Reply,
    ServerState,
    SSyncCmd,
    SyncApi,
    TaskCommand,
    UserCommand,
)

NOON = datetime(2026, 11, 20, 12, 0, 0)
"""A Friday."""

SMALL = """
suite s
  limit lim 3
  family f
    task t
      inlimit /s:lim
      label info "none"
      meter step 0 10 5
      event started
      event 7 seven
      queue q a b c
    task u
  endfamily
endsuite
"""


class Server:
    """A model with a few short ways to talk to it, as user ``tester`` on host ``testhost``."""

    def __init__(
        self,
        text: str = "",
        *,
        dialect: Dialect = DIALECT_5_9,
        begin: bool = False,
        state: ServerState = ServerState.RUNNING,
        passwords: Iterable[str] = (),
        faithful: bool = False,
        now: datetime = NOON,
        host_name: str = "testhost",
    ) -> None:
        supply = itertools.chain(passwords, (f"pass{number:04d}" for number in itertools.count()))
        self.now = now
        self.model = ServerModel(
            dialect,
            host_name=host_name,
            now=lambda: self.now,
            new_password=lambda: next(supply),
            user="tester",
            state=state,
            faithful=faithful,
        )
        if text:
            self.model.load(text)
        if begin:
            self.do(BeginCmd())

    def do(self, command: Command) -> Reply:
        """Carry out a command; who sends it is filled in."""
        if isinstance(command, UserCommand) and not command.user:
            command = replace(command, user="tester", host="testhost")
        elif isinstance(command, TaskCommand) and not command.host:
            command = replace(command, host="jobhost")
        return self.model.handle(command)

    def load(self, text: str, *, force: bool = False) -> Reply:
        return self.do(LoadDefsCmd(text, "file.def", force))

    def numbers(self) -> tuple[int, int]:
        return self.model.state_change, self.model.modify_change

    def taken(self, command: Command) -> tuple[int, int]:
        """How many state and modify change numbers a command takes."""
        state, modify = self.numbers()
        self.do(command)
        return self.model.state_change - state, self.model.modify_change - modify

    def sync(self, numbers: tuple[int, int], handle: int = 0, api: SyncApi = SyncApi.SYNC) -> SSyncCmd:
        reply = self.do(CSyncCmd(api, handle, *numbers))
        assert isinstance(reply, SSyncCmd)
        return reply
