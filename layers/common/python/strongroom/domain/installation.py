"""An MCP server that a team installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from strongroom.domain import keys
from strongroom.domain.rows import texts
from strongroom.domain.secret import Secret
from strongroom.domain.table import Item, Value

Sharing: TypeAlias = Literal["per_user", "shared"]


@dataclass(frozen=True, slots=True)
class Installation:
    """`binding` is renewed whenever an admin changes what tokens are used for; a connection of an older one is dead.

    `scopes` that an admin has entered are what is asked for and the most that ever is; empty: those of the challenge.
    `entered` is what an admin has entered about the provider, as `by_hand` reads it: a look-up has no use for it.
    """

    id: str
    team: str
    name: str
    url: str
    sharing: Sharing
    binding: str
    enabled: bool
    scopes: tuple[str, ...] = ()
    entered: Mapping[str, Value] | None = None

    @classmethod
    def from_item(cls, item: Item) -> Installation:
        entered = item.get("by_hand")
        return cls(
            id=str(item["installation"]),
            team=str(item["team"]),
            name=str(item["name"]),
            url=str(item["url"]),
            sharing="shared" if item["sharing"] == "shared" else "per_user",
            binding=str(item["binding"]),
            enabled=bool(item["enabled"]),
            scopes=texts(item, "scopes"),
            entered=entered if isinstance(entered, Mapping) else None,
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
            **({"scopes": list(self.scopes)} if self.scopes else {}),
            **({"by_hand": self.entered} if self.entered else {}),
        }

    @property
    def mcp_host(self) -> str:
        return urlsplit(self.url).netloc

    def injected_headers(self, access_token: Secret) -> dict[str, Secret]:
        """What the satellite adds to requests to the MCP server (RFC 6750 §2.1)."""
        return {"Authorization": Secret(f"Bearer {access_token.reveal()}")}
