"""A crowd before the example gateway, on the real stack: people of two revisions call at once, while tokens are renewed,
revoked, withdrawn and turned away under them.

A wire on both sides of the gateway tells what it asked and which tokens it used. The negative controls put gateways in its
place that have the satellite package with one defence taken out: the same judge finds each guilty.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.crowd import FATES, Wanted, play
from local.crowd_judge import ANSWERED, FOREIGN, LATE, TWICE, Crowd
from local.crowd_people import Fate
from local.crowd_scene import Scene, options, scene
from local.satellites import SOURCES
from local.stack import Stack
from local.storm_scene import people
from tests.contract.toy_stack import free_ports

PEOPLE = people(12)
BY_FATE = {fate: [user for index, user in enumerate(PEOPLE) if FATES[index % len(FATES)] is fate] for fate in Fate}
FAR = 1.0
"""Seconds that a question is on its way to Strongroom."""

FEW = BY_FATE[Fate.NOTHING][:4]


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The running system with everybody connected, and no gateway yet."""
    folder, ports = tmp_path_factory.mktemp("crowd"), free_ports(27300)
    with Stack(options(ports, PEOPLE, folder), print) as stack, scene(stack) as where:
        where.connect(PEOPLE)
        yield where


@pytest.fixture(scope="module")
def crowd(where: Scene) -> Crowd:
    return play(where, PEOPLE, Wanted(rounds=4), print)


def test_nothing_happens_that_must_not(crowd: Crowd) -> None:
    assert crowd.violations() == []


def test_everybody_called_and_was_told_their_own_name(crowd: Crowd) -> None:
    answered = [call for call in crowd.calls if call.word == ANSWERED]
    assert len(crowd.calls) == len(PEOPLE) * 2 * 4
    assert {call.user for call in answered} == set(PEOPLE)
    assert all(call.said == call.user for call in answered)


def test_meanwhile_tokens_were_renewed_revoked_and_withdrawn(crowd: Crowd) -> None:
    assert crowd.renewals >= len(BY_FATE[Fate.NOTHING])
    assert {away.user for away in crowd.aways} == {*BY_FATE[Fate.LEAVES], *BY_FATE[Fate.RETURNS]}
    assert {ask.user for ask in crowd.asks if ask.word == "refused"} >= set(BY_FATE[Fate.WITHDRAWN])


def test_whose_grant_was_withdrawn_is_prompted_and_called_again_after_connecting(crowd: Crowd) -> None:
    last = {call.user: call.word for call in sorted(crowd.calls, key=lambda call: call.began)}
    assert {call.user for call in crowd.calls if call.prompts} >= set(BY_FATE[Fate.WITHDRAWN])
    assert {last[user] for user in BY_FATE[Fate.WITHDRAWN]} == {ANSWERED}


def test_there_are_far_fewer_look_ups_than_requests_with_a_token(crowd: Crowd) -> None:
    given = [ask for ask in crowd.asks if ask.token is not None]
    assert 0 < len(given) < len(crowd.uses) / 3


# -- Controls -------------------------------------------------------------------------------------------------------------


def test_control_needs_without_their_user_let_one_call_as_another(where: Scene, tmp_path: Path) -> None:
    changed = without(
        tmp_path,
        "need.py",
        ("    user: str\n", "    user: str = field(compare=False)\n"),
        ("import dataclass", "import dataclass, field"),
    )
    found = found_in(where, Wanted(rounds=1, fates=(Fate.NOTHING,), sources=changed))
    assert FOREIGN in found


def test_control_without_coalescing_a_person_is_looked_up_twice_at_once(where: Scene, tmp_path: Path) -> None:
    changed = without(
        tmp_path,
        "flights.py",
        ("if key not in self._under_way:", "if True:"),
    )
    where.before_strongroom.ahead = FAR  # else one look-up may be over before the next call has come
    try:
        found = found_in(where, Wanted(rounds=1, calls_at_once=4, fates=(Fate.NOTHING,), sources=changed))
    finally:
        where.before_strongroom.ahead = 0.0
    assert TWICE in found


def test_control_a_shelf_that_keeps_for_a_minute_uses_tokens_after_their_cache_until(
    where: Scene, tmp_path: Path
) -> None:
    defence = "serves = max(0.0, min(LONGEST_KEPT, release.cache_until - began) - MARGIN)"
    changed = without(tmp_path, "shelf.py", (defence, "serves = LONGEST_KEPT"))
    found = found_in(where, Wanted(rounds=2, apart=None, fates=(Fate.NOTHING,), sources=changed))
    assert LATE in found


def found_in(where: Scene, wanted: Wanted) -> set[str]:
    """Let a few people call through a gateway, and name the kinds of what was found."""
    return {kind for kind, _ in play(where, FEW, wanted, print).violations()}


def without(folder: Path, module: str, *changes: tuple[str, str]) -> Path:
    """Copy the satellite package's sources with a defence taken out of one module."""
    copy = folder / "src"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    source = copy / "strongroom_satellite" / module
    text = source.read_text("utf-8")
    for defence, instead in changes:
        assert text.count(defence) == 1, f"the defence stands {text.count(defence)} times in {module}"
        text = text.replace(defence, instead)
    source.write_text(text, "utf-8")
    return copy
