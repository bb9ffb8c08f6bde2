"""The mock ecFlow server over HTTP/1.1: the archive without its header as the body of a POST.

Released servers look at the body and nothing else: any method, any path, any content type (seen on 5.17.0).
They answer 200 to whatever they can read, errors included, and nothing at all to what they cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ecfleet_mocks.ecflow_exchange import ExchangeConnection, decode
from ecfleet_mocks.journal import Decision, IdentityFound
from ecfleet_mocks.model.identity import Identity, http_identity
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.wire import OK, ArchiveError, Command, Reply, UserCommand, encode_reply
from ecfleet_mocks.wire.http1 import (
    BodyTooLong,
    HeadTooLong,
    HttpError,
    Request,
    RequestReader,
)

if TYPE_CHECKING:
    from ecfleet_mocks.ecflow_server import EcflowServer

__all__ = ["FAITHFUL_BODY_LIMIT", "FAITHFUL_HEAD_LIMIT", "HttpConnection"]

FAITHFUL_BODY_LIMIT: Final = 2**20
"""Bytes of a body from which on a 5.17.0 server resets the connection (1 048 576 were still taken)."""
FAITHFUL_HEAD_LIMIT: Final = 8 * 2**10
"""Bytes of a request's head from which on a 5.17.0 server closes without a reply (9 kB were refused)."""

_ENCODED_OK: Final = encode_reply(OK)
_HEAD: Final = (
    "{version} 200 OK\r\nServer: Boost.Beast/300\r\nContent-Type: application/json\r\n"
    "Content-Length: {length}\r\n{close}\r\n"
)
_REFUSALS: Final = {
    400: "Bad Request",
    405: "Method Not Allowed",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}
_BODILESS_METHODS: Final = ("GET", "HEAD")


class HttpConnection(ExchangeConnection):
    """One exchange as an HTTP request and reply; the connection ends after it, whatever was asked for."""

    def __init__(self, server: EcflowServer, transport: str) -> None:
        super().__init__(server, transport)
        self._release = server.dialect.version
        if server.faithful:
            self._reader = RequestReader(head_limit=FAITHFUL_HEAD_LIMIT, body_limit=FAITHFUL_BODY_LIMIT)
        else:
            self._reader = RequestReader(body_limit=server.limit)

    def take(self, data: bytes) -> None:
        try:
            requests = self._reader.feed(data)
        except BodyTooLong as error:
            self._refuse(413, str(error), "resets the connection")
        except HeadTooLong as error:
            self._refuse(431, str(error))
        except HttpError as error:
            self._refuse(400, str(error))
        else:
            # `Expect: 100-continue` is passed over, as seen on 5.17.0: the peer sends its body in the end.
            if requests:
                self._exchange(requests[0])

    def cut_short(self) -> None:
        if self._reader.idle:
            self.close()
        else:
            self._refuse(400, "the request is cut short")

    def _exchange(self, request: Request) -> None:
        if not request.body:
            if request.method in _BODILESS_METHODS:
                self._refuse(405, f"{request.method} carries no command: send it by POST", request=request)
            else:
                self._refuse(400, "the body is empty: it has to be the JSON of a command", request=request)
            return
        try:
            command = decode(request.body)
        except ArchiveError as error:
            self._refuse(400, f"the body is no command: {error}", request=request)
            return
        self.request_arrived(command)
        self._remark_limits(request)
        if self.preempted(command):
            return
        reply = self.server.answer(self, command, self._sender(request, command))
        if reply is None:
            self.close()
        else:
            self._answer(request, reply)

    def identify(self, request: Request, command: Command | None) -> Identity:
        """Who sends; a subclass may see it otherwise."""
        return http_identity(request.headers, command)

    def _sender(self, request: Request, command: Command | None) -> Sender:
        """Who sends, and on record why."""
        identity = self.identify(request, command)
        self.journal.record(
            IdentityFound(
                self.journal.now(),
                self.service.name,
                self.number,
                identity.user,
                identity.why,
                identity.secure,
            )
        )
        if not isinstance(command, UserCommand):
            return Sender()
        own = (command.user, command.password, command.custom_user, False)
        if (identity.user, identity.password, identity.custom_user, identity.secure) == own:
            return Sender()
        return Sender(identity.user, identity.secure, identity.password or None)

    def _remark_limits(self, request: Request) -> None:
        if len(request.body) > FAITHFUL_BODY_LIMIT:
            self._remark(f"resets the connection at a body over {FAITHFUL_BODY_LIMIT} bytes")
        elif len(request.head) > FAITHFUL_HEAD_LIMIT:
            self._remark(f"closes without a reply at a head over {FAITHFUL_HEAD_LIMIT} bytes")

    def _answer(self, request: Request, reply: Reply) -> None:
        body = _ENCODED_OK if reply is OK else encode_reply(reply)
        head = _HEAD.format(
            version=request.version,
            length=len(body),
            close="Connection: close\r\n" if "close" in request.headers.listed("Connection") else "",
        )
        self.reply(head.encode("ascii") + body, reply, fault=self.fault)

    def _refuse(
        self,
        status: int,
        why: str,
        does: str = "closes without a reply",
        *,
        request: Request | None = None,
    ) -> None:
        """Answer what is no request for an ecFlow server; faithfully, that is by silence."""
        self.request_arrived(request)
        self.journal.record(
            Decision(self.journal.now(), self.service.name, self.number, "refuse the request", why)
        )
        self._remark(f"{does} here")
        if self.preempted(request):
            return
        if self.server.faithful:
            if status == 413:
                self.reset()
            else:
                self.close()
            return
        text = f"{why}\n".encode()
        head = (
            f"HTTP/1.1 {status} {_REFUSALS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(text)}\r\n{'Allow: POST' + chr(13) + chr(10) if status == 405 else ''}"
            "Connection: close\r\n\r\n"
        )
        body = b"" if request is not None and request.method == "HEAD" else text
        self.reply(head.encode("ascii") + body, fault=self.fault)

    def _remark(self, does: str) -> None:
        self.note(f"the real {self._release} {does}")
