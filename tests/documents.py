"""The documents as text, and the parts of them that a test can hold against the project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "layers" / "common" / "python" / "strongroom"
SATELLITE = ROOT / "satellite" / "src" / "strongroom_satellite"
MARKDOWN = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "satellite" / "README.md")
DOCUMENTS = (*MARKDOWN, ROOT / "docs" / "openapi.yaml")


class Block(NamedTuple):
    """One fenced block: its language, and what the comment right above it says, such as `run: hand`."""

    language: str
    mark: str
    text: str


def named(path: Path) -> str:
    """Give a document's name, for the ids of tests."""
    return str(path.relative_to(ROOT))


def text(path: Path) -> str:
    return path.read_text("utf-8")


def blocks(path: Path) -> list[Block]:
    found = re.finditer(r"(?:<!-- ([^>]*) -->\n)?```(\w*)\n(.*?)\n```", text(path), re.DOTALL)
    return [Block(one[2], one[1] or "", one[3]) for one in found]


def without_blocks(path: Path) -> str:
    return re.sub(r"```.*?```", "", text(path), flags=re.DOTALL)


def quoted(path: Path) -> Iterator[str]:
    """Give what stands in backticks outside of blocks."""
    yield from re.findall(r"`([^`\n]+)`", without_blocks(path))


def links(path: Path) -> Iterator[str]:
    yield from re.findall(r"\]\(([^)\s]+)\)", without_blocks(path))


def anchors(path: Path) -> set[str]:
    """Give the anchors of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def table(path: Path, first_column: str) -> list[list[str]]:
    """Give the rows of the table whose first column has this heading."""
    lines = text(path).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    rows: list[list[str]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows
