"""One line of a definition, taken apart as the attribute readers need it."""

from __future__ import annotations

__all__ = ["Line", "LineError"]


class LineError(ValueError):
    """A line cannot be read; the text is the cause, without the line.

    :ivar numbers: how many state change numbers reading the line took before it failed.
    """

    def __init__(self, reason: str, numbers: int = 0) -> None:
        super().__init__(reason)
        self.numbers = numbers


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

        Quotes inside the value are kept: the outermost ones are the value's ends.  A run of blanks becomes
        one, inside quotes too, and a word that begins with ``#`` ends the value even there (seen on 5.9.2).

        :raises LineError: for a value that is one quote.
        """
        name, *words = _words(self.rest)
        return name, _value(words)

    def name_value_and_new_value(self) -> tuple[str, str, str]:
        """Name, value and new value of ``label NAME "value" # "new value"``.

        What holds for the value of a variable holds for a label's; the new value stands as it is written,
        between quotes after the last ``#``.

        :raises LineError: for a value that is one quote.
        """
        name, *words = _words(self.rest)
        value = _value(words) if len(words) > 1 else _newlines(_unquoted(words[0]))
        _, mark, state = self.rest.rpartition("#")
        first, last = state.find('"'), state.rfind('"')
        if not (self.with_state and mark and first < last):
            return name, value, ""
        return name, value, _newlines(state[first + 1 : last])


def _words(text: str) -> list[str]:
    return [word for word in text.replace("\t", " ").split(" ") if word]


def _value(words: list[str]) -> str:
    for position, word in enumerate(words):
        if word[0] == "#":
            words = words[:position]
            break
    return _newlines(_unquoted(" ".join(words)))


def _unquoted(text: str) -> str:
    for quote in ('"', "'"):
        if text == quote:
            raise LineError("std::bad_alloc", numbers=1)
        if len(text) > 1 and text[0] == text[-1] == quote:
            text = text[1:-1]
    return text


def _newlines(text: str) -> str:
    return text.replace("\\n", "\n") if "\\" in text else text
