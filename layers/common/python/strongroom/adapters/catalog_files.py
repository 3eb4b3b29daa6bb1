"""The provider catalog's files, read when a provider is first asked about: a look-up never is."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a cold look-up waits for every import
    from strongroom.domain.catalog import Catalog, CatalogEntry

FOLDER = Path(__file__).resolve().parent.parent / "providers"


class CatalogFiles:
    """One TOML file per provider."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    @cached_property
    def all(self) -> Catalog:
        """Raises: ValueError: with the file that is not of its form."""
        from strongroom.domain.catalog import Catalog

        return Catalog(tuple(_read(path) for path in sorted(self._folder.glob("*.toml"))))

    def entry(self, issuer: str, token_endpoint: str) -> CatalogEntry:
        return self.all.entry(issuer, token_endpoint)

    def of_issuer(self, issuer: str) -> CatalogEntry:
        return self.all.of_issuer(issuer)

    def knows_pair(self, issuer: str, *endpoints: str) -> bool:
        return self.all.knows_pair(issuer, *endpoints)


def _read(path: Path) -> CatalogEntry:
    import tomllib

    from strongroom.domain.catalog_schema import read_entry

    try:
        return read_entry(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:  # tomllib's own error is one
        raise ValueError(f"{path.name}: {error}") from error
