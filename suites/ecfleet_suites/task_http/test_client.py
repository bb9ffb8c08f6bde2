"""What the client of a job does over HTTP, seen at the server, at the node and in its exit code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecfleet import AuthChain, FleetFactory, Sandbox, expect, rule
from ecfleet.clients import Action, ClientUnderTest
from ecfleet.services import Answer, ConnectionOpened, LoseReply, Transport
from ecfleet.wire import NodeState, TaskCommand, http1
from ecfleet_suites.task_http.jobs import TASK, Job, Jobs, definition

NAME = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,7}", fullmatch=True)
TEXT = (
    st.text(st.sampled_from("aZ09 .,:/=+%#!?()[]{}<>|&$*~^'\"\\äé€日"), min_size=1, max_size=20)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)
"""Texts that no shell and no option parser changes: no line ends, no blanks in a row or at an end."""

PAGE = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"


@pytest.fixture
def jobs(ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, ecf_fleet: FleetFactory) -> Iterator[Jobs]:
    fleet = ecf_fleet()
    server = fleet.ecflow_server(plain=None, http=0)
    with fleet:
        yield Jobs(ecf_client, ecf_sandbox, fleet, server)


def answered(status: int, body: bytes) -> Answer:
    """The server (or what stands before it) answers just this."""
    fields = [("Content-Type", "text/html"), ("Content-Length", str(len(body))), ("Connection", "close")]
    if status in (301, 302):
        fields.append(("Location", "https://login.example.org/"))
    if status == 204:  # which has no body, and no length either
        fields, body = [("Connection", "close")], b""
    response = http1.Response(status, "Page", headers=http1.Headers(fields), body=body)
    return Answer(http1.write_response(response))


@rule("TASK-01")
@given(
    names=st.tuples(NAME, NAME, NAME),
    remote_id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,11}", fullmatch=True),
    try_number=st.integers(1, 99),
    by_option=st.booleans(),
)
@example(names=("s", "f", "t"), remote_id="4711", try_number=2, by_option=False)
@settings(max_examples=8)
def test_a_job_from_init_to_complete(
    jobs: Jobs, names: tuple[str, str, str], remote_id: str, try_number: int, by_option: bool
) -> None:
    path = "/" + "/".join(names)
    job = jobs.submit(path, text=definition(*names), remote_id=remote_id, try_number=try_number)
    before = len(jobs.requests())
    seen = jobs.run(Action.INIT, job, remote_id, by_option=by_option)
    expect(seen.exit_code, 0, "exit code of --init")
    expect(jobs.state(path), NodeState.ACTIVE, "state after --init")
    seen = jobs.run(Action.COMPLETE, job, by_option=by_option)
    expect(seen.exit_code, 0, "exit code of --complete")
    expect(jobs.state(path), NodeState.COMPLETE, "state after --complete")
    sent = [one.decoded for one in jobs.requests()[before:]]
    expect(len(sent), 2, "requests of --init and --complete")
    for command in sent:
        assert isinstance(command, TaskCommand), "the client of a job sent no child command"
        told = (command.path, command.jobs_password, command.remote_id, command.try_number)
        wanted = (path, job.password, remote_id, try_number)
        expect(told, wanted, "ECF_NAME, ECF_PASS, ECF_RID and ECF_TRYNO as sent")


COMMANDS: list[tuple[Action, tuple[str, ...]]] = [
    (Action.INIT, ("4711",)),
    (Action.EVENT, ("e",)),
    (Action.METER, ("m", "5")),
    (Action.LABEL, ("l", "text")),
    (Action.COMPLETE, ()),
]


@rule("TASK-02")
def test_no_credentials_of_its_own(jobs: Jobs) -> None:
    job = jobs.submit()
    for action, arguments in COMMANDS:
        expect(jobs.run(action, job, *arguments).exit_code, 0, f"exit code of --{action}")
        request = http1.RequestReader().feed(jobs.requests()[-1].raw)[0]
        for name in ("Authorization", "Proxy-Authorization", "Cookie", "X-Auth-Username", "X-Auth-Password"):
            expect(request.headers.get_all(name), [], f"{name} sent by --{action} without a token file")


@rule("TASK-03")
@pytest.mark.parametrize("provisioned", [True, False], ids=["token file", "no token file"])
def test_the_auth_chain(
    ecf_client: ClientUnderTest, ecf_sandbox: Sandbox, ecf_auth_chain: AuthChain, provisioned: bool
) -> None:
    chain = ecf_auth_chain
    jobs = Jobs(ecf_client, ecf_sandbox, chain.fleet, chain.server)
    if provisioned:
        api = {"username": chain.user, "password": chain.password}
        entry = {"server": ".*", "type": "basic", "api": api}
        ecf_sandbox.put_token_file({"version": 1, "tokens": [entry]})
    job = jobs.submit()
    code = 0 if provisioned else 1
    states = (NodeState.ACTIVE, NodeState.COMPLETE) if provisioned else (NodeState.SUBMITTED,) * 2
    said = "with" if provisioned else "without"
    port = chain.proxy.address.port
    for action, state in zip((Action.INIT, Action.COMPLETE), states, strict=True):
        arguments = dict(COMMANDS)[action]
        seen = jobs.run(action, job, *arguments, transport=Transport.HTTPS, port=port)
        expect(seen.exit_code, code, f"exit code of --{action} through the auth chain, {said} a token file")
        expect(jobs.state(), state, f"state after --{action} through the auth chain, {said} a token file")


@pytest.fixture
def active(jobs: Jobs) -> Job:
    """The job of an active task."""
    job = jobs.submit()
    expect(jobs.run(Action.INIT, job, job.remote_id).exit_code, 0, "exit code of --init")
    return job


@rule("TASK-04")
@given(text=TEXT.filter(lambda text: not text.startswith("-")))
@example(text='Übung 50% "done" 日')
@settings(max_examples=8)
def test_labels(jobs: Jobs, active: Job, text: str) -> None:
    expect(jobs.run(Action.LABEL, active, "l", text).exit_code, 0, "exit code of --label")
    label = jobs.fleet.call(lambda: jobs.server.server.task(TASK).labels[0].new_value)
    expect(label, text, "the label at the node")


@rule("TASK-04")
@given(value=st.integers(-100, 100))
@example(value=-1)
@settings(max_examples=5)
def test_meters(jobs: Jobs, active: Job, value: int) -> None:
    expect(jobs.run(Action.METER, active, "m", str(value)).exit_code, 0, "exit code of --meter")
    meter = jobs.fleet.call(lambda: jobs.server.server.task(TASK).meters[0].value)
    expect(meter, value, "the meter at the node")


@rule("TASK-04")
def test_events(jobs: Jobs, active: Job) -> None:
    for arguments, value in ((("e",), True), (("e", "clear"), False), (("e", "set"), True), (("1",), True)):
        expect(jobs.run(Action.EVENT, active, *arguments).exit_code, 0, "exit code of --event")
        event = jobs.fleet.call(lambda: jobs.server.server.task(TASK).events[0].value)
        expect(event, value, f"the event at the node after --event {' '.join(arguments)}")


@rule("TASK-05")
@given(reason=TEXT)
@example(reason="disk full: 100% of /scratch")
@settings(max_examples=6)
def test_the_reason_of_an_abort(jobs: Jobs, reason: str) -> None:
    job = jobs.submit()
    expect(jobs.run(Action.INIT, job, job.remote_id).exit_code, 0, "exit code of --init")
    expect(jobs.run(Action.ABORT, job, reason).exit_code, 0, "exit code of --abort")
    expect(jobs.state(), NodeState.ABORTED, "state after --abort")
    told = jobs.fleet.call(lambda: jobs.server.server.task(TASK).aborted_reason)
    expect(told, reason, "the reason at the node")


@rule("TASK-06")
def test_a_zombie_is_no_success(jobs: Jobs, active: Job) -> None:
    stranger = Job(active.path, "ecfleet-secret-old", active.remote_id)
    facts, before = jobs.facts(), len(jobs.requests())
    seen = jobs.run(Action.COMPLETE, stranger)
    expect(seen.exit_code, 1, "exit code of --complete with a wrong ECF_PASS and ECF_DENIED")
    expect(len(jobs.requests()) - before, 2, "requests of a blocked --complete with ECF_DENIED")
    expect(jobs.facts() == facts, True, "whether the node is unchanged after a blocked --complete")


@rule("TASK-07")
@pytest.mark.parametrize("missing", ["ECF_NAME", "ECF_PASS"])
def test_nothing_is_asked_without_a_task(jobs: Jobs, missing: str) -> None:
    job = jobs.submit()
    for action, arguments in COMMANDS:
        seen = jobs.run(action, job, *arguments, leave_out=missing)
        expect(seen.exit_code, 1, f"exit code of --{action} without {missing}")
    expect(len(jobs.server.journal.of(ConnectionOpened)), 0, f"connections without {missing}")


@rule("TASK-08")
@pytest.mark.parametrize("value", ["1", "0"])
@pytest.mark.parametrize("known", [True, False], ids=["job", "by hand"])
def test_no_ecf(jobs: Jobs, value: str, known: bool) -> None:
    job = jobs.submit()
    for action, arguments in COMMANDS:
        seen = jobs.run(action, job if known else None, *arguments, NO_ECF=value)
        expect(seen.exit_code, 0, f"exit code of --{action} with NO_ECF={value}")
    expect(len(jobs.server.journal.of(ConnectionOpened)), 0, f"connections with NO_ECF={value}")


@rule("TASK-09")
@pytest.mark.parametrize("status", [201, 204, 301, 302, 401, 403, 404, 413, 500, 502, 503, 504])
def test_other_statuses(jobs: Jobs, status: int) -> None:
    job = jobs.submit()
    facts = jobs.facts()
    jobs.server.faults.when(lambda request: True, answered(status, PAGE))
    seen = jobs.run(Action.INIT, job, job.remote_id)
    expect(seen.exit_code, 1, f"exit code of --init answered by {status}")
    expect(len(jobs.requests()), 1, f"requests of --init answered by {status}")
    expect(jobs.facts() == facts, True, f"whether the node is unchanged after {status}")


@rule("TASK-10")
@pytest.mark.parametrize("body", [PAGE, b""], ids=["page", "nothing"])
def test_a_login_page_is_no_reply(jobs: Jobs, body: bytes) -> None:
    job = jobs.submit()
    jobs.server.faults.when(lambda request: True, answered(200, body))
    seen = jobs.run(Action.INIT, job, job.remote_id)
    what = "a page" if body else "nothing"
    expect(seen.exit_code, 1, f"exit code of --init answered by 200 and {what}")
    expect(jobs.state(), NodeState.SUBMITTED, "state after an --init that the server never saw")


@rule("TASK-11")
@pytest.mark.parametrize("action", [Action.INIT, Action.EVENT, Action.COMPLETE])
def test_a_lost_reply(jobs: Jobs, action: Action) -> None:
    job = jobs.submit()
    arguments = dict(COMMANDS)[action]
    if action is not Action.INIT:
        expect(jobs.run(Action.INIT, job, job.remote_id).exit_code, 0, "exit code of --init")
    before = len(jobs.requests())
    jobs.server.faults.next(LoseReply())
    seen = jobs.run(action, job, *arguments)
    expect(seen.exit_code, 1, f"exit code of --{action} whose reply is lost")
    expect(len(jobs.requests()) - before, 1, f"requests of --{action} whose reply is lost")
    done = jobs.facts()
    expect(jobs.run(action, job, *arguments).exit_code, 0, f"exit code of --{action} repeated")
    expect(jobs.facts() == done, True, f"whether the repeated --{action} leaves the node as it is")
