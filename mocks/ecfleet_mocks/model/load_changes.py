"""How many state change numbers reading a definition takes: the real servers count while they read.

Measured on 5.9.2, attribute by attribute.
"""

from __future__ import annotations

from ecfleet_mocks.model.definition import Definition, Node, NodeKind
from ecfleet_mocks.wire import NodeState

__all__ = ["numbers_of_head", "numbers_of_states", "numbers_of_suite"]


def numbers_of_head(definition: Definition) -> int:
    """For the lines before the suites, and one for having read at all."""
    return (
        1
        + (definition.state is not NodeState.UNKNOWN)
        + definition.flags.bit_count()
        + len(definition.user_variables)
    )


def numbers_of_suite(suite: Node, *, with_state: bool) -> int:
    """For a suite with everything in it.

    :param with_state: whether the text carries state; then an event that is set counts twice.
    """
    events = sum(event.value or event.initial for node in suite.down() for event in node.events)
    return sum(map(_numbers_of_node, suite.down())) + (events if with_state else 0)


def numbers_of_states(node: Node) -> int:
    """For what stands behind ``#`` on a node's own line; a node without is unknown, an alias queued."""
    initial = NodeState.QUEUED if node.kind is NodeKind.ALIAS else NodeState.UNKNOWN
    return (node.state is not initial) + node.flags.bit_count() + node.suspended


def _numbers_of_node(node: Node) -> int:
    states = numbers_of_states(node)
    single = (node.late, node.repeat, node.autorestore, node.autocancel, node.autoarchive)
    attributes = sum(1 for attribute in single if attribute) + sum(
        len(group)
        for group in (
            node.variables,
            node.limits,
            node.inlimits,
            node.labels,
            node.meters,
            node.events,
            node.times,
            node.todays,
            node.dates,
            node.days,
            node.crons,
            node.avisos,
            node.mirrors,
            node.zombies,
            node.verifies,
            node.queues,
            node.generics,
        )
    )
    expressions = [expression for expression in (node.trigger, node.complete) if expression is not None]
    attributes += sum(len(expression.parts) + expression.free for expression in expressions)
    attributes += sum(
        item.free for group in (node.times, node.todays, node.crons, node.dates, node.days) for item in group
    )
    if node.clock is not None:
        attributes += 1 + bool(node.clock.date) + bool(node.clock.gain)
    if node.late is not None:
        attributes += node.late.is_late
    if node.repeat is not None:
        attributes += node.repeat.position != node.repeat.start
    attributes += node.replaced_variables
    return states + attributes + (node.kind is not NodeKind.SUITE)
