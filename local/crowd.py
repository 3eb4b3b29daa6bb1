"""`dev.py crowd`: a hundred people call through the example gateway at once, while tokens are renewed and revoked under it.

No call is made with another person's token, no token is used after its `cache_until`, and for each user and need there is
one look-up under way at most. Both sides of the gateway are watched by a wire, and whose token a call was made with says
the MCP server's tool itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import anyio
import anyio.to_thread

from local.commands import parser
from local.crowd_judge import Crowd
from local.crowd_people import MAY_BE_PROMPTED, Fate, Visitor
from local.crowd_scene import LAST_PORT, LIFETIME, Scene, options, scene
from local.demo import say
from local.errors import LocalError
from local.plan import HIGHEST_PORT, ROOT, Ports
from local.satellites import SOURCES
from local.stack import Stack
from local.storm_scene import people

CALLS_AT_ONCE = 2
APART = LIFETIME / 3
"""Seconds from the beginning of one round to that of the next, if the first is over by then."""
FATES = (Fate.SPOILT, Fate.RETURNS, Fate.NOTHING, Fate.WITHDRAWN, Fate.NOTHING, Fate.LEAVES, Fate.NOTHING, Fate.NOTHING)
"""They are dealt in turn."""
LONGEST = 1800.0

Say = Callable[[str], None]


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a crowd does.

    `apart`: seconds from the beginning of a round to the next; None: until every token that was released has reached its
    `cache_until`. `sources`: where the gateway has its satellite package from.
    """

    rounds: int = 4
    seed: int = 1
    calls_at_once: int = CALLS_AT_ONCE
    apart: float | None = APART
    fates: tuple[Fate, ...] = FATES
    sources: Path = SOURCES


def main(arguments: Sequence[str]) -> int:
    """Let a crowd in; 0 only if nothing happened that must not."""
    asked = parser().parse_args(["crowd", *arguments])
    ports = Ports(asked.port)
    if asked.port + LAST_PORT > HIGHEST_PORT:
        raise LocalError("A crowd needs a hundred ports; choose a lower --port.")
    if asked.users < 1 or asked.rounds < 1:
        raise LocalError("A crowd is one person and one round at least.")
    folder, users = ROOT / ".dev" / f"crowd-{ports.first}", people(asked.users)
    begun = time.monotonic()
    progress("Starting: a stand-in for AWS, the functions, a sign-in service, an OAuth provider and an MCP server.")
    with Stack(options(ports, users, folder), progress) as stack, scene(stack) as where:
        progress(f"{len(users)} people connect, at most 60 in a minute.")
        where.connect(users)
        crowd = play(where, users, Wanted(asked.rounds, asked.seed), progress)
    violations = shown(crowd, say)
    say(f"It took {time.monotonic() - begun:.0f} seconds. All logs are in {folder}.")
    return 1 if violations else 0


def play(where: Scene, users: Sequence[str], wanted: Wanted, tell: Say) -> Crowd:
    """Start a gateway, let these people call through it, round after round, and gather what came by.

    Raises:
        LocalError: If the gateway does not come up, or if it does not end.
    """
    began, renewed = time.time(), where.renewals()
    visitors = _visitors(where, users, wanted)
    with where.gateway(wanted.sources):
        anyio.run(_Rounds(where, visitors, wanted, tell).play)
    return Crowd(
        calls=[call for one in visitors for call in one.calls],
        asks=where.asks(began),
        uses=where.uses(began),
        aways=[away for one in visitors for away in one.aways()],
        befallen=frozenset(one.name for one in visitors if one.fate in MAY_BE_PROMPTED),
        renewals=where.renewals() - renewed,
    )


def _visitors(where: Scene, users: Sequence[str], wanted: Wanted) -> list[Visitor]:
    """Give everybody a fate and a revision, so that each fate meets both."""
    number = len(wanted.fates)
    return [
        Visitor(user, wanted.fates[index % number], handshake=(index + index // number) % 2 == 1, scene=where)
        for index, user in enumerate(users)
    ]


class _Rounds:
    """Rounds in which everybody calls at once, and something befalls some of them."""

    def __init__(self, where: Scene, visitors: Sequence[Visitor], wanted: Wanted, tell: Say) -> None:
        self._where, self._visitors, self._wanted, self._tell = where, visitors, wanted, tell
        chance = Random(wanted.seed)  # noqa: S311 - a crowd that can be asked for again
        self._strikes = {one.name: chance.randrange(1, max(2, wanted.rounds - 1)) for one in visitors}
        self._began = time.time()

    async def play(self) -> None:
        """Raises: LocalError: If it takes too long."""
        with anyio.move_on_after(LONGEST) as limit:
            async with AsyncExitStack() as clients:
                for one in self._visitors:
                    await clients.enter_async_context(one.at_work())
                self._tell(f"{len(self._visitors)} clients are connected to the gateway, of two revisions.")
                for number in range(self._wanted.rounds):
                    await self._round(number)
        if limit.cancelled_caught:
            raise LocalError(f"After {LONGEST:.0f} seconds the crowd is not through.")

    async def _round(self, number: int) -> None:
        begun = anyio.current_time()
        async with anyio.create_task_group() as at_once:
            at_once.start_soon(self._tick)
            for one in self._visitors:
                for _ in range(self._wanted.calls_at_once):
                    at_once.start_soon(one.call)
                if self._strikes[one.name] == number:
                    at_once.start_soon(one.befall)
        self._tell(f"Round {number + 1}: {self._ended()} in {anyio.current_time() - begun:.0f} s.")
        if number + 1 < self._wanted.rounds:
            await self._pause(begun)

    async def _tick(self) -> None:
        await anyio.to_thread.run_sync(self._where.stack.fire_schedule)

    async def _pause(self, begun: float) -> None:
        if self._wanted.apart is not None:
            await anyio.sleep_until(begun + self._wanted.apart)
            return
        while any(ask.cache_until > time.time() for ask in self._where.asks(self._began)):
            await anyio.sleep(0.1)

    def _ended(self) -> str:
        number = self._wanted.calls_at_once
        latest = [call.word for one in self._visitors for call in one.calls[-number:]]
        return ", ".join(f"{latest.count(word)} {word}" for word in sorted(set(latest)))


def shown(crowd: Crowd, tell: Say) -> list[tuple[str, str]]:
    """Say what came of it, and give what must not have happened."""
    for what, number in crowd.table():
        tell(f"  {what:<34}{number}")
    violations = crowd.violations()
    for kind, one in violations:
        tell(f"  VIOLATION  {kind}: {one}")
    for sentence in crowd.verdict():
        tell(f"  {sentence}")
    return violations
