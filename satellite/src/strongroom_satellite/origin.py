"""Where a token may go: to the origin of its MCP server, over https, or over http on this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from strongroom_satellite.errors import WrongOrigin

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 6454 §4), the host in lower case and without brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_safe(self) -> bool:
        """https anywhere; http on loopback, where nobody listens in between."""
        return self.scheme == "https" or (self.scheme == "http" and is_loopback(self.host))


def origin_of(scheme: str, host: str, port: int | None) -> Origin:
    """Make an origin out of what an HTTP client has parsed: the check then sees what the client will connect to."""
    low = scheme.lower()
    return Origin(low, host.lower().strip("[]"), _PORTS.get(low, 0) if port is None else port)


def parse_origin(url: str) -> Origin:
    """Read the origin of a URL that Strongroom gave.

    Raises:
        WrongOrigin: If it has none that a token may go to.
    """
    try:
        parts = urlsplit(url)
        origin = origin_of(parts.scheme, parts.hostname or "", parts.port)
    except ValueError as problem:
        raise WrongOrigin("the installation's URL cannot be read") from problem
    if not origin.host or not origin.is_safe:
        raise WrongOrigin(f"a token goes over https, or to this machine, not to {origin}")
    return origin


def check(origin: Origin, goes_to: Origin) -> None:
    """Raises: WrongOrigin: if a request would carry the token elsewhere."""
    if goes_to != origin:
        raise WrongOrigin(f"the token is for {origin}, and this request goes to {goes_to}")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
