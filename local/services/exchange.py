"""What both OAuth services need to read requests and write answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse

from local.services.pages import PRIVATE

MOST_BYTES = 64 * 1024
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class OAuthError(Exception):
    """An error of the protocol: a code of RFC 6749, and a sentence for the developer of the client."""

    def __init__(self, code: str, sentence: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.code, self.status, self.headers = code, status, dict(headers or {})

    def response(self) -> JSONResponse:
        return answer({"error": self.code, "error_description": str(self)}, self.status, self.headers)


class DeadEnd(Exception):
    """An authorization request that must not be answered by a redirect (RFC 6749 §4.1.2.1)."""


def answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Answer with JSON that nobody may keep (RFC 6749 §5.1)."""
    return JSONResponse(content, status, headers={**PRIVATE, **(headers or {})})


def parameters(encoded: str) -> dict[str, str]:
    """Read form-encoded parameters.

    A name must not be repeated (RFC 6749 §3.1 and §3.2); an empty value counts as omitted.

    Raises:
        OAuthError: If a name is repeated or the encoding is broken.
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=64, errors="strict")
    except ValueError as broken:
        raise OAuthError("invalid_request", "The parameters are not form-encoded.") from broken
    if len({name for name, _ in pairs}) != len(pairs):
        raise OAuthError("invalid_request", "A parameter is repeated.")
    return {name: value for name, value in pairs if value}


async def form(request: Request) -> dict[str, str]:
    """Read the body of a form-encoded POST.

    Raises:
        OAuthError: If it is of another type, too large, or repeats a name.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "Send application/x-www-form-urlencoded.")
    return parameters((await body(request)).decode("utf-8", "replace"))


async def body(request: Request) -> bytes:
    """Read at most 64 KiB.

    Raises:
        OAuthError: If it is larger.
    """
    collected = b""
    async for chunk in request.stream():
        collected += chunk
        if len(collected) > MOST_BYTES:
            raise OAuthError("invalid_request", "The body is too large.", 413)
    return collected


def redirect(uri: str, given: Mapping[str, str | None]) -> RedirectResponse:
    """Send the browser on with parameters added to the query that the URI already has (RFC 6749 §3.1.2)."""
    joint = "&" if urlsplit(uri).query else "?"
    added = urlencode({name: value for name, value in given.items() if value is not None})
    return RedirectResponse(uri + joint + added, 303, headers=PRIVATE)


def may_be_redirect_uri(uri: object) -> bool:
    """Say whether a client may register this: https anywhere or http on loopback, no fragment, no userinfo."""
    if not isinstance(uri, str) or not uri.isascii() or not uri.isprintable() or "#" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_HOSTS)


def is_challenge(text: str) -> bool:
    """Say whether this can be the SHA-256 of a verifier (RFC 7636 §4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def proves(verifier: str, challenge: str) -> bool:
    """Check a PKCE verifier by S256 (RFC 7636 §4.6)."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    return hmac.compare_digest(s256(verifier), challenge)


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def fingerprint(secret: str) -> str:
    """Name a secret without giving it away; 256 random bits cannot be found from it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fresh() -> str:
    """Make 256 random bits as text."""
    return secrets.token_urlsafe(32)


def need(given: Mapping[str, str], names: Iterable[str]) -> None:
    """Refuse a request that lacks one of these parameters.

    Raises:
        OAuthError: If one is missing.
    """
    for name in names:
        if name not in given:
            raise OAuthError("invalid_request", f"{name} is missing.")
