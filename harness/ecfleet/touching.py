"""Which replaceable parts of a subject the tests of each rule touch: a mutant of other parts cannot trip it.

A mutant differs from the sound subject in functions of the built-in client's behaviour, or in attributes of a
service's class. With the same seed a test does the same until it comes to such a part; a test that never
does ends as it would without the mutant.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from ecfleet.mutants import Mutant

__all__ = ["Touched", "begin", "changed_parts", "observer", "recorded"]

# What every class body has, and what nothing looks up.
_ALWAYS_THERE = frozenset(
    {
        "__abstractmethods__",
        "_abc_impl",
        "__annotations__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__qualname__",
        "__static_attributes__",
    }
)

_active: list[Touched] = []


class Touched:
    """What the tests of each rule touch.

    A part is a field of the built-in client's behaviour (``frame``), an attribute of a service
    (``LogServer.answer``), or such a service as a whole (``LogServer``).
    """

    def __init__(self) -> None:
        self.parts: dict[str, set[str]] = {}
        self._now: set[str] = set()

    def begin(self, rule: str) -> None:
        """A test of a rule begins."""
        self._now = self.parts.setdefault(rule, set())

    def touch(self, part: str) -> None:
        """The test that runs has come to a part."""
        self._now.add(part)

    def reach(self, mutant: Mutant) -> list[str]:
        """The rules that a mutant can trip."""
        changed = changed_parts(mutant)
        return [rule for rule, parts in self.parts.items() if changed & parts]


def changed_parts(mutant: Mutant) -> set[str]:
    """The parts in which a mutant differs from the sound subject."""
    parts = set(mutant.behaviour)
    sound = {kind.__name__: kind for kind in _service_classes()}
    for name, replacement in mutant.classes.items():
        lineage = sound[name].__mro__ if name in sound else ()
        own = [kind for kind in replacement.__mro__ if kind not in lineage]
        names = {attribute for kind in own for attribute in vars(kind)} - _ALWAYS_THERE
        special = {attribute for attribute in names if attribute.startswith("__")}
        parts |= {f"{name}.{attribute}" for attribute in names - special}
        if special or not lineage or sound[name] not in replacement.__mro__:
            # Python looks these up by itself, and nothing tells when.
            parts.add(name)
    return parts


@contextmanager
def recorded() -> Iterator[Touched]:
    """Record what the rule tests that run in this process touch."""
    touched = Touched()
    _active.append(touched)
    try:
        yield touched
    finally:
        _active.remove(touched)


def begin(rule: str) -> None:
    """A test of a rule begins."""
    if _active:
        _active[-1].begin(rule)


def observer() -> Mutant | None:
    """The sound subject, every part of which tells when it is touched; None unless that is recorded."""
    if not _active:
        return None
    from ecfleet import clients

    touched = _active[-1]
    behaviour = clients.Behaviour()
    return Mutant(
        id="NONE-00.observer",
        rule="NONE-00",
        sentence="It does nothing wrong.",
        behaviour={
            field.name: _telling(getattr(behaviour, field.name), touched, field.name)
            for field in fields(behaviour)
        },
        classes={kind.__name__: _telling_class(kind, touched) for kind in _service_classes()},
    )


def _service_classes() -> tuple[type[Any], ...]:
    from ecfleet import services

    return (
        services.EcflowServer,
        services.LogServer,
        services.SocksProxy,
        services.AuthService,
        services.ReverseProxy,
    )


def _telling(function: Callable[..., Any], touched: Touched, part: str) -> Callable[..., Any]:
    @functools.wraps(function)
    def telling(*args: Any, **kwargs: Any) -> Any:
        touched.touch(part)
        return function(*args, **kwargs)

    return telling


def _telling_class(kind: type[Any], touched: Touched) -> type[Any]:
    """The class, which tells of each attribute that is looked up, on a service or on the class itself."""
    name = kind.__name__

    def looked_up_in_class(cls: Any, attribute: str) -> Any:
        touched.touch(f"{name}.{attribute}")
        return super(tells, cls).__getattribute__(attribute)

    def looked_up(self: Any, attribute: str) -> Any:
        touched.touch(f"{name}.{attribute}")
        return super(made, self).__getattribute__(attribute)

    def begun(self: Any, *args: Any, **kwargs: Any) -> None:
        touched.touch(name)
        kind.__init__(self, *args, **kwargs)

    tells: Any = type("Tells", (type(kind),), {"__getattribute__": looked_up_in_class})
    made: type[Any] = tells(name, (kind,), {"__getattribute__": looked_up, "__init__": begun})
    return made
