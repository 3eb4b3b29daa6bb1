"""An admin changes what people have connected to, after they have connected, to collect their tokens.

Mallory has become an admin of acme. Bob had connected before, at a server and a provider that he knew.
"""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import change as rules
from strongroom.domain import status
from strongroom.flows import authority, complete, entering
from strongroom.flows import change as changing
from tests.fakes.provider import serve_mcp
from tests.requirements import requirement
from tests.unit import entered
from tests.unit.attacks.endings import ADMISSION, BINDING, BOUND
from tests.unit.attacks.scenes import exchanges, records, rows, state_of
from tests.unit.changing import change, come_to_rest, shown, stored
from tests.weakened import weakened
from tests.world import MCP_URL, World

TRAP = "https://trap.example/mcp"
TRAP_PROVIDER = "https://trap-provider.example"
OTHER_DRAFT = "trap" + "a" * 16
REBINDS = "injects_otherwise or no_oauth or not _RENEW_THE_BINDING.isdisjoint(members)"


def another(**changes: Any) -> dict[str, Any]:
    return {"provider": entered.whole_provider(**changes)}


def endpoints_of(origin: str) -> dict[str, str]:
    return {"authorization": f"{origin}/authorize", "token": f"{origin}/token", "revocation": f"{origin}/revoke"}


BAITS: dict[str, tuple[dict[str, Any], ...]] = {
    "url": ({"url": TRAP},),
    "url of another path": ({"url": f"{MCP_URL}/more"},),
    "url, there and back": ({"url": TRAP}, {"url": MCP_URL}),
    "mode, there and back": ({"sharing": "shared"}, {"sharing": "per_user"}),
    "header": ({"inject": {"headers": {"X-Collect": "{access_token}"}}},),
    "variable": ({"inject": {"env": {"COLLECTED": "t={access_token}"}}},),
    "header without the token": ({"inject": {"headers": {"X-Atlassian-Jira-Url": TRAP}}},),
    "variable without the token": ({"inject": {"env": {"GITLAB_API_URL": TRAP}}},),
    "no OAuth, there and back": ({"provider": None, "requires_oauth": False}, {"requires_oauth": True}),
    "provider, left out": ({"provider": None},),
    "client": (another(draft=OTHER_DRAFT, client={"client_id": "trap"}),),
    "secret": (another(draft=OTHER_DRAFT, client={**entered.CLIENT, "client_secret": "known"}),),
    "every endpoint": (another(draft=OTHER_DRAFT, issuer=TRAP_PROVIDER, endpoints=endpoints_of(TRAP_PROVIDER)),),
    "authorization endpoint": (another(endpoints={**entered.ENDPOINTS, "authorization": f"{entered.PROVIDER}/other"}),),
    "token endpoint": (
        another(draft=OTHER_DRAFT, endpoints={**entered.ENDPOINTS, "token": "https://provider.example/elsewhere"}),
    ),
    "revocation endpoint": (
        another(draft=OTHER_DRAFT, endpoints={**entered.ENDPOINTS, "revocation": "https://provider.example/x"}),
    ),
    "issuer": (another(draft=OTHER_DRAFT, issuer="https://provider.example/tenant"),),
    "parameters": (another(parameters={"audience": "everything"}),),
}
EACH_BAIT = pytest.mark.parametrize("bait", BAITS.values(), ids=BAITS)


def before_the_switch() -> tuple[World, str]:
    """Bob knows server and provider; mallory is an admin too by now."""
    world = World()
    installation = entered.installed(world, entered.whole_provider())
    world.put_member("acme", "mallory", "team_admin")
    serve_mcp(world.egress, TRAP, world.provider.issuer)
    world.egress.silent.add("trap-provider.example")
    return world, installation


def connected() -> tuple[World, str]:
    world, installation = before_the_switch()
    world.connect("bob", installation)
    return world, installation


def switch(world: World, installation: str, bait: tuple[dict[str, Any], ...]) -> None:
    for members in bait:
        answer = change(world, installation, "mallory", **members)
        assert answer.status == 200, answer.text


# -- those who are connected


@requirement("attack:A27")
@EACH_BAIT
def test_nothing_is_handed_out_after_the_switch_and_its_people_are_told(bait: tuple[dict[str, Any], ...]) -> None:
    world, installation = connected()
    version = world.look_up("bob", installation).json["version"]
    switch(world, installation, bait)
    for answer in (
        world.look_up("bob", installation),
        world.look_up("bob", installation, not_version=version),
        world.reject("bob", installation, version),
    ):
        assert (answer.status, answer.json["error"]) == (409, "authorization_required")
        assert answer.json["reason"] == "installation_changed"
    seen = world.status("bob", installation)
    assert (seen["status"], seen["reason"], seen["next"]) == ("auth_required", "installation_changed", "reconnect")


@requirement("attack:A27")
@EACH_BAIT
def test_the_tokens_of_before_are_ended_at_the_provider_that_gave_them(bait: tuple[dict[str, Any], ...]) -> None:
    world, installation = connected()
    (grant,) = world.provider.grants
    tokens, before = [grant.refresh, grant.access], len(world.egress.sent)
    switch(world, installation, bait)
    assert len(world.egress.sent) == before
    come_to_rest(world)
    assert world.provider.revoked == tokens
    assert {request.url for request in world.egress.sent[before:]} == {entered.ENDPOINTS["revocation"]}
    assert not any(row.get("access") or row.get("refresh") for row in rows(world, "connection"))
    assert world.status("bob", installation)["reason"] == "installation_changed"


@requirement("attack:A27")
def test_it_is_written_down_who_switched_what_and_to_what() -> None:
    world, installation = connected()
    switch(world, installation, BAITS["url"])
    switch(world, installation, BAITS["every endpoint"])
    switch(world, installation, BAITS["header"])
    told = records(world, "installation_changed")
    assert [(one["by"], one["changed"]) for one in told] == [
        ("mallory", name) for name in ("url", "provider", "inject")
    ]
    assert told[0]["url"] == TRAP
    assert (told[1]["issuer"], told[1]["token_endpoint"]) == (TRAP_PROVIDER, f"{TRAP_PROVIDER}/token")
    assert told[2]["entries"] == "header X-Collect"


@requirement("attack:A27")
def test_whoever_connects_again_sees_the_new_hosts_before() -> None:
    world, installation = connected()
    switch(world, installation, BAITS["url"])
    assert shown(world, installation, "bob")["url"] == TRAP
    begun = entered.begins(world, installation)
    assert (begun.json["mcp_host"], begun.json["provider_host"]) == ("trap.example", "provider.example")


@requirement("attack:A27")
@EACH_BAIT
def test_control_without_a_new_binding_the_tokens_are_handed_out_to_be_collected(
    bait: tuple[dict[str, Any], ...],
) -> None:
    world, installation = connected()
    with weakened(rules.difference, REBINDS, "False"):
        switch(world, installation, bait)
    prey = world.look_up("bob", installation)
    assert prey.status == 200
    assert world.provider.account_of(prey.json["access_token"]) == "bob"


@requirement("attack:A27")
def test_control_without_the_comparison_of_bindings_a_new_one_keeps_nothing_back() -> None:
    world, installation = connected()
    switch(world, installation, BAITS["url"])
    with weakened(status.person_must_act, "connection.standing.binding != expected.binding", "False"):
        prey = world.look_up("bob", installation)
    assert (prey.status, prey.json["url"]) == (200, TRAP)


@requirement("attack:A27")
def test_control_without_the_chore_the_tokens_live_on_at_the_provider() -> None:
    world, installation = connected()
    with weakened(changing._writes, "if what.rebinds", "if not what.rebinds"):
        switch(world, installation, BAITS["url"])
    come_to_rest(world)
    assert [grant.alive for grant in world.provider.grants] == [True]


# -- those who are about to be


@requirement("attack:A27")
@EACH_BAIT
@pytest.mark.parametrize("returned", [False, True])
def test_a_consent_that_is_under_way_comes_to_nothing(bait: tuple[dict[str, Any], ...], returned: bool) -> None:
    world, installation = before_the_switch()
    begun = world.begin("bob", installation)
    mine = world.consent(begun, "bob") if returned else None
    switch(world, installation, bait)
    assert world.as_user("bob", "GET", f"/v1/authorizations/{begun.id}").json["state"] == "failed"
    refused = world.complete("bob", mine or world.consent(begun, "bob"))
    assert (refused.status, refused.json["error"]) == (400, "installation_changed")
    assert exchanges(world) == []
    assert state_of(world, begun.id) == "failed"
    assert rows(world, "connection") == []


@requirement("attack:A27")
@pytest.mark.parametrize(("lost", "status"), [(BINDING, 400), (BINDING + ADMISSION, 200)])
def test_control_without_binding_and_admission_a_consent_for_the_one_connects_the_other(lost: str, status: int) -> None:
    world, installation = before_the_switch()
    mine = world.consent(world.begin("bob", installation), "bob")
    switch(world, installation, BAITS["url"])
    with weakened(authority.lacks_authority, lost, ""), weakened(authority.authority_checks, BOUND, "()"):
        assert world.complete("bob", mine).status == status
    assert bool(rows(world, "connection")) == (status == 200)


@requirement("attack:A27")
def test_control_without_the_look_at_the_authority_who_waits_is_not_told() -> None:
    world, installation = before_the_switch()
    begun = world.begin("bob", installation)
    switch(world, installation, BAITS["url"])
    with weakened(complete.see, "waits and lacks_authority(authorization, reads)", "False"):
        assert world.as_user("bob", "GET", f"/v1/authorizations/{begun.id}").json["state"] == "pending"


# -- secrets that were entered for one provider


def of_the_trap(issuer: str, client: dict[str, Any]) -> dict[str, Any]:
    """The draft of the installation's own client, with endpoints of the trap."""
    return entered.whole_provider(issuer=issuer, endpoints=endpoints_of(TRAP_PROVIDER), client=client)


NOT_THE_SECRET = ({"client_id": "entered-client"}, {**entered.CLIENT, "client_secret": "guessed"})


@requirement("attack:A27")
@pytest.mark.parametrize("issuer", [TRAP_PROVIDER, entered.PROVIDER])
@pytest.mark.parametrize("client", NOT_THE_SECRET)
def test_a_client_secret_that_was_entered_before_goes_to_no_other_endpoint(issuer: str, client: dict[str, Any]) -> None:
    world, installation = connected()
    refused = change(world, installation, "mallory", provider=of_the_trap(issuer, client))
    assert (refused.status, refused.json["error"]) == (409, "draft_used")
    assert stored(world, installation).revision == 0


@requirement("attack:A27")
def test_not_even_with_the_secret_does_a_client_of_one_issuer_become_anothers() -> None:
    world, installation = connected()
    refused = change(world, installation, "mallory", provider=of_the_trap(TRAP_PROVIDER, entered.CLIENT))
    assert (refused.status, refused.json["error"]) == (409, "draft_used")


@requirement("attack:A27")
def test_control_without_the_comparisons_of_clients_and_places_another_endpoint_gets_the_secret() -> None:
    world, installation = before_the_switch()
    same = "not _is_same_client(stored, kept) or _places(accepted) != _places(present)"
    with weakened(entering.checked_again, same, "False"):
        switch(world, installation, ({"provider": of_the_trap(entered.PROVIDER, NOT_THE_SECRET[0])},))
    world.complete("bob", world.consent(world.begin("bob", installation), "bob"))
    (sent,) = world.egress.sent_to(f"{TRAP_PROVIDER}/token")
    assert entered.SECRET in entered.proof(sent)[0]
