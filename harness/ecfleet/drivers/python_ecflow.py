"""Does one call with the ecflow module of the interpreter that runs this file.

Without argument it tells what the module is, as a line of JSON. The argument is a call, an object with the
members action, arguments, host, port, transport and disable_ssl. What it yields goes to standard output, the
text of a RuntimeError to standard error, and the exit status is then 1.
Standard library and ecflow only, for any Python that ecFlow is built for.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import ecflow  # type: ignore[import-not-found]

SWITCHES = {"ssl": "enable_ssl", "http": "enable_http", "https": "enable_https"}


def tell() -> None:
    """What the module is: its release, and the transports that its Client can be switched to."""
    switches = [name for name, switch in SWITCHES.items() if hasattr(ecflow.Client, switch)]
    print(json.dumps({"release": ecflow.__version__, "transports": ["tcp", *switches]}))


def client_for(call: dict[str, Any]) -> Any:
    """A Client for the server and transport of a call; what the call leaves open is read by the module."""
    host, port = call["host"], call["port"]
    if host is not None and port is not None:
        client = ecflow.Client(host, port)
    else:
        client = ecflow.Client()
        if host is not None or port is not None:
            client.set_host_port(host or client.get_host(), str(port or client.get_port()))
    if call["transport"] in SWITCHES:
        getattr(client, SWITCHES[call["transport"]])()
    if call["disable_ssl"]:
        client.disable_ssl()
    return client


def tell_task(client: Any, remote_id: str | None) -> None:
    """Which task speaks, as the environment of a job tells; what is not there stays unset."""
    environment = os.environ
    if "ECF_NAME" in environment:
        client.set_child_path(environment["ECF_NAME"])
    if "ECF_PASS" in environment:
        client.set_child_password(environment["ECF_PASS"])
    if "ECF_TRYNO" in environment:
        client.set_child_try_no(int(environment["ECF_TRYNO"]))
    remote_id = remote_id or environment.get("ECF_RID")
    if remote_id is not None:
        client.set_child_pid(remote_id)


def get(client: Any, words: list[str]) -> None:
    """Print the definition."""
    client.get_server_defs()
    print(str(client.get_defs()), end="")


def init(client: Any, words: list[str]) -> None:
    tell_task(client, words[0] if words else None)
    if words[1:]:
        client.set_child_init_add_vars(dict(word.split("=", 1) for word in words[1:]))
    client.child_init()


def complete(client: Any, words: list[str]) -> None:
    tell_task(client, None)
    if words:
        client.set_child_complete_del_vars(words)
    client.child_complete()


def delete(client: Any, words: list[str]) -> None:
    force = words[:1] == ["force"]
    paths = words[1:] if force else words
    if paths == ["_all_"]:
        client.delete_all(force)
    else:
        client.delete(paths, force)


def begin(client: Any, words: list[str]) -> None:
    force, suites = "force" in words, [word for word in words if word != "force"]
    if suites:
        client.begin_suite(suites[0], force)
    else:
        client.begin_all_suites(force)


def event(client: Any, words: list[str]) -> None:
    tell_task(client, None)
    client.child_event(words[0], words[1:] != ["clear"])


def meter(client: Any, words: list[str]) -> None:
    tell_task(client, None)
    client.child_meter(words[0], int(words[1]))


def label(client: Any, words: list[str]) -> None:
    tell_task(client, None)
    client.child_label(words[0], " ".join(words[1:]))


def wait(client: Any, words: list[str]) -> None:
    tell_task(client, None)
    client.child_wait(" ".join(words))


def abort(client: Any, words: list[str]) -> None:
    tell_task(client, None)
    client.child_abort(" ".join(words))


def queue(client: Any, words: list[str]) -> None:
    tell_task(client, None)
    print(client.child_queue(*words))


ACTIONS: dict[str, Callable[[Any, list[str]], object]] = {
    "ping": lambda client, words: client.ping(),
    "server_version": lambda client, words: print(client.server_version()),
    "stats": lambda client, words: client.stats(),
    "suites": lambda client, words: print(*client.suites()),
    "load": lambda client, words: client.load(words[0], words[1:] == ["force"]),
    "get": get,
    "begin": begin,
    "delete": delete,
    "init": init,
    "complete": complete,
    "abort": abort,
    "event": event,
    "meter": meter,
    "label": label,
    "wait": wait,
    "queue": queue,
}


def main() -> int:
    if len(sys.argv) == 1:
        tell()
        return 0
    call = json.loads(sys.argv[1])
    try:
        ACTIONS[call["action"]](client_for(call), call["arguments"])
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        # A RuntimeError is the module's own; the rest is a call that its functions cannot be given.
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
