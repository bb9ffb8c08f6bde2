"""What the white list and the password files have in common: comments, words, a version before anything else.

Seen on 5.9.2 and 5.17.0; described on the guide's pages on the white list and on the black list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

__all__ = ["AccessFileError", "VersionRule", "significant_lines", "whole_number"]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NO_VERSION = "The version number not found. The version number must appear before the users.\n"

VersionRule = Callable[[int, int, int], str]
"""Why a version is refused, empty when it is not."""


class AccessFileError(ValueError):
    """A file is refused; the text is the released servers'."""


def whole_number(text: str) -> int | None:
    """A 32-bit number as the released programs convert it, None for anything else."""
    if _INTEGER.fullmatch(text) is None:
        return None
    number = int(text) if len(text) < 12 else 2**31
    return number if -(2**31) <= number < 2**31 else None


def significant_lines(
    text: str, *, kind: str, name: str, sample: str, rule: VersionRule
) -> Iterator[list[str]]:
    """The words of each line that says something, without the version line.

    :param kind: what errors call such a file, :param name: and this one.
    :param sample: a version as the errors show it.
    :raises AccessFileError: when the version is missing or refused; while the lines are read, not before.
    """
    found = False
    number = 0
    for line in text.split("\n"):
        if not line:
            continue
        number += 1
        words = [word for word in re.split(r"[ \t]+", line.partition("#")[0].strip()) if word]
        if line.startswith("#") or not words:
            continue
        if found:
            yield words
            continue
        why = _refused_version(words[0], sample, rule)
        if why:
            raise AccessFileError(f"{why} {number}: {line}\nfor {kind} file {name}\n")
        found = True


def _refused_version(word: str, sample: str, rule: VersionRule) -> str:
    if not (word[0].isascii() and word[0].isdigit() and "." in word):
        return _NO_VERSION
    parts = [part for part in word.split(".") if part]
    if len(parts) != 3:
        return (
            f"Expected version of the form <int>.<int>.<int> i.e {sample}. but found invalid version number\n"
        )
    numbers = [whole_number(part) for part in parts]
    if any(part is None for part in numbers):
        return "Invalid version number \n"
    major, minor, patch = (part or 0 for part in numbers)
    return rule(major, minor, patch)
