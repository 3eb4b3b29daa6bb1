"""The judge of the URLs that we call.

Two parsers that disagree about a URL are a way around every check. So `web_url` is the only one: what it does not
understand is refused, and the parts that it yields (never the text) are what connection and request are made of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from strongroom.domain.addresses import is_loopback, is_public
from strongroom.domain.errors import EgressRefused
from strongroom.domain.web_url import web_url

LONGEST_HOST = 253  # RFC 1035 §2.3.4, without the root's dot
HTTPS, HTTP = 443, 80

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)  # what inet_aton takes for a part of an address
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)


class SchemeRefused(EgressRefused):
    """Another scheme than https."""

    sentence = "This address may not be called: its scheme is not https."


class PortRefused(EgressRefused):
    """A port that nobody has allowed."""

    sentence = "This address may not be called: its port is not 443."


class HostRefused(EgressRefused):
    """No full name, no public address, or a host of ours."""

    sentence = "This address may not be called: its host is no full name and no public address, or is our own."


class FormRefused(EgressRefused):
    """What is no URL, or not of the one form that everybody reads in the same way."""

    sentence = (
        "This address may not be called: it is not of the form https://host/path, with no user, fragment, dot segment or"
        " character to be encoded."
    )


@dataclass(frozen=True, slots=True)
class Rules:
    """What a deployment allows.

    `ports` are allowed beside 443. `own` are our own hosts, each as `host` (every port) or `host:port`. `loopback` is
    the development switch: it admits http and any port, on this machine's loopback addresses and `localhost` alone.
    """

    ports: frozenset[int] = frozenset()
    own: frozenset[str] = frozenset()
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes. `near` means that it is on this machine, and may only be on this machine."""

    scheme: str
    host: str
    port: int
    target: str
    near: bool
    literal: bool

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454 §4)."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The value of the Host header: without the scheme's own port (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTPS if self.scheme == "https" else HTTP
        return host if self.port == usual else f"{host}:{self.port}"


def judge(url: str, rules: Rules) -> Destination:
    """Take a URL apart and decide whether it may be called.

    https only, port 443 or a configured one, a host of letters, digits and hyphens with at least two labels or a
    public literal address in its canonical form. A name that looks like a number is an address in disguise and refused;
    so are a trailing dot, an internationalised name that is not yet in its ASCII form, userinfo, a fragment, a
    backslash, whitespace and control characters. Scheme and host are made lower case, nothing else is changed.

    Raises:
        EgressRefused: If anything of this does not hold; its class says which part. The text never repeats the URL.
    """
    parts = web_url(url, loopback=rules.loopback)
    if parts is None:
        raise _misread(url)
    literal = _literal(parts.host)
    host = literal or _name(parts.host, rules)
    near = rules.loopback and (host == "localhost" or is_loopback(host))
    if literal and not near and not is_public(literal):
        raise HostRefused("the address is not a public one")
    if not near:
        _check_service(parts.scheme, parts.port, rules)
    if host in rules.own or f"{host}:{parts.port}" in rules.own:
        raise HostRefused("the host is one of our own")
    target = (parts.path or "/") + ("" if parts.query is None else f"?{parts.query}")
    return Destination(parts.scheme, host, parts.port, target, near, literal is not None)


def follow(location: str, current: Destination, rules: Rules) -> Destination:
    """Decide where a redirect leads: judged like any URL, same scheme, never from the internet to this machine.

    A relative reference may start at the root or with the authority (RFC 3986 §4.2); others are refused.

    Raises:
        EgressRefused: If the new destination is not allowed.
    """
    onward = judge(_absolute(location, current), rules)
    if onward.scheme != current.scheme or onward.near != current.near:
        raise EgressRefused("the redirect changes the scheme or the side")
    return onward


def check_addresses(addresses: Sequence[str], destination: Destination) -> None:
    """Check every literal address that a name stands for; one bad address condemns the name.

    Whoever mixes good and bad answers hopes that the bad one is taken (DNS rebinding).

    Raises:
        EgressRefused: If one of them is not allowed.
    """
    allowed = is_loopback if destination.near else is_public
    if not all(allowed(address) for address in addresses):
        raise EgressRefused("an address behind the name is not allowed")


def _misread(url: str) -> EgressRefused:
    """Say why a URL has no parts; that it is refused is decided already."""
    scheme, _, rest = url.partition("://")
    if _SCHEME.fullmatch(f"{scheme}:") and scheme.lower() != "https" and web_url(f"https://{rest}"):
        return SchemeRefused("the scheme is not https")
    return FormRefused("the URL is not of the form that is called")


def _literal(host: str) -> str | None:
    """Return the canonical text of a literal address, or None if the host is a name."""
    try:
        if host.startswith("["):
            return str(IPv6Address(host[1:-1]))
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return str(IPv4Address(host))
    except ValueError:
        raise HostRefused("the host is a number but no address") from None
    return None


def _name(host: str, rules: Rules) -> str:
    if rules.loopback and host == "localhost":
        return host
    if "." not in host or len(host) > LONGEST_HOST:
        raise HostRefused("the host is not a full name")
    return host


def _check_service(scheme: str, port: int, rules: Rules) -> None:
    if scheme != "https":
        raise SchemeRefused("the scheme is not https")
    if port != HTTPS and port not in rules.ports:
        raise PortRefused("the port is not allowed")


def _absolute(location: str, current: Destination) -> str:
    if _SCHEME.match(location):
        return location
    if location.startswith("//"):
        return f"{current.scheme}:{location}"
    if location.startswith("/"):
        return f"{current.scheme}://{current.authority}{location}"
    raise EgressRefused("the redirect is relative to a path")
