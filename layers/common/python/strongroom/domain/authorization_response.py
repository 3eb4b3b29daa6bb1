"""The front channel's answer: the check of what the provider sends back with the browser.

Only a checked answer gives a code that can be redeemed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias
from urllib.parse import unquote_to_bytes

from strongroom.domain.errors import AuthorizationRefused, InvalidRequest
from strongroom.domain.identifiers import hashed
from strongroom.domain.secret import Secret

LONGEST_QUERY: Final = 8 * 1024

# Errors that a provider may report (RFC 6749 §4.1.2.1, RFC 8707 §2, OpenID Connect Core §3.1.2.6).
KNOWN_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "invalid_target",
        "login_required",
        "consent_required",
        "interaction_required",
        "account_selection_required",
    }
)

_PRINTABLE = re.compile(rb"[\x20-\x7E]+")
_ENCODED = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")
_CHECKED: Final = object()


class AuthorizationCode:
    """A code that may be redeemed: its response has been checked.

    `accept_response` makes it. The constructor takes a token that only this module has, so that no other path leads by
    accident from a query to the token endpoint.
    """

    __slots__ = ("code",)

    def __init__(self, code: Secret, checked: object) -> None:
        if checked is not _CHECKED:
            raise TypeError("only a checked authorization response holds a code")
        self.code = code

    @classmethod
    def restore(cls, code: Secret) -> AuthorizationCode:
        """Take up a code again that `accept_response` accepted and that lay sealed since.

        The one other door, for the step between callback and completion. Never call it with the text of a request.
        """
        return cls(code, _CHECKED)


@dataclass(frozen=True, slots=True)
class Denied:
    """The person said no."""


@dataclass(frozen=True, slots=True)
class ProviderSaidNo:
    """The provider ended the flow. `error` is a code of the RFCs or `unknown_error`, never a provider's own text."""

    error: str


Response: TypeAlias = AuthorizationCode | Denied | ProviderSaidNo


class PendingAnswer(Protocol):
    """The part of an authorization in flight that its answer is checked against.

    `state_hash` is the base64url SHA-256 of the state, `expires_at` is in seconds since the epoch.
    """

    @property
    def state_hash(self) -> str: ...
    @property
    def expires_at(self) -> int: ...
    @property
    def issuer(self) -> str: ...
    @property
    def iss_supported(self) -> bool: ...
    @property
    def iss_required(self) -> bool: ...
    @property
    def provider_key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CallbackParameters:
    """What a callback's query says, each at most once. None of it is believed yet."""

    state: Secret
    code: Secret | None = None
    iss: str | None = field(default=None, repr=False)
    error: str | None = field(default=None, repr=False)


def parse_callback_query(raw: str) -> CallbackParameters:
    """Read the raw query of a callback.

    `state` is needed; `state`, `code`, `iss` and `error` may each come once (RFC 6749 §3.1), in printable ASCII, not
    empty, and `code` not beside `error`. Other parameters are not looked at.

    Raises:
        InvalidRequest: If the query is empty, over 8 KiB, not ASCII, or breaks one of these rules.
    """
    if not raw or len(raw) > LONGEST_QUERY or not raw.isascii():
        raise InvalidRequest("the callback's query has no usable form")
    found: dict[str, str] = {}
    for name, value in _parameters(raw):
        if name in found:
            raise InvalidRequest("a parameter of the callback is repeated")
        found[name] = _text(value)
    if "state" not in found or {"code", "error"} <= found.keys():
        raise InvalidRequest("the callback has no state, or two answers")
    code = Secret(found["code"]) if "code" in found else None
    return CallbackParameters(Secret(found["state"]), code, found.get("iss"), found.get("error"))


def _parameters(raw: str) -> Iterator[tuple[str, str]]:
    for piece in raw.split("&"):
        name, _, value = piece.partition("=")
        plain = unquote_to_bytes(name.replace("+", " ")).decode("latin-1")
        if plain in {"state", "code", "iss", "error"}:
            yield plain, value


def _text(value: str) -> str:
    decoded = unquote_to_bytes(value.replace("+", " "))
    if not _ENCODED.fullmatch(value) or not _PRINTABLE.fullmatch(decoded):
        raise InvalidRequest("a parameter of the callback is empty or not printable")
    return decoded.decode("ascii")


def accept_response(params: CallbackParameters, pending: PendingAnswer, path_key: str, now: float) -> Response:
    """Check what the provider sent back against the authorization that it claims to answer.

    The checks run in the order that gives an attacker least: our own state first, then the sender's identity, and only
    then what it says.

    - `state` is the one we sent (RFC 6749 §10.12), and the time for an answer is not over.
    - `iss`, when present, equals the issuer we chose, as a plain string; it may be absent only if the provider does not
      announce it (RFC 9207 §2.4) and nothing else makes it necessary. This stops mix-up (RFC 9700 §4.4), and it goes
      for error responses too.
    - `path_key`, from the redirect URI's path, is the provider's own.
    - `error` ends the flow (RFC 6749 §4.1.2.1); its text goes to no one.

    Raises:
        AuthorizationRefused: If any check fails. `public_code` names the check, for the log.
    """
    return _accept(_Received(params, pending, path_key, now), CHECKS)


@dataclass(frozen=True, slots=True)
class _Received:
    params: CallbackParameters
    pending: PendingAnswer
    path_key: str
    now: float


def _accept(received: _Received, checks: Iterable[Check]) -> Response:
    for check in checks:
        check(received)
    error, code = received.params.error, received.params.code
    if error is not None:
        return (
            Denied()
            if error == "access_denied"
            else ProviderSaidNo(error if error in KNOWN_ERRORS else "unknown_error")
        )
    if code is None:
        raise AuthorizationRefused("the answer holds neither a code nor an error", code="code_missing")
    return AuthorizationCode(code, _CHECKED)


def _state_is_ours(received: _Received) -> None:
    if not hmac.compare_digest(hashed(received.params.state.reveal()), received.pending.state_hash):
        raise AuthorizationRefused("the state belongs to another authorization", code="state_mismatch")


def _in_time(received: _Received) -> None:
    if received.now >= received.pending.expires_at:
        raise AuthorizationRefused("the time for an answer is over", code="authorization_expired")


def _issuer_answers(received: _Received) -> None:
    iss, pending = received.params.iss, received.pending
    if iss is None and (pending.iss_supported or pending.iss_required):
        raise AuthorizationRefused("the answer does not say who sent it", code="issuer_missing")
    if iss is not None and iss != pending.issuer:
        raise AuthorizationRefused("another issuer answered", code="issuer_mismatch")


def _path_is_the_providers(received: _Received) -> None:
    if received.path_key != received.pending.provider_key:
        raise AuthorizationRefused("the answer came to another provider's address", code="wrong_callback")


Check: TypeAlias = Callable[[_Received], None]
CHECKS: Final[tuple[Check, ...]] = (_state_is_ours, _in_time, _issuer_answers, _path_is_the_providers)
