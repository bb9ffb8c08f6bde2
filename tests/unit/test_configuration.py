"""ecfleet.toml and [tool.ecfleet]: what they describe, one line for each mistake, what comes of claims."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from ecfleet import profiles
from ecfleet.clients import (
    Action,
    BuiltinClient,
    Call,
    Capability,
    ClientNotFound,
    CommandClient,
    ConfigurationError,
    ConfiguredClient,
    PythonClient,
    ShimClient,
    Unimplemented,
    close_client,
    described_clients,
    load_client,
)
from ecfleet.clients.configuration import find_configuration, read_configuration
from ecfleet.clients.configuration_waivers import known_deviations, profile_of
from ecfleet.sandbox import Sandbox
from ecfleet_mocks.model.dialect import DIALECT_5_9, DIALECT_5_17
from ecfleet_mocks.model.transport import Transport

Write = Callable[..., Path]

SHIM = """\
import json, os, sys
HELLO = {"name": "told", "release": "3", "capabilities": ["tcp", "http"], "actions": ["ping", "suites"]}
for line in sys.stdin:
    request = json.loads(line)
    answer = HELLO if request["request"] == "hello" else {"exit_code": 0, "stdout": line}
    print(json.dumps({"id": request["id"], **answer}), flush=True)
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a configuration into what is then the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "ecfleet.toml") -> Path:
        (tmp_path / name).write_text(dedent(text), encoding="utf-8")
        return tmp_path

    return write


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# --- where it is found ---


def test_there_may_be_none(write: Write) -> None:
    assert find_configuration() is None
    assert described_clients() == {}
    write("[project]\nname = 'x'\n", "pyproject.toml")
    assert find_configuration() is None


def test_the_project_file_is_read_when_it_has_a_table(write: Write) -> None:
    write("[tool.ecfleet.clients.mine]\nkind = 'builtin'\n", "pyproject.toml")
    assert list(described_clients()) == ["mine"]
    write("[clients.other]\nkind = 'builtin'\n")
    assert list(described_clients()) == ["other"]


# --- kinds ---


def test_a_command(write: Write) -> None:
    place = write(
        """
        [clients.mine]
        kind = "command"
        command = ["bin/client", "./words", "--plain"]
        release = "0.1"
        dialect = "5.9"
        capabilities = ["tcp", "tasks"]
        actions = ["ping"]
        inherit = ["WANTED"]
        """
    )
    program(place / "bin" / "client", 'echo "$@"; env')
    client = load_client("mine")
    assert isinstance(client, ConfiguredClient)
    assert isinstance(client.inner, CommandClient)
    assert (client.name, client.release, client.dialect) == ("mine", "0.1", DIALECT_5_9)
    assert client.capabilities == {Capability.TCP, Capability.TASKS}
    with Sandbox() as sandbox:
        outcome = client.run(Call(Action.PING, "h", 1), sandbox)
        with pytest.raises(Unimplemented, match=r"^mine 0\.1 does not claim to do suites$"):
            client.run(Call(Action.SUITES, "h", 1), sandbox)
        with pytest.raises(Unimplemented, match=r"it lacks http$"):
            client.run(Call(Action.PING, "h", 1, Transport.HTTP), sandbox)
    assert outcome.stdout.splitlines()[0] == f"{place}/words --plain --host=h --port=1 --ping"


def test_the_command_may_be_a_line_of_a_shell(write: Write) -> None:
    write("[clients.mine]\nkind = 'command'\ncommand = \"sh -c 'echo 5.17.0' --\"\n")
    client = load_client("mine")
    assert (client.release, client.dialect) == ("5.17.0", DIALECT_5_17)


def test_a_shim_claims_by_itself_and_may_be_narrowed(write: Write) -> None:
    place = write(
        f"""
        [clients.all]
        kind = "shim"
        command = ["{sys.executable}", "-IS", "shim.py"]

        [clients.less]
        kind = "shim"
        command = ["{sys.executable}", "-IS", "shim.py"]
        capabilities = ["tcp"]
        actions = ["ping"]

        [clients.more]
        kind = "shim"
        command = ["{sys.executable}", "-IS", "shim.py"]
        capabilities = ["tcp", "socks"]

        [clients.busier]
        kind = "shim"
        command = ["{sys.executable}", "-IS", "shim.py"]
        actions = ["ping", "stats"]
        """
    )
    (place / "shim.py").write_text(SHIM)
    everything, less = load_client("all"), load_client("less")
    try:
        assert (everything.name, everything.release) == ("all", "3")
        assert everything.capabilities == {Capability.TCP, Capability.HTTP}
        assert less.capabilities == {Capability.TCP}
        assert isinstance(less, ConfiguredClient)
        assert isinstance(less.inner, ShimClient)
        with Sandbox() as sandbox:
            assert everything.run(Call(Action.SUITES, "h", 1), sandbox).ok
            with pytest.raises(Unimplemented):
                less.run(Call(Action.SUITES, "h", 1), sandbox)
    finally:
        close_client(everything)
        close_client(less)
    for name, line, told in (
        ("more", 12, "clients.more: capabilities: the client itself does not claim socks"),
        ("busier", 17, "clients.busier: actions: the client itself does not claim stats"),
    ):
        with pytest.raises(ConfigurationError) as error:
            load_client(name)
        assert str(error.value) == f"ecfleet.toml:{line}: {told}"


def test_builtin_and_python(write: Write) -> None:
    place = write(
        """
        [clients.old]
        kind = "builtin"
        dialect = "5.9"

        [clients.module]
        kind = "python"
        command = "./python"
        """
    )
    program(place / "python", 'echo \'{"release": "5.17.0", "transports": ["tcp", "http"]}\'')
    old, module = load_client("old"), load_client("module")
    assert isinstance(old, ConfiguredClient)
    assert isinstance(old.inner, BuiltinClient)
    assert old.dialect is DIALECT_5_9
    assert isinstance(module, ConfiguredClient)
    assert isinstance(module.inner, PythonClient)
    assert Capability.HTTP in module.capabilities


def test_inherited_variables_and_the_time_limit(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    place = write(
        """
        [clients.mine]
        kind = "command"
        command = "./client"
        release = "1"
        capabilities = ["tcp"]
        inherit = ["WANTED", "TAKEN", "ABSENT"]
        time_limit = 0.3
        """
    )
    program(place / "client", 'if [ -n "$SLOW" ]; then sleep 1000; fi; echo "$WANTED $TAKEN"')
    monkeypatch.setenv("WANTED", "yes")
    monkeypatch.setenv("TAKEN", "from outside")
    client = load_client("mine")
    with Sandbox() as sandbox:
        sandbox.set("TAKEN", "by the sandbox")
        assert client.run(Call(Action.PING), sandbox, timeout=20).stdout == "yes by the sandbox\n"
        slow = Call(Action.PING, environment={"SLOW": "1"})
        assert client.run(slow, sandbox).timed_out


# --- names ---


def test_names_that_are_not_described(write: Write) -> None:
    write("[clients.my-client]\nkind = 'builtin'\n")
    with pytest.raises(ClientNotFound) as error:
        load_client("my-cleint")
    assert str(error.value).endswith("; nor is it described; did you mean 'my-client'?")
    assert load_client("builtin").name == "builtin"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[clients.x\n", "ecfleet.toml:1: no TOML: "),
        ("clients = 3\n", "ecfleet.toml:1: clients: must be a table, [clients]"),
        ("[client.x]\n", "ecfleet.toml:1: client: unknown key; did you mean 'clients'?"),
        ("[clients]\nx = 1\n", "ecfleet.toml:2: clients.x: must be a table, [clients.x]"),
        ("[clients.x]\ncommand = 'a'\n", "ecfleet.toml:1: clients.x: 'kind' is missing: one of command,"),
        (
            "[clients.x]\nkind = 'shmi'\n",
            "ecfleet.toml:2: clients.x.kind: unknown kind 'shmi'; did you mean 'shim'?",
        ),
        ("[clients.x]\nkind = 3\n", "ecfleet.toml:2: clients.x.kind: unknown kind 3 (there is command,"),
        ("[clients.x]\nkind = []\n", "ecfleet.toml:2: clients.x.kind: unknown kind []"),
        (
            "[clients.builtin]\nkind = 'shim'\n",
            "ecfleet.toml:1: clients.builtin: the name 'builtin' is taken",
        ),
        (
            "[clients.'a b']\nkind = 'shim'\n",
            "ecfleet.toml:1: clients.a b: a client's name has neither blanks",
        ),
        ("[clients.x]\nkind = 'shim'\n", "ecfleet.toml:1: clients.x: 'command' is missing: the program"),
        (
            "[clients.x]\nkind = 'shim'\n\ncomand = 'a'\n",
            "ecfleet.toml:4: clients.x.comand: unknown key; did you mean 'command'?",
        ),
        ("command = ''", "command: must be a text in one line, and not ''"),
        ("command = []", "command: must be a program and its first arguments, and not []"),
        ("command = [1]", "command: must be a program and its first arguments, and not [1]"),
        ("command = 3", "command: must be a text in one line, and not 3"),
        ('command = "a \'b"', "command: cannot be taken apart like a line of a shell (No closing quotation)"),
        ("release = '1'", "release: is not for kind shim"),
        ("capabilities = ['tpc']", "capabilities: unknown name 'tpc'; did you mean 'tcp'?"),
        ("capabilities = []", "capabilities: must be an array of texts, and not []"),
        ("capabilities = ['tcp', 'tcp']", "capabilities: names something twice"),
        ("actions = ['pong']", "actions: unknown name 'pong'; did you mean 'ping'?"),
        ("inherit = ['ECF_HOST']", "inherit: ECF_HOST cannot be inherited by a client under test"),
        ("inherit = ['https_proxy']", "inherit: https_proxy cannot be inherited by a client under test"),
        ("inherit = ['HOME']", "inherit: HOME cannot be inherited by a client under test"),
        ("time_limit = 0", "time_limit: must be seconds, more than 0 and at most 3600, and not 0"),
        ("time_limit = true", "time_limit: must be seconds, more than 0 and at most 3600, and not True"),
        ("waivers = 3", "waivers: must be an array of texts, and not 3"),
        ("profile = 3", "profile: must be a text in one line, and not 3"),
    ],
)
def test_a_mistake_is_one_line(write: Write, text: str, told: str) -> None:
    if not text.startswith(("[", "clients")):
        line = 3 if text.startswith("command") else 4
        before = "[clients.x]\nkind = 'shim'\n" + ("" if line == 3 else "command = 'a'\n")
        text, told = f"{before}{text}\n", f"ecfleet.toml:{line}: clients.x.{told}"
    write(text)
    with pytest.raises(ConfigurationError) as error:
        load_client("x")
    assert str(error.value).startswith(told)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "kind = 'command'\ncommand = 'a'\ncapabilities = ['socks']",
            ":4: clients.x.capabilities: no option of a",
        ),
        (
            "kind = 'command'\ncommand = 'a'\ndialect = 5.9",
            ":4: clients.x.dialect: must be one of 5.9, 5.17, as a",
        ),
        ("kind = 'builtin'\ncommand = 'a'", ":3: clients.x.command: is not for kind builtin"),
        ("kind = 'builtin'\ninherit = ['A']", ":3: clients.x.inherit: is not for kind builtin"),
    ],
)
def test_keys_fit_the_kind(write: Write, text: str, told: str) -> None:
    write(f"[clients.x]\n{text}\n")
    with pytest.raises(ConfigurationError, match=r"^ecfleet\.toml") as error:
        find_configuration()
    assert told in str(error.value)


def test_lines_of_the_project_file(write: Write) -> None:
    write("[tool.other]\nx = 1\n\n[tool.ecfleet]\nclient = {}\n", "pyproject.toml")
    with pytest.raises(ConfigurationError, match=r"^pyproject\.toml:5: tool\.ecfleet\.client: unknown key"):
        find_configuration()


def test_files_that_cannot_be_read(write: Write) -> None:
    place = write("")
    (place / "ecfleet.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"ecfleet\.toml: is no UTF-8 text$"):
        find_configuration()
    with pytest.raises(ConfigurationError, match=r"nothing: cannot be read: No such file"):
        read_configuration(place / "nothing")


# --- deviations ---

PROFILE = """\
[profile]
client = "another"
release = "9"
basis = "run"
about = "x"

[[waiver]]
rule = "CERT-07"
observed = "in the profile"
reason = "r"
evidence = "e"
owner = "o"
"""
WAIVERS = """\
[[waiver]]
rule = "CERT-08"
observed = "in the file"
reason = "r"
owner = "o"
expiry = 2099-01-31

[[waiver]]
rule = "CERT-09"
observed = "about another"
reason = "r"
owner = "o"
expiry = 2099-01-31
client = "another"
"""


def test_profile_and_waivers_of_a_description(write: Write) -> None:
    place = write("[clients.mine]\nkind = 'builtin'\nprofile = 'p.toml'\nwaivers = ['w.toml']\n")
    (place / "p.toml").write_text(PROFILE)
    (place / "w.toml").write_text(WAIVERS)
    found = known_deviations("mine", "1")
    assert [(waiver.rule, waiver.client) for waiver in found] == [("CERT-07", "mine"), ("CERT-08", "mine")]
    assert [waiver.rule for waiver in known_deviations("mine", "1", with_profile=False)] == ["CERT-08"]
    assert known_deviations("other", "1") == ()
    assert known_deviations(profiles.MOCKS, "") == ()


def test_a_shipped_profile_by_name(write: Write) -> None:
    write("[clients.mine]\nkind = 'builtin'\nprofile = 'ecflow_client-5.9.2'\n")
    shipped = profile_of("ecflow_client", "5.9.2")
    assert shipped is not None
    assert profile_of("mine", "1") == shipped
    assert {waiver.client for waiver in known_deviations("mine", "1")} == {"mine"}
    assert {waiver.rule for waiver in known_deviations("mine", "1")} == {one.rule for one in shipped.waivers}


def test_a_profile_that_is_not_there(write: Write) -> None:
    write("[clients.mine]\nkind = 'builtin'\nprofile = 'ecflow_client-5.9.3'\n")
    with pytest.raises(ConfigurationError) as error:
        known_deviations("mine", "1")
    told = "ecfleet.toml:1: clients.mine: profile: neither a file *.toml nor a shipped profile: "
    assert str(error.value).startswith(told + "'ecflow_client-5.9.3'; did you mean")
    write("[clients.mine]\nkind = 'builtin'\nprofile = 'nothing.toml'\n")
    with pytest.raises(profiles.ProfileError, match=r"nothing\.toml: cannot be read"):
        known_deviations("mine", "1")
