"""What an expression speaks of: its nodes and attributes in a definition, and the errors when they are absent.

Texts, and how a path is followed, were seen on 5.9.2.
"""

from __future__ import annotations

from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.model.expression import (
    Attribute,
    ExpressionError,
    Flag,
    NodePath,
    ParentAttribute,
    Tree,
    leaves,
)
from ecfleet_mocks.model.expression_values import has_attribute

__all__ = ["NotFound", "find_holder", "find_node", "resolve"]


class NotFound(ExpressionError):
    """A path leads nowhere; the text ends with a newline as it does in the released servers."""


def resolve(tree: Tree, node: Node, definition: Definition) -> None:
    """Look for everything that an expression of ``node`` speaks of; the first that is absent is told.

    What functions are given is not looked for (seen on 5.9.2).

    :raises ExpressionError: with the released servers' words.
    """
    for leaf in leaves(tree):
        if isinstance(leaf, NodePath):
            find_node(leaf.path, node, definition)
        elif isinstance(leaf, Flag) and leaf.path != "/":
            find_node(leaf.path, node, definition, attribute=leaf.flag.name.lower())
        elif isinstance(leaf, Attribute):
            _resolve_attribute(leaf, node, definition)
        elif isinstance(leaf, ParentAttribute) and find_holder(leaf.name, node) is None:
            raise ExpressionError(
                f" Could not find variable {leaf.name} on node {node.label} OR any of its parent nodes"
            )


def _resolve_attribute(leaf: Attribute, node: Node, definition: Definition) -> None:
    found = find_node(leaf.path, node, definition, attribute=leaf.name)
    if found is not None and not has_attribute(found, leaf.name):
        raise ExpressionError(
            f"From expression Variable {leaf.path}:{leaf.name} the referenced node is {found.label}\n"
            "Could not find event, meter, variable, repeat, generated variable, limit or queue of "
            f"name('{leaf.name}') on node {found.label}\n"
        )


def find_holder(name: str, node: Node) -> Node | None:
    """The nearest node from ``node`` upwards with an attribute of that name.

    The server's own variables are not looked at.
    """
    for holder in node.up():
        if has_attribute(holder, name):
            return holder
    return None


def find_node(path: str, node: Node, definition: Definition, *, attribute: str = "") -> Node | None:
    """The node that a path in an expression of ``node`` leads to; None for one that is declared ``extern``.

    A bare name is the node itself or one beside it, ``./a/b`` and ``a/b`` start beside the node or below it,
    ``../a`` one level up.

    :param attribute: the attribute's name, since an extern may be of an attribute alone.
    :raises NotFound: with the released servers' words.
    """
    names = [name for name in path.split("/") if name]
    if path.startswith("/"):
        return _from_the_top(path, names, attribute, definition)
    if names[0] == "..":
        return _from_above(path, names, node, definition)
    if names[0] == ".":
        return _beside(names[1:], node)
    if len(names) > 1 and _is_extern(path, attribute, definition):
        return None
    try:
        return _beside(names, node)
    except NotFound:
        if len(names) == 1 and _is_extern(path, attribute, definition):
            return None
        raise


def _is_extern(path: str, attribute: str, definition: Definition) -> bool:
    return (f"{path}:{attribute}" if attribute else path) in definition.externs


def _from_the_top(path: str, names: list[str], attribute: str, definition: Definition) -> Node | None:
    found = definition.find("/" + "/".join(names))
    if found is not None:
        return found
    if not _is_extern(path, attribute, definition):
        raise NotFound(f": Could not find referenced node, using absolute path '{path}\n")
    if names[0] in definition.suites:
        raise NotFound(f"Extern path {path} does not exist on suite {names[0]}\n")
    return None


def _from_above(path: str, names: list[str], node: Node, definition: Definition) -> Node:
    above = node.parent
    left = list(names)
    while left and left[0] == ".." and above is not None:
        left.pop(0)
        above = above.parent
    found = definition.find("/" + "/".join(left)) if above is None else _below(above, left)
    if found is None:
        raise NotFound(f"Unrecognised path {path} for Node {node.path}\n")
    return found


def _beside(names: list[str], node: Node) -> Node:
    if names == [node.name]:
        return node
    parent = node.parent
    if parent is None:
        raise NotFound("Parent empty. Could not find referenced node\n")
    found = _below(parent, names)
    if found is None and len(names) > 1:
        found = _below(node, names)
    if found is not None:
        return found
    shown = names[0] if len(names) == 1 else "".join(f"{name}/" for name in names)
    expected = f" . Expected '{names[0]}' to be a sibling." if len(names) == 1 else ""
    raise NotFound(f"Could not find node '{shown}' from node {node.path}{expected}\n")


def _below(node: Node, names: list[str]) -> Node | None:
    found: Node | None = node
    for name in names:
        found = found.children.get(name) if found is not None else None
    return found
