"""What the contract tests stand on: peers that are absent, and ports that are taken."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest

from .peers import PEERS, Peer, require_peer, require_release
from .real_server import RealServerFailed, running_server


@pytest.fixture
def absent_peer(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(PEERS, "absent", Peer(("ecfleet-no-such-program",), "some-package"))
    return "absent"


def test_an_absent_peer_skips(absent_peer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ECFLEET_REQUIRE_PEERS", raising=False)
    with pytest.raises(
        pytest.skip.Exception, match=r"^absent is not installed: apt-get install some-package$"
    ):
        require_peer(absent_peer)


def test_an_absent_peer_fails_where_peers_are_required(
    absent_peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECFLEET_REQUIRE_PEERS", "1")
    with pytest.raises(
        pytest.fail.Exception, match=r"^absent is not installed: apt-get install some-package$"
    ):
        require_peer(absent_peer)


def test_another_release_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    require_peer("ecflow_client")
    monkeypatch.setenv("ECFLEET_REQUIRE_PEERS", "1")
    with pytest.raises(pytest.fail.Exception, match=r"^ecflow_client 4\.0\.0 \(found .* is not installed"):
        require_release("ecflow_client", "4.0.0")


def test_a_taken_port_costs_another_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = require_peer("ecflow_server")
    real_sample = random.sample
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]

        def taken_first(ports: range, count: int) -> list[int]:
            return [port, *real_sample(ports, count - 1)]

        monkeypatch.setattr(random, "sample", taken_first)
        with running_server(program, tmp_path) as server:
            assert server.port != port
            assert server.process.poll() is None
        assert server.process.poll() is not None


def test_a_server_that_cannot_start_is_told(tmp_path: Path) -> None:
    program = require_peer("ecflow_server")
    with (
        pytest.raises(RealServerFailed, match=r"^ecflow_server on port \d+ ended with 1: "),
        running_server(program, tmp_path, ssl_files={"server.crt": b"no certificate"}),
    ):
        pass
