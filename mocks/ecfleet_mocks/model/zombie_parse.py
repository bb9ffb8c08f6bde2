"""Reading a zombie attribute; refused texts in the words seen on 5.9.2."""

from __future__ import annotations

from ecfleet_mocks.model.attributes import ZOMBIE_LIFETIMES
from ecfleet_mocks.model.definition import Node
from ecfleet_mocks.model.text_line import Line, LineError
from ecfleet_mocks.wire import ChildCommand, ZombieAction, ZombieAttr, ZombieType

__all__ = ["read_zombie", "zombie_attribute"]

_MINIMUM_LIFETIME = 60
_FAILED = "ZombieAttr::create failed:"


def zombie_attribute(text: str) -> ZombieAttr:
    """Read ``TYPE:ACTION:COMMANDS:LIFETIME``; what follows the action, lifetime in seconds (at least 60), may be empty.

    Without action it blocks, if there is a lifetime.

    :raises LineError: with the released programs' words.
    """
    parts = text.split(":")
    if len(parts) == 1:
        raise LineError(f"{_FAILED} Invalid zombie type {text}")
    if len(parts) > 4:
        raise LineError(f"{_FAILED} Invalid zombie tokens {text}")
    kind_name, action_name, commands, lifetime = (*parts, "", "")[:4]
    kind = ZombieType.__members__.get(kind_name.upper(), ZombieType.NOT_SET)
    if kind is ZombieType.NOT_SET:
        # One of the names is misspelt there.
        raise LineError(
            f"{_FAILED} Invalid zombie type, expected one of [ user | ecf | ecf_pid | ecf_pid_passed | "
            f"ecf_passwd | path ] but found {kind_name}:{text}"
        )
    if not action_name and not lifetime:
        raise LineError(
            f"{_FAILED} User Action(fob,fail,remove,adopt,block) or lifetime must be specified: {text}"
        )
    action = ZombieAction.BLOCK
    if action_name:
        try:
            action = ZombieAction[action_name.upper()]
        except KeyError:
            raise LineError(
                f"{_FAILED} Invalid user action, expected one of [ fob | fail | remove | block | adopt | kill ]"
                f" but found {action_name}:{text}"
            ) from None
    children = tuple(_child(name, text) for name in commands.split(",") if name)
    try:
        seconds = int(lifetime) if lifetime else ZOMBIE_LIFETIMES.get(kind, 3600)
    except ValueError:
        raise LineError(
            f"{_FAILED} Zombie life time must be convertible to an integer {lifetime}:{text}"
        ) from None
    # An empty lifetime and one below the minimum differ: the latter becomes the minimum.
    return ZombieAttr(children, kind, action, max(seconds, _MINIMUM_LIFETIME))


def _child(name: str, text: str) -> ChildCommand:
    try:
        return ChildCommand[name.upper()]
    except KeyError:
        expected = ",".join(child.name.lower() for child in ChildCommand)
        raise LineError(
            f"{_FAILED} Invalid child type, expected one or more of [ {expected}] but found {name}:{text}"
        ) from None


def read_zombie(node: Node, line: Line) -> None:
    """``zombie``: one attribute for each type on a node."""
    if not line.words:
        raise LineError(f"ZombieAttrParser::doParse: Invalid zombie :{line.shown}")
    attribute = zombie_attribute(line.words[0])
    if any(known.zombie_type == attribute.zombie_type for known in node.zombies):
        kind = ZombieType(attribute.zombie_type).name.lower()
        raise LineError(
            f"MiscAttrs::addZombie: Node {node.path} already has a zombie attribute of type {kind}\n"
        )
    node.zombies += (attribute,)
