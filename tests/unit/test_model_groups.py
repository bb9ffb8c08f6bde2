"""Groups: what is dropped, what is handed on inside, and the quirk of shared replies."""

from __future__ import annotations

from typing import Any

import pytest

from ecfleet_mocks.wire import (
    OK,
    ClientHandleApi,
    ClientHandleCmd,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    DeleteCmd,
    GroupCTSCmd,
    GroupSTCCmd,
    SClientHandleCmd,
    ServerVersionCmd,
    SStringCmd,
    SSuitesCmd,
    SSyncCmd,
    StcApi,
    StcCmd,
    SyncApi,
)

from .model_servers import SMALL, Server


def test_a_group_drops_what_says_nothing() -> None:
    server = Server(SMALL)
    who: dict[str, Any] = {"user": "tester"}
    assert server.do(GroupCTSCmd((CtsCmd(CtsApi.PING, **who), CtsCmd(CtsApi.DEBUG_ON, **who)))) == OK
    assert server.do(GroupCTSCmd()) == OK
    parts = (CtsCmd(CtsApi.PING, **who), ServerVersionCmd(**who), CtsCmd(CtsApi.SUITES, **who))
    assert server.do(GroupCTSCmd(parts)) == GroupSTCCmd((SStringCmd("5.9.2"), SSuitesCmd(("s",))))
    assert server.model.stats["group"] == 3
    assert server.model.stats["ping"] == 2


def test_a_handle_made_in_a_group_is_used_in_it() -> None:
    server = Server(SMALL + "suite v\nendsuite\n")
    who: dict[str, Any] = {"user": "tester"}
    register = ClientHandleCmd(ClientHandleApi.REGISTER, 0, "", ("v",), False, **who)
    reply = server.do(GroupCTSCmd((register, CSyncCmd(SyncApi.SYNC_FULL, 0, **who))))
    assert isinstance(reply, GroupSTCCmd)
    handle, sync = reply.replies
    assert handle == SClientHandleCmd(1)
    assert isinstance(sync, SSyncCmd)
    assert "suite v" in sync.suites_text
    assert "suite s" not in sync.suites_text
    deleted = server.do(GroupCTSCmd((DeleteCmd((), True, **who), CSyncCmd(SyncApi.SYNC_FULL, 1, **who))))
    assert isinstance(deleted, GroupSTCCmd)
    assert deleted.replies[0] == StcCmd(StcApi.DELETE_ALL)
    assert isinstance(deleted.replies[1], SSyncCmd), "the handle went with the suites"


@pytest.mark.parametrize("faithful", [False, True])
def test_replies_of_a_class_share_an_object_where_the_released_ones_do(faithful: bool) -> None:
    server = Server(SMALL, faithful=faithful)
    who: dict[str, Any] = {"user": "tester"}
    reply = server.do(GroupCTSCmd((ServerVersionCmd(**who), CtsCmd(CtsApi.STATS, **who))))
    assert isinstance(reply, GroupSTCCmd)
    first, second = reply.replies
    assert (first is second) is faithful
    assert (first == SStringCmd("5.9.2")) is not faithful


@pytest.mark.parametrize("faithful", [False, True])
def test_the_text_of_a_migrate_is_kept_where_the_released_ones_do(faithful: bool) -> None:
    server = Server(SMALL, faithful=faithful)
    server.do(CtsCmd(CtsApi.SHUTDOWN))
    server.do(CtsNodeCmd(CtsNodeApi.MIGRATE))
    assert ("history" in server.sync((0, 0)).definition_text) is faithful
    server.do(CtsCmd(CtsApi.RESTART))
    assert "history" not in server.sync((0, 0)).definition_text
