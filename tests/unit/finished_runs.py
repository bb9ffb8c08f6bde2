"""Runs that are over, made by hand: what the tests of reports write about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ecfleet.events import Column, Run
from ecfleet.profiles import Staleness, StaleWaiver, Waiver
from ecfleet.rules import Area, Catalogue, Level, Rule, Severity, Source, Subject, Suite
from ecfleet.timeline import Kind, Step, Timeline
from ecfleet.verdicts import Case, ExitStatus, RuleResult, Verdict

MOCKS = Column("mocks", "mocks")
CLIENT = Column("ecflow_client", "ecflow_client", "5.9.2", "ecflow_client", ("ssl", "tcp"), "p.toml")


def rule(id: str, subject: Subject = Subject.CLIENT) -> Rule:
    return Rule(
        id=id,
        area="logs",
        sentence=f"The sentence of {id}.",
        why="So that it works.",
        level=Level.MUST,
        subject=subject,
        severity=Severity.HIGH,
        symptom="It does not work.",
        fix="Make it work.",
        sources=(Source("openssl", "A heading", "0" * 64), Source(release="5.9.2", experiment="a ping")),
        capabilities=frozenset({"tcp"}) if subject is Subject.CLIENT else frozenset(),
        field_bugs=("FB-02",),
    )


def case(name: str, verdict: Verdict, **texts: Any) -> Case:
    return Case(f"suite/logs/test_logs.py::{name}", verdict, **texts)


CASES = {
    "LOG-01": [case("holds", Verdict.PASS, seconds=0.25)],
    "LOG-02": [
        case(
            f"fails[{n}]",
            Verdict.FAIL,
            message=f"exit code: expected 0, seen {n}",
            what="exit code",
            expected="0",
            seen=str(n),
            example="number=5",
        )
        for n in range(1, 8)
    ],
    "LOG-03": [
        case(
            "deviates",
            Verdict.KNOWN_DEVIATION,
            message="exit code: expected 1, seen 0",
            waiver="It does not look.",
            waiver_source="p.toml",
        )
    ],
    "LOG-04": [case("unclear", Verdict.INCONCLUSIVE, message="inconclusive: a log")],
    "LOG-05": [
        case(
            "absent",
            Verdict.NOT_RUN,
            message="not run: needs nginx",
            needs="nginx",
            install="apt install nginx",
        )
    ],
    "LOG-06": [case("other", Verdict.NOT_APPLICABLE, message="not applicable: no TLS")],
    "LOG-07": [case("broken", Verdict.ERROR, message="OSError: disk", details="Traceback\nOSError: disk")],
    "LOG-08": [
        case("here", Verdict.PASS),
        case(
            "absent2",
            Verdict.NOT_RUN,
            message="not run: needs nginx",
            needs="nginx",
            install="apt install nginx",
        ),
    ],
}


def finished(ids: tuple[str, ...] = tuple(CASES), **changes: Any) -> Run:
    subject = Subject.LOGSERVER
    rules = tuple(rule(id, subject if id == "LOG-08" else Subject.CLIENT) for id in ids)
    area = Area("logs", "Log server", "LOG", Path("/suites/suite/logs"), rules, "About logs.")
    results = tuple(
        RuleResult(id, "mocks" if id == "LOG-08" else "ecflow_client", tuple(CASES[id])) for id in ids
    )
    run = Run(
        catalogue=Catalogue((Suite("suite", Path("/suites/suite"), (area,)),)),
        columns=(CLIENT, MOCKS) if "LOG-08" in ids else (CLIENT,),
        results=results,
        stale=(),
        faults=(),
        seed=7,
        began="2030-06-15T12:00:00+00:00",
        seconds=1.234,
        command="ecfleet check --seed 7",
        replays={
            (result.column, case.id): f"ecfleet check --case '{case.id}'"
            for result in results
            for case in result.cases
        },
        exit_status=ExitStatus.FAULT,
    )
    return replace(run, **changes)


STALE = StaleWaiver(
    Waiver("LOG-01", "seen 0", "r", "somebody", Path("/home/user/w.toml")),
    "ecflow_client",
    Staleness.UNUSED,
    "remove the waiver",
)

TIMELINE = Timeline(
    (
        Step(0.5, "ecflow_client", Kind.START, "starts: ecflow_client --ping", details=("ECF_SSL=1",)),
        Step(0.51, "reverse_proxy", Kind.CONNECTION, "https connection from ecflow_client", 1, 1),
        Step(
            0.52,
            "reverse_proxy",
            Kind.REQUEST,
            "request: POST /v1/ecflow CtsCmd PING",
            1,
            1,
            ("Authorization: Bearer ***1", "Host: <script>alert(1)</script>"),
        ),
        Step(0.53, "auth_service", Kind.REQUEST, "request: GET /authenticate", 2, 2),
        Step(0.54, "auth_service", Kind.ABANDONED, "ends without a reply: reset", 2, 2),
        Step(0.55, "reverse_proxy", Kind.REPLY, "reply: 500 Internal Server Error", 1, 1),
        Step(0.6, "ecflow_client", Kind.END, "ends with exit status 1 after 0.100 s"),
    ),
    left_out=3,
)


def with_timelines(run: Run) -> Run:
    """The run with an exchange in each case that does not hold."""
    told = (Verdict.FAIL, Verdict.KNOWN_DEVIATION, Verdict.ERROR)
    return replace(
        run,
        results=tuple(
            RuleResult(
                result.rule,
                result.column,
                tuple(
                    replace(case, timeline=TIMELINE) if case.verdict in told else case
                    for case in result.cases
                ),
            )
            for result in run.results
        ),
    )
