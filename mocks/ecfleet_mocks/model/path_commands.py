"""Commands on paths: suspend, resume and the edit history.  Texts were seen on 5.9.2."""

from __future__ import annotations

from collections.abc import Callable

from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.model.user_commands import SuiteCommands
from ecfleet_mocks.wire import OK, ErrorCmd, PathsApi, PathsCmd, Reply, SStringVecCmd

__all__ = ["path_command"]


def path_command(
    definition: Definition, suites: SuiteCommands, command: PathsCmd, done: Callable[[str], None]
) -> Reply | None:
    """Carry out one command; None when it is a kind that is not carried out.

    Unknown paths are noted, one line each, and the others acted upon.

    :param done: told each path that was acted upon.
    """
    if command.api == PathsApi.EDIT_HISTORY:
        return _edit_history(definition, command)
    acts: dict[int, Callable[[Node], None]] = {
        PathsApi.SUSPEND: suites.suspend,
        PathsApi.RESUME: suites.resume,
    }
    act = acts.get(command.api)
    if act is None:
        return None
    unknown: list[str] = []
    for path in command.paths:
        node = definition.find(path)
        if node is None:
            name = PathsApi(command.api).name.capitalize()
            unknown.append(f"PathsCmd:{name}: Could not find node at path '{path}'")
            continue
        act(node)
        done(path)
    return ErrorCmd("\n".join(unknown)) if unknown else OK


def _edit_history(definition: Definition, command: PathsCmd) -> Reply:
    if not command.paths:
        return ErrorCmd("No paths/options specified for edit history")
    if command.paths[0] == "clear":
        definition.history.clear()
        return OK
    return SStringVecCmd(definition.history.get(command.paths[0], ()))
