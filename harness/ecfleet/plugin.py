"""The pytest plugin: rule tests get their verdicts, and everybody gets fixtures that begin with ``ecf_``.

It is loaded into every pytest run of an environment that has ecfleet, so this module imports next to
nothing; the rest of ecfleet is imported when the first rule test is collected or the first fixture asked for.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Generator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from ecfleet.fixtures import (
    JUDGE,
    ecf_auth_chain,
    ecf_client,
    ecf_dialect,
    ecf_fleet,
    ecf_http_server,
    ecf_journal,
    ecf_log_dir,
    ecf_log_server,
    ecf_sandbox,
    ecf_seed,
    ecf_server,
    ecf_socks_proxy,
    ecf_tls_server,
)

if TYPE_CHECKING:
    from ecfleet.judging import Tally

__all__ = [
    "ecf_auth_chain",
    "ecf_client",
    "ecf_dialect",
    "ecf_fleet",
    "ecf_http_server",
    "ecf_journal",
    "ecf_log_dir",
    "ecf_log_server",
    "ecf_sandbox",
    "ecf_seed",
    "ecf_server",
    "ecf_socks_proxy",
    "ecf_tls_server",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ecfleet", "ecfleet: conformance of programs that talk to ecFlow")
    group.addoption(
        "--ecf-client",
        default="builtin",
        metavar="NAME|PATH",
        help="the client under test: builtin (default), the name of a client, or the path of its program",
    )
    group.addoption(
        "--ecf-rule",
        action="append",
        default=[],
        metavar="PREFIX",
        help="run the tests of rules whose id begins so, only (may be given several times)",
    )
    group.addoption("--ecf-mutant", metavar="ID", help="let the subject break one rule, by a mutant's id")
    group.addoption(
        "--ecf-seed", type=int, metavar="N", help="where every random choice comes from (default: random)"
    )
    group.addoption(
        "--ecf-examples", type=int, metavar="N", help="how many examples to generate for each property"
    )
    group.addoption(
        "--ecf-quick",
        action="store_true",
        help="only see whether a rule fails: no smallest example, no further tests of it",
    )
    group.addoption(
        "--ecf-no-profile", action="store_true", help="show known deviations of the client as failures"
    )
    group.addoption(
        "--ecf-waivers",
        action="append",
        default=[],
        metavar="FILE",
        help="a TOML file of deviations that are accepted here (may be given several times)",
    )
    group.addoption(
        "--ecf-keep", metavar="DIR", help="copy the sandbox of each rule test that does not pass to DIR"
    )
    group.addoption(
        "--ecf-only",
        choices=("client", "services"),
        help="run only the rules about clients, or only those about services",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ecf_rule(id): the rule of the catalogue that the test decides")
    if config.option.ecf_seed is None:
        # Chosen before the tests are, so that worker processes are told the same one.
        config.option.ecf_seed = random.SystemRandom().randrange(2**32)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Accounts(config), "ecfleet-accounts")


def pytest_unconfigure(config: pytest.Config) -> None:
    judge = config.stash.get(JUDGE, None)
    if judge is not None:
        judge.close()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    settings: Any = nullcontext()
    if isinstance(collector, pytest.Module) and (collector.path.parent / "rules.toml").is_file():
        from ecfleet import judging

        settings = judging.hypothesis_profile(
            collector.config.getoption("ecf_examples") or judging.EXAMPLES,
            quick=collector.config.getoption("ecf_quick"),
        )
    with settings:
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Module | pytest.Class, name: str, obj: object) -> None:
    # A rule's coroutine is a test whatever the user's asyncio_mode says of other coroutines.
    tested = getattr(getattr(obj, "hypothesis", None), "inner_test", obj)
    if inspect.iscoroutinefunction(tested) and any(
        mark.name == "ecf_rule" for mark in getattr(obj, "pytestmark", ())
    ):
        pytest.mark.asyncio(obj)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    folders = {item.path.parent for item in items}
    if not any((folder / "rules.toml").is_file() for folder in folders) and not any(
        item.get_closest_marker("ecf_rule") for item in items
    ):
        return
    from ecfleet.judging import Judge

    judge = config.stash[JUDGE] = Judge(config, items)
    left_out = [item for item in items if not judge.chosen(item)]
    if left_out:
        items[:] = [item for item in items if judge.chosen(item)]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    judge = item.config.stash.get(JUDGE, None)
    if judge is not None:
        judge.before(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    repeatable: Any = nullcontext()
    if hasattr(getattr(item, "function", None), "hypothesis") and item.get_closest_marker("ecf_rule"):
        from ecfleet import generation

        repeatable = generation.repeatable()
    with repeatable:
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    judge = item.config.stash.get(JUDGE, None)
    if judge is not None:
        judge.judge(item, call, report)
    return report


class _Accounts:
    """Adds up what the reports say, where pytest talks to its user: not in worker processes."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.tally: Tally | None = None
        self.complaints: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = getattr(report, "ecfleet", None)
        if told is None:
            return
        if self.tally is None:
            from ecfleet.judging import Tally

            self.tally = Tally()
        self.tally.add(told)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.tally is None:
            return
        from ecfleet.judging import stale_waivers

        for stale in stale_waivers(self.config, self.tally):
            waiver = stale.waiver
            self.complaints.append(
                f"{stale.staleness} waiver of {waiver.rule} in {waiver.source.name} "
                f"({stale.column}: {waiver.observed!r}): {stale.advice}"
            )
        if self.complaints and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.tally is None:
            return
        write = terminalreporter.write_line
        terminalreporter.section(f"ecfleet: verdicts (seed {self.config.option.ecf_seed})")
        for result in sorted(self.tally.results(), key=lambda result: result.rule):
            said = [case.waiver or case.message for case in result.cases if case.verdict is result.verdict]
            reason = f"  {said[0].splitlines()[0]}" if result.verdict != "pass" and said[0] else ""
            write(f"{result.rule:<10} {result.column:<14} {result.verdict:<15}{reason}".rstrip())
        for complaint in self.complaints:
            write(f"FAILED {complaint}", red=True)
