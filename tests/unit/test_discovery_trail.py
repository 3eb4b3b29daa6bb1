"""From a 401 to a provider, as servers make the trail: what is asked of whom, in which order, and what is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.domain import challenge, discovery
from strongroom.domain.http import Outgoing, Reply
from tests.fakes.egress import replying
from tests.requirements import requirement
from tests.unit.attacks.scenes import parameters
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

ELSEWHERE = "https://files.example/about/this"
USUAL = "https://files.example/.well-known/oauth-protected-resource"


def begins(world: World) -> Answered:
    return world.as_user("bob", "POST", f"/v1/teams/acme/installations/{world.install()}/authorize", {})


def asked_scope(world: World) -> str:
    answer = begins(world)
    assert answer.status == 201, answer.text
    return parameters(answer.json["authorization_url"]).get("scope", "")


def gets(world: World) -> list[str]:
    return [request.url for request in world.egress.sent if request.method == "GET"]


def document(body: object, status: int = 200) -> Any:
    return replying(status, json.dumps(body).encode(), content_type="application/json")


# D1: the challenge


def challenging(*values: str) -> World:
    """The MCP server sends these headers with its 401; its metadata lies at a place that only a challenge names, and
    lists `usual`; at the well-known place there is the same."""
    world = World()
    world.egress.on("POST", MCP_URL, lambda _: Reply(401, {"www-authenticate": values}, b""))
    metadata = {"resource": MCP_URL, "authorization_servers": [world.provider.issuer], "scopes_supported": ["usual"]}
    world.egress.on("GET", ELSEWHERE, document(metadata))
    world.egress.on("GET", f"{USUAL}/mcp", document(metadata))
    return world


ASKED = {
    "plain": (['Bearer scope="read"'], "read"),
    "several in one header": (['Basic realm="x", charset="UTF-8", Bearer scope="read", DPoP algs="ES256"'], "read"),
    "over several headers": (['Basic realm="x"', 'DPoP algs="ES256"', 'Bearer scope="read"'], "read"),
    "a broken header before it": (['Basic realm="never closed', 'Bearer scope="read"'], "read"),
    "any case": (['bEARER sCoPe="read"'], "read"),
    "behind a token68": (["Negotiate YWJj==, Bearer scope=read"], "read"),
    "a comma in a text": (['Bearer realm="a, Bearer scope=admin", scope="read"'], "read"),
    "an escaped quote": (['Bearer realm="\\", scope=\\"admin", scope="read"'], "read"),
    "a scope in a text": (['Bearer error_description="use scope=admin", scope="read"'], "read"),
    "a scope in a text, and none": (['Bearer error_description="use scope=admin"'], "usual"),
    "a scope in the realm of another": (['Basic realm="scope=admin", Bearer scope="read"'], "read"),
    "another parameter that ends like it": (['Bearer x-scope="admin", scope="read"'], "read"),
    "another scheme that begins like it": (['BearerX scope="admin", Bearer scope="read"'], "read"),
    "twice": (['Bearer scope="read", scope="admin"'], "usual"),
    "twice in another case": (['Bearer scope="read", SCOPE="admin"'], "usual"),
    "an empty one": (['Bearer scope=""'], "usual"),
    "none": (["Bearer"], "usual"),
    "no challenge": ([], "usual"),
}


@requirement("mcp:D1")
@requirement("mcp:A3")
@pytest.mark.parametrize(("values", "scope"), ASKED.values(), ids=ASKED.keys())
def test_the_scopes_that_a_person_is_asked_for_are_those_of_the_bearer_challenge(values: list[str], scope: str) -> None:
    assert asked_scope(challenging(*values)) == scope


PLACES = {
    "plain": [f'Bearer resource_metadata="{ELSEWHERE}"'],
    "any case": [f'bearer Resource_Metadata="{ELSEWHERE}"'],
    "an escape in it": [f'Bearer resource_metadata="{ELSEWHERE.replace("about", chr(92) + "about")}"'],
    "beside another in a text": [
        f'Bearer realm="resource_metadata=\\"https://evil.example/\\"", resource_metadata="{ELSEWHERE}"'
    ],
    "in the second header": [
        'Basic resource_metadata="https://evil.example/"',
        f'Bearer resource_metadata="{ELSEWHERE}"',
    ],
    "in the second Bearer challenge": [f'Bearer realm="x", Bearer resource_metadata="{ELSEWHERE}"'],
}


@requirement("mcp:D1")
@requirement("mcp:D2")
@pytest.mark.parametrize("values", PLACES.values(), ids=PLACES.keys())
def test_the_metadata_is_read_where_the_bearer_challenge_says(values: list[str]) -> None:
    world = challenging(*values)
    assert begins(world).status == 201
    assert gets(world)[0] == ELSEWHERE
    assert f"{USUAL}/mcp" not in gets(world)


# Where each rule of the grammar is left out, the same header leads elsewhere

SEARCHED = 'scope_list((re.findall(r"scope=([a-z]+)", " ".join(parameters.values())) or [""])[0]) or ()'
CONTROLS: dict[str, tuple[Any, str, str, list[str], str]] = {
    "a search in the texts": (
        challenge._bearer,
        'scope_list(parameters.get("scope")) or ()',
        SEARCHED,
        ['Bearer error_description="use scope=admin", scope="read"'],
        "admin",
    ),
    "the last of two": (
        challenge._challenges,
        " if len(dict(pairs)) == len(pairs)",
        "",
        ['Bearer scope="read", scope="admin"'],
        "admin",
    ),
    "any scheme": (
        challenge.bearer_challenge,
        'if scheme == "bearer"',
        "",
        ['BearerX scope="admin", Bearer scope="read"'],
        "admin",
    ),
    "schemes by their case": (challenge._Reader.challenges, ".lower()", "", ['bEARER scope="read"'], "usual"),
    "names by their case": (
        challenge._Reader._parameter,
        "name[0].lower()",
        "name[0]",
        ['Bearer SCOPE="read"'],
        "usual",
    ),
    "the first header alone": (
        challenge._challenges,
        "for value in values:",
        "for value in values[:1]:",
        ['Basic realm="x"', 'Bearer scope="read"'],
        "usual",
    ),
    "the first challenge alone": (
        challenge._Reader.challenges,
        "while self._at < len(self._text):",
        "while self._at < len(self._text) and not found:",
        ['Basic realm="x", Bearer scope="read"'],
        "usual",
    ),
    "no escapes": (
        challenge._Reader._value,
        're.sub(r"\\\\(.)", r"\\1", quoted[1], flags=re.DOTALL)',
        "quoted[1]",
        ['Bearer scope="re\\ad"'],
        "usual",
    ),
}


@requirement("mcp:D1")
@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_control_without_a_rule_of_the_grammar_the_same_header_asks_for_something_else(control: Any) -> None:
    function, rule, without, values, scope = control
    assert asked_scope(challenging(*values)) != scope
    with weakened(function, rule, without):
        assert asked_scope(challenging(*values)) == scope


# D2: the places of resource metadata


def hiding(*places: str) -> World:
    """The resource metadata is found at these places alone; the challenge names none."""
    world = challenging("Bearer")
    metadata = {"resource": MCP_URL, "authorization_servers": [world.provider.issuer]}
    for place in (ELSEWHERE, f"{USUAL}/mcp"):
        world.egress.on("GET", place, replying(404))
    for place in places:
        world.egress.on("GET", place, document(metadata))
    return world


@requirement("mcp:D2")
def test_resource_metadata_is_looked_for_at_the_path_and_then_at_the_root() -> None:
    world = hiding(USUAL)
    assert begins(world).status == 201
    assert gets(world)[:2] == [f"{USUAL}/mcp", USUAL]


@requirement("mcp:D2")
def test_control_without_the_root_a_server_that_keeps_its_metadata_there_is_not_found() -> None:
    world = hiding(USUAL)
    with weakened(discovery.resource_metadata_urls, ', f"{mcp.origin}{RESOURCE_METADATA}")', ",)"):
        assert begins(world).status == 422


# D5, D6: the places of the authorization server's metadata

TENANT = "https://provider.example/tenant"
OAUTH, OPENID = ".well-known/oauth-authorization-server", ".well-known/openid-configuration"
PLACES_OF: dict[str, list[str]] = {
    "https://provider.example": [f"https://provider.example/{OAUTH}", f"https://provider.example/{OPENID}"],
    TENANT: [
        f"https://provider.example/{OAUTH}/tenant",
        f"https://provider.example/{OPENID}/tenant",
        f"{TENANT}/{OPENID}",
    ],
    f"{TENANT}/": [
        f"https://provider.example/{OAUTH}/tenant",
        f"https://provider.example/{OPENID}/tenant",
        f"{TENANT}/{OPENID}",
    ],
}
EACH_PLACE = [(issuer, at) for issuer, places in PLACES_OF.items() for at in range(len(places))]


def serving_at(issuer: str, place: str, before: Any = None) -> World:
    """The provider of this issuer keeps its document there; at every other place there is `before`, or nothing."""
    world = hiding(f"{USUAL}/mcp")
    metadata = {"resource": MCP_URL, "authorization_servers": [issuer]}
    world.egress.on("GET", f"{USUAL}/mcp", document(metadata))
    good = {**world.provider.document(), "issuer": issuer}
    for other in PLACES_OF[issuer]:
        world.egress.on("GET", other, before or replying(404))
    world.egress.on("GET", place, document(good))
    return world


def other_issuer(request: Outgoing) -> Reply:
    evil = World().provider.document() | {"issuer": "https://evil.example"}
    return Reply(200, {"content-type": ("application/json",)}, json.dumps(evil).encode())


UNUSABLE = {
    "another issuer's": other_issuer,
    "a fault": replying(500),
    "a page": replying(200, b"<html>", content_type="text/html"),
    "a closed door": replying(401),
    "nothing": replying(204),
    "half of it": replying(200, b'{"issuer":', content_type="application/json"),
}


@requirement("mcp:D5")
@pytest.mark.parametrize(("issuer", "at"), EACH_PLACE)
def test_the_places_of_an_issuer_are_asked_in_order_until_one_has_the_document(issuer: str, at: int) -> None:
    places = PLACES_OF[issuer]
    world = serving_at(issuer, places[at])
    assert begins(world).status == 201
    assert gets(world)[1:] == places[: at + 1]


@requirement("mcp:D5")
@requirement("mcp:D6")
@pytest.mark.parametrize(("issuer", "at"), EACH_PLACE)
@pytest.mark.parametrize("before", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_document_that_cannot_be_used_is_passed_over(issuer: str, at: int, before: Any) -> None:
    world = serving_at(issuer, PLACES_OF[issuer][at], before)
    answer = begins(world)
    assert answer.status == 201
    assert answer.json["authorization_url"].startswith("https://provider.example/authorize?")


@requirement("mcp:D6")
@pytest.mark.parametrize("named", [f"{TENANT}/", "https://provider.example", "https://PROVIDER.example/tenant"])
def test_what_looks_like_the_same_issuer_is_another_one(named: str) -> None:
    world = serving_at(TENANT, PLACES_OF[TENANT][0])
    for place in PLACES_OF[TENANT]:
        world.egress.on("GET", place, document({**world.provider.document(), "issuer": named}))
    answer = begins(world)
    assert (answer.status, answer.json["error"]) == (422, "issuer_mismatch")


@requirement("mcp:D5")
def test_control_without_the_appended_place_an_issuer_that_keeps_it_there_is_not_found() -> None:
    world = serving_at(TENANT, PLACES_OF[TENANT][2])
    with weakened(
        discovery.authorization_server_urls, '(*inserted, f"{url.origin}{path}{OPENID_METADATA}")', "inserted"
    ):
        assert begins(world).status == 422


@requirement("mcp:D6")
def test_control_without_the_check_of_the_issuer_the_first_document_is_believed() -> None:
    world = serving_at(TENANT, PLACES_OF[TENANT][1], other_issuer)
    with weakened(discovery.judge_authorization_server, 'document.get("issuer") != issuer', "False"):
        assert begins(world).status == 201
    assert gets(world)[1:] == PLACES_OF[TENANT][:1]
