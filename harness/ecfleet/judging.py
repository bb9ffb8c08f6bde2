"""Rule tests inside a pytest session: which rule each decides, for which client, and what it found."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ecfleet import profiles, touching, verdicts
from ecfleet.clients import probe
from ecfleet.clients.configuration import ConfigurationError
from ecfleet.clients.configuration_waivers import known_deviations
from ecfleet.clients.contract import close_client
from ecfleet.evidence import with_evidence
from ecfleet.fixtures import WITNESS
from ecfleet.generation import case_seed
from ecfleet.mutants import Mutant, find_mutant
from ecfleet.replay import case_id, replay_command
from ecfleet.rules import MARK, RULES_FILE, Area, Catalogue, Rule, RulesError, Subject, Suite, read_area
from ecfleet.timeline import lines
from ecfleet.verdicts import Case, RuleResult, Verdict
from ecfleet.witness import mark_examples

if TYPE_CHECKING:
    from ecfleet.clients import ClientUnderTest

EXAMPLES = 25
"""How many examples Hypothesis tries for a property of a rule, unless told otherwise."""

PROFILE = "ecfleet-suites"


@contextmanager
def hypothesis_profile(examples: int, *, quick: bool = False) -> Iterator[None]:
    """Settings of Hypothesis for the tests of a suite, in force while their module is imported.

    No database and no deadline: a run is repeated by its seed, and a client takes the time it takes.

    :param quick: do not look for the smallest example of a failure.
    """
    from hypothesis import HealthCheck, Phase, settings

    before = settings.get_current_profile_name()
    settings.register_profile(
        PROFILE,
        settings.get_profile("default"),
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        print_blob=False,
        phases=(Phase.explicit, Phase.generate) if quick else tuple(Phase),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    settings.load_profile(PROFILE)
    try:
        yield
    finally:
        settings.load_profile(before)


@dataclass(frozen=True, slots=True)
class Marked:
    """A test that decides a rule. ``total`` is how many tests of the session decide the same one."""

    rule: Rule
    case: str
    total: int


@dataclass(slots=True)
class Tally:
    """The cases of a session as its reports come in, also from worker processes."""

    cases: dict[str, dict[str, Case]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)

    def add(self, told: dict[str, Any]) -> tuple[str, Case]:
        """Take what :meth:`Judge.judge` put on a report; the rule's id and the case as it stands now."""
        rule, case = str(told["rule"]), Case.from_table(told["case"])
        cases = self.cases.setdefault(rule, {})
        self.totals[rule], self.columns[rule] = int(told["total"]), str(told["column"])
        self.releases[rule] = str(told["release"])
        earlier = cases.get(case.id)
        if earlier is not None:
            # Something went wrong around a test that had its verdict already.
            worse = case if verdicts.combine((earlier.verdict, case.verdict)) is case.verdict else earlier
            case = replace(worse, seconds=earlier.seconds + case.seconds)
        cases[case.id] = case
        return rule, case

    def results(self) -> list[RuleResult]:
        """A verdict for each rule, by the cases that ended."""
        return [
            RuleResult(rule, self.columns[rule], tuple(cases.values())) for rule, cases in self.cases.items()
        ]

    def whole(self) -> list[RuleResult]:
        """The verdicts on the rules of which every test ended."""
        return [result for result in self.results() if len(result.cases) == self.totals[result.rule]]


class Judge:
    """What a session knows about its rule tests.

    :param config: pytest's; the ``--ecf-`` options are read from it.
    :param items: the tests collected, before any is deselected.
    :raises pytest.UsageError: when tests and catalogue do not fit, or an option cannot be followed.
    """

    def __init__(self, config: pytest.Config, items: Sequence[pytest.Item]) -> None:
        self.config = config
        self.areas: dict[Path, Area] = {}
        self._around: dict[str, float] = {}
        self._hidden: dict[str, bool] = {}
        self._open: dict[str, Verdict] = {}
        self._broken: set[str] = set()
        self.today = datetime.datetime.now(tz=datetime.UTC).date()
        try:
            self._marked = self._mark(items)
            suites: dict[Path, list[Area]] = {}
            for area in self.areas.values():
                suites.setdefault(area.path.parent, []).append(area)
            self.catalogue = Catalogue(
                tuple(Suite(root.name, root, tuple(areas)) for root, areas in suites.items())
            )
            self.mutant: Mutant | None = touching.observer()
            if wanted := config.getoption("ecf_mutant"):
                self.mutant = find_mutant(wanted, self.areas.values())
            self.selected = self._select()
            self.client: ClientUnderTest | None = None
            if any(self.catalogue.rules[id].subject is Subject.CLIENT for id in self.selected):
                self.client = self._load_client()
            self.waivers = waivers_of(config, self.client.name, self.client.release) if self.client else ()
            self.service_waivers = waivers_of(config, profiles.MOCKS, "")
        except (RulesError, profiles.ProfileError, ConfigurationError) as error:
            raise pytest.UsageError(f"ecfleet: {error}") from None

    # --- which tests --------------------------------------------------------------------------------

    def _mark(self, items: Sequence[pytest.Item]) -> dict[str, Marked]:
        found: dict[str, tuple[Rule, str]] = {}
        for item in items:
            rule = self._rule_of(item)
            if rule is not None:
                found[item.nodeid] = (rule, case_id(item.path, item.nodeid))
        totals = Counter(rule.id for rule, _ in found.values())
        return {nodeid: Marked(rule, case, totals[rule.id]) for nodeid, (rule, case) in found.items()}

    def _rule_of(self, item: pytest.Item) -> Rule | None:
        named = [mark.args for mark in item.iter_markers(MARK)]
        folder = item.path.parent
        if folder not in self.areas:
            if not (folder / RULES_FILE).is_file():
                if named:
                    raise RulesError(f"{item.nodeid}: decides a rule, but {folder} has no {RULES_FILE}")
                return None
            self.areas[folder] = read_area(folder)
        if len(named) != 1 or len(named[0]) != 1:
            raise RulesError(f"{item.nodeid}: a test in {folder} decides one rule: mark it @rule(ID)")
        id = named[0][0]
        for rule in self.areas[folder].rules:
            if rule.id == id:
                if rule.subject is not Subject.CLIENT and "ecf_client" in getattr(item, "fixturenames", ()):
                    raise RulesError(
                        f"{item.nodeid}: rule {id} is about a service and must not use ecf_client"
                    )
                return rule
        raise RulesError(f"{item.nodeid}: {folder / RULES_FILE} has no rule {id!r}")

    def _select(self) -> frozenset[str]:
        prefixes = self.config.getoption("ecf_rule")
        tested = {marked.rule.id for marked in self._marked.values()}
        wanted = self.catalogue.ids(prefixes) & tested if prefixes else tested
        only = self.config.getoption("ecf_only")
        if only:
            about_clients = only == "client"
            rules = self.catalogue.rules
            wanted = {id for id in wanted if (rules[id].subject is Subject.CLIENT) == about_clients}
        return frozenset(wanted)

    def chosen(self, item: pytest.Item) -> bool:
        """Whether the options let this test run."""
        marked = self._marked.get(item.nodeid)
        return marked is None or marked.rule.id in self.selected

    # --- for whom -----------------------------------------------------------------------------------

    def _load_client(self) -> ClientUnderTest:
        from ecfleet import clients

        name = self.config.getoption("ecf_client")
        if self.mutant is not None and self.mutant.behaviour:
            if name != "builtin":
                raise RulesError(f"mutant {self.mutant.id} is one of the built-in client, not of {name}")
            try:
                return clients.BuiltinClient(behaviour=replace(clients.Behaviour(), **self.mutant.behaviour))
            except TypeError:
                names = ", ".join(field.name for field in fields(clients.Behaviour))
                raise RulesError(f"mutant {self.mutant.id}: 'behaviour' has names beside {names}") from None
        try:
            return clients.load_client(name)
        except clients.ClientError as error:
            raise RulesError(str(error)) from None

    def close(self) -> None:
        """End what the client keeps running."""
        if self.client is not None:
            close_client(self.client)

    def client_of(self, rule: Rule) -> str:
        """The name of the program that the rule is tested on."""
        return self.client.name if self.client and rule.subject is Subject.CLIENT else profiles.MOCKS

    # --- what came of it ----------------------------------------------------------------------------

    def before(self, item: pytest.Item) -> None:
        """Called before the fixtures of a test are made.

        :raises verdicts.NotApplicable: when the client lacks a capability that the rule needs.
        """
        marked = self._marked.get(item.nodeid)
        if marked is None:
            return
        if marked.rule.id in self._broken:
            verdicts.inconclusive("not needed: another test of the rule has failed")
        touching.begin(marked.rule.id)
        self._seed(item, marked.case)
        if self.client is not None and marked.rule.subject is Subject.CLIENT:
            lacking = marked.rule.capabilities - {str(able) for able in self.client.capabilities}
            if lacking:
                self._look_behind(lacking)
                verdicts.not_applicable(f"{self.client.name} lacks {', '.join(sorted(lacking))}")

    def _look_behind(self, lacking: frozenset[str]) -> None:
        """Fail a rule that a client escapes by a capability that it has and does not claim.

        :raises verdicts.RuleViolation: when it does, by what it does on a mock.
        """
        assert self.client is not None
        for capability in sorted(lacking):
            if capability not in self._hidden:
                self._hidden[capability] = bool(probe.hidden(self.client, {capability}))
            if self._hidden[capability]:
                verdicts.violated(
                    f"what {self.client.name} says of the capability {capability}",
                    expected="that it has it, as it does",
                    seen="that it lacks it",
                )

    def _seed(self, item: pytest.Item, case: str) -> None:
        """Give a property its seed, by itself, so that it repeats whatever else runs beside it."""
        function: Callable[..., Any] | None = getattr(item, "function", None)
        if function is not None and hasattr(function, "hypothesis"):
            from hypothesis import seed

            seed(case_seed(self.config.getoption("ecf_seed"), case))(function)
            item.stash[_UNMARK] = mark_examples(function, partial(_example_begins, item))

    def judge(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Put on a report what its phase says about the rule, and show a known deviation as expected."""
        marked = self._marked.get(item.nodeid)
        error = call.excinfo.value if call.excinfo is not None else None
        witness = item.stash.get(WITNESS, None)
        if call.when == "teardown":
            item.stash.get(_UNMARK, _nothing)()
            if witness is not None:
                del item.stash[WITNESS]
        if marked is None:
            return
        if error is None and call.when != "call":
            self._around[item.nodeid] = self._around.get(item.nodeid, 0.0) + call.duration
            return
        case = verdicts.judge(error, deciding=call.when == "call")
        if case.verdict is Verdict.PASS:
            case = replace(case, message="\n".join(_follows(item)))
        seconds = call.duration + self._around.pop(item.nodeid, 0.0)
        details = str(report.longrepr) if case.verdict is Verdict.ERROR else ""
        case = with_evidence(replace(case, id=marked.case, seconds=seconds, details=details), witness)
        if case.verdict is Verdict.FAIL:
            waivers = self.waivers if marked.rule.subject is Subject.CLIENT else self.service_waivers
            client = self.client_of(marked.rule)
            waiver = profiles.match(waivers, marked.rule.id, case, client=client, today=self.today)
            if waiver is not None:
                case = replace(
                    case,
                    verdict=Verdict.KNOWN_DEVIATION,
                    waiver=waiver.reason,
                    waiver_source=waiver.source.name,
                    waiver_evidence=waiver.evidence,
                )
                report.outcome = "skipped"
                report.wasxfail = f"known deviation: {waiver.reason}"
            else:
                report.sections.append(("ecfleet", self._explain(marked, case)))
                if self.config.getoption("ecf_quick"):
                    self._broken.add(marked.rule.id)
        elif case.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_RUN, Verdict.NOT_APPLICABLE):
            # Also what a test wraps in an exception group is a skip for pytest's own counts.
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, case.message)
        if case.verdict is not Verdict.PASS:
            self._open[item.nodeid] = case.verdict
        # Attributes of a report are handed on from worker processes as long as they are plain data.
        told = {
            "rule": marked.rule.id,
            "column": self.client_of(marked.rule),
            "release": self.client.release if self.client and marked.rule.subject is Subject.CLIENT else "",
            "total": marked.total,
            "case": case.as_table(),
        }
        report.ecfleet = told  # type: ignore[attr-defined]

    def keeps(self, item: pytest.Item) -> str | None:
        """The name of the directory to keep the files of a test in; None when its rule holds."""
        marked = self._marked.get(item.nodeid)
        if marked is None or item.nodeid not in self._open:
            return None
        return re.sub(r"[^\w.\[\]=-]+", "_", f"{marked.rule.id} {marked.case.rpartition('::')[2]}")

    def _explain(self, marked: Marked, case: Case) -> str:
        rule = marked.rule
        return "\n".join(
            (
                f"{rule.id} ({rule.level}): {rule.sentence}",
                f"source:      {rule.citation}",
                f"replay with: {self.replay(case, rule)}",
                *(lines(case.timeline) if case.timeline is not None else ()),
            )
        )

    def replay(self, case: Case, rule: Rule) -> str:
        """The command that runs just this case again."""
        return replay_command(
            case.id,
            seed=self.config.getoption("ecf_seed"),
            client=self.config.getoption("ecf_client") if rule.subject is Subject.CLIENT else "",
            mutant=self.config.getoption("ecf_mutant") or "",
            profile=not self.config.getoption("ecf_no_profile"),
            waivers=self.config.getoption("ecf_waivers"),
            examples=self.config.getoption("ecf_examples"),
        )


def _follows(item: pytest.Item) -> Iterator[str]:
    """What a test has recorded as ``ecf_follows``: whose behaviour it has seen, where several are right."""
    for name, value in item.user_properties:
        if name == "ecf_follows" and value:
            yield str(value)


def waivers_of(config: pytest.Config, client: str, release: str) -> tuple[profiles.Waiver, ...]:
    """The waivers that the options name for a program: its shipped profile's, and those of files.

    :raises profiles.ProfileError: when one of them is wrong.
    """
    waivers: list[profiles.Waiver] = []
    waivers += known_deviations(client, release, with_profile=not config.getoption("ecf_no_profile"))
    for path in config.getoption("ecf_waivers"):
        waivers += profiles.read_waivers(Path(path))
    return tuple(waiver for waiver in waivers if waiver.client in ("", client))


def stale_waivers(config: pytest.Config, tally: Tally) -> list[profiles.StaleWaiver]:
    """The waivers that are no longer true, by the rules of which every test ended."""
    stale: list[profiles.StaleWaiver] = []
    whole = tally.whole()
    today = datetime.datetime.now(tz=datetime.UTC).date()
    for client, release in sorted({(result.column, tally.releases[result.rule]) for result in whole}):
        mine = [result for result in whole if result.column == client]
        stale += profiles.review(waivers_of(config, client, release), mine, client=client, today=today)
    return stale


_UNMARK: pytest.StashKey[Callable[[], None]] = pytest.StashKey()


def _nothing() -> None:
    """What a test that is no property leaves to undo."""


def _example_begins(item: pytest.Item) -> None:
    witness = item.stash.get(WITNESS, None)
    if witness is not None:
        witness.example_begins()
