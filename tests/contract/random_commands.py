"""Random definitions and commands for two ecFlow servers, and a pair of servers that is given both.

Everything comes from one seed.  A sequence is plain data: it can be shortened and given again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ecfleet_mocks.wire import (
    AbortCmd,
    BeginCmd,
    ClientHandleApi,
    ClientHandleCmd,
    Command,
    CompleteCmd,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    CtsWaitCmd,
    DeleteCmd,
    EventCmd,
    GroupCTSCmd,
    InitCmd,
    LabelCmd,
    LoadDefsCmd,
    MeterCmd,
    PathsApi,
    PathsCmd,
    QueueCmd,
    ServerVersionCmd,
    ShowCmd,
    SyncApi,
    Variable,
    ZombieAction,
    ZombieCmd,
)

from .random_definitions import TASKS, definition

__all__ = ["Step", "random_expression", "sequence", "shown"]

_USER: Final[dict[str, Any]] = {"user": "tester", "host": "H"}
_PATHS: Final = (
    *("/s", "/s/f", "/s/f/t", "/s/f/u", "/s/t", "/s/u", "/s/g", "/s/g/u"),
    *("/v", "/v/t", "/v/f", "/v/f/t", "/v/u", "/w", "/w/f/f/t", "/nosuch", "/s/nosuch"),
)
_OTHER_TASKS: Final = ("/s/f", "/gone/t", "/s")


@dataclass(frozen=True, slots=True)
class Step:
    """A command; for a sync, `since` says which change numbers it tells.

    `since` counts steps: 0 is the client that has just synced, 2 the one that did before the last two steps;
    None is one that never did, -1 one that has numbers of another server.
    """

    command: Command
    since: int | None = 0

    def at(self, numbers: Sequence[tuple[int, int]]) -> Command:
        """The command as it is sent when the server has stood at these numbers, the last of them now."""
        if not isinstance(self.command, CSyncCmd):
            return self.command
        state, modify = (0, 0) if self.since is None else numbers[-min(abs(self.since) + 1, len(numbers))]
        if self.since == -1:
            state, modify = numbers[-1][0] + 9, numbers[-1][1]
        return replace(self.command, state_change=state, modify_change=modify)


def sequence(seed: int, steps: int) -> tuple[Step, ...]:
    """The sequence of a seed; the first step loads something, so that the others have what to work on."""
    choose = random.Random(seed)
    return (Step(_load(choose)), Step(_begin(choose)), *(_step(choose) for _ in range(steps - 2)))


def _step(choose: random.Random) -> Step:
    kinds, weights = zip(*_STEPS, strict=True)
    step: Step = choose.choices(kinds, weights)[0](choose)
    return step


# --- child commands ----------------------------------------------------------------------------------------


def _task(choose: random.Random) -> dict[str, Any]:
    known = choose.random() < 0.9
    return {
        "path": choose.choice(TASKS if known else _OTHER_TASKS),
        "jobs_password": choose.choice(("", "", "_DJP_", "_DJP_", "pw", "x", "y")),
        "remote_id": choose.choice(("1", "1", "2", "7")),
        "try_number": choose.choice((1, 1, 2)),
        "host": "H",
    }


def _init(choose: random.Random) -> Command:
    known = (Variable("A", "1"), Variable("B", "2"), Variable("ECF_PASS", "z"))
    return InitCmd(tuple(choose.sample(known, choose.choice((0, 0, 0, 1, 2)))), **_task(choose))


def _complete(choose: random.Random) -> Command:
    return CompleteCmd(choose.choice(((), (), (), ("A",), ("A", "nope"))), **_task(choose))


def _abort(choose: random.Random) -> Command:
    return AbortCmd(choose.choice(("", "why", "it  broke\nhere")), **_task(choose))


def _event(choose: random.Random) -> Command:
    return EventCmd(choose.choice(("e", "g", "3", "zz")), choose.random() < 0.6, **_task(choose))


def _meter(choose: random.Random) -> Command:
    return MeterCmd(choose.choice(("m", "m", "zz")), choose.choice((0, 5, 10, 11, -1)), **_task(choose))


def _label(choose: random.Random) -> Command:
    text = choose.choice(("", "a", "b  c", 'é "q"', "x # y"))
    return LabelCmd(choose.choice(("l", "l", "zz")), text, **_task(choose))


def _queue(choose: random.Random) -> Command:
    return QueueCmd(
        choose.choice(("q", "q", "zz")),
        choose.choice(("active", "active", "complete", "aborted", "reset", "no_of_aborted")),
        choose.choice(("a", "b", "zz")),
        choose.choice(("", "", "", "/s/f/t", "/s", "/nosuch")),
        **_task(choose),
    )


def _wait(choose: random.Random) -> Command:
    return CtsWaitCmd(random_expression(choose), **_task(choose))


# --- user commands -----------------------------------------------------------------------------------------


def _load(choose: random.Random) -> LoadDefsCmd:
    return LoadDefsCmd(definition(choose), "x.def", choose.random() < 0.5, **_USER)


def _begin(choose: random.Random) -> BeginCmd:
    return BeginCmd(choose.choice(("s", "v", "w", "", "", "nosuch")), choose.random() < 0.4, **_USER)


def _delete(choose: random.Random) -> Command:
    paths = choose.sample(_PATHS, choose.choice((1, 1, 2))) if choose.random() < 0.9 else ()
    return DeleteCmd(tuple(paths), choose.random() < 0.5, **_USER)


def _paths(choose: random.Random) -> Command:
    api = choose.choice((PathsApi.SUSPEND, PathsApi.RESUME, PathsApi.EDIT_HISTORY))
    return PathsCmd(api, tuple(choose.sample((*_PATHS, "/"), choose.choice((1, 1, 2)))), **_USER)


def _zombie(choose: random.Random) -> Command:
    actions = [action for action in ZombieAction if action is not ZombieAction.KILL]
    paths = choose.sample((*TASKS, *_OTHER_TASKS), choose.choice((1, 2)))
    return ZombieCmd(choose.choice(actions), tuple(paths), **_USER)


_CTS: Final = (
    *(CtsApi.SHUTDOWN,) * 3,
    *(CtsApi.HALT, CtsApi.PING, CtsApi.STATS, CtsApi.STATS_SERVER, CtsApi.STATS_RESET),
    *(CtsApi.SUITES, CtsApi.GET_ZOMBIES, CtsApi.DEBUG_OFF, CtsApi.SERVER_LOAD),
)


def _cts(choose: random.Random) -> Command:
    return CtsCmd(choose.choice(_CTS), **_USER)


def _handle(choose: random.Random) -> Command:
    api = choose.choice(tuple(ClientHandleApi))
    register = api is ClientHandleApi.REGISTER
    return ClientHandleCmd(
        api,
        choose.choice((0, 0, 1)) if register else choose.choice((0, 1, 2, 3)),
        choose.choice(("", "tester", "nobody")),
        tuple(choose.sample(("s", "v", "w", "zz"), choose.choice((0, 1, 2)))),
        choose.random() < 0.5,
        **_USER,
    )


def _node(choose: random.Random) -> Command:
    apis = (CtsNodeApi.GET, CtsNodeApi.GET_STATE, CtsNodeApi.MIGRATE, CtsNodeApi.WHY)
    return CtsNodeCmd(choose.choice(apis), choose.choice(("", *_PATHS)), **_USER)


def _small(choose: random.Random) -> Command:
    return choose.choice((ServerVersionCmd(**_USER), ShowCmd(**_USER)))


def _sync(choose: random.Random) -> Step:
    api = choose.choice((SyncApi.NEWS, SyncApi.SYNC, SyncApi.SYNC, SyncApi.SYNC_FULL, SyncApi.SYNC_CLOCK))
    # An unknown handle in a full sync ends the real server.
    handle = 0 if api is SyncApi.SYNC_FULL else choose.choice((0, 0, 1, 2))
    return Step(CSyncCmd(api, handle, **_USER), choose.choice((0, 1, 1, 2, 7, None, -1)))


def _group(choose: random.Random) -> Command:
    makers = (_paths, _delete, _node, _cts, _begin)
    commands = [choose.choice(makers)(choose) for _ in range(choose.choice((1, 2, 3)))]
    return GroupCTSCmd(tuple(commands), choose.random() < 0.5, **_USER)


def _plain(make: Callable[[random.Random], Command]) -> Callable[[random.Random], Step]:
    return lambda choose: Step(make(choose))


_STEPS: Final[tuple[tuple[Callable[[random.Random], Step], int], ...]] = (
    (_plain(_init), 12),
    (_plain(_complete), 11),
    (_plain(_abort), 6),
    (_plain(_event), 5),
    (_plain(_meter), 5),
    (_plain(_label), 5),
    (_plain(_queue), 6),
    (_plain(_wait), 8),
    (_plain(_load), 9),
    (_plain(_begin), 9),
    (_plain(_delete), 5),
    (_plain(_paths), 5),
    (_plain(_zombie), 6),
    (_plain(_cts), 5),
    (_plain(_handle), 4),
    (_plain(_node), 3),
    (_plain(_small), 1),
    (_plain(_group), 3),
    (_sync, 4),
)


# --- expressions ------------------------------------------------------------------------------------------

_NUMBERS: Final = (
    *("0", "1", "2", "7", "42", "007", "2147483647"),
    *(":A", ":E", ":YMD", ":nosuch", ":ECF_TRYNO", ":ECF_RID", ":D_YYYY"),
    *("t:m", "./t:m", "t:e", "/s/f/t:3", "/s/f/t:q", "/s:lim", "../f:YMD", "/s/f<flag>late"),
    *("/<flag>zombie", "cal::date_to_julian(20240130)", "cal::julian_to_date(2460340)"),
)
_NODES: Final = ("t", "u", "./t", "../f", "../../v", "/s", "/s/f", "/s/f/t", "/v/t", "nosuch", "/no/such")
_STATES: Final = ("complete", "queued", "active", "aborted", "unknown", "submitted")
_COMPARISONS: Final = ("==", "!=", " eq ", " ne ", "<", ">", "<=", ">=", " lt ", " ge ", " gt ", " le ")


def random_expression(choose: random.Random, depth: int = 0) -> str:
    """A trigger as users write them, now and then with a slip of the pen."""
    text = _expression(choose, depth)
    if choose.random() < 0.08:
        at = choose.randrange(len(text))
        text = text[:at] + choose.choice(("", "(", ")", "=", "!", "x", ":")) + text[at + 1 :]
    return text


def _expression(choose: random.Random, depth: int) -> str:
    kind = choose.random() * (0.55 if depth > 2 else 1)
    if kind < 0.3:
        return f"{choose.choice(_NODES)} {choose.choice(('==', '!=', 'eq'))} {choose.choice(_STATES)}"
    if kind < 0.5:
        return f"{_number(choose)} {choose.choice(_COMPARISONS)} {_number(choose)}"
    if kind < 0.55:
        return f"t:{choose.choice('e3g')} == {choose.choice(('set', 'clear'))}"
    if kind < 0.65:
        return f"{choose.choice(('not ', '!', '~ '))}({_expression(choose, depth + 1)})"
    join = choose.choice(("and", "or", "&&", "||", "AND", "OR"))
    return f"{_expression(choose, depth + 1)} {join} {_expression(choose, depth + 1)}"


def _number(choose: random.Random) -> str:
    number = choose.choice(_NUMBERS)
    if choose.random() < 0.25:
        number += f" {choose.choice('+-*/%')} {choose.choice(_NUMBERS)}"
    return number


def shown(steps: Sequence[Step]) -> str:
    """A sequence as Python text that makes it again."""
    return "".join(f"    {step!r},\n" for step in steps)
