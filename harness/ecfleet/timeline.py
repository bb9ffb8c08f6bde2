"""What happened in an exchange, step by step over every hop, on the one clock of its journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Kind", "Step", "Timeline", "lines"]


class Kind(StrEnum):
    """What a step is."""

    START = "start"
    """A run of the client under test begins."""
    END = "end"
    """It is over."""
    CONNECTION = "connection"
    TLS = "tls"
    TLS_FAILED = "tls-failed"
    REQUEST = "request"
    IDENTITY = "identity"
    DECISION = "decision"
    ROUTE = "route"
    ONWARD = "onward"
    """A hop connects to the next one."""
    REPLY = "reply"
    FAULT = "fault"
    NOTE = "note"
    CLOSE = "close"
    ABANDONED = "abandoned"
    """A connection ends with no request on it, or with one that got no reply."""
    STOP = "stop"
    """A service stops."""


_BRIEF = frozenset(
    {
        Kind.START,
        Kind.END,
        Kind.TLS_FAILED,
        Kind.REQUEST,
        Kind.DECISION,
        Kind.ROUTE,
        Kind.REPLY,
        Kind.FAULT,
        Kind.ABANDONED,
    }
)
"""What a short account keeps: who asked what and what came of it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a hop saw or did.

    ``at`` is in seconds since the journal of the case began. ``hop`` is the name of a service, or of the
    client under test. ``connection`` counts the connections of the timeline from 1, and is 0 for what belongs
    to none; ``depth`` is how many hops lead to this one. ``text`` is one printable line without secrets, and
    ``details`` are further lines of that kind: the headers of a request, what a client has printed.
    """

    at: float
    hop: str
    kind: Kind
    text: str
    connection: int = 0
    depth: int = 0
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps of a case in the order of their times; ``left_out`` is how many earlier ones are not here."""

    steps: tuple[Step, ...]
    left_out: int = 0

    @property
    def hops(self) -> tuple[str, ...]:
        """The names of all hops, in the order in which they come up."""
        return tuple(dict.fromkeys(step.hop for step in self.steps))

    def brief(self, most: int) -> Timeline:
        """The last ``most`` steps of those that tell what was asked and what came of it."""
        kept = [step for step in self.steps if step.kind in _BRIEF][-most:]
        return Timeline(tuple(kept), self.left_out + len(self.steps) - len(kept))

    def as_table(self) -> dict[str, Any]:
        """As plain data: what crosses a process border, and what the JSON report holds."""
        steps = [
            {
                "at": round(step.at, 6),
                "hop": step.hop,
                "kind": str(step.kind),
                "text": step.text,
                "connection": step.connection,
                "depth": step.depth,
                **({"details": list(step.details)} if step.details else {}),
            }
            for step in self.steps
        ]
        return {"left_out": self.left_out, "steps": steps}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Timeline:
        """The inverse of :meth:`as_table`."""
        steps = (
            Step(
                at=float(step["at"]),
                hop=str(step["hop"]),
                kind=Kind(step["kind"]),
                text=str(step["text"]),
                connection=int(step["connection"]),
                depth=int(step["depth"]),
                details=tuple(map(str, step.get("details", ()))),
            )
            for step in table["steps"]
        )
        return cls(tuple(steps), int(table["left_out"]))


def lines(timeline: Timeline, *, details: bool = True) -> Iterator[str]:
    """The timeline as text: seconds, hop (further in, the more hops lead to it), connection, what happened.

    :param details: whether the further lines of a step are told too.
    """
    if timeline.left_out:
        yield f"{'…':>8}  {timeline.left_out} more {'steps' if timeline.left_out > 1 else 'step'} not shown"
    width = max((2 * step.depth + len(step.hop) for step in timeline.steps), default=0)
    wide = max((len(_number(step)) for step in timeline.steps), default=0)
    for step in timeline.steps:
        hop = f"{'  ' * step.depth}{step.hop}"
        yield f"{step.at:8.3f}  {hop:<{width}}  {_number(step):<{wide}}  {step.text}".rstrip()
        if details:
            yield from (f"{'':8}  {'':<{width}}  {'':<{wide}}    {line}" for line in step.details)


def _number(step: Step) -> str:
    return f"#{step.connection}" if step.connection else ""
