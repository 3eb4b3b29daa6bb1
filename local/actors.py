"""Who acts in the demo: people with a browser each, the satellite, the host, and the provider's own levers."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.accounts import Caller
from local.plan import ROOT, Ports, connections_page, origin
from local.services.browser import Arrival, Browser
from local.services.mcp_caller import Told, ToolAnswer, call_tool
from local.services.notes_stdio import VARIABLE
from local.services.stdio_caller import StdioAnswer, StdioServer, call_stdio_tool
from local.signing import Reply, SignedClient, send

# The gateway's own configuration: what it starts, and the one variable that it hands on.
TEAM_NOTES = StdioServer((sys.executable, "-m", "local.services.notes_stdio"), ROOT, (VARIABLE,))


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything answers."""

    ports: Ports

    @property
    def api(self) -> str:
        return origin(self.ports.front)

    @property
    def sign_in(self) -> str:
        return origin(self.ports.sign_in)

    @property
    def provider(self) -> str:
        return origin(self.ports.provider)

    @property
    def mcp(self) -> str:
        return f"{origin(self.ports.team_files)}/mcp"

    @property
    def web_client(self) -> str:
        return connections_page(self.ports)


@dataclass(frozen=True, slots=True)
class Begun:
    """An authorization that a person has begun: its id, and where its click leads."""

    id: str
    url: str = field(repr=False)


class Person:
    """Somebody with an account, a browser of their own, and a JWT once they have signed in."""

    def __init__(self, name: str, team: str, places: Places) -> None:
        self.name, self.team = name, team
        self.browser = Browser(name)
        self._places = places
        self._jwt = ""

    def in_team(self, team: str) -> Person:
        """The same person, with the same browser, at work in another team."""
        there = copy.copy(self)
        there.team = team
        return there

    def sign_in(self) -> None:
        self._jwt = self.browser.sign_in(self._places.sign_in, f"{self._places.web_client}/signed-in")

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """Call the API as the web client does for this person."""
        if not self._jwt:
            self.sign_in()
        headers = {"Authorization": f"Bearer {self._jwt}", "Content-Type": "application/json"}
        return send(method, f"{self._places.api}{path}", b"" if body is None else json.dumps(body).encode(), headers)

    def at(self, method: str, installation: str, what: str = "", body: Mapping[str, Any] | None = None) -> Reply:
        """Ask for one installation, or for something of it."""
        return self.ask(method, f"/v1/teams/{self.team}/installations/{installation}{what}", body)

    def install(self, name: str, url: str | None, **more: Any) -> Reply:
        return self.ask("POST", f"/v1/teams/{self.team}/installations", {"name": name, "url": url, **more})

    def probe(self, url: str) -> dict[str, Any]:
        """Find out, as an admin, how an MCP server would be connected."""
        return dict(self.ask("POST", f"/v1/teams/{self.team}/probe", {"url": url}).json())

    def status(self, installation: str) -> dict[str, Any]:
        """The person's own status at one installation; empty where nobody has to connect, or nothing is to be seen."""
        return dict(self.at("GET", installation).json().get("connection") or {})

    def begin(self, installation: str) -> Begun:
        """Click Connect."""
        begun = self.at("POST", installation, "/authorize", {}).json()
        return Begun(begun["authorization_id"], begun["authorization_url"])

    def consent(self, begun: Begun, allow: bool = True) -> Arrival:
        """Open the provider's page in this browser, sign in there, answer, and arrive back."""
        return self.browser.consent(begun.url, allow)

    def complete(self, authorization: str, secret: str, **more: Any) -> Reply:
        return self.ask("POST", f"/v1/authorizations/{authorization}/complete", {"secret": secret, **more})

    def connect(self, installation: str) -> Reply:
        """Go the whole way: begin, consent, complete."""
        arrival = self.consent(self.begin(installation))
        return self.complete(arrival.authorization or "", arrival.secret or "")

    def revoke(self, installation: str) -> Reply:
        return self.at("DELETE", installation, "/connection")


class Satellite:
    """An MCP gateway: it asks with SigV4, and calls the MCP server with what it got."""

    def __init__(self, caller: Caller, places: Places) -> None:
        self._client, self._places = SignedClient(places.api, caller), places

    def look_up(self, team: str, installation: str, user: str, **wish: Any) -> Reply:
        path = f"/v1/satellite/teams/{team}/installations/{installation}/token"
        return self._client.send("POST", path, {"user": user, **wish})

    def report(self, team: str, installation: str, user: str, **rejection: Any) -> Reply:
        """Hand on what an MCP server said to a token: `version`, `status` and `challenge`."""
        path = f"/v1/satellite/teams/{team}/installations/{installation}/rejected"
        return self._client.send("POST", path, {"user": user, **rejection})

    def who_is(self, released: Reply) -> str:
        """Let the tool say whose token this is; `turned away` if the server does not take it."""
        answer = self.call(released.json()["headers"])
        return answer.text if isinstance(answer, Told) else "turned away"

    def call(self, headers: Mapping[str, str]) -> ToolAnswer:
        return call_tool(self._places.mcp, "whoami", headers)

    def start_notes(self, released: Mapping[str, str]) -> StdioAnswer:
        """Start Team Notes with the variables of a look-up that are its own, list the notes, and end it."""
        return call_stdio_tool(TEAM_NOTES, released, "list_notes")


class Host:
    """The product that owns the web client: it says who is in which team."""

    def __init__(self, caller: Caller, places: Places) -> None:
        self._client = SignedClient(places.api, caller)

    def put_member(self, team: str, user: str, role: str | None) -> Reply:
        """Let somebody into a team; with no role, take them out."""
        return self._client.send("PUT", f"/v1/host/teams/{team}/members", {"user": user, "role": role})


class ProviderLevers:
    """What the provider's own people could do: withdraw a grant, register a client, and count."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def state(self) -> dict[str, Any]:
        return dict(self._pull("state", {}))

    def withdraw(self, account: str) -> None:
        self._pull("withdraw", {"account": account})

    def spoil(self, account: str) -> None:
        """End the account's access tokens before their time."""
        self._pull("spoil", {"account": account})

    def register(self, redirect_uri: str) -> dict[str, str]:
        """Register a client for somebody who enters it by hand."""
        made = self._pull("client", {"redirect_uri": redirect_uri})
        return {"client_id": made["client_id"], "client_secret": made["client_secret"]}

    def rotate(self, client_id: str) -> str:
        """Make another secret of this client, beside the one before it."""
        return str(self._pull("rotate", {"client_id": client_id})["client_secret"])

    def end_old_secrets(self, client_id: str) -> None:
        self._pull("end_old", {"client_id": client_id})

    def turned_away(self) -> int:
        """How many requests to the token endpoint came from a client that could not prove who it is."""
        return sum(one["outcome"] == "invalid_client" for one in self.state()["tokens"])

    def grants(self, account: str) -> list[dict[str, Any]]:
        return [grant for grant in self.state()["grants"] if grant["account"] == account]

    def newest_grant(self, account: str) -> str:
        return str(self.grants(account)[-1]["grant"])

    def ended(self, grant: str) -> bool:
        return any(one["grant"] == grant and one["ended"] for one in self.state()["grants"])

    def was_told(self, grant: str) -> bool:
        """Whether the journal of revocations (RFC 7009) says that somebody ended this grant."""
        return any(one["grant"] == grant and one["effect"] == "grant" for one in self.state()["revocations"])

    def exchanges(self) -> int:
        """How many requests the token endpoint has had."""
        return int(self.state()["calls"]["token"])

    def refreshed(self, account: str) -> int:
        """How often tokens of this account have been rotated."""
        return sum(int(grant["refreshed"]) for grant in self.grants(account))

    def _pull(self, lever: str, order: Mapping[str, Any]) -> Any:
        body, kind = json.dumps(order).encode(), {"Content-Type": "application/json"}
        return send("POST", f"{self._places.provider}/control/{lever}", body, kind).json()
