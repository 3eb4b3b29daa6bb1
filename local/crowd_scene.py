"""Where a crowd is served: the local system with a wire on both sides of its example gateway, and many people."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.accounts import SATELLITE, Member
from local.actors import Person, Places, ProviderLevers
from local.crowd_ledger import Ask, Use, asks_of, uses_of
from local.day import StepFailed
from local.errors import LocalError
from local.peers.outcomes import said
from local.peers.wire import Exchange, Wire
from local.plan import Options, Pace, Ports, Service, demo_options, origin
from local.processes import bare_environment
from local.satellites import SOURCES
from local.seed import operators_rows
from local.services.browser import Stuck
from local.signing import send
from local.stack import Stack
from local.storm_scene import TEAM, begin

NAME = "Team Files"
TOOL = "team-files__whoami"
LIFETIME = 20
PACE = Pace(access_token=LIFETIME, renew_ahead=10, short_lived=5, tick_every=0)
BEHIND = 97
"""Ports behind those of the system: the MCP server behind its wire, and the wire before Strongroom."""
LAST_PORT = BEHIND + 1
AT_ONCE = 4
PATIENCE = 60.0
TRIES, PAUSE = 4, 2.0
_GATEWAY = "example gateway"
_ENVIRONMENTS = 16


@dataclass
class Scene:
    """The running system, and what came by on its two wires."""

    stack: Stack
    before_strongroom: Wire = field(repr=False)
    before_mcp: Wire = field(repr=False)
    installation: str = ""

    def __post_init__(self) -> None:
        self.places = Places(self.stack.options.ports)
        self.levers = ProviderLevers(self.places)

    @property
    def ports(self) -> Ports:
        return self.stack.options.ports

    def asks(self, since: float) -> list[Ask]:
        """What a gateway has asked about tokens."""
        path = f"/v1/satellite/teams/{TEAM}/installations/{self.installation}"
        asked = [one for what in ("token", "rejected") for one in self.before_strongroom.posts(f"{path}/{what}")]
        return list(asks_of(_since(asked, since)))

    def uses(self, since: float) -> list[Use]:
        """Which tokens a gateway has used."""
        return list(uses_of(_since(self.before_mcp.posts(self.places.mcp), since)))

    def renewals(self) -> int:
        return sum(int(grant["refreshed"]) for grant in self.levers.state()["grants"])

    def connect(self, users: list[str]) -> None:
        """Let the first one, an admin, install Team Files, and everybody connect: as fast as the team's quota lets them.

        Raises:
            StepFailed, Stuck: If somebody cannot.
        """
        admin = Person(users[0], TEAM, self.places)
        with admin.browser:
            self.installation = said(admin.install(NAME, self.places.mcp), "install", 201)["installation"]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(self.connect_one, users))

    def connect_one(self, user: str) -> float:
        """Let somebody connect, or connect again; tell when they were first about to complete it.

        What is answered with 503 may have been done all the same.
        """
        completing: list[float] = []

        def connect(person: Person) -> float:
            begun = begin(person, self.installation)
            secret = person.consent(begun).secret or ""
            completing.append(time.time())
            said(person.complete(begun.id, secret), "complete", 200)
            return completing[0]

        return self._as_person(user, connect)

    def revoke(self, user: str) -> float:
        """Let somebody revoke; tell when they were told that it is done."""
        return self._as_person(user, self._revoke)

    def _revoke(self, person: Person) -> float:
        said(person.revoke(self.installation), "revoke", 200)
        return time.time()

    def _as_person(self, user: str, errand: Callable[[Person], float]) -> float:
        """Run an errand as a person does who is told that it does not work just now: from its beginning, a few times."""
        person = Person(user, TEAM, self.places)
        with person.browser:
            for _ in range(TRIES - 1):
                with suppress(StepFailed, Stuck):
                    return errand(person)
                threading.Event().wait(PAUSE)
            return errand(person)

    @contextmanager
    def gateway(self, sources: Path = SOURCES) -> Iterator[None]:
        """Let the example gateway serve, with the satellite package from this folder.

        Raises:
            LocalError: If it does not come up.
        """
        usual = gateway_of(demo_options(self.ports, PACE, None))
        strongroom, path = origin(self.ports.first + LAST_PORT), usual.environment["PYTHONPATH"]
        variables = {
            **bare_environment(self.stack.options.run_dir),
            **usual.environment,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": path.replace(str(SOURCES), str(sources)),
            "STRONGROOM_URL": strongroom,
        }
        log, command = self.stack.logs / usual.log, [sys.executable, "-m", usual.module, *usual.arguments]
        process = self.stack.processes.start(
            [*command, "--port", str(usual.port)], variables, self.stack.options.run_dir, log
        )
        try:
            _await(usual.ready, process, log)
            yield
        finally:
            self.stack.processes.stop([process])


def _since(exchanges: list[Exchange], since: float) -> list[Exchange]:
    return [one for one in exchanges if one.came_at >= since]


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise LocalError(f"The {_GATEWAY} did not start; what it said is in {log}.")
        threading.Event().wait(0.05)


def _answers(url: str) -> bool:
    try:
        send("GET", url)
    except OSError:
        return False
    return True


def gateway_of(options: Options) -> Service:
    return next(service for service in options.services if service.name == _GATEWAY)


def options(ports: Ports, users: list[str], folder: Path) -> Options:
    """The demo's system with the MCP server moved behind its wire, other people, and no gateway yet."""
    usual = demo_options(ports, PACE, operators_rows)
    services = [_moved(one, ports) for one in usual.services if one.name not in (_GATEWAY, "example host")]
    return replace(
        usual,
        run_dir=folder,
        services=tuple(services),
        members=tuple(Member(TEAM, user, "team_user" if index else "team_admin") for index, user in enumerate(users)),
        satellites={TEAM: SATELLITE},
        environments_per_function=_ENVIRONMENTS,
    )


def _moved(service: Service, ports: Ports) -> Service:
    return replace(service, port=ports.first + BEHIND) if service.port == ports.team_files else service


@contextmanager
def scene(stack: Stack) -> Iterator[Scene]:
    """Put a wire before Strongroom and one before the MCP server.

    Raises:
        LocalError: If a port is taken.
    """
    ports = stack.options.ports
    with (
        Wire(ports.first + LAST_PORT, ports.front) as before_strongroom,
        Wire(ports.team_files, ports.first + BEHIND) as before_mcp,
    ):
        yield Scene(stack, before_strongroom, before_mcp)
