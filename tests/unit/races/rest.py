"""What must hold after each operation, and when everything has healed and come to rest."""

from __future__ import annotations

from strongroom.domain.errors import Conflict, NotFound
from strongroom.domain.lookup import HandOut, Renew, Wish, decide
from strongroom.flows.reads import five_reads
from tests.unit.races.deliveries import bodies, give
from tests.unit.races.everything import Everything
from tests.unit.races.expectations import UNKNOWN, Owner
from tests.unit.races.ground import USERS
from tests.unit.races.steps import QUEUES
from tests.unit.races.witness import tokens_at_hand
from tests.world import Answered

HOUR = 3600
LATER = (0, 31, 61, 122, 300, 300, 900, 900, HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 300, 300)
"""Seconds between the ticks of the schedule: enough for leases, second looks, breakers, the pauses of chores, and the day
for which the schedule leaves alone what nobody could use."""


def check(world: Everything) -> None:
    """What the witness has seen; what a look-up would find now; and I14: what the provider honours is at hand, or somebody
    died with it."""
    for user in USERS:
        for place in world.places:
            _check_what_would_serve(world, user, place)
    at_hand = tokens_at_hand(world.witness, world.table, world.loose["rescue"]) | world.witness.forgotten
    for grant in world.provider.grants:
        lost = grant.alive and grant.refresh not in at_hand and grant.account not in world.witness.at_risk
        world.say(not lost, f"I14: nobody holds the tokens of {grant.account}")
    assert world.witness.broken == [], world.witness.broken


def _check_what_would_serve(world: Everything, user: str, place: str) -> None:
    """I1, I2, I21, decided as a look-up decides, which itself would renew."""
    try:
        admitted = five_reads(world.table, "acme", user, place).admitted().enabled()
    except (NotFound, Conflict):
        return
    match decide(admitted.connection, admitted.standing, Wish(), world.clock.now()):
        case HandOut(connection) | Renew(connection) if connection.tokens is not None:
            account = world.witness.account_of.get(world.witness.opened(connection.tokens.access) or "", "nobody")
            world.say(world.known.may_be_given(account, user, place), f"I1: {user} would get a token of {account}")
            world.say(account not in world.known.over, f"I2, I21: {user} would get a token of {account}, which is over")


def come_to_rest(world: Everything) -> None:
    """Nothing goes wrong any more, and schedule and queues do their work."""
    for seconds in LATER:
        world.pass_time(seconds)
        world.fire()
        deliver(world)


def deliver(world: Everything) -> None:
    while any(world.work(name, 0) for name in QUEUES):
        pass


def check_the_end(world: Everything) -> None:
    """I5, I6, I16: what is expected to serve serves, with the provider's own newest tokens; nothing is left to do."""
    overdue = [row["PK"] for row in world.table.overdue(world.clock.now())]
    world.say(overdue == [], f"I16: still due: {overdue}")
    world.say(not any(queue.bodies() for queue in world.loose.values()), "I16: a message is left")
    for owner in sorted(world.known.serving):
        _check_owner(world, owner)
    check(world)


def _check_owner(world: Everything, owner: Owner) -> None:
    place, user = owner
    account, asking = world.known.expected(owner), user or next(iter(_members(world)), "")
    if account in (None, UNKNOWN) or world.known.member.get(asking) is not True:
        return
    if world.disabled and place == world.places[0]:
        return
    answer = world.look_up(asking, place)
    if answer.status == 200:
        _check_tokens(world, answer, str(account))
        return
    risked = account in world.witness.at_risk and world.provider.rotates
    may_be_over = risked or account in world.known.withdrawn
    world.say(answer.status == 409 and may_be_over, f"I5, I6: {account} was lost: {answer.text}")


def _members(world: Everything) -> list[str]:
    return [user for user in USERS if world.known.member[user] is True]


def _check_tokens(world: Everything, answer: Answered, account: str) -> None:
    token = answer.json["access_token"]
    world.say(world.witness.account_of.get(token) == account, f"I5: another account than {account} serves")
    withdrawn = account in world.known.withdrawn
    world.say(withdrawn or world.provider.account_of(token) == account, f"I5: the token of {account} is not the newest")


def check_that_all_of_it_again_changes_nothing(world: Everything) -> None:
    """I15: every message that ever was, in both orders."""
    before, asked = connections(world), len(world.provider.token_requests)
    for order in (1, -1):
        for name in QUEUES:
            for body in list(dict.fromkeys(bodies(world, name)))[::order]:
                give(world, name, [body])
    deliver(world)
    world.say(connections(world) == before, "I15: a connection changed when old messages came again")
    world.say(len(world.provider.token_requests) == asked, "I15: the provider was asked when old messages came again")
    check(world)


def connections(world: Everything) -> list[dict[str, object]]:
    return [dict(row) for row in world.table.of_kind("connection")]
