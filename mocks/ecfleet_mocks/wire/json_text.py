"""JSON text both ways: as tolerant as the real readers, and spelled as the real writers do.

Strings hold what was on the wire: bytes that are no UTF-8 pass through as surrogate escapes, so that
reading and writing gives the same bytes (the real programs do not check UTF-8 either; seen on both releases).
Objects are read as tuples of (name, value) pairs, because their order and duplicates matter to readers.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from ecfleet_mocks.wire.errors import NotJson, WrongType

__all__ = ["dump_bytes", "parse", "quote"]

# A \u escape of half a surrogate pair; only then is the slow look worth its time.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)

# Control characters whose \u spelling has a letter in it: ecFlow's writer uses capitals there.
_LETTERED = re.compile("[\x0b\x0e\x0f\x1a-\x1f]")
_PLAIN_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
_BLANKS = " \t\n\r"


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


_DECODER: Final = json.JSONDecoder(object_pairs_hook=tuple, parse_float=_finite)


def parse(payload: bytes) -> Any:
    """The value of ``payload``: objects as tuples of pairs, arrays as lists.

    The text ends at a zero byte, if there is one after the value (seen on 5.9.2).

    :raises NotJson: when it is no JSON text, or has anything but blanks after the value.
    """
    text = payload.decode("utf-8", "surrogateescape").lstrip(_BLANKS)
    if not text:
        raise NotJson("the payload is empty")
    if _HALF.search(text):
        text = _without_half_pairs(text)
    try:
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        raise NotJson("the payload is nested too deeply") from None
    except ValueError as error:
        raise NotJson(f"the payload is no JSON: {error}") from None
    rest = text[end:].lstrip(_BLANKS)
    if rest and not rest.startswith("\0"):
        raise NotJson(f"{len(rest)} characters follow the JSON value")
    return value


def _without_half_pairs(text: str) -> str:
    """Do as the real readers do with halves of surrogate pairs (seen on 5.9.2).

    A second half alone becomes the three bytes that encode it; a first half alone is refused.
    """
    pieces = []
    start = 0
    first_half_ended_at = None
    for escape in _ESCAPE.finditer(text):
        code = int(escape.group(1) or "0", 16)
        second_half = 0xDC00 <= code <= 0xDFFF
        if first_half_ended_at is not None:
            if not second_half or escape.start() != first_half_ended_at:
                break
            first_half_ended_at = None
        elif second_half:
            pieces.append(text[start : escape.start()])
            pieces.append(chr(code).encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"))
            start = escape.end()
        elif 0xD800 <= code <= 0xDBFF:
            first_half_ended_at = escape.end()
    else:
        if first_half_ended_at is None:
            return "".join([*pieces, text[start:]])
    raise NotJson("an escape holds the first half of a surrogate pair without the second")


def quote(text: str) -> str:
    """``text`` as a JSON string, escaped as ecFlow's writer does.

    Short escapes where JSON has them, other control characters as ``\\u`` with capital digits, everything
    else as it is (seen on 5.9.2 and 5.17.0).
    """
    if _LETTERED.search(text) is None:
        return _PLAIN_ENCODER.encode(text)
    pieces = []
    start = 0
    for found in _LETTERED.finditer(text):
        pieces.append(_PLAIN_ENCODER.encode(text[start : found.start()])[1:-1])
        pieces.append(f"\\u{ord(found.group()):04X}")
        start = found.end()
    pieces.append(_PLAIN_ENCODER.encode(text[start:])[1:-1])
    return f'"{"".join(pieces)}"'


def dump_bytes(text: str) -> bytes:
    """The bytes of a finished JSON text.

    :raises WrongType: when a string in it holds half a surrogate pair, which no bytes stand for.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise WrongType(
            f"text cannot be written as UTF-8: {error.reason} at character {error.start}"
        ) from None
