"""The wire codecs: bytes to objects and back, for suites and for users' own tests.

Everything of the ecFlow protocol is here by name; the other protocols are modules:
:mod:`http1`, :mod:`logserver`, :mod:`socks` and :mod:`socks_dialogue`.
"""

# Each module by itself: type checkers do not see what a package hands on by a star of its own.
from ecfleet_mocks.wire import (
    DEFAULT_LIMIT,
    HEADER_SIZE,
    FrameReader,
    frame,
    http1,
    logserver,
    parse_header,
    socks,
    socks_dialogue,
)
from ecfleet_mocks.wire import __all__ as _protocol
from ecfleet_mocks.wire.attribute_mementos import *  # noqa: F403
from ecfleet_mocks.wire.attributes import *  # noqa: F403
from ecfleet_mocks.wire.commands import *  # noqa: F403
from ecfleet_mocks.wire.enumerations import *  # noqa: F403
from ecfleet_mocks.wire.errors import *  # noqa: F403
from ecfleet_mocks.wire.mementos import *  # noqa: F403
from ecfleet_mocks.wire.nodes import *  # noqa: F403
from ecfleet_mocks.wire.records import *  # noqa: F403
from ecfleet_mocks.wire.repeats import *  # noqa: F403
from ecfleet_mocks.wire.replies import *  # noqa: F403

__all__ = [
    "DEFAULT_LIMIT",
    "HEADER_SIZE",
    "FrameReader",
    "frame",
    "http1",
    "logserver",
    "parse_header",
    "socks",
    "socks_dialogue",
]
__all__ += sorted(set(_protocol) - set(__all__))
