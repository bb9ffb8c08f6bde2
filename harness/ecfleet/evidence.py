"""What a report may show of a case: the timeline of its exchanges, and texts without secrets."""

from __future__ import annotations

import re
from dataclasses import replace

from ecfleet.hops import timeline_of
from ecfleet.masking import Secrets
from ecfleet.verdicts import Case, Verdict
from ecfleet.witness import Witness

__all__ = ["with_evidence"]

# What is not about the program, or holds, needs no account of its exchanges.
_TOLD = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE)


def with_evidence(case: Case, witness: Witness | None) -> Case:
    """The case with the timeline of its journal, and without secrets."""
    if case.verdict is Verdict.PASS:
        return case
    secrets = Secrets() if witness is None else witness.secrets()
    timeline = None
    # The message comes first: secrets are numbered as they come up, and waivers look into it.
    case = replace(
        case,
        message=secrets.mask(case.message),
        expected=secrets.mask(case.expected),
        seen=secrets.mask(case.seen),
        example=secrets.mask(_tidy(case.example)),
        details=secrets.mask(case.details),
    )
    if witness is not None and case.verdict in _TOLD:
        timeline = timeline_of(witness.journal.events, secrets, since=witness.since)
    return replace(case, timeline=timeline)


def _tidy(example: str) -> str:
    """What Hypothesis says of an example, without what differs from run to run and what is about its code."""
    return re.sub(r" at 0x[0-9a-f]+(?=>)", "", example.partition("\nExplanation:")[0])
