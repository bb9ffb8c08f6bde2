"""Virtual hosts: addresses of their own, names checked, no collision between pools, threads or processes."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet import hosts
from ecfleet.hosts import (
    LOOPBACK,
    AddressPool,
    Host,
    HostNameError,
    HostsError,
    check_host_name,
    hosts_file,
    nss_wrapper_environment,
    own_addresses,
)

needs_addresses = pytest.mark.skipif(
    not own_addresses(), reason="not applicable: this platform has one loopback address only"
)


@pytest.fixture
def pool() -> Iterator[AddressPool]:
    made = AddressPool()
    yield made
    made.close()


@needs_addresses
def test_every_host_has_its_own_address_outside_of_the_systems_own(pool: AddressPool) -> None:
    made = [pool.host(f"machine{number}") for number in range(600)]
    addresses = {host.address for host in made}
    assert len(addresses) == 600
    for address in addresses:
        assert ipaddress.ip_address(address).is_loopback
        assert address.split(".")[1] not in ("0", "255")


@needs_addresses
def test_two_hosts_listen_on_the_same_port(pool: AddressPool) -> None:
    first, second = pool.host("machine1"), pool.host("machine2")
    with socket.create_server((first.address, 0)) as one:
        port = one.getsockname()[1]
        with socket.create_server((second.address, port)) as two:
            assert two.getsockname() == (second.address, port)


@needs_addresses
def test_two_pools_of_a_machine_never_share_an_address() -> None:
    first, second = AddressPool(), AddressPool()
    try:
        mine = [first.host("machine1") for _ in range(300)]
        theirs = [second.host("machine1") for _ in range(300)]
        assert not {host.address for host in mine} & {host.address for host in theirs}
    finally:
        first.close()
        second.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="blocks are claimed on Linux only")
def test_another_process_cannot_claim_a_block_that_is_in_use(pool: AddressPool) -> None:
    host = pool.host("machine1")
    block = host.address.rpartition(".")[0]
    code = "import sys; from ecfleet.hosts import _claim; print(_claim(sys.argv[1]) is None)"
    told = subprocess.run(
        [sys.executable, "-c", code, block],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert told.stdout.strip() == "True"
    pool.close()
    release = hosts._claim(block)
    assert release is not None, "the block is free again after close()"
    release()


def fake_claim(taken: set[str], released: list[str]) -> Callable[[str], Callable[[], None] | None]:
    def claim(block: str) -> Callable[[], None] | None:
        if block in taken:
            return None
        taken.add(block)
        return lambda: released.append(block)

    return claim


def test_an_address_is_free_again_when_its_host_is_gone() -> None:
    taken: set[str] = set()
    released: list[str] = []
    pool = AddressPool(probe=lambda address: True, claim=fake_claim(taken, released))
    stays, goes = pool.host("machine1"), pool.host("machine2")
    old = goes.address
    del goes
    gc.collect()
    assert old in {pool.host("machine3").address for _ in range(254)}
    assert stays.address not in {pool.host("machine3").address for _ in range(254)}
    assert len(taken) == 1
    assert not released


def test_a_block_without_a_host_is_given_back_and_the_next_one_taken() -> None:
    taken: set[str] = set()
    released: list[str] = []
    pool = AddressPool(probe=lambda address: True, claim=fake_claim(taken, released))
    made = [pool.host("machine1") for _ in range(300)]
    blocks = {host.address.rpartition(".")[0] for host in made}
    assert len(blocks) == 2
    made.clear()
    gc.collect()
    assert set(released) == blocks
    assert pool.host("machine1").address.rpartition(".")[0] not in blocks


def test_what_returns_while_the_pool_is_busy_is_settled_afterwards() -> None:
    released: list[str] = []
    returning: list[Host] = []

    def claim(block: str) -> Callable[[], None]:
        # Within the pool's critical section, as when the garbage collector runs there.
        returning.clear()
        gc.collect()
        return lambda: released.append(block)

    pool = AddressPool(probe=lambda address: True, claim=claim)
    made = [pool.host("machine1") for _ in range(254)]
    returning += made
    made.clear()
    first = returning[0].address.rpartition(".")[0]
    other = pool.host("machine2")
    assert released == [first]
    assert other.address.rpartition(".")[0] != first


def test_hosts_that_outlive_their_pool_do_not_bring_addresses_back() -> None:
    taken: set[str] = set()
    released: list[str] = []
    pool = AddressPool(probe=lambda address: True, claim=fake_claim(taken, released))
    host = pool.host("machine1")
    old = host.address
    pool.close()
    assert released == [old.rpartition(".")[0]]
    del host
    gc.collect()
    assert released == [old.rpartition(".")[0]]
    kept = [pool.host("machine1") for _ in range(254)]
    assert old not in {one.address for one in kept}


def test_a_taken_block_is_passed_over() -> None:
    free = AddressPool(probe=lambda address: True, claim=fake_claim(set(), []))
    would_be = free.host("machine1").address.rpartition(".")[0]
    other = AddressPool(probe=lambda address: True, claim=fake_claim({would_be}, []))
    assert other.host("machine1").address.rpartition(".")[0] != would_be


def test_no_block_left_is_one_clear_line() -> None:
    pool = AddressPool(probe=lambda address: True, claim=lambda block: None)
    with pytest.raises(HostsError, match="every block of loopback addresses is claimed"):
        pool.host("machine1")


def test_with_one_loopback_address_all_hosts_have_that() -> None:
    pool = AddressPool(probe=lambda address: address == LOOPBACK)
    assert not pool.own_addresses
    assert {pool.host("machine1").address, pool.host("machine2").address} == {LOOPBACK}


def test_threads_get_different_addresses() -> None:
    pool = AddressPool(probe=lambda address: True, claim=fake_claim(set(), []))
    made: list[Host] = []

    def work() -> None:
        made.extend(pool.host("machine1") for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({host.address for host in made}) == 400


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_has_a_pool_of_its_own() -> None:
    parents = hosts.pool()
    code = (
        "import os\n"
        "from ecfleet import hosts\n"
        "mine = hosts.pool().host('machine1')\n"
        "reading, writing = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.write(writing, hosts.pool().host('machine1').address.encode())\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(mine.address, os.read(reading, 99).decode())\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    mine, childs = told.stdout.split()
    if parents.own_addresses:
        assert mine.rpartition(".")[0] != childs.rpartition(".")[0]
    assert told.stderr == ""


@pytest.mark.parametrize("name", ["machine1", "machine1.ecmwf.int", "HPC-batch", "a_b", "9lives", "x" * 63])
def test_names_that_can_be_hosts(name: str) -> None:
    assert check_host_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "a..b", "-a", "a-", "a b", "a/b", "a:3141", "x" * 64, ".".join(["x" * 60] * 5), "é", "a\n"],
)
def test_names_that_cannot(name: str) -> None:
    with pytest.raises(HostNameError) as caught:
        check_host_name(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"), [("127.0.0.1", "address"), ("::1", "address"), ("LocalHost", "'localhost' is each")]
)
def test_addresses_and_localhost_are_refused_for_what_they_are(name: str, says: str) -> None:
    with pytest.raises(HostNameError, match=says):
        check_host_name(name)


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused_in_one_line(name: str) -> None:
    try:
        assert check_host_name(name) == name
    except HostNameError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert name.isascii()
        assert not any(character.isspace() for character in name)


def test_hosts_file_has_a_line_a_host(tmp_path: Path) -> None:
    text = hosts_file([Host("machine1", "127.1.2.3", ("m1", "m1.ecmwf.int")), Host("machine2", "127.1.2.4")])
    assert text == "127.1.2.3 machine1 m1 m1.ecmwf.int\n127.1.2.4 machine2\n"


@needs_addresses
def test_a_program_resolves_the_names_with_nss_wrapper(pool: AddressPool, tmp_path: Path) -> None:
    host = pool.host("machine1.ecmwf.int", ["machine1"])
    file = tmp_path / "hosts"
    file.write_text(hosts_file([host]))
    environment = nss_wrapper_environment(file)
    if environment is None:
        pytest.skip("not run: needs nss_wrapper; apt install libnss-wrapper")
    told = subprocess.run(
        [sys.executable, "-c", "import socket; print(socket.gethostbyname('MACHINE1'))"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    assert told.stdout.strip() == host.address
