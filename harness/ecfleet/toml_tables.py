"""Reads a TOML file key by key, so that every mistake in it is told with file, table and key."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

E = TypeVar("E", bound=StrEnum)


def read_toml(path: Path, error: type[ValueError]) -> dict[str, object]:
    """The document in ``path``.

    :raises ValueError: as ``error``, one line with the file, when it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror or problem}") from None
    except UnicodeDecodeError:
        raise error(f"{path}: is no UTF-8 text") from None
    except tomllib.TOMLDecodeError as problem:
        raise error(f"{path}: is no TOML: {problem}") from None


class TableReader:
    """One table, whose keys are taken by type; what is left over at :meth:`finish` is a mistake.

    :param where: how messages call the table, ``"FILE: rule CERT-01"``.
    :param error: the exception type that every method raises on a mistake.
    """

    def __init__(self, table: object, where: str, error: type[ValueError]) -> None:
        self.where = where
        self.error = error
        if not isinstance(table, Mapping):
            raise error(f"{where}: must be a table")
        self._left = dict(table)
        self._taken: list[str] = []

    def mistake(self, key: str, problem: str) -> ValueError:
        """The exception to raise for ``key``."""
        return self.error(f"{self.where}: key '{key}': {problem}")

    def take(self, key: str) -> object:
        """The raw value of ``key``, None when it is absent."""
        self._taken.append(key)
        return self._left.pop(key, None)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not blank; needed unless there is a default."""
        value = self.take(key)
        if value is None:
            if default is None:
                raise self.mistake(key, "is missing")
            return default
        if not isinstance(value, str) or not value.strip():
            raise self.mistake(key, "must be a text that is not empty")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of texts; empty when the key is absent."""
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
            raise self.mistake(key, "must be an array of texts")
        if len(set(value)) != len(value):
            raise self.mistake(key, "names something twice")
        return tuple(value)

    def choice(self, key: str, among: type[E]) -> E:
        """One of the values of an enumeration."""
        value = self.text(key)
        try:
            return among(value)
        except ValueError:
            names = ", ".join(str(member) for member in among)
            raise self.mistake(key, f"must be one of {names}, and not {value!r}") from None

    def date(self, key: str) -> datetime.date | None:
        """A TOML local date (not quoted); None when the key is absent."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
            raise self.mistake(key, "must be a date without quotes, such as 2027-01-31")
        return value

    def tables(self, key: str) -> list[object]:
        """An array of tables, or one table alone; empty when the key is absent."""
        value = self.take(key)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        if isinstance(value, Mapping):
            return [value]
        raise self.mistake(key, f"must be tables: [[{key}]]")

    def finish(self) -> None:
        """Refuse keys that nobody took."""
        for key in self._left:
            raise self.mistake(key, f"is unknown; known are {', '.join(sorted(set(self._taken)))}")
