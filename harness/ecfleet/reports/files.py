"""Writes the files of reports: whole or not at all, and told beforehand when that cannot be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["ReportError", "append", "check_writable", "write_whole"]


class ReportError(OSError):
    """A report cannot be written or read; the message is one line."""


def check_writable(path: Path) -> None:
    """Find out before a long run whether a report can be written after it.

    :raises ReportError: when it cannot.
    """
    if path.is_dir():
        raise ReportError(f"{path}: is a directory; give the name of a file")
    if not path.parent.is_dir():
        raise ReportError(f"{path}: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise ReportError(f"{path}: the directory {path.parent} is not writable")


def write_whole(path: Path, text: str) -> None:
    """Write the text to ``path`` as UTF-8, whole or not at all.

    :raises ReportError: when that cannot be done.
    """
    scratch = ""
    try:
        handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as out:
            out.write(text)
        # As the user's umask would have it, and not private as temporary files are.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(scratch, 0o666 & ~umask)
        os.replace(scratch, path)
    except OSError as error:
        Path(scratch).unlink(missing_ok=True) if scratch else None
        raise ReportError(f"{path}: cannot be written: {error.strerror or error}") from None


def append(path: Path, text: str) -> None:
    """Add the text to the end of ``path``, which need not be there.

    :raises ReportError: when that cannot be done.
    """
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as out:
            out.write(text)
    except OSError as error:
        raise ReportError(f"{path}: cannot be written: {error.strerror or error}") from None
