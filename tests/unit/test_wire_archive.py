"""The archive's rules, one by one, on hand-made payloads.

What is taken and what is refused was tried on real servers; "seen on" notes say where it is not in the
recordings of both releases.
"""

from __future__ import annotations

import json
import re

import pytest

from ecfleet_mocks.wire import (
    NULL_REPLY,
    NULL_REQUEST,
    OK,
    ArchiveError,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    ErrorCmd,
    EventCmd,
    GroupCTSCmd,
    GroupSTCCmd,
    LogMessageCmd,
    MissingField,
    NotJson,
    NullPointer,
    PathsCmd,
    SStringCmd,
    StcCmd,
    SyncApi,
    UnknownClass,
    UnknownObject,
    WrongType,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)
from ecfleet_mocks.wire.json_text import parse, quote

PING = encode_request(CtsCmd(CtsApi.PING, host="h", user="u")).decode()
MESSAGE = encode_request(LogMessageCmd("hello", host="h", user="u")).decode()
NEWS = encode_request(CSyncCmd(SyncApi.NEWS, 7, 1, 2, host="h", user="u")).decode()


def changed(text: str, old: str, new: str) -> bytes:
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1).encode()


def test_the_ping_is_spelled_as_the_client_spells_it() -> None:
    assert PING.splitlines() == [
        "{",
        '"21ClientToServerRequest": {',
        '"cmd_": {',
        '"polymorphic_id": 2147483649,',
        '"polymorphic_name": "CtsCmd",',
        '"ptr_wrapper": {',
        '"id": 2147483649,',
        '"data": {',
        '"cereal_class_version": 0,',
        '"value0": {',
        '"cereal_class_version": 0,',
        '"value0": {',
        '"cereal_class_version": 0,',
        '"cl_host_": "h"',
        "},",
        '"user_": "u"',
        "},",
        '"api_": 8',
        *["}"] * 5,
    ]


TAKEN = {
    "another root key": changed(PING, "21ClientToServerRequest", "anything"),
    "compact": PING.replace("\n", "").replace(": ", ":").encode(),
    "blanks around": b" \t\r\n" + PING.encode() + b" \t\r\n",
    "an array as root (seen on 5.9.2)": ("[" + PING[PING.index("{", 1) : -2] + "]").encode(),
    "a zero byte and more after the value (seen on 5.9.2)": PING.encode() + b"\0rubbish",
    "an unknown field at the end": changed(PING, '"api_": 8', '"api_": 8, "more": [{}]'),
    "an unknown field before a named one": changed(PING, '"api_": 8', '"more": {}, "api_": 8'),
    "class version 7": PING.replace('version": 0', 'version": 7').encode(),
    "any number for a class that is named": changed(PING, "2147483649", str(0x80000005)),
    "any number for a new object": changed(PING, '"id": 2147483649', f'"id": {0x80000009}'),
    "the last root member is not looked at": PING[:-2].encode() + b', "second": 5}',
    "not a number in an unknown field (seen on 5.9.2)": changed(PING, "8\n", '8, "z": NaN\n'),
    "the first of two fields of one name (seen on 5.9.2)": changed(PING, "8\n", '8, "api_": "x"\n'),
}


@pytest.mark.parametrize("payload", TAKEN.values(), ids=TAKEN.keys())
def test_what_the_real_servers_take_is_taken(payload: bytes) -> None:
    assert decode_request(payload) == CtsCmd(CtsApi.PING, host="h", user="u")


REFUSED = {
    "nothing": (b"", NotJson),
    "blanks": (b"  \n", NotJson),
    "no JSON": (b"hello", NotJson),
    "text after the value": (PING.encode() + b" x", NotJson),
    "a comment after the value": (PING.encode() + b"//", NotJson),
    "a byte order mark": (b"\xef\xbb\xbf" + PING.encode(), NotJson),
    "a trailing comma": (changed(PING, "8\n}", "8,\n}"), NotJson),
    "a raw control character": (changed(MESSAGE, "hello", "a\tb"), NotJson),
    "a number beyond double": (changed(PING, "8\n", '8, "z": 1e999\n'), NotJson),
    "too deep": (b"[" * 200_000, NotJson),
    "a string": (b'"text"', WrongType),
    "a number": (b"5", WrongType),
    "null": (b"null", WrongType),
    "an empty object": (b"{}", WrongType),
    "an empty array": (b"[]", WrongType),
    "a root member that is no object": (b'{"x": 5}', WrongType),
    "no cmd_": (b'{"x": {}}', MissingField),
    "an unknown class": (changed(PING, "CtsCmd", "NoSuchCmd"), UnknownClass),
    "a class of replies": (changed(PING, "CtsCmd", "StcCmd"), UnknownClass),
    "a class number without a name": (changed(PING, "2147483649", "1"), UnknownClass),
    "the declared class, which is abstract": (changed(PING, "2147483649", "1073741824"), UnknownClass),
    "a name that is no string": (changed(PING, '"CtsCmd"', "5"), WrongType),
    "a reference to no object": (changed(PING, '"id": 2147483649', '"id": 1'), UnknownObject),
    "no class version": (changed(PING, '"cereal_class_version": 0,\n', ""), MissingField),
    "a class version that is no number": (changed(PING, 'version": 0', 'version": true'), WrongType),
    "a negative class version": (changed(PING, 'version": 0', 'version": -1'), WrongType),
    "a missing field": (changed(PING, '"api_"', '"apI_"'), MissingField),
    "a missing field in a base": (changed(PING, '"cl_host_"', '"host"'), MissingField),
    "a string for a number": (changed(PING, '"api_": 8', '"api_": "8"'), WrongType),
    "a bool for a number": (changed(PING, '"api_": 8', '"api_": true'), WrongType),
    "a fraction for a number": (changed(PING, '"api_": 8', '"api_": 8.0'), WrongType),
    "null for a string": (changed(MESSAGE, '"hello"', "null"), WrongType),
    "a number for a string": (changed(MESSAGE, '"hello"', "1"), WrongType),
    "an array for a base": (changed(PING, '"value0": {', '"value0": [], "value0": {'), WrongType),
    "a wrong type in an optional field": (changed(PING, '"user_": "u"', '"user_": "u", "cu_": 5'), WrongType),
}


@pytest.mark.parametrize(("payload", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_real_servers_refuse_is_a_typed_error_of_one_line(
    payload: bytes, error: type[ArchiveError]
) -> None:
    with pytest.raises(ArchiveError) as caught:
        decode_request(payload)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_an_error_says_where() -> None:
    group = GroupCTSCmd((CtsCmd(CtsApi.PING), LogMessageCmd("hello")))
    payload = changed(encode_request(group).decode(), '"hello"', "[1]")
    with pytest.raises(WrongType) as caught:
        decode_request(payload)
    assert str(caught.value) == (
        "cmd_.GroupCTSCmd.cmdVec_.1.LogMessageCmd.msg_: expected a string, found an array"
    )


def test_bases_are_read_in_sequence_and_so_refused_after_named_fields() -> None:
    base = re.search(r'"value0": \{.*\},\n(?="api_")', PING, re.DOTALL)
    assert base is not None
    moved = PING.replace(base[0], "").replace('"api_": 8', '"api_": 8,\n' + base[0].rstrip(",\n"))
    with pytest.raises(ArchiveError):
        decode_request(moved.encode())


def test_named_fields_may_come_in_any_order() -> None:
    swapped = NEWS.replace('"api_": 0,\n"client_handle_": 7,', '"client_handle_": 7,\n"api_": 0,')
    assert swapped != NEWS
    assert decode_request(swapped.encode()) == decode_request(NEWS.encode())


@pytest.mark.parametrize(
    "user_part",
    ['"user_": "u", "x": 1, "cu_": true', '"cu_": true, "user_": "u"'],
    ids=["after an unknown field", "before its place"],
)
def test_an_optional_field_counts_only_where_it_is_the_next(user_part: str) -> None:
    """Seen on 5.9.2: a wrong type there does no harm, while it does as the next field."""
    command = decode_request(changed(PING, '"user_": "u"', user_part))
    assert isinstance(command, CtsCmd)
    assert not command.custom_user


@pytest.mark.parametrize(
    ("number", "accepted"),
    [(-(2**31), True), (2**31 - 1, True), (-(2**31) - 1, False), (2**31, False), (2**32, False)],
)
def test_handles_and_change_numbers_are_signed_32_bit_numbers(number: int, accepted: bool) -> None:
    """Seen on 5.9.2."""
    payload = changed(NEWS, '"client_handle_": 7', f'"client_handle_": {number}')
    if accepted:
        command = decode_request(payload)
        assert isinstance(command, CSyncCmd)
        assert command.handle == number
    else:
        with pytest.raises(WrongType, match="client_handle_"):
            decode_request(payload)


def test_a_number_without_a_name_stays_a_number() -> None:
    payload = changed(PING, '"api_": 8', '"api_": 99')
    command = decode_request(payload)
    assert isinstance(command, CtsCmd)
    assert command.api == 99
    assert not isinstance(command.api, CtsApi)
    assert encode_request(command) == payload


def test_a_known_number_becomes_its_name() -> None:
    command = decode_request(PING.encode())
    assert isinstance(command, CtsCmd)
    assert command.api is CtsApi.PING


def test_null_pointers_are_an_error_of_their_own() -> None:
    assert json.loads(NULL_REQUEST) == {"21ClientToServerRequest": {"cmd_": {"polymorphic_id": 0}}}
    assert json.loads(NULL_REPLY) == {"22ServerToClientResponse": {"stc_cmd_": {"polymorphic_id": 0}}}
    for payload in (NULL_REQUEST, changed(PING, '"id": 2147483649', '"id": 0')):
        with pytest.raises(NullPointer):
            decode_request(payload)
    with pytest.raises(NullPointer):
        decode_reply(NULL_REPLY)


def test_class_versions_are_written_once_for_each_class() -> None:
    group = GroupCTSCmd(tuple(CtsNodeCmd(CtsNodeApi.GET, f"/s{number}") for number in range(3)))
    text = encode_request(group).decode()
    # GroupCTSCmd, UserCmd, ClientToServerCmd and CtsNodeCmd, each at its first occurrence.
    assert text.count('"cereal_class_version": 0') == 4
    assert text.count('"polymorphic_name"') == 2
    assert decode_request(text.encode()) == group


def test_a_class_version_at_a_later_occurrence_is_refused() -> None:
    group = encode_request(GroupCTSCmd((ping := CtsCmd(CtsApi.PING), LogMessageCmd("x"), CtsCmd(8)))).decode()
    assert ping in getattr(decode_request(group.encode()), "commands", ())
    last = group.rindex('"data": {\n') + len('"data": {\n')
    with pytest.raises(WrongType, match="value0: expected an object"):
        decode_request((group[:last] + '"cereal_class_version": 0,\n' + group[last:]).encode())


def test_objects_and_classes_are_numbered_through_the_message() -> None:
    group = GroupCTSCmd((CtsCmd(CtsApi.PING), PathsCmd(1), CtsCmd(CtsApi.STATS)))
    text = encode_request(group).decode()
    ids = [int(number) for number in re.findall(r'"polymorphic_id": (\d+)', text)]
    assert ids == [0x80000001, 0x80000002, 0x80000003, 2]
    objects = [int(number) for number in re.findall(r'"id": (\d+)', text)]
    assert objects == [0x80000001, 0x80000002, 0x80000003, 0x80000004]


def test_one_object_twice_is_written_once_and_read_as_one_object() -> None:
    text = SStringCmd("last")
    payload = encode_reply(GroupSTCCmd((text, ErrorCmd("e"), text)))
    assert payload.count(b"last") == 1
    assert payload.endswith(b'{\n"polymorphic_id": 2,\n"ptr_wrapper": {\n"id": 2\n}\n}\n]\n}\n}\n}\n}\n}')
    group = decode_reply(payload)
    assert isinstance(group, GroupSTCCmd)
    first, error, second = group.replies
    assert first is second
    assert error == ErrorCmd("e")


def test_equal_objects_are_written_each() -> None:
    payload = encode_reply(GroupSTCCmd((SStringCmd("same"), SStringCmd("same"))))
    assert payload.count(b"same") == 2


def test_what_is_no_message_of_the_direction_cannot_be_written() -> None:
    with pytest.raises(UnknownClass, match="StcCmd cannot be written here"):
        encode_request(OK)  # type: ignore[arg-type]
    with pytest.raises(UnknownClass, match="CtsCmd cannot be written here"):
        encode_reply(CtsCmd(CtsApi.PING))  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [*range(0x20), 0x22, 0x2F, 0x5C, 0x7F, 0xE9, 0x2028, 0x1F600])
def test_characters_are_escaped_as_the_real_writer_does(code: int) -> None:
    short = {0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
    escaped = short.get(code, chr(code) if code >= 0x20 else f"\\u00{code:02X}")
    assert quote(f"a{chr(code)}b") == f'"a{escaped}b"'
    assert json.loads(quote(chr(code))) == chr(code)


def test_bytes_that_are_no_utf_8_pass_through() -> None:
    payload = MESSAGE.encode().replace(b"hello", b"\xff\xfe\xed\xa0\x80\xc3")
    assert encode_request(decode_request(payload)) == payload


def test_surrogate_pairs_are_joined_and_halves_treated_as_by_the_real_reader() -> None:
    """Seen on 5.9.2: a second half alone is taken, a first half without the second is refused."""
    assert parse(rb'"\ud83d\ude00"') == "\N{GRINNING FACE}"
    assert parse(rb'"a\udc00b"').encode("utf-8", "surrogateescape") == b"a\xed\xb0\x80b"
    assert parse(rb'"\ud83d\ude00\udfff"').encode("utf-8", "surrogateescape").endswith(b"\xed\xbf\xbf")
    assert parse(rb'"\\ud83d"') == r"\ud83d"
    for text in (
        rb'"\ud83d"',
        rb'"\ud83dA"',
        rb'"\ud83d\u0041"',
        rb'"\ud83d\ud83d"',
        rb'["\ud83d","\ude00"]',
    ):
        with pytest.raises(NotJson, match="surrogate"):
            parse(text)


def test_text_that_no_bytes_stand_for_cannot_be_written() -> None:
    with pytest.raises(WrongType, match="UTF-8"):
        encode_request(LogMessageCmd("\ud800"))


def test_an_event_is_cleared_by_a_field_and_set_without() -> None:
    assert b"value_" not in encode_request(EventCmd("1"))
    cleared = encode_request(EventCmd("1", value=False))
    assert b'"name_": "1",\n"value_": false\n' in cleared
    assert decode_request(cleared) == EventCmd("1", value=False)


def test_ok_is_the_same_whether_ready_made_or_written() -> None:
    assert encode_reply(OK) == encode_reply(StcCmd(OK.api))
