"""Which authorization requests the provider takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local.services.exchange import DeadEnd, OAuthError, is_challenge
from local.services.provider_clients import Client, Clients
from local.services.provider_identity import OPENID
from local.services.provider_ledger import OFFLINE, Request

FILE_SCOPES = ("files:read", "files:write")


@dataclass(frozen=True, slots=True)
class Rules:
    """`resources` are the MCP servers that we issue tokens for (empty: any); `offline` makes refresh tokens depend on
    the scope `offline_access`. `openid` brings an ID token, and no right to any file."""

    issuer: str
    resources: tuple[str, ...] = ()
    offline: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        return (*FILE_SCOPES, OPENID, *((OFFLINE,) if self.offline else ()))

    def metadata(self) -> dict[str, object]:
        """Describe ourselves (RFC 8414 §2, RFC 9207 §3)."""
        methods = ["none", "client_secret_post", "client_secret_basic"]
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "registration_endpoint": f"{self.issuer}/register",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "introspection_endpoint": f"{self.issuer}/introspect",
            "scopes_supported": list(self.scopes),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def accept(self, given: Mapping[str, str], client: Client) -> Request:
        """Check an authorization request whose client and redirect URI are known.

        PKCE S256 (RFC 7636 §4.3) and `resource` (RFC 8707 §2) are required.

        Raises:
            OAuthError: If something is missing, or asked for that we do not give.
        """
        if given.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "Only response_type=code.")
        if given.get("code_challenge_method") != "S256" or not is_challenge(given.get("code_challenge", "")):
            raise OAuthError("invalid_request", "PKCE with S256 is required.")
        return Request(
            client=client,
            redirect_uri=given["redirect_uri"],
            state=given.get("state"),
            scopes=self._scopes(given),
            challenge=given["code_challenge"],
            resource=self._resource(given),
        )

    def _scopes(self, given: Mapping[str, str]) -> tuple[str, ...]:
        asked = tuple(dict.fromkeys(given["scope"].split())) if "scope" in given else FILE_SCOPES[:1]
        if not asked or not set(asked) <= set(self.scopes):
            raise OAuthError("invalid_scope", "Unknown scope.")
        return asked

    def _resource(self, given: Mapping[str, str]) -> str:
        resource = given.get("resource", "")
        known = resource in self.resources if self.resources else "://" in resource and "#" not in resource
        if not known:
            raise OAuthError("invalid_target", "Name one resource that we issue tokens for.")
        return resource


def client_of(given: Mapping[str, str], clients: Clients) -> Client:
    """Find the client of an authorization request; its redirect URI is compared as a plain string (RFC 9700 §4.1.3).

    Raises:
        DeadEnd: If client or redirect URI is not known. Such a request is never answered by a redirect.
    """
    client = clients.find(given.get("client_id", ""))
    if client is None or given.get("redirect_uri") not in client.redirect_uris:
        raise DeadEnd("Unknown client or redirect URI.")
    return client
