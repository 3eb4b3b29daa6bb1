"""No error and no trace shows a secret, wherever something fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from strongroom.aws.http import Request
from strongroom.domain.errors import KeysUnavailable, QueueUnavailable, StoreUnavailable, StrongroomError
from strongroom.domain.http import Answer, Outgoing
from strongroom.flows import look_up
from tests.fakes.egress import Behaviour
from tests.fakes.faults import Hook, in_turn
from tests.requirements import requirement
from tests.unit.attacks.doors import Stage
from tests.unit.attacks.hunt import (
    OURS,
    Place,
    Watched,
    found_in,
    fragment,
    queues_of,
    raising,
)
from tests.weakened import weakened
from tests.world import Consented, World

# C11: errors and traces

RENEWING = ("reading", "writing", "having written", "opening keys", "sending out")
OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "begin": ("reading", "asking", "writing", "having written", "opening keys", "sending out"),
    "callback": ("reading", "writing", "having written", "opening keys"),
    "complete": RENEWING,
    "look up": ("reading", "opening keys"),
    "look up and renew": RENEWING,
    "report": RENEWING,
    "tick": ("asking", *RENEWING, "queueing"),
    "revoke": ("asking", *RENEWING, "queueing"),
    "be the first": ("reading", "asking", "writing", "having written", "making keys", "sending out"),
}
"""What people and the schedule do, and at which sites each of them can fail."""
CASES = [(name, site) for name, sites in OPERATIONS.items() for site in sites]


class Empty(Place):
    """A world in which nobody has ever connected: the vault's keys are still to be made."""

    def __init__(self) -> None:
        self.watched = Watched()
        self.installation = self.watched.world.install()
        self.watched.start_anew()


def place_for(name: str) -> Place:
    return Empty() if name == "be the first" else Place()


def connect_first(place: Place) -> None:
    """Go as far towards a connection as the answers lead."""
    world = place.watched.world
    path = f"/v1/teams/acme/installations/{place.installation}/authorize"
    begun = world.as_user("carol", "POST", path, {})
    if begun.status == 201:
        back = world.browse(world.provider.consent(begun.json["authorization_url"], "carol"))
        if back.status == 303:
            told = fragment(back)
            world.complete("carol", Consented(told["authorization"], told["secret"]))


def operate(name: str, place: Place) -> None:
    world = place.watched.world
    match name:
        case "begin":
            world.as_user("carol", "POST", f"/v1/teams/acme/installations/{place.installation}/authorize", {})
        case "callback":
            world.browse(place.url)
        case "complete":
            world.complete("carol", place.returned)
        case "look up":
            world.look_up("bob", place.installation)
        case "look up and renew":
            world.clock.advance(3570)
            world.look_up("bob", place.installation)
        case "report":
            world.reject("bob", place.installation, place.version)
        case "tick":
            world.clock.advance(3300)
            world.tick()
        case "revoke":
            world.revoke("bob", place.installation)
            world.deliver()
        case "be the first":
            connect_first(place)


SITES: Mapping[str, Callable[[], Exception]] = {
    "reading": lambda: StoreUnavailable("away"),
    "asking": lambda: StoreUnavailable("away"),
    "writing": lambda: StoreUnavailable("away"),
    "having written": lambda: RuntimeError("odd"),
    "opening keys": lambda: KeysUnavailable("away"),
    "making keys": lambda: RuntimeError("odd"),
    "sending out": lambda: RuntimeError("odd"),
    "queueing": lambda: QueueUnavailable("away"),
}


def hang(world: World, site: str, hook: Hook) -> None:
    """Let the hook be called at every call of one kind."""
    match site:
        case "reading":
            world.table.before["read"] = hook
        case "asking":
            world.table.before["query"] = hook
        case "writing":
            world.table.before["commit"] = hook
        case "having written":
            world.table.after["commit"] = hook
        case "opening keys":
            world.keys.before["decrypt"] = hook
        case "making keys":
            world.keys.before["generate"] = hook
        case "sending out":
            for place, behave in list(world.egress.routes.items()):
                world.egress.routes[place] = after(hook, behave)
        case "queueing":
            for queue in queues_of(world):
                queue.before["send"] = hook


def after(hook: Hook, behave: Behaviour) -> Behaviour:
    def behaviour(request: Outgoing) -> Answer:
        hook(request)
        return behave(request)

    return behaviour


def trace_of(error: BaseException) -> str:
    """The trace with the local variables of every frame of ours.

    But one: the frame that Lambda's own event is handed to. It is as it came, and nothing ever prints that frame.
    """
    frames = [
        pair
        for pair in traceback.walk_tb(error.__traceback__)
        if any(part in pair[0].f_code.co_filename for part in (*OURS, "<weakened "))
        and pair[0].f_code.co_name not in {"serve", "lambda_handler"}
    ]
    summary = traceback.StackSummary.extract(iter(frames), capture_locals=True)
    return "".join(summary.format()) + repr(error) + str(error)


@contextmanager
def failing(place: Place, site: str, at: int) -> Iterator[list[Exception]]:
    """Let the call number `at` at this site fail, and keep the error with all its frames."""
    raised: list[Exception] = []

    def fail(argument: Any) -> None:
        raised.append(SITES[site]())
        raise raised[-1]

    hang(place.watched.world, site, in_turn([*[None] * at, fail]))
    yield raised


@requirement("attack:C11")
@pytest.mark.parametrize(("name", "site"), CASES)
def test_no_trace_of_a_fault_shows_a_secret_even_with_all_local_variables(name: str, site: str) -> None:
    for at in range(30):
        place = place_for(name)
        with failing(place, site, at) as raised, suppress(StrongroomError, RuntimeError):
            operate(name, place)
        if not raised:
            assert at > 0, "nothing failed"
            break
        assert found_in(trace_of(raised[0]), place.watched.known()) == []
        assert found_in(str(place.watched.world.journal.entries), place.watched.known()) == []
    else:
        pytest.fail("there are more calls than were tried")


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_list_of_what_can_fail_where_is_complete(name: str) -> None:
    reached = set()
    for site in SITES:
        place = place_for(name)
        with failing(place, site, 0) as raised, suppress(StrongroomError, RuntimeError):
            operate(name, place)
        reached |= {site} if raised else set()
    assert reached == set(OPERATIONS[name])


@requirement("attack:C11")
def test_control_the_traces_reach_every_operation_and_would_show_a_plain_text() -> None:
    place = Place()
    with weakened(look_up._release, "_remember_use(", "plain = access_token.reveal()\n    _remember_use("):
        place.watched.world.clock.advance(7 * 3600)
        place.watched.world.provider.lifetime = 10**6
        place.watched.world.look_up("bob", place.installation, not_version=place.version)
        with failing(place, "having written", 0) as raised:
            place.watched.world.clock.advance(7 * 3600)
            place.watched.world.look_up("bob", place.installation)
    assert raised
    assert found_in(trace_of(raised[0]), place.watched.known())


@requirement("attack:C11")
def test_a_request_does_not_print_what_came_with_it() -> None:
    request = Request("GET /x", {"team": "acme"}, "code=canary", b"canary", {"body": "canary"}, "request-1")
    assert "canary" not in f"{request} {request!r}"
    assert "acme" in repr(request)


@requirement("attack:C11")
def test_an_error_that_nobody_foresaw_is_told_by_its_kind_alone() -> None:
    stage = Stage()
    canary = "canary-5d1c-in-the-text-of-an-error"
    stage.world.table.before["read"] = in_turn([raising(RuntimeError(canary))])
    answer = stage.send("token", stage.event("token"))
    assert (answer.status, answer.json["error"]) == (500, "internal_error")
    told = [entry for entry in stage.world.journal.alarms() if entry.event == "unexpected_error"]
    assert [entry.fields["kind"] for entry in told] == ["RuntimeError"]
    assert canary not in answer.text + repr(stage.world.journal.entries)
