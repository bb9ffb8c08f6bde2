"""Fleets written down as topology files, which read back as the same fleets."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ecfleet import topology
from ecfleet.certificates import self_signed
from ecfleet.fleet import Fleet
from ecfleet.topology_text import written

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_reads_back_as_it_was(example: Path, tmp_path: Path) -> None:
    fleet = topology.load(example)
    copy = tmp_path / "copy.toml"
    copy.write_text(written(fleet.description), encoding="utf-8")
    again = topology.load(copy)
    assert again.description == fleet.description
    assert again.hosts.keys() == fleet.hosts.keys()


def test_what_a_file_cannot_say_is_a_comment(tmp_path: Path) -> None:
    fleet = Fleet(seed=5)
    own = self_signed("localhost", pair=0)
    fleet.ecflow_server('odd "name" \x7f', plain=None, tls=0, certificate=own)
    text = written(fleet.description)
    (server,) = tomllib.loads(text)["ecflow_server"]
    assert server == {"name": 'odd "name" \x7f', "plain": False, "tls": 0, "http": False, "release": "5.17"}
    assert "\n# certificate: Credential(" in text
    assert "PRIVATE KEY" not in text
