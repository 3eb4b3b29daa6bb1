"""Who vouches for a provider whose parts lie on several origins: our own data, or the operator."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.catalog import CatalogEntry
from strongroom.domain.policy import Policy
from strongroom.domain.web_url import web_url
from strongroom.ports import Ports, ProviderCatalog


@dataclass(frozen=True, slots=True)
class KnownProviders:
    """The provider catalog, and beside it the pairs of origins that the operator has listed."""

    catalog: ProviderCatalog
    policy: Policy

    def entry(self, issuer: str, token_endpoint: str) -> CatalogEntry:
        return self.catalog.entry(issuer, token_endpoint)

    def knows_pair(self, issuer: str, *endpoints: str) -> bool:
        return self.catalog.knows_pair(issuer, *endpoints) or self._operator_knows(issuer, endpoints)

    def _operator_knows(self, issuer: str, endpoints: tuple[str, ...]) -> bool:
        home, *found = (web_url(text, loopback=self.policy.loopback) for text in (issuer, *endpoints))
        if home is None:
            return False
        listed = {home.origin, *self.policy.origins_beside(home.origin)}
        return all(url is not None and url.origin in listed for url in found)


def known_providers(ports: Ports) -> KnownProviders:
    return KnownProviders(ports.catalog, ports.policy)
