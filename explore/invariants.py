"""What must hold when all actors have ended: at once, and after schedule and queues have done what they always do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from explore.worlds import PERSON, Scene, told
from strongroom.domain.connection import Connection
from strongroom.domain.errors import StrongroomError
from strongroom.domain.rescue import decode
from strongroom.domain.table import Key
from strongroom.domain.team import Team
from strongroom.flows.chores import do_chore
from strongroom.flows.look_up import look_up
from strongroom.flows.settle import settle_patiently
from strongroom.flows.sweep import sweep_shard
from strongroom.flows.work import renew_one
from strongroom.ports import Ports
from tests.fakes.queue import Delivery

LATER = (0, 30, 61, 122, 184, 305, 426, 600, 900)
"""Seconds after the end of the actors at which the schedule ticks: enough for a lease, a second look, and its failure."""


def broken(scene: Scene) -> list[str]:
    """Recover, and name every invariant that does not hold."""
    try:
        found = list(_of_answers(scene))
        recover(scene)
        found += _of_the_end(scene)
    except Exception as error:
        found = [f"I22: the recovery fell over a {type(error).__name__}"]
    return [*scene.broken, *found]


def recover(scene: Scene) -> None:
    """Let the messages of killed workers come back, and the schedule tick."""
    ports, start = scene.plain_ports(), scene.clock.now()
    for seconds in LATER:
        scene.clock.set(max(scene.clock.now(), start + seconds))
        if seconds == 30 and _comes_back(scene):
            _quietly(lambda: renew_one(ports, scene.ground.connection, scene.ground.version, 2))
        for shard in range(ports.policy.shards):
            sweep_shard(ports, shard)
        _deliver(scene, ports)


def _comes_back(scene: Scene) -> bool:
    workers = [actor for actor in scene.actors if actor.name.startswith("renew")]
    return any(actor.state == "dead" or actor.result == "look again" for actor in workers)


def _deliver(scene: Scene, ports: Ports) -> None:
    for name in ("rescue", "renewal", "chore"):
        queue = scene.queues[name]
        for delivery in queue.receive():
            _work(ports, name, delivery)
            queue.delete(delivery.receipt)


def _work(ports: Ports, queue: str, delivery: Delivery) -> None:
    if queue == "rescue":
        _quietly(lambda: settle_patiently(ports, decode(delivery.body), ports.clock.now()))
        return
    body = json.loads(delivery.body)
    if queue == "chore":
        _quietly(lambda: do_chore(ports, body["chore"]))
    else:
        _quietly(lambda: renew_one(ports, Key(body["pk"], body["sk"]), body["version"], delivery.times))


def _quietly(act: Callable[[], object]) -> None:
    try:
        act()
    except StrongroomError:
        return  # the queue and the schedule bring it again


def _of_answers(scene: Scene) -> Iterator[str]:
    for actor in scene.actors:
        match actor.result:
            case ("released", str(token), _):
                if scene.provider.issued.get(token) != PERSON:
                    yield "I1: a token of somebody else"
                if actor.name in scene.began_after_revoke:
                    yield "I2: a token after the revoke had returned"


def _account_of(scene: Scene, token: str) -> str | None:
    return scene.provider.account_of(token)


def _of_the_end(scene: Scene) -> Iterator[str]:
    answer = _look_up_at_the_end(scene)
    crashed, revokes = scene.scheduler.kills > 0, any(a.name.startswith("revoke") for a in scene.actors)
    match answer:
        case ("released", str(token), _):
            if scene.revoked:
                yield "I2: a token after the revoke had returned, in the end"
            elif _account_of(scene, token) != PERSON:
                yield "I5: the stored token is not the provider's present one"
        case ("AuthorizationRequired", "revoked"):
            if not revokes:
                yield "I7: revoked by nobody"
        case ("AuthorizationRequired", reason):
            if not (crashed and reason == "lost_response"):
                yield f"I5, I7: a person must act: {reason}"
        case other:
            yield f"I6: no answer in the end: {other}"
    if scene.provider.reused and not crashed:
        yield "I3, I5: the provider saw a spent refresh token although nobody crashed"
    yield from _of_grants(scene)
    if any(int(str(row["due_at"])) <= scene.clock.now() for row in scene.table.rows().values() if "due_at" in row):
        yield "I6, I16: something is still due in the end"


def _of_grants(scene: Scene) -> Iterator[str]:
    """I14: what the provider still honours is in the table, unless a process died with it in its hands."""
    stored = _stored_refresh_token(scene)
    for grant in scene.provider.grants:
        if grant.account == PERSON and grant.alive and grant.refresh != stored and not scene.scheduler.kills:
            yield "I5, I14: the provider honours tokens that are neither stored nor revoked"


def _stored_refresh_token(scene: Scene) -> str | None:
    connection = Connection.from_item(scene.table.rows()[scene.ground.connection])
    if connection.tokens is None or connection.tokens.refresh is None:
        return None
    team = Team.from_item(scene.table.rows()[Key("T#acme", "A")])
    ring = scene.plain_ports().vault.ring("connection", team.sealing_keys)
    return ring.open(connection.tokens.refresh, connection.place("refresh_token")).reveal()


def _look_up_at_the_end(scene: Scene) -> tuple[object, ...]:
    try:
        return told(look_up(scene.plain_ports(), scene.ask()))
    except StrongroomError as error:
        return (type(error).__name__, error.detail.get("reason", error.public_code))
