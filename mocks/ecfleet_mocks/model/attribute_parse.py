"""Reading the line of one attribute into a node.

Which nodes may have which attribute, what is refused and in which words, was seen on 5.9.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ecfleet_mocks.model.attributes import (
    ZOMBIE_LIFETIMES,
    AutoRestore,
    Clock,
    Event,
    Expression,
    ExpressionPart,
    Generic,
    InLimit,
    Label,
    Late,
    Limit,
    Meter,
    Queue,
    Verify,
)
from ecfleet_mocks.model.definition import Node, NodeKind, name_fault, valid_name
from ecfleet_mocks.model.repeat_parse import read_repeat
from ecfleet_mocks.model.text_line import Line, LineError
from ecfleet_mocks.model.time_parse import (
    clock_minutes,
    read_cron,
    read_date,
    read_day,
    read_time,
    read_today,
)
from ecfleet_mocks.wire import (
    ChildCommand,
    DisplayState,
    NodeState,
    Variable,
    ZombieAction,
    ZombieAttr,
    ZombieType,
)

__all__ = ["ATTRIBUTES", "AttributeReader", "Line", "LineError", "zombie_attribute"]

_ANY = frozenset(NodeKind)
_BELOW_SUITE = _ANY - {NodeKind.SUITE}
_CONTAINER = frozenset({NodeKind.SUITE, NodeKind.FAMILY})
_SUITE = frozenset({NodeKind.SUITE})
_MINIMUM_ZOMBIE_LIFETIME = 60


@dataclass(frozen=True, slots=True)
class AttributeReader:
    """How the line of one keyword is read, and which nodes may have it."""

    read: Callable[[Node, Line], None]
    kinds: frozenset[NodeKind] = _ANY


def _variable(node: Node, line: Line) -> None:
    words = line.rest.split(None, 1)
    if len(words) < 2:
        raise LineError(
            f"VariableParser::doParse: expected at least 3 tokens, found {1 + len(words)} on line:"
            f"{line.shown}\nAt node: {node.label}\n"
        )
    name, value = line.name_and_value()
    if not valid_name(name):
        raise LineError(f"Variable::Variable: Invalid Variable name: {name_fault(name)}")
    for position, known in enumerate(node.variables):
        if known.name == name:
            changed = list(node.variables)
            changed[position] = Variable(name, value)
            node.variables = tuple(changed)
            return
    node.variables += (Variable(name, value),)


def _label(node: Node, line: Line) -> None:
    if len(line.rest.split(None, 1)) < 2:
        raise LineError(f"Label::parse: Invalid label :{line.shown}")
    name, value, new_value = line.name_value_and_new_value()
    _unique(node, "Label", name, (label.name for label in node.labels))
    node.labels += (Label(name, value, new_value),)


def _meter(node: Node, line: Line) -> None:
    try:
        name, *numbers = line.words
        minimum, maximum, *rest = map(int, numbers)
        value = int(line.state_words[0]) if line.state_words else minimum
    except ValueError:
        raise LineError(f"Invalid meter : {line.shown}") from None
    color_change = rest[0] if rest else maximum
    if minimum >= maximum:
        raise LineError("Meter::Meter: Invalid Meter(name,min,max,color_change) : min must be less than max")
    if not minimum <= color_change <= maximum:
        raise LineError(
            "Meter::Meter: Invalid Meter(name,min,max,color_change) color_change must be between min-max"
        )
    _unique(node, "Meter", name, (meter.name for meter in node.meters))
    node.meters += (Meter(name, minimum, maximum, color_change, value),)


def _event(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"Invalid event : {line.shown}")
    words = list(line.words)
    number = int(words.pop(0)) if words[0].isdigit() else None
    name = words.pop(0) if words and (number is None or words[0] not in ("set", "clear")) else ""
    initial = bool(words) and words[0] == "set"
    value = line.state_words[0] == "set" if line.state_words else initial
    for known in node.events:
        if (name and known.name == name) or (number is not None and known.number == number):
            raise LineError(
                f"Add Event failed: Duplicate Event of name '{name or number}' already exist for node "
                f"{node.label}"
            )
    node.events += (Event(number, name, initial, value),)


def _limit(node: Node, line: Line) -> None:
    if len(line.words) < 2:
        raise LineError(f"LimitParser::doParse: Invalid limit {line.shown}")
    try:
        maximum = int(line.words[1])
        value = int(line.state_words[0]) if line.state_words else 0
    except ValueError:
        raise LineError(f"LimitParser::doParse: Invalid limit value: {line.shown}") from None
    _unique(node, "Limit", line.words[0], (limit.name for limit in node.limits))
    node.limits += (Limit(line.words[0], maximum, value, line.state_words[1:]),)


def _inlimit(node: Node, line: Line) -> None:
    words = list(line.words)
    options = {word for word in words if word in ("-n", "-s")}
    words = [word for word in words if word not in options]
    if not words:
        raise LineError(f"InlimitParser::doParse: Invalid inlimit :{line.shown}")
    if len(options) > 1:
        raise LineError(
            "InlimitParser::doParse: can't limit family only(-n) and limit submission(-s) at the same time"
        )
    path, _, name = words[0].rpartition(":")
    try:
        tokens = int(words[1]) if len(words) > 1 else 1
    except ValueError:
        raise LineError(f"InlimitParser::doParse: Invalid in limit : {line.shown}") from None
    if any(known.name == name and known.path == path for known in node.inlimits):
        raise LineError(f"Add InLimit failed: Duplicate InLimit see node {node.label}")
    node.inlimits += (
        InLimit(path, name, tokens, "-n" in options, "-s" in options, "incremented:1" in line.state_words),
    )


def _expression(node: Node, line: Line) -> None:
    words = list(line.words)
    join = words.pop(0) if words and words[0] in ("-a", "-o") else ""
    if not words:
        raise LineError(f"Invalid {line.keyword} {line.shown}")
    part = ExpressionPart(" ".join(words), join)
    known = node.trigger if line.keyword == "trigger" else node.complete
    if known is None:
        expression = Expression((part,), "free" in line.state_words)
    elif not join:
        raise LineError(
            f"Node::add_{line.keyword}: Can only have one {line.keyword}; to add to it use -a or -o, "
            f"see node {node.label}"
        )
    else:
        expression = replace(known, parts=(*known.parts, part))
    if line.keyword == "trigger":
        node.trigger = expression
    else:
        node.complete = expression


def _default_status(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"DefsStatusParser::doParse: Invalid defstatus :{line.shown}")
    try:
        node.default_status = DisplayState[line.words[0].upper()]
    except KeyError:
        raise LineError(f"DefsStatusParser::doParse: Invalid defstatus state :{line.shown}") from None


def _late(node: Node, line: Line) -> None:
    if node.late is not None:
        raise LineError(f"Add Late failed: A node can only have one Late attribute, see node {node.label}")
    options = dict(zip(line.words[::2], line.words[1::2], strict=False))
    if not options or set(options) - {"-s", "-a", "-c"} or len(line.words) % 2:
        raise LineError(f"LateParser::doParse: Invalid late :{line.shown}")
    for text in options.values():
        clock_minutes(text.lstrip("+"))
    node.late = Late(
        options.get("-s", ""), options.get("-a", ""), options.get("-c", ""), "late" in line.state_words
    )


def _auto(node: Node, line: Line) -> None:
    if len(line.words) != 1 or not re.fullmatch(r"\d+|\+?\d\d:\d\d", line.words[0]):
        raise LineError(f"invalid {line.keyword} {line.shown}")
    if node.autocancel or node.autoarchive:
        raise LineError(
            f"Node::add_{line.keyword}: Cannot add autocancel and autoarchive on the same node {node.label}"
        )
    if line.keyword == "autocancel":
        node.autocancel = line.words[0]
    else:
        node.autoarchive = line.words[0]


def _autorestore(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"AutoRestoreParser::doParse: Invalid autorestore :{line.shown}")
    node.autorestore = AutoRestore(line.words)


def zombie_attribute(text: str) -> ZombieAttr:
    """Read ``TYPE:ACTION:COMMANDS:LIFETIME``; COMMANDS and LIFETIME (seconds, at least 60) may be empty.

    :raises LineError: with the released programs' words.
    """
    parts = text.split(":")
    parts += [""] * (4 - len(parts))
    kind_name, action_name, commands, lifetime = parts[:4]
    try:
        kind = ZombieType[kind_name.upper()]
    except KeyError:
        raise LineError(
            "ZombieAttr::create failed: Invalid zombie type, expected one of [ user | ecf | ecf_pid | "
            f"ecf_passwd | ecf_pid_passwd | path ] but found {kind_name}:{text}"
        ) from None
    try:
        action = ZombieAction[action_name.upper()]
    except KeyError:
        raise LineError(
            "ZombieAttr::create failed: Invalid user action, expected one of [ fob | fail | remove | block "
            f"| adopt | kill ] but found {action_name}:{text}"
        ) from None
    try:
        children = tuple(ChildCommand[name.upper()] for name in commands.split(",") if name)
        seconds = int(lifetime) if lifetime else ZOMBIE_LIFETIMES.get(kind, 3600)
    except (KeyError, ValueError):
        raise LineError(f"ZombieAttr::create failed: Invalid child command or lifetime: {text}") from None
    # An empty lifetime and one below the minimum differ: the latter becomes the minimum.
    return ZombieAttr(children, kind, action, max(seconds, _MINIMUM_ZOMBIE_LIFETIME))


def _zombie(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"ZombieAttrParser::doParse: Invalid zombie attribute :{line.shown}")
    node.zombies += (zombie_attribute(line.words[0]),)


def _verify(node: Node, line: Line) -> None:
    state, _, count = line.words[0].partition(":") if line.words else ("", "", "")
    if state.upper() not in NodeState.__members__:
        raise LineError(f"VerifyParser::doParse: Invalid state :{line.shown}")
    try:
        actual = int(line.state_words[0]) if line.state_words else 0
        node.verifies += (Verify(NodeState[state.upper()], int(count), actual),)
    except ValueError:
        raise LineError(f"VerifyParser::doParse: Invalid number :{line.shown}") from None


def _queue(node: Node, line: Line) -> None:
    if len(line.words) < 2:
        raise LineError(
            f"QueueAttr::parse: expected at least 3 tokens, found {1 + len(line.words)} on line:"
            f"{line.shown}\n"
        )
    name, *steps = line.words
    if not valid_name(name):
        raise LineError(f"QueueAttr::set_name: Invalid queue name : {name_fault(name)}")
    try:
        index = int(line.state_words[0]) if line.state_words else 0
        states = [NodeState[word.upper()] for word in line.state_words[1:]]
    except (KeyError, ValueError):
        raise LineError(f"QueueAttr::parse: bad state on line:{line.shown}") from None
    states += [NodeState.QUEUED] * (len(steps) - len(states))
    node.queues += (Queue(name, tuple(steps), index, tuple(states)),)


def _generic(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"GenericParser::doParse: Invalid generic :{line.shown}")
    node.generics += (Generic(line.words[0], line.words[1:]),)


def _clock(node: Node, line: Line) -> None:
    words = [word for word in line.words if word != "-s"]
    if not words or words[0] not in ("real", "hybrid"):
        raise LineError(f"Invalid clock :{line.shown}")
    date = gain = ""
    for word in words[1:]:
        if word.count(".") == 2:
            date = ".".join(str(int(part)) if part.isdigit() else part for part in word.split("."))
        elif ":" in word:
            gain = word[: -len(word.lstrip("+-"))] + str(clock_minutes(word.lstrip("+-")) * 60)
        else:
            gain = word
    node.clock = Clock(words[0] == "hybrid", date, gain)


def _whole_line(node: Node, line: Line) -> None:
    if line.keyword == "aviso":
        node.avisos += (f"aviso {line.rest}",)
    else:
        node.mirrors += (f"mirror {line.rest}",)


def _unique(node: Node, what: str, name: str, known: object) -> None:
    if name in known:  # type: ignore[operator]
        raise LineError(
            f"Add {what} failed: Duplicate {what} of name '{name}' already exist for node {node.label}"
        )


ATTRIBUTES: dict[str, AttributeReader] = {
    "autoarchive": AttributeReader(_auto, _CONTAINER),
    "autocancel": AttributeReader(_auto),
    "autorestore": AttributeReader(_autorestore),
    "aviso": AttributeReader(_whole_line),
    "clock": AttributeReader(_clock, _SUITE),
    "complete": AttributeReader(_expression, _BELOW_SUITE),
    "cron": AttributeReader(read_cron),
    "date": AttributeReader(read_date, _BELOW_SUITE),
    "day": AttributeReader(read_day, _BELOW_SUITE),
    "defstatus": AttributeReader(_default_status),
    "edit": AttributeReader(_variable),
    "event": AttributeReader(_event),
    "generic": AttributeReader(_generic),
    "inlimit": AttributeReader(_inlimit),
    "label": AttributeReader(_label),
    "late": AttributeReader(_late),
    "limit": AttributeReader(_limit),
    "meter": AttributeReader(_meter),
    "mirror": AttributeReader(_whole_line),
    "queue": AttributeReader(_queue),
    "repeat": AttributeReader(read_repeat),
    "time": AttributeReader(read_time, _BELOW_SUITE),
    "today": AttributeReader(read_today, _BELOW_SUITE),
    "trigger": AttributeReader(_expression, _BELOW_SUITE),
    "verify": AttributeReader(_verify),
    "zombie": AttributeReader(_zombie),
}
"""What may stand on a line below a node, by its first word."""
