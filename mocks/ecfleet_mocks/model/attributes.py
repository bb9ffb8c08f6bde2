"""The attributes of a node other than times and repeats: plain values, each with its line of text.

Every class has ``text()``, the attribute as a definition shows it, and ``state()``, what the network
style adds after ``" # "`` (empty when there is nothing to add).  The texts were seen on 5.9.2 and 5.17.0.
Values are immutable; a change puts a new value into the node.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecfleet_mocks.wire import ChildCommand, NodeState, Variable, ZombieAction, ZombieAttr, ZombieType

__all__ = [
    "ZOMBIE_LIFETIMES",
    "AutoRestore",
    "Clock",
    "Event",
    "Expression",
    "ExpressionPart",
    "Generic",
    "InLimit",
    "Label",
    "Late",
    "Limit",
    "Meter",
    "Queue",
    "Verify",
    "one_line",
    "variable_text",
    "zombie_text",
]

ZOMBIE_LIFETIMES: dict[ZombieType, int] = {ZombieType.USER: 300, ZombieType.PATH: 900}
"""Seconds a zombie record is kept when the attribute gives no lifetime; 3600 for the types not listed.

Seen on 5.9.2 in the records of ``--zombie_get``.
"""


def one_line(text: str) -> str:
    r"""Text with each newline as ``\n``, as definition texts write values."""
    return text.replace("\n", "\\n") if "\n" in text else text


def variable_text(variable: Variable) -> str:
    """``edit NAME 'value'``; quotes inside the value are written as they are."""
    return f"edit {variable.name} '{one_line(variable.value)}'"


def zombie_text(attribute: ZombieAttr) -> str:
    """``zombie TYPE:ACTION:COMMANDS:LIFETIME``; the lifetime in seconds is always written."""
    commands = ",".join(ChildCommand(command).name.lower() for command in attribute.child_commands)
    kind = ZombieType(attribute.zombie_type).name.lower()
    action = ZombieAction(attribute.action).name.lower()
    return f"zombie {kind}:{action}:{commands}:{attribute.lifetime}"


@dataclass(frozen=True, slots=True)
class Label:
    """A text a task shows: its default and, when set by a job, its new value (empty: none)."""

    name: str
    value: str
    new_value: str = ""

    def text(self) -> str:
        return f'label {self.name} "{one_line(self.value)}"'

    def state(self) -> str:
        return f'"{one_line(self.new_value)}"' if self.new_value else ""


@dataclass(frozen=True, slots=True)
class Meter:
    """A number between two bounds; ``color_change`` is where a display turns to another colour."""

    name: str
    minimum: int
    maximum: int
    color_change: int
    value: int

    def text(self) -> str:
        return f"meter {self.name} {self.minimum} {self.maximum} {self.color_change}"

    def state(self) -> str:
        return str(self.value) if self.value != self.minimum else ""


@dataclass(frozen=True, slots=True)
class Event:
    """A switch with a number, a name or both; at least one of them."""

    number: int | None
    name: str
    initial: bool = False
    value: bool = False

    def text(self) -> str:
        words = [word for word in (None if self.number is None else str(self.number), self.name) if word]
        if self.initial:
            words.append("set")
        # The blank between number and name is written also when there is no name.
        return f"event {' '.join(words)}{' ' if not self.name and not self.initial else ''}"

    def state(self) -> str:
        if self.value == self.initial:
            return ""
        return "set" if self.value else "clear"

    @property
    def key(self) -> str:
        """The name, or the number where there is none."""
        return self.name or str(self.number)

    def answers_to(self, name: str) -> bool:
        """Whether a job means this event by that name or number."""
        return name == self.name or (self.number is not None and name == str(self.number))


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tokens may be taken at once, how many are taken, and by which tasks."""

    name: str
    maximum: int
    value: int = 0
    paths: tuple[str, ...] = ()

    def text(self) -> str:
        return f"limit {self.name} {self.maximum}"

    def state(self) -> str:
        return " ".join((str(self.value), *self.paths)) if self.value or self.paths else ""


@dataclass(frozen=True, slots=True)
class InLimit:
    """A node's use of a limit; ``path`` is empty when the limit is looked for upwards."""

    path: str
    name: str
    tokens: int = 1
    this_node_only: bool = False
    submission: bool = False
    incremented: bool = False

    def text(self) -> str:
        option = "-n " if self.this_node_only else "-s " if self.submission else ""
        place = f"{self.path}:{self.name}" if self.path else self.name
        return f"inlimit {option}{place}{f' {self.tokens}' if self.tokens != 1 else ''}"

    def state(self) -> str:
        return "incremented:1" if self.incremented else ""


@dataclass(frozen=True, slots=True)
class ExpressionPart:
    """One line of a trigger or complete expression; ``join`` is ``""``, ``"-a"`` (and) or ``"-o"`` (or)."""

    text: str
    join: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """A trigger or complete expression, as its lines, and whether a user has freed it."""

    parts: tuple[ExpressionPart, ...]
    free: bool = False

    def lines(self, keyword: str) -> list[str]:
        """The lines of text; the state stands on the first."""
        written = [f"{keyword} {part.join + ' ' if part.join else ''}{part.text}" for part in self.parts]
        if self.free:
            written[0] += " # free"
        return written


@dataclass(frozen=True, slots=True)
class Late:
    """When a node counts as late; the times as written, ``"+00:15"`` relative, ``"20:00"`` of the day."""

    submitted: str = ""
    active: str = ""
    complete: str = ""
    is_late: bool = False

    def text(self) -> str:
        parts = (("-s", self.submitted), ("-a", self.active), ("-c", self.complete))
        return "late" + "".join(f" {option} {value}" for option, value in parts if value)

    def state(self) -> str:
        return "late" if self.is_late else ""


@dataclass(frozen=True, slots=True)
class Verify:
    """How often a state is expected, and how often it occurred."""

    expected_state: NodeState
    expected: int
    actual: int = 0

    def text(self) -> str:
        return f"verify {self.expected_state.name.lower()}:{self.expected}"

    def state(self) -> str:
        return str(self.actual)


@dataclass(frozen=True, slots=True)
class Queue:
    """Steps handed out one after another; ``index`` is that of the next step."""

    name: str
    steps: tuple[str, ...]
    index: int
    states: tuple[NodeState, ...]

    def text(self) -> str:
        return " ".join(("queue", self.name, *self.steps))

    def state(self) -> str:
        return " ".join((str(self.index), *(state.name.lower() for state in self.states)))

    def restarted(self) -> Queue:
        """The queue with every step queued again."""
        return Queue(self.name, self.steps, 0, (NodeState.QUEUED,) * len(self.steps))


@dataclass(frozen=True, slots=True)
class Generic:
    """A name with values that ecFlow itself gives no meaning."""

    name: str
    values: tuple[str, ...]

    def text(self) -> str:
        return " ".join(("generic", self.name, *self.values))

    def state(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class AutoRestore:
    """The archived nodes that are restored when this one is complete."""

    paths: tuple[str, ...]

    def text(self) -> str:
        return " ".join(("autorestore", *self.paths))

    def state(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Clock:
    """A suite's clock: real or hybrid, its date (``"1.1.2024"`` or empty), its gain in signed seconds."""

    hybrid: bool
    date: str = ""
    gain: str = ""

    def text(self) -> str:
        # The blank after the last word present was seen for a clock without a date and with one.
        kind = "hybrid" if self.hybrid else "real"
        head = f"clock {kind} {self.date} " if self.date else f"clock {kind} "
        return head + self.gain

    def state(self) -> str:
        return ""
