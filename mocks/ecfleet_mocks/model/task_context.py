"""Whether a child command is the task's own: password, process id, state, and what becomes of zombies.

The order of the checks is read in source of 5.17; what they answer was seen on 5.9.2.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from ecfleet_mocks.model.changes import Aspect
from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.model.node_states import SuiteTree
from ecfleet_mocks.model.zombies import Zombies, zombie_action
from ecfleet_mocks.wire import (
    OK,
    AbortCmd,
    BlockClientZombieCmd,
    ChildCommand,
    CompleteCmd,
    CtsWaitCmd,
    ErrorCmd,
    EventCmd,
    FlagType,
    InitCmd,
    LabelCmd,
    MeterCmd,
    NodeState,
    QueueCmd,
    Reply,
    TaskCommand,
    ZombieAction,
    ZombieType,
)

__all__ = ["CHILD_COMMANDS", "FREE_PASSWORD", "Standing", "admit", "standing"]

FREE_PASSWORD: Final = "FREE"
"""Value of a task's own variable ``ECF_PASS`` that switches the checks off."""
_UNCHECKED_PASSWORD: Final = "_DJP_"

CHILD_COMMANDS: Final[dict[type[TaskCommand], ChildCommand]] = {
    InitCmd: ChildCommand.INIT,
    EventCmd: ChildCommand.EVENT,
    MeterCmd: ChildCommand.METER,
    LabelCmd: ChildCommand.LABEL,
    CtsWaitCmd: ChildCommand.WAIT,
    QueueCmd: ChildCommand.QUEUE,
    AbortCmd: ChildCommand.ABORT,
    CompleteCmd: ChildCommand.COMPLETE,
}
"""Number of each child command in zombie records and attributes."""

_ENDS = (ChildCommand.ABORT, ChildCommand.COMPLETE)
_FAILED = ErrorCmd("[ authentication failed ] Request set to FAIL via zombie setting")


class Standing(Enum):
    """What a call is to a task that exists."""

    OWN = "to be carried out"
    REPEATED = "done before: answered OK, nothing to do"
    ZOMBIE_ECF = ZombieType.ECF
    ZOMBIE_PID = ZombieType.ECF_PID
    ZOMBIE_PASSWORD = ZombieType.ECF_PASSWD
    ZOMBIE_PID_AND_PASSWORD = ZombieType.ECF_PID_PASSWD


def standing(task: Node, child: ChildCommand, jobs_password: str, remote_id: str) -> Standing:
    """Judge a call by what the task knows of its job.

    The password ``_DJP_``, and ``FREE`` as value of the task's own variable ECF_PASS, pass everything.  A
    task without remote id takes any.  On a complete or aborted task every call is a zombie of type ecf,
    whatever differs, save the command that made it so.  The try number is not looked at.
    """
    if jobs_password == _UNCHECKED_PASSWORD or _is_free(task):
        return Standing.OWN
    wrong_password = jobs_password != task.jobs_password
    wrong_id = bool(task.remote_id) and remote_id != task.remote_id
    if task.state is NodeState.COMPLETE:
        return Standing.REPEATED if child is ChildCommand.COMPLETE else Standing.ZOMBIE_ECF
    if task.state is NodeState.ABORTED:
        again = child is ChildCommand.ABORT and not wrong_password and not wrong_id
        return Standing.REPEATED if again else Standing.ZOMBIE_ECF
    if wrong_password and wrong_id:
        return Standing.ZOMBIE_PID_AND_PASSWORD
    if wrong_password:
        return Standing.ZOMBIE_PASSWORD
    if wrong_id:
        return Standing.ZOMBIE_PID
    if child is ChildCommand.INIT and task.state is NodeState.ACTIVE:
        return Standing.REPEATED
    return Standing.OWN


def _is_free(task: Node) -> bool:
    return any(variable.name == "ECF_PASS" and variable.value == FREE_PASSWORD for variable in task.variables)


def admit(tree: SuiteTree, zombies: Zombies, command: TaskCommand) -> Node | Reply:
    """The task for which the command is to be carried out, or the answer when it is not.

    Keeps the zombie records, and adopts where that is asked for.
    """
    child = CHILD_COMMANDS[type(command)]
    task = tree.definition.find(command.path)
    if task is None or not task.is_submittable:
        nearest = task or _nearest(tree.definition, command.path)
        return _zombie(tree, zombies, command, child, ZombieType.PATH, None, nearest) or OK
    seen = standing(task, child, command.jobs_password, command.remote_id)
    if seen is Standing.OWN:
        if _is_free(task):
            tree.clear_flag(task, FlagType.ZOMBIE)
        return task
    if seen is Standing.REPEATED:
        if child is ChildCommand.COMPLETE:
            zombies.remove_found(task.path, command.jobs_password, command.remote_id)
            tree.clear_flag(task, FlagType.ZOMBIE)
        return OK
    return _zombie(tree, zombies, command, child, seen.value, task, task) or task


def _nearest(definition: Definition, path: str) -> Node | None:
    while "/" in path[1:]:
        path = path.rpartition("/")[0]
        node = definition.find(path)
        if node is not None:
            return node
    return None


def _zombie(
    tree: SuiteTree,
    zombies: Zombies,
    command: TaskCommand,
    child: ChildCommand,
    kind: ZombieType,
    task: Node | None,
    nearest: Node | None,
) -> Reply | None:
    """The answer to a zombie's call; None once it is adopted."""
    zombie = zombies.called(command, child, kind, nearest)
    if task is not None:
        tree.set_flag(task, FlagType.ZOMBIE)
    action = zombie_action(zombie, nearest, child)
    if action is ZombieAction.ADOPT and task is not None:
        zombies.remove(zombie)
        tree.clear_flag(task, FlagType.ZOMBIE)
        task.jobs_password = command.jobs_password
        tree.changes.changed(task, Aspect.JOB)
        task.remote_id = command.remote_id
        tree.changes.changed(task, Aspect.JOB)
        return None
    if action is ZombieAction.FAIL:
        return _FAILED
    if action is ZombieAction.KILL:
        # No kill command is run here; the released server runs ECF_KILL_CMD.
        if task is not None:
            tree.set_flag(task, FlagType.KILLED)
        return OK
    if action is ZombieAction.FOB:
        if child in _ENDS:
            zombies.remove(zombie)
            if task is not None:
                tree.clear_flag(task, FlagType.ZOMBIE)
        return OK
    if action is ZombieAction.REMOVE:
        zombies.remove(zombie)
    elif child in (ChildCommand.LABEL, ChildCommand.EVENT, ChildCommand.METER):
        # These never wait: a job must not hang because it tells how far it is.
        return OK
    return BlockClientZombieCmd(zombie.zombie_type)
