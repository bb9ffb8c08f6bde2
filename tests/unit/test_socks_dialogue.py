"""Both sides of the SOCKS dialogue, fed in pieces of any size, and what each says about a bad peer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.wire.errors import UnexpectedEnd
from ecfleet_mocks.wire.socks import (
    AddressType,
    AuthenticationMethod,
    Credentials,
    Destination,
    Greeting,
    Reply,
    ReplyCode,
    Request,
    RequestCommand,
    Socks4Code,
    SocksError,
    destination,
    encode_credentials,
    encode_greeting,
    encode_reply,
    encode_request,
)
from ecfleet_mocks.wire.socks_dialogue import (
    ClientDialogue,
    Malformed,
    ServerDialogue,
    ServerEvent,
    ServerState,
    SocksRefused,
)

PASSWORD = "ecfleet-secret"
TO = destination("machine1", 3141)
BOUND = Destination(AddressType.DOMAINNAME, "gateway.example", 40001)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


class Server:
    """A proxy without sockets that accepts everything."""

    def __init__(self, method: AuthenticationMethod = AuthenticationMethod.NO_AUTHENTICATION) -> None:
        self.dialogue = ServerDialogue()
        self.method = method
        self.events: list[ServerEvent] = []

    def feed(self, data: bytes) -> bytes:
        self.dialogue.feed(data)
        out = b""
        while (event := self.dialogue.next()) is not None:
            self.events.append(event)
            match event:
                case Greeting():
                    out += self.dialogue.choose_method(self.method)
                case Credentials():
                    out += self.dialogue.answer_credentials(event.password == PASSWORD)
                case Request():
                    out += self.dialogue.answer(ReplyCode.SUCCEEDED, BOUND)
                case Malformed(_, reply):
                    out += encode_reply(reply) if reply is not None else b""
        return out


def converse(client: ClientDialogue, server: Server, size: int, behind: bytes = b"") -> None:
    """Let both talk, in pieces of this size each way, until the client has its reply."""
    to_server = client.start()
    for _ in range(5):
        to_client = b"".join(server.feed(piece) for piece in pieces(to_server, size))
        if server.dialogue.state is ServerState.RELAYING:
            to_client, behind = to_client + behind, b""
        to_server = b"".join(client.feed(piece) for piece in pieces(to_client, size))


@given(
    version=st.sampled_from([4, 5]),
    host=st.sampled_from(["127.0.0.1", "machine1", "MACHINE1.ecmwf.int"]),
    login=st.booleans(),
    size=st.integers(1, 40),
    behind=st.binary(max_size=20),
)
def test_both_sides_agree_however_the_stream_is_cut(
    version: int, host: str, login: bool, size: int, behind: bytes
) -> None:
    login = login and version == 5
    request = Request(version, RequestCommand.CONNECT, destination(host, 3141), user="bob" * (version == 4))
    client = ClientDialogue(request, Credentials("bob", PASSWORD) if login else None)
    server = Server(
        AuthenticationMethod.USERNAME_PASSWORD if login else AuthenticationMethod.NO_AUTHENTICATION
    )
    converse(client, server, size, behind)
    assert client.done
    assert client.reply is not None
    assert client.reply.bound == (BOUND if version == 5 else Destination(AddressType.IPV4, "0.0.0.0", 40001))
    assert client.take_leftover() == behind
    assert client.take_leftover() == b""
    client.at_eof()
    assert server.events[-1] == request
    assert server.events[1:-1] == ([Credentials("bob", PASSWORD)] if login else [])


@given(st.integers(1, 40), st.binary(max_size=30))
def test_a_server_keeps_what_follows_the_request(size: int, behind: bytes) -> None:
    server = Server()
    request = Request(5, RequestCommand.CONNECT, TO)
    # A client may send everything at once, without waiting for answers.
    for piece in pieces(encode_greeting(Greeting((0,))) + encode_request(request) + behind, size):
        server.feed(piece)
    assert server.events == [Greeting((0,)), request]
    assert server.dialogue.raw == encode_request(request)
    assert server.dialogue.take_leftover() == behind
    assert server.dialogue.take_leftover() == b""


@pytest.mark.parametrize(
    ("data", "versions", "text"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", (4, 5), "0x47; this proxy speaks SOCKS 4 and 5"),
        (b"CONNECT machine1:80 HTTP/1.1\r\n", (4, 5), "0x43; this proxy speaks SOCKS 4 and 5"),
        (b"\x16\x03\x01\x02\x00", (4, 5), "0x16"),
        (b"\x04\x01", (5,), "0x04; this proxy speaks SOCKS 5"),
        (b"\x05\x01\x00", (4,), "0x05; this proxy speaks SOCKS 4"),
    ],
)
def test_what_is_not_spoken_is_malformed_and_has_no_reply(
    data: bytes, versions: tuple[int, ...], text: str
) -> None:
    dialogue = ServerDialogue(versions)
    dialogue.feed(data)
    event = dialogue.next()
    assert isinstance(event, Malformed)
    assert text in event.why
    assert event.reply is None
    assert dialogue.state is ServerState.ENDED
    assert dialogue.next() is None


def test_an_unknown_address_type_has_a_reply() -> None:
    server = Server()
    answered = server.feed(b"\x05\x01\x00" + b"\x05\x01\x00\x09machine1")
    assert answered == b"\x05\x00" + encode_reply(Reply(5, ReplyCode.ADDRESS_TYPE_NOT_SUPPORTED))


def test_a_socks4_request_after_a_socks5_greeting_is_malformed() -> None:
    server = Server()
    server.feed(b"\x05\x01\x00" + encode_request(Request(4, RequestCommand.CONNECT, TO)))
    assert isinstance(server.events[-1], Malformed)


def test_answers_out_of_turn_are_refused() -> None:
    dialogue = ServerDialogue()
    with pytest.raises(RuntimeError, match="BEGIN"):
        dialogue.answer(ReplyCode.SUCCEEDED)
    with pytest.raises(RuntimeError, match="BEGIN"):
        dialogue.choose_method(0)
    with pytest.raises(RuntimeError, match="BEGIN"):
        dialogue.answer_credentials(True)


def test_a_socks4_refusal_is_one_code_for_all() -> None:
    for code in set(ReplyCode) - {ReplyCode.SUCCEEDED}:
        dialogue = ServerDialogue()
        dialogue.feed(encode_request(Request(4, RequestCommand.CONNECT, TO)))
        assert isinstance(dialogue.next(), Request)
        assert dialogue.answer(code) == encode_reply(Reply(4, Socks4Code.REJECTED))
        assert dialogue.state is ServerState.ENDED


# --- the client's view ------------------------------------------------------------------------------------


def asked(version: int, credentials: Credentials | None = None) -> ClientDialogue:
    """A client's dialogue of which everything but the reply is over."""
    client = ClientDialogue(Request(version, RequestCommand.CONNECT, TO), credentials)
    client.start()
    if version == 5:
        assert client.feed(b"\x05\x00") == encode_request(client.request)
    return client


def refusal_text(version: int, code: int) -> str:
    client = asked(version)
    with pytest.raises(SocksRefused) as caught:
        client.feed(encode_reply(Reply(version, code)))
    assert caught.value.code == code
    assert not client.done
    return str(caught.value)


def test_each_refusal_has_its_own_text() -> None:
    codes = [(5, code) for code in range(1, 11)] + [(4, code) for code in (0x5B, 0x5C, 0x5D, 0x5E)]
    assert len({refusal_text(version, code) for version, code in codes}) == len(codes)


@pytest.mark.parametrize("version", [4, 5])
def test_a_close_instead_of_the_reply_is_told(version: int) -> None:
    client = asked(version)
    client.feed(encode_reply(Reply(version, 0))[:3] if version == 5 else b"\0")
    with pytest.raises(UnexpectedEnd, match=r"where its reply was due.*machine1:3141"):
        client.at_eof()


def test_a_close_instead_of_the_choice_is_told() -> None:
    client = ClientDialogue(Request(5, RequestCommand.CONNECT, TO))
    with pytest.raises(UnexpectedEnd, match="answer to the greeting"):
        client.at_eof()


def test_no_acceptable_method_is_told() -> None:
    with pytest.raises(SocksRefused, match="wants a login"):
        ClientDialogue(Request(5, RequestCommand.CONNECT, TO)).feed(b"\x05\xff")
    with pytest.raises(SocksRefused, match="wants another login"):
        ClientDialogue(Request(5, RequestCommand.CONNECT, TO), Credentials("bob", PASSWORD)).feed(b"\x05\xff")


def test_a_refused_password_is_told_without_it() -> None:
    client = ClientDialogue(Request(5, RequestCommand.CONNECT, TO), Credentials("bob", PASSWORD))
    assert client.start() == bytes.fromhex("05020002")
    assert client.feed(b"\x05\x02") == encode_credentials(Credentials("bob", PASSWORD))
    with pytest.raises(SocksRefused, match="did not accept") as caught:
        client.feed(b"\x01\x01")
    assert PASSWORD not in str(caught.value)
    assert caught.value.code is None


@pytest.mark.parametrize("method", [AuthenticationMethod.GSSAPI, AuthenticationMethod.USERNAME_PASSWORD])
def test_a_method_that_was_not_offered_is_no_answer(method: AuthenticationMethod) -> None:
    with pytest.raises(SocksError, match="was not offered"):
        ClientDialogue(Request(5, RequestCommand.CONNECT, TO)).feed(bytes((5, method)))


def test_a_method_that_is_offered_but_not_spoken_is_told() -> None:
    client = ClientDialogue(Request(5, RequestCommand.CONNECT, TO), methods=(AuthenticationMethod.GSSAPI,))
    assert client.start() == b"\x05\x01\x01"
    with pytest.raises(SocksError, match="not spoken here"):
        client.feed(b"\x05\x01")


def test_bytes_that_are_no_socks_are_told() -> None:
    with pytest.raises(SocksError, match="begins with 0x48"):
        ClientDialogue(Request(5, RequestCommand.CONNECT, TO)).feed(b"HTTP/1.1 400 Bad Request\r\n")
