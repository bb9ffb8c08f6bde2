"""HTML from Python values: what is text is escaped, what is markup already is not."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

__all__ = ["Content", "Markup", "anchor", "join", "plain", "tag"]

_VOID: Final = frozenset({"br", "hr", "input", "link", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | None | Iterable["str | None"]
"""What an element may hold: text, markup, nothing, or a row of these."""


def plain(text: str) -> Markup:
    """The text as HTML, in which nothing of it is markup."""
    # A surrogate stands for a byte that was no UTF-8; no encoding of a page could hold it.
    whole = text.encode("utf-8", "backslashreplace").decode()
    shown = "".join(one if one.isprintable() or one in "\n\t" else _escape(one) for one in whole)
    return Markup(html.escape(shown, quote=True))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def join(content: Content) -> Markup:
    """Several pieces of content behind each other."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return plain(content)
    return Markup("".join(join(one) for one in content))


def tag(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Markup:
    """An element. None or False leaves an attribute out; ``class_`` and ``data_x`` are spelled so."""
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{plain(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{''.join(join(one) for one in content)}</{name}>")


def anchor(*words: str) -> str:
    """A name for an element of a page, made of words that may hold anything."""
    return "-".join("".join(one if one.isalnum() else "-" for one in word.lower()) for word in words)
