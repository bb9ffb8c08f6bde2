"""Runs of a client under test, in the journal of the services that it talks to."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ecfleet.masking import Secrets
from ecfleet_mocks.journal import Event, Journal, ReplySent, RequestReceived
from ecfleet_mocks.wire import Command, GroupCTSCmd, TaskCommand, UserCommand, WireError, decode_request
from ecfleet_mocks.wire.http1 import Request, RequestReader, Response, ResponseReader
from ecfleet_mocks.wire.socks import Credentials

if TYPE_CHECKING:
    from ecfleet.clients.contract import Call, Capability, ClientUnderTest, Outcome
    from ecfleet.sandbox import Sandbox
    from ecfleet_mocks.model.dialect import Dialect

__all__ = [
    "ClientEnded",
    "ClientStarted",
    "Witness",
    "WitnessedClient",
    "http_message",
    "mark_examples",
]

_MOST_FILES: Final = 12
_LARGEST_TOKEN_FILE: Final = 2**20


@dataclass(frozen=True, slots=True)
class ClientStarted(Event):
    """A run of a client begins; ``service`` is the client's name, ``connection`` the number of the run.

    ``action`` is what it is asked to do, ``variables`` are those of its environment that ecFlow reads, and
    ``files`` the names of those in its home and working directory (``~/.ecflowrc/ssl/server.crt``).
    """

    action: str
    variables: tuple[tuple[str, str], ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClientEnded(Event):
    """A run of a client is over, as :class:`ecfleet.clients.Outcome` has it.

    ``problem`` is the one line of the error when there is no outcome.
    """

    command: str
    exit_code: int | None
    timed_out: bool
    seconds: float
    stdout: str
    stderr: str
    problem: str = ""


class WitnessedClient:
    """A client under test each run of which is recorded; in all else the client itself."""

    def __init__(self, client: ClientUnderTest, witness: Witness) -> None:
        self._client = client
        self._witness = witness

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    @property
    def name(self) -> str:
        """Short name for reports."""
        return self._client.name

    @property
    def release(self) -> str:
        """Release it tells itself."""
        return self._client.release

    @property
    def dialect(self) -> Dialect:
        """The dialect that this release speaks."""
        return self._client.dialect

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do at all."""
        return self._client.capabilities

    def run(self, call: Call, sandbox: Sandbox, timeout: float = 30.0) -> Outcome:
        """Do `call` as the client does it; its beginning and end are put into the journal."""
        journal = self._witness.journal
        number = journal.next_connection()
        journal.record(self._witness.started(journal.now(), self.name, number, call, sandbox))
        began = journal.now()
        try:
            outcome = self._client.run(call, sandbox, timeout)
        except BaseException as error:
            now, action, problem = journal.now(), str(call.action), f"{type(error).__name__}: {error}"
            journal.record(
                ClientEnded(now, self.name, number, action, None, False, now - began, "", "", problem)
            )
            raise
        journal.record(
            ClientEnded(
                journal.now(),
                self.name,
                number,
                outcome.command,
                outcome.exit_code,
                outcome.timed_out,
                outcome.seconds,
                _shortened(outcome.stdout, sandbox),
                _shortened(outcome.stderr, sandbox),
            )
        )
        return outcome


class Witness:
    """What one test leaves behind for its evidence: the journal, and the secrets that nobody may read.

    ``since`` is the time in the journal at which the last example of a property began, 0 for other tests.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.since = 0.0
        self._secrets = Secrets()

    def example_begins(self) -> None:
        """Say that a property tries its next example now: what was before is not about it."""
        self.since = self.journal.now()

    def watch(self, client: ClientUnderTest) -> ClientUnderTest:
        """The client, each run of which goes into the journal."""
        return WitnessedClient(client, self)

    def started(self, at: float, name: str, number: int, call: Call, sandbox: Sandbox) -> ClientStarted:
        """The event for a run that begins now. Secrets that the client is given are noted."""
        environment = sandbox.environment | dict(call.environment)
        self._secrets.add_variables(environment.items())
        if call.socks is not None:
            self._secrets.add(call.socks.password)
        for path in (
            sandbox.home / ".ecflowapirc",
            sandbox.cwd / ".ecflowapirc",
            sandbox.cwd / environment.get("ECF_AUTHTOKENS", ".ecflowapirc"),
        ):
            self._secrets.add_json(_content(path))
        variables = tuple(
            sorted(
                (variable, _shortened(value, sandbox))
                for variable, value in environment.items()
                if variable.startswith(("ECF_", "NO_ECF")) or variable in call.environment
            )
        )
        files = tuple([*_files(sandbox.home, "~"), *_files(sandbox.cwd, ".")][:_MOST_FILES])
        return ClientStarted(at, name, number, str(call.action), variables, files)

    def secrets(self) -> Secrets:
        """The secrets that clients were given or services were sent, up to now."""
        for event in self.journal.events:
            if isinstance(event, RequestReceived | ReplySent):
                _note_secrets(self._secrets, http_message(event))
                _note_secrets(self._secrets, event.decoded)
        return self._secrets


def http_message(event: RequestReceived | ReplySent) -> Request | Response | None:
    """The HTTP message that a request or reply came in, or None; a service may have decoded what is in it."""
    if isinstance(event.decoded, Request | Response):
        return event.decoded
    if b" HTTP/1." not in event.raw[:4096] and not event.raw.startswith(b"HTTP/1."):
        return None
    reader = RequestReader() if isinstance(event, RequestReceived) else ResponseReader()
    try:
        found = [*reader.feed(event.raw), *reader.at_eof()]
    except WireError:
        return None
    return found[0] if found else None


def mark_examples(function: Callable[..., Any], begins: Callable[[], None]) -> Callable[[], None]:
    """Have ``begins`` called at each example of a property; what is returned undoes that.

    :param function: a test that Hypothesis has taken into its hands.
    """
    handle: Any = function.hypothesis  # type: ignore[attr-defined]
    inner = handle.inner_test
    if inspect.iscoroutinefunction(inner):

        @functools.wraps(inner)
        async def told(*arguments: Any, **named: Any) -> Any:
            begins()
            return await inner(*arguments, **named)

    else:

        @functools.wraps(inner)
        def told(*arguments: Any, **named: Any) -> Any:
            begins()
            return inner(*arguments, **named)

    handle.inner_test = told

    def undo() -> None:
        handle.inner_test = inner

    return undo


def _note_secrets(secrets: Secrets, message: object) -> None:
    match message:
        case Request() | Response():
            secrets.add_headers(message.headers)
            if isinstance(message, Request):
                try:
                    _note_secrets(secrets, decode_request(message.body))
                except WireError:
                    return
        case GroupCTSCmd():
            for command in message.commands:
                _note_secrets(secrets, command)
        case TaskCommand():
            secrets.add(message.jobs_password)
        case UserCommand():
            secrets.add(message.password)
            secrets.add(getattr(message, "zombie_password", ""))
        case Credentials():
            secrets.add(message.password)
        case Command():
            return


def _shortened(text: str, sandbox: Sandbox) -> str:
    """The text with ``~`` and ``.`` for the sandbox's directories, whose names are of no run but this."""
    for place, shown in ((sandbox.home, "~"), (sandbox.cwd, "."), (sandbox.root, "SANDBOX")):
        text = text.replace(str(place), shown)
    return text


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_TOKEN_FILE)
    except OSError:
        return b""


def _files(directory: Path, shown: str) -> Iterable[str]:
    """The names of the files in a directory and below it, in order, as many as are told."""
    found: list[str] = []
    for place, folders, names in os.walk(directory):
        folders.sort()
        below = Path(place).relative_to(directory).as_posix()
        prefix = shown if below == "." else f"{shown}/{below}"
        found += (f"{prefix}/{name}" for name in sorted(names))
        if len(found) >= _MOST_FILES:
            break
    return found
