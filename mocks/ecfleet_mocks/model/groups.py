"""Running the commands of a group and collecting the replies that carry something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ecfleet_mocks.wire import (
    OK,
    Command,
    CSyncCmd,
    ErrorCmd,
    GroupCTSCmd,
    GroupSTCCmd,
    Reply,
    SClientHandleCmd,
    StcApi,
    StcCmd,
)

__all__ = ["run_group"]

_DELETE_ALL = StcCmd(StcApi.DELETE_ALL)


def run_group(command: GroupCTSCmd, handle: Callable[[Command], Reply], *, shared_replies: bool) -> Reply:
    """Run the parts in order.

    Plain OK is dropped; nothing left is OK as a whole.  A handle made by one part is that of a sync later in
    the same group; after a delete of everything a sync has none.

    :param shared_replies: as the released servers do, use one object for all replies of a class, so that what
        is said last is said throughout; errors alone are objects of their own (seen on 5.9.2).
    """
    replies: list[Reply] = []
    last: dict[type[Reply], Reply] = {}
    number: int | None = None
    for part in command.commands:
        if isinstance(part, CSyncCmd) and number is not None:
            part = replace(part, handle=number)
        reply = handle(part)
        last[type(reply)] = reply
        if isinstance(reply, SClientHandleCmd):
            number = reply.handle
        if reply == _DELETE_ALL:
            number = 0
        if reply != OK:
            replies.append(reply)
    if not replies:
        return OK
    if shared_replies:
        replies = [reply if isinstance(reply, ErrorCmd) else last[type(reply)] for reply in replies]
    return GroupSTCCmd(tuple(replies))
