"""The onward half of a relayed connection, with half-close, resets and flow control."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol, cast

__all__ = ["FarSide", "NearSide"]


class NearSide(Protocol):
    """What :class:`FarSide` needs of the accepted connection that it belongs to."""

    lost: bool

    @property
    def transport(self) -> asyncio.Transport:
        """The accepted connection's transport."""

    @property
    def relaying(self) -> bool:
        """Whether bytes pass freely; until then those of the far side are kept."""

    def from_far(self, data: bytes) -> None:
        """Pass on bytes of the far side."""

    def far_finished(self) -> None:
        """The far side closed its sending side."""

    def far_lost(self, error: Exception | None) -> None:
        """The far side is gone."""


class FarSide(asyncio.Protocol):
    """The connection to the far side: it passes on to ``near`` what arrives, and ends when that does.

    :param near: the side that asked for this connection.
    :param members: a set in which this is while it lives.
    """

    transport: asyncio.Transport

    def __init__(self, near: NearSide, members: set[FarSide]) -> None:
        self.near = near
        self._members = members
        self.finished = False
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's, so this is a cast and not a check.
        self.transport = cast("asyncio.Transport", transport)
        self._members.add(self)
        if self.near.lost:
            self.transport.abort()

    def take_held(self) -> bytes:
        """What came before the reply had gone out; handed out once."""
        held, self._held = self._held, b""
        return held

    def data_received(self, data: bytes) -> None:
        if self.near.relaying:
            self.near.from_far(data)
        else:
            self._held += data
            self.pause()

    def eof_received(self) -> bool:
        self.finished = True
        if self.near.relaying:
            self.near.far_finished()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._members.discard(self)
        self.near.far_lost(error)

    def pause_writing(self) -> None:
        if not self.near.lost and not self.near.transport.is_closing():
            self.near.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.near.lost and not self.near.transport.is_closing():
            self.near.transport.resume_reading()

    def pause(self) -> None:
        """Stop reading: the client does not take its bytes."""
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def near_lost(self, *, broken: bool) -> None:
        """The client is gone: so is this connection, after what was still to be sent, or by a reset."""
        if not broken:
            self.transport.close()
            return
        raw = self.transport.get_extra_info("socket")
        if raw is not None and not self.transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
