"""Refusing a sender: what the server says to somebody it does not serve."""

from __future__ import annotations

from ecfleet_mocks.wire import CtsNodeCmd, DeleteCmd, PathsCmd, UserCommand, ZombieCmd

__all__ = ["refusal_of_nobody"]


def refusal_of_nobody(command: UserCommand) -> str:
    """What a server says to a command without a user; it shows the command's paths (seen on 5.9.2)."""
    shown = ""
    if isinstance(command, CtsNodeCmd) and command.path:
        shown = f" path({command.path})"
    elif isinstance(command, PathsCmd | DeleteCmd | ZombieCmd) and command.paths:
        shown = " paths(" + "".join(f"{path}," for path in command.paths) + ")"
    return f"[ authentication failed ] User '' is not allowed any access.{shown}"
