"""Password files: ECF_PASSWD for login users, ECF_CUSTOM_PASSWD for those who call themselves by ECF_USER.

Format and rules: the guide's page on the black list; what the released programs do was seen on 5.9.2 and
5.17.0.
"""

from __future__ import annotations

import hmac
from collections import Counter
from dataclasses import dataclass, field

from ecfleet_mocks.model.access_crypt import FAILURE_TOKENS, encrypt
from ecfleet_mocks.model.access_lines import AccessFileError, significant_lines, whole_number

__all__ = ["PasswordFile", "PasswordFileError", "PasswordLine", "client_password", "parse_password_file"]


@dataclass(frozen=True, slots=True)
class PasswordLine:
    """One user on one server; the port is kept as written, the password as it is sent."""

    user: str
    host: str
    port: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """The lines of a password file in their order; without lines nobody needs a password."""

    lines: tuple[PasswordLine, ...] = ()

    def is_for(self, host: str, port: str) -> bool:
        """Whether some line is for this server; one that finds none does not start."""
        return any((line.host, line.port) == (host, port) for line in self.lines)

    def accepts(self, user: str, password: str) -> bool:
        """Whether a released server lets a user in.

        The first line with the name decides, whatever host and port it is for.

        :param password: as it is sent, that is encrypted; empty for none.
        """
        for line in self.lines:
            if line.user == user:
                return _equal(line.password, password)
        return not self.lines and not password

    def accepts_here(self, user: str, password: str, host: str, port: str) -> bool:
        """Whether a careful server would let a user in.

        As :meth:`accepts`, but a line for this server counts before the others, and where encryption failed
        no password is right.
        """
        if password in FAILURE_TOKENS:
            return False
        own = tuple(line for line in self.lines if (line.user, line.host, line.port) == (user, host, port))
        return PasswordFile(own).accepts(user, password) if own else self.accepts(user, password)


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


class PasswordFileError(AccessFileError):
    """A password file is refused.

    :param left: what released servers then have in force: the lines before the bad one.
    """

    def __init__(self, text: str, left: PasswordFile) -> None:
        super().__init__(text)
        self.left = left


def parse_password_file(text: str, *, name: str = "ecf.passwd") -> PasswordFile:
    """Read a password file.

    :param name: what errors call the file.
    :raises PasswordFileError: as the released programs refuse it.
    :raises CryptMissing: where this Python has no ``crypt``.
    """
    lines: list[PasswordLine] = []
    try:
        for words in significant_lines(
            text, kind="ECF_PASSWD/ECF_CUSTOM_PASSWD", name=name, sample="4.4.0", rule=_version_refused
        ):
            lines.append(_line(words))  # noqa: PERF401 - what was read before a bad line is needed
        _refuse_repeated(lines)
    except AccessFileError as error:
        raise PasswordFileError(str(error), PasswordFile(tuple(lines))) from None
    return PasswordFile(tuple(lines))


def _version_refused(major: int, minor: int, patch: int) -> str:
    # 4.5.1 is refused although the text says otherwise.
    if major < 4 or (major == 4 and (minor < 5 or (minor == 5 and patch > 0))):
        return "Only passwd files with a version >= 4.5.0 is supported\n"
    return ""


def _line(words: list[str]) -> PasswordLine:
    if len(words) < 4:
        raise AccessFileError(f"expected <user> <host> <port> <passwd> # comment\n{' '.join(words)}")
    user, host, port, password = words[:4]
    if whole_number(port) is None:
        raise AccessFileError(f"Port number must be integer's\n{' '.join(words)}")
    return PasswordLine(user, host, port, encrypt(password, user))


def _refuse_repeated(lines: list[PasswordLine]) -> None:
    counted = Counter((line.user, line.host, line.port) for line in lines)
    for (user, _, _), count in counted.items():
        if count > 1:
            raise AccessFileError(f"user {user} can only appear once for given host/port\n")


def client_password(file: PasswordFile, user: str, host: str, port: str, own_host: str) -> str:
    """What a client sends for a user: the line for the host as it was given, then for the client's own host.

    :param own_host: the name of the machine that the client runs on.
    :return: the encrypted password, empty when no line fits.
    """
    for wanted in (host, own_host):
        for line in file.lines:
            if (line.user, line.host, line.port) == (user, wanted, port):
                return line.password
    return ""
