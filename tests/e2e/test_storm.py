"""A small storm on the real stack: everything is due at once, a hundred look-ups ask, and processes are killed.

The negative control takes the lease out of a copy of the project and raises the same storm without killing anybody. It
starts a system of its own, so it runs where nothing may be skipped (`STRONGROOM_NO_SKIP=1`) or where `STORM_CONTROL=1` asks
for it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from local.peers.servers import NODE, PEERS, prepare
from local.plan import ROOT
from local.storm import Told, Wanted, play
from tests.contract.toy_stack import alive, free_ports
from tests.requirements import requirement

CONTROLS = "1" in (os.environ.get("STRONGROOM_NO_SKIP"), os.environ.get("STORM_CONTROL"))
FAR = 3.0
"""Seconds that an answer is on its way where two workers are to overlap for certain, on a machine however slow."""
LEASE = (
    (
        "domain/renewal.py",
        "return (connection.version.unchanged(), free, *as_read)",
        "return (connection.version.unchanged(),)",
    ),
    ("domain/renewal.py", "if state.lease is not None and now < state.lease_until + CLOCKS_APART:", "if False:"),
    (
        "domain/renewal.py",
        "if state.intents and state.intent_at is not None and now < state.intent_at + second_look:",
        "if False:",
    ),
    ("flows/lease.py", "connection.renewal.lease is not None", "False"),
)
"""All that the lease does: its write, the look at it, and the pause of whoever takes over one that was left."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    if with_node := NODE.is_installed():
        prepare(PEERS[0], print)
    wanted = Wanted(
        free_ports(25300), tmp_path_factory.mktemp("storm"), connections=8, kills=3, seed=7, with_node=with_node
    )
    return play(wanted, print)


def test_nothing_happens_that_must_not(told: Told) -> None:
    assert told.violations == []


@requirement("fault:F1")
def test_a_hundred_look_ups_at_once_refresh_each_connection_and_no_token_twice(told: Told) -> None:
    assert told.calm.answers() == {"token": 100}
    assert not [book for book in told.calm.books.values() if book.repeated()]
    assert {end.word for end in told.calm.ends} == {"token"}


@requirement("fault:F3")
def test_after_the_storm_every_connection_serves_its_own_person_or_died_with_who_renewed_it(told: Told) -> None:
    storm = told.storm
    assert storm is not None
    assert len(storm.ends) == 8
    assert storm.lost() == []
    assert {end.word for end in storm.ends} <= {"token", "lost_response"}


def test_processes_were_killed_at_work_and_are_gone(told: Told) -> None:
    deaths = told.storm.deaths if told.storm else []
    assert deaths
    assert {death.function for death in deaths} <= {"RenewFunction", "TokenFunction"}
    assert [death.pid for death in deaths if alive(death.pid)] == []


if CONTROLS:

    def test_control_without_the_lease_a_refresh_token_comes_twice_although_nobody_died(tmp_path: Path) -> None:
        project = copied_without(tmp_path / "project", LEASE)
        wanted = Wanted(free_ports(25300), tmp_path, 4, 60, kills=0, with_node=False, project=project, distance=FAR)

        said = play(wanted, print).violations

        assert any("came twice, and nobody had died" in one for one in said)
        assert any("lost" in one for one in said)


def copied_without(folder: Path, defences: Iterable[tuple[str, str, str]]) -> Path:
    """Copy what the functions run, with defences taken out: of which module, which text, and what stands there instead."""
    folder.mkdir()
    for name in ("layers", "functions"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", folder)
    for module, defence, without in defences:
        source = folder / "layers/common/python/strongroom" / module
        text = source.read_text("utf-8")
        assert text.count(defence) == 1, f"the defence stands {text.count(defence)} times in {module}"
        source.write_text(text.replace(defence, without), "utf-8")
    return folder
