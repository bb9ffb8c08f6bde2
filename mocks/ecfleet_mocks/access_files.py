"""Where a mock server's white list and password files come from: a text in memory, or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ecfleet_mocks.model.access_files import AccessFile

__all__ = ["access_file"]


def access_file(
    given: Callable[[], str | Path | None], default_name: str, variables: Mapping[str, str]
) -> AccessFile:
    """A file as the server's model sees it.

    :param given: the text or the path, asked for anew each time it is read; None when there is none.
    :param default_name: what a text is called: the name that a file has unless told otherwise.
    :param variables: what stands for ``%NAME%`` in a text; files are taken as they are.
    """
    now = given()
    name = str(now) if isinstance(now, Path) else default_name

    def read() -> str | None:
        found = given()
        if isinstance(found, Path):
            return _text_of(found)
        if found is not None:
            for variable, value in variables.items():
                found = found.replace(f"%{variable}%", value)
        return found

    def include(wanted: str) -> str | None:
        # A released server reads it from its working directory, where its own files usually are.
        found = given()
        return _text_of(found.parent / wanted) if isinstance(found, Path) else None

    return AccessFile(name, read, include)


def _text_of(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
