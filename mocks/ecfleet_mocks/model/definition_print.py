"""Writing a definition, or one node, as text.

The network style is what servers and clients send each other; it carries the whole state.  Order of the
attributes and every detail of blanks were seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ecfleet_mocks.model.attributes import one_line, variable_text, zombie_text
from ecfleet_mocks.model.definition import Definition, Node, NodeKind
from ecfleet_mocks.model.flags import flag_names
from ecfleet_mocks.wire import DisplayState, NodeState, ServerState

__all__ = ["definition_text", "node_text"]

_HISTORY_MARK = "\b"


class _Attribute(Protocol):
    def text(self) -> str: ...
    def state(self) -> str: ...


def definition_text(
    definition: Definition,
    *,
    history: bool = False,
    suites: Iterable[str] | None = None,
    state_change: int | None = None,
    modify_change: int | None = None,
) -> str:
    """The whole definition in the network style.

    :param history: also write the edit history, as the reply to ``--migrate`` does.
    :param suites: write only these suites, in this definition's order (what a client handle sees).
    :param state_change: write this number instead of the definition's own; so for ``modify_change``.
    """
    out = [f"#{definition.version}", _state_line(definition, state_change, modify_change)]
    out.extend(f"extern {path}" for path in definition.externs)
    out.extend(variable_text(variable) for variable in definition.user_variables)
    out.extend(f"{variable_text(variable)} # server" for variable in definition.server_variables)
    if history:
        out.extend(
            f"history {path} {''.join(_HISTORY_MARK + line for line in lines)}"
            for path, lines in definition.history.items()
        )
    wanted = None if suites is None else set(suites)
    for name, suite in definition.suites.items():
        if wanted is None or name in wanted:
            _write(suite, out, _flush_left, 0)
    out.append("# enddef\n")
    return "\n".join(out)


def node_text(node: Node, *, indented: bool) -> str:
    """One node and all below it in the network style, as SNodeCmd carries it.

    :param indented: two blanks a level, a family or task starting at two (5.9.2); else none (5.17.0).
    """
    out: list[str] = []
    level = 0 if node.kind is NodeKind.SUITE else 1
    _write(node, out, _indented if indented else _flush_left, level)
    out.append("")
    return "\n".join(out)


def _flush_left(level: int) -> str:
    return ""


def _indented(level: int) -> str:
    return "  " * level


def _state_line(definition: Definition, state_change: int | None, modify_change: int | None) -> str:
    words = ["defs_state NET"]
    if definition.state is not NodeState.UNKNOWN:
        words.append(f"state>:{definition.state.name.lower()}")
    if definition.flags:
        words.append(f"flag:{flag_names(definition.flags)}")
    numbers = (
        ("state_change", definition.state_change if state_change is None else state_change),
        ("modify_change", definition.modify_change if modify_change is None else modify_change),
    )
    words.extend(f"{name}:{number}" for name, number in numbers if number)
    if definition.server_state is not ServerState.RUNNING:
        words.append(f"server_state:{definition.server_state.name}")
    words.append(f"cal_count:{definition.calendar_count}")
    return " ".join(words)


def _write(top: Node, out: list[str], indent: Callable[[int], str], level: int) -> None:
    # An own stack, because trees may be deeper than Python's; None marks the end of a node.
    stack: list[tuple[Node, int, bool]] = [(top, level, True)]
    while stack:
        node, depth, opening = stack.pop()
        margin = indent(depth)
        if not opening:
            out.append(f"{margin}{_END_LINES[node.kind]}")
            continue
        out.append(margin + _node_line(node))
        inner = indent(depth + 1)
        out.extend(inner + line for line in _attribute_lines(node))
        if node.kind in _END_LINES and (node.children or node.kind is not NodeKind.TASK):
            stack.append((node, depth if node.kind is not NodeKind.TASK else depth + 2, False))
        if node.children:
            # Aliases stand two levels in, and so does their end line (seen on 5.9.2).
            below = depth + 2 if node.kind is NodeKind.TASK else depth + 1
            stack.extend((child, below, True) for child in reversed(node.children.values()))


_END_LINES = {NodeKind.SUITE: "endsuite", NodeKind.FAMILY: "endfamily", NodeKind.TASK: "endalias"}


def _node_line(node: Node) -> str:
    words: list[str] = []
    if node.begun:
        words.append("begun:1")
    if node.alias_number:
        words.append(f"alias_no:{node.alias_number}")
    if node.jobs_password:
        words.append(f"passwd:{node.jobs_password}")
    if node.remote_id:
        words.append(f"rid:{node.remote_id}")
    if node.aborted_reason:
        words.append(f"abort<:{one_line(node.aborted_reason)}>abort")
    if node.try_number:
        words.append(f"try:{node.try_number}")
    if node.state is not NodeState.UNKNOWN:
        words.append(f"state:{node.state.name.lower()}")
    if node.state_duration:
        words.append(f"dur:{node.state_duration}")
    if node.flags:
        words.append(f"flag:{flag_names(node.flags)}")
    if node.suspended:
        words.append("suspended:1")
    if node.run_time:
        words.append(f"rt:{node.run_time}")
    head = f"{node.kind.value} {node.name}"
    return f"{head} # {' '.join(words)}" if words else head


def _line(attribute: _Attribute) -> str:
    state = attribute.state()
    return f"{attribute.text()} # {state}" if state else attribute.text()


def _attribute_lines(node: Node) -> list[str]:
    lines: list[str] = []
    if node.default_status is not DisplayState.QUEUED:
        lines.append(f"defstatus {node.default_status.name.lower()}")
    if node.late:
        lines.append(_line(node.late))
    if node.complete:
        lines.extend(node.complete.lines("complete"))
    if node.trigger:
        lines.extend(node.trigger.lines("trigger"))
    if node.repeat:
        lines.append(_line(node.repeat))
    lines.extend(map(variable_text, node.variables))
    groups: tuple[tuple[_Attribute, ...], ...] = (
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
    )
    for group in groups:
        if group:
            lines.extend(map(_line, group))
    lines.extend(node.avisos)
    lines.extend(node.mirrors)
    if node.autocancel:
        lines.append(f"autocancel {node.autocancel}")
    if node.autoarchive:
        lines.append(f"autoarchive {node.autoarchive}")
    if node.autorestore:
        lines.append(_line(node.autorestore))
    lines.extend(map(zombie_text, node.zombies))
    for group in (node.verifies, node.queues, node.generics):
        if group:
            lines.extend(map(_line, group))
    if node.clock:
        lines.append(_line(node.clock))
    if node.calendar:
        lines.append(node.calendar.text())
    return lines
