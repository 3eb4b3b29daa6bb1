"""The provider's consent page."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from local.services.pages import hidden, page, tag
from local.services.provider_ledger import Request

MEANINGS = {
    "files:read": "See your files",
    "files:write": "Change your files",
    "openid": "See who you are",
    "offline_access": "Do so while you are away",
}


def consent_page(request: Request, account: str, request_id: str) -> HTMLResponse:
    """Ask the account's owner. The host that the answer goes to is shown, for a name is only what the client says."""
    facts = tag(
        "dl",
        tag("dt", "Who asks"),
        tag("dd", request.client.name),
        tag("dt", "Your answer goes to"),
        tag("dd", urlsplit(request.redirect_uri).netloc),
        tag("dt", "For use at"),
        tag("dd", request.resource),
        tag("dt", "What it may do"),
        tag("dd", tag("ul", *(tag("li", f"{MEANINGS.get(scope, scope)} ({scope})") for scope in request.scopes))),
    )
    form = tag(
        "form",
        hidden("request", request_id),
        tag("button", "Allow", type="submit", name="decision", value="allow"),
        tag("button", "Deny", type="submit", name="decision", value="deny"),
        tag("button", "Use another account", type="submit", name="decision", value="other"),
        method="post",
        action="/consent",
    )
    return page("Files Provider: allow access?", tag("p", f"You are signed in as {account}."), facts, form)
