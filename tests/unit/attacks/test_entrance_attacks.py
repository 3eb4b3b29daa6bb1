"""Who may invoke a function decides the alias that was called, never the shape of what was sent.

Whoever may invoke a function can make up any event. Through the API's alias only API Gateway sends events; through the
`direct` alias an event of the API has no meaning; a function that is called without an alias refuses everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.callback import app as callback
from functions.refresh import renew, sweep
from functions.revoke import app as revoke
from functions.token import app as token
from strongroom.aws import http, queue
from strongroom.domain.errors import NotFound
from tests.requirements import requirement
from tests.unit.attacks.scenes import account_behind, rows
from tests.weakened import weakened
from tests.world import GATEWAY, HOST, ISSUER, STRANGER, Answered, Context, World, iam, queue_event, routed

WRONG_ALIASES = [None, "direct", "Live", "live ", "$LATEST", "1", ""]


def forged_person(user: str) -> dict[str, Any]:
    return {"jwt": {"claims": {"iss": ISSUER, "sub": user, "scope": "strongroom"}, "scopes": None}}


def bob_is_connected() -> tuple[World, str]:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    return world, installation


def events(installation: str) -> dict[str, tuple[str, str, Any, Mapping[str, Any]]]:
    """Each route as an invoker would forge it, with the identity that it wants."""
    all_here = "/v1/teams/acme/installations"
    here, satellite = f"{all_here}/{installation}", f"/v1/satellite/teams/acme/installations/{installation}"
    someone = {"account": STRANGER.account, "role_id": STRANGER.role_id, "allowed": True}
    return {
        "list": ("GET", all_here, None, forged_person("bob")),
        "show": ("GET", here, None, forged_person("bob")),
        "install": ("POST", all_here, {"name": "x", "url": "https://evil.example"}, forged_person("alice")),
        "probe": ("POST", "/v1/teams/acme/probe", {"url": "https://evil.example"}, forged_person("alice")),
        "authorize": ("POST", f"{here}/authorize", {}, forged_person("bob")),
        "authorization": ("GET", f"/v1/authorizations/{'a' * 43}", None, forged_person("bob")),
        "complete": ("POST", f"/v1/authorizations/{'a' * 43}/complete", {"secret": "x"}, forged_person("bob")),
        "callback": ("GET", "/oauth/callback/key", None, {}),
        "describe": ("GET", "/oauth/clients/key", None, {}),
        "revoke": ("DELETE", f"{here}/connection", None, forged_person("bob")),
        "token": ("POST", f"{satellite}/token", {"user": "bob"}, {"iam": iam(GATEWAY)}),
        "rejected": ("POST", f"{satellite}/rejected", {"user": "bob", "version": "x", "status": 401}, {"iam": iam(GATEWAY)}),
        "members": ("PUT", "/v1/host/teams/acme/members", {"user": "mallory", "role": "team_admin"}, {"iam": iam(HOST)}),
        "satellites": ("PUT", "/v1/host/teams/acme/satellites", someone, {"iam": iam(HOST)}),
    }  # fmt: skip


def invoke(world: World, name: str, installation: str, alias: str | None) -> Answered:
    method, path, body, identity = events(installation)[name]
    handler, event = routed(method, path, body, identity)
    return world.answered(handler(event, Context(alias), world.wired))


def invoke_directly(world: World, payload: object, alias: str | None) -> Answered:
    return world.answered(token.lambda_handler(payload, Context(alias), world.wired))


def ask(installation: str, **more: Any) -> dict[str, Any]:
    """A payload of the `direct` alias."""
    return {"form": 1, "team": "acme", "installation": installation, "user": "bob", **more}


# Events of the API, sent by direct invoke


@requirement("attack:A32")
@pytest.mark.parametrize("alias", WRONG_ALIASES, ids=repr)
@pytest.mark.parametrize("name", events(""))
def test_an_event_of_the_api_counts_through_the_apis_alias_alone(name: str, alias: str | None) -> None:
    world, installation = bob_is_connected()
    before, sent, keys = world.table.snapshot(), len(world.egress.sent), len(world.keys.requests)

    refused = invoke(world, name, installation, alias)

    wanted = 400 if alias == "direct" and name in {"token", "rejected", "revoke"} else 404
    assert refused.status == wanted
    assert refused.json.keys() == {"error", "message", "request_id"}
    assert world.table.snapshot() == before
    assert (len(world.egress.sent), len(world.keys.requests)) == (sent, keys)


@requirement("attack:A32")
def test_control_without_the_alias_anybody_who_may_invoke_is_anybody() -> None:
    for alias in (None, "direct", "1"):
        world, installation = bob_is_connected()
        with (
            weakened(http.require_alias, "qualifier(context) != alias", "False"),
            weakened(token.lambda_handler, "qualifier(context) == direct.ALIAS", "False"),
        ):
            assert "access_token" in invoke(world, "token", installation, alias).json
            assert invoke(world, "revoke", installation, alias).status == 200
            assert invoke(world, "members", installation, alias).status == 200
        assert account_behind(world, "bob", installation) is None


@requirement("attack:A32")
@pytest.mark.parametrize(
    "event", [None, [], "", 7, {}, {"version": "1.0"}, {"version": "2.0"}, {"routeKey": "$default"}], ids=repr
)
def test_what_is_no_event_of_the_api_is_refused_by_the_apis_alias(event: object) -> None:
    world, _ = bob_is_connected()
    for handler in (token.lambda_handler, callback.lambda_handler):
        assert world.answered(handler(event, Context("live"), world.wired)).status in {400, 404}


# Payloads of the direct alias


@requirement("attack:A32")
def test_the_direct_alias_answers_its_own_payload() -> None:
    world, installation = bob_is_connected()
    given = invoke_directly(world, ask(installation), "direct")
    assert world.provider.account_of(given.json["access_token"]) == "bob"


@requirement("attack:A32")
@pytest.mark.parametrize("alias", [None, "live", "$LATEST", "1"], ids=repr)
def test_a_direct_payload_means_nothing_through_any_other_alias(alias: str | None) -> None:
    world, installation = bob_is_connected()
    refused = invoke_directly(world, ask(installation), alias)
    assert (refused.status, "access_token" in refused.text) == (400 if alias == "live" else 404, False)


@requirement("attack:A32")
@pytest.mark.parametrize("name", ["token", "rejected", "revoke"])
def test_a_direct_payload_dressed_as_an_event_of_the_api_has_no_identity(name: str) -> None:
    world, installation = bob_is_connected()
    method, path, body, _ = events(installation)[name]
    _, event = routed(method, path, body)
    refused = invoke_directly(world, {**event, **ask(installation)}, "live")
    assert refused.status in {400, 401}
    assert account_behind(world, "bob", installation) == "bob"


@requirement("attack:A32")
@pytest.mark.parametrize("more", ["requestContext", "routeKey", "caller", "version", "headers", "pathParameters"])
def test_the_direct_alias_takes_no_member_of_an_event_of_the_api(more: str) -> None:
    world, installation = bob_is_connected()
    _, event = routed("DELETE", f"/v1/teams/acme/installations/{installation}/connection", None, forged_person("bob"))
    refused = invoke_directly(world, ask(installation, **{more: event.get(more, "x")}), "direct")
    assert (refused.status, refused.json["error"]) == (400, "unknown_field")


@requirement("attack:A32")
@pytest.mark.parametrize("payload", [
    None, [], {}, {"form": 2}, {"form": "1"}, {"form": 1}, {"form": 1.5, "team": "acme"},
], ids=repr)  # fmt: skip
def test_the_direct_alias_takes_nothing_but_its_own_form(payload: object) -> None:
    world, _ = bob_is_connected()
    assert invoke_directly(world, payload, "direct").status == 400


@requirement("attack:A32")
def test_control_if_the_shape_decided_a_payload_would_be_enough() -> None:
    world, installation = bob_is_connected()
    with weakened(token.lambda_handler, "qualifier(context) == direct.ALIAS", '"form" in event'):
        assert "access_token" in invoke_directly(world, ask(installation), "live").json


# The workers behind the schedule and the queues


@requirement("attack:A32")
@pytest.mark.parametrize("alias", WRONG_ALIASES, ids=repr)
def test_a_worker_does_nothing_that_does_not_come_through_its_alias(alias: str | None) -> None:
    world, installation = bob_is_connected()
    world.revoke("bob", installation)
    (chore,) = world.queues.chore.receive()  # type: ignore[attr-defined]
    before, sent = world.table.snapshot(), len(world.egress.sent)

    for worker, event in (
        (revoke, queue_event("chore", [chore])),
        (renew, queue_event("renewal", [chore])),
        (sweep, {"strongroom": "tick"}),
    ):
        with pytest.raises(NotFound):
            worker.lambda_handler(event, Context(alias), world.wired)

    assert world.table.snapshot() == before
    assert len(world.egress.sent) == sent
    assert world.queues.sweep.receive() == []  # type: ignore[attr-defined]


@requirement("attack:A32")
@pytest.mark.parametrize("worker", [sweep, renew, revoke], ids=["sweep", "renew", "revoke"])
@pytest.mark.parametrize("name", events(""))
def test_a_worker_takes_no_event_of_the_api(worker: Any, name: str) -> None:
    world, installation = bob_is_connected()
    method, path, body, identity = events(installation)[name]
    _, event = routed(method, path, body, identity)
    before, sent = world.table.snapshot(), len(world.egress.sent)
    worker.lambda_handler(event, Context("live"), world.wired)
    worker.lambda_handler(ask(installation), Context("live"), world.wired)
    assert world.table.snapshot() == before
    assert len(world.egress.sent) == sent


@requirement("attack:A32")
def test_control_without_the_alias_whoever_may_invoke_the_worker_sends_it_to_work() -> None:
    world, installation = bob_is_connected()
    world.revoke("bob", installation)
    (chore,) = world.queues.chore.receive()  # type: ignore[attr-defined]
    with weakened(queue.messages, 'require_alias(context, "live")', "pass"):
        revoke.lambda_handler(queue_event("chore", [chore]), Context(None), world.wired)
    assert [row["state"] for row in rows(world, "chore")] == ["ended"]
