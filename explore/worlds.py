"""A small world: two people's connections, one of them due, and a strict provider with rotation and reuse detection."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from explore.scheduler import Actor, Scheduler
from explore.stepped import (
    Knowledge,
    SteppedChance,
    SteppedClock,
    SteppedEgress,
    SteppedKeys,
    SteppedQueue,
    SteppedTable,
    Steps,
)
from strongroom.adapters.cipher import AesGcm
from strongroom.domain import keys
from strongroom.domain.connection import Version
from strongroom.domain.errors import StrongroomError
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.lookup import Wish
from strongroom.domain.rows import number
from strongroom.domain.table import Key, Write
from strongroom.flows.look_up import Ask, Released, look_up
from strongroom.flows.revoke import revoke
from strongroom.flows.vault import Vault
from strongroom.flows.work import LookAgain, renew_one
from strongroom.ports import Ports, Queues
from tests.fakes.clock import FakeChance, FakeClock, FakeJournal
from tests.fakes.egress import FakeEgress
from tests.fakes.keys import FakeKeyService
from tests.fakes.provider import FakeProvider, Grant
from tests.fakes.queue import FakeQueue
from tests.fakes.rows import Row
from tests.fakes.table import FakeTable
from tests.world import GATEWAY, World

PERSON, TEAM = "alice", "acme"
QUEUES = ("sweep", "renewal", "rescue", "chore")
Seen = Callable[[Key, Row | None, Row | None], None]


class WatchedTable(FakeTable):
    """Tells what each write made of a row, and keeps a digest of all rows."""

    def __init__(self, clock: FakeClock, rows: Mapping[Key, Row], digest: int, seen: Seen) -> None:
        super().__init__(clock)
        self._rows = dict(rows)
        self._seen = seen
        self.digest = digest

    def rows(self) -> Mapping[Key, Row]:
        return self._rows

    def _store(self, results: Sequence[tuple[Write, Row | None]]) -> None:
        changes = [(write.key, self._rows.get(write.key), row) for write, row in results]
        super()._store(results)
        for key, before, after in changes:
            self.digest += _digest(after) - _digest(before)
            self._seen(key, before, after)


def _digest(row: Row | None) -> int:
    if row is None:
        return 0
    text = repr(sorted(row.items())).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")


@dataclass
class WatchedProvider(FakeProvider):
    """Remembers whose every access token was, and how often a spent refresh token came back."""

    issued: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    refusals: int = 0

    @property
    def digest(self) -> tuple[object, ...]:
        grants = tuple((grant.alive, grant.access, grant.refresh, len(grant.spent)) for grant in self.grants)
        return (self._serial, grants, tuple(sorted(self.revoked)), self.reused, self.refusals)

    def _issue(self, grant: Grant) -> Answer:
        answer = super()._issue(grant)
        self.issued[grant.access] = grant.account
        return answer

    def honest(self, request: Outgoing) -> Answer:
        before = self._serial
        token = self.token_requests[-1].get("refresh_token")
        self.reused += any(token in grant.spent for grant in self.grants)
        answer = super().honest(request)
        self.refusals += self._serial == before
        return answer


@dataclass(frozen=True)
class Ground:
    """What every run starts from. It is made once, by the production flows, and never changed."""

    world: World
    installation: str
    now: float
    rows: Mapping[Key, Row]
    digest: int

    @classmethod
    def due(cls, seconds_left: int = -1) -> Ground:
        """Alice and bob are connected, and their access tokens are good for so many seconds more."""
        world = World()
        installation = world.install()
        for user in ("bob", PERSON):
            world.connect(user, installation)
        row = world.table.row(keys.connection(TEAM, PERSON, installation)) or {}
        expires_at = number(row, "expires_at")
        rows = {key: dict(row) for key, row in world.table.snapshot().items()}
        return cls(world, installation, float(expires_at - seconds_left), rows, sum(map(_digest, rows.values())))

    @property
    def connection(self) -> Key:
        return keys.connection(TEAM, PERSON, self.installation)

    @property
    def version(self) -> str:
        row = self.rows[self.connection]
        return str(Version(str(row["grant"]), number(row, "n")))

    def provider(self, clock: FakeClock) -> WatchedProvider:
        grants = [replace(grant, spent=set(grant.spent)) for grant in self.world.provider.grants]
        issued = {grant.access: grant.account for grant in grants}
        return WatchedProvider(clock, clients=self.world.provider.clients, grants=grants, issued=issued, _serial=1000)


class Scene:
    """One run's world, with what the invariants remember of it."""

    def __init__(self, ground: Ground, cast: Sequence[str], knowledge: Knowledge, crashes: int, hurries: int) -> None:
        self.ground, self.knowledge = ground, knowledge
        self.clock, self.journal = FakeClock(ground.now), FakeJournal()
        self.table = WatchedTable(self.clock, ground.rows, ground.digest, self._row_changed)
        self.egress, self.queues = FakeEgress(), {name: FakeQueue(self.clock) for name in QUEUES}
        self.provider = ground.provider(self.clock)
        self.provider.serve(self.egress)
        self.broken: list[str] = []
        self.grants = [str(ground.rows[ground.connection]["grant"])]
        self.began_after_revoke: set[str] = set()
        self.actors = [Actor(f"{name} {at}", self._deed(at, name)) for at, name in enumerate(cast, 1)]
        self.scheduler = Scheduler(self.clock, self.actors, crashes, hurries)

    @property
    def digest(self) -> tuple[object, ...]:
        """Everything that can make a difference from here on."""
        queues = tuple(tuple(sorted(m.body for m in queue.sent)) for queue in self.queues.values() if queue.sent)
        remembered = (tuple(self.grants), tuple(sorted(self.began_after_revoke)), tuple(self.broken))
        positions = tuple(actor.position for actor in self.actors)
        return (
            self.table.digest,
            self.provider.digest,
            queues,
            self.clock.now(),
            positions,
            (self.scheduler.kills, self.scheduler.hurried),
            remembered,
        )

    @property
    def revoked(self) -> bool:
        """Whether a revoke has returned."""
        return any(a.name.startswith("revoke") and a.state == "done" and a.result == "revoked" for a in self.actors)

    def stepped_ports(self, at: int) -> Ports:
        """The ports of an actor: a process of its own that has opened nothing yet."""
        steps = Steps(self.scheduler, self.actors[at - 1], self.knowledge)
        chance = SteppedChance(steps, FakeChance(f"actor {at}"))
        clock, table = SteppedClock(steps, self.clock), SteppedTable(steps, self.table)
        vault = Vault(table, SteppedKeys(steps, self._keys), AesGcm(), clock, chance, "test")
        queues = Queues(*(SteppedQueue(steps, name, queue) for name, queue in self.queues.items()))
        egress = SteppedEgress(steps, self.egress)
        mine = replace(self._template, table=table, vault=vault, egress=egress, queues=queues)
        return replace(mine, clock=clock, chance=chance, journal=self.journal)

    def plain_ports(self) -> Ports:
        """The ports of whoever cleans up when the actors have ended: nothing is a step."""
        chance = FakeChance("afterwards")
        vault = Vault(self.table, self._keys, AesGcm(), self.clock, chance, "test")
        here = replace(self._template, table=self.table, vault=vault, egress=self.egress, queues=Queues(**self.queues))
        return replace(here, clock=self.clock, chance=chance, journal=self.journal)

    def ask(self) -> Ask:
        return Ask(GATEWAY, TEAM, self.ground.installation, PERSON, Wish())

    @property
    def _template(self) -> Ports:
        return self.ground.world.ports

    @property
    def _keys(self) -> FakeKeyService:
        return self.ground.world.keys

    def _deed(self, at: int, name: str) -> Callable[[], object]:
        deed: Callable[[Ports], object] = {"renew": self._renew, "look_up": self._look_up, "revoke": self._revoke}[name]

        def act() -> object:
            if self.revoked:
                self.began_after_revoke.add(self.actors[at - 1].name)
            try:
                return deed(self.stepped_ports(at))
            except StrongroomError as error:
                return (type(error).__name__, error.public_code, error.detail.get("reason"))
            except Exception as error:
                self.broken.append(f"I22: {name} fell over a {type(error).__name__}")
                return "fell over"

        return act

    def _renew(self, ports: Ports) -> object:
        worked = renew_one(ports, self.ground.connection, self.ground.version, 1)
        return "look again" if isinstance(worked, LookAgain) else worked.what

    def _look_up(self, ports: Ports) -> object:
        return told(look_up(ports, self.ask()))

    def _revoke(self, ports: Ports) -> object:
        return revoke(ports, PERSON, TEAM, self.ground.installation).reason

    def _row_changed(self, key: Key, before: Row | None, after: Row | None) -> None:
        if key == self.ground.connection and before is not None:
            self.broken.extend(broken_by_write(before, after, self))
            if after is not None and after["grant"] != self.grants[-1]:
                self.grants.append(str(after["grant"]))


def told(released: Released) -> tuple[str, str, str]:
    return ("released", released.access_token.reveal(), released.version)


def broken_by_write(before: Row, after: Row | None, scene: Scene) -> list[str]:
    """Judge one write to the connection's row: I4 and I7."""
    if after is None:
        return ["I7: the row is gone"]
    was, now = (Version(str(row["grant"]), int(str(row["n"]))) for row in (before, after))
    same_tokens = all(before.get(name) == after.get(name) for name in ("access", "refresh"))
    rules = {
        "I4: an older version replaces a newer one": now.grant == was.grant and now.n < was.n,
        "I4: an older grant comes back": now.grant != was.grant and now.grant in scene.grants,
        "I4: other tokens under the same version": now == was and not same_tokens,
        "I2: tokens under a grant that was revoked": "access" not in before and "access" in after,
        "I7: tokens vanish without a revoke": "access" in before
        and "access" not in after
        and after.get("status_reason") != "revoked",
        "I7: a person must act although nothing was refused": after.get("status_reason") in ("refused", "lost_response")
        and before.get("status_reason") is None
        and not scene.provider.refusals,
    }
    return [rule for rule, is_broken in rules.items() if is_broken]
