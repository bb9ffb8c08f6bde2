"""Log server messages: request lines as clients send them, headers in pieces, lists, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.wire.errors import UnexpectedEnd, WireError
from ecfleet_mocks.wire.logserver import (
    FileHeader,
    FileKind,
    ListRow,
    LogAction,
    LogRequest,
    LogRequestReader,
    LogServerError,
    decode_file_header,
    decode_file_reply,
    decode_log_request,
    decode_rows,
    encode_file_header,
    encode_log_request,
    encode_row,
)

GET, GETF, DELTA, LIST, VERSION = (
    LogAction.GET,
    LogAction.GETF,
    LogAction.DELTA,
    LogAction.LIST,
    LogAction.VERSION,
)

# What ecflow_ui sends (read in source of 5.17).
FROM_THE_UI = {
    b"version\n": LogRequest(VERSION),
    b"getf  /out/job1.1\n\0": LogRequest(GETF, "/out/job1.1"),
    b"get  /out/job1.1\n\0": LogRequest(GET, "/out/job1.1"),
    b"delta 17 1700000000 x /out/job1.1\n\0": LogRequest(DELTA, "/out/job1.1", "17", "1700000000", "x"),
    b"list /out/job1.1\n": LogRequest(LIST, "/out/job1.1"),
}


@pytest.mark.parametrize("raw", FROM_THE_UI)
def test_requests_of_the_ui(raw: bytes) -> None:
    assert encode_log_request(FROM_THE_UI[raw], as_ui=True) == raw
    reader = LogRequestReader()
    reader.feed(raw)
    assert reader.next() == FROM_THE_UI[raw]
    assert reader.line is not None
    assert raw == reader.line + reader.leftover


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b"get /a b  c", LogRequest(GET, "/a b  c")),
        (b"get /a \r", LogRequest(GET, "/a \r")),
        (b"  get\t \v/a", LogRequest(GET, "/a")),
        (b"get", LogRequest(GET)),
        (b"get ", LogRequest(GET)),
        (b"", LogRequest("")),
        (b" \r", LogRequest("")),
        (b"GET / HTTP/1.1\r", LogRequest("GET", "/ HTTP/1.1\r")),
        (b"delta", LogRequest(DELTA)),
        (b"delta /a", LogRequest(DELTA, "", "/a")),
        (b"delta 1 2 x", LogRequest(DELTA, "", "1", "2", "x")),
        (b"delta  1  2  x  /a b ", LogRequest(DELTA, "/a b ", "1", "2", "x")),
        ("get /a\u00a0".encode(), LogRequest(GET, "/a\u00a0")),
        (b"get /\xe4\xa0", LogRequest(GET, "/\udce4\udca0")),
    ],
)
def test_a_line_is_split_at_white_space_only(line: bytes, request_: LogRequest) -> None:
    assert decode_log_request(line) == request_
    assert decode_log_request(line + b"\n") == request_


no_spaces = st.binary(min_size=1, max_size=20).filter(
    lambda raw: len(raw.split()) == 1 and raw.split()[0] == raw
)
words = no_spaces.map(lambda raw: raw.decode("utf-8", "surrogateescape"))
paths = st.builds(lambda a, b: f"/{a} {b}", words, words)
requests = st.one_of(
    st.just(LogRequest(VERSION)),
    st.builds(LogRequest, st.sampled_from([GET, GETF, LIST]), paths),
    st.builds(LogRequest, st.just(DELTA), paths, words, words, words),
)


@given(requests, st.booleans(), st.integers(1, 30), st.binary(max_size=5))
def test_any_request_however_it_is_cut(request: LogRequest, as_ui: bool, size: int, behind: bytes) -> None:
    raw = encode_log_request(request, as_ui=as_ui) + behind
    reader = LogRequestReader()
    found = []
    for start in range(0, len(raw), size):
        reader.feed(raw[start : start + size])
        if reader.line is None and (one := reader.next()) is not None:
            found.append(one)
    assert found == [request]
    assert reader.line is not None
    assert reader.line + reader.leftover == raw
    assert reader.at_eof() is None


@given(st.binary(max_size=100))
def test_any_bytes_are_some_request(raw: bytes) -> None:
    reader = LogRequestReader()
    reader.feed(raw)
    found = reader.next() or reader.at_eof()
    assert (found is None) is (raw == b"")


def test_the_end_ends_the_line() -> None:
    reader = LogRequestReader()
    reader.feed(b"version")
    assert reader.next() is None
    assert reader.at_eof() == LogRequest(VERSION)
    assert reader.at_eof() is None


def test_a_line_has_a_limit() -> None:
    reader = LogRequestReader(limit=10)
    reader.feed(b"get /12345")
    assert reader.next() is None
    reader.feed(b"6")
    with pytest.raises(LogServerError, match="at most 10 bytes"):
        reader.next()
    assert issubclass(LogServerError, WireError)


def test_a_request_with_a_line_end_inside_cannot_be_written() -> None:
    with pytest.raises(LogServerError, match="LF"):
        encode_log_request(LogRequest(GET, "/a\n/b"))


# --- answers ----------------------------------------------------------------------------------------------

fields = st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"]), max_size=40)


@given(st.sampled_from(FileKind), fields, fields, st.binary(max_size=50))
def test_any_header_and_none_of_its_prefixes(kind: FileKind, mtime: str, sum_: str, body: bytes) -> None:
    header = FileHeader(kind, mtime, sum_)
    raw = encode_file_header(header)
    for end in range(len(raw)):
        assert decode_file_header(raw[:end]) is None
    assert decode_file_header(raw + body) == (header, len(raw))
    assert decode_file_reply(raw + body) == (header, body)


def test_answers_of_the_real_server() -> None:
    assert decode_file_reply(b"0:1700000000:x:hello") == (
        FileHeader(FileKind.WHOLE, "1700000000", "x"),
        b"hello",
    )
    assert decode_file_reply(b"1:1700000000:x:") == (FileHeader(FileKind.INCREMENT, "1700000000", "x"), b"")
    assert decode_file_reply(b"0:::hello") == (FileHeader(FileKind.WHOLE, "", ""), b"hello")
    assert decode_file_reply(b"1") == (None, b"")


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"", "without an answer"), (b"0:17000", "in the middle of its header"), (b"0", "in the middle")],
)
def test_an_answer_that_ends_early_is_told(raw: bytes, text: str) -> None:
    with pytest.raises(UnexpectedEnd, match=text):
        decode_file_reply(raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"2:1:x:", "begins with b'2'"),
        (b"hello", "begins with b'hello'"),
        (b":1:x:", "begins with a colon"),
        (b"0:" + b"1" * 600, "no end of the header within 512 bytes"),
    ],
)
def test_what_is_no_header_is_told(raw: bytes, text: str) -> None:
    with pytest.raises(LogServerError, match=text):
        decode_file_header(raw)


numbers = st.integers(-(2**40), 2**40)
rows = st.builds(
    ListRow,
    *(numbers,) * 7,
    st.binary(max_size=30)
    .filter(lambda raw: b"\n" not in raw)
    .map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


@given(st.lists(rows, max_size=4))
def test_any_list(listed: list[ListRow]) -> None:
    assert decode_rows(b"".join(map(encode_row, listed))) == listed


@pytest.mark.parametrize(
    "raw", [b"\n", b"33188 0 0 11 1 2 3\n", b"mode 0 0 11 1 2 3 /a\n", b"1 2 3 4 5 6 7 /a\n\n"]
)
def test_what_is_no_list_is_told(raw: bytes) -> None:
    with pytest.raises(LogServerError, match="no line of a directory list"):
        decode_rows(raw)
