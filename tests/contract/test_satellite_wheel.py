"""The satellite package as others get it: a wheel, in an environment that has nothing of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from local.environment import child_environ
from local.errors import LocalError
from local.wheel import PACKAGE, build_wheel

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "satellite.txt"
SOURCES = PACKAGE / "src"


def run(command: Sequence[str | Path], **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program that knows nothing of this process but where programs are."""
    return subprocess.run(  # noqa: S603 -- our own commands
        command,
        env={"PATH": os.environ.get("PATH", os.defpath), **environ},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def answer(python: Path, script: str) -> str:
    """Run a script in isolation: no `PYTHONPATH`, no working directory on the path, every warning an error."""
    done = run([python, "-I", "-W", "error", "-c", script])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with the locked packages, by hash, and the wheel."""
    folder = tmp_path_factory.mktemp("elsewhere")
    python, quiet = folder / "bin" / "python", ("--quiet", "--no-deps", "--disable-pip-version-check")
    install = (python, "-m", "pip", "install", *quiet)
    for command in (
        (sys.executable, "-m", "venv", folder),
        (*install, "--require-hashes", "--only-binary", ":all:", "-r", LOCK),
        (*install, "--no-index", wheel),
    ):
        done = run(command, **child_environ(os.environ))
        assert done.returncode == 0, done.stdout + done.stderr
    return python


# -- The wheel ---------------------------------------------------------------------------------------------------------


def test_the_wheel_holds_the_package_its_mark_of_types_and_its_licence_and_nothing_else(wheel: Path) -> None:
    sources = {str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.py")}
    folder = f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"
    about = {f"{folder}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}

    with zipfile.ZipFile(wheel) as held:
        assert set(held.namelist()) == sources | about | {"strongroom_satellite/py.typed"}
        assert held.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_same_sources_make_the_same_wheel_whenever_they_were_checked_out(wheel: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(PACKAGE, tmp_path / "satellite", ignore=shutil.ignore_patterns("__pycache__"))
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))

    assert build_wheel(tmp_path, copy).read_bytes() == wheel.read_bytes()


def test_a_package_that_cannot_be_built_leaves_no_half_wheel(tmp_path: Path) -> None:
    copy = shutil.copytree(PACKAGE, tmp_path / "satellite")
    (copy / "README.md").unlink()

    with pytest.raises(LocalError, match="was not built"):
        build_wheel(tmp_path / "dist", copy)

    assert list((tmp_path / "dist").iterdir()) == []


# -- Installed ---------------------------------------------------------------------------------------------------------


def test_what_is_installed_loads_from_there_with_every_public_name(elsewhere: Path) -> None:
    script = "import strongroom_satellite as it; print(it.__file__); [getattr(it, name) for name in it.__all__]"

    assert Path(answer(elsewhere, script).strip()).is_relative_to(elsewhere.parents[1])


def test_nothing_of_strongroom_itself_is_there(elsewhere: Path) -> None:
    script = (
        "from importlib.util import find_spec; print([n for n in ('strongroom', 'local', 'tests') if find_spec(n)])"
    )

    assert answer(elsewhere, script) == "[]\n"


@pytest.mark.parametrize("module", ["strongroom_satellite.plain_httpx", "strongroom_satellite.cli", "mcp"])
def test_with_its_extras_each_part_loads(module: str, elsewhere: Path) -> None:
    assert answer(elsewhere, f"import {module}") == ""


def test_without_its_extras_the_core_and_the_command_line_load(elsewhere: Path) -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(('mcp', 'mcp_types', 'httpx')))\n"

    assert answer(elsewhere, f"{blocked}import strongroom_satellite, strongroom_satellite.cli") == ""


@pytest.mark.parametrize("module", ["mcp", "httpx", "strongroom_satellite.plain_httpx"])
def test_control_without_its_extras_what_needs_them_does_not_load(module: str, elsewhere: Path) -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(('mcp', 'mcp_types', 'httpx')))\n"

    done = run([elsewhere, "-I", "-c", f"{blocked}import {module}"])

    assert "ModuleNotFoundError" in done.stderr


def test_what_the_wheel_asks_for_is_what_the_lock_gives(elsewhere: Path) -> None:
    done = run([elsewhere, "-I", "-m", "pip", "check"])

    assert done.returncode == 0, done.stdout


def test_the_command_is_there_and_says_what_it_does(elsewhere: Path) -> None:
    done = run([elsewhere.with_name("strongroom"), "--help"])

    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: strongroom" in done.stdout


def test_the_readme_is_the_long_description(elsewhere: Path) -> None:
    script = (
        "from importlib.metadata import metadata as m; x = m('strongroom-satellite'); print(x.get_payload(), end='')"
    )
    kind = "from importlib.metadata import metadata as m; print(m('strongroom-satellite')['Description-Content-Type'])"

    assert answer(elsewhere, script).rstrip() == (PACKAGE / "README.md").read_text("utf-8").rstrip()
    assert answer(elsewhere, kind) == "text/markdown\n"


# -- Types -------------------------------------------------------------------------------------------------------------

TYPED = """
from strongroom_satellite import Need, Strongroom, StrongroomAuth
def ask(strongroom: Strongroom) -> int:
    StrongroomAuth(strongroom, team="acme", installation="a" * 20, user="alice")
    return strongroom.look_up(Need("acme", "a" * 20, "alice")).cache_until
"""
WRONG = """
from strongroom_satellite import Need, Strongroom
def ask(strongroom: Strongroom) -> bytes:
    return strongroom.look_up(Need("acme", "a" * 20, "alice")).cache_until
"""


def checked(python: Path, script: str, cache: Path) -> str:
    """Type check a script against what is installed there, with our own mypy."""
    options = ("--strict", "--config-file", os.devnull, "--cache-dir", cache, "--python-executable", python)
    return run([sys.executable, "-m", "mypy", *options, "-c", script]).stdout


def test_whoever_uses_the_package_sees_its_types(elsewhere: Path, tmp_path: Path) -> None:
    assert checked(elsewhere, TYPED, tmp_path).startswith("Success")
    assert "[return-value]" in checked(elsewhere, WRONG, tmp_path)


# -- Other Pythons -----------------------------------------------------------------------------------------------------


def other_pythons() -> dict[str, str]:
    """Find the machine's other Pythons that the package is for, and ask each which one it is.

    A name on the PATH may be the empty shell of a version manager; pyenv keeps the real ones in folders of their own.
    """
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    names = [f"python3.{minor}" for minor in range(11, 20) if minor != sys.version_info[1]]
    places = [place for name in names for place in (shutil.which(name), *kept.glob(f"*/bin/{name}")) if place]
    asked = {
        str(place): run([place, "-I", "-c", "import sys; print(*sys.version_info[:2], sep='.')"]) for place in places
    }
    return {done.stdout.strip(): place for place, done in asked.items() if done.returncode == 0}


def test_the_core_loads_on_every_other_python_from_3_11_on_if_this_machine_has_any(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the packages of this version's environment: what the core needs is Python all through."""
    (packages,) = elsewhere.parents[1].glob("lib/python*/site-packages")
    script = f"import sys; sys.path.insert(0, {str(packages)!r}); import strongroom_satellite, strongroom_satellite.cli"

    others = other_pythons()
    outcomes = {version: run([place, "-I", "-B", "-c", script]).stderr for version, place in others.items()}

    if not others:
        with capsys.disabled():
            sys.stdout.write(
                "\nThis machine has no other Python from 3.11 on: the satellite was tried on this one alone.\n"
            )
    assert outcomes == dict.fromkeys(others, "")
