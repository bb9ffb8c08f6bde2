"""What each user command needs: the right to read or to write, and for which nodes.

Rights were seen for every command on 5.9.2 and 5.17.0.  Which paths count was seen for every command on
5.9.2; on 5.17.0 for most, and read in its source for free-dep, move and groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from ecfleet_mocks.wire import (
    AlterCmd,
    BeginCmd,
    CFileCmd,
    CheckMode,
    CheckPtCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    DeleteCmd,
    EditScriptCmd,
    EditType,
    ForceCmd,
    FreeDepCmd,
    LoadDefsCmd,
    LogApi,
    LogCmd,
    MoveCmd,
    OrderNodeCmd,
    PathsApi,
    PathsCmd,
    PlugCmd,
    QueryCmd,
    ReplaceNodeCmd,
    RequeueNodeCmd,
    RunNodeCmd,
    UserCommand,
    ZombieCmd,
)

__all__ = ["ROOT", "Form", "Subject", "judged_paths", "needs_write", "subject"]

ROOT: Final = "/"
"""The path that stands for the server as a whole (5.15 and later)."""

_ALWAYS_WRITE: Final = (
    AlterCmd,
    BeginCmd,
    DeleteCmd,
    ForceCmd,
    FreeDepCmd,
    LoadDefsCmd,
    MoveCmd,
    OrderNodeCmd,
    PlugCmd,
    ReplaceNodeCmd,
    RequeueNodeCmd,
    RunNodeCmd,
)
_WRITING_CTS: Final = frozenset(
    {
        CtsApi.RESTORE_FROM_CHECKPT,
        CtsApi.RESTART,
        CtsApi.SHUTDOWN,
        CtsApi.HALT,
        CtsApi.TERMINATE,
        CtsApi.RELOAD_WHITE_LIST,
        CtsApi.FORCE_DEP_EVAL,
        CtsApi.STATS_RESET,
        CtsApi.RELOAD_PASSWD_FILE,
        CtsApi.RELOAD_CUSTOM_PASSWD_FILE,
    }
)
_READING_PATHS: Final = (PathsApi.CHECK, PathsApi.EDIT_HISTORY)


def needs_write(command: UserCommand) -> bool:
    """Whether the right to read is not enough.

    That it is enough for some that change something (clearing the log, a checkpoint, all zombie commands,
    debugging) is how the released servers are.
    """
    match command:
        case CtsCmd():
            return command.api in _WRITING_CTS
        case CtsNodeCmd():
            return command.api == CtsNodeApi.JOB_GEN
        case PathsCmd():
            if command.api == PathsApi.EDIT_HISTORY:
                return command.paths[:1] == ("clear",)
            return command.api not in _READING_PATHS
        case EditScriptCmd():
            return command.edit_type in (EditType.SUBMIT, EditType.SUBMIT_FILE)
        case LogCmd():
            return command.api == LogApi.NEW
        case CheckPtCmd():
            asked = (command.mode, command.interval, command.save_time_alarm)
            return asked != (CheckMode.UNDEFINED, 0, 0)
        case _:
            return isinstance(command, _ALWAYS_WRITE)


class Form(Enum):
    """How a command names its nodes, which decides the words of a refusal."""

    NONE = "no node"
    ONE = "one path"
    SEVERAL = "a list of paths"


@dataclass(frozen=True, slots=True)
class Subject:
    """The nodes that a command is about."""

    form: Form
    paths: tuple[str, ...] = ()


_NO_NODE: Final = Subject(Form.NONE)
_SUBJECTS: Final[dict[type[UserCommand], Callable[[Any], Subject]]] = {
    AlterCmd: lambda command: Subject(Form.SEVERAL, command.paths),
    CFileCmd: lambda command: Subject(Form.ONE, (command.path,)),
    CtsNodeCmd: lambda command: Subject(Form.ONE, (command.path,)),
    DeleteCmd: lambda command: Subject(Form.SEVERAL, command.paths),
    EditScriptCmd: lambda command: Subject(Form.ONE, (command.path,)),
    ForceCmd: lambda command: Subject(Form.SEVERAL, command.paths),
    FreeDepCmd: lambda command: Subject(Form.SEVERAL, command.paths),
    OrderNodeCmd: lambda command: Subject(Form.ONE, (command.path,)),
    PathsCmd: lambda command: Subject(Form.SEVERAL, command.paths),
    ReplaceNodeCmd: lambda command: Subject(Form.ONE, (command.path,)),
    RequeueNodeCmd: lambda command: Subject(Form.SEVERAL, command.paths),
    RunNodeCmd: lambda command: Subject(Form.SEVERAL, command.paths),
}


def subject(command: UserCommand) -> Subject:
    """What a server before 5.15 looks at: nothing for most commands, zombie commands and queries included."""
    found = _SUBJECTS.get(type(command))
    return _NO_NODE if found is None else found(command)


def judged_paths(command: UserCommand, *, first_deleted_only: bool = False) -> tuple[str, ...]:
    """What a server from 5.15 on looks at: always some path, ``/`` for what is about no node.

    :param first_deleted_only: of a delete of several nodes the first alone, as those servers do.
    """
    match command:
        case FreeDepCmd():
            return (ROOT,)
        case QueryCmd():
            return (command.path,)
        case PlugCmd():
            return (command.source,)
        case MoveCmd():
            return (command.source_path,)
        case ZombieCmd():
            return command.paths or (ROOT,)
        case CtsNodeCmd():
            return (command.path or ROOT,)
    paths = subject(command).paths or (ROOT,)
    return paths[:1] if first_deleted_only and isinstance(command, DeleteCmd) else paths
