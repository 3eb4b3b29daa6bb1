"""Where codes, verifiers, client secrets and tokens leave for, over a whole day: the endpoints that they belong to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import unquote_plus

import pytest

from strongroom.domain import token_requests
from strongroom.domain.authorization import Authorization
from strongroom.domain.http import Outgoing, Reply
from strongroom.domain.identifiers import hashed
from tests.fakes.egress import Behaviour
from tests.fakes.provider import FakeProvider, serve_mcp
from tests.requirements import requirement
from tests.unit.attacks.scenes import account_behind, authorization, exchanges, form_of, given_to_the_browser
from tests.weakened import weakened
from tests.world import Answered, Begun, Consented, World

HOME, SECOND, COLLECTOR = "https://provider.example", "https://second.example", "https://collector.example"


class WatchedWorld(World):
    """A world that remembers every secret of its providers, with a second provider and a collector that would take all."""

    def __init__(self) -> None:
        super().__init__()
        self.second = FakeProvider(self.clock, issuer=SECOND)
        self.second.serve(self.egress)
        serve_mcp(self.egress, f"{SECOND}/mcp", SECOND)
        FakeProvider(self.clock, issuer=COLLECTOR).serve(self.egress)
        for provider in (self.provider, self.second):
            self.egress.on("POST", f"{provider.issuer}/collect", collecting(provider))
        self.files = self.install(name="Files")
        self.other = self.install(name="Other", url=f"{SECOND}/mcp")

    def consent(self, begun: Begun, account: str) -> Consented:
        """At a second provider, people consent there."""
        asked = self.second if begun.url.startswith(SECOND) else self.provider
        return given_to_the_browser(self.browse(asked.consent(begun.url, account)))

    def secrets(self) -> dict[str, str]:
        """Every secret there has been, with the issuer that it belongs to."""
        found: dict[str, str] = {}
        for provider in (self.provider, self.second):
            known = [str(made["client_secret"]) for made in provider.clients.values() if "client_secret" in made]
            for grant in provider.grants:
                known += [*grant.spent, grant.refresh, grant.access]
            for form in provider.token_requests:
                known += [form[name] for name in ("code", "code_verifier", "refresh_token") if name in form]
            found |= dict.fromkeys(known, provider.issuer)
        return found

    def gone_astray(self) -> list[str]:
        """The requests that carried a secret elsewhere than to the token or revocation endpoint of its own issuer."""
        secrets = self.secrets()
        assert len(secrets) > 6
        return [
            request.url
            for request in self.egress.sent
            for secret, issuer in secrets.items()
            if secret in everything_in(request) and request.url not in {f"{issuer}/token", f"{issuer}/revoke"}
        ]


def collecting(provider: FakeProvider) -> Behaviour:
    """Take every request of ours as if this were the right address."""
    return lambda request: provider.honest(request) if "grant_type" in form_of(request) else Reply(200, {}, b"")


def everything_in(request: Outgoing) -> str:
    """All that a receiver can read in a request, Basic credentials decoded."""
    headers = {name: value.reveal() for name, value in request.headers.items()}
    kind, _, credentials = headers.get("authorization", "").partition(" ")
    basic = unquote_plus(base64.b64decode(credentials).decode()) if kind == "Basic" else ""
    body = request.body.reveal() if request.body else ""
    return "\n".join((request.url, str(headers), basic, body, unquote_plus(body)))


def live_through(world: WatchedWorld) -> None:
    """Connect, look up, renew, deny, reconnect, withdraw, revoke: at two providers, with all that this sends out."""
    for user, installation in (("alice", world.files), ("bob", world.files), ("bob", world.other)):
        world.connect(user, installation, account=user)
    deny = world.begin("carol", world.files)
    world.browse(world.provider.consent(deny.url, "carol", error="access_denied"))
    world.clock.advance(3100)
    world.tick()
    world.look_up("bob", world.other, not_version=world.look_up("bob", world.other).json["version"])
    world.connect("alice", world.files)
    world.provider.withdraw("alice")
    world.clock.advance(3600)
    world.look_up("alice", world.files)
    world.tick()
    world.revoke("bob", world.files)
    world.revoke("bob", world.other)
    world.tick()


@requirement("invariant:I12")
@pytest.mark.parametrize("methods", [["client_secret_basic"], ["client_secret_post"], ["none"]], ids=str)
def test_over_a_whole_day_every_secret_goes_to_its_own_provider_alone(methods: list[str]) -> None:
    world = WatchedWorld()
    for provider in (world.provider, world.second):
        provider.metadata["token_endpoint_auth_methods_supported"] = methods
    live_through(world)
    assert world.gone_astray() == []
    assert {form["grant_type"] for form in world.provider.token_requests} == {"authorization_code", "refresh_token"}
    assert len(set(world.provider.revoked)) >= 2
    assert len(set(world.second.revoked)) == 2


@requirement("invariant:I12")
def test_what_goes_out_in_discovery_and_registration_holds_no_secret() -> None:
    world = WatchedWorld()
    live_through(world)
    for request in world.egress.sent:
        if not request.url.endswith(("/token", "/revoke")):
            assert "authorization" not in request.headers
            assert "cookie" not in request.headers
            assert request.method == "GET" or json.loads(request.body.reveal() if request.body else "{}")


@requirement("invariant:I12")
@pytest.mark.parametrize(
    ("sends", "endpoint"),
    [
        (token_requests.code_request, "channel.endpoint"),
        (token_requests.refresh_request, "_refresh_endpoint(channel.endpoint, channel.entry)"),
        (token_requests.revocation_request, "channel.endpoint"),
    ],
)
def test_control_a_request_that_goes_astray_is_noticed(sends: Callable[..., Outgoing], endpoint: str) -> None:
    world = WatchedWorld()
    astray = f'{endpoint}.rpartition("/")[0] + "/collect"'
    with weakened(sends, f"_post(channel, {endpoint}, form", f"_post(channel, {astray}, form"):
        live_through(world)
    assert set(world.gone_astray()) == {f"{HOME}/collect", f"{SECOND}/collect"}


# A provider that changes its metadata


@requirement("invariant:I12")
@pytest.mark.parametrize("to", [f"{HOME}/collect", f"{COLLECTOR}/token"])
def test_connections_stay_with_the_endpoints_that_their_person_consented_to(to: str) -> None:
    world = WatchedWorld()
    world.connect("alice", world.files)
    world.connect("bob", world.files)
    world.provider.metadata |= {"token_endpoint": to, "revocation_endpoint": to}

    world.clock.advance(3100)
    world.tick()
    world.look_up("bob", world.files, not_version=world.look_up("bob", world.files).json["version"])
    world.revoke("alice", world.files)
    world.tick()

    assert account_behind(world, "bob", world.files) == "bob"
    assert len(set(world.provider.revoked)) == 2
    assert world.gone_astray() == []
    assert not any(request.url == to for request in world.egress.sent)


@requirement("invariant:I12")
@pytest.mark.parametrize("to", [f"{HOME}/collect", f"{COLLECTOR}/token"])
def test_an_authorization_stays_with_the_endpoint_that_it_was_begun_with(to: str) -> None:
    world = WatchedWorld()
    begun = world.begin("bob", world.files)
    world.provider.metadata["token_endpoint"] = to
    assert world.complete("bob", world.consent(begun, "bob")).status == 200
    assert [url for url, _ in exchanges(world)] == [f"{HOME}/token"]
    assert not any(request.url == to for request in world.egress.sent)


@requirement("invariant:I12")
def test_control_if_completing_discovered_again_the_code_would_follow_the_metadata() -> None:
    world = WatchedWorld()
    begun = world.begin("bob", world.files)
    world.provider.metadata["token_endpoint"] = f"{HOME}/collect"
    with weakened(token_requests.code_request, "channel.endpoint, form", f'"{HOME}/collect", form'):
        world.complete("bob", world.consent(begun, "bob"))
    assert [url for url, _ in exchanges(world)] == [f"{HOME}/collect"]


@requirement("invariant:I12")
def test_a_server_that_moves_to_another_provider_takes_no_secret_of_the_first_with_it() -> None:
    world = WatchedWorld()
    world.connect("bob", world.files)
    serve_mcp(world.egress, "https://files.example/mcp", SECOND)
    world.connect("bob", world.files)
    world.clock.advance(3100)
    world.tick()
    assert world.gone_astray() == []
    assert world.second.account_of(world.look_up("bob", world.files).json["access_token"]) == "bob"


# Somebody who can write to the table


REDIRECTED: dict[str, str | int] = {
    "token_endpoint": f"{COLLECTOR}/token",
    "issuer": COLLECTOR,
    "client_id": "another",
    "client_generation": 2,
    "provider_key": "x" * 32,
    "resource": "https://collector.example/mcp",
    "revocation_endpoint": f"{COLLECTOR}/revoke",
    "redirect_uri": "https://collector.example/",
}


@requirement("invariant:I12")
@pytest.mark.parametrize("field", REDIRECTED)
def test_a_code_whose_destination_was_changed_in_the_table_does_not_leave(field: str) -> None:
    world = WatchedWorld()
    mine = world.consent(world.begin("bob", world.files), "bob")
    world.table.place({**authorization(world, mine.id), field: REDIRECTED[field]})
    assert world.complete("bob", mine).json["error"] == "integrity_error"
    assert exchanges(world) == []
    assert not any(request.url.startswith(COLLECTOR) for request in world.egress.sent)


def redirected_to_carol(world: WatchedWorld) -> Answered:
    """Bob has consented; the row now says that the authorization is carol's, with a secret that she knows."""
    hers = authorization(world, world.begin("carol", world.files).id)
    mine = world.consent(world.begin("bob", world.files), "bob")
    told = {
        "user": "carol",
        "epoch": hers["epoch"],
        "member_epoch": hers["member_epoch"],
        "secret_hash": hashed("chosen-by-carol"),
    }
    world.table.place({**authorization(world, mine.id), **told})
    return world.complete("carol", Consented(mine.id, "chosen-by-carol"))


@requirement("invariant:I12")
def test_a_code_whose_person_was_changed_in_the_table_does_not_leave() -> None:
    world = WatchedWorld()
    assert redirected_to_carol(world).json["error"] == "integrity_error"
    assert exchanges(world) == []


@requirement("invariant:I12")
def test_control_without_the_person_in_the_seal_carol_gets_bobs_account() -> None:
    world = WatchedWorld()
    with weakened(Authorization.place, ", *self._for_whom", ""):
        assert redirected_to_carol(world).status == 200
    assert account_behind(world, "carol", world.files) == "bob"


@requirement("invariant:I12")
def test_control_without_the_destination_in_the_seal_the_code_leaves() -> None:
    world = WatchedWorld()
    with weakened(Authorization.place, "self.destination.hash(), self.redirect_uri, ", "'', "):
        mine = world.consent(world.begin("bob", world.files), "bob")
        world.table.place({**authorization(world, mine.id), "token_endpoint": f"{COLLECTOR}/token"})
        world.complete("bob", mine)
    assert [url for url, _ in exchanges(world)] == [f"{COLLECTOR}/token"]
    assert form_of(world.egress.sent_to(f"{COLLECTOR}/token")[0])["code_verifier"]
