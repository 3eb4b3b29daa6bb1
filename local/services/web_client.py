"""The web client's minimal page, until the Connections page exists.

Run it with `python -m local.services.web_client --port 8405 --api http://127.0.0.1:8400 --issuer
http://127.0.0.1:8402`. The configured URL of the web client is its root; the sign-in service sends the browser back
to `/signed-in`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from local.services.pages import PRIVATE, Html, document, field, static, stylesheet, tag
from local.services.serving import LOOPBACK, serve
from local.services.signin_tokens import WEB_CLIENT

NAME = "The web client"
ALONE = {"Cross-Origin-Opener-Policy": "same-origin"}  # whoever opened this page has no hold on it, nor it on them
SCRIPTS = ("app.js", "api.js", "arrival.js", "config.js", "page.js", "signin.js")


@dataclass(frozen=True, slots=True)
class Settings:
    """Origins without a slash at the end: our own, Strongroom's API, the sign-in service."""

    origin: str
    api: str
    issuer: str
    team: str = "acme"

    @property
    def policy(self) -> str:
        """The page may load our own scripts and styles, and talk to the two services: nothing else."""
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"connect-src {self.api} {self.issuer}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        )


def page_of(settings: Settings) -> str:
    """Write the page. It holds no user's data: that comes by the API, into text nodes."""
    told = {
        "api": settings.api,
        "issuer": settings.issuer,
        "client-id": WEB_CLIENT,
        "redirect-uri": f"{settings.origin}/signed-in",
        "team": settings.team,
    }
    head = [tag("meta", name=f"strongroom-{name}", content=value) for name, value in told.items()]
    head.append(tag("script", type="module", src="/app.js"))
    return document(
        "Strongroom: connections",
        tag("section", id="who"),
        tag("p", id="note", class_="note", role="status", hidden="hidden"),
        tag("section", id="ask", class_="note", hidden="hidden"),
        tag("form", field("Team", "team"), tag("button", "Show", type="submit"), id="team", hidden="hidden"),
        tag("ul", id="installations"),
        _install_form(),
        tag("noscript", "This page needs JavaScript."),
        head=Html("".join(head)),
    )


def _install_form() -> Html:
    sharing = tag("select", *(tag("option", kind, value=kind) for kind in ("per_user", "shared")), name="sharing")
    return tag(
        "form",
        tag("h2", "Install an MCP server (team admins)"),
        field("Name", "name"),
        field("URL", "url", "url"),
        tag("label", "Sharing ", sharing),
        tag("button", "Install", type="submit"),
        id="install",
        hidden="hidden",
    )


def app_of(settings: Settings) -> Starlette:
    page = page_of(settings)

    async def show(_request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": settings.policy, **ALONE, **PRIVATE})

    async def script(request: Request) -> Response:
        return static(request.url.path.removeprefix("/"), "text/javascript")

    scripts = [Route(f"/{name}", script) for name in SCRIPTS]
    return Starlette(routes=[Route("/", show), Route("/signed-in", show), Route("/style.css", stylesheet), *scripts])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.services.web_client", description=NAME)
    parser.add_argument("--port", type=int, default=8405)
    parser.add_argument("--origin", help="our own origin; default: http://127.0.0.1:PORT")
    parser.add_argument("--api", default=f"http://{LOOPBACK}:8400", help="the origin of Strongroom's API")
    parser.add_argument("--issuer", default=f"http://{LOOPBACK}:8402", help="the sign-in service")
    parser.add_argument("--team", default="acme", help="the team to show first")
    chosen = parser.parse_args(arguments)
    origin = chosen.origin or f"http://{LOOPBACK}:{chosen.port}"
    return serve(app_of(Settings(origin, chosen.api, chosen.issuer, chosen.team)), chosen.port, NAME)


if __name__ == "__main__":
    raise SystemExit(main())
