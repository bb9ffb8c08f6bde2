"""Stands between ecfleet and the client: a request on a line of standard input, an answer on a line of
standard output, as docs/adapters.md of ecfleet has it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from client import COMMANDS, Failure, call

HELLO = {
    "name": "python-client",
    "release": "0.1",
    "capabilities": ["tcp", "tasks"],
    "actions": list(COMMANDS),
}


def run(request: dict[str, Any]) -> dict[str, Any]:
    if request["action"] not in COMMANDS:
        return {"unimplemented": f"no {request['action']}"}
    if request["transport"] != "tcp" or request["disable_ssl"]:
        return {"unimplemented": "plain TCP only"}
    if request["socks"] is not None:
        return {"unimplemented": "no SOCKS"}
    try:
        printed = call(
            request["action"], request["arguments"], request["host"], request["port"], request["environment"]
        )
    except Failure as failure:
        return {"exit_code": 1, "stderr": f"{failure}\n"}
    return {"exit_code": 0, "stdout": printed}


for line in sys.stdin:
    request = json.loads(line)
    answer = HELLO if request["request"] == "hello" else run(request)
    print(json.dumps({"id": request["id"], **answer}), flush=True)
