"""`ecfleet init`: the client shows what it can do, and a file describes it, whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ecfleet import cli, clients, initialise
from ecfleet.clients import Action, BuiltinClient, Capability, ClientError, load_client
from ecfleet.clients.configuration import read_configuration
from ecfleet.clients.probe import hidden, try_capability

Main = Callable[..., tuple[int, str, str]]

SHIM = '''\
"""A shim around the built-in client, which claims what the command line says."""
import base64, json, sys
from pathlib import Path
from types import SimpleNamespace
from ecfleet.clients import Action, BuiltinClient, Call, SocksRoute
from ecfleet.clients.contract import capabilities_needed
from ecfleet_mocks.model.transport import Transport

claims, does, actions = (set(words.split(",")) for words in sys.argv[1:])
client = BuiltinClient()

def run(request):
    socks = request["socks"] and SocksRoute(**request["socks"])
    call = Call(
        Action(request["action"]), request["host"], request["port"], Transport(request["transport"]),
        tuple(request["arguments"]), socks, request["environment"], request["disable_ssl"],
    )
    lacks = capabilities_needed(call) - does
    if lacks or call.action not in actions:
        return {"unimplemented": "lacks " + ", ".join(sorted(lacks))}
    place = SimpleNamespace(
        environment=call.environment, home=Path(request["home"]), cwd=Path(request["cwd"]), host_name="h"
    )
    outcome = client.run(call, place, request["time_limit"])
    fetched = outcome.fetched and base64.b64encode(outcome.fetched).decode()
    told = {"exit_code": outcome.exit_code, "stdout": outcome.stdout, "stderr": outcome.stderr}
    return {**told, "fetched": fetched}

HELLO = {"name": "my client", "release": "0.1", "capabilities": sorted(claims), "actions": sorted(actions)}
for line in sys.stdin:
    request = json.loads(line)
    answer = HELLO if request["request"] == "hello" else run(request)
    print(json.dumps({"id": request["id"], **answer}), flush=True)
'''

PROGRAM = '''\
"""Two of ecflow_client's options over TCP, and no --version."""
import json, socket, sys
options = dict(word.removeprefix("--").partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
host, port, action = options.pop("host", ""), options.pop("port", "0"), (*options,)
client = {"cereal_class_version": 0, "cl_host_": "h"}
if action == ("ping",):
    name, base, members = "CtsCmd", {"value0": client, "user_": "u"}, {"api_": 8}
elif action == ("label",):
    task = {"path_to_submittable_": "/t", "jobs_password_": "x", "process_or_remote_id_": "1", "try_no_": 1}
    name, base, members = "LabelCmd", {"value0": client, **task}, {"name_": "l", "label_": "text"}
else:
    sys.exit(1)
data = {"cereal_class_version": 0, "value0": {"cereal_class_version": 0, **base}, **members}
pointer = {"id": 2147483649, "data": data}
asked = {"polymorphic_id": 2147483649, "polymorphic_name": name, "ptr_wrapper": pointer}
payload = json.dumps({"21ClientToServerRequest": {"cmd_": asked}}).encode()
with socket.create_connection((host, int(port))) as connection:
    connection.sendall(b"%8x" % len(payload) + payload)
    sys.exit(0 if b"StcCmd" in connection.makefile("rb").read() else 1)
'''


def write_shim(place: Path) -> None:
    """The shim, with the modules that this process has: its own environment does not say where they are."""
    (place / "shim.py").write_text(f"import sys; sys.path[:0] = {sys.path!r}\n{SHIM}")


@pytest.fixture
def main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """Runs `ecfleet init` in an empty directory; exit status, output and errors."""
    place = tmp_path / "project"
    place.mkdir()
    write_shim(place)
    monkeypatch.chdir(place)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(["init", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def shim(claims: str, does: str = "", actions: str = "ping") -> str:
    return f"{sys.executable} shim.py {claims} {does or claims} {actions}"


def files() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_a_shim_is_tried_and_described(main: Main) -> None:
    command = shim("tcp,http,socks,tasks,token-file", actions="ping,label,suites")
    status, out, err = main("--client", command)
    assert (status, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines == [
        "my-client: a shim, release 0.1",
        "tcp claimed, shown by ping",
        "ssl not claimed, unimplemented (lacks ssl)",
        "http claimed, shown by ping",
        "https not claimed, unimplemented (lacks https)",
        "disable-ssl not claimed, not tried",
        "token-file claimed, shown by ping",
        "socks claimed, shown by ping",
        "tasks claimed, shown by label",
        "log-fetch not claimed, unimplemented (lacks log-fetch)",
        "host-file not claimed, not tried",
        "wrote ecfleet.toml; now run: ecfleet check --client my-client",
    ]
    assert files() == ["ecfleet.toml", "shim.py"]
    text = Path("ecfleet.toml").read_text()
    assert '# capabilities = ["tcp", "http", "token-file", "socks", "tasks"]' in text
    client = load_client("my-client")
    assert client.release == "0.1"
    assert Capability.SOCKS in client.capabilities
    clients.close_client(client)


def test_every_commented_key_can_be_taken_in(main: Main) -> None:
    main("--client", shim("tcp"), "--name", "mine")
    text = Path("ecfleet.toml").read_text()
    Path("ecfleet.toml").write_text(
        "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.splitlines())
    )
    found = read_configuration(Path("ecfleet.toml"))
    assert found is not None
    entry = found.clients["mine"]
    assert entry.capabilities == frozenset({Capability.TCP})
    assert (entry.profile, entry.inherit, entry.time_limit) == ("ecflow_client-5.9.2", ("JAVA_HOME",), 30)


@pytest.mark.parametrize(
    ("claims", "does", "told"),
    [
        ("tcp,http", "tcp", "not true: my-client: it claims http and answers unimplemented (lacks http)"),
        ("tcp", "tcp,http", "not true: my-client: it does not claim http, and has it"),
        ("tcp,log-fetch", "tcp", "not true: my-client: it claims log-fetch and answers unimplemented"),
        ("tcp", "tcp,socks", "not true: my-client: it does not claim socks, and has it"),
    ],
)
def test_a_lie_is_told(main: Main, claims: str, does: str, told: str) -> None:
    actions = "ping,log_fetch" if "log-fetch" in claims else "ping"
    status, out, _ = main("--client", shim(claims, does, actions))
    assert status == 1
    assert told in out
    assert "ecfleet.toml" in files()


def test_a_file_that_is_there_is_kept(main: Main) -> None:
    Path("ecfleet.toml").write_text("# mine\n")
    assert main("--client", "builtin") == (
        2,
        "",
        "ecfleet init: ecfleet.toml is there already: --force replaces it\n",
    )
    assert Path("ecfleet.toml").read_text() == "# mine\n"
    status, _, _ = main("--client", "builtin", "--force")
    assert status == 0
    assert 'kind = "builtin"' in Path("ecfleet.toml").read_text()


def test_a_file_that_came_meanwhile_is_kept(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initialise, "_check_place", lambda directory, force: None)
    Path("ecfleet.toml").write_text("# mine\n")
    status, _, err = main("--client", "builtin")
    assert status == 2
    assert "is there already" in err
    assert files() == ["ecfleet.toml", "shim.py"]
    assert Path("ecfleet.toml").read_text() == "# mine\n"


def test_a_project_that_is_described_already(main: Main) -> None:
    Path("pyproject.toml").write_text("[tool.ecfleet.clients.x]\nkind = 'builtin'\n")
    status, _, err = main("--client", "builtin")
    assert status == 2
    assert err == (
        "ecfleet init: pyproject.toml has a table [tool.ecfleet] already: describe the client there\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--client", "no-such-program"], "no-such-program is not on PATH"),
        (["--client", "true"], "true: neither tells a release with --version nor does a thing on a mock"),
        (["--client", "true", "--kind", "shim"], "true: asked for hello, it ended with status 0"),
        (["--client", "true", "--kind", "python"], "its module ecflow does not tell a release"),
        (["--client", "true", "--kind", "builtin"], "--kind builtin has no command: give --client builtin"),
        (["--client", "true", "--kind", "shmi"], "--kind: unknown kind 'shmi'; did you mean 'shim'?"),
        (["--client", "a 'b"], '--client: "a \'b": No closing quotation'),
        (["--client", " "], "--client: names no program"),
        (["--client", "builtin", "--name", "mocks"], "--name: 'mocks' is taken, or has a blank or '/' in it"),
        (["--client", "builtin", "--name", "a b"], "--name: 'a b' is taken, or has a blank"),
        (["--name", "x"], "--name and --kind are about a client: give --client COMMAND"),
    ],
)
def test_a_mistake_is_one_line_and_no_file(main: Main, arguments: list[str], told: str) -> None:
    status, _, err = main(*arguments)
    assert status == 2
    assert err.startswith("ecfleet init: ")
    assert told in err
    assert err.count("\n") == 1
    assert files() == ["shim.py"]


def test_a_directory_that_cannot_be_written(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ecfleet.initialise.os.link", full)
    status, _, err = main("--client", "builtin")
    assert status == 2
    assert err.endswith("ecfleet.toml: cannot be written: No space left on device\n")
    assert files() == ["shim.py"]


def test_without_a_client_all_that_are_found(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initialise, "find_clients", list)
    status, out, _ = main()
    assert status == 0
    assert "my-builtin: the client that comes with ecfleet" in out
    found = read_configuration(Path("ecfleet.toml"))
    assert found is not None
    assert list(found.clients) == ["my-builtin"]


def test_a_program_that_tells_nothing_has_to_show_it(main: Main) -> None:
    Path("client").write_text(f"#!{sys.executable} -IS\n{PROGRAM}")
    Path("client").chmod(0o755)
    status, out, err = main("--client", "./client")
    assert (status, err) == (0, "")
    assert "client: a program with the options of ecflow_client, release unknown" in out
    found = read_configuration(Path("ecfleet.toml"))
    assert found is not None
    entry = found.clients["client"]
    assert entry.capabilities == frozenset({Capability.TCP, Capability.TASKS})
    assert entry.actions == frozenset({Action.PING, Action.LABEL})
    assert load_client("client").release == "unknown"


# --- trials ---


@pytest.mark.parametrize("capability", sorted(set(Capability) - {Capability.HOST_FILE}))
def test_the_builtin_client_shows_what_it_claims(capability: Capability) -> None:
    found = try_capability(BuiltinClient(), capability)
    assert found is not None
    assert found.shown, found.said


def test_what_takes_long_is_not_tried() -> None:
    assert try_capability(BuiltinClient(), Capability.HOST_FILE) is None


def test_only_what_can_be_asked_is_looked_behind(tmp_path: Path) -> None:
    assert hidden(BuiltinClient(), set(map(str, Capability))) == []
    write_shim(tmp_path)
    command = [sys.executable, "shim.py", "tcp", "tcp,http,ssl", "ping"]
    client = clients.ShimClient(command, directory=tmp_path)
    try:
        assert hidden(client, {"http", "https", "tcp"}) == [Capability.HTTP]
        assert hidden(client, {"https", "tasks"}) == []
    finally:
        client.close()


def test_a_reserved_or_odd_name_is_made_usable(main: Main) -> None:
    main("--client", "builtin")
    with pytest.raises(ClientError):
        load_client("no-such-client")
    assert load_client("my-builtin").name == "my-builtin"
