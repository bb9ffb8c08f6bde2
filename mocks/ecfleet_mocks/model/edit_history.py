"""The edit history: which user commands changed a node, the last ten of each.

Which commands are recorded, and their words, were seen on 5.9.2.
"""

from __future__ import annotations

from datetime import datetime

from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.wire import (
    BeginCmd,
    CtsApi,
    CtsCmd,
    DeleteCmd,
    LoadDefsCmd,
    PathsApi,
    PathsCmd,
    UserCommand,
)

__all__ = ["command_words", "forget", "record"]

_KEPT = 10
_CTS_WORDS: dict[int, str] = {
    CtsApi.RESTART: "--restart",
    CtsApi.SHUTDOWN: "--shutdown=yes",
    CtsApi.HALT: "--halt=yes",
}
_PATHS_WORDS: dict[int, str] = {PathsApi.SUSPEND: "--suspend", PathsApi.RESUME: "--resume"}


def command_words(command: UserCommand, path: str) -> str:
    """A command as the history entry of one path words it; empty for one that is never recorded.

    Of several paths an entry names its own alone.
    """
    if isinstance(command, CtsCmd):
        return _CTS_WORDS.get(command.api, "")
    if isinstance(command, LoadDefsCmd):
        return f"--load={command.filename}{' force' if command.force else ''}"
    if isinstance(command, BeginCmd):
        if not command.suite:
            return "--begin=--force" if command.force else "--begin"
        return f"--begin={command.suite}{' --force' if command.force else ''}"
    if isinstance(command, DeleteCmd):
        return f"--delete {'force ' if command.force else ''}yes {path}"
    if isinstance(command, PathsCmd) and command.api in _PATHS_WORDS:
        return f"{_PATHS_WORDS[command.api]} {path}"
    return ""


def record(definition: Definition, path: str, words: str, user: str, host: str, now: datetime) -> None:
    """Add an entry to the history of a path, ``/`` for the server's own; only the last ten are kept."""
    time = f"{now:%H:%M:%S} {now.day}.{now.month}.{now.year}"
    entries = (*definition.history.get(path, ()), f"MSG:[{time}] {words} :{user}@{host}")
    definition.history[path] = entries[-_KEPT:]


def forget(definition: Definition, node: Node) -> None:
    """Drop the history of a node that is taken out, and of all below it."""
    path = node.path
    below = [known for known in definition.history if known == path or known.startswith(path + "/")]
    for known in below:
        del definition.history[known]
