"""A journal as lines: one for each exchange, in words, without secrets and control characters."""

from __future__ import annotations

from typing import Any

import pytest

from ecfleet.exchanges import ExchangeLines, reply_in_words, request_in_words
from ecfleet_mocks.faults import Delay
from ecfleet_mocks.journal import (
    Address,
    ConnectionClosed,
    ConnectionOpened,
    Decision,
    Event,
    FaultInjected,
    IdentityFound,
    Note,
    ReplySent,
    RequestReceived,
    RouteTaken,
    ServiceStarted,
    ServiceStopped,
    TlsEstablished,
    TlsFailed,
    UpstreamOpened,
)
from ecfleet_mocks.wire import (
    CtsApi,
    CtsCmd,
    CtsNodeApi,
    CtsNodeCmd,
    DefsCmd,
    DeleteCmd,
    ErrorCmd,
    GroupCTSCmd,
    InitCmd,
    ServerVersionCmd,
    StcApi,
    StcCmd,
    encode_request,
)
from ecfleet_mocks.wire.http1 import Headers, Response
from ecfleet_mocks.wire.http1 import Request as HttpRequest
from ecfleet_mocks.wire.logserver import LogRequest
from ecfleet_mocks.wire.socks import Greeting, Reply, ReplyCode, RequestCommand, destination
from ecfleet_mocks.wire.socks import Request as SocksRequest

PEER, HERE = Address("127.0.0.1", 50000), Address("127.4.1.1", 3141)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (CtsCmd(api=CtsApi.PING), "CtsCmd PING"),
        (CtsNodeCmd(api=CtsNodeApi.GET, path="/s"), "CtsNodeCmd GET /s"),
        (CtsNodeCmd(api=CtsNodeApi.GET), "CtsNodeCmd GET"),
        (ServerVersionCmd(password="ecfleet-secret-pswd"), "ServerVersionCmd"),
        (DeleteCmd(paths=("/a", "/b")), "DeleteCmd /a /b"),
        (InitCmd(path="/s/t", jobs_password="ecfleet-secret-job"), "InitCmd /s/t"),
        (
            GroupCTSCmd(commands=(CtsCmd(api=CtsApi.PING), DeleteCmd(paths=("/a",)))),
            "GroupCTSCmd(CtsCmd PING; DeleteCmd /a)",
        ),
        (
            HttpRequest(
                "GET",
                "/v1/x?token=ecfleet-secret",
                headers=Headers([("Authorization", "Bearer ecfleet-secret")]),
            ),
            "GET /v1/x",
        ),
        (
            HttpRequest("POST", "/v1/ecflow", body=encode_request(CtsCmd(api=CtsApi.PING))),
            "POST /v1/ecflow CtsCmd PING",
        ),
        (HttpRequest("POST", "/v1/ecflow", body=b"{}"), "POST /v1/ecflow"),
        (Greeting((0, 2)), "SOCKS 5 greeting"),
        (LogRequest("get", "/out/x \r"), "get /out/x"),
        (LogRequest("version"), "version"),
        (
            SocksRequest(
                5, RequestCommand.CONNECT, destination("machine1", 3141), user="ecfleet-secret-user"
            ),
            "SOCKS 5 CONNECT machine1:3141",
        ),
        (None, "3 bytes that are no request"),
        ("anything else", "str"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_requests_in_words(request_: Any, words: str) -> None:
    assert request_in_words(request_, b"abc") == words


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (StcCmd(StcApi.OK), "OK"),
        (ErrorCmd("no such node"), "error: no such node"),
        (DefsCmd("suite secret"), "DefsCmd"),
        (Response(401, "Unauthorized"), "401 Unauthorized"),
        (Reply(5, ReplyCode.HOST_UNREACHABLE), "HOST_UNREACHABLE"),
        (None, "3 bytes"),
        ("anything else", "str"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_replies_in_words(reply: Any, words: str) -> None:
    assert reply_in_words(reply, b"abc") == words


def lines_of(*events: Event, width: int = 0) -> list[str]:
    lines = ExchangeLines(width)
    return [line for event in events for line in lines.feed(event)]


OPENED = ConnectionOpened(0.5, "server", 1, PEER, HERE, "tcp")


def test_an_exchange_is_one_line() -> None:
    assert lines_of(
        ServiceStarted(0.0, "server", 0, HERE, "tcp"),
        OPENED,
        TlsEstablished(0.6, "server", 1, "TLSv1.3", "AES"),
        RequestReceived(1.0, "server", 1, b"...", DeleteCmd(paths=("/s",))),
        IdentityFound(1.1, "server", 1, "emos", "as the command says"),
        Decision(1.2, "server", 1, "allow", "no whitelist"),
        FaultInjected(1.2, "server", 1, Delay(2.0)),
        Note(1.2, "server", 1, "5.9.2 dies here"),
        ReplySent(1.25, "server", 1, b"...", StcCmd(StcApi.OK)),
        ConnectionClosed(1.3, "server", 1, "closed", 10, 20),
        ServiceStopped(2.0, "server", 0),
        width=8,
    ) == [
        "    1.250  server    127.0.0.1:50000        DeleteCmd /s  user emos (as the command says); "
        "allow (no whitelist); fault Delay(seconds=2.0); 5.9.2 dies here; -> OK"
    ]


def test_a_connection_may_have_several_exchanges_and_some_without_a_reply() -> None:
    get = HttpRequest("GET", "/")
    told = lines_of(
        OPENED,
        RequestReceived(1.0, "server", 1, b"", get),
        ReplySent(1.1, "server", 1, b"", Response(200, "OK")),
        RequestReceived(1.2, "server", 1, b"", get),
        RequestReceived(1.3, "server", 1, b"", get),
        Decision(1.3, "server", 1, "ignore", ""),
        ConnectionClosed(1.4, "server", 1, "reset", 0, 5),
    )
    assert [line.partition("GET")[2] for line in told] == [
        " /  -> 200 OK",
        " /",
        " /  ignore; -> reset, 5 bytes sent",
    ]


def test_interleaved_connections_are_kept_apart() -> None:
    other = ConnectionOpened(0.6, "server", 2, Address("127.0.0.1", 50001), HERE, "tcp")
    told = lines_of(
        OPENED,
        other,
        RequestReceived(1.0, "server", 1, b"", DeleteCmd(paths=("/one",))),
        RequestReceived(1.0, "server", 2, b"", DeleteCmd(paths=("/two",))),
        ReplySent(1.1, "server", 2, b"", StcCmd(StcApi.OK)),
        ReplySent(1.2, "server", 1, b"", StcCmd(StcApi.OK)),
    )
    assert ["50001" in line and "/two" in line for line in told] == [True, False]


def test_what_never_became_a_request_is_told_too() -> None:
    assert lines_of(OPENED, ConnectionClosed(1.0, "server", 1, "eof", 0, 0)) == [
        "    1.000  server  127.0.0.1:50000        no request  -> eof, 0 bytes sent"
    ]
    assert lines_of(
        OPENED,
        TlsFailed(0.7, "server", 1, "WRONG_VERSION"),
        ConnectionClosed(1.0, "server", 1, "x", 0, 7),
    ) == [
        "    1.000  server  127.0.0.1:50000        TLS handshake  failed (WRONG_VERSION); -> x, 7 bytes sent"
    ]


def test_routes_are_told() -> None:
    asked = Address("machine1", 9316)
    request = RequestReceived(
        1.0, "proxy", 1, b"", SocksRequest(4, RequestCommand.CONNECT, destination("machine1", 9316))
    )
    taken = lines_of(
        OPENED,
        request,
        RouteTaken(1.1, "proxy", 1, asked, "DOMAINNAME", HERE),
        UpstreamOpened(1.1, "proxy", 1, PEER, HERE),
        ReplySent(1.2, "proxy", 1, b"", None),
        ConnectionClosed(9.0, "proxy", 1, "closed", 1, 1),
    )
    assert taken == [
        "    1.200  proxy  127.0.0.1:50000        "
        "SOCKS 4 CONNECT machine1:9316  leads to 127.4.1.1:3141; -> 0 bytes"
    ]
    none = lines_of(
        OPENED,
        request,
        RouteTaken(1.1, "proxy", 1, asked, "DOMAINNAME", None),
        ReplySent(1.2, "proxy", 1, b""),
    )
    assert "no route; -> 0 bytes" in none[0]


def test_secrets_and_control_characters_do_not_come_through() -> None:
    told = lines_of(
        OPENED,
        RequestReceived(1.0, "server", 1, b"", LogRequest("get", "/x\x1b[2J\ny")),
        Decision(1.1, "server", 1, "refuse", "Authorization: Bearer ecfleet-secret-token"),
        ReplySent(1.2, "server", 1, b""),
    )
    assert len(told) == 1
    assert "ecfleet-secret" not in told[0]
    assert told[0].isprintable()


def test_events_of_unknown_connections_are_left_out() -> None:
    assert (
        lines_of(ReplySent(1.0, "server", 9, b"", None), ConnectionClosed(1.0, "server", 9, "closed", 0, 0))
        == []
    )
