"""What the README and --help say of the command line is what it does."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from strongroom_satellite.cli.checks import Finding
from strongroom_satellite.cli.root import root
from tests.fakes.satellite import FakeStrongroom, listed, stands
from tests.unit.satellite_commands import ALICE, AT, INSTALLATION, ran

README = (Path(__file__).resolve().parents[2] / "satellite" / "README.md").read_text("utf-8")
SECTION = README.partition("## On the command line")[2].partition("\n## ")[0]


def row(of: str) -> set[str]:
    """Give the members that the table names for a command."""
    [line] = [line for line in SECTION.splitlines() if line.startswith(f"| {of} |")]
    return set(re.findall(r'"([a-z_]+)"', line))


def printed(*arguments: str) -> set[str]:
    fake = FakeStrongroom()
    fake.connect(ALICE, "t")
    fake.lists["acme", "alice"] = [listed(INSTALLATION, "Team Files", stands())]
    fake.members["acme", INSTALLATION] = []
    return set(json.loads(ran(fake, *arguments, "--json").out))


@pytest.mark.parametrize(
    ("of", "arguments"),
    [
        ("`who --user`", ("who", *AT[:2], *AT[4:])),
        ("`who --installation`", ("who", *AT[:4])),
        ("`get`", ("get", *AT)),
        ("`rejected`", ("rejected", *AT, "--version", "grant.1", "--status", "401")),
    ],
)
def test_the_readme_names_every_member_of_an_answer(
    of: str, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert row(of) == printed(*arguments)
    ran(FakeStrongroom(), arguments[0], "--help")
    assert printed(*arguments) <= set(re.findall(r'"([a-z_]+)"', capsys.readouterr().out))


def test_the_readme_names_every_member_of_the_doctors_answer() -> None:
    assert row("`doctor`") == {"ok", "steps", *(one.name for one in fields(Finding))}


def test_the_readme_names_every_member_of_an_error() -> None:
    members: set[str] = set()
    for is_required in (True, False):
        fake = FakeStrongroom()
        fake.require(ALICE) if is_required else fake.busy(retry_after=30)
        members |= set(json.loads(ran(fake, "get", *AT, "--json", "--timeout", "5").out))
    assert row("an error") == members


def test_the_readme_shows_every_command() -> None:
    assert set(re.findall(r"^strongroom ([a-z]+)", SECTION, re.MULTILINE)) == set(root.commands)


def test_the_readme_and_the_help_tell_the_same_statuses() -> None:
    told = set(re.findall(r"^\| (\d+) \|", SECTION, re.MULTILINE))
    assert told == {"0", "1", "2", "3", "4", "130"}
    assert told == set(re.findall(r"^  (\d+) ", root.epilog or "", re.MULTILINE))
