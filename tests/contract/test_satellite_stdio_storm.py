"""Started servers in a storm: tokens change and are revoked, callers give up, and there is room for few."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from mcp.shared.exceptions import MCPError

from strongroom_satellite import Need, SatelliteError
from strongroom_satellite.stdio import Limits, StdioPool
from tests.contract.satellite_children import INSTALLATION, Ground, in_a_loop, is_there, running_in, telling
from tests.requirements import requirement

NEEDS = [Need("acme", INSTALLATION, f"user-{number}") for number in range(6)]
KEPT = 60.0


class Storm:
    """Each key tells whose it is and which one; of each is known when it was replaced."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.server = telling(cwd=str(folder))
        self.ground, self.chance = Ground(), random.Random(seed)  # noqa: S311 -- a test that can be repeated
        self.latest: Counter[Need] = Counter()
        self.replaced: defaultdict[tuple[str, int], float] = defaultdict(lambda: float("inf"))
        self.outcomes: Counter[str] = Counter()
        self.pids: set[int] = set()
        for need in NEEDS:
            self.renew(need)

    def now(self) -> float:
        return self.ground.time.now().steady

    def renew(self, need: Need) -> None:
        self.replaced[need.user, self.latest[need]] = self.now()
        self.latest[need] += 1
        self.ground.give(need, NOTES_KEY=f"{need.user}:{self.latest[need]}")

    def change(self) -> None:
        need = self.chance.choice(NEEDS)
        if self.chance.random() < 0.7:
            self.renew(need)
        else:
            self.ground.fake.require(need, "revoked")
        self.ground.time.advance(self.chance.choice([1, 10, 60]))

    async def call(self, pool: StdioPool, need: Need) -> None:
        began = self.now()
        try:
            told = await self.ground.told(pool, need, self.server)
        except (SatelliteError, MCPError) as refused:
            self.outcomes[type(refused).__name__] += 1
            return
        user, number = told["environ"]["NOTES_KEY"].split(":")
        assert user == need.user
        assert self.replaced[user, int(number)] > began - KEPT, "a token was used longer than it may be kept"
        self.pids.add(told["pid"])
        self.outcomes["served"] += 1

    async def person(self, pool: StdioPool, need: Need) -> None:
        for number in range(20):
            with anyio.CancelScope() as scope:
                if self.chance.random() < 0.1:
                    scope.deadline = anyio.current_time()  # gives up at the first chance
                await self.call(pool, need)
            if number % 4 == 0:
                self.change()


@requirement("attack:J4")
@requirement("attack:J6")
@pytest.mark.parametrize("seed", range(3))
@in_a_loop
async def test_in_a_storm_everybody_gets_their_own_and_nothing_is_left(seed: int, tmp_path: Path) -> None:
    storm = Storm(seed, tmp_path)
    limits = Limits(most=5, finish=0.2, grace=0.2)
    async with storm.ground.pool(limits=limits) as pool, anyio.create_task_group() as tasks:
        for need in (*NEEDS, *NEEDS):
            tasks.start_soon(storm.person, pool, need)

    assert {"served", "AuthorizationRequired"} <= storm.outcomes.keys()
    assert not [pid for pid in storm.pids if is_there(pid)]
    assert running_in(tmp_path) == []
