"""What clients do with their handles: register, drop, add and remove suites, list."""

from __future__ import annotations

from collections.abc import Iterable

from ecfleet_mocks.model.handles import HandleError, Handles
from ecfleet_mocks.wire import (
    OK,
    ClientHandleApi,
    ClientHandleCmd,
    ErrorCmd,
    Reply,
    SClientHandleCmd,
    SClientHandleSuitesCmd,
)

__all__ = ["handle_command"]


def handle_command(handles: Handles, command: ClientHandleCmd, user: str, loaded: Iterable[str]) -> Reply:
    """Carry out one command for ``user``; an unknown handle or user is an ErrorCmd.

    :param loaded: the names of the suites there are, in their order, which is that of listings.
    """
    try:
        return _carry_out(handles, command, user, loaded)
    except HandleError as error:
        return ErrorCmd(str(error))


def _carry_out(handles: Handles, command: ClientHandleCmd, user: str, loaded: Iterable[str]) -> Reply:
    api = command.api
    if api == ClientHandleApi.REGISTER:
        if command.handle:
            handles.drop(command.handle)
        return SClientHandleCmd(handles.register(user, command.suites, auto_add=command.auto_add).number)
    if api == ClientHandleApi.DROP:
        handles.drop(command.handle)
        return SClientHandleCmd(0)
    if api == ClientHandleApi.DROP_USER:
        dropped = command.drop_user or user
        handles.drop_user(dropped)
        return SClientHandleCmd(0) if dropped == user else OK
    if api == ClientHandleApi.ADD:
        handles.wanted(command.handle, "add_suites").add(command.suites)
    elif api == ClientHandleApi.REMOVE:
        handles.wanted(command.handle, "remove_suites").remove(command.suites)
    elif api == ClientHandleApi.AUTO_ADD:
        handles.wanted(command.handle, "auto_add_new_suites").auto_add = command.auto_add
    elif api == ClientHandleApi.SUITES:
        return SClientHandleSuitesCmd(handles.by_user(), handles.by_number(loaded))
    return OK
