"""A product of its own, with a sign-in of its own, that shows Strongroom's list as one part of its page.

    python3 -m examples.host_page --port 8405 --api http://127.0.0.1:8400 --issuer http://127.0.0.1:8402

Its origin stands in `WebOrigins`, or browsers would let it neither load the element nor call the API. `/connected` is for a
deployment whose `WebClientUrl` it is; without that the provider's answer arrives at Strongroom's own page. The files are in
`examples/host/`, and docs/hosts.md explains them.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.services.serving import LOOPBACK, serve

NAME = "The example host's page"
FILES = Path(__file__).parent / "host"
PAGES = {"/": "index.html", "/connected": "connected.html", "/button": "button.html"}
OWN = {f"/{name}": name for name in ("host.css", "host.js", "connected.js", "button.js", "sign-in.js")}
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
STRONGROOM, SIGN_IN = "https://strongroom.example.com", "https://login.example.com"  # as the files have them
_ADDRESS = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*", re.ASCII)

KEPT_TO_ITSELF = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
# Whoever opens one of the pages has no hand on it, and it keeps one on the popup that it opens itself.
ALONE = {"Cross-Origin-Opener-Policy": "same-origin-allow-popups"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The origin of Strongroom's API and the issuer of the sign-in service, without a slash at the end."""

    api: str
    issuer: str

    def __post_init__(self) -> None:
        # They are written into scripts and into a policy as they are.
        for address in (self.api, self.issuer):
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is no address such as https://login.example.com")

    @property
    def policy(self) -> str:
        """Our own files and Strongroom's, calls to the API and to the sign-in service, and nothing else."""
        ours_and_strongrooms = f"'self' {self.api}/connections/"
        return (
            f"default-src 'none'; script-src {ours_and_strongrooms}; style-src 'self'; img-src data:; "
            f"connect-src {self.api} {self.issuer}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )


def page_headers(settings: Settings) -> dict[str, str]:
    return {"Content-Security-Policy": settings.policy, **ALONE, **KEPT_TO_ITSELF}


def text_of(name: str, settings: Settings) -> str:
    """Give one of the files, with the two addresses of this deployment in place of those that it was written with."""
    text = (FILES / name).read_text("utf-8")
    return text.replace(STRONGROOM, settings.api).replace(SIGN_IN, settings.issuer)


def app_of(settings: Settings) -> Starlette:
    def answers(path: str, name: str, headers: dict[str, str]) -> Route:
        async def show(_request: Request) -> Response:
            return Response(text_of(name, settings), media_type=TYPES[Path(name).suffix], headers=headers)

        return Route(path, show)

    pages = [answers(path, name, page_headers(settings)) for path, name in PAGES.items()]
    return Starlette(routes=[*pages, *(answers(path, name, KEPT_TO_ITSELF) for path, name in OWN.items())])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="host_page", description=NAME)
    parser.add_argument("--port", type=int, default=8405)
    parser.add_argument("--api", default=f"http://{LOOPBACK}:8400", help="the origin of Strongroom's API")
    parser.add_argument("--issuer", default=f"http://{LOOPBACK}:8402", help="the sign-in service")
    chosen = parser.parse_args(arguments)
    return serve(app_of(Settings(chosen.api, chosen.issuer)), chosen.port, NAME)


if __name__ == "__main__":
    raise SystemExit(main())
