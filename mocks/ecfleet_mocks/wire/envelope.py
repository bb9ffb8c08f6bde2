"""The two envelopes: a request, and a reply, each one polymorphic pointer under a root key.

Writers put a number (the length of the class name) and the class name as the root key; readers take any
(seen on 5.9.2 and 5.17.0).
"""

from __future__ import annotations

from typing import Any

from ecfleet_mocks.wire.archive import Fields, Kind, Reader, Writer, object_text
from ecfleet_mocks.wire.errors import ArchiveError, NotJson, WrongType
from ecfleet_mocks.wire.json_text import dump_bytes, parse

__all__ = ["Envelope"]


class Envelope:
    """Payloads of one direction.

    :param root: the key that writers use.
    :param member: the field that holds the pointer.
    """

    __slots__ = ("_kind", "_member", "_root")

    def __init__(self, root: str, member: str, kind: Kind) -> None:
        self._root = root
        self._member = member
        self._kind = kind

    def encode(self, value: Any) -> bytes:
        """The payload of ``value``."""
        return self._wrap(self._kind.write(Writer(), value))

    def null(self) -> bytes:
        """A payload whose pointer is null."""
        return self._wrap(object_text(['"polymorphic_id": 0']))

    def decode(self, payload: bytes) -> Any:
        """The object in ``payload``; any :class:`ArchiveError`."""
        root = parse(payload)
        if type(root) is tuple:
            content = root[0][1] if root else None
        elif type(root) is list:
            content = root[0] if root else None
        else:
            raise WrongType("the payload is no JSON object")
        if content is None:
            raise WrongType("the payload is an empty JSON object")
        try:
            return self._kind.read(Reader(), Fields(content).named(self._member))
        except ArchiveError as error:
            error.within(self._member)
            raise
        except RecursionError:
            raise NotJson("the payload is nested too deeply") from None

    def _wrap(self, pointer: str) -> bytes:
        inner = object_text([f'"{self._member}": {pointer}'])
        return dump_bytes(object_text([f'"{self._root}": {inner}']))
