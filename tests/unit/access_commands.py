"""Every user command, by name, for the tests of access; about /a, or /a and /b, where it is about nodes.

`SUITES` is what the server is to hold: no command finds what it would need to change anything for good, save
those that an owner may give all the time.
"""

from __future__ import annotations

from dataclasses import replace

from ecfleet_mocks.wire import (
    AddAttribute,
    AlterCmd,
    BeginCmd,
    CFileCmd,
    CheckMode,
    CheckPtCmd,
    ClientHandleApi,
    ClientHandleCmd,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    DeleteCmd,
    EditScriptCmd,
    EditType,
    ErrorCmd,
    ForceCmd,
    FreeDepCmd,
    GroupCTSCmd,
    LoadDefsCmd,
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
    Reply,
    RequeueNodeCmd,
    RunNodeCmd,
    ServerVersionCmd,
    ShowCmd,
    SyncApi,
    UserCommand,
    ZombieAction,
    ZombieCmd,
)

SUITES = """\
suite a
  family f
    task t
      event ev
  endfamily
endsuite
suite ab
  task t
endsuite
suite b
  task t
endsuite
"""

_ENDING = (CtsApi.NONE, CtsApi.TERMINATE)
_SINGLE, _DOUBLE = ("/a",), ("/a", "/b")
_NOWHERE = ("/a/nosuch",)


def _several() -> dict[str, UserCommand]:
    found: dict[str, UserCommand] = {}
    for paths in ((), _SINGLE, _DOUBLE):
        shown = " ".join(paths) or "nothing"
        for api in PathsApi:
            if api is not PathsApi.NONE:
                found[f"{api.name.lower()} {shown}"] = PathsCmd(api, paths)
    for paths in (_SINGLE, _DOUBLE):
        shown = " ".join(paths)
        found[f"requeue {shown}"] = RequeueNodeCmd(paths)
        found[f"run {shown}"] = RunNodeCmd(paths)
        found[f"force {shown}"] = ForceCmd(paths, "queued")
        found[f"free_dep {shown}"] = FreeDepCmd(paths)
        found[f"alter {shown}"] = AlterCmd(paths, "X", "y", add=AddAttribute.VARIABLE)
        found[f"zombie_fob {shown}"] = ZombieCmd(ZombieAction.FOB, paths)
    found["edit_history clear"] = PathsCmd(PathsApi.EDIT_HISTORY, ("clear",))
    found["force /a/f/t:ev"] = ForceCmd(("/a/f/t:ev",), "set")
    found["delete /a/nosuch"] = DeleteCmd(_NOWHERE)
    found["delete /a/nosuch /b/nosuch"] = DeleteCmd((*_NOWHERE, "/b/nosuch"))
    found["delete /b/nosuch /a/nosuch"] = DeleteCmd(("/b/nosuch", *_NOWHERE))
    return found


def _one() -> dict[str, UserCommand]:
    found: dict[str, UserCommand] = {}
    for api in CtsNodeApi:
        if api is not CtsNodeApi.NONE:
            for path in ("", "/a", "/ab", "/a/f/t"):
                found[f"{api.name.lower()} {path or 'nothing'}"] = CtsNodeCmd(api, path)
    for edit in EditType:
        found[f"edit_script {edit.name.lower()} /a"] = EditScriptCmd("/a", edit)
    found["replace /a"] = ReplaceNodeCmd("/a", "")
    found["order /a"] = OrderNodeCmd("/a", OrderOption.TOP)
    found["file /a"] = CFileCmd("/a")
    found["query /a"] = QueryCmd("state", "/a")
    found["query /b"] = QueryCmd("state", "/b")
    found["plug /a"] = PlugCmd("/a", "/nosuch")
    found["move /a"] = MoveCmd("task x\n", "h", "1", "/a", "/nosuch")
    return found


def _server() -> dict[str, UserCommand]:
    found: dict[str, UserCommand] = {api.name.lower(): CtsCmd(api) for api in CtsApi if api not in _ENDING}
    found |= {f"{api.name.lower()}": CSyncCmd(api) for api in SyncApi}
    found |= {f"log {api.name.lower()}": LogCmd(api, 1) for api in LogApi}
    return found | {
        "server_version": ServerVersionCmd(),
        "show": ShowCmd(),
        "ch_register": ClientHandleCmd(ClientHandleApi.REGISTER, suites=("a",)),
        "ch_suites": ClientHandleCmd(ClientHandleApi.SUITES),
        "ch_drop_user": ClientHandleCmd(ClientHandleApi.DROP_USER),
        "load": LoadDefsCmd(""),
        "begin": BeginCmd(),
        "begin a": BeginCmd("a"),
        "check_pt": CheckPtCmd(),
        "check_pt mode": CheckPtCmd(CheckMode.ON_TIME),
        "check_pt interval": CheckPtCmd(CheckMode.UNDEFINED, 120),
        "check_pt alarm": CheckPtCmd(CheckMode.UNDEFINED, 0, 20),
        "msg": LogMessageCmd("hello"),
    }


def _groups() -> dict[str, UserCommand]:
    suites, restart = CtsCmd(CtsApi.SUITES), CtsCmd(CtsApi.RESTART)
    return {
        "group of nothing": GroupCTSCmd(()),
        "group suites": GroupCTSCmd((suites,)),
        "group suites restart": GroupCTSCmd((suites, restart)),
        "group suspend /a": GroupCTSCmd((PathsCmd(PathsApi.SUSPEND, _SINGLE),)),
        "group suspend /a /b": GroupCTSCmd((PathsCmd(PathsApi.SUSPEND, _DOUBLE),)),
    }


COMMANDS: dict[str, UserCommand] = _server() | _one() | _several() | _groups()


def by(command: UserCommand, user: str, password: str = "", *, custom: bool = False) -> UserCommand:
    """The command as this user sends it, with the members of a group."""
    if isinstance(command, GroupCTSCmd):
        parts = tuple(
            by(part, user, password, custom=custom) if isinstance(part, UserCommand) else part
            for part in command.commands
        )
        command = replace(command, commands=parts)
    return replace(command, user=user, password=password, custom_user=custom, host="laptop")


def refusal(reply: Reply) -> str:
    """The text of a reply that refuses access; empty for any other, an error of another kind included."""
    refusals = ("[ authentication failed ] User ", "Command not accepted, due to: ")
    return reply.message if isinstance(reply, ErrorCmd) and reply.message.startswith(refusals) else ""
