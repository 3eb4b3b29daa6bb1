"""The Connections page and the files that it is made of, with what a browser is told about them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from strongroom.adapters.machine import SystemClock
from strongroom.aws.http import Request, Response
from strongroom.aws.journal import Journal
from strongroom.aws.pages import STRICT_TRANSPORT
from strongroom.aws.settings import Settings
from strongroom.aws.web_files import File, binary_file, respond, text_file
from strongroom.aws.web_settings import PageSettings, page_settings
from strongroom.domain.errors import NotFound, SettingsError
from strongroom.ports import Journal as AnyJournal

PAGE = "index.html"
SETTINGS = "%SETTINGS%"
ADDRESS = "%ADDRESS%"
PATH = "/connections"
SIGNED_IN = "signed-in"
"""The redirect URI of the sign-in is `/connections/signed-in`: the page again, with a query that its script reads."""

_NAME = re.compile(r"[a-z0-9.-]+", re.ASCII)
_TEXTS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_IMAGES = {".png": "image/png"}
_FEATURES = (
    *("accelerometer", "autoplay", "camera", "clipboard-read", "display-capture", "encrypted-media", "fullscreen"),
    *("geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection", "local-fonts", "magnetometer"),
    *("microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-create"),
    *("publickey-credentials-get", "screen-wake-lock", "serial", "storage-access", "usb", "window-management"),
    "xr-spatial-tracking",
)

REVALIDATED = {
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Site:
    """All that this function can answer with. `page` is None where the page has no client at the sign-in service."""

    journal: AnyJournal
    page: File | None
    files: Mapping[str, File]


def open_site(folder: Path, environment: Mapping[str, str] = os.environ) -> Site:
    """Read settings and files once, while the function starts: no request ever makes a path.

    Raises:
        SettingsError: With what to set.
    """
    settings = Settings(environment)
    told = page_settings(settings)
    return Site(
        journal=Journal("web", settings.deployment, SystemClock()),
        page=page_file((folder / PAGE).read_text("utf-8"), told) if told.client_id else None,
        files={path.name: _file(path) for path in sorted(folder.iterdir()) if _is_public(path)},
    )


def show_page(site: Site, request: Request) -> Response:
    """`GET /connections`: the same for everybody. Its query and fragment are for its script alone.

    Raises:
        NotFound: If this deployment has no page.
    """
    if site.page is None:
        raise NotFound("the page has no client id at the sign-in service")
    return respond(request, site.page)


def show_file(site: Site, request: Request) -> Response:
    """`GET /connections/{file}`: one of the names that were there at start.

    Raises:
        NotFound: For every other one.
    """
    name = request.path.get("file", "")
    if name == SIGNED_IN:
        return show_page(site, request)
    file = site.files.get(name)
    if file is None:
        raise NotFound("no such file")
    return respond(request, file)


def page_file(template: str, told: PageSettings) -> File:
    """Put the settings into the page, and its own address for whoever opens it under another name of the same machine.

    Raises:
        SettingsError: If the page has no place for them, or two for the settings.
    """
    if template.count(SETTINGS) != 1 or ADDRESS not in template:
        raise SettingsError(
            f"{PAGE} does not hold {SETTINGS} once, and {ADDRESS}: build this function again from a whole source tree."
        )
    addressed = template.replace(ADDRESS, escape(told.origin + PATH, quote=True))
    return text_file(addressed.replace(SETTINGS, escape(told.document(), quote=True)), page_headers(told))


def page_headers(told: PageSettings) -> dict[str, str]:
    """Shut the page off: scripts and styles of its own folder, requests to the API and to the sign-in service, no more.

    - Script never becomes part of the page as text (trusted types), nor does a frame hold it (`frame-ancestors`).
    - `same-origin-allow-popups`: nothing that opens the page has a hand on it, and the page keeps one on its popup.
    """
    return {
        "content-type": "text/html; charset=utf-8",
        **REVALIDATED,
        "vary": "accept-encoding",
        "content-security-policy": _policy(told),
        "strict-transport-security": STRICT_TRANSPORT,
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin-allow-popups",
        "permissions-policy": ", ".join([*(f"{name}=()" for name in _FEATURES), "clipboard-write=(self)"]),
    }


def _policy(told: PageSettings) -> str:
    own = f"{told.origin}{PATH}/"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {own}",
            f"style-src {own}",
            "img-src data:",
            f"connect-src 'self' {' '.join(told.sign_in_origins)}",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _is_public(path: Path) -> bool:
    return path.is_file() and path.suffix in _TEXTS | _IMAGES and _NAME.fullmatch(path.name) is not None


def _file(path: Path) -> File:
    """Prepare a file that pages of other origins may use too: API Gateway says which ones.

    So the answer depends on who asks, and a cache must not hand that of one page to another.
    """
    headers = {**REVALIDATED, "vary": "accept-encoding, origin", "cross-origin-resource-policy": "cross-origin"}
    if path.suffix in _IMAGES:
        return binary_file(path.read_bytes(), {"content-type": _IMAGES[path.suffix], **headers})
    return text_file(path.read_text("utf-8"), {"content-type": f"{_TEXTS[path.suffix]}; charset=utf-8", **headers})
