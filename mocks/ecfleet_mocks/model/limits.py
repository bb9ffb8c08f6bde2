"""Taking tokens of limits for a task that runs, and giving them back.

Who takes, and under which path, was seen on 5.9.2.
"""

from __future__ import annotations

from dataclasses import replace

from ecfleet_mocks.model.attributes import InLimit
from ecfleet_mocks.model.changes import Aspect, Changes
from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.wire import NodeState

__all__ = ["settle_limits"]

_TAKING = (NodeState.SUBMITTED, NodeState.ACTIVE)


def settle_limits(definition: Definition, changes: Changes, task: Node) -> None:
    """Take or give back what the task's state asks for, for every inlimit on it and above it.

    Tokens are taken when a task is submitted, not when a job that was never submitted becomes active.  An
    inlimit for submission (``-s``) is given back when the task becomes active; one for the node only (``-n``)
    is taken once under the node's own path, whatever runs below it.
    """
    for holder in task.up():
        for position, inlimit in enumerate(holder.inlimits):
            owner = _owner(definition, holder, inlimit)
            if owner is None:
                continue
            if task.state is NodeState.ACTIVE and not inlimit.submission:
                continue
            wanted = task.state is NodeState.SUBMITTED
            if inlimit.this_node_only:
                _take_once(changes, owner, holder, position, wanted)
            else:
                _take(changes, owner, inlimit, task.path, wanted)


def _owner(definition: Definition, holder: Node, inlimit: InLimit) -> Node | None:
    if inlimit.path:
        return definition.find(inlimit.path)
    for node in holder.up():
        if any(limit.name == inlimit.name for limit in node.limits):
            return node
    return None


def _take_once(changes: Changes, owner: Node, holder: Node, position: int, wanted: bool) -> None:
    inlimit = holder.inlimits[position]
    if not wanted and any(below.state in _TAKING for below in holder.down() if below.is_submittable):
        return
    if wanted == inlimit.incremented:
        return
    known = list(holder.inlimits)
    known[position] = replace(inlimit, incremented=wanted)
    holder.inlimits = tuple(known)
    _take(changes, owner, inlimit, holder.path, wanted)


def _take(changes: Changes, owner: Node, inlimit: InLimit, path: str, wanted: bool) -> None:
    for position, limit in enumerate(owner.limits):
        if limit.name != inlimit.name or (path in limit.paths) == wanted:
            continue
        known = list(owner.limits)
        if wanted:
            paths = tuple(sorted((*limit.paths, path)))
            known[position] = replace(limit, value=limit.value + inlimit.tokens, paths=paths)
        else:
            paths = tuple(kept for kept in limit.paths if kept != path)
            known[position] = replace(limit, value=max(0, limit.value - inlimit.tokens), paths=paths)
        owner.limits = tuple(known)
        changes.changed(owner, Aspect.LIMIT, limit.name)
