"""How a run of the built-in client can end other than well; each knows what is printed."""

from __future__ import annotations

__all__ = ["AttemptFailed", "Fatal", "TimeIsUp"]


class AttemptFailed(Exception):
    """A connection error: another attempt may follow (wire protocol: refused, reset, timed out)."""


class Fatal(Exception):
    """The call has failed for good, exit status 1. `stdout` and `stderr` are what is printed, whole lines."""

    def __init__(self, stderr: str, stdout: str = "") -> None:
        super().__init__(stderr or stdout)
        self.stdout = stdout
        self.stderr = stderr


class TimeIsUp(Exception):
    """The time that the harness gave to the whole call has passed."""
