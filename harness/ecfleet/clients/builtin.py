"""The built-in client: ecFlow's client in pure Python, so that everything runs with nothing else installed.

It does what the released clients were seen to do, in the dialect that it is given. Two things differ on
purpose: pauses between attempts are short, so that a check takes seconds, and a token whose header would
hold a line end is refused.
"""

from __future__ import annotations

import os
import shlex
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ecfleet.clients.behaviour import Behaviour
from ecfleet.clients.contract import (
    LOG_ACTIONS,
    TASK_ACTIONS,
    Action,
    Call,
    Capability,
    Outcome,
    refuse_unable,
)
from ecfleet.clients.exchanges import Wanted, over_http, over_tcp
from ecfleet.clients.failures import AttemptFailed, Fatal, TimeIsUp
from ecfleet.clients.log_server import ask_log_server
from ecfleet.clients.replies import Next, error_of
from ecfleet.clients.requests import Asked, argument_error, login_name, make_command
from ecfleet.clients.streams import Deadline, Target
from ecfleet.clients.surroundings import attempt_limit, tls_settings
from ecfleet.clients.user_identity import as_sent_by, refuse_custom_user
from ecfleet_mocks.model.certificates import Selection
from ecfleet_mocks.model.dialect import DIALECT_5_17, Dialect
from ecfleet_mocks.model.token_file import TokenChoice, TokenSettings
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import Command, Reply

if TYPE_CHECKING:
    from ecfleet.sandbox import Sandbox

__all__ = ["BuiltinClient"]

_ATTEMPTS: Final = 2
"""Attempts at a host before the next host, or the end (seen on 5.9.2 and 5.17.0)."""
_WAITING: Final = {
    Next.HALTED: "blocking : server is HALTED, continue waiting",
    Next.ZOMBIE: "blocking : zombie detected, continue waiting",
    Next.WAIT: "WAITING on home server, continue waiting",
}


class BuiltinClient:
    """A client under test, in this process.

    `behaviour` holds what it does as replaceable functions. `retry_seconds` is the pause between two
    attempts (the released clients: 1 for ping, else 10), `blocked_seconds` that before a blocked command asks
    again (the released clients: 10). `clock` and `sleep` serve ECF_TIMEOUT and those pauses; the limit
    of `run` goes by the machine's own clock.
    """

    has_user_options = True

    def __init__(
        self,
        dialect: Dialect = DIALECT_5_17,
        behaviour: Behaviour | None = None,
        *,
        name: str = "builtin",
        retry_seconds: float = 0.05,
        blocked_seconds: float = 0.05,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.behaviour = Behaviour() if behaviour is None else behaviour
        self.retry_seconds = retry_seconds
        self.blocked_seconds = blocked_seconds
        self.clock = clock
        self.sleep = sleep

    @property
    def release(self) -> str:
        """The release whose dialect it speaks."""
        return self.dialect.version

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Everything, save what its dialect's release does not know."""
        lacking: set[Capability] = set()
        if not self.dialect.http:
            lacking |= {Capability.HTTP, Capability.HTTPS}
        if not self.dialect.token_file:
            lacking.add(Capability.TOKEN_FILE)
        return frozenset(Capability) - lacking

    def run(self, call: Call, sandbox: Sandbox, timeout: float = 30.0) -> Outcome:
        """Do `call`. Its limit in seconds holds for each wait on a socket and each pause."""
        refuse_unable(self, call)
        started = time.monotonic()
        run = _Run(self, call, sandbox, started + timeout)
        succeeded, timed_out = False, False
        try:
            run.everything()
            succeeded = True
        except Fatal as failure:
            run.out.append(failure.stdout)
            run.err.append(failure.stderr)
        except TimeIsUp:
            timed_out = True
        return Outcome(
            exit_code=None if timed_out else self.behaviour.exit_code(succeeded),
            stdout="".join(run.out),
            stderr="".join(run.err),
            seconds=time.monotonic() - started,
            command=_shown(self.name, call),
            timed_out=timed_out,
            fetched=run.fetched if succeeded else None,
        )


@dataclass(slots=True)
class _Tries:
    """How often a host was tried, and since when the command goes on."""

    hosts: tuple[Target, ...]
    since: float
    at: int = 0
    here: int = 0
    total: int = 0

    @property
    def host(self) -> Target:
        return self.hosts[self.at]


@dataclass(slots=True)
class _Run:
    """One call: what it has printed so far, and its steps."""

    client: BuiltinClient
    call: Call
    sandbox: Sandbox
    ends: float
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    fetched: bytes | None = None
    environment: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = self.sandbox.environment | dict(self.call.environment)

    @property
    def behaviour(self) -> Behaviour:
        return self.client.behaviour

    @property
    def is_task(self) -> bool:
        return self.call.action in TASK_ACTIONS

    # --- the call as a whole ---

    def everything(self) -> None:
        """Do the call. Raises `Fatal` when it fails, `TimeIsUp` when the harness's time is up."""
        if self.call.action in LOG_ACTIONS:
            text, self.fetched = ask_log_server(self.behaviour, self.call, self.environment, self.ends)
            self.out.append(text)
            return
        early = self.client.dialect.ssl_environment_before_options
        # 5.9 resolves ECF_SSL before anything else, so that even NO_ECF needs the certificate then.
        selection = self.certificate() if early else None
        if self.behaviour.wants_no_contact(self.environment):
            self.out.append("NO_ECF\n")
            return
        if selection is None:
            selection = self.certificate()
        asked = make_command(
            self.call,
            host=self.sandbox.host_name,
            user=login_name(),
            identity=self.behaviour.task_identity(self.environment),
            directory=self.sandbox.cwd,
            definition_to_send=self.behaviour.definition_to_send,
            version=self.client.dialect.version,
        )
        self.until_answered(asked, selection)

    def certificate(self) -> Selection:
        settings = tls_settings(self.call, self.environment, self.sandbox.host_name)
        selection = self.behaviour.select_certificate(self.client.dialect, settings, self.exists)
        if selection.problem is not None:
            text = selection.problem.text
            raise argument_error(text) if selection.problem.while_parsing else Fatal(f"{text}\n")
        return selection

    def exists(self, path: str) -> bool:
        return os.path.exists(self.sandbox.cwd / path)

    def read(self, path: str) -> bytes | None:
        try:
            return (self.sandbox.cwd / path).read_bytes()
        except OSError:
            return None

    # --- attempts ---

    def until_answered(self, asked: Asked, selection: Selection) -> None:
        hosts = self.behaviour.hosts_to_try(
            self.client.dialect, self.call, self.environment, self.is_task, self.sandbox.cwd
        )
        tries = _Tries(hosts, since=self.client.clock())
        while True:
            tries.here += 1
            tries.total += 1
            started = time.monotonic()
            try:
                reply = self.exchange(asked, tries, selection)
            except AttemptFailed as problem:
                if self.call.action is not Action.PING:
                    self.say(self.err, f"ClientInvoker: Connection error: ({problem})")
                self.after_failure(asked, tries)
                continue
            step = self.behaviour.next_step(reply)
            if step is Next.FAILED:
                raise Fatal(error_of(reply, asked.shown), self.behaviour.printed(reply))
            if step is Next.SUCCEEDED:
                if self.call.action is Action.PING:
                    self.out.append(_ping_line(tries.host, time.monotonic() - started))
                self.out.append(self.behaviour.printed(reply))
                return
            self.after_block(asked, tries, step)

    def exchange(self, asked: Asked, tries: _Tries, selection: Selection) -> Reply:
        limit = attempt_limit(self.call.action, self.is_task, self.environment)
        transport = self.behaviour.chosen_transport(
            self.call, self.environment, selection.tls, self.client.dialect
        )
        over_web = transport in (Transport.HTTP, Transport.HTTPS)
        wanted = Wanted(
            payload=self.behaviour.encode(self.identified(asked.command, tries.host)),
            shown=asked.shown,
            target=tries.host,
            route=self.call.socks,
            # ECF_CONNECT_TIMEOUT and the limits of the commands are without effect over HTTP.
            deadline=Deadline(self.ends, 120.0 if over_web else limit),
            hosts_file=self.environment.get("NSS_WRAPPER_HOSTS"),
            in_milliseconds=self.client.dialect.deadline_in_milliseconds,
        )
        if over_web:
            secure = transport is Transport.HTTPS
            return over_http(self.behaviour, wanted, self.token, self.err.append, secure=secure)
        context = self.trust(selection, tries.total) if transport is Transport.SSL else None
        return over_tcp(self.behaviour, wanted, context)

    def identified(self, command: Command, target: Target) -> Command:
        """The command with its user's name and password, which may be another for each server."""
        if self.is_task:
            return command
        identity = self.behaviour.user_identity(
            self.client.dialect,
            self.call,
            self.environment,
            target,
            login=login_name(),
            own_host=self.sandbox.host_name,
            read=self.read,
        )
        refuse_custom_user(identity)
        return as_sent_by(command, identity)

    def trust(self, selection: Selection, attempt: int) -> ssl.SSLContext:
        """The context for TLS. A file that holds no certificate fails the first attempt only; the next one
        goes on with nothing to trust (seen on 5.9.2 and 5.17.0)."""
        path = str(self.sandbox.cwd / selection.path) if selection.path else ""
        try:
            return self.behaviour.trust_only(path)
        except OSError as problem:
            if attempt == 1:
                reason = getattr(problem, "reason", None) or problem.strerror or str(problem)
                raise AttemptFailed(f"load_verify_file: {str(reason).replace('_', ' ').lower()}") from None
            return self.behaviour.trust_only("")

    def token(self, url: str) -> TokenChoice:
        settings = TokenSettings(
            directory=str(self.sandbox.cwd),
            home=self.environment.get("HOME"),
            ecf_authtokens=self.environment.get("ECF_AUTHTOKENS"),
        )
        places = self.behaviour.token_places(self.client.dialect)
        return self.behaviour.find_token(places, settings, url, exists=self.exists, read=self.read)

    def after_failure(self, asked: Asked, tries: _Tries) -> None:
        """Pause, go on to the next host, or give up: after an attempt that found no server."""
        patience = self.behaviour.patience(self.environment)
        if self.is_task:
            if patience.denied and tries.total >= _ATTEMPTS:
                raise self.gave_up(asked, tries, "ECF_DENIED , ")
            if self.client.clock() - tries.since >= patience.timeout:
                raise self.gave_up(asked, tries, f"timed out after {patience.timeout:g} seconds, ")
        if tries.here < _ATTEMPTS:
            self.pause(self.client.retry_seconds)
            return
        last_round = tries.at == len(tries.hosts) - 1
        if not self.is_task and last_round:
            raise self.gave_up(asked, tries, "")
        before = tries.host
        tries.at = (tries.at + 1) % len(tries.hosts)
        tries.here = 0
        self.say(
            self.out, f"ClientInvoker: {asked.shown} current host({before}) trying next host({tries.host})"
        )
        if last_round:
            self.pause(self.client.retry_seconds)

    def after_block(self, asked: Asked, tries: _Tries, step: Next) -> None:
        """Pause before the server is asked again, or give up: after a reply that blocks."""
        patience = self.behaviour.patience(self.environment)
        if step is Next.WAIT:
            if self.is_task:
                self.say(self.out, f"ClientInvoker: {asked.shown} : {tries.host} : {_WAITING[step]}")
        else:
            if tries.total >= _ATTEMPTS and (patience.denied or not self.is_task):
                raise self.gave_up(asked, tries, "ECF_DENIED , " if self.is_task else "")
            limit = patience.zombie_timeout if step is Next.ZOMBIE else patience.timeout
            if self.is_task and self.client.clock() - tries.since >= limit:
                raise self.gave_up(asked, tries, f"timed out after {limit:g} seconds, ")
            self.say(self.out, f"ClientInvoker: {asked.shown} : {tries.host} : {_WAITING[step]}")
        self.pause(self.client.blocked_seconds)

    def gave_up(self, asked: Asked, tries: _Tries, why: str) -> Fatal:
        separator = " " if why else ", "
        text = (
            f"[{_now()}] Request( {asked.shown} ){separator}{why}Failed to connect to {tries.host}."
            f" After {tries.total} attempts. Is the server running ?\n\n"
        )
        return Fatal(text)

    def pause(self, seconds: float) -> None:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeIsUp
        self.client.sleep(min(seconds, left))

    def say(self, where: list[str], text: str) -> None:
        where.append(f"[{_now()}] {text}\n")


def _now() -> str:
    now = datetime.now()
    return f"{now:%H:%M:%S} {now.day}.{now.month}.{now.year}"


def _ping_line(target: Target, seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    clock = f"{hours:02}:{rest // 60:02}:{rest % 60:02}.{int(seconds % 1 * 1e6):06}"
    return f"ping server({target}) succeeded in {clock}  ~{int(seconds * 1000)} milliseconds\n"


def _shown(name: str, call: Call) -> str:
    """The call as one line. The values of variables are left out, because some are passwords."""
    words = [name, str(call.action), *call.arguments]
    if call.transport is not Transport.TCP:
        words.append(f"--{call.transport}")
    if call.host is not None:
        words.append(f"--host={call.host}")
    if call.port is not None:
        words.append(f"--port={call.port}")
    if call.socks is not None:
        words.append(f"--socks{call.socks.version}={call.socks.host}:{call.socks.port}")
    return shlex.join(words)
