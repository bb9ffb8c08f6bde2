"""Who sends a command, as far as the transport proves it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sender"]


@dataclass(frozen=True, slots=True)
class Sender:
    """What is known of the sender beside the command itself.

    :param user: the name an HTTP header gives; None: the command's own user counts.
    :param secure: whether that name is taken as proven, so that no password is asked for.
    :param password: the crypted password an HTTP header gives, None for none.
    :param host: the peer's address or name, for records only.
    """

    user: str | None = None
    secure: bool = False
    password: str | None = None
    host: str = ""
