"""Access on the mock and on ecflow_server 5.9.2: the same commands by the same users get the same replies.

What a user may is asked on the wire, so that any name can ask and thousands of questions take seconds: every
user command, by users of every kind, with white lists and password files. One test goes through ecflow_client
5.9.2, with its own ways to give a name and a password.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from ecfleet.certificates import self_signed
from ecfleet.clients.requests import login_name
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.model.dialect import DIALECT_5_9
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.service import ServiceError
from ecfleet_mocks.wire import (
    Command,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    ErrorCmd,
    FrameReader,
    GroupCTSCmd,
    LoadDefsCmd,
    PathsApi,
    PathsCmd,
    Reply,
    ServerState,
    decode_reply,
    encode_request,
    frame,
)
from unit.access_commands import COMMANDS, SUITES, by, refusal
from unit.test_access_lists import TABLE as LISTS
from unit.test_access_passwords import TABLE as PASSWORDS
from unit.test_access_passwords import sent

from .peers import require_release
from .real_client import Seen, Step, Terminal, compare, user
from .real_server import RealServerFailed, running_server

HOST: Final = socket.gethostname()
OWNER: Final = login_name()
"""Who runs the real server: whoever runs the tests."""
CREDENTIAL: Final = self_signed(HOST)


class Place(Protocol):
    """A server to be asked, and its files, which it reads again at each reload."""

    port: int
    home: str

    def write(self, name: str, text: str | None) -> None:
        """Give it the file `lists`, `passwd` or `custom_passwd`, or take it away."""


@dataclass(slots=True)
class RealPlace:
    """A real server: its files have their default names in its ECF_HOME."""

    port: int
    home: str

    def write(self, name: str, text: str | None) -> None:
        path = Path(self.home, f"{HOST}.{self.port}.ecf.{name}")
        if text is None:
            path.unlink()
        else:
            path.write_text(filled(text, self.port))


@dataclass(slots=True)
class MockPlace:
    """A mock server: its files are texts, called by their default names."""

    server: EcflowServer
    port: int
    home: str

    def write(self, name: str, text: str | None) -> None:
        setattr(self.server, name, None if text is None else filled(text, self.port))


def filled(text: str, port: int) -> str:
    """A text of the tables with the server's own names."""
    return text.replace("HOST", HOST).replace("3141", str(port)).replace("owner", OWNER)


def ask(place: Place, command: Command) -> Reply:
    with socket.create_connection(("127.0.0.1", place.port), timeout=30) as connection:
        connection.sendall(frame(encode_request(command)))
        reader = FrameReader()
        while data := connection.recv(65536):
            reader.feed(data)
    payload = reader.next()
    assert payload is not None
    return decode_reply(payload)


def told(place: Place, command: Command) -> str:
    """What a reply says about access: an error's text, or only that there is none."""
    reply = ask(place, command)
    if not isinstance(reply, ErrorCmd):
        return "done"
    text = re.sub(rf"(?<!\w){re.escape(place.home)}(?!\w)", "ECF_HOME", reply.message)
    return re.sub(rf"(?<!\d){place.port}(?!\d)", "PORT", text)


@contextmanager
def real(root: Path) -> Iterator[Place]:
    program = require_release("ecflow_server", "5.9.2")
    root.mkdir()
    with running_server(program, root) as server:
        yield RealPlace(server.port, str(server.home))


@asynccontextmanager
async def mock() -> AsyncIterator[Place]:
    async with EcflowServer(
        dialect=DIALECT_5_9, host_name=HOST, user=OWNER, state=ServerState.HALTED, faithful=True
    ) as server:
        yield MockPlace(server, server.address.port, server.server.home)


Answers = list[tuple[str, str]]
Questions = Callable[[Place], Answers]


async def same_answers(root: Path, questions: Questions) -> None:
    """Put the same questions to both, and compare the answers one by one."""
    with real(root / "real") as place:
        theirs = await asyncio.to_thread(questions, place)
    async with mock() as place:
        ours = await asyncio.to_thread(questions, place)
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    differences = [
        f"{name}: the mock {mine!r}, ecflow_server {its!r}"
        for (name, mine), (_, its) in zip(ours, theirs, strict=True)
        if mine != its
    ]
    assert not differences, "\n".join(differences)
    assert len(ours) > 10


def reload(place: Place, api: CtsApi, user: str = OWNER, password: str = "") -> str:
    return told(place, by(CtsCmd(api), user, password))


# --- the questions ----------------------------------------------------------------------------------------


def every_command(place: Place) -> Answers:
    """Each command by each kind of user; of what is let in only that it is."""
    place.write("lists", "4.4.14\nwriter\n-reader\nlimited /a\n-limited /b\n-onlyreads /a\nboth /a\n-both\n")
    answers = [
        ("load", told(place, by(LoadDefsCmd(SUITES, "f"), OWNER))),
        ("reload", reload(place, CtsApi.RELOAD_WHITE_LIST)),
    ]
    for name, command in COMMANDS.items():
        for name_of_user in ("reader", "limited", "onlyreads", "both", "nobody", ""):
            reply = ask(place, by(command, name_of_user))
            answers.append((f"{name} by {name_of_user!r}", refusal(reply)))
    return answers


def every_list(place: Place) -> Answers:
    """Each list of the table, good or bad: what a reload answers, and who may do what from then on."""
    answers: Answers = [("load", told(place, by(LoadDefsCmd(SUITES, "f"), OWNER)))]
    questions = {
        "suites": CtsCmd(CtsApi.SUITES),
        "stats_reset": CtsCmd(CtsApi.STATS_RESET),
        "get /a": CtsNodeCmd(CtsNodeApi.GET, "/a"),
        "get /ab": CtsNodeCmd(CtsNodeApi.GET, "/ab"),
        "suspend /a/f": PathsCmd(PathsApi.SUSPEND, ("/a/f",)),
        "suspend /a /b": PathsCmd(PathsApi.SUSPEND, ("/a", "/b")),
    }
    rows = [row for row in (*LISTS["list"], *LISTS["refused"]) if row.get("release") != "5.17"]
    for row in rows:
        place.write("lists", row["text"])
        answers.append((f"{row['what']}: reload", reload(place, CtsApi.RELOAD_WHITE_LIST)))
        for name_of_user in (OWNER, "daemon", "alice", "Alice", "bob", "zed"):
            for name, command in questions.items():
                asked = f"{row['what']}: {name} by {name_of_user}"
                answers.append((asked, told(place, by(command, name_of_user))))
        # From here on anybody who may reload does; where nobody may, a list is of no more use.
        place.write("lists", "4.4.14\n")
        back = [reload(place, CtsApi.RELOAD_WHITE_LIST, user) for user in (OWNER, "alice", "daemon")]
        answers.append((f"{row['what']}: everybody again", str("done" in back)))
        assert "done" in back
    place.write("lists", None)
    answers.append(("no file", reload(place, CtsApi.RELOAD_WHITE_LIST)))
    return answers


def every_password_file(place: Place) -> Answers:
    """Each password file of the table, as ECF_PASSWD and as ECF_CUSTOM_PASSWD."""
    answers: Answers = []
    for name, api, custom in (
        ("passwd", CtsApi.RELOAD_PASSWD_FILE, False),
        ("custom_passwd", CtsApi.RELOAD_CUSTOM_PASSWD_FILE, True),
    ):
        answers.append((f"{name}: none", reload(place, api)))
        for row in (*PASSWORDS["file"], *PASSWORDS["refused"], *PASSWORDS["no_start"]):
            place.write(name, row["text"])
            answers.append((f"{name}: {row['what']}: reload", reload(place, api)))
            pairs = [pair for key, value in row.items() if isinstance(value, list) for pair in value]
            for who, typed in (*pairs, ("zed", ""), ("zed", "pw"), ("", "")):
                for as_custom in (custom, not custom):
                    command = by(CtsCmd(CtsApi.SUITES), who, sent(who, typed), custom=as_custom)
                    asked = f"{name}: {row['what']}: {who} {typed} {as_custom}"
                    answers.append((asked, told(place, command)))
            # From here on nobody needs a password, whichever of the file's lines are in force.
            place.write(name, "4.5.0\n")
            known = [words for line in row["text"].split("\n") if len(words := line.split()) > 3]
            reloads = [by(CtsCmd(api), words[0], sent(words[0], words[3])) for words in known]
            assert "done" in [told(place, command) for command in (by(CtsCmd(api), OWNER), *reloads)]
    return answers


def terminate(place: Place) -> Answers:
    """Groups, whose members are judged one by one, and a terminate that is refused and obeyed."""
    place.write("lists", "4.4.14\nalice\n-reader\n")
    answers = [("reload", reload(place, CtsApi.RELOAD_WHITE_LIST))]
    suites = CtsCmd(CtsApi.SUITES)
    for outer in ("alice", "reader", "zed", ""):
        for inner in ("alice", "reader", "zed", ""):
            parts = (by(suites, inner), by(CtsCmd(CtsApi.STATS_RESET), "alice"))
            group = GroupCTSCmd(parts, user=outer, host="laptop")
            answers.append((f"{outer} sends {inner}", told(place, group)))
    answers.append(("terminate", told(place, by(CtsCmd(CtsApi.TERMINATE), "zed"))))
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", place.port), timeout=30).close()
        except ConnectionRefusedError:
            answers.append(("and then", "nobody listens"))
            break
        except ConnectionResetError:
            continue  # accepted by a server that was just ending
    return answers


@pytest.mark.parametrize(
    "questions", [every_command, every_list, every_password_file, terminate], ids=lambda it: it.__name__
)
async def test_the_same_answers(tmp_path: Path, questions: Questions) -> None:
    await same_answers(tmp_path, questions)


# --- files with which a server does not start ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "parameter", "text"),
    [
        *(("ECF_LISTS", "lists", row["text"]) for row in LISTS["refused"] if row.get("release") != "5.17"),
        *(("ECF_PASSWD", "passwd", row["text"]) for row in (*PASSWORDS["refused"], *PASSWORDS["no_start"])),
        *(("ECF_CUSTOM_PASSWD", "custom_passwd", row["text"]) for row in PASSWORDS["no_start"]),
    ],
    ids=str,
)
async def test_neither_starts(tmp_path: Path, variable: str, parameter: str, text: str) -> None:
    program = require_release("ecflow_server", "5.9.2")
    path = tmp_path / "file"
    path.write_text(text.replace("HOST", "elsewhere"))
    with (
        pytest.raises(RealServerFailed, match="ended with 1") as real_refusal,
        running_server(program, tmp_path, environment={variable: str(path)}),
    ):
        pass
    files: dict[str, Any] = {parameter: path}
    server = EcflowServer(dialect=DIALECT_5_9, host_name=HOST, user=OWNER, **files)
    with pytest.raises(ServiceError) as mock_refusal:
        await server.start()
    assert not server.running
    # The whole of the real one's text is in one line with the mock's.
    said = " ".join(str(mock_refusal.value).split())
    reason = said.partition("with these files: ")[2]
    assert reason.replace(str(path), "FILE") in " ".join(
        str(real_refusal.value).replace(str(path), "FILE").split()
    )


# --- through ecflow_client -------------------------------------------------------------------------------


CLIENT_FILES: Final = {
    "good": "4.5.0\n{owner} localhost {port} right-ecfleet-secret\n",
    "by_own_host": "4.5.0\n{owner} {host} {port} right-ecfleet-secret\n",
    "bad": "4.5.0\n{owner} localhost {port} wrong-ecfleet-secret\n",
    "other_port": "4.5.0\n{owner} localhost 1 right-ecfleet-secret\n",
    "fred": "4.5.0\nfred localhost {port} freds-ecfleet-secret\n",
}
# A client's password file that cannot be read counts as a failed connection and costs ten seconds' pause: it
# is left out here.
STEPS: Final = [
    user("--ping"),
    user("--suites"),
    Step(("--suites",), {"ECF_PASSWD": "good"}),
    Step(("--suites",), {"ECF_PASSWD": "by_own_host"}),
    Step(("--suites",), {"ECF_PASSWD": "bad"}),
    Step(("--ping",), {"ECF_PASSWD": "bad"}),
    Step(("--suites",), {"ECF_PASSWD": "other_port"}),
    Step(("--suites",), {"ECF_PASSWD": "nosuch"}),
    Step(("--suites",), {"ECF_USER": "fred"}),
    Step(("--suites",), {"ECF_USER": "fred", "ECF_CUSTOM_PASSWD": "fred"}),
    Step(("--suites",), {"ECF_USER": "fred", "ECF_PASSWD": "fred"}),
    Step(("--suites", "--user=fred"), {"ECF_CUSTOM_PASSWD": "fred"}),
    Step(("--suites", "--user=fred", "--password=freds-ecfleet-secret")),
    Step(("--suites", "--password=right-ecfleet-secret")),
    Step(("--restart",), {"ECF_USER": "fred", "ECF_CUSTOM_PASSWD": "fred"}),
    Step(("--get_state=/a",), {"ECF_USER": "fred", "ECF_CUSTOM_PASSWD": "fred"}),
    Step(("--group=suites; restart",), {"ECF_USER": "fred", "ECF_CUSTOM_PASSWD": "fred"}),
    Step(("--reloadwsfile",), {"ECF_PASSWD": "good"}),
    Step(("--reloadpasswdfile",), {"ECF_PASSWD": "good"}),
    Step(("--reloadcustompasswdfile",), {"ECF_PASSWD": "good"}),
    Step(("--suspend=/a", "/b"), {"ECF_PASSWD": "bad"}),
]


def at_the_terminal(client: Path, root: Path, place: Place) -> list[Seen]:
    """Passwords and a white list in force, then the client's own ways to give a name and a password."""
    place.write("lists", "4.4.14\nowner\n-fred\n")
    place.write("passwd", "4.5.0\nowner HOST 3141 right-ecfleet-secret\n")
    place.write("custom_passwd", "4.5.0\nfred HOST 3141 freds-ecfleet-secret\n")
    for api in (CtsApi.RELOAD_WHITE_LIST, CtsApi.RELOAD_CUSTOM_PASSWD_FILE, CtsApi.RELOAD_PASSWD_FILE):
        assert reload(place, api) == "done"
    files = {
        name: text.format(owner=OWNER, host=HOST, port=place.port) for name, text in CLIENT_FILES.items()
    }
    terminal = Terminal(client, root, (place.port, place.home), Transport.TCP, CREDENTIAL, files)
    # The password file is searched for the host as it is given.
    terminal.host = "localhost"
    return [terminal.run(step) for step in STEPS]


async def test_the_client_gives_names_and_passwords(tmp_path: Path) -> None:
    client = require_release("ecflow_client", "5.9.2")
    with real(tmp_path / "real") as place:
        theirs = await asyncio.to_thread(at_the_terminal, client, tmp_path / "a", place)
    async with mock() as place:
        ours = await asyncio.to_thread(at_the_terminal, client, tmp_path / "b", place)
    compare(ours, theirs)
    assert {seen.exit_code for seen in ours} == {0, 1}
