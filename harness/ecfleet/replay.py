"""Names one case of a run, finds it again, and gives the command that runs just that case."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from ecfleet.rules import RulesError, Suite


def case_id(path: Path, nodeid: str) -> str:
    """How a case is called wherever the suite is installed: ``SUITE/AREA/FILE.py::TEST``.

    :param path: its file.
    :param nodeid: pytest's name for the test, which says where the file is and ends in ``::TEST``.
    """
    return f"{'/'.join(path.parts[-3:])}::{nodeid.partition('::')[2]}"


def case_argument(case: str, suites: Iterable[Suite]) -> str:
    """What to give pytest to run a case: the path of its file here, and the test.

    :raises RulesError: when there is no such file.
    """
    path, separator, test = case.partition("::")
    suite, _, inner = path.partition("/")
    for candidate in suites:
        file = candidate.root / inner
        if candidate.name == suite and separator and test and file.is_file():
            return f"{file}::{test}"
    raise RulesError(f"there is no case {case!r}; a report names it as SUITE/AREA/FILE.py::TEST")


def replay_command(
    case: str,
    *,
    seed: int,
    client: str = "",
    mutant: str = "",
    profile: bool = True,
    waivers: Iterable[str | PathLike[str]] = (),
    examples: int | None = None,
) -> str:
    """The command that runs just this case again: same seed, so the same examples, topology and files.

    :param client: as ``--client`` takes it; empty for a case about services.
    :param examples: how many a property tried, None for the default; other ones come of another number.
    """
    words = ["ecfleet", "check"]
    if client:
        words += ["--client", client]
    if mutant:
        words += ["--mutant", mutant]
    if not profile:
        words.append("--no-profile")
    for path in waivers:
        words += ["--waivers", fspath(path)]
    if examples is not None:
        words += ["--examples", str(examples)]
    return shlex.join([*words, "--seed", str(seed), "--case", case])
