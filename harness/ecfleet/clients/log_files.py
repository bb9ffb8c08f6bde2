"""The log server's messages as ecflow_ui uses them.

The UI asks once for the version, then `getf` where the answer is 2 and plain `get` otherwise; the end of an
answer is the server's close (read in source of 5.17).
"""

from __future__ import annotations

from ecfleet.clients.failures import Fatal
from ecfleet.clients.streams import Stream
from ecfleet_mocks.wire import WireError
from ecfleet_mocks.wire.logserver import LogAction, LogRequest, decode_file_reply, encode_log_request

__all__ = ["file_of", "log_action", "log_request", "read_to_end", "version_of"]


def log_request(action: LogAction, path: str = "") -> bytes:
    """The bytes of a request, spelled as the UI does. Raises `LogServerError` for a path that holds an LF."""
    return encode_log_request(LogRequest(action, path), as_ui=True)


def log_action(version: str) -> LogAction:
    """How a file is asked for, once the server has told its version."""
    return LogAction.GETF if version == "2" else LogAction.GET


def read_to_end(stream: Stream) -> bytes:
    """All that the server sends until it closes. Raises OSError for a reset: what came is no whole answer."""
    parts: list[bytes] = []
    while data := stream.receive():
        parts.append(data)
    return b"".join(parts)


def version_of(answer: bytes) -> str:
    """The version told; the UI takes at most 63 bytes for one."""
    return answer.decode("utf-8", errors="replace") if len(answer) < 64 else ""


def file_of(action: LogAction, answer: bytes) -> bytes:
    """The bytes of the file in the answer to `get` or `getf`.

    A log server answers every error by closing without a byte, so nothing is a failure, as it is for the
    UI; an empty file got by `get` cannot be told from an error. Raises `Fatal`.
    """
    if action is not LogAction.GETF:
        return answer
    try:
        return decode_file_reply(answer)[1]
    except WireError as problem:
        raise Fatal(f"log server: {problem}\n") from None
