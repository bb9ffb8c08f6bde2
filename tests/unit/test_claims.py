"""What a shim's crashes and lies come to in a run of rules, and how its description steers that run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ecfleet import cli, profiles
from ecfleet.clients import ConfigurationError
from ecfleet.events import Run
from ecfleet.rules import Catalogue, read_suite
from ecfleet.runner import Settings, run

SuiteMaker = Callable[[Mapping[str, str]], Path]
Check = Callable[..., Run]

TESTS = """
from ecfleet.clients import Action, Call
from ecfleet.rules import rule
from ecfleet.verdicts import expect

def ping(client, sandbox, server, action=Action.PING):
    return client.run(Call(action, *server.address), sandbox)

@rule("CLI-01")
def test_it_succeeds(ecf_client, ecf_sandbox, ecf_server):
    expect(ping(ecf_client, ecf_sandbox, ecf_server).exit_code, 0, "exit code of --ping")

@rule("CLI-02")
def test_it_fails(ecf_client, ecf_sandbox, ecf_server):
    assert not ping(ecf_client, ecf_sandbox, ecf_server).ok

@rule("CLI-03")
def test_another_action(ecf_client, ecf_sandbox, ecf_server):
    ping(ecf_client, ecf_sandbox, ecf_server, Action.SUITES)

@rule("CLI-04")
def test_over_http(ecf_client, ecf_sandbox, ecf_http_server):
    raise AssertionError("is never run")
"""

SHIM = """
import json, os, sys, urllib.request
HELLO = {{"name": "x", "release": "1", "capabilities": {claims}, "actions": ["ping"]}}
for line in sys.stdin:
    request = json.loads(line)
    if request["request"] == "hello":
        answer = HELLO
    else:
        transport = request["transport"]
        {body}
    print(json.dumps({{"id": request["id"], **answer}}), flush=True)
"""

HONEST = 'answer = {"exit_code": 0} if transport == "tcp" else {"unimplemented": "no"}'
POSTS = """\
if transport == "http":
            client = {"cereal_class_version": 0, "cl_host_": "h"}
            base = {"cereal_class_version": 0, "value0": client, "user_": "u"}
            data = {"cereal_class_version": 0, "value0": base, "api_": 8}
            asked = {"polymorphic_id": 2147483649, "polymorphic_name": "CtsCmd",
                     "ptr_wrapper": {"id": 2147483649, "data": data}}
            url = f"http://127.0.0.1:{request['port']}/v1/ecflow"
            body = json.dumps({"21ClientToServerRequest": {"cmd_": asked}}).encode()
            urllib.request.urlopen(url, body).close()
        answer = {"exit_code": 0}"""


@pytest.fixture
def check(
    make_suite: SuiteMaker,
    rules_text: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Check:
    """Runs four rules on a shim with this body, described with these further lines."""
    rules = rules_text("CLI-01", "CLI-02", "CLI-03", subject="client")
    needs_http = rules_text("CLI-04", subject="client", capabilities=("http",)).partition("[[rule]]")
    root = make_suite(
        {"clients/rules.toml": rules + needs_http[1] + needs_http[2], "clients/test_x.py": TESTS}
    )
    catalogue = Catalogue((read_suite(root),))
    monkeypatch.chdir(tmp_path)

    def check(body: str, more: str = "", *, claims: tuple[str, ...] = ("tcp",), profiles: bool = True) -> Run:
        Path("shim.py").write_text(SHIM.format(body=body, claims=list(claims)))
        command = f'command = ["{sys.executable}", "-I", "shim.py"]'
        Path("ecfleet.toml").write_text(f'[clients.mine]\nkind = "shim"\n{command}\n{more}\n')
        return run(catalogue, Settings(clients=("mine",), profiles=profiles))

    return check


def seen(run: Run) -> dict[str, str]:
    return {result.rule: str(result.verdict) for result in run.results}


def messages(run: Run) -> dict[str, str]:
    return {result.rule: result.cases[0].message for result in run.results}


def test_an_honest_shim(check: Check) -> None:
    done = check(HONEST)
    verdicts = {"CLI-01": "pass", "CLI-02": "fail", "CLI-03": "not-applicable", "CLI-04": "not-applicable"}
    assert seen(done) == verdicts
    assert done.columns[0].label == "mine"
    assert messages(done)["CLI-03"] == "mine 1 does not claim to do suites"
    assert "lacks http" in messages(done)["CLI-04"]


def test_a_crash_is_a_failure_whatever_the_rule_expects(check: Check) -> None:
    done = check("os._exit(1)")
    assert (seen(done)["CLI-01"], seen(done)["CLI-02"]) == ("fail", "fail")
    assert messages(done)["CLI-02"] == "x: asked for ping, it ended with status 1"
    assert done.exit_status == 1


def test_a_claim_that_is_not_true_is_a_failure(check: Check) -> None:
    done = check('answer = {"unimplemented": "not yet"}')
    assert (seen(done)["CLI-01"], seen(done)["CLI-02"]) == ("fail", "fail")
    assert messages(done)["CLI-02"] == "x claims tcp and ping, but answers unimplemented (not yet)"


def test_a_capability_kept_quiet_is_a_failure(check: Check) -> None:
    done = check(POSTS)
    assert seen(done)["CLI-04"] == "fail"
    assert messages(done)["CLI-04"] == (
        "what mine says of the capability http: expected that it has it, as it does, seen that it lacks it"
    )


def test_a_capability_left_out_by_the_user_is_no_lie(check: Check) -> None:
    assert seen(check(POSTS, claims=("tcp", "http")))["CLI-04"] == "fail"
    done = check(POSTS, 'capabilities = ["tcp"]', claims=("tcp", "http"))
    assert seen(done)["CLI-04"] == "not-applicable"


WAIVER = """\
[[waiver]]
rule = "{rule}"
observed = "{observed}"
reason = "as agreed"
owner = "o"
expiry = 2099-01-31
"""


def test_waivers_of_the_description(check: Check) -> None:
    text = WAIVER.format(rule="CLI-02", observed="assert not")
    Path("waivers.toml").write_text(text)
    done = check(HONEST, 'waivers = ["waivers.toml"]')
    assert seen(done)["CLI-02"] == "known-deviation"
    assert (done.exit_status, done.stale) == (0, ())
    Path("waivers.toml").write_text(text + WAIVER.format(rule="CLI-01", observed="x"))
    done = check(HONEST, 'waivers = ["waivers.toml"]')
    assert [stale.waiver.rule for stale in done.stale] == ["CLI-01"]
    assert done.exit_status == 1


def test_a_profile_of_the_description(check: Check) -> None:
    head = '[profile]\nclient = "mine"\nrelease = "1"\nbasis = "run"\nabout = "x"\n\n'
    entry = WAIVER.format(rule="CLI-02", observed="assert not") + 'evidence = "e"\n'
    Path("own.toml").write_text(head + entry)
    done = check(HONEST, 'profile = "own.toml"')
    assert (seen(done)["CLI-02"], done.columns[0].profile) == ("known-deviation", "own.toml")
    assert seen(check(HONEST, 'profile = "own.toml"', profiles=False))["CLI-02"] == "fail"


def test_mistakes_in_what_the_description_names(check: Check) -> None:
    Path("waivers.toml").write_text(WAIVER.format(rule="CLI-99", observed="x"))
    with pytest.raises(profiles.ProfileError, match="waiver CLI-99: key 'rule': there is no such rule"):
        check(HONEST, 'waivers = ["waivers.toml"]')
    with pytest.raises(ConfigurationError, match="nor a shipped profile: 'nothing'"):
        check(HONEST, 'profile = "nothing"')


def test_the_clients_described_are_those_that_are_checked(
    check: Check, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suites = check(HONEST).catalogue.suites
    monkeypatch.setattr("ecfleet.rules.find_suites", lambda: suites)
    assert cli.main(["check", "--quiet"]) == 1
    assert "mine 1" in capsys.readouterr().out
    assert cli.main(["check", "--quiet", "--client", "builtin"]) == 1
    assert "mine" not in capsys.readouterr().out
    Path("ecfleet.toml").write_text("[clients.mine]\nkind = 'shmi'\n")
    assert cli.main(["check", "--client", "mine"]) == 2
    told = "ecfleet check: ecfleet.toml:2: clients.mine.kind: unknown kind 'shmi'; did you mean 'shim'?\n"
    assert capsys.readouterr().err == told
