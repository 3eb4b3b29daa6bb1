"""A world whose every answer is held against the interface's document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.openapi import problems, resolved, response
from tests.world import Answered, World, routed


class Watched(World):
    """Remembers which route answered with which status and code."""

    def __init__(self, **policy: Any) -> None:
        self.seen: set[tuple[str, int, str | None]] = set()
        super().__init__(**policy)

    def call(
        self, method: str, path: str, body: Any = None, authorizer: Mapping[str, Any] | None = None, **more: Any
    ) -> Answered:
        route = str(routed(method, path)[1]["routeKey"])
        answered = super().call(method, path, body, authorizer, **more)
        self.seen.add((route, answered.status, judged(route, answered)))
        return answered

    @property
    def codes(self) -> set[str]:
        return {code for _, _, code in self.seen if code is not None}


def judged(route: str, answered: Answered) -> str | None:
    """Hold an answer against the document and give its code.

    Raises:
        AssertionError: If the document does not list the status, or the answer is not of the form that it names.
    """
    described = response(route, answered.status)
    headers = {name: resolved(one) for name, one in described.get("headers", {}).items()}
    cached = headers.get("cache-control", {"schema": {"const": "no-store"}})["schema"]["const"]
    assert answered.headers["cache-control"] == cached
    assert all(name in answered.headers for name, one in headers.items() if one["required"])
    if "content" not in described:
        assert answered.text == ""
        return None
    kind = answered.headers["content-type"].partition(";")[0]
    said = json.loads(answered.text) if kind == "application/json" else answered.text
    assert problems(described["content"][kind]["schema"], said) == [], (route, answered.status)
    return said.get("error") if isinstance(said, dict) else None
