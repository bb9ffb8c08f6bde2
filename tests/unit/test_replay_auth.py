"""The recordings of passwords, white lists and PERMISSIONS, replayed: every reply is the recorded one.

Each note of a recording is a server of its own, with files of its own; the files are not in the recordings
and were made here from the notes, the passwords' encryption and who was refused what. A line with no note
goes on with the server of the line before.

Volatile and therefore masked: times, the process id, the job interval's own clock; the texts of definitions
are compared whole, save these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from ecfleet_mocks.model.access_files import AccessFile, AccessFiles
from ecfleet_mocks.model.dialect import Dialect, dialect
from ecfleet_mocks.model.identity import http_identity
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.model.server import ServerModel
from ecfleet_mocks.wire import (
    AlterCmd,
    Command,
    ErrorCmd,
    Reply,
    ServerState,
    SStatsCmd,
    Variable,
    decode_reply,
    decode_request,
)
from ecfleet_mocks.wire.http1 import RequestReader

from .access_commands import refusal

CAPTURES: Final = Path(__file__).parents[1] / "data" / "captures"
FILES: Final = ("5.9.2.auth.tcp.jsonl", "5.17.0.auth.tcp.jsonl", "5.17.0.auth.http.jsonl")


@dataclass(frozen=True)
class Setting:
    """What a server was started with; `owner` is the account that it ran under."""

    lists: str | None = None
    passwd: str | None = None
    custom_passwd: str | None = None
    owner: str = "SOMEBODY"
    home: str = "/HOME/c"


_READER = "4.4.14\n-USERNAME\n"
_UNLISTED = "4.4.14\nanother\n"
_PASSWORDS = Setting(
    None,
    "4.5.0\nUSERNAME HOSTNAME 5115 secret\n",
    "4.5.0\nfred HOSTNAME 5115 fredpw\n",
    owner="USERNAME",
)
SETTINGS: Final = {
    "server has a password file and a custom password file": _PASSWORDS,
    "white list: read only user": Setting(_READER),
    "white list: read only user, but this user started the server": Setting(_READER, owner="USERNAME"),
    "white list: user not listed": Setting(_UNLISTED),
    "white list: user not listed, but this user started the server": Setting(_UNLISTED, owner="USERNAME"),
    "white list: write limited to /s1 and /s3, read to /s2": Setting(
        "4.4.14\nUSERNAME /s1,/s3\n-USERNAME /s2\n"
    ),
    "white list: file without users": Setting("4.4.14\n"),
    "white list: star": Setting("4.4.14\n*\n"),
    "PERMISSIONS variables on nodes": Setting(owner="USERNAME", home="/HOME/h"),
}

NOT_SENT: Final = "nothing was sent: the client refuses by itself, or nothing listens any more"
_LACKING: Final = re.compile(r"ecfleet: the mock server does not carry out (\w+)")
LET_IN_ONLY: Final = {
    "AlterCmd": "attributes are not altered yet: the variable that later lines need is set by hand",
    "CFileCmd": "there are no scripts and outputs yet",
    "CheckPtCmd": "no checkpoint is written yet",
    "EditScriptCmd": "there are no scripts yet",
    "LogCmd": "no log is kept yet",
    "LogMessageCmd": "no log is kept yet",
    "PathsCmd": "definitions are not checked yet",
    "QueryCmd": "--query is not carried out yet",
}
"""Commands of which only the right to give them is compared, as the model does not carry them out.

One that it carries out one day is compared whole from then on.
"""


def setting_of(note: str | None, before: str) -> str:
    """Which server a line talks to."""
    if note is None:
        return before
    return note if note in SETTINGS else note.partition(";")[0]


def lines(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with (CAPTURES / name).open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            yield number, json.loads(line)


def started(release: Dialect, setting: Setting) -> ServerModel:
    model = ServerModel(
        release,
        host_name="HOSTNAME",
        port=5115,
        now=lambda: datetime(2026, 11, 20, 16, 47, 33),
        new_password=lambda: "password",
        user=setting.owner,
        state=ServerState.HALTED,
        home=setting.home,
        faithful=True,
    )
    prefix = "HOSTNAME.5115.ecf"
    model.read_access_files(
        AccessFiles(
            AccessFile("/HOME/c/lists" if setting.lists else f"{prefix}.lists", lambda: setting.lists),
            AccessFile(f"{prefix}.passwd", lambda: setting.passwd),
            AccessFile(f"{prefix}.custom_passwd", lambda: setting.custom_passwd),
            setting.home,
        )
    )
    return model


def sender_of(line: dict[str, Any], command: Command) -> Sender:
    """Who the headers of an HTTP request say that sends; no recording here has any that count."""
    if line["transport"] != "http":
        return Sender()
    body = line["request"].encode()
    (request,) = RequestReader().feed(line["request_head"].rstrip().encode("latin-1") + b"\r\n\r\n" + body)
    assert request.body == body
    identity = http_identity(request.headers, command)
    assert identity.why.startswith("the command itself") or "child command" in identity.why
    return Sender()


_MASKED = re.compile(
    r"\d\d:\d\d:\d\d|\d{4}-\w{3}-\d\d|ECF_PID '\d+'|cal_count:\d+|ECF_PID \\?'\d+\\?'|MSG:\[[^]]*\]"
    r"|(?:  )(?:pid|[a-z]+_memory\w*|page_size|n_\w+) +\d+(?: \(\w+\))?"
)


def shown(reply: Reply) -> str:
    if isinstance(reply, SStatsCmd):
        reply = SStatsCmd(replace(reply.stats, resources=None))
    return _MASKED.sub("X", repr(reply)).replace("\\n", "\n")


@pytest.mark.parametrize("name", FILES)
def test_recorded_requests_get_the_recorded_replies(name: str) -> None:
    release = dialect(name.partition(".auth")[0])
    model, at, compared, not_sent, let_in = None, "", 0, [], set()
    for number, line in lines(name):
        setting = setting_of(line.get("note"), at)
        if setting != at or model is None:
            at, model = setting, started(release, SETTINGS[setting])
        if not line["request"]:
            not_sent.append(number)
            continue
        command = decode_request(line["request"].encode())
        assert isinstance(command, Command)
        reply = model.handle(command, sender_of(line, command))
        recorded = decode_reply(line["reply"].encode())
        if isinstance(reply, ErrorCmd) and (lacking := _LACKING.match(reply.message)):
            assert not refusal(recorded), f"line {number}"
            let_in.add(lacking[1])
            stand_in(model, command)
            continue
        assert shown(reply) == shown(recorded), f"line {number}: {' '.join(line['argv'][2:])}"
        compared += 1
    assert not_sent == ([9, 10, 11, 12, 64] if release.name == "5.9" else [64]), NOT_SENT
    assert compared >= 75
    assert let_in <= LET_IN_ONLY.keys()


def stand_in(model: ServerModel, command: Command) -> None:
    """Do by hand what a later line needs: a user's variable on the server."""
    if isinstance(command, AlterCmd) and command.paths == ("/",) and command.name == "PERMISSIONS":
        model.tree.user_variables = (Variable(command.name, command.value),)


def test_a_refused_terminate_ended_the_recorded_servers() -> None:
    for name in FILES:
        found = dict(lines(name))
        assert found[63]["argv"][-1] == "--terminate=yes"
        assert found[63]["exit_code"] == 1
        assert "Failed to connect" in found[64]["stderr"] or "Could not contact" in found[64]["stderr"]


@pytest.mark.parametrize("name", FILES)
def test_the_models_end_as_well(name: str) -> None:
    release = dialect(name.partition(".auth")[0])
    model = started(release, SETTINGS["white list: read only user"])
    command = decode_request(dict(lines(name))[63]["request"].encode())
    assert isinstance(model.handle(command), ErrorCmd)
    assert model.terminated
