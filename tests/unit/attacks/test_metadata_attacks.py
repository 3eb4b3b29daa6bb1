"""Metadata that lies, or asks us to do without: nobody is sent anywhere, nothing is registered, nothing is stored."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from strongroom.domain import authorization_request, discovery, server_metadata
from strongroom.domain.table import Item, Key
from tests.fakes.provider import serve_mcp
from tests.requirements import requirement
from tests.unit.attacks.scenes import parameters, rows
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

PROVIDER = "https://provider.example"


def with_metadata(**metadata: Any) -> World:
    """A world whose provider writes this into its metadata; `...` takes a member out."""
    world = World()
    honest = world.provider.document
    document = {name: value for name, value in (honest() | metadata).items() if value is not ...}
    world.provider.document = lambda: document  # type: ignore[method-assign]  # it may say anything
    return world


def begins(world: World, installation: str) -> Answered:
    return world.as_user("bob", "POST", f"/v1/teams/acme/installations/{installation}/authorize", {})


def but_for_quotas(world: World) -> dict[Key, Item]:
    return {key: row for key, row in world.table.snapshot().items() if row.get("kind") != "quota"}


def refused(world: World, code: str) -> Answered:
    """Bob begins in vain: only metadata was read, nothing was stored, and there is no link to open."""
    installation = world.install()
    before, asked = but_for_quotas(world), len(world.egress.sent)
    answer = begins(world, installation)
    assert (answer.status, answer.json["error"]) == (422, code)
    sent = world.egress.sent[asked:]
    assert all(request.url == MCP_URL or "/.well-known/" in request.url for request in sent)
    assert all(request.body is None for request in sent if request.url != MCP_URL)
    assert but_for_quotas(world) == before
    assert "authorization_url" not in answer.text
    return answer


# A13: a server that does not promise PKCE

NO_S256: dict[str, Any] = {
    "left out": ...,
    "null": None,
    "empty": [],
    "plain alone": ["plain"],
    "a text": "S256",
    "a text with more": "plain S256",
    "another case": ["s256"],
    "with a space": ["S256 "],
    "a list in the list": [["S256"]],
    "an object": {"S256": True},
    "a number": 256,
    "true": True,
}
PKCE_CHECK = 'not pkce_vouched and "S256" not in texts(document, "code_challenge_methods_supported")'


@requirement("attack:A13")
@requirement("mcp:A1")
@pytest.mark.parametrize("methods", NO_S256.values(), ids=NO_S256.keys())
def test_a_provider_that_does_not_list_s256_is_refused_after_its_metadata(methods: Any) -> None:
    refused(with_metadata(code_challenge_methods_supported=methods), "pkce_unsupported")


@requirement("attack:A13")
@requirement("mcp:A1")
def test_control_without_the_check_of_s256_a_person_is_sent_to_such_a_provider() -> None:
    world = with_metadata(code_challenge_methods_supported=["plain"])
    with weakened(discovery.judge_authorization_server, PKCE_CHECK, "False"):
        assert begins(world, world.install()).status == 201
    assert rows(world, "authorization") != []
    assert world.egress.sent_to(f"{PROVIDER}/register") != []


# A17: an authorization endpoint that is a trap

TRAPS: dict[str, Any] = {
    "a script": "javascript:alert(document.domain)",
    "a script in capitals": "JaVaScRiPt:alert(1)",
    "a script behind a space": " javascript:alert(1)",
    "a script behind a line break": "java\nscript:alert(1)",
    "a script with a host": "javascript://provider.example/%0Aalert(1)",
    "data": "data:text/html,<script>alert(1)</script>",
    "a file": "file:///etc/passwd",
    "an app": "intent://provider.example/#Intent;scheme=x;end",
    "plain http": "http://provider.example/authorize",
    "http on this machine": "http://127.0.0.1/authorize",
    "no scheme": "//provider.example/authorize",
    "a path": "/authorize",
    "a user": "https://provider.example@evil.example/authorize",
    "a user of ours": "https://user:word@provider.example/authorize",
    "a fragment": "https://provider.example/authorize#@evil.example",
    "an empty fragment": "https://provider.example/authorize#",
    "a header": "https://provider.example/authorize\r\nLocation: https://evil.example",
    "an encoded line break": "https://provider.example/authorize%0d%0aLocation:%20x",
    "a tab": "https://provider.example/\tauthorize",
    "a backslash": "https://provider.example\\@evil.example/authorize",
    "a dot segment": "https://provider.example/a/../authorize",
    "a shell": "https://provider.example/$(touch${IFS}x)`id`",
    "an empty text": "",
    "a number": 7,
    "a list": ["https://provider.example/authorize"],
    "left out": ...,
}
ANY_TEXT = 'WebUrl(str(text), "https", "provider.example", 443, "/authorize", None)'


@requirement("attack:A17")
@requirement("mcp:A7")
@pytest.mark.parametrize("endpoint", TRAPS.values(), ids=TRAPS.keys())
def test_an_authorization_endpoint_that_is_a_trap_is_refused_and_shown_to_nobody(endpoint: Any) -> None:
    answer = refused(with_metadata(authorization_endpoint=endpoint), "authorization_endpoint_refused")
    assert not endpoint or str(endpoint) not in answer.text


@requirement("attack:A17")
@requirement("mcp:A7")
@pytest.mark.parametrize("endpoint", [trap for trap in TRAPS.values() if isinstance(trap, str) and trap.strip()])
def test_control_without_the_reading_of_urls_the_trap_is_what_a_person_opens(endpoint: str) -> None:
    world = with_metadata(authorization_endpoint=endpoint)
    with weakened(server_metadata._optional, "web_url(text, loopback=loopback)", ANY_TEXT):
        assert begins(world, world.install()).json["authorization_url"].startswith(f"{endpoint}?")


SMUGGLED = {
    "state": "state=evil",
    "client id": "client_id=evil",
    "redirect URI": "redirect_uri=https://evil.example/",
    "scope": "scope=everything",
    "scopes under another name": "user_scope=everything",
    "resource": "resource=https://evil.example/",
    "no challenge": "code_challenge_method=plain",
    "another challenge": "code_challenge=evil",
    "a request object": "request_uri=https://evil.example/",
    "response type": "response_type=token",
    "response mode": "response_mode=form_post",
    "without a value": "state",
    "behind a harmless one": "tenant=7&state=evil",
    "behind an empty one": "&&state=evil",
    "behind a semicolon": "tenant=7;state=evil",
    "behind an encoded name": "tenant=7&st%61te=evil",
    "encoded as a whole": "%73%74%61%74%65=evil",
    "in capitals": "STATE=evil",
    "with a space": "+state=evil",
    "with an encoded space": "state%20=evil",
    "with a tab": "%09state=evil",
    "as an array": "state[]=evil",
    "as an encoded array": "state%5B0%5D=evil",
    "with a dot for an underscore": "client.id=evil",
    "with a space for an underscore": "redirect+uri=evil",
}
FIRST_CHECK = (server_metadata.read_provider, "names_own_parameter(authorization.query)", "False")
SECOND_CHECK = (
    authorization_request.authorization_url,
    "names_own_parameter(kept) or names_own_parameter(added)",
    "False",
)


@requirement("attack:A17")
@requirement("mcp:A7")
@pytest.mark.parametrize("query", SMUGGLED.values(), ids=SMUGGLED.keys())
def test_an_authorization_endpoint_that_sets_a_parameter_of_ours_is_refused(query: str) -> None:
    code = "authorization_endpoint_refused"
    refused(with_metadata(authorization_endpoint=f"{PROVIDER}/authorize?{query}"), code)


@requirement("attack:A17")
def test_what_a_document_smuggles_past_discovery_is_refused_again_before_anybody_sees_it() -> None:
    world = with_metadata(authorization_endpoint=f"{PROVIDER}/authorize?state=evil")
    with weakened(*FIRST_CHECK):
        answer = begins(world, world.install())
    assert (answer.status, answer.json["error"]) == (422, "authorization_endpoint_refused")


@requirement("attack:A17")
@requirement("mcp:A7")
@pytest.mark.parametrize("name", ["state", "client_id", "redirect_uri", "code_challenge_method"])
def test_control_without_either_check_a_provider_reads_the_smuggled_parameter_first(name: str) -> None:
    world = with_metadata(authorization_endpoint=f"{PROVIDER}/authorize?{name}=evil")
    with weakened(*FIRST_CHECK), weakened(*SECOND_CHECK):
        url = begins(world, world.install()).json["authorization_url"]
    assert next(value for key, value in parse_qsl(urlsplit(url).query) if key == name) == "evil"


@requirement("mcp:A7")
def test_a_harmless_query_of_the_endpoint_is_kept_to_the_letter_and_ours_follow() -> None:
    world = with_metadata(authorization_endpoint=f"{PROVIDER}/authorize?tenant=a%2Fb&substate=x&flag")
    url = begins(world, world.install()).json["authorization_url"]
    assert url.startswith(f"{PROVIDER}/authorize?tenant=a%2Fb&substate=x&flag&response_type=code&")
    assert parameters(url)["state"] not in {"", "x"}


# B1: documents that speak of somebody else

RESOURCES = [
    "https://evil.example/mcp",
    "https://files.example.evil.example/mcp",
    "https://files.example/mc",
    "https://files.example/mcp/deeper",
    "https://files.example:8443/mcp",
    "http://files.example/mcp",
    "https://files.example/mcp?tenant=1",
]


def naming_resource(resource: str) -> World:
    world = World()
    serve_mcp(world.egress, MCP_URL, world.provider.issuer, resource)
    return world


@requirement("attack:B1")
@requirement("mcp:D3")
@pytest.mark.parametrize("resource", RESOURCES)
def test_metadata_of_another_resource_is_not_used(resource: str) -> None:
    world = naming_resource(resource)
    refused(world, "resource_mismatch")
    assert not [request for request in world.egress.sent if request.url.startswith(PROVIDER)]


@requirement("attack:B1")
@requirement("mcp:D3")
def test_control_without_the_check_of_the_resource_a_token_for_another_server_is_asked_for() -> None:
    world = naming_resource("https://evil.example/mcp")
    with weakened(discovery.judge_resource_metadata, "named is None or not _speaks_for(named, mcp)", "named is None"):
        url = begins(world, world.install()).json["authorization_url"]
    assert parameters(url)["resource"] == "https://evil.example/mcp"


ISSUERS = [
    "https://evil.example",
    f"{PROVIDER}/",
    "https://PROVIDER.example",
    f"{PROVIDER}:443",
    f"{PROVIDER}/tenant",
    "https://provider%2Eexample",
    f" {PROVIDER}",
    "",
    ...,
    [PROVIDER],
]
ISSUER_CHECK = 'document.get("issuer") != issuer'


@requirement("attack:B1")
@requirement("mcp:D6")
@pytest.mark.parametrize("issuer", ISSUERS)
def test_metadata_of_another_issuer_is_not_used(issuer: Any) -> None:
    refused(with_metadata(issuer=issuer), "issuer_mismatch")


@requirement("attack:B1")
@requirement("mcp:D6")
@pytest.mark.parametrize("issuer", ISSUERS)
def test_control_without_the_check_of_the_issuer_the_document_is_believed(issuer: Any) -> None:
    world = with_metadata(issuer=issuer)
    with weakened(discovery.judge_authorization_server, ISSUER_CHECK, "False"):
        assert begins(world, world.install()).status == 201
