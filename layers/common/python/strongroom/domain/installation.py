"""An MCP server that a team installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from strongroom.domain import keys
from strongroom.domain.rows import optional_number, optional_text, texts
from strongroom.domain.secret import Secret
from strongroom.domain.table import Item, Value

Sharing: TypeAlias = Literal["per_user", "shared"]
Rebound: TypeAlias = Literal["revoked", "installation_changed"]
"""Why the last binding ended, as whoever was connected under it is told."""


@dataclass(frozen=True, slots=True)
class Installation:
    """`binding` is renewed whenever an admin changes what tokens are used for; a connection of an older one is dead.
    `rebound` and `bound_at` tell why and when that was last so; None: never.

    `admission` is renewed whenever authorizations that are under way have to end: an authorization that was begun under
    another one cannot be completed. `revision` counts the changes of this row, for `If-Match`.

    `url` None: satellites start the server themselves (MCP's stdio transport), and nothing is ever asked of it.

    `requires_oauth` None: nobody could say yet. `found`: what was last found out about the provider, in the shape of
    `domain.found`. `injected`: what satellites add to requests or to the environment, in the shape of `domain.injection`.

    `scopes` that an admin has entered are what is asked for and the most that ever is; empty: those of the challenge.
    `entered` is what an admin has entered about the provider, as `by_hand` reads it: a look-up has no use for it.
    """

    id: str
    team: str
    name: str
    url: str | None
    sharing: Sharing
    binding: str
    enabled: bool
    scopes: tuple[str, ...] = ()
    entered: Mapping[str, Value] | None = None
    admission: str = ""
    revision: int = 0
    rebound: Rebound | None = None
    bound_at: int = 0
    requires_oauth: bool | None = True
    found: Mapping[str, Value] | None = None
    injected: Mapping[str, Value] | None = None

    @classmethod
    def from_item(cls, item: Item) -> Installation:
        return cls(
            id=str(item["installation"]),
            team=str(item["team"]),
            name=str(item["name"]),
            url=optional_text(item, "url"),
            sharing="shared" if item["sharing"] == "shared" else "per_user",
            binding=str(item["binding"]),
            enabled=bool(item["enabled"]),
            scopes=texts(item, "scopes"),
            entered=_part(item, "by_hand"),
            admission=str(item.get("admission") or ""),
            revision=optional_number(item, "revision") or 0,
            rebound=_rebound(item.get("rebound")),
            bound_at=optional_number(item, "bound_at") or 0,
            requires_oauth=None if item.get("requires_oauth") == "unknown" else item.get("requires_oauth") is not False,
            found=_part(item, "found"),
            injected=_part(item, "injected"),
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
            **({"url": self.url} if self.url is not None else {}),
            "sharing": self.sharing,
            "binding": self.binding,
            "enabled": self.enabled,
            "admission": self.admission,
            "revision": self.revision,
            "requires_oauth": "unknown" if self.requires_oauth is None else self.requires_oauth,
            "created_at": now,
            "installed_by": installed_by,
            **({"scopes": list(self.scopes)} if self.scopes else {}),
            **({"by_hand": self.entered} if self.entered else {}),
            **({"found": self.found} if self.found else {}),
            **({"injected": self.injected} if self.injected else {}),
        }

    @property
    def mcp_host(self) -> str | None:
        return urlsplit(self.url).netloc if self.url is not None else None


def usual_headers(access_token: Secret) -> dict[str, Secret]:
    """What the satellite adds to requests to the MCP server if nobody wants it otherwise (RFC 6750 §2.1)."""
    return {"Authorization": Secret(f"Bearer {access_token.reveal()}")}


def _part(item: Item, name: str) -> Mapping[str, Value] | None:
    part = item.get(name)
    return part if isinstance(part, Mapping) else None


def _rebound(value: Value) -> Rebound | None:
    match value:
        case "revoked" | "installation_changed":
            return value
    return None
