"""The Connections page and its files, for everybody. It reads no row, opens no secret, and asks nobody."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from strongroom.aws.http import Response, serve
from strongroom.aws.web_page import Site, open_site, show_file, show_page

HERE = Path(__file__).resolve().parent
# The build puts a copy beside this file; in the source tree they are at the root.
FILES = HERE / "web" if (HERE / "web").is_dir() else HERE.parents[1] / "web"
SITE = open_site(FILES)


def lambda_handler(event: Any, context: Any, site: Site = SITE) -> Response:
    """Answer the API."""
    routes = {
        "GET /connections": partial(show_page, site),
        "GET /connections/{file}": partial(show_file, site),
    }
    return serve(event, context, site.journal, routes)
