"""What may be entered by hand is where tokens go: what an admin, a provider or a neighbour might make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.aws.bodies import InstallBody, parsed
from strongroom.domain import authorization_request, by_hand_rules, own_parameters, provider
from strongroom.domain.catalog import Asking, CatalogEntry
from strongroom.domain.http import Reply
from strongroom.flows import discover, entering, locate, register
from strongroom.flows.install import Wanted
from tests.fakes.provider import FakeProvider
from tests.requirements import requirement
from tests.unit.attacks.scenes import account_behind, given_to_the_browser, rows
from tests.unit.entered import (
    CLIENT,
    ENDPOINTS,
    PROVIDER,
    SECRET,
    asked,
    begins,
    everything_sent,
    installed,
    key_of,
    moved,
    whole_provider,
    with_catalog,
    without_discovery,
)
from tests.unit.entered import (
    install as installs,
)
from tests.unit.entered import (
    provider as a_client,
)
from tests.weakened import weakened
from tests.world import MCP_URL, World

EVIL = "https://evil.example"
APART = {"authorization": f"{PROVIDER}/authorize", "token": f"{EVIL}/token"}


# A13: an explicit opt-out of one check, by one admin, for one installation


def without_s256() -> World:
    world = World()
    world.provider.metadata |= {"code_challenge_methods_supported": None}
    return world


@requirement("attack:A13")
@requirement("mcp:A1")
def test_an_admin_may_vouch_for_s256_and_it_is_used_all_the_same() -> None:
    world = without_s256()
    installation = installed(world, a_client(pkce_unlisted=True))
    begun = begins(world, installation)
    assert (asked(begun)["code_challenge_method"], len(asked(begun)["code_challenge"][0])) == (["S256"], 43)
    world.connect("bob", installation)
    assert len(world.provider.token_requests[0]["code_verifier"]) >= 43


@requirement("attack:A13")
@requirement("mcp:A1")
def test_a_client_alone_vouches_for_nothing_and_neither_does_a_neighbours_word() -> None:
    world = without_s256()
    installed(world, a_client(pkce_unlisted=True), name="Vouched")
    plain = installed(world, a_client(draft="b" * 20), name="Plain")
    for installation in (plain, world.install(name="By itself")):
        assert begins(world, installation).json["error"] == "pkce_unsupported"


@requirement("attack:A13")
def test_control_a_vouch_that_everybody_has_sends_people_to_such_a_provider() -> None:
    world = without_s256()
    plain = installed(world, a_client())
    with weakened(locate.locate, "pkce_vouched=entered.pkce_unlisted", "pkce_vouched=True"):
        assert begins(world, plain).status == 201


@requirement("attack:A13")
def test_a_word_for_one_issuer_is_none_for_another() -> None:
    world = World()
    evil = FakeProvider(world.clock, issuer=EVIL, metadata={"code_challenge_methods_supported": None})
    evil.serve(world.egress)
    installation = installed(world, a_client(pkce_unlisted=True))
    moved(world, EVIL)
    assert begins(world, installation).json["error"] == "client_of_another_issuer"


# The resource moves to another authorization server: the client that was entered goes nowhere else


def moved_to_evil() -> tuple[World, str, FakeProvider]:
    world = World()
    evil = FakeProvider(world.clock, issuer=EVIL)
    evil.serve(world.egress)
    installation = installed(world, a_client())
    moved(world, EVIL)
    return world, installation, evil


ASKS_NO_OTHER = (discover._Search.issuers, "self.issuer is None", "True")
USES_IT_NOWHERE_ELSE = (register._entered, "kept is None or kept.issuer != provider.issuer", "kept is None")


def credentials_at(world: World, origin: str) -> list[str]:
    sent = [request for request in world.egress.sent if request.url.startswith(origin)]
    return [str(request.url) for request in sent if request.headers.get("authorization") is not None]


@requirement("invariant:I12")
@requirement("mcp:R3")
def test_a_client_that_was_entered_is_used_at_its_own_issuer_alone() -> None:
    world, installation, _ = moved_to_evil()
    refused = begins(world, installation)
    assert (refused.status, refused.json["error"]) == (422, "client_of_another_issuer")
    assert (rows(world, "authorization"), "authorization_url" in refused.text) == ([], False)
    assert "entered-client" not in everything_sent(world)
    assert SECRET not in everything_sent(world)


@requirement("mcp:R1")
@requirement("mcp:D4")
def test_of_several_issuers_the_one_that_the_client_was_entered_for_is_asked() -> None:
    world = World()
    FakeProvider(world.clock, issuer=EVIL).serve(world.egress)
    metadata = MCP_URL.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    document = {"resource": MCP_URL, "authorization_servers": [EVIL, world.provider.issuer]}
    body = json.dumps(document).encode()
    world.egress.on("GET", metadata, lambda _: Reply(200, {"content-type": ("application/json",)}, body))
    installation = installed(world, a_client())
    world.connect("bob", installation)
    assert not any(request.url.startswith(EVIL) for request in world.egress.sent)


@requirement("invariant:I12")
@requirement("mcp:R3")
def test_each_of_two_rules_keeps_it_there() -> None:
    for function, defence, without in (ASKS_NO_OTHER, USES_IT_NOWHERE_ELSE):
        world, installation, _ = moved_to_evil()
        with weakened(function, defence, without):
            assert begins(world, installation).json["error"] == "client_of_another_issuer"


@requirement("invariant:I12")
@requirement("mcp:R3")
def test_control_without_both_rules_its_secret_goes_to_whoever_the_server_names() -> None:
    world, installation, evil = moved_to_evil()
    with weakened(*ASKS_NO_OTHER), weakened(*USES_IT_NOWHERE_ELSE):
        begun = world.begin("bob", installation)
    world.complete("bob", consented(world, evil, begun.url))
    assert credentials_at(world, EVIL) == [f"{EVIL}/token"]


def consented(world: World, by: FakeProvider, url: str) -> Any:
    return given_to_the_browser(world.browse(by.consent(url, "bob")))


@requirement("attack:A31")
@pytest.mark.parametrize("entered", [a_client(), whole_provider()], ids=["discovered", "entered"])
def test_a_move_leaves_connections_that_stand_as_they_are(entered: dict[str, Any]) -> None:
    world = World()
    installation = installed(world, entered)
    world.connect("bob", installation)
    moved(world, EVIL)
    assert account_behind(world, "bob", installation) == "bob"


# A10, A31: a draft is a part of the callback, and belongs to a team


@requirement("attack:A10")
@requirement("attack:A31")
def test_another_teams_draft_gives_another_callback_and_another_client() -> None:
    world = World()
    theirs = installed(world, a_client(client={"client_id": "mallorys"}), user="mallory", team="rivals")
    ours = installed(world, a_client())
    assert [row["provider_key"] for row in rows(world, "provider_client")] == [key_of("rivals"), key_of("acme")]
    assert asked(begins(world, theirs, "mallory", "rivals"))["redirect_uri"][0].endswith(key_of("rivals"))
    assert asked(begins(world, ours))["redirect_uri"][0].endswith(key_of("acme"))
    assert key_of("rivals") != key_of("acme")


@requirement("attack:A10")
@requirement("attack:A31")
def test_control_without_the_team_in_the_key_a_neighbour_takes_the_callback_and_the_client_over() -> None:
    world = World()
    with weakened(provider.drafted_key, '"drafted-key-1", team, draft', '"drafted-key-1", draft'):
        taken = installed(world, a_client(client={"client_id": "mallorys"}), user="mallory", team="rivals")
        assert installs(world, a_client()).json["error"] == "draft_used"
        assert key_of("rivals") == key_of("acme")
        begun = begins(world, taken, "mallory", "rivals")
    assert asked(begun)["redirect_uri"][0].endswith(rows(world, "provider_client")[0]["provider_key"])  # type: ignore[arg-type]


@requirement("attack:A31")
def test_a_draft_that_was_used_cannot_change_the_client_behind_an_installation() -> None:
    world = World()
    installation = installed(world, a_client())
    before = rows(world, "provider_client")
    assert installs(world, a_client(client={"client_id": "another"}), name="Again").json["error"] == "draft_used"
    assert rows(world, "provider_client") == before
    assert asked(begins(world, installation))["client_id"] == ["entered-client"]


@requirement("attack:A31")
def test_control_without_the_condition_a_second_use_replaces_the_client() -> None:
    world = World()
    installation = installed(world, a_client())
    with weakened(entering._row_of, "require=Missing()", "require=None"):
        assert installs(world, a_client(client={"client_id": "another"}), name="Again").status == 201
    assert asked(begins(world, installation))["client_id"] == ["another"]


# A29: two endpoints of two parties


def answers_without_iss(world: World, url: str) -> int:
    back = world.provider.consent(url, "bob")
    return world.browse(back.replace("iss=https%3A%2F%2Fprovider.example&", "")).status


@requirement("attack:A29")
def test_endpoints_apart_are_refused_unless_the_provider_names_itself() -> None:
    world = World()
    for entered in (
        whole_provider(endpoints=APART),
        whole_provider(endpoints=APART, issuer=...),
        whole_provider(endpoints=APART, issuer=..., iss=True),
        whole_provider(endpoints=APART, issuer=EVIL),
    ):
        assert installs(world, entered).json["error"] == "endpoint_off_issuer"
    assert rows(world, "installation") == []


@requirement("attack:A29")
def test_control_without_that_rule_a_code_of_one_goes_to_the_other() -> None:
    world = without_discovery()
    with weakened(by_hand_rules.needs_proof, "apart and not", "False and not"):
        installation = installed(world, whole_provider(endpoints=APART), scopes=["files"])
        begun = world.begin("bob", installation)
    assert answers_without_iss(world, begun.url) == 303


@requirement("attack:A29")
@requirement("attack:A11")
def test_endpoints_apart_need_a_matching_iss_in_every_answer() -> None:
    for iss, status in ((PROVIDER, 303), (EVIL, 400), (None, 400)):
        world = without_discovery()
        begun = world.begin("bob", installed(world, whole_provider(endpoints=APART, iss=True), scopes=["files"]))
        world.provider.issuer = iss or PROVIDER
        back = world.provider.consent(begun.url, "bob")
        sent = back if iss else back.replace("iss=https%3A%2F%2Fprovider.example&", "")
        assert world.browse(sent).status == status


@requirement("attack:A29")
def test_a_catalog_that_no_longer_knows_the_pair_asks_for_iss() -> None:
    entry = CatalogEntry("Provider", issuers=(PROVIDER,), origins=(PROVIDER, EVIL))
    world = with_catalog(without_discovery(), entry)
    installation = installed(world, whole_provider(endpoints=APART), scopes=["files"])
    assert answers_without_iss(world, world.begin("bob", installation).url) == 303
    with_catalog(world)
    assert answers_without_iss(world, world.begin("bob", installation).url) == 400


@requirement("attack:A29")
def test_a_revocation_endpoint_is_no_third_place_even_for_who_names_itself() -> None:
    endpoints = {**APART, "revocation": "https://third.example/revoke"}
    assert installs(World(), whole_provider(endpoints=endpoints, iss=True)).json["error"] == "endpoint_off_issuer"


# A17: parameters that are ours to set

SMUGGLED = (
    "state",
    "client_id",
    "redirect_uri",
    "scope",
    "resource",
    "code_challenge",
    "code_challenge_method",
    "response_type",
    "response_mode",
    "request",
    "request_uri",
    "authorization_details",
    "nonce",
    "iss",
)
LENIENT = ("State", "STATE", "redirect.uri", "redirect_URI")


@requirement("attack:A17")
@pytest.mark.parametrize("name", [*SMUGGLED, *LENIENT])
def test_no_added_parameter_is_one_of_ours(name: str) -> None:
    world = World()
    answer = installs(world, whole_provider(parameters={"prompt": "consent", name: "x"}))
    assert (answer.status, answer.json["error"]) == (400, "parameter_refused")
    assert (rows(world, "installation"), rows(world, "provider_client")) == ([], [])


@requirement("attack:A17")
@requirement("mcp:A7")
@pytest.mark.parametrize(
    "query",
    [
        *(f"{name}=x" for name in (*SMUGGLED, *LENIENT)),
        "a=b;state=x",
        "st%61te=x",
        "%20state=x",
        "state[]=x",
        "a=%0d%0ax",
        "a=%00",
        "a=%C3%A9",
        "&".join(f"p{number}=x" for number in range(21)),
        "a=" + "x" * 513,
    ],
)
def test_no_authorization_endpoint_brings_one_of_ours_along(query: str) -> None:
    endpoints = {**ENDPOINTS, "authorization": f"{PROVIDER}/authorize?{query}"}
    answer = installs(World(), whole_provider(endpoints=endpoints))
    assert (answer.status, answer.json["error"]) == (422, "authorization_endpoint_refused")


@requirement("attack:A17")
def test_control_without_both_checks_an_added_parameter_replaces_what_we_send() -> None:
    world = without_discovery()
    naming = "names_own_parameter(urlencode(accepted.parameters, quote_via=quote))"
    again = "names_own_parameter(kept) or names_own_parameter(added)"
    entered = whole_provider(parameters={"redirect_uri": f"{EVIL}/callback"})
    with weakened(by_hand_rules.accept, naming, "False"):
        installation = installed(world, entered, scopes=["files"])
        assert begins(world, installation).json["error"] == "authorization_endpoint_refused"
        with weakened(authorization_request.authorization_url, again, "False"):
            begun = begins(world, installation)
    assert asked(begun)["redirect_uri"][0] == f"{EVIL}/callback"


SCOPES_BY_OTHER_NAMES = (
    "user_scope",
    "User.Scope",
    "optional_scope",
    "bot_scopes",
    "include_granted_scopes",
    "SCOPE",
    "x-scope-x",
)


@requirement("attack:A17")
@requirement("attack:B20")
@pytest.mark.parametrize("name", SCOPES_BY_OTHER_NAMES)
def test_no_scopes_are_smuggled_past_the_ceiling_under_another_name(name: str) -> None:
    for entered in (a_client(parameters={name: "admin"}), whole_provider(parameters={"prompt": "none", name: "admin"})):
        answer = installs(World(), entered, scopes=["files"])
        assert (answer.status, answer.json["error"]) == (400, "parameter_refused")
    for query in (f"{name}=admin", f"a=b&{name}=admin", f"a=b;{name}", f"us{name.replace('s', '%73')}=admin"):
        endpoints = {**ENDPOINTS, "authorization": f"{PROVIDER}/authorize?{query}"}
        answer = installs(World(), whole_provider(endpoints=endpoints), scopes=["files"])
        assert answer.json["error"] == "authorization_endpoint_refused"


@requirement("attack:A17")
@requirement("attack:B20")
@pytest.mark.parametrize(
    "query", ["u%53er_%73%63ope=x", "+user_scope=x", "scope[]=x", "more[user_scope]=x", "scope%5B%5D=x"]
)
def test_no_spelling_that_a_lenient_server_reads_as_scopes_is_added(query: str) -> None:
    endpoints = {**ENDPOINTS, "authorization": f"{PROVIDER}/authorize?{query}"}
    refused = installs(World(), whole_provider(endpoints=endpoints), scopes=["files"])
    assert refused.json["error"] == "authorization_endpoint_refused"


@requirement("attack:A17")
@requirement("attack:B20")
def test_under_the_providers_own_name_for_scopes_stands_what_is_shown() -> None:
    world = with_own_scope_name()
    begun = begins(world, installed(world, a_client(parameters={"prompt": "login"}), scopes=["files"]))
    assert (asked(begun)["user_scope"], begun.json["scopes"]) == (["files"], ["files"])


@requirement("attack:A17")
@requirement("attack:B20")
def test_control_without_the_word_more_is_asked_for_than_anybody_is_shown() -> None:
    world = with_own_scope_name()
    with weakened(own_parameters.names_own_parameter, '"scope" in name or ', ""):
        installation = installed(world, a_client(parameters={"user_scope": "admin"}), scopes=["files"])
        begun = begins(world, installation)
    assert (asked(begun)["user_scope"], begun.json["scopes"]) == (["admin", "files"], ["files"])


def with_own_scope_name() -> World:
    entry = CatalogEntry("Provider", issuers=(PROVIDER,), asking=Asking(scope_parameter="user_scope"))
    return with_catalog(World(), entry)


# I10, I12: where the secret may be


@requirement("invariant:I10")
def test_what_was_entered_does_not_print() -> None:
    body = parsed(InstallBody, {"name": "Files", "url": "https://files.example/", "provider": a_client()})
    assert body.provider is not None
    wanted = Wanted(body.name, body.url, provider=body.provider.entered())
    assert SECRET not in repr(body) + str(body) + repr(body.provider.entered()) + repr(wanted)


@requirement("attack:C8")
@requirement("attack:D8")
def test_installing_uses_keys_of_installations_alone() -> None:
    world = World()
    installed(world, a_client())
    assert {context["purpose"] for _, context in world.keys.requests} == {"installation"}


@requirement("attack:C2")
def test_a_secret_that_was_moved_to_another_draft_does_not_open() -> None:
    world = World()
    own = installed(world, a_client())
    installed(world, a_client(draft="b" * 20, client={**CLIENT, "client_secret": "another"}), name="Other")
    one, other = rows(world, "provider_client")
    world.table.place({**one, "client_secret": other["client_secret"]})
    world.ports = world.new_environment()
    assert begins(world, own).json["error"] == "integrity_error"
