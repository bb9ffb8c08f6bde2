"""What every client under test has to offer: one call in, one outcome out.

An adapter turns a `Call` into whatever its program understands (options and environment, Python
calls, a line of JSON), runs it inside a `Sandbox` and answers with an `Outcome`. A page of contract
is all there is, so that an adapter for another language stays small.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from ecfleet_mocks.model.transport import Transport

if TYPE_CHECKING:
    from ecfleet.sandbox import Sandbox
    from ecfleet_mocks.model.dialect import Dialect


class Action(StrEnum):
    """What a client is asked to do. `Call.arguments` holds what each one takes, in this order.

    User commands::

        PING, SERVER_VERSION, STATS, SUITES       nothing
        LOAD                                      path of a definition file, ["force"]
        GET, GET_STATE                            [path of a node]
        BEGIN                                     [name of a suite], ["force"]
        DELETE                                    ["force"], paths of nodes, or "_all_"

    Task commands (child commands); the task is told by the environment, see `task_environment`::

        INIT      remote id, ["NAME=VALUE", ...]      ABORT     [reason]
        COMPLETE  [names of variables to remove]      WAIT      expression
        EVENT     name, ["set" | "clear"]             QUEUE     name, action, [step], [path]
        METER     name, value                         LABEL     name, text, ...

    Log server (`Call.host` and `Call.port` are the log server's)::

        LOG_VERSION   nothing
        LOG_FETCH     path of a file: asks the version, then for the file, as ecflow_ui does
        LOG_LIST      path of a file in the directory to list
    """

    PING = "ping"
    SERVER_VERSION = "server_version"
    STATS = "stats"
    SUITES = "suites"
    LOAD = "load"
    GET = "get"
    GET_STATE = "get_state"
    BEGIN = "begin"
    DELETE = "delete"
    INIT = "init"
    COMPLETE = "complete"
    ABORT = "abort"
    EVENT = "event"
    METER = "meter"
    LABEL = "label"
    WAIT = "wait"
    QUEUE = "queue"
    LOG_VERSION = "log_version"
    LOG_FETCH = "log_fetch"
    LOG_LIST = "log_list"


TASK_ACTIONS = frozenset(
    {
        Action.INIT,
        Action.COMPLETE,
        Action.ABORT,
        Action.EVENT,
        Action.METER,
        Action.LABEL,
        Action.WAIT,
        Action.QUEUE,
    }
)
LOG_ACTIONS = frozenset({Action.LOG_VERSION, Action.LOG_FETCH, Action.LOG_LIST})
USER_ACTIONS = frozenset(Action) - TASK_ACTIONS - LOG_ACTIONS


class Capability(StrEnum):
    """What a client can do at all. A rule that needs more is not applicable to it."""

    TCP = "tcp"
    SSL = "ssl"
    HTTP = "http"
    HTTPS = "https"
    DISABLE_SSL = "disable-ssl"
    TOKEN_FILE = "token-file"
    SOCKS = "socks"
    TASKS = "tasks"
    LOG_FETCH = "log-fetch"
    HOST_FILE = "host-file"


@dataclass(frozen=True, slots=True)
class SocksRoute:
    """The SOCKS proxy that a call goes through. Names are sent to it unresolved (4a, or 5).

    A user name without a password is the SOCKS4 user id; with both, SOCKS5 offers them
    (RFC 1929).
    """

    host: str
    port: int
    version: int = 5
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """One thing for a client to do.

    `host` and `port` are told to the client by its options; None means that it must find them in
    its environment (ECF_HOST, ECF_PORT, ECF_HOSTFILE). `transport` is asked for by option as well
    (`--ssl`, `--http`, `--https`, `Client.enable_ssl()`); TCP asks for nothing, so that ECF_SSL in
    the environment decides. `environment` comes on top of the sandbox's, for this call only.
    `disable_ssl` takes TLS back after the environment has had its say (`Client.disable_ssl()`). `user` and
    `password` are told by option (`--user`, `--password`), where the client has those.
    """

    action: Action
    host: str | None = "localhost"
    port: int | None = None
    transport: Transport = Transport.TCP
    arguments: tuple[str, ...] = ()
    socks: SocksRoute | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    disable_ssl: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call.

    `exit_code` is None when the time limit ended the call (`timed_out`), and negative when a signal
    ended the program. `stdout` and `stderr` are UTF-8; bytes that are not survive as surrogates.
    `fetched` holds the bytes of a file got from a log server, None for every other action.
    `seconds` is wall time, `command` what to print so that a reader can repeat the call.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float
    command: str
    timed_out: bool = False
    fetched: bytes | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the client says that the call succeeded: it ended by itself with status 0."""
        return self.exit_code == 0


class ClientError(RuntimeError):
    """A client cannot be used as asked; the message is one line that says what to do."""


class ClientNotFound(ClientError):
    """No such client under test on this machine."""


class Unimplemented(ClientError):
    """The call needs a capability that this client does not have."""


class ContractBroken(ClientError, AssertionError):
    """The client did not keep to what it promised its adapter: it crashed, answered nonsense, or cannot do
    what it says it can. Being an AssertionError, it fails the rule in whose test it happens.
    """


TIME_LIMIT: Final = 30.0
"""Seconds that a call may take unless its rule says otherwise."""


class ClientUnderTest(Protocol):
    """A client as the harness sees it. `run` blocks, and may be called from several threads."""

    @property
    def name(self) -> str:
        """Short name for reports, "builtin" or "ecflow_client"."""

    @property
    def release(self) -> str:
        """Release it tells itself, "5.9.2"."""

    @property
    def dialect(self) -> Dialect:
        """The dialect that this release speaks."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do at all."""

    def run(self, call: Call, sandbox: Sandbox, timeout: float = TIME_LIMIT) -> Outcome:
        """Do `call` inside `sandbox`, within `timeout` seconds.

        Whatever the client does wrong is in the outcome. Raises `Unimplemented` when the call
        needs a capability or an action that it does not claim, `ContractBroken` when it breaks the
        contract of its adapter, `ClientError` when it cannot be started.
        """


def capabilities_needed(call: Call) -> frozenset[Capability]:
    """The capabilities without which a client cannot do `call`."""
    needed: set[Capability] = set()
    if call.action in LOG_ACTIONS:
        needed.add(Capability.LOG_FETCH)
    else:
        needed.add(Capability(call.transport.value))
    if call.action in TASK_ACTIONS:
        needed.add(Capability.TASKS)
    if call.socks is not None:
        needed.add(Capability.SOCKS)
    if call.disable_ssl:
        needed.add(Capability.DISABLE_SSL)
    return frozenset(needed)


def refuse_unable(client: ClientUnderTest, call: Call, actions: Collection[Action] = tuple(Action)) -> None:
    """Raise `Unimplemented`, naming what is missing, when `client` cannot do `call`.

    `actions` are those that it claims, for a client that has not all of its capabilities' actions.
    """
    missing = capabilities_needed(call) - client.capabilities
    if missing:
        raise Unimplemented(
            f"{client.name} {client.release} cannot do {call.action}: it lacks {', '.join(sorted(missing))}"
        )
    if (call.user, call.password) != (None, None) and not getattr(client, "has_user_options", False):
        raise Unimplemented(f"{client.name} {client.release} takes no user name and password by option")
    if call.action not in actions:
        raise Unimplemented(f"{client.name} {client.release} does not claim to do {call.action}")


def close_client(client: ClientUnderTest) -> None:
    """End what a client keeps running between calls; one without anything of the kind is left as it is."""
    close = getattr(client, "close", None)
    if close is not None:
        close()


def task_environment(path: str, password: str, *, remote_id: str = "", try_number: int = 1) -> dict[str, str]:
    """The variables that tell a task command which task speaks.

    ECF_NAME, ECF_PASS, ECF_TRYNO and, unless `remote_id` is empty, ECF_RID ("How to use ecFlow with
    HTTP/HTTPS", the example of a task script). Leave one out of the result to leave it unset.
    """
    variables = {"ECF_NAME": path, "ECF_PASS": password, "ECF_TRYNO": str(try_number)}
    if remote_id:
        variables["ECF_RID"] = remote_id
    return variables
