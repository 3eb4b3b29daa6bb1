"""The provider catalog as tests see it, and the page that shows it: docs/providers.md."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from strongroom.adapters.catalog_files import FOLDER
from strongroom.domain.catalog import Asking, CatalogEntry, Reading, Refreshing
from strongroom.domain.catalog_schema import claims, read_entry
from tests.documents import ROOT

PAGE = ROOT / "docs" / "providers.md"
COLUMNS = (
    "provider",
    "registration",
    "client authentication",
    "what deviates",
    "refresh tokens",
    "revocation",
    "documentation",
    "verified",
)


def slug(name: str) -> str:
    """The name of a provider's file."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


@cache
def entries() -> dict[str, CatalogEntry]:
    """Every entry by the name of its file."""
    return {path.stem: read_entry(document(path)) for path in sorted(FOLDER.glob("*.toml"))}


def document(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def rendered() -> str:
    """The table of the page."""
    rows = sorted((row(stem, entry) for stem, entry in entries().items()), key=lambda cells: cells[0].lower())
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (COLUMNS, ["---"] * len(COLUMNS), *rows))


def row(stem: str, entry: CatalogEntry) -> tuple[str, ...]:
    shown = document(FOLDER / f"{stem}.toml")
    return (
        entry.name,
        {"by_hand": "by hand", "discovered": "as its metadata says"}[entry.authenticating.registration],
        _listed(f"`{method}`" for method in entry.authenticating.methods) or "as its metadata says, by hand Basic",
        _listed((*_naming(entry), *_asking(entry.asking), *_bodies(entry), *_reading(entry.reading))) or "–",
        _listed(_refreshing(entry.refreshing)) or "not documented",
        _revocation(entry),
        _listed((f"[page]({entry.documentation})", *_doubts(entry, claims(shown)))),
        str(entry.verified),
    )


def _naming(entry: CatalogEntry) -> list[str]:
    return ["its MCP servers write its issuer in another way"] if entry.issuer_aliases else []


def _asking(asking: Asking) -> list[str]:
    found = [f"`{name}={value}`" for name, value in asking.parameters.items()]
    found += [f"scopes in `{asking.scope_parameter}`"] if asking.scope_parameter != "scope" else []
    found += ["commas between scopes"] if asking.scope_separator == "," else []
    found += ["no `resource`"] if not asking.resource else []
    return found + (["S256 unlisted"] if asking.pkce_unlisted else [])


def _bodies(entry: CatalogEntry) -> list[str]:
    found = ["JSON bodies"] if entry.authenticating.body == "json" else []
    found += ["JSON at revocation"] if entry.revoking.body == "json" else []
    found += [f"`{name}: {value}`" for name, value in entry.authenticating.headers.items()]
    return found + (["refreshes at an endpoint of its own"] if entry.refreshing.endpoint else [])


def _reading(reading: Reading) -> list[str]:
    found = [f"tokens within `{'.'.join(reading.exchange)}` at exchange"] if reading.exchange else []
    found += [f"errors as 200 without `{reading.success_flag}`"] if reading.success_flag else []
    found += ["errors by other names or status"] if reading.refused or reading.client_rejected else []
    found += ["commas between granted scopes"] if reading.scope_separator == "," else []
    found += ["no end where none is named"] if reading.never_expires else []
    return found + ([f"names the account in `{'.'.join(reading.account)}`"] if reading.account else [])


def _refreshing(refreshing: Refreshing) -> list[str]:
    if not refreshing.offered:
        return ["none"]
    found = {True: ["rotate"], False: ["stay the same"], None: []}[refreshing.rotates]
    found += ["a second use ends the grant"] if refreshing.reuse_detected else []
    found += [f"a spent one works for {_span(refreshing.grace)}"] if refreshing.grace else []
    counted = " from the consent" if refreshing.from_consent else ""
    found += [f"at most {_span(refreshing.lifetime)}{counted}"] if refreshing.lifetime else []
    return found + ([f"{_span(refreshing.idle)} unused"] if refreshing.idle else [])


def _revocation(entry: CatalogEntry) -> str:
    by_hand = f", [by hand]({entry.revoking.page})" if entry.revoking.page else ""
    if entry.endpoints is not None and entry.endpoints.revocation is None:
        return f"none{by_hand}"
    known = {"token": "ends the sign-in", "grant": "ends the grant", None: "ends the grant (assumed)"}
    return known[entry.revoking.ends] + by_hand


def _doubts(entry: CatalogEntry, said: set[str]) -> list[str]:
    if {*entry.second_hand} == said:
        return ["all at second hand"]
    return [f"at second hand: {_listed(f'`{name}`' for name in entry.second_hand)}"] if entry.second_hand else []


def _span(seconds: int) -> str:
    units = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))
    size, unit = next((size, unit) for size, unit in units if seconds > size and seconds % size == 0)
    return f"{seconds // size} {unit}"


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def write() -> None:
    """Replace the table on the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(f"| {COLUMNS[0]} |")
    after = rest[rest.rindex("|\n") + 2 :] if rest else ""
    PAGE.write_text(before + rendered() + after, "utf-8")


if __name__ == "__main__":
    write()
