"""Clients and servers that break one rule of the wire protocol each."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from ecfleet import Mutant
from ecfleet.clients import Behaviour, SocksRoute
from ecfleet.clients.failures import Fatal
from ecfleet.clients.replies import Next
from ecfleet.clients.streams import Deadline, Stream, Target
from ecfleet.models import token_file
from ecfleet.services import EcflowServer, Fault, FramedConnection, HttpConnection
from ecfleet.wire import (
    HEADER_SIZE,
    OK,
    BadHeader,
    Command,
    CtsNodeApi,
    CtsNodeCmd,
    ErrorCmd,
    FrameReader,
    Reply,
    UnexpectedEnd,
    WireError,
    decode_reply,
    encode_reply,
    encode_request,
    http1,
)

read_message = Behaviour().read_message
ENCODED_OK = encode_reply(OK)


def gets_everything(command: Command) -> bytes:
    if isinstance(command, CtsNodeCmd) and command.api is CtsNodeApi.GET_STATE:
        command = replace(command, api=CtsNodeApi.GET)
    return encode_request(command)


def counts_characters(payload: bytes) -> bytes:
    return b"%8x" % len(payload.decode()) + payload


class Wrapped(Stream):
    """A stream that does as the one inside of it."""

    def __init__(self, stream: Stream) -> None:
        self.inner = stream

    def send(self, data: bytes) -> None:
        self.inner.send(data)

    def receive(self) -> bytes:
        return self.inner.receive()

    def start_tls(self, context: ssl.SSLContext, server_name: str | None = None) -> None:
        self.inner.start_tls(context, server_name)

    def close(self) -> None:
        self.inner.close()


class HeaderAtOnce(Wrapped):
    """The first piece must hold the header."""

    first = True

    def receive(self) -> bytes:
        data = super().receive()
        if self.first and 0 < len(data) < HEADER_SIZE:
            raise BadHeader("the header is cut")
        self.first = False
        return data


class WaitsAtTheEnd(Wrapped):
    """It is not closed before the other side has closed it."""

    def close(self) -> None:
        try:
            while self.inner.receive():
                pass
        except OSError:
            pass
        finally:
            self.inner.close()


def directly(
    kind: type[Wrapped],
) -> Callable[[Target, SocksRoute | None, Deadline, str | None], Stream]:
    """Connections of this kind, save those through a SOCKS proxy."""

    def connect(
        target: Target, route: SocksRoute | None, deadline: Deadline, hosts_file: str | None
    ) -> Stream:
        stream = Behaviour().connect(target, route, deadline, hosts_file)
        return kind(stream) if route is None else stream

    return connect


def _read(receive: Callable[[], bytes]) -> bytes:
    reader = FrameReader()
    while (payload := reader.next()) is None:
        data = receive()
        if not data:
            raise UnexpectedEnd("the stream ended before a reply")
        reader.feed(data)
    return payload


def stops_reading(stream: Stream) -> bytes:
    left = 4096

    def receive() -> bytes:
        nonlocal left
        data = stream.receive()[:left]
        left -= len(data)
        return data

    return _read(receive)


def goes_on(reply: Reply) -> Next:
    return Next.SUCCEEDED if isinstance(reply, ErrorCmd) else Behaviour().next_step(reply)


def takes_an_end_for_ok(stream: Stream) -> bytes:
    try:
        return read_message(stream)
    except UnexpectedEnd:
        return ENCODED_OK


def asks_again_after_an_end(stream: Stream) -> bytes:
    try:
        return read_message(stream)
    except UnexpectedEnd:
        raise ConnectionResetError("the stream ended") from None


def takes_anything(stream: Stream) -> bytes:
    try:
        payload = read_message(stream)
        decode_reply(payload)
    except UnexpectedEnd:
        raise
    except WireError:
        return ENCODED_OK
    return payload


def probes_first(
    target: Target, route: SocksRoute | None, deadline: Deadline, hosts_file: str | None
) -> Stream:
    if route is None:
        Behaviour().connect(target, route, deadline, hosts_file).close()
    return Behaviour().connect(target, route, deadline, hosts_file)


def gives_up(stream: Stream) -> bytes:
    try:
        return read_message(stream)
    except ConnectionError as problem:
        raise Fatal(f"{problem}\n") from None


def posts_as_text(target: Target, body: bytes, token: token_file.Token | None) -> http1.Request:
    request = Behaviour().http_request(target, body, token)
    return replace(request, headers=request.headers.with_("Content-Type", "text/plain"))


class StrictHeader(FramedConnection):
    """Takes no capitals in the length."""

    begun = False

    def take(self, data: bytes) -> None:
        header = data[:HEADER_SIZE]
        if not self.begun and header != header.lower():
            data = b"zzzzzzzz" + data[HEADER_SIZE:]
        self.begun = True
        super().take(data)


def saying_nothing(text: str) -> type[FramedConnection]:
    """Connections that close instead of sending an ErrorCmd with ``text`` in it."""

    class Silent(FramedConnection):
        def reply(
            self, data: bytes, decoded: Any = None, *, fault: Fault | None = None, close: bool = True
        ) -> None:
            if isinstance(decoded, ErrorCmd) and text in decoded.message:
                self.close()
            else:
                super().reply(data, decoded, fault=fault, close=close)

    return Silent


class OneSegment(FramedConnection):
    """Takes what the first segment holds for the whole message."""

    def take(self, data: bytes) -> None:
        super().take(data)
        if not self.answered:
            self.cut_short()


class Unwell(FramedConnection):
    """Once it has seen a payload that is no UTF-8, answers nobody any more."""

    def take(self, data: bytes) -> None:
        server = self.server
        assert isinstance(server, FallsIll)
        server.ill = server.ill or data.endswith(b"\xff\xfe")
        if server.ill:
            self.discarding = True
            self.close()
        else:
            super().take(data)


class FallsIll(EcflowServer):
    """A server that garbage stops."""

    framed_connection: ClassVar[type[FramedConnection]] = Unwell
    ill = False


class ErrorStatus(HttpConnection):
    """Sends ErrorCmd with status 500."""

    def reply(
        self, data: bytes, decoded: Any = None, *, fault: Fault | None = None, close: bool = True
    ) -> None:
        if isinstance(decoded, ErrorCmd):
            data = data.replace(b" 200 OK", b" 500 Internal Server Error", 1)
        super().reply(data, decoded, fault=fault, close=close)


def framed_by(connection: type[FramedConnection]) -> type[EcflowServer]:
    """An ecFlow server whose TCP and TLS connections are of this kind."""

    class MutatedServer(EcflowServer):
        framed_connection: ClassVar[type[FramedConnection]] = connection

    return MutatedServer


class WebErrors(EcflowServer):
    """A server that answers errors by status."""

    http_connection: ClassVar[type[HttpConnection]] = ErrorStatus


MUTANTS = [
    Mutant(
        id="WIRE-01.gets-everything",
        rule="WIRE-01",
        sentence="It asks for the definition where the states were asked for.",
        behaviour={"encode": gets_everything},
    ),
    Mutant(
        id="WIRE-02.counts-characters",
        rule="WIRE-02",
        sentence="The length that it sends counts characters.",
        behaviour={"frame": counts_characters},
    ),
    Mutant(
        id="WIRE-03.header-at-once",
        rule="WIRE-03",
        sentence="It expects the whole header in the first piece.",
        behaviour={"connect": directly(HeaderAtOnce)},
    ),
    Mutant(
        id="WIRE-04.stops-reading",
        rule="WIRE-04",
        sentence="It reads 4096 bytes of a reply and no more.",
        behaviour={"read_message": stops_reading},
    ),
    Mutant(
        id="WIRE-05.goes-on",
        rule="WIRE-05",
        sentence="It takes an ErrorCmd for success.",
        behaviour={"next_step": goes_on},
    ),
    Mutant(
        id="WIRE-06.takes-an-end-for-ok",
        rule="WIRE-06",
        sentence="It takes the end of the connection for an OK.",
        behaviour={"read_message": takes_an_end_for_ok},
    ),
    Mutant(
        id="WIRE-06.asks-again",
        rule="WIRE-06",
        sentence="It asks again after an orderly end.",
        behaviour={"read_message": asks_again_after_an_end},
    ),
    Mutant(
        id="WIRE-07.takes-anything",
        rule="WIRE-07",
        sentence="It takes a reply that it cannot decode for an OK.",
        behaviour={"read_message": takes_anything},
    ),
    Mutant(
        id="WIRE-08.probes-first",
        rule="WIRE-08",
        sentence="It opens and closes a connection before the one that it uses.",
        behaviour={"connect": probes_first},
    ),
    Mutant(
        id="WIRE-09.waits-for-the-end",
        rule="WIRE-09",
        sentence="It waits until the server closes, unless it goes through a SOCKS proxy.",
        behaviour={"connect": directly(WaitsAtTheEnd)},
    ),
    Mutant(
        id="WIRE-10.gives-up",
        rule="WIRE-10",
        sentence="It gives up after the first reset.",
        behaviour={"read_message": gives_up},
    ),
    Mutant(
        id="WIRE-11.posts-as-text",
        rule="WIRE-11",
        sentence="It posts the command as text/plain.",
        behaviour={"http_request": posts_as_text},
    ),
    Mutant(
        id="WIRE-12.no-capitals",
        rule="WIRE-12",
        sentence="A length in capitals is refused.",
        classes={"EcflowServer": framed_by(StrictHeader)},
    ),
    Mutant(
        id="WIRE-13.says-nothing",
        rule="WIRE-13",
        sentence="It closes without a word on what it cannot read.",
        classes={"EcflowServer": framed_by(saying_nothing("Invalid argument"))},
        trips=frozenset({"WIRE-12"}),
        reason="a header that is no number gets the same answer as a payload that cannot be read",
    ),
    Mutant(
        id="WIRE-14.says-nothing",
        rule="WIRE-14",
        sentence="It closes without a word when a message is cut.",
        classes={"EcflowServer": framed_by(saying_nothing("End of file"))},
    ),
    Mutant(
        id="WIRE-15.falls-ill",
        rule="WIRE-15",
        sentence="After a payload that is no UTF-8 it serves nobody any more.",
        classes={"EcflowServer": FallsIll},
    ),
    Mutant(
        id="WIRE-16.one-segment",
        rule="WIRE-16",
        sentence="It expects the whole message in the first segment.",
        classes={"EcflowServer": framed_by(OneSegment)},
    ),
    Mutant(
        id="WIRE-17.error-status",
        rule="WIRE-17",
        sentence="Errors are answered with status 500.",
        classes={"EcflowServer": WebErrors},
    ),
]
