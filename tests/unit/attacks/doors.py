"""Every route with a request that it lets pass, for attacks that try all of them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from strongroom.domain import destinations, errors
from strongroom.domain.errors import StrongroomError
from tests.fakes.provider import READS_DOCUMENTS, FakeProvider, serve_mcp
from tests.unit.attacks.hunt import queues_of
from tests.unit.entered import installed, provider
from tests.world import (
    GATEWAY,
    HOST,
    ISSUER,
    MCP_URL,
    RIVAL_GATEWAY,
    ROUTES,
    Answered,
    Begun,
    Consented,
    Context,
    World,
    iam,
    routed,
)

ROUTE_NAMES = {
    "list": ("GET", "/v1/teams/{team}/installations"),
    "install": ("POST", "/v1/teams/{team}/installations"),
    "see": ("GET", "/v1/teams/{team}/installations/{installation}"),
    "change": ("PATCH", "/v1/teams/{team}/installations/{installation}"),
    "uninstall": ("DELETE", "/v1/teams/{team}/installations/{installation}"),
    "revoke_all": ("DELETE", "/v1/teams/{team}/installations/{installation}/connections"),
    "timeline": ("GET", "/v1/teams/{team}/installations/{installation}/timeline"),
    "records": ("GET", "/v1/teams/{team}/records"),
    "rotate": ("PUT", "/v1/teams/{team}/installations/{installation}/client_secret"),
    "counts": ("GET", "/v1/teams/{team}/installations/{installation}/connections"),
    "probe": ("POST", "/v1/teams/{team}/probe"),
    "authorize": ("POST", "/v1/teams/{team}/installations/{installation}/authorize"),
    "show": ("GET", "/v1/authorizations/{authorization}"),
    "complete": ("POST", "/v1/authorizations/{authorization}/complete"),
    "revoke": ("DELETE", "/v1/teams/{team}/installations/{installation}/connection"),
    "callback": ("GET", "/oauth/callback/{provider_key}"),
    "describe": ("GET", "/oauth/clients/{provider_key}"),
    "page": ("GET", "/connections"),
    "file": ("GET", "/connections/{file}"),
    "token": ("POST", "/v1/satellite/teams/{team}/installations/{installation}/token"),
    "rejected": ("POST", "/v1/satellite/teams/{team}/installations/{installation}/rejected"),
    "members": ("PUT", "/v1/host/teams/{team}/members"),
    "listed": ("POST", "/v1/satellite/teams/{team}/installations"),
    "everybody": ("GET", "/v1/host/teams/{team}/installations/{installation}/connections"),
    "roll": ("GET", "/v1/host/teams/{team}/members"),
    "audit": ("GET", "/v1/host/teams/{team}/records"),
    "satellites": ("PUT", "/v1/host/teams/{team}/satellites"),
    "bury": ("DELETE", "/v1/host/teams/{team}"),
}
OF_PEOPLE = (
    *("change", "uninstall", "revoke_all", "rotate"),
    *("list", "install", "see", "timeline", "records", "counts"),
    *("probe", "authorize", "show", "complete", "revoke"),
)
OF_THE_PAGE = ("page", "file")
OF_EVERYBODY = ("callback", "describe", *OF_THE_PAGE)
RELEASING = ("token", "rejected")
OF_SATELLITES = (*RELEASING, "listed")
OF_HOSTS = ("members", "satellites", "roll", "audit", "everybody", "bury")
WITH_A_BODY = (
    *("change", "uninstall", "revoke_all", "rotate"),
    *("install", "probe", "authorize", "complete", "revoke", "token", "rejected", "listed"),
    *("members", "satellites", "bury"),
)


def reads_documents(world: World) -> str:
    """Let a provider read our client metadata document, and give the document's path."""
    provider = FakeProvider(world.clock, "https://reader.example", metadata=READS_DOCUMENTS)
    provider.serve(world.egress)
    serve_mcp(world.egress, "https://reader.example/mcp", provider.issuer)
    installation = world.install("mallory", "rivals", "Read", url="https://reader.example/mcp")
    asked = dict(parse_qsl(urlsplit(world.begin("mallory", installation, "rivals").url).query))
    return urlsplit(asked["client_id"]).path


KINDS = (*vars(errors).values(), *vars(destinations).values())
SENTENCES = {one.sentence for one in KINDS if isinstance(one, type) and issubclass(one, StrongroomError)}


def jwt(user: object, **claims: Any) -> dict[str, Any]:
    """What API Gateway hands over of a verified access token."""
    usual = {"iss": ISSUER, "sub": user, "scope": "strongroom", "aud": "strongroom-api"}
    kept = {name: value for name, value in (usual | claims).items() if value is not None}
    return {"jwt": {"claims": kept, "scopes": None}}


@dataclass(frozen=True)
class Door:
    """A route and the request that passes it."""

    name: str
    path: str
    authorizer: Mapping[str, Any] | None
    body: Mapping[str, Any] | None = None
    query: str = ""


@dataclass
class Stage:
    """acme with alice and bob connected and carol on her way, and the rivals with a connection of their own."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.installation = self.world.install()
        self.foreign = self.world.install("mallory", "rivals", "Secret Plans of the Rivals")
        self.world.connect("mallory", self.foreign, "rivals")
        for user in ("alice", "bob"):
            self.world.connect(user, self.installation)
        self.foreign_begun: Begun = self.world.begin("mallory", self.foreign, "rivals")
        self.returned: Consented = self.world.consent(self.world.begin("carol", self.installation), "carol")
        self.pending: Begun = self.world.begin("carol", self.installation)
        self.answer = urlsplit(self.world.provider.consent(self.pending.url, "carol"))
        self.by_hand = installed(self.world, provider(), name="By hand")
        self.document = reads_documents(self.world)
        self.version = str(self.world.look_up("bob", self.installation).json["version"])

    def doors(self) -> dict[str, Door]:
        acme = f"/v1/teams/acme/installations/{self.installation}"
        by_hand = f"/v1/teams/acme/installations/{self.by_hand}"
        satellite = f"/v1/satellite/teams/acme/installations/{self.installation}"
        new = {"account": "123456789012", "role_id": "AROALOCALNEWCOMER001", "allowed": True}
        report = {"user": "bob", "version": self.version, "status": 401, "challenge": "Bearer"}
        every = (
            Door("list", "/v1/teams/acme/installations", jwt("bob")),
            Door("install", "/v1/teams/acme/installations", jwt("alice"), {"name": "More", "url": MCP_URL}),
            Door("see", acme, jwt("bob")),
            Door("change", acme, jwt("alice"), {"name": "Other Files", "sharing": "shared", "enabled": False}),
            Door("uninstall", acme, jwt("alice"), {}),
            Door("revoke_all", f"{acme}/connections", jwt("alice"), {}),
            Door("timeline", f"{acme}/timeline", jwt("bob")),
            Door("records", "/v1/teams/acme/records", jwt("alice")),
            Door("rotate", f"{by_hand}/client_secret", jwt("alice"), {"client_secret": "another-secret"}),
            Door("counts", f"{acme}/connections", jwt("alice")),
            Door("probe", "/v1/teams/acme/probe", jwt("alice"), {"url": MCP_URL}),
            Door("authorize", f"{acme}/authorize", jwt("bob"), {"return_to": "https://web.example/back"}),
            Door("show", f"/v1/authorizations/{self.returned.id}", jwt("carol")),
            Door(
                "complete",
                f"/v1/authorizations/{self.returned.id}/complete",
                jwt("carol"),
                {"secret": self.returned.secret},
            ),
            Door("revoke", f"{acme}/connection", jwt("bob"), {}),
            Door("callback", self.answer.path, None, query=self.answer.query),
            Door("describe", self.document, None),
            Door("page", "/connections", None),
            Door("file", "/connections/page.js", None),
            Door("token", f"{satellite}/token", {"iam": iam(GATEWAY)}, {"user": "bob"}),
            Door("rejected", f"{satellite}/rejected", {"iam": iam(GATEWAY)}, report),
            Door(
                "members", "/v1/host/teams/acme/members", {"iam": iam(HOST)}, {"user": "carol-1", "role": "team_user"}
            ),
            Door("listed", "/v1/satellite/teams/acme/installations", {"iam": iam(GATEWAY)}, {"user": "bob"}),
            Door(
                "everybody",
                f"/v1/host/teams/acme/installations/{self.installation}/connections",
                {"iam": iam(HOST)},
            ),
            Door("roll", "/v1/host/teams/acme/members", {"iam": iam(HOST)}),
            Door("audit", "/v1/host/teams/acme/records", {"iam": iam(HOST)}),
            Door("satellites", "/v1/host/teams/acme/satellites", {"iam": iam(HOST)}, new),
            Door("bury", "/v1/host/teams/acme", {"iam": iam(HOST)}, {}),
        )
        return {door.name: door for door in every}

    def event(self, name: str) -> dict[str, Any]:
        """The event of the request that passes, for an attack to change."""
        door = self.doors()[name]
        _, event = routed(ROUTE_NAMES[name][0], door.path, door.body, door.authorizer, query=door.query)
        return copy.deepcopy(event)

    def send(self, name: str, event: Any, context: Any = None) -> Answered:
        """Give an event to the function that owns the route."""
        handler = ROUTES[ROUTE_NAMES[name]].lambda_handler
        return World.answered(handler(event, context or Context(), self.world.wired))

    def with_body(self, name: str, text: str) -> Answered:
        return self.send(name, self.event(name) | {"body": text})

    def with_members(self, door: str, /, **members: Any) -> Answered:
        """The passing request with members of its body changed or added."""
        return self.with_body(door, json.dumps({**(self.doors()[door].body or {}), **members}))

    def by(self, name: str, authorizer: Mapping[str, Any] | None) -> Answered:
        """The passing request, with what API Gateway has verified changed."""
        event = self.event(name)
        event["requestContext"].pop("authorizer", None)
        if authorizer is not None:
            event["requestContext"]["authorizer"] = dict(authorizer)
        return self.send(name, event)

    def traces(self) -> tuple[int, ...]:
        """Count all that a request could leave behind: writes, requests to the outside, messages."""
        sent = [len(queue.sent) for queue in queues_of(self.world)]
        return len(self.world.table.committed), len(self.world.egress.sent), *sent

    @property
    def things_of_the_rivals(self) -> tuple[str, ...]:
        """What must never be in an answer to anybody of acme."""
        own = self.world.look_up("mallory", self.foreign, by=RIVAL_GATEWAY, team="rivals").json
        return self.foreign, self.foreign_begun.id, "Secret Plans", own["access_token"], own["version"]


def is_refused_in_our_shape(answer: Answered) -> bool:
    """A 4xx that holds a stable code, a sentence of ours and the request's id, and nothing else.

    A 400 names what is wrong with the request; that it repeats no value has a test of its own.
    """
    body = answer.json
    return (
        400 <= answer.status < 500
        and set(body) == {"error", "message", "request_id"}
        and body["error"].isascii()
        and body["error"].replace("_", "").isalpha()
        and (body["message"] in SENTENCES or (answer.status == 400 and 0 < len(body["message"]) < 120))
        and body["request_id"] == "request-1"
        and answer.headers["content-type"] == "application/json"
        and answer.headers["cache-control"] == "no-store"
    )


def unchanged(stage: Stage) -> Iterator[Stage]:
    """Lend a stage to many attacks, and see afterwards that its table is as it was."""
    before = stage.world.table.snapshot()
    yield stage
    assert stage.world.table.snapshot() == before
