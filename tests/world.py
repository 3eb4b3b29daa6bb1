"""All of Strongroom in one process: real handlers, flows and cipher; table, keys, queues, time and the outside in memory.

People, satellites and hosts call through events of the HTTP API, as API Gateway makes them after it has verified them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from functions.authorize import app as authorize
from functions.callback import app as callback
from functions.installations import app as installations
from functions.refresh import renew, sweep
from functions.revoke import app as revoke
from functions.token import app as token
from strongroom.adapters.cipher import AesGcm
from strongroom.adapters.signer import Es256
from strongroom.aws.wiring import Wired
from strongroom.domain.catalog import Catalog
from strongroom.domain.http import Outgoing
from strongroom.domain.policy import Policy
from strongroom.domain.team import Caller
from strongroom.flows.vault import Vault
from strongroom.ports import Ports, Queues
from tests import page
from tests.fakes.clock import FakeChance, FakeClock, FakeJournal
from tests.fakes.egress import FakeEgress
from tests.fakes.keys import FakeKeyService
from tests.fakes.provider import FakeProvider, serve_mcp
from tests.fakes.queue import Delivery, FakeQueue
from tests.fakes.table import FakeTable
from tests.hosts import operators_host_row

ISSUER = "https://signin.example"
PUBLIC_URL = "https://strongroom.example"
WEB_CLIENT_URL = "https://web.example/connections"
MCP_URL = "https://files.example/mcp"
ACCOUNT = "123456789012"
HOST = Caller(ACCOUNT, "AROALOCALHOST0000001")
GATEWAY = Caller(ACCOUNT, "AROALOCALGATEWAY0001")
STRANGER = Caller(ACCOUNT, "AROALOCALSTRANGER001")
RIVAL_GATEWAY = Caller(ACCOUNT, "AROALOCALRIVALS00001")


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler."""

    alias: str | None = "live"
    aws_request_id: str = "request-1"

    @property
    def invoked_function_arn(self) -> str:
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:strongroom"
        return f"{arn}:{self.alias}" if self.alias else arn


@dataclass(frozen=True)
class Answered:
    """A response, with its JSON body read."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> dict[str, Any]:
        body = json.loads(self.text)
        assert isinstance(body, dict)
        return body


@dataclass(frozen=True)
class Begun:
    """An authorization that somebody has begun."""

    id: str
    url: str
    installation: str


@dataclass(frozen=True)
class Consented:
    """What only the browser that consented holds."""

    id: str
    secret: str


class World:
    """One deployment with the teams `acme` (alice an admin; bob and carol) and `rivals` (mallory an admin)."""

    def __init__(self, clock: FakeClock | None = None, **policy: Any) -> None:
        self.clock, self.chance, self.journal = clock or FakeClock(), FakeChance(), FakeJournal()
        self.table, self.keys, self.egress = FakeTable(self.clock), FakeKeyService(), FakeEgress()
        self.queues = Queues(*(FakeQueue(self.clock) for _ in range(4)))
        usual = {"web_origins": ("https://web.example",)}
        self.policy = Policy(PUBLIC_URL, WEB_CLIENT_URL, **(usual | policy))
        self.catalog = Catalog()
        self.ports = self.new_environment()
        self.provider = FakeProvider(self.clock)
        self.provider.serve(self.egress)
        serve_mcp(self.egress, MCP_URL, self.provider.issuer)
        self._found()

    def new_environment(self) -> Ports:
        """The ports of a function that has just started: nothing cached."""
        vault = Vault(self.table, self.keys, AesGcm(), self.clock, self.chance, "test")
        return Ports(
            table=self.table,
            vault=vault,
            egress=self.egress,
            signer=Es256(),
            catalog=self.catalog,
            queues=self.queues,
            clock=self.clock,
            chance=self.chance,
            journal=self.journal,
            policy=self.policy,
        )

    @property
    def wired(self) -> Wired:
        return Wired(self.ports, ISSUER, {"sweep": "sweep", "renewal": "renewal", "rescue": "rescue", "chore": "chore"})

    def _found(self) -> None:
        self.table.place(operators_host_row(HOST, ["*"]))
        for team, user, role in (
            ("acme", "alice", "team_admin"),
            ("acme", "bob", "team_user"),
            ("acme", "carol", "team_user"),
            ("rivals", "mallory", "team_admin"),
        ):
            assert self.put_member(team, user, role).status == 200
        self.put_satellite("acme", GATEWAY)
        self.put_satellite("rivals", RIVAL_GATEWAY)

    # -- calls, by who makes them

    def as_user(self, user: str, method: str, path: str, body: Any = None, **more: Any) -> Answered:
        claims = {"iss": ISSUER, "sub": user, "scope": "strongroom", "aud": "strongroom-api"}
        return self.call(method, path, body, {"jwt": {"claims": claims, "scopes": None}}, **more)

    def as_role(self, role: Caller, method: str, path: str, body: Any = None, **more: Any) -> Answered:
        return self.call(method, path, body, {"iam": iam(role)}, **more)

    def call(
        self, method: str, path: str, body: Any = None, authorizer: Mapping[str, Any] | None = None, **more: Any
    ) -> Answered:
        """Send one request through API Gateway's shape to the function that owns the route."""
        handler, event = routed(method, path, body, authorizer, **more)
        return self.answered(handler(event, Context(), self.wired))

    @staticmethod
    def answered(response: Any) -> Answered:
        return Answered(response["statusCode"], response["headers"], response["body"])

    # -- what people do

    def put_member(self, team: str, user: str, role: str | None) -> Answered:
        return self.as_role(HOST, "PUT", f"/v1/host/teams/{team}/members", {"user": user, "role": role})

    def put_satellite(self, team: str, satellite: Caller, allowed: bool = True) -> Answered:
        body = {"account": satellite.account, "role_id": satellite.role_id, "allowed": allowed}
        return self.as_role(HOST, "PUT", f"/v1/host/teams/{team}/satellites", body)

    def delete_team(self, team: str) -> Answered:
        return self.as_role(HOST, "DELETE", f"/v1/host/teams/{team}")

    def install(self, user: str = "alice", team: str = "acme", name: str = "Team Files", **more: Any) -> str:
        body = {"name": name, "url": MCP_URL, "requires_oauth": True, **more}
        answer = self.as_user(user, "POST", f"/v1/teams/{team}/installations", body)
        assert answer.status == 201, answer.text
        return str(answer.json["installation"])

    def begin(self, user: str, installation: str, team: str = "acme", **body: Any) -> Begun:
        answer = self.as_user(user, "POST", f"/v1/teams/{team}/installations/{installation}/authorize", body)
        assert answer.status == 201, answer.text
        return Begun(answer.json["authorization_id"], answer.json["authorization_url"], installation)

    def browse(self, url: str) -> Answered:
        """Let a browser open a URL of ours, as the provider sends it."""
        parts = urlsplit(url)
        return self.call("GET", parts.path, query=parts.query)

    def consent(self, begun: Begun, account: str) -> Consented:
        answer = self.browse(self.provider.consent(begun.url, account))
        assert answer.status == 303, answer.text
        fragment = dict(parse_qsl(urlsplit(answer.headers["location"]).fragment))
        return Consented(fragment["authorization"], fragment["secret"])

    def complete(self, user: str, consented: Consented, **body: Any) -> Answered:
        path = f"/v1/authorizations/{consented.id}/complete"
        return self.as_user(user, "POST", path, {"secret": consented.secret, **body})

    def connect(
        self, user: str, installation: str, team: str = "acme", account: str | None = None, **body: Any
    ) -> None:
        """Walk the whole way: begin, consent, complete."""
        done = self.complete(user, self.consent(self.begin(user, installation, team), account or user), **body)
        assert done.status == 200, done.text
        assert done.json["state"] == "completed"

    def revoke(self, user: str, installation: str, team: str = "acme") -> Answered:
        return self.as_user(user, "DELETE", f"/v1/teams/{team}/installations/{installation}/connection")

    def status(self, user: str, installation: str, team: str = "acme") -> dict[str, Any]:
        answer = self.as_user(user, "GET", f"/v1/teams/{team}/installations/{installation}")
        assert answer.status == 200, answer.text
        connection = answer.json["connection"]
        assert isinstance(connection, dict)
        return connection

    def look_up(
        self, user: str, installation: str, *, by: Caller = GATEWAY, team: str = "acme", **body: Any
    ) -> Answered:
        path = f"/v1/satellite/teams/{team}/installations/{installation}/token"
        return self.as_role(by, "POST", path, {"user": user, **body})

    def reject(self, user: str, installation: str, version: str, status: int = 401, **body: Any) -> Answered:
        path = f"/v1/satellite/teams/acme/installations/{installation}/rejected"
        return self.as_role(GATEWAY, "POST", path, {"user": user, "version": version, "status": status, **body})

    # -- what the schedule and the queues do

    def tick(self) -> None:
        """Fire the schedule, and deliver everything that comes of it."""
        sweep.lambda_handler({"strongroom": "tick"}, Context(), self.wired)
        self.deliver()

    def deliver(self) -> None:
        """Deliver what can be seen on the queues, until they are still."""
        handlers = {"sweep": sweep, "renewal": renew, "rescue": renew, "chore": revoke}
        moved = True
        while moved:
            moved = sum(self._deliver(name, module.lambda_handler) for name, module in handlers.items()) > 0

    def _deliver(self, name: str, handler: Any) -> bool:
        queue = getattr(self.queues, name)
        received = queue.receive()
        if received:
            answer = handler(queue_event(name, received), Context(), self.wired)
            failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for delivery in received:
                if delivery.receipt not in failed:
                    queue.delete(delivery.receipt)
        return bool(received)


def queue_event(queue: str, deliveries: list[Delivery]) -> dict[str, Any]:
    """What Lambda makes of messages of an SQS queue."""
    records = [
        {
            "messageId": delivery.receipt,
            "receiptHandle": delivery.receipt,
            "body": delivery.body,
            "attributes": {"ApproximateReceiveCount": str(delivery.times)},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}",
        }
        for delivery in deliveries
    ]
    return {"Records": records}


def iam(role: Caller, session: str = "session") -> dict[str, Any]:
    """What API Gateway hands over of a verified SigV4 request."""
    return {
        "accessKey": "AKIDEXAMPLE",
        "accountId": role.account,
        "callerId": f"{role.role_id}:{session}",
        "userId": f"{role.role_id}:{session}",
        "userArn": f"arn:aws:sts::{role.account}:assumed-role/name/{session}",
    }


ROUTES = {
    ("GET", "/v1/teams/{team}/installations"): installations,
    ("POST", "/v1/teams/{team}/installations"): installations,
    ("GET", "/v1/teams/{team}/installations/{installation}"): installations,
    ("PATCH", "/v1/teams/{team}/installations/{installation}"): installations,
    ("DELETE", "/v1/teams/{team}/installations/{installation}"): installations,
    ("PUT", "/v1/teams/{team}/installations/{installation}/client_secret"): installations,
    ("DELETE", "/v1/teams/{team}/installations/{installation}/connections"): installations,
    ("GET", "/v1/teams/{team}/installations/{installation}/timeline"): installations,
    ("GET", "/v1/teams/{team}/records"): installations,
    ("GET", "/v1/teams/{team}/installations/{installation}/connections"): installations,
    ("POST", "/v1/satellite/teams/{team}/installations"): installations,
    ("GET", "/v1/host/teams/{team}/members"): installations,
    ("GET", "/v1/host/teams/{team}/installations/{installation}/connections"): installations,
    ("GET", "/v1/host/teams/{team}/records"): installations,
    ("POST", "/v1/teams/{team}/installations/{installation}/authorize"): authorize,
    ("POST", "/v1/teams/{team}/probe"): authorize,
    ("GET", "/v1/authorizations/{authorization}"): callback,
    ("POST", "/v1/authorizations/{authorization}/complete"): callback,
    ("DELETE", "/v1/teams/{team}/installations/{installation}/connection"): token,
    ("GET", "/oauth/callback/{provider_key}"): callback,
    ("GET", "/oauth/clients/{provider_key}"): callback,
    ("GET", "/connections"): page,
    ("GET", "/connections/{file}"): page,
    ("POST", "/v1/satellite/teams/{team}/installations/{installation}/token"): token,
    ("POST", "/v1/satellite/teams/{team}/installations/{installation}/rejected"): token,
    ("PUT", "/v1/host/teams/{team}/members"): installations,
    ("PUT", "/v1/host/teams/{team}/satellites"): installations,
    ("DELETE", "/v1/host/teams/{team}"): installations,
}


def routed(
    method: str, path: str, body: Any = None, authorizer: Mapping[str, Any] | None = None, *,
    query: str = "", headers: Mapping[str, str] | None = None, raw_body: str | None = None,
) -> Any:  # fmt: skip
    """Find the handler of a route and make the event that API Gateway would send it."""
    for (verb, pattern), module in ROUTES.items():
        parameters = _match(pattern, path) if verb == method else None
        if parameters is not None:
            event: dict[str, Any] = {
                "version": "2.0",
                "routeKey": f"{method} {pattern}",
                "rawPath": path,
                "rawQueryString": query,
                "headers": {"content-type": "application/json", **(headers or {})},
                "pathParameters": parameters,
                "requestContext": {"http": {"method": method, "path": path}, "requestId": "api-1"},
                "isBase64Encoded": False,
            }
            if authorizer is not None:
                event["requestContext"]["authorizer"] = dict(authorizer)
            if raw_body is not None or body is not None:
                event["body"] = raw_body if raw_body is not None else json.dumps(body)
            return module.lambda_handler, event
    raise LookupError(f"no route {method} {path}")


def _match(pattern: str, path: str) -> dict[str, str] | None:
    parts, given = pattern.split("/"), path.split("/")
    if len(parts) != len(given):
        return None
    found = {}
    for part, text in zip(parts, given, strict=True):
        if part.startswith("{"):
            found[part[1:-1]] = text
        elif part != text:
            return None
    return found


def sent_bodies(requests: list[Outgoing]) -> list[str]:
    return [request.body.reveal() if request.body else "" for request in requests]
