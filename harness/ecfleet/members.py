"""The services of a fleet as its members: what they stand in front of, and the order in which they start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ecfleet import hosts
from ecfleet.fleet_description import FleetError, ServiceDescription, suggestion
from ecfleet.hosts import LOOPBACK, OneLoopbackAddress
from ecfleet_mocks.ecflow_server import EcflowServer
from ecfleet_mocks.journal import Address
from ecfleet_mocks.model.transport import Transport
from ecfleet_mocks.service import Service

__all__ = ["Member", "Target", "address_of", "check_ports", "in_order", "member_or_address"]

Target: TypeAlias = Service | tuple[str, int] | str
"""What a service is put in front of: a service of the same fleet, its name, or an address.

An address is a pair, or ``"host:port"`` where the host may be one of the fleet.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A service and how it was asked for.

    :param ports: the fixed ports that it wants.
    :param targets: the services or addresses that it stands in front of, by keyword.
    """

    service: Service
    described: ServiceDescription
    ports: tuple[int, ...]
    targets: Mapping[str, Target]

    @property
    def name(self) -> str:
        return self.service.name


def member_or_address(
    member: Member, option: str, members: Mapping[str, Member], names: Mapping[str, str]
) -> Member | Address:
    """What a target of ``member`` is.

    :param names: the addresses of the fleet's hosts, by name in lower case.
    :raises FleetError: when it is unknown, of another fleet, or an ecFlow server without HTTP.
    """
    target = member.targets[option]
    if isinstance(target, tuple):
        host, port = target
        return Address(names.get(host.lower(), host), port)
    if isinstance(target, Service):
        found = members.get(target.name)
        if found is None or found.service is not target:
            raise _wrong(member, option, f"{target.name!r} is of another fleet")
    else:
        found = members.get(target)
    if found is not None:
        if found.described.kind == "ecflow_server" and found.described.options["http"] is None:
            raise _wrong(
                member, option, f"{found.name} has no HTTP listener; give it an http port, 0 for a free one"
            )
        return found
    assert isinstance(target, str)
    host, colon, port_text = target.rpartition(":")
    if host and colon and port_text.isascii() and port_text.isdecimal() and int(port_text) < 65536:
        return Address(names.get(host.lower(), host), int(port_text))
    raise _wrong(member, option, f"no service {target!r}{suggestion(target, members)}")


def address_of(target: Member | Address) -> Address:
    """Where a started target takes requests: an ecFlow server's HTTP listener, any other's first one."""
    if isinstance(target, Address):
        return target
    if isinstance(target.service, EcflowServer):
        return target.service.addresses[Transport.HTTP]
    return target.service.address


def in_order(members: Mapping[str, Member], names: Mapping[str, str]) -> list[Member]:
    """The members, each after those that it stands in front of.

    :raises FleetError: as :func:`member_or_address`, and when services need each other in a circle.
    """
    order: list[Member] = []
    under_way: list[Member] = []

    def visit(member: Member) -> None:
        if member in order:
            return
        if member in under_way:
            circle = " -> ".join(one.name for one in (*under_way, member))
            raise FleetError(f"services that need each other: {circle}", service=member.name)
        under_way.append(member)
        for option in member.targets:
            needed = member_or_address(member, option, members, names)
            if isinstance(needed, Member):
                visit(needed)
        under_way.remove(member)
        order.append(member)

    for member in members.values():
        visit(member)
    return order


def check_ports(members: Collection[Member]) -> None:
    """Whether every fixed port of every address is wanted once.

    :raises FleetError: when one is wanted twice.
    :raises OneLoopbackAddress: when only hosts with addresses of their own could have that port each.
    """
    wanted: dict[tuple[str, int], Member] = {}
    for member in members:
        for port in member.ports:
            other = wanted.get((member.service.host, port))
            wanted[member.service.host, port] = member
            if other is None:
                continue
            host, its_host = member.described.host, other.described.host
            both = (
                f"{other.name} and {member.name} both want"
                if other is not member
                else f"{member.name} twice wants"
            )
            if host != its_host and not hosts.own_addresses():
                raise OneLoopbackAddress(
                    f"{both} port {port}, and this platform has one loopback address only"
                )
            problem = f"{both} port {port} of {host or LOOPBACK}; give another port, or 0 for a free one"
            raise FleetError(problem, service=member.name, option="port")


def _wrong(member: Member, option: str, problem: str) -> FleetError:
    return FleetError(f"{member.name}: {option}: {problem}", service=member.name, option=option)
