"""A small ecFlow client over TCP: ping, server_version, suites, and the task commands without wait and queue.

Standard library only. Nothing is kept between calls.
"""

from __future__ import annotations

import getpass
import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

HEADER = 8
"""Characters before each message: its length, in hexadecimal."""
ATTEMPTS = 2
PAUSE = 1.0
"""Seconds before the next attempt."""
LIMIT = 60.0
"""Seconds without a byte."""


class Failure(Exception):
    """The call has failed; the message says why."""


# --- commands ---


def command(name: str, members: Mapping[str, Any]) -> bytes:
    """The JSON of a request."""
    data = {"cereal_class_version": 0, **members}
    pointer = {"id": 2147483649, "data": data}
    asked = {"polymorphic_id": 2147483649, "polymorphic_name": name, "ptr_wrapper": pointer}
    return json.dumps({"21ClientToServerRequest": {"cmd_": asked}}, ensure_ascii=False).encode()


def client_base() -> dict[str, Any]:
    return {"cereal_class_version": 0, "cl_host_": socket.gethostname()}


def user_command(name: str, members: Mapping[str, Any]) -> bytes:
    base = {"cereal_class_version": 0, "value0": client_base(), "user_": getpass.getuser()}
    return command(name, {"value0": base, **members})


def task_command(
    environment: Mapping[str, str], name: str, members: Mapping[str, Any], remote_id: str | None = None
) -> bytes:
    for needed in ("ECF_NAME", "ECF_PASS"):
        if not environment.get(needed):
            raise Failure(f"{needed} is not set: which task is this?")
    base = {
        "cereal_class_version": 0,
        "value0": client_base(),
        "path_to_submittable_": environment["ECF_NAME"],
        "jobs_password_": environment["ECF_PASS"],
        "process_or_remote_id_": environment.get("ECF_RID", "") if remote_id is None else remote_id,
        "try_no_": int(environment.get("ECF_TRYNO", "1")),
    }
    return command(name, {"value0": base, **members})


def init(environment: Mapping[str, str], words: list[str]) -> bytes:
    pairs = [word.partition("=") for word in words[1:]]
    added = {"var_to_add_": [{"n_": name, "v_": value} for name, _, value in pairs]} if pairs else {}
    return task_command(environment, "InitCmd", added, words[0])


def complete(environment: Mapping[str, str], words: list[str]) -> bytes:
    return task_command(environment, "CompleteCmd", {"var_to_del_": words} if words else {})


def event(environment: Mapping[str, str], words: list[str]) -> bytes:
    cleared = {"value_": False} if words[1:] == ["clear"] else {}
    return task_command(environment, "EventCmd", {"name_": words[0], **cleared})


COMMANDS: dict[str, Callable[[Mapping[str, str], list[str]], bytes]] = {
    "ping": lambda environment, words: user_command("CtsCmd", {"api_": 8}),
    "suites": lambda environment, words: user_command("CtsCmd", {"api_": 11}),
    "server_version": lambda environment, words: user_command("ServerVersionCmd", {}),
    "init": init,
    "complete": complete,
    "event": event,
    "abort": lambda environment, words: task_command(environment, "AbortCmd", {"reason_": " ".join(words)}),
    "meter": lambda environment, words: task_command(
        environment, "MeterCmd", {"name_": words[0], "value_": int(words[1])}
    ),
    "label": lambda environment, words: task_command(
        environment, "LabelCmd", {"name_": words[0], "label_": " ".join(words[1:])}
    ),
}


# --- the exchange ---


def exchange(host: str, port: int, payload: bytes) -> bytes:
    """Send a message and receive one. ConnectionError and TimeoutError may be worth another attempt."""
    with socket.create_connection((host, port), LIMIT) as connection:
        connection.sendall(f"{len(payload):8x}".encode() + payload)
        header = receive(connection, HEADER).decode("latin-1")
        length = re.match(r"\s*(?:0x)?([0-9a-fA-F]+)", header)
        if length is None:
            raise Failure(f"invalid header {header!r}")
        return receive(connection, int(length[1], 16))


def receive(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        data = connection.recv(min(65536, size - len(received)))
        if not data:
            raise Failure("EOF: the server closed before its reply was whole")
        received += data
    return bytes(received)


def read(payload: bytes) -> tuple[str, dict[str, Any]]:
    """The name of a reply, and its members."""
    try:
        (envelope,) = json.loads(payload).values()
        reply = envelope["stc_cmd_"]
        return str(reply["polymorphic_name"]), dict(reply["ptr_wrapper"]["data"])
    except (ValueError, AttributeError, KeyError, TypeError):
        raise Failure("invalid_argument: the answer is no reply of ecFlow") from None


def call(
    action: str, words: list[str], host: str | None, port: int | None, environment: Mapping[str, str]
) -> str:
    """Do an action; the text to print. Raises Failure."""
    if "NO_ECF" in environment:
        return ""
    host = environment.get("ECF_HOST", "localhost") if host is None else host
    port = int(environment.get("ECF_PORT", "3141")) if port is None else port
    try:
        payload = COMMANDS[action](environment, words)
    except (ValueError, IndexError) as error:
        raise Failure(f"{action} {' '.join(words)}: {error}") from None
    attempt = 1
    while True:
        try:
            name, members = read(exchange(host, port, payload))
        except OSError as error:
            if attempt >= ATTEMPTS:
                raise Failure(f"failed to connect to {host}:{port}: {error}") from None
        else:
            api = members.get("api_")
            match name:
                case "SStringCmd":
                    return f"{members['str_']}\n"
                case "SSuitesCmd":
                    return f"{' '.join(members['suites_'])}\n"
                case "ErrorCmd":
                    raise Failure(members["error_msg_"])
                case "StcCmd" if api == 0:
                    return ""
                case "BlockClientZombieCmd" | "StcCmd" if name != "StcCmd" or api in (1, 2):
                    if "ECF_DENIED" in environment and attempt >= ATTEMPTS:
                        raise Failure("the server blocks this task")
                case _:
                    raise Failure(f"unexpected reply {name} {api}")
        attempt += 1
        time.sleep(PAUSE)
