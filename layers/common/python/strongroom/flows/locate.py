"""Finding the provider of an installation: what an admin has entered comes before what the server says."""

from __future__ import annotations

from dataclasses import replace

from strongroom.domain import probe
from strongroom.domain.by_hand import ByHand, by_hand
from strongroom.domain.by_hand_rules import provider_of
from strongroom.domain.catalog import Endpoints
from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.installation import Installation
from strongroom.domain.scope import scopes_to_ask
from strongroom.flows.budget import Budget
from strongroom.flows.discover import Discovered, discover
from strongroom.flows.known import known_providers
from strongroom.ports import Ports


def asks_somebody(installation: Installation) -> bool:
    """Whether finding its provider sends anything."""
    entered = by_hand(installation)
    if entered is None or entered.endpoints is None:
        return True
    return installation.url is not None and not installation.scopes


def locate(ports: Ports, installation: Installation) -> Discovered:
    """Find out who gives tokens for an installation, and what its server asks for.

    Endpoints that an admin has entered are used as they are; else the server is asked.

    Raises:
        DiscoveryFailed: `public_code` names the rule that does not hold.
    """
    entered = by_hand(installation)
    if entered is not None and entered.endpoints is not None:
        return _as_entered(ports, installation, entered, entered.endpoints)
    if installation.url is None:
        raise DiscoveryFailed("there is no server to ask", code="mcp_url_refused")
    if entered is None:
        return discover(ports, installation.url)
    found = discover(ports, installation.url, issuer=entered.issuer, pkce_vouched=entered.pkce_unlisted)
    announced = found.provider.iss_supported or entered.iss_supported
    return replace(found, provider=replace(found.provider, iss_supported=announced))


def _as_entered(ports: Ports, installation: Installation, entered: ByHand, endpoints: Endpoints) -> Discovered:
    """The resource is the MCP server's own URL (RFC 8707 §2): there is no metadata that names another. A server without a
    URL is no resource that could be named."""
    scopes = () if installation.scopes else _challenged(ports, installation.url)
    return Discovered(provider_of(entered, endpoints, known_providers(ports)), installation.url or "", scopes)


def _challenged(ports: Ports, mcp_url: str | None) -> tuple[str, ...]:
    """Knock once for the scopes of the challenge. A server that does not tell has none: the rest was entered."""
    if mcp_url is None:
        return ()
    budget = Budget(ports.egress, ports.clock)
    try:
        greeting = probe.judge_hello(budget.send(probe.hello_request(mcp_url)))
    except DiscoveryFailed:
        return ()
    finally:
        budget.settle()
    challenge = greeting.challenge if isinstance(greeting, probe.NeedsOAuth) else None
    return scopes_to_ask(challenge.scope if challenge else (), (), ())
