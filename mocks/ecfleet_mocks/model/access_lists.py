"""The white list (ECF_LISTS): who may read, who may write, and below which nodes.

Syntax: the guide's page on the white list; what the released servers make of it was seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ecfleet_mocks.model.access_lines import AccessFileError, significant_lines

__all__ = ["WhiteList", "WhiteListError", "parse_white_list"]

Paths = tuple[str, ...]
_EVERYBODY = "*"
_INCLUDE = re.compile(r" *#include *<([^>]*)> *(#.*)?")


def _empty() -> Mapping[str, Paths]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WhiteList:
    """What a white list says.

    :param readers: users, and ``*`` for everybody, with the paths they are limited to; none: no limit.
    :param writers: likewise; who may write may also read.
    :param all_read: everybody reads everything.
    :param all_write: everybody writes everything.
    """

    readers: Mapping[str, Paths] = field(default_factory=_empty)
    writers: Mapping[str, Paths] = field(default_factory=_empty)
    all_read: bool = False
    all_write: bool = False

    @property
    def names_nobody(self) -> bool:
        """Nobody is named, so that everybody may do everything (a list with ``-*`` alone included)."""
        return not (self.readers or self.writers)

    @property
    def says_nothing(self) -> bool:
        """There is no list, or one without users: it decides nothing."""
        return self.names_nobody and not (self.all_read or self.all_write)

    def may_read(self, user: str, paths: Paths | None = None) -> bool:
        """Whether a command that reads is allowed.

        :param paths: what the command is about, all of which must be allowed; None for a command that is
            about no node: a user who is limited to paths may give it.
        """
        if self.all_read or self.names_nobody:
            return True
        for listed in (self.readers, self.writers):
            for name in (user, _EVERYBODY):
                if name in listed and (paths is None or _covers(listed[name], paths)):
                    return True
        return False

    def may_write(self, user: str, paths: Paths | None = None) -> bool:
        """Whether a command that changes something is allowed; without paths to those without limit only."""
        if self.all_write or self.names_nobody:
            return True
        return any(
            name in self.writers and _covers(self.writers[name], paths or ()) for name in (user, _EVERYBODY)
        )

    def with_owner(self, owner: str, *, shut: bool = False) -> WhiteList:
        """The list with the server's own account as writer, as it is after every successful load.

        Somebody who is a writer already, if only for some paths, stays what he is.

        :param shut: do so as well where only ``-*`` is given, which then no longer lets everybody write.
        """
        if shut and self.all_read and not self.all_write and not self.writers:
            return replace(self, writers=MappingProxyType({owner: ()}))
        if self.may_write(owner) or owner in self.writers:
            return self
        return replace(self, writers=MappingProxyType({**self.writers, owner: ()}))


def _covers(allowed: Paths, paths: Paths) -> bool:
    """Whether each path is an allowed one or below it; an allowed path that ends in ``/`` covers nothing."""
    if not allowed:
        return True
    return bool(paths) and all(any(_below(path, top) for top in allowed) for path in paths)


def _below(path: str, top: str) -> bool:
    return path.startswith(top) and (len(path) == len(top) or path[len(top)] == "/")


class WhiteListError(AccessFileError):
    """A white list is refused.

    :param left: what released servers then have in force: the users before the bad line, nobody before it.
    """

    def __init__(self, text: str, left: WhiteList) -> None:
        super().__init__(text)
        self.left = left


def parse_white_list(
    text: str, *, name: str = "ecf.lists", include: Callable[[str], str | None] | None = None
) -> WhiteList:
    """Read a white list.

    :param name: what errors call the file.
    :param include: gives the text of an included file, None when there is none; without it ``#include`` is
        the comment that it was before 5.16.
    :raises WhiteListError: as the released servers refuse it.
    """
    reading = _Reading()
    try:
        whole = text if include is None else "\n".join(_with_included(text, include, name, ()))
        for words in significant_lines(
            whole, kind="ECF_LISTS", name=name, sample="4.4.14", rule=_version_refused
        ):
            reading.add(words)
    except AccessFileError as error:
        raise WhiteListError(str(error), reading.so_far()) from None
    return reading.so_far()


def _version_refused(major: int, minor: int, patch: int) -> str:
    if (major, minor, patch) < (4, 4, 5):
        return "Only white list files with a version >= 4.4.5 is supported\n"
    return ""


def _with_included(
    text: str, include: Callable[[str], str | None], name: str, within: tuple[str, ...]
) -> Iterator[str]:
    for line in text.split("\n"):
        found = _INCLUDE.fullmatch(line)
        if found is None:
            yield line
            continue
        wanted = found[1]
        # A released server follows a file that includes itself until it has no descriptors left.
        inner = None if wanted in within else include(wanted)
        if inner is None:
            raise AccessFileError(
                f"Could not open invalid file specified by ECF_LISTS {name} (No such file or directory)"
                " -- check also if #included files exist\n"
            )
        yield from _with_included(inner, include, name, (*within, wanted))


@dataclass(slots=True)
class _Reading:
    """A list while it is read; an entry for everybody makes later ones of its kind superfluous."""

    readers: dict[str, Paths] = field(default_factory=dict)
    writers: dict[str, Paths] = field(default_factory=dict)
    all_read: bool = False
    all_write: bool = False

    def so_far(self) -> WhiteList:
        readers, writers = MappingProxyType(dict(self.readers)), MappingProxyType(dict(self.writers))
        return WhiteList(readers, writers, self.all_read, self.all_write)

    def add(self, words: list[str]) -> None:
        if self.all_write:
            # Whatever follows is not even looked at.
            return
        if len(words) == 1:
            self._add_name(words[0])
        else:
            self._add_line(words)

    def _add_name(self, word: str) -> None:
        if word == "-*":
            self.all_read = True
            self.readers.clear()
        elif word.startswith("-"):
            self._reader(word[1:], ())
        elif word == _EVERYBODY:
            self.all_read = self.all_write = True
            self.readers.clear()
            self.writers.clear()
        else:
            self._reader(word, ())
            self.writers.setdefault(word, ())

    def _reader(self, user: str, paths: Paths) -> None:
        if not self.all_read:
            self.readers.setdefault(user, paths)

    def _add_line(self, words: list[str]) -> None:
        user, reads_only, paths = "", False, []
        for word in words:
            if word.startswith("/"):
                paths += [path for path in word.split(",") if path]
                continue
            named = word
            if word.startswith("-"):
                reads_only = True
                named = word[1:]
            elif word.startswith(_EVERYBODY):
                named = _EVERYBODY
            if named and user:
                raise AccessFileError(
                    f"Can only have one user per line, first user:{user} second user:{named}"
                )
            user = named or user
        unlimited = "/" in paths
        if unlimited:
            paths = []
            if user == _EVERYBODY:
                self._everybody(reads_only=reads_only)
        if any(not path.startswith("/") for path in paths):
            raise AccessFileError("Paths must start with '/'")
        self._add_paths(user, tuple(paths), reads_only=reads_only)

    def _everybody(self, *, reads_only: bool) -> None:
        if reads_only:
            self.all_read = True
            self.readers.clear()
        else:
            self.all_write = True
            self.writers.clear()

    def _add_paths(self, user: str, paths: Paths, *, reads_only: bool) -> None:
        if self.all_read if reads_only else self.all_write:
            return
        listed = self.readers if reads_only else self.writers
        # Rights add up, so more lines mean more paths; but to somebody without limit a path is a limit.
        listed[user] = (*listed.get(user, ()), *paths)
