"""One tree of errors. `code` and `status` are public and stable; the text is for the log and holds no secret and no
word of a provider. `detail` holds public additions to the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class StrongroomError(Exception):
    """Everything that Strongroom refuses or cannot do."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    sentence: ClassVar[str] = "Something went wrong on our side."

    def __init__(self, why: str = "", *, code: str | None = None, **detail: object) -> None:
        super().__init__(why or self.sentence)
        self.public_code = code or self.code
        self.detail: Mapping[str, object] = detail


class InvalidRequest(StrongroomError):
    """The request does not have the documented form."""

    code, status, sentence = "invalid_request", 400, "The request is not of the documented form."


class Unauthenticated(StrongroomError):
    """Nobody is signed in, or the token is not an access token for this API."""

    code, status, sentence = "unauthenticated", 401, "Sign in first, with an access token for this API."


class Forbidden(StrongroomError):
    """The caller is known and may not do this."""

    code, status, sentence = "forbidden", 403, "You may not do this."


class NotFound(StrongroomError):
    """It does not exist, or belongs to somebody else: the answer is the same."""

    code, status, sentence = "not_found", 404, "There is no such thing."


class Conflict(StrongroomError):
    """It cannot be done in the present state."""

    code, status, sentence = "conflict", 409, "This does not fit the present state."


class ChangedMeanwhile(StrongroomError):
    """What was to be changed is not any more what the caller had seen (RFC 9110 §13.1.1)."""

    code, status, sentence = (
        "changed_meanwhile",
        412,
        "It was changed meanwhile, or If-Match is not the etag as it was given out: read it again.",
    )


class TooMany(StrongroomError):
    """More of something than a quota allows just now. Detail: `retry_after` in seconds."""

    code, status, sentence = "too_many_requests", 429, "That was too much at once: try again a little later."


class AuthorizationRequired(StrongroomError):
    """A person has to act before a token can be given. Detail: `reason`, `link`."""

    code, status, sentence = "authorization_required", 409, "Somebody has to connect first."


class InsufficientScope(AuthorizationRequired):
    """The MCP server wants more scopes than the person has allowed. Look-ups go on. Detail: `reason`, `link`."""

    code, sentence = "insufficient_scope", "More scopes have to be allowed for this."


class AuthorizationRefused(StrongroomError):
    """An authorization cannot go on. Nothing is redeemed, nothing is stored."""

    code, status, sentence = "authorization_refused", 400, "This authorization cannot be finished."


class DiscoveryFailed(StrongroomError):
    """The MCP server or its authorization server does not follow the rules. `public_code` names the rule."""

    code, status, sentence = "discovery_failed", 422, "This MCP server cannot be connected."


class ProviderFailed(StrongroomError):
    """The provider did not answer, or not usefully. Nothing of its text is kept."""

    code, status, sentence = "provider_failed", 502, "The provider did not give a usable answer."


class EgressRefused(StrongroomError):
    """A request was not sent because its destination or form is not allowed."""

    code, status, sentence = "address_refused", 422, "This address may not be called."


class Unavailable(StrongroomError):
    """A part that we rely on does not answer just now. Detail: `retry_after` in seconds."""

    code, status, sentence = "unavailable", 503, "Try again in a moment."


class StoreUnavailable(Unavailable):
    """The table did not answer, or the outcome of a write is not known. Repeat with the same mark."""


class QueueUnavailable(Unavailable):
    """The queue did not take a message."""


class KeysUnavailable(Unavailable):
    """The key service did not answer, or a key is disabled."""


class IntegrityError(StrongroomError):
    """Sealed data does not open although its plain fields match. An alarm, never an automatic deletion."""

    code, status, sentence = "integrity_error", 500, "A stored secret failed its integrity check."


class SettingsError(StrongroomError):
    """A setting is missing or wrong. The text says what to set."""

    code = "settings_error"
