"""The rules of the sign-in service: which requests it takes, and what a code is good for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from local.services.exchange import DeadEnd, OAuthError, fingerprint, is_challenge, need, proves
from local.services.signin_tokens import API_AUDIENCE, API_SCOPE, WEB_CLIENT

SCOPES = ("openid", API_SCOPE)
CODE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """An authorization request of the web client that was checked."""

    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    challenge: str
    nonce: str | None
    prompt: str | None


@dataclass(frozen=True, slots=True)
class _Issued:
    request: SignInRequest
    account: str
    signed_in_at: int
    expires_at: float


def redirect_uri_of(given: Mapping[str, str], allowed: Collection[str]) -> str:
    """Find where errors may be sent (RFC 6749 §3.1.2.3: compared as plain strings).

    Raises:
        DeadEnd: If client or redirect URI is not known. Such a request is never answered by a redirect.
    """
    if given.get("client_id") != WEB_CLIENT or given.get("redirect_uri") not in allowed:
        raise DeadEnd("Unknown client or redirect URI.")
    return given["redirect_uri"]


def accept_request(given: Mapping[str, str], redirect_uri: str) -> SignInRequest:
    """Check an authorization request: code flow with PKCE S256 (RFC 7636 §4.3), nothing else.

    Raises:
        OAuthError: If it asks for something that we do not do.
    """
    if given.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "Only response_type=code.")
    if given.get("code_challenge_method") != "S256" or not is_challenge(given.get("code_challenge", "")):
        raise OAuthError("invalid_request", "PKCE with S256 is required.")
    return SignInRequest(
        redirect_uri=redirect_uri,
        state=given.get("state"),
        scopes=scopes_of(given),
        challenge=given["code_challenge"],
        nonce=given.get("nonce"),
        prompt=given.get("prompt"),
    )


def scopes_of(given: Mapping[str, str]) -> tuple[str, ...]:
    """Read the scopes that are asked for, in our order; unknown ones are left out (OpenID Connect Core §3.1.2.1)."""
    asked = given.get("scope", "").split()
    return tuple(scope for scope in SCOPES if scope in asked)


def audience_of(given: Mapping[str, str], resources: Collection[str]) -> str:
    """Tell whom a token is for (RFC 8707 §2): the service that is named, or Strongroom's API.

    Raises:
        OAuthError: If a service is named that we do not know.
    """
    named = given.get("resource")
    if named is not None and named not in resources:
        raise OAuthError("invalid_target", "Unknown resource.")
    return named or API_AUDIENCE


class Codes:
    """Codes that wait for the web client: 60 seconds, one use."""

    def __init__(self, now: Callable[[], float], fresh: Callable[[], str]) -> None:
        self._now, self._fresh = now, fresh
        self._codes: dict[str, _Issued] = {}

    def issue(self, request: SignInRequest, account: str, signed_in_at: int) -> str:
        code = self._fresh()
        self._codes[fingerprint(code)] = _Issued(request, account, signed_in_at, self._now() + CODE_SECONDS)
        return code

    def redeem(self, given: Mapping[str, str]) -> tuple[SignInRequest, str, int]:
        """Take a code out and give the request, the account and the time of sign-in.

        A wrong verifier burns the code as well: whoever holds it without the verifier must not try again.

        Raises:
            OAuthError: If code, client, redirect URI and verifier do not belong together, or it is too late.
        """
        need(given, ("code", "redirect_uri", "client_id", "code_verifier"))
        issued = self._codes.pop(fingerprint(given["code"]), None)
        if issued is None or self._now() >= issued.expires_at or given["client_id"] != WEB_CLIENT:
            raise OAuthError("invalid_grant", "The code is not good.")
        if given["redirect_uri"] != issued.request.redirect_uri:
            raise OAuthError("invalid_grant", "The redirect URI is another one.")
        if not proves(given["code_verifier"], issued.request.challenge):
            raise OAuthError("invalid_grant", "The verifier does not fit.")
        return issued.request, issued.account, issued.signed_in_at
