"""What accounts have granted, and the codes and tokens that stand for it. Tokens are kept by their SHA-256 only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from local.services.exchange import OAuthError, fingerprint, need, proves
from local.services.provider_clients import Client
from local.services.provider_identity import OPENID

OFFLINE = "offline_access"


@dataclass(slots=True)
class Lifetimes:
    """Whole seconds. `grace` is how long a spent refresh token is still taken; `rotate` False keeps one for ever."""

    code: int = 60
    access: int = 3600
    refresh: int = 30 * 24 * 3600
    grace: int = 0
    rotate: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """An authorization request that was checked."""

    client: Client
    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    challenge: str
    resource: str


@dataclass(slots=True)
class Grant:
    """What one account allowed one client, once. `ended` says why it is over."""

    identifier: str
    account: str
    client_id: str
    scopes: tuple[str, ...]
    resource: str
    ended: str | None = None
    refreshed: int = 0
    newest: str | None = None


@dataclass(slots=True)
class _Token:
    kind: Literal["code", "access", "refresh"]
    grant: Grant
    expires_at: float
    scopes: tuple[str, ...]
    spent_at: float | None = None
    request: Request | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """One answer of the token endpoint. `account`: whom an ID token has to name, if one was asked for."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int
    scopes: tuple[str, ...]
    grant: str
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Revoked:
    """What a revocation request did: which kind of token it named, and what ended by it."""

    kind: Literal["access", "refresh", "unknown"]
    effect: Literal["grant", "token", "none"]
    grant: str | None


class Ledger:
    """All grants, in memory. With `offline`, only the scope `offline_access` brings a refresh token."""

    def __init__(
        self, lifetimes: Lifetimes, now: Callable[[], float], fresh: Callable[[], str], offline: bool = False
    ) -> None:
        self.lifetimes = lifetimes
        self._offline = offline
        self.grants: list[Grant] = []
        self._now, self._fresh = now, fresh
        self._tokens: dict[str, _Token] = {}

    def allow(self, request: Request, account: str) -> str:
        """Note a consent and give the code for it."""
        identifier = f"grant-{len(self.grants) + 1}"
        grant = Grant(identifier, account, request.client.client_id, request.scopes, request.resource)
        self.grants.append(grant)
        return self._mint("code", grant, self.lifetimes.code, request.scopes, request)

    def redeem(self, client: Client, given: Mapping[str, str]) -> Issued:
        """Exchange a code (RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 8707 §2.2). It works once: a second use ends the
        grant (RFC 6749 §4.1.2), since one of the two who hold it is a thief. So does a failed check.

        Raises:
            OAuthError: If code, client, redirect URI, verifier and resource do not belong together.
        """
        need(given, ("code", "redirect_uri", "code_verifier"))
        token = self._tokens.get(fingerprint(given["code"]))
        if token is None or token.kind != "code" or token.request is None or self._over(token):
            raise OAuthError("invalid_grant", "The code is not good.")
        if token.spent_at is not None:
            token.grant.ended = "code_used_twice"
            raise OAuthError("invalid_grant", "The code was used before.")
        token.spent_at = self._now()
        try:
            _check_code(token.request, client, given)
        except OAuthError:
            token.grant.ended = "code_misused"
            raise
        wanted = "refresh_token" in client.grant_types and (not self._offline or OFFLINE in token.scopes)
        issued = self._issue(token.grant, token.scopes, with_refresh=wanted)
        return replace(issued, account=token.grant.account) if OPENID in token.scopes else issued

    def refresh(self, client: Client, given: Mapping[str, str], rotate: bool = True) -> Issued:
        """Renew by refresh token, with rotation (RFC 9700 §4.14.2).

        A spent token that comes again after the grace time is reuse: the whole grant ends, for the newest token may be
        in the thief's hands.

        Raises:
            OAuthError: If the token is not good for this client, scope and resource.
        """
        need(given, ("refresh_token",))
        token = self._tokens.get(fingerprint(given["refresh_token"]))
        if token is None or token.kind != "refresh" or token.grant.client_id != client.client_id or self._over(token):
            raise OAuthError("invalid_grant", "The refresh token is not good.")
        if token.spent_at is not None and self._now() >= token.spent_at + self.lifetimes.grace:
            token.grant.ended = "refresh_token_reused"
            raise OAuthError("invalid_grant", "The refresh token was used before.")
        _check_resource(token.grant.resource, given)
        scopes = _narrowed(token.grant.scopes, given)
        token.grant.refreshed += 1
        if not (rotate and self.lifetimes.rotate):
            return self._issue(token.grant, scopes, with_refresh=False)
        token.spent_at = token.spent_at or self._now()
        return self._issue(token.grant, scopes, with_refresh=True)

    def _issue(self, grant: Grant, scopes: tuple[str, ...], with_refresh: bool) -> Issued:
        access = self._mint("access", grant, self.lifetimes.access, scopes)
        refresh = self._mint("refresh", grant, self.lifetimes.refresh, grant.scopes) if with_refresh else None
        if refresh:
            grant.newest = fingerprint(refresh)
        return Issued(access, refresh, self.lifetimes.access, scopes, grant.identifier)

    def _mint(
        self,
        kind: Literal["code", "access", "refresh"],
        grant: Grant,
        seconds: int,
        scopes: tuple[str, ...],
        request: Request | None = None,
    ) -> str:
        text = f"fp-{kind}-{self._fresh()}"
        self._tokens[fingerprint(text)] = _Token(kind, grant, self._now() + seconds, scopes, request=request)
        return text

    def _over(self, token: _Token) -> bool:
        return token.grant.ended is not None or self._now() >= token.expires_at

    def revoke(self, client: Client, token_text: str) -> Revoked:
        """Revoke a token (RFC 7009 §2.1): a refresh token takes its grant along, an access token goes alone.

        A spent refresh token is no token any more: nothing happens, and the answer is the same.

        Raises:
            OAuthError: If the token belongs to another client.
        """
        token = self._tokens.get(fingerprint(token_text))
        if token is None or token.kind == "code":
            return Revoked("unknown", "none", None)
        if token.grant.client_id != client.client_id:
            raise OAuthError("unauthorized_client", "This token belongs to another client.")
        if self._over(token) or token.spent_at is not None:
            return Revoked(token.kind, "none", token.grant.identifier)
        if token.kind == "refresh":
            token.grant.ended = "revoked"
            return Revoked("refresh", "grant", token.grant.identifier)
        del self._tokens[fingerprint(token_text)]
        return Revoked("access", "token", token.grant.identifier)

    def look_into(self, token_text: str, issuer: str) -> dict[str, object]:
        """Say what an access token is worth now (RFC 7662 §2.2)."""
        token = self._tokens.get(fingerprint(token_text))
        if token is None or token.kind != "access" or self._over(token):
            return {"active": False}
        return {
            "active": True,
            "iss": issuer,
            "sub": token.grant.account,
            "aud": token.grant.resource,
            "client_id": token.grant.client_id,
            "scope": " ".join(token.scopes),
            "exp": int(token.expires_at),
            "token_type": "Bearer",
        }

    def withdraw(self, account: str) -> int:
        """End every grant of an account, as its owner can in the provider's own settings."""
        ending = [grant for grant in self.grants if grant.account == account and grant.ended is None]
        for grant in ending:
            grant.ended = "withdrawn"
        return len(ending)

    def spoil(self, account: str) -> int:
        """End the access tokens of an account before their time; its refresh tokens stay good."""
        mine = [name for name, one in self._tokens.items() if one.kind == "access" and one.grant.account == account]
        for name in mine:
            del self._tokens[name]
        return len(mine)


def _check_code(request: Request, client: Client, given: Mapping[str, str]) -> None:
    if client.client_id != request.client.client_id or given["redirect_uri"] != request.redirect_uri:
        raise OAuthError("invalid_grant", "The code belongs to another client or redirect URI.")
    if not proves(given["code_verifier"], request.challenge):
        raise OAuthError("invalid_grant", "The verifier does not fit.")
    _check_resource(request.resource, given)


def _check_resource(granted: str, given: Mapping[str, str]) -> None:
    # MCP's clients send it with every request; one that forgets it is found out here.
    if given.get("resource") != granted:
        raise OAuthError("invalid_target", "Name the resource that was granted.")


def _narrowed(granted: tuple[str, ...], given: Mapping[str, str]) -> tuple[str, ...]:
    asked = tuple(given["scope"].split()) if "scope" in given else granted
    if not set(asked) <= set(granted):
        raise OAuthError("invalid_scope", "More than was granted.")
    return asked
