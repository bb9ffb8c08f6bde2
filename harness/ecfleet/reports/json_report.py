"""The report as JSON, by the schema ``report.schema.json`` that is shipped beside this module."""

from __future__ import annotations

import json
import platform
from collections import Counter
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ecfleet.events import Column, Run
from ecfleet.profiles import Profile, shipped_profiles
from ecfleet.reports.comparison import Comparison
from ecfleet.reports.files import ReportError, check_writable, write_whole
from ecfleet.reports.truths import Truth, truths_of
from ecfleet.rules import Area, Rule, Source
from ecfleet.verdicts import Case, RuleResult, Verdict
from ecfleet.version import version

__all__ = ["FORMAT", "SCHEMA", "ReportError", "as_table", "check_writable", "write"]

FORMAT = 1
"""Grows when a reader of an older report could misread a newer one."""

SCHEMA = Path(__file__).with_name("report.schema.json")


def as_table(run: Run, comparison: Comparison | None = None) -> dict[str, Any]:
    """The run, and what has changed since another one, as plain data that fits the schema."""
    counts = Counter(result.verdict for result in run.results)
    told = {result.rule for result in run.results}
    profiles = shipped_profiles()
    areas = [area for area in run.catalogue.areas.values() if told & {rule.id for rule in area.rules}]
    return {
        "format": FORMAT,
        "ecfleet": version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "began": run.began,
        "seconds": round(run.seconds, 3),
        "seed": run.seed,
        "command": run.command,
        "exit_status": int(run.exit_status),
        "counts": {str(verdict): counts[verdict] for verdict in Verdict},
        "columns": [_column(column) for column in run.columns],
        "areas": [_area(area) for area in areas],
        "rules": [_rule(rule, run, profiles) for rule in run.catalogue.rules.values() if rule.id in told],
        "results": [_result(result, run) for result in run.results],
        "stale_waivers": [
            {
                "rule": stale.waiver.rule,
                "column": stale.column,
                "staleness": str(stale.staleness),
                "observed": stale.waiver.observed,
                "source": stale.waiver.source.name,
                "owner": stale.waiver.owner,
                "advice": stale.advice,
            }
            for stale in run.stale
        ],
        "faults": list(run.faults),
        **({"comparison": comparison.as_table()} if comparison is not None else {}),
    }


def write(run: Run, path: Path, comparison: Comparison | None = None) -> None:
    """Write the report to ``path``, whole or not at all.

    :raises ReportError: when that cannot be done.
    """
    text = json.dumps(as_table(run, comparison), indent=2, ensure_ascii=False)
    write_whole(path, f"{text}\n")


def _column(column: Column) -> dict[str, Any]:
    return {
        "label": column.label,
        "name": column.name,
        "release": column.release,
        "kind": "client" if column.argument else "services",
        "capabilities": list(column.capabilities),
        "profile": column.profile,
    }


def _area(area: Area) -> dict[str, Any]:
    return {"name": area.name, "title": area.title, "prefix": area.prefix, "summary": area.summary}


def _rule(rule: Rule, run: Run, profiles: tuple[Profile, ...]) -> dict[str, Any]:
    truths = truths_of(rule, profiles, run)
    return {
        "id": rule.id,
        "area": rule.area,
        "sentence": rule.sentence,
        "why": rule.why,
        "level": str(rule.level),
        "subject": str(rule.subject),
        "severity": str(rule.severity),
        "capabilities": sorted(rule.capabilities),
        "symptom": rule.symptom,
        "fix": rule.fix,
        "field_bugs": list(rule.field_bugs),
        "sources": [_source(source) for source in rule.sources],
        "truths": {
            "document": _truth(truths.document),
            "releases": [_truth(truth) for truth in truths.releases],
            "at_hand": [_truth(truth) for truth in truths.at_hand],
        },
    }


def _truth(truth: Truth) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(truth).items()}


def _source(source: Source) -> dict[str, str]:
    given = {field.name: str(getattr(source, field.name)) for field in fields(source)}
    return {name: value for name, value in given.items() if value} | {"citation": source.citation}


def _result(result: RuleResult, run: Run) -> dict[str, Any]:
    return {
        "rule": result.rule,
        "column": result.column,
        "verdict": str(result.verdict),
        "seconds": round(result.seconds, 6),
        "counts": {str(verdict): count for verdict, count in sorted(result.counts.items())},
        "cases": [_case(case, result.column, run) for case in result.cases],
    }


def _case(case: Case, column: str, run: Run) -> dict[str, Any]:
    return {**case.as_table(), "replay": run.replays[column, case.id]}
