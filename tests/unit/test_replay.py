"""The replay of one case: the same examples as in the whole run, under whatever else that imports."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ecfleet import generation, runner
from ecfleet.events import Run
from ecfleet.replay import replay_command
from ecfleet.rules import Catalogue, Suite, read_suite
from ecfleet.verdicts import Case

SuiteMaker = Callable[[Mapping[str, str]], Path]

DRAWING = """
import pytest
from hypothesis import given, settings, strategies as st
from ecfleet import expect, rule

@rule("LOG-01")
@given(number=st.integers(), text=st.text())
@settings(max_examples=100)
def test_draws(number, text, ecf_seed):
    with open("{}", "a", encoding="utf-8") as out:
        print(ascii((number, text)), file=out)
    expect(abs(number) < 2**70, True, "size of a number")

@rule("LOG-01")
@pytest.mark.parametrize("twin", [1, 2])
@given(number=st.integers())
@settings(max_examples=5)
def test_twins(twin, number, ecf_seed):
    with open("{}" + str(twin), "a", encoding="utf-8") as out:
        print(number, file=out)
"""
# Found by Hypothesis in the source of a local module, had it looked there.
MAGIC = 918_273_645_546
OTHER = """
from ecfleet import rule
from . import constants

@rule("WIRE-01")
def test_other():
    assert constants.MAGIC
"""


@pytest.fixture
def drawing(
    make_suite: SuiteMaker, rules_text: Callable[..., str], tmp_path: Path
) -> tuple[tuple[Suite, ...], Path]:
    """A suite, one area of which writes down what it draws, while the other imports constants first."""
    drawn = tmp_path / "drawn"
    names = "".join(f"WORD{number} = 'constant{number}'\n" for number in range(50))
    root = make_suite(
        {
            "alpha/rules.toml": rules_text("WIRE-01"),
            "alpha/test_alpha.py": OTHER,
            "alpha/constants.py": f"MAGIC = {MAGIC}\n{names}",
            "logs/rules.toml": rules_text("LOG-01"),
            "logs/test_logs.py": DRAWING.format(drawn, drawn),
        }
    )
    return (read_suite(root),), drawn


def run(suites: tuple[Suite, ...], **settings: object) -> Run:
    given = {"clients": ("builtin",), "seed": 3} | settings
    return runner.run(Catalogue(suites), runner.Settings(**given))  # type: ignore[arg-type]


def test_one_case_draws_what_the_whole_run_drew(drawing: tuple[tuple[Suite, ...], Path]) -> None:
    suites, drawn = drawing
    name = suites[0].name

    def taken(path: Path) -> list[str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        path.unlink()
        return lines

    def failing(found: Run) -> Case:
        (case,) = (case for result in found.results for case in result.cases if case.example)
        return case

    case = f"{name}/logs/test_logs.py::test_draws"
    alone = failing(run(suites, case=case))
    first = taken(drawn)
    whole = failing(run(suites))
    assert taken(drawn) == first
    assert (whole.id, whole.message, whole.example) == (alone.id, alone.message, alone.example)
    assert str(MAGIC) not in "".join(first)
    assert "constant" not in "".join(first)
    twins = [taken(Path(f"{drawn}{twin}")) for twin in (1, 2)]
    assert twins[0] != twins[1]
    run(suites, seed=4)
    assert taken(drawn) != first


def test_each_case_has_a_seed_of_its_own() -> None:
    seeds = {generation.case_seed(seed, case) for seed in range(3) for case in ("s/a/t.py::x", "s/a/t.py::y")}
    assert len(seeds) == 6
    assert generation.case_seed(1, "s/a/t.py::x") == generation.case_seed(1, "s/a/t.py::x")


def test_what_hypothesis_had_before_is_there_again() -> None:
    import hypothesis.internal.conjecture.providers as providers

    before = providers.HypothesisProvider.__dict__["_local_constants"]
    with generation.repeatable():
        assert list(providers.HypothesisProvider.__dict__["_local_constants"]) == []
    assert providers.HypothesisProvider.__dict__["_local_constants"] is before


def test_the_command_names_all_that_matters() -> None:
    assert replay_command("s/a/t.py::x[a b]", seed=5) == "ecfleet check --seed 5 --case 's/a/t.py::x[a b]'"
    everything = replay_command(
        "s/a/t.py::x",
        seed=5,
        client="my client",
        mutant="LOG-01.x",
        profile=False,
        waivers=[Path("w.toml"), "v.toml"],
        examples=7,
    )
    assert everything == (
        "ecfleet check --client 'my client' --mutant LOG-01.x --no-profile --waivers w.toml --waivers v.toml "
        "--examples 7 --seed 5 --case s/a/t.py::x"
    )


def ecfleet(*arguments: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "ecfleet.cli", *arguments], check=False, capture_output=True, timeout=300
    ).returncode


def test_the_command_of_a_failure_repeats_it(tmp_path: Path) -> None:
    whole, again, keep = tmp_path / "whole.json", tmp_path / "again.json", tmp_path / "kept"
    status = ecfleet(
        *("check", "--mutant", "TOK-04.encodes-as-latin", "--rule", "TOK-03", "--rule", "TOK-04"),
        *("--rule", "WIRE-02", "--seed", "21", "--json", str(whole), "--keep", str(keep)),
    )
    assert status == 1

    def failures(path: Path) -> list[dict[str, str]]:
        report = json.loads(path.read_text(encoding="utf-8"))
        return [case for result in report["results"] for case in result["cases"] if case["verdict"] == "fail"]

    (failed,) = failures(whole)
    assert "password=" in failed["example"]
    program, *arguments = shlex.split(failed["replay"])
    assert program == "ecfleet"
    assert ecfleet(*arguments, "--json", str(again)) == 1
    (repeated,) = failures(again)
    for key in ("id", "message", "expected", "seen", "example"):
        assert repeated[key] == failed[key]
    (kept,) = keep.iterdir()
    assert (kept / "home" / ".ecflowapirc").is_file()
    topology = tomllib.loads((kept / "topology.toml").read_text(encoding="utf-8"))
    assert [server["name"] for server in topology["ecflow_server"]] == ["ecflow_http_server"]
