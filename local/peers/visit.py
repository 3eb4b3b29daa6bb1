"""What is asked of the example gateway with the MCP inspector, from before bob has connected until after he has revoked."""

from __future__ import annotations

from collections.abc import Iterator

from local import jwt
from local.actors import Person, Places
from local.peers.inspector import AUTH_REQUIRED, REVISIONS, TOOL_ERROR, Inspected, inspect
from local.peers.outcomes import Holds, Outcome, Step, expect, said
from local.plan import gateway_url
from local.stack import Stack

SERVER = "Team Files"
CONNECT, WHOAMI, FILES = "team-files__connect", "team-files__whoami", "team-files__list_files"
LIST = ("--method", "tools/list")


class Visit:
    """The steps, in order; each needs what the ones before it left."""

    def __init__(self, stack: Stack) -> None:
        ports = stack.options.ports
        self._places, self._gateway = Places(ports), gateway_url(ports)
        self._alice, self._bob = (Person(name, "acme", self._places) for name in ("alice", "bob"))
        self._installation = ""

    def close(self) -> None:
        for person in (self._alice, self._bob):
            person.browser.close()

    def steps(self) -> Iterator[tuple[str, Step]]:
        yield "access token", self.access_token
        yield "tools before", self.before
        yield "prompt", self.prompt
        yield "tools after", self.after
        yield "call", self.call
        yield "somebody else", self.somebody_else
        yield "revocation", self.revocation

    def access_token(self) -> Outcome:
        """Without a token, and with one that is for Strongroom's own API, there is nothing to see."""
        for token in (None, jwt.sign_in("bob", self._places.ports.first)):
            for revision in REVISIONS:
                refused = inspect(self._gateway, token, revision, *LIST).status
                expect("a token for the gateway itself is required", refused == AUTH_REQUIRED)
        return Holds("none, or one for Strongroom's API, is refused")

    def before(self) -> Outcome:
        self._installation = said(self._alice.install(SERVER, self._places.mcp), "install", 201)["installation"]
        self._lists(self._bob, [CONNECT])
        return Holds(f"bob is shown {CONNECT}")

    def prompt(self) -> Outcome:
        """The inspector's command line declares no elicitation: a person reads the link in the answer."""
        link = f"{self._places.web_client}?team=acme&installation={self._installation}"
        for answer in self._calls(self._bob, CONNECT):
            expect("the tool says that it failed", answer.status == TOOL_ERROR and answer.result.get("isError") is True)
            expect("it says where to connect", link in answer.text)
        return Holds("the answer says where to connect")

    def after(self) -> Outcome:
        expect("bob connects", self._bob.connect(self._installation).status == 200)
        self._lists(self._bob, [WHOAMI, FILES])
        return Holds("bob has connected: the server's own tools, with nothing to complain of in their schemas")

    def call(self) -> Outcome:
        for answer in self._calls(self._bob, WHOAMI):
            expect("the tool says bob", (answer.status, answer.text) == (0, "bob"))
        return Holds("the tool says bob")

    def somebody_else(self) -> Outcome:
        self._lists(self._alice, [CONNECT])
        return Holds("alice is still to connect")

    def revocation(self) -> Outcome:
        expect("bob revokes", self._bob.revoke(self._installation).status == 200)
        self._lists(self._bob, [CONNECT])
        return Holds(f"bob has revoked: he is shown {CONNECT} again")

    def _lists(self, person: Person, tools: list[str]) -> None:
        for answer in self._asked(person, *LIST, "--strict"):
            expect(f"{person.name} is shown {' and '.join(tools)}", (answer.status, answer.tools) == (0, tools))

    def _calls(self, person: Person, tool: str) -> list[Inspected]:
        return self._asked(person, "--method", "tools/call", "--tool-name", tool)

    def _asked(self, person: Person, *options: str) -> list[Inspected]:
        token = jwt.sign_in(person.name, self._places.ports.first, for_gateway=True)
        return [inspect(self._gateway, token, revision, *options) for revision in REVISIONS]
