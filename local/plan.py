"""What runs on which port, with which settings: the demo's system as a value."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from local.accounts import CALLERS, MEMBERS, SATELLITE, Caller, Member
from local.satellites import SOURCES, who_and_where
from local.services.signin_tokens import WEB_CLIENT

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 32767  # above begin the ports that systems take for outgoing connections
_RUNTIME_PORTS = 90
HOST_PAGES = ("/", "/connected", "/button")

Seed = Callable[["DynamoDBClient", str], None]


@dataclass(frozen=True, slots=True)
class Ports:
    """The seven ports of the system, from a first one on, and some more for Lambda's Runtime API."""

    first: int = 8400

    @property
    def front(self) -> int:
        return self.first

    @property
    def aws(self) -> int:
        return self.first + 1

    @property
    def sign_in(self) -> int:
        return self.first + 2

    @property
    def provider(self) -> int:
        return self.first + 3

    @property
    def team_files(self) -> int:
        return self.first + 4

    @property
    def host_page(self) -> int:
        return self.first + 5

    @property
    def gateway(self) -> int:
        return self.first + 6

    @property
    def runtime(self) -> range:
        after = self.first + 7
        start = after if after + _RUNTIME_PORTS <= HIGHEST_PORT + 1 else self.first - _RUNTIME_PORTS
        return range(start, start + _RUNTIME_PORTS)


def origin(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


@dataclass(frozen=True, slots=True)
class Service:
    name: str
    module: str
    port: int
    arguments: tuple[str, ...] = ()
    path: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def log(self) -> str:
        return f"{self.name.lower().replace(' ', '-')}.log"

    @property
    def ready(self) -> str:
        return f"{origin(self.port)}{self.path}"


@dataclass(frozen=True, slots=True)
class Options:
    """What a stack is made of.

    `tick_every` in seconds overrides the rate of every schedule; 0 leaves firing to `Stack.fire_schedule`. `seed` writes
    the operator's rows into the empty table. `environment` is given to every function beside what the template says.
    """

    run_dir: Path
    ports: Ports
    template: Path = ROOT / "template.yaml"
    parameters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    services: tuple[Service, ...] = ()
    callers: tuple[Caller, ...] = CALLERS
    members: tuple[Member, ...] = ()
    satellites: Mapping[str, Caller] = field(default_factory=dict)
    seed: Seed | None = None
    tick_every: float | None = None
    environments_per_function: int = 4
    ready_within: float = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How short the demo's times are, in seconds. None leaves the template's or the service's own value."""

    access_token: int | None = None
    renew_ahead: int | None = None
    short_lived: int | None = None
    tick_every: float | None = None


def demo_options(ports: Ports, pace: Pace, seed: Seed | None) -> Options:
    """The whole system of the demo: our template, the services and the example gateway, the members and the satellite."""
    return Options(
        run_dir=ROOT / ".dev" / f"run-{ports.first}",
        ports=ports,
        parameters=demo_parameters(ports, pace),
        environment={"STRONGROOM_DEVELOPMENT": "loopback"},
        services=demo_services(ports, pace),
        members=MEMBERS,
        satellites={"acme": SATELLITE, "lab": SATELLITE},
        seed=seed,
        tick_every=pace.tick_every,
    )


def demo_parameters(ports: Ports, pace: Pace) -> dict[str, str]:
    """The template's parameters for a system on loopback."""
    paced = {"RenewAhead": pace.renew_ahead, "ShortLived": pace.short_lived}
    return {
        "Issuer": origin(ports.sign_in),
        "PublicUrl": origin(ports.front),
        "WebClientUrl": "",
        "WebClientId": WEB_CLIENT,
        "WebOrigins": origin(ports.host_page),
        **{name: str(seconds) for name, seconds in paced.items() if seconds is not None},
    }


def demo_services(ports: Ports, pace: Pace) -> tuple[Service, ...]:
    resource = f"{origin(ports.team_files)}/mcp"
    lifetime = () if pace.access_token is None else ("--access-token-seconds", str(pace.access_token))
    return (
        Service(
            "sign-in service",
            "local.services.signin",
            ports.sign_in,
            (*_pages(ports), "--resource", gateway_url(ports)),
            "/.well-known/openid-configuration",
        ),
        Service(
            "Files Provider",
            "local.services.provider",
            ports.provider,
            ("--resource", resource, *lifetime),
            "/.well-known/oauth-authorization-server",
        ),
        Service(
            "Team Files",
            "local.services.team_files",
            ports.team_files,
            ("--url", resource, "--provider", origin(ports.provider)),
        ),
        Service(
            "example host",
            "examples.host_page",
            ports.host_page,
            ("--api", origin(ports.front), "--issuer", origin(ports.sign_in)),
        ),
        _gateway(ports),
    )


def connections_page(ports: Ports) -> str:
    """The Connections page, where people are sent: what an empty `WebClientUrl` means."""
    return f"{origin(ports.front)}/connections"


def _pages(ports: Ports) -> tuple[str, ...]:
    """Where people sign in: on the Connections page, and on each page of the example host."""
    front, host = origin(ports.front), origin(ports.host_page)
    return (
        *("--redirect-uri", f"{connections_page(ports)}/signed-in", "--web-origin", front),
        *(word for path in HOST_PAGES for word in ("--redirect-uri", f"{host}{path}")),
        *("--web-origin", host),
    )


def gateway_url(ports: Ports) -> str:
    """The example gateway's own name, and the audience of the tokens that people show it."""
    return f"{origin(ports.gateway)}/mcp"


def _gateway(ports: Ports) -> Service:
    return Service(
        "example gateway",
        "examples.gateway",
        ports.gateway,
        (
            *("--url", gateway_url(ports), "--issuer", origin(ports.sign_in), "--team", "acme"),
            *("--servers", str(ROOT / "examples" / "gateway.toml")),
        ),
        "/mcp",
        {
            **who_and_where(SATELLITE, origin(ports.front)),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(SOURCES)]),
        },
    )
