"""An MCP server that a team installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from strongroom.domain import keys
from strongroom.domain.secret import Secret
from strongroom.domain.table import Item

Sharing: TypeAlias = Literal["per_user", "shared"]


@dataclass(frozen=True, slots=True)
class Installation:
    """`binding` is renewed whenever an admin changes what tokens are used for; a connection of an older one is dead."""

    id: str
    team: str
    name: str
    url: str
    sharing: Sharing
    binding: str
    enabled: bool

    @classmethod
    def from_item(cls, item: Item) -> Installation:
        return cls(
            id=str(item["installation"]),
            team=str(item["team"]),
            name=str(item["name"]),
            url=str(item["url"]),
            sharing="shared" if item["sharing"] == "shared" else "per_user",
            binding=str(item["binding"]),
            enabled=bool(item["enabled"]),
        )

    def to_item(self, now: int, installed_by: str) -> Item:
        key = keys.installation(self.team, self.id)
        return {
            "PK": key.pk,
            "SK": key.sk,
            "kind": "installation",
            "team": self.team,
            "installation": self.id,
            "name": self.name,
            "url": self.url,
            "sharing": self.sharing,
            "binding": self.binding,
            "enabled": self.enabled,
            "created_at": now,
            "installed_by": installed_by,
        }

    @property
    def mcp_host(self) -> str:
        return urlsplit(self.url).netloc

    def injected_headers(self, access_token: Secret) -> dict[str, Secret]:
        """What the satellite adds to requests to the MCP server (RFC 6750 §2.1)."""
        return {"Authorization": Secret(f"Bearer {access_token.reveal()}")}
