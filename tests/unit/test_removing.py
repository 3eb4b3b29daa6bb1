"""An admin uninstalls a server, or ends what everybody has connected there."""

from __future__ import annotations

from strongroom.domain import keys
from strongroom.domain.policy import DAY
from tests.unit import entered
from tests.unit.attacks.scenes import records, rows
from tests.unit.changing import change, come_to_rest, connected, place, revoke_all, uninstall
from tests.world import MCP_URL, World


def test_what_is_uninstalled_is_gone_for_everybody_and_its_name_is_free() -> None:
    world, installation = connected()
    answer = uninstall(world, installation)
    assert (answer.status, answer.json) == (200, {"installation": installation, "removed": True})
    assert world.look_up("bob", installation).status == 404
    assert world.as_user("bob", "GET", place(installation)).status == 404
    assert world.as_user("bob", "POST", f"{place(installation)}/authorize", {}).status == 404
    assert uninstall(world, installation).status == 404
    assert change(world, installation, name="x").status == 404
    world.install()
    (told,) = records(world, "uninstalled")
    assert (told["by"], told["name"], told["url"]) == ("alice", "Team Files", MCP_URL)


def test_what_was_connected_at_an_uninstalled_server_is_ended_at_its_provider_and_its_rows_go() -> None:
    world, installation = connected()
    world.connect("alice", installation)
    uninstall(world, installation)
    come_to_rest(world)
    assert [grant.alive for grant in world.provider.grants] == [False, False]
    assert rows(world, "connection") == []
    assert world.table.row(keys.installation("acme", installation)) is None


def test_the_client_that_was_entered_lapses_after_its_installation() -> None:
    world = World()
    installation = entered.installed(world, entered.whole_provider())
    world.connect("bob", installation)
    uninstall(world, installation)
    come_to_rest(world, 6)
    assert [int(str(row["ttl"])) > world.clock.now() + 14 * DAY for row in rows(world, "provider_client")] == [True]
    assert [grant.alive for grant in world.provider.grants] == [False]


def test_revoking_for_everybody_ends_every_connection_and_keeps_the_installation() -> None:
    world, installation = connected()
    world.connect("alice", installation)
    answer = revoke_all(world, installation)
    assert (answer.status, answer.json) == (200, {"installation": installation, "revoked": "all"})
    for user in ("alice", "bob"):
        assert world.look_up(user, installation).json["reason"] == "revoked"
    assert world.look_up("carol", installation).json["reason"] == "never_connected"
    assert [told["by"] for told in records(world, "revoked_all")] == ["alice"]
    come_to_rest(world)
    assert [grant.alive for grant in world.provider.grants] == [False, False]
    assert world.status("bob", installation)["reason"] == "revoked"
    world.connect("bob", installation)
    assert world.look_up("bob", installation).status == 200


def test_revoking_for_everybody_ends_the_connection_of_the_team() -> None:
    world = World()
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    revoke_all(world, installation)
    assert world.status("alice", installation)["reason"] == "revoked"
    assert world.look_up("bob", installation).json["reason"] == "admin_must_connect"
    come_to_rest(world)
    assert [grant.alive for grant in world.provider.grants] == [False]


def test_an_uninstall_takes_no_body() -> None:
    world, installation = connected()
    for path in (place(installation), f"{place(installation)}/connections"):
        assert world.as_user("alice", "DELETE", path, {"force": True}).json["error"] == "unknown_field"
