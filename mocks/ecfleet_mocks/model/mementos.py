"""The mementos for what changed on a node: the small print of an incremental sync.

Which memento tells what, and their order within a node, were seen on 5.9.2.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ecfleet_mocks import wire
from ecfleet_mocks.model.attributes import Event, Expression, InLimit, Label, Late, Limit, Meter, Queue
from ecfleet_mocks.model.changes import Aspect, Change
from ecfleet_mocks.model.definition import Calendar, Definition, Node

__all__ = ["CannotTell", "calendar_memento", "definition_memento", "node_memento"]

_JOINS = {"": 0, "-a": 1, "-o": 2}


class CannotTell(Exception):
    """A change that is told by a full sync only."""


def calendar_memento(calendar: Calendar) -> wire.SuiteCalendarMemento:
    """A suite's calendar; what equals the initial time is left out."""
    initial = calendar.init_time

    def unless_initial(text: str) -> str | None:
        return text if text != initial else None

    return wire.SuiteCalendarMemento(
        wire.Calendar(
            initial,
            unless_initial(calendar.suite_time),
            unless_initial(calendar.init_local_time),
            unless_initial(calendar.last_time),
            False,
            calendar.duration,
            calendar.increment,
        )
    )


def definition_memento(definition: Definition, changes: AbstractSet[Change]) -> wire.CompoundMemento:
    """What changed on the definition itself, under the path ``/``.

    :raises CannotTell: when there is no memento for a change.
    """
    aspects = {aspect for aspect, _ in changes}
    told: list[wire.Memento] = []
    if Aspect.STATE in aspects:
        told.append(wire.StateMemento(definition.state))
    if Aspect.FLAG in aspects:
        told.append(wire.FlagMemento(definition.flags))
    if Aspect.SERVER_STATE in aspects:
        told.append(wire.ServerStateMemento(definition.server_state))
    if Aspect.ATTRIBUTES in aspects:
        told.append(wire.ServerVariableMemento(definition.user_variables))
    if aspects - {Aspect.STATE, Aspect.SERVER_STATE, Aspect.ATTRIBUTES, Aspect.FLAG}:
        raise CannotTell
    return wire.CompoundMemento("/", tuple(told))


def node_memento(node: Node, changes: AbstractSet[Change]) -> wire.CompoundMemento:
    """What changed on a node.

    :raises CannotTell: when there is no memento for a change.
    """
    aspects = {aspect for aspect, _ in changes}
    if aspects & {Aspect.OTHER, Aspect.CHILDREN}:
        raise CannotTell
    told: list[wire.Memento] = []
    if Aspect.JOB in aspects:
        told.append(
            wire.SubmittableMemento(node.jobs_password, node.remote_id, node.aborted_reason, node.try_number)
        )
    if Aspect.STATE in aspects:
        told.append(wire.NodeStateMemento((node.state, node.state_duration or "00:00:00")))
    if Aspect.SUSPENDED in aspects:
        told.append(wire.SuspendedMemento(node.suspended))
    clear = Aspect.ATTRIBUTES in aspects
    told.extend(_all_attributes(node) if clear else _changed_attributes(node, changes))
    if Aspect.FLAG in aspects and not clear:
        # Left out by the real server where all attributes are told anew.
        told.append(wire.FlagMemento(node.flags))
    return wire.CompoundMemento(node.path, tuple(told), clear)


def _changed_attributes(node: Node, changes: AbstractSet[Change]) -> list[wire.Memento]:
    told: list[wire.Memento] = []
    told.extend(_event(event) for event in node.events if (Aspect.EVENT, event.key) in changes)
    told.extend(_meter(meter) for meter in node.meters if (Aspect.METER, meter.name) in changes)
    told.extend(_label(label) for label in node.labels if (Aspect.LABEL, label.name) in changes)
    told.extend(
        wire.NodeQueueIndexMemento(queue.index, queue.name, queue.states)
        for queue in node.queues
        if (Aspect.QUEUE, queue.name) in changes
    )
    if (Aspect.REPEAT, "") in changes and node.repeat is not None:
        if not node.repeat.position.lstrip("-").isdigit():
            raise CannotTell
        told.append(wire.NodeRepeatIndexMemento(int(node.repeat.position)))
    told.extend(_limit(limit) for limit in node.limits if (Aspect.LIMIT, limit.name) in changes)
    return told


def _all_attributes(node: Node) -> list[wire.Memento]:
    untold = (
        node.repeat,
        node.times,
        node.todays,
        node.dates,
        node.days,
        node.crons,
        node.avisos,
        node.mirrors,
        node.autocancel,
        node.autoarchive,
        node.autorestore,
        node.verifies,
        node.generics,
        node.clock,
    )
    if any(untold):
        raise CannotTell
    told: list[wire.Memento] = []
    told.extend(map(_meter, node.meters))
    told.extend(map(_event, node.events))
    told.extend(map(_label, node.labels))
    told.extend(map(_queue, node.queues))
    told.extend(map(wire.NodeZombieMemento, node.zombies))
    told.extend(map(_limit, node.limits))
    told.extend(map(wire.NodeVariableMemento, node.variables))
    told.extend(map(_inlimit, node.inlimits))
    if node.trigger:
        told.append(wire.NodeTriggerMemento(_expression(node.trigger)))
    if node.complete:
        told.append(wire.NodeCompleteMemento(_expression(node.complete)))
    if node.late:
        told.append(_late(node.late))
    return told


def _event(event: Event) -> wire.NodeEventMemento:
    return wire.NodeEventMemento(wire.Event(event.name, event.number, event.value, event.initial))


def _meter(meter: Meter) -> wire.NodeMeterMemento:
    return wire.NodeMeterMemento(
        wire.Meter(meter.name, meter.minimum, meter.maximum, meter.value, meter.color_change)
    )


def _label(label: Label) -> wire.NodeLabelMemento:
    return wire.NodeLabelMemento(wire.Label(label.name, label.value, label.new_value))


def _queue(queue: Queue) -> wire.NodeQueueMemento:
    return wire.NodeQueueMemento(wire.QueueAttr(queue.name, queue.steps, queue.states, queue.index))


def _limit(limit: Limit) -> wire.NodeLimitMemento:
    return wire.NodeLimitMemento(wire.Limit(limit.name, limit.maximum, limit.value, limit.paths))


def _inlimit(inlimit: InLimit) -> wire.NodeInLimitMemento:
    return wire.NodeInLimitMemento(
        wire.InLimit(
            inlimit.name,
            inlimit.path,
            inlimit.tokens,
            inlimit.this_node_only,
            inlimit.submission,
            inlimit.incremented,
        )
    )


def _expression(expression: Expression) -> wire.Expression:
    parts = tuple(wire.PartExpression(part.text, _JOINS[part.join]) for part in expression.parts)
    return wire.Expression(parts, expression.free)


def _late(late: Late) -> wire.NodeLateMemento:
    return wire.NodeLateMemento(
        wire.LateAttr(
            _slot(late.submitted),
            _slot(late.active),
            _slot(late.complete),
            late.complete.startswith("+"),
            late.is_late,
        )
    )


def _slot(text: str) -> wire.TimeSlot | None:
    if not text:
        return None
    hour, _, minute = text.lstrip("+").partition(":")
    return wire.TimeSlot(int(hour), int(minute))
