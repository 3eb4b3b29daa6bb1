"""What an answer of the back channel means: one judge for code exchange and refresh, and one for revocations.

Clock, sockets and retries are elsewhere. An answer becomes one of a closed set of outcomes, whatever a provider sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from strongroom.domain.answer_fields import lifetime, odd_refresh_ends, pause, refresh_end, refresh_token, token
from strongroom.domain.catalog import Reading
from strongroom.domain.errors import ProviderFailed
from strongroom.domain.http import Answer, NoAnswer, NotSent, Reply
from strongroom.domain.json_document import JsonObject, JsonValue, json_document
from strongroom.domain.scope import scope_list
from strongroom.domain.secret import Secret

USUAL_PAUSE = 30

_ALREADY_DEAD = ("invalid_token", "invalid_grant")


@dataclass(frozen=True, slots=True)
class Issued:
    """New tokens, of type Bearer.

    None means that the provider did not say: no new refresh token, unknown expiry, scopes as asked for. `lifetime` is in
    seconds, `expires_at` in seconds since the epoch, counted from before the request was sent. `endless`: the catalog says
    that such a token has no end. `refresh_expires_at`: when the refresh token ends, if the provider told it. `ignored` names
    fields that were there and could not be used.
    """

    access_token: Secret
    refresh_token: Secret | None
    expires_at: int | None
    lifetime: int | None
    scopes: tuple[str, ...] | None
    endless: bool = False
    ignored: tuple[str, ...] = ()
    refresh_expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The grant is over: `invalid_grant` (RFC 6749 §5.2)."""


@dataclass(frozen=True, slots=True)
class ClientRejected:
    """The provider does not take us for its client. The tokens are not to blame."""

    error: Literal["invalid_client", "unauthorized_client"]


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Too many requests. `retry_after` is 1 to 900 seconds."""

    retry_after: int


@dataclass(frozen=True, slots=True)
class Transient:
    """A fault that passes, or that only an operator can end. `code` is ours.

    `may_be_spent`: the request was worked on, so that the refresh token in it may have been rotated all the same. A
    later `invalid_grant` then means a lost response. `retry_after` in seconds, if the provider named it.
    """

    code: str
    may_be_spent: bool = False
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The request left and no usable answer came: the code or refresh token in it may be spent. `code` is ours."""

    code: str


Outcome: TypeAlias = Issued | Refused | ClientRejected | RateLimited | Transient | Ambiguous
Revocation: TypeAlias = Literal["revoked", "unsupported", "refused_by_provider", "unreachable"]
Step: TypeAlias = Literal["exchange", "refresh"]

PLAIN = Reading()
"""Where RFC 6749 §5.1 puts everything."""


def judge_token_answer(answer: Answer, asked_at: float, reading: Reading = PLAIN, step: Step = "exchange") -> Outcome:
    """Decide what a token endpoint said, to a code or to a refresh token (RFC 6749 §5).

    - Issued: 200 or 201 with a usable access token and no `error`.
    - Refused: 400 or 401 with `invalid_grant` in a JSON body, and nothing else.
    - Ambiguous: no answer, or a success that cannot be used; the token in the request may be spent.
    - Transient: everything else. A 5xx is such a fault and no ambiguity, because most of them come before any work; but
      one may come after it, so that it is marked.

    `asked_at` is when the request was begun: time on the way shortens what is left, never lengthens it. `reading` says
    where a provider of the catalog keeps the tokens, and by which names it refuses, in a 200 too.
    """
    match answer:
        case NotSent():
            return Transient("unreachable")
        case NoAnswer():
            return Ambiguous("no_answer")
        case Reply(status=429):
            return RateLimited(_pause(answer, asked_at) or USUAL_PAUSE)
        case Reply(status=status) if status >= 500:
            return Transient("provider_error", may_be_spent=True, retry_after=_pause(answer, asked_at))
        case Reply(status=status) if 200 <= status < 300:
            return _judge_success(answer, asked_at, reading, step)
        case Reply():
            return _judge_error(answer, reading)


def is_unanswered(outcome: Outcome) -> bool:
    """Whether there was no answer, or none but that something is broken: whatever the cause."""
    match outcome:
        case Ambiguous("no_answer") | Transient("unreachable" | "provider_error"):
            return True
        case _:
            return False


def is_client_unknown(answer: Answer, reading: Reading = PLAIN) -> bool:
    """Whether the provider says that it could not authenticate us, in a definite answer (RFC 6749 §5.2, RFC 7009 §2.2.1).

    Then nothing else in the request was looked at: what it carried is not spent. `unauthorized_client` is not such an
    answer, since it is given to a client that was authenticated.
    """
    return judge_token_answer(answer, 0, reading) == ClientRejected("invalid_client")


def _judge_error(answer: Reply, reading: Reading) -> Outcome:
    error = _object(answer).get("error")
    if answer.status in {400, 401}:
        match error:
            case "invalid_grant":
                return Refused()
            case "invalid_client" | "unauthorized_client":
                return ClientRejected("invalid_client" if error == "invalid_client" else "unauthorized_client")
    elsewhere = "redirected" if 300 <= answer.status < 400 else _named(error)
    return _in_other_words(_object(answer), reading) or Transient(elsewhere)


def _in_other_words(document: JsonObject, reading: Reading) -> Outcome | None:
    said = [document.get(name) for name in reading.errors]
    if any(word in reading.refused for word in said):
        return Refused()
    return ClientRejected("invalid_client") if any(word in reading.client_rejected for word in said) else None


def _named(error: JsonValue) -> str:
    known = {"invalid_request", "invalid_scope", "invalid_target", "unsupported_grant_type", "temporarily_unavailable"}
    return error if isinstance(error, str) and error in known else "provider_refused"


def _judge_success(answer: Reply, asked_at: float, reading: Reading, step: Step) -> Outcome:
    document = _object(answer)
    if document.get("error") or (reading.success_flag and document.get(reading.success_flag) is not True):
        return _in_other_words(document, reading) or Transient(_named(document.get("error")))
    found = _within(document, reading.exchange if step == "exchange" else reading.refresh)
    access = token(found.get("access_token"))
    if access is None or answer.status not in {200, 201} or not _is_bearer(found.get("token_type"), reading):
        return Ambiguous("unusable_answer")
    refresh, seconds = refresh_token(found.get("refresh_token")), lifetime(found.get(reading.expiry))
    scopes = scope_list(found.get("scope"), reading.scope_separator) or None  # RFC 6749 §3.3 has no empty one
    used = {"refresh_token": refresh, reading.expiry: seconds, "scope": scopes}
    return Issued(
        access_token=access,
        refresh_token=refresh,
        expires_at=None if seconds is None else int(asked_at) + seconds,
        lifetime=seconds,
        scopes=scopes,
        endless=reading.never_expires and found.get(reading.expiry) is None,
        ignored=(
            *(name for name, value in used.items() if value is None and name in found),
            *odd_refresh_ends(found, int(asked_at)),
        ),
        refresh_expires_at=refresh_end(found, int(asked_at)),
    )


def _within(document: JsonObject, way: tuple[str, ...]) -> JsonObject:
    """The object at the end of the way; an empty one if the way ends before."""
    for name in way:
        inner = document.get(name)
        document = inner if isinstance(inner, Mapping) else {}
    return document


def _is_bearer(kind: JsonValue, reading: Reading) -> bool:
    # Required by RFC 6749 §5.1 and left out by deployed providers; a type that is named and is another one is meant.
    return kind is None or (isinstance(kind, str) and kind.lower() in {"bearer", *reading.token_types})


def _object(answer: Reply) -> JsonObject:
    try:
        return json_document(answer.body, odd_numbers_are_null=True)
    except ProviderFailed:
        return {}


def _pause(answer: Reply, now: float) -> int | None:
    return pause(next(iter(answer.headers.get("retry-after", ())), "").strip(), now)


def judge_revocation(answer: Answer) -> Revocation:
    """Decide what became of a revocation (RFC 7009 §2.2). Only `unreachable` is worth another attempt.

    A token that the provider calls invalid is as dead as it can be: 200 by the RFC, 400 at some providers. `invalid_client`
    passes: at a renewal, too, it is believed only when it is repeated.
    """
    if not isinstance(answer, Reply) or answer.status in {408, 425, 429} or answer.status == 500 or answer.status > 501:
        return "unreachable"
    error = _object(answer).get("error")
    if (200 <= answer.status < 300 and not error) or (answer.status == 400 and error in _ALREADY_DEAD):
        return "revoked"
    if answer.status in {400, 401} and error == "invalid_client":
        return "unreachable"
    unsupported = answer.status in {404, 405, 410, 501} or error == "unsupported_token_type"
    return "unsupported" if unsupported else "refused_by_provider"
