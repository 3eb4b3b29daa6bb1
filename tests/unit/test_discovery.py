import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.authorization_response import CallbackParameters, accept_response
from strongroom.domain.challenge import BearerChallenge
from strongroom.domain.discovery import (
    authorization_server_urls,
    judge_authorization_server,
    judge_legacy,
    judge_resource_metadata,
    legacy_metadata_url,
    metadata_request,
    most_telling,
    resource_metadata_urls,
)
from strongroom.domain.errors import AuthorizationRefused, DiscoveryFailed
from strongroom.domain.http import Answer, NoAnswer, NotSent, Reply
from strongroom.domain.identifiers import hashed
from strongroom.domain.provider import Provider, Resource
from strongroom.domain.secret import Secret
from strongroom.domain.server_metadata import read_provider
from strongroom.domain.web_url import web_url
from tests.requirements import requirement
from tests.unit.pending import Pending

MCP = "https://files.example/team/mcp"
ISSUER = "https://provider.example"
METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "registration_endpoint": f"{ISSUER}/register",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "code_challenge_methods_supported": ["S256"],
}


def reply(document: object, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def resource(**fields: object) -> Reply:
    return reply({"resource": MCP, "authorization_servers": [ISSUER]} | fields)


def server(**fields: object) -> Reply:
    return reply({name: value for name, value in (METADATA | fields).items() if value is not None})


def code_of(call: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(DiscoveryFailed) as refusal:
        call(*args, **options)
    return refusal.value.public_code


# Where the resource metadata is


@requirement("mcp:D2")
def test_the_challenge_names_the_first_place_then_come_the_well_known_ones() -> None:
    challenge = BearerChallenge("https://elsewhere.example/metadata")
    assert resource_metadata_urls(MCP, challenge) == (
        "https://elsewhere.example/metadata",
        "https://files.example/.well-known/oauth-protected-resource/team/mcp",
        "https://files.example/.well-known/oauth-protected-resource",
    )


@requirement("mcp:D2")
def test_a_server_at_the_root_has_one_well_known_place() -> None:
    root = ("https://files.example/.well-known/oauth-protected-resource",)
    assert resource_metadata_urls("https://files.example", None) == root
    assert resource_metadata_urls("https://files.example/", BearerChallenge(root[0])) == root


@pytest.mark.parametrize("url", ["http://files.example/m", "javascript:x", "/m", "https://u@x.example/", "", None])
def test_a_place_that_may_not_be_called_is_left_out(url: str | None) -> None:
    assert resource_metadata_urls(MCP, BearerChallenge(url)) == resource_metadata_urls(MCP, None)


def test_a_metadata_request_is_bounded() -> None:
    request = metadata_request(f"{ISSUER}/x")
    assert (request.method, request.limit, request.within, request.hops) == ("GET", 256 * 1024, 5.0, 3)


# What it says


@requirement("mcp:D3")
@pytest.mark.parametrize(
    "named",
    [
        MCP,
        f"{MCP}/",
        "https://files.example/team",
        "https://files.example/",
        "https://files.example",
        "https://FILES.example:443/team/mcp",
    ],
)
def test_a_resource_speaks_for_itself_and_what_lies_below(named: str) -> None:
    assert judge_resource_metadata(resource(resource=named), MCP) == Resource(named, (ISSUER,))


@requirement("attack:B1")
@requirement("mcp:D3")
@pytest.mark.parametrize(
    "named",
    [
        "https://files.example/team/mc",
        "https://files.example/team/mcp2",
        "https://files.example/team/mcp/deeper",
        "https://files.example/team/MCP",
        "https://files.example/other",
        "https://files.example:8443/team/mcp",
        "https://sub.files.example/team/mcp",
        "https://files.example.evil.example/team/mcp",
        "http://files.example/team/mcp",
        "https://files.example/team/mcp?tenant=1",
        "https://files.example/team/mcp#x",
        "https://files.example/team/../team/mcp",
        "https://evil@files.example/team/mcp",
        "",
        None,
        [MCP],
    ],
)
def test_a_resource_that_does_not_fit_is_refused(named: object) -> None:
    assert code_of(judge_resource_metadata, resource(resource=named), MCP) == "resource_mismatch"


@requirement("attack:B1")
def test_negative_control_a_comparison_of_texts_takes_a_neighbour_for_a_parent() -> None:
    assert "https://files.example/team/mcp2".startswith("https://files.example/team/mcp")
    neighbour = resource(resource="https://files.example/team/mcp")
    assert code_of(judge_resource_metadata, neighbour, "https://files.example/team/mcp2") == "resource_mismatch"


@requirement("attack:B19")
def test_of_a_thousand_authorization_servers_three_count() -> None:
    many = [f"https://p{number}.example" for number in range(1_000)]
    found = judge_resource_metadata(resource(authorization_servers=["http://p.example", 7, *many, many[0]]), MCP)
    assert found.issuers == tuple(many[:3])


@pytest.mark.parametrize(
    "servers", [None, [], "https://p.example", ["http://p.example"], ["https://p.example/?q"], [7]]
)
def test_resource_metadata_without_a_usable_authorization_server_is_refused(servers: object) -> None:
    answer = resource(authorization_servers=servers)
    assert code_of(judge_resource_metadata, answer, MCP) == "authorization_server_missing"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Reply(404, {}, b""), "resource_metadata_missing"),
        (Reply(401, {}, b""), "resource_metadata_missing"),
        (Reply(500, {}, b""), "resource_metadata_unavailable"),
        (Reply(302, {}, b""), "resource_metadata_unavailable"),
        (NoAnswer("deadline"), "resource_metadata_unavailable"),
        (Reply(200, {}, b"<html>"), "resource_metadata_unreadable"),
    ],
)
def test_a_missing_document_a_fault_and_an_unreadable_document_are_told_apart(answer: Answer, code: str) -> None:
    assert code_of(judge_resource_metadata, answer, MCP) == code


def test_scopes_of_a_resource_are_kept_if_they_are_scopes() -> None:
    assert judge_resource_metadata(resource(scopes_supported=["a", "b", "a"]), MCP).scopes_supported == ("a", "b")
    assert judge_resource_metadata(resource(scopes_supported=["a b"]), MCP).scopes_supported == ()
    assert judge_resource_metadata(resource(scopes_supported=[{}]), MCP).scopes_supported == ()


# Where the authorization server's metadata is, and whose it is


@requirement("mcp:D5")
def test_the_places_of_server_metadata_are_tried_in_order() -> None:
    oauth, openid = ".well-known/oauth-authorization-server", ".well-known/openid-configuration"
    assert authorization_server_urls(ISSUER) == (f"{ISSUER}/{oauth}", f"{ISSUER}/{openid}")
    assert authorization_server_urls(f"{ISSUER}/") == (f"{ISSUER}/{oauth}", f"{ISSUER}/{openid}")
    inserted_and_appended = (f"{ISSUER}/{oauth}/t/1", f"{ISSUER}/{openid}/t/1", f"{ISSUER}/t/1/{openid}")
    assert authorization_server_urls(f"{ISSUER}/t/1") == inserted_and_appended
    assert authorization_server_urls(f"{ISSUER}/t/1/") == inserted_and_appended


@pytest.mark.parametrize("issuer", ["http://p.example", "https://p.example/?a", "https://p.example/#a", "p.example"])
def test_an_issuer_that_may_not_be_called_is_refused(issuer: str) -> None:
    assert code_of(authorization_server_urls, issuer) == "issuer_refused"
    assert code_of(judge_authorization_server, server(issuer=issuer), issuer) == "issuer_refused"


def test_good_metadata_becomes_a_provider() -> None:
    answer = server(
        token_endpoint_auth_methods_supported=["none"],
        scopes_supported=["read", "offline_access"],
        authorization_response_iss_parameter_supported=True,
        client_id_metadata_document_supported=True,
    )
    assert judge_authorization_server(answer, ISSUER) == Provider(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        registration_endpoint=f"{ISSUER}/register",
        revocation_endpoint=f"{ISSUER}/revoke",
        token_auth_methods=("none",),
        scopes_supported=("read", "offline_access"),
        iss_supported=True,
        iss_required=False,
        client_metadata_documents=True,
    )


@requirement("attack:B1")
@requirement("mcp:D6")
@pytest.mark.parametrize(
    "issuer",
    [f"{ISSUER}/", "https://PROVIDER.example", f"{ISSUER}:443", "https://provider%2eexample", "", None, [ISSUER]],
)
def test_an_issuer_that_is_not_identical_is_another_one(issuer: object) -> None:
    assert code_of(judge_authorization_server, server(issuer=issuer), ISSUER) == "issuer_mismatch"


@requirement("attack:A13")
@requirement("mcp:A1")
@pytest.mark.parametrize("methods", [None, [], ["plain"], "S256", ["s256"], [["S256"]], {"S256": True}])
def test_without_s256_in_the_metadata_we_stop(methods: object) -> None:
    answer = server(code_challenge_methods_supported=methods)
    assert code_of(judge_authorization_server, answer, ISSUER) == "pkce_unsupported"
    assert judge_authorization_server(answer, ISSUER, pkce_vouched=True).issuer == ISSUER


TREACHEROUS_ENDPOINTS = [
    "javascript:alert(1)",
    "data:text/html,x",
    "http://provider.example/authorize",
    "//provider.example/authorize",
    "/authorize",
    "https://user@provider.example/authorize",
    "https://provider.example/authorize#x",
    "https://provider.example/authorize\r\nSet-Cookie: a=b",
    "https://provider.example\\@evil.example/",
    "",
    7,
]


@requirement("attack:A17")
@requirement("mcp:A7")
@pytest.mark.parametrize("url", TREACHEROUS_ENDPOINTS, ids=repr)
@pytest.mark.parametrize("name", ["authorization", "token", "registration", "revocation"])
def test_an_endpoint_that_is_no_safe_url_is_refused(name: str, url: object) -> None:
    answer = server(**{f"{name}_endpoint": url})
    assert code_of(judge_authorization_server, answer, ISSUER) == f"{name}_endpoint_refused"


@requirement("attack:A17")
@pytest.mark.parametrize(
    "query",
    [
        "state=x",
        "a=1&client_id=x",
        "redirect_uri",
        "STATE=x",
        "st%61te=x",
        "state%20=x",
        "+state=x",
        "state%5B%5D=x",
        "redirect.uri=x",
        "a=1;state=x",
        "code_challenge_method=plain",
        "resource=x",
        "request_uri=x",
    ],
)
def test_an_authorization_endpoint_that_sets_a_parameter_of_ours_is_refused(query: str) -> None:
    answer = server(authorization_endpoint=f"{ISSUER}/authorize?{query}")
    assert code_of(judge_authorization_server, answer, ISSUER) == "authorization_endpoint_refused"


def test_a_harmless_query_of_the_authorization_endpoint_is_kept() -> None:
    endpoint = f"{ISSUER}/authorize?tenant=7&substate=x"
    assert (
        judge_authorization_server(server(authorization_endpoint=endpoint), ISSUER).authorization_endpoint == endpoint
    )


@pytest.mark.parametrize("name", ["authorization", "token"])
def test_an_endpoint_that_we_need_may_not_be_missing(name: str) -> None:
    answer = server(**{f"{name}_endpoint": None})
    assert code_of(judge_authorization_server, answer, ISSUER) == f"{name}_endpoint_refused"


def test_http_endpoints_on_this_machine_are_for_development_alone() -> None:
    issuer = "http://127.0.0.1:8403"
    local = {name: str(value).replace(ISSUER, issuer) for name, value in METADATA.items() if isinstance(value, str)}
    answer = server(**local)
    assert judge_authorization_server(answer, issuer, loopback=True).token_endpoint == f"{issuer}/token"
    assert code_of(judge_authorization_server, answer, issuer) == "issuer_refused"


# Mix-up: a malicious server names an honest one's endpoint beside its own

HONEST, EVIL = "https://honest.example", "https://evil.example"
MIXED_UP: dict[str, Any] = {
    "issuer": EVIL,
    "authorization_endpoint": f"{HONEST}/authorize",
    "token_endpoint": f"{EVIL}/token",
    "registration_endpoint": None,
    "revocation_endpoint": None,
}


@requirement("attack:A29")
@pytest.mark.parametrize("name", ["authorization", "token", "registration", "revocation"])
def test_an_endpoint_off_the_issuers_origin_is_refused(name: str) -> None:
    answer = server(**{f"{name}_endpoint": f"{HONEST}/x"})
    assert code_of(judge_authorization_server, answer, ISSUER) == "endpoint_off_issuer"


@requirement("attack:A29")
@pytest.mark.parametrize("announced", [False, None, "true", 1])
def test_another_servers_authorization_endpoint_is_refused_at_discovery(announced: object) -> None:
    answer = server(**MIXED_UP, authorization_response_iss_parameter_supported=announced)
    assert code_of(judge_authorization_server, answer, EVIL) == "endpoint_off_issuer"


@requirement("attack:A29")
@pytest.mark.parametrize("iss", [None, HONEST], ids=["the honest server sends no iss", "it sends its own"])
def test_announcing_iss_does_not_help_who_names_another_servers_endpoint(iss: str | None) -> None:
    answer = server(**MIXED_UP, authorization_response_iss_parameter_supported=True)
    provider = judge_authorization_server(answer, EVIL)
    assert provider.iss_required
    state = Secret("s" * 43)
    pending = Pending(hashed(state.reveal()), issuer=EVIL, iss_required=provider.iss_required)
    with pytest.raises(AuthorizationRefused):
        accept_response(CallbackParameters(state, Secret("code"), iss), pending, pending.provider_key, now=0)


@requirement("attack:A29")
def test_negative_control_trusting_every_origin_lets_the_mixed_up_pair_through() -> None:
    evil = web_url(EVIL)
    assert evil is not None
    provider = read_provider(METADATA | MIXED_UP, evil, {EVIL, HONEST}, loopback=False)
    assert (provider.authorization_endpoint, provider.iss_required) == (f"{HONEST}/authorize", False)


def test_an_origin_that_our_own_data_lists_for_the_issuer_is_as_good_as_its_own() -> None:
    answer = server(token_endpoint="https://tokens.example/token")
    provider = judge_authorization_server(answer, ISSUER, known_origins={"https://tokens.example"})
    assert (provider.token_endpoint, provider.iss_required) == ("https://tokens.example/token", False)


def test_another_port_is_another_origin() -> None:
    answer = server(token_endpoint=f"{ISSUER}:8443/token")
    assert code_of(judge_authorization_server, answer, ISSUER) == "endpoint_off_issuer"


# Servers of the time before resource metadata


@requirement("mcp:D7")
def test_a_legacy_server_without_metadata_has_the_three_usual_endpoints() -> None:
    origin = "https://files.example"
    assert legacy_metadata_url(MCP) == f"{origin}/.well-known/oauth-authorization-server"
    found, provider = judge_legacy(Reply(404, {}, b""), MCP)
    assert found == Resource("", (origin,))
    assert (provider.issuer, provider.authorization_endpoint) == (origin, f"{origin}/authorize")
    assert (provider.token_endpoint, provider.registration_endpoint) == (f"{origin}/token", f"{origin}/register")


@requirement("mcp:D7")
@pytest.mark.parametrize("issuer", ["https://files.example", "https://files.example/"])
def test_a_legacy_server_is_its_own_issuer(issuer: str) -> None:
    own = {
        name: str(value).replace(ISSUER, "https://files.example") for name, value in METADATA.items() if "end" in name
    }
    found, provider = judge_legacy(server(**own, issuer=issuer), MCP)
    assert found.issuers == (provider.issuer,) == (issuer,)
    assert code_of(judge_legacy, server(**own, issuer=ISSUER), MCP) == "issuer_mismatch"


@pytest.mark.parametrize("answer", [Reply(500, {}, b""), NotSent("dns"), NoAnswer("deadline")])
def test_a_fault_is_no_sign_of_a_legacy_server(answer: Answer) -> None:
    assert code_of(judge_legacy, answer, MCP) == "server_metadata_unavailable"


def test_a_broken_rule_is_reported_before_a_fault_and_a_fault_before_a_missing_document() -> None:
    codes = ("resource_metadata_missing", "resource_metadata_unavailable", "resource_mismatch")
    missing, fault, broken = (DiscoveryFailed(code=code) for code in codes)
    assert most_telling([missing, fault, broken]) is broken
    assert most_telling([missing, fault]) is fault
    assert most_telling([missing]) is missing


VALUES = st.text() | st.integers() | st.lists(st.text())
BODIES = st.dictionaries(st.sampled_from(sorted(METADATA)), VALUES).map(json.dumps).map(str.encode)


@given(BODIES | st.binary(max_size=300))
def test_any_document_gives_a_result_or_a_typed_error(body: bytes) -> None:
    for judge in (judge_resource_metadata, judge_authorization_server, judge_legacy):
        with suppress(DiscoveryFailed):
            judge(Reply(200, {}, body), ISSUER)
