"""What an MCP server was found to need: kept with its installation for people to read, and for nothing else.

Every authorization discovers anew and decides by what it finds. So this may be old, and nobody's token depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from strongroom.domain.installation import Installation
from strongroom.domain.provider import Provider
from strongroom.domain.rows import optional_text, texts
from strongroom.domain.table import Value

Registration: TypeAlias = Literal["metadata_document", "dynamic", "by_hand"]
"""How we would become a client there."""


@dataclass(frozen=True, slots=True)
class Found:
    """`scopes` are those that the server asks for. `way` None: by none that we have."""

    issuer: str
    authorization_host: str
    token_host: str
    scopes: tuple[str, ...] = ()
    way: Registration | None = None

    @classmethod
    def at(cls, provider: Provider, scopes: tuple[str, ...], way: Registration | None) -> Found:
        hosts = (urlsplit(provider.authorization_endpoint).netloc, urlsplit(provider.token_endpoint).netloc)
        return cls(provider.issuer, *hosts, scopes, way)

    def to_value(self) -> dict[str, Value]:
        """The shape in which an installation's row keeps it."""
        return {
            "issuer": self.issuer,
            "authorization_host": self.authorization_host,
            "token_host": self.token_host,
            "scopes": list(self.scopes),
            "way": self.way,
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Value]) -> Found:
        named = (str(value["issuer"]), str(value["authorization_host"]), str(value["token_host"]))
        return cls(*named, texts(value, "scopes"), _way(optional_text(value, "way")))


def found_at(installation: Installation) -> Found | None:
    """What was last found out about the provider of this installation, if anything."""
    return Found.from_value(installation.found) if installation.found is not None else None


def _way(text: str | None) -> Registration | None:
    match text:
        case "metadata_document" | "dynamic" | "by_hand":
            return text
    return None
