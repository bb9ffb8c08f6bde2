"""What a client prints for a reply, and what it does next.

A client acts on what it gets, not on what it asked: a text in answer to `--suites` is printed, and the
call has succeeded (seen on 5.9.2 and 5.17.0).
"""

from __future__ import annotations

from enum import Enum

from ecfleet_mocks.wire import (
    BlockClientZombieCmd,
    DefsCmd,
    ErrorCmd,
    GroupSTCCmd,
    Reply,
    SNodeCmd,
    SStringCmd,
    SStringVecCmd,
    SSuitesCmd,
    StcApi,
    StcCmd,
)

__all__ = ["Next", "error_of", "next_step", "printed"]


class Next(Enum):
    """What follows a reply."""

    SUCCEEDED = "the call has succeeded"
    FAILED = "the call has failed, for good"
    HALTED = "the server is halted: ask again"
    ZOMBIE = "the server takes the task for a zombie: ask again"
    WAIT = "the expression is false: ask again, without end"


def next_step(reply: Reply) -> Next:
    """What a client does about `reply`."""
    match reply:
        case ErrorCmd():
            return Next.FAILED
        case BlockClientZombieCmd():
            return Next.ZOMBIE
        case StcCmd(api=StcApi.BLOCK_CLIENT_SERVER_HALTED):
            return Next.HALTED
        case StcCmd(api=StcApi.BLOCK_CLIENT_ON_HOME_SERVER):
            return Next.WAIT
        case StcCmd(api=StcApi.INVALID_ARGUMENT | StcApi.END_OF_FILE):
            return Next.FAILED
        case GroupSTCCmd(replies=replies):
            failed = any(next_step(each) is Next.FAILED for each in replies)
            return Next.FAILED if failed else Next.SUCCEEDED
        case _:
            return Next.SUCCEEDED


def error_of(reply: Reply, shown: str) -> str:
    """What goes to standard error for a reply that fails the call; empty for others."""
    match reply:
        case ErrorCmd(message=message):
            return f"Error: request( {shown} ) failed!  Server reply: {message}\n\n"
        case StcCmd(api=StcApi.INVALID_ARGUMENT):
            return invalid_argument(shown)
        case StcCmd(api=StcApi.END_OF_FILE):
            return end_of_file(shown)
        case GroupSTCCmd(replies=replies):
            return "".join(error_of(each, shown) for each in replies)
        case _:
            return ""


def invalid_argument(shown: str) -> str:
    """What a client says of a reply that it cannot decode."""
    problem = "invalid_argument(Could not decode client protocol)"
    return f"Error: request( {shown} ) failed! Server replied with: {problem}\n\n"


def end_of_file(shown: str) -> str:
    """What a client says when the server closes where its reply was due."""
    problem = "EOF(Server did not reply or mixing ssl and non-ssl)"
    return f"Error: request( {shown} ) failed! Server replied with: {problem}\n\n"


def printed(reply: Reply) -> str:
    """What goes to standard output. A definition is printed as it came, ecflow_client restyles it."""
    match reply:
        case SStringCmd(text=text):
            return f"{text}\n"
        case SStringVecCmd(lines=lines):
            return "".join(f"{line}\n" for line in lines)
        case SSuitesCmd(suites=suites):
            return "".join(f"{name} " for name in suites) + "\n" if suites else "No suites\n\n"
        case DefsCmd(text=text) | SNodeCmd(text=text):
            return text if text.endswith("\n") else f"{text}\n"
        case GroupSTCCmd(replies=replies):
            return "".join(printed(each) for each in replies)
        case _:
            return ""
