"""Bytes to objects and back, without sockets, clocks or files.

This package re-exports the ecFlow protocol: framing, requests, replies and what they carry.  HTTP, SOCKS and
the logserver's protocol are in their own modules.
"""

from __future__ import annotations

from ecfleet_mocks.wire import (
    attribute_mementos,
    attributes,
    commands,
    enumerations,
    errors,
    mementos,
    nodes,
    records,
    repeats,
    replies,
)
from ecfleet_mocks.wire.attribute_mementos import *  # noqa: F403
from ecfleet_mocks.wire.attributes import *  # noqa: F403
from ecfleet_mocks.wire.commands import *  # noqa: F403
from ecfleet_mocks.wire.enumerations import *  # noqa: F403
from ecfleet_mocks.wire.errors import *  # noqa: F403
from ecfleet_mocks.wire.framing import DEFAULT_LIMIT, HEADER_SIZE, FrameReader, frame, parse_header
from ecfleet_mocks.wire.mementos import *  # noqa: F403
from ecfleet_mocks.wire.nodes import *  # noqa: F403
from ecfleet_mocks.wire.records import *  # noqa: F403
from ecfleet_mocks.wire.repeats import *  # noqa: F403
from ecfleet_mocks.wire.replies import *  # noqa: F403

__all__ = ["DEFAULT_LIMIT", "HEADER_SIZE", "FrameReader", "frame", "parse_header"]
__all__ += attribute_mementos.__all__
__all__ += attributes.__all__
__all__ += commands.__all__
__all__ += enumerations.__all__
__all__ += errors.__all__
__all__ += mementos.__all__
__all__ += nodes.__all__
__all__ += records.__all__
__all__ += repeats.__all__
__all__ += replies.__all__
