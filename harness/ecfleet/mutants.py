"""Mutants: subjects that break one rule each. A rule that does not catch its mutant is no rule."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal

from ecfleet.rules import Area, Catalogue, RulesError, Suite, find_suites
from ecfleet.verdicts import Verdict

__all__ = ["Mutant", "find_mutant", "kill", "load_mutants"]

MUTANTS_FILE = "mutants.py"
_ID = re.compile(r"(?P<rule>[A-Z][A-Z0-9]*-\d{2,})\.[a-z0-9]+(-[a-z0-9]+)*")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A subject that breaks one rule.

    ``id`` is the rule's, a dot, and words of its own: ``"CERT-01.prefers-specific"``. ``sentence`` says
    what it does wrong. ``behaviour`` replaces fields of the built-in client's
    :class:`ecfleet.clients.Behaviour`, ``classes`` service classes by name in every fleet. ``trips``
    are the other rules that it cannot help to break, for the ``reason`` given.

    :raises ValueError: when these do not fit together.
    """

    id: str
    rule: str
    sentence: str
    behaviour: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: _NOTHING)
    classes: Mapping[str, type] = field(default_factory=lambda: _NOTHING)
    trips: frozenset[str] = frozenset()
    reason: str = ""

    def __post_init__(self) -> None:
        matched = _ID.fullmatch(self.id)
        if matched is None or matched["rule"] != self.rule:
            raise ValueError(f"mutant {self.id!r}: the id must be '{self.rule}.' and words with hyphens")
        if not self.behaviour and not self.classes:
            raise ValueError(f"mutant {self.id}: it changes nothing: give behaviour or classes")
        if bool(self.trips) != bool(self.reason):
            raise ValueError(f"mutant {self.id}: 'trips' and 'reason' go together")
        if self.rule in self.trips:
            raise ValueError(f"mutant {self.id}: 'trips' names its own rule")


def load_mutants(areas: Iterable[Area] | None = None) -> dict[str, Mutant]:
    """The mutants of these areas by id; default those of all installed suites.

    :raises RulesError: when a ``mutants.py`` cannot be used.
    """
    if areas is None:
        areas = [area for suite in find_suites() for area in suite.areas]
    mutants: dict[str, Mutant] = {}
    for area in areas:
        path = area.path / MUTANTS_FILE
        if not path.is_file():
            continue
        listed = getattr(_import(path), "MUTANTS", None)
        if not isinstance(listed, Collection) or not all(isinstance(one, Mutant) for one in listed):
            raise RulesError(f"{path}: MUTANTS must be a list of Mutant")
        known = {entry.id for entry in area.rules}
        for mutant in listed:
            if mutant.rule not in known:
                raise RulesError(f"{path}: mutant {mutant.id}: area '{area.name}' has no rule {mutant.rule}")
            if mutant.id in mutants:
                raise RulesError(f"{path}: mutant {mutant.id}: is there twice")
            mutants[mutant.id] = mutant
    return mutants


def find_mutant(id: str, areas: Iterable[Area] | None = None) -> Mutant:
    """The mutant with this id.

    :raises RulesError: when there is none.
    """
    mutants = load_mutants(areas)
    if id not in mutants:
        raise RulesError(f"there is no mutant {id!r}; there are: {', '.join(sorted(mutants)) or 'none'}")
    return mutants[id]


def kill(
    mutant: Mutant,
    rules: Iterable[str] | Literal["all"] | None = None,
    *,
    suites: tuple[Suite, ...] | None = None,
    seed: int = 0,
    examples: int | None = None,
) -> dict[str, Verdict]:
    """The verdicts on the mutant, by rule id: of its own rule, of the ``rules`` named, or of all.

    It is killed when that of its own rule is :attr:`Verdict.FAIL`.

    :param examples: how many a property tries; default as in a check.
    :raises RulesError: when the tests cannot be run.
    """
    from ecfleet import runner  # late: the plugin loads this module without running anything

    wanted: tuple[str, ...] = (mutant.rule,) if rules is None else () if rules == "all" else tuple(rules)
    suites = find_suites() if suites is None else suites
    settings = runner.Settings(
        clients=("builtin",),
        rules=wanted,
        seed=seed,
        mutant=mutant.id,
        profiles=False,
        stop_at_first=rules is None,
        examples=examples,
        quick=True,
    )
    run = runner.run(Catalogue(suites), settings)
    if run.faults:
        raise RulesError(f"mutant {mutant.id}: {run.faults[0]}")
    return {result.rule: result.verdict for result in run.results}


def _import(path: Path) -> ModuleType:
    """The module in ``path``: by its name where its package can be imported, else from the file."""
    parts = [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    name = ".".join(parts)
    try:
        if len(parts) > 1 and _is_at(path, name):
            return importlib.import_module(name)
        # A name that holds the path, so that two suites with one name do not take each other's module.
        private = f"_ecfleet_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
        if private in sys.modules:
            return sys.modules[private]
        spec = importlib.util.spec_from_file_location(private, path)
        assert spec is not None, "a path that ends in .py has a loader"
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[private] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[private]
            raise
    except Exception as error:
        raise RulesError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _is_at(path: Path, name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path.resolve()
