"""Replies: every reply class under ecFlow's name, and the way between them and payloads.

Classes, fields and their order were seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

from ecfleet_mocks.wire.archive import BOOL, TEXT, WORD, Enumeration, Many, Pair
from ecfleet_mocks.wire.enumerations import NewsKind, StcApi, ZombieType
from ecfleet_mocks.wire.envelope import Envelope
from ecfleet_mocks.wire.mementos import IncrementalChanges
from ecfleet_mocks.wire.records import Stats, Zombie
from ecfleet_mocks.wire.schema import Polymorphic, Registry, Struct, named, record, unnamed

__all__ = [
    "NULL_REPLY",
    "OK",
    "REPLIES",
    "BlockClientZombieCmd",
    "DefsCmd",
    "ErrorCmd",
    "GroupSTCCmd",
    "Reply",
    "SClientHandleCmd",
    "SClientHandleSuitesCmd",
    "SNewsCmd",
    "SNodeCmd",
    "SServerLoadCmd",
    "SStatsCmd",
    "SStringCmd",
    "SStringVecCmd",
    "SSuitesCmd",
    "SSyncCmd",
    "StcCmd",
    "ZombieGetCmd",
    "decode_reply",
    "encode_reply",
]

_CLASSES: Final = Registry()


@record(name="ServerToClientCmd")
@dataclass(frozen=True, slots=True)
class Reply:
    """Base of all replies (ecFlow's ServerToClientCmd); it carries nothing."""


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class StcCmd(Reply):
    """OK, or another answer without content."""

    api: Annotated[StcApi | int, named("api_", Enumeration(StcApi))]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class ErrorCmd(Reply):
    """An error; real servers drop one newline at the end of the message."""

    message: Annotated[str, named("error_msg_", TEXT)]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SStringCmd(Reply):
    """Text: version, statistics, a file, a query's value, ..."""

    text: Annotated[str, named("str_", TEXT)]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SStringVecCmd(Reply):
    """Lines of text: the edit history."""

    lines: Annotated[tuple[str, ...], named("vec_", Many(TEXT))] = ()


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class DefsCmd(Reply):
    """The whole definition, in style NET."""

    text: Annotated[str, unnamed(TEXT)]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SNodeCmd(Reply):
    """A node with all below it, in style NET."""

    text: Annotated[str, named("the_node_str_", TEXT)]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SSuitesCmd(Reply):
    """The names of the suites."""

    suites: Annotated[tuple[str, ...], named("suites_", Many(TEXT))] = ()


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SClientHandleCmd(Reply):
    """A client handle; 0: none any more."""

    handle: Annotated[int, named("handle_", WORD)]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SClientHandleSuitesCmd(Reply):
    """Who has which handles, and which handle has which suites."""

    users: Annotated[
        tuple[tuple[str, tuple[int, ...]], ...], named("users_", Many(Pair(TEXT, Many(WORD))))
    ] = ()
    handles: Annotated[
        tuple[tuple[int, tuple[str, ...]], ...], named("client_handles_", Many(Pair(WORD, Many(TEXT))))
    ] = ()


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SNewsCmd(Reply):
    """Whether there is news."""

    news: Annotated[NewsKind | int, named("news_", Enumeration(NewsKind))]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SSyncCmd(Reply):
    """A sync: full, full for the suites of a handle, or incremental.

    :param full_definition: whether ``definition_text`` holds the whole definition.
    :param suites_text: the definition with the handle's suites only.
    """

    full_definition: Annotated[bool, named("full_defs_", BOOL)] = False
    changes: Annotated[IncrementalChanges, named("incremental_changes_", Struct(IncrementalChanges))] = field(
        default_factory=IncrementalChanges
    )
    suites_text: Annotated[str, named("server_defs_", TEXT)] = ""
    definition_text: Annotated[str, unnamed(TEXT)] = ""


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SServerLoadCmd(Reply):
    """Where the server's log file is."""

    log_file_path: Annotated[str, named("log_file_path_", TEXT)]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class SStatsCmd(Reply):
    """The statistics, as data."""

    stats: Annotated[Stats, named("stats_", Struct(Stats))]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class ZombieGetCmd(Reply):
    """The zombies."""

    zombies: Annotated[tuple[Zombie, ...], named("zombies_", Many(Struct(Zombie)))] = ()


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class BlockClientZombieCmd(Reply):
    """A zombie's child command has to wait and ask again."""

    zombie_type: Annotated[ZombieType | int, named("zombie_type_", Enumeration(ZombieType))]


@record(registry=_CLASSES)
@dataclass(frozen=True, slots=True)
class GroupSTCCmd(Reply):
    """The replies to a group, those that carry something.

    Real servers put replies of one class in as one object, written once with the last content and referred
    to afterwards; the same Python object several times does that here.
    """

    replies: Annotated[tuple[Reply, ...], named("cmdVec_", Many(Polymorphic(_CLASSES, Reply)))] = ()


_ENVELOPE: Final = Envelope("22ServerToClientResponse", "stc_cmd_", Polymorphic(_CLASSES, Reply))

REPLIES: Final[tuple[type[Reply], ...]] = _CLASSES.classes
"""Every reply class."""

OK: Final = StcCmd(StcApi.OK)
"""The answer to a command that has nothing to say."""

NULL_REPLY: Final = _ENVELOPE.null()
"""A reply without content, which the real client reports as a NULL message."""

_OK_PAYLOAD: Final = _ENVELOPE.encode(OK)


def encode_reply(reply: Reply) -> bytes:
    """The payload (JSON without header) of ``reply``, byte for byte what ecflow_server writes.

    :raises UnknownClass: for anything that is no reply.
    :raises WrongType: for text with half a surrogate pair in it.
    """
    if reply is OK:
        return _OK_PAYLOAD
    return _ENVELOPE.encode(reply)


def decode_reply(payload: bytes) -> Reply:
    """The reply in ``payload``, read by the rules of the real clients.

    :raises ArchiveError: one of its kinds; :class:`NullPointer` where the reply is null.
    """
    reply: Reply = _ENVELOPE.decode(payload)
    return reply
