"""What the built-in client does, as replaceable functions.

A mutant is the built-in client with one of these replaced, so that it breaks one rule and keeps the others:
`BuiltinClient(behaviour=dataclasses.replace(Behaviour(), select_certificate=...))`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ecfleet.clients import (
    exchanges,
    log_files,
    replies,
    requests,
    streams,
    surroundings,
    user_identity,
)
from ecfleet.clients.contract import Call, SocksRoute
from ecfleet.clients.replies import Next
from ecfleet.clients.streams import Deadline, Stream, Target
from ecfleet.clients.surroundings import Patience, TaskIdentity
from ecfleet.clients.user_identity import UserIdentity
from ecfleet_mocks.model import certificates, token_file
from ecfleet_mocks.model.certificates import Selection, TlsSettings
from ecfleet_mocks.model.dialect import Dialect, TokenPlace
from ecfleet_mocks.model.token_file import Token, TokenChoice, TokenSettings
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.wire import Command, Reply, decode_reply, encode_request, frame
from ecfleet_mocks.wire.http1 import Request
from ecfleet_mocks.wire.logserver import LogAction

__all__ = ["Behaviour", "FindToken", "FindUser"]


class FindToken(Protocol):
    """`ecfleet_mocks.model.token_file.find_token`."""

    def __call__(
        self,
        places: Sequence[TokenPlace],
        settings: TokenSettings,
        url: str,
        *,
        exists: Callable[[str], bool],
        read: Callable[[str], bytes | None],
    ) -> TokenChoice: ...


class FindUser(Protocol):
    """`ecfleet.clients.user_identity.user_identity`."""

    def __call__(
        self,
        dialect: Dialect,
        call: Call,
        environment: Mapping[str, str],
        target: Target,
        *,
        login: str,
        own_host: str,
        read: Callable[[str], bytes | None],
    ) -> UserIdentity: ...


def _exit_code(succeeded: bool) -> int:
    return 0 if succeeded else 1


def _retries_http() -> bool:
    return False


def _token_places(dialect: Dialect) -> tuple[TokenPlace, ...]:
    return dialect.token_places


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Each field is the function of its module of the same or a like name, which has the documentation."""

    # --- before the contact ---
    wants_no_contact: Callable[[Mapping[str, str]], bool] = surroundings.wants_no_contact
    hosts_to_try: Callable[[Dialect, Call, Mapping[str, str], bool, Path], tuple[Target, ...]] = (
        surroundings.hosts_to_try
    )
    chosen_transport: Callable[[Call, Mapping[str, str], bool, Dialect], Transport] = (
        surroundings.chosen_transport
    )
    task_identity: Callable[[Mapping[str, str]], TaskIdentity] = surroundings.task_identity
    patience: Callable[[Mapping[str, str]], Patience] = surroundings.patience
    user_identity: FindUser = user_identity.user_identity
    definition_to_send: Callable[[str, str], str] = requests.definition_to_send
    # --- certificates ---
    select_certificate: Callable[[Dialect, TlsSettings, Callable[[str], bool]], Selection] = (
        certificates.select_client_certificate
    )
    trust_only: Callable[[str], ssl.SSLContext] = exchanges.trust_only
    # --- connections ---
    connect: Callable[[Target, SocksRoute | None, Deadline, str | None], Stream] = streams.connect
    # --- the ecFlow protocol ---
    encode: Callable[[Command], bytes] = encode_request
    frame: Callable[[bytes], bytes] = frame
    read_message: Callable[[Stream], bytes] = exchanges.read_message
    decode: Callable[[bytes], Reply] = decode_reply
    # --- HTTP and tokens ---
    token_places: Callable[[Dialect], tuple[TokenPlace, ...]] = _token_places
    find_token: FindToken = token_file.find_token
    http_request: Callable[[Target, bytes, Token | None], Request] = exchanges.http_request
    https_context: Callable[[], ssl.SSLContext] = exchanges.trust_anyone
    accepts_status: Callable[[int], bool] = exchanges.accepts_status
    retries_http: Callable[[], bool] = _retries_http
    # --- replies ---
    next_step: Callable[[Reply], Next] = replies.next_step
    printed: Callable[[Reply], str] = replies.printed
    exit_code: Callable[[bool], int] = _exit_code
    # --- log server ---
    log_request: Callable[[LogAction, str], bytes] = log_files.log_request
    log_action: Callable[[str], LogAction] = log_files.log_action
    read_log: Callable[[Stream], bytes] = log_files.read_to_end
    file_of: Callable[[LogAction, bytes], bytes] = log_files.file_of
