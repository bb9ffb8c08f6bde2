"""The wire codec against generated streams, bytes, JSON values and messages."""

from __future__ import annotations

import dataclasses
import json
import types
from enum import IntEnum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecfleet_mocks import wire
from ecfleet_mocks.wire import (
    MEMENTOS,
    REPEATS,
    REPLIES,
    TASK_COMMANDS,
    USER_COMMANDS,
    Alias,
    Command,
    CompoundMemento,
    CtsApi,
    CtsCmd,
    Family,
    FrameReader,
    FramingError,
    GroupCTSCmd,
    IncrementalChanges,
    LogMessageCmd,
    Memento,
    Node,
    NotJson,
    RepeatBase,
    Reply,
    SStringCmd,
    SSyncCmd,
    Stats,
    Suite,
    Task,
    WireError,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
    frame,
)
from ecfleet_mocks.wire.json_text import parse, quote

# Text as it is in memory after reading UTF-8; bytes that are none have a test of their own.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# Small enough for every kind of number on the wire; the edges of each kind have tests of their own.
NUMBER = st.integers(0, 2**31 - 1)

# Tests that run for each of ninety classes take a tenth of the long run's examples, or it would last hours.
FOR_EACH_CLASS = settings(max_examples=max(60, settings().max_examples // 10))

COMMANDS = (*USER_COMMANDS, *TASK_COMMANDS)


def concrete(cls: type[Any]) -> tuple[type[Any], ...] | None:
    """The classes that may stand where ``cls`` is declared; groups and containers do not nest here."""
    if cls is Command:
        return tuple(command for command in COMMANDS if command is not GroupCTSCmd)
    if cls is Reply:
        return tuple(reply for reply in REPLIES if reply is not wire.GroupSTCCmd)
    choices: dict[type[Any], tuple[type[Any], ...]] = {
        Memento: MEMENTOS,
        RepeatBase: REPEATS,
        Node: (Task, Alias),
    }
    return choices.get(cls)


_MESSAGES: dict[type[Any], st.SearchStrategy[Any]] = {}


def messages(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Objects of a dataclass of the wire, from its annotations."""
    if cls not in _MESSAGES:
        hints = get_type_hints(cls)
        fields = {field.name: values(hints[field.name]) for field in dataclasses.fields(cls)}
        _MESSAGES[cls] = st.builds(cls, **fields)
    return _MESSAGES[cls]


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation."""
    origin = get_origin(hint)
    arguments = get_args(hint)
    if origin is Annotated:
        return values(arguments[0])
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values, arguments))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(values(arguments[0]), max_size=2).map(tuple)
        return st.tuples(*map(values, arguments))
    if hint is str:
        return TEXT
    if hint is bool:
        return st.booleans()
    if hint is int:
        return NUMBER
    if hint is type(None):
        return st.none()
    if issubclass(hint, IntEnum):
        return st.sampled_from(hint)
    known = concrete(hint)
    if known is not None:
        return st.deferred(lambda: st.one_of(*map(messages, known)))
    return st.deferred(lambda: messages(hint))


@pytest.mark.parametrize("cls", COMMANDS, ids=lambda cls: cls.__name__)
@FOR_EACH_CLASS
@given(data=st.data())
def test_a_command_written_and_read_is_the_same(cls: type[Command], data: st.DataObject) -> None:
    command = data.draw(messages(cls))
    payload = encode_request(command)
    again = decode_request(payload)
    assert again == command
    assert encode_request(again) == payload
    json.loads(payload)


@pytest.mark.parametrize("cls", REPLIES, ids=lambda cls: cls.__name__)
@FOR_EACH_CLASS
@given(data=st.data())
def test_a_reply_written_and_read_is_the_same(cls: type[Reply], data: st.DataObject) -> None:
    reply = data.draw(messages(cls))
    payload = encode_reply(reply)
    again = decode_reply(payload)
    assert again == reply
    assert encode_reply(again) == payload


@pytest.mark.parametrize("cls", MEMENTOS, ids=lambda cls: cls.__name__)
@FOR_EACH_CLASS
@given(data=st.data())
def test_a_memento_written_and_read_is_the_same(cls: type[Memento], data: st.DataObject) -> None:
    mementos = data.draw(st.lists(messages(cls), min_size=1, max_size=3))
    reply = SSyncCmd(changes=IncrementalChanges(1, 2, (CompoundMemento("/s", tuple(mementos)),)))
    payload = encode_reply(reply)
    assert decode_reply(payload) == reply


@given(messages(Suite), st.lists(messages(Family), max_size=3), st.lists(messages(Task), max_size=3))
def test_a_tree_of_nodes_written_and_read_is_the_same(
    suite: Suite, families: list[Family], tasks: list[Task]
) -> None:
    tree = dataclasses.replace(suite, nodes=(*families, Family("inner", nodes=tuple(tasks))))
    memento = wire.ChildrenMemento((tree,))
    reply = SSyncCmd(changes=IncrementalChanges(mementos=(CompoundMemento("/", (memento,)),)))
    assert decode_reply(encode_reply(reply)) == reply


@given(st.lists(messages(SStringCmd), min_size=1, max_size=3), st.data())
def test_shared_objects_stay_shared(strings: list[SStringCmd], data: st.DataObject) -> None:
    parts = data.draw(st.lists(st.sampled_from(strings), max_size=6))
    group = decode_reply(encode_reply(wire.GroupSTCCmd(tuple(parts))))
    assert isinstance(group, wire.GroupSTCCmd)
    same = [[one is other for other in parts] for one in parts]
    assert [[one is other for other in group.replies] for one in group.replies] == same


@given(messages(Stats))
def test_statistics_of_either_release_are_the_same_after_reading(stats: Stats) -> None:
    payload = encode_reply(wire.SStatsCmd(stats))
    assert decode_reply(payload) == wire.SStatsCmd(stats)
    assert (b'"value82"' in payload) == (stats.resources is not None)


@given(st.binary(max_size=60))
def test_any_bytes_pass_through_a_string(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    payload = encode_request(LogMessageCmd(text, host="h", user="u"))
    again = decode_request(payload)
    assert again == LogMessageCmd(text, host="h", user="u")
    assert encode_request(again) == payload


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_standard_library_reads_what_is_quoted(text: str) -> None:
    assert json.loads(quote(text)) == text
    assert parse(quote(text).encode()) == text


@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_a_stream_cut_anywhere_gives_the_same_payloads(payloads: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame, payloads))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader = FrameReader()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])
        while (payload := reader.next()) is not None:
            found.append(payload)
    assert found == payloads
    reader.at_eof()


@given(st.lists(st.binary(max_size=24), max_size=6), st.integers(0, 200))
def test_any_stream_gives_payloads_or_a_framing_error(parts: list[bytes], limit: int) -> None:
    reader = FrameReader(limit=limit)
    total = sum(map(len, parts))
    taken = 0
    refused = None
    try:
        for part in parts:
            reader.feed(part)
            while (payload := reader.next()) is not None:
                assert len(payload) <= limit
                taken += 8 + len(payload)
        reader.at_eof()
    except FramingError as error:
        refused = str(error)
    if refused is None:
        assert taken == total
    else:
        assert taken < total
        assert "\n" not in refused


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_typed_error(payload: bytes) -> None:
    for decode in (decode_request, decode_reply):
        with pytest.raises(WireError) as caught:
            decode(payload)
        assert "\n" not in str(caught.value)


SEEDS = (
    encode_request(CtsCmd(CtsApi.PING, host="h", user="u", password="p", custom_user=True)),
    encode_request(
        GroupCTSCmd((LogMessageCmd("a"), LogMessageCmd("b"), wire.InitCmd((wire.Variable("n", "v"),))))
    ),
    encode_reply(wire.GroupSTCCmd(((text := SStringCmd("x")), wire.SNewsCmd(1), text))),
    encode_reply(wire.SStatsCmd(Stats(resources=wire.Resources((wire.Measure("pid", wire.Variant(0, 1)),))))),
    encode_reply(
        SSyncCmd(
            changes=IncrementalChanges(
                1,
                2,
                (
                    CompoundMemento("/", (wire.StateMemento(1), wire.FlagMemento(3))),
                    CompoundMemento(
                        "/s",
                        (
                            wire.ChildrenMemento((Task("t", limits=(wire.Limit("l", 1),)), Family("f"))),
                            wire.NodeRepeatMemento(wire.RepeatInteger("R", 1, 2, 1, 1)),
                            wire.NodeStateMemento((1, "00:00:01")),
                        ),
                        clear_attributes=True,
                    ),
                ),
            )
        )
    ),
)


@given(st.sampled_from(SEEDS), st.data())
def test_a_damaged_message_is_a_message_or_a_typed_error(seed: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(seed)))
    end = data.draw(st.integers(start, min(len(seed), start + 12)))
    damaged = seed[:start] + data.draw(st.binary(max_size=6)) + seed[end:]
    accepted_or_typed(damaged)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 2, 0x40000000, 0x80000001, 0x80000002, 0xC0000001, 2**32])
    | st.floats()
    | TEXT
    | st.sampled_from(["StcCmd", "CtsCmd", "GroupCTSCmd", "Task", "FlagMemento", "RepeatDay"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            TEXT
            | st.sampled_from(["cmd_", "value0", "polymorphic_id", "ptr_wrapper", "id", "data", "cl_host_"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def replaced(value: Any, path: list[int], new: Any) -> Any:
    """``value`` with what is at ``path`` (positions, taken modulo the size) replaced."""
    if not path or not isinstance(value, dict | list) or not value:
        return new
    position = path[0] % len(value)
    if isinstance(value, list):
        return [
            replaced(item, path[1:], new) if index == position else item for index, item in enumerate(value)
        ]
    return {
        key: replaced(item, path[1:], new) if index == position else item
        for index, (key, item) in enumerate(value.items())
    }


@given(st.sampled_from(SEEDS), st.lists(st.integers(0, 9), max_size=24), JSON)
def test_a_message_with_any_value_replaced_is_a_message_or_a_typed_error(
    seed: bytes, path: list[int], new: Any
) -> None:
    accepted_or_typed(json.dumps(replaced(json.loads(seed), path, new)).encode())


def accepted_or_typed(payload: bytes) -> None:
    decoders: tuple[tuple[Any, Any], ...] = ((decode_request, encode_request), (decode_reply, encode_reply))
    for decode, encode in decoders:
        message = None
        refused = ""
        try:
            message = decode(payload)
        except WireError as error:
            refused = str(error)
        assert "\n" not in refused
        if message is not None:
            # What was taken can be written, and reads the same again.
            assert decode(encode(message)) == message


@given(st.integers(1, 60))
def test_groups_in_groups_are_the_same_after_reading(depth: int) -> None:
    command: Command = CtsCmd(CtsApi.PING)
    for _ in range(depth):
        command = GroupCTSCmd((command,))
    assert decode_request(encode_request(command)) == command


@given(st.integers(2, 3000))
def test_groups_too_deep_for_reading_are_refused_by_type(depth: int) -> None:
    text = encode_request(GroupCTSCmd((GroupCTSCmd((GroupCTSCmd(),)),))).decode()
    outer, inner, innermost = text.split('"cmdVec_": [\n')
    middle, after_inner, after_outer = innermost.split('\n],\n"cli_": true')
    opening, closing = '"cmdVec_": [\n', '\n],\n"cli_": true'
    levels_in = (inner + opening) * (depth - 1)
    levels_out = (closing + after_inner) * (depth - 1)
    payload = f"{outer}{opening}{levels_in}{middle}{levels_out}{closing}{after_outer}"
    found: Command | None = None
    refused = ""
    try:
        found = decode_request(payload.encode())
    except NotJson as error:
        refused = str(error)
    if found is None:
        assert refused.endswith("the payload is nested too deeply")
        assert depth > 60
    else:
        # Comparing would be as deep as reading was.
        levels = 0
        while isinstance(found, GroupCTSCmd) and found.commands:
            (found,) = found.commands
            levels += 1
        assert levels == depth
