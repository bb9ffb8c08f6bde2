"""The grammar of trigger and complete expressions: a text to nested phrases.

The released programs read with ordered choices and without looking back: what an alternative has taken is
not tried otherwise.  Which alternative comes first is read in source of 5.17; that 5.9.2 reads alike was
seen, text by text, and so was the place at which each says that it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ecfleet_mocks.model.expression import ExpressionError

__all__ = ["Kind", "Phrase", "phrase_of"]

DEEPEST: Final = 60
"""How deep parentheses and signs may be nested; the released programs go on until their stack is full."""


class Kind(Enum):
    """What a phrase is."""

    INTEGER = auto()
    PATH = auto()
    STATE = auto()
    EVENT_STATE = auto()
    ATTRIBUTE = auto()
    PARENT_ATTRIBUTE = auto()
    FLAG = auto()
    FUNCTION = auto()
    OPERATOR = auto()
    NOT = auto()
    SIGN = auto()
    """An operator with nothing before it."""
    ARITHMETIC = auto()
    CHAIN = auto()
    """Operands, each perhaps after a ``not``, with operators between them."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of an expression: its own text where it is a word, its parts where it has some."""

    kind: Kind
    text: str = ""
    parts: tuple[Phrase, ...] = ()


_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.]*"
_BLANKS = " \t\n\v\f\r"
_NEXT = rf"[{_BLANKS}]*{_NAME}"
"""A name in a path; blanks before it, but not after it, are taken and kept."""
_NODE_PATH = re.compile(
    # from the top or a plain name; from the parent up; from the node itself
    rf"/?{_NEXT}(?:/+{_NEXT})*|\.\.(?:/+\.\.)*(?:/+{_NEXT})+|\.(?:/{_NEXT})+"
)
_WORD = re.compile(_NAME)
_DIGITS = re.compile(r"\d+", re.ASCII)
_LARGEST_READ = 0xFFFFFFFF
# Alternatives in the order in which they are tried: "<" must not be taken for the head of "<=".
_EQUALITY = ("==", "eq", "ne", "!=")
_COMPARISON = (*_EQUALITY, "ge", "le", "gt", "lt", ">=", "<=", "<", ">")
_ARITHMETIC = ("+", "-", "/", "*", "%")
_STATES = ("complete", "aborted", "queued", "active", "submitted", "unknown")
_FLAGS = ("late", "zombie", "archived")
_FUNCTIONS = ("cal::date_to_julian", "cal::julian_to_date")
# The words of a conjunction may even follow each other ("and &&"), in this order.
_AND = ("and", "&&", "AND")
_OR = ("or", "||", "OR")
_NOT = ("not ", "!", "~")


def phrase_of(text: str) -> Phrase:
    """Read a text.

    :raises ExpressionError: with the released programs' words, which show where reading stopped.
    """
    reader = _Reader(text)
    phrase = reader.disjunction()
    if phrase is not None:
        reader.skip()
        if reader.at == len(text):
            return phrase
    raise ExpressionError(
        f'Parsing failed\nlength = 18446744073709551615\nstopped at: ": {text[reader.at :]}"\n'
    )


class _Reader:
    """One text and the place up to which it is read.

    A method that finds nothing returns None.  It may leave the place where it gave up; who tries another
    alternative goes back by itself, and what the last one leaves is where reading stopped.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    # --- words -----------------------------------------------------------------------------------------

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _BLANKS:
            self.at += 1

    def word(self, *words: str) -> str | None:
        self.skip()
        for word in words:
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return word
        return None

    def match(self, pattern: re.Pattern[str]) -> str | None:
        self.skip()
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def first(self, *alternatives: Callable[[], Phrase | None]) -> Phrase | None:
        start = self.at
        for alternative in alternatives:
            self.at = start
            phrase = alternative()
            if phrase is not None:
                return phrase
        return None

    def operator(self, words: tuple[str, ...]) -> Phrase | None:
        word = self.word(*words)
        return None if word is None else Phrase(Kind.OPERATOR, word)

    def joining(self, words: tuple[str, ...]) -> bool:
        found = [word for word in words if self.word(word) is not None]
        return bool(found)

    def negation(self) -> tuple[Phrase, ...]:
        start = self.at
        if self.word(*_NOT) is None:
            self.at = start
            return ()
        return (Phrase(Kind.NOT),)

    # --- and, or, parentheses ----------------------------------------------------------------------------

    def disjunction(self) -> Phrase | None:
        """Operands joined by ``and`` and ``or``.

        ``and`` binds stronger only where no operand stands in parentheses: whatever follows a first operand
        is one operand, up to the end.
        """
        self.deeper()
        operands: list[Phrase] = []
        joins: list[Phrase] = []
        while True:
            start = self.at
            if operands:
                if self.joining(_AND):
                    join = Phrase(Kind.OPERATOR, "and")
                elif self.joining(_OR):
                    join = Phrase(Kind.OPERATOR, "or")
                else:
                    self.at = start
                    break
            operand = self.first(self.conjunction, self.group)
            if operand is None:
                # Without any operand the place stays where the last alternative gave up.
                self.at = start if operands else self.at
                break
            if operands:
                joins.append(join)
            operands.append(operand)
        self.depth -= 1
        if not operands:
            return None
        phrase = operands.pop()
        while operands:
            phrase = Phrase(Kind.CHAIN, parts=(operands.pop(), joins.pop(), phrase))
        return phrase

    def conjunction(self) -> Phrase | None:
        parts = [*self.negation()]
        operand = self.comparison()
        if operand is None:
            return None
        parts.append(operand)
        while True:
            start = self.at
            if not self.joining(_AND):
                self.at = start
                break
            negation = self.negation()
            operand = self.comparison()
            if operand is None:
                self.at = start
                break
            parts += (Phrase(Kind.OPERATOR, "and"), *negation, operand)
        return _chain(parts)

    def group(self) -> Phrase | None:
        negation = self.negation()
        if self.word("(") is None:
            return None
        inner = self.disjunction()
        if inner is None or self.word(")") is None:
            return None
        return _chain([*negation, inner])

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError(f"ecfleet: an expression is nested deeper than {DEEPEST} levels")

    # --- comparisons -------------------------------------------------------------------------------------

    def comparison(self) -> Phrase | None:
        return self.first(self.node_comparison, self.event_comparison, self.number_comparison)

    def node_comparison(self) -> Phrase | None:
        path = self.match(_NODE_PATH)
        if path is None or (operator := self.operator(_EQUALITY)) is None:
            return None
        state = self.word(*_STATES)
        if state is None:
            return None
        return Phrase(Kind.CHAIN, parts=(Phrase(Kind.PATH, path), operator, Phrase(Kind.STATE, state)))

    def event_comparison(self) -> Phrase | None:
        attribute = self.attribute()
        if attribute is None or (operator := self.operator(_EQUALITY)) is None:
            return None
        # "set clear" is read as one word; see what is made of it.
        words = [word for word in ("set", "clear") if self.word(word) is not None]
        if not words:
            return None
        return Phrase(Kind.CHAIN, parts=(attribute, operator, Phrase(Kind.EVENT_STATE, " ".join(words))))

    def number_comparison(self) -> Phrase | None:
        number = self.arithmetic()
        if number is None:
            return None
        parts = [number]
        while True:
            start = self.at
            operator = self.operator(_COMPARISON)
            negation = self.negation() if operator is not None else ()
            number = self.arithmetic() if operator is not None else None
            if operator is None or number is None:
                self.at = start
                break
            parts += (operator, *negation, number)
        return _chain(parts)

    # --- numbers -----------------------------------------------------------------------------------------

    def arithmetic(self) -> Phrase | None:
        """Numbers with operators between them, all of one rank, from left to right."""
        self.deeper()
        number = self.number()
        while number is not None:
            start = self.at
            operator = self.operator(_ARITHMETIC)
            following = self.number() if operator is not None else None
            if operator is None or following is None:
                self.at = start
                break
            number = Phrase(Kind.ARITHMETIC, operator.text, (number, following))
        self.depth -= 1
        return number

    def number(self) -> Phrase | None:
        return self.first(
            self.integer,
            self.attribute,
            self.parenthesised,
            self.flag,
            self.parent_attribute,
            self.sign,
            self.function,
        )

    def integer(self) -> Phrase | None:
        digits = self.match(_DIGITS)
        if digits is None:
            return None
        digits = digits.lstrip("0") or "0"
        if len(digits) > 10 or int(digits) > _LARGEST_READ:
            return None
        return Phrase(Kind.INTEGER, digits)

    def attribute(self) -> Phrase | None:
        path = self.match(_NODE_PATH)
        if path is None or self.word(":") is None:
            return None
        name = self.match(_WORD)
        if name is None:
            return None
        return Phrase(Kind.ATTRIBUTE, name, (Phrase(Kind.PATH, path),))

    def parenthesised(self) -> Phrase | None:
        if self.word("(") is None:
            return None
        number = self.arithmetic()
        return number if number is not None and self.word(")") is not None else None

    def flag(self) -> Phrase | None:
        path = self.match(_NODE_PATH) or self.word("/")
        if path is None or self.word("<flag>") is None:
            return None
        flag = self.word(*_FLAGS)
        return None if flag is None else Phrase(Kind.FLAG, flag, (Phrase(Kind.PATH, path),))

    def parent_attribute(self) -> Phrase | None:
        if self.word(":") is None:
            return None
        name = self.match(_WORD)
        return None if name is None else Phrase(Kind.PARENT_ATTRIBUTE, name)

    def sign(self) -> Phrase | None:
        operator = self.operator(_ARITHMETIC)
        if operator is None:
            return None
        self.deeper()
        number = self.number()
        self.depth -= 1
        return None if number is None else Phrase(Kind.SIGN, operator.text)

    def function(self) -> Phrase | None:
        name = self.word(*_FUNCTIONS)
        if name is None or self.word("(") is None:
            return None
        argument = self.first(self.attribute, self.integer)
        if argument is None or self.word(")") is None:
            return None
        return Phrase(Kind.FUNCTION, name, (argument,))


def _chain(parts: list[Phrase]) -> Phrase:
    return parts[0] if len(parts) == 1 else Phrase(Kind.CHAIN, parts=tuple(parts))
