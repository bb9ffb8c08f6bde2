"""Tries out on mocks what a client can do, to compare it with what the client says.

What counts is what the mocks saw: a client that only says that it succeeded has shown nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from ecfleet.clients.contract import (
    LOG_ACTIONS,
    TASK_ACTIONS,
    USER_ACTIONS,
    Action,
    Call,
    Capability,
    ClientUnderTest,
    ContractBroken,
    Outcome,
    SocksRoute,
    Unimplemented,
    task_environment,
)
from ecfleet.fleet import Fleet
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.journal import Journal, RequestReceived, RouteTaken
from ecfleet_mocks.model.dialect import DIALECT_5_17
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import GroupCTSCmd, TaskCommand

__all__ = ["TRANSPORTS", "Finding", "hidden", "try_action", "try_capability"]

TIME_LIMIT: Final = 10.0
"""Seconds that one trial may take; a client that waits between attempts has not shown anything by then."""

TRANSPORTS: Final = {
    Capability.TCP: Transport.TCP,
    Capability.SSL: Transport.SSL,
    Capability.HTTP: Transport.HTTP,
    Capability.HTTPS: Transport.HTTPS,
}
_HOST: Final = "127.0.0.1"
_SECRET: Final = "ecfleet-secret-probe"
_OUTPUT: Final = b"output of a job\n"
_TASK: Final = task_environment("/probe/task", _SECRET, remote_id="1") | {"ECF_DENIED": "1"}

# The first that a client has is used; those that ask the server to wait come last.
_PREFERRED: Final = (
    Action.PING,
    Action.SERVER_VERSION,
    Action.SUITES,
    Action.STATS,
    Action.LABEL,
    Action.EVENT,
    Action.METER,
    Action.INIT,
    Action.COMPLETE,
    Action.ABORT,
)
_ARGUMENTS: Final[dict[Action, tuple[str, ...]]] = {
    Action.LOAD: ("probe.def",),
    Action.BEGIN: ("probe",),
    Action.DELETE: ("/probe",),
    Action.INIT: ("1",),
    Action.EVENT: ("probe",),
    Action.METER: ("probe", "1"),
    Action.LABEL: ("probe", "text"),
    Action.WAIT: ("/probe/task == complete",),
    Action.QUEUE: ("probe", "active"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a trial showed. `said` is one line on what came of it, `refused` an explicit "unimplemented"."""

    shown: bool
    said: str
    refused: bool = False


def hidden(client: ClientUnderTest, capabilities: Collection[str]) -> list[Capability]:
    """Those of `capabilities` that a client does not claim and nevertheless has.

    Only a client that can be asked for what it does not claim is tried: a shim. What its description
    leaves out is the user's choice, and not looked at.
    """
    inner: Any = getattr(client, "inner", client)
    if not hasattr(inner, "attempt"):
        return []
    found = []
    for capability in sorted(Capability(name) for name in capabilities):
        finding = None if capability in inner.capabilities else try_capability(inner, capability)
        if finding is not None and finding.shown:
            found.append(capability)
    return found


def try_capability(
    client: ClientUnderTest, capability: Capability, having: Collection[Capability] | None = None
) -> Finding | None:
    """Let a client show a capability on mocks made for it.

    `having` are the transports that may carry another capability (default: those that it claims).
    None where there is no trial: a host file decides only after ten seconds of attempts, and what needs a
    transport cannot be tried on a client without any.
    """
    if capability is Capability.HOST_FILE:
        return None
    if capability is Capability.LOG_FETCH:
        return _fetch_log(client)
    carrier = TRANSPORTS.get(capability) or _carrier(
        capability, client.capabilities if having is None else having
    )
    if carrier is None:
        return None
    action = _choose(
        client, TASK_ACTIONS if capability is Capability.TASKS else frozenset(Action) - LOG_ACTIONS
    )
    if action is None:
        return None
    with _bench(client) as bench:
        if capability is Capability.TOKEN_FILE:
            api = {"url": "https://api.example.org/v1", "key": _SECRET, "email": "user@example.org"}
            entry = {"server": ".*", "type": "bearer", "api": api}
            bench.sandbox.put_token_file({"version": 1, "tokens": [entry]})
        call = bench.call(action, carrier)
        if capability is Capability.DISABLE_SSL:
            call = replace(call, disable_ssl=True, environment=dict(call.environment) | {"ECF_SSL": "1"})
        if capability is Capability.SOCKS:
            call = replace(call, socks=SocksRoute(*bench.fleet["socks_proxy"].address))
        return bench.trial(client, call, lambda journal: _witnessed(journal, capability, action))


def try_action(client: ClientUnderTest, action: Action, transport: Transport) -> Finding:
    """Let a client show an action over a transport: whether the command reaches a server."""
    with _bench(client) as bench:
        return bench.trial(client, bench.call(action, transport), lambda journal: _arrived(journal, action))


def _carrier(capability: Capability, having: Collection[Capability]) -> Transport | None:
    """The transport over which something else than a transport is tried."""
    if capability is Capability.DISABLE_SSL:
        return Transport.TCP if {Capability.TCP, Capability.SSL} <= set(having) else None
    if capability is Capability.TOKEN_FILE:
        return Transport.HTTP if Capability.HTTP in having else None
    claimed = (transport for able, transport in TRANSPORTS.items() if able in having)
    return next(claimed, None)


def _choose(client: ClientUnderTest, among: Collection[Action]) -> Action | None:
    has: Collection[Action] = getattr(client, "actions", tuple(Action))
    order = (*_PREFERRED, *(action for action in Action if action not in _PREFERRED))
    wanted = [action for action in order if action in among]
    # A task command may be just what the client does not claim.
    return next((action for action in wanted if action in has), wanted[0] if among == TASK_ACTIONS else None)


# --- mocks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bench:
    fleet: Fleet
    sandbox: Sandbox

    def call(self, action: Action, transport: Transport) -> Call:
        """The action, sent to the server that speaks the transport."""
        service: Any = {Transport.HTTP: "http_server", Transport.HTTPS: "reverse_proxy"}.get(
            transport, "server"
        )
        service = self.fleet[service]
        port = service.addresses[transport].port if transport in (Transport.TCP, Transport.SSL) else None
        environment = _TASK if action in TASK_ACTIONS else {}
        arguments = _ARGUMENTS.get(action, ())
        return Call(action, _HOST, port or service.address.port, transport, arguments, None, environment)

    def trial(self, client: ClientUnderTest, call: Call, witnessed: Any) -> Finding:
        """Do a call, also one that the client does not claim, and look at the journal."""
        attempt = getattr(client, "attempt", client.run)
        try:
            outcome: Outcome = attempt(call, self.sandbox, TIME_LIMIT)
        except Unimplemented as refused:
            return Finding(False, f"unimplemented ({refused})", refused=True)
        except ContractBroken as broken:
            return Finding(False, str(broken))
        # A task command may end badly, as the mock does not know the task: that it arrives is enough.
        if witnessed(self.fleet.journal) and (outcome.ok or call.action not in USER_ACTIONS):
            return Finding(True, f"shown by {call.action}")
        return Finding(False, f"{call.action} {_told(outcome)}")


@contextlib.contextmanager
def _bench(client: ClientUnderTest) -> Iterator[_Bench]:
    fleet = Fleet()
    fleet.ecflow_server("server", plain=0, tls=0, dialect=client.dialect)
    behind = fleet.ecflow_server("http_server", plain=None, http=0, dialect=DIALECT_5_17)
    fleet.reverse_proxy("reverse_proxy", upstream=behind)
    fleet.socks_proxy("socks_proxy")
    with Sandbox() as sandbox, fleet:
        for name, blob in fleet.client_files().items():
            sandbox.put_certificate(name, blob.data)
        sandbox.put_file("probe.def", "suite probe\n  task task\nendsuite\n")
        yield _Bench(fleet, sandbox)


def _fetch_log(client: ClientUnderTest) -> Finding:
    with Sandbox() as sandbox:
        file = sandbox.put_file("logs/job.1", _OUTPUT)
        fleet = Fleet()
        server = fleet.log_server(paths=[file.parent], dialect=client.dialect)
        with fleet:
            call = Call(Action.LOG_FETCH, _HOST, server.address.port, arguments=(str(file),))
            attempt = getattr(client, "attempt", client.run)
            try:
                outcome: Outcome = attempt(call, sandbox, TIME_LIMIT)
            except Unimplemented as refused:
                return Finding(False, f"unimplemented ({refused})", refused=True)
            except ContractBroken as broken:
                return Finding(False, str(broken))
            if outcome.ok and outcome.fetched == _OUTPUT:
                return Finding(True, f"shown by {call.action}")
            return Finding(False, f"{call.action} {_told(outcome)}")


def _witnessed(journal: Journal, capability: Capability, action: Action) -> bool:
    match capability:
        case Capability.SOCKS:
            return bool(journal.of(RouteTaken)) and _arrived(journal, action)
        case Capability.TOKEN_FILE:
            return any(f"Bearer {_SECRET}".encode() in event.raw for event in journal.of(RequestReceived))
    return _arrived(journal, action)


def _arrived(journal: Journal, action: Action) -> bool:
    """Whether a server got a command of the kind."""
    commands = [event.decoded for event in journal.of(RequestReceived) if event.decoded is not None]
    flat = [part for one in commands for part in (one.commands if isinstance(one, GroupCTSCmd) else (one,))]
    return any(isinstance(one, TaskCommand) == (action in TASK_ACTIONS) for one in flat)


def _told(outcome: Outcome) -> str:
    if outcome.timed_out:
        return f"did not end within {TIME_LIMIT:g} s"
    last = (outcome.stderr.strip() or outcome.stdout.strip()).splitlines()[-1:]
    ended = f"ended with status {outcome.exit_code}"
    return f"{ended}: {last[0].strip()[:160]}" if last else ended
