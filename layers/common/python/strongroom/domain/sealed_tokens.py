"""The tokens of a connection, sealed, and where they may be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from strongroom.domain.rows import number, optional_number, optional_text, texts
from strongroom.domain.sealing import destination_hash
from strongroom.domain.table import Item, Value

Expiry: TypeAlias = Literal["known", "unknown", "never"]
"""What is known of the end of an access token: when it is, nothing, or that there is none."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the tokens of a connection may be sent: found once, at consent; a renewal never discovers."""

    issuer: str
    provider_key: str
    client_generation: int
    client_id: str
    token_endpoint: str
    revocation_endpoint: str | None
    resource: str

    def hash(self) -> str:
        """Bind every part that decides where a token goes; sealed with the token."""
        parts = (self.issuer, self.provider_key, str(self.client_generation), self.client_id, self.token_endpoint)
        return destination_hash((*parts, self.revocation_endpoint or "", self.resource))

    def to_item(self) -> dict[str, Value]:
        return {
            "issuer": self.issuer,
            "provider_key": self.provider_key,
            "client_generation": self.client_generation,
            "client_id": self.client_id,
            "token_endpoint": self.token_endpoint,
            "revocation_endpoint": self.revocation_endpoint,
            "resource": self.resource,
        }

    @classmethod
    def from_item(cls, item: Item) -> Destination:
        return cls(
            issuer=str(item["issuer"]),
            provider_key=str(item["provider_key"]),
            client_generation=number(item, "client_generation"),
            client_id=str(item["client_id"]),
            token_endpoint=str(item["token_endpoint"]),
            revocation_endpoint=optional_text(item, "revocation_endpoint"),
            resource=str(item["resource"]),
        )


@dataclass(frozen=True, slots=True)
class SealedTokens:
    """Ciphertexts and what may be known of them. `expires_at` None: it is not known, or there is no end (`endless`).

    `refresh_expires_at`: when the refresh token ends, if that is known; `refresh_extended_at`: when that was last put off.
    """

    access: bytes
    refresh: bytes | None
    expires_at: int | None
    lifetime: int | None
    obtained_at: int
    scopes: tuple[str, ...]
    endless: bool = False
    refresh_expires_at: int | None = None
    refresh_extended_at: int | None = None

    @property
    def expiry(self) -> Expiry:
        if self.endless:
            return "never"
        return "unknown" if self.expires_at is None else "known"

    def are_suspect(self, restored_at: int, now: int) -> bool:
        """Whether they may be older than those that the provider gave last: the table was restored since they were obtained.

        A moment that is still to come says nothing: each renewal would leave the tokens as suspect as they were.
        """
        return self.obtained_at < restored_at <= now

    def to_item(self) -> dict[str, Value]:
        return {
            "access": self.access,
            "refresh": self.refresh,
            "expires_at": self.expires_at,
            "lifetime": self.lifetime,
            "obtained_at": self.obtained_at,
            "scopes": list(self.scopes),
            "endless": self.endless or None,
            "refresh_expires_at": self.refresh_expires_at,
            "refresh_extended_at": self.refresh_extended_at,
        }

    @classmethod
    def from_item(cls, item: Item) -> SealedTokens | None:
        access = item.get("access")
        if not isinstance(access, bytes):
            return None
        refresh = item.get("refresh")
        return cls(
            access=access,
            refresh=refresh if isinstance(refresh, bytes) else None,
            expires_at=optional_number(item, "expires_at"),
            lifetime=optional_number(item, "lifetime"),
            obtained_at=number(item, "obtained_at"),
            scopes=texts(item, "scopes"),
            endless=item.get("endless") is True,
            refresh_expires_at=optional_number(item, "refresh_expires_at"),
            refresh_extended_at=optional_number(item, "refresh_extended_at"),
        )
