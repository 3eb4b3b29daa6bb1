"""Bodies of hostile servers, at every door that reads one: metadata, registration, tokens."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from strongroom.domain import answer_fields, discovery, json_document, registration
from strongroom.domain.http import Answer, NoAnswer, Outgoing, Reply
from tests.requirements import requirement
from tests.unit.attacks.hostile import (
    FILES,
    PLACES,
    PROVIDER,
    altered,
    answering,
    begun_with,
    heard,
    no_surprise,
    place,
    with_members,
)
from tests.unit.attacks.scenes import rows
from tests.unit.test_json_document import TREACHEROUS
from tests.weakened import weakened
from tests.world import Answered, World

TOO_DEEP = b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
BODIES = {**TREACHEROUS, "nested 30,000 deep, within the limit of bytes": TOO_DEEP}
INTERNAL = "http://169.254.169.254/latest/meta-data"


# B14: JSON that is a weapon


@requirement("attack:B14")
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_treacherous_json_ends_an_authorization_with_a_code_of_ours(where: str, body: bytes) -> None:
    world, answered = begun_with(lambda world: place(world, where, answering(body)))

    assert no_surprise(world, answered)
    assert rows(world, "provider_client") == []


@requirement("attack:B14")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_treacherous_json_for_tokens_stores_nothing_and_loses_nothing(body: bytes) -> None:
    fresh, renewing = World(), World()
    consented = fresh.consent(fresh.begin("bob", fresh.install()), "bob")
    fresh.provider.answer_next.append(answering(body))
    exchanged = fresh.complete("bob", consented)
    installation = connected(renewing)
    renewing.provider.answer_next.append(answering(body))
    looked_up = past_its_end(renewing, installation)

    assert (exchanged.status, exchanged.json["error"]) == (502, "exchange_failed")
    assert rows(fresh, "connection") == []
    assert (looked_up.status, looked_up.json["error"]) == (503, "unavailable")
    assert renewing.status("bob", installation)["status"] == "expired"
    assert fresh.journal.alarms() == renewing.journal.alarms() == []


@requirement("attack:B14")
@pytest.mark.parametrize("where", PLACES)
def test_control_without_the_limit_of_depth_the_parser_itself_breaks(where: str) -> None:
    with weakened(json_document._read, "_refuse_depth(text)", "pass"):
        world, answered = begun_with(lambda world: place(world, where, answering(TOO_DEEP)))

    assert answered.status == 500
    assert world.journal.alarms() != []


def connected(world: World) -> str:
    installation = world.install()
    world.connect("bob", installation)
    return installation


def past_its_end(world: World, installation: str) -> Answered:
    """Look up when the token is over, so that a renewal is the only hope."""
    world.clock.advance(3601)
    return world.look_up("bob", installation)


# B12: what is not sent as JSON

JSON_TYPES = (
    *("application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"),
    *("application/json ; charset=utf-8", "application/oauth-authorization-server+json", "application/problem+json"),
)
OTHER_TYPES = (
    *("text/html", "text/html; charset=utf-8", "text/plain", "application/octet-stream", "application/xml", "json"),
    *(
        "text/json",
        "application/jsonp",
        "application/x-json",
        "text/html; x=application/json",
        "",
        "application/json+x",
    ),
    *(
        "application/json, text/html",
        "text/html, application/json",
        "application /json",
        "application/+json",
        "image/png",
    ),
)
DOCUMENTS = ["resource metadata", "server metadata"]


def relabelled(where: str, *kinds: str) -> Callable[[World], None]:
    """Let a server call an honest document something else."""

    def prepare(world: World) -> None:
        honest = world.egress.routes[PLACES[where]]
        place(world, where, altered(honest, lambda answer: Reply(answer.status, {"content-type": kinds}, answer.body)))

    return prepare


@requirement("attack:B12")
@pytest.mark.parametrize("where", DOCUMENTS)
@pytest.mark.parametrize("kind", OTHER_TYPES)
def test_a_document_that_is_not_called_json_is_none_whatever_it_holds(where: str, kind: str) -> None:
    _, answered = begun_with(relabelled(where, kind))

    assert (answered.status, answered.json["error"]) == (422, f"{where.replace(' ', '_')}_unreadable")


@requirement("attack:B12")
@pytest.mark.parametrize("where", DOCUMENTS)
def test_a_document_of_two_types_is_of_none(where: str) -> None:
    _, answered = begun_with(relabelled(where, "application/json", "text/html"))

    assert answered.status == 422


@requirement("attack:B12")
@pytest.mark.parametrize("where", DOCUMENTS)
def test_control_without_the_rule_a_page_that_anybody_may_write_would_speak_for_its_host(where: str) -> None:
    with weakened(discovery._document, 'not is_json(answer.headers.get("content-type", ()))', "False"):
        _, answered = begun_with(relabelled(where, "text/html"))

    assert answered.status == 201


@pytest.mark.parametrize("where", DOCUMENTS)
@pytest.mark.parametrize("kind", JSON_TYPES)
def test_every_usual_spelling_of_json_is_taken(where: str, kind: str) -> None:
    assert begun_with(relabelled(where, kind))[1].status == 201


@pytest.mark.parametrize("where", DOCUMENTS)
def test_a_document_that_does_not_say_what_it_is_is_judged_by_what_it_holds(where: str) -> None:
    assert begun_with(relabelled(where))[1].status == 201


@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=utf-8", "text/javascript", ""])
def test_tokens_are_taken_whatever_the_provider_calls_them(kind: str) -> None:
    """Deployed token endpoints differ, and refusing a success would throw a rotated refresh token away."""
    world = World()
    relabel = altered(world.provider.honest, lambda answer: Reply(200, {"content-type": (kind,)}, answer.body))
    world.provider.answer_next += [relabel, relabel]

    installation = connected(world)

    assert past_its_end(world, installation).status == 200


@requirement("attack:B12")
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("reason", ["too_large", "encoded", "timed_out", "malformed", "broken_off"])
def test_what_the_client_cut_off_is_a_fault_like_any_other(where: str, reason: str) -> None:
    world, answered = begun_with(lambda world: place(world, where, lambda _: NoAnswer(reason)))
    _, other = begun_with(lambda world: place(world, where, answering(b"", 503)))

    assert no_surprise(world, answered)
    assert heard(answered) == heard(other)


@requirement("attack:B12")
@requirement("attack:B15")
def test_tokens_of_a_megabyte_are_cut_off_and_cost_nobody_a_connection() -> None:
    world = World()
    installation = connected(world)
    world.provider.answer_next.append(altered(world.provider.honest, with_members(access_token="x" * 1_000_000)))
    world.egress.on("POST", f"{PROVIDER}/token", limited(world.egress.routes["POST", f"{PROVIDER}/token"]))

    assert past_its_end(world, installation).status == 503
    assert world.status("bob", installation)["status"] == "expired"


def limited(behave: Callable[[Outgoing], Answer]) -> Callable[[Outgoing], Answer]:
    """Do what the guarded client does with too long an answer."""

    def behaviour(request: Outgoing) -> Answer:
        answer = behave(request)
        return NoAnswer("too_large") if isinstance(answer, Reply) and len(answer.body) > request.limit else answer

    return behaviour


# B15: answers of the token endpoint

SPOILT_TOKENS = ["", None, 7, True, ["at"], {"t": 1}, "a b", "a\r\nx-injected: 1", "a\n", "a\x00b", "é", "\ud800"]


@requirement("attack:B15")
@pytest.mark.parametrize("token", SPOILT_TOKENS, ids=repr)
def test_a_spoilt_access_token_reaches_nobody_and_ends_nothing(token: object) -> None:
    world = World()
    installation = connected(world)
    world.provider.answer_next.append(spoilt(world, access_token=token))

    looked_up = past_its_end(world, installation)

    assert (looked_up.status, looked_up.json["error"]) == (503, "unavailable")
    assert world.status("bob", installation)["status"] == "expired"


def spoilt(world: World, **members: object) -> Callable[[Outgoing], Answer]:
    def change(answer: Reply) -> Reply:
        return Reply(200, answer.headers, json.dumps(json.loads(answer.body) | members).encode())

    return altered(world.provider.honest, change)


@requirement("attack:B15")
def test_control_without_its_grammar_a_token_writes_a_header_of_its_own() -> None:
    world = World()
    installation = connected(world)
    world.provider.answer_next.append(spoilt(world, access_token="a\r\nx-injected: 1"))

    with weakened(answer_fields.token, " or not _TOKEN.fullmatch(value)", ""):
        looked_up = past_its_end(world, installation)

    assert looked_up.json["headers"]["Authorization"] == "Bearer a\r\nx-injected: 1"


@requirement("attack:B15")
@pytest.mark.parametrize("kind", ["mac", "DPoP", "N_A", 7, ["Bearer"], ""])
def test_a_token_of_another_type_is_not_sent_as_bearer(kind: object) -> None:
    world = World()
    installation = connected(world)
    world.provider.answer_next.append(spoilt(world, token_type=kind))

    assert past_its_end(world, installation).status == 503


@requirement("attack:B15")
@pytest.mark.parametrize("token", ["", None, 7, ["rt"], {}, "r\r\nt", "left out"], ids=repr)
def test_an_unusable_refresh_token_leaves_the_old_one_which_renews_again(token: object) -> None:
    world = World()
    world.provider.rotates = False
    installation = connected(world)
    members = {"refresh_token": None} if token == "left out" else {}
    change = with_members(**members) if members else None
    answer = altered(world.provider.honest, change) if change else spoilt(world, refresh_token=token)
    world.provider.answer_next.append(answer)

    first = past_its_end(world, installation)
    second = past_its_end(world, installation)

    assert (first.status, second.status) == (200, 200)
    sent = [form["refresh_token"] for form in world.provider.token_requests if form["grant_type"] == "refresh_token"]
    assert len(sent) == 2
    assert sent[0] == sent[1]


@requirement("attack:B15")
def test_control_a_renewal_that_takes_whatever_comes_would_lose_the_refresh_token() -> None:
    world = World()
    world.provider.rotates = False
    installation = connected(world)
    world.provider.answer_next.append(spoilt(world, refresh_token="r\r\nt"))

    with weakened(answer_fields.refresh_token, " or not _REFRESH_TOKEN.fullmatch(value)", ""):
        past_its_end(world, installation)

    past_its_end(world, installation)
    assert world.provider.token_requests[-1]["refresh_token"] == "r\r\nt"
    assert world.status("bob", installation)["reason"] == "refused"


@requirement("attack:B15")
@pytest.mark.parametrize(
    "scope", [{}, [], ["files"], 7, None, True, 'a"b', "a\tb", "s " * 101], ids=lambda s: repr(s)[:12]
)
def test_a_scope_of_the_wrong_form_is_not_believed(scope: object) -> None:
    world = World()
    installation = connected(world)
    world.provider.answer_next.append(spoilt(world, scope=scope))

    looked_up = past_its_end(world, installation)

    assert looked_up.json["scopes"] == (["s"] if isinstance(scope, str) and scope.startswith("s ") else ["files"])


@requirement("attack:B15")
def test_of_extra_fields_nothing_is_kept() -> None:
    world = World()
    installation = connected(world)
    extras = {"id_token": "canary", "instance_url": "https://canary.example", "team": "rivals", "expires_at": 1}
    world.provider.answer_next.append(spoilt(world, **extras))

    looked_up = past_its_end(world, installation)

    assert looked_up.status == 200
    assert "canary" not in looked_up.text + str(world.table.snapshot()) + str(world.journal.entries)


@requirement("attack:B15")
@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b'{"ok":false,"error":"invalid_grant"}', b"", b"at"])
def test_a_200_without_tokens_is_no_verdict_about_the_grant(body: bytes) -> None:
    world = World()
    installation = connected(world)
    world.provider.answer_next.append(answering(body, kind="text/html"))

    assert past_its_end(world, installation).status == 503
    assert world.status("bob", installation)["status"] == "expired"


# B4: answers of the registration endpoint


def registering(**members: object) -> tuple[World, Answered]:
    def prepare(world: World) -> None:
        honest = world.egress.routes["POST", f"{PROVIDER}/register"]
        world.egress.on("POST", f"{PROVIDER}/register", limited(altered(honest, with_members(**members))))

    return begun_with(prepare)


SPOILT_REGISTRATIONS: dict[str, tuple[dict[str, object], str]] = {
    "an added redirect URI": (
        {"redirect_uris": ["https://strongroom.example/oauth/callback/x", "https://evil.example/"]},
        "redirect_uri_rejected",
    ),
    "another redirect URI": ({"redirect_uris": ["https://evil.example/"]}, "redirect_uri_rejected"),
    "a secret of 10 KB": ({"client_secret": "x" * 10_000}, "registration_unusable"),
    "a secret of 1 MB": ({"client_secret": "x" * 1_000_000}, "registration_unavailable"),
    "a secret with a line break": ({"client_secret": "a\r\nb"}, "registration_unusable"),
    "a client id of 1 MB": ({"client_id": "x" * 1_000_000}, "registration_unavailable"),
    "a client id with a line break": ({"client_id": "a\r\nb"}, "registration_unusable"),
    "an unknown method": ({"token_endpoint_auth_method": "tls_client_auth"}, "registration_unusable"),
    "a method that is no text": ({"token_endpoint_auth_method": {"none": True}}, "registration_unusable"),
}


@requirement("attack:B4")
@pytest.mark.parametrize(("members", "code"), SPOILT_REGISTRATIONS.values(), ids=SPOILT_REGISTRATIONS.keys())
def test_a_spoilt_registration_makes_no_client(members: dict[str, object], code: str) -> None:
    world, answered = registering(**members)

    assert answered.json["error"] == code
    assert no_surprise(world, answered)
    assert rows(world, "provider_client") == []


@requirement("attack:B4")
def test_control_without_the_comparison_a_provider_adds_a_redirect_uri_to_our_client() -> None:
    with weakened(registration.judge_registration, "listed is not None and listed != [redirect_uri]", "False"):
        world, answered = registering(redirect_uris=["https://evil.example/"])

    assert answered.status == 201
    assert len(rows(world, "provider_client")) == 1


@requirement("attack:B4")
def test_no_url_of_a_registration_is_ever_fetched_or_kept() -> None:
    urls = {
        "registration_client_uri": INTERNAL,
        "jwks_uri": f"{FILES}/jwks",
        "logo_uri": "http://127.0.0.1:9001/",
        "policy_uri": INTERNAL,
        "sector_identifier_uri": f"{FILES}/sector",
    }
    world, answered = registering(**urls, registration_access_token="canary")
    assert answered.status == 201
    before = len(world.egress.sent)
    installation = str(rows(world, "installation")[0]["SK"]).partition("#")[2]
    world.connect("bob", installation)
    world.clock.advance(3100)
    world.tick()
    world.revoke("bob", installation)
    world.deliver()

    assert len(world.egress.sent) > before
    fetched = {request.url for request in world.egress.sent} | set(world.egress.dialled)
    assert fetched.isdisjoint(urls.values())
    kept = str(world.table.snapshot())
    assert not any(url in kept for url in (*urls.values(), "canary"))


@requirement("attack:B4")
def test_control_what_is_kept_of_a_registration_would_be_found() -> None:
    world, answered = registering(client_id=INTERNAL)

    assert answered.status == 201
    assert INTERNAL in str(world.table.snapshot())
