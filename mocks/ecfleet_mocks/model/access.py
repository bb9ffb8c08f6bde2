"""Who may do what on an ecFlow server: passwords, the white list, PERMISSIONS variables.

Releases before 5.15 go through password, read access and write access in one step; later ones first
authenticate and then authorise, by the white list or, where nobody is listed, by PERMISSIONS variables.
Child commands are judged by their job password and by nothing here (seen on 5.9.2 and 5.17.0).

Where a released server trusts more than it should, this one does not and says so; faithful, it does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ecfleet_mocks.model.access_files import AccessFile, AccessFiles, read_or_refuse
from ecfleet_mocks.model.access_lines import AccessFileError
from ecfleet_mocks.model.access_lists import WhiteList, WhiteListError, parse_white_list
from ecfleet_mocks.model.access_passwords import PasswordFile, PasswordFileError, parse_password_file
from ecfleet_mocks.model.access_permissions import permitted
from ecfleet_mocks.model.access_rights import Form, Subject, judged_paths, needs_write, subject
from ecfleet_mocks.model.definition import Definition
from ecfleet_mocks.model.dialect import Dialect
from ecfleet_mocks.model.identity import Identity
from ecfleet_mocks.model.notes import Note
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.wire import CtsApi, CtsCmd, DeleteCmd, GroupCTSCmd, UserCommand

__all__ = ["AccessControl", "CannotStart"]

_NOT_AUTHENTIC: Final = (
    "Command not accepted, due to: Authentication (user command) failed, due to: "
    "Incorrect credentials detected"
)
_NOT_AUTHORISED: Final = (
    "Command not accepted, due to: Authorisation (user) failed, due to: Insufficient permissions"
)


class CannotStart(ValueError):
    """A server would not start with these files; the text is the released servers'."""


@dataclass(slots=True)
class AccessControl:
    """What is in force on one server.

    :param owner: who started the server.
    :param note: told where a released server would have decided otherwise.
    """

    dialect: Dialect
    owner: str
    note: Callable[[Note], None]
    faithful: bool = False
    files: AccessFiles = field(default_factory=AccessFiles)
    host_name: str = "localhost"
    port: int = 3141
    white_list: WhiteList = field(default_factory=WhiteList)
    passwords: PasswordFile = field(default_factory=PasswordFile)
    custom_passwords: PasswordFile = field(default_factory=PasswordFile)

    # --- loading ----------------------------------------------------------------------------------------

    def start(self, files: AccessFiles, host_name: str, port: int) -> None:
        """Read the files that are there, as at a server's start.

        :raises CannotStart: when a file is refused, or a password file has no line for this server.
        """
        self.files, self.host_name, self.port = files, host_name, port
        self.passwords = self._passwords_at_start(files.passwd, "password")
        self.custom_passwords = self._passwords_at_start(files.custom_passwd, "custom password")
        self.white_list = WhiteList()
        text = _at_start(files.lists)
        if text is not None:
            try:
                self.white_list = self._owned(self._white_list_in(text))
            except AccessFileError as error:
                raise CannotStart(str(error)) from None

    def _passwords_at_start(self, file: AccessFile, kind: str) -> PasswordFile:
        text = _at_start(file)
        if text is None:
            return PasswordFile()
        try:
            found = parse_password_file(text, name=file.name)
        except PasswordFileError as error:
            raise CannotStart(str(error)) from None
        if not found.is_for(self.host_name, str(self.port)):
            raise CannotStart(
                f"{kind} file {file.name} does not contain any users, which match the host and port of this "
                "server"
            )
        return found

    def _white_list_in(self, text: str) -> WhiteList:
        file = self.files.lists
        include = file.include if self.dialect.white_list_includes else None
        return parse_white_list(text, name=file.name, include=include)

    def _owned(self, found: WhiteList) -> WhiteList:
        if found.names_nobody and found.all_read and not found.all_write and not self.faithful:
            self._differs("CtsCmd", "lets everybody write, as the white list has -* and names no writer")
        return found.with_owner(self.owner, shut=not self.faithful)

    # --- reloading --------------------------------------------------------------------------------------

    def reload_white_list(self) -> str:
        """Read the white list again; the error text, empty when all is well."""
        text, why = read_or_refuse(self.files.lists, "ECF_LISTS", self.files.directory)
        if text is None:
            return why
        try:
            self.white_list = self._owned(self._white_list_in(text))
        except WhiteListError as error:
            if self.faithful:
                self.white_list = error.left
            else:
                if error.left.names_nobody:
                    does = "forgets the old white list, so that everybody has full access"
                else:
                    does = "forgets the old white list and keeps the users before the bad line alone"
                self._differs("CtsCmd", does)
            return str(error)
        return ""

    def reload_passwords(self) -> str:
        """Read ECF_PASSWD again; the error text, empty when all is well."""
        self.passwords, why = self._reloaded(self.files.passwd, "ECF_PASSWD", self.passwords)
        return why

    def reload_custom_passwords(self) -> str:
        """Read ECF_CUSTOM_PASSWD again; the error text, empty when all is well."""
        self.custom_passwords, why = self._reloaded(
            self.files.custom_passwd, "ECF_CUSTOM_PASSWD", self.custom_passwords
        )
        return why

    def _reloaded(self, file: AccessFile, variable: str, kept: PasswordFile) -> tuple[PasswordFile, str]:
        text, why = read_or_refuse(file, variable, self.files.directory)
        if text is None:
            return kept, why
        try:
            found = parse_password_file(text, name=file.name)
        except PasswordFileError as error:
            if self.faithful:
                return error.left, str(error)
            if not error.left.lines:
                self._differs("CtsCmd", f"forgets all of {variable}: users without a password get in")
            else:
                self._differs("CtsCmd", f"keeps of {variable} the lines before the bad one only")
            return kept, str(error)
        if not found.lines and kept.lines and not self.faithful:
            self._differs("CtsCmd", f"takes a {variable} without users: users without a password get in")
            return kept, f"the {variable} file {file.name} has no users; the old one stays in force\n"
        return found, ""

    # --- deciding ---------------------------------------------------------------------------------------

    def refusal(self, command: UserCommand, sender: Sender, tree: Definition) -> str:
        """Why a command is not carried out, in the release's words; empty when it is."""
        if self.dialect.authorises_apart:
            who = _identity(command, sender)
            return self._not_authentic(command, who) or self._not_authorised(command, who.user, tree)
        return self._no_access(command, sender)

    # Before 5.15: one step, and the members of a group each for themselves.

    def _no_access(self, command: UserCommand, sender: Sender) -> str:
        if isinstance(command, GroupCTSCmd):
            # Who sends the group itself is not asked.
            for part in command.commands:
                if isinstance(part, UserCommand) and (why := self._no_access(part, sender)):
                    return why
            return ""
        who = _identity(command, sender)
        about = subject(command)
        paths = None if about.form is Form.NONE else about.paths
        known = bool(who.user) and self._authentic(command, who)
        if not (known and self.white_list.may_read(who.user, paths)):
            return f"[ authentication failed ] User '{who.user}' is not allowed any access.{_shown(about)}"
        if needs_write(command) and not self.white_list.may_write(who.user, paths):
            return f"[ authentication failed ] User {who.user} has no *write* access{_shown_to_writer(about)}"
        return ""

    # From 5.15 on: first who it is, then what he may do; a group's members are whoever sent the group.

    def _not_authentic(self, command: UserCommand, who: Identity) -> str:
        if isinstance(command, GroupCTSCmd):
            for part in command.commands:
                if isinstance(part, UserCommand) and (why := self._not_authentic(part, who)):
                    return why
        if (
            isinstance(command, CtsCmd)
            and command.api == CtsApi.PING
            and not self.dialect.ping_needs_password
        ):
            return ""
        return "" if self._authentic(command, who) else _NOT_AUTHENTIC

    def _not_authorised(self, command: UserCommand, user: str, tree: Definition) -> str:
        if isinstance(command, GroupCTSCmd):
            for part in command.commands:
                if isinstance(part, UserCommand) and (why := self._not_authorised(part, user, tree)):
                    return why
            return ""
        paths = judged_paths(command)
        if self._authorised(command, user, paths, tree):
            return ""
        if isinstance(command, DeleteCmd) and self.dialect.delete_judged_by_first_path:
            first = judged_paths(command, first_deleted_only=True)
            if self._authorised(command, user, first, tree):
                if self.faithful:
                    return ""
                self._differs("DeleteCmd", "looks at the first path alone and deletes the others as well")
        return _NOT_AUTHORISED

    def _authorised(self, command: UserCommand, user: str, paths: tuple[str, ...], tree: Definition) -> bool:
        if self.white_list.says_nothing:
            return permitted(tree, user, paths) if self.dialect.permissions_variable else True
        if needs_write(command):
            return self.white_list.may_write(user, paths)
        return self.white_list.may_read(user, paths)

    def _authentic(self, command: UserCommand, who: Identity) -> bool:
        if who.secure:
            return True
        file = self.custom_passwords if who.custom_user else self.passwords
        real = file.accepts(who.user, who.password)
        if self.faithful:
            return real
        careful = file.accepts_here(who.user, who.password, self.host_name, str(self.port))
        if careful != real:
            does = "lets the sender in" if real else "refuses the sender"
            self._differs(type(command).__name__, f"{does}: it looks for the password by the name alone")
        return careful

    def _differs(self, command: str, does: str) -> None:
        self.note(Note(command, f"the real {self.dialect.version} {does} here"))


def _at_start(file: AccessFile) -> str | None:
    try:
        return file.read()
    except OSError as error:
        raise CannotStart(f"Could not open {file.name} ({error.strerror or error})") from None


def _identity(command: UserCommand, sender: Sender) -> Identity:
    if sender.user is None:
        return Identity(command.user, False, command.password, command.custom_user, "the command")
    return Identity(sender.user, sender.secure, sender.password or "", False, "the transport")


def _shown(about: Subject) -> str:
    if about.form is Form.NONE:
        return ""
    if about.form is Form.ONE:
        return f" path({about.paths[0]})"
    return f" paths({_listed(about.paths)})"


def _shown_to_writer(about: Subject) -> str:
    if about.form is Form.NONE:
        return ". Please see your administrator."
    if about.form is Form.ONE:
        return f". path({about.paths[0]})Please see your administrator."
    return f" to paths({_listed(about.paths)}) Please see your administrator."


def _listed(paths: tuple[str, ...]) -> str:
    return "".join(f"{path}," for path in paths)
