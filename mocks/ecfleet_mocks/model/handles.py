"""Client handles: which suites a client has registered for, and whether it must be told everything.

Numbers, errors and what counts as a change were seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["Handle", "HandleError", "Handles"]


class HandleError(ValueError):
    """There is no such handle, or no handle of that user; the text is the released servers'."""


@dataclass(slots=True)
class Handle:
    """One client's selection of suites.

    :ivar suites: names in the order they were given; suites that do not exist are remembered.
    :ivar auto_add: whether new suites are added by themselves.
    :ivar changed: whether the selection changed since the client's last full sync.
    """

    number: int
    user: str
    suites: list[str]
    auto_add: bool
    changed: bool = True

    def add(self, suites: Iterable[str]) -> None:
        """Add suites that are not in yet."""
        for name in suites:
            if name not in self.suites:
                self.suites.append(name)
                self.changed = True

    def remove(self, suites: Iterable[str]) -> None:
        """Remove suites; names that are not in are passed over."""
        for name in suites:
            if name in self.suites:
                self.suites.remove(name)
                self.changed = True


@dataclass(slots=True)
class Handles:
    """All handles of a server; numbers are given out from 1, the lowest free one first."""

    _handles: dict[int, Handle] = field(default_factory=dict)

    def register(self, user: str, suites: Iterable[str], *, auto_add: bool) -> Handle:
        """A new handle."""
        number = 1
        while number in self._handles:
            number += 1
        handle = Handle(number, user, [], auto_add)
        handle.add(suites)
        self._handles[number] = handle
        return handle

    def find(self, number: int) -> Handle | None:
        """The handle, None when there is none."""
        return self._handles.get(number)

    def wanted(self, number: int, function: str) -> Handle:
        """The handle.

        :param function: the name in the error text.
        :raises HandleError: when there is none.
        """
        handle = self._handles.get(number)
        if handle is None:
            raise HandleError(
                f"ClientSuiteMgr::{function}: handle({number}) does not exist. Handle dropped? Please "
                "refresh GUI/re-register suites"
            )
        return handle

    def drop(self, number: int) -> None:
        """Forget a handle; its number is free again.

        :raises HandleError: when there is none.
        """
        self.wanted(number, "remove_client_suite")
        del self._handles[number]

    def drop_user(self, user: str) -> None:
        """Forget all handles of a user.

        :raises HandleError: when there is none.
        """
        numbers = [number for number, handle in self._handles.items() if handle.user == user]
        if not numbers:
            raise HandleError(
                f"ClientSuiteMgr::remove_client_suites: user({user}) has no registered handles. User "
                "dropped? Please refresh GUI/re-register suites"
            )
        for number in numbers:
            del self._handles[number]

    def clear(self) -> None:
        """Forget all handles, as a delete of everything does."""
        self._handles.clear()

    def suite_added(self, name: str) -> None:
        """A suite was loaded: handles that have its name, or want all new ones, must be told everything."""
        for handle in self._handles.values():
            if name in handle.suites:
                handle.changed = True
            elif handle.auto_add:
                handle.add((name,))

    def suite_taken_out(self, name: str) -> None:
        """A suite was deleted; its name stays in the handles that have it."""
        for handle in self._handles.values():
            if name in handle.suites:
                handle.changed = True

    def by_user(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Users with the numbers of their handles, as ``--ch_suites`` shows them."""
        users: dict[str, list[int]] = {}
        for handle in sorted(self._handles.values(), key=lambda known: known.number):
            users.setdefault(handle.user, []).append(handle.number)
        return tuple((user, tuple(numbers)) for user, numbers in users.items())

    def by_number(self, loaded: Iterable[str]) -> tuple[tuple[int, tuple[str, ...]], ...]:
        """Handles with their suites: those loaded in their order, then the names that are not loaded."""
        order = {name: position for position, name in enumerate(loaded)}
        handles = sorted(self._handles.values(), key=lambda known: known.number)
        return tuple(
            (handle.number, tuple(sorted(handle.suites, key=lambda name: order.get(name, len(order)))))
            for handle in handles
        )
