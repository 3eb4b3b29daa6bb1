"""A client that signs its requests as any AWS client does, and speaks to this machine only."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.accounts import REGION, Caller
from local.errors import LocalError


def loopback(url: str) -> str:
    """Give the URL back if it is plain http on loopback.

    Raises:
        LocalError: If it leads anywhere else.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise LocalError(f"The local stack speaks to 127.0.0.1 only, not to {parts.scheme}://{parts.hostname}.")
    return url


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body)


def signed_headers(
    caller: Caller, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers of a request with its signature (version 4, `execute-api`) among them."""
    request = AWSRequest(method, url, headers=dict(headers or {}), data=body)
    SigV4Auth(Credentials(caller.access_key, caller.secret), "execute-api", REGION).add_auth(request)
    return {"Host": urlsplit(url).netloc, **dict(request.headers.items())}


def send(method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
    """Send one request to loopback, through no proxy.

    Raises:
        LocalError: If the URL leaves this machine.
        OSError, http.client.HTTPException: If nothing answers.
    """
    parts = urlsplit(loopback(url))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        target = parts.path or "/"
        connection.request(method, f"{target}?{parts.query}" if parts.query else target, body, dict(headers or {}))
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, answer.read())
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class SignedClient:
    """One fake caller and the origin of the API."""

    origin: str
    caller: Caller

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """Sign and send one request; `path` is encoded already and may carry a query."""
        content = b"" if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        url = f"{self.origin}{path}"
        return send(method, url, content, signed_headers(self.caller, method, url, content, kind))
