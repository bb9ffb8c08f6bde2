"""Log servers, and clients of theirs, that break one rule each."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ecfleet import Mutant
from ecfleet.clients import Behaviour
from ecfleet.clients.failures import Fatal
from ecfleet.clients.streams import Stream
from ecfleet.services import Answer, Corrupt, LogConnection, LogServer, ServedFiles, Truncate
from ecfleet.wire import logserver

LogAction = logserver.LogAction
LogRequest = logserver.LogRequest

# --- log servers ------------------------------------------------------------------------------------------


class EndsTheLine(LogServer):
    """Sends a line end behind its version."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.faults.when(
            lambda request: request is not None and request.action == LogAction.VERSION, Answer(b"2\n")
        )


class CutsGet(LogServer):
    """Sends no more than 64 KiB for get."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.faults.when(
            lambda request: request is not None and request.action == LogAction.GET, Truncate(65536)
        )


class TellsAnotherTime(LogServer):
    """Has a wrong digit in the modification time that getf tells."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.faults.when(
            lambda request: request is not None and request.action == LogAction.GETF, Corrupt(2, b"-")
        )


class _Rewrites(LogConnection):
    """Takes one request for another."""

    pattern = rb""
    replacement = rb""
    held = b""

    def received(self, data: bytes) -> None:
        self.held += data
        if b"\n" in self.held:
            line, self.held = re.sub(self.pattern, self.replacement, self.held, count=1), b""
            super().received(line)


class _DeltaIsGetf(_Rewrites):
    pattern, replacement = rb"^delta +\S+ +\S+ +\S+ ", rb"getf "


class HasNoIncrements(LogServer):
    """Answers delta as it does getf."""

    def new_connection(self) -> LogConnection:
        return _DeltaIsGetf(self)


class _NoMtime(_Rewrites):
    pattern, replacement = rb"^(delta +\S+ +)\S+( +\S+ )", rb"\g<1>0\g<2>"


class ForgetsTheTime(LogServer):
    """Does not look at the modification time that delta tells."""

    def new_connection(self) -> LogConnection:
        return _NoMtime(self)


class _BareNames(ServedFiles):
    def rows(self, asked: str) -> list[logserver.ListRow]:
        return [replace(row, path=row.path.rpartition("/")[2]) for row in super().rows(asked)]


class ListsBareNames(LogServer):
    """Lists the names of files without their directory."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.files = _BareNames(self.files.directories, self.files.logmap, kind=self.files.kind)


class SaysWhatIsWrong(LogServer):
    """Has words for requests that it does not know."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        known = set(LogAction)
        self.faults.when(
            lambda request: request is not None and request.action not in known, Answer(b"unknown request\n")
        )


class TrustsPaths(LogServer):
    """Looks at paths as texts only, as the released log servers do."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.files.faithful = True


class _OnePacket(LogConnection):
    def received(self, data: bytes) -> None:
        if b"\n" in data:
            super().received(data)
        else:
            self.close()


class WantsOnePacket(LogServer):
    """Takes a request only when it comes in one piece."""

    def new_connection(self) -> LogConnection:
        return _OnePacket(self)


class _ClosesAtOnce(LogConnection):
    def finish(self) -> None:
        self.close()


class ClosesAtOnce(LogServer):
    """Closes with bytes of the client still unread, as the released log servers do."""

    def new_connection(self) -> LogConnection:
        return _ClosesAtOnce(self)


class ShortestPrefix(LogServer):
    """Takes the shortest prefix of the map that fits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        pairs = self.files.logmap
        self.files.logmap = tuple(
            (prefix, place)
            for prefix, place in pairs
            if not any(prefix.startswith(f"{other}/") for other, _ in pairs)
        )


# --- clients ----------------------------------------------------------------------------------------------


def reads_once(stream: Stream) -> bytes:
    return stream.receive()


def wants_the_header_first(stream: Stream) -> bytes:
    first = stream.receive()
    if first[:2] == b"0:" and first.count(b":") < 3:
        return first
    if first == b"0":
        return first
    parts = [first]
    while data := stream.receive():
        parts.append(data)
    return b"".join(parts)


def ends_at_nul(action: LogAction, answer: bytes) -> bytes:
    return Behaviour().file_of(action, answer).partition(b"\0")[0]


def wants_content(action: LogAction, answer: bytes) -> bytes:
    content = Behaviour().file_of(action, answer)
    if not content:
        raise Fatal("log server: transfer failed\n")
    return content


def takes_nothing_for_empty(stream: Stream) -> bytes:
    return Behaviour().read_log(stream) or b"0:::"


def always_getf(version: str) -> LogAction:
    return LogAction.GETF


def squeezes_blanks(action: LogAction, path: str) -> bytes:
    return Behaviour().log_request(action, " ".join(path.split()))


def takes_what_came(stream: Stream) -> bytes:
    parts = []
    try:
        while data := stream.receive():
            parts.append(data)
    except OSError:
        if not parts:
            raise
    return b"".join(parts)


MUTANTS = [
    Mutant(
        id="LOG-01.ends-the-line",
        rule="LOG-01",
        sentence="It sends a line end behind its version.",
        classes={"LogServer": EndsTheLine},
        trips=frozenset({"LOG-12", "LOG-13"}),
        reason="a client may take it for another version and ask by plain get, which knows neither",
    ),
    Mutant(
        id="LOG-02.cuts-get",
        rule="LOG-02",
        sentence="It sends no more than 64 KiB for get.",
        classes={"LogServer": CutsGet},
    ),
    Mutant(
        id="LOG-03.tells-another-time",
        rule="LOG-03",
        sentence="It has a wrong digit in the modification time that getf tells.",
        classes={"LogServer": TellsAnotherTime},
    ),
    Mutant(
        id="LOG-04.has-no-increments",
        rule="LOG-04",
        sentence="It answers delta as it does getf.",
        classes={"LogServer": HasNoIncrements},
    ),
    Mutant(
        id="LOG-04.forgets-the-time",
        rule="LOG-04",
        sentence="It does not look at the modification time that delta tells.",
        classes={"LogServer": ForgetsTheTime},
    ),
    Mutant(
        id="LOG-05.lists-bare-names",
        rule="LOG-05",
        sentence="It lists names without their directory.",
        classes={"LogServer": ListsBareNames},
    ),
    Mutant(
        id="LOG-06.says-what-is-wrong",
        rule="LOG-06",
        sentence="It has words for requests that it does not know.",
        classes={"LogServer": SaysWhatIsWrong},
    ),
    Mutant(
        id="LOG-07.trusts-paths",
        rule="LOG-07",
        sentence="It judges paths by their text and serves what they lead to.",
        classes={"LogServer": TrustsPaths},
        trips=frozenset({"LOG-09"}),
        reason="the released log servers take prefixes of the map as texts too, the first that fits",
    ),
    Mutant(
        id="LOG-08.wants-one-packet",
        rule="LOG-08",
        sentence="It takes a request only when it comes in one piece.",
        classes={"LogServer": WantsOnePacket},
    ),
    Mutant(
        id="LOG-08.closes-at-once",
        rule="LOG-08",
        sentence="It closes with bytes of the client still unread.",
        classes={"LogServer": ClosesAtOnce},
    ),
    Mutant(
        id="LOG-09.shortest-prefix",
        rule="LOG-09",
        sentence="It takes the shortest prefix of the map that fits.",
        classes={"LogServer": ShortestPrefix},
    ),
    Mutant(
        id="LOG-10.reads-once",
        rule="LOG-10",
        sentence="It takes what one read gives for the whole answer.",
        behaviour={"read_log": reads_once},
        trips=frozenset({"LOG-11", "LOG-16"}),
        reason="neither the rest of a header nor a reset is noticed without reading on",
    ),
    Mutant(
        id="LOG-11.wants-the-header-first",
        rule="LOG-11",
        sentence="It wants the whole header in its first read.",
        behaviour={"read_log": wants_the_header_first},
    ),
    Mutant(
        id="LOG-12.ends-at-nul",
        rule="LOG-12",
        sentence="It takes a NUL for the end of the file.",
        behaviour={"file_of": ends_at_nul},
    ),
    Mutant(
        id="LOG-13.wants-content",
        rule="LOG-13",
        sentence="It takes an empty file for a transfer that failed.",
        behaviour={"file_of": wants_content},
    ),
    Mutant(
        id="LOG-13.takes-nothing-for-empty",
        rule="LOG-13",
        sentence="It takes a close without a byte for an empty file.",
        behaviour={"read_log": takes_nothing_for_empty},
    ),
    Mutant(
        id="LOG-14.always-getf",
        rule="LOG-14",
        sentence="It asks with getf whatever the version is.",
        behaviour={"log_action": always_getf},
    ),
    Mutant(
        id="LOG-15.squeezes-blanks",
        rule="LOG-15",
        sentence="It makes one blank of several in a path.",
        behaviour={"log_request": squeezes_blanks},
    ),
    Mutant(
        id="LOG-16.takes-what-came",
        rule="LOG-16",
        sentence="It takes what came before a reset for the file.",
        behaviour={"read_log": takes_what_came},
    ),
]
