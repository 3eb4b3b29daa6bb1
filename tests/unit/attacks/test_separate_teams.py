"""Two teams at one provider, and one person's account in both: nothing of one team reaches into the other."""

from __future__ import annotations

import pytest

from strongroom.domain import keys
from strongroom.domain import provider as providers
from strongroom.domain.table import Item
from tests.requirements import requirement
from tests.unit.attacks.scenes import account_behind, parameters, rows
from tests.weakened import weakened
from tests.world import RIVAL_GATEWAY, World

TEAM_IN_KEY = ('"provider-key-1", team, issuer', '"provider-key-1", "any", issuer')


class Rivals(World):
    """Bob of acme and mallory of rivals have both connected the same account at the same provider."""

    def __init__(self) -> None:
        super().__init__()
        self.files = self.install()
        self.theirs = self.install("mallory", "rivals")
        self.connect("bob", self.files, account="family")
        self.connect("mallory", self.theirs, "rivals", account="family")

    def served(self) -> tuple[str | None, str | None]:
        """Whose account serves bob, and whose serves mallory."""
        return account_behind(self, "bob", self.files), account_behind(self, "mallory", self.theirs, "rivals")

    def settle(self) -> None:
        self.clock.advance(60)
        self.tick()


def clients(world: World) -> dict[str, Item]:
    return {str(row["team"]): row for row in rows(world, "provider_client")}


def secrets_that_served(world: World) -> set[str]:
    """The Authorization headers that came with token requests."""
    sent = [request for request in world.egress.sent if request.url.endswith(("/token", "/revoke"))]
    return {request.headers["authorization"].reveal() for request in sent}


@requirement("attack:A31")
def test_each_team_has_a_client_a_secret_and_an_address_of_its_own() -> None:
    world = Rivals()
    ours, theirs = clients(world)["acme"], clients(world)["rivals"]
    assert len(world.provider.clients) == 2
    for part in ("PK", "client_id", "client_secret", "redirect_uri"):
        assert ours[part] != theirs[part]
    assert len(secrets_that_served(world)) == 2


@requirement("attack:A31")
def test_the_sealed_secret_of_one_teams_client_does_not_open_in_the_others_row() -> None:
    world = Rivals()
    ours, theirs = clients(world)["acme"], clients(world)["rivals"]
    world.table.place({**theirs, "client_id": ours["client_id"], "client_secret": ours["client_secret"]})
    path = f"/v1/teams/rivals/installations/{world.theirs}/authorize"
    answer = world.as_user("mallory", "POST", path, {})
    assert (answer.status, answer.json["error"]) == (503, "unavailable")


@requirement("attack:A31")
def test_a_consent_for_one_team_finishes_nothing_in_the_other() -> None:
    world = Rivals()
    before = world.table.row(keys.connection("rivals", "mallory", world.theirs))
    consented = world.consent(world.begin("bob", world.files), "family")
    assert world.complete("mallory", consented).status in {400, 404}
    assert world.table.row(keys.connection("rivals", "mallory", world.theirs)) == before


@requirement("attack:A31")
@pytest.mark.parametrize("ours", [True, False], ids=["bob revokes", "mallory revokes"])
def test_a_revocation_in_one_team_leaves_the_other_connected_although_the_account_is_the_same(ours: bool) -> None:
    world = Rivals()
    revoked = world.revoke("bob", world.files) if ours else world.revoke("mallory", world.theirs, "rivals")
    assert revoked.status == 200
    world.settle()
    assert world.served() == ((None, "family") if ours else ("family", None))
    assert [grant.alive for grant in world.provider.grants] == [not ours, ours]


@requirement("attack:A31")
def test_what_one_team_revokes_is_said_with_its_own_client_alone() -> None:
    world = Rivals()
    asked = len(world.egress.sent)
    world.revoke("mallory", world.theirs, "rivals")
    world.settle()
    said = [request for request in world.egress.sent[asked:] if request.url.endswith("/revoke")]
    assert said != []
    exchanged = [request for request in world.egress.sent[:asked] if request.url.endswith("/token")]
    theirs = exchanged[1].headers["authorization"].reveal()
    assert {request.headers["authorization"].reveal() for request in said} == {theirs}


@requirement("attack:A31")
def test_a_team_that_revokes_is_not_held_back_by_the_others_connection() -> None:
    """`kept_for_other` looks at the same person in the same team: another team's connection is nobody's business."""
    world = World()
    world.put_member("rivals", "bob", "team_user")
    files, theirs = world.install(), world.install("mallory", "rivals")
    world.connect("bob", files)
    world.connect("bob", theirs, "rivals")
    world.revoke("bob", files)
    world.clock.advance(60)
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [False, True]
    assert world.look_up("bob", theirs, by=RIVAL_GATEWAY, team="rivals").status == 200


@requirement("attack:A31")
def test_what_a_provider_does_to_one_teams_client_does_not_touch_the_others() -> None:
    world = Rivals()
    ours = clients(world)["acme"]
    assert world.provider.clients.pop(str(ours["client_id"]))
    begun = world.begin("mallory", world.theirs, "rivals")
    assert parameters(begun.url)["client_id"] == clients(world)["rivals"]["client_id"]


@requirement("attack:A31")
def test_control_without_the_team_in_its_key_both_teams_stand_before_the_provider_as_one_client() -> None:
    with weakened(providers.provider_key, *TEAM_IN_KEY):
        world = World()
        world.provider.metadata |= {"token_endpoint_auth_methods_supported": ["none"]}
        first = parameters(world.begin("bob", world.install()).url)
        second = parameters(world.begin("mallory", world.install("mallory", "rivals"), "rivals").url)
    assert (first["client_id"], first["redirect_uri"]) == (second["client_id"], second["redirect_uri"])
    assert len(world.provider.clients) == 1


@requirement("attack:A31")
def test_control_even_then_a_secret_is_sealed_under_the_first_teams_key() -> None:
    with weakened(providers.provider_key, *TEAM_IN_KEY):
        world = World()
        world.begin("bob", world.install())
        path = f"/v1/teams/rivals/installations/{world.install('mallory', 'rivals')}/authorize"
        assert world.as_user("mallory", "POST", path, {}).json["error"] == "unavailable"
