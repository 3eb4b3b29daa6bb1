"""What real calls answer is what the interface's document says, for every route and every code that it lists."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.egress import replying
from tests.openapi import operations
from tests.unit import entered
from tests.unit.attacks.doors import reads_documents
from tests.watched import Watched, judged
from tests.world import ACCOUNT, GATEWAY, HOST, MCP_URL, PUBLIC_URL, STRANGER, Answered, Consented

NEVER_MINTED = "a" * 20
HERE = "/v1/teams/acme/installations"
REVOKE_URL = "https://provider.example/revoke"


def connecting(world: Watched, installation: str) -> None:
    begun = world.begin("bob", installation, return_to="https://web.example/back")
    pending = f"/v1/authorizations/{begun.id}"
    world.as_user("bob", "GET", pending)
    world.as_user("carol", "GET", pending)
    world.as_user("bob", "POST", f"{pending}/complete", {"secret": "x"})
    back = world.provider.consent(begun.url, "bob")
    world.browse(f"{back}&error=twice")
    consented = given(world, back)
    world.browse(back)
    assert world.complete("bob", consented).json["return_to"] == "https://web.example/back"


def given(world: Watched, callback: str) -> Consented:
    fragment = world.browse(callback).headers["location"].partition("#")[2]
    parts = dict(piece.split("=", 1) for piece in fragment.split("&"))
    return Consented(parts["authorization"], parts["secret"])


def using(world: Watched, installation: str) -> None:
    released = world.look_up("bob", installation)
    version = released.json["version"]
    world.reject("bob", installation, version, 403, challenge='Bearer error="insufficient_scope", scope="more"')
    world.reject("bob", installation, version)
    world.as_user("bob", "GET", HERE)
    world.as_user("bob", "GET", f"{HERE}/{installation}")
    world.as_user("bob", "GET", f"{HERE}/{installation}/timeline")
    world.revoke("bob", installation)
    world.look_up("bob", installation)


def sharing(world: Watched) -> None:
    shared = world.install(name="Everybody's", sharing="shared")
    world.look_up("bob", shared)
    world.revoke("bob", shared)
    consented = world.consent(world.begin("alice", shared), "alice")
    world.complete("alice", consented)
    world.complete("alice", consented, confirm_shared=True)
    world.look_up("bob", shared)


def trespassing(world: Watched, installation: str) -> None:
    one = f"{HERE}/{installation}"
    world.as_user("bob", "POST", HERE, {"name": "Mine", "url": MCP_URL})
    world.as_user("mallory", "GET", one)
    world.as_user("", "GET", one)
    world.call("GET", one, None, {"jwt": {"claims": {"iss": "https://signin.example", "sub": "bob", "nonce": "n"}}})
    world.look_up("bob", installation, by=STRANGER)
    world.look_up("bob", NEVER_MINTED)
    world.call("PUT", "/v1/host/teams/acme/members", {}, {"iam": {"accountId": ACCOUNT, "callerId": "AIDAUSER"}})
    world.as_role(GATEWAY, "PUT", "/v1/host/teams/acme/members", {"user": "x", "role": None})
    world.browse(f"{PUBLIC_URL}/oauth/callback/none?state=nobodys&code=c")
    confused = world.consent(world.begin("bob", installation), "bob")
    world.complete("bob", replace(confused, secret="wrong"))
    world.complete("bob", confused)


def looking_back(world: Watched, installation: str) -> None:
    for user in ("alice", "bob", "mallory"):
        world.as_user(user, "GET", f"{HERE}/{installation}/timeline")
        world.as_user(user, "GET", "/v1/teams/acme/records")
    world.as_user("alice", "GET", "/v1/teams/acme/records", query="next=yesterday")


def ending_at_the_provider(world: Watched) -> None:
    """A grant that its provider would not end, for the person and for an admin to read of."""
    installation = world.install(name="Left there")
    world.connect("bob", installation)
    told = world.egress.routes.get(("POST", REVOKE_URL))
    world.egress.on("POST", REVOKE_URL, replying(404))
    world.revoke("bob", installation)
    world.deliver()
    for user, path in (("bob", f"{HERE}/{installation}/timeline"), ("alice", "/v1/teams/acme/records")):
        assert '"link":"https://provider.example"' in world.as_user(user, "GET", path).text
    if told is not None:
        world.egress.on("POST", REVOKE_URL, told)


def counting(world: Watched, installation: str) -> None:
    for user in ("alice", "bob", "mallory"):
        world.as_user(user, "GET", f"{HERE}/{installation}/connections")
    world.as_user("bob", "GET", HERE, query="limit=1&status=auth_required")
    world.as_user("bob", "GET", HERE, query="limit=0")
    everybody = f"/v1/host/teams/acme/installations/{installation}/connections"
    for role in (HOST, GATEWAY):
        world.as_role(role, "GET", everybody)
    world.as_role(HOST, "GET", everybody, query="page=2")
    world.call("GET", everybody, None, {"iam": {"accountId": ACCOUNT, "callerId": "AIDAUSER"}})
    for role in (GATEWAY, STRANGER, HOST):
        world.as_role(role, "POST", "/v1/satellite/teams/acme/installations", {"user": "bob", "limit": 1})
    world.as_role(GATEWAY, "POST", "/v1/satellite/teams/acme/installations", {"user": "bob", "next": "a"})
    for what in ("members", "records"):
        for role in (HOST, GATEWAY):
            world.as_role(role, "GET", f"/v1/host/teams/acme/{what}")
        world.as_role(HOST, "GET", f"/v1/host/teams/acme/{what}", query="page=2")
        world.call("GET", f"/v1/host/teams/acme/{what}", None, {"iam": {"accountId": ACCOUNT, "callerId": "AIDAUSER"}})


def rotating(world: Watched, installation: str) -> None:
    its_own = entered.installed(world, entered.provider(), name="By hand")
    for user, one in (("alice", its_own), ("bob", its_own), ("mallory", its_own), ("alice", installation)):
        world.as_user(user, "PUT", f"{HERE}/{one}/client_secret", {"client_secret": "another"})
        world.as_user(user, "GET", f"{HERE}/{one}")


def changing(world: Watched) -> None:
    installation = world.install(name="Changing")
    one = f"{HERE}/{installation}"
    world.as_user("alice", "PATCH", one, {"enabled": False}, headers={"if-match": '"0"'})
    for user in ("alice", "bob", "mallory"):
        for method, path in (("PATCH", one), ("DELETE", f"{one}/connections"), ("DELETE", one)):
            body = {"name": "Changed"} if method == "PATCH" else None
            world.as_user(user, method, path, body, headers={"if-match": "*"})
            world.as_user(user, method, path, {"owner": user})
    world.as_user("alice", "PATCH", one, {"name": "Team Files"})
    world.as_user("alice", "PATCH", one, {"url": "https://10.0.0.1/mcp"})
    world.as_user("alice", "DELETE", f"{one}/connections")
    world.as_user("alice", "DELETE", one)


def burying(world: Watched) -> None:
    world.put_member("retired", "carol-1", "team_admin")
    world.as_role(GATEWAY, "DELETE", "/v1/host/teams/retired")
    world.call("DELETE", "/v1/host/teams/retired", None, {"iam": {"accountId": ACCOUNT, "callerId": "AIDAUSER"}})
    for _ in range(2):
        world.delete_team("retired")
    world.delete_team("nowhere")


def describing(world: Watched) -> None:
    world.call("GET", reads_documents(world))
    world.call("GET", "/oauth/clients/none")


def opening(world: Watched) -> None:
    for path in ("/connections", "/connections/signed-in", "/connections/page.js", "/connections/pico.min.css"):
        etag = world.call("GET", path).headers["etag"]
        assert world.call("GET", path, headers={"if-none-match": etag}).status == 304
    world.call("GET", "/connections/nothing.js")


def misspelling(world: Watched, installation: str) -> None:
    one = f"{HERE}/{installation}"
    world.as_user("alice", "POST", HERE, {"name": "Team Files", "url": MCP_URL})
    world.as_user("alice", "POST", HERE, {"name": "Inside", "url": "https://10.0.0.1/mcp"})
    world.as_user("alice", "POST", HERE, {"name": "Files", "url": MCP_URL, "owner": "alice"})
    world.as_user("alice", "POST", HERE, raw_body="[")
    world.as_user("alice", "POST", f"{one}/authorize", {"return_to": "https://elsewhere.example/"})
    world.as_user("alice", "POST", f"{one}/authorize", raw_body=" " * 20_000)


def a_day() -> Watched:
    world = Watched()
    installation = world.install()
    connecting(world, installation)
    using(world, installation)
    sharing(world)
    world.put_member("acme", "carol", None)
    trespassing(world, installation)
    misspelling(world, installation)
    looking_back(world, installation)
    ending_at_the_provider(world)
    counting(world, installation)
    rotating(world, installation)
    changing(world)
    burying(world)
    describing(world)
    opening(world)
    world.as_user("alice", "POST", "/v1/teams/acme/probe", {"url": MCP_URL})
    return world


@pytest.fixture(scope="module")
def day() -> Watched:
    return a_day()


def test_every_route_answers_as_the_document_says(day: Watched) -> None:
    assert {route for route, _, _ in day.seen} == set(operations())


def test_the_day_holds_every_success_that_the_document_lists(day: Watched) -> None:
    listed = {
        (route, int(status)) for route, one in operations().items() for status in one["responses"] if status < "4"
    }
    assert {(route, status) for route, status, _ in day.seen if status < 400} == listed


def test_the_day_holds_the_refusals_that_callers_bring_about_themselves(day: Watched) -> None:
    assert day.codes == {
        "address_refused",
        "admin_required",
        "authorization_over",
        "authorization_refused",
        "authorization_required",
        "body_too_long",
        "changed_meanwhile",
        "confirmation_required",
        "insufficient_scope",
        "invalid_request",
        "name_taken",
        "no_client_secret",
        "not_a_role",
        "not_an_access_token",
        "not_found",
        "return_to_refused",
        "still_pending",
        "unauthenticated",
        "unknown_caller",
        "unknown_field",
    }


def test_control_an_answer_that_the_document_does_not_describe_is_noticed() -> None:
    route = "GET /v1/teams/{team}/installations"
    kind = {"content-type": "application/json", "cache-control": "no-store"}
    with pytest.raises(AssertionError):
        judged(route, Answered(200, kind, '{"installations":[],"next":null,"token":"x"}'))
    with pytest.raises(KeyError):
        judged(route, Answered(418, kind, "{}"))
