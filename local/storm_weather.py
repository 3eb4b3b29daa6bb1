"""The storm itself: ticks and look-ups all at once, and somebody who kills processes at work."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from local.errors import LocalError
from local.execution import Environment
from local.runtime import Throttled
from local.services.mcp_caller import CallFailed, Told, call_tool
from local.signing import Reply
from local.storm_judge import TOKEN, Connection, Death, End, LookUp
from local.storm_rows import Row, is_due, is_troubled, look_up_of, renewals_of, rows_of
from local.storm_scene import DISTANCE, TEAM, Scene

VICTIMS = ("RenewFunction", "TokenFunction")
TICKS = 3
SPREAD = 3.5
HEAD_START = 1.5
"""Seconds over which the ticks and look-ups of one round begin; look-ups later, since a tick has a longer way."""
AT_ONCE = 0.2
ONE_BY_ONE = 1.5
"""Seconds within which all look-ups for one connection come; longer where somebody is to be killed over a renewal, so that
it is most likely the first who came."""
AIMED = 0.6
"""How many of the kills wait for somebody who is renewing: the moments that hurt are short."""
PATIENCE = 180.0
TICK_EVERY = 2.0
_POLL = 0.1
_SOON = 0.01


@dataclass
class Weather:
    """One storm. `chance` decides when what happens; what comes of it is up to the machine."""

    scene: Scene
    chance: Random
    look_ups: list[LookUp] = field(default_factory=list)
    refreshed: Counter[Connection] = field(default_factory=Counter)
    _killed: list[tuple[Environment, float]] = field(default_factory=list)
    _accounts: dict[str, str | None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        named = {one.installation: one.name for one in self.scene.providers}
        self._by_row = {row.key: Connection(named[row.installation], row.user) for row in self._rows()}
        self._by_look_up = {(self.scene.provider(one).installation, one.user): one for one in self._by_row.values()}

    # -- a round

    def round(self, look_ups: int, kills: int) -> None:
        """Wait until everything is due; then ticks, look-ups and kills, each at a moment of its own.

        Raises:
            LocalError: If the tokens do not become due in time.
        """
        until("all connections to be due", lambda: all(is_due(row, time.time()) for row in self._rows()))
        everybody = self.scene.connections
        before = self._refreshes()
        moments = {one: self.chance.uniform(HEAD_START, SPREAD) for one in everybody}
        asked = [everybody[index % len(everybody)] for index in range(look_ups)]
        tasks = [(0.0, self._tick), *((self.chance.uniform(0, SPREAD), self._tick) for _ in range(TICKS - 1))]
        within = ONE_BY_ONE if kills else AT_ONCE
        tasks += [(moments[one] + self.chance.uniform(0, within), self._asking(one)) for one in asked]
        with ThreadPoolExecutor(len(tasks) + 1) as threads:
            calm = threading.Event()
            killer = threads.submit(self._kill, Random(self.chance.random()), kills, calm)  # noqa: S311
            begun = [threads.submit(_later, delay, task) for delay, task in tasks]
            for one in begun:
                one.result()
            calm.set()
            killer.result()
        after = self._refreshes()
        self.refreshed.update({one: after[one] - before[one] for one in everybody})

    def _refreshes(self) -> Counter[Connection]:
        return Counter({connection: book.refreshes for connection, book in self.scene.books().items()})

    def _tick(self) -> None:
        try:
            self.scene.stack.fire_schedule()
        except (Throttled, LocalError):
            return  # the next tick finds what this one would have found

    def _asking(self, connection: Connection) -> Callable[[], None]:
        def ask() -> None:
            try:
                reply = self._asked(connection)
            except (OSError, http.client.HTTPException) as failed:
                self.look_ups.append(LookUp(connection, type(failed).__name__))
                return
            account = self._account(connection, reply) if reply.status == 200 else None
            self.look_ups.append(LookUp(connection, word_of(reply), account))

        return ask

    def _asked(self, connection: Connection) -> Reply:
        installation = self.scene.provider(connection).installation
        return self.scene.satellite.look_up(TEAM, installation, connection.user)

    def _account(self, connection: Connection, reply: Reply) -> str | None:
        """Whose token was given, as its provider says; it is asked once for each."""
        token = reply.json()["access_token"]
        if token not in self._accounts:
            self._accounts[token] = self.scene.provider(connection).account_of(token)
        return self._accounts[token]

    # -- killing

    def _kill(self, chance: Random, kills: int, calm: threading.Event) -> None:
        """Kill so many processes that are at work, unless it becomes calm before."""
        for _ in range(kills):
            find = self._renewing if chance.random() < AIMED else self._anybody
            calm.wait(chance.uniform(0.05, 0.6))
            victim = find(chance)
            while victim is None and not calm.wait(_SOON):
                victim = find(chance)
            if victim is not None:
                victim.kill()
                self._killed.append((victim, time.time()))

    def _anybody(self, chance: Random) -> Environment | None:
        busy = self.scene.stack.runtime.at_work(*VICTIMS)
        return chance.choice(busy) if busy else None

    def _renewing(self, chance: Random) -> Environment | None:
        """Somebody whose refresh was just answered, and who has not heard it yet: most likely whoever came first for it."""
        waiting = self._on_their_way()
        busy = [(one.unanswered.since, one) for one in self.scene.stack.runtime.at_work(*VICTIMS) if one.unanswered]
        chance.shuffle(waiting)
        for connection in waiting:
            at_it = [(since, one) for since, one in busy if connection in self._over(one)]
            if at_it:
                return min(at_it, key=lambda found: found[0])[1]
        return None

    def _on_their_way(self) -> list[Connection]:
        long_ago, books = time.time() - DISTANCE * 0.7, self.scene.books()
        return [one for one, book in books.items() if book.sightings and book.sightings[-1].answered_at > long_ago]

    def _over(self, environment: Environment) -> frozenset[Connection]:
        """The connections that an environment was asked about and has not answered."""
        task = environment.unanswered
        if task is None:
            return frozenset()
        asked = look_up_of(task.payload)
        renewed = {self._by_row[key] for key in renewals_of(task.payload) if key in self._by_row}
        return frozenset(renewed | ({self._by_look_up[asked]} if asked in self._by_look_up else set()))

    def deaths(self) -> list[Death]:
        """Who was killed, and over what. To be asked when it is calm: only then it is known what was not answered."""
        return [
            Death(one.function, one.process.pid, at, one.unanswered.since if one.unanswered else at, self._over(one))
            for one, at in self._killed
        ]

    # -- calm

    def settle(self) -> None:
        """Let schedule and queues run until nobody is in the middle of anything. Messages that come back to look again may
        be left: what they were to look at is done.

        Raises:
            LocalError: If that does not come.
        """
        ticked = 0.0

        def quiet() -> bool:
            nonlocal ticked
            troubled = any(is_troubled(row) for row in self._rows())
            if troubled and time.monotonic() - ticked > TICK_EVERY:
                ticked = time.monotonic()
                self._tick()
            return not troubled and not self.scene.stack.depths()["RescueQueue"]

        until("schedule and queues to come to rest", quiet)

    def ends(self) -> list[End]:
        """Ask for every connection until there is an answer, and show the token to its MCP server."""
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(self._end, self.scene.connections))

    def _end(self, connection: Connection) -> End:
        answers: list[Reply] = []

        def answered() -> bool:
            answers.append(self._asked(connection))
            return answers[-1].status in (200, 409)

        until(f"an answer for {connection}", answered)
        provider, word = self.scene.provider(connection), word_of(answers[-1])
        if word == TOKEN:
            return End(connection, word, _shown(provider.mcp, answers[-1].json()["headers"]))
        return End(connection, word, honoured=provider.honours(self.scene.books()[connection]))

    def _rows(self) -> list[Row]:
        return rows_of(self.scene.stack.cloud)


def word_of(reply: Reply) -> str:
    """Say in one word what was answered: "token", why a person has to act, or the status."""
    if reply.status == 200:
        return TOKEN
    return str(reply.json().get("reason") or reply.status)


def _shown(mcp: str, headers: dict[str, str]) -> str | None:
    try:
        answer = call_tool(mcp, "whoami", headers)
    except CallFailed:
        return None
    return answer.text if isinstance(answer, Told) else None


def _later(delay: float, task: Callable[[], None]) -> None:
    threading.Event().wait(delay)
    task()


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline.

    Raises:
        LocalError: If it does not come true in time.
    """
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise LocalError(f"Waited in vain for {what}.")
        threading.Event().wait(_POLL)
