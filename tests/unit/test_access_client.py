"""The built-in client's user names and passwords, on a mock server that has password files for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ecfleet import Fleet
from ecfleet.clients import Action, Behaviour, BuiltinClient, Call, Outcome, Unimplemented
from ecfleet.clients.command import arguments
from ecfleet.clients.requests import login_name
from ecfleet.clients.user_identity import UserIdentity
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import RequestReceived
from ecfleet_mocks.model.access_crypt import encrypt
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, DIALECTS, Dialect
from ecfleet_mocks.wire import UserCommand

RIGHT, FREDS, WRONG = "right-ecfleet-secret", "freds-ecfleet-secret", "wrong-ecfleet-secret"
LOGIN = login_name()
BOTH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
NO_CUSTOM_USER = (
    "Invalid custom user(ECF_USER || --user <user>) or authentication failed for "
    "ECF_CUSTOM_PASSWD | ECF_PASSWD\n"
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(host_name="laptop") as made:
        yield made


class Desk:
    """A client, a server with passwords, and what the client sent."""

    def __init__(self, dialect: Dialect, server: EcflowServer, sandbox: Sandbox) -> None:
        self.dialect = dialect
        self.server = server
        self.sandbox = sandbox
        port = server.address.port
        for name, lines in {
            "good": f"{LOGIN} 127.0.0.1 {port} {RIGHT}",
            "by_own_host": f"{LOGIN} laptop {port} {RIGHT}",
            "bad": f"{LOGIN} 127.0.0.1 {port} {WRONG}",
            "other_port": f"{LOGIN} 127.0.0.1 1 {RIGHT}",
            "fred": f"fred 127.0.0.1 {port} {FREDS}",
        }.items():
            (sandbox.cwd / name).write_text(f"4.5.0\n{lines}\n")
        (sandbox.cwd / "broken").write_text("4.5.1\n")

    def run(self, user: str | None = None, password: str | None = None, **environment: str) -> Outcome:
        client = BuiltinClient(self.dialect)
        call = Call(
            Action.SUITES,
            *self.server.address,
            environment=environment,
            user=user,
            password=password,
        )
        return client.run(call, self.sandbox)

    @property
    def sent(self) -> list[UserCommand]:
        return [request.decoded for request in self.server.journal.of(RequestReceived)]


@pytest.fixture
def desk(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Desk]:
    dialect: Dialect = request.param
    fleet = Fleet()
    server = fleet.ecflow_server(
        "ecflow_server",
        dialect=dialect,
        passwd=f"4.5.0\n{LOGIN} %ECF_HOST% %ECF_PORT% {RIGHT}\n",
        custom_passwd=f"4.5.0\nfred %ECF_HOST% %ECF_PORT% {FREDS}\n",
    )
    with fleet:
        yield Desk(dialect, server, sandbox)


ON_BOTH = pytest.mark.parametrize("desk", DIALECTS.values(), ids=list(DIALECTS), indirect=True)


@ON_BOTH
@pytest.mark.parametrize(("file", "succeeds"), [("good", True), ("by_own_host", True), ("bad", False)])
def test_a_login_user(desk: Desk, file: str, succeeds: bool) -> None:
    assert desk.run(ECF_PASSWD=file).ok is succeeds
    (command,) = desk.sent
    assert (command.user, command.custom_user) == (LOGIN, False)
    assert command.password == encrypt(RIGHT if succeeds else WRONG, LOGIN)


@ON_BOTH
@pytest.mark.parametrize("file", ["other_port", "nosuch", ""])
def test_no_line_no_file_no_name(desk: Desk, file: str) -> None:
    assert not desk.run(ECF_PASSWD=file).ok
    assert [command.password for command in desk.sent] == [""]


@ON_BOTH
def test_a_broken_file_is_a_failed_connection(desk: Desk) -> None:
    outcome = desk.run(ECF_PASSWD="broken")
    assert outcome.exit_code == 1
    assert outcome.stderr.count("Could not parse ECF_CUSTOM_PASSWD file. Only passwd files") == 2
    assert not desk.sent


@ON_BOTH
@pytest.mark.parametrize("by_option", [True, False])
def test_a_custom_user_with_a_file(desk: Desk, by_option: bool) -> None:
    if by_option:
        outcome = desk.run("fred", ECF_CUSTOM_PASSWD="fred", ECF_USER="another")
    else:
        outcome = desk.run(ECF_CUSTOM_PASSWD="fred", ECF_USER="fred")
    assert outcome.ok
    (command,) = desk.sent
    assert (command.user, command.password, command.custom_user) == ("fred", encrypt(FREDS, "fred"), True)


@ON_BOTH
@pytest.mark.parametrize(
    "environment",
    [
        {"ECF_USER": "fred"},
        {"ECF_USER": "fred", "ECF_PASSWD": "fred"},
        {"ECF_USER": "fred", "ECF_CUSTOM_PASSWD": "nosuch"},
        {"ECF_USER": LOGIN, "ECF_PASSWD": "good"},
    ],
)
def test_a_custom_user_without_password(desk: Desk, environment: dict[str, str]) -> None:
    outcome = desk.run(**environment)
    assert (outcome.exit_code, outcome.stderr) == (1, NO_CUSTOM_USER)
    assert not desk.sent


@ON_BOTH
def test_user_and_password_by_option(desk: Desk) -> None:
    outcome = desk.run("fred", FREDS)
    if desk.dialect is DIALECT_5_9:
        assert (outcome.exit_code, outcome.stderr) == (1, NO_CUSTOM_USER)
        assert not desk.sent
    else:
        assert outcome.ok
        assert not desk.run("fred", WRONG).ok


@ON_BOTH
def test_a_password_without_a_user(desk: Desk) -> None:
    assert not desk.run(password=RIGHT).ok
    (command,) = desk.sent
    assert (command.user, command.password) == (LOGIN, "" if desk.dialect is DIALECT_5_9 else "*0")


@ON_BOTH
def test_an_empty_name_is_none(desk: Desk) -> None:
    assert desk.run(ECF_USER="", ECF_PASSWD="good").ok
    assert not desk.sent[0].custom_user


@BOTH
def test_a_client_that_says_it_is_somebody_else(dialect: Dialect, sandbox: Sandbox) -> None:
    behaviour = replace(Behaviour(), user_identity=lambda *about, **more: UserIdentity("root"))
    fleet = Fleet()
    server = fleet.ecflow_server("ecflow_server", dialect=dialect)
    with fleet:
        call = Call(Action.SUITES, *server.address)
        assert BuiltinClient(dialect, behaviour).run(call, sandbox).ok
        assert server.journal.of(RequestReceived)[0].decoded.user == "root"


def test_the_options_of_ecflow_client() -> None:
    call = Call(Action.SUITES, "h", 1, user="fred", password=FREDS)
    assert arguments(call) == ["--host=h", "--port=1", "--user=fred", f"--password={FREDS}", "--suites"]
    assert FREDS not in repr(call)


def test_a_client_without_these_options_is_not_asked(sandbox: Sandbox) -> None:
    class Without(BuiltinClient):
        has_user_options = False

    with pytest.raises(Unimplemented, match="no user name and password by option"):
        Without(DIALECT_5_17).run(Call(Action.SUITES, "h", 1, user="fred"), sandbox)
