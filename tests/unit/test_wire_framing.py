"""The message frame: header spellings, streams cut anywhere, limits."""

from __future__ import annotations

import tracemalloc

import pytest

from ecfleet_mocks.wire import (
    BadHeader,
    FrameReader,
    FramingError,
    TooLong,
    UnexpectedEnd,
    frame,
    parse_header,
)


def read_all(reader: FrameReader) -> list[bytes]:
    found = []
    while (payload := reader.next()) is not None:
        found.append(payload)
    return found


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", b"       0"),
        (b"x", b"       1x"),
        ("é".encode(), b"       2\xc3\xa9"),
        (b"x" * 238, b"      ee" + b"x" * 238),
        (b"x" * 0x12345, b"   12345" + b"x" * 0x12345),
    ],
    ids=["empty", "one", "bytes not characters", "ee", "large"],
)
def test_the_length_is_hexadecimal_lower_case_and_right_aligned(payload: bytes, message: bytes) -> None:
    assert frame(payload) == message


# What the real servers and clients made of each header (seen on 5.9.2 and 5.17.0); the signs with a digit
# right after them follow from the number parser of the C++ library.
@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"     13f", 0x13F),
        (b"0000013f", 0x13F),
        (b"     13F", 0x13F),
        (b"13f     ", 0x13F),
        (b"13fxxxxx", 0x13F),
        (b"\t\n\r\v\f13f", 0x13F),
        (b"0x00013f", 0x13F),
        (b"0X00013f", 0x13F),
        (b"00x0013f", 0),
        (b"+000013f", 0x13F),
        (b"-0000000", 0),
        (b"ffffffff", 0xFFFFFFFF),
        (b"dead end", 0xDEAD),
    ],
)
def test_headers_are_read_as_leniently_as_by_the_real_programs(header: bytes, length: int) -> None:
    assert parse_header(header) == length


@pytest.mark.parametrize(
    "header",
    [
        b"zzzzzzzz",
        b"        ",
        b"+    13f",
        b"-    13f",
        b"GET / HT",
        b"POST /v1",
        b"0xzzzzzz",
        b"\x16\x03\x01\x00",
        b"",
    ],
)
def test_a_header_without_a_number_is_an_error(header: bytes) -> None:
    with pytest.raises(BadHeader, match="no hexadecimal length") as caught:
        parse_header(header)
    assert "\n" not in str(caught.value)


def test_a_negative_length_is_too_long() -> None:
    with pytest.raises(TooLong, match="negative"):
        parse_header(b"-000013f")


def test_a_stream_cut_at_any_byte_gives_the_same_payloads() -> None:
    payloads = [b"", b"first", "é".encode() * 20, b"       5hello"]
    stream = b"".join(map(frame, payloads))
    for cut in range(len(stream) + 1):
        reader = FrameReader()
        found = []
        for part in (stream[:cut], stream[cut:]):
            reader.feed(part)
            found += read_all(reader)
        assert found == payloads, cut
        reader.at_eof()


def test_single_bytes_give_the_same_payload() -> None:
    reader = FrameReader()
    found = []
    for byte in frame(b"one by one"):
        reader.feed(bytes([byte]))
        found += read_all(reader)
    assert found == [b"one by one"]


def test_bytes_after_the_message_stay_for_the_next() -> None:
    reader = FrameReader()
    reader.feed(b"       2abrest")
    assert reader.next() == b"ab"
    assert reader.next() is None
    assert reader.pending == 4


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"   ", "3 of 8 header bytes"),
        (b"       5", "0 of the 5 announced bytes"),
        (b"       5hell", "4 of the 5 announced bytes"),
    ],
)
def test_an_end_inside_a_message_is_an_error_that_counts(stream: bytes, said: str) -> None:
    reader = FrameReader()
    reader.feed(stream)
    assert reader.next() is None
    assert reader.pending == len(stream)
    with pytest.raises(UnexpectedEnd, match=said):
        reader.at_eof()


def test_an_end_before_or_between_messages_is_none() -> None:
    reader = FrameReader()
    reader.at_eof()
    reader.feed(b"       1x")
    assert reader.next() == b"x"
    reader.at_eof()


def test_a_length_over_the_limit_is_refused_with_the_header() -> None:
    reader = FrameReader(limit=10)
    reader.feed(b"       a" + b"x" * 10 + b"       b")
    assert reader.next() == b"x" * 10
    with pytest.raises(TooLong, match="announces 11 bytes; the limit is 10"):
        reader.next()


def test_the_limit_is_64_mib_unless_told_otherwise() -> None:
    reader = FrameReader()
    reader.feed(b"%8x" % (64 * 2**20))
    assert reader.next() is None
    other = FrameReader()
    other.feed(b"%8x" % (64 * 2**20 + 1))
    with pytest.raises(TooLong):
        other.next()


def test_after_an_error_the_reader_stays_in_error() -> None:
    reader = FrameReader()
    reader.feed(b"zzzzzzzz")
    for data in (b"", b"       1x"):
        reader.feed(data)
        with pytest.raises(FramingError, match="zzzzzzzz"):
            reader.next()


def test_a_promise_of_four_gigabytes_costs_no_memory() -> None:
    reader = FrameReader(limit=2**32)
    tracemalloc.start()
    try:
        reader.feed(b"ffffffff" + b"x" * 100)
        assert reader.next() is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


class Huge(bytes):
    """Bytes that say they are more than a header can express, without being so."""

    def __len__(self) -> int:
        return 2**32


def test_a_payload_that_no_header_can_express_is_refused() -> None:
    with pytest.raises(TooLong, match="4294967296 bytes"):
        frame(Huge())
