"""Client handles: registering, listing, and syncs that see their suites only."""

from __future__ import annotations

from typing import Any

import pytest

from ecfleet_mocks.model.definition_parse import parse_definition
from ecfleet_mocks.wire import (
    OK,
    ClientHandleApi,
    ClientHandleCmd,
    CSyncCmd,
    DeleteCmd,
    ErrorCmd,
    EventCmd,
    InitCmd,
    NewsKind,
    SClientHandleCmd,
    SClientHandleSuitesCmd,
    SNewsCmd,
    SSyncCmd,
    SyncApi,
)

from .model_servers import SMALL, Server

ME: dict[str, Any] = {"path": "/s/f/t", "jobs_password": "_DJP_", "remote_id": "1"}


def _told(reply: SSyncCmd) -> dict[str, list[str]]:
    return {
        compound.path: [type(memento).__name__ for memento in compound.mementos]
        for compound in reply.changes.mementos
    }


def _handle(
    api: ClientHandleApi, handle: int = 0, *suites: str, auto_add: bool = False, drop: str = ""
) -> ClientHandleCmd:
    return ClientHandleCmd(api, handle, drop, suites, auto_add)


A = ClientHandleApi


def test_handles_take_the_lowest_free_number() -> None:
    server = Server()
    assert [server.do(_handle(A.REGISTER)) for _ in range(3)] == [SClientHandleCmd(n) for n in (1, 2, 3)]
    assert server.do(_handle(A.DROP, 2)) == SClientHandleCmd(0)
    assert server.do(_handle(A.REGISTER, 3, "a")) == SClientHandleCmd(2), "3 is dropped, 2 and 3 are free"
    assert server.do(_handle(A.SUITES)) == SClientHandleSuitesCmd(
        (("tester", (1, 2)),), ((1, ()), (2, ("a",)))
    )
    assert server.do(_handle(A.DROP_USER)) == SClientHandleCmd(0)
    assert server.do(_handle(A.SUITES)) == SClientHandleSuitesCmd()


def test_handles_list_loaded_suites_first() -> None:
    server = Server("suite n\nendsuite\nsuite m\nendsuite\n")
    server.do(_handle(A.REGISTER, 0, "m"))
    assert server.do(_handle(A.ADD, 1, "zz", "n", "m", "zz")) == OK
    assert server.model.handles.by_number(server.model.tree.suites) == ((1, ("n", "m", "zz")),)
    assert server.do(_handle(A.REMOVE, 1, "zz", "m")) == OK
    server.do(_handle(A.AUTO_ADD, 1, auto_add=True))
    server.load("suite k\nendsuite\n")
    assert server.model.handles.by_number(server.model.tree.suites) == ((1, ("n", "k")),)
    server.do(DeleteCmd())
    assert server.model.handles.by_user() == (), "a delete of everything drops all handles"


_GONE = "does not exist. Handle dropped? Please refresh GUI/re-register suites"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (_handle(A.DROP, 77), f"ClientSuiteMgr::remove_client_suite: handle(77) {_GONE}"),
        (_handle(A.REGISTER, 77), f"ClientSuiteMgr::remove_client_suite: handle(77) {_GONE}"),
        (_handle(A.ADD, 77), f"ClientSuiteMgr::add_suites: handle(77) {_GONE}"),
        (_handle(A.REMOVE, 77), f"ClientSuiteMgr::remove_suites: handle(77) {_GONE}"),
        (_handle(A.AUTO_ADD, 77), f"ClientSuiteMgr::auto_add_new_suites: handle(77) {_GONE}"),
        (
            _handle(A.DROP_USER, drop="nobody"),
            "ClientSuiteMgr::remove_client_suites: user(nobody) has no registered handles. User dropped? "
            "Please refresh GUI/re-register suites",
        ),
        (
            CSyncCmd(SyncApi.SYNC, 77),
            "ClientSuiteMgr::max_change_no: handle(77) does not exist in server. Handle dropped or Server "
            "may have died? Please refresh GUI/re-register suites",
        ),
    ],
)
def test_handles_that_are_not_there(command: ClientHandleCmd | CSyncCmd, text: str) -> None:
    assert Server().do(command) == ErrorCmd(text)


def test_news_for_a_handle_that_is_not_there() -> None:
    assert Server().do(CSyncCmd(SyncApi.NEWS, 77)) == SNewsCmd(NewsKind.DO_FULL_SYNC)


def test_a_handle_sees_its_suites_only() -> None:
    server = Server(SMALL + "suite v\ntask t\nendsuite\n", begin=True)
    server.do(_handle(A.REGISTER, 0, "v", "nosuch"))
    assert server.do(CSyncCmd(SyncApi.NEWS, 1)) == SNewsCmd(NewsKind.NEWS)
    reply = server.sync((0, 0), 1, SyncApi.SYNC_FULL)
    assert (reply.full_definition, reply.definition_text) == (False, "")
    seen = parse_definition(reply.suites_text)
    assert list(seen.suites) == ["v"]
    numbers = (seen.state_change, seen.modify_change)
    assert server.do(CSyncCmd(SyncApi.NEWS, 1, *numbers)) == SNewsCmd(NewsKind.NO_NEWS)
    server.do(EventCmd("started", **ME))
    assert server.do(CSyncCmd(SyncApi.NEWS, 1, *numbers)) == SNewsCmd(NewsKind.NO_NEWS)
    server.do(InitCmd((), path="/v/t", jobs_password="_DJP_"))
    assert server.do(CSyncCmd(SyncApi.NEWS, 1, *numbers)) == SNewsCmd(NewsKind.NEWS)
    told = _told(server.sync(numbers, 1))
    assert set(told) == {"/", "/v", "/v/t"}
    server.do(_handle(A.ADD, 1, "s"))
    assert server.sync(server.numbers(), 1).full_definition, "a handle that covers every suite gets the whole"
    assert not server.sync(server.numbers(), 1).full_definition
