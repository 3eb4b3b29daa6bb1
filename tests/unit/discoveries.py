"""A discovery and the outside world that it meets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from strongroom.domain.catalog import Catalog
from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.policy import Policy
from strongroom.domain.trail import Step
from strongroom.flows.discover import Discovered, discover
from tests.fakes.clock import FakeClock
from tests.fakes.egress import Behaviour, FakeEgress, replying

FILES, PROVIDER = "https://files.example", "https://provider.example"
MCP = f"{FILES}/team/mcp"
RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


def json_of(document: object, status: int = 200) -> Behaviour:
    return replying(status, json.dumps(document).encode(), content_type="application/json")


def challenge(text: str = "Bearer") -> Behaviour:
    return replying(401, b"", www_authenticate=text)


def metadata(where: str = PROVIDER, /, **said: Any) -> dict[str, Any]:
    """What a good authorization server says of itself, with some of it changed; None: left out."""
    document = {
        "issuer": where,
        "authorization_endpoint": f"{where}/authorize",
        "token_endpoint": f"{where}/token",
        "registration_endpoint": f"{where}/register",
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
    }
    return {name: value for name, value in {**document, **said}.items() if value is not None}


def resource(*issuers: str, of: str = MCP, **said: Any) -> dict[str, Any]:
    return {"resource": of, "authorization_servers": list(issuers or (PROVIDER,)), **said}


@dataclass
class Outside:
    """The ports of a discovery; nobody answers anywhere until a test says so. `asked`: every URL in order."""

    egress: FakeEgress = field(default_factory=FakeEgress)
    clock: FakeClock = field(default_factory=FakeClock)
    catalog: Catalog = field(default_factory=Catalog)
    policy: Policy = field(default_factory=lambda: Policy("https://strongroom.example", "https://web.example/"))
    trail: list[Step] = field(default_factory=list)

    def post(self, behaviour: Behaviour, url: str = MCP) -> None:
        self.egress.on("POST", url, behaviour)

    def get(self, url: str, behaviour: Behaviour) -> None:
        self.egress.on("GET", url, behaviour)

    @property
    def asked(self) -> list[str]:
        return [request.url for request in self.egress.sent]

    @property
    def outcomes(self) -> list[tuple[str, str, str | None]]:
        return [(step.document, step.outcome, step.code) for step in self.trail]

    def discover(self, url: str = MCP, **options: Any) -> Discovered:
        return discover(self, url, trail=self.trail, **options)

    def fails(self, url: str = MCP, **options: Any) -> str:
        """Discover, and give the code with which it fails."""
        with pytest.raises(DiscoveryFailed) as failure:
            self.discover(url, **options)
        return failure.value.public_code


def honest(**said: Any) -> Outside:
    """An MCP server with a challenge and resource metadata, and its authorization server."""
    outside = Outside()
    outside.post(challenge(f'Bearer resource_metadata="{FILES}{RESOURCE}/team/mcp", scope="files"'))
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource()))
    outside.get(f"{PROVIDER}{SERVER}", json_of(metadata(**said)))
    return outside
