"""From an HTTP API event to a request, and from a result or an error to a response: the one place for statuses."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from strongroom.domain.errors import DiscoveryFailed, IntegrityError, InvalidRequest, NotFound, StrongroomError
from strongroom.ports import Journal

Event: TypeAlias = Mapping[str, Any]
Response: TypeAlias = dict[str, Any]

LONGEST_BODY = 16 * 1024

NO_STORE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler may know of a request. No URL of ours is ever made from a header, and no identity.

    Query, body and event may hold a code or a secret, so they do not print.
    """

    route: str
    path: Mapping[str, str]
    query: str = field(repr=False)
    body: bytes = field(repr=False)
    event: Event = field(repr=False)
    request_id: str

    def header(self, name: str) -> str | None:
        """Give a header by its name in small letters, as payload format 2.0 spells them all; None if it was not sent."""
        headers = self.event.get("headers")
        value = headers.get(name) if isinstance(headers, Mapping) else None
        return value if isinstance(value, str) else None

    def json(self) -> Mapping[str, Any]:
        """Give the body's JSON object; an absent body is an empty one.

        Raises:
            InvalidRequest: If it is no object, names a member twice, is too large or too deep.
        """
        return parse_object(self.body) if self.body else {}


Route: TypeAlias = Callable[[Request], Response]


def serve(event: Any, context: Any, journal: Journal, routes: Mapping[str, Route]) -> Response:
    """Answer one event of the HTTP API with the route that its `routeKey` names.

    Only the alias `live`, and only payload format 2.0: the qualifier decides who may have sent it, not the shape.
    """
    request_id = str(getattr(context, "aws_request_id", ""))
    journal.about(request_id)
    try:
        require_alias(context, "live")
        request = to_request(event, request_id)
        route = routes.get(request.route)
        if route is None:
            raise NotFound("no such route here")
        return route(request)
    except Exception as error:
        return refusal(told(error, journal), request_id)


def told(error: Exception, journal: Journal, **about: str) -> StrongroomError:
    """Write an error down, and give what the caller may know of it: the one place that decides.

    A failed integrity check is an alarm; so is an error that nobody foresaw, of which only its kind is kept, since its
    text may hold anything.
    """
    match error:
        case IntegrityError():
            journal.alarm("integrity_error", **about)
            return error
        case StrongroomError():
            journal.note("refused", code=error.public_code, status=error.status, **about)
            return error
        case _:
            journal.alarm("unexpected_error", kind=type(error).__name__, **about)
            return StrongroomError()


def require_alias(context: Any, alias: str) -> None:
    """Refuse what was not called through this alias of the function.

    Raises:
        NotFound: Whatever the payload looks like.
    """
    if qualifier(context) != alias:
        raise NotFound("not called through the alias for this")


def qualifier(context: Any) -> str | None:
    """Give the alias through which Lambda was called, from the invoked ARN; None if it was called without one."""
    arn = str(getattr(context, "invoked_function_arn", "")).split(":")
    return arn[7] if len(arn) == 8 else None


def to_request(event: Any, request_id: str) -> Request:
    """Raises: InvalidRequest: if it is not an event of an HTTP API, payload format 2.0."""
    if not isinstance(event, Mapping) or event.get("version") != "2.0" or not isinstance(event.get("routeKey"), str):
        raise InvalidRequest("not an event of the HTTP API")
    path = event.get("pathParameters") or {}
    if not isinstance(path, Mapping):
        raise InvalidRequest("not an event of the HTTP API")
    return Request(
        route=event["routeKey"],
        path={str(name): str(value) for name, value in path.items()},
        query=str(event.get("rawQueryString") or ""),
        body=_body(event),
        event=event,
        request_id=request_id,
    )


def _body(event: Event) -> bytes:
    text = event.get("body")
    if text is None:
        return b""
    try:
        data = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else str(text).encode()
    except (ValueError, TypeError):
        raise InvalidRequest("the body is not readable") from None
    if len(data) > LONGEST_BODY:
        raise InvalidRequest("the body is too long", code="body_too_long")
    return data


def parse_object(data: bytes) -> Mapping[str, Any]:
    """Raises: InvalidRequest: unless it is one JSON object in UTF-8 (RFC 8259 §8.1), without repeated members."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # Not chained: the parser's own error holds the whole text.
        raise InvalidRequest("the body is not one JSON object") from None
    if not isinstance(value, dict):
        raise InvalidRequest("the body is not one JSON object")
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Make a JSON response that no cache keeps."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **NO_STORE, **(headers or {})},
        "body": json.dumps(body, separators=(",", ":")),
    }


def refusal(error: StrongroomError, request_id: str) -> Response:
    """The one shape of our errors. Only our own sentence and declared details go out.

    What is wrong with a request is told in full: these texts name members and limits, never a value.
    """
    body = {"error": error.public_code, "message": _message(error), "request_id": request_id, **error.detail}
    retry_after = error.detail.get("retry_after")
    return answer(error.status, body, {"retry-after": str(retry_after)} if isinstance(retry_after, int) else None)


def _message(error: StrongroomError) -> str:
    match error:
        case InvalidRequest():
            return str(error)
        case DiscoveryFailed():
            from strongroom.domain.trail import sentence_of  # a look-up has no use for it

            return sentence_of(error.public_code)
        case _:
            from strongroom.aws.sentences import SENTENCES  # nor for these

            return SENTENCES.get(error.public_code, error.sentence)
