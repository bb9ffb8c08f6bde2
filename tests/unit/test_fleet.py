"""Fleets: services together on one journal, started all or none, in order, and gone without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import socket
import ssl
import sys
import threading
from pathlib import Path

import pytest

from ecfleet.certificates import self_signed
from ecfleet.fleet import Fleet, FleetError
from ecfleet.loop import LoopError
from ecfleet_mocks.journal import (
    Address,
    ConnectionOpened,
    ServiceStarted,
    ServiceStopped,
)
from ecfleet_mocks.log_server import LogServer
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.service import AddressInUse
from ecfleet_mocks.tls import client_context
from ecfleet_mocks.wire import (
    CtsApi,
    CtsCmd,
    FrameReader,
    Reply,
    StcApi,
    StcCmd,
    decode_reply,
    encode_request,
    frame,
)

PING = frame(encode_request(CtsCmd(api=CtsApi.PING, host="here", user="emos")))


def until_closed(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def ask(address: Address, request: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    """Send a request and read until the peer closes."""
    with socket.create_connection(address, timeout=10) as plain:
        if tls is None:
            plain.sendall(request)
            return until_closed(plain)
        with tls.wrap_socket(plain) as secured:
            secured.sendall(request)
            return until_closed(secured)


def ping(address: Address, tls: ssl.SSLContext | None = None) -> Reply:
    reader = FrameReader()
    reader.feed(ask(address, PING, tls))
    payload = reader.next()
    assert payload is not None
    return decode_reply(payload)


OK = StcCmd(StcApi.OK)


class Recorder(LogServer):
    """A log server that writes down when it is started and stopped, and fails when it is told to."""

    happened: list[str]
    fails_to_start = ""
    fails_to_stop = ""

    async def start(self) -> None:
        self.happened.append(f"start {self.name}")
        if self.name == self.fails_to_start:
            raise RuntimeError(f"{self.name} cannot start")
        await super().start()

    async def stop(self) -> None:
        self.happened.append(f"stop {self.name}")
        await super().stop()
        if self.name == self.fails_to_stop:
            raise RuntimeError(f"{self.name} cannot stop")


@pytest.fixture
def recorder() -> type[Recorder]:
    class Fresh(Recorder):
        happened: list[str] = []  # noqa: RUF012

    return Fresh


# --- together -------------------------------------------------------------------------------------------


def test_services_share_journal_and_clock_and_are_found_by_name(tmp_path: Path) -> None:
    now = datetime.datetime(2026, 3, 4, 5, 6, 7)
    fleet = Fleet(now=lambda: now)
    server = fleet.ecflow_server()
    logs = fleet.log_server("logs", paths=[tmp_path])
    with fleet:
        assert ping(server.address) == OK
        assert ask(logs.address, b"version\n") == b"2"
    assert fleet["ecflow_server"] is server
    assert list(fleet.services) == ["ecflow_server", "logs"]
    assert server.journal is logs.journal is fleet.journal
    assert [event.service for event in fleet.journal.of(ServiceStarted)] == ["ecflow_server", "logs"]
    assert [event.service for event in fleet.journal.of(ServiceStopped)] == ["logs", "ecflow_server"]


async def test_on_the_callers_loop() -> None:
    fleet = Fleet()
    server = fleet.ecflow_server()
    threads = threading.active_count()
    async with fleet:
        assert threading.active_count() == threads
        assert fleet.running
        assert await asyncio.to_thread(ping, server.address) == OK
        with pytest.raises(FleetError, match="elsewhere await the coroutine"):
            fleet.run(asyncio.sleep(0))
    assert not fleet.running
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("kind", ["uvloop", "asyncio"])
def test_on_either_kind_of_loop(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    else:
        pytest.importorskip("uvloop")
    fleet = Fleet()
    server = fleet.ecflow_server(tls=0)
    trusting = client_context(self_signed().certificate)
    with fleet:
        loop = fleet.call(asyncio.get_running_loop)
        assert type(loop).__module__.partition(".")[0] == kind
        for _ in range(5):
            assert ping(server.addresses[Transport.SSL], trusting) == OK
            assert ping(server.addresses[Transport.TCP]) == OK


async def test_plain_with_serves_coroutines_of_another_loop_too() -> None:
    fleet = Fleet()
    server = fleet.ecflow_server()
    with fleet:
        reading, writing = await asyncio.open_connection(*server.address)
        writing.write(PING)
        assert len(await reading.read()) > 8
        writing.close()
        await writing.wait_closed()


def test_it_can_be_started_again_and_leaves_nothing() -> None:
    fleet = Fleet()
    server = fleet.ecflow_server(tls=0)
    threads = threading.active_count()
    addresses = set()
    for _ in range(3):
        with fleet:
            assert ping(server.address) == OK
            addresses.add(server.address)
        assert threading.active_count() == threads
        with pytest.raises(ConnectionError):
            ping(server.address)
    gc.collect()
    assert not fleet.running


def test_a_handshake_that_is_under_way_does_not_hold_up_the_end() -> None:
    fleet = Fleet()
    server = fleet.ecflow_server(plain=None, tls=0)
    with contextlib.ExitStack() as clients:
        with fleet:
            for _ in range(5):
                clients.enter_context(socket.create_connection(server.address, timeout=10))
            fleet.journal.wait_for(ConnectionOpened, lambda event: event.connection == 5)
        assert fleet.journal.of(ServiceStopped)


def test_the_loop_can_be_used() -> None:
    fleet = Fleet()
    server = fleet.ecflow_server()
    assert fleet.call(threading.current_thread) is threading.current_thread()

    async def thread_of_the_loop() -> threading.Thread:
        return threading.current_thread()

    with fleet:
        there = fleet.run(thread_of_the_loop())
        assert there is fleet.call(threading.current_thread) is not threading.current_thread()
        fleet.call(server.server.load, "suite s\nendsuite\n")
        with pytest.raises(TimeoutError):
            fleet.run(asyncio.sleep(3600), timeout=0.01)

        async def from_inside() -> None:
            with pytest.raises(LoopError, match="await the coroutine"):
                fleet.run(asyncio.sleep(0))

        fleet.run(from_inside())


# --- start and stop -------------------------------------------------------------------------------------


def test_what_others_need_starts_first_and_stops_last() -> None:
    fleet = Fleet()
    proxy = fleet.reverse_proxy("proxy", upstream="web", auth="auth")
    auth = fleet.auth_service("auth", users={"alice": "ecfleet-secret-alice"})
    web = fleet.ecflow_server("web", plain=0, http=0)
    with fleet:
        assert proxy.upstream == web.addresses[Transport.HTTP] != web.address
        assert proxy.auth == auth.address
    names = [event.service for event in fleet.journal.of(ServiceStarted)]
    assert names == ["web", "web", "auth", "proxy"]
    assert [event.service for event in fleet.journal.of(ServiceStopped)] == ["proxy", "auth", "web"]


def test_targets_can_be_addresses_and_names_of_hosts() -> None:
    fleet = Fleet()
    host = fleet.host("machine1")
    first = fleet.reverse_proxy("first", upstream=("machine1", 99), certificate=None)
    second = fleet.reverse_proxy("second", upstream="Machine1:98", auth="127.0.0.1:97", certificate=None)
    third = fleet.reverse_proxy("third", upstream=first)
    with fleet:
        assert first.upstream == Address(host.address, 99)
        assert (second.upstream, second.auth) == (Address(host.address, 98), Address("127.0.0.1", 97))
        assert third.upstream == first.address


def test_when_one_cannot_start_none_is_left(tmp_path: Path, recorder: type[Recorder]) -> None:
    recorder.fails_to_start = "second"
    fleet = Fleet(classes={"LogServer": recorder})
    threads = threading.active_count()
    first = fleet.log_server("first", paths=[tmp_path])
    fleet.log_server("second", paths=[tmp_path])
    fleet.log_server("third", paths=[tmp_path])
    with pytest.raises(RuntimeError, match="second cannot start"), fleet:
        pass
    assert recorder.happened == ["start first", "start second", "stop first"]
    assert not fleet.running
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        ask(first.address, b"version\n")


def test_a_port_in_use_is_one_clear_line_and_nothing_is_left(tmp_path: Path) -> None:
    fleet = Fleet()
    first = fleet.ecflow_server("first")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fleet.log_server("second", port=port, paths=[tmp_path])
        with pytest.raises(AddressInUse) as caught, fleet:
            pass
    assert str(caught.value).startswith(f"second: 127.0.0.1:{port} is in use by another program;")
    assert not first.running
    with fleet:
        assert ping(first.address) == OK


def test_trouble_in_stopping_stops_the_others_all_the_same(tmp_path: Path, recorder: type[Recorder]) -> None:
    recorder.fails_to_stop = "second"
    fleet = Fleet(classes={"LogServer": recorder})
    for name in ("first", "second", "third"):
        fleet.log_server(name, paths=[tmp_path])
    with pytest.raises(ExceptionGroup) as caught, fleet:
        pass
    assert [str(error) for error in caught.value.exceptions] == ["second cannot stop"]
    assert recorder.happened[3:] == ["stop third", "stop second", "stop first"]


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_trouble_in_stopping_does_not_hide_what_went_wrong_before(
    kind: str, tmp_path: Path, recorder: type[Recorder]
) -> None:
    recorder.fails_to_stop = "logs"
    fleet = Fleet(classes={"LogServer": recorder})
    fleet.log_server("logs", paths=[tmp_path])

    async def use() -> None:
        if kind == "plain":
            with fleet:
                raise ValueError("the first")
        else:
            async with fleet:
                raise ValueError("the first")

    with pytest.raises(ValueError, match="the first") as caught:
        await use()
    assert caught.value.__notes__ == ["and afterwards: RuntimeError: logs cannot stop"]


def test_what_goes_wrong_on_the_loop_is_raised_at_the_end() -> None:
    fleet = Fleet()
    fleet.ecflow_server()

    def trouble() -> None:
        raise ValueError("in a callback")

    async def begin() -> None:
        asyncio.get_running_loop().call_soon(trouble)

    with pytest.raises(ExceptionGroup) as caught, fleet:
        fleet.run(begin())
    assert [str(error) for error in caught.value.exceptions] == ["in a callback"]


async def test_running_twice_and_adding_while_it_runs_are_refused(tmp_path: Path) -> None:
    fleet = Fleet()
    fleet.ecflow_server()
    with fleet:
        with pytest.raises(FleetError, match="runs already"), fleet:
            pass
        with pytest.raises(FleetError, match="runs already"):
            await fleet.start()
        with pytest.raises(FleetError, match="add services before it starts"):
            fleet.log_server(paths=[tmp_path])
        assert fleet.running
