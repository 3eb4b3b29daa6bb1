"""A day with Strongroom, step by step. Each step says in plain words what happened, and fails if it did not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from local.accounts import SATELLITE, STRANGER
from local.actors import Person, Places, ProviderLevers, Satellite
from local.services.mcp_caller import TurnedAway
from local.signing import send

POLL = 0.25
PATIENCE = 45.0
GUESS = "A" * 43


class StepFailed(Exception):
    """A step did not do what it should. The text says what was expected."""


@dataclass
class Day:
    """The people of team `acme`, one outsider, a satellite and the provider."""

    places: Places
    fire_schedule: Callable[[], object]
    say: Callable[[str], None]
    installation: str = ""
    people: dict[str, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        teams = {"alice": "acme", "bob": "acme", "carol": "acme", "mallory": "rivals"}
        self.people = {name: Person(name, team, self.places) for name, team in teams.items()}
        self.satellite = Satellite(SATELLITE, self.places)
        self.stranger = Satellite(STRANGER, self.places)
        self.provider = ProviderLevers(self.places)

    def live(self) -> None:
        """Go through all seven steps.

        Raises:
            StepFailed: At the first thing that is not as it should be.
        """
        steps = (
            ("alice installs an MCP server by its URL", self.installing),
            ("bob is asked to connect, and does", self.connecting),
            ("the satellite calls the tool, for each with their own token", self.using),
            ("tokens near their end are renewed", self.renewing),
            ("the provider withdraws alice's grant", self.withdrawing),
            ("bob revokes", self.revoking),
            ("an attacker is turned away", self.attacking),
        )
        for number, (title, step) in enumerate(steps, start=1):
            self.say(f"\n{number}. {title[0].upper()}{title[1:]}.")
            step()

    # -- 1

    def installing(self) -> None:
        alice = self.people["alice"]
        installed = alice.install("Team Files", self.places.mcp)
        self.expect("the server is installed for team acme", installed.status == 201)
        self.installation = installed.json()["installation"]
        begun = alice.begin(self.installation)
        found_out = urlsplit(begun.url).netloc == urlsplit(self.places.provider).netloc
        self.expect("Strongroom found out from the server that it needs OAuth, where, and registered itself", found_out)
        arrival = alice.consent(begun)
        done = alice.complete(arrival.authorization or "", arrival.secret or "")
        self.expect(
            "alice consented at the provider and is connected", done.status == 200 and self.is_connected("alice")
        )
        waiting = [self.people[name].status(self.installation) for name in ("bob", "carol")]
        expected = all(one["status"] == "auth_required" and one["reason"] == "never_connected" for one in waiting)
        self.expect("bob and carol still have to connect themselves (auth_required: never_connected)", expected)

    # -- 2

    def connecting(self) -> None:
        bob = self.people["bob"]
        asked = self.satellite.look_up("acme", self.installation, "bob")
        told = asked.json()
        refused = asked.status == 409 and told["error"] == "authorization_required"
        self.expect("the satellite asks for bob's token and is told that bob has to connect", refused)
        page = bob.browser.open(told["link"])
        leads_home = told["link"].startswith(self.places.web_client) and page.status_code == 200
        self.expect("it gets a link into the web client, which bob opens; opening it starts nothing", leads_home)
        bob.sign_in()
        done = bob.connect(self.installation)
        self.expect(
            "bob signs in, consents at the provider and is connected", done.status == 200 and self.is_connected("bob")
        )

    # -- 3

    def using(self) -> None:
        self.expect("without a token the MCP server refuses", isinstance(self.satellite.call({}), TurnedAway))
        for name in ("bob", "alice"):
            released = self.satellite.look_up("acme", self.installation, name)
            who = self.satellite.who_is(released)
            self.expect(f"with the token that Strongroom gave for {name}, the tool says: {who}", who == name)
        carol = self.people["carol"]
        arrival = carol.consent(carol.begin(self.installation), allow=False)
        status = carol.status(self.installation)
        denied = arrival.outcome == "denied" and (status["status"], status["reason"]) == ("auth_required", "denied")
        self.expect("carol denies consent and stays auth_required (denied)", denied)

    # -- 4

    def renewing(self) -> None:
        before = {name: self.version(name) for name in ("alice", "bob")}
        rotated = {name: self.provider.refreshed(name) for name in before}
        self.say("   (waiting until both tokens are near their end)")
        self.wait(
            "the schedule fired, the sweep found both, the queue delivered, the provider rotated",
            lambda: all(self.provider.refreshed(name) > rotated[name] for name in before),
            self.fire_schedule,
        )
        self.wait(
            "both have new tokens in the table", lambda: all(self.version(name) != before[name] for name in before)
        )
        self.expect("the tool still works for both", all(self.tool_says(name) == name for name in before))
        version, count = self.version("bob"), self.provider.refreshed("bob")
        self.say("   (waiting until bob's token is about to expire, with the schedule at rest)")
        self.wait(
            "a look-up found bob's token about to expire and renewed it on demand",
            lambda: self.version("bob", min_validity=600) != version,
        )
        self.expect(
            "the provider rotated once for it, and the tool says bob",
            self.provider.refreshed("bob") == count + 1 and self.tool_says("bob") == "bob",
        )

    # -- 5

    def withdrawing(self) -> None:
        self.provider.withdraw("alice")
        self.say("   (waiting for the next renewal)")
        self.wait(
            "at the next renewal alice became auth_required (refused)",
            lambda: self.people["alice"].status(self.installation)["reason"] == "refused",
            self.fire_schedule,
        )
        self.expect("bob was not touched", self.is_connected("bob") and self.tool_says("bob") == "bob")
        self.people["alice"].connect(self.installation)
        self.expect("alice reconnects, and the tool says alice", self.tool_says("alice") == "alice")

    # -- 6

    def revoking(self) -> None:
        bob = self.people["bob"]
        revoked = bob.revoke(self.installation)
        self.expect("bob revokes", revoked.status == 200 and revoked.json()["connection"]["reason"] == "revoked")
        asked = self.satellite.look_up("acme", self.installation, "bob")
        gone = asked.status == 409 and asked.json()["reason"] == "revoked"
        self.expect("the next look-up for bob gives nothing", gone)
        self.wait(
            "the provider has been told (RFC 7009) and has ended bob's grant",
            lambda: all(grant["ended"] for grant in self.provider.grants("bob")),
        )
        self.expect("alice still works", self.tool_says("alice") == "alice")

    # -- 7

    def attacking(self) -> None:
        bob, mallory = self.people["bob"], self.people["mallory"]
        self._asking(mallory)
        begun = bob.begin(self.installation)
        callback = bob.browser.answer(begun.url)
        arrival = bob.browser.visit(callback)
        stolen = mallory.complete(begun.id, GUESS)
        self.expect(
            "mallory completes bob's authorization with her own sign-in: there is no such thing for her (404)",
            stolen.status == 404,
        )
        done = bob.complete(arrival.authorization or "", arrival.secret or "")
        self.expect("bob completes it himself", done.status == 200 and self.tool_says("bob") == "bob")
        exchanges = self._exchanges()
        replay = mallory.browser.open(callback)
        self.expect(
            "mallory replays bob's callback: a neutral page, and no second token request",
            replay.status_code == 200 and "location" not in replay.headers and self._exchanges() == exchanges,
        )
        self._fixating(bob, mallory)

    def _asking(self, mallory: Person) -> None:
        path = f"/v1/satellite/teams/acme/installations/{self.installation}/token"
        by_jwt = mallory.ask("POST", path, {"user": "bob"})
        self.expect("mallory asks for bob's token with her JWT: refused", by_jwt.status in (401, 403))
        unsigned = send("POST", f"{self.places.api}{path}", b'{"user":"bob"}', {"Content-Type": "application/json"})
        self.expect("without a signature: refused", unsigned.status in (401, 403))
        stranger = self.stranger.look_up("acme", self.installation, "bob")
        self.expect("with an IAM role that nobody registered: refused", stranger.status == 403)
        foreign = mallory.ask("GET", f"/v1/teams/acme/installations/{self.installation}")
        self.expect("she cannot even see the installation (404)", foreign.status == 404)

    def _fixating(self, bob: Person, mallory: Person) -> None:
        """Mallory begins, lets bob consent, and tries to finish: the main attack on this kind of product."""
        theirs = mallory.install("Files too", self.places.mcp).json()["installation"]
        bait = mallory.begin(theirs)
        version = self.version("bob")
        arrival = bob.consent(bait)
        self.expect("mallory sends bob a link of her own, and bob consents", arrival.authorization == bait.id)
        grab = mallory.complete(bait.id, GUESS)
        self.expect("mallory tries to finish it: she lacks what only bob's browser got", grab.status == 400)
        page = bob.complete(arrival.authorization or "", arrival.secret or "")
        self.expect("bob's page tries to finish it as bob: nothing of it is bob's (404)", page.status == 404)
        again = mallory.complete(bait.id, arrival.secret or "")
        self.expect("even with bob's secret it is over now", again.status == 400)
        self.expect("bob's account did not end up with mallory", mallory.status(theirs)["status"] == "auth_required")
        unmoved = self.version("bob") == version and self.tool_says("bob") == "bob"
        self.expect("nor mallory's with bob: the tool still says bob", unmoved)

    # -- what the steps share

    def expect(self, what: str, holds: bool) -> None:
        """Raises: StepFailed: if it does not hold."""
        if not holds:
            raise StepFailed(what)
        self.say(f"   ok  {what}")

    def wait(self, what: str, holds: Callable[[], bool], meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait for a condition, with a deadline.

        Raises:
            StepFailed: If it does not come true in time.
        """
        until = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > until:
                raise StepFailed(what)
            meanwhile()
            time.sleep(POLL)
        self.say(f"   ok  {what}")

    def version(self, name: str, **wish: Any) -> str:
        return str(
            self.satellite.look_up("acme", self.installation, name, **{"min_validity": 0, **wish}).json()["version"]
        )

    def tool_says(self, name: str) -> str:
        return self.satellite.who_is(self.satellite.look_up("acme", self.installation, name))

    def is_connected(self, name: str) -> bool:
        return bool(self.people[name].status(self.installation)["status"] == "connected")

    def _exchanges(self) -> int:
        return int(self.provider.state()["calls"]["token"])
