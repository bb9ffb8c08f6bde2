"""The mock server's white list and password files as a user gives them: texts and paths, over the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import Note
from ecfleet_mocks.model.access_crypt import encrypt
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.service import ServiceError
from ecfleet_mocks.wire import OK, CtsApi, CtsCmd, ErrorCmd, Reply, SSuitesCmd, decode_reply, encode_request

from .access_commands import by, refusal
from .ecflow_peer import ask, exchange

SECRET = "right-ecfleet-secret"
SUITES, RELOAD = CtsCmd(CtsApi.SUITES), CtsCmd(CtsApi.RELOAD_WHITE_LIST)


async def refused(server: EcflowServer, user: str, password: str = "") -> bool:
    crypted = encrypt(password, user) if password else ""
    return bool(refusal(await ask(server, by(SUITES, user, crypted))))


async def test_a_white_list_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lists"
    async with EcflowServer(lists=path, user="owner") as server:
        assert not await refused(server, "zed"), "no file yet"
        told = await ask(server, by(RELOAD, "zed"))
        assert told == ErrorCmd(f"The ECF_LISTS file {path} does not exist. Server CWD : /ecf_home")
        path.write_text("4.4.14\nalice\n")
        assert await ask(server, by(RELOAD, "zed")) == OK
        assert await refused(server, "zed")
        variables = {known.name: known.value for known in server.server.tree.server_variables}
        assert variables["ECF_LISTS"] == str(path)
        assert variables["ECF_PASSWD"] == f"127.0.0.1.{server.address.port}.ecf.passwd"
        # Something that is there and cannot be read is an error, and the old list stays.
        path.unlink()
        path.mkdir()
        told = await ask(server, by(RELOAD, "owner"))
        assert isinstance(told, ErrorCmd)
        assert told.message.startswith(f"Could not open file specified by ECF_LISTS {path} (")
        assert await refused(server, "zed")


async def test_a_white_list_as_text() -> None:
    async with EcflowServer(lists="4.4.14\nalice\n", user="owner") as server:
        assert await refused(server, "zed")
        server.lists = "4.4.14\n*\n"
        assert await refused(server, "zed"), "in force from the reload on"
        assert await ask(server, by(RELOAD, "alice")) == OK
        assert not await refused(server, "zed")


async def test_included_files(tmp_path: Path) -> None:
    (tmp_path / "lists").write_text("4.4.14\n#include <more>\n")
    (tmp_path / "more").write_text("alice\n")
    async with EcflowServer(lists=tmp_path / "lists", dialect=DIALECT_5_17) as server:
        assert not await refused(server, "alice")
        assert await refused(server, "zed")
    async with EcflowServer(lists=tmp_path / "lists", dialect=DIALECT_5_9) as server:
        assert not await refused(server, "zed"), "a comment"
    with pytest.raises(ServiceError, match="#included"):
        await EcflowServer(lists="4.4.14\n#include <more>\n").start()


async def test_passwords_as_text_know_the_server() -> None:
    text = f"4.5.0\nalice %ECF_HOST% %ECF_PORT% {SECRET}\n"
    async with EcflowServer(passwd=text, host_name="somewhere") as server:
        assert not await refused(server, "alice", SECRET)
        assert await refused(server, "alice")
    # another start, another port
    await server.start()
    assert not await refused(server, "alice", SECRET)
    await server.stop()


async def test_files_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("4.5.0\nalice %ECF_HOST% %ECF_PORT% pw\n")
    with pytest.raises(ServiceError, match="Port number must be integer"):
        await EcflowServer(passwd=tmp_path / "passwd").start()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"lists": "4.4.4\nalice\n"}, "Only white list files with a version >= 4.4.5 is supported 1: 4.4.4"),
        ({"passwd": "4.5.0\nalice h 1 pw\n"}, "does not contain any users"),
        ({"custom_passwd": "4.5.0\nalice h\n"}, "expected <user> <host> <port> <passwd>"),
        ({"lists": Path("/")}, "Could not open /"),
    ],
)
async def test_a_server_that_would_not_start(options: dict[str, Any], why: str) -> None:
    server = EcflowServer(name="main", **options)
    with pytest.raises(ServiceError) as refusal_:
        await server.start()
    assert str(refusal_.value).startswith("main: ")
    assert why in str(refusal_.value)
    assert "\n" not in str(refusal_.value)
    assert not server.running


async def test_names_in_latin_1_are_names(tmp_path: Path) -> None:
    (tmp_path / "lists").write_bytes("4.4.14\njosé\n".encode("latin-1"))
    async with EcflowServer(lists=tmp_path / "lists") as server:
        assert await refused(server, "josé")
        assert not await refused(server, b"jos\xe9".decode("utf-8", "surrogateescape"))


# --- over HTTP, with headers ------------------------------------------------------------------------------


async def post(server: EcflowServer, user: str, *headers: str) -> Reply:
    body = encode_request(by(SUITES, user))
    head = "".join(f"{header}\r\n" for header in headers)
    request = f"POST /v1/ecflow HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    data = await exchange(server, request, transport=Transport.HTTP)
    return decode_reply(data.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("faithful", [True, False])
async def test_who_the_headers_name(faithful: bool) -> None:
    options: dict[str, Any] = {
        "lists": "4.4.14\nalice\n-bob\n",
        "passwd": f"4.5.0\nalice %ECF_HOST% %ECF_PORT% {SECRET}\n",
    }
    crypted = encrypt(SECRET, "alice")
    async with EcflowServer(http=0, faithful=faithful, **options) as server:
        for headers, lets_in in (
            ((), False),
            (("X-Auth-Username: alice",), False),
            (("X-Auth-Username: alice", f"X-Auth-Password: {crypted}"), True),
            (("X-Auth-Username:   alice  ", f"X-Auth-Password: {crypted}"), True),
            (("X-Auth-Username: alice", "X-Auth-Username: zed", "Authorization:"), True),
            (("X-Auth-Username: bob", "Authorization: Bearer x"), True),
            (("X-Auth-Username: zed", "Authorization: Bearer x"), False),
            (("x-auth-username: alice", "Authorization: Bearer x"), False),
            (("X-Auth-Username: alice", "authorization: Bearer x"), False),
        ):
            reply = await post(server, "zed", *headers)
            assert isinstance(reply, SSuitesCmd) is lets_in, headers
        assert not server.journal.of(Note)
