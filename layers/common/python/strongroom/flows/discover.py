"""Finding out from an MCP server itself that it needs OAuth, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from strongroom.domain import discovery, probe
from strongroom.domain.challenge import BearerChallenge, bearer_challenge
from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.policy import Policy
from strongroom.domain.provider import Provider, Resource
from strongroom.domain.scope import scopes_to_ask
from strongroom.domain.trail import (
    GREETS_ANYBODY,
    GUESSED,
    UNANSWERED,
    UNCHALLENGED,
    Document,
    Question,
    Step,
    held,
    not_held,
)
from strongroom.domain.web_url import web_url
from strongroom.flows.budget import Budget
from strongroom.ports import Clock, Egress, ProviderCatalog

Found = TypeVar("Found")


class Reach(Protocol):
    """The ports that a discovery uses."""

    @property
    def egress(self) -> Egress: ...
    @property
    def catalog(self) -> ProviderCatalog: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def policy(self) -> Policy: ...


@dataclass(frozen=True, slots=True)
class Discovered:
    """The provider behind an MCP server, what is asked for there, and the scopes of the challenge."""

    provider: Provider
    resource: str
    scopes: tuple[str, ...]


def discover(
    ports: Reach,
    mcp_url: str,
    *,
    issuer: str | None = None,
    pkce_vouched: bool = False,
    trail: list[Step] | None = None,
) -> Discovered:
    """Follow the trail: the 401 and its challenge, the resource's metadata, the authorization server's.

    `issuer`: the one that an admin has entered a client for; of several that the resource names no other is asked.
    `pkce_vouched`: an admin says that S256 works there although the metadata does not list it. Every step is added to
    `trail`, also those of a discovery that fails. What fails for lack of an answer fails at a whole step of five seconds.

    Raises:
        DiscoveryFailed: `public_code` names the rule that does not hold.
    """
    budget = Budget(ports.egress, ports.clock, ports.policy.destinations())
    search = _Search(ports, budget, trail if trail is not None else [], mcp_url, issuer, pkce_vouched)
    try:
        return search.whole()
    except DiscoveryFailed as failure:
        if failure.public_code in UNANSWERED:
            budget.to_the_step()
        raise
    finally:
        budget.settle()


@dataclass(frozen=True, slots=True)
class _Search:
    """One discovery under way."""

    ports: Reach
    budget: Budget
    trail: list[Step]
    mcp_url: str
    issuer: str | None
    pkce_vouched: bool

    @property
    def loopback(self) -> bool:
        return self.ports.policy.loopback

    def whole(self) -> Discovered:
        challenge = self.challenge()
        resource, provider = self.resource_and_provider(challenge)
        challenged = challenge.scope if challenge else ()
        scopes = scopes_to_ask(challenged, resource.scopes_supported, provider.scopes_supported)
        return Discovered(provider, resource.resource, scopes)

    def challenge(self) -> BearerChallenge | None:
        """Knock until the server wants a token: at hello, else at the tools, for which it may want one all the same."""
        hello = probe.hello_request(self.mcp_url)
        greeting = self.looked("challenge", hello, probe.judge_hello, _lack_of_challenge, question="initialize")
        if isinstance(greeting, probe.NeedsOAuth):
            return greeting.challenge
        tools = probe.list_request(self.mcp_url, greeting)
        return self.looked("challenge", tools, _at_the_tools(greeting), _lack_of_challenge, question="tools/list")

    def resource_and_provider(self, challenge: BearerChallenge | None) -> tuple[Resource, Provider]:
        places = discovery.resource_metadata_urls(self.mcp_url, challenge, loopback=self.loopback)
        try:
            resource = self.first("resource_metadata", places, self.judge_resource)
        except DiscoveryFailed as failure:
            if failure.public_code != "resource_metadata_missing":
                raise
            return self.legacy()
        return resource, self.provider(resource)

    def judge_resource(self, answer: Answer) -> Resource:
        return discovery.judge_resource_metadata(answer, self.mcp_url, loopback=self.loopback)

    def provider(self, resource: Resource) -> Provider:
        failures: list[DiscoveryFailed] = []
        for issuer in self.issuers(resource):
            try:
                places = discovery.authorization_server_urls(issuer, loopback=self.loopback)
                return self.first("server_metadata", places, self.judge_server(issuer), issuer)
            except DiscoveryFailed as failure:
                failures.append(failure)
        raise discovery.most_telling(failures)

    def issuers(self, resource: Resource) -> tuple[str, ...]:
        """Whom to ask: all that the resource names, as they write themselves, or the one that a client was entered for."""
        named = tuple(self.ports.catalog.of_issuer(one).issuer_aliases.get(one, one) for one in resource.issuers)
        if self.issuer is None:
            return named
        if self.issuer not in named:
            raise DiscoveryFailed("the resource names other issuers", code="client_of_another_issuer")
        return (self.issuer,)

    def judge_server(self, issuer: str) -> Callable[[Answer], Provider]:
        def judge(answer: Answer) -> Provider:
            return discovery.judge_authorization_server(
                answer,
                issuer,
                loopback=self.loopback,
                known_origins=self.known_origins(issuer, answer),
                pkce_vouched=self.knows_pkce(issuer),
            )

        return judge

    def legacy(self) -> tuple[Resource, Provider]:
        """A server of revision 2025-03-26, which had no resource metadata, is its own authorization server."""
        place = discovery.legacy_metadata_url(self.mcp_url, loopback=self.loopback)
        origin = place.removesuffix(discovery.SERVER_METADATA)

        def judge(answer: Answer) -> tuple[Resource, Provider]:
            return discovery.judge_legacy(
                answer,
                self.mcp_url,
                loopback=self.loopback,
                known_origins=self.known_origins(origin, answer),
                pkce_vouched=self.knows_pkce(origin),
            )

        return self.looked("legacy_metadata", discovery.metadata_request(place), judge, _lack_of_metadata)

    def knows_pkce(self, issuer: str) -> bool:
        """Whether an admin or our own data says that S256 works there."""
        return self.pkce_vouched or self.ports.catalog.of_issuer(issuer).asking.pkce_unlisted

    def known_origins(self, issuer: str, answer: Answer) -> frozenset[str]:
        """The origins of endpoints that the operator, or our own data, knows as this issuer's."""
        home = web_url(issuer, loopback=self.loopback)
        endpoints = discovery.named_endpoints(answer, loopback=self.loopback)
        is_known = self.ports.catalog.knows_pair(issuer, *(url.text for url in endpoints))
        of_catalog = frozenset(url.origin for url in endpoints if is_known)
        return of_catalog | (self.ports.policy.origins_beside(home.origin) if home else frozenset())

    def first(
        self, document: Document, places: Sequence[str], judge: Callable[[Answer], Found], issuer: str | None = None
    ) -> Found:
        """Take the first place with a good document; if none has one, report the most telling failure."""
        failures: list[DiscoveryFailed] = []
        for place in places:
            try:
                return self.looked(document, discovery.metadata_request(place), judge, issuer=issuer)
            except DiscoveryFailed as failure:
                failures.append(failure)
        raise discovery.most_telling(failures)

    def looked(
        self,
        document: Document,
        request: Outgoing,
        judge: Callable[[Answer], Found],
        lack: Callable[[Answer], str | None] = lambda _: None,
        question: Question | None = None,
        issuer: str | None = None,
    ) -> Found:
        """Ask, judge, and write down what came of it; `lack` names what a good answer lacks."""
        try:
            answer = self.budget.send(request)
            found = judge(answer)
        except DiscoveryFailed as failure:
            self.trail.append(not_held(document, request.url, failure, question, issuer))
            raise
        self.trail.append(held(document, request.url, lack(answer), question, issuer))
        return found


def _lack_of_challenge(answer: Answer) -> str | None:
    if not isinstance(answer, Reply) or answer.status != 401:
        return GREETS_ANYBODY
    return None if bearer_challenge(answer.headers.get("www-authenticate", ())) else UNCHALLENGED


def _lack_of_metadata(answer: Answer) -> str | None:
    return GUESSED if discovery.is_missing(answer) else None


def _at_the_tools(greeting: probe.Greeted | probe.NoHello) -> Callable[[Answer], BearerChallenge | None]:
    def judge(answer: Answer) -> BearerChallenge | None:
        asked = probe.judge_list(answer, greeting)
        if isinstance(asked, probe.NoOAuth):
            raise DiscoveryFailed("the server works without a token", code="oauth_not_required")
        return asked.challenge

    return judge
