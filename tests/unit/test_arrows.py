"""The arrows of the architecture: suites → harness → mocks, and inside the mocks services → model → wire."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

PACKAGES = ("ecfleet", "ecfleet_mocks", "ecfleet_suites")
IMPURE = {"asyncio", "io", "os", "pathlib", "random", "select", "selectors", "shutil", "socket", "ssl"} | {
    "subprocess", "tempfile", "threading", "time", "uvloop"
}  # fmt: skip


def modules(package: str) -> dict[str, Path]:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    root = Path(next(iter(spec.submodule_search_locations)))
    found: dict[str, Path] = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join((package, *parts)).removesuffix(".__init__")] = path
    return found


def imports(path: Path) -> set[str]:
    """The dotted names that a module imports, under ``if TYPE_CHECKING`` too: those are arrows as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def reaches(path: Path, target: str) -> bool:
    return any(name == target or name.startswith(target + ".") for name in imports(path))


ALL = {name: path for package in PACKAGES for name, path in modules(package).items()}


def offenders(inside: str, target: str) -> list[str]:
    return [
        name
        for name, path in ALL.items()
        if (name == inside or name.startswith(inside + ".")) and reaches(path, target)
    ]


@pytest.mark.parametrize(
    ("inside", "target"),
    [
        ("ecfleet_mocks", "ecfleet"),
        ("ecfleet_mocks", "ecfleet_suites"),
        ("ecfleet", "ecfleet_suites"),
        ("ecfleet_mocks.wire", "ecfleet_mocks.model"),
    ],
)
def test_no_import_against_the_arrows(inside: str, target: str) -> None:
    assert offenders(inside, target) == []


@pytest.mark.parametrize("layer", ["ecfleet_mocks.wire", "ecfleet_mocks.model"])
def test_wire_and_model_know_no_services(layer: str) -> None:
    services = [
        name
        for name in ALL
        if name.startswith("ecfleet_mocks.")
        and not name.startswith(("ecfleet_mocks.wire", "ecfleet_mocks.model"))
    ]
    assert services
    assert {service: found for service in services if (found := offenders(layer, service))} == {}


@pytest.mark.parametrize("layer", ["ecfleet_mocks.wire", "ecfleet_mocks.model"])
def test_wire_and_model_touch_no_socket_clock_or_file(layer: str) -> None:
    found = {
        name: sorted(IMPURE & {imported.split(".")[0] for imported in imports(path)})
        for name, path in ALL.items()
        if name.startswith(layer)
    }
    assert found
    assert {name: names for name, names in found.items() if names} == {}


def test_suites_use_the_public_face_of_the_harness() -> None:
    """Users import from ecfleet only, and so do the suites, which are what users copy from."""
    assert offenders("ecfleet_suites", "ecfleet_mocks") == []


def test_each_package_is_typed() -> None:
    for package in PACKAGES:
        assert (ALL[package].parent / "py.typed").exists()
