"""The tables of expected outcomes, as data: experiments with clients, and starts of servers."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import pytest

from ecfleet import rule, violated
from ecfleet.models import Dialect

__all__ = ["Experiment", "Outcomes", "Seen", "decide", "experiments", "of_rule", "read_table"]

Outcomes = dict[str, str]
"""What each truth says: outcome by release ("5.9", "5.17"), or by what else makes a claim."""

TRUTH = "5.17"
"""The release that decides where releases differ: the newest of those that were run."""


class Seen(StrEnum):
    """What came of a ping."""

    ANSWERED = "answered"
    REFUSED = "refused"
    NO_CONNECTION = "no connection"


@dataclass(frozen=True, slots=True)
class Experiment:
    """One row of ``tables/experiments.toml``, whose head explains the fields."""

    number: int
    rule: str
    what: str
    server: str
    files: dict[str, str]
    outcome: Outcomes
    ecf_ssl: str | None = None
    ssl: bool = False
    disable_ssl: bool = False
    host: str | None = None
    port: str = "option"
    release: str = ""
    directory: dict[str, Any] | None = None


@cache
def read_table(name: str) -> dict[str, Any]:
    """A table of this area, by its file name."""
    return tomllib.loads((resources.files(__package__) / "tables" / name).read_text(encoding="utf-8"))


@cache
def experiments() -> tuple[Experiment, ...]:
    """The experiments with clients."""
    return tuple(Experiment(**row) for row in read_table("experiments.toml")["experiment"])


def of_rule(rows: tuple[Any, ...]) -> list[Any]:
    """The rows as parameters of one test, each marked with the rule that it is about."""
    return [
        pytest.param(
            row, marks=rule(row.rule), id=f"{row.number or 'document'}: {row.what}".replace("::", ":")
        )
        for row in rows
    ]


def decide(seen: str, outcomes: Outcomes, what: str, *, dialect: Dialect | None = None) -> str:
    """Hold what was seen against the truth, and say whose behaviour it is where there are several.

    :param dialect: for a subject that is a release of ecFlow itself, which has to be like that release;
        default what the newest release does.
    :return: whom the subject follows, empty when all agree.
    """
    truth = TRUTH if dialect is None else dialect.name
    if seen != outcomes[truth]:
        like = [name for name, outcome in outcomes.items() if outcome == seen]
        as_whom = f" (as {', '.join(like)})" if like else ""
        violated(what, expected=outcomes[truth], seen=seen + as_whom)
    others = [name for name, outcome in outcomes.items() if outcome != seen]
    if not others:
        return ""
    mine = [name for name in outcomes if name not in others]
    return f"{what}: follows {', '.join(mine)}, not {', '.join(others)}"
