"""Recorded messages, spoiled: whatever is done to them, at any cut, the codecs read or refuse them.

Hypothesis looks for a way to break one rule; this is the other way round, many inputs and cheap ones: a
generator with a printed seed takes recorded bytes and flips, drops, doubles, moves and splices them. The
profile `full` makes it a million.
"""

from __future__ import annotations

import json
import os
import random
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from ecfleet_mocks.wire import FrameReader, WireError, decode_reply, decode_request, frame
from ecfleet_mocks.wire.http1 import HttpError, RequestReader

CAPTURES: Final = Path(__file__).parents[1] / "data" / "captures"
INPUTS: Final = settings().max_examples * 200 // 2
"""Inputs of each of the two tests: 6 000, and 500 000 with the profile `full`."""
LONGEST: Final = 4096
"""Recorded messages that are longer are left out here: most of each is definition text."""

_SNIPPETS: Final = (b"{", b"}", b"[", b"]", b'"', b"\\u", b"1e999", b"-", b"null", b",")
_VALUES: Final = (b"4294967296", b"2147483649", b"0", b"-1", b"true", b"99999999999999")


@cache
def recorded(direction: str) -> tuple[bytes, ...]:
    found: set[bytes] = set()
    for name in ("5.9.2.tcp.jsonl", "5.17.0.tcp.jsonl", "5.17.0.auth.tcp.jsonl"):
        with (CAPTURES / name).open(encoding="utf-8") as lines:
            found |= {(json.loads(line).get(direction) or "").encode() for line in lines}
    return tuple(sorted(message for message in found if 0 < len(message) <= LONGEST))


def spoiled(dice: random.Random, messages: tuple[bytes, ...]) -> bytes:
    data = bytearray(dice.choice(messages))
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(len(data) + 1)
        end = min(len(data), at + dice.randrange(1, 30))
        kind = dice.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            del data[at:end]
        elif kind == 2:
            data[at:at] = data[at:end]
        elif kind == 3:
            data[at:at] = dice.randbytes(dice.randrange(1, 9))
        elif kind == 4:
            del data[at:]
        elif kind == 5:
            other = dice.choice(messages)
            data[at:] = other[dice.randrange(len(other)) :]
        elif kind == 6:
            data[at:at] = dice.choice(_SNIPPETS)
        else:
            data[at:end] = dice.choice(_VALUES)
    return bytes(data)


def pieces(dice: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted(dice.randrange(len(data) + 1) for _ in range(dice.randrange(4)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def read_frame(parts: list[bytes]) -> bytes | None:
    reader = FrameReader(limit=2**20)
    for part in parts:
        reader.feed(part)
    return reader.next()


def check(dice: random.Random, direction: str, decode: Callable[[bytes], object]) -> bool:
    """One input; whether it was read."""
    data = spoiled(dice, recorded(direction))
    try:
        decode(data)
        read = True
    except WireError:
        read = False
    if dice.randrange(4):
        return read
    whole = frame(data) if dice.randrange(2) else data
    parts = pieces(dice, whole)
    try:
        got = read_frame(parts)
        assert got is None or len(got) <= len(whole)
        again = read_frame([whole])
        assert got == again, "a cut changed what was read"
    except WireError:
        pass
    try:
        web = RequestReader(body_limit=2**20)
        head = b"POST /v1/ecflow HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data)
        for part in pieces(dice, head + data):
            web.feed(part)
    except HttpError:
        pass
    return read


@pytest.mark.parametrize(
    ("direction", "decode"),
    [("request", decode_request), ("reply", decode_reply)],
    ids=["requests", "replies"],
)
def test_spoiled_messages_are_read_or_refused(direction: str, decode: Callable[[bytes], object]) -> None:
    seed = int(os.environ.get("ECFLEET_SEED", "1"))
    print(f"ECFLEET_SEED={seed}, {INPUTS} inputs")
    dice = random.Random(seed)
    read = sum(check(dice, direction, decode) for _ in range(INPUTS // 10))
    # Whatever is kept for later, caches of archives and headers, is there by now.
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        read += sum(check(dice, direction, decode) for _ in range(INPUTS - INPUTS // 10))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 4 * 2**20, f"{grown} bytes more after {INPUTS} inputs"
    assert 0 < read < INPUTS, "some spoiled messages can be read, most cannot"
