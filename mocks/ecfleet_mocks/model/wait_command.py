"""The child command wait: a job asks again and again until an expression holds."""

from __future__ import annotations

from ecfleet_mocks.model.access_files import error_reply
from ecfleet_mocks.model.definition import Node
from ecfleet_mocks.model.expression import ExpressionError
from ecfleet_mocks.model.expression_check import awaited
from ecfleet_mocks.model.node_states import SuiteTree
from ecfleet_mocks.wire import OK, CtsWaitCmd, FlagType, Reply, StcApi, StcCmd

__all__ = ["wait_command"]

_WAIT = StcCmd(StcApi.BLOCK_CLIENT_ON_HOME_SERVER)


def wait_command(tree: SuiteTree, task: Node, command: CtsWaitCmd, *, assertions: bool) -> Reply:
    """OK once the expression holds, until then the reply that makes the job ask again.

    A task whose job waits has the flag task_waiting.  An expression that is none leaves the flag as it is.

    :raises WouldEnd: where a released server ends.
    """
    try:
        come = awaited(command.expression, task, tree.definition, assertions=assertions)
    except ExpressionError as error:
        return error_reply(str(error))
    if come:
        tree.clear_flag(task, FlagType.TASK_WAITING)
        return OK
    tree.set_flag(task, FlagType.TASK_WAITING)
    return _WAIT
