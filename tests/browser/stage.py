"""The local system under the tests: one for the whole run, and for each test its own installations on it."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from local.accounts import HOST, MEMBERS, SATELLITE
from local.actors import Host, Person, Places, ProviderLevers, Satellite
from local.environment import DATA
from local.plan import Options, Pace, Ports, Service, demo_options, origin
from local.seed import operators_rows
from local.services.provider_ledger import Lifetimes
from local.signing import Reply, send
from local.stack import Stack
from tests.browser.steps import TEAMS

PATIENCE = 30.0
_POLL = 0.1
# The schedule fires when a test says so, and what the functions renew ahead of time is the template's own.
USUAL = Pace(tick_every=0)


@dataclass
class Stage:
    """The running system, its places, and people who call its API without a browser to look at."""

    stack: Stack
    places: Places
    people: dict[str, Person]
    admins: list[Person]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def origins(self) -> frozenset[str]:
        """What a page of ours may ask: the API, the sign-in service, the provider, and the example host's page."""
        ports = self.places.ports
        return frozenset(map(origin, (ports.front, ports.sign_in, ports.provider, ports.host_page)))

    def forget_quotas(self) -> None:
        """Delete what counts against the limits by the minute: tests follow each other faster than people click."""
        table, rows = self.stack.cloud.tables[0].name, self.stack.cloud.dynamodb
        found = rows.scan(
            TableName=table,
            FilterExpression="#kind = :quota",
            ExpressionAttributeNames={"#kind": "kind"},
            ExpressionAttributeValues={":quota": {"S": "quota"}},
        )
        for row in found["Items"]:
            rows.delete_item(TableName=table, Key={name: row[name] for name in ("PK", "SK")})


@contextmanager
def standing(
    ports: Ports, pace: Pace = USUAL, sign_in_seconds: int | None = None, parameters: Mapping[str, str] | None = None
) -> Iterator[Stage]:
    """Start the whole system. `pace` says how long the provider's tokens live, `sign_in_seconds` how long a sign-in does,
    `parameters` which of the template's are other than usual."""
    options = demo_options(ports, pace, operators_rows)
    options = replace(options, parameters={**options.parameters, **(parameters or {})})
    services = tuple(_signing_in_for(sign_in_seconds, service) for service in options.services)
    with Stack(_apart(replace(options, services=services)), _quiet) as stack:
        places = Places(ports)
        people = {name: Person(name, team, places) for name, team in TEAMS.items()}
        try:
            yield Stage(stack, places, people, _admins(people))
        finally:
            for person in people.values():
                person.browser.close()


def _apart(options: Options) -> Options:
    return replace(options, run_dir=DATA / f"browser-{options.ports.first}")


def _signing_in_for(seconds: int | None, service: Service) -> Service:
    if seconds is None or service.name != "sign-in service":
        return service
    return replace(service, arguments=(*service.arguments, "--access-token-seconds", str(seconds)))


def _admins(people: Mapping[str, Person]) -> list[Person]:
    """Who installs in the teams that there are, one for each."""
    return [people[one.user].in_team(one.team) for one in MEMBERS if one.role == "team_admin"]


def _quiet(line: str) -> None:
    pass


@dataclass
class Backstage:
    """What one test does behind the pages, through the real API and the provider's levers. `tidy` takes it all back, and
    uninstalls whatever is there."""

    stage: Stage
    moved: bool = False

    def __post_init__(self) -> None:
        self.places, self.people = self.stage.places, self.stage.people
        self.provider, self.host = ProviderLevers(self.places), Host(HOST, self.places)
        self.satellite = Satellite(SATELLITE, self.places)

    def unused(self, name: str) -> str:
        """Make a name that nothing had before: records outlive the tests that they are about."""
        return f"{name} {next(self.stage.numbers)}"

    # -- as an admin

    def install(self, name: str = "", url: str | None = "", *, by: str = "alice", **more: Any) -> str:
        """Install Team Files under a name that no other test uses, and give the installation's id."""
        name = name or self.unused("Files")
        installed = self.people[by].install(name, self.places.mcp if url == "" else url, **more)
        assert installed.status == 201, installed.body
        return str(installed.json()["installation"])

    def install_by_hand(self, name: str = "", scopes: Sequence[str] = (), **provider: Any) -> str:
        """The same with a client that alice has registered at the provider; `provider` is what she enters besides."""
        probed = self.people["alice"].probe(self.places.mcp)
        client = self.provider.register(probed["callback_url"])
        entered = {"draft": probed["draft"], "issuer": self.places.provider, "client": client, **provider}
        return self.install(name, scopes=list(scopes), provider=entered)

    def uninstall(self, installation: str, *, by: str = "alice") -> None:
        assert self.people[by].at("DELETE", installation).status == 200

    def installed(self, admin: Person | None = None) -> dict[str, str]:
        """Give the names of all that is installed in an admin's team, by id; of alice's, if nobody is named."""
        person = admin or self.people["alice"]
        listed = person.ask("GET", f"/v1/teams/{person.team}/installations?limit=100").json()["installations"]
        return {str(one["installation"]): str(one["name"]) for one in listed}

    def change(self, installation: str, *, by: str = "alice", **changes: Any) -> None:
        assert self.people[by].at("PATCH", installation, body=changes).status == 200

    # -- as anybody

    def connect(self, account: str, installation: str, **more: Any) -> None:
        """Connect without a browser to look at: for what has to be so before the test begins."""
        person = self.people[account]
        arrival = person.consent(person.begin(installation))
        done = person.complete(arrival.authorization or "", arrival.secret or "", **more)
        assert done.status == 200, done.body

    def revoke(self, account: str, installation: str) -> None:
        assert self.people[account].revoke(installation).status == 200

    def status(self, account: str, installation: str) -> dict[str, Any]:
        return self.people[account].status(installation)

    def becomes(self, account: str, installation: str, status: str) -> None:
        """Wait until somebody's connection has this status."""
        self.until(lambda: self.status(account, installation)["status"] == status)

    def look_up(self, account: str, installation: str, **wish: Any) -> Reply:
        """Ask for somebody's token as the satellite of team acme."""
        return self.satellite.look_up("acme", installation, account, **wish)

    def tool_says(self, account: str, installation: str) -> str:
        """Let the tool say whose token the satellite got. In a thread: in this one there runs Playwright's event loop."""
        released = self.look_up(account, installation)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self.satellite.who_is, released).result()

    def put_member(self, account: str, role: str | None, team: str = "acme") -> None:
        """Let the host move somebody; with no role, out of the team."""
        self.moved = True
        assert self.host.put_member(team, account, role).status == 200

    def fire_schedule(self) -> None:
        self.stage.stack.fire_schedule()

    def until(self, condition: Callable[[], bool], within: float = PATIENCE) -> None:
        """Wait for something that happens in another process; fail when it never comes."""
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, "it never came"
            threading.Event().wait(_POLL)

    def let_authorizations_end(self) -> None:
        """Let the ten minutes of every authorization be over."""
        table, rows = self.stage.stack.cloud.tables[0].name, self.stage.stack.cloud.dynamodb
        found = rows.scan(
            TableName=table,
            FilterExpression="begins_with(#key, :authorization)",
            ExpressionAttributeNames={"#key": "PK"},
            ExpressionAttributeValues={":authorization": {"S": "A#"}},
        )
        for row in found["Items"]:
            rows.update_item(
                TableName=table,
                Key={name: row[name] for name in ("PK", "SK")},
                UpdateExpression="SET #ends = :now",
                ExpressionAttributeNames={"#ends": "expires_at"},
                ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
            )

    # -- the provider's levers

    def isolate_provider(self) -> None:
        """Let the provider's pages cut themselves off from whatever opened them."""
        self.pull("isolate", on=True)

    def slow_provider(self, seconds: int) -> None:
        """Let each of the provider's pages take so many seconds."""
        self.pull("slow", seconds=seconds)

    def lifetimes(self, **seconds: int) -> None:
        """Let the provider's codes, access or refresh tokens (`code`, `access`, `refresh`) live so long from now on."""
        self.pull("lifetimes", **seconds)

    def fault(self, kind: str, **order: Any) -> None:
        """Let the next answer of the token endpoint go wrong: `status` (`status=503`), `no_refresh_token`, `hang_before`."""
        self.pull("faults", kind=kind, **order)

    def pull(self, lever: str, **order: Any) -> Any:
        body, kind = json.dumps(order).encode(), {"Content-Type": "application/json"}
        pulled = send("POST", f"{self.places.provider}/control/{lever}", body, kind)
        assert pulled.status == 200, pulled.body
        return pulled.json()

    # -- the end

    def tidy(self) -> None:
        """Let the provider be itself again, put everybody back, and uninstall what is there, by whomever it was."""
        usual = Lifetimes()
        self.pull("faults")
        self.pull("isolate", on=False)
        self.pull("slow", seconds=0)
        self.lifetimes(code=usual.code, access=usual.access, refresh=usual.refresh)
        if self.moved:
            for member in MEMBERS:
                self.host.put_member(member.team, member.user, member.role)
        for admin in self.stage.admins:
            for installation in self.installed(admin):
                assert admin.at("DELETE", installation).status in (200, 404)
        self.stage.forget_quotas()
