"""Our clients at providers, and who comes in between: one registration, one retirement, no renewal that fails for a note."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.http import NoAnswer
from strongroom.domain.provider_client import RETIRED_AFTER, KeptClient
from strongroom.domain.renewal import CALL, ONE_WRITE
from strongroom.domain.renewal_outcome import Failed, Renewed
from strongroom.domain.table import Change
from strongroom.flows import clients, register
from tests.fakes.clock import FakeClock
from tests.fakes.faults import Hook, fails, meanwhile
from tests.requirements import requirement
from tests.unit.attacks.scenes import parameters, records
from tests.unit.clients import ReadingWorld, client_rows
from tests.unit.renewals import Scene, before_answering, heals, nearly_over, rejections, rows, says, when
from tests.weakened import weakened
from tests.world import World

REJECTED = says("invalid_client", 401)
REGISTER = "https://provider.example/register"


def of_the_client(writes: Any) -> bool:
    """Whether the commit changes a provider client's row."""
    return any(isinstance(write, Change) and write.key.pk.startswith("P#") for write in writes)


def once_rejected(users: tuple[str, ...] = ("bob",)) -> list[Scene]:
    """The provider has said `invalid_client` once, five minutes ago and more; nothing good is left."""
    first = nearly_over(left=0)
    scenes = [first]
    for user in users[1:]:
        first.world.connect(user, first.installation)
        scenes.append(Scene(first.world, first.installation, user))
    first.world.clock.advance(3600)
    first.provider_does(REJECTED)
    first.renew()
    first.world.clock.advance(RETIRED_AFTER)
    return scenes


# -- registering


class PatientClock:
    """The world's clock, for threads that wait for each other: who waits gives the others time, and nobody's time passes."""

    def __init__(self, clock: FakeClock, until: threading.Event) -> None:
        self._clock, self._until, self.waited = clock, until, threading.Event()

    def now(self) -> float:
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        self.waited.set()
        assert self._until.wait(30)


def all_begin(world: World, installation: str, people: int) -> list[str]:
    """Let so many people begin while the first of them is registering, and give the client ids that they are sent with."""
    registered = threading.Event()
    clock = PatientClock(world.clock, registered)
    world.ports = replace(world.ports, clock=clock)
    honest = world.egress.routes["POST", REGISTER]

    def slow(request: Any) -> Any:
        assert clock.waited.wait(30)
        return honest(request)

    world.egress.on("POST", REGISTER, slow)
    users = [f"user-{number}" for number in range(people)]
    for user in users:
        world.put_member("acme", user, "team_user")
    world.table.after["commit"] = lambda writes: registered.set() if stores_a_client(writes) else None
    with ThreadPoolExecutor(max_workers=people) as pool:
        begun = list(pool.map(lambda user: world.begin(user, installation), users))
    return [parameters(one.url)["client_id"] for one in begun]


def stores_a_client(writes: Any) -> bool:
    return any(getattr(write, "item", {}).get("kind") == "provider_client" for write in writes)


def test_however_many_people_ask_at_once_the_team_registers_once() -> None:
    world = World()
    ids = all_begin(world, world.install(), 12)
    assert len(ids) == 12
    assert {*ids} == {row["client_id"] for row in client_rows(world)} == {*world.provider.clients}
    assert len(world.provider.clients) == 1
    assert len(records(world, "registered")) == 1


def test_after_a_retirement_the_next_generation_is_registered_once() -> None:
    [scene] = once_rejected()
    scene.provider_does(REJECTED)
    scene.renew()
    ids = all_begin(scene.world, scene.installation, 12)
    assert len({*ids}) == 1
    assert [(row["generation"], row["state"]) for row in client_rows(scene.world)] == [(1, "retired"), (2, "live")]
    assert len(scene.world.provider.clients) == 2


def test_control_without_the_lease_everybody_registers() -> None:
    world = World()
    installation = world.install()
    seconds: list[str] = []

    def another_begins(request: Any) -> Any:
        world.egress.on("POST", REGISTER, honest)
        seconds.append(parameters(world.begin("alice", installation).url)["client_id"])
        return honest(request)

    honest = world.egress.routes["POST", REGISTER]
    world.egress.on("POST", REGISTER, another_begins)
    with weakened(
        register._lease, "either(Missing(), Below", "either(Missing(), Is('kind', 'registration_lease'), Below"
    ):
        world.begin("bob", installation)
    assert len(world.provider.clients) == 2
    assert seconds == [row["client_id"] for row in client_rows(world)], (
        "and the later one takes the client that is there"
    )


def test_who_registers_longer_than_the_lease_takes_the_client_that_somebody_else_made() -> None:
    world = World()
    installation = world.install()
    honest = world.egress.routes["POST", REGISTER]

    def overtaken(request: Any) -> Any:
        world.egress.on("POST", REGISTER, honest)
        world.clock.advance(register.LEASE + 1)
        world.begin("alice", installation)
        return honest(request)

    world.egress.on("POST", REGISTER, overtaken)
    asked = parameters(world.begin("bob", installation).url)
    assert [row["client_id"] for row in client_rows(world)] == [asked["client_id"]]


def test_a_registration_that_failed_holds_nobody_up() -> None:
    world = World()
    installation = world.install()
    honest = world.egress.routes["POST", REGISTER]
    world.egress.on("POST", REGISTER, lambda request: NoAnswer("timed_out"))
    path = f"/v1/teams/acme/installations/{installation}/authorize"
    assert world.as_user("bob", "POST", path, {}).json["error"] == "registration_unavailable"
    assert rows(world, "registration_lease") == []
    world.egress.on("POST", REGISTER, honest)
    waited = list(world.clock.waits)
    world.connect("alice", installation)
    assert world.clock.waits == waited


class Killed(BaseException):
    pass


def test_who_died_while_registering_holds_the_others_up_for_the_leases_time_at_most() -> None:
    world = World()
    installation = world.install()
    honest = world.egress.routes["POST", REGISTER]

    def dies(request: Any) -> Any:
        world.table.before["commit"] = when(lambda writes: True, raising(Killed()), 1)
        raise Killed

    world.egress.on("POST", REGISTER, dies)
    with pytest.raises(Killed):
        world.begin("bob", installation)
    heals(world)
    world.egress.on("POST", REGISTER, honest)
    started = world.clock.now()
    world.connect("alice", installation)
    assert world.clock.now() - started < register.LEASE + 2


def raising(error: BaseException) -> Hook:
    def hook(argument: Any) -> None:
        raise error

    return hook


def test_a_lease_that_cannot_be_given_back_is_no_failure() -> None:
    world = World()
    installation = world.install()
    world.table.before["commit"] = when(removes, raising(StoreUnavailable("away")))
    assert parameters(world.begin("bob", installation).url)["client_id"] in world.provider.clients
    assert "registration_lease_left" in world.journal.events()


def removes(writes: Any) -> bool:
    return any(type(write).__name__ == "Remove" for write in writes)


def test_two_documents_at_once_are_one_generation() -> None:
    world = ReadingWorld()
    installation = world.install()
    ids: list[str] = []
    first = when(stores_a_client, lambda writes: ids.append(slower(world, installation)), 1)
    world.table.before["commit"] = first
    ids.append(parameters(world.begin("bob", installation).url)["client_id"])
    assert len({*ids}) == 1
    assert len(client_rows(world)) == 1


def slower(world: World, installation: str) -> str:
    """Somebody else begins, after the lease of the first is over."""
    world.clock.advance(register.LEASE + 1)
    return parameters(World.begin(world, "alice", installation).url)["client_id"]


# -- retiring


@requirement("fault:F13")
def test_two_renewals_that_are_rejected_at_once_are_one_rejection() -> None:
    first = nearly_over(left=0)
    world = first.world
    world.connect("alice", first.installation)
    second = Scene(world, first.installation, "alice")
    world.clock.advance(3600)
    noted_at = int(world.clock.now())

    def another_is_rejected(request: Any) -> Any:
        first.provider_does(REJECTED)
        assert isinstance(second.renew(world.new_environment()), Failed)
        return REJECTED(request)

    first.provider_does(another_is_rejected)
    assert isinstance(first.renew(), Failed)
    [row] = client_rows(world)
    assert (row["state"], row["rejected_at"]) == ("live", noted_at)
    assert rejections(world) == ["note"] * 2


@requirement("fault:F13")
def test_two_second_rejections_at_once_retire_once() -> None:
    first, second = once_rejected(("bob", "alice"))
    world = first.world

    def another_is_rejected(request: Any) -> Any:
        first.provider_does(REJECTED)
        second.renew(world.new_environment())
        return REJECTED(request)

    first.provider_does(another_is_rejected)
    assert isinstance(first.renew(), Failed)
    assert client_rows(world)[0]["state"] == "retired"
    assert len(records(world, "client_retired")) == 1
    assert (first.connection.renewal.lease, second.connection.renewal.lease) == (None, None)


@requirement("fault:F13")
@requirement("invariant:I7")
def test_a_success_while_the_second_rejection_is_on_its_way_keeps_the_client() -> None:
    first, second = once_rejected(("bob", "alice"))
    world = first.world

    def another_succeeds(request: Any) -> Any:
        assert isinstance(second.renew(world.new_environment()), Renewed)
        return REJECTED(request)

    first.provider_does(another_succeeds, world.provider.honest)
    assert isinstance(first.renew(), Failed)
    [row] = client_rows(world)
    assert row["state"] == "live"
    assert "rejected_at" not in row
    world.clock.advance(901)
    assert isinstance(first.renew(), Renewed)


@requirement("fault:F13")
def test_control_a_retirement_that_ignores_the_success_ends_a_living_client() -> None:
    first, second = once_rejected(("bob", "alice"))
    world = first.world

    def another_succeeds(request: Any) -> Any:
        assert isinstance(second.renew(world.new_environment()), Renewed)
        return REJECTED(request)

    first.provider_does(another_succeeds, world.provider.honest)
    with weakened(
        KeptClient.after_rejection, 'every(Is("state", "live"), Is("rejected_at", self.rejected_at))', "None"
    ):
        first.renew()
    assert client_rows(world)[0]["state"] == "retired"


@requirement("fault:F13")
@requirement("invariant:I7")
def test_a_success_that_comes_in_after_the_retirement_brings_the_client_back() -> None:
    first, second = once_rejected(("bob", "alice"))
    world = first.world

    def another_is_rejected() -> None:
        first.provider_does(REJECTED)
        second.renew(world.new_environment())
        assert client_rows(world)[0]["state"] == "retired"

    first.provider_does(before_answering(world, another_is_rejected))
    assert isinstance(first.renew(), Renewed)
    [row] = client_rows(world)
    assert row["state"] == "live"
    assert row.keys().isdisjoint({"rejected_at", "retired_at"})
    assert first.works()


def test_a_retirement_meanwhile_costs_no_renewal_its_tokens() -> None:
    first, second = once_rejected(("bob", "alice"))
    world = first.world
    world.table.before["commit"] = when(of_the_client, raising(StoreUnavailable("away")))

    def another_is_rejected() -> None:
        heals(world)
        first.provider_does(REJECTED)
        second.renew(world.new_environment())
        world.table.before["commit"] = when(of_the_client, raising(StoreUnavailable("away")))

    first.provider_does(before_answering(world, another_is_rejected))
    assert isinstance(first.renew(), Renewed)
    heals(world)
    assert client_rows(world)[0]["state"] == "retired"
    assert first.works(), "the access token is good"


def test_who_reconnects_while_the_client_is_retired_gets_the_next_one() -> None:
    [scene] = once_rejected()
    world = scene.world
    begun = world.begin("alice", scene.installation)
    scene.provider_does(REJECTED)
    scene.renew()
    done = world.complete("alice", world.consent(begun, "alice"))
    assert done.status == 200, "a code of the old client is redeemed by the old client"
    assert done.json["connection"]["status"] == "connected", "and its success brings that client back"
    assert client_rows(world)[0]["state"] == "live"


# -- a note is never worth failing for


def silent(world: World, wanted: Callable[[Any], bool]) -> None:
    """The table takes seven seconds to say nothing, for some writes."""

    def hook(argument: Any) -> None:
        world.clock.advance(ONE_WRITE)
        raise StoreUnavailable("no answer at all")

    world.table.before["commit"] = when(wanted, hook)


@requirement("fault:F13")
@pytest.mark.parametrize("rejections", [1, 2])
def test_a_rejection_that_cannot_be_noted_leaves_the_connection_in_order(rejections: int) -> None:
    scene = nearly_over(left=0) if rejections == 1 else once_rejected()[0]
    world = scene.world
    tokens = scene.connection.tokens
    silent(world, of_the_client)
    scene.provider_does(REJECTED)
    outcome = scene.renew()
    assert isinstance(outcome, Failed)
    assert outcome.error == "client_rejected"
    assert (scene.connection.renewal.lease, scene.connection.tokens, scene.connection.reason) == (None, tokens, None)
    assert client_rows(world)[0]["state"] == "live"
    assert "client_state_not_written" in world.journal.events()
    heals(world)
    world.clock.advance(901)
    assert isinstance(scene.renew(), Renewed)
    assert scene.works()


def test_a_success_that_cannot_be_noted_is_a_success() -> None:
    [scene] = once_rejected()
    silent(scene.world, of_the_client)
    assert isinstance(scene.renew(), Renewed)
    heals(scene.world)
    assert scene.works()


@pytest.mark.parametrize("answer", [REJECTED, "honest"])
def test_the_slowest_provider_and_a_silent_table_still_end_within_the_functions_time(answer: Any) -> None:
    """Ten seconds for the answer, seven for the commit or the failure; a note that would take seven more is not begun."""
    [scene] = once_rejected()
    world = scene.world
    killed_at = world.clock.now() + 25
    tried: list[float] = []

    def every_one(writes: Any) -> bool:
        tried.append(world.clock.now())
        return True

    def slowly(request: Any) -> Any:
        world.clock.advance(CALL)
        silent(world, every_one)
        return REJECTED(request) if answer is REJECTED else world.provider.honest(request)

    scene.provider_does(slowly)
    scene.renew()
    assert tried
    assert world.clock.now() <= killed_at


def test_control_a_note_without_an_eye_on_the_time_would_be_begun_too_late() -> None:
    [scene] = once_rejected()
    world = scene.world
    killed_at = world.clock.now() + 23

    def slowly(request: Any) -> Any:
        world.clock.advance(CALL)
        silent(world, lambda writes: True)
        return REJECTED(request)

    scene.provider_does(slowly)
    with weakened(clients._is_late, "ports.clock.now() + ONE_WRITE > until", "False"):
        scene.renew()
    assert world.clock.now() > killed_at


def test_a_failure_is_written_before_the_note() -> None:
    scene = nearly_over(left=0)
    order: list[str] = []
    scene.provider_does(REJECTED)
    scene.world.table.before["commit"] = lambda writes: order.append(
        "client" if of_the_client(writes) else "connection"
    )
    scene.renew()
    assert order == ["connection", "connection", "client"], "the lease, the failure, the note"


def test_a_consent_whose_exchange_is_rejected_is_closed_before_the_note() -> None:
    scene = nearly_over()
    world = scene.world
    consented = world.consent(world.begin("alice", scene.installation), "alice")
    scene.provider_does(REJECTED)
    silent(world, of_the_client)
    assert world.complete("alice", consented).json["error"] == "client_rejected"
    assert {row["state"] for row in rows(world, "authorization")} == {"completed", "failed"}


def test_an_exchange_that_is_rejected_is_told_even_if_nothing_can_be_written() -> None:
    scene = nearly_over()
    world = scene.world
    consented = world.consent(world.begin("alice", scene.installation), "alice")

    def rejected_while_the_table_falls_silent(request: Any) -> Any:
        silent(world, lambda writes: True)
        return REJECTED(request)

    scene.provider_does(rejected_while_the_table_falls_silent)
    started = world.clock.now()
    assert world.complete("alice", consented).status == 503
    assert rejections(world) == ["note"]
    assert world.clock.now() - started <= 22


# -- a retirement that cannot be written on the connection


def test_a_look_up_does_not_go_round_in_circles_while_the_table_takes_no_writes() -> None:
    [scene] = once_rejected()
    world = scene.world
    scene.provider_does(REJECTED)
    scene.renew()
    world.clock.advance(901)
    started = world.clock.now()
    world.table.before["commit"] = raising(StoreUnavailable("throttled"))
    answer = world.look_up("bob", scene.installation)
    assert answer.status == 503
    assert world.clock.now() - started < 5
    heals(world)
    assert world.look_up("bob", scene.installation).json["reason"] == "client_replaced"


def test_a_revoke_meanwhile_wins_over_client_replaced() -> None:
    [scene] = once_rejected()
    world = scene.world
    scene.provider_does(REJECTED)
    scene.renew()
    world.clock.advance(901)
    world.table.before["commit"] = when(marks_replaced, meanwhile(lambda: world.revoke("bob", scene.installation)), 1)
    scene.renew()
    assert scene.connection.reason == "revoked"


def marks_replaced(writes: Any) -> bool:
    return any(getattr(write, "put", {}).get("status_reason") == "client_replaced" for write in writes)


def test_a_fault_of_the_table_is_no_reason_to_register_anew() -> None:
    [scene] = once_rejected()
    world = scene.world
    world.table.before["query"] = fails(StoreUnavailable("away"))
    path = f"/v1/teams/acme/installations/{scene.installation}/authorize"
    assert world.as_user("alice", "POST", path, {}).status == 503
    assert len(client_rows(world)) == 1
