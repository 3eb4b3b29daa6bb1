"""`POST /v1/teams/{team}/probe`: what an admin learns of an MCP server before installing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from strongroom.domain.catalog import Asking, Authenticating, Catalog, CatalogEntry, Reading
from strongroom.domain.deviations import DEVIATIONS, deviations
from strongroom.domain.provider import drafted_key
from strongroom.domain.trail import FINDINGS, GUESSED, NOTES, Question
from strongroom.flows.discover import discover
from tests import openapi
from tests.fakes.egress import replying
from tests.unit.attacks.hostile import RESOURCE_METADATA, SERVER_METADATA
from tests.world import MCP_URL, PUBLIC_URL, Answered, World

PROVIDER = "https://provider.example"
CHALLENGE = {"step": "challenge", "question": "initialize"}
METADATA = {"step": "resource_metadata", "question": None}
SERVERS = {"step": "server_metadata", "question": None}


def probe(world: World, url: str = MCP_URL, user: str = "alice", team: str = "acme") -> Answered:
    return world.as_user(user, "POST", f"/v1/teams/{team}/probe", {"url": url})


def found(world: World) -> dict[str, Any]:
    answered = probe(world)
    assert answered.status == 200, answered.text
    return answered.json


def where(world: World, **metadata: object) -> World:
    world.provider.metadata.update(metadata)
    return world


def test_a_server_that_connects_shows_who_it_is_and_how_we_would_become_a_client() -> None:
    shown = found(World())
    assert shown.pop("draft")
    assert shown.pop("callback_url")
    assert shown == {
        "url": MCP_URL,
        "requires_oauth": True,
        "connects": True,
        "code": None,
        "message": None,
        "steps": [
            {**CHALLENGE, "url": MCP_URL, "rule": "mcp:D1", "outcome": "ok", "code": None},
            {**METADATA, "url": RESOURCE_METADATA, "rule": "mcp:D2", "outcome": "ok", "code": None},
            {**SERVERS, "url": SERVER_METADATA, "rule": "mcp:D5", "outcome": "ok", "code": None},
        ],
        "issuer": PROVIDER,
        "provider": {
            "issuer": PROVIDER,
            "authorization_host": "provider.example",
            "token_host": "provider.example",
            "catalog": None,
            "deviations": [],
            "documentation": None,
        },
        "registration": "dynamic",
        "scopes": ["files"],
    }


def test_what_is_shown_is_what_an_authorization_would_find() -> None:
    world = World()
    shown, would = found(world), discover(world.ports, MCP_URL)
    begun = world.as_user("alice", "POST", f"/v1/teams/acme/installations/{world.install()}/authorize", {})
    assert (shown["provider"]["issuer"], tuple(shown["scopes"])) == (would.provider.issuer, would.scopes)
    assert begun.json["provider_host"] == shown["provider"]["authorization_host"]
    assert begun.json["scopes"] == shown["scopes"]


def test_a_server_that_works_without_a_token_needs_no_oauth() -> None:
    world = World()
    world.egress.on("POST", MCP_URL, replying(200))
    shown = found(world)
    assert (shown["requires_oauth"], shown["connects"], shown["code"]) == (False, False, "oauth_not_required")
    assert "only when a tool is called" in shown["message"]
    assert (shown["provider"], shown["registration"], shown["scopes"]) == (None, None, [])


FAILING: Mapping[str, Mapping[str, object]] = {
    "issuer_mismatch": {"issuer": "https://other.example"},
    "pkce_unsupported": {"code_challenge_methods_supported": ["plain"]},
    "authorization_endpoint_refused": {"authorization_endpoint": "javascript:alert(1)"},
}


@pytest.mark.parametrize("code", FAILING)
def test_a_server_that_breaks_a_rule_shows_where_and_which(code: str) -> None:
    shown = found(where(World(), **FAILING[code]))
    assert (shown["requires_oauth"], shown["connects"], shown["code"]) == (True, False, code)
    assert shown["message"] == FINDINGS[code].sentence
    failed = [(step["url"], step["rule"], step["code"]) for step in shown["steps"] if step["outcome"] == "failed"]
    assert failed[0] == (SERVER_METADATA, FINDINGS[code].rule, code)
    assert (shown["issuer"], shown["provider"]) == (PROVIDER, None)


def test_a_server_that_publishes_nothing_about_oauth_is_one_of_which_nobody_can_say_whether_it_connects() -> None:
    world = World()
    world.egress.on("POST", MCP_URL, replying(401))
    for url in (RESOURCE_METADATA, RESOURCE_METADATA.removesuffix("/mcp"), SERVER_METADATA):
        world.egress.on("GET", url, replying(404))
    shown = found(world)
    assert (shown["requires_oauth"], shown["connects"], shown["code"]) == (True, None, "endpoints_guessed")
    assert "nobody has tried them" in shown["message"]
    assert [step["code"] for step in shown["steps"]] == [
        "challenge_missing",
        "resource_metadata_missing",
        "resource_metadata_missing",
        "endpoints_guessed",
    ]


def test_two_questions_to_one_url_are_shown_as_two() -> None:
    world = World()
    world.egress.on("POST", MCP_URL, replying(200))
    assert [(step["url"], step["question"]) for step in found(world)["steps"]] == [
        (MCP_URL, "initialize"),
        (MCP_URL, "tools/list"),
    ]


def test_what_a_document_said_that_is_not_used_is_not_shown() -> None:
    world = World()
    wrong = b'{"resource": "https://canary.example/"}'
    world.egress.on("GET", RESOURCE_METADATA, replying(200, wrong, content_type="application/json"))
    answered = probe(world)
    assert (answered.json["code"], answered.json["issuer"]) == ("resource_mismatch", None)
    assert "canary" not in answered.text


def test_a_server_that_gives_no_answer_may_or_may_not_need_oauth() -> None:
    world = World()
    world.egress.silent.add("files.example")
    shown = found(world)
    assert (shown["requires_oauth"], shown["connects"], shown["code"]) == (None, False, "mcp_server_unusable")
    assert [step["outcome"] for step in shown["steps"]] == ["failed"]


# How we would become a client


def test_a_provider_that_reads_metadata_documents_gets_ours() -> None:
    world = where(World(), client_id_metadata_document_supported=True)
    assert found(world)["registration"] == "metadata_document"


def test_a_provider_that_registers_nobody_waits_for_an_admin() -> None:
    shown = found(where(World(), registration_endpoint=None))
    assert (shown["registration"], shown["connects"], shown["code"]) == ("by_hand", False, "registration_unsupported")
    assert shown["provider"]["issuer"] == PROVIDER


def test_a_provider_without_a_method_that_we_have_is_none_that_an_admin_can_help_with() -> None:
    shown = found(where(World(), token_endpoint_auth_methods_supported=["tls_client_auth"]))
    assert (shown["registration"], shown["connects"]) == (None, False)
    assert shown["code"] == "client_authentication_unsupported"


def test_each_probe_has_a_draft_of_its_own_under_which_we_can_be_registered() -> None:
    world = World()
    first, second = found(world), found(world)
    assert first["draft"] != second["draft"]
    assert first["callback_url"] == f"{PUBLIC_URL}/oauth/callback/{drafted_key('acme', first['draft'])}"
    theirs = probe(world, user="mallory", team="rivals").json
    assert theirs["callback_url"] == f"{PUBLIC_URL}/oauth/callback/{drafted_key('rivals', theirs['draft'])}"


def test_a_draft_is_of_the_form_that_an_installation_takes() -> None:
    shown, world = found(World()), World()
    provider = {"draft": shown["draft"], "issuer": PROVIDER, "client": {"client_id": "x", "auth_method": "none"}}
    assert (
        openapi.problems(openapi.body_schema("POST /v1/teams/{team}/installations")["properties"]["provider"], provider)
        == []
    )
    assert world.install(provider=provider)


# What the catalog knows

ODD = CatalogEntry(
    name="Provider",
    documentation="https://provider.example/docs",
    issuers=(PROVIDER,),
    origins=(PROVIDER,),
    asking=Asking(parameters={"prompt": "consent"}, resource=False, pkce_unlisted=True),
    authenticating=Authenticating(registration="by_hand"),
    reading=Reading(success_flag="ok"),
)


def knowing(entry: CatalogEntry, **metadata: object) -> World:
    world = where(World(), **metadata)
    world.catalog = Catalog((entry,))
    world.ports = world.new_environment()
    return world


def test_a_provider_of_the_catalog_is_named_with_what_is_odd_about_it() -> None:
    shown = found(knowing(ODD, code_challenge_methods_supported=None))
    assert shown["provider"]["catalog"] == "Provider"
    assert shown["provider"]["documentation"] == "https://provider.example/docs"
    assert shown["provider"]["deviations"] == [
        "pkce_unlisted",
        "resource_refused",
        "extra_parameters",
        "registered_by_hand",
        "success_flag",
    ]
    assert shown["registration"] == "by_hand"


def test_a_provider_that_keeps_the_rules_deviates_in_nothing() -> None:
    assert deviations(CatalogEntry(name="Plain", issuers=(PROVIDER,), origins=(PROVIDER,))) == ()


def test_the_interface_names_the_same_words_steps_and_codes() -> None:
    schemas = openapi.document()["components"]["schemas"]
    later = {"registration_refused", "registration_unusable", "redirect_uri_rejected", "client_of_another_issuer"}
    assert set(schemas["ProbedProvider"]["properties"]["deviations"]["items"]["enum"]) == set(DEVIATIONS)
    assert set(schemas["DiscoveryCode"]["enum"]) == set(FINDINGS) - later
    assert set(schemas["ProbeNote"]["enum"]) == set(NOTES)
    assert set(schemas["ProbeStep"]["properties"]["question"]["enum"]) == {*get_args(Question), None}
    assert {"const": GUESSED} in schemas["Probed"]["properties"]["code"]["oneOf"]
