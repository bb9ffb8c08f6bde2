"""Random definition texts: by hand or with state, with all attributes but those of time, now and then wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

__all__ = ["TASKS", "definition"]

TASKS: Final = ("/s/f/t", "/s/f/t", "/s/f/u", "/s/t", "/s/u", "/v/t", "/v/f/t", "/v/u", "/w/f/f/t", "/s/g/u")
"""The paths of the tasks there may be; the first one is there most often."""

_ANYWHERE: Final = (
    *(
        "edit A '1'",
        "edit ECF_PASS 'FREE'",
        "edit C 'a  b'",
        "edit A '-3' # note",
        "limit lim 3",
        "limit x 2",
    ),
    *('label l "a"', "label l 'b  c'", "meter m 0 10 5", "meter m 0 10", "event e", "event 3 g set"),
    *("event 3", "queue q a b c", "queue q 5 6", "inlimit lim", "inlimit /s:lim 2", "inlimit -n lim"),
    *("inlimit -s x", "defstatus complete", "defstatus suspended", "defstatus aborted", "verify complete:2"),
    *("late -s +00:10", "late -c +02:00", "zombie ecf:fob::", "zombie ecf_pid:fail:complete:"),
    *("zombie ecf_passwd:adopt::", "zombie path:fail::", "zombie user:block:init,label:120"),
    *("repeat integer YMD 1 3", "repeat integer YMD 3 1 -1", "repeat date D 20240101 20240103"),
    *("repeat enumerated E a b", 'repeat string S "a" "b c"', "repeat datelist DL 20240131 20240105"),
    *("generic g a b", "autocancel 3"),
)
_BELOW_SUITES: Final = (
    *("trigger 1 == 1", "trigger t == complete", "trigger t:m > 5", "trigger /s/f/t == complete or :A"),
    *("complete t == aborted", "complete :YMD == 3", "trigger 1 == 0 and 1"),
)
_WRONG: Final = (
    "bogus",
    "meter m 5",
    "trigger 1 = 1",
    "limit lim",
    "edit A",
    "event",
    "time 3:00",
    "edit A 'x",
)
_CALENDAR: Final = (
    "calendar initTime:2026-Nov-20 16:47:37 suiteTime:2026-Nov-20 16:47:37 duration:00:00:00 "
    "initLocalTime:2026-Nov-20 16:47:37 lastTime:2026-Nov-20 16:47:37 calendarIncrement:00:01:00"
)
_STATES: Final = ("unknown", "complete", "queued", "aborted", "submitted", "active")


def definition(choose: random.Random) -> str:
    """A text for ``--load``."""
    with_state = choose.random() < 0.3
    names = choose.choice((("s",), ("s",), ("s", "v"), ("v",), ("w",), ("s", "w"), ("v", "s")))
    lines: list[str] = []
    if with_state:
        lines += ["#5.9.2", f"defs_state NET{choose.choice(('', ' state>:active flag:message'))} cal_count:0"]
    if choose.random() < 0.15:
        lines.append("edit G 'h'")
    for name in names:
        write = _TREES[name]
        lines.append(_opened(choose, f"suite {name}", with_state, suite=True))
        if "begun:1" in lines[-1]:
            # A real server that has begun a suite always has its calendar, and cannot do without.
            lines.append(_CALENDAR)
        lines += _attributes(choose, _ANYWHERE, with_state)
        if choose.random() < 0.2:
            lines.append(choose.choice(("clock real ", "clock hybrid 1.1.2024 ", "clock real 300")))
        write(choose, lines, with_state)
        lines.append("endsuite")
    return "\n".join(lines) + "\n"


def _suite_s(choose: random.Random, lines: list[str], with_state: bool) -> None:
    if choose.random() < 0.85:
        _node(choose, lines, "family f", with_state)
        for name in choose.choice((("t",), ("t", "u"), ("u", "t"))):
            _node(choose, lines, f"task {name}", with_state)
        lines.append("endfamily")
    if choose.random() < 0.3:
        _node(choose, lines, "family g", with_state)
        _node(choose, lines, "task u", with_state)
        lines.append("endfamily")
    for name in choose.choice(((), (), ("t",), ("t", "u"), ("t", "t"))):
        _node(choose, lines, f"task {name}", with_state)


def _suite_v(choose: random.Random, lines: list[str], with_state: bool) -> None:
    for name in choose.choice((("t",), ("t", "u"), ())):
        _node(choose, lines, f"task {name}", with_state)
    if choose.random() < 0.5:
        _node(choose, lines, "family f", with_state)
        _node(choose, lines, "task t", with_state)
        lines.append("endfamily")


def _suite_w(choose: random.Random, lines: list[str], with_state: bool) -> None:
    _node(choose, lines, "family f", with_state)
    _node(choose, lines, "family f", with_state)
    _node(choose, lines, "task t", with_state)
    lines += ["endfamily", "endfamily"]


_TREES: Final[dict[str, Callable[[random.Random, list[str], bool], None]]] = {
    "s": _suite_s,
    "v": _suite_v,
    "w": _suite_w,
}


def _node(choose: random.Random, lines: list[str], head: str, with_state: bool) -> None:
    lines.append(_opened(choose, head, with_state, suite=False))
    lines += _attributes(choose, (*_ANYWHERE, *_BELOW_SUITES), with_state)


def _opened(choose: random.Random, head: str, with_state: bool, *, suite: bool) -> str:
    if not with_state:
        return head
    words: list[str] = []
    if suite and choose.random() < 0.5:
        words.append("begun:1")
    if head.startswith("task") and choose.random() < 0.5:
        words += ["passwd:pw", f"rid:{choose.choice('17')}", f"try:{choose.choice('12')}"]
    if choose.random() < 0.7:
        words.append(f"state:{choose.choice(_STATES[1:])}")
    if choose.random() < 0.2:
        words.append(f"flag:{choose.choice(('message', 'message,late', 'zombie', 'task_aborted,message'))}")
    if choose.random() < 0.1:
        words.append("suspended:1")
    return f"{head} # {' '.join(words)}" if words else head


def _attributes(choose: random.Random, known: tuple[str, ...], with_state: bool) -> list[str]:
    chosen = choose.sample(known, choose.choice((0, 0, 1, 2, 3, 4)))
    if choose.random() < 0.02:
        chosen.append(choose.choice(_WRONG))
    if not with_state:
        return chosen
    return [_with_state(choose, line) for line in chosen]


def _with_state(choose: random.Random, line: str) -> str:
    state = {
        "event e": "set",
        "event 3 g set": "clear",
        "meter m 0 10 5": "4",
        'label l "a"': '"new  one"',
        "limit lim 3": "1 /s/f/t",
        "repeat integer YMD 1 3": "2",
        "queue q a b c": "1 active queued queued",
        "inlimit -n lim": "incremented:1",
        "trigger 1 == 1": "free",
    }.get(line)
    return f"{line} # {state}" if state and choose.random() < 0.6 else line
