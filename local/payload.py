"""API Gateway's payload format 2.0: a request as the event that a function gets, and its result as a response."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.accounts import ACCOUNT
from local.iam_policy import API_ID
from local.routes import Match

_TEXT = ("application/json", "application/javascript", "application/xml")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came: `target` is the request target, undecoded; header names are as they were sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def joined(self) -> dict[str, str]:
        """Header names in lower case; the values of a repeated header joined by a comma."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            found[name.lower()] = f"{found[name.lower()]},{value}" if name.lower() in found else value
        return found


@dataclass(frozen=True, slots=True)
class Response:
    """One response. A header may come more than once (`set-cookie`)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


def refusal(status: int, **headers: str) -> Response:
    """API Gateway's own answer: `{"message": ...}`, without a word on why."""
    message = "Request Header Fields Too Large" if status == 431 else HTTPStatus(status).phrase
    body = json.dumps({"message": message}).encode()
    given = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status, (("content-type", "application/json"), *given), body)


def build_event(
    request: Request, match: Match, authorizer: Mapping[str, Any] | None, request_id: str, now: float
) -> dict[str, Any]:
    """Make the event. What is absent from the request is absent from the event: cookies, query, parameters, body."""
    headers = request.joined
    cookies = [part.strip() for part in headers.pop("cookie", "").split(";") if part.strip()]
    query = _joined_query(request.query)
    optional = {
        "cookies": cookies,
        "queryStringParameters": query,
        "pathParameters": dict(match.parameters),
    }
    return {
        "version": "2.0",
        "routeKey": "$default" if match.route.path == "$default" else match.route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": _as_forwarded(headers),
        **{name: value for name, value in optional.items() if value},
        "requestContext": _context(request, match, authorizer, request_id, now),
        **_body(request.body, headers.get("content-type", "")),
    }


def _joined_query(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _as_forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    own = headers.get("x-forwarded-for")
    return {
        **{name: value for name, value in headers.items() if name not in ("connection", "keep-alive", "te", "upgrade")},
        "x-forwarded-for": f"{own}, 127.0.0.1" if own else "127.0.0.1",
        "x-forwarded-port": headers.get("host", "").rpartition(":")[2],
        "x-forwarded-proto": "http",
    }


def _context(
    request: Request, match: Match, authorizer: Mapping[str, Any] | None, request_id: str, now: float
) -> dict[str, Any]:
    headers = request.joined
    domain = headers.get("host", "").partition(":")[0]
    moment = datetime.fromtimestamp(now, UTC)
    return {
        "accountId": ACCOUNT,
        "apiId": API_ID,
        **({"authorizer": dict(authorizer)} if authorizer else {}),
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": "$default" if match.route.path == "$default" else match.route.key,
        "stage": "$default",
        "time": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    if not body:
        return {"isBase64Encoded": False}
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXT or kind.endswith(("+json", "+xml")):
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def read_result(payload: bytes) -> Response:
    """Turn what a function returned into a response.

    A result without `statusCode` is itself the body of a 200. A result that API Gateway could not use is a 500.
    """
    try:
        result = json.loads(payload)
        if not isinstance(result, dict) or "statusCode" not in result:
            return Response(200, (("content-type", "application/json"),), json.dumps(result).encode())
        return _formatted(result)
    except (ValueError, TypeError, AttributeError):
        return refusal(500)


def _formatted(result: Mapping[str, Any]) -> Response:
    text = result.get("body")
    body = text if isinstance(text, str) else "" if text is None else json.dumps(text)
    content = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") is True else body.encode()
    headers = {str(name).lower(): _header(value) for name, value in (result.get("headers") or {}).items()}
    for name in ("connection", "content-length", "transfer-encoding"):
        headers.pop(name, None)
    headers.setdefault("content-type", "text/plain;charset=UTF-8")
    status = HTTPStatus(int(result["statusCode"])).value
    return Response(status, (*headers.items(), *_cookies(result.get("cookies") or [])), content)


def _header(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\r" in text or "\n" in text:
        raise ValueError("a header value with a line break")
    return text


def _cookies(cookies: Iterable[object]) -> list[tuple[str, str]]:
    return [("set-cookie", _header(cookie)) for cookie in cookies]
