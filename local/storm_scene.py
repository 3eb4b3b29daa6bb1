"""Where a storm blows: the local system with two authorization servers that rotate and detect reuse, and many people."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from local.accounts import SATELLITE, Member
from local.actors import Begun, Person, Places, Satellite
from local.peers.browser import PeerBrowser
from local.peers.outcomes import said
from local.peers.servers import CLIENT, PEERS, Documents, Place, Standing, metadata_of, running
from local.peers.wire import Exchange, Wire
from local.plan import ROOT, Options, Pace, Ports, Service, demo_options, origin
from local.seed import operators_rows
from local.services.browser import Browser
from local.services.exchange import fingerprint
from local.services.provider import INTROSPECTION_SECRET
from local.services.visits import ACCOUNTS
from local.signing import send
from local.stack import Stack
from local.storm_judge import Connection
from local.storm_ledger import Book, books

TEAM = "acme"
LIFETIME = 30
# Due from the twelfth to the eighteenth second of thirty by schedule, from the fifteenth by look-up.
PACE = Pace(access_token=LIFETIME, renew_ahead=12, short_lived=5, tick_every=0)
FRESH = 10.0
"""Seconds for which nobody has a reason to renew again; two less than that, since Strongroom counts in whole ones."""
DISTANCE = 0.3
"""Seconds that a provider's answer is on its way."""
BEHIND = 97
"""Ports behind those of the system: the server behind the Files Provider's wire, and the three of the second provider."""
LAST_PORT = BEHIND + 3
OF_OURS = "second Files Provider"
NEEDED = ("sign-in service", "Files Provider", "Team Files")
AT_ONCE = 4
MINUTES = 5
"""For which people wait for a team's quota of discoveries."""
_ENVIRONMENTS = 8


@dataclass
class Provider:
    """An authorization server with a wire before it, its MCP server, and what it alone knows of a token."""

    name: str
    wire: Wire = field(repr=False)
    metadata: Mapping[str, str]
    mcp: str
    authorization: str = field(repr=False)
    browser: Callable[[str], Browser]
    installation: str = ""
    codes: dict[str, str] = field(default_factory=dict)

    def exchanges(self) -> list[Exchange]:
        return self.wire.posts(self.metadata["token_endpoint"])

    def account_of(self, token: str) -> str | None:
        """Ask whose token this is (RFC 7662); None if it is nobody's (any more)."""
        headers = {"Authorization": self.authorization, "Content-Type": "application/x-www-form-urlencoded"}
        endpoint, body = self.metadata["introspection_endpoint"], urlencode({"token": token}).encode()
        facts = send("POST", endpoint, body, headers).json()
        return str(facts.get("sub") or facts.get("username")) if facts.get("active") is True else None

    def honours(self, book: Book) -> bool:
        """Try the newest refresh token of a grant, as whoever has it could."""
        if book.last is None:
            return True
        return self.wire.again(book.last, refresh_token=book.newest).status == 200


@dataclass
class Scene:
    """The running system, both providers, and who is connected."""

    stack: Stack
    providers: tuple[Provider, Provider]
    connections: list[Connection] = field(default_factory=list)
    distance: float = DISTANCE

    def __post_init__(self) -> None:
        self.places = Places(self.stack.options.ports)
        self.satellite = Satellite(SATELLITE, self.places)
        for provider in self.providers:
            provider.wire.distance = self.distance

    def provider(self, connection: Connection) -> Provider:
        return next(one for one in self.providers if one.name == connection.provider)

    def books(self) -> dict[Connection, Book]:
        """What both providers have seen until now, by connection."""
        return {
            Connection(provider.name, user): book
            for provider in self.providers
            for user, book in books(provider.exchanges(), provider.codes).items()
        }

    def connect(self, users: list[str]) -> None:
        """Let the first person, an admin, install both servers, and everybody connect to both.

        Raises:
            StepFailed, Stuck: If somebody cannot.
        """
        admin = Person(users[0], TEAM, self.places)
        for provider in self.providers:
            installed = said(admin.install(provider.name, provider.mcp), "install", 201)
            provider.installation = installed["installation"]
        self._connect(admin)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(lambda user: self._connect(Person(user, TEAM, self.places)), users[1:]))
        self.connections.sort()

    def _connect(self, person: Person) -> None:
        person.sign_in()
        person.browser.close()
        for provider in self.providers:
            # A browser for each: what a server remembers of one consent must not join two grants.
            with provider.browser(person.name) as person.browser:
                begun = begin(person, provider.installation)
                back = person.browser.answer(begun.url)
                provider.codes[fingerprint(dict(parse_qsl(urlsplit(back).query))["code"])] = person.name
                secret = person.browser.visit(back).secret or ""
                said(person.complete(begun.id, secret), "complete", 200)
            self.connections.append(Connection(provider.name, person.name))


def begin(person: Person, installation: str) -> Begun:
    """Begin, and wait as long as is said where the team begins more in a minute than it may; a few times, and no more."""
    for _ in range(MINUTES):
        reply = person.at("POST", installation, "/authorize", {})
        if reply.status != 429:
            break
        time.sleep(reply.json()["retry_after"])
    told = said(reply, "authorize", 201)
    return Begun(told["authorization_id"], told["authorization_url"])


def people(number: int) -> list[str]:
    """Name so many members of the team: alice-1, bob-1, carol-1, alice-2, ..."""
    names = ACCOUNTS[:3]
    return [f"{names[index % 3]}-{index // 3 + 1}" for index in range(number)]


def options(ports: Ports, users: list[str], with_node: bool, folder: Path, project: Path = ROOT) -> Options:
    """The demo's system with the provider moved behind its wire, a second one, and other people. `project`: where the
    template and the functions are."""
    usual = demo_options(ports, PACE, operators_rows)
    services = [_moved(service, ports) for service in usual.services if service.name in NEEDED]
    if not with_node:
        services += _second(second_place(ports))
    roles = {users[0]: "team_admin"}
    return replace(
        usual,
        run_dir=folder,
        template=project / "template.yaml",
        services=tuple(services),
        members=tuple(Member(TEAM, user, roles.get(user, "team_user")) for user in users),
        satellites={TEAM: SATELLITE},
        environments_per_function=_ENVIRONMENTS,
    )


def _moved(service: Service, ports: Ports) -> Service:
    if service.port != ports.provider:
        return service
    issuer = ("--issuer", origin(ports.provider))
    return replace(service, port=ports.first + BEHIND, arguments=(*service.arguments, *issuer))


def second_place(ports: Ports) -> Place:
    return Place(ports.first + BEHIND + 1)


def _second(place: Place) -> list[Service]:
    """The Files Provider once more, for machines without Node."""
    lifetime = ("--access-token-seconds", str(LIFETIME))
    given = ("--issuer", place.issuer, "--resource", place.mcp, *lifetime)
    metadata = "/.well-known/oauth-authorization-server"
    return [
        Service(OF_OURS, "local.services.provider", place.server, given, metadata),
        Service(
            "second Team Files",
            "local.services.team_files",
            place.first + 2,
            ("--url", place.mcp, "--provider", place.issuer),
        ),
    ]


@contextmanager
def scene(stack: Stack, with_node: bool, distance: float = DISTANCE) -> Iterator[Scene]:
    """Put a wire so many seconds long before each provider, and start the second one where it is somebody else's.

    Raises:
        LocalError: If a part does not come up.
    """
    ports = stack.options.ports
    place = second_place(ports)
    with Wire(ports.provider, ports.first + BEHIND) as wire:
        files = _ours("Files Provider", wire, Places(ports).provider, Places(ports).mcp)
        if with_node:
            with running(stack, PEERS[0], place, Documents(), LIFETIME) as standing:
                yield Scene(stack, (files, _theirs(standing)), distance=distance)
        else:
            with Wire(place.first, place.server) as second:
                second_of_ours = _ours(OF_OURS, second, place.issuer, place.mcp)
                yield Scene(stack, (files, second_of_ours), distance=distance)


def _ours(name: str, wire: Wire, issuer: str, mcp: str) -> Provider:
    return Provider(name, wire, metadata_of(issuer), mcp, f"Bearer {INTROSPECTION_SECRET}", Browser)


def _theirs(standing: Standing) -> Provider:
    pair = base64.b64encode(f"{CLIENT}:{standing.secret}".encode()).decode()
    browser = lambda user: PeerBrowser(user, standing.documents)  # noqa: E731
    return Provider(standing.peer.name, standing.wire, standing.metadata, standing.place.mcp, f"Basic {pair}", browser)
