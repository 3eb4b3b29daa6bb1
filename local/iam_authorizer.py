"""API Gateway's IAM authorizer: signatures of version 4 verified for real, against a table of fake callers."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any
from urllib.parse import quote, unquote

from local.accounts import REGION, Caller
from local.iam_policy import allows, invoke_arn
from local.payload import Request

SKEW = 300.0  # seconds that a date may be off
_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;_-]+), ?Signature=([0-9a-f]{64})"
)


class Forbidden(Exception):
    """403: unsigned, wrongly signed, too old, of nobody we know, or against the caller's policy. The answer is the same."""


@dataclass(frozen=True, slots=True)
class _Signature:
    access_key: str
    day: str
    region: str
    service: str
    signed: tuple[str, ...]
    value: str

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


class IamAuthorizer:
    """Decide on signed requests."""

    def __init__(self, callers: Iterable[Caller], now: Callable[[], float]) -> None:
        self._callers = {caller.access_key: caller for caller in callers}
        self._now = now

    def authorize(self, request: Request) -> dict[str, Any]:
        """Answer `requestContext.authorizer` for a signed request.

        The signature has to cover `host`, every `x-amz-` header that is there and the body, for `execute-api` in our
        region, with a date of the last or next five minutes; and the caller's policy has to allow the call.

        Raises:
            Forbidden: If it does not.
        """
        headers = request.joined
        signature = _read(headers.get("authorization", ""))
        caller = self._callers.get(signature.access_key)
        date = headers.get("x-amz-date", "")
        if caller is None or (signature.region, signature.service) != (REGION, "execute-api"):
            raise Forbidden
        if not date.startswith(signature.day) or abs(_moment(date) - self._now()) > SKEW:
            raise Forbidden
        _check_cover(headers, signature.signed, request.body)
        if not any(
            hmac.compare_digest(signature.value, _sign(caller.secret, date, signature, canonical))
            for canonical in _canonical_requests(request, headers, signature.signed)
        ):
            raise Forbidden
        if not all(allows(caller.policy, invoke_arn(request.method, path)) for path in _forms(request)):
            raise Forbidden
        return {"iam": _identity(caller)}


def _forms(request: Request) -> set[str]:
    """The path as it was sent, and decoded. Which of them IAM matches is nowhere written, so a policy has to allow both."""
    return {request.raw_path, request.path}


def _read(header: str) -> _Signature:
    match = _FORM.fullmatch(header.strip())
    if match is None:
        raise Forbidden
    key, day, region, service, signed, value = match.groups()
    return _Signature(key, day, region, service, tuple(signed.split(";")), value)


def _moment(date: str) -> float:
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise Forbidden from error


def _check_cover(headers: Mapping[str, str], signed: tuple[str, ...], body: bytes) -> None:
    wanted = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if not wanted <= set(signed) <= set(headers):
        raise Forbidden
    if "x-amz-security-token" in headers:
        raise Forbidden  # the fake callers have none
    if headers.get("x-amz-content-sha256", hashlib.sha256(body).hexdigest()) != hashlib.sha256(body).hexdigest():
        raise Forbidden


def _canonical_requests(request: Request, headers: Mapping[str, str], signed: tuple[str, ...]) -> Iterable[str]:
    """Every canonical form that a sound client may have signed: the path encoded once or twice, the query as it was
    sent or encoded anew. Each of them binds the same request."""
    covered = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signed)
    digest = hashlib.sha256(request.body).hexdigest()
    for path, query in product(_paths(request.raw_path), _queries(request.query)):
        yield "\n".join((request.method, path, query, covered, ";".join(signed), digest))


def _paths(raw: str) -> set[str]:
    return {raw or "/", quote(raw, safe="/~") or "/", quote(unquote(raw), safe="/~") or "/"}


def _queries(raw: str) -> set[str]:
    pairs = [part.partition("=")[::2] for part in raw.split("&") if part]
    anew = [(quote(unquote(name), safe="~"), quote(unquote(value), safe="~")) for name, value in pairs]
    forms = (pairs,) if "+" in raw else (pairs, anew)  # whether a plus is a space depends on who reads it
    return {"&".join(f"{name}={value}" for name, value in sorted(form)) for form in forms}


def _sign(secret: str, date: str, signature: _Signature, canonical: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in (signature.day, signature.region, signature.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    return hmac.digest(key, f"AWS4-HMAC-SHA256\n{date}\n{signature.scope}\n{hashed}".encode(), "sha256").hex()


def _identity(caller: Caller) -> dict[str, Any]:
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "callerId": caller.caller_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.caller_id,
    }
