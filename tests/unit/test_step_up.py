"""A 403 that wants more scopes: the person is asked for the union, and never for the same again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from strongroom.domain.connection import Connection
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.scope import are_few
from strongroom.domain.step_up import asks_for_more, scopes_to_ask_again
from tests.fakes.faults import fails
from tests.requirements import requirement
from tests.unit.renewals import Scene, connected
from tests.world import Answered


def wants(scene: Scene, scope: str, version: str | None = None) -> Answered:
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
    used = version or str(scene.connection.version)
    return scene.world.reject(scene.user, scene.installation, used, 403, challenge=challenge)


def asked(scene: Scene) -> set[str]:
    """The scopes that the consent page would be asked for now."""
    url = scene.world.begin(scene.user, scene.installation).url
    return set(parse_qs(urlsplit(url).query)["scope"][0].split(" "))


def step_up(scene: Scene) -> None:
    scene.world.clock.advance(1)
    scene.world.connect(scene.user, scene.installation)


@requirement("mcp:S1")
def test_the_next_authorization_asks_for_what_was_asked_for_and_what_the_challenges_name() -> None:
    scene = connected()
    before = set(scene.connection.requested_scopes)
    assert before
    assert wants(scene, "mail").json["link"]
    assert wants(scene, "calendar mail").json["link"]
    assert asked(scene) == {*before, "mail", "calendar"}
    step_up(scene)
    assert set(scene.connection.requested_scopes) == {*before, "mail", "calendar"}
    assert scene.connection.challenged == ()
    assert scene.works()


@requirement("mcp:S1")
def test_control_without_a_challenge_the_same_is_asked_for_again() -> None:
    scene = connected()
    assert asked(scene) == set(scene.connection.requested_scopes)


@requirement("mcp:S2")
def test_what_was_asked_for_already_sends_nobody_to_consent_again_and_look_ups_go_on() -> None:
    scene = connected()
    wants(scene, "mail")
    step_up(scene)
    before = scene.row
    for scope in ("mail", "files mail", ""):
        answer = wants(scene, scope)
        assert (answer.status, answer.json["error"]) == (409, "insufficient_scope")
        assert (answer.json["reason"], answer.json.get("link")) == ("scope_not_enough", None)
    assert scene.row == before
    assert scene.works()


def test_a_report_from_before_the_step_up_gets_the_new_token() -> None:
    scene = connected()
    old = str(scene.connection.version)
    wants(scene, "mail")
    step_up(scene)
    before = scene.row
    assert wants(scene, "mail", old).json["version"] == str(scene.connection.version)
    assert scene.row == before


def test_a_report_of_an_older_version_of_the_same_grant_is_a_step_up_all_the_same() -> None:
    scene = connected()
    old = str(scene.connection.version)
    scene.renew()
    assert wants(scene, "mail", old).json["reason"] == "insufficient_scope"
    assert "mail" in asked(scene)


def test_the_challenge_outlives_a_renewal_and_ends_with_a_revoke() -> None:
    scene = connected()
    wants(scene, "mail")
    scene.renew()
    assert "mail" in asked(scene)
    scene.world.revoke("bob", scene.installation)
    assert "mail" not in asked(scene)


def test_a_challenge_that_cannot_be_stored_is_still_answered() -> None:
    scene = connected()
    scene.world.table.before["commit"] = fails(StoreUnavailable("busy"))
    assert wants(scene, "mail").json["reason"] == "insufficient_scope"


def test_many_and_long_scopes_are_not_taken_up() -> None:
    connection = connected().connection
    assert asks_for_more(connection, [f"s{number}" for number in range(98)])
    assert asks_for_more(connection, [f"s{number}" for number in range(100)]) == ()
    assert asks_for_more(connection, [f"{number}{'s' * 500}" for number in range(9)]) == ()


def test_the_union_is_cut_behind_what_was_asked_for_and_challenged() -> None:
    found = tuple(f"{number}".ljust(510, "x") for number in range(8))
    connection = replace(connected().connection, challenged=("mail",))
    wanted = scopes_to_ask_again(
        (*found, "offline_access"), connection, connection.standing, "https://provider.example"
    )
    assert wanted == ("files", "mail", *found[:7], "offline_access")
    assert are_few(wanted)


def again(connection: Connection | None, issuer: str = "https://provider.example", **changed: Any) -> tuple[str, ...]:
    stood = connected().connection if connection is None else connection
    return scopes_to_ask_again(("files",), connection, changed.get("standing", stood.standing), issuer)


def test_scopes_of_another_issuer_or_standing_mean_nothing_here() -> None:
    connection = replace(connected().connection, challenged=("mail",))
    assert again(connection) == ("files", "mail")
    assert again(connection, "https://elsewhere.example") == ("files",)
    assert again(connection, standing=replace(connection.standing, epoch="another")) == ("files",)
    assert again(None) == ("files",)


@pytest.mark.parametrize(("found", "expected"), [(("a", "offline_access"), True), (("a",), False)])
def test_offline_access_follows_what_was_found(found: tuple[str, ...], expected: bool) -> None:
    connection = replace(connected().connection, challenged=("mail", "offline_access"))
    wanted = scopes_to_ask_again(found, connection, connection.standing, "https://provider.example")
    assert ("offline_access" in wanted) is expected
