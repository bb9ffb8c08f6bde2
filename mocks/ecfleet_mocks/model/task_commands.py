"""Carrying out child commands on a task: init, complete, abort, event, meter, label, queue.

What changes, and how many numbers a change takes, was measured on 5.9.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ecfleet_mocks.model.attributes import Queue
from ecfleet_mocks.model.changes import Aspect
from ecfleet_mocks.model.definition import Node
from ecfleet_mocks.model.node_states import SuiteTree
from ecfleet_mocks.model.zombies import Zombies
from ecfleet_mocks.wire import (
    OK,
    AbortCmd,
    CompleteCmd,
    ErrorCmd,
    EventCmd,
    FlagType,
    InitCmd,
    LabelCmd,
    MeterCmd,
    NodeState,
    QueueCmd,
    Reply,
    SStringCmd,
    TaskCommand,
    Variable,
)

__all__ = ["TASK_HANDLERS", "mark_submitted"]

_NO_REASON = "Trap raised in job file"
_NO_STEP = "<NULL>"


def mark_submitted(tree: SuiteTree, task: Node, jobs_password: str) -> None:
    """Do to a task what the server does when it submits its job.

    Try number one higher, a new password, no remote id and no reason for an abort, labels without new values,
    limits taken, state submitted.
    """
    task.try_number += 1
    task.jobs_password = jobs_password
    task.remote_id = task.aborted_reason = ""
    tree.changes.changed(task, Aspect.JOB)
    task.labels = tuple(replace(label, new_value="") for label in task.labels)
    for label in task.labels:
        tree.changes.changed(task, Aspect.LABEL, label.name)
    tree.set_task_state(task, NodeState.SUBMITTED)


def _init(tree: SuiteTree, zombies: Zombies, task: Node, command: TaskCommand) -> Reply:
    assert isinstance(command, InitCmd)
    tree.set_task_state(task, NodeState.ACTIVE)
    task.remote_id = command.remote_id
    tree.changes.changed(task, Aspect.JOB)
    for variable in command.variables:
        _put_variable(task, variable)
        # A client is told all attributes anew, also when the variable was there already.
        tree.changes.changed(task, Aspect.ATTRIBUTES)
    return OK


def _put_variable(task: Node, variable: Variable) -> None:
    known = list(task.variables)
    for position, old in enumerate(known):
        if old.name == variable.name:
            known[position] = variable
            task.variables = tuple(known)
            return
    task.variables += (variable,)


def _complete(tree: SuiteTree, zombies: Zombies, task: Node, command: TaskCommand) -> Reply:
    assert isinstance(command, CompleteCmd)
    zombies.ended(task)
    # First the state: what follows from it may fail, and then nothing of the rest is done (seen on 5.9.2).
    tree.set_task_state(task, NodeState.COMPLETE)
    for name in command.delete_variables:
        kept = tuple(variable for variable in task.variables if variable.name != name)
        if len(kept) != len(task.variables):
            task.variables = kept
            tree.changes.changed(task, Aspect.ATTRIBUTES)
    task.jobs_password = task.remote_id = task.aborted_reason = ""
    tree.changes.changed(task, Aspect.JOB)
    tree.clear_flag(task, FlagType.ZOMBIE)
    return OK


def _abort(tree: SuiteTree, zombies: Zombies, task: Node, command: TaskCommand) -> Reply:
    assert isinstance(command, AbortCmd)
    zombies.ended(task)
    # As clients do; the reason has to fit on the node's line.
    task.aborted_reason = (command.reason or _NO_REASON).replace("\n", "").replace(";", " ")
    tree.changes.changed(task, Aspect.JOB)
    if task.state is not NodeState.ABORTED:
        tree.set_flag(task, FlagType.TASK_ABORTED)
    tree.set_task_state(task, NodeState.ABORTED)
    return OK


def _event(tree: SuiteTree, zombies: Zombies, task: Node, command: TaskCommand) -> Reply:
    assert isinstance(command, EventCmd)
    for position, event in enumerate(task.events):
        if event.answers_to(command.name):
            known = list(task.events)
            known[position] = replace(event, value=command.value)
            task.events = tuple(known)
            tree.changes.changed(task, Aspect.EVENT, event.key)
            break
    # An unknown event, meter or label is no error to the client.
    return OK


def _meter(tree: SuiteTree, zombies: Zombies, task: Node, command: TaskCommand) -> Reply:
    assert isinstance(command, MeterCmd)
    for position, meter in enumerate(task.meters):
        if meter.name == command.name and meter.minimum <= command.value <= meter.maximum:
            known = list(task.meters)
            known[position] = replace(meter, value=command.value)
            task.meters = tuple(known)
            tree.changes.changed(task, Aspect.METER, meter.name)
            break
    return OK


def _label(tree: SuiteTree, zombies: Zombies, task: Node, command: TaskCommand) -> Reply:
    assert isinstance(command, LabelCmd)
    for position, label in enumerate(task.labels):
        if label.name == command.name:
            known = list(task.labels)
            known[position] = replace(label, new_value=command.label)
            task.labels = tuple(known)
            tree.changes.changed(task, Aspect.LABEL, label.name)
            break
    return OK


def _queue(tree: SuiteTree, zombies: Zombies, task: Node, command: TaskCommand) -> Reply:
    assert isinstance(command, QueueCmd)
    if command.queue_path:
        start = tree.definition.find(command.queue_path)
        if start is None:
            return ErrorCmd(f"QueueCmd:: Could not find node at path {command.queue_path}")
        holders = [start]
        where = f"of name {command.name}, on input node {command.queue_path}"
    else:
        holders = list(task.up())
        where = f"{command.name} Up the node hierarchy"
    for holder in holders:
        for position, queue in enumerate(holder.queues):
            if queue.name == command.name:
                return _queue_action(tree, holder, position, command)
    return ErrorCmd(f"QueueCmd:: Could not find queue {where}")


def _queue_action(tree: SuiteTree, holder: Node, position: int, command: QueueCmd) -> Reply:
    queue = holder.queues[position]
    answer: Reply = OK
    if command.action == "no_of_aborted":
        aborted = sum(state is NodeState.ABORTED for state in queue.states)
        return SStringCmd(str(aborted)) if aborted else OK
    if command.action == "active":
        if queue.index >= len(queue.steps):
            return SStringCmd(_NO_STEP)
        answer = SStringCmd(queue.steps[queue.index])
        queue = replace(_with_state(queue, queue.index, NodeState.ACTIVE), index=queue.index + 1)
    elif command.action == "reset":
        queue = _reset(queue)
    elif command.action in ("complete", "aborted"):
        if command.step not in queue.steps:
            return ErrorCmd(
                f"QueueAttr::{command.action}: Could not find {command.step} in queue {queue.name}"
            )
        queue = _with_state(queue, queue.steps.index(command.step), NodeState[command.action.upper()])
    else:
        return OK
    known = list(holder.queues)
    known[position] = queue
    holder.queues = tuple(known)
    tree.changes.changed(holder, Aspect.QUEUE, queue.name)
    return answer


def _with_state(queue: Queue, index: int, state: NodeState) -> Queue:
    states = list(queue.states)
    states[index] = state
    return replace(queue, states=tuple(states))


def _reset(queue: Queue) -> Queue:
    # The next step is the first aborted one; those behind it come again as well, whatever their state.
    if NodeState.ABORTED in queue.states:
        return replace(queue, index=queue.states.index(NodeState.ABORTED))
    return queue


TASK_HANDLERS: dict[type[TaskCommand], Callable[[SuiteTree, Zombies, Node, TaskCommand], Reply]] = {
    AbortCmd: _abort,
    CompleteCmd: _complete,
    EventCmd: _event,
    InitCmd: _init,
    LabelCmd: _label,
    MeterCmd: _meter,
    QueueCmd: _queue,
}
"""What carries out which child command, once it is admitted."""
