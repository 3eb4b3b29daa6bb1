"""How what a satellite injects lies in an installation's row: names in clear, values in one sealed blob."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from strongroom.domain import keys
from strongroom.domain.errors import IntegrityError
from strongroom.domain.injection import Entry, Kind
from strongroom.domain.installation import Installation
from strongroom.domain.sealing import Place
from strongroom.domain.secret import Secret
from strongroom.domain.table import Value


@dataclass(frozen=True, slots=True)
class Named:
    """What everybody may know of an entry."""

    kind: Kind
    name: str
    carries_token: bool

    def to_value(self) -> dict[str, str | bool]:
        return {"kind": self.kind, "name": self.name, "carries_token": self.carries_token}

    @classmethod
    def from_value(cls, value: Value) -> Named:
        match value:
            case {"kind": "header" | "env" as kind, "name": str(name), "carries_token": bool(carries)}:
                return cls(kind, name, carries)
        raise IntegrityError("an entry's name is not of the documented form")


@dataclass(frozen=True, slots=True)
class Sealed:
    """The entries of an installation as they lie in its row: their names, and their values in one blob. `server`: the URL
    that they were entered for; "" for a server that satellites start themselves."""

    server: str
    names: tuple[Named, ...]
    values: bytes = field(repr=False)

    def to_value(self) -> dict[str, Value]:
        return {"server": self.server, "names": [name.to_value() for name in self.names], "values": self.values}

    @classmethod
    def from_value(cls, value: Mapping[str, Value]) -> Sealed:
        """Raises: IntegrityError: If it is not of the documented form."""
        match value:
            case {"server": str(server), "names": list() | tuple() as names, "values": bytes(values)}:
                return cls(server, tuple(map(Named.from_value, names)), values)
        raise IntegrityError("an installation's entries are not of the documented form")


def server_of(installation: Installation) -> str:
    """The URL of the server, all of it: one origin may serve many people's; "" if satellites start it themselves."""
    return installation.url or ""


def sealed_in(installation: Installation) -> Sealed | None:
    """Give what was entered for this very server, if anything was.

    Raises:
        IntegrityError: If it is not of the documented form.
    """
    sealed = Sealed.from_value(installation.injected) if installation.injected is not None else None
    return sealed if sealed is not None and sealed.server == server_of(installation) else None


def place(installation: Installation, names: Iterable[Named]) -> Place:
    """Where the values belong: this installation and URL, and exactly these names in this order, each with whether its
    value carries the token."""
    described = (part for one in names for part in (one.kind, one.name, "token" if one.carries_token else ""))
    key = keys.installation(installation.team, installation.id)
    return Place("installation", "installation", key, "injected", (server_of(installation), *described))


def names_of(entries: Iterable[Entry]) -> tuple[Named, ...]:
    return tuple(Named(entry.kind, entry.name, entry.carries_token) for entry in entries)


def to_text(entries: Iterable[Entry]) -> Secret:
    """Write down the values, in the order of the names."""
    return Secret(json.dumps([entry.value.reveal() for entry in entries]))


def from_text(names: tuple[Named, ...], text: Secret) -> tuple[Entry, ...]:
    """Read the values back to their names.

    Raises:
        IntegrityError: If they are not values of these names.
    """
    try:
        values = json.loads(text.reveal())
    except ValueError:
        values = None  # not chained: the parser's own error holds the whole text
    if not isinstance(values, list) or len(values) != len(names) or not all(isinstance(one, str) for one in values):
        raise IntegrityError("the values do not belong to these names")
    entries = tuple(Entry(name.kind, name.name, Secret(value)) for name, value in zip(names, values, strict=True))
    if names_of(entries) != names:
        raise IntegrityError("a value carries the token, and its name does not say so, or the other way round")
    return entries
