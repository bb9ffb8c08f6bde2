"""The files that a check is asked to write: options for them, and what goes where."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from ecfleet.events import Run
from ecfleet.reports.comparison import Comparison, Previous, compare, read_previous
from ecfleet.reports.files import append, check_writable, write_whole

__all__ = ["Outputs", "add_options"]

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""GitHub names in this variable the file that a step's summary is added to."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give ``ecfleet check`` its options for reports."""
    group = parser.add_argument_group("reports")
    group.add_argument("--json", type=Path, metavar="FILE", help="write the report to FILE as JSON")
    group.add_argument("--html", type=Path, metavar="FILE", help="write the report to FILE as one HTML page")
    group.add_argument("--junit", type=Path, metavar="FILE", help="write the report to FILE as JUnit XML")
    group.add_argument(
        "--summary",
        type=Path,
        metavar="FILE",
        help="write the report to FILE as Markdown (default: add it to the summary of a GitHub step)",
    )
    group.add_argument(
        "--compare",
        type=Path,
        metavar="PREVIOUS.json",
        help="tell what has changed since the run of this JSON report",
    )
    group.add_argument(
        "--timeline", action="store_true", help="show the whole exchange of each failure, over every hop"
    )


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the reports of a run go. ``step_summary`` is added to, the others are written anew."""

    json: Path | None = None
    html: Path | None = None
    junit: Path | None = None
    summary: Path | None = None
    step_summary: Path | None = None
    previous: Previous | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Outputs:
        """What the options ask for; it is made sure that the files can be written and read.

        :raises ecfleet.reports.files.ReportError: when they cannot.
        """
        previous = None if options.compare is None else read_previous(options.compare)
        for path in (options.json, options.html, options.junit, options.summary):
            if path is not None:
                check_writable(path)
        step = os.environ.get(STEP_SUMMARY, "") if options.summary is None else ""
        return cls(
            json=options.json,
            html=options.html,
            junit=options.junit,
            summary=options.summary,
            step_summary=Path(step) if step else None,
            previous=previous,
        )

    def write(self, run: Run) -> Comparison | None:
        """Write all that is asked for, and return what has changed since the previous run, if there is one.

        :raises ecfleet.reports.files.ReportError: when a file cannot be written.
        """
        from ecfleet.reports import html_report, json_report, junit, summary

        comparison = None if self.previous is None else compare(self.previous, run)
        if self.json is not None:
            json_report.write(run, self.json, comparison)
        if self.html is not None:
            html_report.write(run, self.html, comparison)
        if self.junit is not None:
            junit.write(run, self.junit)
        if self.summary is not None:
            write_whole(self.summary, summary.as_text(run, comparison))
        if self.step_summary is not None:
            append(self.step_summary, summary.as_text(run, comparison))
        return comparison
