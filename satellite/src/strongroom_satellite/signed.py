"""The IAM route: https requests that are signed with SigV4, by whoever the ordinary AWS credential chain says we are."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import httpx2

from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask
from strongroom_satellite.credentials import Signer
from strongroom_satellite.errors import Misconfigured, Unavailable, WrongAnswer
from strongroom_satellite.origin import is_loopback, origin_of
from strongroom_satellite.retry import Patience

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BODY = 1024 * 1024
AT_ONCE = 256
_OF_AN_API = re.compile(r"[a-z0-9]+\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


def region_in(host: str) -> str | None:
    """Read the region out of the host name that API Gateway gives an API; None for a domain of one's own."""
    found = _OF_AN_API.fullmatch(host.lower())
    return found[1] if found else None


class SignedHttp:
    """One deployment's API. Threads may share it."""

    def __init__(self, url: str, signer: Signer, patience: Patience, http: httpx2.Client | None = None) -> None:
        """Raises: Misconfigured: If the URL is not https (or http on this machine), or holds more than host and path."""
        self._base = checked_base(url)
        self._signer, self._patience = signer, patience
        # A proxy of the environment is used as AWS's own clients use it, but not to reach this machine.
        self._http = http or httpx2.Client(
            trust_env=not is_loopback(self._base.host),
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=20),
        )

    def send(self, ask: Ask, within: float) -> Reply:
        """Sign and send. Redirects are not followed: a signature is for one host."""
        content = b"" if ask.body is None else json.dumps(ask.body, separators=(",", ":")).encode()
        headers = {"accept-encoding": "identity", **({} if ask.body is None else {"content-type": "application/json"})}
        url = f"{str(self._base).rstrip('/')}{ask.path}"
        signed = self._signer.sign(ask.method, url, headers, content)
        try:
            return self._send(ask.method, url, signed, content, within)
        except httpx2.HTTPError as problem:
            raise Unavailable(f"Strongroom does not answer: {type(problem).__name__}") from None
        except RuntimeError:
            if not self._http.is_closed:
                raise
            raise Unavailable("this Strongroom was closed before there was an answer") from None

    def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes, within: float) -> Reply:
        until = time.monotonic() + within
        timeout = httpx2.Timeout(within, connect=min(self._patience.connect, within))
        with self._http.stream(method, url, headers=dict(headers), content=content, timeout=timeout) as answer:
            body = bytearray()
            for piece in answer.iter_raw():
                body += piece
                if len(body) > MOST_BODY:
                    raise WrongAnswer("an answer that is longer than any of Strongroom's")
                if time.monotonic() > until:
                    raise Unavailable("Strongroom's answer does not end")
            named = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status_code, named, bytes(body))

    def close(self) -> None:
        self._http.close()


def checked_base(url: str) -> httpx2.URL:
    """Check the address of a deployment.

    Raises:
        Misconfigured: If tokens would travel in the open, or if it is no plain address.
    """
    try:
        base = httpx2.URL(url)
        origin = origin_of(base.scheme, base.host, base.port)
    except (httpx2.InvalidURL, TypeError) as problem:
        raise Misconfigured("Strongroom's URL cannot be read") from problem
    if not base.host or not origin.is_safe:
        raise Misconfigured("Strongroom's URL begins with https:// (http:// on this machine alone)")
    if base.userinfo or base.query or base.fragment or url.endswith(("?", "#")):
        raise Misconfigured("Strongroom's URL has no user, query or fragment")
    return base
