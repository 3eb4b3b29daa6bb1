"""An admin changes an installation: what each member means for those who are connected."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.policy import HOUR
from tests.fakes.faults import meanwhile
from tests.unit import entered
from tests.unit.attacks.scenes import records, rows
from tests.unit.changing import ELSEWHERE, change, changed, come_to_rest, connected, moved, place, shown, stored
from tests.unit.renewals import nearly_over
from tests.world import MCP_URL, World

ELSE = "else" + "b" * 16


# -- each member


def test_a_new_name_is_only_a_name() -> None:
    world, installation = connected()
    before = stored(world, installation)
    answer = changed(world, installation, name="Our Files")
    assert answer.json["name"] == "Our Files"
    after = stored(world, installation)
    assert (after.binding, after.admission, after.revision) == (before.binding, before.admission, 1)
    assert world.look_up("bob", installation).status == 200
    (told,) = records(world, "installation_changed")
    assert (told["by"], told["installation"], told["changed"], told["name"]) == (
        "alice",
        installation,
        "name",
        "Our Files",
    )


def test_the_old_name_is_free_again() -> None:
    world = World()
    first = world.install(name="Files")
    changed(world, first, name="Old Files")
    second = world.install(name="files")
    assert change(world, second, name="OLD FILES").json["error"] == "name_taken"
    assert shown(world, second)["name"] == "files"


@pytest.mark.parametrize("name", ["files", "FILES", "Files"])
def test_a_name_may_change_its_case(name: str) -> None:
    world = World()
    installation = world.install(name="Files")
    assert changed(world, installation, name=name).json["name"] == name
    assert (
        world.as_user("alice", "POST", "/v1/teams/acme/installations", {"name": "fiLES", "url": MCP_URL}).status == 409
    )


def test_names_are_swapped_over_a_third() -> None:
    world = World()
    one, other = world.install(name="One"), world.install(name="Other")
    assert change(world, one, name="Other").json["error"] == "name_taken"
    changed(world, one, name="Third")
    changed(world, other, name="One")
    changed(world, one, name="Other")
    assert [shown(world, installation)["name"] for installation in (one, other)] == ["Other", "One"]


def test_of_two_who_want_the_same_name_at_once_one_gets_it() -> None:
    world = World()
    one, other = world.install(name="One"), world.install(name="Other")
    world.table.before["commit"] = meanwhile(lambda: changed(world, other, name="Best"))
    assert change(world, one, name="best").json["error"] == "name_taken"
    assert [shown(world, installation)["name"] for installation in (one, other)] == ["One", "Best"]
    assert len(rows(world, "name")) == 2


def test_two_changes_at_once_are_both_made() -> None:
    world = World()
    installation = world.install(name="Files")
    world.table.before["commit"] = meanwhile(lambda: changed(world, installation, scopes=["files"]))
    answer = changed(world, installation, name="Our Files")
    assert (answer.json["name"], answer.json["scopes"], answer.json["revision"]) == ("Our Files", ["files"], 2)


def test_a_new_url_ends_what_was_connected_and_is_shown_to_everybody() -> None:
    world, installation = connected()
    before = stored(world, installation)
    answer = moved(world, installation)
    assert (answer.json["url"], answer.json["provider"]) == (ELSEWHERE, None)
    assert answer.json["connection"]["reason"] == "never_connected"
    status = world.status("bob", installation)
    assert (status["status"], status["reason"], status["next"]) == (
        "auth_required",
        "installation_changed",
        "reconnect",
    )
    assert status["since"] == world.clock.now()
    assert stored(world, installation).binding != before.binding
    world.connect("bob", installation)
    assert world.look_up("bob", installation).json["url"] == ELSEWHERE


@pytest.mark.parametrize("url", ["http://files.example/mcp", "https://127.0.0.1/mcp", "https://strongroom.example/mcp"])
def test_a_url_that_may_not_be_called_is_refused(url: str) -> None:
    world, installation = connected()
    before = world.table.snapshot()
    assert change(world, installation, url=url).status == 422
    assert world.table.snapshot() == before


def test_another_mode_ends_what_was_connected_in_either_direction() -> None:
    world, installation = connected()
    assert changed(world, installation, sharing="shared").json["connection"]["status"] == "not_connected"
    assert world.look_up("bob", installation).json["reason"] == "admin_must_connect"
    world.connect("alice", installation, confirm_shared=True)
    assert world.look_up("bob", installation).status == 200

    changed(world, installation, sharing="per_user")
    assert world.look_up("bob", installation).json["reason"] == "installation_changed"
    assert world.look_up("alice", installation).json["reason"] == "never_connected"

    changed(world, installation, sharing="shared")
    assert world.look_up("bob", installation).json["reason"] == "admin_must_connect"
    assert world.status("alice", installation)["reason"] == "installation_changed"


def test_whoever_is_disabled_gets_nothing_and_after_that_the_same_as_before() -> None:
    world, installation = connected()
    before = world.look_up("bob", installation).json
    assert changed(world, installation, enabled=False).json["enabled"] is False
    assert (world.look_up("bob", installation).status, world.look_up("bob", installation).json["error"]) == (
        409,
        "installation_disabled",
    )
    begun = world.as_user("bob", "POST", f"{place(installation)}/authorize", {})
    assert (begun.status, begun.json["error"]) == (409, "installation_disabled")
    changed(world, installation, enabled=True)
    assert world.look_up("bob", installation).json["access_token"] == before["access_token"]
    assert [told["event"] for told in rows(world, "record") if told["event"] in ("enabled", "disabled")] == [
        "disabled",
        "enabled",
    ]
    assert records(world, "installation_changed") == []


def test_a_connection_may_be_revoked_while_its_installation_is_disabled() -> None:
    world, installation = connected()
    changed(world, installation, enabled=False)
    assert world.revoke("bob", installation).status == 200
    changed(world, installation, enabled=True)
    assert world.look_up("bob", installation).json["reason"] == "revoked"


def test_the_schedule_takes_an_enabled_installation_up_again_within_the_hour() -> None:
    scene = nearly_over()
    world, installation = scene.world, scene.installation
    changed(world, installation, enabled=False)
    world.tick()
    world.clock.advance(HOUR - 60)
    world.tick()
    assert scene.refreshes() == []
    changed(world, installation, enabled=True)
    world.clock.advance(60)
    world.tick()
    assert len(scene.refreshes()) == 1
    assert scene.works()


def test_other_scopes_keep_the_connections_and_end_what_is_under_way() -> None:
    world, installation = connected()
    mine = world.consent(world.begin("carol", installation), "carol")
    assert changed(world, installation, scopes=["files"]).json["scopes"] == ["files"]
    assert world.look_up("bob", installation).status == 200
    assert world.complete("carol", mine).status == 400
    assert changed(world, installation, scopes=[]).json["scopes"] == []


def test_a_server_that_needs_no_oauth_after_all_holds_no_connections() -> None:
    world, installation = connected()
    answer = changed(world, installation, requires_oauth=False)
    assert (answer.json["requires_oauth"], answer.json["connection"]) == (False, None)
    assert world.look_up("bob", installation).json["access_token"] is None
    come_to_rest(world)
    assert [grant.alive for grant in world.provider.grants] == [False]
    changed(world, installation, requires_oauth=True)
    assert world.look_up("bob", installation).json["reason"] == "installation_changed"


def test_several_members_are_changed_at_once_with_a_record_that_names_them() -> None:
    world, installation = connected()
    changed(world, installation, name="Our Files", sharing="shared", enabled=False, scopes=["files"])
    (told,) = records(world, "installation_changed")
    assert (told["changed"], told["sharing"], told["scopes"]) == ("name sharing scopes", "shared", "files")
    assert len(records(world, "disabled")) == 1
    assert stored(world, installation).revision == 1


# -- what satellites inject


def test_an_entry_without_the_token_asks_everybody_to_connect_again_too() -> None:
    world, installation = connected()
    answer = changed(world, installation, inject={"headers": {"X-Api-Key": "a-key-of-theirs"}})
    assert answer.json["injects"] == [{"kind": "header", "name": "X-Api-Key", "carries_token": False}]
    assert world.look_up("bob", installation).json["reason"] == "installation_changed"
    world.connect("bob", installation)
    assert world.look_up("bob", installation).json["headers"]["X-Api-Key"] == "a-key-of-theirs"
    (told,) = records(world, "installation_changed")
    assert (told["changed"], told["entries"]) == ("inject", "header X-Api-Key")
    assert "a-key-of-theirs" not in repr(told) + answer.text
    assert changed(world, installation, inject={"headers": {"X-Api-Key": "a-key-of-theirs"}}).json["revision"] == 1
    assert world.look_up("bob", installation).status == 200
    assert changed(world, installation, inject={"headers": {"X-Api-Key": None}}).json["injects"] == []
    assert world.look_up("bob", installation).json["reason"] == "installation_changed"


def test_where_there_is_no_token_to_steer_an_entry_ends_nothing() -> None:
    world = World()
    installation = world.install(requires_oauth=False)
    binding = stored(world, installation).binding
    changed(world, installation, inject={"headers": {"X-Api-Key": "a-key-of-theirs"}})
    assert world.look_up("bob", installation).json["headers"] == {"X-Api-Key": "a-key-of-theirs"}
    assert (stored(world, installation).binding, stored(world, installation).revision) == (binding, 1)


def test_a_template_that_carries_the_token_asks_everybody_to_connect_again() -> None:
    world, installation = connected()
    changed(world, installation, inject={"headers": {"X-Token": "t {access_token}"}})
    assert world.look_up("bob", installation).json["reason"] == "installation_changed"
    world.connect("bob", installation)
    token = world.look_up("bob", installation).json
    assert token["headers"] == {"X-Token": f"t {token['access_token']}"}


def test_what_was_entered_for_one_server_is_not_given_out_for_another() -> None:
    world, installation = connected()
    changed(world, installation, inject={"headers": {"X-Api-Key": "a-key-of-theirs"}})
    moved(world, installation)
    world.connect("bob", installation)
    assert set(world.look_up("bob", installation).json["headers"]) == {"Authorization"}


# -- a provider


def test_a_provider_that_is_entered_ends_what_was_connected_with_another() -> None:
    world, installation = connected()
    whole = entered.whole_provider()
    entered.registered(world, whole["client"])
    answer = changed(world, installation, provider=whole)
    assert (answer.json["provider"]["client_id"], answer.json["provider"]["entered"]) == ("entered-client", True)
    assert world.look_up("bob", installation).json["reason"] == "installation_changed"
    (told,) = records(world, "installation_changed")
    assert (told["changed"], told["token_endpoint"]) == ("provider", entered.TOKEN_URL)
    assert entered.SECRET not in repr(told)
    world.connect("bob", installation)
    assert world.look_up("bob", installation).status == 200


def test_a_provider_of_null_goes_back_to_what_the_server_says() -> None:
    world = World()
    installation = entered.installed(world, entered.whole_provider())
    world.connect("bob", installation)
    assert changed(world, installation, provider=None).json["provider"] is None
    assert world.look_up("bob", installation).json["reason"] == "installation_changed"
    world.connect("bob", installation)
    assert world.look_up("bob", installation).status == 200


def test_the_same_provider_again_changes_nothing() -> None:
    world = World()
    installation = entered.installed(world, entered.whole_provider())
    world.connect("bob", installation)
    before = world.table.snapshot()
    assert changed(world, installation, provider=entered.whole_provider()).json["revision"] == 0
    assert world.table.snapshot() == before


def test_what_was_entered_may_change_under_its_own_draft_with_the_same_client() -> None:
    world = World()
    installation = entered.installed(world, entered.whole_provider())
    answer = changed(world, installation, provider=entered.whole_provider(parameters={"audience": "files"}))
    assert answer.json["provider"]["parameters"] == {"audience": "files"}
    assert answer.json["revision"] == 1


@pytest.mark.parametrize(
    "client",
    [
        {**entered.CLIENT, "client_secret": "another"},
        {**entered.CLIENT, "client_id": "another"},
        {**entered.CLIENT, "auth_method": "client_secret_post"},
        {"client_id": "entered-client"},
    ],
)
def test_another_client_needs_a_draft_of_its_own(client: dict[str, Any]) -> None:
    world = World()
    installation = entered.installed(world, entered.whole_provider())
    before = world.table.snapshot()
    refused = change(world, installation, provider=entered.whole_provider(client=client))
    assert (refused.status, refused.json["error"]) == (409, "draft_used")
    assert world.table.snapshot() == before
    changed(world, installation, provider=entered.whole_provider(client=client, draft=ELSE))


def test_a_draft_of_another_installation_is_not_taken_over() -> None:
    world = World()
    entered.installed(world, entered.whole_provider(), name="Other")
    installation = world.install()
    refused = change(world, installation, provider=entered.whole_provider())
    assert (refused.status, refused.json["error"]) == (409, "draft_used")


def test_the_rules_for_what_is_entered_hold_here_too() -> None:
    world, installation = connected()
    away = {**entered.ENDPOINTS, "token": "https://evil.example/token"}
    refused = change(world, installation, provider=entered.whole_provider(endpoints=away))
    assert (refused.status, refused.json["error"]) == (422, "endpoint_off_issuer")


@pytest.mark.parametrize(
    "members",
    [
        {"requires_oauth": False, "scopes": ["files"]},
        {"requires_oauth": False, "provider": entered.whole_provider()},
        {"url": None},
    ],
)
def test_what_does_not_fit_together_is_refused(members: dict[str, Any]) -> None:
    world, installation = connected()
    before = world.table.snapshot()
    refused = change(world, installation, **members)
    assert (refused.status, refused.json["error"]) == (400, "invalid_request")
    assert world.table.snapshot() == before


def test_a_server_becomes_one_that_satellites_start_themselves() -> None:
    world, installation = connected()
    answer = changed(world, installation, url=None, requires_oauth=False)
    assert (answer.json["url"], answer.json["requires_oauth"]) == (None, False)
    assert world.look_up("bob", installation).json["url"] is None
    assert changed(world, installation, url=MCP_URL, requires_oauth=True).json["url"] == MCP_URL


# -- equal values


EQUAL: tuple[dict[str, Any], ...] = (
    {"name": "Team Files"},
    {"url": MCP_URL},
    {"sharing": "per_user"},
    {"enabled": True},
    {"scopes": []},
    {"requires_oauth": True},
    {"provider": None},
    {"inject": {}},
    {"inject": {"headers": {"X-Nothing": None}}},
)


@pytest.mark.parametrize("members", EQUAL)
def test_equal_values_change_nothing(members: dict[str, Any]) -> None:
    world, installation = connected()
    before = world.table.snapshot()
    assert changed(world, installation, **members).headers["etag"] == '"0"'
    assert world.table.snapshot() == before
