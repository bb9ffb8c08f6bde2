"""How ecFlow disguises passwords: the C library's ``crypt`` with the user's name as salt.

With most names that is traditional DES: the salt is the name's first two characters, of the password the
first eight count, and the result has 13 characters (seen on 5.9.2 and 5.17.0).  It is the same each time,
goes with every command and can be replayed; it is no protection, but it is the protocol.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from typing import Final, Protocol

__all__ = ["FAILURE_TOKENS", "CryptMissing", "encrypt"]

FAILURE_TOKENS: Final = ("*0", "*1")
"""What ``crypt`` answers when it can do nothing with a salt: a name of one character, or one that begins with
characters other than letters, digits, ``.`` and ``/`` (``-bob``, ``j@doe``)."""


class CryptMissing(RuntimeError):
    """This Python cannot compute ``crypt``; the message says what to install."""


class _Crypt(Protocol):
    def __call__(self, word: str, salt: str) -> str: ...


@cache
def _crypt() -> _Crypt:
    # From 3.13 on the standard library has it no longer; crypt_r is the same module, kept up.
    try:
        if sys.version_info >= (3, 13):
            from crypt_r import crypt
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "'crypt' is deprecated", DeprecationWarning)
                from crypt import crypt
    except ImportError:
        raise CryptMissing(
            "ecFlow's password files need the C library's crypt: pip install crypt_r (not for Windows)"
        ) from None
    found: _Crypt = crypt
    return found


def encrypt(password: str, user: str) -> str:
    """The password of ``user`` as it is sent, and as a server keeps it.

    :return: 13 characters; for a name that is no salt one of :data:`FAILURE_TOKENS`; more characters for a
        name that looks like a salt of another method (``$1$ab``).
    :raises CryptMissing: where this Python has no ``crypt``.
    """
    try:
        return _crypt()(password, user)
    except (OSError, ValueError):
        # C libraries that return no text at all, and names with a NUL inside, which no salt can have.
        return FAILURE_TOKENS[user.startswith(FAILURE_TOKENS[0])]
