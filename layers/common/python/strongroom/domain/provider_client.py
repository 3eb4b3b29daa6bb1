"""Our clients at providers, in generations, and when one has to give way to the next.

A provider that does not know us any more says `invalid_client`; so does one that has a bad quarter of an hour. Only a second
`invalid_client`, five minutes after the first and with no success between them, retires a client, and only one that was
registered dynamically: another can be had.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from strongroom.domain import keys
from strongroom.domain.policy import DAY, Policy
from strongroom.domain.provider import Provider, ProviderClient
from strongroom.domain.secret_rotation import Rotation
from strongroom.domain.table import Change, Is, Key, Lacks, every

Source: TypeAlias = Literal["metadata_document", "registered", "by_hand"]
"""How a provider knows us: it reads our metadata document, it has registered us, or an admin has (and entered it here)."""
SOURCES: tuple[Source, ...] = get_args(Source)

RETIRED_AFTER = 300
RENEWED_BEFORE_END = DAY


@dataclass(frozen=True, slots=True)
class KeptClient:
    """A provider client as the table keeps it.

    `scopes` are those that it was registered for. `unnamed`: the provider took it only without them. `rejected_at`: when the
    provider said `invalid_client`, if nothing that was asked for later has succeeded. Times are seconds since the epoch.
    `rotation`: the last of its secret, if an admin has entered another one.
    """

    client: ProviderClient
    source: Source
    issuer: str
    is_live: bool = True
    scopes: tuple[str, ...] = ()
    unnamed: bool = False
    registered_at: int = 0
    rejected_at: int | None = None
    rotation: Rotation | None = None

    @property
    def key(self) -> Key:
        return keys.provider_client(self.client.provider_key, self.client.generation)

    def before(self, now: float) -> ProviderClient | None:
        """The same client with its previous secret, while that is tried."""
        secret = self.rotation.tried(now) if self.rotation is not None else None
        return replace(self.client, client_secret=secret) if secret is not None else None

    def serves(self, scopes: Iterable[str], redirect_uri: str, now: int) -> bool:
        """Whether a new authorization can use it: it lives on for a while, under the present redirect URI, and was
        registered for these scopes. One that was taken without scopes serves only those for which that was so: what one
        MCP server asks for must not decide how another one's people are registered."""
        right = self.source != "registered" or self._covers({*scopes})
        return self.is_live and self._lasts(now) and right and self.client.redirect_uri == redirect_uri

    def _covers(self, wanted: set[str]) -> bool:
        return wanted == {*self.scopes} if self.unnamed else wanted <= {*self.scopes}

    def _lasts(self, now: int) -> bool:
        """Whether its secret lives on for a day, or for half of its life if that is less: a provider of short-lived secrets
        must not make us register for each authorization. An end before its beginning is none."""
        ends = self.client.secret_expires_at
        if ends is None or ends <= self.registered_at:
            return True
        return ends - now >= min(RENEWED_BEFORE_END, (ends - self.registered_at) // 2)

    def after_rejection(self, now: int) -> Change | None:
        """What is written when the provider says `invalid_client`: note the first, retire after the second."""
        if self.source != "registered" or not self.is_live:
            return None
        if self.rejected_at is None:
            return Change(self.key, every(Is("state", "live"), Lacks("rejected_at")), put={"rejected_at": now})
        if now - self.rejected_at < RETIRED_AFTER:
            return None
        as_read = every(Is("state", "live"), Is("rejected_at", self.rejected_at))
        return Change(self.key, as_read, put={"state": "retired", "retired_at": now})

    def after_success(self, now: float) -> Change | None:
        """What is written when the provider knows us after all: the first rejection is forgotten, and so is a retirement
        that somebody else has written since this success was asked for. Or what it says about a rotated secret."""
        if self.rejected_at is None:
            return self.rotation.after_success(self.key, now) if self.rotation is not None else None
        as_read = every(Is("rejected_at", self.rejected_at))
        return Change(self.key, as_read, put={"state": "live"}, drop=("rejected_at", "retired_at"))


def must_prove_issuer(kept: KeptClient, provider: Provider, policy: Policy) -> bool:
    """Whether only a matching `iss` shows who answered (RFC 9207 §2.4): of a client by metadata document without a key of
    its own, a code can be redeemed by whoever gets hold of code and verifier."""
    unsigned = kept.source == "metadata_document" and kept.client.auth_method == "none"
    return provider.iss_required or (unsigned and policy.conformance_client is None)
