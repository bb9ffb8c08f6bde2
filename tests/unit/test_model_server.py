"""The server model as a whole: server states, statistics, groups, reading back, what is not carried out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, DIALECTS, Dialect
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.model.server import ServerDies, ServerModel
from ecfleet_mocks.model.statistics import stats_text
from ecfleet_mocks.wire import (
    OK,
    USER_COMMANDS,
    AlterCmd,
    BeginCmd,
    CFileCmd,
    CheckPtCmd,
    ClientHandleApi,
    ClientHandleCmd,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    DefsCmd,
    DeleteCmd,
    EditScriptCmd,
    EditType,
    ErrorCmd,
    EventCmd,
    ForceCmd,
    FreeDepCmd,
    GroupCTSCmd,
    LogApi,
    LogCmd,
    LogMessageCmd,
    MoveCmd,
    OrderNodeCmd,
    OrderOption,
    PathsApi,
    PathsCmd,
    PlugCmd,
    QueryCmd,
    ReplaceNodeCmd,
    RequeueNodeCmd,
    RunNodeCmd,
    ServerState,
    ServerVersionCmd,
    ShowCmd,
    SNodeCmd,
    SServerLoadCmd,
    SStatsCmd,
    SStringCmd,
    SSuitesCmd,
    SyncApi,
    UserCommand,
    ZombieGetCmd,
)

from .model_servers import SMALL, Server

both = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))


@both
def test_small_questions(dialect: Dialect) -> None:
    server = Server("suite a\nendsuite\nsuite b\nendsuite\n", dialect=dialect)
    assert server.do(CtsCmd(CtsApi.PING)) == OK
    assert server.do(ServerVersionCmd()) == SStringCmd(dialect.version)
    assert server.do(CtsCmd(CtsApi.SUITES)) == SSuitesCmd(("a", "b"))
    assert server.do(CtsCmd(CtsApi.GET_ZOMBIES)) == ZombieGetCmd()
    assert server.do(CtsCmd(CtsApi.DEBUG_ON)) == server.do(CtsCmd(CtsApi.DEBUG_OFF)) == OK
    assert server.do(CtsCmd(CtsApi.SERVER_LOAD)) == SServerLoadCmd("/ecf_home/testhost.3141.ecf.log")
    assert server.do(ShowCmd()) == server.do(CtsNodeCmd(CtsNodeApi.WHY, "/nosuch")) == OK


def test_server_states() -> None:
    server = Server(state=ServerState.HALTED)
    assert server.taken(CtsCmd(CtsApi.RESTART)) == (2, 0), "the state and the first message flag"
    for api, state in (
        (CtsApi.RESTART, ServerState.RUNNING),
        (CtsApi.SHUTDOWN, ServerState.SHUTDOWN),
        (CtsApi.HALT, ServerState.HALTED),
        (CtsApi.HALT, ServerState.HALTED),
    ):
        assert server.taken(CtsCmd(api)) == (1, 0)
        assert server.model.state is state


def test_terminate_is_for_the_service_to_act_upon() -> None:
    server = Server()
    assert not server.model.terminated
    assert server.do(CtsCmd(CtsApi.TERMINATE)) == OK
    assert server.model.terminated


# --- reading back -----------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("api", [CtsNodeApi.GET, CtsNodeApi.GET_STATE, CtsNodeApi.MIGRATE])
def test_get(dialect: Dialect, api: CtsNodeApi) -> None:
    server = Server(SMALL, dialect=dialect)
    server.do(CtsCmd(CtsApi.SHUTDOWN))
    whole = server.do(CtsNodeCmd(api))
    assert isinstance(whole, DefsCmd)
    lines = whole.text.split("\n")
    assert lines[0] == f"#{dialect.version}"
    assert lines[1].startswith("defs_state NET flag:message state_change:")
    assert lines[1].endswith(" server_state:SHUTDOWN cal_count:0")
    assert "edit ECF_PORT '3141' # server" in lines
    assert ("history / \bMSG:[12:00:00 20.11.2026] --shutdown=yes :tester@testhost" in lines) is (
        api is CtsNodeApi.MIGRATE
    )
    margin = "  " if dialect.node_text_indented else ""
    assert server.do(CtsNodeCmd(api, "/s/f/u")) == SNodeCmd(f"{margin}task u\n")
    assert server.do(CtsNodeCmd(api, "/nosuch")) == ErrorCmd("Cannot find node at path '/nosuch' ")
    assert server.do(CtsNodeCmd(api, "/")) == ErrorCmd("Cannot find node at path '/' ")


def test_the_address_is_in_the_variables() -> None:
    server = Server()
    server.model.set_address("machine1", 4000)
    reply = server.do(CtsNodeCmd(CtsNodeApi.GET))
    assert isinstance(reply, DefsCmd)
    for line in (
        "edit ECF_HOST 'machine1' # server",
        "edit ECF_PORT '4000' # server",
        "edit ECF_LOG '/ecf_home/machine1.4000.ecf.log' # server",
        "edit ECF_LISTS 'machine1.4000.ecf.lists' # server",
    ):
        assert line in reply.text
    assert server.model.invalid_argument() == ErrorCmd(
        " ->Server:machine1@4000 (5.9.2) replied with: Invalid argument"
    )
    assert server.model.end_of_file().message.endswith("End of file")


# --- statistics -------------------------------------------------------------------------------------------

OLD_STATS = """\
Server statistics
   Version                         {banner}
   Status                          RUNNING
   Host                            testhost
   Port                            3141
   Up since                        2026-Nov-20 12:00:00
   Job sub' interval               60s
   ECF_HOME                        /ecf_home
   ECF_LOG                         /ecf_home/testhost.3141.ecf.log
   ECF_CHECK                       /ecf_home/testhost.3141.ecf.check
   ECF_SSL                         disabled
   Check pt interval               120s
   Check pt mode                   CHECK_ON_TIME
   Check pt save time alarm        20s
   Number of Suites                {suites}
   Request's per 1,5,15,30,60 min  {none}

   Ping                            2
   debug server on                 1

   Task event                      1

   Zombie get                      1

   Begin                           1
   stats cmd                       {stats}
"""

NEW_STATS = """\
User Commands (Server-related)
  Ping                            2
  Debug server on                 1

Task Commands
  Task event                      1

Zombie Commands
  Zombie get                      1

User Commands (Node-related)
  Begin                           1
  Stats cmd                       1

"""


def _counted(dialect: Dialect) -> Server:
    server = Server(SMALL, dialect=dialect, begin=True)
    for command in (
        CtsCmd(CtsApi.PING),
        CtsCmd(CtsApi.PING),
        CtsCmd(CtsApi.DEBUG_ON),
        CtsCmd(CtsApi.GET_ZOMBIES),
        EventCmd("started", path="/s/f/t", jobs_password="_DJP_"),
        EventCmd("started", path="/s/f/t", jobs_password="wrong"),
        EventCmd("started", path="/nosuch"),
    ):
        server.do(command)
    return server


def test_stats_in_the_old_layout() -> None:
    """Counts of zombies' calls are not kept; the suites are those that ``--stats_server`` counted last."""
    server = _counted(DIALECT_5_9)
    for suites, stats in ((0, 1), (1, 3)):
        reply = server.do(CtsCmd(CtsApi.STATS))
        assert reply == SStringCmd(
            OLD_STATS.format(banner=DIALECT_5_9.version_banner, suites=suites, stats=stats, none="")
        )
        server.do(CtsCmd(CtsApi.STATS_SERVER))


def test_stats_in_sections() -> None:
    reply = _counted(DIALECT_5_17).do(CtsCmd(CtsApi.STATS))
    assert isinstance(reply, SStringCmd)
    assert reply.text.startswith(
        "Server Statistics\n  Version                         Ecflow version(5.17.0)"
    )
    assert "\n  Check pt interval               120 (s)\n" in reply.text
    assert (
        "\n  Number of Suites                1\n\nServer Resources\n  pid                             1\n"
        in (reply.text)
    )
    assert reply.text.endswith(NEW_STATS)


@both
def test_stats_as_data_say_the_same(dialect: Dialect) -> None:
    server = _counted(dialect)
    reply = server.do(CtsCmd(CtsApi.STATS_SERVER))
    assert isinstance(reply, SStatsCmd)
    assert (reply.stats.count_ping, reply.stats.count_event, reply.stats.count_stats) == (2, 1, 1)
    assert (reply.stats.resources is None) is (dialect is DIALECT_5_9)
    shown = stats_text(reply.stats, dialect.stats_layout)
    text = server.do(CtsCmd(CtsApi.STATS))
    assert isinstance(text, SStringCmd)
    assert text.text.replace("cmd                       2", "cmd                       1") == shown
    assert server.do(CtsCmd(CtsApi.STATS_RESET)) == OK
    again = server.do(CtsCmd(CtsApi.STATS))
    assert isinstance(again, SStringCmd)
    assert "Ping" not in again.text


# --- where released servers die -----------------------------------------------------------------------------


def _deaths() -> Iterator[Any]:
    for dialect in DIALECTS.values():
        yield pytest.param(
            dialect, CSyncCmd(SyncApi.SYNC_FULL, 77, user="x"), True, id=f"{dialect.name}-sync"
        )
        for api in (0, 99):
            yield pytest.param(
                dialect, CtsCmd(api, user="x"), dialect.unknown_cts_api_kills, id=f"{dialect.name}-api{api}"
            )
        yield pytest.param(dialect, None, dialect.null_command_kills, id=f"{dialect.name}-null")


@pytest.mark.parametrize(("dialect", "command", "kills"), list(_deaths()))
def test_what_kills_a_released_server(dialect: Dialect, command: UserCommand | None, kills: bool) -> None:
    kind = Server(dialect=dialect).model
    reply = kind.handle(command)
    assert bool(kind.notes) is kills
    if kills:
        assert isinstance(reply, ErrorCmd)
        assert reply.message.startswith("ecfleet: ")
        assert dialect.version in kind.notes[0].text
        assert kind.handle(CtsCmd(CtsApi.PING, user="x")) == OK
        with pytest.raises(ServerDies, match="ends the server process"):
            Server(dialect=dialect, faithful=True).model.handle(command)
    elif command is None:
        assert reply == ErrorCmd(
            "ClientToServerRequest::handleRequest: Cannot send a NULL request to the server !"
        )
    else:
        assert reply == OK


# --- what is not carried out --------------------------------------------------------------------------------

NOT_YET: list[UserCommand] = [
    AlterCmd(("/s",)),
    CFileCmd("/s/f/t"),
    CheckPtCmd(),
    EditScriptCmd("/s/f/t", EditType.EDIT),
    ForceCmd(("/s",), "complete"),
    FreeDepCmd(("/s",)),
    LogCmd(LogApi.GET),
    LogMessageCmd("hello"),
    MoveCmd("task t\n", "h", "1", "/t", "/s"),
    OrderNodeCmd("/s", OrderOption.TOP),
    PlugCmd("/s", "/t"),
    QueryCmd("state", "/s"),
    ReplaceNodeCmd("/s", "suite s\nendsuite\n"),
    RequeueNodeCmd(("/s",)),
    RunNodeCmd(("/s",)),
    CtsCmd(CtsApi.FORCE_DEP_EVAL),
    CtsCmd(CtsApi.RESTORE_FROM_CHECKPT),
    CtsNodeCmd(CtsNodeApi.JOB_GEN, "/s"),
    CtsNodeCmd(99),
    PathsCmd(PathsApi.KILL, ("/s",)),
    PathsCmd(99, ("/s",)),
]


@pytest.mark.parametrize("command", NOT_YET, ids=lambda command: repr(command)[:40])
def test_what_is_not_carried_out_yet_says_so(command: UserCommand) -> None:
    server = Server(SMALL)
    before = server.numbers()
    reply = server.do(command)
    assert isinstance(reply, ErrorCmd)
    assert reply.message.startswith("ecfleet: the mock server does not carry out ")
    assert type(command).__name__ in reply.message
    assert server.numbers() == before


def test_every_user_command_is_either_carried_out_or_listed() -> None:
    carried_out = {
        BeginCmd,
        ClientHandleCmd,
        CSyncCmd,
        CtsCmd,
        CtsNodeCmd,
        DeleteCmd,
        GroupCTSCmd,
        PathsCmd,
        ServerVersionCmd,
        ShowCmd,
    }
    tested = {type(command) for command in NOT_YET} | carried_out
    left = {command.__name__ for command in set(USER_COMMANDS) - tested}
    assert left == {"LoadDefsCmd", "ZombieCmd"}, "both tested with the suites and the zombies"


# --- who asks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (CtsCmd(CtsApi.PING), ""),
        (CtsNodeCmd(CtsNodeApi.GET, "/s"), " path(/s)"),
        (DeleteCmd(("/a", "/b")), " paths(/a,/b,)"),
    ],
)
def test_nobody_is_served_by_the_old_release_only(command: UserCommand, shown: str) -> None:
    refusal = ErrorCmd(f"[ authentication failed ] User '' is not allowed any access.{shown}")
    assert Server(dialect=DIALECT_5_9).model.handle(command) == refusal
    assert Server(dialect=DIALECT_5_17).model.handle(command) != refusal


def test_a_name_from_the_transport_counts() -> None:
    server = Server(dialect=DIALECT_5_9)
    server.model.handle(ClientHandleCmd(ClientHandleApi.REGISTER), Sender(user="proxied", secure=True))
    assert server.model.handles.by_user() == (("proxied", (1,)),)


def test_nothing_is_read_from_a_clock_but_what_is_handed_in() -> None:
    moments = iter(datetime(2001, 2, 3, 4, 5, second) for second in range(50))
    model = ServerModel(DIALECT_5_9, now=lambda: next(moments), new_password=lambda: "x")
    reply = model.handle(CtsCmd(CtsApi.STATS_SERVER, user="x"))
    assert isinstance(reply, SStatsCmd)
    assert reply.stats.up_since == "2001-Feb-03 04:05:00"
