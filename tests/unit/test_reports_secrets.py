"""A failing case whose evidence, headers and environment hold secrets: no report has them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ecfleet import cli, rules

SuiteMaker = Callable[[Mapping[str, str]], Path]

MARKER = "ecfleet-secret"

TESTS = """
import base64
import pytest
from ecfleet import Action, Call, SocksRoute, Transport, expect, rule, task_environment
from ecfleet.services import RequestReceived
from ecfleet.wire import http1

SECRET = "-".join(("ecfleet", "secret"))
API = {"url": "https://example.org", "key": f"{SECRET}-key", "email": "me@example.org"}
BASIC = {"username": "me", "password": f"{SECRET}-password"}


def call_of(chain, **options):
    port = chain.proxy.address.port
    return Call(Action.PING, "127.0.0.1", port, transport=Transport.HTTPS, **options)


@rule("SEC-01")
def test_headers(ecf_client, ecf_sandbox, ecf_auth_chain, ecf_journal):
    tokens = [{"server": "nothing", "type": "bearer", "api": API}]
    tokens += [{"server": ".*", "type": "basic", "api": BASIC}]
    ecf_sandbox.put_token_file({"version": 1, "tokens": tokens})
    environment = task_environment("/s/t", f"{SECRET}-job") | {"MY_API_KEY": f"{SECRET}-variable"}
    ecf_client.run(call_of(ecf_auth_chain, environment=environment), ecf_sandbox)
    raw = ecf_journal.of(RequestReceived, service="reverse_proxy")[0].raw
    header = http1.RequestReader().feed(raw)[0].headers.get("Authorization")
    assert base64.b64encode(f"me:{SECRET}-password".encode()).decode() in header
    expect([header, BASIC, API, environment, raw], f"Basic {SECRET}-password", "what was sent")


@rule("SEC-02")
def test_socks(ecf_client, ecf_sandbox, ecf_server, ecf_fleet):
    fleet = ecf_fleet()
    proxy = fleet.socks_proxy(users={"me": f"{SECRET}-socks"}, routes={"machine1": ecf_server.address})
    with fleet:
        route = SocksRoute("127.0.0.1", proxy.address.port, user="me", password=f"{SECRET}-socks")
        outcome = ecf_client.run(Call(Action.PING, "machine1", 3141, socks=route), ecf_sandbox)
    raise RuntimeError(f"a fault that tells {route.password}, {outcome.exit_code}")


@rule("SEC-03")
def test_tasks(ecf_client, ecf_sandbox, ecf_http_server):
    ecf_sandbox.set("ECF_PASS", f"{SECRET}-job")
    ecf_sandbox.set("ECF_NAME", "/s/t")
    ecf_sandbox.set("ECF_TRYNO", "1")
    ecf_sandbox.set("ECF_TIMEOUT", "1")
    ecf_sandbox.set("ECF_DENIED", "1")
    port = ecf_http_server.address.port
    call = Call(Action.INIT, "127.0.0.1", port, transport=Transport.HTTP, arguments=("1",))
    ecf_client.run(call, ecf_sandbox)
    assert not ecf_sandbox.environment["ECF_PASS"], f"the job has {ecf_sandbox.environment['ECF_PASS']}"
"""


@pytest.mark.shares_threads
def test_no_report_holds_a_secret(
    make_suite: SuiteMaker,
    rules_text: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    ids = ("SEC-01", "SEC-02", "SEC-03")
    root = make_suite(
        {"secrets/rules.toml": rules_text(*ids, subject="client"), "secrets/test_secrets.py": TESTS}
    )
    monkeypatch.setattr(rules, "find_suites", lambda: (rules.read_suite(root),))
    reports = tmp_path / "reports"
    reports.mkdir()
    names = {"json": "r.json", "html": "r.html", "junit": "r.xml", "summary": "r.md"}
    given = [word for option, name in names.items() for word in (f"--{option}", str(reports / name))]
    kept = tmp_path / "kept"
    status = cli.main(["check", "--client", "builtin", "--timeline", "--keep", str(kept), *given])
    out, err = capsys.readouterr()
    details = Path(shlex.split(out.rpartition("details of its own faults are in ")[2])[0])
    fault = details.read_text(encoding="utf-8")
    details.unlink()
    assert status == 4
    # The case did hold secrets: they are in the files that the client was given.
    (token_file,) = kept.glob("SEC-01*/**/.ecflowapirc")
    assert MARKER in token_file.read_text(encoding="utf-8")
    written = {name: (reports / name).read_text(encoding="utf-8") for name in names.values()}
    artefacts = written | {"terminal": out, "progress": err, "fault": fault}
    assert {name for name, text in artefacts.items() if MARKER in text} == set()
    # And the reports do tell what happened: all cases and hops, each secret under a name of its own.
    for name, text in {**written, "terminal": out}.items():
        for part in (*ids, "***1", "***2", "auth_service", "socks_proxy", "MY_API_KEY=***"):
            assert part in text, (name, part)
    assert "a fault that tells ***1, 0" in fault
