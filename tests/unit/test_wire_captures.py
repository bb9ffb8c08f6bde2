"""Every recorded message is read and written back to the same bytes.

The recordings in ``data/captures`` were made with real clients and servers of 5.9.2 and 5.17.0; those in
``data/wire`` are incremental syncs of a 5.9.2 server whose definition held every kind of attribute, each
taken after one command.  There are no exceptions: not one message is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecfleet_mocks.wire import (
    MEMENTOS,
    OK,
    REPLIES,
    TASK_COMMANDS,
    USER_COMMANDS,
    BadHeader,
    Command,
    ErrorCmd,
    FrameReader,
    NullPointer,
    Reply,
    SStringCmd,
    SSyncCmd,
    UnexpectedEnd,
    WireError,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    frame,
    parse_header,
)

DATA = Path(__file__).parent.parent / "data"
CAPTURES = DATA / "captures"

# Messages in each recording, so that a reader that skips some is noticed.
COMMAND_CAPTURES = {
    "5.17.0.auth.http.jsonl": 208,
    "5.17.0.auth.tcp.jsonl": 208,
    "5.17.0.http.jsonl": 1053,
    "5.17.0.python.http.jsonl": 238,
    "5.17.0.python.tcp.jsonl": 238,
    "5.17.0.tcp.jsonl": 1059,
    "5.9.2.auth.tcp.jsonl": 168,
    "5.9.2.python.tcp.jsonl": 236,
    "5.9.2.tcp.jsonl": 1033,
    "5.9.2.ui.tcp.jsonl": 14,
}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def exchanges(line: dict[str, Any]) -> list[dict[str, Any]]:
    """All exchanges of one run; the fields of the line itself repeat the first where there are several."""
    found = list(line.get("exchanges") or [line])
    between = line.get("server_to_server") or []
    return found + (between if isinstance(between, list) else [between])


def messages(name: str) -> Iterator[tuple[str, str, bytes, str]]:
    """(place, direction, payload, head) of every message in a command capture."""
    for number, line in enumerate(lines(CAPTURES / name), 1):
        for exchange in exchanges(line):
            for direction in ("request", "reply"):
                text = exchange.get(direction)
                if text:
                    yield f"{name}:{number}", direction, text.encode(), exchange[f"{direction}_head"]


def announced_length(head: str) -> int:
    found = re.search(r"^Content-Length: (\d+)\r?$", head, re.MULTILINE)
    return int(found[1]) if found else parse_header(head.encode())


@pytest.mark.parametrize("name", COMMAND_CAPTURES)
def test_every_recorded_message_is_written_back_to_the_same_bytes(name: str) -> None:
    count = 0
    for place, direction, payload, head in messages(name):
        count += 1
        if direction == "request":
            again = encode_request(decode_request(payload))
        else:
            again = encode_reply(decode_reply(payload))
        assert again == payload, place
        assert announced_length(head) == len(payload), place
        if "\r\n" not in head:
            assert frame(payload) == head.encode() + payload, place
    assert count == COMMAND_CAPTURES[name]


def test_every_command_and_reply_class_is_in_a_recording() -> None:
    seen: set[type] = set()

    def note(message: Command | Reply) -> None:
        seen.add(type(message))
        for part in (*getattr(message, "commands", ()), *getattr(message, "replies", ())):
            note(part)

    for name in COMMAND_CAPTURES:
        for _, direction, payload, _ in messages(name):
            note(decode_request(payload) if direction == "request" else decode_reply(payload))
    assert seen >= {*USER_COMMANDS, *TASK_COMMANDS, *REPLIES}


def test_every_memento_class_but_those_of_clock_and_begin_is_in_a_recording() -> None:
    seen: set[str] = set()
    for payload in recorded_syncs():
        reply = decode_reply(payload)
        assert isinstance(reply, SSyncCmd)
        assert encode_reply(reply) == payload
        seen |= {type(memento).__name__ for part in reply.changes.mementos for memento in part.mementos}
    for name in COMMAND_CAPTURES:
        for _, direction, payload, _ in messages(name):
            if direction == "reply":
                seen |= set(re.findall(r'"polymorphic_name": "(\w+Memento)"', payload.decode()))
    missing = {cls.__name__ for cls in MEMENTOS} - seen
    assert missing == {"SuiteBeginDeltaMemento", "SuiteClockMemento"}


def recorded_syncs() -> list[bytes]:
    return [line["reply"].encode() for line in lines(DATA / "wire" / "5.9.2.mementos.jsonl")]


def malformed(transport: str) -> list[Any]:
    return [
        pytest.param(line, id=f"{line['release']} {line['name']}")
        for line in lines(CAPTURES / "malformed-requests.jsonl")
        if line["transport"] == transport
    ]


def replied(line: dict[str, Any]) -> Reply | None:
    """What the real server answered; the recording has ``{port}`` for the port, so lengths differ."""
    text = line["reply"]
    if not text:
        return None
    return decode_reply(text[text.index("{") :].encode())


@pytest.mark.parametrize("line", malformed("tcp"))
def test_hand_made_requests_are_taken_and_refused_as_by_the_real_servers(line: dict[str, Any]) -> None:
    reader = FrameReader()
    reader.feed(line["sent"].encode("latin-1"))
    reply = replied(line)
    text = reply.message if isinstance(reply, ErrorCmd) else ""
    if text.endswith("replied with: Invalid argument"):
        with pytest.raises(WireError):
            decode_request(reader.next() or b"")
    elif text.endswith("replied with: End of file"):
        assert reader.next() is None
        if line["sent"]:
            with pytest.raises(UnexpectedEnd):
                reader.at_eof()
    elif line["name"] == "null command":
        with pytest.raises(NullPointer):
            decode_request(reader.next() or b"")
    elif line["name"] == "length ffffffff":
        with pytest.raises(WireError):
            reader.next()
    elif line["connection"].startswith("no close"):
        assert reader.next() is None
    else:
        assert isinstance(decode_request(reader.next() or b""), Command)


def reactions() -> list[Any]:
    """What scripted servers sent in one piece, and how the real client took it."""
    return [
        pytest.param(line, id=f"{line['release']} {number} {line['name']}")
        for number, line in enumerate(lines(CAPTURES / "client-reactions.jsonl"), 1)
        if line["transport"] == "tcp" and line["server_mode"] in ("", "open") and line["connections"]
    ]


@pytest.mark.parametrize("line", reactions())
def test_replies_are_taken_and_refused_as_by_the_real_clients(line: dict[str, Any]) -> None:
    sent = line["server_sends"]
    pieces = [sent] if isinstance(sent, str) else [piece for piece in sent if "connection" not in piece]
    data = "".join(pieces).encode("latin-1").replace(b"{port}", b"5111")
    reader = FrameReader()
    reader.feed(data)
    outcome = f"{line['stdout']}{line['stderr']}"
    if "invalid header" in outcome:
        with pytest.raises(BadHeader):
            reader.next()
    elif "EOF(Server did not reply" in outcome and "api 5" not in line["name"]:
        assert reader.next() is None
        if data:
            with pytest.raises(UnexpectedEnd):
                reader.at_eof()
    elif "Unable to decode data" in outcome:
        with pytest.raises(WireError):
            decode_reply(reader.next() or b"")
    elif "NULL message" in outcome:
        with pytest.raises(NullPointer):
            decode_reply(reader.next() or b"")
    elif data:
        assert isinstance(decode_reply(reader.next() or b""), Reply)


def test_replies_of_one_class_in_a_group_are_one_object() -> None:
    """The servers' groups put replies of one class in once; read back, they are one Python object."""
    shared = 0
    for _, direction, payload, _ in messages("5.9.2.tcp.jsonl"):
        if direction == "reply" and b'"GroupSTCCmd"' in payload:
            parts = getattr(decode_reply(payload), "replies", ())
            strings = [part for part in parts if isinstance(part, SStringCmd)]
            if len(strings) > 1:
                shared += 1
                assert len({id(part) for part in strings}) == 1
    assert shared > 0


def test_the_answer_ok_is_the_recorded_one() -> None:
    recorded = next(
        payload
        for _, direction, payload, _ in messages("5.9.2.tcp.jsonl")
        if direction == "reply" and b'"StcCmd"' in payload
    )
    assert frame(encode_reply(OK)) == b"      ee" + recorded
