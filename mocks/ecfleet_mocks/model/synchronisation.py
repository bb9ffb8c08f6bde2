"""News and syncs: what a client that has certain numbers must be told.

The decisions were seen on 5.9.2 and 5.17.0.  Changes that the real server tells by mementos of a kind not
made here (children, times) are answered with a full definition, which every client takes as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecfleet_mocks.model.changes import Change
from ecfleet_mocks.model.definition import Node
from ecfleet_mocks.model.definition_print import definition_text
from ecfleet_mocks.model.handles import Handle, Handles
from ecfleet_mocks.model.mementos import CannotTell, calendar_memento, definition_memento, node_memento
from ecfleet_mocks.model.node_states import SuiteTree
from ecfleet_mocks.wire import (
    CompoundMemento,
    CSyncCmd,
    ErrorCmd,
    IncrementalChanges,
    NewsKind,
    Reply,
    ServerState,
    SNewsCmd,
    SSyncCmd,
    SyncApi,
)

__all__ = ["Synchronisation", "UnknownHandle"]


class UnknownHandle(Exception):
    """A full sync was asked for with a handle that does not exist: the real servers die here."""


@dataclass(slots=True)
class Synchronisation:
    """Answers CSyncCmd for one tree and its handles."""

    tree: SuiteTree
    handles: Handles
    _kept: tuple[int, int, str] | None = None

    def remember(self, text: str) -> None:
        """Keep a text of the whole definition for full syncs, until a number changes."""
        definition = self.tree.definition
        self._kept = (definition.state_change, definition.modify_change, text)

    def answer(self, command: CSyncCmd) -> Reply:
        """The reply.

        :raises UnknownHandle: for sync_full.
        """
        handle = self.handles.find(command.handle) if command.handle else None
        unknown = bool(command.handle) and handle is None
        if command.api == SyncApi.NEWS:
            return SNewsCmd(NewsKind.DO_FULL_SYNC if unknown else self._news(command, handle))
        if unknown and command.api == SyncApi.SYNC_FULL:
            raise UnknownHandle
        if unknown:
            return ErrorCmd(
                f"ClientSuiteMgr::max_change_no: handle({command.handle}) does not exist in server. Handle "
                "dropped or Server may have died? Please refresh GUI/re-register suites"
            )
        if command.api == SyncApi.SYNC_FULL:
            return self._full(handle)
        state, modify = self.tree.changes.highest(self._suites(handle))
        behind = command.modify_change < modify
        ahead = command.state_change > state or command.modify_change > modify
        if behind or ahead or (handle is not None and handle.changed):
            return self._full(handle)
        try:
            mementos = self._mementos(command, handle)
        except CannotTell:
            return self._full(handle)
        return SSyncCmd(changes=IncrementalChanges(state, modify, mementos))

    def _suites(self, handle: Handle | None) -> list[Node] | None:
        if handle is None:
            return None
        known = self.tree.definition.suites
        return [known[name] for name in handle.suites if name in known]

    def _news(self, command: CSyncCmd, handle: Handle | None) -> NewsKind:
        state, modify = self.tree.changes.highest(self._suites(handle))
        if command.state_change > state or command.modify_change > modify:
            return NewsKind.DO_FULL_SYNC
        if handle is not None and handle.changed:
            return NewsKind.NEWS
        if command.modify_change < modify or command.state_change < state:
            return NewsKind.NEWS
        return NewsKind.NO_NEWS

    def _full(self, handle: Handle | None) -> SSyncCmd:
        definition = self.tree.definition
        if handle is not None:
            handle.changed = False
        if handle is None or set(definition.suites) <= set(handle.suites):
            kept = self._kept
            if kept is not None and kept[:2] == (definition.state_change, definition.modify_change):
                return SSyncCmd(full_definition=True, definition_text=kept[2])
            return SSyncCmd(full_definition=True, definition_text=definition_text(definition))
        state, modify = self.tree.changes.highest(self._suites(handle))
        text = definition_text(definition, suites=handle.suites, state_change=state, modify_change=modify)
        return SSyncCmd(suites_text=text)

    def _mementos(self, command: CSyncCmd, handle: Handle | None) -> tuple[CompoundMemento, ...]:
        number = command.state_change
        changes = self.tree.changes
        told: list[CompoundMemento] = []
        own = changes.since(number, None)
        if own:
            told.append(definition_memento(self.tree.definition, own[None]))
        suites = self._suites(handle)
        for suite in self.tree.definition.suites.values() if suites is None else suites:
            changed = changes.since(number, suite)
            told.extend(_in_tree_order(suite, changed))
            # The calendars of a server that runs have gone on since; those of any other stand still.
            running = self.tree.definition.server_state is ServerState.RUNNING
            if command.api == SyncApi.SYNC_CLOCK and running and suite.calendar is not None:
                told.append(CompoundMemento(suite.path, (calendar_memento(suite.calendar),)))
        return tuple(told)


def _in_tree_order(suite: Node, changed: dict[Node | None, set[Change]]) -> list[CompoundMemento]:
    # Only branches with changes are walked, so that the cost follows the change and not the tree.
    on_the_way: set[Node] = set()
    for node in changed:
        if node is not None:
            on_the_way.update(node.up())
    told: list[CompoundMemento] = []
    stack = [suite] if on_the_way else []
    while stack:
        node = stack.pop()
        if node in changed:
            told.append(node_memento(node, changed[node]))
        stack.extend(child for child in reversed(node.children.values()) if child in on_the_way)
    return told
