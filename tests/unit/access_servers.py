"""Server models with a white list and password files, and who asks them for what."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from ecfleet_mocks.model.access_crypt import encrypt
from ecfleet_mocks.model.access_files import AccessFile, AccessFiles
from ecfleet_mocks.model.dialect import DIALECTS, Dialect
from ecfleet_mocks.wire import (
    CtsApi,
    CtsCmd,
    Reply,
    UserCommand,
)

from .access_commands import by, refusal
from .model_servers import Server

# Only the first eight characters count: these have to differ in them.
SECRET, OTHER, WRONG = "right-ecfleet-secret", "other-ecfleet-secret", "wrong-ecfleet-secret"
BOTH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
FAITHFUL = pytest.mark.parametrize("faithful", [True, False], ids=["faithful", "careful"])

PING, SUITES, RESET = (CtsCmd(api) for api in (CtsApi.PING, CtsApi.SUITES, CtsApi.STATS_RESET))
NOT_AUTHENTIC = (
    "Command not accepted, due to: Authentication (user command) failed, due to: "
    "Incorrect credentials detected"
)
NOT_AUTHORISED = "Command not accepted, due to: Authorisation (user) failed, due to: Insufficient permissions"


@dataclass
class Files:
    """The three files of a server as texts; None where there is none."""

    lists: str | None = None
    passwd: str | None = None
    custom_passwd: str | None = None
    names: AccessFiles = field(init=False)

    def __post_init__(self) -> None:
        self.names = AccessFiles(
            AccessFile("lists", lambda: self.lists),
            AccessFile("passwd", lambda: self.passwd),
            AccessFile("custom", lambda: self.custom_passwd),
            "/ecf_home",
        )


def server(
    dialect: Dialect,
    files: Files,
    text: str = "",
    *,
    faithful: bool = False,
) -> Server:
    made = Server(text, dialect=dialect, faithful=faithful)
    made.model.set_address("HOST", 3141)
    made.model.read_access_files(files.names)
    return made


def ask(made: Server, command: UserCommand, user: str, password: str = "", *, custom: bool = False) -> Reply:
    return made.model.handle(by(command, user, encrypt(password, user) if password else "", custom=custom))


def allowed(
    made: Server, command: UserCommand, user: str, password: str = "", *, custom: bool = False
) -> bool:
    return not refusal(ask(made, command, user, password, custom=custom))


def passwords(line: str = f"alice HOST 3141 {SECRET}\n") -> str:
    return "4.5.0\n" + line
