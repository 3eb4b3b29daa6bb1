"""A discovery from the 401 to the provider: which places are asked, in which order, and what is believed of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strongroom.adapters.catalog_files import CatalogFiles
from strongroom.domain import discovery
from strongroom.domain.catalog import Asking, Catalog, CatalogEntry
from strongroom.domain.http import Outgoing, Reply
from strongroom.domain.policy import Policy
from tests.fakes.egress import replying
from tests.requirements import requirement
from tests.unit.discoveries import (
    FILES,
    MCP,
    OPENID,
    PROVIDER,
    RESOURCE,
    SERVER,
    Outside,
    challenge,
    honest,
    json_of,
    metadata,
    resource,
)
from tests.weakened import weakened

ELSEWHERE = "https://elsewhere.example"

# D1: the challenge


@requirement("mcp:D1")
@pytest.mark.parametrize(
    "text",
    [
        f'Bearer resource_metadata="{ELSEWHERE}/meta"',
        f'bearer   RESOURCE_METADATA="{ELSEWHERE}/meta", scope="files"',
        f'Basic realm="resource_metadata=x, Bearer", Bearer error="invalid_token", resource_metadata="{ELSEWHERE}/meta"',
        f'DPoP algs="ES256", Bearer scope="a\\"b", resource_metadata="{ELSEWHERE}/meta"',
    ],
)
def test_a_challenge_is_found_among_others_whatever_its_case_and_quoting(text: str) -> None:
    outside = honest()
    outside.post(challenge(text))
    outside.get(f"{ELSEWHERE}/meta", json_of(resource()))
    outside.discover()
    assert outside.asked[1] == f"{ELSEWHERE}/meta"


@requirement("mcp:D1")
def test_a_scope_inside_another_parameter_is_no_scope() -> None:
    outside = honest()
    outside.post(challenge('Bearer realm="x, scope=admin", error_description="scope=\\"root\\""'))
    assert outside.discover().scopes == ()


@requirement("mcp:D1")
@pytest.mark.parametrize("status", [200, 204, 400, 404])
def test_a_server_that_greets_anybody_is_asked_for_its_tools(status: int) -> None:
    outside = honest()

    def greets(request: Outgoing) -> Reply:
        wants = request.body is not None and "tools/list" in request.body.reveal()
        return Reply(401 if wants else status, {}, b"")

    outside.egress.on("POST", MCP, greets)
    outside.discover()
    assert [(step.question, step.code) for step in outside.trail[:2]] == [
        ("initialize", "hello_without_token"),
        ("tools/list", "challenge_missing"),
    ]


@requirement("mcp:D1")
def test_a_server_that_wants_no_token_needs_no_oauth_and_nothing_more_is_asked() -> None:
    outside = honest()
    outside.post(replying(200))
    assert outside.fails() == "oauth_not_required"
    assert outside.asked == [MCP, MCP]
    assert outside.outcomes[-1] == ("challenge", "missing", "oauth_not_required")


# D2: where the resource metadata is


@requirement("mcp:D2")
def test_the_places_of_resource_metadata_are_asked_in_order_until_one_has_it() -> None:
    outside = honest()
    outside.post(challenge(f'Bearer resource_metadata="{FILES}/meta"'))
    outside.get(f"{FILES}{RESOURCE}/team/mcp", replying(404))
    outside.get(f"{FILES}{RESOURCE}", json_of(resource()))
    outside.discover()
    assert outside.asked[1:4] == [f"{FILES}/meta", f"{FILES}{RESOURCE}/team/mcp", f"{FILES}{RESOURCE}"]
    assert [outcome for _, outcome, _ in outside.outcomes] == ["ok", "missing", "missing", "ok", "ok"]


@requirement("mcp:D2")
def test_the_place_that_the_challenge_names_is_the_only_one_asked_if_it_is_good() -> None:
    outside = honest()
    outside.discover()
    assert outside.asked == [MCP, f"{FILES}{RESOURCE}/team/mcp", f"{PROVIDER}{SERVER}"]


@requirement("mcp:D2")
def test_without_a_place_in_the_challenge_the_path_comes_before_the_root() -> None:
    outside = honest()
    outside.post(challenge())
    outside.discover()
    assert outside.asked[1] == f"{FILES}{RESOURCE}/team/mcp"


# D3: whose metadata it is


@requirement("mcp:D3")
@pytest.mark.parametrize("named", [MCP, f"{MCP}/", f"{FILES}/team", FILES, f"{FILES}/"])
def test_metadata_of_the_server_or_of_what_lies_above_it_is_used_and_named_to_the_letter(named: str) -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(of=named)))
    assert outside.discover().resource == named


@requirement("mcp:D3")
@pytest.mark.parametrize(
    "named", [f"{FILES}/tea", f"{FILES}/team/mc", f"{MCP}/x", f"{MCP}2", "https://files.example.evil.example/team/mcp"]
)
def test_metadata_of_a_neighbour_is_not_used(named: str) -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(of=named)))
    assert outside.fails() == "resource_mismatch"
    assert not any(url.startswith(PROVIDER) for url in outside.asked)


@requirement("mcp:D3")
def test_control_without_the_comparison_a_neighbours_authorization_server_is_asked() -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(of=f"{FILES}/tea")))
    with weakened(discovery._speaks_for, "resource.origin == mcp.origin and parent", "resource.origin == mcp.origin"):
        assert outside.discover().provider.issuer == PROVIDER


# D5: where the authorization server's metadata is


def in_turn(issuer: str, *places: str) -> None:
    """The metadata is at the last place only, and the others were asked before, in this order."""
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(issuer)))
    outside.egress.routes.pop(("GET", f"{PROVIDER}{SERVER}"))
    outside.get(places[-1], json_of(metadata(issuer)))
    assert outside.discover().provider.issuer == issuer
    assert outside.asked[2:] == list(places)


@requirement("mcp:D5")
def test_an_issuer_without_a_path_is_looked_for_at_two_places() -> None:
    places = (f"{PROVIDER}{SERVER}", f"{PROVIDER}{OPENID}")
    for number in (1, 2):
        in_turn(PROVIDER, *places[:number])


@requirement("mcp:D5")
@pytest.mark.parametrize("issuer", [f"{PROVIDER}/t/1", f"{PROVIDER}/t/1/"])
def test_an_issuer_with_a_path_is_looked_for_at_three_places(issuer: str) -> None:
    places = (f"{PROVIDER}{SERVER}/t/1", f"{PROVIDER}{OPENID}/t/1", f"{PROVIDER}/t/1{OPENID}")
    for number in (1, 2, 3):
        in_turn(issuer, *places[:number])


# D6: whose authorization server it is


@requirement("mcp:D6")
@pytest.mark.parametrize(
    "said", [f"{PROVIDER}/", "https://PROVIDER.example", f"{PROVIDER}:443", "https://evil.example"]
)
def test_metadata_of_an_issuer_that_is_not_the_one_asked_for_letter_by_letter_is_not_used(said: str) -> None:
    assert honest(issuer=said).fails() == "issuer_mismatch"


@requirement("mcp:D6")
def test_metadata_of_another_issuer_does_not_hide_the_right_one_at_the_next_place() -> None:
    outside = honest(issuer="https://other.example")
    outside.get(f"{PROVIDER}{OPENID}", json_of(metadata()))
    assert outside.discover().provider.issuer == PROVIDER
    assert [code for _, _, code in outside.outcomes] == [None, None, "issuer_mismatch", None]


@requirement("mcp:D6")
def test_control_without_the_comparison_another_issuers_metadata_is_used() -> None:
    outside = honest(issuer="https://evil.example")
    with weakened(discovery.judge_authorization_server, 'document.get("issuer") != issuer', "False"):
        assert outside.discover().provider.issuer == PROVIDER


# D7: servers of the time before resource metadata


@requirement("mcp:D7")
def test_a_server_without_resource_metadata_is_its_own_authorization_server() -> None:
    outside = Outside()
    outside.post(challenge())
    outside.get(f"{FILES}{SERVER}", json_of(metadata(FILES)))
    found = outside.discover()
    assert (found.provider.issuer, found.provider.token_endpoint, found.resource) == (FILES, f"{FILES}/token", "")
    assert outside.asked[-1] == f"{FILES}{SERVER}"
    assert outside.outcomes[-1] == ("legacy_metadata", "ok", None)


@requirement("mcp:D7")
def test_without_any_metadata_the_endpoints_are_the_three_usual_ones_at_the_root() -> None:
    outside = Outside()
    outside.post(challenge())
    provider = outside.discover().provider
    named = (provider.authorization_endpoint, provider.token_endpoint, provider.registration_endpoint)
    assert named == (f"{FILES}/authorize", f"{FILES}/token", f"{FILES}/register")
    assert outside.outcomes[-1] == ("legacy_metadata", "missing", "endpoints_guessed")


@requirement("mcp:D7")
@pytest.mark.parametrize("behaviour", [replying(503), json_of({}), json_of(resource(of="https://evil.example/"))])
def test_resource_metadata_that_is_there_and_bad_is_no_sign_of_an_old_server(behaviour: Any) -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", behaviour)
    outside.get(f"{FILES}{SERVER}", json_of(metadata(FILES)))
    outside.fails()
    assert f"{FILES}{SERVER}" not in outside.asked


# What the catalog, an admin and the operator vouch for

KNOWN = CatalogEntry(
    name="Provider",
    issuers=(PROVIDER,),
    origins=(PROVIDER, "https://tokens.example"),
    asking=Asking(pkce_unlisted=True),
)
ELSEWHERE_TOKENS = {"token_endpoint": "https://tokens.example/token"}


@requirement("mcp:A1")
def test_s256_that_is_not_listed_is_refused_unless_the_catalog_or_an_admin_vouches_for_it() -> None:
    assert honest(code_challenge_methods_supported=None).fails() == "pkce_unsupported"
    assert honest(code_challenge_methods_supported=None).discover(pkce_vouched=True).provider.issuer == PROVIDER
    listed = replace(honest(code_challenge_methods_supported=None), catalog=Catalog((KNOWN,)))
    assert listed.discover().provider.issuer == PROVIDER


@requirement("mcp:A1")
def test_the_catalog_vouches_for_the_issuers_origin_and_for_no_neighbour() -> None:
    by_origin = replace(KNOWN, issuers=())
    tenant = f"{PROVIDER}/tenant"
    outside = replace(honest(), catalog=Catalog((by_origin,)))
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(tenant)))
    outside.get(f"{PROVIDER}{SERVER}/tenant", json_of(metadata(tenant, code_challenge_methods_supported=None)))
    assert outside.discover().provider.issuer == tenant

    neighbour = replace(KNOWN, issuers=("https://neighbour.example",), origins=("https://neighbour.example",))
    outside = replace(honest(code_challenge_methods_supported=None), catalog=Catalog((neighbour,)))
    assert outside.fails() == "pkce_unsupported"


@requirement("attack:A29")
def test_endpoints_off_the_issuers_origin_are_taken_if_the_catalog_knows_them_together() -> None:
    assert honest(**ELSEWHERE_TOKENS).fails() == "endpoint_off_issuer"
    found = replace(honest(**ELSEWHERE_TOKENS), catalog=Catalog((KNOWN,))).discover().provider
    assert (found.token_endpoint, found.iss_required) == ("https://tokens.example/token", False)


@requirement("attack:A29")
@pytest.mark.parametrize("name", ["authorization", "token", "registration", "revocation"])
def test_one_endpoint_that_the_catalog_does_not_know_spoils_the_others(name: str) -> None:
    evil = honest(**{**ELSEWHERE_TOKENS, f"{name}_endpoint": "https://evil.example/x"})
    assert replace(evil, catalog=Catalog((KNOWN,))).fails() == "endpoint_off_issuer"


@requirement("attack:A29")
def test_the_catalog_does_not_vouch_for_an_issuer_that_names_a_known_providers_endpoints() -> None:
    outside = honest(authorization_endpoint="https://accounts.example/authorize")
    entry = replace(KNOWN, issuers=("https://accounts.example",), origins=("https://accounts.example",))
    assert replace(outside, catalog=Catalog((entry,))).fails() == "endpoint_off_issuer"


def with_the_operators_word(outside: Outside, issuer: str, endpoint: str) -> Outside:
    return replace(outside, policy=Policy("https://strongroom.example", "", endpoint_origins=((issuer, endpoint),)))


@requirement("attack:A29")
def test_endpoints_off_the_issuers_origin_are_taken_if_the_operator_says_so() -> None:
    outside = with_the_operators_word(honest(**ELSEWHERE_TOKENS), PROVIDER, "https://tokens.example")
    assert outside.discover().provider.iss_required is False


@requirement("attack:A29")
@pytest.mark.parametrize(
    ("issuer", "endpoint"),
    [("https://other.example", "https://tokens.example"), (PROVIDER, "https://other.example")],
)
def test_the_operators_word_is_for_one_issuer_and_one_origin(issuer: str, endpoint: str) -> None:
    outside = with_the_operators_word(honest(**ELSEWHERE_TOKENS), issuer, endpoint)
    assert outside.fails() == "endpoint_off_issuer"


@requirement("mcp:D6")
def test_an_issuer_that_a_provider_writes_in_two_ways_is_data_in_the_catalog() -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(f"{PROVIDER}/")))
    assert outside.fails() == "issuer_mismatch"
    alias = replace(KNOWN, issuer_aliases={f"{PROVIDER}/": PROVIDER})
    assert replace(outside, catalog=Catalog((alias,))).discover().provider.issuer == PROVIDER


GOOGLE = "https://accounts.google.com"
OF_GOOGLE = {
    "authorization_endpoint": f"{GOOGLE}/o/oauth2/v2/auth",
    "token_endpoint": "https://oauth2.googleapis.com/token",
    "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
    "registration_endpoint": None,
}


def behind_google(**said: Any) -> Outside:
    outside = replace(honest(), catalog=CatalogFiles().all)
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(f"{GOOGLE}/")))
    outside.get(f"{GOOGLE}{OPENID}", json_of(metadata(GOOGLE, **(OF_GOOGLE | said))))
    return outside


def test_a_server_behind_google_is_found_with_the_catalog_as_it_is() -> None:
    provider = behind_google().discover().provider
    assert (provider.issuer, provider.token_endpoint) == (GOOGLE, "https://oauth2.googleapis.com/token")
    assert not provider.iss_required


@requirement("attack:A29")
def test_an_endpoint_elsewhere_is_not_taken_for_googles() -> None:
    assert behind_google(token_endpoint="https://evil.example/token").fails() == "endpoint_off_issuer"


def test_control_without_the_catalog_nothing_of_this_is_taken() -> None:
    outside = replace(behind_google(), catalog=Catalog())
    assert outside.fails() == "issuer_mismatch"


def test_scopes_are_those_of_the_challenge_and_offline_access_if_the_provider_lists_it() -> None:
    outside = honest(scopes_supported=["offline_access", "admin"])
    assert outside.discover().scopes == ("files", "offline_access")
