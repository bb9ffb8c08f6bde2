"""The two counters of a server, and what changed when.

Every change of a state or attribute takes the next *state change* number, every change of the suites
themselves the next *modify change* number.  An incremental sync tells a client what changed after the numbers
it has.  How many numbers a command takes was measured on 5.9.2.
"""

from __future__ import annotations

from enum import Enum

from ecfleet_mocks.model.definition import Definition, Node

__all__ = ["Aspect", "Change", "Changes"]


class Aspect(Enum):
    """What changed on a node, or on the definition itself."""

    STATE = "state"
    FLAG = "flag"
    SUSPENDED = "suspended"
    JOB = "password, remote id, abort reason, try number"
    EVENT = "event"
    METER = "meter"
    LABEL = "label"
    LIMIT = "limit"
    QUEUE = "queue"
    REPEAT = "repeat"
    ATTRIBUTES = "an attribute was added or deleted"
    CHILDREN = "a child was added or deleted"
    OTHER = "something that only a full sync tells"
    SERVER_STATE = "server state"


Change = tuple[Aspect, str]
"""What changed, and the name of the attribute where that matters."""


class Changes:
    """Counters and journal of changes of one definition.

    The journal of a suite holds, for each node that changed, each change with its number; nodes that changed
    last stand last.  The journal under None is that of the definition itself.  A modify change of a suite
    empties its journal, since every client then gets the definition in full.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._journals: dict[Node | None, dict[Node | None, dict[Change, int]]] = {None: {}}
        self._suite_modify: dict[Node, int] = {}
        self._suite_state: dict[Node, int] = {}
        self._own = 0

    def changed(self, node: Node | None, aspect: Aspect, name: str = "") -> None:
        """Take the next state change number for a change of ``node``, None for the definition itself."""
        number = self._definition.state_change + 1
        self._definition.state_change = number
        suite = None if node is None else node.suite
        if suite is None:
            self._own = number
        else:
            self._suite_state[suite] = number
        journal = self._journals.setdefault(suite, {})
        changes = journal.pop(node, None)
        if changes is None:
            changes = {}
        changes[aspect, name] = number
        journal[node] = changes

    def skip(self, numbers: int, suite: Node | None = None) -> None:
        """Take state change numbers for which there is nothing to tell but in a full sync."""
        self._definition.state_change += numbers
        if suite is not None and numbers:
            self._suite_state[suite] = self._definition.state_change

    def modified(self, suite: Node | None, numbers: int = 1) -> None:
        """Take modify change numbers for a change of a suite, None when no suite stays that has them."""
        self._definition.modify_change += numbers
        if suite is not None:
            self._suite_modify[suite] = self._definition.modify_change
            self._journals.pop(suite, None)

    def forget(self, node: Node) -> None:
        """Drop what is known of a node that is taken out, and of all below it."""
        if node.parent is None:
            self._journals.pop(node, None)
            self._suite_modify.pop(node, None)
            self._suite_state.pop(node, None)
            return
        journal = self._journals.get(node.suite)
        if journal:
            for below in node.down():
                journal.pop(below, None)

    def highest(self, suites: list[Node] | None) -> tuple[int, int]:
        """Highest state and modify change numbers over ``suites``, over everything for None.

        Over suites the changes of the definition itself count as state changes.
        """
        if suites is None:
            return self._definition.state_change, self._definition.modify_change
        state = max((self._suite_state.get(suite, 0) for suite in suites), default=0)
        modify = max((self._suite_modify.get(suite, 0) for suite in suites), default=0)
        return max(state, self._own), modify

    def since(self, number: int, suite: Node | None) -> dict[Node | None, set[Change]]:
        """What changed in ``suite`` (None: in the definition itself) after a state change number."""
        if suite is not None and self._suite_state.get(suite, 0) <= number:
            return {}
        found: dict[Node | None, set[Change]] = {}
        # Nodes stand in the order of their last change, so that old ones need not be looked at.
        for node, changes in reversed(self._journals.get(suite, {}).items()):
            recent = {change for change, at in changes.items() if at > number}
            if not recent:
                break
            found[node] = recent
        return found
