"""Setting node states: upwards through the tree, with limits taken and given back.

Order and counting of changes were measured on 5.9.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ecfleet_mocks.model.calendars import calendar_date, calendar_minutes, misses_hybrid_date
from ecfleet_mocks.model.changes import Aspect, Changes
from ecfleet_mocks.model.definition import Definition, Node, NodeKind
from ecfleet_mocks.model.limits import settle_limits
from ecfleet_mocks.wire import DisplayState, FlagType, NodeState

__all__ = ["NotBegun", "SuiteTree", "most_significant"]

_SIGNIFICANCE = (
    NodeState.ABORTED,
    NodeState.ACTIVE,
    NodeState.SUBMITTED,
    NodeState.QUEUED,
    NodeState.COMPLETE,
)


def most_significant(states: Iterable[NodeState]) -> NodeState:
    """The state that a container shows for its children's; unknown for none."""
    present = set(states)
    for state in _SIGNIFICANCE:
        if state in present:
            return state
    return NodeState.UNKNOWN


class NotBegun(ValueError):
    """A suite that has not begun cannot run again; the text is the released servers'."""


class SuiteTree:
    """A definition together with its journal of changes: what commands work on.

    :ivar definition: the suites and the server's own state.
    :ivar changes: counters and journal.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.changes = Changes(definition)

    # --- single changes ---------------------------------------------------------------------------

    def set_flag(self, node: Node | None, flag: FlagType) -> None:
        """Set a flag of a node, of the definition for None; nothing when it is set."""
        owner: Node | Definition = self.definition if node is None else node
        if not owner.flags >> flag & 1:
            owner.flags |= 1 << flag
            self.changes.changed(node, Aspect.FLAG)

    def clear_flag(self, node: Node, flag: FlagType) -> None:
        """Clear a flag; nothing when it is not set."""
        if node.flags >> flag & 1:
            node.flags &= ~(1 << flag)
            self.changes.changed(node, Aspect.FLAG)

    def set_state_only(self, node: Node, state: NodeState) -> None:
        """Set one node's state without looking at any other; nothing when it has it."""
        if node.state is state:
            return
        node.state = state
        duration = node.suite.calendar.duration if node.suite.calendar else ""
        node.state_duration = duration if duration != "00:00:00" else ""
        self.changes.changed(node, Aspect.STATE)
        if state is not NodeState.ABORTED:
            self.clear_flag(node, FlagType.TASK_ABORTED)
        for position, verify in enumerate(node.verifies):
            if verify.expected_state is state:
                known = list(node.verifies)
                known[position] = replace(verify, actual=verify.actual + 1)
                node.verifies = tuple(known)
                self.changes.changed(node, Aspect.OTHER)

    def set_default_status(self, node: Node, state: NodeState) -> None:
        """Set a node and all below it to a state, each by itself."""
        for below in node.down():
            self.set_state_only(below, state)

    # --- a task's state and what follows from it ---------------------------------------------------

    def set_task_state(self, node: Node, state: NodeState) -> None:
        """Set a task's or alias's state, take or give back limits, and settle the nodes above.

        Aliases do not count for the nodes above them.  Nothing follows from a state that the node has already.
        """
        if node.state is state:
            return
        self.set_state_only(node, state)
        settle_limits(self.definition, self.changes, node)
        if node.kind is NodeKind.TASK:
            self.settle_upwards(node)

    def settle_upwards(self, node: Node) -> None:
        """Compute the states of a node and of all above it; what is complete may have to run again."""
        above: Node | None = node
        while above is not None:
            computed = self._own_or_children_state(above)
            self.set_state_only(above, computed)
            if computed is NodeState.COMPLETE and (self._repeat_goes_on(above) or self._comes_again(above)):
                self.set_state_only(above, self._own_or_children_state(above))
            above = above.parent
        self.settle_definition()

    @staticmethod
    def _own_or_children_state(node: Node) -> NodeState:
        if node.is_submittable:
            return node.state
        return most_significant(child.state for child in node.children.values())

    def settle_definition(self) -> None:
        """Compute the definition's state from its suites."""
        computed = most_significant(suite.state for suite in self.definition.suites.values())
        if computed is not self.definition.state:
            self.definition.state = computed
            self.changes.changed(None, Aspect.STATE)

    # --- begin and requeue --------------------------------------------------------------------------

    def restart(self, node: Node, *, labels: bool, repeats: bool = True, times: bool = True) -> None:
        """Put a node and all below it back to the state before anything ran.

        :param labels: also take back tasks' labels' new values, the message flag and what was verified, as
            begin does and requeue not.
        :param repeats: put the repeat of ``node`` itself back to its first value.
        :param times: let times wait for their next slot from the suite's time on.
        """
        clock = node.suite.clock
        hybrid = clock is not None and clock.hybrid
        nodes = [below for below in node.down() if below.kind is not NodeKind.ALIAS]
        for below in nodes:
            if labels:
                self._forget_verified(below)
            self._restart_state(below, keep_message=not labels)
            self._restart_attributes(below, begins=labels, repeats=repeats or below is not node)
            self._restart_times(below, slots=times)
            if times and hybrid and misses_hybrid_date(below, calendar_date(node.suite.calendar)):
                self.set_state_only(below, NodeState.COMPLETE)
        for below in reversed(nodes):
            if below.is_submittable:
                continue
            if below.default_status is DisplayState.COMPLETE:
                self.set_default_status(below, NodeState.COMPLETE)
            # A default status other than queued stands, whatever the children are (seen on 5.9.2).
            if below.children and below.default_status is DisplayState.QUEUED:
                self.set_state_only(below, self._own_or_children_state(below))

    def _forget_verified(self, node: Node) -> None:
        # Before the state is set, which counts again.
        node.verifies = tuple(replace(verify, actual=0) for verify in node.verifies)
        for _ in node.verifies:
            self.changes.changed(node, Aspect.OTHER)

    def _restart_state(self, node: Node, *, keep_message: bool) -> None:
        changed = self.changes.changed
        suspend = node.default_status is DisplayState.SUSPENDED
        self.set_state_only(node, NodeState.QUEUED if suspend else NodeState(node.default_status))
        if suspend:
            node.suspended = True
            changed(node, Aspect.SUSPENDED)
        if node.is_submittable and node.state is NodeState.ABORTED:
            # Aborted by its default status: flagged as any aborted task is, and at once unflagged.
            self.set_flag(node, FlagType.TASK_ABORTED)
        message = node.flags >> FlagType.MESSAGE & 1
        node.flags = 0
        changed(node, Aspect.FLAG)
        if message and keep_message:
            self.set_flag(node, FlagType.MESSAGE)
        if node.is_submittable:
            node.jobs_password = node.remote_id = node.aborted_reason = ""
            node.try_number = 0
            changed(node, Aspect.JOB)

    def _restart_attributes(self, node: Node, *, begins: bool, repeats: bool) -> None:
        changed = self.changes.changed
        if node.late and node.late.is_late:
            node.late = replace(node.late, is_late=False)
            changed(node, Aspect.OTHER)
        for keyword in ("trigger", "complete"):
            expression = getattr(node, keyword)
            if expression is not None and expression.free:
                setattr(node, keyword, replace(expression, free=False))
                changed(node, Aspect.OTHER)
        if node.repeat and repeats:
            if node.repeat.name:
                changed(node, Aspect.REPEAT)
            node.repeat = node.repeat.restarted()
        if begins or not node.is_submittable:
            node.labels = tuple(replace(label, new_value="") for label in node.labels)
            for label in node.labels:
                changed(node, Aspect.LABEL, label.name)
        node.meters = tuple(replace(meter, value=meter.minimum) for meter in node.meters)
        for meter in node.meters:
            changed(node, Aspect.METER, meter.name)
        node.events = tuple(replace(event, value=event.initial) for event in node.events)
        for event in node.events:
            changed(node, Aspect.EVENT, event.key)
        node.limits = tuple(replace(limit, value=0, paths=()) for limit in node.limits)
        for limit in node.limits:
            changed(node, Aspect.LIMIT, limit.name)
        node.inlimits = tuple(replace(inlimit, incremented=False) for inlimit in node.inlimits)
        node.queues = tuple(queue.restarted() for queue in node.queues)
        for queue in node.queues:
            changed(node, Aspect.QUEUE, queue.name)

    def _restart_times(self, node: Node, *, slots: bool) -> None:
        if not (node.times or node.todays or node.crons or node.dates or node.days):
            return
        calendar = node.suite.calendar
        if slots:
            now = calendar_minutes(calendar)
            node.times = tuple(time.restarted(now) for time in node.times)
            node.todays = tuple(today.restarted(now) for today in node.todays)
            node.crons = tuple(cron.restarted(now) for cron in node.crons)
        else:
            node.times = tuple(replace(time, free=False) for time in node.times)
            node.todays = tuple(replace(today, free=False) for today in node.todays)
            node.crons = tuple(replace(cron, free=False) for cron in node.crons)
        node.dates = tuple(date.restarted() for date in node.dates)
        node.days = tuple(day.waiting_from(calendar_date(calendar)) for day in node.days)
        for group in (node.times, node.todays, node.crons, node.dates, node.days):
            for _ in group:
                self.changes.changed(node, Aspect.OTHER)

    # --- running again -------------------------------------------------------------------------------

    def _repeat_goes_on(self, node: Node) -> bool:
        """Advance the repeat of a node that has become complete; True when it runs once more."""
        if node.repeat is None:
            return False
        following = node.repeat.advanced()
        node.repeat = following
        if following.name:
            self.changes.changed(node, Aspect.REPEAT)
        if not following.is_valid:
            return False
        if node.kind is NodeKind.SUITE and not node.begun:
            raise NotBegun(f"Suite::requeue: The suite {node.name} must be 'begun' first")
        self.restart(node, labels=False, repeats=False)
        return True

    def _comes_again(self, node: Node) -> bool:
        """Queue a node that has become complete again when a time of it is still to come.

        A cron always comes again.  What was measured is the first completion after begin, with the suite's
        time standing still.
        """
        again = bool(node.crons) or any(time.series.comes_again for time in (*node.times, *node.todays))
        if not again and node.dates:
            today = calendar_date(node.suite.calendar)
            again = today is not None and any(date.comes_again(today) for date in node.dates)
        if again:
            self.restart(node, labels=False, repeats=False, times=False)
            return True
        for position, day in enumerate(node.days):
            known = list(node.days)
            known[position] = replace(day, expired=True)
            node.days = tuple(known)
            self.changes.changed(node, Aspect.OTHER)
        return False
