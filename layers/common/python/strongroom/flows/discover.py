"""Finding out from an MCP server itself that it needs OAuth, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from strongroom.domain import discovery, probe
from strongroom.domain.challenge import BearerChallenge
from strongroom.domain.errors import DiscoveryFailed, EgressRefused
from strongroom.domain.http import Answer, NotSent, Outgoing
from strongroom.domain.provider import Provider, Resource
from strongroom.domain.scope import scopes_to_ask
from strongroom.ports import Ports

MOST_REQUESTS = 10
WITHIN = 15.0

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Discovered:
    """The provider behind an MCP server, what is asked for there, and the scopes of the challenge."""

    provider: Provider
    resource: str
    scopes: tuple[str, ...]


class _Budget:
    """At most ten requests and fifteen seconds for one discovery, however many places a server names."""

    def __init__(self, ports: Ports) -> None:
        self._ports, self._left, self._until = ports, MOST_REQUESTS, ports.clock.now() + WITHIN

    def send(self, request: Outgoing) -> Answer:
        """Raises: DiscoveryFailed: `discovery_too_long`."""
        remaining = self._until - self._ports.clock.now()
        if self._left == 0 or remaining <= 0:
            raise DiscoveryFailed("the server names too many places, or is too slow", code="discovery_too_long")
        self._left -= 1
        try:
            return self._ports.egress.send(replace(request, within=min(request.within, remaining)))
        except EgressRefused:
            return NotSent("address_refused")


def discover(ports: Ports, mcp_url: str) -> Discovered:
    """Follow the trail: the 401 and its challenge, the resource's metadata, the authorization server's.

    Raises:
        DiscoveryFailed: `public_code` names the rule that does not hold.
    """
    budget, loopback = _Budget(ports), ports.policy.loopback
    challenge = _challenge(budget, mcp_url)
    places = discovery.resource_metadata_urls(mcp_url, challenge, loopback=loopback)
    try:
        resource = _first(
            budget, places, lambda answer: discovery.judge_resource_metadata(answer, mcp_url, loopback=loopback)
        )
        provider = _provider(budget, resource, loopback)
    except DiscoveryFailed as failure:
        if failure.public_code != "resource_metadata_missing":
            raise
        answer = budget.send(discovery.metadata_request(discovery.legacy_metadata_url(mcp_url, loopback=loopback)))
        resource, provider = discovery.judge_legacy(answer, mcp_url, loopback=loopback)
    challenged = challenge.scope if challenge else ()
    return Discovered(
        provider, resource.resource, scopes_to_ask(challenged, resource.scopes_supported, provider.scopes_supported)
    )


def _challenge(budget: _Budget, mcp_url: str) -> BearerChallenge | None:
    """Knock until the server wants a token: at hello, else at the tools, for which it may want one all the same."""
    greeting = probe.judge_hello(budget.send(probe.hello_request(mcp_url)))
    if isinstance(greeting, probe.NeedsOAuth):
        return greeting.challenge
    asked = probe.judge_list(budget.send(probe.list_request(mcp_url, greeting)), greeting)
    if isinstance(asked, probe.NoOAuth):
        raise DiscoveryFailed("the server works without a token", code="oauth_not_required")
    return asked.challenge


def _provider(budget: _Budget, resource: Resource, loopback: bool) -> Provider:
    failures: list[DiscoveryFailed] = []
    for issuer in resource.issuers:
        try:
            return _authorization_server(budget, issuer, loopback)
        except DiscoveryFailed as failure:
            failures.append(failure)
    raise discovery.most_telling(failures)


def _authorization_server(budget: _Budget, issuer: str, loopback: bool) -> Provider:
    places = discovery.authorization_server_urls(issuer, loopback=loopback)
    return _first(
        budget, places, lambda answer: discovery.judge_authorization_server(answer, issuer, loopback=loopback)
    )


def _first(budget: _Budget, places: Sequence[str], judge: Callable[[Answer], Found]) -> Found:
    """Take the first place with a good document; if none has one, report the most telling failure."""
    failures: list[DiscoveryFailed] = []
    for place in places:
        try:
            return judge(budget.send(discovery.metadata_request(place)))
        except DiscoveryFailed as failure:
            failures.append(failure)
    raise discovery.most_telling(failures)
