"""A provider that an admin enters by hand: its client alone, or everything."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from strongroom.domain import keys
from strongroom.domain.catalog import Asking, Authenticating, CatalogEntry
from strongroom.flows import register
from tests.fakes.egress import replying
from tests.requirements import requirement
from tests.unit.attacks.scenes import records, rows
from tests.unit.entered import (
    CLIENT,
    DRAFT,
    ENDPOINTS,
    PROVIDER,
    SECRET,
    TOKEN_URL,
    asked,
    begins,
    everything_sent,
    install,
    installed,
    key_of,
    proof,
    provider,
    registered,
    whole_provider,
    with_catalog,
    without_discovery,
)
from tests.unit.renewals import Scene
from tests.weakened import weakened
from tests.world import MCP_URL, World

CALLBACK = f"https://strongroom.example/oauth/callback/{key_of()}"
OTHER = "https://tokens.example"


def a_day(world: World, installation: str) -> list[tuple[str, str | None, str | None]]:
    """Connect, renew and revoke, and give how the client proved itself each time."""
    world.connect("bob", installation)
    scene = Scene(world, installation)
    scene.renew()
    assert scene.works()
    assert world.revoke("bob", installation).status == 200
    world.clock.advance(60)
    world.tick()
    assert world.provider.revoked != []
    sent = [request for request in world.egress.sent if request.url in (TOKEN_URL, ENDPOINTS["revocation"])]
    return [proof(request) for request in sent]


# -- a client that is registered already


@requirement("mcp:R1")
def test_a_pre_registered_client_comes_before_a_metadata_document_and_a_registration() -> None:
    world = World()
    world.provider.metadata |= {"client_id_metadata_document_supported": True}
    installation = installed(world, provider())
    begun = begins(world, installation)
    assert (asked(begun)["client_id"], asked(begun)["redirect_uri"]) == (["entered-client"], [CALLBACK])
    assert {*a_day(world, installation)} == {(f"entered-client:{SECRET}", None, None)}
    assert world.egress.sent_to(f"{PROVIDER}/register") == []


@requirement("mcp:R1")
def test_control_without_that_order_another_client_is_made() -> None:
    world = World()
    installation = installed(world, provider())
    with weakened(register.client_for, "entered is not None", "False"):
        assert asked(begins(world, installation))["client_id"] != ["entered-client"]
    assert world.egress.sent_to(f"{PROVIDER}/register") != []


def test_it_serves_a_provider_that_registers_nobody() -> None:
    world = World()
    world.provider.metadata |= {"registration_endpoint": None}
    assert begins(world, world.install(name="By itself")).json["error"] == "registration_unsupported"
    assert begins(world, installed(world, provider())).status == 201


@pytest.mark.parametrize("endpoints", [None, ENDPOINTS], ids=["discovered", "entered"])
@pytest.mark.parametrize(
    ("client", "shown"),
    [
        ({"client_id": "c"}, ("", "c", None)),
        ({"client_id": "c", "auth_method": "none"}, ("", "c", None)),
        ({"client_id": "c", "client_secret": "s"}, ("c:s", None, None)),
        ({"client_id": "c", "client_secret": "s", "auth_method": "client_secret_basic"}, ("c:s", None, None)),
        ({"client_id": "c", "client_secret": "s", "auth_method": "client_secret_post"}, ("", "c", "s")),
        ({"client_id": "c c", "client_secret": "a:b%"}, ("c+c:a%3Ab%25", None, None)),
    ],
)
def test_the_client_proves_itself_as_the_admin_says(
    client: dict[str, Any], shown: tuple[Any, ...], endpoints: dict[str, str] | None
) -> None:
    world = World()
    installation = installed(world, provider(client=client, endpoints=endpoints))
    assert {*a_day(world, installation)} == {shown}


@pytest.mark.parametrize(
    ("methods", "client", "shown"),
    [
        (("client_secret_post",), CLIENT, ("", "entered-client", SECRET)),
        (("none", "client_secret_post"), CLIENT, ("", "entered-client", SECRET)),
        (("private_key_jwt",), CLIENT, (f"entered-client:{SECRET}", None, None)),
        (
            ("client_secret_post",),
            {**CLIENT, "auth_method": "client_secret_basic"},
            (f"entered-client:{SECRET}", None, None),
        ),
        (("client_secret_post",), {"client_id": "c"}, ("", "c", None)),
    ],
)
def test_the_catalogs_method_comes_first_unless_the_admin_chose(
    methods: Any, client: dict[str, Any], shown: tuple[Any, ...]
) -> None:
    entry = CatalogEntry("Provider", issuers=(PROVIDER,), authenticating=Authenticating(methods=methods))
    world = with_catalog(World(), entry)
    registered(world, client, "client_secret_post" if shown[2] else None)
    assert {*a_day(world, installed(world, provider(client=client)))} == {shown}


# -- everything by hand


def test_with_everything_entered_nothing_is_discovered_and_all_works() -> None:
    world = without_discovery()
    installation = installed(world, whole_provider(), scopes=["files"])
    assert world.egress.sent == []
    assert {*a_day(world, installation)} == {(f"entered-client:{SECRET}", None, None)}
    assert {request.url for request in world.egress.sent} == {TOKEN_URL, ENDPOINTS["revocation"]}


@requirement("mcp:A2")
def test_the_resource_is_the_mcp_servers_own_url() -> None:
    world = without_discovery()
    installation = installed(world, whole_provider())
    assert asked(begins(world, installation))["resource"] == [MCP_URL]
    world.connect("bob", installation)
    Scene(world, installation).renew()
    assert [form["resource"] for form in world.provider.token_requests] == [MCP_URL, MCP_URL]


@requirement("mcp:A2")
def test_a_provider_that_is_known_to_refuse_the_resource_is_not_sent_it() -> None:
    entry = CatalogEntry("Provider", origins=(PROVIDER,), asking=Asking(resource=False))
    world = with_catalog(without_discovery(), entry)
    installation = installed(world, whole_provider())
    assert "resource" not in asked(begins(world, installation))
    world.connect("bob", installation)
    assert "resource" not in world.provider.token_requests[0]


def test_what_the_admin_adds_is_added_to_the_authorization_request_alone() -> None:
    world = World()
    endpoints = {**ENDPOINTS, "authorization": f"{PROVIDER}/authorize?tenant=7"}
    entered = whole_provider(endpoints=endpoints, parameters={"audience": "api & more", "prompt": "consent"})
    installation = installed(world, entered)
    begun = begins(world, installation)
    assert (asked(begun)["tenant"], asked(begun)["audience"], asked(begun)["prompt"]) == (
        ["7"],
        ["api & more"],
        ["consent"],
    )
    world.connect("bob", installation)
    assert "audience" not in world.provider.token_requests[0]


def test_parameters_go_with_a_discovered_endpoint_too() -> None:
    world = World()
    assert asked(begins(world, installed(world, provider(parameters={"prompt": "consent"}))))["prompt"] == ["consent"]


def test_without_an_issuer_the_origin_of_the_authorization_endpoint_stands_for_it() -> None:
    world = without_discovery()
    answer = install(world, whole_provider(issuer=...))
    assert answer.json["provider"]["issuer"] == PROVIDER
    world.connect("bob", answer.json["installation"])


@requirement("attack:A11")
@pytest.mark.parametrize(("entered", "status"), [(..., 400), (PROVIDER, 400), (f"{PROVIDER}/tenant", 303)])
def test_a_provider_that_calls_itself_otherwise_is_refused_until_the_admin_enters_its_name(
    entered: Any, status: int
) -> None:
    world = without_discovery()
    world.provider.issuer = f"{PROVIDER}/tenant"
    begun = world.begin("bob", installed(world, whole_provider(issuer=entered)))
    assert world.browse(world.provider.consent(begun.url, "bob")).status == status


def test_scopes_of_the_challenge_are_fetched_by_one_knock() -> None:
    world = without_discovery()
    begun = begins(world, installed(world, whole_provider()))
    assert asked(begun)["scope"] == ["files"]
    assert [request.url for request in world.egress.sent] == [MCP_URL]


@pytest.mark.parametrize("answer", [replying(200), replying(401), replying(500), replying(404)])
def test_a_knock_that_says_nothing_of_scopes_stops_nobody(answer: Any) -> None:
    world = without_discovery()
    world.egress.on("POST", MCP_URL, answer)
    begun = begins(world, installed(world, whole_provider()))
    assert begun.status == 201
    assert "scope" not in asked(begun)


@pytest.mark.parametrize("silence", ["unreachable", "silent", "internal"])
def test_a_server_that_does_not_answer_the_knock_stops_nobody(silence: str) -> None:
    world = without_discovery()
    getattr(world.egress, silence).add("files.example")
    before = world.clock.now()
    assert begins(world, installed(world, whole_provider())).status == 201
    assert world.clock.now() - before == 5


def test_entered_scopes_need_no_knock() -> None:
    world = without_discovery()
    assert asked(begins(world, installed(world, whole_provider(), scopes=["mail"])))["scope"] == ["mail"]
    assert world.egress.sent == []


# -- the draft


def test_the_callback_is_that_of_the_draft_and_serves_once() -> None:
    world = World()
    installation = installed(world, provider())
    assert asked(begins(world, installation))["redirect_uri"] == [CALLBACK]
    before = world.table.snapshot()
    again = install(world, provider(), name="Again")
    assert (again.status, again.json["error"]) == (409, "draft_used")
    assert world.table.snapshot() == before


def test_a_taken_name_uses_up_no_draft() -> None:
    world = World()
    world.install()
    assert install(world, provider()).json["error"] == "name_taken"
    assert install(world, provider(), name="Another").status == 201


def test_the_client_belongs_to_its_installation_alone() -> None:
    world = World()
    own, another = installed(world, provider()), world.install(name="Another")
    assert asked(begins(world, own))["client_id"] == ["entered-client"]
    assert asked(begins(world, another))["client_id"] != ["entered-client"]
    assert asked(begins(world, another))["redirect_uri"] != [CALLBACK]


# -- what is kept and shown


def test_the_secret_is_sealed_and_nowhere_else() -> None:
    world = World()
    answer = install(world, provider())
    (row,) = rows(world, "provider_client")
    assert (row["PK"], row["SK"]) == (keys.provider_client(key_of(), 1).pk, "K#00000001")
    assert (row["source"], row["state"], row["auth_method"]) == ("by_hand", "live", "client_secret_basic")
    assert isinstance(row["client_secret"], bytes)
    assert SECRET not in repr(world.table.snapshot())
    assert SECRET not in answer.text + repr(world.journal.entries)
    assert everything_sent(world) == ""


def test_a_secret_that_cannot_be_sealed_installs_nothing() -> None:
    world = World()
    world.keys.disabled = True
    before = world.table.snapshot()
    assert install(world, provider()).status == 503
    assert world.table.snapshot() == before


def test_without_a_secret_no_key_is_asked_for_and_listing_asks_for_none() -> None:
    world = World()
    installation = installed(world, provider(client={"client_id": "c"}))
    world.as_user("bob", "GET", "/v1/teams/acme/installations")
    world.as_user("bob", "GET", f"/v1/teams/acme/installations/{installation}")
    assert world.keys.requests == []


@pytest.mark.parametrize("user", ["alice", "bob"])
def test_everybody_sees_where_tokens_go_and_nobody_the_secret(user: str) -> None:
    world = World()
    entered = whole_provider(parameters={"audience": "files", "prompt": "login"}, pkce_unlisted=True)
    installation = installed(world, entered, scopes=["files", "mail"])
    one = world.as_user(user, "GET", f"/v1/teams/acme/installations/{installation}")
    everything = world.as_user(user, "GET", "/v1/teams/acme/installations")
    assert one.json == everything.json["installations"][0]
    assert one.json["scopes"] == ["files", "mail"]
    secret = {"set": True, "rotated_at": None, "previous_until": None}
    seen_by_admins = {"client_secret": secret, "callback_url": CALLBACK}
    assert one.json["provider"] == {
        "issuer": PROVIDER,
        "authorization_host": "provider.example",
        "token_host": "provider.example",
        "client_id": "entered-client",
        "parameters": {"audience": "files", "prompt": "login"},
        "pkce_unlisted": True,
        "registration": "by_hand",
        "scopes": [],
        "entered": True,
        **(seen_by_admins if user == "alice" else {}),
    }
    assert SECRET not in one.text + everything.text


def test_what_is_discovered_is_not_shown_as_entered() -> None:
    world = World()
    plain = world.as_user("bob", "GET", f"/v1/teams/acme/installations/{world.install(name='Plain')}").json
    assert (plain["provider"], plain["scopes"]) == (None, [])
    shown = install(world, provider()).json["provider"]
    assert (shown["authorization_host"], shown["token_host"]) == (None, None)


def test_before_the_click_all_hosts_are_shown() -> None:
    world = without_discovery()
    endpoints = {"authorization": f"{PROVIDER}/authorize", "token": f"{OTHER}/token"}
    begun = begins(world, installed(world, whole_provider(endpoints=endpoints, iss=True), scopes=["files"])).json
    assert (begun["mcp_host"], begun["provider_host"], begun["token_host"]) == (
        "files.example",
        "provider.example",
        "tokens.example",
    )
    assert begun["scopes"] == ["files"]


def test_before_the_click_all_that_an_admin_has_added_is_shown() -> None:
    world = World()
    added = {"audience": "https://payroll.example/api", "prompt": "login"}
    begun = begins(world, installed(world, provider(parameters=added, pkce_unlisted=True))).json
    plain = begins(world, world.install(name="Plain")).json
    assert (begun["parameters"], begun["pkce_unlisted"]) == (added, True)
    assert (plain["parameters"], plain["pkce_unlisted"]) == ({}, False)


def test_it_is_written_down_who_chose_where_tokens_go() -> None:
    world = World()
    added = {"audience": "https://payroll.example/?a&b", "prompt": "login"}
    installed(world, whole_provider(pkce_unlisted=True, parameters=added), scopes=["files", "mail"])
    (told,) = records(world, "installed")
    assert dict(parse_qsl(str(told["parameters"]))) == added
    assert {name: told[name] for name in ("by", "issuer", "client_id", "scopes", "pkce_unlisted")} == {
        "by": "alice",
        "issuer": PROVIDER,
        "client_id": "entered-client",
        "scopes": "files mail",
        "pkce_unlisted": True,
    }
    assert {told[f"{name}_endpoint"] for name in ENDPOINTS} == {*ENDPOINTS.values()}


# -- what is refused


@pytest.mark.parametrize("user", ["bob", "mallory"])
def test_only_an_admin_of_the_team_enters_anything(user: str) -> None:
    world = World()
    before = world.table.snapshot()
    assert install(world, provider(), user).status in (403, 404)
    assert (world.table.snapshot(), world.keys.requests) == (before, [])


FORMS: dict[str, dict[str, Any]] = {
    "no draft": {"draft": ...},
    "a draft of another form": {"draft": "A" * 20},
    "a draft with a line break": {"draft": "a" * 20 + "\n"},
    "no client": {"client": ...},
    "no client id": {"client": {"client_secret": SECRET}},
    "an empty client id": {"client": {"client_id": "", "client_secret": SECRET}},
    "a client id with a line break": {"client": {"client_id": "c\n", "client_secret": SECRET}},
    "an empty secret": {"client": {"client_id": "c", "client_secret": ""}},
    "a secret with a control character": {"client": {"client_id": "c", "client_secret": f"{SECRET}\x00"}},
    "a secret that is a number": {"client": {"client_id": "c", "client_secret": 7}},
    "a secret that is not used": {"client": {**CLIENT, "auth_method": "none"}},
    "no secret for a method that uses one": {"client": {"client_id": "c", "auth_method": "client_secret_post"}},
    "a method that is not entered": {"client": {**CLIENT, "auth_method": "private_key_jwt"}},
    "a member that does not belong there": {"provider_key": key_of()},
    "a member of the client that does not belong there": {"client": {**CLIENT, "redirect_uri": CALLBACK}},
    "neither issuer nor endpoints": {"issuer": ...},
    "one endpoint": {"endpoints": {"token": TOKEN_URL}},
    "a switch that is a text": {"iss": "true"},
    "too many parameters": {"parameters": {f"p{number}": "x" for number in range(21)}},
    "a long parameter": {"parameters": {"p": "x" * 513}},
    "a parameter that does not print": {"parameters": {"p": "a\x07"}},
    "a parameter beyond ASCII": {"parameters": {"p": "é"}},
    "a parameter of an odd name": {"parameters": {"p&state": "x"}},
    "a parameter that is no text": {"parameters": {"p": 1}},
}


@requirement("invariant:I10")
@pytest.mark.parametrize("changed", FORMS.values(), ids=FORMS.keys())
def test_what_is_not_of_its_form_is_refused_and_not_repeated(changed: dict[str, Any]) -> None:
    world = World()
    before = world.table.snapshot()
    answer = install(world, provider(**changed))
    assert (answer.status, answer.json["error"] in ("invalid_request", "unknown_field")) == (400, True)
    assert SECRET not in answer.text + repr(world.journal.entries)
    assert world.table.snapshot() == before


@pytest.mark.parametrize(
    "scopes",
    [
        ["a", "a"],
        ["a b"],
        [""],
        ['a"'],
        ["a\\"],
        ["é"],
        "a",
        [1],
        [f"s{n}" for n in range(101)],
        ["s" * 500 + str(n) for n in range(9)],
    ],
)
def test_scopes_that_are_none_are_refused(scopes: Any) -> None:
    assert install(World(), None, scopes=scopes).json["error"] == "invalid_request"


def test_the_most_of_everything_is_taken() -> None:
    world = World()
    entered = provider(parameters={f"p{number}": "x" * 512 for number in range(20)})
    assert install(world, entered, scopes=[f"s{number}" for number in range(100)]).status == 201


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an issuer over http": ({"issuer": "http://provider.example"}, "issuer_refused"),
    "an issuer with a query": ({"issuer": f"{PROVIDER}?x=1"}, "issuer_refused"),
    "an issuer that is no URL": ({"issuer": "provider"}, "issuer_refused"),
    "an authorization endpoint over http": (
        {"authorization": "http://provider.example/a"},
        "authorization_endpoint_refused",
    ),
    "an authorization endpoint that is a script": (
        {"authorization": "javascript:alert(1)"},
        "authorization_endpoint_refused",
    ),
    "an authorization endpoint with a user": (
        {"authorization": "https://u@provider.example/"},
        "authorization_endpoint_refused",
    ),
    "an authorization endpoint with a fragment": (
        {"authorization": f"{PROVIDER}/a#b"},
        "authorization_endpoint_refused",
    ),
    "a token endpoint at an internal address": ({"token": "https://10.0.0.1/token"}, "token_endpoint_refused"),
    "a token endpoint at our own host": ({"token": "https://strongroom.example/t"}, "token_endpoint_refused"),
    "a token endpoint at another port": ({"token": "https://provider.example:22/"}, "token_endpoint_refused"),
    "a token endpoint on loopback": ({"token": "http://127.0.0.1:8080/token"}, "token_endpoint_refused"),
    "a revocation endpoint over http": ({"revocation": "http://provider.example/r"}, "revocation_endpoint_refused"),
    "a token endpoint elsewhere": ({"token": f"{OTHER}/token"}, "endpoint_off_issuer"),
    "a revocation endpoint elsewhere": ({"revocation": f"{OTHER}/revoke"}, "endpoint_off_issuer"),
}


@requirement("attack:A17")
@requirement("attack:B5")
@pytest.mark.parametrize(("changed", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_place_where_tokens_may_not_go_is_refused(changed: dict[str, str], code: str) -> None:
    world = World()
    before = world.table.snapshot()
    endpoints = {**ENDPOINTS, **{name: url for name, url in changed.items() if name in ENDPOINTS}}
    answer = install(world, whole_provider(endpoints=endpoints, issuer=changed.get("issuer", PROVIDER)))
    assert (answer.status, answer.json["error"]) == (422, code)
    assert (world.table.snapshot(), world.egress.sent, world.keys.requests) == (before, [], [])


def test_on_a_developers_machine_loopback_may_be_entered() -> None:
    world = World(loopback=True)
    here = "http://127.0.0.1:8403"
    endpoints = {"authorization": f"{here}/authorize", "token": f"{here}/token"}
    assert install(world, whole_provider(issuer=here, endpoints=endpoints)).status == 201


def test_endpoints_that_the_operator_vouches_for_may_lie_apart() -> None:
    endpoints = {"authorization": f"{PROVIDER}/a", "token": f"{OTHER}/t", "revocation": f"{OTHER}/r"}
    world = without_discovery(endpoint_origins=((PROVIDER, OTHER),))
    installation = installed(world, whole_provider(endpoints=endpoints), scopes=["files"])
    back = world.provider.consent(world.begin("bob", installation).url, "bob")
    assert world.browse(back.replace("iss=https%3A%2F%2Fprovider.example&", "")).status == 303
    elsewhere = {**endpoints, "token": "https://third.example/t"}
    assert install(world, whole_provider(endpoints=elsewhere, draft="b" * 20), name="B").status == 422


def test_an_issuer_is_kept_as_its_own_metadata_writes_it() -> None:
    entry = CatalogEntry(
        "Provider", issuers=(PROVIDER,), origins=(PROVIDER,), issuer_aliases={f"{PROVIDER}/": PROVIDER}
    )
    world = with_catalog(World(), entry)
    answer = install(world, provider(issuer=f"{PROVIDER}/"))
    assert answer.json["provider"]["issuer"] == PROVIDER
    assert begins(world, answer.json["installation"]).status == 201


def test_endpoints_that_the_catalog_knows_as_one_providers_may_lie_apart() -> None:
    entry = CatalogEntry("Provider", issuers=(PROVIDER,), origins=(PROVIDER, OTHER))
    endpoints = {"authorization": f"{PROVIDER}/a", "token": f"{OTHER}/t", "revocation": f"{OTHER}/r"}
    for world, status in ((World(), 422), (with_catalog(World(), entry), 201)):
        assert install(world, whole_provider(endpoints=endpoints)).status == status


def test_a_draft_is_no_key_of_its_own() -> None:
    assert DRAFT not in key_of()
    assert key_of("acme") != key_of("rivals")


@requirement("attack:A11")
@pytest.mark.parametrize(("iss", "status"), [(True, 400), (False, 303)])
def test_an_admins_word_that_the_provider_names_itself_counts_where_its_metadata_does_not_say_so(
    iss: bool, status: int
) -> None:
    world = World()
    world.provider.metadata |= {"authorization_response_iss_parameter_supported": False}
    begun = world.begin("bob", installed(world, provider(iss=iss)))
    assert world.browse(world.provider.consent(begun.url, "bob")).status == status


def test_the_callback_that_the_probe_shows_is_the_one_that_is_used() -> None:
    world = World()
    shown = world.as_user("alice", "POST", "/v1/teams/acme/probe", {"url": MCP_URL}).json
    installation = installed(world, provider(draft=shown["draft"]))
    assert asked(begins(world, installation))["redirect_uri"] == [shown["callback_url"]]
