"""The pytest plugin: verdicts in a plain pytest run, fixtures, and runs that have nothing to do with it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable

import pytest

HEAD = """
import pytest
from ecfleet import expect, inconclusive, not_run, rule
"""

TESTS = (
    HEAD
    + """
@rule("LOG-01")
def test_holds():
    pass

@rule("LOG-02")
@pytest.mark.parametrize("number", [1, 2])
async def test_deviates(number):
    expect(number, 1, "a number")

@rule("LOG-03")
def test_needs():
    not_run("nginx", install="apt install nginx")
"""
)

WAIVER = """
[[waiver]]
rule = "{rule}"
observed = "{observed}"
reason = "The released program does so."
owner = "somebody"
expiry = 2999-01-01
"""

CONFIGURATION = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
"""


@pytest.fixture(autouse=True)
def _stays_loaded() -> None:
    """Load all of ecfleet first: pytester forgets modules that a run in this process imports."""
    for name in ("ecfleet.judging", "ecfleet.fleet", "ecfleet.clients", "ecfleet.sandbox"):
        importlib.import_module(name)


@pytest.fixture
def area(pytester: pytest.Pytester, rules_text: Callable[..., str]) -> pytest.Pytester:
    """A directory of pytest's with a suite ``suite`` of one area ``logs`` in it."""
    pytester.makeini(CONFIGURATION)
    pytester.makepyfile(**{"suite/__init__": "", "suite/logs/__init__": "", "suite/logs/test_logs": TESTS})
    (pytester.path / "suite" / "logs" / "rules.toml").write_text(
        rules_text("LOG-01", "LOG-02", "LOG-03"), encoding="utf-8"
    )
    return pytester


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess(
        "-p", "no:randomly", "-p", "no:cacheprovider", "--import-mode=importlib", *arguments
    )


def test_verdicts_are_told_at_the_end(area: pytest.Pytester) -> None:
    result = run(area, "--ecf-seed", "7")
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*RuleViolation: a number: expected 1, seen 2",
            "*- ecfleet -*",
            "LOG-02 (must): The rule LOG-02 in one sentence.",
            'source:      OpenSSL set-up of ecFlow 5, "A heading"',
            "replay with: ecfleet check --seed 7 --case 'suite/logs/test_logs.py::test_deviates[[]2]'",
            "*= ecfleet: verdicts (seed 7) =*",
            "LOG-01     mocks          pass",
            "LOG-02     mocks          fail             a number: expected 1, seen 2",
            "LOG-03     mocks          not-run          not run: needs nginx; install it with: *",
        ]
    )


def test_a_known_deviation_is_an_expected_failure_with_its_reason(area: pytest.Pytester) -> None:
    (area.path / "w.toml").write_text(WAIVER.format(rule="LOG-02", observed="seen 2"), encoding="utf-8")
    result = run(area, "--ecf-waivers", "w.toml", "-rx")
    result.assert_outcomes(passed=2, xfailed=1, skipped=1)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "LOG-02     mocks          known-deviation  The released program does so.",
            "XFAIL */test_logs.py::test_deviates[[]2] - known deviation: The released program does so.",
        ]
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_rule_that_holds_though_listed_fails_the_run(area: pytest.Pytester, workers: str) -> None:
    entries = WAIVER.format(rule="LOG-01", observed="x") + WAIVER.format(rule="LOG-02", observed="seen 2")
    (area.path / "w.toml").write_text(entries, encoding="utf-8")
    result = run(area, "--ecf-waivers", "w.toml", "-n", workers)
    result.assert_outcomes(passed=2, xfailed=1, skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["FAILED unused waiver of LOG-01 in w.toml (mocks: 'x'): nothing failed that it covers: *"]
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_verdicts_of_worker_processes_are_put_together(area: pytest.Pytester, workers: str) -> None:
    many = TESTS.replace("[1, 2]", "range(8)").replace("expect(number, 1,", "expect(number < 7, True,")
    area.makepyfile(**{"suite/logs/test_logs": many})
    result = run(area, "-n", workers, "--ecf-seed", "7")
    result.assert_outcomes(passed=8, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "*= ecfleet: verdicts (seed 7) =*",
            "LOG-01     mocks          pass",
            "LOG-02     mocks          fail             a number: expected True, seen False",
            "LOG-03     mocks          not-run          not run: needs nginx; *",
        ],
        consecutive=True,
    )


def test_a_part_of_a_rule_does_not_make_its_waiver_stale(area: pytest.Pytester) -> None:
    (area.path / "w.toml").write_text(WAIVER.format(rule="LOG-02", observed="seen 2"), encoding="utf-8")
    result = run(area, "--ecf-waivers", "w.toml", "-k", "test_deviates and 1")
    result.assert_outcomes(passed=1, deselected=3)
    assert result.ret == pytest.ExitCode.OK


def test_rules_and_subjects_can_be_chosen(area: pytest.Pytester) -> None:
    run(area, "--ecf-rule", "LOG-01", "--ecf-rule", "log-03").assert_outcomes(
        passed=1, skipped=1, deselected=2
    )
    run(area, "--ecf-only", "client").assert_outcomes(deselected=4)
    result = run(area, "--ecf-rule", "NOPE")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: ecfleet: no rule's id begins with 'NOPE'*"])


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("def test_x(): pass", "*test_logs.py::test_x: a test in * decides one rule: mark it @rule(ID)"),
        ('@rule("LOG-09")\ndef test_x(): pass', "*test_logs.py::test_x: *rules.toml has no rule 'LOG-09'"),
        (
            '@rule("LOG-01")\ndef test_x(ecf_client): pass',
            "*test_logs.py::test_x: rule LOG-01 is about a service and must not use ecf_client",
        ),
    ],
)
def test_a_test_that_does_not_fit_the_catalogue_stops_the_run(
    area: pytest.Pytester, test: str, told: str
) -> None:
    area.makepyfile(**{"suite/logs/test_logs": HEAD + test})
    result = run(area)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: ecfleet: {told}"])


def test_a_rule_test_without_a_catalogue_stops_the_run(pytester: pytest.Pytester) -> None:
    pytester.makeini(CONFIGURATION)
    pytester.makepyfile(test_a=HEAD + '@rule("LOG-01")\ndef test_x(): pass')
    result = run(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: ecfleet: test_a.py::test_x: decides a rule, but * has no rules.toml"]
    )


CLIENT_TESTS = (
    HEAD
    + """
@rule("CLI-01")
def test_name(ecf_client, ecf_dialect):
    expect(ecf_dialect, ecf_client.dialect, "dialect")

@rule("CLI-02")
def test_flies(ecf_client):
    raise OSError("must not be run")
"""
)


@pytest.fixture
def client_area(pytester: pytest.Pytester, rules_text: Callable[..., str]) -> pytest.Pytester:
    """An area of two rules about clients; the second needs what no client has."""
    pytester.makeini(CONFIGURATION)
    pytester.makepyfile(
        **{"suite/__init__": "", "suite/cli/__init__": "", "suite/cli/test_cli": CLIENT_TESTS}
    )
    first = rules_text("CLI-01", subject="client")
    second = rules_text("CLI-02", subject="client", capabilities=("flying",))
    (pytester.path / "suite" / "cli" / "rules.toml").write_text(
        first + second[second.index("[[rule]]") :], encoding="utf-8"
    )
    return pytester


def test_a_rule_for_which_a_client_lacks_a_capability_is_not_run(client_area: pytest.Pytester) -> None:
    result = run(client_area)
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "CLI-01     builtin        pass",
            "CLI-02     builtin        not-applicable   not applicable: builtin lacks flying",
        ]
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--ecf-client", "/no/such/program"], "*/no/such/program*"),
        (
            ["--ecf-mutant", "CLI-01.x"],
            "there is no mutant 'CLI-01.x'; there are: CLI-01.is-odd, CLI-01.is-wrong",
        ),
        (
            ["--ecf-mutant", "CLI-01.is-wrong"],
            "mutant CLI-01.is-wrong: 'behaviour' has names beside *encode*",
        ),
        (
            ["--ecf-mutant", "CLI-01.is-odd", "--ecf-client", "ecflow_client"],
            "mutant CLI-01.is-odd is one of the built-in client, not of ecflow_client",
        ),
        (["--ecf-waivers", "none.toml"], "none.toml: cannot be read: No such file or directory"),
    ],
)
def test_an_option_that_cannot_be_followed_is_told(
    client_area: pytest.Pytester, arguments: list[str], told: str
) -> None:
    client_area.makepyfile(
        **{
            "suite/cli/mutants": """
            from ecfleet import Mutant
            MUTANTS = [
                Mutant(id="CLI-01.is-odd", rule="CLI-01", sentence="s", behaviour={"exit_code": print}),
                Mutant(id="CLI-01.is-wrong", rule="CLI-01", sentence="s", behaviour={"no_such": print}),
            ]
            """
        }
    )
    result = run(client_area, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: ecfleet: {told}"])


PROPERTY = (
    HEAD
    + """
from hypothesis import given, strategies as st

@rule("LOG-01")
@given(number=st.integers())
def test_property(number, ecf_seed, ecf_journal):
    expect(abs(number) < 2**90, True, "size")

def settings_of_the_suite():
    return test_property._hypothesis_internal_use_settings

@rule("LOG-02")
def test_settings():
    used = settings_of_the_suite()
    expect((used.max_examples, used.database, used.deadline), (3, None, None), "settings")

@rule("LOG-03")
def test_third():
    pass
"""
)


def test_a_suite_has_its_own_settings_of_hypothesis(area: pytest.Pytester) -> None:
    from hypothesis import settings

    before = settings.get_current_profile_name()
    area.makepyfile(**{"suite/logs/test_logs": PROPERTY})
    run(area, "--ecf-examples", "3").assert_outcomes(passed=3)
    assert settings.get_current_profile_name() == before


COROUTINES = (
    HEAD
    + """
from hypothesis import given, strategies as st

@rule("LOG-01")
async def test_coroutine():
    expect(1, 2, "a number")

@rule("LOG-02")
@given(number=st.integers())
async def test_property(number):
    expect(1, 2, "a number")

class TestMore:
    @rule("LOG-03")
    async def test_method(self):
        expect(1, 2, "a number")
"""
)


def test_coroutines_are_tests_whatever_the_users_mode(area: pytest.Pytester) -> None:
    area.makeini(CONFIGURATION.replace("auto", "strict"))
    area.makepyfile(**{"suite/logs/test_logs": COROUTINES})
    run(area).assert_outcomes(failed=3)


FIXTURES = """
import asyncio
import socket

def reached(address):
    with socket.create_connection(address, timeout=10):
        return True

def test_services_listen(
    ecf_server, ecf_tls_server, ecf_http_server, ecf_log_server, ecf_socks_proxy, ecf_auth_chain, ecf_journal
):
    for service in (
        ecf_server, ecf_tls_server, ecf_http_server, ecf_log_server, ecf_socks_proxy,
        ecf_auth_chain.proxy, ecf_auth_chain.auth, ecf_auth_chain.server,
    ):
        assert reached(service.address)
        assert service.journal is ecf_journal

async def test_a_coroutine_can_use_them(ecf_server):
    reader, writer = await asyncio.open_connection(*ecf_server.address)
    writer.close()
    await writer.wait_closed()

def test_a_client_can_use_them(ecf_client, ecf_sandbox, ecf_server, ecf_tls_server):
    from ecfleet import Action, Call, Transport

    for server, transport in ((ecf_server, Transport.TCP), (ecf_tls_server, Transport.SSL)):
        host, port = server.address
        outcome = ecf_client.run(Call(Action.PING, host, port, transport=transport), ecf_sandbox)
        assert outcome.ok, outcome

def test_the_log_server_serves(ecf_log_server, ecf_log_dir, ecf_client, ecf_sandbox):
    from ecfleet import Action, Call

    (ecf_log_dir / "job.1").write_bytes(b"output")
    call = Call(Action.LOG_FETCH, *ecf_log_server.address, arguments=(str(ecf_log_dir / "job.1"),))
    assert ecf_client.run(call, ecf_sandbox).fetched == b"output"

def test_fleets_are_made(ecf_fleet, ecf_journal, ecf_seed):
    fleet = ecf_fleet()
    server = fleet.ecflow_server("mine")
    with fleet:
        assert reached(server.address)
    assert (fleet.journal, fleet.seed) == (ecf_journal, ecf_seed)
    assert ecf_fleet(seed=3).seed == 3
"""


@pytest.mark.shares_threads
def test_fixtures_work_in_anybodys_tests(pytester: pytest.Pytester) -> None:
    pytester.makeini(CONFIGURATION)
    pytester.makepyfile(test_mine=FIXTURES)
    result = run(pytester)
    result.assert_outcomes(passed=5)
    result.stdout.no_fnmatch_line("*ecfleet: verdicts*")


LIGHT = """
import sys
import pytest
before = set(sys.modules)
import ecfleet.plugin
new = {name for name in set(sys.modules) - before}
print(*sorted(new))
"""


def test_the_plugin_loads_next_to_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True, timeout=60
    )
    ours = {name for name in ended.stdout.split() if name.startswith("ecfleet")}
    assert ours == {"ecfleet", "ecfleet.plugin", "ecfleet.fixtures"}
    heavy = {"hypothesis", "cryptography", "trustme", "uvloop", "ssl", "asyncio", "mitmproxy"}
    assert not heavy & set(ended.stdout.split())


def test_a_run_without_rules_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_mine():
            assert "ecfleet.judging" not in sys.modules
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*ecfleet: verdicts*")


def test_the_public_names_are_all_there() -> None:
    import ecfleet

    assert sorted(ecfleet.__all__) == sorted(ecfleet._MODULE_OF)
    for name in ecfleet.__all__:
        assert getattr(ecfleet, name) is not None
    assert set(ecfleet.__all__) <= set(dir(ecfleet))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ecfleet.nothing  # noqa: B018
