"""A small site for tests of the page: a folder of our own making, settings, and requests as API Gateway hands them over."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from functions.web import app
from strongroom.aws.http import Response
from strongroom.aws.web_page import Site, open_site
from tests.fakes.clock import FakeJournal
from tests.settings import SETTINGS
from tests.world import Context, routed

PAGE = '<!doctype html><meta name="strongroom" content="%SETTINGS%"><title>Connections</title><a href="%ADDRESS%">'
FILES = {"index.html": PAGE, "page.js": "export const here = true;\n", "connections.css": "main { color: #123; }\n"}
PNG = b"\x89PNG\r\n\x1a\n\x00\xff"


def a_folder(where: Path, **more: str) -> Path:
    """Lay out a small page. Beside it lies a file that nobody may get."""
    folder = where / "web"
    folder.mkdir()
    for name, text in {**FILES, **more}.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "mark.png").write_bytes(PNG)
    (where / "secret.js").write_text("a secret", "utf-8")
    return folder


def a_site(folder: Path, **changed: str) -> Site:
    """Open a site with settings changed; its journal is one that a test can read."""
    settings = SETTINGS | {f"STRONGROOM_{name}": value for name, value in changed.items()}
    return replace(open_site(folder, settings), journal=FakeJournal())


def get(site: Site, path: str, *, query: str = "", **headers: str) -> Response:
    """Send a GET. Header names are given with underscores."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    _, event = routed("GET", path, query=query, headers=given)
    return app.lambda_handler(event, Context(), site)


def content(response: Mapping[str, Any]) -> bytes:
    """Read a body as a browser does, after API Gateway has turned base64 into bytes."""
    body = str(response["body"])
    data = base64.b64decode(body) if response.get("isBase64Encoded") else body.encode()
    return gzip.decompress(data) if response["headers"].get("content-encoding") == "gzip" else data
