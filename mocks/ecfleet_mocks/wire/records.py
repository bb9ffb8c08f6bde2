"""Zombie records, and the names of the other records that replies carry.

Attributes of nodes are in :mod:`ecfleet_mocks.wire.attributes`, statistics in
:mod:`ecfleet_mocks.wire.stats`, mementos and nodes in modules of those names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ecfleet_mocks.wire.archive import BOOL, INT, TEXT, Enumeration
from ecfleet_mocks.wire.attributes import Variable, ZombieAttr
from ecfleet_mocks.wire.enumerations import ChildCommand, ZombieAction, ZombieType
from ecfleet_mocks.wire.schema import Struct, named, record
from ecfleet_mocks.wire.stats import Measure, Resources, Stats, Variant

__all__ = ["Measure", "Resources", "Stats", "Variable", "Variant", "Zombie", "ZombieAttr"]


@record()
@dataclass(frozen=True, slots=True, kw_only=True)
class Zombie:
    """A zombie, as the server remembers it (seen on 5.9.2 and 5.17.0).

    :param user_action: what the user wants done, or what the zombie attribute says.
    :param duration: seconds since it was noticed.
    :param calls: how often its job has called.
    :param user_command: the command by which a user made it a zombie, or empty.
    :param host: the host its job runs on.
    :param user_action_set: whether a user has decided.
    """

    user_action: Annotated[ZombieAction | int, named("user_action_", Enumeration(ZombieAction))] = (
        ZombieAction.BLOCK
    )
    try_number: Annotated[int, named("try_no_", INT)] = 0
    duration: Annotated[int, named("duration_", INT)] = 0
    calls: Annotated[int, named("calls_", INT)] = 0
    zombie_type: Annotated[ZombieType | int, named("zombie_type_", Enumeration(ZombieType))] = (
        ZombieType.NOT_SET
    )
    last_child_command: Annotated[ChildCommand | int, named("last_child_cmd_", Enumeration(ChildCommand))] = (
        ChildCommand.INIT
    )
    path: Annotated[str, named("path_to_task_", TEXT)] = ""
    jobs_password: Annotated[str, named("jobs_password_", TEXT)] = ""
    remote_id: Annotated[str, named("process_or_remote_id_", TEXT)] = ""
    user_command: Annotated[str, named("user_cmd_", TEXT)] = ""
    host: Annotated[str, named("host_", TEXT)] = ""
    attribute: Annotated[ZombieAttr, named("attr_", Struct(ZombieAttr))] = field(default_factory=ZombieAttr)
    user_action_set: Annotated[bool, named("user_action_set_", BOOL)] = False
