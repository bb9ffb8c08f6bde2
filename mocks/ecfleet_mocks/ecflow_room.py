"""How many connections a mock ecFlow server has room for, and what becomes of those that say nothing.

A released server never closes a silent connection.  When its descriptors are used up, new connections hang:
over TCP until an old one goes, over HTTP for ever, as one failure to accept ends that server's accepting
(seen on 5.9.2 and 5.17.0; it also writes some 20 MB of log a second, which nobody needs here).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ecfleet_mocks.model.transport import Transport

if TYPE_CHECKING:
    from ecfleet_mocks.ecflow_exchange import ExchangeConnection

__all__ = ["Room"]


class Room:
    """The connections of one server, and those that found no room.

    :param limit: how many it serves at once.
    :param faithful: let the others hang; otherwise the one that has been silent for longest is closed.
    :param release: of the real server, for remarks.
    """

    def __init__(self, limit: int, *, faithful: bool, release: str) -> None:
        self.limit = limit
        self._faithful = faithful
        self._release = release
        self._inside: dict[ExchangeConnection, None] = {}
        self._silent: dict[ExchangeConnection, None] = {}
        self._waiting: deque[ExchangeConnection] = deque()
        self._deaf: set[str] = set()

    def enter(self, connection: ExchangeConnection) -> None:
        """A connection was made: it is served, or hangs."""
        if connection.transport_name in self._deaf or (self._faithful and len(self._inside) >= self.limit):
            connection.transport.pause_reading()
            if connection.transport_name == Transport.HTTP:
                self._deaf.add(connection.transport_name)
            else:
                self._waiting.append(connection)
            return
        self._inside[connection] = None
        self._silent[connection] = None
        if len(self._inside) > self.limit and self._silent:
            longest = next(iter(self._silent))
            longest.note(f"the real {self._release} keeps silent connections until it has no room here")
            longest.close()

    def spoke(self, connection: ExchangeConnection) -> None:
        """A whole request has come."""
        self._silent.pop(connection, None)

    def leave(self, connection: ExchangeConnection) -> None:
        """A connection is gone; one that waited takes its place."""
        self._silent.pop(connection, None)
        if connection in self._waiting:
            self._waiting.remove(connection)
        if self._inside.pop(connection, self) is self:
            return
        if self._waiting:
            following = self._waiting.popleft()
            self._inside[following] = None
            self._silent[following] = None
            following.transport.resume_reading()
