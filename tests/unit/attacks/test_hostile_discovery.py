"""Servers that use discovery against others: as a port scanner, as an amplifier, to inflate scopes, to poison tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest

from strongroom.domain import discovery, scope, sealing
from strongroom.domain.http import NoAnswer, NotSent, Outgoing, Reply
from tests.fakes.provider import FakeProvider, serve_mcp
from tests.requirements import requirement
from tests.unit.attacks.hostile import (
    FILES,
    PROVIDER,
    RESOURCE_METADATA,
    SERVER_METADATA,
    altered,
    answering,
    begun_with,
    challenging,
    counting,
    heard,
    place,
    tries,
    with_members,
)
from tests.unit.attacks.scenes import parameters, rows
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

ELSEWHERE = "https://target.example"
SERVERS = 1_000


# B17: nobody maps a network by asking

Fate = Callable[[World, str], object]
FATES: dict[str, Fate] = {
    "an internal address": lambda world, host: world.egress.internal.add(host),
    "a closed port": lambda world, host: world.egress.unreachable.add(host),
    "silence": lambda world, host: world.egress.silent.add(host),
    "a name without an address": lambda world, host: forget(world, host),
    "a bad certificate": lambda world, host: every(world, host, lambda _: NotSent("tls_failed")),
    "no HTTP": lambda world, host: every(world, host, lambda _: NoAnswer("malformed")),
    "too much": lambda world, host: every(world, host, lambda _: NoAnswer("too_large")),
    "500": lambda world, host: every(world, host, answering(b"canary", 500)),
    "502 with a page": lambda world, host: every(world, host, answering(b"<p>canary 10.0.0.7", 502, "text/html")),
    "a redirect inwards": lambda world, host: every(world, host, answering(b"", 302, location="https://10.0.0.1/")),
}
HOSTS = {"the MCP server": "files.example", "the provider": "provider.example"}


def every(world: World, host: str, behaviour: Callable[[Outgoing], Reply | NotSent | NoAnswer]) -> None:
    """Let everything at a host have the same fate."""
    for method, url in list(world.egress.routes):
        if url.startswith(f"https://{host}/"):
            world.egress.on(method, url, behaviour)
    if host == "provider.example":
        world.egress.on("GET", f"{PROVIDER}/.well-known/openid-configuration", behaviour)


def forget(world: World, host: str) -> None:
    for method, url in list(world.egress.routes):
        if url.startswith(f"https://{host}/"):
            del world.egress.routes[method, url]


def under(fate: str, host: str) -> Answered:
    return begun_with(lambda world: FATES[fate](world, host))[1]


@requirement("attack:B17")
@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
def test_whatever_keeps_a_host_from_answering_the_caller_hears_the_same(host: str) -> None:
    answers = {fate: under(fate, host) for fate in FATES}

    assert {answer.status for answer in answers.values()} == {422}
    assert len({heard(answer) for answer in answers.values()}) == 1, answers
    assert not any(word in answer.text for answer in answers.values() for word in ("canary", "10.0.0", host))


@requirement("attack:B17")
def test_control_a_code_that_holds_the_reason_would_tell_the_fates_apart() -> None:
    with weakened(discovery._document, 'code=f"{what}_unavailable"', 'code=f"{what}_{answer}"[:60]'):
        answers = {heard(under(fate, "provider.example")) for fate in FATES}

    assert len(answers) > 3


@requirement("attack:B17")
@pytest.mark.parametrize("fate", [fate for fate in FATES if fate != "a redirect inwards"])
def test_a_challenge_that_points_at_a_target_tells_nothing_of_it(fate: str) -> None:
    """The metadata URL of a challenge may lie anywhere; what the server itself says decides what the caller hears."""

    def pointing(world: World) -> None:
        world.egress.on("GET", f"{ELSEWHERE}/x", answering(b"canary", 500))
        world.egress.on("POST", MCP_URL, challenging("files", f"{ELSEWHERE}/x"))
        FATES[fate](world, "target.example")

    _, answered = begun_with(pointing)

    assert answered.status == 201


@requirement("attack:B17")
@pytest.mark.parametrize("body", [b"canary", b'{"resource": "canary"}', b'{"canary": 1}'])
@pytest.mark.parametrize("where", ["resource metadata", "server metadata"])
def test_nothing_of_a_document_is_repeated_to_anybody(where: str, body: bytes) -> None:
    world, answered = begun_with(lambda world: place(world, where, answering(body, canary="canary")))

    assert answered.status == 422
    left = answered.text + str(answered.headers) + str(world.journal.entries) + str(world.table.snapshot())
    assert "canary" not in left


# B19: little is sent, however much is listed


def listing(*servers: str) -> Callable[[World], None]:
    document = {"resource": MCP_URL, "authorization_servers": list(servers)}
    return lambda world: place(world, "resource metadata", answering(document))


THOUSAND = [f"https://p{number}.example/tenant" for number in range(SERVERS)]


def asked_by(prepare: Callable[[World], object]) -> tuple[Answered, list[Outgoing]]:
    world = World()
    installation = world.install()
    prepare(world)
    counted = counting(world)
    return tries(world, installation), counted.asked


@requirement("attack:B19")
@requirement("invariant:I13")
def test_of_a_thousand_authorization_servers_at_most_three_are_asked_and_ten_questions_in_all() -> None:
    answered, asked = asked_by(listing(*THOUSAND))

    assert answered.status == 422
    assert len(asked) <= 10
    assert {request.url.partition("/.well")[0] for request in asked} <= {
        MCP_URL,
        FILES,
        *(f"https://p{number}.example" for number in range(3)),
        *(f"https://p{number}.example/tenant" for number in range(3)),
    }


@requirement("attack:B19")
def test_control_without_the_limit_of_servers_more_than_three_would_be_asked() -> None:
    short = [f"https://p{number}.example" for number in range(SERVERS)]

    def answering_them_all(world: World) -> None:
        listing(*short)(world)
        for server in short:  # nobody is waited for, so that the limit of time is no second defence
            world.egress.on("GET", f"{server}/", answering(b""))

    with weakened(discovery.judge_resource_metadata, "[:MOST_ISSUERS]", ""):
        _, asked = asked_by(answering_them_all)

    assert len({request.url.split("/")[2] for request in asked}) > 4


@requirement("attack:B19")
def test_a_good_server_among_the_first_three_is_found_behind_dead_ones() -> None:
    answered, asked = asked_by(listing("https://p1.example", "https://p2.example", PROVIDER, *THOUSAND))

    assert answered.status == 201
    assert len(asked) <= 10


@requirement("attack:B19")
@requirement("invariant:I13")
def test_redirects_count_among_the_ten_requests() -> None:
    """A server that sends every question on three times before it says no uses us as a multiplier."""
    world = World()
    installation = world.install()
    listing(*(f"{ELSEWHERE}/{tenant}" for tenant in "abc"))(world)
    for tenant in "abc":
        for path in (
            f".well-known/oauth-authorization-server/{tenant}",
            f".well-known/openid-configuration/{tenant}",
            f"{tenant}/.well-known/openid-configuration",
        ):
            stops = [f"{ELSEWHERE}/{path}", *(f"{ELSEWHERE}/{path}/{hop}" for hop in range(3))]
            for here, there in pairwise(stops):
                world.egress.on("GET", here, answering(b"", 302, location=there))
    tries(world, installation)

    assert len(world.egress.sent) <= 10


@requirement("attack:B19")
@requirement("attack:B13")
@requirement("invariant:I13")
def test_a_discovery_ends_after_fifteen_seconds_however_slow_each_answer_is() -> None:
    world = World()
    installation = world.install()
    listing(*THOUSAND)(world)
    started, honest = world.clock.now(), dict(world.egress.routes)

    def slowly(behave: Callable[[Outgoing], object]) -> Callable[[Outgoing], Reply | NoAnswer]:
        def behaviour(request: Outgoing) -> Reply | NoAnswer:
            world.clock.advance(request.within)
            answer = behave(request)
            return answer if isinstance(answer, Reply) else NoAnswer("timed_out")

        return behaviour

    for (method, url), behave in honest.items():
        world.egress.on(method, url, slowly(behave))
    for number in range(3):
        for path in ("oauth-authorization-server/tenant", "openid-configuration/tenant"):
            url = f"https://p{number}.example/.well-known/{path}"
            world.egress.on("GET", url, slowly(lambda _: NoAnswer("timed_out")))
    answered = tries(world, installation)

    assert answered.status == 422
    assert world.clock.now() - started <= 15


@requirement("attack:B19")
@pytest.mark.parametrize("count", [0, 1, 50])
def test_a_document_of_nonsense_servers_sends_nothing_to_any_of_them(count: int) -> None:
    nonsense = ["http://p.example", "javascript:x", "https://user@p.example", "https://p.example/?x", "//p.example", ""]

    answered, asked = asked_by(listing(*(nonsense * count)))

    assert answered.json["error"] == "authorization_server_missing"
    assert not any("p.example" in request.url for request in asked)


# B5: endpoints inside, named by a server that is outside

INSIDE = "https://inside.example"


def with_an_endpoint_inside(name: str, *, internal: bool) -> World:
    """The provider names an endpoint at a host whose address is not public, and announces `iss` so that it may."""
    world = World()
    honest = world.egress.routes["POST", f"{PROVIDER}/{name}"]
    world.provider.metadata[{"revoke": "revocation", "register": "registration"}.get(name, name) + "_endpoint"] = (
        f"{INSIDE}/{name}"
    )
    world.egress.on("POST", f"{INSIDE}/{name}", honest)
    if internal:
        world.egress.internal.add("inside.example")
    return world


def lived_through(world: World) -> list[str]:
    """Begin, consent, complete and revoke as far as it goes; give what reached the host inside."""
    installation = world.install()
    begun = tries(world, installation)
    if begun.status == 201:
        consented = world.consent(world.begin("bob", installation), "bob")
        assert world.complete("bob", consented).status in {200, 502}
        world.revoke("bob", installation)
        world.deliver()
    return [request.url for request in world.egress.sent if request.url.startswith(INSIDE)]


@requirement("attack:B5")
@requirement("invariant:I13")
@pytest.mark.parametrize("name", ["token", "register", "revoke"])
def test_an_endpoint_inside_is_never_called(name: str) -> None:
    assert lived_through(with_an_endpoint_inside(name, internal=True)) == []


@requirement("attack:B5")
@pytest.mark.parametrize("name", ["token", "register", "revoke"])
def test_control_at_a_public_address_the_same_endpoint_is_called(name: str) -> None:
    assert f"{INSIDE}/{name}" in lived_through(with_an_endpoint_inside(name, internal=False))


# B20: scopes

ADMIN = "admin:* files"
FIVE_HUNDRED = " ".join(f"scope{number}" for number in range(500))


@requirement("attack:B20")
def test_what_a_challenge_asks_for_is_shown_before_anybody_consents() -> None:
    _, answered = begun_with(lambda world: world.egress.on("POST", MCP_URL, challenging(ADMIN)))

    assert answered.json["scopes"] == ["admin:*", "files"]
    assert parameters(answered.json["authorization_url"])["scope"] == ADMIN


@requirement("attack:B20")
def test_a_challenge_for_five_hundred_scopes_counts_for_nothing() -> None:
    _, answered = begun_with(lambda world: world.egress.on("POST", MCP_URL, challenging(FIVE_HUNDRED)))

    assert answered.json["scopes"] == ["files"]


@requirement("attack:B20")
def test_control_without_the_limit_all_five_hundred_would_be_asked_for() -> None:
    with weakened(scope.are_few, 'len(scopes) <= MOST and len(" ".join(scopes)) <= LONGEST', "True"):
        _, answered = begun_with(lambda world: world.egress.on("POST", MCP_URL, challenging(FIVE_HUNDRED)))

    assert len(answered.json["scopes"]) == 500


def granted(text: object) -> tuple[World, str]:
    """Bob asked for `files` and `write`; the provider says that it gave this."""
    world = World()
    world.egress.on("POST", MCP_URL, challenging("files write"))
    world.provider.answer_next.append(altered(world.provider.honest, with_members(scope=text)))
    installation = world.install()
    world.connect("bob", installation)
    return world, installation


@requirement("attack:B20")
@pytest.mark.parametrize(
    ("text", "scopes", "missing"),
    [
        ("files write admin:* mail", ["files", "write", "admin:*", "mail"], []),
        ("files", ["files"], ["write"]),
        ("admin:*", ["admin:*"], ["files", "write"]),
        (None, ["files", "write"], []),
        (FIVE_HUNDRED, ["files", "write"], []),
    ],
    ids=["wider", "narrower", "another", "not said", "absurd"],
)
def test_what_was_granted_is_kept_and_shown_beside_what_is_missing(
    text: str | None, scopes: list[str], missing: list[str]
) -> None:
    world, installation = granted(text)

    shown = world.status("bob", installation)

    assert (shown["scopes"], shown["missing_scopes"]) == (scopes, missing)
    assert world.look_up("bob", installation).json["scopes"] == scopes


@requirement("attack:B20")
def test_a_wider_grant_widens_no_later_request() -> None:
    world, installation = granted("files write admin:*")
    version = world.look_up("bob", installation).json["version"]

    world.reject("bob", installation, version, 403, challenge='Bearer error="insufficient_scope", scope="extra"')
    again = world.begin("bob", installation)
    world.clock.advance(3601)
    world.look_up("bob", installation)

    assert parameters(again.url)["scope"].split() == ["files", "write", "extra"]
    assert "scope" not in world.provider.token_requests[-1]


@requirement("attack:B20")
def test_a_scope_that_is_none_spoils_a_challenge_and_not_the_authorization_url() -> None:
    _, answered = begun_with(lambda world: world.egress.on("POST", MCP_URL, challenging("files <script> \\\\x")))

    assert "script" not in answered.text or "%3Cscript%3E" in answered.json["authorization_url"]
    assert parameters(answered.json["authorization_url"])["state"]


# B21: tokens of somebody else, or garbage

EVIL = "https://evil.example"


def with_an_evil_neighbour() -> tuple[World, FakeProvider, str, str]:
    """Bob is connected at an honest server and at a malicious one; alice at the honest one."""
    world = World()
    evil = FakeProvider(world.clock, issuer=EVIL)
    evil.serve(world.egress)
    serve_mcp(world.egress, f"{EVIL}/mcp", EVIL)
    good, bad = world.install(), world.install(name="Evil", url=f"{EVIL}/mcp")
    for user in ("alice", "bob"):
        world.connect(user, good)
    consented_at(world, evil, bad)
    return world, evil, good, bad


def consented_at(world: World, provider: FakeProvider, installation: str) -> None:
    honest, world.provider = world.provider, provider
    world.connect("bob", installation)
    world.provider = honest


@requirement("attack:B21")
@pytest.mark.parametrize("stolen", [True, False], ids=["alice's own token", "garbage"])
def test_a_malicious_provider_can_only_poison_its_own_row(stolen: bool) -> None:
    world, evil, good, bad = with_an_evil_neighbour()
    before = {user: world.look_up(user, good).json for user in ("alice", "bob")}
    theirs = before["alice"]["access_token"] if stolen else "garbage"
    evil.answer_next.append(altered(evil.honest, with_members(access_token=theirs, refresh_token="poison")))
    version = world.look_up("bob", bad).json["version"]

    poisoned = world.look_up("bob", bad, not_version=version).json
    after = {user: world.look_up(user, good).json for user in ("alice", "bob")}

    assert poisoned["access_token"] == theirs  # the attack works as far as it can: on its own row
    assert poisoned["url"] == f"{EVIL}/mcp"
    assert after == before
    world.clock.advance(3601)
    for user in ("alice", "bob"):
        assert world.provider.account_of(world.look_up(user, good).json["access_token"]) == user
    world.look_up("bob", bad)
    assert all(form.get("refresh_token") != "poison" for form in world.provider.token_requests)
    assert evil.token_requests[-1]["refresh_token"] == "poison"


def carried_over() -> tuple[World, Answered]:
    """Put the ciphertexts that the malicious provider filled into bob's row at the honest one."""
    world, _, good, bad = with_an_evil_neighbour()
    by_place = {str(row["SK"]): row for row in rows(world, "connection") if "bob" in str(row["PK"])}
    theirs, ours = by_place[f"C#{bad}"], by_place[f"C#{good}"]
    world.table.place({**ours, "access": theirs["access"], "refresh": theirs["refresh"]})
    return world, world.look_up("bob", good)


@requirement("attack:B21")
def test_a_poisoned_row_that_is_carried_to_another_installation_does_not_open() -> None:
    _, answer = carried_over()

    assert (answer.status, answer.json["error"]) == (500, "integrity_error")


@requirement("attack:B21")
def test_control_a_seal_that_is_bound_to_no_place_would_open_there() -> None:
    with weakened(sealing.additional_data, "*row, vault_key_id, team_key_id, *place.context", "vault_key_id"):
        world, answer = carried_over()

    assert answer.status == 200
    assert world.provider.account_of(answer.json["access_token"]) is None


def test_the_places_are_those_that_the_fakes_serve() -> None:
    world = World()
    counted = counting(world)
    assert tries(world, world.install()).status == 201
    assert {RESOURCE_METADATA, SERVER_METADATA} <= {request.url for request in counted.asked}
    assert json.loads(tries(world, world.install(name="Again")).text)["provider_host"] == "provider.example"
