"""One line of a definition, taken apart as the attribute readers need it."""

from __future__ import annotations

import re

__all__ = ["Line", "LineError"]

_QUOTED_THEN_COMMENT = re.compile(r"""(['"])(.*?)\1\s*(?:#.*)?\Z""")


class LineError(ValueError):
    """A line cannot be read; the text is the cause, without the line."""


class Line:
    """A line without its keyword.

    :param keyword: its first word.
    :param rest: what follows, stripped.
    :param shown: the line as it stands in the text, for error texts.
    :param with_state: whether what follows ``#`` is state; otherwise it is a comment and dropped.
    """

    __slots__ = ("_split", "keyword", "rest", "shown", "with_state")

    def __init__(self, keyword: str, rest: str, with_state: bool, shown: str = "") -> None:
        self.keyword = keyword
        self.rest = rest.strip()
        self.with_state = with_state
        self.shown = shown
        self._split: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words before a ``#``."""
        return self._parts()[0]

    @property
    def state_words(self) -> tuple[str, ...]:
        """The words after ``#``; none when what follows is a comment."""
        return self._parts()[1]

    def _parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if self._split is None:
            words = self.rest.split()
            for position, word in enumerate(words):
                if word[0] == "#":
                    after = words[position + 1 :] if self.with_state else []
                    self._split = (tuple(words[:position]), tuple(after))
                    break
            else:
                self._split = (tuple(words), ())
        return self._split

    def name_and_value(self) -> tuple[str, str]:
        r"""Name and value of ``edit NAME 'value'``; ``\n`` in the value becomes a newline.

        Quotes inside the value are kept: the outermost ones are the value's ends.
        """
        name, _, quoted = self.rest.partition(" ")
        return name, _value(quoted.strip(), self.with_state)

    def name_value_and_new_value(self) -> tuple[str, str, str]:
        """Name, value and new value of ``label NAME "value" # "new value"``."""
        name, _, quoted = self.rest.partition(" ")
        quoted = quoted.strip()
        if self.with_state and quoted.startswith('"') and quoted.endswith('"') and '" # "' in quoted:
            value, _, new_value = quoted[1:-1].partition('" # "')
            return name, _newlines(value), _newlines(new_value)
        return name, _value(quoted, self.with_state), ""


def _value(quoted: str, with_state: bool) -> str:
    if quoted[:1] in ("'", '"'):
        if len(quoted) > 1 and quoted[-1] == quoted[0] and (with_state or " #" not in quoted):
            return _newlines(quoted[1:-1])
        match = _QUOTED_THEN_COMMENT.match(quoted)
        return _newlines(match[2] if match else quoted)
    return _newlines(quoted.partition(" #")[0].strip())


def _newlines(text: str) -> str:
    return text.replace("\\n", "\n") if "\\" in text else text
