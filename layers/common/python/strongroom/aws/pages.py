"""The few pages that a browser sees on our own origin: no script, no style from elsewhere, no text of a provider."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from strongroom.aws.http import NO_STORE, Event, Response
from strongroom.domain.errors import StrongroomError

STRICT_TRANSPORT = "max-age=31536000"
"""For a year browsers come by https alone: a plain first request can be answered by anybody on the way."""
SECURITY = {
    "strict-transport-security": STRICT_TRANSPORT,
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    **NO_STORE,
}


def go(location: str) -> Response:
    """Send the browser on with a clean GET (303), so that code and state stay in no address bar."""
    return {"statusCode": 303, "headers": {"location": location, **SECURITY}, "body": ""}


def already_finished() -> Response:
    return _page(200, "Already answered", "This step is over, whether it worked or not. You can close this page.")


def not_now() -> Response:
    """Refuse a prefetch: nothing is used up by a browser that only guesses."""
    return _page(503, "Not now", "Open this page yourself.")


def refused(error: StrongroomError, request_id: str) -> Response:
    """Tell that it did not work, in the same words whatever the reason was."""
    if error.status == 503:
        return _page(503, "One moment", "Strongroom does not answer just now. Reload this page.")
    text = f"This answer cannot be used. Go back to where you started and connect again. ({request_id})"
    return _page(400, "That did not work", text)


def is_prefetch(event: Event) -> bool:
    """Whether the browser only guesses what may be opened next (`Sec-Purpose`, and older names and words)."""
    headers = event.get("headers")
    told = headers if isinstance(headers, Mapping) else {}
    names = ("sec-purpose", "purpose", "x-purpose", "x-moz")
    return any(word in str(_get(told, name)).lower() for name in names for word in ("prefetch", "prerender", "preview"))


def _get(headers: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in headers.items() if str(key).lower() == name), "")


def _page(status: int, title: str, text: str) -> Response:
    document = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(text)}</p></html>"
    )
    return {"statusCode": status, "headers": {"content-type": "text/html; charset=utf-8", **SECURITY}, "body": document}
