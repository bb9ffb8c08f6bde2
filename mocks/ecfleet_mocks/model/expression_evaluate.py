"""Whether a trigger or complete expression holds, now, in a definition.

The meaning of every operator was seen on 5.9.2.  Where a server with its assertions on would end, the
caller decides by ``assertions`` what happens here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.model.expression import (
    Attribute,
    EventState,
    ExpressionError,
    Flag,
    Function,
    Integer,
    NodePath,
    NodeState,
    Not,
    Operation,
    Operator,
    ParentAttribute,
    Tree,
)
from ecfleet_mocks.model.expression_references import NotFound, find_holder, find_node
from ecfleet_mocks.model.expression_values import (
    attribute_value,
    calendar_function,
    divided,
    moved_value,
)
from ecfleet_mocks.model.notes import WouldEnd

__all__ = ["Evaluation"]

_SMALLEST: Final = -(2**31)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Evaluates expressions of one node.

    :param node: whose expression it is: relative paths start there.
    :param assertions: as a server that has its assertions on, such as Debian's 5.9.2: a comparison that is
        itself compared ends it.  Without, such a comparison counts as 0 (read in source of 5.17).
    :param functions_see_attributes: whether functions of the calendar take the value of an attribute, as in
        triggers; in ``--wait`` they take 0 for it (seen on 5.9.2).
    """

    node: Node
    definition: Definition
    assertions: bool = True
    functions_see_attributes: bool = True

    def check(self, tree: Tree) -> None:
        """Refuse a division by what is zero now.

        :raises ExpressionError: with the released servers' words.
        :raises WouldEnd: as :meth:`holds`.
        """
        stack = [tree]
        while stack:
            part = stack.pop()
            if isinstance(part, Not):
                stack.append(part.operand)
            elif isinstance(part, Operation) and part.operator in (Operator.DIVIDE, Operator.MODULO):
                # What is divided is not looked at.
                if self._number(part.right) == 0:
                    what = "Divide" if part.operator is Operator.DIVIDE else "Modulo"
                    raise ExpressionError(f" Error: {what} by zero in trigger expression")
            elif isinstance(part, Operation):
                stack += (part.right, part.left)

    def holds(self, tree: Tree) -> bool:
        """Whether an expression is true; the right side is looked at only when it matters.

        :raises WouldEnd: where a released server ends.
        """
        waiting: list[Not | Operation] = []
        while True:
            while isinstance(tree, Not) or (isinstance(tree, Operation) and tree.operator.is_logical):
                waiting.append(tree)
                tree = tree.operand if isinstance(tree, Not) else tree.left
            result = self._truth(tree)
            while waiting:
                above = waiting.pop()
                if isinstance(above, Not):
                    result = not result
                elif (above.operator is Operator.AND) == result:
                    tree = above.right
                    break
            else:
                return result

    def _truth(self, tree: Tree) -> bool:
        if not isinstance(tree, Operation):
            return self._number(tree) != 0
        if tree.operator.is_arithmetic:
            # A sum by itself is true, whatever it comes to, and is not even computed.
            return True
        left, right = self._number(tree.left), self._number(tree.right)
        return {
            Operator.EQUAL: left == right,
            Operator.NOT_EQUAL: left != right,
            Operator.LESS: left < right,
            Operator.LESS_EQUAL: left <= right,
            Operator.GREATER: left > right,
            Operator.GREATER_EQUAL: left >= right,
        }[tree.operator]

    def _number(self, tree: Tree) -> int:
        # Along the left sides in a loop: sums may be longer than Python's stack is deep.
        sums: list[Operation] = []
        while isinstance(tree, Operation) and tree.operator.is_arithmetic:
            sums.append(tree)
            tree = tree.left
        number: int | None = None
        if sums and sums[-1].operator in (Operator.PLUS, Operator.MINUS):
            number = self._moved_date(sums[-1])
            if number is not None:
                sums.pop()
        if number is None:
            number = self._single(tree)
        for each in reversed(sums):
            number = self._arithmetic(each.operator, number, self._number(each.right))
        return number

    def _moved_date(self, operation: Operation) -> int | None:
        """Days added to, or taken from, a repeat over dates make a date; only when it stands on the left."""
        left = operation.left
        if not isinstance(left, Attribute | ParentAttribute):
            return None
        holder = self._holder(left)
        if holder is None:
            return None
        days = self._number(operation.right)
        moved = moved_value(holder, left.name, days if operation.operator is Operator.PLUS else -days)
        return None if moved is None else _wrapped(moved)

    def _arithmetic(self, operator: Operator, left: int, right: int) -> int:
        if operator in (Operator.DIVIDE, Operator.MODULO):
            if right == 0:
                return 0
            if left == _SMALLEST and right == -1:
                raise WouldEnd("the smallest number is divided by -1")
            return divided(left, right)[operator is Operator.MODULO]
        if operator is Operator.TIMES:
            return _wrapped(left * right)
        return _wrapped(left + right if operator is Operator.PLUS else left - right)

    def _single(self, tree: Tree) -> int:
        if isinstance(tree, Integer):
            return tree.value
        if isinstance(tree, NodeState):
            return int(tree.state)
        if isinstance(tree, EventState):
            return int(tree.value)
        if isinstance(tree, Attribute | ParentAttribute):
            holder = self._holder(tree)
            return 0 if holder is None else attribute_value(holder, tree.name) or 0
        if isinstance(tree, NodePath):
            found = self._find(tree.path)
            return 0 if found is None else int(found.display_state)
        if isinstance(tree, Flag):
            owner = self.definition if tree.path == "/" else self._find(tree.path)
            return 0 if owner is None else owner.flags >> tree.flag & 1
        if isinstance(tree, Function):
            known = self.functions_see_attributes or isinstance(tree.argument, Integer)
            return _wrapped(calendar_function(tree.name, self._single(tree.argument) if known else 0))
        if isinstance(tree, Not):
            return int(not self._number(tree.operand))
        if self.assertions:
            raise WouldEnd("a comparison is itself compared")
        return 0

    def _holder(self, attribute: Attribute | ParentAttribute) -> Node | None:
        if isinstance(attribute, ParentAttribute):
            return find_holder(attribute.name, self.node)
        return self._find(attribute.path)

    def _find(self, path: str) -> Node | None:
        try:
            return find_node(path, self.node, self.definition)
        except NotFound:
            return None


def _wrapped(number: int) -> int:
    """A result of 32 bits; what does not fit goes round."""
    return (number + 2**31) % 2**32 - 2**31
