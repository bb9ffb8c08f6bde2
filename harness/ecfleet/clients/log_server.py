"""The built-in client's calls to a log server, each request on a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ecfleet.clients.contract import Action, Call
from ecfleet.clients.failures import AttemptFailed, Fatal
from ecfleet.clients.log_files import version_of
from ecfleet.clients.streams import Deadline, Target
from ecfleet_mocks.wire.logserver import LogAction, LogServerError

if TYPE_CHECKING:
    from ecfleet.clients.behaviour import Behaviour

__all__ = ["ask_log_server"]


def ask_log_server(
    behaviour: Behaviour, call: Call, environment: Mapping[str, str], ends: float
) -> tuple[str, bytes | None]:
    """Do a call of the log actions: what is printed, and the bytes of the file for LOG_FETCH.

    Host and port come from ECF_LOGHOST and ECF_LOGPORT where the call does not tell them. `ends` is the end
    of the harness's time on the machine's clock. Raises `Fatal`, `TimeIsUp`.
    """
    target = _target(call, environment)
    path = call.arguments[0] if call.arguments else ""
    if call.action is not Action.LOG_VERSION and not path:
        raise Fatal("log server: the path of the file is missing\n")

    def answer(action: LogAction, of: str = "") -> bytes:
        return _answer(
            behaviour, call, target, action, of, Deadline(ends), environment.get("NSS_WRAPPER_HOSTS")
        )

    def not_nothing(answer: bytes) -> bytes:
        if not answer:
            raise Fatal(f"log server {target}: closed without an answer, as it does for every error\n")
        return answer

    if call.action is Action.LOG_LIST:
        return _text(not_nothing(answer(LogAction.LIST, path))), None
    if call.action is Action.LOG_VERSION:
        return f"{version_of(not_nothing(answer(LogAction.VERSION)))}\n", None
    # A server that does not know the word version closes: it is asked by plain get, as by the UI (read in
    # source of 5.17).
    action = behaviour.log_action(version_of(answer(LogAction.VERSION)))
    fetched = behaviour.file_of(action, not_nothing(answer(action, path)))
    return _text(fetched), fetched


def _target(call: Call, environment: Mapping[str, str]) -> Target:
    host = environment.get("ECF_LOGHOST", "") if call.host is None else call.host
    port = environment.get("ECF_LOGPORT", "") if call.port is None else str(call.port)
    if not host or not port:
        raise Fatal("log server: no host or no port: set ECF_LOGHOST and ECF_LOGPORT\n")
    return Target(host, port)


def _answer(
    behaviour: Behaviour,
    call: Call,
    target: Target,
    action: LogAction,
    path: str,
    deadline: Deadline,
    hosts_file: str | None,
) -> bytes:
    try:
        request = behaviour.log_request(action, path)
        stream = behaviour.connect(target, call.socks, deadline, hosts_file)
    except LogServerError as problem:
        raise Fatal(f"log server: {problem}\n") from None
    except AttemptFailed as problem:
        raise Fatal(f"log server {target}: {problem}\n") from None
    try:
        stream.send(request)
        return behaviour.read_log(stream)
    except OSError as problem:
        raise Fatal(f"log server {target}: {problem.strerror or problem}\n") from None
    finally:
        stream.close()


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="surrogateescape")
