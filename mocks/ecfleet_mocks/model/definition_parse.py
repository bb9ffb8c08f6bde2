"""Reading definition text: what clients send in a load, what servers answer, and plain ``.def`` files.

State after ``#`` is read when the text says that it carries state (a ``defs_state`` line), or is the text of
a single node from a server.  What is refused, and the words, were seen on 5.9.2.
"""

from __future__ import annotations

from collections.abc import Callable

from ecfleet_mocks.model.attribute_parse import ATTRIBUTES, Line, LineError
from ecfleet_mocks.model.definition import (
    Calendar,
    Definition,
    DuplicateName,
    Node,
    NodeKind,
    name_fault,
    valid_name,
)
from ecfleet_mocks.model.flags import UnknownFlag, flag_bits
from ecfleet_mocks.model.load_changes import numbers_of_states
from ecfleet_mocks.wire import NodeState, ServerState, Variable

__all__ = ["DefinitionError", "parse_definition", "parse_node"]


class DefinitionError(ValueError):
    """A text is no definition.

    :ivar number: the line, counted from 1; 0 when no single line is at fault.
    :ivar line: that line as it stands in the text.
    :ivar reason: the cause, in the released programs' words.
    :ivar read: what was read before the fault.
    :ivar numbers: the state change numbers that reading took for what is not in ``read``.
    """

    def __init__(
        self, number: int, line: str, reason: str, read: Definition | None = None, numbers: int = 0
    ) -> None:
        self.read = read if read is not None else Definition()
        self.numbers = numbers
        self.number = number
        self.line = line
        self.reason = reason
        super().__init__(
            f"line {number}: {self.reason.splitlines()[0] if self.reason else 'bad'}: {line.strip()!r}"
        )


def parse_definition(text: str) -> Definition:
    """Read a whole definition.

    :raises DefinitionError: with line number, line and cause.
    """
    reader = _Reader(Definition(), with_state=False)
    reader.read(text)
    return reader.definition


def parse_node(text: str) -> Node:
    """Read the text of one node and all below it, as SNodeCmd and MoveCmd carry it.

    :raises DefinitionError: also when the text holds no node.
    """
    reader = _Reader(None, with_state=True)
    reader.read(text)
    if reader.top is None:
        raise DefinitionError(0, "", "there is no node in the text")
    return reader.top


class _Reader:
    """The state of one reading: the innermost open node and whether state is read."""

    def __init__(self, definition: Definition | None, *, with_state: bool) -> None:
        self.definition = definition if definition is not None else Definition()
        self.alone = definition is None
        self.with_state = with_state
        self.top: Node | None = None
        self.node: Node | None = None
        self.opened: Node | None = None
        self.raw = ""

    def read(self, text: str) -> None:
        raw_lines = text.split("\n")
        number = 0
        while number < len(raw_lines):
            raw = raw_lines[number]
            number += 1
            first = number
            stripped = raw.strip()
            while stripped.endswith("\\") and not self.with_state and number < len(raw_lines):
                stripped = stripped[:-1].rstrip() + " " + raw_lines[number].strip()
                number += 1
            if not stripped:
                continue
            if stripped[0] == "#":
                self._comment(stripped)
                continue
            self.raw = raw
            try:
                for statement in self._statements(stripped):
                    self._statement(statement)
            except (LineError, DuplicateName, UnknownFlag) as error:
                raise DefinitionError(first, raw, str(error), self.definition, self._lost(error)) from error

    def _lost(self, error: Exception) -> int:
        if self.opened is not None:
            # A node whose line was read, and that could not be put where it belongs.
            return numbers_of_states(self.opened)
        return error.numbers if isinstance(error, LineError) else 0

    def _comment(self, line: str) -> None:
        if not self.definition.version and not self.definition.suites and line[1:2].isdigit():
            self.definition.version = line[1:]

    def _statements(self, line: str) -> list[str]:
        # Several nodes may stand on one line by hand; texts with state never do it, and values hold ";".
        if self.with_state or ";" not in line or line.split(None, 1)[0] not in _NODE_KEYWORDS:
            return [line]
        return [part for part in map(str.strip, line.split(";")) if part]

    def _statement(self, text: str) -> None:
        keyword, _, rest = text.partition(" ")
        if "\t" in keyword:
            keyword, _, rest = text.partition("\t")
        handler = _STRUCTURE.get(keyword)
        if handler is not None:
            handler(self, keyword, rest)
            return
        attribute = ATTRIBUTES.get(keyword)
        if self.node is None or attribute is None or self.node.kind not in attribute.kinds:
            self._unexpected(keyword)
            return
        attribute.read(self.node, Line(keyword, rest, self.with_state, self.raw))

    def _unexpected(self, keyword: str) -> None:
        # A text with state may be a newer program's: what is not known is passed over (seen on 5.9.2).
        if self.with_state and not self.alone:
            return
        where = "DEFS" if self.node is None else f"{self.node.kind.value} {self.node.path}"
        raise LineError(f"# Unexpected keyword {keyword} found whilst parsing {where}")

    # --- nodes --------------------------------------------------------------------------------------

    def _open(self, keyword: str, rest: str) -> None:
        kind = NodeKind(keyword)
        head, _, comment = rest.partition("#")
        words = head.split()
        if not words:
            raise LineError(f"{keyword.capitalize()} name missing.")
        name = words[0]
        if not self.with_state and not valid_name(name):
            raise LineError(f"Invalid node name : {name_fault(name)}")
        node = Node(kind, name)
        if kind is NodeKind.ALIAS:
            node.state = NodeState.QUEUED
        if self.with_state and comment:
            _read_node_state(node, comment)
        self.opened = node
        if self._place(node, keyword):
            self.node = node
        self.opened = None

    def _place(self, node: Node, keyword: str) -> bool:
        """Put a node where it belongs; False when it belongs nowhere and the text is believed."""
        if node.kind is NodeKind.SUITE:
            return self._place_suite(node, keyword)
        parent = self.node
        if parent is not None and parent.kind is NodeKind.ALIAS:
            parent = parent.parent
        if parent is not None and parent.kind is NodeKind.TASK and node.kind is not NodeKind.ALIAS:
            parent = parent.parent
        if parent is not None and node.kind is NodeKind.ALIAS and parent.kind is not NodeKind.TASK:
            self._unexpected(keyword)
            return False
        if parent is not None:
            parent.add(node)
        elif self.alone and self.top is None:
            self.top = node
        else:
            self._unexpected(keyword)
            return False
        return True

    def _place_suite(self, node: Node, keyword: str) -> bool:
        if self.alone and self.top is not None:
            self._unexpected(keyword)
        if self.alone:
            self.top = node
        elif node.name in self.definition.suites:
            raise LineError(f"Add Suite failed: A Suite of name '{node.name}' already exist")
        else:
            self.definition.suites[node.name] = node
        return True

    def _close(self, keyword: str, rest: str) -> None:
        kind = _CLOSED_KINDS[keyword]
        node = self.node
        while node is not None and node.kind is not kind:
            node = node.parent
        if node is None:
            self._unexpected(keyword)
            return
        self.node = node.parent

    # --- the head of the definition -----------------------------------------------------------------

    def _definition_state(self, keyword: str, rest: str) -> None:
        self.with_state = self.definition.has_state = True
        for word in rest.split():
            name, _, value = word.partition(":")
            if name in ("state>", "state"):
                self.definition.state = _state(value)
            elif name == "flag":
                self.definition.flags = flag_bits(value)
            elif name == "state_change":
                self.definition.state_change = _number(value, "state_change")
            elif name == "modify_change":
                self.definition.modify_change = _number(value, "modify_change")
            elif name == "cal_count":
                self.definition.calendar_count = _number(value, "cal_count")
            elif name == "server_state" and value in ServerState.__members__:
                self.definition.server_state = ServerState[value]

    def _history(self, keyword: str, rest: str) -> None:
        path, _, lines = rest.partition(" ")
        self.definition.history[path] = tuple(lines.removeprefix("\b").split("\b"))

    def _extern(self, keyword: str, rest: str) -> None:
        self.definition.externs += (rest.strip(),)

    def _edit(self, keyword: str, rest: str) -> None:
        if self.node is not None:
            ATTRIBUTES[keyword].read(self.node, Line(keyword, rest, self.with_state, self.raw))
            return
        if rest.endswith(" # server"):
            name, value = Line(
                keyword, rest.removesuffix(" # server"), self.with_state, self.raw
            ).name_and_value()
            self.definition.server_variables += (Variable(name, value),)
            return
        words = rest.split()
        if words[1:] and words[1][0] == "#":
            raise LineError(f"VariableParser::doParse: Expected value but found comment at line:{self.raw}\n")
        name, value = Line(keyword, rest, self.with_state, self.raw).name_and_value()
        self.definition.user_variables += (Variable(name, value),)

    def _calendar(self, keyword: str, rest: str) -> None:
        if self.node is None or self.node.kind is not NodeKind.SUITE:
            self._unexpected(keyword)
            return
        parts: dict[str, str] = {}
        name = ""
        for word in rest.split():
            label, colon, value = word.partition(":")
            if colon and label in _CALENDAR:
                name = label
                parts[name] = value
            elif name:
                parts[name] += f" {word}"
        self.node.calendar = Calendar(**{field: parts.get(word, "") for word, field in _CALENDAR.items()})


_CALENDAR = {
    "initTime": "init_time",
    "suiteTime": "suite_time",
    "duration": "duration",
    "initLocalTime": "init_local_time",
    "lastTime": "last_time",
    "calendarIncrement": "increment",
}

_CLOSED_KINDS = {
    "endsuite": NodeKind.SUITE,
    "endfamily": NodeKind.FAMILY,
    "endalias": NodeKind.TASK,
    "endtask": NodeKind.TASK,
}
_NODE_KEYWORDS = ("suite", "family", "task")

_STRUCTURE: dict[str, Callable[[_Reader, str, str], None]] = {
    **{kind.value: _Reader._open for kind in NodeKind},
    **dict.fromkeys(_CLOSED_KINDS, _Reader._close),
    "defs_state": _Reader._definition_state,
    "history": _Reader._history,
    "extern": _Reader._extern,
    "edit": _Reader._edit,
    "calendar": _Reader._calendar,
}


def _state(name: str) -> NodeState:
    try:
        return NodeState[name.upper()]
    except KeyError:
        raise LineError(f"there is no state {name}") from None


def _number(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise LineError(f"{what} is no number: {text}") from None


def _read_node_state(node: Node, comment: str) -> None:
    if "abort<:" in comment:
        before, _, rest = comment.partition("abort<:")
        reason, _, after = rest.rpartition(">abort")
        node.aborted_reason = reason.replace("\\n", "\n")
        comment = before + after
    for word in comment.split():
        name, _, value = word.partition(":")
        if name == "state":
            try:
                node.state = NodeState[value.upper()]
            except KeyError:
                raise LineError(f"Node::read_state Invalid state specified for node : {node.name}") from None
        elif name == "flag":
            node.flags = flag_bits(value)
        elif name == "dur":
            node.state_duration = value
        elif name == "suspended":
            node.suspended = True
        elif name == "rt":
            node.run_time = value
        elif name == "begun":
            node.begun = True
        elif name == "try":
            try:
                node.try_number = int(value)
            except ValueError:
                raise LineError("Submittable::read_state failed for try number") from None
        elif name == "passwd":
            node.jobs_password = value
        elif name == "rid":
            node.remote_id = value
        elif name == "alias_no":
            node.alias_number = _number(value, "alias_no")
