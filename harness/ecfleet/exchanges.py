"""A journal as lines of text, one for each exchange, for somebody who looks on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

from ecfleet.masking import mask
from ecfleet_mocks.journal import (
    Address,
    ConnectionClosed,
    ConnectionOpened,
    Decision,
    Event,
    FaultInjected,
    IdentityFound,
    Note,
    ReplySent,
    RequestReceived,
    RouteTaken,
    ServiceStopped,
    TlsFailed,
)
from ecfleet_mocks.wire import (
    Command,
    CtsCmd,
    CtsNodeCmd,
    ErrorCmd,
    GroupCTSCmd,
    StcCmd,
    WireError,
    decode_request,
)
from ecfleet_mocks.wire import Reply as EcflowReply
from ecfleet_mocks.wire.http1 import Request as HttpRequest
from ecfleet_mocks.wire.http1 import Response as HttpResponse
from ecfleet_mocks.wire.logserver import LogRequest
from ecfleet_mocks.wire.socks import Credentials, CredentialsStatus, Greeting, MethodChoice
from ecfleet_mocks.wire.socks import Reply as SocksReply
from ecfleet_mocks.wire.socks import Request as SocksRequest

__all__ = ["ExchangeLines", "reply_in_words", "request_in_words"]


def _name(number: Any) -> str:
    """The name of an enumeration's member, or the number that is none."""
    return str(getattr(number, "name", number))


def request_in_words(request: Any, raw: bytes = b"") -> str:
    """What was asked for, without passwords, tokens or contents."""
    match request:
        case GroupCTSCmd():
            return f"GroupCTSCmd({'; '.join(request_in_words(one) for one in request.commands)})"
        case Command():
            words = [type(request).__name__]
            if isinstance(request, CtsCmd | CtsNodeCmd):
                words.append(_name(request.api))
            path = getattr(request, "path", "")
            words += [path] if path else getattr(request, "paths", ())
            return " ".join(words)
        case HttpRequest():
            # A query may hold a token.
            words = [request.method, request.target.partition("?")[0]]
            with contextlib.suppress(WireError):
                words.append(request_in_words(decode_request(request.body)))
            return " ".join(words)
        case LogRequest():
            return f"{request.action} {request.path.strip()}".strip()
        case Greeting():
            return "SOCKS 5 greeting"
        case Credentials():
            return f"SOCKS 5 user {request.user} and a password"
        case SocksRequest():
            asked = request.destination
            return f"SOCKS {request.version} {_name(request.command)} {Address(asked.host, asked.port)}"
        case None:
            return f"{len(raw)} bytes that are no request"
    return type(request).__name__


def reply_in_words(reply: Any, raw: bytes = b"") -> str:
    """What was answered, without contents."""
    match reply:
        case StcCmd():
            return _name(reply.api)
        case ErrorCmd():
            return f"error: {reply.message}"
        case EcflowReply():
            return type(reply).__name__
        case HttpResponse():
            return f"{reply.status} {reply.reason}".strip()
        case SocksReply():
            return _name(reply.code)
        case MethodChoice():
            return f"method {_name(reply.method)}"
        case CredentialsStatus():
            return "accepted" if reply.succeeded else "refused"
        case None:
            return f"{len(raw)} bytes"
    return type(reply).__name__


@dataclass(slots=True)
class _Connection:
    peer: Address
    asked: str = ""
    happened: list[str] = field(default_factory=list)
    told: bool = False


class ExchangeLines:
    """Makes lines of events: seconds, service, peer, request, and what became of it; secrets are masked.

    :param width: of the column of service names, in characters.
    """

    def __init__(self, width: int = 0) -> None:
        self.width = width
        self._connections: dict[int, _Connection] = {}

    def feed(self, event: Event) -> list[str]:
        """The lines that are complete with this event; none, most of the time."""
        if isinstance(event, ConnectionOpened):
            self._connections[event.connection] = _Connection(event.peer)
            return []
        if isinstance(event, ServiceStopped):
            return []
        connection = self._connections.get(event.connection)
        if connection is None:
            return []
        lines: list[str] = []
        match event:
            case RequestReceived():
                # The one before got no reply of its own.
                lines = self._line(event, connection) if connection.asked else []
                connection.asked = request_in_words(event.decoded, event.raw)
            case IdentityFound():
                connection.happened.append(f"user {event.user} ({event.why})")
            case Decision():
                connection.happened.append(f"{event.what} ({event.why})" if event.why else event.what)
            case RouteTaken():
                connection.happened.append(
                    "no route" if event.destination is None else f"leads to {event.destination}"
                )
            case FaultInjected():
                connection.happened.append(f"fault {event.fault}")
            case Note():
                connection.happened.append(event.text)
            case TlsFailed():
                connection.asked = "TLS handshake"
                connection.happened.append(f"failed ({event.reason})")
            case ReplySent():
                connection.happened.append(f"-> {reply_in_words(event.decoded, event.raw)}")
                if connection.asked:
                    lines = self._line(event, connection)
            case ConnectionClosed():
                del self._connections[event.connection]
                if connection.asked or connection.happened or not connection.told:
                    connection.asked = connection.asked or "no request"
                    connection.happened.append(f"-> {event.how}, {event.sent} bytes sent")
                    lines = self._line(event, connection)
        return lines

    def _line(self, event: Event, connection: _Connection) -> list[str]:
        words = f"{connection.asked}  {'; '.join(connection.happened)}".rstrip()
        # A text from a peer must not take the terminal over, nor make a second line.
        printable = "".join(one if one.isprintable() else " " for one in mask(words))
        connection.asked, connection.happened, connection.told = "", [], True
        peer = str(connection.peer)
        return [f"{event.at:9.3f}  {event.service:<{self.width}}  {peer:<21}  {printable}"]
