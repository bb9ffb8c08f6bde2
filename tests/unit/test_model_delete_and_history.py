"""Deleting, suspending and resuming nodes, and the edit history that tells of it.

Texts and counts were measured on a 5.9.2 server.
"""

from __future__ import annotations

import pytest

from ecfleet_mocks.wire import (
    OK,
    BeginCmd,
    DeleteCmd,
    ErrorCmd,
    InitCmd,
    LoadDefsCmd,
    NodeState,
    PathsApi,
    PathsCmd,
    SStringVecCmd,
    StcApi,
    StcCmd,
)

from .model_servers import SMALL, Server

ONE = "suite s\nendsuite\n"


def test_delete_goes_on_after_an_unknown_path() -> None:
    server = Server(SMALL)
    reply = server.do(DeleteCmd(("/s/zz", "/s/f/u", "/s/f/u", "/")))
    assert reply == ErrorCmd(
        "DeleteCmd:Delete: Could not find node at path '/s/zz'\n"
        "DeleteCmd:Delete: Could not find node at path '/s/f/u'\n"
        "DeleteCmd:Delete: Could not find node at path '/'"
    )
    assert server.model.tree.find("/s/f/u") is None


_ADVICE = "Please use the 'force' option to bypass this check, at the expense of creating zombies"


def test_delete_stops_at_running_tasks() -> None:
    server = Server(SMALL, begin=True)
    server.model.submit("/s/f/t")
    server.do(InitCmd((), path="/s/f/u", jobs_password="_DJP_"))
    running = (
        " There are 1 active tasks. First : /s/f/u\n There are 1 submitted tasks. First : /s/f/t\n" + _ADVICE
    )
    assert server.do(DeleteCmd(("/s/f",))) == ErrorCmd(f"Cannot delete node FAMILY:/s/f\n{running}")
    assert server.do(DeleteCmd()) == ErrorCmd(f"Cannot delete all nodes.\n{running}")
    assert server.do(DeleteCmd(("/s/f/t",), True)) == OK
    (zombie,) = server.model.zombies.listing()
    assert (zombie.path, zombie.user_command) == ("/s/f/t", "delete")


def test_delete_of_everything() -> None:
    server = Server(SMALL, begin=True)
    assert server.taken(DeleteCmd()) == (1, 1)
    assert server.do(DeleteCmd()) == StcCmd(StcApi.DELETE_ALL)
    assert not server.model.tree.suites
    assert server.model.tree.state is NodeState.UNKNOWN


@pytest.mark.parametrize(
    ("paths", "numbers"),
    [(("/s/f/u",), (1, 0)), (("/s/f",), (1, 0)), (("/s",), (1, 1)), (("/nosuch",), (0, 0))],
)
def test_numbers_a_delete_takes(paths: tuple[str, ...], numbers: tuple[int, int]) -> None:
    server = Server(SMALL, begin=True)
    assert server.taken(DeleteCmd(paths)) == numbers


def test_a_delete_settles_the_states_above() -> None:
    server = Server(SMALL, begin=True)
    server.do(InitCmd((), path="/s/f/t", jobs_password="_DJP_"))
    server.do(DeleteCmd(("/s/f/t",), True))
    states = [server.model.tree.state]
    server.do(InitCmd((), path="/s/f/u", jobs_password="_DJP_"))
    server.do(DeleteCmd(("/s/f/u",), True))
    # A family that is left empty keeps its state.
    assert [*states, server.model.tree.state] == [NodeState.QUEUED, NodeState.ACTIVE]


# --- suspend, resume, edit history -----------------------------------------------------------------------


def test_suspend_and_resume() -> None:
    server = Server(SMALL, begin=True)
    assert server.taken(PathsCmd(PathsApi.SUSPEND, ("/s/f",))) == (2, 0), "the state and the message flag"
    assert server.taken(PathsCmd(PathsApi.SUSPEND, ("/s/f",))) == (1, 0)
    assert server.taken(PathsCmd(PathsApi.RESUME, ("/s/f",))) == (1, 0)
    assert server.taken(PathsCmd(PathsApi.RESUME, ("/s/f",))) == (0, 0)
    assert server.do(PathsCmd(PathsApi.SUSPEND, ("/x", "/s", "/y"))) == ErrorCmd(
        "PathsCmd:Suspend: Could not find node at path '/x'\n"
        "PathsCmd:Suspend: Could not find node at path '/y'"
    )
    assert server.model.tree.suites["s"].suspended


def test_edit_history_keeps_the_last_ten() -> None:
    server = Server()
    for number in range(12):
        server.do(LoadDefsCmd(ONE, f"{number}.def", True))
    server.do(BeginCmd("s"))
    server.do(BeginCmd("s"))
    server.do(DeleteCmd(("/s", "/nosuch"), True))
    reply = server.do(PathsCmd(PathsApi.EDIT_HISTORY, ("/",)))
    assert isinstance(reply, SStringVecCmd)
    assert len(reply.lines) == 10
    assert reply.lines[0] == "MSG:[12:00:00 20.11.2026] --load=4.def force :tester@testhost"
    assert reply.lines[-2:] == (
        "MSG:[12:00:00 20.11.2026] --begin=s :tester@testhost",
        "MSG:[12:00:00 20.11.2026] --delete force yes /s :tester@testhost",
    )
    assert server.do(PathsCmd(PathsApi.EDIT_HISTORY, ("clear",))) == OK
    assert server.do(PathsCmd(PathsApi.EDIT_HISTORY, ("/",))) == SStringVecCmd()
    assert server.do(PathsCmd(PathsApi.EDIT_HISTORY)) == ErrorCmd(
        "No paths/options specified for edit history"
    )


def test_history_of_a_node_goes_with_it() -> None:
    server = Server(SMALL)
    server.do(PathsCmd(PathsApi.SUSPEND, ("/s/f/t", "/s")))
    reply = server.do(PathsCmd(PathsApi.EDIT_HISTORY, ("/s/f/t",)))
    assert reply == SStringVecCmd(("MSG:[12:00:00 20.11.2026] --suspend /s/f/t :tester@testhost",))
    server.do(DeleteCmd(("/s/f",)))
    assert server.do(PathsCmd(PathsApi.EDIT_HISTORY, ("/s/f/t",))) == SStringVecCmd()
