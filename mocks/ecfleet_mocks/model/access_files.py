"""The white list and password files of a server as its model sees them: a name, and how to get the text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ecfleet_mocks.wire import OK, ErrorCmd, Reply, Variable

__all__ = ["AccessFile", "AccessFiles", "error_reply", "no_file", "read_or_refuse", "with_access_files"]


def no_file() -> str | None:
    """Stands for a file that is not there."""
    return None


def _no_include(name: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class AccessFile:
    """One of the files.

    :param name: as ECF_LISTS and the like give it, and as errors show it.
    :param read: its text now, None when there is no such file; may raise OSError.
    :param include: the text of a file that it includes, None when there is none.
    """

    name: str
    read: Callable[[], str | None] = no_file
    include: Callable[[str], str | None] = _no_include


@dataclass(frozen=True, slots=True)
class AccessFiles:
    """The files of one server; ``directory`` is its working directory, which errors name."""

    lists: AccessFile = field(default=AccessFile("ecf.lists"))
    passwd: AccessFile = field(default=AccessFile("ecf.passwd"))
    custom_passwd: AccessFile = field(default=AccessFile("ecf.custom_passwd"))
    directory: str = "/ecf_home"


def read_or_refuse(file: AccessFile, variable: str, directory: str) -> tuple[str | None, str]:
    """The text for a reload; None and the released servers' error when there is none."""
    try:
        text = file.read()
    except OSError as error:
        return None, f"Could not open file specified by {variable} {file.name} ({error.strerror or error})"
    if text is None:
        return None, f"The {variable} file {file.name} does not exist. Server CWD : {directory}"
    return text, ""


def error_reply(why: str) -> Reply:
    """OK, or the error; the released servers take out its last newline, wherever that is."""
    if not why:
        return OK
    before, newline, after = why.rpartition("\n")
    return ErrorCmd(before + after if newline else why)


def with_access_files(variables: tuple[Variable, ...], files: AccessFiles) -> tuple[Variable, ...]:
    """A server's variables with the names of its files."""
    names = {
        "ECF_LISTS": files.lists.name,
        "ECF_PASSWD": files.passwd.name,
        "ECF_CUSTOM_PASSWD": files.custom_passwd.name,
    }
    return tuple(replace(known, value=names.get(known.name, known.value)) for known in variables)
