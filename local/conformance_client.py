"""What the conformance suite runs: an MCP client that knows no OAuth.

It asks Strongroom's satellite route for every token, hands each 401 and 403 to the `rejected` route, and when told that a
person has to act, plays that person's browser and web client. Its own bound on all that is far above what the rules
allow, so that Strongroom has to be the one who stops. Its last line says where it ended.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from local.accounts import SATELLITE
from local.actors import Begun, Person, Places, Satellite
from local.conformance_mcp import McpServer, Turned
from local.plan import Ports
from local.signing import Reply

USER = "alice"
MOST_TURNS = 10


class Stopped(Exception):
    """A step of Strongroom did not let the client go on."""

    def __init__(self, step: str, status: int, code: str, authorization: str = "") -> None:
        super().__init__(f"{step} answered {status} {code}")
        self.ending = {"step": step, "status": status, "code": code, "authorization": authorization}


class Gateway:
    """A satellite and the one person it works for, at one installation."""

    def __init__(self, places: Places, team: str, url: str, context: Mapping[str, Any]) -> None:
        self._person, self._satellite, self._team = Person(USER, team, places), Satellite(SATELLITE, places), team
        entered = {"provider": self._enter_client(url, context)} if "client_id" in context else {}
        installed = self._person.install("Conformance", url, requires_oauth=True, **entered)
        self._installation = _good(installed, "install")["installation"]

    def _enter_client(self, url: str, context: Mapping[str, Any]) -> dict[str, Any]:
        """What an admin enters who has registered Strongroom at the provider beforehand."""
        probed = _good(self._person.ask("POST", f"/v1/teams/{self._team}/probe", {"url": url}), "probe")
        client = {name: context[name] for name in ("client_id", "client_secret") if name in context}
        return {"draft": probed["draft"], "issuer": probed["provider"]["issuer"], "client": client}

    def token(self) -> dict[str, Any]:
        return self._until_released("token", self._satellite.look_up(self._team, self._installation, USER))

    def rejected(self, version: str, turned: Turned) -> dict[str, Any]:
        """Report what the MCP server said to a token, and get the next one."""
        report = self._satellite.report(
            self._team, self._installation, USER, version=version, status=turned.status, challenge=turned.challenge
        )
        return self._until_released("rejected", report)

    def _until_released(self, step: str, answer: Reply) -> dict[str, Any]:
        for _ in range(MOST_TURNS):
            if answer.status == 200:
                return dict(answer.json())
            told = answer.json()
            if answer.status != 409 or not told.get("link"):
                raise Stopped(step, answer.status, told.get("reason") or told.get("error", ""))
            self._connect()
            step, answer = "token", self._satellite.look_up(self._team, self._installation, USER)
        raise Stopped("client", 0, "too_many_turns")

    def _connect(self) -> None:
        """Click Connect, consent, and let the web client finish."""
        path = f"/v1/teams/{self._team}/installations/{self._installation}/authorize"
        told = _good(self._person.ask("POST", path, {}), "authorize")
        begun = Begun(told["authorization_id"], told["authorization_url"])
        arrival = self._person.consent(begun)
        if arrival.secret is None:
            raise Stopped("callback", arrival.status, arrival.outcome or "", begun.id)
        _good(self._person.complete(begun.id, arrival.secret), "complete")


def _good(reply: Reply, step: str) -> dict[str, Any]:
    told: dict[str, Any] = reply.json()
    if reply.status not in (200, 201):
        raise Stopped(step, reply.status, told.get("error", ""))
    return told


class Caller:
    """An MCP client with somebody who knows about tokens behind it."""

    def __init__(self, gateway: Gateway, server: McpServer) -> None:
        self._gateway, self._server = gateway, server
        self._released = gateway.token()

    def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request until the server takes a token for it."""
        for _ in range(MOST_TURNS):
            answer = self._server.send(method, params, self._released["headers"])
            if not isinstance(answer, Turned):
                return answer
            self._released = self._gateway.rejected(self._released["version"], answer)
        raise Stopped("client", 0, "too_many_turns")

    def everything(self) -> None:
        """Say hello where the revision has a hello, list the tools, and call each of them."""
        if self._server.has_handshake:
            self.call("initialize", self._server.hello)
            self.call("notifications/initialized", {})
        for tool in self.call("tools/list", {}).get("tools", ()):
            self.call("tools/call", {"name": tool["name"], "arguments": {}})


def main(arguments: Sequence[str]) -> int:
    """Run against one server; 0 if every call was answered in the end."""
    parser = argparse.ArgumentParser(prog="conformance_client")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--team", required=True)
    parser.add_argument("url")
    asked = parser.parse_args(arguments)
    try:
        context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
        gateway = Gateway(Places(Ports(asked.port)), asked.team, asked.url, context)
        Caller(gateway, McpServer(asked.url, os.environ["MCP_CONFORMANCE_PROTOCOL_VERSION"])).everything()
    except Stopped as stopped:
        print(json.dumps(stopped.ending))
        return 1
    print(json.dumps({"step": "done", "status": 200, "code": "", "authorization": ""}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
