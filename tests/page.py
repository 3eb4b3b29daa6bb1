"""The function that serves the page, as a world calls it: with the tests' settings and files, and the world's journal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from functions.web import app
from strongroom.aws.http import Response
from strongroom.aws.wiring import Wired


def lambda_handler(event: Any, context: Any, wired: Wired) -> Response:
    return app.lambda_handler(event, context, replace(app.SITE, journal=wired.ports.journal))
