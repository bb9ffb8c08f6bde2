"""Requests: every command class, and the way between them and payloads."""

from __future__ import annotations

from typing import Final

from ecfleet_mocks.wire.command_bases import COMMAND_CLASSES, Command, TaskCommand, UserCommand
from ecfleet_mocks.wire.commands_task import (
    AbortCmd,
    CompleteCmd,
    CtsWaitCmd,
    EventCmd,
    InitCmd,
    LabelCmd,
    MeterCmd,
    QueueCmd,
)
from ecfleet_mocks.wire.commands_user import (
    AlterCmd,
    BeginCmd,
    CFileCmd,
    CheckPtCmd,
    ClientHandleCmd,
    CSyncCmd,
    CtsCmd,
    CtsNodeCmd,
    DeleteCmd,
    EditScriptCmd,
    ForceCmd,
    FreeDepCmd,
    GroupCTSCmd,
    LoadDefsCmd,
    LogCmd,
    LogMessageCmd,
    MoveCmd,
    OrderNodeCmd,
    PathsCmd,
    PlugCmd,
    QueryCmd,
    ReplaceNodeCmd,
    RequeueNodeCmd,
    RunNodeCmd,
    ServerVersionCmd,
    ShowCmd,
    ZombieCmd,
)
from ecfleet_mocks.wire.envelope import Envelope
from ecfleet_mocks.wire.schema import Polymorphic

__all__ = [
    "NULL_REQUEST",
    "TASK_COMMANDS",
    "USER_COMMANDS",
    "AbortCmd",
    "AlterCmd",
    "BeginCmd",
    "CFileCmd",
    "CSyncCmd",
    "CheckPtCmd",
    "ClientHandleCmd",
    "Command",
    "CompleteCmd",
    "CtsCmd",
    "CtsNodeCmd",
    "CtsWaitCmd",
    "DeleteCmd",
    "EditScriptCmd",
    "EventCmd",
    "ForceCmd",
    "FreeDepCmd",
    "GroupCTSCmd",
    "InitCmd",
    "LabelCmd",
    "LoadDefsCmd",
    "LogCmd",
    "LogMessageCmd",
    "MeterCmd",
    "MoveCmd",
    "OrderNodeCmd",
    "PathsCmd",
    "PlugCmd",
    "QueryCmd",
    "QueueCmd",
    "ReplaceNodeCmd",
    "RequeueNodeCmd",
    "RunNodeCmd",
    "ServerVersionCmd",
    "ShowCmd",
    "TaskCommand",
    "UserCommand",
    "ZombieCmd",
    "decode_request",
    "encode_request",
]

_ENVELOPE: Final = Envelope("21ClientToServerRequest", "cmd_", Polymorphic(COMMAND_CLASSES, Command))

USER_COMMANDS: Final[tuple[type[UserCommand], ...]] = tuple(
    cls for cls in COMMAND_CLASSES.classes if issubclass(cls, UserCommand)
)
"""Every class of user command."""

TASK_COMMANDS: Final[tuple[type[TaskCommand], ...]] = tuple(
    cls for cls in COMMAND_CLASSES.classes if issubclass(cls, TaskCommand)
)
"""Every class of child command."""

NULL_REQUEST: Final = _ENVELOPE.null()
"""A request without a command: a 5.9.2 server answers with an error, a 5.17.0 server dies of it."""


def encode_request(command: Command) -> bytes:
    """The payload (JSON without header) of ``command``, byte for byte what ecflow_client writes.

    :raises UnknownClass: for anything that is no command.
    :raises WrongType: for text with half a surrogate pair in it.
    """
    return _ENVELOPE.encode(command)


def decode_request(payload: bytes) -> Command:
    """The command in ``payload``, read by the rules of the real servers.

    :raises ArchiveError: one of its kinds; :class:`NullPointer` where the command is null.
    """
    command: Command = _ENVELOPE.decode(payload)
    return command
