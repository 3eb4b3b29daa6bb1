"""What the satellite package is made of: it stands alone, and declares exactly what it imports.

Imports are read from the sources, so that one inside a function or under `TYPE_CHECKING` counts too.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import strongroom_satellite
from local.accounts import SATELLITE
from local.satellites import SOURCES, satellite_environment

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "satellite" / "src" / "strongroom_satellite"
MODULES = sorted(PACKAGE.rglob("*.py"))
OURS = "strongroom_satellite"

# Everything else runs without the extras, and without the command line's library.
MAY_IMPORT = {
    "mcp": ("elicitation", "stdio"),
    "httpx": ("plain_httpx",),
    "click": ("cli", "commands"),
}

# A package that another one pins to its own version, and that belongs to it.
PARTS = {"mcp_types": "mcp"}


def named(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    """Name the modules that are imported, of ours the full names."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(level=0, module=str(module), names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                yield f"{OURS}.relative"


def outside(source: str) -> set[str]:
    """Name the packages that a module imports besides the standard library and its own."""
    roots = {name.partition(".")[0] for name in imports(ast.parse(source))}
    return {PARTS.get(root, root) for root in roots - {OURS} - sys.stdlib_module_names}


def requirements(lines: list[str]) -> dict[str, str]:
    """Read `name>=1,<2`."""
    return {found[0]: found[1] for line in lines for found in re.findall(r"^([a-z0-9-]+)(\S*)$", line)}


def declared() -> dict[str, str]:
    given = project(ROOT / "satellite")
    extras = [line for lines in given["optional-dependencies"].values() for line in lines]
    return requirements([*given["dependencies"], *extras])


# -- Imports -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_imports_nothing_but_what_the_package_declares(path: Path) -> None:
    assert outside(path.read_text("utf-8")) <= set(declared())


@pytest.mark.parametrize(
    "source",
    [
        "import strongroom",
        "from strongroom.domain import secret",
        "import local.signing",
        "def f():\n    from tests import world",
        "import boto3",
    ],
)
def test_control_what_is_not_declared_is_found(source: str) -> None:
    assert not outside(source) <= set(declared())


def test_what_the_package_declares_is_what_its_modules_import() -> None:
    imported = set().union(*(outside(path.read_text("utf-8")) for path in MODULES))

    assert imported == set(declared())


@pytest.mark.parametrize("package", list(MAY_IMPORT))
def test_what_is_heavy_or_optional_is_imported_only_where_it_is_needed(package: str) -> None:
    importing = {named(path) for path in MODULES if package in outside(path.read_text("utf-8"))}

    assert {name.partition(".")[0] for name in importing} <= set(MAY_IMPORT[package])


LOADED = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(name)
blocked = {"mcp", "mcp_types", "httpx", "click"}
sys.meta_path.insert(0, Missing())
import strongroom_satellite
assert not blocked & set(sys.modules)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- our own interpreter
        [sys.executable, "-W", "error", "-c", script],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_core_loads_where_neither_an_extra_nor_the_command_line_can_be_imported() -> None:
    done = run(LOADED)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", ["mcp", "mcp_types", "httpx", "click"])
def test_control_what_is_blocked_cannot_be_imported_there(package: str) -> None:
    done = run(f"{LOADED}import {package}")

    assert f"ModuleNotFoundError: {package}" in done.stderr


@pytest.mark.parametrize("folder", ["layers", "functions", "local"])
def test_nothing_of_strongroom_imports_the_satellite_package(folder: str) -> None:
    sources = [path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts]
    roots = {path: {name.partition(".")[0] for name in imports(ast.parse(path.read_text("utf-8")))} for path in sources}

    assert sources
    assert [path for path, names in roots.items() if OURS in names] == []


# -- What is declared --------------------------------------------------------------------------------------------------


def test_the_package_has_the_version_and_the_floor_of_the_whole() -> None:
    ours, whole = project(ROOT / "satellite"), project(ROOT)

    assert [ours[name] for name in ("version", "requires-python", "license")] == [
        whole[name] for name in ("version", "requires-python", "license")
    ]
    assert strongroom_satellite.__version__ == ours["version"]


def test_the_package_carries_the_licence_of_the_whole() -> None:
    assert (ROOT / "satellite" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_each_extra_is_the_package_that_it_is_named_after() -> None:
    extras = project(ROOT / "satellite")["optional-dependencies"]

    assert {name: set(requirements(lines)) for name, lines in extras.items()} == {"mcp": {"mcp"}, "httpx": {"httpx"}}


def test_the_lock_is_made_from_the_bounds_that_the_package_declares() -> None:
    assert requirements((ROOT / "requirements" / "satellite.in").read_text().splitlines()) == declared()


def test_every_dependency_has_a_lower_bound() -> None:
    assert all(bounds.startswith(">=") for bounds in declared().values())


# -- In development ----------------------------------------------------------------------------------------------------


def test_a_satellites_process_gets_the_package_and_its_own_callers_keys_and_nothing_of_ours(tmp_path: Path) -> None:
    given = satellite_environment(tmp_path, SATELLITE, "http://127.0.0.1:8400")

    assert given["PYTHONPATH"] == str(SOURCES)
    assert (SOURCES / OURS / "py.typed").is_file()
    assert given["AWS_ACCESS_KEY_ID"] == SATELLITE.access_key
    assert {name for name in given if name.startswith("STRONGROOM_")} == {"STRONGROOM_URL"}
