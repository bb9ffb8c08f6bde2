"""A trigger or complete expression as a tree: what it is made of once it is understood.

:mod:`ecfleet_mocks.model.expression_parse` makes the tree of a text,
:mod:`ecfleet_mocks.model.expression_references` finds what it speaks of in a definition,
:mod:`ecfleet_mocks.model.expression_evaluate` tells whether it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ecfleet_mocks.wire import DisplayState, FlagType

__all__ = [
    "Attribute",
    "EventState",
    "ExpressionError",
    "Flag",
    "Function",
    "FunctionName",
    "Integer",
    "Missing",
    "NodePath",
    "NodeState",
    "Not",
    "NumberTooLarge",
    "Operation",
    "Operator",
    "ParentAttribute",
    "Tree",
    "leaves",
]


class ExpressionError(ValueError):
    """A text is no expression, or speaks of what is not there; the text is the released servers'."""


class NumberTooLarge(ExpressionError):
    """A number does not fit into 32 bits; the released servers give this error no context."""


class Operator(Enum):
    """An operator between two sides; the value is its class as error texts name it."""

    AND = "AstAnd"
    OR = "AstOr"
    EQUAL = "AstEqual"
    NOT_EQUAL = "AstNotEqual"
    LESS_EQUAL = "AstLessEqual"
    GREATER_EQUAL = "AstGreaterEqual"
    LESS = "AstLessThan"
    GREATER = "AstGreaterThan"
    PLUS = "AstPlus"
    MINUS = "AstMinus"
    TIMES = "AstMultiply"
    DIVIDE = "AstDivide"
    MODULO = "AstModulo"

    @property
    def is_logical(self) -> bool:
        """Whether it joins truths: and, or."""
        return self in (Operator.AND, Operator.OR)

    @property
    def is_arithmetic(self) -> bool:
        """Whether its result is a number."""
        return self in _ARITHMETIC


_ARITHMETIC = (Operator.PLUS, Operator.MINUS, Operator.TIMES, Operator.DIVIDE, Operator.MODULO)


class FunctionName(Enum):
    """The functions of the calendar."""

    DATE_TO_JULIAN = "cal::date_to_julian"
    JULIAN_TO_DATE = "cal::julian_to_date"


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing, where a side should be: what a sign before a number leaves."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A number of 32 bits."""

    value: int


@dataclass(frozen=True, slots=True)
class NodePath:
    """A node, whose state is compared: ``/s/f/t``, ``t``, ``./t``, ``../g/t``."""

    path: str


@dataclass(frozen=True, slots=True)
class NodeState:
    """A state that a node's is compared with.  ``suspended`` is one only beside a bare name (seen on 5.9.2)."""

    state: DisplayState


@dataclass(frozen=True, slots=True)
class EventState:
    """``set`` or ``clear``."""

    value: bool


@dataclass(frozen=True, slots=True)
class Attribute:
    """``PATH:NAME``: an event, meter, variable, repeat, limit or queue of a node."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class ParentAttribute:
    """``:NAME``: the same, of the nearest node from the expression's own upwards that has it."""

    name: str


@dataclass(frozen=True, slots=True)
class Flag:
    """``PATH<flag>NAME``: a flag of a node, of the definition for ``/``."""

    path: str
    flag: FlagType


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the calendar with its argument."""

    name: FunctionName
    argument: Integer | Attribute


@dataclass(frozen=True, slots=True)
class Not:
    """``not``, ``!`` or ``~``."""

    operand: Tree


@dataclass(frozen=True, slots=True)
class Operation:
    """Two sides and what joins them."""

    operator: Operator
    left: Tree
    right: Tree


Tree = (
    Missing
    | Integer
    | NodePath
    | NodeState
    | EventState
    | Attribute
    | ParentAttribute
    | Flag
    | Function
    | Not
    | Operation
)
"""An expression, or a part of one."""


def leaves(tree: Tree) -> Iterator[Tree]:
    """Everything in a tree that is neither an operation nor a ``not``, from left to right."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Operation):
            stack += (node.right, node.left)
        elif isinstance(node, Not):
            stack.append(node.operand)
        else:
            yield node
