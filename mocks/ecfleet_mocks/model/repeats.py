"""The repeat of a node: a variable that takes one value after another while the node runs again and again.

Texts and the meaning of the number after ``" # "`` were seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

__all__ = ["Repeat", "RepeatKind"]


class RepeatKind(StrEnum):
    """The word after ``repeat``."""

    DATE = "date"
    DATETIME = "datetime"
    INTEGER = "integer"
    ENUMERATED = "enumerated"
    STRING = "string"
    DATELIST = "datelist"
    DATETIMELIST = "datetimelist"
    DAY = "day"


_LISTS = (RepeatKind.ENUMERATED, RepeatKind.STRING, RepeatKind.DATELIST, RepeatKind.DATETIMELIST)


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repeat and where it stands.

    :param words: for lists the values; otherwise start, end and step as written; for ``day`` the step alone.
    :param position: for lists the index; otherwise the value, as the text after ``" # "`` shows it.
    """

    kind: RepeatKind
    name: str
    words: tuple[str, ...]
    position: str

    @staticmethod
    def at_start(kind: RepeatKind, name: str, words: tuple[str, ...]) -> Repeat:
        """A repeat at its first value."""
        return Repeat(kind, name, words, "0" if kind in _LISTS or kind is RepeatKind.DAY else words[0])

    @property
    def start(self) -> str:
        """The position of the first value."""
        return "0" if self.kind in _LISTS or self.kind is RepeatKind.DAY else self.words[0]

    def text(self) -> str:
        if self.kind is RepeatKind.DAY:
            return f"repeat day {self.words[0]}"
        words = [f'"{word}"' for word in self.words] if self.kind in _LISTS else list(self.words)
        return " ".join(("repeat", self.kind.value, self.name, *words))

    def state(self) -> str:
        return self.position if self.position != self.start else ""

    def value(self) -> str:
        """What the repeat's variable is now; the last value when it has run out."""
        if self.kind is RepeatKind.DAY:
            return self.words[0]
        if self.kind in _LISTS:
            return self.words[max(0, min(int(self.position), len(self.words) - 1))]
        return self.position

    def restarted(self) -> Repeat:
        """The repeat at its first value again."""
        return replace(self, position=self.start)

    def advanced(self) -> Repeat:
        """The repeat one step on, which may be past its last value; a repeat over days never ends."""
        if self.kind is RepeatKind.DAY:
            return self
        if self.kind in _LISTS:
            return replace(self, position=str(int(self.position) + 1))
        return replace(self, position=self._moved(self._step()))

    @property
    def is_valid(self) -> bool:
        """Whether the repeat stands on one of its values, not past the last."""
        if self.kind is RepeatKind.DAY:
            return True
        if self.kind in _LISTS:
            return int(self.position) < len(self.words)
        if self.kind is RepeatKind.INTEGER:
            here, end = int(self.position), int(self.words[1])
        else:
            # Dates and date-times order as their digits do.
            here, end = int(self.position.replace("T", "")), int(self.words[1].replace("T", ""))
        return here >= end if self._step().startswith("-") else here <= end

    def _step(self) -> str:
        if len(self.words) > 2:
            return self.words[2]
        return "24:00:00" if self.kind is RepeatKind.DATETIME else "1"

    def _moved(self, step: str) -> str:
        if self.kind is RepeatKind.INTEGER:
            return str(int(self.position) + int(step))
        if self.kind is RepeatKind.DATE:
            today = date(int(self.position[:4]), int(self.position[4:6]), int(self.position[6:8]))
            return (today + timedelta(days=int(step))).strftime("%Y%m%d")
        hours, minutes, seconds = (int(part) for part in step.lstrip("-").split(":"))
        length = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        moment = datetime.strptime(self.position, "%Y%m%dT%H%M%S")
        return (moment - length if step.startswith("-") else moment + length).strftime("%Y%m%dT%H%M%S")
