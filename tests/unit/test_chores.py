"""Telling a provider that a grant has ended: until it has heard, and never at somebody else's cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.domain import exchange
from strongroom.domain.catalog import Catalog, CatalogEntry, Revoking
from strongroom.domain.chore import GIVE_UP_AFTER, RevocationChore, RevocationOutcome
from strongroom.domain.errors import KeysUnavailable, StoreUnavailable
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.policy import DAY
from strongroom.domain.table import Item
from strongroom.flows import chores
from strongroom.flows.chores import do_chore
from tests.fakes.faults import fails
from tests.unit.renewals import Behaviour, Scene, connected, queue, rows
from tests.weakened import weakened
from tests.world import World

REVOKE_URL = "https://provider.example/revoke"


def chore(world: World) -> Item:
    (row,) = rows(world, "chore")
    return row


def revoked(**metadata: object) -> Scene:
    """Bob has revoked; the chore is queued and not done."""
    world = World()
    world.provider.metadata |= metadata
    installation = world.install()
    world.connect("bob", installation)
    scene = Scene(world, installation)
    assert world.revoke("bob", installation).status == 200
    return scene


def answers(*behaviours: Behaviour) -> Behaviour:
    """One behaviour after the other; the last one stays."""
    left = list(behaviours)

    def behave(request: Outgoing) -> Answer:
        return (left.pop(0) if len(left) > 1 else left[0])(request)

    return behave


def by_hint(refresh: int, access: int, error: str = "") -> Behaviour:
    """The provider answers with one status for refresh tokens and another for access tokens."""

    def behave(request: Outgoing) -> Answer:
        body = request.body.reveal() if request.body else ""
        status = refresh if "token_type_hint=refresh_token" in body else access
        text = b'{"error": "%s"}' % error.encode() if status >= 400 and error else b""
        return Reply(status, {}, text)

    return behave


def ended(world: World) -> tuple[object, object]:
    row = chore(world)
    assert not row.keys() & {"access", "refresh", "due_at", "due_shard"} or row["state"] != "ended"
    return row["state"], row.get("outcome")


# -- telling


def test_the_provider_is_told_of_the_refresh_token_first_and_the_chore_forgets_them() -> None:
    scene = revoked()
    (grant,) = scene.world.provider.grants
    assert chore(scene.world)["state"] == "open"
    scene.world.deliver()
    assert scene.world.provider.revoked == [grant.refresh, grant.access]
    assert ended(scene.world) == ("ended", "revoked")
    (told,) = [row for row in rows(scene.world, "record") if row["event"] == "revocation_ended"]
    assert (told["outcome"], told["why"], told["user"]) == ("revoked", "revoked", "bob")


def test_a_chore_whose_message_was_lost_is_found_by_the_schedule() -> None:
    scene = revoked()
    held = queue(scene.world, "chore")
    for delivery in held.receive():
        held.delete(delivery.receipt)
    scene.world.tick()
    assert ended(scene.world) == ("ended", "revoked")


def test_a_chore_that_is_done_already_does_nothing() -> None:
    scene = revoked()
    scene.world.deliver()
    told = len(scene.world.provider.revoked)
    assert do_chore(scene.world.ports, str(chore(scene.world)["chore"])) is None
    assert do_chore(scene.world.ports, "a" * 20) is None
    assert len(scene.world.provider.revoked) == told


OUTCOMES: list[tuple[Behaviour, RevocationOutcome]] = [
    (by_hint(200, 200), "revoked"),
    (by_hint(400, 400, "invalid_token"), "revoked"),
    (by_hint(200, 400, "unsupported_token_type"), "revoked"),
    (by_hint(200, 403), "revoked"),
    (by_hint(404, 404), "unsupported"),
    (by_hint(400, 200, "unsupported_token_type"), "unsupported"),
    (by_hint(401, 401, "unauthorized_client"), "refused_by_provider"),
]


@pytest.mark.parametrize(("behaviour", "outcome"), OUTCOMES)
def test_what_the_provider_says_of_the_refresh_token_is_the_outcome(
    behaviour: Behaviour, outcome: RevocationOutcome
) -> None:
    scene = revoked()
    scene.world.egress.on("POST", REVOKE_URL, behaviour)
    scene.world.deliver()
    assert ended(scene.world) == ("ended", outcome)


def test_a_provider_without_a_revocation_endpoint_is_not_told() -> None:
    scene = revoked(revocation_endpoint=None)
    scene.world.deliver()
    assert ended(scene.world) == ("ended", "unsupported")
    assert scene.world.egress.sent_to(REVOKE_URL) == []


def page_told(scene: Scene) -> object:
    """The page that the record of the revocation's end carries."""
    (told,) = [row for row in rows(scene.world, "record") if row["event"] == "revocation_ended"]
    return told.get("page")


@pytest.mark.parametrize(("behaviour", "outcome"), OUTCOMES)
def test_the_record_says_where_a_person_ends_what_the_provider_did_not(
    behaviour: Behaviour, outcome: RevocationOutcome
) -> None:
    scene = revoked()
    scene.world.egress.on("POST", REVOKE_URL, behaviour)
    scene.world.deliver()
    assert page_told(scene) == (None if outcome == "revoked" else "https://provider.example")


def test_of_a_provider_that_was_never_reached_the_record_says_it_too() -> None:
    scene = revoked()
    scene.world.egress.on("POST", REVOKE_URL, by_hint(503, 503))
    scene.world.clock.advance(GIVE_UP_AFTER)
    scene.world.tick()
    assert ended(scene.world) == ("ended", "unreachable")
    assert page_told(scene) == "https://provider.example"


def test_of_a_listed_provider_the_record_has_the_page_of_the_catalog() -> None:
    scene = revoked(revocation_endpoint=None)
    page = "https://account.provider.example/apps"
    entry = CatalogEntry("Provider", issuers=(scene.world.provider.issuer,), revoking=Revoking(page=page))
    scene.world.catalog = Catalog((entry,))
    scene.world.ports = scene.world.new_environment()
    scene.world.deliver()
    assert ended(scene.world) == ("ended", "unsupported")
    assert page_told(scene) == page


def test_an_issuer_that_is_no_web_address_is_no_page() -> None:
    scene = revoked(revocation_endpoint=None)
    scene.world.table.place({**chore(scene.world), "issuer": "javascript://provider.example/%0aalert(1)"})
    scene.world.deliver()
    assert ended(scene.world) == ("ended", "unsupported")
    assert page_told(scene) is None


def test_control_without_the_reading_of_the_issuer_it_would_be_one() -> None:
    scene = revoked(revocation_endpoint=None)
    scene.world.table.place({**chore(scene.world), "issuer": "javascript:alert(1)"})
    with weakened(CatalogEntry.page_to_end_at, "(found.origin if found is not None else None)", "issuer"):
        scene.world.deliver()
    assert page_told(scene) == "javascript:alert(1)"


def test_a_connection_without_a_refresh_token_is_told_of_its_access_token() -> None:
    world = World()
    world.provider.gives_refresh = False
    installation = world.install()
    world.connect("bob", installation)
    world.revoke("bob", installation)
    world.deliver()
    assert len(world.provider.revoked) == 1
    assert ended(world) == ("ended", "revoked")


# -- again, later


def unreachable(scene: Scene) -> None:
    scene.world.egress.unreachable.add("provider.example")


@pytest.mark.parametrize("how", ["away", "silent", "failing", "not allowed"])
def test_a_provider_that_does_not_answer_is_told_later(how: str) -> None:
    scene = revoked()
    world = scene.world
    if how == "failing":
        world.egress.on("POST", REVOKE_URL, answers(by_hint(503, 503), by_hint(200, 200)))
    else:
        {"away": world.egress.unreachable, "silent": world.egress.silent, "not allowed": world.egress.internal}[
            how
        ].add("provider.example")
    world.deliver()
    assert ended(world) == ("open", None)
    assert {"access", "refresh"} <= chore(world).keys()
    for absences in (world.egress.unreachable, world.egress.silent, world.egress.internal):
        absences.clear()
    world.tick()
    assert ended(world) == ("open", None)
    world.clock.advance(60)
    world.tick()
    assert ended(world) == ("ended", "revoked")


def test_a_provider_that_does_not_know_us_for_a_moment_is_told_later() -> None:
    scene = revoked()
    world = scene.world
    honest = world.egress.routes["POST", REVOKE_URL]
    world.egress.on("POST", REVOKE_URL, by_hint(401, 401, "invalid_client"))
    world.deliver()
    assert ended(world) == ("open", None)
    world.egress.on("POST", REVOKE_URL, honest)
    world.clock.advance(60)
    world.tick()
    assert ended(world) == ("ended", "revoked")
    assert [grant.alive for grant in world.provider.grants] == [False]


def test_control_who_believes_one_invalid_client_leaves_the_grant_alive() -> None:
    scene = revoked()
    world = scene.world
    honest = world.egress.routes["POST", REVOKE_URL]
    world.egress.on("POST", REVOKE_URL, by_hint(401, 401, "invalid_client"))
    with weakened(exchange.judge_revocation, 'error == "invalid_client"', "False"):
        world.deliver()
    world.egress.on("POST", REVOKE_URL, honest)
    world.clock.advance(60)
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [True]


def test_a_provider_that_never_knows_us_again_is_given_up_after_a_week() -> None:
    scene = revoked()
    world = scene.world
    world.egress.on("POST", REVOKE_URL, by_hint(401, 401, "invalid_client"))
    world.deliver()
    world.clock.advance(GIVE_UP_AFTER)
    world.tick()
    assert ended(world) == ("ended", "unreachable")


def test_the_access_token_is_told_again_though_the_refresh_token_was_heard() -> None:
    scene = revoked()
    scene.world.egress.on("POST", REVOKE_URL, answers(by_hint(200, 503), by_hint(200, 503), by_hint(200, 200)))
    scene.world.deliver()
    assert ended(scene.world) == ("open", None)
    scene.world.clock.advance(60)
    scene.world.tick()
    assert ended(scene.world) == ("ended", "revoked")


def test_pauses_double_up_to_six_hours_and_after_a_week_it_is_given_up() -> None:
    scene = revoked()
    world = scene.world
    unreachable(scene)
    started = int(world.clock.now())
    pauses = []
    world.deliver()
    while chore(world)["state"] == "open":
        due_at = chore(world)["due_at"]
        assert isinstance(due_at, int)
        pauses.append(due_at - int(world.clock.now()))
        world.clock.set(due_at)
        world.tick()
    assert pauses[:4] == [60, 120, 240, 480]
    assert max(pauses) == pauses[-1] == 6 * 3600
    assert GIVE_UP_AFTER <= int(world.clock.now()) - started <= GIVE_UP_AFTER + 6 * 3600
    assert ended(world) == ("ended", "unreachable")


@pytest.mark.parametrize("fault", ["keys", "table"])
def test_what_our_own_parts_cannot_do_now_stays_to_be_done(fault: str) -> None:
    scene = revoked()
    world = scene.world
    ports = world.new_environment()
    if fault == "keys":
        world.keys.disabled = True
    else:
        world.table.before["commit"] = fails(StoreUnavailable("busy"))
    with pytest.raises((KeysUnavailable, StoreUnavailable)):
        do_chore(ports, str(chore(world)["chore"]))
    assert ended(world) == ("open", None)
    world.keys.disabled = False
    world.clock.advance(31)
    world.tick()
    assert ended(world) == ("ended", "revoked")


def both_postpone(scene: Scene) -> None:
    """Two workers at once, and the provider answers neither."""
    name = str(chore(scene.world)["chore"])
    left = [1]

    def another_is_faster(request: Outgoing) -> Answer:
        if left and left.pop():
            do_chore(scene.world.new_environment(), name)
            scene.world.clock.advance(5)
        return Reply(503, {}, b"")

    scene.world.egress.on("POST", REVOKE_URL, another_is_faster)
    scene.world.deliver()


def test_two_workers_who_both_fail_postpone_once() -> None:
    scene = revoked()
    due_at = int(scene.world.clock.now()) + 60
    both_postpone(scene)
    assert (chore(scene.world)["attempts"], chore(scene.world)["due_at"]) == (1, due_at)


def test_control_without_the_count_as_it_was_read_the_slower_one_postpones_again() -> None:
    scene = revoked()
    due_at = int(scene.world.clock.now()) + 60
    with weakened(RevocationChore.postponed, ', Is("attempts", self.attempts)', ""):
        both_postpone(scene)
    assert chore(scene.world)["due_at"] == due_at + 5


def test_two_workers_at_once_do_no_harm() -> None:
    scene = revoked()
    name = str(chore(scene.world)["chore"])
    told = scene.world.provider._revoke
    left = [1]

    def meanwhile_another(request: Outgoing) -> Answer:
        if left and left.pop():
            do_chore(scene.world.new_environment(), name)
        return told(request)

    scene.world.egress.on("POST", REVOKE_URL, meanwhile_another)
    scene.world.deliver()
    assert ended(scene.world) == ("ended", "revoked")
    assert len([row for row in rows(scene.world, "record") if row["event"] == "revocation_ended"]) == 1


def test_the_tokens_go_to_the_endpoint_that_they_were_consented_for_and_nowhere_else() -> None:
    scene = revoked()
    world = scene.world
    world.table.place({**chore(world), "revocation_endpoint": "https://elsewhere.example/revoke"})
    world.egress.on("POST", "https://elsewhere.example/revoke", by_hint(200, 200))
    world.deliver()
    assert world.egress.sent_to("https://elsewhere.example/revoke") == []
    assert ended(world) == ("open", None)


# -- kept for somebody else


def two_connections() -> Scene:
    """Bob uses the same provider at two installations."""
    scene = connected()
    second = scene.world.install(name="More Files")
    scene.world.connect("bob", second)
    return scene


def test_a_grant_that_another_connection_of_the_person_hangs_on_is_kept() -> None:
    scene = two_connections()
    scene.world.revoke("bob", scene.installation)
    scene.world.deliver()
    assert scene.world.provider.revoked == []
    assert ended(scene.world) == ("parked", None)


def test_the_last_revocation_ends_the_grant() -> None:
    scene = two_connections()
    world = scene.world
    world.revoke("bob", scene.installation)
    world.deliver()
    second = next(str(row["installation"]) for row in rows(world, "installation") if row["name"] == "More Files")
    world.revoke("bob", second)
    world.deliver()
    world.tick()
    assert [row["outcome"] for row in rows(world, "chore")] == ["revoked", "revoked"]
    assert [grant.alive for grant in world.provider.grants] == [False, False]


def test_a_shared_account_of_the_person_counts_too() -> None:
    world = World()
    own, team = world.install(), world.install(name="Shared Files", sharing="shared")
    world.connect("alice", own)
    world.connect("alice", team, confirm_shared=True)
    world.revoke("alice", own)
    world.deliver()
    assert ended(world) == ("parked", None)
    assert world.look_up("bob", team).status == 200


@pytest.mark.parametrize(
    "other",
    [
        lambda world: world.connect("alice", world.install(name="More Files")),
        lambda world: connect_as(world, "mallory", "rivals"),
    ],
)
def test_what_others_use_keeps_nothing_of_ones_own(other: Callable[[World], None]) -> None:
    scene = connected()
    other(scene.world)
    scene.world.revoke("bob", scene.installation)
    scene.world.deliver()
    assert ended(scene.world) == ("ended", "revoked")


def connect_as(world: World, user: str, team: str) -> None:
    world.connect(user, world.install(user, team), team)


@pytest.mark.parametrize("reason", ["refused", "lost_response"])
def test_a_connection_that_does_not_work_any_more_keeps_nothing(reason: str) -> None:
    scene = two_connections()
    world = scene.world
    second = next(row for row in rows(world, "connection") if row["installation"] != scene.installation)
    world.table.place({**second, "status_reason": reason})
    world.revoke("bob", scene.installation)
    world.deliver()
    assert ended(world) == ("ended", "revoked")


def removed_and_back(world: World) -> None:
    """Bob leaves the team and returns: what he had connected before serves nobody any more, and lies there still."""
    world.put_member("acme", "bob", None)
    for delivery in queue(world, "chore").receive():
        queue(world, "chore").delete(delivery.receipt)
    world.put_member("acme", "bob", "team_user")


def test_a_connection_from_before_a_leave_keeps_nothing() -> None:
    scene = two_connections()
    world = scene.world
    removed_and_back(world)
    world.connect("bob", scene.installation)
    world.revoke("bob", scene.installation)
    world.deliver()
    world.tick()
    newest = next(row for row in rows(world, "chore") if row["why"] == "revoked")
    assert newest["outcome"] == "revoked"


def test_control_a_connection_whose_standing_is_over_would_keep_a_grant_alive_for_nobody() -> None:
    scene = two_connections()
    world = scene.world
    removed_and_back(world)
    world.connect("bob", scene.installation)
    world.revoke("bob", scene.installation)
    with weakened(
        chores._stands, "return connection.standing == standing_of(owner, installation, member)", "return True"
    ):
        world.deliver()
    newest = next(row for row in rows(world, "chore") if row["why"] == "revoked")
    assert newest["state"] == "parked"


def test_a_connection_whose_installation_is_gone_keeps_nothing() -> None:
    scene = two_connections()
    world = scene.world
    second = next(row for row in rows(world, "installation") if row["installation"] != scene.installation)
    world.table.restore({key: row for key, row in world.table.snapshot().items() if row != second})
    world.revoke("bob", scene.installation)
    world.deliver()
    assert ended(world) == ("ended", "revoked")


def many_others(live: str) -> Scene:
    """Bob has more rows than fit into one page, and the one that lives is the last of them."""
    scene = two_connections()
    world = scene.world
    second = next(row for row in rows(world, "connection") if row["installation"] != scene.installation)
    for number in range(150):
        dead = {**second, "SK": f"C#{number:020d}", "status_reason": "refused"}
        world.table.place(dead)
    moved = {key: row for key, row in world.table.snapshot().items() if row != second}
    world.table.restore(moved)
    installation = next(row for row in rows(world, "installation") if row["installation"] == second["installation"])
    world.table.place({**installation, "SK": f"I#{live}", "installation": live})
    world.table.place({**second, "SK": f"C#{live}", "installation": live})
    world.revoke("bob", scene.installation)
    return scene


def test_all_connections_of_a_person_count_however_many_there_are() -> None:
    scene = many_others("z" * 20)
    scene.world.deliver()
    assert ended(scene.world) == ("parked", None)


def test_control_who_looks_at_one_page_ends_a_grant_that_is_in_use() -> None:
    scene = many_others("z" * 20)
    with weakened(chores._others, 'all_rows(ports.table, keys.member(team, user).pk, "C#")', first_page()):
        scene.world.deliver()
    assert ended(scene.world) == ("ended", "revoked")


def first_page() -> str:
    query = "__import__('strongroom.domain.table', fromlist=['Query']).Query"
    return f"ports.table.query({query}('table', keys.member(team, user).pk, prefix='C#')).items"


def test_an_ended_chore_is_garbage_after_a_month() -> None:
    scene = revoked()
    scene.world.deliver()
    assert chore(scene.world)["ttl"] == int(scene.world.clock.now()) + 30 * DAY
