"""Who a user command says that it comes from: the login user, or a custom user, and with which password.

Names of the variables and options: `ecflow_client --help`; the rest was seen on 5.9.2 and 5.17.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ecfleet.clients.contract import Call
from ecfleet.clients.failures import AttemptFailed, Fatal
from ecfleet.clients.streams import Target
from ecfleet_mocks.model.access_crypt import encrypt
from ecfleet_mocks.model.access_passwords import PasswordFileError, client_password, parse_password_file
from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.wire import Command, UserCommand

__all__ = ["UserIdentity", "as_sent_by", "refuse_custom_user", "user_identity"]

_NO_CUSTOM_USER: Final = (
    "Invalid custom user(ECF_USER || --user <user>) or authentication failed for "
    "ECF_CUSTOM_PASSWD | ECF_PASSWD\n"
)


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """A name, the encrypted password for it (empty for none), and whether it is not the login name."""

    user: str
    password: str = field(default="", repr=False)
    custom: bool = False


def user_identity(
    dialect: Dialect,
    call: Call,
    environment: Mapping[str, str],
    target: Target,
    *,
    login: str,
    own_host: str,
    read: Callable[[str], bytes | None],
) -> UserIdentity:
    """Find the identity for a server. `read` gives the bytes of a file, None when there is none.

    The option goes before ECF_USER. A custom user's password is that of the option, from 5.10 on, or of the
    file ECF_CUSTOM_PASSWD; a login user's is that of the file ECF_PASSWD. There is no default file. Raises
    `AttemptFailed` for a password file that cannot be used; `refuse_custom_user` does the rest.
    """

    def in_file(variable: str, user: str) -> str:
        data = read(environment[variable]) if environment.get(variable) else None
        if data is None:
            return ""
        try:
            file = parse_password_file(data.decode("utf-8", "surrogateescape"), name=environment[variable])
        except PasswordFileError as error:
            # The text names this variable for either file.
            raise AttemptFailed(f"Could not parse ECF_CUSTOM_PASSWD file. {error}") from None
        return client_password(file, user, target.host, target.port, own_host)

    given = call.password if dialect.password_option else None
    custom = call.user or environment.get("ECF_USER", "")
    if custom:
        password = encrypt(given, custom) if given else in_file("ECF_CUSTOM_PASSWD", custom)
        return UserIdentity(custom, password, True)
    # A password without a name is encrypted without a salt, which no server can accept.
    password = encrypt(given, "") if given else in_file("ECF_PASSWD", login)
    return UserIdentity(login, password)


def refuse_custom_user(identity: UserIdentity) -> None:
    """Raise `Fatal` for a custom user without a password: nothing is sent then."""
    if identity.custom and not identity.password:
        raise Fatal(_NO_CUSTOM_USER)


def as_sent_by(command: Command, identity: UserIdentity) -> Command:
    """The command with this identity; child commands have none."""
    if not isinstance(command, UserCommand):
        return command
    return replace(command, user=identity.user, password=identity.password, custom_user=identity.custom)
