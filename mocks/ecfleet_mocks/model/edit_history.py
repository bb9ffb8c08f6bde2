"""The edit history: which user commands changed a node, the last ten of each.

Which commands are recorded, and their words, were seen on 5.9.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.wire import (
    BeginCmd,
    ClientHandleApi,
    ClientHandleCmd,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    DeleteCmd,
    LoadDefsCmd,
    PathsApi,
    PathsCmd,
    ServerVersionCmd,
    ShowCmd,
    SyncApi,
    UserCommand,
    ZombieAction,
    ZombieCmd,
)

__all__ = ["Entry", "command_words", "forget", "record", "words_in_group"]

_KEPT = 10
_CTS_WORDS: dict[int, str] = {
    CtsApi.RESTART: "--restart",
    CtsApi.SHUTDOWN: "--shutdown=yes",
    CtsApi.HALT: "--halt=yes",
    CtsApi.TERMINATE: "--terminate=yes",
    CtsApi.RELOAD_WHITE_LIST: "--reloadwsfile",
    CtsApi.RELOAD_PASSWD_FILE: "--reloadpasswdfile",
    CtsApi.RELOAD_CUSTOM_PASSWD_FILE: "--reloadcustompasswdfile",
    CtsApi.GET_ZOMBIES: "--zombie_get",
    CtsApi.DEBUG_ON: "--debug_server_on",
    CtsApi.DEBUG_OFF: "--debug_server_off",
}
_PATHS_WORDS: dict[int, str] = {PathsApi.SUSPEND: "--suspend", PathsApi.RESUME: "--resume"}
_HANDLE_WORDS: dict[int, str] = {
    ClientHandleApi.DROP: "--ch_drop={handle}",
    ClientHandleApi.DROP_USER: "--ch_drop_user={user}",
    ClientHandleApi.ADD: "--ch_add={handle}{suites}",
    ClientHandleApi.REMOVE: "--ch_rem={handle}{suites}",
    ClientHandleApi.AUTO_ADD: "--ch_auto_add={handle} {auto_add}",
    ClientHandleApi.SUITES: "--ch_suites",
}


def command_words(command: UserCommand, path: str) -> str:
    """A command as the history entry of one path words it; empty for one that is never recorded.

    Of several paths an entry names its own alone.  Commands that change nothing have an entry when they are
    part of a group that changes something.
    """
    if isinstance(command, CtsCmd):
        name = command.api.name.lower() if isinstance(command.api, CtsApi) else ""
        return _CTS_WORDS.get(command.api, f"--{name}")
    if isinstance(command, LoadDefsCmd):
        return f"--load={command.filename}{' force' if command.force else ''}"
    if isinstance(command, BeginCmd):
        if not command.suite:
            return "--begin=--force" if command.force else "--begin"
        return f"--begin={command.suite}{' --force' if command.force else ''}"
    if isinstance(command, DeleteCmd):
        return f"--delete {'force ' if command.force else ''}yes {path}"
    if isinstance(command, PathsCmd):
        if command.api == PathsApi.EDIT_HISTORY:
            return "--edit_history /"
        return f"{_PATHS_WORDS[command.api]} {path}" if command.api in _PATHS_WORDS else ""
    return _reading_words(command)


def _reading_words(command: UserCommand) -> str:
    if isinstance(command, CtsNodeCmd) and isinstance(command.api, CtsNodeApi):
        return f"--{command.api.name.lower()}{f'={command.path}' if command.path else ''}"
    if isinstance(command, CSyncCmd) and isinstance(command.api, SyncApi):
        numbers = f" {command.state_change} {command.modify_change}"
        full = command.api is SyncApi.SYNC_FULL
        return f"--{command.api.name.lower()}={command.handle}{'' if full else numbers}"
    if isinstance(command, ZombieCmd) and isinstance(command.action, ZombieAction):
        return f"--zombie_{command.action.name.lower()}="
    if isinstance(command, ClientHandleCmd):
        return _handle_words(command)
    if isinstance(command, ServerVersionCmd):
        return "--server_version"
    return "show" if isinstance(command, ShowCmd) else ""


def _handle_words(command: ClientHandleCmd) -> str:
    suites = "".join(f" {name}" for name in command.suites)
    auto_add = str(command.auto_add).lower()
    if command.api == ClientHandleApi.REGISTER:
        old = f"{command.handle} " if command.handle else ""
        return f"--ch_register={old}{auto_add}{suites}"
    return _HANDLE_WORDS.get(command.api, "").format(
        handle=command.handle, user=command.drop_user or command.user, suites=suites, auto_add=auto_add
    )


def words_in_group(command: UserCommand) -> str:
    """A part of a group as the server's own history words it when it acted on no node.

    Empty for the commands that are recorded with nodes alone.
    """
    if isinstance(command, PathsCmd) and command.api in _PATHS_WORDS:
        return ""
    return command_words(command, "/")


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to which path, ``/`` for the server itself."""

    path: str
    words: str
    user: str
    host: str


def record(definition: Definition, entry: Entry, now: datetime) -> None:
    """Add an entry to the history of its path; only the last ten are kept."""
    time = f"{now:%H:%M:%S} {now.day}.{now.month}.{now.year}"
    line = f"MSG:[{time}] {entry.words} :{entry.user}@{entry.host}"
    definition.history[entry.path] = (*definition.history.get(entry.path, ()), line)[-_KEPT:]


def forget(definition: Definition, node: Node) -> None:
    """Drop the history of a node that is taken out, and of all below it."""
    path = node.path
    below = [known for known in definition.history if known == path or known.startswith(path + "/")]
    for known in below:
        del definition.history[known]
