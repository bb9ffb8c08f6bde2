"""Counting what a server is asked, and the text of ``--stats``.

Blocks, order, labels and columns were seen on 5.9.2.  On 5.17.0 the blocks of server, node and file commands
were seen; the headings over task and zombie commands, and the spelling of counters that were never above
zero there, are made after them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ecfleet_mocks.model.dialect import Dialect, StatsLayout
from ecfleet_mocks.model.server_environment import check_path, log_path
from ecfleet_mocks.wire import (
    AbortCmd,
    BeginCmd,
    CheckMode,
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
    Measure,
    MeterCmd,
    PathsApi,
    PathsCmd,
    QueueCmd,
    Resources,
    ServerState,
    ServerVersionCmd,
    Stats,
    SyncApi,
    Variant,
    ZombieAction,
    ZombieCmd,
)

__all__ = ["Statistics", "server_stats", "stats_text"]

_CTS: dict[int, str] = {
    CtsApi.RESTART: "restart",
    CtsApi.SHUTDOWN: "shutdown",
    CtsApi.HALT: "halt",
    CtsApi.PING: "ping",
    CtsApi.GET_ZOMBIES: "zombie_get",
    CtsApi.STATS: "stats",
    CtsApi.STATS_SERVER: "stats",
    CtsApi.SUITES: "suites",
    CtsApi.DEBUG_ON: "debug_on",
    CtsApi.DEBUG_OFF: "debug_off",
    CtsApi.SERVER_LOAD: "server_load",
}
_CTS_NODE: dict[int, str] = {CtsNodeApi.GET: "get", CtsNodeApi.GET_STATE: "get", CtsNodeApi.MIGRATE: "get"}
_SYNC: dict[int, str] = {
    SyncApi.NEWS: "news",
    SyncApi.SYNC: "sync",
    SyncApi.SYNC_FULL: "sync_full",
    SyncApi.SYNC_CLOCK: "sync_clock",
}
_PATHS: dict[int, str] = {
    PathsApi.SUSPEND: "suspend",
    PathsApi.RESUME: "resume",
    PathsApi.EDIT_HISTORY: "edit_history",
}
_ZOMBIE: dict[int, str] = {action: f"zombie_{action.name.lower()}" for action in ZombieAction}
_CLASSES: dict[type[Command], str] = {
    AbortCmd: "abort",
    BeginCmd: "begin",
    ClientHandleCmd: "client_handle",
    CompleteCmd: "complete",
    CtsWaitCmd: "wait",
    DeleteCmd: "delete",
    EventCmd: "event",
    GroupCTSCmd: "group",
    InitCmd: "init",
    LabelCmd: "label",
    LoadDefsCmd: "load",
    MeterCmd: "meter",
    QueueCmd: "queue",
    ServerVersionCmd: "server_version",
}


def _counter(command: Command) -> str | None:
    if isinstance(command, CtsCmd):
        return _CTS.get(command.api)
    if isinstance(command, CtsNodeCmd):
        return _CTS_NODE.get(command.api)
    if isinstance(command, CSyncCmd):
        return _SYNC.get(command.api)
    if isinstance(command, PathsCmd):
        return _PATHS.get(command.api)
    if isinstance(command, ZombieCmd):
        return _ZOMBIE.get(command.action)
    return _CLASSES.get(type(command))


class Statistics:
    """The counters of one server since its start or the last reset."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        """How often; ``name`` is a field of Stats without its ``count_``."""
        return self._counts.get(name, 0)

    def count(self, command: Command) -> None:
        """Count one command; some, such as ``--why``, are not counted."""
        name = _counter(command)
        if name is not None:
            self._counts[name] = self._counts.get(name, 0) + 1

    def reset(self) -> None:
        """Start again from nothing."""
        self._counts.clear()

    def filled(self, stats: Stats) -> Stats:
        """``stats`` with the counters put in."""
        counts: dict[str, Any] = {f"count_{name}": count for name, count in self._counts.items()}
        return replace(stats, **counts)


_SERVER = (
    ("checkpt", "Check points"),
    ("restart", "Restart server"),
    ("shutdown", "Shutdown server"),
    ("halt", "Halt server"),
    ("ping", "Ping"),
    ("debug_on", "debug server on"),
    ("debug_off", "debug server off"),
    ("get", "Get full definition"),
    ("server_version", "Server version"),
    ("sync", "Sync"),
    ("sync_full", "Sync full"),
    ("sync_clock", "Sync suite clock"),
    ("news", "News"),
)
_TASK = (
    ("init", "Task init"),
    ("complete", "Task complete"),
    ("wait", "Task wait"),
    ("abort", "Task abort"),
    ("event", "Task event"),
    ("meter", "Task meter"),
    ("label", "Task label"),
    ("queue", "Task queue"),
)
_ZOMBIES = (
    ("zombie_fob", "Zombie fob"),
    ("zombie_fail", "Zombie fail"),
    ("zombie_adopt", "Zombie adopt"),
    ("zombie_remove", "Zombie remove"),
    ("zombie_get", "Zombie get"),
    ("zombie_block", "Zombie block"),
    ("zombie_kill", "Zombie kill"),
)
_NODE = (
    ("load", "Load definition"),
    ("begin", "Begin"),
    ("requeue", "Requeue"),
    ("job_gen", "Job generation"),
    ("check_job_gen", "Check Job generation"),
    ("delete", "Node delete"),
    ("suspend", "Node suspend"),
    ("resume", "Node resume"),
    ("kill", "Node kill"),
    ("status", "Node status"),
    ("edit_history", "Node edit history"),
    ("archive", "Node archive"),
    ("restore", "Node restore"),
    ("log", "Log cmd"),
    ("log_msg", "Log message"),
    ("order", "Order"),
    ("run", "Run"),
    ("replace", "Replace"),
    ("force", "Force"),
    ("free_dep", "Free dependencies"),
    ("suites", "Suites"),
    ("edit_script", "Edit script"),
    ("alter", "Alter"),
    ("client_handle", "Client handle"),
    ("plug", "Plug"),
    ("group", "Group"),
    ("server_load", "Server load cmd"),
    ("stats", "stats cmd"),
    ("check", "checks"),
    ("query", "query"),
    ("reload_white_list", "Reload white list file"),
    ("reload_passwd", "Reload password file"),
)
_FILE = (
    ("file_script", "File ECF"),
    ("file_job", "File job"),
    ("file_jobout", "File Job out"),
    ("file_cmdout", "File Cmd out"),
    ("file_manual", "File manual"),
)
_SPELT_IN_SECTIONS = {
    "check": "Check cmd",
    "file_jobout": "File job out",
    "query": "Query cmd",
}
_BLOCKS = (
    ("User Commands (Server-related)", _SERVER),
    ("Task Commands", _TASK),
    ("Zombie Commands", _ZOMBIES),
    ("User Commands (Node-related)", _NODE),
    ("User Commands (File-related)", _FILE),
)
_CHECK_MODES = {0: "CHECK_NEVER", 1: "CHECK_ON_TIME", 2: "CHECK_ALWAYS"}
_LABEL_WIDTH = 32


def stats_text(stats: Stats, layout: StatsLayout) -> str:
    """The text of ``--stats``; a block in which nothing was counted is left out."""
    sections = layout is StatsLayout.SECTIONS
    margin = "  " if sections else "   "
    seconds = " (s)" if sections else "s"

    def row(label: str, value: object) -> str:
        return f"{margin}{label:<{_LABEL_WIDTH}}{value}"

    head = [
        "Server Statistics" if sections else "Server statistics",
        row("Version", stats.version),
        row("Status", getattr(stats.state, "name", stats.state)),
        row("Host", stats.host),
        row("Port", stats.port),
        row("Up since", stats.up_since),
        row("Job sub' interval", f"{stats.job_submission_interval}{seconds}"),
        row("ECF_HOME", stats.ecf_home),
        row("ECF_LOG", stats.ecf_log),
        row("ECF_CHECK", stats.ecf_check),
        row("ECF_SSL", stats.ssl),
        row("Check pt interval", f"{stats.checkpt_interval}{seconds}"),
        row("Check pt mode", _CHECK_MODES.get(stats.checkpt_mode, str(stats.checkpt_mode))),
        row("Check pt save time alarm", f"{stats.checkpt_save_time_alarm}{seconds}"),
        row("Number of Suites", stats.suites_loaded),
    ]
    if not sections:
        head.append(row("Request's per 1,5,15,30,60 min", stats.request_rate))
    blocks = [head]
    if sections and stats.resources is not None:
        blocks.append(["Server Resources", *_resource_rows(stats.resources, row)])
    for title, counters in _BLOCKS:
        rows = [
            row(_label(name, label, sections), count)
            for name, label in counters
            if (count := getattr(stats, f"count_{name}"))
        ]
        if rows:
            blocks.append([title, *rows] if sections else rows)
    return "".join("\n".join(block) + "\n\n" for block in blocks).removesuffix("\n") + (
        "\n" if sections else ""
    )


def _label(name: str, label: str, sections: bool) -> str:
    if not sections:
        return label
    return _SPELT_IN_SECTIONS.get(name, label[0].upper() + label[1:])


def _resource_rows(resources: Resources, row: object) -> Iterable[str]:
    assert callable(row)
    for measure in resources.measures:
        unit = f" ({measure.unit})" if measure.unit else ""
        yield row(measure.name, f"{measure.value.data}{unit}")


_COUNT, _SIZE = 0, 3


def _resources(process_id: int) -> Resources:
    """The process resources as a server of 5.17 tells them; fixed numbers, since a mock measures nothing."""
    sizes = {
        "maximum_memory_available": (24684084, "MB"),
        "virtual_memory_used": (21408, "MB"),
        "resident_memory_used": (14412, "MB"),
        "page_size": (4096, "kB"),
    }
    counts = {"n_cpu_online": 2, "n_cpu_maximum": 2, "n_threads": 1}
    memory = {"arena_memory": (405504, "kB"), "tracked_memory": (284, "kB"), "freed_memory": (111, "kB")}
    return Resources(
        (
            Measure("pid", Variant(_COUNT, process_id)),
            *(Measure(name, Variant(_SIZE, size), unit) for name, (size, unit) in sizes.items()),
            *(Measure(name, Variant(_COUNT, count)) for name, count in counts.items()),
            *(Measure(name, Variant(_SIZE, size), unit) for name, (size, unit) in memory.items()),
        )
    )


def server_stats(
    dialect: Dialect, state: ServerState, host_name: str, port: int, home: str, ssl: str, process_id: int
) -> Stats:
    """The statistics of a server before anything is counted, with the intervals of a default set-up."""
    return Stats(
        state=state,
        host=host_name,
        port=str(port),
        version=dialect.version_banner,
        job_submission_interval=60,
        checkpt_interval=120,
        checkpt_save_time_alarm=20,
        checkpt_mode=CheckMode.ON_TIME,
        ecf_home=home,
        ecf_check=check_path(home, host_name, port),
        ecf_log=log_path(home, host_name, port),
        ssl=ssl,
        resources=_resources(process_id) if dialect.stats_class_version > 0 else None,
    )
