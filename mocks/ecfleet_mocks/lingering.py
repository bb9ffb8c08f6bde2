"""Connections that end without cutting off what they said last."""

from __future__ import annotations

from ecfleet_mocks.service import Connection

__all__ = ["LingeringConnection"]


class LingeringConnection(Connection):
    """A connection that can :meth:`finish`: say that it has finished, then wait for the peer to do so.

    A socket that is closed while the peer's bytes are still unread, or still to come, answers them by a
    reset, which may overtake the last bytes sent.  A log server loses the end of a file like this when the
    NUL behind the UI's request arrives late (seen on 5.9.2), a SOCKS proxy its refusal.
    """

    linger = 1.0
    """Seconds to wait for the peer's end."""

    _finishing = False

    def finish(self) -> None:
        """Close the sending side after what was sent; read away what still comes; close in the end."""
        if self.lost or self._finishing or self.transport.is_closing():
            return
        self._finishing = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()
        self._later(self.linger, self.close)

    def data_received(self, data: bytes) -> None:
        if self._finishing:
            self.bytes_received += len(data)
        else:
            super().data_received(data)

    def eof_received(self) -> bool:
        if self._finishing:
            self.close()
            return not self.lost
        return super().eof_received()
