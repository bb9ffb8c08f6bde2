"""What all requests have in common: who asks, from where, and for child commands, for which job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ecfleet_mocks.wire.archive import BOOL, INT, TEXT
from ecfleet_mocks.wire.schema import Registry, named, optional, record

__all__ = ["COMMAND_CLASSES", "Command", "TaskCommand", "UserCommand"]

COMMAND_CLASSES: Final = Registry()
"""Every request class; the modules of user and of child commands fill it."""


@record(name="ClientToServerCmd")
@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Base of all requests (ecFlow's ClientToServerCmd).

    :param host: the client's own host name.
    """

    host: Annotated[str, named("cl_host_", TEXT)] = ""


@record(name="UserCmd")
@dataclass(frozen=True, slots=True, kw_only=True)
class UserCommand(Command):
    """Base of what users ask for (ecFlow's UserCmd).

    :param user: the login name, or the name from ``ECF_USER`` or ``--user``.  A 5.9.2 server refuses an
        empty one.
    :param password: the crypted password; left out when empty.
    :param custom_user: whether ``user`` is a name other than the login name; left out when false.
    """

    user: Annotated[str, named("user_", TEXT)] = ""
    password: Annotated[str, optional("pswd_", TEXT)] = ""
    custom_user: Annotated[bool, optional("cu_", BOOL)] = False


@record(name="TaskCmd")
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCommand(Command):
    """Base of the child commands (ecFlow's TaskCmd).

    :param path: ``ECF_NAME``, the absolute path of the task or alias.
    :param jobs_password: ``ECF_PASS``.
    :param remote_id: ``ECF_RID``, or the argument of ``--init``.
    :param try_number: ``ECF_TRYNO``.
    """

    path: Annotated[str, named("path_to_submittable_", TEXT)] = ""
    jobs_password: Annotated[str, named("jobs_password_", TEXT)] = ""
    remote_id: Annotated[str, named("process_or_remote_id_", TEXT)] = ""
    try_number: Annotated[int, named("try_no_", INT)] = 1
