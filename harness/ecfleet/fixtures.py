"""The pytest fixtures, all named ``ecf_``. Services run on a loop in a thread of their own, so that
blocking calls of a client and ``async def`` tests can both use them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from ecfleet.certificates import Credential
    from ecfleet.clients import ClientUnderTest
    from ecfleet.fleet import Fleet
    from ecfleet.judging import Judge
    from ecfleet.sandbox import Sandbox
    from ecfleet.witness import Witness
    from ecfleet_mocks.auth_service import AuthService
    from ecfleet_mocks.ecflow_server import EcflowServer
    from ecfleet_mocks.journal import Journal
    from ecfleet_mocks.log_server import LogServer
    from ecfleet_mocks.model.dialect import Dialect
    from ecfleet_mocks.reverse_proxy import ReverseProxy
    from ecfleet_mocks.socks_proxy import SocksProxy

JUDGE: pytest.StashKey[Judge] = pytest.StashKey()
"""Where a session keeps what it knows about its rule tests; absent when it has none."""

WITNESS: pytest.StashKey[Witness] = pytest.StashKey()
"""Where a rule's test keeps what its evidence is made of, until its last report."""

FleetFactory: TypeAlias = "Callable[..., Fleet]"
"""Makes fleets; takes the keywords of :class:`ecfleet.fleet.Fleet`."""

CHAIN_USER = "someuser"
CHAIN_PASSWORD = "ecfleet-secret-password"


@dataclass(frozen=True, slots=True)
class AuthChain:
    """A reverse proxy that speaks TLS, the auth service that it asks, and the HTTP server behind it.

    ``credential`` is what the proxy presents. ``user`` and ``password`` are known to the auth service.
    """

    fleet: Fleet
    proxy: ReverseProxy
    auth: AuthService
    server: EcflowServer
    credential: Credential
    user: str
    password: str


@pytest.fixture
def ecf_seed(pytestconfig: pytest.Config) -> int:
    """The seed of the run (``--ecf-seed``)."""
    seed: int = pytestconfig.getoption("ecf_seed")
    return seed


@pytest.fixture
def ecf_client(request: pytest.FixtureRequest) -> ClientUnderTest:
    """The client under test (``--ecf-client``), with the mutant's behaviour when there is one."""
    judge = request.config.stash.get(JUDGE, None)
    if judge is not None and judge.client is not None:
        request.getfixturevalue("ecf_journal")
        witness = request.node.stash.get(WITNESS, None)
        return judge.client if witness is None else witness.watch(judge.client)
    from ecfleet import clients

    return clients.load_client(request.config.getoption("ecf_client"))


@pytest.fixture
def ecf_dialect(request: pytest.FixtureRequest) -> Dialect:
    """The dialect of the client under test where a test uses one, else that of 5.17."""
    from ecfleet_mocks.model.dialect import DIALECT_5_17

    if "ecf_client" not in request.fixturenames:
        return DIALECT_5_17
    client: ClientUnderTest = request.getfixturevalue("ecf_client")
    dialect: Dialect = client.dialect
    return dialect


@pytest.fixture
def ecf_sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    """A new home, working directory and environment; kept with ``--ecf-keep`` unless the rule holds."""
    from ecfleet.sandbox import Sandbox

    with Sandbox(tmp_path / "sandbox") as sandbox:
        yield sandbox
        if (place := _kept(request)) is not None:
            shutil.copytree(sandbox.root, place, symlinks=True, dirs_exist_ok=True)


def _kept(request: pytest.FixtureRequest) -> Path | None:
    """Where the files of a test are kept; None when they are not asked for, or its rule holds."""
    keep = request.config.getoption("ecf_keep")
    judge = request.config.stash.get(JUDGE, None)
    place = judge.keeps(request.node) if keep and judge is not None else None
    return None if place is None else Path(keep) / place


@pytest.fixture
def ecf_journal(request: pytest.FixtureRequest) -> Journal:
    """The journal that all services of the test share; the runs of the client are in it too."""
    from ecfleet.witness import Witness
    from ecfleet_mocks.journal import Journal

    journal = Journal()
    if JUDGE in request.config.stash:
        request.node.stash[WITNESS] = Witness(journal)
    return journal


@pytest.fixture
def ecf_fleet(request: pytest.FixtureRequest, ecf_seed: int, ecf_journal: Journal) -> Iterator[FleetFactory]:
    """Makes fleets with the seed of the run, the journal of the test and the mutant's classes.

    ``fleet = ecf_fleet()``, then add services to it, then ``with fleet:``. With ``--ecf-keep`` the last one
    is written down as a topology file, unless the rule holds.
    """
    from ecfleet.fleet import Fleet

    judge = request.config.stash.get(JUDGE, None)
    classes: Mapping[str, type[Any]] = judge.mutant.classes if judge is not None and judge.mutant else {}

    made: list[Fleet] = []

    def make(**options: Any) -> Fleet:
        filled_in: dict[str, Any] = {"seed": ecf_seed, "journal": ecf_journal, "classes": classes}
        made[:] = [Fleet(**(filled_in | options))]
        return made[0]

    yield make
    if made and (place := _kept(request)) is not None:
        from ecfleet import topology_text

        place.mkdir(parents=True, exist_ok=True)
        (place / "topology.toml").write_text(topology_text.written(made[0].description), encoding="utf-8")


@pytest.fixture
def ecf_server(ecf_fleet: FleetFactory, ecf_dialect: Dialect) -> Iterator[EcflowServer]:
    """An ecFlow server with a plain TCP listener."""
    fleet = ecf_fleet()
    server = fleet.ecflow_server(dialect=ecf_dialect)
    with fleet:
        yield server


@pytest.fixture
def ecf_tls_server(
    ecf_fleet: FleetFactory, ecf_dialect: Dialect, request: pytest.FixtureRequest
) -> Iterator[EcflowServer]:
    """An ecFlow server with a TLS listener; a sandbox of the test gets what it takes to trust it."""
    fleet = ecf_fleet()
    server = fleet.ecflow_server("ecflow_tls_server", plain=None, tls=0, dialect=ecf_dialect)
    with fleet:
        _trust(request, fleet)
        yield server


@pytest.fixture
def ecf_http_server(ecf_fleet: FleetFactory) -> Iterator[EcflowServer]:
    """An ecFlow server with an HTTP listener. It is a 5.17 one, as 5.9 has no HTTP."""
    fleet = ecf_fleet()
    server = fleet.ecflow_server("ecflow_http_server", plain=None, http=0)
    with fleet:
        yield server


@pytest.fixture
def ecf_log_dir(tmp_path: Path) -> Path:
    """The directory that the log server serves (LOGPATH)."""
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


@pytest.fixture
def ecf_log_server(ecf_fleet: FleetFactory, ecf_log_dir: Path, ecf_dialect: Dialect) -> Iterator[LogServer]:
    """A log server on ``ecf_log_dir``."""
    fleet = ecf_fleet()
    server = fleet.log_server(paths=[ecf_log_dir], dialect=ecf_dialect)
    with fleet:
        yield server


@pytest.fixture
def ecf_socks_proxy(ecf_fleet: FleetFactory) -> Iterator[SocksProxy]:
    """A SOCKS proxy that knows no names yet: ``ecf_socks_proxy.table.add(name, address)``."""
    fleet = ecf_fleet()
    proxy = fleet.socks_proxy(routes={})
    with fleet:
        yield proxy


@pytest.fixture
def ecf_auth_chain(ecf_fleet: FleetFactory, request: pytest.FixtureRequest) -> Iterator[AuthChain]:
    """Reverse proxy, auth service and HTTP server; a sandbox of the test gets the authority to trust."""
    fleet = ecf_fleet()
    server = fleet.ecflow_server("ecflow_http_server", plain=None, http=0)
    auth = fleet.auth_service(users={CHAIN_USER: CHAIN_PASSWORD})
    proxy = fleet.reverse_proxy(upstream=server, auth=auth)
    with fleet:
        _trust(request, fleet)
        credential = fleet.certificates[proxy.name]
        yield AuthChain(fleet, proxy, auth, server, credential, CHAIN_USER, CHAIN_PASSWORD)


def _trust(request: pytest.FixtureRequest, fleet: Fleet) -> None:
    """Put the certificates of a fleet into the sandbox of a test that has one."""
    if "ecf_sandbox" in request.fixturenames:
        sandbox: Sandbox = request.getfixturevalue("ecf_sandbox")
        for name, blob in fleet.client_files().items():
            sandbox.put_certificate(name, blob.data)
