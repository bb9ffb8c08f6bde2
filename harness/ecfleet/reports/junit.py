"""The report as JUnit XML, by the schema ``junit.xsd`` that is shipped beside this module.

A test suite is an area for one program, a test case a case of a rule. What is no verdict on the program (not
run, not applicable, inconclusive) is skipped with its reason, as is a known deviation.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from ecfleet.events import Column, Run
from ecfleet.reports.files import write_whole
from ecfleet.rules import Area, Rule
from ecfleet.timeline import lines
from ecfleet.verdicts import Case, RuleResult, Verdict
from ecfleet.version import version

__all__ = ["SCHEMA", "as_text", "write"]

SCHEMA = Path(__file__).with_name("junit.xsd")

# What XML 1.0 has no way to hold (section "Characters").
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(run: Run, path: Path) -> None:
    """Write the report to ``path``, whole or not at all.

    :raises ecfleet.reports.files.ReportError: when that cannot be done.
    """
    write_whole(path, as_text(run))


def as_text(run: Run) -> str:
    """The run as JUnit XML."""
    root = ET.Element("testsuites", name="ecfleet check")
    for column in run.columns:
        for area in run.catalogue.areas.values():
            results = _results(run, column, area)
            if results:
                root.append(_suite(run, column, area, results))
    if run.faults or run.stale:
        root.append(_own(run))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", f"{run.seconds:.3f}")
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _results(run: Run, column: Column, area: Area) -> list[tuple[Rule, RuleResult]]:
    rules = {rule.id: rule for rule in area.rules}
    return [
        (rules[result.rule], result)
        for result in run.results
        if result.column == column.label and result.rule in rules
    ]


def _suite(run: Run, column: Column, area: Area, results: list[tuple[Rule, RuleResult]]) -> ET.Element:
    suite = ET.Element("testsuite", name=f"{column.title} {area.title}", package=f"ecfleet.{area.name}")
    suite.set("timestamp", run.began.partition("+")[0])
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("client", column.title),
        ("area", area.name),
        ("seed", str(run.seed)),
        ("command", run.command),
        ("ecfleet", version()),
    ):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    seconds = 0.0
    for rule, result in results:
        for case in result.cases:
            suite.append(_case(run, column, rule, case))
            seconds += case.seconds
    suite.set("time", f"{seconds:.3f}")
    return _counted(suite)


def _case(run: Run, column: Column, rule: Rule, case: Case) -> ET.Element:
    place, _, test = case.id.partition("::")
    element = ET.Element(
        "testcase",
        name=_clean(f"{rule.id} {test}"),
        classname=_clean(f"{column.label}.{place.removesuffix('.py').replace('/', '.')}"),
        time=f"{case.seconds:.3f}",
    )
    match case.verdict:
        case Verdict.FAIL:
            _add(element, "failure", case.message, _account(run, column, rule, case), type=rule.id)
        case Verdict.ERROR:
            _add(element, "error", case.message, _account(run, column, rule, case), type="ecfleet")
        case Verdict.KNOWN_DEVIATION:
            _add(element, "skipped", f"known deviation: {case.waiver}")
        case Verdict.PASS:
            pass
        case _:
            _add(element, "skipped", case.message)
    if case.verdict is Verdict.KNOWN_DEVIATION:
        ET.SubElement(element, "system-out").text = _clean("\n".join(_account(run, column, rule, case)))
    return element


def _account(run: Run, column: Column, rule: Rule, case: Case) -> Iterator[str]:
    yield f"rule      {rule.id} ({rule.level}): {rule.sentence}"
    yield f"source    {rule.citation}"
    if case.what:
        yield f"looked at {case.what}"
        yield f"expected  {case.expected}"
        yield f"seen      {case.seen}"
    else:
        yield f"seen      {case.message}"
    if case.waiver:
        yield f"reason    {case.waiver} ({case.waiver_source})"
    if case.example:
        yield f"example   {case.example}"
    yield f"replay    {run.replays[column.label, case.id]}"
    yield f"fix       {rule.fix}"
    if case.timeline is not None:
        yield "timeline"
        yield from lines(case.timeline)
    if case.details:
        yield case.details


def _own(run: Run) -> ET.Element:
    """What fails the run without being a case: waivers that are no longer true, faults of ecfleet."""
    suite = ET.Element("testsuite", name="ecfleet itself", package="ecfleet", time="0.000")
    suite.set("timestamp", run.began.partition("+")[0])
    for stale in run.stale:
        waiver = stale.waiver
        name = f"{stale.staleness} waiver of {waiver.rule} for {stale.column}: {waiver.observed}"
        case = ET.SubElement(
            suite, "testcase", name=_clean(name), classname=_clean(waiver.source.name), time="0.000"
        )
        _add(case, "failure", stale.advice, type="stale waiver")
    for number, fault in enumerate(run.faults, 1):
        case = ET.SubElement(suite, "testcase", name=f"fault {number}", classname="ecfleet", time="0.000")
        _add(case, "error", fault, type="ecfleet")
    return _counted(suite)


def _add(
    parent: ET.Element, tag: str, message: str, text: Iterator[str] | None = None, type: str = ""
) -> None:
    element = ET.SubElement(parent, tag, message=_clean(message))
    if type:
        element.set("type", type)
    if text is not None:
        element.text = _clean("\n".join(text))


def _counted(suite: ET.Element) -> ET.Element:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    return suite


def _clean(text: str) -> str:
    """The text with what XML cannot hold as escapes."""
    return _NO_XML.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), text)
