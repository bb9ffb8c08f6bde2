"""The statistics of a server, as data: what SStatsCmd carries.

Shape and order: read in source of 5.17; the first eighteen fields and the count of stats were seen with
values on 5.9.2 and 5.17.0, which differ in the resources alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ecfleet_mocks.wire.archive import INT, NUMBER, TEXT, Enumeration, Many
from ecfleet_mocks.wire.enumerations import CheckMode, ServerState
from ecfleet_mocks.wire.schema import Struct, Unique, named, record, unnamed

__all__ = ["Measure", "Resources", "Stats", "Variant"]

_COUNT: Final = unnamed(INT)


@record(versioned=False)
@dataclass(frozen=True, slots=True)
class Variant:
    """A number and which alternative of the C++ variant it is: 0 for counts, 3 for sizes (seen on 5.17.0)."""

    index: Annotated[int, named("index", INT)]
    data: Annotated[int, named("data", NUMBER)]


@record()
@dataclass(frozen=True, slots=True)
class Measure:
    """One resource of the server's process (seen on 5.17.0)."""

    name: Annotated[str, unnamed(TEXT)]
    value: Annotated[Variant, unnamed(Struct(Variant))]
    unit: Annotated[str, unnamed(TEXT)] = ""


@record()
@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of the server's process (seen on 5.17.0)."""

    measures: Annotated[tuple[Measure, ...], unnamed(Many(Struct(Measure)))] = ()


def _version(stats: Stats) -> int:
    return 0 if stats.resources is None else 1


@record(versioned=_version)
@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """The statistics of a server.

    :param up_since: as ``2026-Nov-20 16:54:25``.
    :param job_submission_interval: seconds; likewise the other intervals.
    :param request_rate: text such as is shown by ``--stats``.
    :param ssl: ``disabled``, or the certificate in use.
    :param resources: ``None`` in what a 5.9 server sends.

    The ``count_`` fields say how many requests of a kind were handled since the start or the last reset.
    """

    state: Annotated[ServerState | int, unnamed(Enumeration(ServerState))] = ServerState.HALTED
    locked_by: Annotated[str, unnamed(TEXT)] = ""
    host: Annotated[str, unnamed(TEXT)] = ""
    port: Annotated[str, unnamed(TEXT)] = ""
    up_since: Annotated[str, unnamed(TEXT)] = ""
    version: Annotated[str, unnamed(TEXT)] = ""
    job_submission_interval: Annotated[int, unnamed(INT)] = 0
    checkpt_interval: Annotated[int, unnamed(INT)] = 0
    checkpt_save_time_alarm: Annotated[int, unnamed(INT)] = 0
    checkpt_mode: Annotated[CheckMode | int, unnamed(Enumeration(CheckMode))] = CheckMode.NEVER
    suites_loaded: Annotated[int, unnamed(INT)] = 0
    request_rate: Annotated[str, unnamed(TEXT)] = ""
    ecf_home: Annotated[str, unnamed(TEXT)] = ""
    ecf_check: Annotated[str, unnamed(TEXT)] = ""
    ecf_log: Annotated[str, unnamed(TEXT)] = ""
    ssl: Annotated[str, unnamed(TEXT)] = "disabled"
    count_checkpt: Annotated[int, _COUNT] = 0
    count_server_version: Annotated[int, _COUNT] = 0
    count_restart: Annotated[int, _COUNT] = 0
    count_shutdown: Annotated[int, _COUNT] = 0
    count_halt: Annotated[int, _COUNT] = 0
    count_reload_white_list: Annotated[int, _COUNT] = 0
    count_reload_passwd: Annotated[int, _COUNT] = 0
    count_ping: Annotated[int, _COUNT] = 0
    count_debug_on: Annotated[int, _COUNT] = 0
    count_debug_off: Annotated[int, _COUNT] = 0
    count_get: Annotated[int, _COUNT] = 0
    count_sync: Annotated[int, _COUNT] = 0
    count_sync_full: Annotated[int, _COUNT] = 0
    count_sync_clock: Annotated[int, _COUNT] = 0
    count_news: Annotated[int, _COUNT] = 0
    count_job_gen: Annotated[int, _COUNT] = 0
    count_check_job_gen: Annotated[int, _COUNT] = 0
    count_delete: Annotated[int, _COUNT] = 0
    count_suspend: Annotated[int, _COUNT] = 0
    count_resume: Annotated[int, _COUNT] = 0
    count_kill: Annotated[int, _COUNT] = 0
    count_status: Annotated[int, _COUNT] = 0
    count_edit_history: Annotated[int, _COUNT] = 0
    count_archive: Annotated[int, _COUNT] = 0
    count_restore: Annotated[int, _COUNT] = 0
    count_log: Annotated[int, _COUNT] = 0
    count_log_msg: Annotated[int, _COUNT] = 0
    count_begin: Annotated[int, _COUNT] = 0
    count_init: Annotated[int, _COUNT] = 0
    count_complete: Annotated[int, _COUNT] = 0
    count_wait: Annotated[int, _COUNT] = 0
    count_abort: Annotated[int, _COUNT] = 0
    count_event: Annotated[int, _COUNT] = 0
    count_meter: Annotated[int, _COUNT] = 0
    count_label: Annotated[int, _COUNT] = 0
    count_queue: Annotated[int, _COUNT] = 0
    count_zombie_fob: Annotated[int, _COUNT] = 0
    count_zombie_fail: Annotated[int, _COUNT] = 0
    count_zombie_adopt: Annotated[int, _COUNT] = 0
    count_zombie_remove: Annotated[int, _COUNT] = 0
    count_zombie_get: Annotated[int, _COUNT] = 0
    count_zombie_block: Annotated[int, _COUNT] = 0
    count_zombie_kill: Annotated[int, _COUNT] = 0
    count_requeue: Annotated[int, _COUNT] = 0
    count_order: Annotated[int, _COUNT] = 0
    count_run: Annotated[int, _COUNT] = 0
    count_load: Annotated[int, _COUNT] = 0
    count_replace: Annotated[int, _COUNT] = 0
    count_force: Annotated[int, _COUNT] = 0
    count_free_dep: Annotated[int, _COUNT] = 0
    count_suites: Annotated[int, _COUNT] = 0
    count_edit_script: Annotated[int, _COUNT] = 0
    count_alter: Annotated[int, _COUNT] = 0
    count_client_handle: Annotated[int, _COUNT] = 0
    count_file_script: Annotated[int, _COUNT] = 0
    count_file_job: Annotated[int, _COUNT] = 0
    count_file_jobout: Annotated[int, _COUNT] = 0
    count_file_cmdout: Annotated[int, _COUNT] = 0
    count_file_manual: Annotated[int, _COUNT] = 0
    count_plug: Annotated[int, _COUNT] = 0
    count_move: Annotated[int, _COUNT] = 0
    count_group: Annotated[int, _COUNT] = 0
    count_server_load: Annotated[int, _COUNT] = 0
    count_stats: Annotated[int, _COUNT] = 0
    count_check: Annotated[int, _COUNT] = 0
    count_query: Annotated[int, _COUNT] = 0
    resources: Annotated[Resources | None, unnamed(Unique(Resources), optional=True)] = None
