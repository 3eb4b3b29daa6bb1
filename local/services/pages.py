"""HTML that cannot be escaped wrongly: every text is escaped unless it was built by `tag`."""

from __future__ import annotations

from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

# No form-action: Chromium applies it to the redirects that follow a form too, and where the client sends the browser
# after its own callback is not ours to know.
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
PRIVATE = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
STYLE = Path(__file__).with_name("style.css")
_VOID = frozenset({"input", "link", "meta"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """Build one element. In attribute names a final `_` is dropped, another stands for `-`."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    inside = "".join(child if isinstance(child, Html) else escape(child) for child in children)
    return Html(f"<{name}{written}>{inside}</{name}>")


def hidden(name: str, value: str) -> Html:
    return tag("input", type="hidden", name=name, value=value)


def field(label: str, name: str, kind: str = "text") -> Html:
    return tag("label", label, " ", tag("input", name=name, type=kind, autocomplete="off", required="required"))


def document(title: str, *parts: str) -> str:
    """Write a whole page."""
    top = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("link", rel="stylesheet", href="/style.css"),
    )
    return "<!doctype html>\n" + tag("html", top, tag("body", tag("main", tag("h1", title), *parts)), lang="en")


def page(title: str, *parts: str, status: int = 200) -> HTMLResponse:
    """Answer with a page that nobody may frame, cache, or learn of by a Referer header."""
    return HTMLResponse(document(title, *parts), status, headers={"Content-Security-Policy": POLICY, **PRIVATE})


def sign_in_page(where: str, request_id: str, note: str = "", status: int = 200) -> HTMLResponse:
    """Ask for account and password; `request_id` names what goes on after it."""
    form = tag(
        "form",
        hidden("request", request_id),
        field("Account", "username"),
        field("Password", "password", "password"),
        tag("button", "Sign in", type="submit"),
        method="post",
        action="/sign-in",
    )
    return page(
        f"{where}: sign in", tag("p", note or "Demo accounts: alice, bob, carol, mallory."), form, status=status
    )


def dead_end(sentence: str, status: int = 400) -> HTMLResponse:
    """Say why it does not go on. For everything that must not be redirected anywhere."""
    return page("This does not work", tag("p", sentence), status=status)


async def stylesheet(_request: Request) -> Response:
    return Response(STYLE.read_bytes(), media_type="text/css", headers=PRIVATE)
