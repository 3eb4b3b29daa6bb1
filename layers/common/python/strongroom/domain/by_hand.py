"""What an admin enters about a provider that cannot be found out, or not all of it; `by_hand_rules` checks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from strongroom.domain.catalog import Endpoints
from strongroom.domain.installation import Installation
from strongroom.domain.secret import Secret
from strongroom.domain.table import Value

EnteredMethod: TypeAlias = Literal["none", "client_secret_basic", "client_secret_post"]
WITH_SECRET: Final[tuple[EnteredMethod, ...]] = ("client_secret_basic", "client_secret_post")
MOST_PARAMETERS = 20


@dataclass(frozen=True, slots=True)
class EnteredClient:
    """Us, as an admin has registered us at the provider. `auth_method` None: the admin leaves it to us."""

    client_id: str
    client_secret: Secret | None = None
    auth_method: EnteredMethod | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """What an admin enters. None of it is believed yet, but each part has its documented form.

    `draft` made the callback URL that the admin has registered. Without `endpoints`, `issuer` is named.
    """

    draft: str
    client: EnteredClient
    issuer: str | None = None
    endpoints: Endpoints | None = None
    iss: bool = False
    pkce_unlisted: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ByHand:
    """What an admin has entered about the provider of one installation; its client is kept under `provider_key`.

    `endpoints` None: they are discovered, and only the client is the admin's. `iss_supported`: the provider names itself in
    its answers, says the admin. `pkce_unlisted`: the admin vouches that S256 works. `parameters` are added to the
    authorization request.
    """

    provider_key: str
    issuer: str
    client_id: str
    endpoints: Endpoints | None = None
    iss_supported: bool = False
    pkce_unlisted: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def authorization_host(self) -> str | None:
        return urlsplit(self.endpoints.authorization).netloc if self.endpoints else None

    @property
    def token_host(self) -> str | None:
        return urlsplit(self.endpoints.token).netloc if self.endpoints else None

    def to_value(self) -> dict[str, Value]:
        """The shape in which an installation's row keeps it."""
        ends = self.endpoints
        return {
            "provider_key": self.provider_key,
            "issuer": self.issuer,
            "client_id": self.client_id,
            "authorization_endpoint": ends.authorization if ends else None,
            "token_endpoint": ends.token if ends else None,
            "revocation_endpoint": ends.revocation if ends else None,
            "iss_supported": self.iss_supported,
            "pkce_unlisted": self.pkce_unlisted,
            "parameters": dict(self.parameters),
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Value]) -> ByHand:
        endpoints, parameters = None, value["parameters"]
        if value["authorization_endpoint"] is not None:
            revocation = value["revocation_endpoint"]
            named = (str(value["authorization_endpoint"]), str(value["token_endpoint"]))
            endpoints = Endpoints(*named, str(revocation) if revocation is not None else None)
        return cls(
            provider_key=str(value["provider_key"]),
            issuer=str(value["issuer"]),
            client_id=str(value["client_id"]),
            endpoints=endpoints,
            iss_supported=value["iss_supported"] is True,
            pkce_unlisted=value["pkce_unlisted"] is True,
            parameters={name: str(text) for name, text in parameters.items()}
            if isinstance(parameters, Mapping)
            else {},
        )


def by_hand(installation: Installation) -> ByHand | None:
    """What an admin has entered for this installation, if anything."""
    return ByHand.from_value(installation.entered) if installation.entered is not None else None
