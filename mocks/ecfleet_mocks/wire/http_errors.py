"""What can be wrong with an HTTP message."""

from __future__ import annotations

from ecfleet_mocks.wire.errors import WireError

__all__ = [
    "AmbiguousLength",
    "BadChunk",
    "BadHeaderLine",
    "BadStartLine",
    "BadVersion",
    "BodyTooLong",
    "HeadTooLong",
    "HttpError",
    "MessageCutShort",
    "UnknownCoding",
    "shown",
]


class HttpError(WireError):
    """The bytes are no HTTP/1.x message that could be read safely."""


class BadStartLine(HttpError):
    """The first line is neither a request line nor a status line."""


class BadVersion(BadStartLine):
    """The first line names a version other than HTTP/1.x."""


class BadHeaderLine(HttpError):
    """A header line without colon, with a blank in its name, folded, or with a control character."""


class AmbiguousLength(HttpError):
    """The length of the body is given twice, in two ways, or is no number."""


class UnknownCoding(HttpError):
    """A Transfer-Encoding other than ``chunked``."""


class BadChunk(HttpError):
    """A chunked body whose sizes or line ends are wrong."""


class HeadTooLong(HttpError):
    """The start line and the headers together are over the limit."""


class BodyTooLong(HttpError):
    """The body is, or is announced to be, over the limit."""


class MessageCutShort(HttpError):
    """The stream ended in the middle of a message."""


def shown(line: bytes) -> str:
    """The start of a line, for the text of an error."""
    return repr(line[:40])[1:] + ("…" if len(line) > 40 else "")
