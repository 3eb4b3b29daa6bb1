"""An admin enters another client secret: written, never read back, and the one before it is kept for a day."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import keys, secret_rotation
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.secret import Secret
from strongroom.domain.secret_rotation import Rotation, kept_back
from strongroom.domain.table import Item
from strongroom.flows import administering, client_secret, sealed_secrets
from tests.fakes.faults import fails, meanwhile
from tests.requirements import requirement
from tests.unit.attacks.scenes import records
from tests.unit.entered import CLIENT, installed, key_of, provider, whole_provider
from tests.unit.renewals import alarms, rejections
from tests.unit.rotations import DAY, NEW, OLD, client_row, connected, rotate, rotated, secret_seen, shown, takes
from tests.weakened import weakened
from tests.world import World

NEXT = "yet-another-secret-of-that-client"
NOW = 1_800_000_000


def entered(**changed: Any) -> tuple[World, str]:
    world = World()
    return world, installed(world, provider(**changed))


# -- what it does


def test_the_answer_says_when_and_until_when_the_one_before_it_is_tried() -> None:
    world, installation = entered()
    answer = rotate(world, installation)
    assert (answer.status, answer.json) == (200, {"rotated_at": NOW, "previous_until": NOW + DAY})


def test_the_new_secret_is_used_from_then_on_and_nobody_has_to_connect_again() -> None:
    scene = rotated(NEW)
    scene.renew()
    scene.world.connect("carol", scene.installation)
    assert {*shown(scene.world)} == {NEW}
    assert scene.works()
    assert scene.world.status("bob", scene.installation)["status"] == "connected"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_the_client_proves_itself_as_before(method: str) -> None:
    client = {**CLIENT, "auth_method": method}
    world, installation = entered(client=client)
    rotate(world, installation)
    takes(world, OLD)
    world.connect("bob", installation)
    assert shown(world) == [NEW, OLD]


def test_it_serves_a_provider_that_was_entered_whole_and_one_whose_client_alone_was() -> None:
    for whole in (provider(), whole_provider()):
        world = World()
        assert rotate(world, installed(world, whole)).status == 200


def test_neither_binding_nor_revision_nor_anything_else_of_the_installation_changes() -> None:
    world, installation = entered()
    before = world.table.row(keys.installation("acme", installation))
    rotate(world, installation)
    assert world.table.row(keys.installation("acme", installation)) == before


def test_the_record_says_who_and_where_and_no_secret() -> None:
    world, installation = entered()
    rotate(world, installation)
    (record,) = records(world, "client_secret_rotated")
    told = {name: record[name] for name in ("by", "team", "installation", "issuer", "client_id", "at")}
    assert told == {
        "by": "alice",
        "team": "acme",
        "installation": installation,
        "issuer": "https://provider.example",
        "client_id": "entered-client",
        "at": NOW,
    }
    shown_to_admins = world.as_user("alice", "GET", "/v1/teams/acme/records").json["records"]
    (line,) = [one for one in shown_to_admins if one["event"] == "client_secret_rotated"]
    assert "client secret" in line["text"]


# -- who sees what


def test_admins_see_that_there_is_one_and_how_it_stands() -> None:
    world, installation = entered()
    assert secret_seen(world, installation) == {"set": True, "rotated_at": None, "previous_until": None}
    rotate(world, installation)
    assert secret_seen(world, installation) == {"set": True, "rotated_at": NOW, "previous_until": NOW + DAY}
    world.clock.advance(DAY)
    assert secret_seen(world, installation) == {"set": True, "rotated_at": NOW, "previous_until": None}


def test_what_installing_answers_and_the_list_say_the_same() -> None:
    world, installation = entered()
    (listed,) = world.as_user("alice", "GET", "/v1/teams/acme/installations").json["installations"]
    assert listed["provider"]["client_secret"] == secret_seen(world, installation)


def test_members_see_nothing_of_it() -> None:
    world, installation = entered()
    rotate(world, installation)
    assert secret_seen(world, installation, "bob") is ...
    (listed,) = world.as_user("bob", "GET", "/v1/teams/acme/installations").json["installations"]
    assert "client_secret" not in listed["provider"]


def test_where_there_is_none_admins_see_none() -> None:
    world, installation = entered(client={"client_id": "c"})
    assert secret_seen(world, installation) is None


def test_a_list_reads_all_of_them_at_once_and_for_members_none() -> None:
    world = World()
    for number in range(5):
        installed(world, provider(draft=f"draft{chr(ord('a') + number) * 15}"), name=f"Files {number}")
    assert len(clients_read(world, "alice")) == 1
    assert clients_read(world, "bob") == []


def clients_read(world: World, user: str) -> list[Any]:
    """The reads of provider clients that one list takes."""
    reads: list[Any] = []
    world.table.before["read"] = reads.append
    assert len(world.as_user(user, "GET", "/v1/teams/acme/installations").json["installations"]) == 5
    world.table.before.clear()
    return [wanted for wanted in reads if any(key.pk.startswith("P#") for key in wanted)]


# -- who may, and when


@pytest.mark.parametrize(
    ("user", "status", "error"),
    [("bob", 403, "admin_required"), ("mallory", 404, "not_found"), ("dave", 404, "not_found")],
)
def test_only_an_admin_of_the_team_may(user: str, status: int, error: str) -> None:
    world, installation = entered()
    before = world.table.snapshot()
    answer = rotate(world, installation, user=user)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert world.table.snapshot() == before


def test_an_installation_that_is_not_there_has_none() -> None:
    assert rotate(World(), "a" * 20).status == 404


@pytest.mark.parametrize("client", [{"client_id": "c"}, {"client_id": "c", "auth_method": "none"}])
def test_a_client_without_a_secret_gets_none(client: dict[str, Any]) -> None:
    world, installation = entered(client=client)
    answer = rotate(world, installation)
    assert (answer.status, answer.json["error"]) == (409, "no_client_secret")


def test_where_no_client_was_entered_there_is_no_secret_to_rotate() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)  # a client that the provider has registered, with a secret of its own
    before = world.table.snapshot()
    answer = rotate(world, installation)
    assert (answer.status, answer.json["error"]) == (409, "no_client_secret")
    assert world.table.snapshot() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"client_secret": None},
        {"client_secret": ""},
        {"client_secret": 1},
        {"client_secret": "tab\t"},
        {"client_secret": "line\n"},
        {"client_secret": "é"},
        {"client_secret": "x" * 4097},
        {"client_secret": [NEW]},
        {"secret": NEW},
        {"client_secret": NEW, "client_id": "another"},
        {"client_secret": NEW, "keep_previous": False},
    ],
)
def test_a_body_of_another_form_changes_nothing_and_is_not_repeated(body: dict[str, Any]) -> None:
    world, installation = entered()
    before = world.table.snapshot()
    answer = world.as_user("alice", "PUT", f"/v1/teams/acme/installations/{installation}/client_secret", body)
    assert (answer.status, answer.json["error"]) in ((400, "invalid_request"), (400, "unknown_field"))
    assert world.table.snapshot() == before
    assert NEW not in answer.text


@pytest.mark.parametrize("tag", ['"7"', "*", 'W/"0"', "0", ""])
def test_with_if_match_it_is_done_at_that_revision_alone(tag: str) -> None:
    world, installation = entered()
    path = f"/v1/teams/acme/installations/{installation}"
    seen = world.as_user("alice", "GET", path).headers["etag"]
    before = world.table.snapshot()
    answer = rotate(world, installation, headers={"if-match": tag})
    assert (answer.status, answer.json["error"]) == (412, "changed_meanwhile")
    assert world.table.snapshot() == before
    assert rotate(world, installation, headers={"if-match": seen}).status == 200


# -- again, at once, and halfway


def test_the_present_secret_again_changes_nothing() -> None:
    scene = rotated(OLD)
    world, before = scene.world, scene.world.table.snapshot()
    world.clock.advance(60)
    assert rotate(world, scene.installation).json == secret_state(world, scene.installation)
    assert world.table.snapshot() == before


def secret_state(world: World, installation: str) -> dict[str, Any]:
    return {name: value for name, value in secret_seen(world, installation).items() if name != "set"}


def test_a_rotation_whose_answer_was_lost_may_be_sent_again() -> None:
    world, installation = entered()
    world.table.after["commit"] = fails(StoreUnavailable("no word"))
    assert rotate(world, installation).status == 503
    assert rotate(world, installation).status == 200
    assert len(records(world, "client_secret_rotated")) == 1
    takes(world, OLD)
    world.connect("bob", installation)
    assert shown(world) == [NEW, OLD]


def test_of_two_who_rotate_at_once_one_is_told() -> None:
    world, installation = entered()
    other: list[Any] = []
    world.table.before["commit"] = meanwhile(lambda: other.append(rotate(world, installation, NEXT)))
    answer = rotate(world, installation)
    assert (answer.status, answer.json["error"]) == (409, "rotated_meanwhile")
    assert other[0].status == 200
    assert len(records(world, "client_secret_rotated")) == 1
    takes(world, NEXT)
    world.connect("bob", installation)


def test_control_without_the_row_as_it_was_read_the_slower_of_two_wins_in_silence() -> None:
    world, installation = entered()
    world.table.before["commit"] = meanwhile(lambda: rotate(world, installation, NEXT))
    with weakened(secret_rotation.as_read, 'every(Is("source", "by_hand"), number)', 'every(Is("source", "by_hand"))'):
        assert rotate(world, installation).status == 200
    takes(world, NEXT)
    consented = world.consent(world.begin("bob", installation), "bob")
    assert world.complete("bob", consented).json["error"] == "client_rejected"


def test_an_installation_that_is_renamed_meanwhile_is_no_obstacle() -> None:
    world, installation = entered()
    path = f"/v1/teams/acme/installations/{installation}"
    world.table.before["commit"] = meanwhile(lambda: world.as_user("alice", "PATCH", path, {"name": "Renamed"}))
    assert rotate(world, installation).status == 200
    assert world.as_user("alice", "GET", path).json["name"] == "Renamed"


def test_a_provider_that_is_taken_back_meanwhile_gets_no_secret() -> None:
    world, installation = entered()
    path = f"/v1/teams/acme/installations/{installation}"
    world.table.before["commit"] = meanwhile(lambda: world.as_user("alice", "PATCH", path, {"provider": None}))
    before = client_row(world)
    assert rotate(world, installation).json["error"] == "no_client_secret"
    assert client_row(world) == before


def test_control_without_that_check_the_client_of_another_day_is_rotated() -> None:
    world, installation = entered()
    path = f"/v1/teams/acme/installations/{installation}"
    world.table.before["commit"] = meanwhile(lambda: world.as_user("alice", "PATCH", path, {"provider": None}))
    before = client_row(world)
    with weakened(client_secret._rotated, "write, still_entered, record", "write, record"):
        assert rotate(world, installation).status == 200
    assert client_row(world) != before


@pytest.mark.parametrize(("role", "status"), [("team_user", 403), (None, 404)])
def test_whoever_stops_being_an_admin_meanwhile_changes_nothing(role: str | None, status: int) -> None:
    world, installation = entered()
    world.table.before["commit"] = meanwhile(lambda: world.put_member("acme", "alice", role))
    before = client_row(world)
    assert rotate(world, installation).status == status
    assert client_row(world) == before
    assert records(world, "client_secret_rotated") == []


def test_control_without_the_check_in_the_write_they_would() -> None:
    world, installation = entered()
    world.table.before["commit"] = meanwhile(lambda: world.put_member("acme", "alice", "team_user"))
    with weakened(administering.committed, 'Is("role", "team_admin")', 'Is("state", "active")'):
        assert rotate(world, installation).status == 200


def test_without_keys_nothing_is_written() -> None:
    world, installation = entered()
    world.ports = world.new_environment()
    world.keys.disabled = True
    before = world.table.snapshot()
    assert rotate(world, installation).status == 503
    assert world.table.snapshot() == before


# -- which one is kept


def kept(present: str, rotation: Rotation | None, entered: str, now: int = 100) -> str:
    return kept_back(Secret(present), rotation, Secret(entered), now).reveal()


def of(previous: str | None, *, proven: bool = False, until: int | None = 200) -> Rotation:
    return Rotation(1, 50, until, Secret(previous) if previous else None, proven)


def test_the_last_secret_that_is_known_to_work_is_kept() -> None:
    assert kept("A", None, "B") == "A"
    assert kept("B", of("A"), "C") == "A"  # B may have been a slip
    assert kept("B", of("A", proven=True), "C") == "B"
    assert kept("B", of("A"), "A") == "B"  # a return
    assert kept("B", of("A"), "C", now=199) == "A"
    assert kept("B", of("A"), "C", now=200) == "B"  # what is over comes to life for nobody
    assert kept("B", of(None, until=None), "C") == "B"


def test_a_slip_that_is_corrected_costs_nobody_a_renewal() -> None:
    scene = connected()
    world = scene.world
    rotate(world, scene.installation, "a-slip")
    scene.renew()
    assert shown(world) == ["a-slip", OLD]
    rotate(world, scene.installation, NEW)
    world.clock.advance(3600)
    scene.renew()
    assert shown(world)[2:] == [NEW, OLD]
    takes(world, NEW)
    world.clock.advance(3600)
    scene.renew()
    assert shown(world)[4:] == [NEW]
    assert scene.works()
    assert rejections(world) == []


def test_control_whoever_keeps_the_last_one_whatever_it_was_loses_the_one_that_works() -> None:
    scene = connected()
    rotate(scene.world, scene.installation, "a-slip")
    with weakened(secret_rotation.kept_back, "present if older is None or older == entered else older", "present"):
        rotate(scene.world, scene.installation, NEW)
    scene.renew()
    assert rejections(scene.world) == ["alarm"]


def test_a_secret_that_was_taken_once_is_the_one_to_keep() -> None:
    scene = rotated(NEW)
    scene.renew()
    assert client_row(scene.world)["secret_proven"] is True
    rotate(scene.world, scene.installation, NEXT)
    assert "secret_proven" not in client_row(scene.world)
    scene.world.clock.advance(3600)
    scene.renew()
    assert shown(scene.world)[1:] == [NEXT, NEW]
    assert scene.works()


def test_a_success_of_before_proves_nothing_of_the_secret_that_was_entered_meanwhile() -> None:
    scene = rotated(NEW)
    scene.provider_does(lambda request: meanwhile_rotated(scene, request))
    scene.renew()
    assert "secret_proven" not in client_row(scene.world)


def meanwhile_rotated(scene: Any, request: Any) -> Any:
    assert rotate(scene.world, scene.installation, NEXT).status == 200
    return scene.world.provider.honest(request)


def test_that_it_works_is_written_once() -> None:
    scene = rotated(NEW)
    scene.renew()
    row = client_row(scene.world)
    scene.world.clock.advance(3600)
    scene.renew()
    assert client_row(scene.world) == row


def test_the_first_success_after_its_day_forgets_the_previous_one() -> None:
    scene = rotated(OLD, NEW)
    scene.renew()
    assert "previous_secret" in client_row(scene.world)
    scene.world.clock.advance(DAY)
    scene.renew()
    assert {"previous_secret", "previous_until"}.isdisjoint(client_row(scene.world))
    rotate(scene.world, scene.installation, NEXT)
    assert secret_seen(scene.world, scene.installation)["previous_until"] == int(scene.world.clock.now()) + DAY


def test_what_cannot_be_written_of_it_costs_no_tokens() -> None:
    scene = rotated(NEW)

    def hook(writes: Any) -> None:
        if any("secret_proven" in getattr(write, "put", {}) for write in writes):
            raise StoreUnavailable("busy")

    scene.world.table.before["commit"] = hook
    scene.renew()
    assert scene.works()


# -- sealed, each in its place


def tampered(world: World, **changed: Any) -> None:
    world.table.place({**client_row(world), **changed})


@requirement("attack:C3")
@pytest.mark.parametrize(
    "change",
    [
        lambda row: {"previous_until": row["previous_until"] + 10 * DAY},
        lambda row: {"previous_secret": row["client_secret"]},
        lambda row: {"client_secret": row["previous_secret"]},
        lambda row: {"rotations": row["rotations"] + 1},
    ],
    ids=["a longer time", "the present as previous", "the previous as present", "another number"],
)
def test_a_secret_opens_in_its_own_place_and_time_alone(change: Any) -> None:
    scene = rotated(OLD)
    tampered(scene.world, **change(client_row(scene.world)))
    scene.renew()
    assert alarms(scene.world) == ["renewal_stuck"]
    assert shown(scene.world) == []


@requirement("attack:C3")
def test_the_secret_of_before_does_not_come_back_with_its_ciphertext() -> None:
    scene = connected()
    before = client_row(scene.world)["client_secret"]
    rotate(scene.world, scene.installation)
    tampered(scene.world, client_secret=before)
    scene.renew()
    assert alarms(scene.world) == ["renewal_stuck"]


@requirement("attack:C3")
def test_control_without_its_time_in_the_seal_a_previous_secret_is_tried_for_ever() -> None:
    with weakened(sealed_secrets.previous_place, "(str(until),)", "()"):
        scene = rotated(OLD)
        tampered(scene.world, previous_until=NOW + 365 * DAY)
        scene.world.clock.advance(2 * DAY)
        scene.renew()
        assert shown(scene.world) == [NEW, OLD]


def test_a_previous_secret_that_is_over_is_not_even_opened() -> None:
    scene = rotated(NEW)
    tampered(scene.world, previous_secret=b"torn")
    scene.world.clock.advance(DAY)
    scene.renew()
    assert scene.works()
    assert alarms(scene.world) == []


def test_the_row_of_a_client_that_was_never_rotated_is_read_as_before() -> None:
    world, _ = entered()
    row: Item = client_row(world)
    assert {"rotations", "rotated_at", "previous_secret", "previous_until"}.isdisjoint(row)
    assert key_of() == row["provider_key"]
