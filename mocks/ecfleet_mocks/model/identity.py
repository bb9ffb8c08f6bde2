"""Who an ecFlow HTTP server takes the sender of a command for.

The server looks at three headers and trusts whoever can reach its port (releases 5.15 to 5.17; seen on
5.17.0). Where the HTTPS authentication set-up page, section "Authentication Headers", says otherwise, the
released behaviour is followed: ``X-Auth-Username`` is no duty, and realm and roles are not read at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ecfleet_mocks.wire.command_bases import Command, UserCommand
from ecfleet_mocks.wire.http1 import Headers

__all__ = ["Identity", "http_identity"]

_AUTHORIZATION: Final = "Authorization"
_USERNAME: Final = "X-Auth-Username"
_PASSWORD: Final = "X-Auth-Password"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks.

    :param user: the name; empty for child commands, which are judged by their job password.
    :param secure: whether the name is taken as proven: no password is asked for, not even whether the
        password file knows the name.
    :param password: the crypted password to check when the name is not proven.
    :param custom_user: whether the name is checked as a custom user (``ECF_USER``).
    :param why: where the name comes from, in words.
    """

    user: str
    secure: bool
    password: str = field(repr=False)
    custom_user: bool
    why: str


def http_identity(headers: Headers, command: Command | None) -> Identity:
    """Find the identity behind a command that came by HTTP; ``command`` is None for a null command.

    Names of headers are compared with case, and of repeated ones the first counts. ``Authorization`` counts
    when it is there, whatever its value, empty ones included.
    """
    if command is not None and not isinstance(command, UserCommand):
        return Identity("", False, "", False, "a child command is judged by its job password")
    username = headers.get(_USERNAME, case_sensitive=True)
    password = headers.get(_PASSWORD, case_sensitive=True)
    if username is not None or password is not None:
        user = username or ""
        if headers.get(_AUTHORIZATION, case_sensitive=True) is not None:
            missing = "" if username is not None else f", without {_USERNAME}"
            return Identity(user, True, "", False, f"{_USERNAME} beside {_AUTHORIZATION}{missing}")
        return Identity(user, False, password or "", False, f"{_USERNAME} without {_AUTHORIZATION}")
    why = f"the command itself: there is no {_USERNAME}"
    if command is None:
        return Identity("", False, "", False, why)
    return Identity(command.user, False, command.password, command.custom_user, why)
