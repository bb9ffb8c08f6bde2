"""Runs the suites on clients and on the mocks, with pytest in this process, and gathers the verdicts."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import io
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ecfleet import profiles
from ecfleet.clients.configuration_waivers import known_deviations, profile_of
from ecfleet.events import (
    CaseFinished,
    Column,
    ColumnStarted,
    Event,
    Listener,
    RuleFinished,
    Run,
    RunFinished,
    RunStarted,
)
from ecfleet.interrupts import interruptible
from ecfleet.judging import Tally
from ecfleet.mutants import find_mutant
from ecfleet.profiles import MOCKS, StaleWaiver, Waiver
from ecfleet.replay import case_argument, replay_command
from ecfleet.rules import MARK, Catalogue, RulesError, Subject, Suite, check_tests
from ecfleet.verdicts import ExitStatus, RuleResult, Verdict, exit_status

if TYPE_CHECKING:
    from ecfleet.clients import ClientUnderTest

__all__ = ["Settings", "new_seed", "run"]

_INI = Path(__file__).with_name("suites.toml")

# pytest must see neither the user's configuration nor the plugins of the environment: they change the
# order of tests, their time limits, or what a warning does.
_ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
# These are all the plugins that a suite may count on.
_PLUGINS = ("ecfleet.plugin", "pytest_asyncio.plugin", "_hypothesis_pytestplugin")
_FORGOTTEN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_CURRENT_TEST", "PYTEST_DEBUG")


@dataclass(frozen=True, slots=True)
class Settings:
    """What to run, and how.

    ``clients`` are as :func:`ecfleet.clients.load_client` takes them. ``rules`` are id prefixes, empty for
    all; ``case`` is one test. ``profiles`` says whether shipped profiles explain deviations, ``waivers``
    are files of the user. ``examples`` is how many examples a property tries, None for the default.
    ``keep`` is where sandboxes are copied to. ``stop_at_first`` ends a program's tests at the first that
    does not pass. ``command`` is what the report calls the run. ``jobs`` is the number of processes.
    ``quick`` only finds out whether a rule fails: no smallest example, no further tests of that rule.
    """

    clients: tuple[str, ...]
    rules: tuple[str, ...] = ()
    seed: int = 0
    case: str = ""
    mutant: str = ""
    profiles: bool = True
    waivers: tuple[Path, ...] = ()
    examples: int | None = None
    keep: Path | None = None
    stop_at_first: bool = False
    command: str = ""
    jobs: int = 1
    quick: bool = False


def new_seed() -> int:
    """A seed that nobody can foresee."""
    return random.SystemRandom().randrange(2**32)


def run(catalogue: Catalogue, settings: Settings, listeners: Sequence[Listener] = ()) -> Run:
    """Run the suites as ``settings`` say and tell the listeners as it goes on.

    :raises ecfleet.clients.ClientError: when a client cannot be used.
    :raises ecfleet.rules.RulesError: when a rule, case or mutant asked for is not there.
    :raises ecfleet.profiles.ProfileError: when a profile or waiver file is wrong.
    :raises KeyboardInterrupt: when it is interrupted; nothing is left running.
    """

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    selected = catalogue.ids(settings.rules) if settings.rules else frozenset(catalogue.rules)
    targets = _targets(catalogue, settings)
    waivers = tuple(waiver for path in settings.waivers for waiver in profiles.read_waivers(path))
    profiles.check_rules(waivers, catalogue.rules)
    if settings.mutant:
        _check_mutant(catalogue, settings)
    columns = _columns(catalogue, settings, selected)
    for column in columns:
        described = known_deviations(column.name, column.release, with_profile=settings.profiles)
        profiles.check_rules(described, catalogue.rules)
    began, start = datetime.datetime.now(tz=datetime.UTC), time.perf_counter()
    tell(RunStarted(settings.seed, columns))
    results: list[RuleResult] = []
    stale: list[StaleWaiver] = []
    faults: list[str] = []
    for column, ended in _run_columns(catalogue, settings, columns, targets, tell):
        results += ended.results
        faults += ended.faults
        if not settings.case and not settings.mutant:
            mine: list[Waiver] = [*waivers]
            mine += known_deviations(column.name, column.release, with_profile=settings.profiles)
            today = datetime.datetime.now(tz=datetime.UTC).date()
            stale += profiles.review(mine, ended.results, client=column.name, today=today)
    finished = Run(
        catalogue=catalogue,
        columns=tuple(column for column in columns if any(r.column == column.label for r in results)),
        results=tuple(results),
        stale=tuple(stale),
        faults=tuple(faults),
        seed=settings.seed,
        began=began.isoformat(timespec="seconds"),
        seconds=time.perf_counter() - start,
        command=settings.command,
        replays=_replays(settings, columns, results),
        exit_status=_exit_status(results, stale, faults, asked=bool(settings.rules or settings.case)),
    )
    tell(RunFinished(finished))
    return finished


# --- what is run --------------------------------------------------------------------------------------


def _check_mutant(catalogue: Catalogue, settings: Settings) -> None:
    mutant = find_mutant(settings.mutant, catalogue.areas.values())
    if mutant.behaviour and settings.clients != ("builtin",):
        raise RulesError(f"mutant {mutant.id} is one of the built-in client: give --client builtin alone")


def _targets(catalogue: Catalogue, settings: Settings) -> list[str]:
    if settings.case:
        return [case_argument(settings.case, catalogue.suites)]
    if not settings.rules:
        return [str(suite.root) for suite in catalogue.suites]
    wanted = {catalogue.rules[id].area for id in catalogue.ids(settings.rules)}
    return [str(catalogue.areas[name].path) for name in sorted(wanted)]


def _columns(catalogue: Catalogue, settings: Settings, selected: Iterable[str]) -> tuple[Column, ...]:
    subjects = {catalogue.rules[id].subject for id in selected}
    columns: list[Column] = []
    if Subject.CLIENT in subjects:
        columns += [_column(argument) for argument in dict.fromkeys(settings.clients)]
        labels = [column.label for column in columns]
        columns = [
            replace(column, label=column.argument) if labels.count(column.label) > 1 else column
            for column in columns
        ]
    if subjects - {Subject.CLIENT}:
        columns.append(Column(MOCKS, MOCKS))
    return tuple(columns)


def _column(argument: str) -> Column:
    from ecfleet import clients

    client: ClientUnderTest = clients.load_client(argument)
    clients.close_client(client)
    profile = profile_of(client.name, client.release)
    return Column(
        label=client.name,
        name=client.name,
        release=client.release,
        argument=argument,
        capabilities=tuple(sorted(str(able) for able in client.capabilities)),
        profile=profile.path.name if profile else "",
    )


def _replays(
    settings: Settings, columns: Iterable[Column], results: Iterable[RuleResult]
) -> dict[tuple[str, str], str]:
    arguments = {column.label: column.argument for column in columns}
    return {
        (result.column, case.id): replay_command(
            case.id,
            seed=settings.seed,
            client=arguments[result.column],
            mutant=settings.mutant,
            profile=settings.profiles,
            waivers=settings.waivers,
            examples=settings.examples,
        )
        for result in results
        for case in result.cases
    }


def _exit_status(
    results: Iterable[RuleResult], stale: Sequence[StaleWaiver], faults: Sequence[str], *, asked: bool
) -> ExitStatus:
    applying: list[ExitStatus] = []
    for result in results:
        match result.verdict:
            case Verdict.ERROR:
                applying.append(ExitStatus.FAULT)
            case Verdict.FAIL:
                applying.append(ExitStatus.FAILED)
            case Verdict.INCONCLUSIVE:
                applying.append(ExitStatus.UNDECIDED)
            case _ if asked and any(result.having(Verdict.NOT_RUN)):
                # What is not installed is missed only by who names the rule.
                applying.append(ExitStatus.UNDECIDED)
    if stale:
        applying.append(ExitStatus.FAILED)
    if faults:
        applying.append(ExitStatus.FAULT)
    return exit_status(applying)


# --- pytest -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Ended:
    """What came of the tests for one program, or of some of them."""

    results: list[RuleResult] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def _run_columns(
    catalogue: Catalogue,
    settings: Settings,
    columns: Sequence[Column],
    targets: Sequence[str],
    tell: Listener,
) -> Iterator[tuple[Column, Ended]]:
    if settings.jobs > 1 and not settings.case:
        from ecfleet import column_parts

        yield from column_parts.run_columns(catalogue, settings, columns, targets, tell)
        return
    for column in columns:
        yield column, run_column(catalogue, settings, column, targets, tell)


def run_column(
    catalogue: Catalogue,
    settings: Settings,
    column: Column,
    targets: Sequence[str],
    tell: Listener,
    *,
    collect_only: bool = False,
) -> Ended:
    """Run the tests for one program in this process.

    :param targets: files, directories or tests, as pytest takes them.
    :param collect_only: only see which tests there are, and tell :class:`ColumnStarted`.
    :raises ecfleet.rules.RulesError: when a case asked for is not there.
    :raises KeyboardInterrupt: when it is interrupted; nothing is left running.
    """
    gatherer = _Gatherer(catalogue, column, tell, whole=not settings.case)
    noise = io.StringIO()
    with (
        tempfile.TemporaryDirectory(prefix="ecfleet-check-") as scratch,
        _environment(),
        _hypothesis_at_home(Path(scratch)),
        interruptible(),
    ):
        arguments = _arguments(settings, catalogue.suites, column, targets, Path(scratch))
        if collect_only:
            arguments.append("--collect-only")
        with contextlib.redirect_stderr(noise), contextlib.redirect_stdout(noise):
            status = pytest.main(arguments, plugins=[*map(importlib.import_module, _PLUGINS), gatherer])
    gatherer.forget_modules()
    if gatherer.interrupted:
        raise KeyboardInterrupt
    if settings.case and status == pytest.ExitCode.USAGE_ERROR:
        raise RulesError(f"there is no case {settings.case!r} in this release of the suite")
    ended = Ended(gatherer.tally.results(), list(gatherer.faults))
    if status == pytest.ExitCode.USAGE_ERROR:
        # Then nothing was run, and what else seems to be wrong follows from that.
        ended.faults[:] = [noise.getvalue().strip().removeprefix("ERROR: ") or "pytest refused its options"]
    if status == pytest.ExitCode.INTERNAL_ERROR and not ended.faults:
        ended.faults.append("pytest failed with an internal error")
    return ended


def _arguments(
    settings: Settings, suites: Iterable[Suite], column: Column, targets: Sequence[str], scratch: Path
) -> list[str]:
    # Below the root, a test is named by its path, and no two of them alike.
    root = os.path.commonpath([suite.root.parent for suite in suites])
    arguments = ["-c", str(_INI), f"--rootdir={root}", f"--basetemp={scratch / 'tests'}", "--noconftest"]
    for plugin in ("terminal", "cacheprovider", "faulthandler"):
        arguments += ["-p", f"no:{plugin}"]
    arguments += [f"--ecf-client={column.argument or 'builtin'}", f"--ecf-seed={settings.seed}"]
    arguments.append(f"--ecf-only={'client' if column.argument else 'services'}")
    arguments += [f"--ecf-rule={prefix}" for prefix in settings.rules]
    arguments += [f"--ecf-waivers={path.absolute()}" for path in settings.waivers]
    if settings.mutant:
        arguments.append(f"--ecf-mutant={settings.mutant}")
    if not settings.profiles:
        arguments.append("--ecf-no-profile")
    if settings.examples is not None:
        arguments.append(f"--ecf-examples={settings.examples}")
    if settings.keep is not None:
        arguments.append(f"--ecf-keep={settings.keep.absolute()}")
    if settings.quick:
        arguments.append("--ecf-quick")
    if settings.stop_at_first:
        arguments.append("--maxfail=1")
    return [*arguments, *targets]


@contextlib.contextmanager
def _hypothesis_at_home(folder: Path) -> Iterator[None]:
    """Let Hypothesis keep its caches in ``folder``, and not in the user's working directory."""
    from hypothesis import configuration

    configuration.set_hypothesis_home_dir(folder)
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(None)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """The process's environment without what steers pytest, for a while."""
    before = {name: os.environ.get(name) for name in (*_ENVIRONMENT, *_FORGOTTEN)}
    for name in _FORGOTTEN:
        os.environ.pop(name, None)
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Gatherer:
    """The plugin that hears what pytest reports and tells it on."""

    def __init__(self, catalogue: Catalogue, column: Column, tell: Listener, *, whole: bool) -> None:
        self.catalogue = catalogue
        self.column = column
        self.tell = tell
        self.whole = whole
        self.tally = Tally()
        self.faults: list[str] = []
        self.interrupted = False
        self._tested: set[str] = set()
        self._collected: set[Path] = set()
        self._modules: set[str] = set()
        self._due: dict[str, int] = {}
        self._running: dict[str, str] = {}

    def forget_modules(self) -> None:
        """Let the next run import the tests again: how many examples they try is settled as they are."""
        for name in self._modules:
            sys.modules.pop(name, None)

    def pytest_configure(self, config: pytest.Config) -> None:
        # Tracebacks are shown of ecfleet's own faults only; pytest's own style parses the source of each.
        config.option.tbstyle = "native"

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if (module := getattr(item, "module", None)) is not None:
            self._modules.add(module.__name__)
        self._tested |= {mark.args[0] for mark in item.iter_markers(MARK) if mark.args}
        self._collected.add(item.path.parent)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.faults.append(f"{report.nodeid}: cannot be collected: {report.longrepr}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.whole and not self.faults:
            areas = [area for area in self.catalogue.areas.values() if area.path in self._collected]
            try:
                check_tests(areas, self._tested)
            except RulesError as error:
                self.faults.append(str(error))
        judged = [mark.args[0] for item in session.items for mark in item.iter_markers(MARK)]
        for id in judged:
            self._due[id] = self._due.get(id, 0) + 1
        if judged:
            self.tell(ColumnStarted(self.column, len(self._due), len(judged)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: dict[str, Any] | None = getattr(report, "ecfleet", None)
        if told is not None:
            rule, _ = self.tally.add({**told, "column": self.column.label})
            self._running[rule] = str(told["case"]["id"])
        if report.when == "teardown":
            self._finish_cases()

    def _finish_cases(self) -> None:
        for rule, id in self._running.items():
            self.tell(CaseFinished(self.column, rule, self.tally.cases[rule][id]))
            self._due[rule] -= 1
            if not self._due[rule]:
                cases = tuple(self.tally.cases[rule].values())
                self.tell(RuleFinished(self.column, RuleResult(rule, self.column.label, cases)))
        self._running.clear()

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        # pytest's own reasons to stop early are told as a kind of KeyboardInterrupt as well.
        if isinstance(excinfo.value, KeyboardInterrupt) and not isinstance(
            excinfo.value, pytest.Session.Interrupted
        ):
            self.interrupted = True

    def pytest_internalerror(self, excrepr: object) -> bool:
        self.faults.append(f"pytest failed: {excrepr}")
        return True
