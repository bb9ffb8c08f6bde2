"""The message of the plain and TLS transports: eight hexadecimal characters of length, then the payload.

Writers put the length in lower case, right aligned and padded with blanks.  Readers are lenient: they take
what the C++ number parser of the real programs takes (seen on 5.9.2 and 5.17.0).
"""

from __future__ import annotations

import re

from ecfleet_mocks.wire.errors import BadHeader, FramingError, TooLong, UnexpectedEnd, WireError

__all__ = [
    "DEFAULT_LIMIT",
    "HEADER_SIZE",
    "BadHeader",
    "FrameReader",
    "FramingError",
    "TooLong",
    "UnexpectedEnd",
    "WireError",
    "frame",
    "parse_header",
]

HEADER_SIZE = 8
"""Bytes of the header, always."""

DEFAULT_LIMIT = 64 * 2**20
"""Longest payload, in bytes, that a :class:`FrameReader` takes unless told otherwise.  The real programs
have no limit and make room for whatever is announced (read in source of 5.17)."""

_HIGHEST = 0xFFFFFFFF

# White space, a sign, an optional 0x (which must have a digit after it), digits; the rest is not looked at.
_HEADER = re.compile(rb"[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(?!0[xX])([0-9a-fA-F]+))")


def frame(payload: bytes) -> bytes:
    """The message for ``payload``: header and payload.

    :raises TooLong: when eight characters cannot express the length (4 GiB and more).
    """
    if len(payload) > _HIGHEST:
        raise TooLong(f"a payload of {len(payload)} bytes does not fit into an eight-character header")
    return b"%8x%b" % (len(payload), payload)


def parse_header(header: bytes) -> int:
    """The payload length, in bytes, that an eight-byte header announces.

    Leading white space is skipped, ``0x`` and upper-case digits are taken, and what follows the digits is
    ignored (seen on 5.9.2 and 5.17.0).

    :raises BadHeader: when there is no number; a sign followed by a blank is no number either.
    :raises TooLong: for a negative number, which the real programs turn into a huge one.
    """
    found = _HEADER.match(header)
    if found is None:
        raise BadHeader(f"header {header!r} is no hexadecimal length; is the peer speaking TLS or HTTP?")
    sign, prefixed, plain = found.groups()
    length = int(prefixed or plain, 16)
    if sign == b"-" and length:
        raise TooLong(f"header {header!r} announces a negative length")
    return length


class FrameReader:
    """Takes messages apart as their bytes come in.

    The buffer grows with what was received, never with what a header announces.  After an error the reader
    stays in error: there is no telling where the next message would begin.

    :param limit: longest payload in bytes.
    """

    __slots__ = ("_buffer", "_expected", "limit")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._expected: int | None = None

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished message (header included) have arrived."""
        return len(self._buffer) + (0 if self._expected is None else HEADER_SIZE)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream, cut anywhere."""
        self._buffer += data

    def next(self) -> bytes | None:
        """The next whole payload, or ``None`` until more bytes have been fed.

        :raises BadHeader: for a header that is no number.
        :raises TooLong: for a length over the limit, as soon as the header is there.
        """
        if self._expected is None:
            if len(self._buffer) < HEADER_SIZE:
                return None
            # A header that is refused stays in the buffer, and is refused again.
            self._expected = self._length(bytes(self._buffer[:HEADER_SIZE]))
            del self._buffer[:HEADER_SIZE]
        if len(self._buffer) < self._expected:
            return None
        payload = bytes(self._buffer[: self._expected])
        del self._buffer[: self._expected]
        self._expected = None
        return payload

    def at_eof(self) -> None:
        """To be called when the stream has ended.

        :raises UnexpectedEnd: when it ended inside a message; nothing at all is no error.
        """
        if self._expected is not None:
            raise UnexpectedEnd(
                f"the stream ended after {len(self._buffer)} of the {self._expected} announced bytes"
            )
        if self._buffer:
            raise UnexpectedEnd(f"the stream ended after {len(self._buffer)} of {HEADER_SIZE} header bytes")

    def _length(self, header: bytes) -> int:
        length = parse_header(header)
        if length > self.limit:
            raise TooLong(f"header {header!r} announces {length} bytes; the limit is {self.limit}")
        return length
