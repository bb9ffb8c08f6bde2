"""What a client finds in its environment and on its command line, before it connects.

Names and meaning of the variables: "How to use ecFlow with HTTP/HTTPS" for the task's, `ecflow_client
--help` for the others; values, limits and precedence were seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecfleet.clients.contract import Action, Call
from ecfleet.clients.streams import Target
from ecfleet_mocks.model.certificates import TlsSettings, dialled
from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.model.transport import Transport

__all__ = [
    "Patience",
    "TaskIdentity",
    "attempt_limit",
    "chosen_transport",
    "hosts_to_try",
    "patience",
    "task_identity",
    "tls_settings",
    "wants_no_contact",
]

DAY: Final = 24 * 3600
_LIMITS: Final = {
    Action.PING: 10.0,
    Action.BEGIN: 80.0,
    Action.LOAD: 600.0,
    Action.GET: 600.0,
    Action.GET_STATE: 600.0,
}
"""Seconds for one attempt (read in source; the effect of ECF_CONNECT_TIMEOUT was seen)."""


@dataclass(frozen=True, slots=True)
class TaskIdentity:
    """Which task speaks: ECF_NAME, ECF_PASS, ECF_RID, ECF_TRYNO."""

    path: str
    password: str
    remote_id: str
    try_number: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a task command goes on, in seconds: with a server that is away or halted (ECF_TIMEOUT), and
    as a zombie (ECF_ZOMBIE_TIMEOUT). `denied`: two attempts are enough (ECF_DENIED).
    """

    timeout: float
    zombie_timeout: float
    denied: bool


def wants_no_contact(environment: Mapping[str, str]) -> bool:
    """Whether NO_ECF is there, with whatever value (seen on 5.9.2 and 5.17.0: NO_ECF=0 counts)."""
    return "NO_ECF" in environment


def task_identity(environment: Mapping[str, str]) -> TaskIdentity:
    """The task as its environment tells it; what is missing is an empty text, the try number 1."""
    number = environment.get("ECF_TRYNO", "")
    return TaskIdentity(
        path=environment.get("ECF_NAME", ""),
        password=environment.get("ECF_PASS", ""),
        remote_id=environment.get("ECF_RID", ""),
        try_number=int(number) if number.isascii() and number.isdigit() else 1,
    )


def patience(environment: Mapping[str, str]) -> Patience:
    """Limits of a task command: 24 hours and 12 hours unless told otherwise, never less than a minute."""

    def seconds(name: str, default: int) -> float:
        text = environment.get(name, "")
        return float(min(max(int(text), 60), DAY)) if text.isascii() and text.isdigit() else float(default)

    return Patience(
        timeout=seconds("ECF_TIMEOUT", DAY),
        zombie_timeout=seconds("ECF_ZOMBIE_TIMEOUT", DAY // 2),
        denied="ECF_DENIED" in environment,
    )


def attempt_limit(action: Action, is_task: bool, environment: Mapping[str, str]) -> float:
    """Seconds for one attempt; ECF_CONNECT_TIMEOUT, unless it is 0, replaces what the command has."""
    told = environment.get("ECF_CONNECT_TIMEOUT", "")
    if told.isascii() and told.isdigit() and int(told) > 0:
        return float(told)
    return 190.0 if is_task else _LIMITS.get(action, 60.0)


def tls_settings(call: Call, environment: Mapping[str, str], own_host: str) -> TlsSettings:
    """All that decides about certificates."""
    return TlsSettings(
        own_host=own_host,
        home=environment.get("HOME"),
        ecf_ssl=environment.get("ECF_SSL"),
        ecf_ssl_dir=environment.get("ECF_SSL_DIR"),
        ssl_option=call.transport is Transport.SSL,
        ecf_host=environment.get("ECF_HOST"),
        ecf_port=environment.get("ECF_PORT"),
        host_option=call.host,
        port_option=None if call.port is None else str(call.port),
    )


def chosen_transport(call: Call, environment: Mapping[str, str], tls: bool, dialect: Dialect) -> Transport:
    """What is spoken. TLS wins over HTTP, however either was asked for.

    ECF_HOST_PROTOCOL counts in upper case; it can ask for HTTP and HTTPS only, SSL in it is without effect
    (seen on 5.17.0). `Client.disable_ssl()` takes TLS back, even with ECF_SSL set (seen on 5.9.2).
    """
    if tls and not call.disable_ssl:
        return Transport.SSL
    if call.transport in (Transport.HTTP, Transport.HTTPS):
        return call.transport
    if dialect.http:
        asked = {"HTTP": Transport.HTTP, "HTTPS": Transport.HTTPS}
        return asked.get(environment.get("ECF_HOST_PROTOCOL", ""), Transport.TCP)
    return Transport.TCP


def hosts_to_try(
    dialect: Dialect, call: Call, environment: Mapping[str, str], is_task: bool, directory: Path
) -> tuple[Target, ...]:
    """The servers in the order in which they are tried, then again from the first.

    The first is the one that option, else environment, else default names; the others come from
    ECF_HOSTFILE, one `host` or `host:port` a line, with the first one's port as default. Task commands use
    that file, user commands only with ECF_HOSTFILE_POLICY=all; options keep 5.9 from reading it. A
    file that is not there is passed over.
    """
    settings = tls_settings(call, environment, "")
    first = Target(*dialled(settings))
    name = environment.get("ECF_HOSTFILE", "")
    by_option = call.host is not None or call.port is not None
    policy_all = dialect.host_file_for_user_commands and environment.get("ECF_HOSTFILE_POLICY") == "all"
    if not name or not (is_task or policy_all) or (by_option and not dialect.host_file_with_options):
        return (first,)
    try:
        lines = (directory / name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return (first,)
    others: list[Target] = []
    for line in lines:
        words = line.partition("#")[0].split()
        if words:
            host, _, port = words[0].partition(":")
            others.append(Target(host, port or (words[1] if len(words) > 1 else first.port)))
    return (first, *others)
