"""A client and the server that sees and decides what it gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecfleet.clients import TASK_ACTIONS, Action, Call, ClientUnderTest, Outcome, task_environment
from ecfleet.sandbox import Sandbox
from ecfleet.services import Answer, Journal, RequestReceived, Transport
from ecfleet.wire import OK, Reply, encode_reply, frame, http1

if TYPE_CHECKING:
    from ecfleet.services import EcflowServer

__all__ = ["ANY_TASK", "FRAMED_OK", "HOST", "Bench", "answers"]

HOST = "127.0.0.1"
FRAMED_OK = frame(encode_reply(OK))
ANY_TASK = task_environment("/s/f/t", "ecfleet-secret", remote_id="4711", try_number=3)
"""The task of child commands whose reply does not depend on it."""


def answers(reply: Reply, transport: Transport = Transport.TCP) -> Answer:
    """The server answers just this, whatever it is asked."""
    body = encode_reply(reply)
    if transport is not Transport.HTTP:
        return Answer(frame(body))
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return Answer(http1.write_response(http1.Response(200, "OK", headers=http1.Headers(fields), body=body)))


@dataclass(frozen=True)
class Bench:
    """A client, its sandbox, and a server."""

    client: ClientUnderTest
    sandbox: Sandbox
    server: EcflowServer
    transport: Transport = Transport.TCP

    @property
    def journal(self) -> Journal:
        return self.server.journal

    def run(self, action: Action, *arguments: str, timeout: float = 20.0) -> Outcome:
        """What comes of an action. A child command ends after two attempts (ECF_DENIED)."""
        environment = {"ECF_DENIED": "1", **ANY_TASK} if action in TASK_ACTIONS else {}
        call = Call(
            action,
            HOST,
            self.server.address.port,
            transport=self.transport,
            arguments=arguments,
            environment=environment,
        )
        return self.client.run(call, self.sandbox, timeout=timeout)

    def always(self, answer: Answer) -> None:
        """Answer every request like this from now on, and forget what was said before."""
        self.server.faults.clear()
        self.server.faults.when(lambda request: True, answer)

    def requests(self) -> list[RequestReceived]:
        """What the server has got so far; a connection that said nothing brought no request."""
        return [one for one in self.journal.of(RequestReceived) if one.raw]
