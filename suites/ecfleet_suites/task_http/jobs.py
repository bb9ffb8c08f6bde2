"""A server with tasks, and the jobs of these tasks: their variables, their commands, what they changed."""

from __future__ import annotations

from dataclasses import dataclass

from ecfleet.clients import Action, Call, ClientUnderTest, Outcome, task_environment
from ecfleet.fleet import Fleet
from ecfleet.sandbox import Sandbox
from ecfleet.services import EcflowServer, RequestReceived, Transport
from ecfleet.wire import NodeState

__all__ = ["HOST", "TASK", "Job", "Jobs", "definition", "node_facts"]

HOST = "127.0.0.1"
TASK = "/s/f/t"


def definition(suite: str = "s", family: str = "f", *tasks: str) -> str:
    """A suite whose tasks have an event, a meter, a label and a queue each."""
    attributes = 'event 1 e\nmeter m -100 100 100\nlabel l ""\nqueue q one two\n'
    body = "".join(f"task {task}\n{attributes}" for task in tasks or ("t",))
    return f"suite {suite}\nfamily {family}\n{body}endfamily\nendsuite\n"


def node_facts(fleet: Fleet, server: EcflowServer, path: str) -> tuple[object, ...]:
    """All that a child command may change at a task."""

    def look() -> tuple[object, ...]:
        task = server.server.task(path)
        return (
            task.state,
            task.jobs_password,
            task.remote_id,
            task.aborted_reason,
            task.events,
            task.meters,
            task.labels,
            task.queues,
            task.variables,
        )

    return fleet.call(look)


@dataclass(frozen=True)
class Job:
    """A job as its script knows itself."""

    path: str
    password: str
    remote_id: str = "4711"
    try_number: int = 1

    def environment(self) -> dict[str, str]:
        """ECF_NAME, ECF_PASS, ECF_TRYNO and ECF_RID."""
        return task_environment(
            self.path, self.password, remote_id=self.remote_id, try_number=self.try_number
        )


@dataclass
class Jobs:
    """A client, its sandbox, and a server with tasks.

    ECF_DENIED is set, so that a client that is blocked or finds no server ends after two attempts.
    """

    client: ClientUnderTest
    sandbox: Sandbox
    fleet: Fleet
    server: EcflowServer

    def submit(
        self, path: str = TASK, *, text: str = "", remote_id: str = "4711", try_number: int = 1
    ) -> Job:
        """A newly submitted job; the suite is loaded anew, from ``text``."""

        def submit() -> str:
            self.server.server.load(text or definition(), force=True)
            return self.server.server.submit(path)

        return Job(path, self.fleet.call(submit), remote_id, try_number)

    def run(
        self,
        action: Action,
        job: Job | None,
        *arguments: str,
        by_option: bool = True,
        transport: Transport = Transport.HTTP,
        port: int | None = None,
        leave_out: str = "",
        **more: str,
    ) -> Outcome:
        """A child command of a job, over HTTP; ``more`` are further variables.

        ``by_option``: host and port are given by options, else by ECF_HOST and ECF_PORT. ``leave_out`` is a
        variable of the job's that is missing.
        """
        port = self.server.address.port if port is None else port
        environment = {"ECF_DENIED": "1", **(job.environment() if job is not None else {}), **more}
        environment.pop(leave_out, None)
        if not by_option:
            environment |= {"ECF_HOST": HOST, "ECF_PORT": str(port)}
        call = Call(
            action,
            HOST if by_option else None,
            port if by_option else None,
            transport=transport,
            arguments=arguments,
            environment=environment,
        )
        return self.client.run(call, self.sandbox, timeout=25.0)

    def state(self, path: str = TASK) -> NodeState:
        """The state of a task."""
        return self.fleet.call(lambda: self.server.server.task(path).state)

    def facts(self, path: str = TASK) -> tuple[object, ...]:
        """All that a child command may change at a task."""
        return node_facts(self.fleet, self.server, path)

    def requests(self) -> list[RequestReceived]:
        """What the server has got so far."""
        return self.server.journal.of(RequestReceived, service=self.server.name)
