"""Runs under an interpreter that has the real ecflow module: calls on a server, results as JSON lines.

`python3 real_python.py HOST PORT DEFINITION [ssl]`. Standard library and ecflow only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import ecflow  # type: ignore[import-not-found]


def _text(client: Any) -> str:
    definition = client.get_defs()
    ecflow.PrintStyle.set_style(ecflow.Style.STATE)
    return "" if definition is None else str(definition)


def _tried(name: str, call: Callable[[], Any]) -> None:
    try:
        outcome: dict[str, Any] = {"call": name, "result": call()}
    except RuntimeError as error:
        outcome = {"call": name, "error": str(error)}
    print(json.dumps(outcome, default=str), flush=True)


def main() -> None:
    host, port, path = sys.argv[1:4]
    client = ecflow.Client(host, int(port))
    if "ssl" in sys.argv[4:]:
        client.enable_ssl()
    client.set_connection_attempts(1)
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("ping", client.ping),
        ("server_version", client.server_version),
        ("sync_local, nothing loaded", client.sync_local),
        ("in_sync", client.in_sync),
        ("load", lambda: client.load(path)),
        ("load again", lambda: client.load(path)),
        ("load a Defs", lambda: client.load(_made_here())),
        ("news_local", client.news_local),
        ("sync_local, loaded", client.sync_local),
        ("in_sync, loaded", client.in_sync),
        ("changed_node_paths, loaded", lambda: list(client.changed_node_paths)),
        ("get_defs, loaded", lambda: _text(client)),
        ("begin_suite", lambda: client.begin_suite("s")),
        ("begin_suite, unknown", lambda: client.begin_suite("nosuch")),
        ("news_local, begun", client.news_local),
        ("sync_local, begun", client.sync_local),
        ("get_defs, begun", lambda: _text(client)),
        ("news_local, nothing new", client.news_local),
        ("sync_local, nothing new", client.sync_local),
        ("in_sync, nothing new", client.in_sync),
        ("suites", lambda: client.suites()),
        ("get_server_defs", client.get_server_defs),
        ("get_defs, got", lambda: _text(client)),
        ("delete", lambda: client.delete("/made_here")),
        ("delete, unknown", lambda: client.delete("/made_here")),
        ("sync_local, deleted", client.sync_local),
        ("get_defs, deleted", lambda: _text(client)),
        ("delete_all", client.delete_all),
        ("sync_local, all deleted", client.sync_local),
        ("get_defs, all deleted", lambda: _text(client)),
    ]
    for name, call in calls:
        _tried(name, call)


def _made_here() -> Any:
    definition = ecflow.Defs()
    task = definition.add_suite("made_here").add_family("f").add_task("t")
    task.add_variable("GREETING", "it's here")
    task.add_event("done")
    return definition


main()
