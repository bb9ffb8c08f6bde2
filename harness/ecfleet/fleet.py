"""A fleet: hosts and services put together, on one journal and one clock, started and stopped as one.

    fleet = Fleet()
    server = fleet.ecflow_server(host="machine1", plain=3141)
    logs = fleet.log_server(host="machine2", port=9316, paths=["/scratch/output"])
    fleet.socks_proxy()
    with fleet:
        ...

``async with fleet`` runs the services on the caller's loop; plain ``with fleet`` runs them on a loop in a
thread of its own.  Either all services start or none is left running, and they stop in the reverse order.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Coroutine, Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from ecfleet.assembly import Assembly
from ecfleet.fleet_description import FleetDescription, FleetError, ServiceDescription
from ecfleet.loop import LoopThread
from ecfleet.members import Target, address_of, check_ports, in_order, member_or_address
from ecfleet_mocks.journal import Journal
from ecfleet_mocks.service import Service
from ecfleet_mocks.socks_proxy import SocksProxy

__all__ = ["Fleet", "FleetDescription", "FleetError", "ServiceDescription", "Target"]

T = TypeVar("T")
P = ParamSpec("P")


class Fleet(Assembly):
    """Hosts and services on one journal and one clock.

    :param seed: of every random choice that a service makes; each derives its own from it and its name.
    :param journal: shared by all services; default a new one.
    :param classes: classes to use instead of the services' own, by class name (``"EcflowServer"``).
    :param now: the clock of the ecFlow servers, naive local time; default the machine's.
    :raises FleetError: when ``classes`` names no class of a service.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        journal: Journal | None = None,
        classes: Mapping[str, type[Any]] = MappingProxyType({}),
        now: Callable[[], datetime.datetime] = datetime.datetime.now,
    ) -> None:
        super().__init__(seed=seed, journal=journal, classes=classes, now=now)
        self._started: list[Service] = []
        self._thread: LoopThread | None = None

    @property
    def running(self) -> bool:
        """Whether its services have been started and not been stopped."""
        return bool(self._started)

    def check(self) -> None:
        """Whether the fleet can be started, as far as can be told without starting it.

        :raises FleetError: when a target is unknown or not fit, or a port of an address is wanted twice.
        :raises OneLoopbackAddress: when only hosts with addresses of their own could have that port each.
        """
        in_order(self._members, self.names)
        check_ports(self._members.values())

    async def start(self) -> None:
        """Start all services on the running loop; those that others need come first.

        :raises FleetError: as :meth:`check`; also when it runs already.
        :raises ServiceError: when a service cannot be started; then none is left running.
        """
        if self._started:
            raise FleetError("the fleet runs already")
        self.check()
        try:
            for member in in_order(self._members, self.names):
                for option in member.targets:
                    target = member_or_address(member, option, self._members, self.names)
                    setattr(member.service, option, address_of(target))
                if isinstance(member.service, SocksProxy) and member.described.options["routes"] is None:
                    for name, address in self.names.items():
                        member.service.table.add(name, address)
                await member.service.start()
                self._started.append(member.service)
        except BaseException as error:
            try:
                await self.stop()
            except Exception as trouble:
                error.add_note(f"and while stopping what had been started: {trouble}")
            raise

    async def stop(self) -> None:
        """Stop all services, the last started first.  Stopping twice is no error.

        :raises ExceptionGroup: of what went wrong; all others are stopped all the same.
        """
        errors: list[Exception] = []
        while self._started:
            try:
                await self._started.pop().stop()
            except Exception as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("services that could not be stopped", errors)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _aside(value):
            await self.stop()

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise FleetError("the fleet runs already")
        thread = LoopThread()
        thread.start()
        try:
            thread.run(self.start())
        except BaseException as error:
            with _aside(error):
                thread.stop()
            raise
        self._thread = thread
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        thread, self._thread = self._thread, None
        assert thread is not None
        with _aside(value), contextlib.ExitStack() as stack:
            stack.callback(thread.stop)
            thread.run(self.stop())

    def run(self, coroutine: Coroutine[Any, Any, T], *, timeout: float | None = None) -> T:
        """Run a coroutine on the loop of a fleet that runs in plain ``with``; see :meth:`LoopThread.run`.

        :param timeout: seconds; default no limit.
        """
        if self._thread is None:
            coroutine.close()
            raise FleetError("run() is for a fleet in plain 'with'; elsewhere await the coroutine")
        return self._thread.run(coroutine, timeout=timeout)

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function on the loop of a fleet that runs in plain ``with``, or else directly.

        A server's tree belongs to the loop: change it in this way while clients may be at work.
        """
        if self._thread is None:
            return function(*args, **kwargs)
        return self._thread.call(function, *args, **kwargs)


@contextlib.contextmanager
def _aside(first: BaseException | None) -> Iterator[None]:
    """What goes wrong in here must not hide an error that is on its way: it becomes a note to that."""
    try:
        yield
    except Exception as error:
        if first is None:
            raise
        parts = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
        first.add_note("and afterwards: " + "; ".join(f"{type(part).__name__}: {part}" for part in parts))
