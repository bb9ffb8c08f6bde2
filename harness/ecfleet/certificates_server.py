"""Starts an ecFlow server, the mock or a real one, with given certificate files, and tells how that went.

Both kinds answer the same question in the same words, so that one table of expectations holds for either:
what does a server do that finds these files in ``$HOME/.ecflowrc/ssl`` and is started with these switches?
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from ecfleet.certificates import Blob, write_directory
from ecfleet.clients import ClientError, ClientNotFound
from ecfleet_mocks.journal import Address
from ecfleet_mocks.model.certificates import TlsSettings
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17, Dialect
from ecfleet_mocks.tls_files import ServerRefuses

if TYPE_CHECKING:
    from ecfleet.fleet import Fleet

__all__ = ["CommandStarter", "MockStarter", "Refused", "ServerStart", "Started", "Starter"]

_NAMED_PORT: Final = "4141"
"""The port in the file names of a mock, which listens on whatever port is free."""

# Below the range from which the system hands out ports for port 0 and for outgoing connections (32768 and up
# on Linux), so that nothing else on the machine is given one of these by chance.
_PORTS: Final = range(20000, 32000)
_ATTEMPTS: Final = 20
_SIGNALLED: Final = 128
"""Shells add this to the number of the signal that ended a program."""


@dataclass(frozen=True, slots=True)
class ServerStart:
    """How a server is started.

    ``files`` are names in the certificate directory and contents; in a name ``<H>`` stands for the name of
    the machine and ``<P>`` for the port. ``ecf_ssl`` is the value of ECF_SSL with the same two, None for not
    set; ``ssl`` is ``--ssl``. ``port_by`` says how the port is told: "option" (``--port``) or "environment"
    (ECF_PORT).
    """

    files: Mapping[str, bytes]
    ecf_ssl: str | None = None
    ssl: bool = False
    port_by: str = "option"

    def named(self, text: str, host: str, port: str) -> str:
        """A text with the machine's name and the port filled in."""
        return text.replace("<H>", host).replace("<P>", port)


@dataclass(frozen=True, slots=True)
class Started:
    """A server that runs: where, whether it speaks TLS, its certificate directory, ``<H>`` and ``<P>``."""

    address: Address
    tls: bool
    directory: Path
    host_name: str
    port_name: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A server that ended instead: its exit status (as shells have it, 134 for SIGABRT), and what it said."""

    exit_code: int
    said: str
    host_name: str
    port_name: str


class Starter(Protocol):
    """Starts servers of one kind."""

    @property
    def name(self) -> str:
        """ "mock" or the program's name."""

    @property
    def dialect(self) -> Dialect:
        """The release that its servers are."""

    def start(self, how: ServerStart) -> AbstractContextManager[Started | Refused]:
        """A server for the time of a ``with``."""


@contextmanager
def _home(how: ServerStart, host: str, port: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ecfleet-server-") as home:
        files = {how.named(name, host, port): Blob(data, secret=True) for name, data in how.files.items()}
        write_directory(Path(home, ".ecflowrc", "ssl"), files)
        yield Path(home)


@dataclass(frozen=True, slots=True)
class MockStarter:
    """Starts mock servers, in fleets that ``fleets`` makes."""

    fleets: Callable[[], Fleet]
    dialect: Dialect
    name: str = "mock"

    @contextmanager
    def start(self, how: ServerStart) -> Iterator[Started | Refused]:
        host, port = socket.gethostname(), _NAMED_PORT
        with _home(how, host, port) as home:
            settings = TlsSettings(
                own_host=host,
                home=str(home),
                ecf_ssl=None if how.ecf_ssl is None else how.named(how.ecf_ssl, host, port),
                ssl_option=how.ssl,
                ecf_port=port if how.port_by == "environment" else None,
                port_option=port if how.port_by == "option" else None,
            )
            fleet = self.fleets()
            server = fleet.ecflow_server(tls_settings=settings, dialect=self.dialect)
            try:
                fleet.__enter__()
            except ServerRefuses as problem:
                yield Refused(problem.exit_code, str(problem), host, port)
                return
            try:
                tls = server.tls_context is not None
                yield Started(server.address, tls, home / ".ecflowrc" / "ssl", host, port)
            finally:
                fleet.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class CommandStarter:
    """Starts real servers: ``program`` takes the options of ecflow_server.

    ``environment`` is added to theirs, which is otherwise HOME, PATH, ECF_HOME and LC_ALL. Raises
    ``ClientNotFound`` when there is no such program, ``ClientError`` when it does not tell its release.
    """

    program: Path | str = "ecflow_server"
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    patience: float = 30.0
    release: str = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        from ecfleet.clients.command import release_of

        # Debian puts daemons into the sbin directories, which are not on the PATH of an ordinary user.
        search = os.pathsep.join(
            (os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/local/sbin")
        )
        found = shutil.which(self.program, path=search)
        if found is None:
            raise ClientNotFound(f"{self.program} is not there: apt-get install ecflow-server")
        object.__setattr__(self, "program", Path(found))
        object.__setattr__(self, "name", Path(found).name)
        object.__setattr__(self, "release", release_of(Path(found)))

    @property
    def dialect(self) -> Dialect:
        number = tuple(int(part) for part in self.release.split("."))
        return DIALECT_5_17 if number >= (5, 14) else DIALECT_5_9

    @contextmanager
    def start(self, how: ServerStart) -> Iterator[Started | Refused]:
        host = socket.gethostname()
        # A real server takes no port 0. A random port that is taken costs one more attempt.
        for number in random.sample(_PORTS, _ATTEMPTS):
            port = str(number)
            with _home(how, host, port) as home:
                with self._process(how, home, host, port) as process:
                    tls = self._comes_up(process, Address("127.0.0.1", number), how)
                    if tls is not None:
                        directory = home / ".ecflowrc" / "ssl"
                        yield Started(Address("127.0.0.1", number), tls, directory, host, port)
                        return
                said = (home / "said").read_text(errors="replace")
                if "already in use" not in said:
                    status = process.returncode
                    yield Refused(_SIGNALLED - status if status < 0 else status, said, host, port)
                    return
        raise ClientError(f"{self.name}: {_ATTEMPTS} random ports were all in use")

    @contextmanager
    def _process(
        self, how: ServerStart, home: Path, host: str, port: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        ecf_home = home / "ecf_home"
        ecf_home.mkdir()
        environment = {"HOME": str(home), "PATH": os.defpath, "ECF_HOME": str(ecf_home), "LC_ALL": "C"}
        environment |= self.environment
        if how.ecf_ssl is not None:
            environment["ECF_SSL"] = how.named(how.ecf_ssl, host, port)
        if how.port_by == "environment":
            environment["ECF_PORT"] = port
        argv = [str(self.program), *(["--port", port] if how.port_by == "option" else [])]
        argv += ["--ssl"] if how.ssl else []
        with (home / "said").open("wb") as said:
            process = subprocess.Popen(
                argv,
                env=environment,
                cwd=ecf_home,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            # On SIGTERM a real server writes a checkpoint and goes on; here is nothing worth one.
            process.kill()
            process.wait()

    def _comes_up(self, process: subprocess.Popen[bytes], address: Address, how: ServerStart) -> bool | None:
        """Whether it speaks TLS, once it does; None when it has ended.

        A listening socket proves nothing: a server that is about to end has one for a moment. So it
        has to shake hands, or to answer.
        """
        ends = time.monotonic() + self.patience
        order: Sequence[Callable[[Address], bool]] = (_speaks_tls, _speaks_plain)
        asked_for_tls = how.ssl or how.ecf_ssl is not None
        while time.monotonic() < ends:
            for speaks in order if asked_for_tls else reversed(order):
                if process.poll() is not None:
                    return None
                if speaks(address) and process.poll() is None:
                    return speaks is _speaks_tls
            try:
                process.wait(timeout=0.005)
            except subprocess.TimeoutExpired:
                continue
        raise ClientError(f"{self.name} neither listens nor ends within {self.patience:g} s")


def _speaks_tls(address: Address) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(address, 5.0) as sock, context.wrap_socket(sock):
            return True
    except OSError:
        return False


def _speaks_plain(address: Address) -> bool:
    from ecfleet_mocks.wire import CtsApi, CtsCmd, encode_request, frame

    command = CtsCmd(CtsApi.PING, host=socket.gethostname(), user="ecfleet")
    try:
        with socket.create_connection(address, 5.0) as sock:
            sock.sendall(frame(encode_request(command)))
            return bool(sock.recv(8))
    except OSError:
        return False
