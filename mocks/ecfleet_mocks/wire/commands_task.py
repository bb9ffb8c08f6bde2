"""The child commands, under ecFlow's class names.

Classes, fields and their order were seen on 5.9.2 and 5.17.0.  Path, password, remote id and try number are
keywords of every class; see :class:`~ecfleet_mocks.wire.command_bases.TaskCommand`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ecfleet_mocks.wire.archive import BOOL, INT, TEXT, Many
from ecfleet_mocks.wire.attributes import Variable
from ecfleet_mocks.wire.command_bases import COMMAND_CLASSES, TaskCommand
from ecfleet_mocks.wire.schema import Struct, named, optional, record

__all__ = [
    "AbortCmd",
    "CompleteCmd",
    "CtsWaitCmd",
    "EventCmd",
    "InitCmd",
    "LabelCmd",
    "MeterCmd",
    "QueueCmd",
]


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class InitCmd(TaskCommand):
    """``--init``.

    :param variables: from ``--add``; left out when there are none.
    """

    variables: Annotated[tuple[Variable, ...], optional("var_to_add_", Many(Struct(Variable)))] = ()


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class CompleteCmd(TaskCommand):
    """``--complete``.

    :param delete_variables: names from ``--remove``; left out when there are none.
    """

    delete_variables: Annotated[tuple[str, ...], optional("var_to_del_", Many(TEXT))] = ()


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class AbortCmd(TaskCommand):
    """``--abort``; the client takes newlines out of the reason and turns ``;`` into a blank."""

    reason: Annotated[str, named("reason_", TEXT)] = ""


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class EventCmd(TaskCommand):
    """``--event``.

    :param name: name or number of the event.
    :param value: left out when true, which is to set the event.
    """

    name: Annotated[str, named("name_", TEXT)]
    value: Annotated[bool, optional("value_", BOOL)] = True


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class MeterCmd(TaskCommand):
    """``--meter``."""

    name: Annotated[str, named("name_", TEXT)]
    value: Annotated[int, named("value_", INT)]


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class LabelCmd(TaskCommand):
    """``--label``; the client joins several arguments with blanks."""

    name: Annotated[str, named("name_", TEXT)]
    label: Annotated[str, named("label_", TEXT)]


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class QueueCmd(TaskCommand):
    """``--queue``.

    :param action: active, complete, aborted, no_of_aborted or reset.
    :param queue_path: the node that has the queue; empty: looked for from the task upwards.
    """

    name: Annotated[str, named("name_", TEXT)]
    action: Annotated[str, named("action_", TEXT)]
    step: Annotated[str, named("step_", TEXT)] = ""
    queue_path: Annotated[str, named("path_to_node_with_queue_", TEXT)] = ""


@record(registry=COMMAND_CLASSES)
@dataclass(frozen=True, slots=True)
class CtsWaitCmd(TaskCommand):
    """``--wait``."""

    expression: Annotated[str, named("expression_", TEXT)]
