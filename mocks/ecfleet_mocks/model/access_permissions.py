"""PERMISSIONS variables: names, separated by commas, on the server or on nodes (5.15 and later).

No document tells of them.  Who is named may do everything there.  Seen on 5.17.0: the nearest definition
counts alone, so that an inner list may let in somebody whom an outer one does not name; reading and writing
are the same; nobody is exempt, not even the server's own account.
"""

from __future__ import annotations

from collections.abc import Iterable

from ecfleet_mocks.model.definition import Definition
from ecfleet_mocks.wire import Variable

__all__ = ["PERMISSIONS", "permitted"]

PERMISSIONS = "PERMISSIONS"
"""The variable's name."""


def permitted(tree: Definition, user: str, paths: Iterable[str]) -> bool:
    """Whether ``user`` may do something to all of ``paths``; ``/`` is the server.

    A node that does not exist is open to everybody: there is nothing to protect.
    """
    return all(not (names := _named_for(tree, path)) or user in names for path in paths)


def _named_for(tree: Definition, path: str) -> tuple[str, ...]:
    names = _named_in(tree.user_variables)
    if path == "/":
        return names
    # Events are forced by PATH:NAME.
    node = tree.find(path.partition(":")[0])
    if node is None:
        return ()
    for holder in node.up():
        if inner := _named_in(holder.variables):
            return inner
    return names


def _named_in(variables: Iterable[Variable]) -> tuple[str, ...]:
    for variable in variables:
        if variable.name == PERMISSIONS:
            return tuple(name for name in variable.value.split(",") if name)
    return ()
