"""Zombies: jobs that talk to the server although it does not expect them.

Which record a call finds, what it is answered and what changes in the record, were measured on 5.9.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from ecfleet_mocks.model.attributes import ZOMBIE_LIFETIMES
from ecfleet_mocks.model.definition import Node
from ecfleet_mocks.wire import ChildCommand, TaskCommand, Zombie, ZombieAction, ZombieAttr, ZombieType

__all__ = ["Zombies", "default_attribute", "zombie_action"]

_FOBBED_BY_DEFAULT = (ChildCommand.LABEL, ChildCommand.EVENT, ChildCommand.METER)


def default_attribute(kind: ZombieType) -> ZombieAttr:
    """The attribute a zombie has when no node gives one."""
    return ZombieAttr((), kind, ZombieAction.BLOCK, ZOMBIE_LIFETIMES.get(kind, 3600))


def _attribute(node: Node | None, kind: ZombieType) -> ZombieAttr | None:
    if node is not None:
        for holder in node.up():
            for attribute in holder.zombies:
                if attribute.zombie_type == kind:
                    return attribute
    return None


def zombie_action(zombie: Zombie, node: Node | None, child: ChildCommand) -> ZombieAction:
    """What happens to a call: the user's decision, else a zombie attribute's, else the default.

    :param node: the task, or the nearest node above a path where there is none.
    """
    if zombie.user_action_set:
        return ZombieAction(zombie.user_action)
    attribute = _attribute(node, ZombieType(zombie.zombie_type))
    if attribute is not None and (not attribute.child_commands or child in attribute.child_commands):
        return ZombieAction(attribute.action)
    return ZombieAction.FOB if child in _FOBBED_BY_DEFAULT else ZombieAction.BLOCK


@dataclass(slots=True)
class _Record:
    zombie: Zombie
    since: datetime


@dataclass(slots=True)
class Zombies:
    """The zombie records of a server, one for each path, oldest first.

    :param now: the clock, for the age of records.
    """

    now: Callable[[], datetime]
    _records: list[_Record] = field(default_factory=list)

    def listing(self) -> tuple[Zombie, ...]:
        """All records with their age in seconds, as ``--zombie_get`` shows them."""
        now = self.now()
        return tuple(
            replace(record.zombie, duration=int((now - record.since).total_seconds()))
            for record in self._records
        )

    def find(self, path: str, jobs_password: str = "", remote_id: str = "") -> Zombie | None:
        """The record that fits best: path, password and id; else that of the path alone."""
        record = self._find(path, jobs_password, remote_id)
        return record.zombie if record else None

    def _find(self, path: str, jobs_password: str, remote_id: str) -> _Record | None:
        fallback: _Record | None = None
        for record in self._records:
            zombie = record.zombie
            if zombie.path != path:
                continue
            if zombie.jobs_password == jobs_password and zombie.remote_id == remote_id:
                return record
            fallback = fallback or record
        return fallback

    def called(
        self, command: TaskCommand, child: ChildCommand, kind: ZombieType, node: Node | None
    ) -> Zombie:
        """Note a call that is no good: a new record, or one more call of a known one.

        :param node: the task, or the nearest node above the path.
        :return: the record as it is now.
        """
        record = self._find(command.path, command.jobs_password, command.remote_id)
        if record is not None:
            known = record.zombie
            now = kind if kind is ZombieType.PATH else ZombieType(known.zombie_type)
            record.zombie = replace(
                known,
                calls=known.calls + 1,
                # What a user took away may not have told its process id yet.
                remote_id=known.remote_id or command.remote_id,
                last_child_command=child,
                host=command.host,
                zombie_type=now,
                attribute=_attribute(node, now) or default_attribute(now),
            )
            return record.zombie
        zombie = Zombie(
            try_number=command.try_number,
            zombie_type=kind,
            last_child_command=child,
            path=command.path,
            jobs_password=command.jobs_password,
            remote_id=command.remote_id,
            host=command.host,
            attribute=_attribute(node, kind) or default_attribute(kind),
        )
        self._records.append(_Record(zombie, self.now()))
        return zombie

    def made_by_user(self, task: Node, user_command: str) -> bool:
        """A user takes a running task's node away: its job becomes a zombie, unless it has a record already.

        :return: whether there is a new record.
        """
        if self._find(task.path, task.jobs_password, task.remote_id) is not None:
            return False
        kind = ZombieType.USER
        zombie = Zombie(
            try_number=task.try_number,
            zombie_type=kind,
            path=task.path,
            jobs_password=task.jobs_password,
            remote_id=task.remote_id,
            user_command=user_command,
            attribute=_attribute(task, kind) or default_attribute(kind),
        )
        self._records.append(_Record(zombie, self.now()))
        return True

    def decide(self, path: str, action: ZombieAction) -> None:
        """A user sets what is done with the zombie of a path."""
        record = self._find(path, "", "")
        if record is not None:
            record.zombie = replace(record.zombie, user_action=action, user_action_set=True)

    def remove(self, zombie: Zombie) -> None:
        """Drop a record."""
        self._records = [record for record in self._records if record.zombie is not zombie]

    def ended(self, task: Node) -> None:
        """A task is about to be complete or aborted: the record of its own process goes.

        That is the one with the task's remote id; while the task has none, the one with its password.
        """
        path = task.path
        for record in self._records:
            zombie = record.zombie
            same = (
                zombie.remote_id == task.remote_id
                if task.remote_id
                else zombie.jobs_password == task.jobs_password
            )
            if zombie.path == path and same:
                self.remove(zombie)
                return

    def remove_found(self, path: str, jobs_password: str = "", remote_id: str = "") -> None:
        """Drop the record that :meth:`find` finds, if any."""
        zombie = self.find(path, jobs_password, remote_id)
        if zombie is not None:
            self.remove(zombie)
