"""Who is on stage in a journey, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.accounts import SATELLITE
from local.actors import Begun, Person, Places, Satellite
from local.peers.browser import PeerBrowser
from local.peers.outcomes import said
from local.peers.servers import ACCOUNT, Standing
from local.peers.wire import Exchange
from local.services.mcp_caller import Told, ToolAnswer, call_tool
from local.signing import Reply
from local.stack import Stack


@dataclass
class Scene:
    """One person, one satellite, one MCP server, one authorization server, and what the wire saw."""

    stack: Stack
    standing: Standing
    installation: str = ""
    begun: Begun = field(default_factory=lambda: Begun("", ""))
    secret: str = field(default="", repr=False)
    released: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        places = Places(self.stack.options.ports)
        self.person = Person(ACCOUNT, self.standing.peer.team, places)
        self.person.browser.close()
        self.person.browser = PeerBrowser(ACCOUNT, self.standing.documents)
        self.satellite = Satellite(SATELLITE, places)

    def close(self) -> None:
        self.person.browser.close()

    @property
    def mcp(self) -> str:
        return self.standing.place.mcp

    def call(self, tool: str, headers: Mapping[str, str]) -> ToolAnswer:
        return call_tool(self.mcp, tool, headers)

    def begin(self) -> dict[str, Any]:
        path = f"/v1/teams/{self.person.team}/installations/{self.installation}/authorize"
        told = said(self.person.ask("POST", path, {}), "authorize", 201)
        self.begun = Begun(told["authorization_id"], told["authorization_url"])
        return told

    def look_up(self) -> str:
        """Look the token up anew, and give its version."""
        self.released = said(
            self.satellite.look_up(self.person.team, self.installation, ACCOUNT, min_validity=0), "token", 200
        )
        return str(self.released["version"])

    def report(self, **rejection: Any) -> Reply:
        version = self.released["version"]
        return self.satellite.report(self.person.team, self.installation, ACCOUNT, version=version, **rejection)

    def tool_knows_whose(self) -> bool:
        return self.call("whoami", self.released["headers"]) == Told(ACCOUNT)

    def asked(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.begun.url).query))

    def says(self, name: str) -> Any:
        return self.standing.metadata.get(name)

    def exchanges(self, *grants: str) -> list[Exchange]:
        posted = self.standing.wire.posts(self.says("token_endpoint"))
        return [one for one in posted if one.form.get("grant_type") in grants]

    def revocations(self, endpoint: str, tokens: Collection[str]) -> list[Exchange]:
        """How these tokens were revoked, at an endpoint that may be that for tokens too."""
        posted = self.standing.wire.posts(endpoint)
        return [one for one in posted if "grant_type" not in one.form and one.form.get("token") in tokens]

    def attempt(self, renewed: Exchange) -> Exchange | None:
        """Use the refresh token that a renewal gave, as the client would; None where each request is signed anew
        (RFC 7523 §3), or where the newest tokens come from a code."""
        if renewed.form["grant_type"] != "refresh_token" or "client_assertion" in renewed.form:
            return None
        return self.standing.wire.again(renewed, refresh_token=renewed.given["refresh_token"])
