"""The mock ecFlow server: any mix of plain TCP, TLS and HTTP listeners before one suite tree."""

from __future__ import annotations

import os
import random
import ssl
import string
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from ecfleet_mocks.access_files import access_file
from ecfleet_mocks.ecflow_framed import FramedConnection
from ecfleet_mocks.ecflow_http import HttpConnection
from ecfleet_mocks.ecflow_room import Room
from ecfleet_mocks.faults import Faults
from ecfleet_mocks.journal import Address, Decision, Journal
from ecfleet_mocks.model.access import CannotStart
from ecfleet_mocks.model.access_crypt import CryptMissing
from ecfleet_mocks.model.access_files import AccessFiles
from ecfleet_mocks.model.certificates import ServerFiles, TlsSettings, select_server_files
from ecfleet_mocks.model.dialect import DIALECT_5_17, Dialect
from ecfleet_mocks.model.sender import Sender
from ecfleet_mocks.model.server import ServerDies, ServerModel
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.service import Connection, Service, ServiceError
from ecfleet_mocks.wire import Command, Reply, ServerState

__all__ = ["DEFAULT_LIMIT", "EcflowServer"]

DEFAULT_LIMIT: Final = 64 * 2**20
"""Bytes of a request that a server takes unless told otherwise."""
DEFAULT_CONNECTION_LIMIT: Final = 1000
"""Connections that a server has room for, as one has that may open 1024 files."""

_SSL_SHARED: Final = "1 : enabled : uses shared ssl certificates"
"""What --stats shows at ECF_SSL of a server with server.crt (seen on 5.9.2)."""
_PASSWORD_LETTERS: Final = string.ascii_letters + string.digits + "./"
"""What job passwords are made of (seen on 5.9.2)."""
_PASSWORD_LENGTH: Final = 8


class EcflowServer(Service):
    """An ecFlow server without jobs: ``async with EcflowServer() as server: server.address``.

    It takes one exchange per connection and closes after the reply, as released servers do (seen on 5.9.2
    and 5.17.0). Bytes that are no request get the ErrorCmd that real servers give. Where a released server
    dies, leaks or trusts too much, this one does not and says so in its journal; ``faithful=True``
    imitates it.

    :param name: how journal and errors call it.
    :param host: the address to listen on.
    :param plain: port of the plain TCP listener; 0 for a free one, None for no such listener.
    :param tls: port of the TLS listener, likewise.
    :param http: port of the HTTP/1.1 listener, likewise; only in dialects that know HTTP.
    :param tls_context: a server-side context with certificate and key; default one for ``host`` from this
        process's :func:`~ecfleet_mocks.tls.authority`. A dialect that takes TLS 1.3 and nothing else (5.17)
        sets that in it.
    :param tls_settings: start as the real program does: these say whether TLS is spoken at all and which
        files are loaded, on every start anew. The one listener has the port that ``plain`` gives.
    :param dialect: the release to be like.
    :param host_name: the name it tells of itself, in ECF_HOST and in errors; default ``host``.
    :param user: the login name that it runs under, who may do everything; default ``"ecflow"``.
    :param state: running, shut down or halted at the start. (A real one starts halted.)
    :param home: its ECF_HOME, as text: nothing is read or written there.
    :param lists: the white list, as text or as the path of a file, which is read at the start and at each
        ``--reloadwsfile``; default none, so that everybody may do everything.
    :param passwd: ECF_PASSWD, likewise. In a text ``%ECF_HOST%`` and ``%ECF_PORT%`` stand for the server's.
    :param custom_passwd: ECF_CUSTOM_PASSWD, likewise.
    :param faithful: also do what real servers do wrong.
    :param limit: the longest request taken, in bytes. Real servers have none.
    :param connection_limit: how many connections it has room for at once, as real ones have by their
        descriptors; when there are more, the one that has been silent for longest is closed. A faithful
        server lets the new ones hang instead.
    :param now: the server's clock, naive local time; default the machine's.
    :param seed: of the generator of job passwords.
    :param journal: where events go; default a new one of its own.
    :param faults: what to do wrong; default nothing.
    :raises ServiceError: when these do not go together.
    """

    framed_connection: ClassVar[type[FramedConnection]] = FramedConnection
    http_connection: ClassVar[type[HttpConnection]] = HttpConnection
    """What serves a connection; a subclass may bring others."""

    def __init__(
        self,
        *,
        name: str = "ecflow_server",
        host: str = "127.0.0.1",
        plain: int | None = 0,
        tls: int | None = None,
        http: int | None = None,
        tls_context: ssl.SSLContext | None = None,
        tls_settings: TlsSettings | None = None,
        dialect: Dialect = DIALECT_5_17,
        host_name: str | None = None,
        user: str | None = None,
        state: ServerState = ServerState.RUNNING,
        home: str = "/ecf_home",
        lists: str | Path | None = None,
        passwd: str | Path | None = None,
        custom_passwd: str | Path | None = None,
        faithful: bool = False,
        limit: int = DEFAULT_LIMIT,
        connection_limit: int = DEFAULT_CONNECTION_LIMIT,
        now: Callable[[], datetime] = datetime.now,
        seed: int = 0,
        journal: Journal | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(name=name, host=host, journal=journal, faults=faults)
        if plain is None and tls is None and http is None:
            raise ServiceError(f"{name}: no listener; give at least one of plain, tls and http a port")
        if http is not None and not dialect.http:
            raise ServiceError(
                f"{name}: release {dialect.name} has no HTTP; leave http out or take a later dialect"
            )
        self.dialect = dialect
        self.host_name = host if host_name is None else host_name
        self.faithful = faithful
        self.limit = limit
        self.connection_limit = connection_limit
        self.room = self._empty_room()
        # May be set anew while it runs: in force from the next start or reload on.
        self.lists, self.passwd, self.custom_passwd = lists, passwd, custom_passwd
        self.tls_context = tls_context
        self.tls_settings = tls_settings
        self._ports = {Transport.TCP: plain, Transport.SSL: tls, Transport.HTTP: http}
        self._addresses: dict[Transport, Address] = {}
        self._notes_told = 0
        self._ended = False
        letters = random.Random(seed)
        self.server = ServerModel(
            dialect,
            host_name=self.host_name,
            now=now,
            new_password=lambda: "".join(letters.choices(_PASSWORD_LETTERS, k=_PASSWORD_LENGTH)),
            user="ecflow" if user is None else user,
            state=state,
            home=home,
            # A real server has one listener. With several here, plain TCP is what it tells about.
            ssl=_SSL_SHARED if plain is None and tls is not None else "disabled",
            faithful=faithful,
        )

    def _empty_room(self) -> Room:
        return Room(self.connection_limit, faithful=self.faithful, release=self.dialect.version)

    @property
    def addresses(self) -> Mapping[Transport, Address]:
        """Where it listens, by transport; empty before the start."""
        return MappingProxyType(self._addresses)

    @property
    def running(self) -> bool:
        """Whether it listens: not before the start, nor after a terminate or what kills a faithful one."""
        return super().running and not self._ended

    async def open_listeners(self) -> None:
        self._addresses.clear()
        self.room = self._empty_room()
        self._ended = self.server.terminated = False
        ports = self._ports
        if self.tls_settings is not None:
            self.tls_context = self.tls_from_files(self.tls_settings)
            ports = {Transport.SSL if self.tls_context else Transport.TCP: self._ports[Transport.TCP]}
        context = self._context() if ports.get(Transport.SSL) is not None else None
        for transport, port in ports.items():
            if port is not None:
                serve = self.http_connection if transport is Transport.HTTP else self.framed_connection
                self._addresses[transport] = await self.listen(
                    partial(serve, self, transport),
                    port=port,
                    transport=transport,
                    tls=context if transport is Transport.SSL else None,
                )
        self.server.set_address(self.host_name, self.address.port)
        self._read_access_files()

    def _read_access_files(self) -> None:
        prefix = f"{self.host_name}.{self.address.port}.ecf"
        values = {"ECF_HOST": self.host_name, "ECF_PORT": str(self.address.port)}
        try:
            self.server.read_access_files(
                AccessFiles(
                    access_file(lambda: self.lists, f"{prefix}.lists", values),
                    access_file(lambda: self.passwd, f"{prefix}.passwd", values),
                    access_file(lambda: self.custom_passwd, f"{prefix}.custom_passwd", values),
                    self.server.home,
                )
            )
        except CannotStart as error:
            why = " ".join(str(error).split())
            raise ServiceError(f"{self.name}: a server does not start with these files: {why}") from None
        except CryptMissing as error:
            raise ServiceError(f"{self.name}: {error}") from None

    def tls_from_files(self, settings: TlsSettings) -> ssl.SSLContext | None:
        """What the files in the certificate directory make of this server; None when TLS is not asked for.

        :raises ServerRefuses: when a real server would end instead of starting.
        """
        from ecfleet_mocks import tls_files

        files = self.select_files(settings)
        if not files.certificate.tls:
            return None
        tls_files.refuse(files, settings, self.dialect)
        phrase = self.read_passphrase(
            None if files.password is None else Path(f"{files.certificate.directory}{files.password}")
        )
        return self.load_files(files, phrase)

    def select_files(self, settings: TlsSettings) -> ServerFiles:
        """Which files are to be loaded: :func:`~ecfleet_mocks.model.certificates.select_server_files`."""
        return select_server_files(self.dialect, settings, os.path.exists)

    def read_passphrase(self, path: Path | None) -> bytes:
        """What decrypts the key: :func:`ecfleet_mocks.tls_files.read_passphrase`."""
        from ecfleet_mocks import tls_files

        return tls_files.read_passphrase(path)

    def load_files(self, files: ServerFiles, passphrase: bytes) -> ssl.SSLContext:
        """The context that OpenSSL makes of the files: :func:`ecfleet_mocks.tls_files.load_files`."""
        from ecfleet_mocks import tls_files

        return tls_files.load_files(files, passphrase, self.dialect)

    def _context(self) -> ssl.SSLContext:
        if self.tls_context is None:
            # trustme and cryptography take a while to import, and most servers are plain
            from ecfleet_mocks import tls

            self.tls_context = tls.server_context(tls.authority().issue(self.host), self.dialect)
        elif not self.dialect.tls_1_2:
            self.tls_context.minimum_version = ssl.TLSVersion.TLSv1_3
        return self.tls_context

    def answer(self, connection: Connection, command: Command | None, sender: Sender) -> Reply | None:
        """Act on a command; None when the connection is to end without a reply.

        For the connections of this server.
        """
        model = self.server
        try:
            reply = model.handle(command, sender)
        except ServerDies as death:
            self.tell_notes(connection)
            connection.note(f"the server died: {death}")
            self._die()
            return None
        if len(model.notes) != self._notes_told:
            self.tell_notes(connection)
        if model.terminated:
            self._stop_listening(connection)
        return reply

    def tell_notes(self, connection: Connection) -> None:
        """Hand on to the journal what the model remarked since the last time."""
        for note in self.server.notes[self._notes_told :]:
            connection.note(note.text)
        self._notes_told = len(self.server.notes)

    def _stop_listening(self, connection: Connection) -> None:
        # The reply to --terminate still goes out; stop() cleans up whenever the owner calls it.
        if self._ended:
            return
        self._ended = True
        for listener in self._servers:
            listener.close()
        self.journal.record(
            Decision(self.journal.now(), self.name, connection.number, "stop listening", "terminated")
        )

    def _die(self) -> None:
        self._ended = True
        for listener in self._servers:
            listener.close()
        for handshake in tuple(self._handshakes):
            handshake.cancel()
        for connection in tuple(self.connections):
            connection.close()
