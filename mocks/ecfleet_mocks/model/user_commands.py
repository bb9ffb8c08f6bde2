"""Carrying out user commands on suites: load, begin, delete, suspend and resume.

Texts, and how many numbers a change takes, were measured on 5.9.2; texts that differ are the dialect's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ecfleet_mocks.model import edit_history
from ecfleet_mocks.model.access_files import error_reply
from ecfleet_mocks.model.calendars import calendar_at_begin
from ecfleet_mocks.model.changes import Aspect
from ecfleet_mocks.model.definition import Definition, Node, NodeKind
from ecfleet_mocks.model.definition_parse import DefinitionError, parse_definition
from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.model.expression import ExpressionError, NumberTooLarge
from ecfleet_mocks.model.expression_check import expression_faults
from ecfleet_mocks.model.handles import Handles
from ecfleet_mocks.model.load_changes import numbers_of_head, numbers_of_suite
from ecfleet_mocks.model.node_states import SuiteTree
from ecfleet_mocks.model.notes import WouldEnd
from ecfleet_mocks.model.zombies import Zombies
from ecfleet_mocks.wire import (
    OK,
    BeginCmd,
    DeleteCmd,
    ErrorCmd,
    FlagType,
    LoadDefsCmd,
    NodeState,
    Reply,
    StcApi,
    StcCmd,
)

__all__ = ["SuiteCommands", "SuiteExists"]


class SuiteExists(ValueError):
    """A suite is loaded already; the text is the released servers'."""


@dataclass(slots=True)
class SuiteCommands:
    """The commands that change which suites there are, or start them.

    :param now: the clock, for the calendars of suites that begin.
    """

    dialect: Dialect
    tree: SuiteTree
    zombies: Zombies
    handles: Handles
    now: Callable[[], datetime]
    begun_now: int = 0
    deleted_now: list[str] = field(default_factory=list)

    # --- load ---------------------------------------------------------------------------------------

    def load(self, command: LoadDefsCmd) -> Reply:
        """Add the suites of a definition, replacing those that are there when forced."""
        if not command.definition:
            return OK
        try:
            loaded = parse_definition(command.definition)
        except DefinitionError as error:
            # What was read before the fault has taken its numbers already.
            self._count_reading(error.read)
            self.tree.changes.skip(error.numbers)
            return ErrorCmd(
                f"LoadDefsCmd::doHandleRequest : Could not parse file {command.filename} : {error.reason}\n"
                f"Could not parse '{error.line}' around line number {error.number}\n"
                f"{self.dialect.version_banner}\n"
            )
        try:
            self.check(loaded, force=command.force)
        except ExpressionError as error:
            self._count_reading(loaded)
            where = f"LoadDefsCmd::doHandleRequest : Could not parse file {command.filename} : "
            return error_reply(str(error) if isinstance(error, NumberTooLarge) else f"{where}{error}")
        try:
            self.absorb(loaded, force=command.force)
        except SuiteExists as error:
            return ErrorCmd(str(error))
        return OK

    def check(self, loaded: Definition, *, force: bool) -> None:
        """Check the expressions of a text without state, as the released servers do.

        :raises ExpressionError: with all that is wrong.
        :raises WouldEnd: where a released server ends: an assertion on an expression, or on ``extern`` lines,
            of which no server may have any (both seen on 5.9.2).
        """
        assertions = self.dialect.failed_assertion_kills
        if not loaded.has_state and (faults := expression_faults(loaded, assertions=assertions)):
            raise ExpressionError(faults)
        taken = not force and any(name in self.tree.definition.suites for name in loaded.suites)
        if assertions and loaded.externs and not taken:
            raise WouldEnd("a definition with an extern is loaded")

    def absorb(self, loaded: Definition, *, force: bool) -> None:
        """Move the suites and user variables of ``loaded`` into the tree.

        :raises SuiteExists: without ``force``; the suites before that one stay.
        """
        self._count_reading(loaded)
        tree = self.tree
        suites = list(loaded.suites.values())
        for position, suite in enumerate(suites):
            known = tree.definition.suites.get(suite.name)
            if known is not None and not force:
                tree.changes.modified(None)
                for left in suites[position:]:
                    tree.changes.forget(left)
                raise SuiteExists(
                    f"Add Suite failed: A Suite of name '{suite.name}' {self.dialect.suite_exists_text}"
                )
            if known is not None:
                self._take_out(known)
            tree.definition.suites[suite.name] = suite
            tree.changes.modified(suite, 2)
            self.handles.suite_added(suite.name)
        known_variables = {variable.name: variable for variable in tree.definition.user_variables}
        for variable in loaded.user_variables:
            known_variables[variable.name] = variable
            tree.definition.user_variables = tuple(known_variables.values())
            tree.changes.changed(None, Aspect.ATTRIBUTES)
        tree.settle_definition()

    def _count_reading(self, loaded: Definition) -> None:
        changes = self.tree.changes
        changes.modified(None, 1 + len(loaded.suites))
        changes.skip(numbers_of_head(loaded))
        for suite in loaded.suites.values():
            changes.skip(numbers_of_suite(suite, with_state=loaded.has_state), suite)

    def _take_out(self, suite: Node) -> None:
        del self.tree.definition.suites[suite.name]
        self.tree.changes.forget(suite)
        self.tree.changes.modified(None)
        self.handles.suite_taken_out(suite.name)

    # --- begin --------------------------------------------------------------------------------------

    def begin(self, command: BeginCmd) -> Reply:
        """Begin one suite or all; a suite that has begun is begun again only when forced.

        ``begun_now`` then tells how many suites began.

        Nodes become queued, or what their default status says.  No job is submitted.
        """
        suites = self.tree.definition.suites
        self.begun_now = 0
        if command.suite and command.suite not in suites:
            return ErrorCmd(
                f"BeginCmd::doHandleRequest:  Begin failed as suite '{command.suite}' is not loaded."
            )
        named = [suites[command.suite]] if command.suite else list(suites.values())
        wanted = [suite for suite in named if command.force or not suite.begun]
        # All are looked at before the first one begins.
        for suite in wanted:
            if not command.force and (why := _why_not_begun(suite, self.tree.definition)):
                return ErrorCmd(why)
        for suite in wanted:
            self._begin_suite(suite, force=command.force)
        self.tree.settle_definition()
        self.begun_now = len(wanted)
        return OK

    def _begin_suite(self, suite: Node, *, force: bool) -> None:
        running = self._make_zombies(suite.down(), "begin") if force else []
        if force:
            self.tree.changes.changed(suite, Aspect.OTHER)
        suite.begun = True
        suite.calendar = calendar_at_begin(suite.clock, self.now())
        self.tree.changes.changed(suite, Aspect.OTHER)
        self.tree.restart(suite, labels=True)
        for task in running:
            self.tree.set_flag(task, FlagType.ZOMBIE)
        self.tree.changes.modified(suite)

    def _make_zombies(self, nodes: Iterable[Node], user_command: str) -> list[Node]:
        running = _running_tasks(nodes)
        for task in running:
            if self.zombies.made_by_user(task, user_command):
                self.tree.set_flag(task, FlagType.ZOMBIE)
        return running

    # --- delete -------------------------------------------------------------------------------------

    def delete(self, command: DeleteCmd) -> Reply:
        """Delete nodes, or everything when no path is given.

        Unknown paths are noted and the others deleted; running tasks below a path stop the command there,
        unless it is forced.  ``deleted_now`` then holds the paths that went, ``/`` for everything.
        """
        self.deleted_now = []
        if not command.paths:
            return self._delete_all(force=command.force)
        unknown: list[str] = []
        for path in command.paths:
            node = self.tree.definition.find(path)
            if node is None:
                unknown.append(f"DeleteCmd:Delete: Could not find node at path '{path}'")
                continue
            if not command.force and (why := _why_not(node.down())):
                return ErrorCmd(f"Cannot delete node {node.label}\n{why}")
            self._delete_node(node)
            self.deleted_now.append(path)
        return ErrorCmd("\n".join(unknown)) if unknown else OK

    def _delete_all(self, *, force: bool) -> Reply:
        definition = self.tree.definition
        if not force and (why := _why_not(definition.nodes())):
            return ErrorCmd(f"Cannot delete all nodes.\n{why}")
        self._make_zombies(definition.nodes(), "delete")
        for suite in definition.suites.values():
            self.tree.changes.forget(suite)
        definition.suites.clear()
        self.handles.clear()
        definition.history.clear()
        definition.state = NodeState.UNKNOWN
        self.tree.changes.changed(None, Aspect.STATE)
        self.tree.changes.modified(None)
        self.deleted_now = ["/"]
        return StcCmd(StcApi.DELETE_ALL)

    def _delete_node(self, node: Node) -> None:
        self._make_zombies(node.down(), "delete")
        edit_history.forget(self.tree.definition, node)
        if node.parent is None:
            self._take_out(node)
            self.tree.settle_definition()
            return
        self.tree.changes.forget(node)
        del node.parent.children[node.name]
        self.tree.changes.changed(node.parent, Aspect.CHILDREN)
        if node.parent.children:
            self.tree.settle_upwards(node.parent)

    # --- suspend and resume ---------------------------------------------------------------------------

    def suspend(self, node: Node) -> None:
        """Suspend a node; a suspended one counts as changed all the same."""
        node.suspended = True
        self.tree.changes.changed(node, Aspect.SUSPENDED)

    def resume(self, node: Node) -> None:
        """Resume a node; nothing when it is not suspended."""
        if node.suspended:
            node.suspended = False
            self.tree.changes.changed(node, Aspect.SUSPENDED)


def _running_tasks(nodes: Iterable[Node]) -> list[Node]:
    running = (NodeState.ACTIVE, NodeState.SUBMITTED)
    return [node for node in nodes if node.kind is NodeKind.TASK and node.state in running]


def _why_not_begun(suite: Node, definition: Definition) -> str:
    """Why a suite cannot begin without force, empty when it can; names running tasks of all suites."""
    running = _running_tasks(definition.nodes())
    if suite.state in (NodeState.UNKNOWN, NodeState.COMPLETE) or not running:
        return ""
    paths = "\n".join(f"   {task.path}" for task in running)
    found = f"Found {len(running)} tasks with state 'active' or 'submitted'\n{paths}\n"
    return (
        f"Begin failed as suite {suite.name}(computed state={suite.state.name.lower()}) can only begin if its "
        f"in UNKNOWN or COMPLETE state\n{found}"
        "Use the force argument to bypass this check, at the risk of creating zombies"
    )


def _why_not(nodes: Iterable[Node]) -> str:
    """Why nodes cannot be deleted without force, empty when they can."""
    running = _running_tasks(nodes)
    reasons: list[str] = []
    for state in (NodeState.ACTIVE, NodeState.SUBMITTED):
        tasks = [task for task in running if task.state is state]
        if tasks:
            reasons.append(f" There are {len(tasks)} {state.name.lower()} tasks. First : {tasks[0].path}\n")
    if not reasons:
        return ""
    advice = "Please use the 'force' option to bypass this check, at the expense of creating zombies"
    return "".join(reasons) + advice
