"""Where tunnels lead, by tables and for generated routes."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecfleet_mocks.model.tunnels import (
    Landing,
    Leads,
    Refusal,
    RouteError,
    Routes,
    RouteTable,
    Unrouted,
    leads_to,
    reply_code_for,
    request_leads_to,
)
from ecfleet_mocks.wire.socks import Destination, ReplyCode, RequestCommand, destination

ROUTES: dict[str, Leads] = {
    "machine1": "127.0.1.1",
    "machine2": ("127.0.1.2", 40001),
    "machine1:9316": "127.0.1.9:9317",
    "machine1.ecmwf.int": "machine1",
    "machine9": ReplyCode.TTL_EXPIRED,
    "machine8:22": ReplyCode.NOT_ALLOWED,
    "10.9.8.7": "127.0.1.7",
    "[2001:db8::1]:80": "[::1]:8080",
    "loop1": "loop2",
    "loop2": "loop1",
}

TABLE = [
    # asked for, port, where it leads
    ("machine1", 3141, Landing("127.0.1.1", 3141)),
    ("MACHINE1", 3141, Landing("127.0.1.1", 3141)),
    ("machine1.", 3141, Landing("127.0.1.1", 3141)),
    ("machine1", 9316, Landing("127.0.1.9", 9317)),
    ("machine1.ecmwf.int", 3141, Landing("127.0.1.1", 3141)),
    ("machine1.ecmwf.int", 9316, Landing("127.0.1.9", 9317)),
    ("machine2", 3141, Landing("127.0.1.2", 40001)),
    ("machine3", 3141, ReplyCode.HOST_UNREACHABLE),
    ("machine9", 3141, ReplyCode.TTL_EXPIRED),
    ("machine8", 22, ReplyCode.NOT_ALLOWED),
    ("machine8", 23, ReplyCode.HOST_UNREACHABLE),
    ("10.9.8.7", 3141, Landing("127.0.1.7", 3141)),
    ("2001:db8::1", 80, Landing("::1", 8080)),
    ("2001:DB8:0::1", 80, Landing("::1", 8080)),
    ("2001:db8::1", 81, ReplyCode.NOT_ALLOWED),
    ("10.9.8.8", 3141, ReplyCode.NOT_ALLOWED),
    ("127.0.0.1", 3141, Landing("127.0.0.1", 3141)),
    ("127.3.2.1", 3141, Landing("127.3.2.1", 3141)),
    ("::1", 3141, Landing("::1", 3141)),
    ("localhost", 3141, Landing("127.0.0.1", 3141)),
    ("loop1", 3141, ReplyCode.HOST_UNREACHABLE),
]


def landing(found: Landing | Refusal) -> Landing | ReplyCode:
    return found.code if isinstance(found, Refusal) else found


@pytest.mark.parametrize(("host", "port", "expected"), TABLE)
def test_where_routes_lead(host: str, port: int, expected: Landing | ReplyCode) -> None:
    assert landing(leads_to(RouteTable(ROUTES), destination(host, port))) == expected


@pytest.mark.parametrize(
    ("unrouted", "local", "remote", "localhost"),
    [
        (Unrouted.LOOPBACK, True, False, True),
        (Unrouted.ANY, True, True, True),
        (Unrouted.NONE, False, False, False),
    ],
)
def test_addresses_without_a_route(unrouted: Unrouted, local: bool, remote: bool, localhost: bool) -> None:
    table = RouteTable({}, unrouted)
    for host, connected in (("127.0.0.1", local), ("192.0.2.1", remote), ("localhost", localhost)):
        assert isinstance(leads_to(table, destination(host, 80)), Landing) is connected


def test_names_go_to_the_system_only_when_asked() -> None:
    asked = destination("machine3", 3141)
    assert isinstance(leads_to(RouteTable({}), asked), Refusal)
    assert leads_to(RouteTable({}, system_names=True), asked) == Landing("machine3", 3141)
    # A name that has a route never does.
    assert leads_to(RouteTable({"machine3": "127.0.1.3"}, system_names=True), asked) == Landing(
        "127.0.1.3", 3141
    )


def test_routes_may_be_a_function() -> None:
    def routes(asked: Destination) -> Leads:
        return ("127.0.1.1", asked.port + 1) if asked.host == "machine1" else None

    table = RouteTable(routes)
    assert leads_to(table, destination("machine1", 3141)) == Landing("127.0.1.1", 3142)
    assert isinstance(leads_to(table, destination("machine2", 3141)), Refusal)
    with pytest.raises(RouteError, match="machine2: these routes are a function"):
        table.add("machine2", "127.0.1.2")


def test_routes_come_and_go() -> None:
    table = RouteTable({})
    table.add("machine1", "127.0.1.1")
    assert leads_to(table, destination("Machine1", 80)) == Landing("127.0.1.1", 80)
    table.remove("MACHINE1")
    table.remove("machine1")
    assert isinstance(leads_to(table, destination("machine1", 80)), Refusal)


@pytest.mark.parametrize(
    ("routes", "text"),
    [
        ({"": "127.0.0.1"}, "'' has no host"),
        ({":80": "127.0.0.1"}, "':80' has no host"),
        ({"machine1:http": "127.0.0.1"}, "'http' is no port"),
        ({"machine1:65536": "127.0.0.1"}, "'65536' is no port"),
        ({"machine1:²": "127.0.0.1"}, "is no port"),
        ({"machine1": "127.0.0.1:0"}, "machine1: '0' is no port"),
        ({"machine1": ("127.0.0.1", 70000)}, "machine1: a route leads to"),
        ({"machine1": ("", 80)}, "machine1: a route leads to"),
        ({"machine1": ""}, "machine1: '' has no host"),
        ({"machine 1": "127.0.0.1"}, "'machine 1' has no host"),
        ({"machine1": ReplyCode.SUCCEEDED}, "machine1: a route cannot lead to the reply"),
        ({"machine1": 3141}, "machine1: a route leads to"),
    ],
)
def test_a_route_that_makes_no_sense_is_told(routes: Routes, text: str) -> None:
    with pytest.raises(RouteError, match=text):
        RouteTable(routes)


def test_a_wrong_word_for_unrouted_is_told() -> None:
    with pytest.raises(RouteError, match="loopback, any, none"):
        RouteTable({}, "everything")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (RequestCommand.BIND, "BIND is not supported"),
        (RequestCommand.UDP_ASSOCIATE, "UDP_ASSOCIATE is not supported"),
        (9, "command 9 is not supported"),
    ],
)
def test_only_connect_leads_anywhere(command: int, why: str) -> None:
    table = RouteTable(ROUTES)
    asked = destination("machine1", 3141)
    assert request_leads_to(table, command, asked) == Refusal(ReplyCode.COMMAND_NOT_SUPPORTED, why)
    assert request_leads_to(table, RequestCommand.CONNECT, asked) == leads_to(table, asked)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errno.ECONNREFUSED, ReplyCode.CONNECTION_REFUSED),
        (errno.ENETUNREACH, ReplyCode.NETWORK_UNREACHABLE),
        (errno.EHOSTUNREACH, ReplyCode.HOST_UNREACHABLE),
        (errno.ETIMEDOUT, ReplyCode.TTL_EXPIRED),
        (errno.EACCES, ReplyCode.NOT_ALLOWED),
        (errno.EMFILE, ReplyCode.GENERAL_FAILURE),
        (None, ReplyCode.GENERAL_FAILURE),
    ],
)
def test_errors_of_connecting_have_reply_codes(error: int | None, code: ReplyCode) -> None:
    assert reply_code_for(error) is code


hosts = st.from_regex(r"[a-z]{1,4}[0-9]{0,2}", fullmatch=True).filter(lambda host: host != "localhost")
ports = st.integers(1, 65535)
places = st.tuples(st.integers(1, 254).map(lambda last: f"127.0.1.{last}"), ports)


@given(
    by_name=st.dictionaries(hosts, places, max_size=4),
    by_port=st.dictionaries(st.tuples(hosts, ports), places, max_size=4),
    asked=st.data(),
)
def test_a_connection_lands_where_its_own_route_says_and_nowhere_else(
    by_name: dict[str, tuple[str, int]], by_port: dict[tuple[str, int], tuple[str, int]], asked: st.DataObject
) -> None:
    routes: dict[str, Leads] = {**by_name, **{f"{host}:{port}": to for (host, port), to in by_port.items()}}
    table = RouteTable(routes)
    known = [*by_name, *(host for host, _ in by_port)]
    host = asked.draw(st.sampled_from(known) | hosts if known else hosts)
    port = asked.draw(st.sampled_from([port for _, port in by_port]) | ports if by_port else ports)
    expected = by_port.get((host, port), by_name.get(host))
    found = leads_to(table, destination(host.upper(), port))
    if expected is None:
        assert landing(found) is ReplyCode.HOST_UNREACHABLE
    else:
        assert found == Landing(*expected)
