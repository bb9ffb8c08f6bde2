"""Reading a trigger or complete expression: text to tree, with the released programs' errors.

Two readers: a short one for ``NAME == STATE`` and ``1 == 1``, which takes names that the grammar would not,
and the grammar.  Both, and their order, are read in source of 5.17 and were seen on 5.9.2.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from ecfleet_mocks.model.expression import (
    Attribute,
    EventState,
    ExpressionError,
    Flag,
    Function,
    FunctionName,
    Integer,
    Missing,
    NodePath,
    NodeState,
    Not,
    NumberTooLarge,
    Operation,
    Operator,
    ParentAttribute,
    Tree,
)
from ecfleet_mocks.model.expression_grammar import Kind, Phrase, phrase_of
from ecfleet_mocks.model.notes import WouldEnd
from ecfleet_mocks.wire import DisplayState, FlagType

__all__ = ["LARGEST_INTEGER", "number_in", "parse_expression"]

LARGEST_INTEGER: Final = 2**31 - 1
_NUMBER = re.compile(r"[+-]?\d+", re.ASCII)
_NOT_SHORT: Final = (
    *"(:./!<>+-*~",
    *("&&", "||", " not ", " and ", " or ", " ne ", " ge ", " le ", " gt ", " lt "),
)
_BLANKS: Final = " \t\n\v\f\r"
_OPERATORS: Final = {
    "and": Operator.AND,
    "or": Operator.OR,
    "==": Operator.EQUAL,
    "eq": Operator.EQUAL,
    "!=": Operator.NOT_EQUAL,
    "ne": Operator.NOT_EQUAL,
    "<=": Operator.LESS_EQUAL,
    "le": Operator.LESS_EQUAL,
    ">=": Operator.GREATER_EQUAL,
    "ge": Operator.GREATER_EQUAL,
    "<": Operator.LESS,
    "lt": Operator.LESS,
    ">": Operator.GREATER,
    "gt": Operator.GREATER,
    "+": Operator.PLUS,
    "-": Operator.MINUS,
    "*": Operator.TIMES,
    "/": Operator.DIVIDE,
    "%": Operator.MODULO,
}
_LONG_CHAIN: Final = 5
"""Chains of so many words, operators included, are put together by other code in the released programs."""


def number_in(text: str) -> int | None:
    """The number a text stands for: digits, perhaps with a sign, within 32 bits; None for any other text."""
    digits = text.lstrip("+-0")
    if _NUMBER.fullmatch(text) is None or len(digits) > 10:
        return None
    number = int(digits or "0") * (-1 if text[0] == "-" else 1)
    return number if -LARGEST_INTEGER - 1 <= number <= LARGEST_INTEGER else None


def parse_expression(text: str, *, assertions: bool = True) -> Tree:
    """Read an expression.

    :param assertions: as a server that has its assertions on, such as Debian's 5.9.2.
    :raises ExpressionError: with the released servers' words (one newline at the end where they have it).
    :raises WouldEnd: where such an assertion fails.
    """
    if not text:
        raise ExpressionError("")
    tree = _short(text) or _tree(phrase_of(text), assertions)
    if isinstance(tree, Missing):
        raise ExpressionError("AstTop: Abstract syntax tree creation failed")
    _check_sides(tree)
    return tree


def _short(text: str) -> Tree | None:
    if any(mark in text for mark in _NOT_SHORT):
        return None
    # What stands between is cut at any of the operator's characters, so that "a === queued" is taken.
    if "==" in text:
        sides = [side for side in text.split("=") if side]
    elif " eq " in text:
        sides = [side for side in re.split("[ eq]", text) if side]
    else:
        return None
    if len(sides) != 2:
        return None
    left, right = (side.strip(_BLANKS) for side in sides)
    if " " in left:
        return None
    state = DisplayState.__members__.get(right.upper()) if right == right.lower() else None
    if state is not None:
        return Operation(Operator.EQUAL, NodePath(left), NodeState(state))
    numbers = number_in(left), number_in(right)
    if numbers[0] is None or numbers[1] is None:
        return None
    return Operation(Operator.EQUAL, Integer(numbers[0]), Integer(numbers[1]))


# --- phrases to a tree -------------------------------------------------------------------------------------


def _tree(phrase: Phrase, assertions: bool) -> Tree:
    kind, text = phrase.kind, phrase.text
    if kind is Kind.CHAIN:
        return _chain(phrase, assertions)
    if kind is Kind.ARITHMETIC:
        return _arithmetic(phrase, assertions)
    if kind is Kind.INTEGER:
        return Integer(_integer(text))
    if kind is Kind.PATH:
        return NodePath(text)
    if kind is Kind.STATE:
        return NodeState(DisplayState[text.upper()])
    if kind is Kind.EVENT_STATE:
        if assertions and text not in ("set", "clear"):
            raise WouldEnd("an event is compared with both set and clear")
        return EventState(text == "set")
    if kind is Kind.ATTRIBUTE:
        return Attribute(phrase.parts[0].text, text)
    if kind is Kind.PARENT_ATTRIBUTE:
        return ParentAttribute(text)
    if kind is Kind.FLAG:
        return Flag(phrase.parts[0].text, FlagType[text.upper()])
    if kind is Kind.FUNCTION:
        argument = _tree(phrase.parts[0], assertions)
        assert isinstance(argument, Integer | Attribute)
        return Function(FunctionName(text), argument)
    # A sign before a number is read, and then nothing is made of it.
    return Missing()


def _integer(digits: str) -> int:
    number = int(digits)
    if number > LARGEST_INTEGER:
        raise NumberTooLarge("bad lexical cast: source type value could not be interpreted as target")
    return number


def _arithmetic(phrase: Phrase, assertions: bool) -> Tree:
    # Along the left sides in a loop: sums may be longer than Python's stack is deep.
    sums: list[Phrase] = []
    while phrase.kind is Kind.ARITHMETIC:
        sums.append(phrase)
        phrase = phrase.parts[0]
    tree = _tree(phrase, assertions)
    for each in reversed(sums):
        tree = Operation(_OPERATORS[each.text], tree, _tree(each.parts[1], assertions))
    return tree


def _chain(phrase: Phrase, assertions: bool) -> Tree:
    # Along the right sides in a loop, for the same reason: "a or b or c" nests to the right.
    lefts: list[tuple[Tree, Operator]] = []
    while len(phrase.parts) == 3 and phrase.parts[2].kind is Kind.CHAIN:
        lefts.append((_tree(phrase.parts[0], assertions), _OPERATORS[phrase.parts[1].text]))
        phrase = phrase.parts[2]
    tree = _left_to_right(phrase.parts, assertions)
    for left, operator in reversed(lefts):
        tree = Operation(operator, left, tree)
    return tree


def _left_to_right(parts: tuple[Phrase, ...], assertions: bool) -> Tree:
    if assertions and len(parts) >= _LONG_CHAIN:
        return _long_chain(parts)
    tree: Tree | None = None
    operator = Operator.AND
    negated = False
    for part in parts:
        if part.kind is Kind.NOT:
            negated = True
        elif part.kind is Kind.OPERATOR:
            operator = _OPERATORS[part.text]
        else:
            operand = _tree(part, assertions)
            operand = Not(operand) if negated else operand
            negated = False
            tree = operand if tree is None else Operation(operator, tree, operand)
    assert tree is not None
    return tree


def _long_chain(parts: tuple[Phrase, ...]) -> Tree:
    """Three operands and more, as a server with its assertions on puts them together.

    It takes a sum for one of the chain's operators, and a ``not`` for an operand whose own comes later.
    """
    operands: list[Tree] = []
    operator: Operator | None = None
    open_not = False
    for part in parts:
        if part.kind in (Kind.OPERATOR, Kind.ARITHMETIC, Kind.SIGN):
            if operator is not None:
                raise WouldEnd("a sum is an operand of a chain of three or more")
            operator = _OPERATORS[part.text]
        elif part.kind is Kind.NOT:
            open_not = True
            operands.append(Not(Missing()))
        else:
            operand = _tree(part, assertions=True)
            if part.kind is Kind.CHAIN and len(part.parts) >= _LONG_CHAIN:
                raise WouldEnd("a chain of comparisons is an operand of a chain of three or more")
            if open_not:
                operands.append(_closed(operands.pop(), operand))
                open_not = False
            else:
                operands.append(operand)
        if operator is not None and len(operands) == 2:
            operands = [Operation(operator, *operands)]
            operator = None
    return operands[0]


def _closed(tree: Tree, operand: Tree) -> Tree:
    """A tree whose last ``not`` gets its operand."""
    return replace(tree, right=Not(operand)) if isinstance(tree, Operation) else Not(operand)


def _check_sides(tree: Tree) -> None:
    """Refuse an operation that lacks a side, the outermost and leftmost first."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Not):
            if isinstance(node.operand, Missing):
                raise ExpressionError("AstNot: Does not have root")
            stack.append(node.operand)
        elif isinstance(node, Operation):
            missing = isinstance(node.left, Missing), isinstance(node.right, Missing)
            if any(missing):
                # A lone side is always the left one: what is missing before it moves it there.
                side = "left" if all(missing) else "right"
                raise ExpressionError(f"{node.operator.value}: has no {side} part")
            stack += (node.right, node.left)
