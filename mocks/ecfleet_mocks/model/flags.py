"""The flags of a node and of the whole definition: bits on the wire, names in the definition text."""

from __future__ import annotations

from ecfleet_mocks.wire import FlagType

__all__ = ["FLAG_NAMES", "FlagSet", "UnknownFlag", "flag_bits", "flag_names"]

FlagSet = int
"""A set of flags: bit N stands for ``FlagType(N)`` ("message" is bit 8, so 256)."""

_PRINTED_ORDER = (
    FlagType.FORCE_ABORTED,
    FlagType.USER_EDIT,
    FlagType.TASK_ABORTED,
    FlagType.EDIT_FAILED,
    FlagType.ECFCMD_FAILED,
    FlagType.KILLCMD_FAILED,
    FlagType.STATUSCMD_FAILED,
    FlagType.NO_SCRIPT,
    FlagType.KILLED,
    FlagType.STATUS,
    FlagType.LATE,
    FlagType.MESSAGE,
    FlagType.BY_RULE,
    FlagType.QUEUE_LIMIT,
    FlagType.TASK_WAITING,
    FlagType.LOCKED,
    FlagType.ZOMBIE,
    FlagType.NO_REQUE,
    FlagType.ARCHIVED,
    FlagType.RESTORED,
    FlagType.THRESHOLD,
    FlagType.SIGTERM,
    FlagType.LOG_ERROR,
    FlagType.CHECKPT_ERROR,
    FlagType.REMOTE_ERROR,
)

FLAG_NAMES: dict[str, FlagType] = {flag.name.lower(): flag for flag in _PRINTED_ORDER}
"""Flag by its name in a definition text, in the order in which both releases write them (seen on 5.9.2)."""


class UnknownFlag(ValueError):
    """A definition text names a flag that does not exist."""


def flag_bits(names: str) -> FlagSet:
    """The bits for comma-separated names such as ``"task_aborted,message"``.

    :raises UnknownFlag: with the released programs' own text.
    """
    bits = 0
    for name in names.split(","):
        flag = FLAG_NAMES.get(name)
        if flag is None:
            raise UnknownFlag(f"Flag::set_flag: Unknown flag types found: {name}")
        bits |= 1 << flag
    return bits


def flag_names(flags: FlagSet) -> str:
    """The names of the set bits, comma separated, in written order; empty for no flag."""
    return ",".join(name for name, flag in FLAG_NAMES.items() if flags >> flag & 1)
