"""What can be wrong with bytes on the wire, each as an exception of its own.

All of them are :class:`WireError`, and so :class:`ValueError`; the text is one line.
"""

from __future__ import annotations

__all__ = [
    "ArchiveError",
    "BadHeader",
    "FramingError",
    "MissingField",
    "NotJson",
    "NullPointer",
    "TooLong",
    "UnexpectedEnd",
    "UnknownClass",
    "UnknownObject",
    "WireError",
    "WrongType",
]


class WireError(ValueError):
    """Bytes that do not follow the protocol they claim to be in."""


class FramingError(WireError):
    """The eight-character header and the payload after it do not make a message."""


class BadHeader(FramingError):
    """The header is no hexadecimal number."""


class TooLong(FramingError):
    """The announced (or given) payload is longer than allowed."""


class UnexpectedEnd(FramingError):
    """The stream ended in the middle of a message."""


class ArchiveError(WireError):
    """A payload that cannot be read as, or written from, the objects of the archive.

    :ivar reason: what is wrong, without the place.
    :ivar place: the fields on the way to it, outermost first.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place: list[str] = []

    def within(self, field: str) -> None:
        """Note that the error happened inside ``field``; called from the inside outwards."""
        self.place.insert(0, field)

    def __str__(self) -> str:
        return f"{'.'.join(self.place)}: {self.reason}" if self.place else self.reason


class NotJson(ArchiveError):
    """The payload is no JSON text, has something after it, or is nested beyond reading."""


class UnknownClass(ArchiveError):
    """A polymorphic pointer names a class that is not known there."""


class UnknownObject(ArchiveError):
    """A shared pointer refers to an object that was not written before."""


class MissingField(ArchiveError):
    """A field (or the class version at the first occurrence of a class) is not there."""


class WrongType(ArchiveError):
    """A value has the wrong JSON type, or does not fit the number it stands for."""


class NullPointer(ArchiveError):
    """A null pointer where a command, reply or memento has to be.

    The programs differ in what they do with one (a null command kills a 5.17 server), so it is kept
    apart from the other errors.
    """
