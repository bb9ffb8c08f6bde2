"""A maker of small suites, for the tests of rules, runner and reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

RULE = """
[[rule]]
id = "{id}"
sentence = "The rule {id} in one sentence."
why = "So that something works."
level = "must"
subject = "{subject}"
severity = "high"
symptom = "Something does not work."
fix = "Make it work."
capabilities = {capabilities}
source = {{ document = "openssl", heading = "A heading" }}
"""

AREA = '[area]\ntitle = "{title}"\nprefix = "{prefix}"\n'


def _rules_text(
    *ids: str, subject: str = "logserver", capabilities: tuple[str, ...] = (), prefix: str = ""
) -> str:
    """A rules.toml with these ids."""
    prefix = prefix or ids[0].partition("-")[0]
    head = AREA.format(title=f"Area of {prefix}", prefix=prefix)
    needed = str(list(capabilities)).replace("'", '"')
    return head + "".join(RULE.format(id=id, subject=subject, capabilities=needed) for id in ids)


SuiteMaker = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def make_suite(tmp_path: Path) -> SuiteMaker:
    """Writes a suite of files, by path below it; its folder.

    Each folder gets an ``__init__.py``. The package is named for the test's directory, so that two tests
    in one process do not share modules.
    """

    def make(files: Mapping[str, str]) -> Path:
        root = tmp_path / "suite_{}".format(re.sub(r"\W", "_", tmp_path.name))
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in (root, path.parent):
                (folder / "__init__.py").touch()
            path.write_text(dedent(text), encoding="utf-8")
        return root

    return make


@pytest.fixture
def rules_text() -> Callable[..., str]:
    """Writes a rules.toml with the ids given."""
    return _rules_text
