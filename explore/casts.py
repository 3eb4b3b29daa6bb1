"""Where every search begins, and what each actor does: the production flows, called as the handlers call them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import cast
from urllib.parse import urlsplit

from explore.actors import Node, Request, Script
from explore.stepped import OwnChance, SteppedClock, SteppedEgress, SteppedQueue, SteppedTable
from explore.surroundings import CHORES, EVERYTHING, PROVIDER, RESCUE, Thing, WatchedProvider
from strongroom.adapters.cipher import AesGcm
from strongroom.domain import keys
from strongroom.domain.connection import Version
from strongroom.domain.errors import StrongroomError
from strongroom.domain.lookup import Wish
from strongroom.domain.rescue import decode
from strongroom.domain.rows import number
from strongroom.domain.secret import Secret
from strongroom.domain.table import Key
from strongroom.flows.answer import take_answer
from strongroom.flows.begin import begin
from strongroom.flows.chores import do_chore
from strongroom.flows.complete import complete
from strongroom.flows.look_up import Ask, Released, look_up
from strongroom.flows.people import put_member
from strongroom.flows.reject import Rejection, report
from strongroom.flows.removing import remove, revoke_all
from strongroom.flows.revoke import revoke
from strongroom.flows.settle import settle_patiently
from strongroom.flows.vault import Vault
from strongroom.flows.work import LookAgain, renew_one
from strongroom.ports import Message, Ports, Queues
from tests.fakes.clock import FakeJournal
from tests.fakes.rows import Row
from tests.world import GATEWAY, HOST, Consented, World

PERSON, TEAM = "alice", "acme"
QUEUES = ("sweep", "renewal", "rescue", "chore")
KINDS: Mapping[str, Mapping[str, object]] = {
    "strict": {"forgets_spent": True},
    "grace": {"grace": 65.0, "forgets_spent": True},
    "static": {"rotates": False, "forgets_spent": True},
}
"""Providers: rotation with reuse detection, the same with a window in which the last spent token is still taken, and no
rotation. None of them ends a grant when a spent token is revoked: to forget the newest one is to leave the grant alive."""

FELL_OVER = "fell over"
ENDINGS = ("revoke", "leave", "revoke_all", "uninstall")
"""Those after whose return nothing is handed out any more."""


@dataclass(frozen=True)
class Ground:
    """A world in which alice's access token has just ended, and an authorization of hers waits to be completed."""

    world: World
    installation: str
    consented: Consented
    going: str
    chore: str
    things: Mapping[object, Thing]
    now: float
    kind: str

    @classmethod
    def due(cls, kind: str = "strict", *, bob_revoked: bool = False) -> Ground:
        """`going` is the URL to which the provider sends alice's browser with the answer to another authorization of hers;
        `chore` the one that bob left behind when he revoked his connection, if he did."""
        world = World()
        for name, value in KINDS[kind].items():
            setattr(world.provider, name, value)
        installation = world.install()
        for user in ("bob", PERSON):
            world.connect(user, installation)
        row = world.table.row(keys.connection(TEAM, PERSON, installation)) or {}
        world.clock.set(float(number(row, "expires_at") + 1))
        consented = world.consent(world.begin(PERSON, installation), PERSON)
        going = world.provider.consent(world.begin(PERSON, installation).url, PERSON)
        if bob_revoked:
            world.revoke("bob", installation)
        chores = [str(row["chore"]) for row in world.table.snapshot().values() if row.get("kind") == "chore"]
        where = (world, installation, consented, going, "".join(chores))
        return cls(*where, _things(world), world.clock.now(), kind)

    @cached_property
    def connection(self) -> Key:
        return keys.connection(TEAM, PERSON, self.installation)

    @property
    def row(self) -> Row:
        return cast(Row, self.things[self.connection].value)

    @property
    def version(self) -> str:
        return str(Version(str(self.row["grant"]), number(self.row, "n")))

    def ask(self) -> Ask:
        return Ask(GATEWAY, TEAM, self.installation, PERSON, Wish())

    def actor(self, name: str, occurrence: int, hurried: bool) -> Node:
        """The first node of an actor. Two of a kind differ in what they draw."""
        return Node.first(partial(self._live, name, f"{name} {occurrence}", hurried))

    def _live(self, name: str, actor: str, hurried: bool, script: Script) -> object:
        ended = script.ask(Request("begin", lambda _: (), (), kind="begin"))
        deeds: dict[str, Callable[[Ports], object]] = {
            "renew": self._renew,
            "look_up": self._look_up,
            "complete": self._complete,
            "revoke": lambda ports: revoke(ports, PERSON, TEAM, self.installation).reason,
            "leave": lambda ports: put_member(ports, HOST, TEAM, PERSON, None),
            "rescue": partial(self._rescue, script),
            "report": lambda ports: told(report(ports, self.ask(), Rejection(self.version, 401, None)))[0],
            "begin": lambda ports: len(begin(ports, PERSON, TEAM, self.installation, None).authorization.id),
            "return": self._return,
            "chore": lambda ports: do_chore(ports, self.chore),
            "revoke_all": lambda ports: revoke_all(ports, PERSON, TEAM, self.installation, None),
            "uninstall": lambda ports: remove(ports, PERSON, TEAM, self.installation, None),
            "clear": partial(self._clear, script),
        }
        try:
            return (ended, deeds[name](self._ports(script, actor, hurried)))
        except StrongroomError as error:
            return (ended, type(error).__name__, error.detail.get("reason", error.public_code))
        except Exception as error:
            return (ended, FELL_OVER, type(error).__name__)

    def _renew(self, ports: Ports) -> object:
        """The worker with its message: asked to come back, it comes back once, as the queue lets it."""
        worked = renew_one(ports, self.connection, self.version, 1)
        if isinstance(worked, LookAgain):
            ports.clock.wait(worked.seconds)
            worked = renew_one(ports, self.connection, self.version, 2)
        return type(worked).__name__

    def _look_up(self, ports: Ports) -> object:
        return (*told(look_up(ports, self.ask())), ports.clock.now())

    def _complete(self, ports: Ports) -> object:
        secret = Secret(self.consented.secret)
        return complete(ports, PERSON, self.consented.id, secret, confirm_shared=False).state

    def _return(self, ports: Ports) -> object:
        parts = urlsplit(self.going)
        return type(take_answer(ports, parts.path.rpartition("/")[2], Secret(parts.query))).__name__

    def _rescue(self, script: Script, ports: Ports) -> object:
        """The consumer of the rescue queue: each delivery asks the table for twenty seconds, then it comes back at once."""
        asked = Request("receive from rescue", lambda around: around.rescued(), (RESCUE,), kind="receive")
        message = cast(Message, script.ask(asked))
        for _ in range(4):
            try:
                return type(settle_patiently(ports, decode(message.body), ports.clock.now() + 20)).__name__
            except StrongroomError:
                ports.clock.wait(1)
        return "given back"

    def _clear(self, script: Script, ports: Ports) -> object:
        """The worker of the chore queue, with the first message that anybody sends there."""
        asked = Request("receive from chore", lambda around: around.first_chore(), (CHORES, EVERYTHING), kind="receive")
        message = cast(Message, script.ask(asked))
        return do_chore(ports, str(json.loads(message.body)["chore"]))

    def _ports(self, script: Script, actor: str, hurried: bool) -> Ports:
        """The ports of an actor: a process of its own that has opened nothing yet."""
        chance, clock, table = OwnChance(actor), SteppedClock(script, hurried), SteppedTable(script)
        vault = Vault(table, self.world.keys, AesGcm(), clock, chance, "test")
        queues = Queues(*(SteppedQueue(script, actor, name) for name in QUEUES))
        mine = replace(self.world.ports, table=table, vault=vault, egress=SteppedEgress(script), queues=queues)
        return replace(mine, clock=clock, chance=chance, journal=FakeJournal())


def _things(world: World) -> dict[object, Thing]:
    found: dict[object, Thing] = {key: Thing.of(row) for key, row in world.table.snapshot().items()}
    made = world.provider
    grants = [replace(grant, spent=set(grant.spent)) for grant in made.grants]
    known = {name: value for name, value in vars(made).items() if name not in ("clock", "grants", "_serial")}
    provider = WatchedProvider(world.clock, grants=grants, **known, _serial=1000)
    provider.issued = {grant.access: grant.account for grant in grants}
    return found | {PROVIDER: Thing.of(provider)}


def told(released: Released) -> tuple[str, str, int | None]:
    return ("released", cast(Secret, released.access_token).reveal(), released.expires_at)
