"""The requests of users, under ecFlow's class names.

Classes, fields and their order were seen on 5.9.2 and 5.17.0.  Host, user and password are keywords of
every class; see :class:`~ecfleet_mocks.wire.command_bases.UserCommand`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ecfleet_mocks.wire.archive import BOOL, INT, SIZE, TEXT, Enumeration, Many, Pair
from ecfleet_mocks.wire.command_bases import COMMAND_CLASSES, Command, UserCommand
from ecfleet_mocks.wire.enumerations import (
    AddAttribute,
    ChangeAttribute,
    CheckMode,
    ClientHandleApi,
    CtsApi,
    CtsNodeApi,
    DeleteAttribute,
    EditType,
    FileKind,
    FlagType,
    LogApi,
    OrderOption,
    PathsApi,
    RequeueOption,
    SyncApi,
    ZombieAction,
)
from ecfleet_mocks.wire.schema import Polymorphic, named, record

__all__ = [
    "AlterCmd",
    "BeginCmd",
    "CFileCmd",
    "CSyncCmd",
    "CheckPtCmd",
    "ClientHandleCmd",
    "CtsCmd",
    "CtsNodeCmd",
    "DeleteCmd",
    "EditScriptCmd",
    "ForceCmd",
    "FreeDepCmd",
    "GroupCTSCmd",
    "LoadDefsCmd",
    "LogCmd",
    "LogMessageCmd",
    "MoveCmd",
    "OrderNodeCmd",
    "PathsCmd",
    "PlugCmd",
    "QueryCmd",
    "ReplaceNodeCmd",
    "RequeueNodeCmd",
    "RunNodeCmd",
    "ServerVersionCmd",
    "ShowCmd",
    "ZombieCmd",
]

_PATHS = named("paths_", Many(TEXT))
_FORCE = named("force_", BOOL)


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class CtsCmd(UserCommand):
    """A command without arguments: ping, stats, suites, halt, ..."""

    api: Annotated[CtsApi | int, named("api_", Enumeration(CtsApi))]


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class ServerVersionCmd(UserCommand):
    """``--server_version``."""


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class ShowCmd(UserCommand):
    """``--show``; the server answers OK, the client prints the definition that it holds."""


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class CtsNodeCmd(UserCommand):
    """A command on one node (get, get_state, migrate, why, ...); an empty path: on the definition."""

    api: Annotated[CtsNodeApi | int, named("api_", Enumeration(CtsNodeApi))]
    path: Annotated[str, named("absNodePath_", TEXT)] = ""


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class PathsCmd(UserCommand):
    """A command on several nodes: suspend, resume, kill, status, check, edit_history, archive, restore."""

    api: Annotated[PathsApi | int, named("api_", Enumeration(PathsApi))]
    paths: Annotated[tuple[str, ...], _PATHS] = ()
    force: Annotated[bool, _FORCE] = False


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class CSyncCmd(UserCommand):
    """``--news`` and ``--sync``.

    :param handle: the client handle, 0 for none.
    :param state_change: the client's state change number.
    :param modify_change: the client's modify change number.
    """

    api: Annotated[SyncApi | int, named("api_", Enumeration(SyncApi))]
    handle: Annotated[int, named("client_handle_", INT)] = 0
    state_change: Annotated[int, named("client_state_change_no_", INT)] = 0
    modify_change: Annotated[int, named("client_modify_change_no_", INT)] = 0


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class ClientHandleCmd(UserCommand):
    """``--ch_register`` and its relatives.

    :param drop_user: for DROP_USER; empty means the sender.
    """

    api: Annotated[ClientHandleApi | int, named("api_", Enumeration(ClientHandleApi))]
    handle: Annotated[int, named("client_handle_", INT)] = 0
    drop_user: Annotated[str, named("drop_user_", TEXT)] = ""
    suites: Annotated[tuple[str, ...], named("suites_", Many(TEXT))] = ()
    auto_add: Annotated[bool, named("auto_add_new_suites_", BOOL)] = False


@record(registry=COMMAND_CLASSES, order=("force", "definition", "filename"))
@dataclass(frozen=True, slots=True)
class LoadDefsCmd(UserCommand):
    """``--load``.

    :param definition: the whole definition, in style NET.
    :param filename: where the client read it; empty for a definition made in Python.
    """

    definition: Annotated[str, named("defs_", TEXT)]
    filename: Annotated[str, named("defs_filename_", TEXT)] = ""
    force: Annotated[bool, _FORCE] = False


@record(registry=COMMAND_CLASSES, order=("create_parents", "force", "path", "filename", "definition"))
@dataclass(frozen=True, slots=True)
class ReplaceNodeCmd(UserCommand):
    """``--replace``.

    :param definition: the definition that holds the new node, in style NET.
    """

    path: Annotated[str, named("pathToNode_", TEXT)]
    definition: Annotated[str, named("clientDefs_", TEXT)]
    filename: Annotated[str, named("path_to_defs_", TEXT)] = ""
    create_parents: Annotated[bool, named("createNodesAsNeeded_", BOOL)] = False
    force: Annotated[bool, _FORCE] = False


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class DeleteCmd(UserCommand):
    """``--delete``; no paths: everything."""

    paths: Annotated[tuple[str, ...], _PATHS] = ()
    force: Annotated[bool, _FORCE] = False


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class BeginCmd(UserCommand):
    """``--begin``; an empty suite name: all suites."""

    suite: Annotated[str, named("suiteName_", TEXT)] = ""
    force: Annotated[bool, _FORCE] = False


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class RequeueNodeCmd(UserCommand):
    """``--requeue``."""

    paths: Annotated[tuple[str, ...], _PATHS]
    option: Annotated[RequeueOption | int, named("option_", Enumeration(RequeueOption))] = (
        RequeueOption.NO_OPTION
    )


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class RunNodeCmd(UserCommand):
    """``--run``."""

    paths: Annotated[tuple[str, ...], _PATHS]
    force: Annotated[bool, _FORCE] = False


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class ForceCmd(UserCommand):
    """``--force``.

    :param state_or_event: a node state in lower case, or ``set`` or ``clear`` for ``path:event`` paths.
    """

    paths: Annotated[tuple[str, ...], _PATHS]
    state_or_event: Annotated[str, named("stateOrEvent_", TEXT)]
    recursive: Annotated[bool, named("recursive_", BOOL)] = False
    set_repeat_to_last_value: Annotated[bool, named("setRepeatToLastValue_", BOOL)] = False


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class FreeDepCmd(UserCommand):
    """``--free-dep``."""

    paths: Annotated[tuple[str, ...], _PATHS]
    trigger: Annotated[bool, named("trigger_", BOOL)] = True
    all: Annotated[bool, named("all_", BOOL)] = False
    date: Annotated[bool, named("date_", BOOL)] = False
    time: Annotated[bool, named("time_", BOOL)] = False


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class OrderNodeCmd(UserCommand):
    """``--order``."""

    path: Annotated[str, named("absNodepath_", TEXT)]
    option: Annotated[OrderOption | int, named("option_", Enumeration(OrderOption))]


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class AlterCmd(UserCommand):
    """``--alter``: one of the four selectors is set; when none is, the attributes are sorted.

    :param set_flag: whether ``flag`` is set or cleared.
    """

    paths: Annotated[tuple[str, ...], _PATHS]
    name: Annotated[str, named("name_", TEXT)] = ""
    value: Annotated[str, named("value_", TEXT)] = ""
    add: Annotated[AddAttribute | int, named("add_attr_type_", Enumeration(AddAttribute))] = (
        AddAttribute.NOT_SET
    )
    delete: Annotated[DeleteAttribute | int, named("del_attr_type_", Enumeration(DeleteAttribute))] = (
        DeleteAttribute.NOT_SET
    )
    change: Annotated[ChangeAttribute | int, named("change_attr_type_", Enumeration(ChangeAttribute))] = (
        ChangeAttribute.NOT_SET
    )
    flag: Annotated[FlagType | int, named("flag_type_", Enumeration(FlagType))] = FlagType.NOT_SET
    set_flag: Annotated[bool, named("flag_", BOOL)] = False


@record(registry=COMMAND_CLASSES, order=("kind", "path", "max_lines"))
@dataclass(frozen=True, slots=True)
class CFileCmd(UserCommand):
    """``--file``.

    :param max_lines: how many lines are wanted at most; of a longer file the last ones come.
    """

    path: Annotated[str, named("pathToNode_", TEXT)]
    kind: Annotated[FileKind | int, named("file_", Enumeration(FileKind))] = FileKind.SCRIPT
    max_lines: Annotated[int, named("max_lines_", SIZE)] = 10000


@record(registry=COMMAND_CLASSES, order=("edit_type", "path", "contents", "variables", "alias", "run"))
@dataclass(frozen=True, slots=True)
class EditScriptCmd(UserCommand):
    """``--edit_script``.

    :param contents: the user's file, a string for each line.
    :param variables: the user's variables, as (name, value).
    """

    path: Annotated[str, named("path_to_node_", TEXT)]
    edit_type: Annotated[EditType | int, named("edit_type_", Enumeration(EditType))]
    contents: Annotated[tuple[str, ...], named("user_file_contents_", Many(TEXT))] = ()
    variables: Annotated[tuple[tuple[str, str], ...], named("user_variables_", Many(Pair(TEXT, TEXT)))] = ()
    alias: Annotated[bool, named("alias_", BOOL)] = False
    run: Annotated[bool, named("run_", BOOL)] = True


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class CheckPtCmd(UserCommand):
    """``--check_pt``.

    :param interval: seconds between checkpoints, 0 to leave it.
    :param save_time_alarm: seconds after which saving counts as late, 0 to leave it.
    """

    mode: Annotated[CheckMode | int, named("mode_", Enumeration(CheckMode))] = CheckMode.UNDEFINED
    interval: Annotated[int, named("check_pt_interval_", INT)] = 0
    save_time_alarm: Annotated[int, named("check_pt_save_time_alarm_", INT)] = 0


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class LogCmd(UserCommand):
    """``--log``."""

    api: Annotated[LogApi | int, named("api_", Enumeration(LogApi))]
    last_lines: Annotated[int, named("get_last_n_lines_", INT)] = 100
    new_path: Annotated[str, named("new_path_", TEXT)] = ""


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class LogMessageCmd(UserCommand):
    """``--msg``."""

    message: Annotated[str, named("msg_", TEXT)]


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class QueryCmd(UserCommand):
    """``--query``.

    :param query_type: state, dstate, repeat, event, meter, label, variable, trigger, limit or limit_max.
    :param task_path: ``ECF_NAME`` of the caller, or empty.
    """

    query_type: Annotated[str, named("query_type_", TEXT)]
    path: Annotated[str, named("path_to_attribute_", TEXT)]
    attribute: Annotated[str, named("attribute_", TEXT)] = ""
    task_path: Annotated[str, named("path_to_task_", TEXT)] = ""


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class PlugCmd(UserCommand):
    """``--plug``; each end is a path, or ``host:port/path`` with slashes before it."""

    source: Annotated[str, named("source_", TEXT)]
    destination: Annotated[str, named("dest_", TEXT)]


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class MoveCmd(UserCommand):
    """What a server that handles PlugCmd sends to the other server.

    :param node: the node with all below it, in style NET.
    """

    node: Annotated[str, named("src_node_", TEXT)]
    source_host: Annotated[str, named("src_host_", TEXT)]
    source_port: Annotated[str, named("src_port_", TEXT)]
    source_path: Annotated[str, named("src_path_", TEXT)]
    destination: Annotated[str, named("dest_", TEXT)]


@record(registry=COMMAND_CLASSES, order=("action", "process_id", "zombie_password", "paths"))
@dataclass(frozen=True, slots=True)
class ZombieCmd(UserCommand):
    """``--zombie_fob`` and its relatives; only ecflow_ui fills ``process_id`` and ``zombie_password``."""

    action: Annotated[ZombieAction | int, named("user_action_", Enumeration(ZombieAction))]
    paths: Annotated[tuple[str, ...], _PATHS] = ()
    process_id: Annotated[str, named("process_id_", TEXT)] = ""
    zombie_password: Annotated[str, named("password_", TEXT)] = ""


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class GroupCTSCmd(UserCommand):
    """``--group``, or a command with a sync behind it.

    :param cli: whether the group was typed (false for the auto-sync of Python and for ecflow_ui).
    """

    commands: Annotated[
        tuple[Command, ...], named("cmdVec_", Many(Polymorphic(COMMAND_CLASSES, Command)))
    ] = ()
    cli: Annotated[bool, named("cli_", BOOL)] = True
