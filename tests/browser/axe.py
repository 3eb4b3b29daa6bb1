"""axe-core, run inside a page: what WCAG 2.2 A and AA and its best practices find fault with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@cache
def axe_core() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def violations(page: Page, *without: str) -> list[str]:
    """Give one sentence for each fault in the page as it stands, shadow trees included; `without` names rules to leave out.

    By `evaluate`, which the page's policy does not reach: an injected script would be refused by it.
    """
    page.evaluate(f"() => {{ if (!window.axe) {{ {axe_core()} }} }}")
    rules = {name: {"enabled": False} for name in without}
    options = json.dumps({"runOnly": {"type": "tag", "values": TAGS}, "rules": rules, "resultTypes": ["violations"]})
    found = page.evaluate(f"async () => (await window.axe.run(document, {options})).violations")
    return [sentence for violation in found for sentence in _told(violation)]


def _told(violation: Mapping[str, Any]) -> list[str]:
    rule = f"{violation['id']} ({violation['impact']}): {violation['help']}"
    return [f"{rule}; at {_place(node)}: {node['failureSummary']}" for node in violation["nodes"]]


def _place(node: Mapping[str, Any]) -> str:
    return " > ".join(" >> ".join(part) if isinstance(part, list) else str(part) for part in node["target"])
