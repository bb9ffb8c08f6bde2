"""The mock ecFlow server without its sockets: commands in, replies out.

Each command class has one function; what is not carried out yet is answered in one place by an error that
says so.  Where a released server dies, the model answers an error and notes it, unless it is to be faithful.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ecfleet_mocks.model import edit_history
from ecfleet_mocks.model.access import AccessControl
from ecfleet_mocks.model.access_files import AccessFiles, error_reply, with_access_files
from ecfleet_mocks.model.calendars import time_text
from ecfleet_mocks.model.changes import Aspect
from ecfleet_mocks.model.definition import Definition, Node
from ecfleet_mocks.model.definition_parse import parse_definition
from ecfleet_mocks.model.definition_print import definition_text, node_text
from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.model.edit_history import Entry
from ecfleet_mocks.model.groups import run_group
from ecfleet_mocks.model.handle_commands import handle_command
from ecfleet_mocks.model.handles import Handles
from ecfleet_mocks.model.node_states import NotBegun, SuiteTree
from ecfleet_mocks.model.notes import Note, ServerDies, WouldEnd
from ecfleet_mocks.model.path_commands import path_command
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.model.server_environment import log_path, server_variables
from ecfleet_mocks.model.statistics import Statistics, server_stats, stats_text
from ecfleet_mocks.model.synchronisation import Synchronisation, UnknownHandle
from ecfleet_mocks.model.task_commands import TASK_HANDLERS, mark_submitted
from ecfleet_mocks.model.task_context import admit
from ecfleet_mocks.model.user_commands import SuiteCommands
from ecfleet_mocks.model.wait_command import wait_command
from ecfleet_mocks.model.zombie_commands import zombie_command
from ecfleet_mocks.model.zombies import Zombies
from ecfleet_mocks.wire import (
    OK,
    BeginCmd,
    ClientHandleCmd,
    Command,
    CSyncCmd,
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    CtsWaitCmd,
    DefsCmd,
    DeleteCmd,
    ErrorCmd,
    FlagType,
    GroupCTSCmd,
    LoadDefsCmd,
    PathsCmd,
    Reply,
    ServerState,
    ServerVersionCmd,
    ShowCmd,
    SNodeCmd,
    SServerLoadCmd,
    SStatsCmd,
    SStringCmd,
    SSuitesCmd,
    Stats,
    StcApi,
    StcCmd,
    TaskCommand,
    UserCommand,
    ZombieCmd,
    ZombieGetCmd,
)

__all__ = ["Note", "Sender", "ServerDies", "ServerModel"]

_NOBODY: Final = Sender()


class ServerModel:
    """One ecFlow server: its suites, state and counters, and what each command does to them.

    No sockets, clocks or files: time and passwords are handed in.

    :param dialect: the release it speaks.
    :param host_name: the name it tells; with the port also part of its file names.
    :param port: the port it tells.
    :param now: local time without zone.
    :param new_password: makes the password of a job that is submitted, eight characters.
    :param user: who started the server.
    :param state: what a new server is; the released ones start halted.
    :param home: ECF_HOME as text.
    :param ssl: what statistics show for ECF_SSL; its first word becomes the variable, unless ``disabled``.
    :param process_id: what it tells as ECF_PID.
    :param faithful: reproduce deaths and quirks of the released server instead of answering well.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        host_name: str = "localhost",
        port: int = 3141,
        now: Callable[[], datetime],
        new_password: Callable[[], str],
        user: str = "ecflow",
        state: ServerState = ServerState.RUNNING,
        home: str = "/ecf_home",
        ssl: str = "disabled",
        process_id: int = 1,
        faithful: bool = False,
    ) -> None:
        self.dialect = dialect
        self.user = user
        self.home = home
        self.ssl = ssl
        self.process_id = process_id
        self.faithful = faithful
        self.notes: list[Note] = []
        self.access = AccessControl(dialect, user, self.notes.append, faithful)
        self.terminated = False
        self.stats = Statistics()
        self.zombies = Zombies(now)
        self.handles = Handles()
        self._now = now
        self._new_password = new_password
        self._up_since = now()
        self._suites_counted = 0
        self._group_entries: list[Entry] | None = None
        definition = Definition(dialect.version)
        definition.server_state = state
        self._tree = SuiteTree(definition)
        # A new server stands at 1, told by a client's first incremental sync as its state.
        self._tree.changes.changed(None, Aspect.SERVER_STATE)
        self._suites = SuiteCommands(dialect, self._tree, self.zombies, self.handles, now)
        self._synchronisation = Synchronisation(self._tree, self.handles)
        self.set_address(host_name, port)

    # --- what tests and services look at ----------------------------------------------------------

    @property
    def tree(self) -> Definition:
        """The suites; ``tree.find("/s/f/t")`` is a node."""
        return self._tree.definition

    @property
    def state(self) -> ServerState:
        """Halted, shut down or running."""
        return self._tree.definition.server_state

    @property
    def state_change(self) -> int:
        """The highest state change number."""
        return self._tree.definition.state_change

    @property
    def modify_change(self) -> int:
        """The highest modify change number."""
        return self._tree.definition.modify_change

    def set_address(self, host_name: str, port: int) -> None:
        """Take another name and port, as is needed once a free port is known."""
        self.host_name = host_name
        self.port = port
        self._tree.definition.server_variables = server_variables(
            self.dialect,
            self.home,
            host_name,
            port,
            self.process_id,
            ssl="" if self.ssl == "disabled" else self.ssl.partition(" ")[0],
        )

    def read_access_files(self, files: AccessFiles) -> None:
        """Take the white list and the password files as at a start, for the name and port it has now.

        :raises CannotStart: when a released server would end here.
        """
        self.access.start(files, self.host_name, self.port)
        definition = self._tree.definition
        definition.server_variables = with_access_files(definition.server_variables, files)

    def task(self, path: str) -> Node:
        """The task or alias at a path.

        :raises KeyError: when there is none.
        """
        node = self.tree.find(path)
        if node is None or not node.is_submittable:
            raise KeyError(f"no task at path {path}")
        return node

    def load(self, text: str, *, force: bool = False) -> None:
        """Load a definition as ``--load`` does.

        :raises DefinitionError: when the text is none.
        :raises SuiteExists: when a suite is there already and ``force`` is not given.
        """
        self._suites.absorb(parse_definition(text), force=force)

    def submit(self, path: str) -> str:
        """Mark a task as submitted, as the released server does when it submits its job.

        :return: the password its job would have.
        :raises KeyError: when there is no such task.
        """
        task = self.task(path)
        password = self._new_password()
        mark_submitted(self._tree, task, password)
        return password

    def invalid_argument(self) -> ErrorCmd:
        """The reply to a message that cannot be read."""
        return self._refused("Invalid argument")

    def end_of_file(self) -> ErrorCmd:
        """The reply to a sender that stops sending before the message is whole."""
        return self._refused("End of file")

    def _refused(self, why: str) -> ErrorCmd:
        return ErrorCmd(
            f" ->Server:{self.host_name}@{self.port} ({self.dialect.version}) replied with: {why}"
        )

    # --- commands ------------------------------------------------------------------------------------

    def handle(self, command: Command | None, sender: Sender = _NOBODY) -> Reply:
        """Carry out a command and answer it; None stands for a null command.

        :raises ServerDies: only when faithful.
        """
        if command is None:
            return self._null_command()
        if isinstance(command, UserCommand) and (why := self.access.refusal(command, sender, self.tree)):
            self._survive_refused_terminate(command)
            return ErrorCmd(why)
        return self._carry_out(command, sender)

    def _carry_out(self, command: Command, sender: Sender) -> Reply:
        """Do what the sender may do: a command by itself, or one of a group that was judged as a whole."""
        try:
            if isinstance(command, TaskCommand):
                return self._task_command(command)
            handler = _HANDLERS.get(type(command))
            if handler is None:
                return self._not_carried_out(type(command).__name__)
            reply: Reply = handler(self, command, sender)
        except NotBegun as error:
            return ErrorCmd(str(error))
        except WouldEnd as death:
            return self._dies(type(command).__name__, f"{death}, which ends the server process")
        return reply

    def _survive_refused_terminate(self, command: UserCommand) -> None:
        if not any(
            isinstance(part, CtsCmd) and part.api == CtsApi.TERMINATE
            for part in (command.commands if isinstance(command, GroupCTSCmd) else (command,))
        ):
            return
        if self.faithful:
            self.terminated = True
        else:
            text = f"the real {self.dialect.version} ends here all the same, after this refusal"
            self.notes.append(Note("CtsCmd", text))

    def _null_command(self) -> Reply:
        if self.dialect.null_command_kills:
            return self._dies("null command", "a null command ends the server process")
        return ErrorCmd("ClientToServerRequest::handleRequest: Cannot send a NULL request to the server !")

    def _not_carried_out(self, what: str) -> ErrorCmd:
        return ErrorCmd(f"ecfleet: the mock server does not carry out {what} yet")

    def _dies(self, command: str, what: str) -> Reply:
        text = f"the real {self.dialect.version} does otherwise here: {what}"
        if self.faithful:
            raise ServerDies(text)
        self.notes.append(Note(command, text))
        return ErrorCmd(f"ecfleet: {text}")

    def _task_command(self, command: TaskCommand) -> Reply:
        if self.state is ServerState.HALTED:
            return StcCmd(StcApi.BLOCK_CLIENT_SERVER_HALTED)
        handler = TASK_HANDLERS.get(type(command))
        admitted = admit(self._tree, self.zombies, command)
        if not isinstance(admitted, Node):
            return admitted
        self.stats.count(command)
        if isinstance(command, CtsWaitCmd):
            assertions = self.dialect.failed_assertion_kills
            return wait_command(self._tree, admitted, command, assertions=assertions)
        if handler is None:
            return self._not_carried_out(type(command).__name__)
        return handler(self._tree, self.zombies, admitted, command)

    def _group(self, command: GroupCTSCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        before = self.state_change, self.modify_change
        outer = self._group_entries
        entries = self._group_entries = [] if outer is None else outer
        reply = run_group(command, lambda part: self._part(part, sender), shared_replies=self.faithful)
        self._group_entries = outer
        # The edit history gets all parts of a group, or none, when the group is through (seen on 5.9.2).
        changed = before != (self.state_change, self.modify_change)
        if outer is None and (changed or any(entry.path != "/" for entry in entries)):
            for entry in entries:
                self._write_entry(entry)
        return reply

    def _part(self, part: Command, sender: Sender) -> Reply:
        entries = self._group_entries
        known = len(entries or ())
        reply = self._carry_out(part, sender)
        if entries is not None and len(entries) == known and isinstance(part, UserCommand):
            words = edit_history.words_in_group(part)
            if words:
                entries.append(Entry("/", words, sender.user or part.user, part.host))
        return reply

    def _cts(self, command: CtsCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        answers: dict[int, Callable[[], Reply]] = {
            CtsApi.PING: lambda: OK,
            CtsApi.DEBUG_ON: lambda: OK,
            CtsApi.DEBUG_OFF: lambda: OK,
            CtsApi.GET_ZOMBIES: lambda: ZombieGetCmd(self.zombies.listing()),
            CtsApi.STATS: lambda: SStringCmd(
                stats_text(
                    self.statistics(count_suites=self.dialect.stats_count_suites), self.dialect.stats_layout
                )
            ),
            CtsApi.STATS_SERVER: lambda: SStatsCmd(self.statistics()),
            CtsApi.SUITES: lambda: SSuitesCmd(tuple(self.tree.suites)),
            CtsApi.SERVER_LOAD: lambda: SServerLoadCmd(log_path(self.home, self.host_name, self.port)),
        }
        if command.api in answers:
            return answers[command.api]()
        if command.api in _SERVER_STATES:
            return self._set_state(command, sender, _SERVER_STATES[command.api])
        if command.api == CtsApi.STATS_RESET:
            self.stats.reset()
            self._suites_counted = 0
            return OK
        if command.api == CtsApi.TERMINATE:
            self.terminated = True
            return OK
        if command.api in _RELOADS:
            return error_reply(_RELOADS[command.api](self.access))
        if command.api == CtsApi.NONE or not isinstance(command.api, CtsApi):
            if not self.dialect.unknown_cts_api_kills:
                return OK
            return self._dies("CtsCmd", f"CtsCmd with api {int(command.api)} ends the server process")
        return self._not_carried_out(f"CtsCmd {command.api.name.lower()}")

    def _set_state(self, command: CtsCmd, sender: Sender, state: ServerState) -> Reply:
        # Counted as a change also when the server is in that state already.
        self._tree.definition.server_state = state
        self._tree.changes.changed(None, Aspect.SERVER_STATE)
        self._record("/", command, sender)
        return OK

    def statistics(self, *, count_suites: bool = True) -> Stats:
        """The statistics as data.

        :param count_suites: False to tell the number of suites that was told before.
        """
        if count_suites:
            self._suites_counted = len(self.tree.suites)
        about = server_stats(
            self.dialect, self.state, self.host_name, self.port, self.home, self.ssl, self.process_id
        )
        return self.stats.filled(
            replace(about, up_since=time_text(self._up_since), suites_loaded=self._suites_counted)
        )

    def _cts_node(self, command: CtsNodeCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        if command.api == CtsNodeApi.WHY:
            return OK
        if command.api not in (CtsNodeApi.GET, CtsNodeApi.GET_STATE, CtsNodeApi.MIGRATE):
            return self._not_carried_out(
                f"CtsNodeCmd {getattr(command.api, 'name', str(command.api)).lower()}"
            )
        if not command.path:
            text = definition_text(self.tree, history=command.api == CtsNodeApi.MIGRATE)
            if self.faithful:
                # The released servers keep the text they made last for the next full sync, history and all.
                self._synchronisation.remember(text)
            return DefsCmd(text)
        node = self.tree.find(command.path)
        if node is None:
            return ErrorCmd(f"Cannot find node at path '{command.path}' ")
        return SNodeCmd(node_text(node, indented=self.dialect.node_text_indented))

    def _version(self, command: ServerVersionCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        return SStringCmd(self.dialect.version)

    def _show(self, command: ShowCmd, sender: Sender) -> Reply:
        return OK

    def _load(self, command: LoadDefsCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        reply = self._suites.load(command)
        if command.definition:
            self._record("/", command, sender)
        return reply

    def _begin(self, command: BeginCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        reply = self._suites.begin(command)
        if self._suites.begun_now:
            self._record("/", command, sender)
        return reply

    def _delete(self, command: DeleteCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        reply = self._suites.delete(command)
        for path in self._suites.deleted_now:
            self._record("/", command, sender, path)
        return reply

    def _sync(self, command: CSyncCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        try:
            return self._synchronisation.answer(command)
        except UnknownHandle:
            return self._dies(
                "CSyncCmd", f"a full sync with the unknown handle {command.handle} ends the server process"
            )

    def _handle(self, command: ClientHandleCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        return handle_command(self.handles, command, sender.user or command.user, self.tree.suites)

    def _zombie(self, command: ZombieCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        return zombie_command(self._tree, self.zombies, command)

    def _paths(self, command: PathsCmd, sender: Sender) -> Reply:
        self.stats.count(command)
        reply = path_command(
            self.tree, self._suites, command, lambda path: self._record(path, command, sender)
        )
        if reply is None:
            return self._not_carried_out(f"PathsCmd {getattr(command.api, 'name', str(command.api)).lower()}")
        return reply

    def _record(self, path: str, command: UserCommand, sender: Sender, named: str | None = None) -> None:
        words = edit_history.command_words(command, path if named is None else named)
        entry = Entry(path, words, sender.user or command.user, command.host)
        if self._group_entries is not None:
            self._group_entries.append(entry)
        else:
            self._write_entry(entry)

    def _write_entry(self, entry: Entry) -> None:
        node = self.tree.find(entry.path)
        if entry.path == "/" or node is not None:
            edit_history.record(self.tree, entry, self._now())
            self._tree.set_flag(node, FlagType.MESSAGE)


_SERVER_STATES: dict[int, ServerState] = {
    CtsApi.RESTART: ServerState.RUNNING,
    CtsApi.SHUTDOWN: ServerState.SHUTDOWN,
    CtsApi.HALT: ServerState.HALTED,
}

_RELOADS: Final[dict[int, Callable[[AccessControl], str]]] = {
    CtsApi.RELOAD_WHITE_LIST: AccessControl.reload_white_list,
    CtsApi.RELOAD_PASSWD_FILE: AccessControl.reload_passwords,
    CtsApi.RELOAD_CUSTOM_PASSWD_FILE: AccessControl.reload_custom_passwords,
}

_HANDLERS: Final[dict[type[Command], Callable[[ServerModel, Any, Sender], Reply]]] = {
    BeginCmd: ServerModel._begin,
    ClientHandleCmd: ServerModel._handle,
    CSyncCmd: ServerModel._sync,
    CtsCmd: ServerModel._cts,
    CtsNodeCmd: ServerModel._cts_node,
    DeleteCmd: ServerModel._delete,
    GroupCTSCmd: ServerModel._group,
    LoadDefsCmd: ServerModel._load,
    PathsCmd: ServerModel._paths,
    ServerVersionCmd: ServerModel._version,
    ShowCmd: ServerModel._show,
    ZombieCmd: ServerModel._zombie,
}
"""What carries out which user command; every other one is answered by an error that says so."""
