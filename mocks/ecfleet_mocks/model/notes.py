"""Where the model and a released server part: notes of kindness, and death on request."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Note", "ServerDies", "WouldEnd"]


class ServerDies(Exception):
    """A released server would end here without a reply; only raised by a faithful model."""


class WouldEnd(Exception):
    """A released server ends here; the text says why.  What a model makes of it is decided in one place."""


@dataclass(frozen=True, slots=True)
class Note:
    """Where the model was kinder than a released server.

    :param command: the command's class.
    :param text: what the released server does instead.
    """

    command: str
    text: str
