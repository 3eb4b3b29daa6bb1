"""Old and new code run side by side for minutes: what a newer release has written in a form of its own is left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.domain.connection import Connection, Version
from strongroom.domain.rows import NewerRow, readable
from strongroom.domain.table import Change
from strongroom.flows.chores import do_chore
from strongroom.flows.messages import renewal_message
from tests.requirements import requirement
from tests.unit.connections import FRESH, lands, row_of, table_with
from tests.unit.renewals import Scene, after_rotating, connected, nearly_over, queue, rows
from tests.weakened import weakened
from tests.world import Answered


def newer(scene: Scene) -> None:
    """A newer release rewrites the row in its own form; the tokens and their version stay."""
    scene.world.table.place({**scene.row, "form": 2})


def older(scene: Scene) -> None:
    """It goes back to the form that everybody knows."""
    scene.world.table.place({name: value for name, value in scene.row.items() if name != "form"})


def looks_up(scene: Scene) -> Answered:
    return scene.world.look_up("bob", scene.installation)


def reports(scene: Scene) -> Answered:
    return scene.world.reject("bob", scene.installation, f"{scene.row['grant']!s}.{scene.row['n']!s}")


def revokes(scene: Scene) -> Answered:
    return scene.world.revoke("bob", scene.installation)


def sees(scene: Scene) -> Answered:
    return scene.world.as_user("bob", "GET", f"/v1/teams/acme/installations/{scene.installation}")


def lists(scene: Scene) -> Answered:
    return scene.world.as_user("bob", "GET", "/v1/teams/acme/installations")


@requirement("fault:F32")
@pytest.mark.parametrize("deed", [looks_up, reports, revokes, sees, lists])
def test_whoever_asks_old_code_is_sent_to_try_again_and_nothing_changes(deed: Callable[[Scene], Answered]) -> None:
    scene = connected()
    newer(scene)
    before = scene.row
    answer = deed(scene)
    assert (answer.status, answer.json["error"], answer.headers["retry-after"]) == (503, "unavailable", "5")
    assert (scene.row, rows(scene.world, "chore"), scene.world.journal.alarms()) == (before, [], [])


@requirement("fault:F32")
def test_control_a_reader_that_knows_no_forms_would_hand_it_out() -> None:
    scene = connected()
    newer(scene)
    with weakened(Connection.from_item.__func__, "    readable(item)\n", ""):  # type: ignore[attr-defined]
        assert looks_up(scene).status == 200


@requirement("fault:F32")
def test_a_message_to_renew_it_is_dropped_and_the_next_tick_names_it_again() -> None:
    scene = nearly_over()
    message = renewal_message(scene.connection.key, scene.connection.version, "provider")
    newer(scene)
    before = scene.row
    scene.world.queues.renewal.send([message])
    scene.world.tick()
    assert (scene.refreshes(), scene.row) == ([], before)
    assert queue(scene.world, "renewal").waiting() == 0
    older(scene)
    scene.world.tick()
    assert scene.works()


@requirement("fault:F32")
def test_tokens_that_a_renewal_brought_meanwhile_wait_for_who_can_store_them() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(after_rotating(scene.world, lambda: newer(scene)))
    assert looks_up(scene).status == 503
    assert queue(scene.world, "rescue").waiting() == 1
    before = scene.row
    scene.world.deliver()
    assert (scene.row, queue(scene.world, "rescue").waiting()) == (before, 1)
    older(scene)
    scene.world.clock.advance(300)
    scene.world.deliver()
    assert scene.works()
    assert len(scene.refreshes()) == 1


@requirement("fault:F32")
def test_a_consent_is_not_stored_over_it_nor_lost() -> None:
    scene = connected()
    world = scene.world
    consented = world.consent(world.begin("bob", scene.installation), "bob")
    newer(scene)
    before = scene.row
    assert world.complete("bob", consented).status == 503
    assert scene.row == before


@requirement("fault:F32")
def test_no_write_of_ours_lands_on_it_although_its_version_is_the_same() -> None:
    table = table_with(FRESH)
    table.place({**row_of(FRESH), "form": 2})
    assert not lands(table, Change(FRESH.key, FRESH.version.unchanged(), put={"last_used_at": 1}))


def test_a_row_of_our_own_form_may_say_so() -> None:
    table = table_with(FRESH)
    table.place({**row_of(FRESH), "form": 1})
    assert lands(table, Change(FRESH.key, FRESH.version.unchanged(), put={"last_used_at": 1}))
    assert readable({"form": 1}) == {"form": 1}
    with pytest.raises(NewerRow):
        readable({"form": 2})


@requirement("fault:F32")
def test_control_a_condition_on_the_version_alone_would_overwrite_it() -> None:
    table = table_with(FRESH)
    table.place({**row_of(FRESH), "form": 2})
    with weakened(Version.unchanged, ", OF_OUR_FORM", ""):
        assert lands(table, Change(FRESH.key, FRESH.version.unchanged(), put={"last_used_at": 1}))


@requirement("fault:F32")
def test_a_chore_of_a_newer_release_is_left_to_it() -> None:
    scene = connected()
    world = scene.world
    world.revoke("bob", scene.installation)
    (chore,) = rows(world, "chore")
    world.table.place({**chore, "form": 2})
    before = rows(world, "chore")
    world.deliver()
    world.tick()
    assert do_chore(world.ports, str(chore["chore"])) is None
    assert (rows(world, "chore"), world.provider.revoked) == (before, [])
    world.table.place(chore)
    world.tick()
    assert world.provider.revoked != []
