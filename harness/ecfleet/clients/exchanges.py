"""One request and its reply over a connection of its own: framed (plain or TLS), or HTTP and HTTPS.

Shape of the messages and what a client makes of odd ones: seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

import gzip
import http
import ssl
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ecfleet.clients.contract import SocksRoute
from ecfleet.clients.failures import AttemptFailed, Fatal
from ecfleet.clients.replies import end_of_file, invalid_argument
from ecfleet.clients.streams import Deadline, Stream, Target, TlsFailed
from ecfleet_mocks.model.token_file import Token, TokenChoice, server_url
from ecfleet_mocks.wire import BadHeader, FrameReader, NullPointer, Reply, UnexpectedEnd, WireError
from ecfleet_mocks.wire.http1 import (
    Headers,
    HttpError,
    Request,
    Response,
    ResponseReader,
    write_request,
)

if TYPE_CHECKING:
    from ecfleet.clients.behaviour import Behaviour

__all__ = [
    "Wanted",
    "accepts_status",
    "http_request",
    "over_http",
    "over_tcp",
    "read_message",
    "trust_anyone",
    "trust_only",
]

_USER_AGENT: Final = "ecfleet"
_REASONS: Final = {413: "Payload Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Entity"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exchanged: the encoded request, how messages show it, with whom and by which way."""

    payload: bytes
    shown: str
    target: Target
    route: SocksRoute | None
    deadline: Deadline
    hosts_file: str | None = None
    in_milliseconds: bool = False


def trust_only(path: str) -> ssl.SSLContext:
    """A context that trusts the certificates in the file `path`, and no others of the machine.

    As in the released clients: the names in the certificate are not compared with the host, a self-signed
    certificate is its own anchor, a leaf that a CA has signed is none, and TLS 1.2 and 1.3 are spoken. An
    empty `path` trusts nothing. Raises OSError when the file holds no certificate (ssl.SSLError is one).
    """
    context = _context()
    context.verify_mode = ssl.CERT_REQUIRED
    # Python 3.13 has both of these on in its own defaults; the first would make any leaf an anchor.
    context.verify_flags &= ~(ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags.VERIFY_X509_STRICT)
    if path:
        context.load_verify_locations(cafile=path)
    return context


def trust_anyone() -> ssl.SSLContext:
    """The context for HTTPS, which verifies nothing (seen on 5.17.0)."""
    context = _context()
    context.verify_mode = ssl.CERT_NONE
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def read_message(stream: Stream) -> bytes:
    """The payload of one framed message. What comes after it is not looked at.

    Raises `UnexpectedEnd` when the stream ends before, `BadHeader` and `TooLong` as `FrameReader` does.
    """
    reader = FrameReader()
    while (payload := reader.next()) is None:
        data = stream.receive()
        if not data:
            reader.at_eof()
            raise UnexpectedEnd("the stream ended before a reply")
        reader.feed(data)
    return payload


def over_tcp(behaviour: Behaviour, wanted: Wanted, context: ssl.SSLContext | None) -> Reply:
    """One exchange over plain TCP or, with `context`, TLS.

    Raises `AttemptFailed` when another attempt may help, `Fatal` when the client gives up at once.
    """
    where = f"request( {wanted.shown} ) on {wanted.target}"
    try:
        stream = behaviour.connect(wanted.target, wanted.route, wanted.deadline, wanted.hosts_file)
    except AttemptFailed as problem:
        text = str(problem)
        raise AttemptFailed(text if text.startswith("resolve:") else f"{text} for {where}") from None
    except TimeoutError:
        raise AttemptFailed(_too_late(wanted, where)) from None
    try:
        if context is not None:
            stream.start_tls(context)
        stream.send(behaviour.frame(wanted.payload))
        payload = behaviour.read_message(stream)
    except TlsFailed as problem:
        message = f"SslClient::handle_handshake: error({problem}) on {wanted.target} possibly non-ssl server"
        raise Fatal(f"Error: request( {wanted.shown} ) failed!  Server reply: {message}\n\n") from None
    except UnexpectedEnd:
        # A TLS server that closes without a reply counts as a connection error, a plain one does not.
        if context is not None:
            raise AttemptFailed(
                f"Client::handle_read: connection error( stream truncated ) for {where}"
            ) from None
        raise Fatal(end_of_file(wanted.shown)) from None
    except WireError as problem:
        header = f"Connection::handle_read_header: invalid header : {problem}, in client\n"
        shown = header if isinstance(problem, BadHeader) else f"{problem}\n"
        raise Fatal(invalid_argument(wanted.shown), shown) from None
    except TimeoutError:
        raise AttemptFailed(_too_late(wanted, where)) from None
    except OSError as problem:
        raise AttemptFailed(
            f"Client::handle_read: connection error( {problem.strerror or problem} ) for {where}"
        ) from None
    finally:
        stream.close()
    return _decoded(behaviour, payload, wanted.shown)


def _too_late(wanted: Wanted, where: str) -> str:
    limit = wanted.deadline.limit or 0.0
    after = f"{limit * 1000:.0f}ms" if wanted.in_milliseconds else f"{limit:g} seconds"
    return f"Client::check_deadline: timed out after {after} for {where}"


def _decoded(behaviour: Behaviour, payload: bytes, shown: str) -> Reply:
    try:
        return behaviour.decode(payload)
    except NullPointer:
        raise Fatal(
            f"ServerToClientResponse::handle_server_response: Client request {shown} failed."
            " Server replied with a NULL message\n\n"
        ) from None
    except WireError as problem:
        text = payload.decode("utf-8", errors="replace")
        raise Fatal(
            invalid_argument(shown),
            f"Connection::handle_read_data, Unable to decode data :{problem}, in client data:\n{text}\n",
        ) from None


def http_request(target: Target, body: bytes, token: Token | None) -> Request:
    """The request of an HTTP client: names, order and values of the headers as 5.17.0 sends them.

    Only the User-Agent is our own. Raises `Fatal` for a token that would add header lines of its own, which
    5.17.0 sends as it is.
    """
    headers = Headers([("Accept", "*/*")])
    authorization = token.authorization() if token is not None else None
    if authorization is not None:
        if any(char in authorization for char in "\r\n\0"):
            raise Fatal("The key in the token file holds a line end: nothing was sent\n")
        headers = headers.adding("Authorization", authorization)
    for name, value in (
        ("Connection", "close"),
        ("Content-Length", str(len(body))),
        ("Content-Type", "application/json"),
        ("Host", str(target)),
        ("User-Agent", _USER_AGENT),
    ):
        headers = headers.adding(name, value)
    return Request("POST", "/v1/ecflow", headers=headers, body=body)


def accepts_status(status: int) -> bool:
    """Only 200 carries a reply; every other status ends the call (seen on 5.17.0)."""
    return status == 200


def over_http(
    behaviour: Behaviour,
    wanted: Wanted,
    choose_token: Callable[[str], TokenChoice],
    warn: Callable[[str], None],
    *,
    secure: bool,
) -> Reply:
    """One exchange over HTTP or, with `secure`, HTTPS.

    `choose_token` is asked with the URL that patterns are matched against. Connection failures are
    final, whatever the command; only a body that cannot be decoded, or a broken pattern in the token file, is
    taken for a connection error. Raises `AttemptFailed` and `Fatal`.
    """
    choice = choose_token(server_url("https" if secure else "http", wanted.target.host, wanted.target.port))
    if choice.warning is not None:
        warn(f"{choice.warning}\n")
    if not choice.send:
        raise AttemptFailed(choice.warning or "")
    request = behaviour.http_request(wanted.target, wanted.payload, choice.token)
    try:
        response = _http_exchange(behaviour, wanted, request, secure)
    except (AttemptFailed, TlsFailed, OSError, WireError):
        message = "HttpClient::handle_server_response: Error: Could not contact server (-1)"
        if behaviour.retries_http():
            raise AttemptFailed(message) from None
        raise Fatal(f"{message}\n") from None
    if not behaviour.accepts_status(response.status):
        reason = f"{_reason(response.status)} ({response.status})"
        raise Fatal(f"HttpClient::handle_server_response: Error: {reason}\n")
    try:
        return behaviour.decode(_body(response))
    except NullPointer:
        return _decoded(behaviour, _body(response), wanted.shown)
    except (WireError, OSError, EOFError, zlib.error) as problem:
        raise AttemptFailed(str(problem)) from None


def _http_exchange(behaviour: Behaviour, wanted: Wanted, request: Request, secure: bool) -> Response:
    stream = behaviour.connect(wanted.target, wanted.route, wanted.deadline, wanted.hosts_file)
    try:
        if secure:
            stream.start_tls(behaviour.https_context(), wanted.target.host)
        stream.send(write_request(request))
        reader = ResponseReader(method=request.method)
        while True:
            data = stream.receive()
            responses = reader.feed(data) if data else reader.at_eof()
            if responses:
                return responses[0]
            if not data:
                raise HttpError("the server closed without a reply")
    finally:
        stream.close()


def _body(response: Response) -> bytes:
    coding = (response.headers.get("Content-Encoding") or "").strip().lower()
    return gzip.decompress(response.body) if coding in ("gzip", "x-gzip") else response.body


def _reason(status: int) -> str:
    """The standard reason of the code; what the server wrote there is not used."""
    try:
        return _REASONS.get(status) or http.HTTPStatus(status).phrase
    except ValueError:
        return "Internal Server Error"
