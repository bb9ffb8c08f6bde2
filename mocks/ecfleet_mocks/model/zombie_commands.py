"""What users do about zombies: fob, fail, adopt, remove, block, kill.  Texts were seen on 5.9.2."""

from __future__ import annotations

from ecfleet_mocks.model.node_states import SuiteTree
from ecfleet_mocks.model.zombies import Zombies
from ecfleet_mocks.wire import OK, ErrorCmd, FlagType, Reply, ZombieAction, ZombieCmd

__all__ = ["zombie_command"]


def zombie_command(tree: SuiteTree, zombies: Zombies, command: ZombieCmd) -> Reply:
    """Set what is done with the zombies of the paths, in order; the first error ends the command."""
    for path in command.paths:
        why = _one(tree, zombies, path, ZombieAction(command.action))
        if why:
            return ErrorCmd(why)
    return OK


def _one(tree: SuiteTree, zombies: Zombies, path: str, action: ZombieAction) -> str:
    """Act on one path; the error text, empty when all is well."""
    if action is ZombieAction.REMOVE:
        zombies.remove_found(path)
        return ""
    if action in (ZombieAction.FOB, ZombieAction.FAIL):
        zombies.decide(path, action)
        return ""
    task = tree.definition.find(path)
    zombie = zombies.find(path)
    if task is None or not task.is_submittable:
        verb = action.name.lower()
        where = "!" if action is ZombieAction.ADOPT else f" for path {path}"
        return f"ZombieCtrl::{verb}Cli: Can't {verb} zombie, there is no corresponding task{where}"
    if action is ZombieAction.KILL:
        if zombie is None:
            return f"ZombieCtrl::killCli: Can't kill, could not locate zombie(and hence pid) for path: {path}"
        # The released server also runs ECF_KILL_CMD; no command is run here.
        tree.set_flag(task, FlagType.KILLED)
    if action is ZombieAction.ADOPT and zombie is not None and task.remote_id != zombie.remote_id:
        return (
            "ZombieCtrl::adoptCli: Can *not* adopt zombies, where process id are different. "
            f"Task({task.remote_id}) zombie({zombie.remote_id}). Please kill both process, and re-queue"
        )
    if (
        action in (ZombieAction.ADOPT, ZombieAction.BLOCK)
        and zombie is not None
        and zombie.jobs_password == task.jobs_password
        and task.remote_id in ("", zombie.remote_id)
    ):
        # The job is the task's own by now: there is nothing to take over or to hold.
        return ""
    zombies.decide(path, action)
    return ""
