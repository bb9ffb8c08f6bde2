"""Generated examples that repeat: the same seed gives the same ones, whatever else has been imported.

Hypothesis mixes constants that it finds in the source of local modules into what it generates. Which
modules are local depends on how ecfleet is installed, and which of them are imported on what else the
process runs, so that one case alone would see other examples than the whole run. For the tests of rules that
pool is therefore empty. Constants that matter to a rule belong in its strategy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["case_seed", "repeatable"]


def case_seed(seed: int, case: str) -> int:
    """The seed of one case: from that of the run and from its id, so that no two cases draw the same.

    :param case: its id, which does not depend on where the suite is installed.
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {case}".encode()).digest()[:8])


@contextmanager
def repeatable() -> Iterator[None]:
    """Keep constants of local modules out of what Hypothesis generates in here.

    Releases of Hypothesis before 6.135 have no such pool, and then there is nothing to do.
    """
    import hypothesis.internal.conjecture.providers as found

    providers: Any = found
    try:
        provider, cache, empty = (
            providers.HypothesisProvider,
            providers.CONSTANTS_CACHE.cache,
            providers.Constants(),
        )
        pool = provider.__dict__["_local_constants"]
    except (AttributeError, KeyError):
        yield
        return
    # The pool goes into a cache, by the kind of value, for the whole process.
    cache.clear()
    provider._local_constants = empty
    try:
        yield
    finally:
        provider._local_constants = pool
        cache.clear()
