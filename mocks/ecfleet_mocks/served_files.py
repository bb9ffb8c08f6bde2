"""The files of a log server on disk: opened so that none outside the served directories is ever read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from ecfleet_mocks.model.log_files import (
    CHECKSUM_BYTES,
    SPACE,
    ChecksumKind,
    checksum,
    list_pattern,
    listed,
    map_path,
    name_on_disk,
    refusal,
    within,
)
from ecfleet_mocks.wire.logserver import ListRow

__all__ = ["OpenFile", "Refused", "ServedFiles"]

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class Refused(Exception):
    """A file is not served; the text says why, for the journal (the client is told nothing)."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that may be sent, with what its header tells.

    :param path: the path after LOGMAP.
    :param size: in bytes, at the time of opening.
    :param mtime: seconds since 1970, as text; empty when unknown.
    :param checksum: the checksum field; empty when unknown.
    :param stream: None for a directory, which is sent as nothing.
    """

    path: str
    size: int
    mtime: str
    checksum: str
    stream: FileIO | None

    @property
    def known(self) -> bool:
        """Whether size, time and checksum are known."""
        return bool(self.mtime)

    def close(self) -> None:
        """Close the file; twice is no error."""
        if self.stream is not None:
            self.stream.close()


class ServedFiles:
    """The directories of LOGPATH with LOGMAP before them.

    :param directories: LOGPATH; absolute directories.
    :param logmap: pairs of prefixes, from and to.
    :param faithful: serve what the released script serves, also what it should not.
    :param kind: what the checksum field holds.
    """

    def __init__(
        self,
        directories: Sequence[str],
        logmap: Sequence[tuple[str, str]] = (),
        *,
        faithful: bool = False,
        kind: ChecksumKind = ChecksumKind.NONE,
    ) -> None:
        self.directories = tuple(directories)
        self.logmap = tuple(logmap)
        self.faithful = faithful
        self.kind = kind

    def open(self, asked: str) -> OpenFile:
        """Open the file or directory that a request names.

        :raises Refused: when it is not served, with the reason.
        """
        path = self._permitted(asked)
        if not self.faithful:
            path = path.rstrip(SPACE)
            return self._opened(path, self._open_inside(path), known=True)
        opened, looked_up = name_on_disk(path.rstrip(SPACE)), name_on_disk(path)
        if opened is None:
            raise Refused(f"{path!r}: no file has such a name")
        try:
            descriptor = os.open(_raw(opened), _FLAGS)
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}") from None
        return self._opened(path, descriptor, known=looked_up is not None and os.path.exists(_raw(looked_up)))

    def rows(self, asked: str) -> list[ListRow]:
        """The list that a request asks for, in the order of the directory.

        :raises Refused: when the directory is not served, with the reason.
        """
        path = self._permitted(asked)
        directory, beginning = list_pattern(path if self.faithful else path.rstrip(SPACE))
        names = self._names(directory)
        rows = []
        try:
            wanted = [name for name in names if listed(name, beginning, faithful=self.faithful)]
        except ValueError as error:
            raise Refused(str(error)) from None
        for name in wanted:
            full = directory + name
            try:
                if not self.faithful and not self._is_inside(os.path.realpath(full)):
                    continue
                found = os.stat(_raw(full))
            except OSError:
                continue
            atime, mtime, ctime = (
                ns // 1_000_000_000 for ns in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
            )
            numbers = (found.st_mode, found.st_uid, found.st_gid, found.st_size, atime, mtime, ctime)
            rows.append(ListRow(*numbers, full))
        return rows

    def _names(self, directory: str) -> list[str]:
        try:
            if self.faithful:
                if "\0" in directory:
                    raise Refused(f"{directory!r}: no directory has such a name")
                return [".", "..", *os.listdir(directory)]
            if (why := refusal(directory, self.directories)) is not None:
                raise Refused(f"{directory}: {why}")
            descriptor = self._open_inside(directory)
            try:
                return os.listdir(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Refused(f"{directory}: {error.strerror}") from None

    def _permitted(self, asked: str) -> str:
        """The path after the map, when its text is allowed."""
        try:
            path = map_path(asked, self.logmap, faithful=self.faithful)
            why = refusal(path, self.directories, faithful=self.faithful)
        except ValueError as error:
            raise Refused(str(error)) from None
        if why is not None:
            raise Refused(f"{path}: {why}")
        return path

    def _open_inside(self, path: str) -> int:
        """Open what a path leads to by links, if that is inside a served directory.

        The links are resolved first, and the result is then opened part by part without following any: so
        nothing that is exchanged in between can lead outside.
        """
        try:
            resolved = os.path.realpath(path, strict=True)
            root = self._root_of(resolved)
            if root is None:
                raise Refused(f"{path}: leads to {resolved}, outside the served directories")
            descriptor = os.open(root, _FLAGS)
            for part in Path(resolved).relative_to(root).parts:
                above = descriptor
                try:
                    descriptor = os.open(part, _FLAGS | os.O_NOFOLLOW, dir_fd=above)
                finally:
                    os.close(above)
            if path.rpartition("/")[2] in ("", ".") and not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise Refused(f"{path}: {os.strerror(errno.ENOTDIR)}")
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}") from None
        return descriptor

    def _root_of(self, resolved: str) -> str | None:
        for directory in self.directories:
            root = os.path.realpath(directory)
            if within(resolved, root):
                return root
        return None

    def _is_inside(self, resolved: str) -> bool:
        return self._root_of(resolved) is not None

    def _opened(self, path: str, descriptor: int, *, known: bool) -> OpenFile:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            stream = FileIO(descriptor)
            hashed = known and self.kind is not ChecksumKind.NONE
            head = os.pread(descriptor, CHECKSUM_BYTES, 0) if hashed else b""
        elif stat.S_ISDIR(found.st_mode):
            os.close(descriptor)
            stream, head = None, b""
        else:
            os.close(descriptor)
            raise Refused(f"{path}: neither a file nor a directory")
        if not known:
            return OpenFile(path, 0, "", "", stream)
        mtime = found.st_mtime_ns // 1_000_000_000
        return OpenFile(path, found.st_size, str(mtime), checksum(head, self.kind), stream)


def _raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
