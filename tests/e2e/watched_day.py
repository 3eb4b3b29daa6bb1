"""A day on the real stack whose secrets are written down as they come by, and what it left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.accounts import SATELLITE, Caller
from local.actors import Begun, Person, Places, Satellite
from local.day import Day
from local.day_chapters import CHAPTERS
from local.demo import PACE
from local.plan import Ports, demo_options
from local.seed import operators_rows
from local.services.browser import Arrival, Browser
from local.signing import Reply
from local.stack import Stack


@dataclass
class Secrets:
    """What must show up nowhere, by kind."""

    by_kind: dict[str, set[str]] = field(default_factory=dict)

    def know(self, kind: str, secret: object) -> None:
        if secret:
            self.by_kind.setdefault(kind, set()).add(str(secret))


class WatchedBrowser(Browser):
    """A browser that notes codes and states as callbacks come by."""

    def __init__(self, account: str, secrets: Secrets) -> None:
        super().__init__(account)
        self._secrets = secrets

    def answer(self, authorization_url: str, allow: bool = True) -> str:
        callback = super().answer(authorization_url, allow)
        for name, value in parse_qsl(urlsplit(callback).query):
            if name in ("code", "state"):
                self._secrets.know(name, value)
        return callback

    def visit(self, callback_url: str) -> Arrival:
        arrival = super().visit(callback_url)
        self._secrets.know("completion secret", arrival.secret)
        return arrival


class WatchedPerson(Person):
    """A person whose JWT, whose links into the provider and whatever secret they enter are noted."""

    def __init__(self, name: str, team: str, places: Places, secrets: Secrets) -> None:
        super().__init__(name, team, places)
        self.browser.close()
        self.browser = WatchedBrowser(name, secrets)
        self._secrets = secrets

    def sign_in(self) -> None:
        super().sign_in()
        self._secrets.know("JWT", self._jwt)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        for kind, secret in entered(body or {}):
            self._secrets.know(kind, secret)
        return super().ask(method, path, body)

    def begin(self, installation: str) -> Begun:
        begun = super().begin(installation)
        self._secrets.know("state", dict(parse_qsl(urlsplit(begun.url).query))["state"])
        return begun


def entered(body: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Name the secrets that an admin's request carries."""
    yield "client secret", body.get("client_secret")
    yield "client secret", body.get("provider", {}).get("client", {}).get("client_secret")
    for value in body.get("inject", {}).get("env", {}).values():
        yield "secret variable", value


class WatchedSatellite(Satellite):
    """A satellite whose tokens are noted as they are released."""

    def __init__(self, caller: Caller, places: Places, secrets: Secrets) -> None:
        super().__init__(caller, places)
        self._secrets = secrets

    def look_up(self, team: str, installation: str, user: str, **wish: Any) -> Reply:
        reply = super().look_up(team, installation, user, **wish)
        self._secrets.know("access token", reply.json().get("access_token"))
        return reply


@dataclass
class Lived:
    """What the day said, knew and left: logs by their names, rows as text, and the processes that there were."""

    said: list[str]
    secrets: dict[str, set[str]]
    logs: dict[str, str]
    rows: str
    processes: list[int]
    ports: Ports


def live_a_day(ports: Ports, folder: Path) -> Lived:
    """Start the demo's system, live through the day, stop it.

    Raises:
        StepFailed: At the first thing that is not as it should be.
    """
    said: list[str] = []
    secrets = Secrets()
    options = replace(demo_options(ports, PACE, operators_rows), run_dir=folder)
    processes: set[int] = set()
    with Stack(options, said.append) as stack:

        def say(line: str) -> None:
            said.append(line)
            processes.update(stack.processes.pids())

        with watched_day(Places(ports), stack, say, secrets) as day:
            day.live(CHAPTERS)
        processes.update(stack.processes.pids())
        rows = table_of(stack)
    logs = {path.name: path.read_text("utf-8") for path in sorted(stack.logs.iterdir())}
    return Lived(said, secrets.by_kind, logs, rows, sorted(processes), ports)


@contextmanager
def watched_day(places: Places, stack: Stack, say: Callable[[str], None], secrets: Secrets) -> Iterator[Day]:
    """Give a day whose people and satellite are watched; close their browsers when it is over."""
    day = Day(places, stack.fire_schedule, say)
    for person in day.people.values():
        person.browser.close()
    day.people = {name: WatchedPerson(name, person.team, places, secrets) for name, person in day.people.items()}
    day.satellite = WatchedSatellite(SATELLITE, places, secrets)
    try:
        yield day
    finally:
        for person in day.people.values():
            person.browser.close()


def table_of(stack: Stack) -> str:
    """Give everything that the table holds, bytes as they are."""
    pages = stack.cloud.dynamodb.get_paginator("scan").paginate(TableName=stack.cloud.tables[0].name)
    return json.dumps(
        [item for page in pages for item in page["Items"]], default=lambda data: bytes(data).decode("latin-1")
    )
