"""The patterns of a token file: ECMAScript regular expressions, as the C++ library of GCC reads them.

ecFlow's clients are built on std::regex, and an entry's pattern has to match the whole of
`scheme://host:port`. Python's expressions are close but not the same, so a pattern is translated:

* `(?i)` and every other group but `(?:`, `(?=` and `(?!` is an error, and so is a quantifier without
  anything before it, or a brace that is no proper count;
* an escaped letter that means nothing is that letter (`\\A` is `A`), where Python has anchors or an error;
* classes such as `[[:alpha:]]` exist, `[]` matches nothing and `[^]` anything;
* a quantifier may follow a quantifier, and `a++` repeats instead of being possessive;
* `\\d`, `\\w` and `\\s` are ASCII only.

That a pattern is no valid expression, and what then happens, was seen on 5.17.0 with `*`, `[` and
`(?i)...`; the finer points follow from the language's definition.
"""

from __future__ import annotations

import re

__all__ = ["BadPattern", "matches", "translate"]

_CONTROL = {"f": r"\f", "n": r"\n", "r": r"\r", "t": r"\t", "v": r"\v", "0": r"\x00"}
_CLASS_ESCAPES = "dDsSwW"
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "d": "0-9",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "s": r" \t-\r",
    "space": r" \t-\r",
    "upper": "A-Z",
    "w": "0-9A-Z_a-z",
    "xdigit": "0-9A-Fa-f",
}
_COUNT = re.compile(r"\{(\d+)(,(\d*))?\}", re.ASCII)


class BadPattern(ValueError):
    """A text is no valid ECMAScript regular expression; the message says why."""


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` matches the whole of `text`. Raises `BadPattern`."""
    return re.fullmatch(_compiled(pattern), text, re.ASCII) is not None


def translate(pattern: str) -> str:
    """`pattern` as a Python expression that, with re.ASCII, matches what it matches. Raises `BadPattern`."""
    return _Translation(pattern).run()


def _compiled(pattern: str) -> str:
    translated = translate(pattern)
    try:
        re.compile(translated, re.ASCII)
    except (re.error, OverflowError, RecursionError) as problem:
        raise BadPattern(f"{pattern!r} is no regular expression: {problem}") from None
    return translated


class _Translation:
    """One pass from left to right. `atom` is where the last repeatable piece starts in `out`, or None."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.out: list[str] = []
        self.open: list[tuple[int, bool]] = []
        self.captured = 0
        self.atom: int | None = None

    def error(self, why: str) -> BadPattern:
        return BadPattern(f"{self.pattern!r} is no regular expression: {why}")

    def run(self) -> str:
        while self.at < len(self.pattern):
            self.step(self.pattern[self.at])
        if self.open:
            raise self.error("a group is not closed")
        return "".join(self.out)

    def step(self, char: str) -> None:
        match char:
            case "(":
                self.group()
            case ")":
                if not self.open:
                    raise self.error("a group is closed that was not opened")
                start, repeatable = self.open.pop()
                self.plain(")")
                self.atom = start if repeatable else None
            case "[":
                self.add(self.bracket())
            case "*" | "+" | "?" | "{":
                self.quantifier(char)
            case "|" | "^":
                self.plain(char)
            case "$":
                self.plain(r"\Z")
            case ".":
                self.at += 1
                self.add(r"[^\n\r]")
            case "\\":
                self.escape()
            case _:
                self.at += 1
                self.add(re.escape(char))

    def plain(self, text: str) -> None:
        """Write what cannot be repeated, for one character read."""
        self.at += 1
        self.out.append(text)
        self.atom = None

    def add(self, text: str) -> None:
        self.atom = len(self.out)
        self.out.append(text)

    def group(self) -> None:
        opening = "("
        if self.pattern.startswith("(?", self.at):
            opening = self.pattern[self.at : self.at + 3]
            if opening not in ("(?:", "(?=", "(?!"):
                raise self.error(f"a group cannot begin with {opening}")
        self.captured += opening == "("
        self.open.append((len(self.out), opening in ("(", "(?:")))
        self.out.append(opening)
        self.at += len(opening)
        self.atom = None

    def quantifier(self, char: str) -> None:
        if self.atom is None:
            raise self.error(f"nothing stands before {char}")
        if char == "{":
            count = _COUNT.match(self.pattern, self.at)
            if count is None:
                raise self.error("{ begins no count")
            if count[3] and int(count[3]) < int(count[1]):
                raise self.error(f"{count[0]} counts backwards")
            text = count[0]
        else:
            text = char
        self.at += len(text)
        if self.pattern.startswith("?", self.at):
            self.at += 1
            text += "?"
        # A group of its own, so that a further quantifier repeats the whole instead of changing this one.
        self.out[self.atom :] = ["(?:", *self.out[self.atom :], text, ")"]

    def escape(self) -> None:
        self.at += 1
        if self.at == len(self.pattern):
            raise self.error("it ends in a backslash")
        char = self.pattern[self.at]
        if char in "bB":
            self.plain("\\" + char)
        elif char in _CLASS_ESCAPES:
            self.at += 1
            self.add("\\" + char)
        elif char in "123456789":
            digits = re.match(r"\d+", self.pattern[self.at :], re.ASCII)
            number = digits[0] if digits else char
            self.at += len(number)
            if int(number) > min(self.captured, 99):
                raise self.error(f"there is no group {number} to refer back to")
            self.add(f"(?:\\{number})")
        else:
            self.add(self.character())

    def character(self) -> str:
        """One escaped character, `at` on what follows the backslash; leaves `at` behind it."""
        char = self.pattern[self.at]
        self.at += 1
        if char in _CONTROL:
            return _CONTROL[char]
        if char == "c":
            letter = self.pattern[self.at : self.at + 1]
            if not letter:
                raise self.error(r"\c lacks its letter")
            self.at += 1
            return re.escape(letter)  # the library leaves the letter as it is
        if char in "xu":
            length = 2 if char == "x" else 4
            digits = self.pattern[self.at : self.at + length]
            if re.fullmatch("[0-9A-Fa-f]" * length, digits) is None:
                raise self.error(f"\\{char} lacks its {length} digits")
            self.at += length
            return re.escape(chr(int(digits, 16)))
        return re.escape(char)

    def bracket(self) -> str:
        self.at += 1
        negated = self.pattern.startswith("^", self.at)
        self.at += negated
        members: list[str] = []
        while True:
            if self.at >= len(self.pattern):
                raise self.error("[ is not closed")
            if self.pattern[self.at] == "]":
                self.at += 1
                break
            members.append(self.member())
        if not members:
            return r"[\s\S]" if negated else r"(?!)"
        return f"[{'^' if negated else ''}{''.join(members)}]"

    def member(self) -> str:
        for opening, closing in (("[:", ":]"), ("[.", ".]"), ("[=", "=]")):
            if self.pattern.startswith(opening, self.at):
                return self.named(opening, closing)
        first = self.pattern[self.at]
        following = self.pattern[self.at + 1 : self.at + 2]
        if first == "\\" and following:
            if following in _CLASS_ESCAPES:
                self.at += 2
                return self.no_range("\\" + following)
            if following in "123456789":
                raise self.error("a bracket cannot refer back to a group")
        low = self.single()
        after = self.pattern[self.at : self.at + 2]
        if len(after) < 2 or after[0] != "-" or after[1] == "]":
            return re.escape(low)
        self.at += 1
        if self.pattern.startswith(("[:", *("\\" + each for each in _CLASS_ESCAPES)), self.at):
            raise self.error("a range cannot end in a class")
        high = self.single()
        if ord(high) < ord(low):
            raise self.error(f"the range {low}-{high} is empty")
        return f"{re.escape(low)}-{re.escape(high)}"

    def named(self, opening: str, closing: str) -> str:
        """A class, or a single character by its name: `[:alpha:]`, `[.a.]`, `[=a=]`."""
        end = self.pattern.find(closing, self.at + 2)
        name = self.pattern[self.at + 2 : end] if end >= 0 else ""
        if (opening == "[:" and name.lower() not in _POSIX) or (opening != "[:" and len(name) != 1):
            raise self.error(f"there is no {opening}{name}{closing}")
        self.at = end + 2
        return self.no_range(_POSIX[name.lower()]) if opening == "[:" else re.escape(name)

    def no_range(self, members: str) -> str:
        if self.pattern.startswith("-", self.at) and not self.pattern.startswith("-]", self.at):
            raise self.error("a range cannot begin with a class")
        return members

    def single(self) -> str:
        """One character inside a bracket, unescaped."""
        char = self.pattern[self.at]
        self.at += 1
        if char != "\\":
            return char
        if self.at == len(self.pattern):
            raise self.error("[ is not closed")
        if self.pattern[self.at] == "b":
            self.at += 1
            return "\b"
        escaped = self.character()
        return {r"\f": "\f", r"\n": "\n", r"\r": "\r", r"\t": "\t", r"\v": "\v", r"\x00": "\0"}.get(
            escaped, escaped[-1]
        )
