"""A day with Strongroom, chapter by chapter. Each step says in plain words what happened, and fails if it did not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from local.accounts import HOST, SATELLITE, STRANGER
from local.actors import Host, Person, Places, ProviderLevers, Satellite
from local.signing import Reply

POLL = 0.25
PATIENCE = 45.0


class StepFailed(Exception):
    """A step did not do what it should. The text says what was expected."""


@dataclass
class Day:
    """The people of team `acme`, one outsider, a satellite, the host and the provider.

    `installation` is the MCP server that the first chapter installs, and that most of the day is about.
    """

    places: Places
    fire_schedule: Callable[[], object]
    say: Callable[[str], None]
    installation: str = ""
    people: dict[str, Person] = field(default_factory=dict)
    steps: int = 0

    def __post_init__(self) -> None:
        teams = {"alice": "acme", "bob": "acme", "carol": "acme", "mallory": "rivals"}
        self.people = {name: Person(name, team, self.places) for name, team in teams.items()}
        self.satellite = Satellite(SATELLITE, self.places)
        self.stranger = Satellite(STRANGER, self.places)
        self.host = Host(HOST, self.places)
        self.provider = ProviderLevers(self.places)

    def live(self, chapters: Sequence[Chapter]) -> None:
        """Go through the chapters in their order: each finds what those before it have left.

        Raises:
            StepFailed: At the first thing that is not as it should be.
        """
        for number, (title, chapter) in enumerate(chapters, start=1):
            self.say(f"\n{number}. {title[0].upper()}{title[1:]}.")
            chapter(self)

    def expect(self, what: str, holds: bool) -> None:
        """Raises: StepFailed: if it does not hold."""
        if not holds:
            raise StepFailed(what)
        self.steps += 1
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
        self.expect(what, True)

    # -- what the satellite learns; of the day's installation and team, unless another is named

    def look_up(self, name: str, installation: str = "", team: str = "acme", **wish: Any) -> Reply:
        return self.satellite.look_up(team, installation or self.installation, name, **wish)

    def reason(self, name: str, installation: str = "", team: str = "acme") -> str:
        """Why a look-up gives nothing; empty if it gives something."""
        reply = self.look_up(name, installation, team)
        return str(reply.json().get("reason") or reply.json()["error"]) if reply.status != 200 else ""

    def version(self, name: str, **wish: Any) -> str:
        return str(self.look_up(name, **{"min_validity": 0, **wish}).json()["version"])

    def renews(self, name: str, installation: str = "") -> bool:
        """Whether a look-up that wants another token than the present one gets it. Only once for each connection: a second
        token that is not wanted within a quarter of an hour counts as rejected for good."""
        present = self.look_up(name, installation).json()["version"]
        another = self.look_up(name, installation, not_version=present)
        return another.status == 200 and another.json()["version"] != present

    def tool_says(self, name: str, installation: str = "", team: str = "acme") -> str:
        return self.satellite.who_is(self.look_up(name, installation, team))

    def is_connected(self, name: str) -> bool:
        return bool(self.people[name].status(self.installation)["status"] == "connected")


Chapter: TypeAlias = tuple[str, Callable[[Day], None]]
"""What happens, and the steps of it."""
