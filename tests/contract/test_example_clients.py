"""The example clients keep every rule that fits their capabilities, and the first-client page holds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecfleet import cli
from ecfleet.clients import ClientUnderTest, close_client, load_client
from ecfleet.clients.configuration import read_configuration
from ecfleet.clients.shim_messages import read_hello
from ecfleet.rules import Catalogue, Subject, find_suites
from ecfleet.runner import Settings, run
from ecfleet.verdicts import Verdict

from .peers import find_peer, require_peer

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "clients"
PAGE = ROOT / "docs" / "your-first-client.md"

NEEDS = {"node": ("node",), "curl": ("curl",), "python": ()}
"""The programs that each example needs."""

CLIENTS = {"node": "node-client", "curl": "ecflow_curl", "python": "python-client"}


@pytest.fixture(params=sorted(NEEDS))
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClientUnderTest]:
    """The client of an example, whose directory is then the working directory."""
    for name in NEEDS[request.param]:
        require_peer(name)
    monkeypatch.chdir(EXAMPLES / request.param)
    client = load_client(CLIENTS[request.param])
    yield client
    close_client(client)


def test_each_example_is_described() -> None:
    assert sorted(path.parent.name for path in EXAMPLES.glob("*/ecfleet.toml")) == sorted(CLIENTS)
    for name, client in CLIENTS.items():
        found = read_configuration(EXAMPLES / name / "ecfleet.toml")
        assert found is not None
        assert list(found.clients) == [client]


def test_an_example_keeps_the_rules_of_its_capabilities(example: ClientUnderTest) -> None:
    catalogue = Catalogue(find_suites())
    about_it = [
        rule.id
        for rule in catalogue.rules.values()
        if rule.subject is Subject.CLIENT and rule.capabilities <= set(map(str, example.capabilities))
    ]
    assert about_it
    done = run(catalogue, Settings(clients=(example.name,), rules=tuple(about_it), seed=1))
    decided = {result.rule: result for result in done.results if result.rule in about_it}
    assert sorted(decided) == sorted(about_it)
    bad = {
        rule: next(case.message for case in result.cases if case.verdict is result.verdict)
        for rule, result in decided.items()
        if result.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)
    }
    assert bad == {}
    assert sum(result.verdict is Verdict.PASS for result in decided.values()) >= 5


# --- docs/your-first-client.md, taken at its word ---


@pytest.fixture
def blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pieces of JavaScript on the page; the first is shim.js in what is then the working directory."""
    require_peer("node")
    found = re.findall(r"```js\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "shim.js").write_text(found[0])
    monkeypatch.chdir(tmp_path)
    return found


def test_the_first_shim_says_what_the_page_shows(blocks: list[str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    asked = re.search(r"\$ echo '(.*)' \| node shim\.js\n(.*)\n", page)
    assert asked is not None
    said = subprocess.run(
        [find_peer("node") or "node", "shim.js"],
        input=asked[1] + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": os.environ["PATH"]},
    ).stdout
    assert said == asked[2] + "\n"
    assert read_hello(said.encode(), 1).name == "my-client"


MENDED = """\
async function run(request) {
  if (request.action !== "ping" || request.transport !== "tcp") return { unimplemented: "no" };
  return new Promise((resolve) => {
    let received = "";
    const socket = net.connect(request.port, request.host, () => socket.write(frame(ping())));
    socket.on("data", (bytes) => (received += bytes));
    socket.on("close", () => {
      const reply = Object.values(JSON.parse(received.slice(8)))[0].stc_cmd_;
      resolve({ exit_code: reply.polymorphic_name === "StcCmd" ? 0 : 1 });
    });
  });
}
"""


def test_the_bytes_on_the_page_are_a_ping(blocks: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    shim = re.sub(r"async function run.*?\n}\n", lambda _: MENDED, blocks[0], flags=re.DOTALL)
    Path("shim.js").write_text(blocks[1] + shim)
    assert cli.main(["init", "--client", "node shim.js"]) == 0
    out = capsys.readouterr().out
    assert "claimed, shown by ping" in out
    assert "now run: ecfleet check --client my-client" in out


def test_the_answers_on_the_pages_keep_the_contract() -> None:
    """Every line of JSON in the two pages is one, apart from those that show where something stands."""
    lines = [
        line
        for page in (PAGE, ROOT / "docs" / "adapters.md")
        for block in re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for line in re.sub(r",\n\s+", ", ", block).splitlines()
    ]
    assert len(lines) >= 6
    for line in lines:
        assert "id" in json.loads(line)
    hello = next(line for line in lines if '"release"' in line)
    assert read_hello(hello.encode(), 1).release == "0.3"


def test_examples_leave_nothing_in_their_directories(tmp_path: Path) -> None:
    copied = tmp_path / "clients"
    shutil.copytree(EXAMPLES, copied, ignore=shutil.ignore_patterns("__pycache__"))
    names = {"ecfleet.toml", "shim.js", "client.js", "shim.py", "client.py", "ecflow_curl", "README.md"}
    assert {path.name for path in copied.rglob("*") if path.is_file()} <= names
