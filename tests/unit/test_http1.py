"""HTTP/1.1 messages: read however the stream is cut, written back as they were, and refused when unclear."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import h11
import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.wire.http1 import (
    AmbiguousLength,
    BadChunk,
    BadHeaderLine,
    BadStartLine,
    BadVersion,
    BodyTooLong,
    Field,
    Headers,
    HeadTooLong,
    HttpError,
    MessageCutShort,
    Request,
    RequestReader,
    Response,
    ResponseReader,
    UnknownCoding,
    chunked,
    write_request,
    write_response,
)

RECORDED = (
    b"POST /v1/ecflow HTTP/1.1\r\nAccept: */*\r\nConnection: close\r\nContent-Length: 2\r\n"
    b"Content-Type: application/json\r\nHost: localhost:5115\r\nUser-Agent: cpp-httplib/0.11.2\r\n\r\n{}"
)
REPLY = (
    b"HTTP/1.1 200 OK\r\nServer: Boost.Beast/300\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
)

# --- generated messages -------------------------------------------------------------------------------

TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FRAMING_NAMES = {"content-length", "transfer-encoding", "connection", "host", "upgrade", "expect"}
names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: name.lower() not in FRAMING_NAMES)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E) | st.just(" "), max_size=20).map(
    str.strip
)
bodies = st.binary(max_size=200)
sizes = st.lists(st.integers(1, 50), max_size=5)


def cut(data: bytes, where: Sequence[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in where), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


cuts = st.lists(st.integers(0, 10_000), max_size=8)


@st.composite
def heads(draw: st.DrawFn) -> list[tuple[str, str]]:
    return draw(st.lists(st.tuples(names, values), max_size=6))


@st.composite
def request_bytes(draw: st.DrawFn) -> tuple[bytes, Request]:
    """A valid request as bytes, and what it says."""
    method = draw(st.sampled_from(["POST", "PUT", "DELETE", "PATCH"]))
    target = draw(st.sampled_from(["/v1/ecflow", "/", "/v1/%65cflow?q=1;2", "/a/../b", "//x", "*"]))
    fields = [("Host", "localhost:8888"), *draw(heads())]
    body = draw(bodies)
    if draw(st.booleans()):
        fields.insert(draw(st.integers(0, len(fields))), ("Transfer-Encoding", "chunked"))
        coded = chunked(body, draw(sizes))
    else:
        fields.insert(draw(st.integers(0, len(fields))), ("Content-Length", str(len(body))))
        coded = body
    headers = Headers(fields)
    request = Request(method, target, headers=headers, body=body)
    return write_request(replace(request, body=coded), code_body=False), request


@st.composite
def response_bytes(draw: st.DrawFn) -> tuple[bytes, Response]:
    """A valid reply as bytes (its body may end with the connection), and what it says."""
    status = draw(st.sampled_from([200, 201, 401, 403, 413, 500, 502, 504]))
    fields = draw(heads())
    body = draw(bodies)
    form = draw(st.sampled_from(["length", "chunked", "until close"]))
    coded = body
    if form == "length":
        fields.append(("Content-Length", str(len(body))))
    elif form == "chunked":
        fields.append(("Transfer-Encoding", "chunked"))
        coded = chunked(body, draw(sizes))
    response = Response(status, draw(st.sampled_from(["OK", "Not Found", ""])), headers=Headers(fields))
    return write_response(replace(response, body=coded), code_body=False), replace(response, body=body)


@given(messages=st.lists(request_bytes(), min_size=1, max_size=3), where=cuts)
def test_requests_are_the_same_however_the_stream_is_cut(
    messages: list[tuple[bytes, Request]], where: list[int]
) -> None:
    stream = b"".join(raw for raw, _ in messages)
    reader = RequestReader()
    read = [request for piece in cut(stream, where) for request in reader.feed(piece)]
    assert reader.at_eof() == []
    assert read == [request for _, request in messages]
    assert [request.raw for request in read] == [raw for raw, _ in messages]


@given(message=response_bytes(), where=cuts)
def test_replies_are_the_same_however_the_stream_is_cut(
    message: tuple[bytes, Response], where: list[int]
) -> None:
    stream, expected = message
    reader = ResponseReader()
    read = [reply for piece in cut(stream, where) for reply in reader.feed(piece)]
    read += reader.at_eof()
    assert read == [expected]
    assert read[0].raw == stream


@given(message=request_bytes())
def test_h11_reads_the_same_request(message: tuple[bytes, Request]) -> None:
    raw, request = message
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(raw)
    head = peer.next_event()
    assert isinstance(head, h11.Request)
    assert (head.method.decode(), head.target.decode()) == (request.method, request.target)
    assert [(n.decode(), v.decode()) for n, v in head.headers.raw_items()] == list(request.headers)
    assert h11_body(peer) == request.body


@given(message=response_bytes())
def test_h11_reads_the_same_reply(message: tuple[bytes, Response]) -> None:
    raw, response = message
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(raw)
    peer.receive_data(b"")
    head = peer.next_event()
    assert isinstance(head, h11.Response)
    assert (head.status_code, head.reason.decode()) == (response.status, response.reason)
    assert [(n.decode(), v.decode()) for n, v in head.headers.raw_items()] == list(response.headers)
    assert h11_body(peer) == response.body


def h11_body(peer: h11.Connection) -> bytes:
    body = b""
    while isinstance(event := peer.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    return body


class Heard:
    """What httptools tells about a message."""

    def __init__(self) -> None:
        self.target = b""
        self.reason = b""
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode(), value.decode()))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


@given(message=request_bytes(), where=cuts)
def test_httptools_reads_the_same_request(message: tuple[bytes, Request], where: list[int]) -> None:
    raw, request = message
    heard = Heard()
    parser = httptools.HttpRequestParser(heard)
    for piece in cut(raw, where):
        parser.feed_data(piece)
    assert heard.complete
    assert (parser.get_method().decode(), heard.target.decode()) == (request.method, request.target)
    assert heard.headers == list(request.headers)
    assert heard.body == request.body


@given(message=response_bytes())
def test_httptools_reads_the_same_reply(message: tuple[bytes, Response]) -> None:
    raw, response = message
    heard = Heard()
    parser = httptools.HttpResponseParser(heard)
    parser.feed_data(raw)
    assert (parser.get_status_code(), heard.reason.decode()) == (response.status, response.reason)
    assert heard.headers == list(response.headers)
    assert heard.body == response.body


FRAGMENTS = [
    b"POST / HTTP/1.1\r\n",
    b"GET / HTTP/1.0\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"A: b\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"3\r\nabc\r\n",
    b"0\r\n",
    b"abc",
    b" ",
    b"x" * 50,
]
junk_bytes = st.binary(max_size=300) | st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join)


@given(junk=junk_bytes, where=cuts)
def test_junk_gives_the_same_outcome_however_it_is_cut(junk: bytes, where: list[int]) -> None:
    def outcome(pieces: list[bytes], start: bytes) -> tuple[list[Request], type[Exception] | None]:
        reader = RequestReader(head_limit=120, body_limit=40)
        read: list[Request] = []
        try:
            for piece in cut(start, where) + pieces:
                read += reader.feed(piece)
            read += reader.at_eof()
        except HttpError as error:
            return read, type(error)
        return read, None

    start = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" if len(junk) % 2 else b""
    whole = outcome([junk], start)
    assert outcome(cut(junk, where), start) == whole
    assert outcome([bytes([byte]) for byte in junk], start) == whole


# --- what is kept -------------------------------------------------------------------------------------


def test_spelling_order_repetitions_and_blanks_are_kept() -> None:
    raw = (
        b"POST /v1/ecflow HTTP/1.1\r\nx-AUTH-Username:bob\r\nHost:  h\t\r\nX-Auth-Username: alice \r\n"
        b"X_Auth_Username: eve\r\n\r\n"
    )
    (request,) = RequestReader().feed(raw)
    assert list(request.headers) == [
        ("x-AUTH-Username", "bob"),
        ("Host", "h"),
        ("X-Auth-Username", "alice"),
        ("X_Auth_Username", "eve"),
    ]
    assert write_request(request) == raw
    assert request.raw == raw


def test_lines_may_end_in_lf_alone_and_are_written_with_crlf() -> None:
    (request,) = RequestReader().feed(b"GET / HTTP/1.0\nA: b\n\n")
    assert request == Request("GET", "/", headers=Headers([("A", "b")]), version="HTTP/1.0")
    assert write_request(request) == b"GET / HTTP/1.0\r\nA: b\r\n\r\n"


def test_recorded_exchange_is_read_and_written_back() -> None:
    (request,) = RequestReader().feed(RECORDED)
    assert (request.method, request.target, request.body) == ("POST", "/v1/ecflow", b"{}")
    assert not request.keep_alive
    assert write_request(request) == RECORDED
    (reply,) = ResponseReader().feed(REPLY)
    assert (reply.status, reply.reason, reply.body) == (200, "OK", b"{}")
    assert write_response(reply) == REPLY


def test_trailers_and_chunk_extensions_are_read() -> None:
    headers = Headers([("Transfer-Encoding", "chunked")])
    trailers = Headers([("X-Auth-Username", "eve")])
    coded = chunked(b"hello world", [5], trailers=trailers, extension=";a=b")
    (request,) = RequestReader().feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + coded)
    assert request == Request("POST", "/", headers=headers, body=b"hello world", trailers=trailers)
    assert request.coded_body == coded
    assert request.headers.get("X-Auth-Username") is None


def test_values_beyond_ascii_survive() -> None:
    (request,) = RequestReader().feed("GET / HTTP/1.1\r\nX: jürgen\r\n\r\n".encode())
    assert request.headers.get("X") == "jürgen".encode().decode("latin-1")
    assert "jürgen".encode() in write_request(request)


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        ("HTTP/1.1", [], True),
        ("HTTP/1.1", ["close"], False),
        ("HTTP/1.1", ["foo, Close"], False),
        ("HTTP/1.0", [], False),
        ("HTTP/1.0", ["Keep-Alive"], True),
        ("HTTP/1.0", ["keep-alive", "close"], False),
    ],
)
def test_keep_alive(version: str, connection: list[str], stays: bool) -> None:
    headers = Headers(("Connection", value) for value in connection)
    assert Request("GET", "/", headers=headers, version=version).keep_alive is stays


# --- headers ------------------------------------------------------------------------------------------


def test_headers_are_found_without_case_unless_asked() -> None:
    headers = Headers([("x-auth-username", "a"), ("X-Auth-Username", "b"), ("X-AUTH-USERNAME", "c")])
    assert headers.get("X-Auth-Username") == "a"
    assert headers.get("X-Auth-Username", case_sensitive=True) == "b"
    assert headers.get_all("x-Auth-username") == ["a", "b", "c"]
    assert headers.get("X-Auth-Realm") is None
    assert headers.get("X-Auth-Realm", "none") == "none"
    assert "X-AUTH-username" in headers
    assert "X-Auth" not in headers
    assert list(headers.without("X-Auth-Username", case_sensitive=True)) == [
        ("x-auth-username", "a"),
        ("X-AUTH-USERNAME", "c"),
    ]
    assert len(headers.without("X-Auth-Username")) == 0


def test_headers_are_replaced_in_place_and_added_at_the_end() -> None:
    headers = Headers([("A", "1"), ("b", "2"), ("C", "3"), ("B", "4")])
    assert list(headers.with_("B", "5")) == [("A", "1"), ("B", "5"), ("C", "3")]
    assert list(headers.with_("D", "5"))[-1] == ("D", "5")
    assert list(headers.adding("A", "6"))[-1] == ("A", "6")
    assert list(headers) == [("A", "1"), ("b", "2"), ("C", "3"), ("B", "4")]


def test_comma_separated_members_are_listed_over_all_lines() -> None:
    headers = Headers([("Connection", "Close,  X-Foo"), ("connection", ", TE")])
    assert headers.listed("Connection") == ["close", "x-foo", "te"]


def test_secrets_are_not_shown() -> None:
    names = ["Authorization", "proxy-authorization", "Cookie", "X-Auth-Password"]
    headers = Headers([(name, "Bearer ecfleet-secret") for name in names])
    for shown in (headers, headers.fields, Request("GET", "/", headers=headers)):
        assert "ecfleet-secret" not in repr(shown)
        assert "Bearer ***" in repr(shown)
    assert "plain to see" in repr(Headers([("X-Auth-Username", "plain to see")]))


def test_headers_compare_by_name_value_and_order() -> None:
    assert Headers([("A", "1")]) == Headers([Field("A", "1", raw=b"A:1")])
    assert hash(Headers([("A", "1")])) == hash(Headers([Field("A", "1", raw=b"A:1")]))
    assert Headers([("A", "1")]) != Headers([("a", "1")])
    assert Headers([("A", "1"), ("B", "2")]) != Headers([("B", "2"), ("A", "1")])


# --- bodies -------------------------------------------------------------------------------------------


def test_pending_head_is_known_before_the_body() -> None:
    reader = RequestReader()
    assert reader.feed(b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nab") == []
    assert reader.pending is not None
    assert (reader.pending.target, reader.pending.body) == ("/x", b"")
    (request,) = reader.feed(b"c")
    assert request.body == b"abc"
    assert reader.pending is None


def test_expect_100_continue_is_flagged_until_the_body_comes() -> None:
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
    assert reader.awaits_continue
    reader.feed(b"a")
    assert not reader.awaits_continue
    (request,) = reader.feed(b"b")
    assert request.expects_continue
    assert not reader.awaits_continue


def test_http_1_0_never_waits_for_100_continue() -> None:
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert not reader.awaits_continue


def test_interim_replies_are_set_aside() -> None:
    reader = ResponseReader()
    assert reader.feed(b"HTTP/1.1 100 Continue\r\n\r\n") == []
    assert reader.feed(REPLY)[0].status == 200
    assert [reply.status for reply in reader.interim] == [100]


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("HEAD", 401), ("POST", 204), ("POST", 304), ("GET", 204)]
)
def test_replies_without_body_are_complete_at_the_head(method: str, status: int) -> None:
    reader = ResponseReader(method=method)
    (reply,) = reader.feed(f"HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n".encode())
    assert reply.body == b""
    assert reader.idle


def test_reply_without_length_ends_with_the_connection() -> None:
    reader = ResponseReader()
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nhel") == []
    assert reader.feed(b"lo") == []
    (reply,) = reader.at_eof()
    assert (reply.version, reply.body) == ("HTTP/1.0", b"hello")
    assert reader.at_eof() == []


def test_request_without_length_has_no_body() -> None:
    reader = RequestReader()
    (request,) = reader.feed(b"POST / HTTP/1.1\r\n\r\n")
    assert request.body == b""


def test_status_line_without_reason_is_read() -> None:
    assert ResponseReader().feed(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")[0].reason == ""


def test_empty_lines_before_a_request_are_skipped() -> None:
    reader = RequestReader()
    assert [request.target for request in reader.feed(b"\r\n\n\r\nGET /a HTTP/1.1\r\n\r\n\r\n")] == ["/a"]
    assert reader.at_eof() == []


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"GET /\r\n\r\n", BadStartLine),
        (b"GET / HTTP/1.1 x\r\n\r\n", BadStartLine),
        (b"GET /a b HTTP/1.1\r\n\r\n", BadStartLine),
        (b"GET  / HTTP/1.1\r\n\r\n", BadStartLine),
        (b"\x16\x03\x01", BadStartLine),  # a TLS client on the plain port
        (b"     13f{", BadStartLine),  # an ecFlow client that speaks TCP
        (b"GET / HTTP/2.0\r\n\r\n", BadVersion),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BadVersion),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", BadHeaderLine),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", BadHeaderLine),
        (b"GET / HTTP/1.1\r\n: b\r\n\r\n", BadHeaderLine),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", BadHeaderLine),
        (b"GET / HTTP/1.1\r\nA: b\x00c\r\n\r\n", BadHeaderLine),
        (b"GET / HTTP/1.1\r\nA: b\rX: c\r\n\r\n", BadHeaderLine),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", AmbiguousLength),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", AmbiguousLength),
        (b"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\na", AmbiguousLength),
        (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na", AmbiguousLength),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", AmbiguousLength),
        (b"POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\na", AmbiguousLength),
        (b"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", AmbiguousLength),
        (b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", AmbiguousLength),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            AmbiguousLength,
        ),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", AmbiguousLength),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", UnknownCoding),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", UnknownCoding),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", UnknownCoding),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            UnknownCoding,
        ),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", BadChunk),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", BadChunk),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n 1\r\na\r\n", BadChunk),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", BadChunk),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 2000, BadChunk),
        (b"POST / HTTP/1.1\r\nA: " + b"x" * 70_000, HeadTooLong),
        (b"POST / HTTP/1.1\r\nA: " + b"x" * 70_000 + b"\r\n\r\n", HeadTooLong),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", BodyTooLong),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", BodyTooLong),
    ],
)
def test_unclear_requests_are_refused(raw: bytes, error: type[HttpError]) -> None:
    reader = RequestReader()
    with pytest.raises(error) as first:
        reader.feed(raw)
    assert type(first.value) is error
    assert "\n" not in str(first.value)
    with pytest.raises(error):
        reader.feed(b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"     13f{", BadStartLine),
        (b"\x15\x03\x01", BadStartLine),
        (b"<html>", BadStartLine),
        (b"HTTP/1.1 2000 OK\r\n\r\n", BadStartLine),
        (b"HTTP/1.1 20 OK\r\n\r\n", BadStartLine),
        (b"HTTP/2.0 200 OK\r\n\r\n", BadVersion),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", AmbiguousLength),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 oops\r\n\r\n", BadStartLine),
    ],
)
def test_unclear_replies_are_refused(raw: bytes, error: type[HttpError]) -> None:
    with pytest.raises(error):
        ResponseReader().feed(raw)


@pytest.mark.parametrize("form", ["length", "chunked", "until close"])
def test_body_limit_holds_for_every_form(form: str) -> None:
    body = b"x" * 11
    if form == "length":
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + body
    elif form == "chunked":
        raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, [6, 5])
    else:
        raw = b"HTTP/1.1 200 OK\r\n\r\n" + body
    with pytest.raises(BodyTooLong):
        ResponseReader(body_limit=10).feed(raw)
    reader = ResponseReader(body_limit=11)
    assert [reply.body for reply in reader.feed(raw) + reader.at_eof()] == [body]


def test_head_limit_counts_every_byte_up_to_the_empty_line() -> None:
    raw = b"GET / HTTP/1.1\r\nA: b\r\n\r\n"
    assert len(RequestReader(head_limit=len(raw)).feed(raw)) == 1
    with pytest.raises(HeadTooLong):
        RequestReader(head_limit=len(raw) - 1).feed(raw)


def test_message_before_an_error_is_given_first() -> None:
    reader = RequestReader()
    assert len(reader.feed(b"GET /a HTTP/1.1\r\n\r\nGET /b\r\n\r\n")) == 1
    assert isinstance(reader.error, BadStartLine)
    with pytest.raises(BadStartLine):
        reader.at_eof()


@pytest.mark.parametrize("reader_of", [RequestReader, ResponseReader])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_stream_that_ends_too_early_is_told(reader_of: Callable[[], Any], form: str) -> None:
    start = b"POST / HTTP/1.1" if reader_of is RequestReader else b"HTTP/1.1 200 OK"
    if form == "length":
        raw = start + b"\r\nContent-Length: 5\r\n\r\nhello"
    else:
        raw = start + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello", [2])
    for length in range(1, len(raw)):
        reader = reader_of()
        assert reader.feed(raw[:length]) == []
        with pytest.raises(MessageCutShort):
            reader.at_eof()
    reader = reader_of()
    assert len(reader.feed(raw)) == 1
    assert reader.at_eof() == []


# --- what can be written wrong on purpose ---------------------------------------------------------------


def test_nothing_is_added_or_mended_when_writing() -> None:
    request = Request(
        "PO ST",
        "/v1/ecflow",
        headers=Headers(
            [("Content-Length", "9"), ("Content-Length", "1"), ("Authorization", "x\r\nEvil: 1")]
        ),
        body=b"{}",
        version="HTTP/9.9",
    )
    assert write_request(request) == (
        b"PO ST /v1/ecflow HTTP/9.9\r\nContent-Length: 9\r\nContent-Length: 1\r\n"
        b"Authorization: x\r\nEvil: 1\r\n\r\n{}"
    )
    assert write_response(Response(7)) == b"HTTP/1.1 007 \r\n\r\n"


def test_chunked_headers_code_the_body_unless_told_otherwise() -> None:
    headers = Headers([("Transfer-Encoding", "chunked")])
    request = Request("POST", "/", headers=headers, body=b"hello")
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert write_request(request) == head + b"5\r\nhello\r\n0\r\n\r\n"
    assert write_request(request, code_body=False) == head + b"hello"


def test_raw_is_empty_for_a_message_made_here() -> None:
    assert Request("GET", "/", body=b"x").raw == b""
