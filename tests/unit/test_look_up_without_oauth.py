"""A server that needs no OAuth: a look-up gives what is injected, and no token."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.flows import look_up
from tests.requirements import requirement
from tests.weakened import weakened
from tests.world import MCP_URL, RIVAL_GATEWAY, STRANGER, World

INJECT = {"headers": {"X-Api-Key": "k"}, "env": {"LOG_LEVEL": "info"}}


def without_oauth(**more: Any) -> tuple[World, str]:
    world = World()
    return world, world.install(**{"requires_oauth": False, "inject": INJECT, **more})


def test_it_is_answered_without_a_token_and_with_what_is_injected() -> None:
    world, installation = without_oauth()
    answer = world.look_up("bob", installation)
    assert answer.status == 200
    assert answer.json == {
        "access_token": None,
        "token_type": None,
        "expires_at": None,
        "expiry": None,
        "scopes": [],
        "version": None,
        "cache_until": world.clock.now() + 60,
        "url": MCP_URL,
        "headers": {"X-Api-Key": "k"},
        "env": {"LOG_LEVEL": "info"},
    }


def test_a_server_that_the_satellite_starts_itself_has_no_url_and_an_environment() -> None:
    world, installation = without_oauth(url=None, inject={"env": {"NOTES_TOKEN": "k"}})
    given = world.look_up("bob", installation).json
    assert (given["url"], given["headers"], given["env"]) == (None, {}, {"NOTES_TOKEN": "k"})


def test_nothing_is_asked_of_anybody_and_nothing_is_written() -> None:
    world, installation = without_oauth()
    before = world.table.snapshot()
    world.look_up("bob", installation, min_validity=600)
    assert (world.egress.sent, world.egress.dialled, world.table.snapshot()) == ([], [], before)


@pytest.mark.parametrize("sharing", ["per_user", "shared"])
def test_every_member_is_given_the_same(sharing: str) -> None:
    world, installation = without_oauth(sharing=sharing)
    assert len({world.look_up(user, installation).text for user in ("alice", "bob", "carol")}) == 1


@requirement("attack:A30")
def test_only_a_satellite_of_the_team_gets_it_and_only_for_a_member() -> None:
    world, installation = without_oauth()
    assert world.look_up("mallory", installation).status == 404
    assert world.look_up("bob", installation, by=RIVAL_GATEWAY).status == 404
    assert world.look_up("bob", installation, by=STRANGER).status == 403
    world.put_member("acme", "bob", None)
    assert world.look_up("bob", installation).status == 404


@requirement("attack:A30")
def test_control_without_the_admission_anybodys_satellite_gets_it() -> None:
    world, installation = without_oauth()
    called = "ports, reads.team, ask.caller, team=ask.team, installation=ask.installation, user=ask.user"
    with weakened(look_up.admit, f"admit_satellite_of({called})", "pass"):
        assert world.look_up("bob", installation, by=RIVAL_GATEWAY).json["headers"] == {"X-Api-Key": "k"}


def test_a_disabled_one_gives_nothing() -> None:
    world, installation = without_oauth()
    world.as_user("alice", "PATCH", f"/v1/teams/acme/installations/{installation}", {"enabled": False})
    assert world.look_up("bob", installation).json["error"] == "installation_disabled"


def test_a_report_is_answered_like_a_look_up() -> None:
    world, installation = without_oauth()
    for status, challenge in ((401, None), (403, 'Bearer error="insufficient_scope", scope="more"')):
        more = {"challenge": challenge} if challenge else {}
        answer = world.reject("bob", installation, f"{'a' * 20}.1", status, **more)
        assert (answer.status, answer.json["access_token"]) == (200, None)


def test_tokens_that_were_given_before_are_not_handed_out() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.as_user("alice", "PATCH", f"/v1/teams/acme/installations/{installation}", {"requires_oauth": False})
    assert world.look_up("bob", installation).json["access_token"] is None


def test_a_server_of_which_nobody_knows_is_taken_for_one_that_needs_oauth() -> None:
    world, installation = without_oauth(requires_oauth=True, inject={})
    (row,) = (row for row in world.table.snapshot().values() if row.get("kind") == "installation")
    world.table.place({**row, "requires_oauth": "unknown"})
    assert world.look_up("bob", installation).json["error"] == "authorization_required"
    world.connect("bob", installation)
    assert world.look_up("bob", installation).json["token_type"] == "Bearer"
