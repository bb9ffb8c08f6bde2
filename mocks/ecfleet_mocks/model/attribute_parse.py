"""Reading the line of one attribute into a node.

Which nodes may have which attribute, what is refused and in which words, was seen on 5.9.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ecfleet_mocks.model.attributes import (
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
from ecfleet_mocks.model.zombie_parse import read_zombie
from ecfleet_mocks.wire import DisplayState, NodeState, Variable

__all__ = ["ATTRIBUTES", "AttributeReader", "Line", "LineError"]

_ANY = frozenset(NodeKind)
_BELOW_SUITE = _ANY - {NodeKind.SUITE}
_CONTAINER = frozenset({NodeKind.SUITE, NodeKind.FAMILY})
_SUITE = frozenset({NodeKind.SUITE})


@dataclass(frozen=True, slots=True)
class AttributeReader:
    """How the line of one keyword is read, and which nodes may have it."""

    read: Callable[[Node, Line], None]
    kinds: frozenset[NodeKind] = _ANY


def _variable(node: Node, line: Line) -> None:
    words = line.rest.replace("\t", " ").split(None, 1)
    if len(words) < 2:
        raise LineError(
            f"VariableParser::doParse: expected at least 3 tokens, found {1 + len(words)} on line:"
            f"{line.shown}\nAt node: {node.label}\n"
        )
    if words[1][0] == "#":
        raise LineError(
            f"VariableParser::doParse: Expected value but found comment at line:{line.shown}\n"
            f"At node: {node.label}\n"
        )
    name, value = line.name_and_value()
    if not line.with_state and not valid_name(name):
        raise LineError(f"Variable::Variable: Invalid Variable name: {name_fault(name)}")
    for position, known in enumerate(node.variables):
        if known.name == name:
            changed = list(node.variables)
            changed[position] = Variable(name, value)
            node.variables = tuple(changed)
            node.replaced_variables += 1
            return
    node.variables += (Variable(name, value),)


def _label(node: Node, line: Line) -> None:
    if len(line.rest.split(None, 1)) < 2:
        raise LineError(f"Label::parse: Invalid label :{line.shown}")
    name, value, new_value = line.name_value_and_new_value()
    if not line.with_state and not valid_name(name):
        raise LineError(f"Label::Label: Invalid Label name :{name}")
    _unique(node, line, "Label", name, (label.name for label in node.labels))
    node.labels += (Label(name, value, new_value),)


def _meter(node: Node, line: Line) -> None:
    try:
        name, *numbers = line.words
        minimum, maximum, *rest = map(int, numbers)
        value = int(line.state_words[0]) if line.state_words else minimum
    except ValueError:
        few = len(line.words) < 3
        found = (
            f"MeterParser::doParse: Invalid meter :{line.shown}" if few else f"Invalid meter : {line.shown}"
        )
        raise LineError(found) from None
    if not line.with_state and not valid_name(name):
        raise LineError(f"Meter::Meter: Invalid Meter name: {name}")
    color_change = rest[0] if rest else maximum
    if minimum >= maximum:
        raise LineError("Meter::Meter: Invalid Meter(name,min,max,color_change) : min must be less than max")
    if not minimum <= color_change <= maximum:
        raise LineError(
            f"Meter::Meter: Invalid Meter(name,min,max,color_change) color_change({color_change}) must be "
            f"between min({minimum}) and max({maximum})"
        )
    _unique(node, line, "Meter", name, (meter.name for meter in node.meters))
    node.meters += (Meter(name, minimum, maximum, color_change, value),)


def _event(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"EventParser::doParse: Invalid event : {line.shown}")
    words = list(line.words)
    number = int(words.pop(0)) if words[0].isdigit() else None
    known_states = () if line.with_state else ("set", "clear")
    name = words.pop(0) if words and (number is None or words[0] not in known_states) else ""
    initial = bool(words) and words[0] == "set"
    # In a text with state "set" is taken for the name, and for the state as well.
    value = (
        line.state_words[0] == "set" if line.state_words else initial or (line.with_state and name == "set")
    )
    if not line.with_state and name and not valid_name(name):
        raise LineError(f"Event::Event: Invalid event name : {name_fault(name)}")
    if not line.with_state and any((known.name, known.number) == (name, number) for known in node.events):
        raise LineError(
            f"Add Event failed: Duplicate Event of name '{name or number}' already exist for node {node.label}"
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
    name = line.words[0]
    if not line.with_state and not valid_name(name):
        raise LineError(f"Limit::Limit: Invalid Limit name: {name}")
    _unique(node, line, "Limit", name, (limit.name for limit in node.limits))
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
        raise LineError(f"Invalid in limit : {line.shown}") from None
    if not line.with_state and not valid_name(name):
        raise LineError(f"InLimit::InLimit: Invalid InLimit name: {name}")
    if not line.with_state and any(known.name == name and known.path == path for known in node.inlimits):
        raise LineError(f"Add InLimit failed: Duplicate InLimit see node {node.label}")
    node.inlimits += (
        InLimit(path, name, tokens, "-n" in options, "-s" in options, "incremented:1" in line.state_words),
    )


def _expression(node: Node, line: Line) -> None:
    words = list(line.words)
    join = words.pop(0) if words and words[0] in ("-a", "-o") else ""
    if not words:
        # A word too few, and a join with nothing to join, are told by two parts of the released programs.
        what = "trigger" if join else line.keyword
        raise LineError(f"Invalid {what} {line.shown}")
    part = ExpressionPart(" ".join(words), join)
    known = node.trigger if line.keyword == "trigger" else node.complete
    failed = f"Expression::add: expression {part.text} failed:"
    if known is None and join:
        raise LineError(f"{failed} The first expression should not have AND or OR set")
    if known is not None and not join:
        raise LineError(f"{failed} Subsequent expression must have AND or OR set")
    if known is None:
        expression = Expression((part,), "free" in line.state_words)
    else:
        expression = replace(known, parts=(*known.parts, part))
    if line.keyword == "trigger":
        node.trigger = expression
    else:
        node.complete = expression


def _default_status(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"DefsStatusParser::doParse: Invalid defstatus :{line.shown}")
    if node.has_default_status:
        raise LineError(
            f"DefsStatusParser::doParse: {node.kind.name} {node.name} already has a default status\n"
        )
    try:
        node.default_status = DisplayState[line.words[0].upper()]
    except KeyError:
        raise LineError(f"DefsStatusParser::doParse: Invalid defstatus state :{line.shown}") from None
    node.has_default_status = True


def _late(node: Node, line: Line) -> None:
    if node.late is not None:
        raise LineError(f"Add Late failed: A node can only have one Late attribute, see node {node.label}")
    options = dict(zip(line.words[::2], line.words[1::2], strict=False))
    if not options or set(options) - {"-s", "-a", "-c"} or len(line.words) % 2:
        place = ":5" if len(line.words) > 1 else ""
        raise LineError(f"LateParser::doParse{place}: Invalid late :{line.shown}")
    for text in options.values():
        clock_minutes(text.lstrip("+"))
    node.late = Late(
        options.get("-s", ""), options.get("-a", ""), options.get("-c", ""), "late" in line.state_words
    )


def _auto(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(
            f"Auto{line.keyword[4:].capitalize()}Parser::doParse: Invalid {line.keyword} :{line.shown}"
        )
    when = line.words[0]
    if ":" in when:
        clock_minutes(when.removeprefix("+"))
    elif re.fullmatch(r"\+?\d+", when):
        when = when.removeprefix("+")
    else:
        raise LineError(f"invalid {line.keyword} {line.shown}")
    adding = "Node::addAutoCancel" if line.keyword == "autocancel" else "Node::add_autoarchive"
    if getattr(node, line.keyword):
        raise LineError(f"{adding}: A node can only have one {line.keyword}, see node {node.label}")
    if node.autocancel or node.autoarchive:
        raise LineError(f"{adding}: Cannot add autocancel and autoarchive on the same node {node.label}")
    if line.keyword == "autocancel":
        node.autocancel = when
    else:
        node.autoarchive = when


def _autorestore(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"AutoRestoreParser::doParse: Invalid autorestore :{line.shown}")
    if node.autorestore is not None:
        raise LineError(f"Node::add_auto_restore: Can only have one autorestore per node {node.label}")
    node.autorestore = AutoRestore(line.words)


def _verify(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"VerifyParser::doParse: Invalid verify :{line.shown}")
    state, colon, count = line.words[0].partition(":")
    if not colon:
        raise LineError(f"Invalid verify :{line.shown}")
    if state.upper() not in NodeState.__members__:
        raise LineError(f"VerifyParser::doParse: Invalid state :{line.shown}")
    try:
        actual = int(line.state_words[0]) if line.state_words else 0
        verify = Verify(NodeState[state.upper()], int(count), actual)
    except ValueError:
        raise LineError("Invalid verify") from None
    if any(known.expected_state is verify.expected_state for known in node.verifies):
        raise LineError(f"Add Verify failed: Duplicate '{verify.text()}' already exist for node {node.label}")
    node.verifies += (verify,)


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
    if any(known.name == name for known in node.queues):
        raise LineError(
            f"MiscAttrs::add_queue: Node {node.path} already has a queue attribute of name {name}\n"
        )
    node.queues += (Queue(name, tuple(steps), index, tuple(states)),)


def _generic(node: Node, line: Line) -> None:
    if not line.words:
        raise LineError(f"GenericParser::doParse: Invalid generic :{line.shown}")
    name = line.words[0]
    if not valid_name(name):
        raise LineError(f"GenericAttr::GenericAttr : Invalid generic name : {name_fault(name)}")
    if any(known.name == name for known in node.generics):
        raise LineError(
            f"MiscAttrs::add_generic : Node {node.path} already has a generic attribute of name {name}\n"
        )
    node.generics += (Generic(line.words[0], line.words[1:]),)


def _clock(node: Node, line: Line) -> None:
    words = [word for word in line.words if word != "-s"]
    if not words:
        raise LineError(f"ClockParser::doParse: Invalid clock :{line.shown}")
    if words[0] not in ("real", "hybrid"):
        raise LineError(f"Invalid clock :{line.shown}")
    if node.clock is not None:
        raise LineError(f"Add Clock failed: Suite can only have one clock {node.path}")
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


def _unique(node: Node, line: Line, what: str, name: str, known: Iterable[str]) -> None:
    # A text with state is believed (seen on 5.9.2 for labels, limits, inlimits, meters and events).
    if not line.with_state and name in known:
        spelt = "label" if what == "Label" else what
        raise LineError(
            f"Add {what} failed: Duplicate {spelt} of name '{name}' already exist for node {node.label}"
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
    "zombie": AttributeReader(read_zombie),
}
"""What may stand on a line below a node, by its first word."""
