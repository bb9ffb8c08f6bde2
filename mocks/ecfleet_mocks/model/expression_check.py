"""What is checked of expressions when a definition is loaded, and when a job waits.

A released server checks the triggers and complete expressions of a text without state, such as a ``.def``
file.  What clients send carries state (a ``defs_state`` line), and of that nothing is checked.  Texts were seen
on 5.9.2.
"""

from __future__ import annotations

from ecfleet_mocks.model.attributes import Expression, ExpressionPart
from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.model.expression import ExpressionError, NumberTooLarge, Operation, Operator, Tree
from ecfleet_mocks.model.expression_evaluate import Evaluation
from ecfleet_mocks.model.expression_parse import parse_expression
from ecfleet_mocks.model.expression_references import resolve

__all__ = ["awaited", "expression_faults", "expression_tree"]

_JOINS = {"": "", "-a": " AND ", "-o": " OR "}


def expression_tree(expression: Expression, *, assertions: bool = True) -> Tree:
    """All lines of an expression as one tree; each line is joined to all that stands before it.

    :param assertions: as a server that has its assertions on, such as Debian's 5.9.2.
    :raises ExpressionError: for the first line that is none.
    :raises WouldEnd: where such an assertion fails.
    """
    return _joined([(part, parse_expression(part.text, assertions=assertions)) for part in expression.parts])


def _joined(read: list[tuple[ExpressionPart, Tree]]) -> Tree:
    _, tree = read[0]
    for part, following in read[1:]:
        tree = Operation(Operator.OR if part.join == "-o" else Operator.AND, tree, following)
    return tree


def expression_faults(definition: Definition, *, assertions: bool = True) -> str:
    """What is wrong with the expressions of a definition, all of it in one text; empty when nothing is.

    :raises NumberTooLarge: for a number beyond 32 bits, which ends the checking.
    :raises WouldEnd: where a released server ends.
    """
    faults: list[str] = []
    for node in definition.nodes():
        for keyword, expression in (("complete", node.complete), ("trigger", node.trigger)):
            if expression is not None:
                faults.append(_fault(keyword, expression, Evaluation(node, definition, assertions)))
    return "".join(faults)


def _fault(keyword: str, expression: Expression, evaluation: Evaluation) -> str:
    read: list[tuple[ExpressionPart, Tree]] = []
    for part, line in zip(expression.parts, expression.lines(keyword), strict=True):
        try:
            read.append((part, parse_expression(part.text, assertions=evaluation.assertions)))
        except NumberTooLarge:
            raise
        except ExpressionError as error:
            return f"Failed to parse {line}\n at {evaluation.node.label} because {error}\n\n"
    whole = "".join(_JOINS[part.join] + part.text for part in expression.parts)
    try:
        _check(_joined(read), f"{keyword} {whole}", evaluation)
    except ExpressionError as error:
        return str(error)
    return ""


def _check(tree: Tree, shown: str, evaluation: Evaluation) -> None:
    where = f"for '{shown}' at {evaluation.node.label}"
    try:
        resolve(tree, evaluation.node, evaluation.definition)
    except ExpressionError as error:
        raise ExpressionError(f"Error: Expression node tree references failed {where}\n {error}") from error
    try:
        evaluation.check(tree)
    except ExpressionError as error:
        raise ExpressionError(f"{error} Error: Expression checking failed {where}") from error


def awaited(text: str, node: Node, definition: Definition, *, assertions: bool = True) -> bool:
    """Whether what a job of ``node`` waits for has come.

    :raises ExpressionError: when the text is no expression or speaks of what is not there.
    :raises WouldEnd: where a released server ends.
    """
    try:
        tree = parse_expression(text, assertions=assertions)
    except NumberTooLarge:
        raise
    except ExpressionError as error:
        raise ExpressionError(f"CtsWaitCmd: Failed to parse expression '{text}'.  {error}") from error
    evaluation = Evaluation(node, definition, assertions, functions_see_attributes=False)
    try:
        _check(tree, f"trigger {text}", evaluation)
    except ExpressionError as error:
        raise ExpressionError(f"CtsWaitCmd: {error}") from error
    return evaluation.holds(tree)
