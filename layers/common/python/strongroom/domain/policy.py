"""What an operator decides, as far as the rules need it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from strongroom.domain.destinations import Rules

HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Policy:
    """Times are seconds.

    `renew_ahead`: a token that expires within this time is renewed by the schedule. `short_lived`: tokens that live less
    are renewed on demand only. `idle_after`: a connection not looked up for so long leaves the hourly round.
    `exercise_after`: how often such a connection is renewed so that its provider does not let it lapse.

    `restored_at`: when the table was last restored to an earlier state (epoch seconds); 0: never.

    `endpoint_origins`: pairs of origins, an issuer's and one on which its endpoints may lie although it is another.

    `conformance_client`, on a developer's machine only: where the conformance suite expects our client metadata document.
    Its mock knows neither signatures nor `iss`, so that a client by document is let through without either.
    """

    public_url: str
    web_client_url: str
    web_origins: tuple[str, ...] = ()
    renew_ahead: int = 600
    short_lived: int = 900
    idle_after: int = 14 * DAY
    exercise_after: int = 3 * DAY
    shards: int = 4
    restored_at: int = 0
    loopback: bool = False
    conformance_client: str | None = None
    endpoint_origins: tuple[tuple[str, str], ...] = ()

    def destinations(self) -> Rules:
        """What the guarded client may call: never ourselves."""
        return Rules(own=frozenset({urlsplit(self.public_url).netloc}), loopback=self.loopback)

    def origins_beside(self, issuer_origin: str) -> frozenset[str]:
        """The other origins that the operator vouches for as this issuer's own (RFC 9700 §4.4)."""
        return frozenset(endpoint for issuer, endpoint in self.endpoint_origins if issuer == issuer_origin)

    def redirect_uri(self, provider_key: str) -> str:
        """The callback URL of one provider: from the settings alone, never from a request's headers."""
        return f"{self.public_url}/oauth/callback/{provider_key}"

    def client_metadata_url(self, provider_key: str) -> str:
        """Where our client ID metadata document for one provider is served, which is our client id there."""
        return self.conformance_client or f"{self.public_url}/oauth/clients/{provider_key}"

    def connect_link(self, team: str, installation: str) -> str:
        """A link into the web client. It names no person, and opening it starts nothing."""
        return f"{self.web_client_url}?team={quote(team)}&installation={quote(installation)}"

    def shard(self, key_text: str) -> str:
        """The partition of the due index for a row: a stable spread over the shards."""
        return f"D#{zlib.crc32(key_text.encode()) % self.shards}"
