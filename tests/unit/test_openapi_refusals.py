"""Every code that the interface's document lists is one that an answer really has, in the form that is listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeAlias

import pytest

from strongroom.domain import injection, keys
from strongroom.domain.errors import KeysUnavailable, QueueUnavailable, StoreUnavailable
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.quota import MOST_INSTALLATIONS
from strongroom.domain.table import Item, Key
from strongroom.domain.team import Caller
from strongroom.flows.people import MOST_SATELLITES
from tests.fakes.faults import fails, meanwhile
from tests.fakes.queue import FakeQueue
from tests.openapi import listed_codes, operations
from tests.unit import entered
from tests.unit.changing import changed, moved
from tests.unit.test_openapi_answers import HERE, a_day
from tests.watched import Watched
from tests.weakened import weakened
from tests.world import MCP_URL

PROVIDER = "https://provider.example"
METADATA = f"{PROVIDER}/.well-known/oauth-authorization-server"
RESOURCE = "https://files.example/.well-known/oauth-protected-resource"

Fault: TypeAlias = Callable[[Watched, str], None]

# -- Faults and races --------------------------------------------------------------------------------------------------


def the_table_is_silent(world: Watched, installation: str) -> None:
    world.table.before["read"] = fails(StoreUnavailable(), 9)
    assert world.look_up("bob", installation).status == 503


def the_key_service_is_silent(world: Watched, installation: str) -> None:
    world.connect("bob", installation)
    world.keys.before["decrypt"] = fails(KeysUnavailable(retry_after=3), 9)
    world.ports = world.new_environment()
    answered = world.look_up("bob", installation)
    assert (answered.status, answered.headers["retry-after"]) == (503, "3")


def something_breaks(world: Watched, installation: str) -> None:
    world.table.before["read"] = fails(RuntimeError("a fault that nobody foresaw"))
    assert world.look_up("bob", installation).status == 500


def a_ciphertext_was_moved(world: Watched, installation: str) -> None:
    world.connect("bob", installation)
    world.connect("carol", installation)
    bobs, carols = (keys.connection("acme", user, installation) for user in ("bob", "carol"))
    world.table.place({**row(world, bobs), "access": row(world, carols)["access"]})
    assert world.look_up("bob", installation).status == 500


def row(world: Watched, key: Key) -> Item:
    found = world.table.row(key)
    assert found is not None
    return found


def the_provider_gives_no_tokens(world: Watched, installation: str) -> None:
    consented = world.consent(world.begin("bob", installation), "bob")
    world.provider.answer_next.append(lambda _: Reply(500, {}, b""))
    assert world.complete("bob", consented).status == 502


def the_provider_has_forgotten_us(world: Watched, installation: str) -> None:
    consented = world.consent(world.begin("bob", installation), "bob")
    world.provider.clients.clear()
    assert world.complete("bob", consented).status == 502


def an_admin_disables_it(world: Watched, installation: str) -> None:
    consented = world.consent(world.begin("bob", installation), "bob")
    changed(world, installation, enabled=False)
    world.complete("bob", consented)
    world.look_up("bob", installation)
    world.as_user("bob", "POST", f"{HERE}/{installation}/authorize")


def an_admin_enters(**changed: object) -> Fault:
    def fault(world: Watched, _: str) -> None:
        for name in ("Once", "Twice"):
            entered.install(world, entered.provider(**changed), name=name)
        one = world.install(name="Changed")
        world.as_user("alice", "PATCH", f"{HERE}/{one}", {"provider": entered.provider(**changed)})

    return fault


def an_admin_injects(**inject: dict[str, str]) -> Fault:
    """At installing it is refused; what an older release let through is refused at a look-up."""

    def fault(world: Watched, _: str) -> None:
        body = {"url": MCP_URL, "requires_oauth": False, "inject": inject}
        assert world.as_user("alice", "POST", HERE, {**body, "name": "Refused"}).status == 400
        with weakened(injection.check, "_check_entry(entry)", "pass"):
            saved = world.install(name="Saved", requires_oauth=False, inject=inject)
        assert world.look_up("bob", saved).status == 409

    return fault


def a_team_has_as_many_as_it_may(world: Watched, _: str) -> None:
    (name,) = [row for row in world.table.snapshot().values() if row["kind"] == "name"]
    world.table.place(*({**name, "SK": f"N#{number}"} for number in range(MOST_INSTALLATIONS)))
    world.as_user("alice", "POST", HERE, {"name": "One more", "url": MCP_URL})


def a_key_is_used_again(world: Watched, _: str) -> None:
    for name in ("One", "Another"):
        body = {"name": name, "url": MCP_URL, "requires_oauth": True}
        world.as_user("alice", "POST", HERE, body, headers={"idempotency-key": "once"})


def nobody_has_to_connect(world: Watched, _: str) -> None:
    world.as_user("bob", "POST", f"{HERE}/{world.install(name='Open', requires_oauth=False)}/authorize", {})


def too_much_is_asked_for(world: Watched, installation: str) -> None:
    for number in range(21):
        world.as_user("bob", "POST", f"{HERE}/{installation}/authorize", {})
        world.as_user("alice", "POST", "/v1/teams/acme/probe", {"url": MCP_URL})
        body = {"name": f"Files {number}", "url": MCP_URL, "requires_oauth": True}
        world.as_user("alice", "POST", HERE, body)


def a_server_with_an_entered_client_moves(world: Watched, _: str) -> None:
    entered.installed(world, entered.provider(issuer="https://another.example"), name="Moved")
    (moved,) = [row for row in world.table.snapshot().values() if row.get("name") == "Moved"]
    entered.begins(world, str(moved["installation"]))


def a_host_registers_ever_more_satellites(world: Watched, _installation: str) -> None:
    for number in range(MOST_SATELLITES + 1):
        world.put_satellite("acme", Caller("123456789012", f"AROASATELLITE{number:08}"))


def two_admins_rotate_at_once(world: Watched, _: str) -> None:
    one = entered.installed(world, entered.provider(), name="By hand")
    path = f"{HERE}/{one}/client_secret"
    world.table.before["commit"] = meanwhile(lambda: world.as_user("alice", "PUT", path, {"client_secret": "another"}))
    world.as_user("alice", "PUT", path, {"client_secret": "yet another"})


def an_admin_changes_it(world: Watched, installation: str) -> None:
    consented = world.consent(world.begin("bob", installation), "bob")
    moved(world, installation)
    world.complete("bob", consented)


def the_person_leaves(world: Watched, installation: str) -> None:
    consented = world.consent(world.begin("bob", installation), "bob")
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.complete("bob", consented)


def an_admin_is_one_no_longer(world: Watched, _: str) -> None:
    shared = world.install(name="Everybody's", sharing="shared")
    consented = world.consent(world.begin("alice", shared), "alice")
    world.put_member("acme", "alice", "team_user")
    world.complete("alice", consented, confirm_shared=True)


def it_is_revoked_meanwhile(world: Watched, installation: str) -> None:
    consented = world.consent(world.begin("bob", installation), "bob")
    world.revoke("bob", installation)
    world.complete("bob", consented)


def a_newer_one_is_completed_first(world: Watched, installation: str) -> None:
    consented = world.consent(world.begin("bob", installation), "bob")
    world.clock.advance(5)
    world.connect("bob", installation)
    world.complete("bob", consented)


def two_complete_at_once(world: Watched, installation: str) -> None:
    world.connect("alice", installation)  # so that the keys are there: the hook below waits for the last commit
    consented = world.consent(world.begin("bob", installation), "bob")
    world.table.before["commit"] = meanwhile(lambda: world.complete("bob", consented))
    world.complete("bob", consented)


def the_table_does_not_take_the_tokens(world: Watched, installation: str) -> None:
    consented = world.consent(world.begin("bob", installation), "bob")

    def redeemed(request: Outgoing) -> Answer:
        world.table.before["commit"] = fails(StoreUnavailable(), 999)
        return world.provider.honest(request)

    world.provider.answer_next.append(redeemed)
    world.complete("bob", consented)


def neither_table_nor_queue_take_the_tokens(world: Watched, installation: str) -> None:
    queue = world.queues.rescue
    assert isinstance(queue, FakeQueue)
    queue.before["send"] = fails(QueueUnavailable(), 999)
    the_table_does_not_take_the_tokens(world, installation)


# -- Servers that break a rule -----------------------------------------------------------------------------------------


def metadata(**said: object) -> Fault:
    """A provider whose metadata says this (None: nothing of it)."""

    def fault(world: Watched, installation: str) -> None:
        world.provider.metadata.update(said)
        world.as_user("bob", "POST", f"{HERE}/{installation}/authorize")

    return fault


def answering(method: str, url: str, status: int, body: str = "", clock: float = 0) -> Fault:
    """A server that answers so, after so many seconds."""

    def fault(world: Watched, installation: str) -> None:
        def answer(_: Outgoing) -> Reply:
            world.clock.advance(clock)
            return Reply(status, {}, body.encode())

        world.egress.on(method, url, answer)
        world.as_user("bob", "POST", f"{HERE}/{installation}/authorize")

    return fault


def a_resource_that_is(**said: object) -> Fault:
    good = {"resource": MCP_URL, "authorization_servers": [PROVIDER]}
    return answering("GET", f"{RESOURCE}/mcp", 200, json.dumps({**good, **said}))


def registered(**said: object) -> Fault:
    good = {"client_id": "c", "token_endpoint_auth_method": "none"}
    return answering("POST", f"{PROVIDER}/register", 201, json.dumps({**good, **said}))


FAULTS: dict[str, tuple[Fault, ...]] = {
    "unavailable": (the_table_is_silent, the_key_service_is_silent, the_table_does_not_take_the_tokens),
    "internal_error": (something_breaks,),
    "integrity_error": (a_ciphertext_was_moved,),
    "exchange_failed": (the_provider_gives_no_tokens,),
    "client_rejected": (the_provider_has_forgotten_us,),
    "installation_disabled": (an_admin_disables_it,),
    "too_many_satellites": (a_host_registers_ever_more_satellites,),
    "disabled_meanwhile": (an_admin_disables_it,),
    "installation_changed": (an_admin_changes_it,),
    "no_longer_member": (the_person_leaves,),
    "no_longer_admin": (an_admin_is_one_no_longer,),
    "revoked_meanwhile": (it_is_revoked_meanwhile,),
    "newer_grant": (a_newer_one_is_completed_first,),
    "being_finished": (two_complete_at_once,),
    "not_kept": (neither_table_nor_queue_take_the_tokens,),
    "mcp_server_unusable": (answering("POST", MCP_URL, 500),),
    "oauth_not_required": (answering("POST", MCP_URL, 200),),
    "discovery_too_long": (answering("POST", MCP_URL, 401, clock=60),),
    "resource_metadata_unavailable": (answering("GET", f"{RESOURCE}/mcp", 500),),
    "resource_metadata_unreadable": (answering("GET", f"{RESOURCE}/mcp", 200, "["),),
    "draft_used": (an_admin_enters(),),
    "too_many_installations": (a_team_has_as_many_as_it_may,),
    "idempotency_key_reused": (a_key_is_used_again,),
    "no_oauth_needed": (nobody_has_to_connect,),
    "too_many_requests": (too_much_is_asked_for,),
    "rotated_meanwhile": (two_admins_rotate_at_once,),
    "header_refused": (an_admin_injects(headers={"Host": "x"}),),
    "environment_refused": (an_admin_injects(env={"PATH": "x"}),),
    "template_refused": (an_admin_injects(headers={"X-Key": "${x}"}),),
    "parameter_refused": (an_admin_enters(parameters={"state": "x"}),),
    "issuer_refused": (an_admin_enters(issuer="http://provider.example"),),
    "client_of_another_issuer": (a_server_with_an_entered_client_moves,),
    "resource_mismatch": (a_resource_that_is(resource="https://other.example/mcp"),),
    "authorization_server_missing": (a_resource_that_is(authorization_servers=[]),),
    "server_metadata_missing": (a_resource_that_is(authorization_servers=[f"{PROVIDER}/other"]),),
    "server_metadata_unavailable": (answering("GET", METADATA, 500),),
    "server_metadata_unreadable": (answering("GET", METADATA, 200, "["),),
    "issuer_mismatch": (metadata(issuer="https://other.example"),),
    "pkce_unsupported": (metadata(code_challenge_methods_supported=["plain"]),),
    "authorization_endpoint_refused": (metadata(authorization_endpoint="javascript:alert(1)"),),
    "token_endpoint_refused": (metadata(token_endpoint=None),),
    "registration_endpoint_refused": (metadata(registration_endpoint="http://provider.example/"),),
    "revocation_endpoint_refused": (metadata(revocation_endpoint=1),),
    "endpoint_off_issuer": (
        metadata(token_endpoint="https://other.example/", authorization_response_iss_parameter_supported=False),
    ),
    "client_authentication_unsupported": (metadata(token_endpoint_auth_methods_supported=["tls_client_auth"]),),
    "registration_unsupported": (metadata(registration_endpoint=None),),
    "registration_unavailable": (answering("POST", f"{PROVIDER}/register", 500),),
    "registration_refused": (answering("POST", f"{PROVIDER}/register", 400),),
    "registration_unusable": (registered(client_id=""),),
    "redirect_uri_rejected": (registered(redirect_uris=["https://other.example/"]),),
}


@pytest.mark.parametrize(("code", "fault"), [(code, one) for code, faults in FAULTS.items() for one in faults])
def test_a_refusal_has_the_code_and_the_form_that_the_document_lists(code: str, fault: Fault) -> None:
    world = Watched()
    fault(world, world.install())
    assert code in world.codes


def test_every_code_that_the_document_lists_is_seen_in_an_answer_here_or_in_a_day() -> None:
    listed = {code for route in operations() for code, _ in listed_codes(route)}
    assert listed - set(FAULTS) - a_day().codes == NOT_STAGED


NOT_STAGED = {
    "authorization_ended",  # the row of an authorization goes while its code is being redeemed
    "mcp_url_refused",  # a URL that was installed is one that may be called
    "resource_metadata_missing",  # then the server itself is taken for the issuer, as older servers expect
}
