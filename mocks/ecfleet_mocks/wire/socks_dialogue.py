"""The two sides of a SOCKS dialogue as state machines without sockets.

Both are fed whatever bytes have arrived, in pieces of any size.  What comes after the dialogue (the first
bytes of the client behind its request, of the far side behind the reply) is kept in ``leftover``: it belongs
to the connection that the proxy relays, and must not be lost.

A server asks :meth:`ServerDialogue.next` for what the client said and answers in its own time; a client
sends what :meth:`ClientDialogue.feed` returns until :attr:`ClientDialogue.reply` is there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from ecfleet_mocks.wire.errors import UnexpectedEnd
from ecfleet_mocks.wire.socks import (
    NOTHING_BOUND,
    AuthenticationMethod,
    Credentials,
    CredentialsStatus,
    Destination,
    Greeting,
    MethodChoice,
    Reply,
    ReplyCode,
    Request,
    Socks4Code,
    SocksError,
    decode_credentials,
    decode_credentials_status,
    decode_greeting,
    decode_method_choice,
    decode_reply,
    decode_request,
    encode_credentials,
    encode_credentials_status,
    encode_greeting,
    encode_method_choice,
    encode_reply,
    encode_request,
)

__all__ = ["ClientDialogue", "Malformed", "ServerDialogue", "ServerEvent", "ServerState", "SocksRefused"]


class ServerState(Enum):
    """Where a server's dialogue stands; a name that ends in ``_DECISION`` waits for the server itself."""

    BEGIN = auto()
    METHOD_DECISION = auto()
    CREDENTIALS = auto()
    CREDENTIALS_DECISION = auto()
    REQUEST = auto()
    REQUEST_DECISION = auto()
    RELAYING = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Malformed:
    """What the client sent is not the SOCKS message that was due; the dialogue has ended.

    :param reply: the reply to send before closing, where RFC 1928 has one for this; else close at once.
    """

    why: str
    reply: Reply | None = None


ServerEvent: TypeAlias = Greeting | Credentials | Request | Malformed


class ServerDialogue:
    """The proxy's side.  Feed bytes, take events, answer each with the method for it.

    ======================  ===============================================
    event                   answer
    ======================  ===============================================
    :class:`Greeting`       :meth:`choose_method`
    :class:`Credentials`    :meth:`answer_credentials`
    :class:`Request`        :meth:`answer`
    :class:`Malformed`      none: send its ``reply``, if any, and close
    ======================  ===============================================

    ``raw`` holds the bytes of the last event, ``leftover`` what has not been read yet.

    :param versions: the protocol versions that are spoken; 4 includes 4a.
    """

    def __init__(self, versions: Collection[int] = (4, 5)) -> None:
        self.versions = frozenset(versions)
        self.state = ServerState.BEGIN
        self.leftover = b""
        self.raw = b""
        self._version = 5
        self._method: int = AuthenticationMethod.NO_AUTHENTICATION

    def feed(self, data: bytes) -> None:
        """Add bytes that have arrived."""
        self.leftover += data

    def next(self) -> ServerEvent | None:
        """The next event, or None until more bytes have arrived or the last event has been answered."""
        try:
            return self._advance()
        except SocksError as error:
            self.state = ServerState.ENDED
            return Malformed(str(error), None if error.reply is None else Reply(5, error.reply))

    def choose_method(self, method: AuthenticationMethod | int) -> bytes:
        """The bytes that answer the greeting; NONE_ACCEPTABLE ends the dialogue."""
        self._expect(ServerState.METHOD_DECISION)
        self._method = method
        if method == AuthenticationMethod.NO_AUTHENTICATION:
            self.state = ServerState.REQUEST
        elif method == AuthenticationMethod.USERNAME_PASSWORD:
            self.state = ServerState.CREDENTIALS
        else:
            self.state = ServerState.ENDED
        return encode_method_choice(MethodChoice(method))

    def answer_credentials(self, accepted: bool) -> bytes:
        """The bytes that answer user and password; a refusal ends the dialogue."""
        self._expect(ServerState.CREDENTIALS_DECISION)
        self.state = ServerState.REQUEST if accepted else ServerState.ENDED
        return encode_credentials_status(CredentialsStatus(0 if accepted else 1))

    def answer(self, code: ReplyCode | int, bound: Destination = NOTHING_BOUND) -> bytes:
        """The bytes that answer the request, in its version; other than SUCCEEDED ends the dialogue.

        SOCKS 4 knows only one refusal (0x5b) that says nothing about identd, so every failure becomes that.
        """
        self._expect(ServerState.REQUEST_DECISION)
        succeeded = code == ReplyCode.SUCCEEDED
        self.state = ServerState.RELAYING if succeeded else ServerState.ENDED
        if self._version == 4:
            return encode_reply(Reply(4, Socks4Code.GRANTED if succeeded else Socks4Code.REJECTED, bound))
        return encode_reply(Reply(5, code, bound))

    def take_leftover(self) -> bytes:
        """The bytes that came after the request, which belong to the far side; they are handed out once."""
        data, self.leftover = self.leftover, b""
        return data

    def _advance(self) -> ServerEvent | None:
        data = self.leftover
        if not data:
            return None
        found: tuple[ServerEvent, int] | None
        match self.state:
            case ServerState.BEGIN:
                self._version = data[0]
                if self._version not in self.versions:
                    spoken = " and ".join(str(version) for version in sorted(self.versions))
                    raise SocksError(f"the first byte is {data[0]:#04x}; this proxy speaks SOCKS {spoken}")
                if self._version == 4:
                    found, after = decode_request(data), ServerState.REQUEST_DECISION
                else:
                    found, after = decode_greeting(data), ServerState.METHOD_DECISION
            case ServerState.CREDENTIALS:
                found, after = decode_credentials(data), ServerState.CREDENTIALS_DECISION
            case ServerState.REQUEST:
                if data[0] != 5:
                    raise SocksError(f"the request begins with {data[0]:#04x} where 0x05 has to be")
                found, after = decode_request(data), ServerState.REQUEST_DECISION
            case _:
                return None
        if found is None:
            return None
        event, taken = found
        self.raw, self.leftover, self.state = data[:taken], data[taken:], after
        return event

    def _expect(self, state: ServerState) -> None:
        if self.state is not state:
            raise RuntimeError(f"there is nothing to answer like this: the dialogue is at {self.state.name}")


_REFUSALS: Final[dict[int, str]] = {
    ReplyCode.GENERAL_FAILURE: "general failure of the proxy",
    ReplyCode.NOT_ALLOWED: "not allowed by the proxy's rules",
    ReplyCode.NETWORK_UNREACHABLE: "the proxy finds the network unreachable",
    ReplyCode.HOST_UNREACHABLE: "the proxy finds the host unreachable, or does not know its name",
    ReplyCode.CONNECTION_REFUSED: "the proxy reached the host, which refused the connection",
    ReplyCode.TTL_EXPIRED: "no answer from the host within the proxy's time limit (TTL expired)",
    ReplyCode.COMMAND_NOT_SUPPORTED: "the proxy does not support this command",
    ReplyCode.ADDRESS_TYPE_NOT_SUPPORTED: "the proxy does not support this type of address",
    Socks4Code.REJECTED: "the proxy rejected or failed the request",
    Socks4Code.IDENTD_UNREACHABLE: "the proxy could not reach identd on this machine",
    Socks4Code.IDENTD_MISMATCH: "identd on this machine reported another user id",
}


class SocksRefused(SocksError):
    """The proxy said no, in a message of the protocol.

    :param code: the code of the proxy's reply, or None when it refused the authentication.
    """

    def __init__(self, text: str, code: ReplyCode | Socks4Code | int | None = None) -> None:
        super().__init__(text)
        self.code = code


class ClientDialogue:
    """The client's side: send :meth:`start`, then whatever :meth:`feed` returns, until :attr:`done`.

    :param request: what to ask for; its version says how.
    :param credentials: user and password for SOCKS 5, offered beside no authentication; default none.
    :param methods: the methods to offer, where they are to differ from that.
    """

    def __init__(
        self,
        request: Request,
        credentials: Credentials | None = None,
        methods: tuple[int, ...] | None = None,
    ) -> None:
        if methods is None:
            methods = (AuthenticationMethod.NO_AUTHENTICATION,)
            if credentials is not None:
                methods += (AuthenticationMethod.USERNAME_PASSWORD,)
        self.request = request
        self.methods = methods
        self.reply: Reply | None = None
        self.leftover = b""
        self._credentials = credentials
        self._due = "reply" if request.version == 4 else "answer to the greeting"

    @property
    def done(self) -> bool:
        """Whether the proxy has connected; from now on the connection is the far side's."""
        return self.reply is not None

    def start(self) -> bytes:
        """The first bytes to send."""
        if self.request.version == 4:
            return encode_request(self.request)
        return encode_greeting(Greeting(self.methods))

    def feed(self, data: bytes) -> bytes:
        """Take bytes that have arrived; returns what to send next, often nothing.

        :raises SocksRefused: when the proxy refuses; each code has its own text.
        :raises SocksError: when the bytes are no SOCKS message.
        """
        self.leftover += data
        out = b""
        while not self.done and (step := self._step()) is not None:
            out += step
        return out

    def at_eof(self) -> None:
        """Tell that the proxy closed the connection.

        :raises UnexpectedEnd: when the dialogue was not done; the text says what was still due.
        """
        if not self.done:
            raise UnexpectedEnd(
                f"the SOCKS proxy closed the connection where its {self._due} was due: it could not reach "
                f"{self.request.destination.host}:{self.request.destination.port}, or wants another login"
            )

    def take_leftover(self) -> bytes:
        """The bytes behind the reply, which are the far side's; they are handed out once."""
        data, self.leftover = self.leftover, b""
        return data

    def _step(self) -> bytes | None:
        data = self.leftover
        match self._due:
            case "answer to the greeting":
                chosen = decode_method_choice(data)
                if chosen is None:
                    return None
                self.leftover = data[chosen[1] :]
                return self._authenticate(chosen[0].method)
            case "answer to user and password":
                status = decode_credentials_status(data)
                if status is None:
                    return None
                self.leftover = data[status[1] :]
                if not status[0].succeeded:
                    raise SocksRefused("the SOCKS proxy did not accept user name and password")
                return self._ask()
            case _:
                answered = decode_reply(data, self.request.version)
                if answered is None:
                    return None
                reply, taken = answered
                self.leftover = data[taken:]
                if not reply.succeeded:
                    text = _REFUSALS.get(reply.code, "a reason that the protocol does not know")
                    raise SocksRefused(f"SOCKS reply {reply.code:#04x}: {text}", reply.code)
                self.reply = reply
                return b""

    def _authenticate(self, method: int) -> bytes:
        if method == AuthenticationMethod.NONE_ACCEPTABLE:
            wanted = "another login" if self._credentials else "a login"
            raise SocksRefused(f"the SOCKS proxy accepts none of the methods offered; it wants {wanted}")
        if method not in self.methods:
            raise SocksError(f"the SOCKS proxy chose method {method:#04x}, which was not offered")
        if method == AuthenticationMethod.USERNAME_PASSWORD:
            self._due = "answer to user and password"
            return encode_credentials(self._credentials or Credentials("", ""))
        if method != AuthenticationMethod.NO_AUTHENTICATION:
            raise SocksError(f"SOCKS method {method:#04x} was offered but is not spoken here")
        return self._ask()

    def _ask(self) -> bytes:
        self._due = "reply"
        return encode_request(self.request)
