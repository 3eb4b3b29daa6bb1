"""What satellites inject: sealing it when an admin changes it, opening it when a satellite asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.domain.injection import Entry, Given, Wanted, check, different, given, merged
from strongroom.domain.injection_row import Sealed, from_text, names_of, place, sealed_in, server_of, to_text
from strongroom.domain.installation import Installation
from strongroom.domain.secret import Secret
from strongroom.domain.table import Value
from strongroom.domain.team import Team
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Changed:
    """What becomes of the entries of an installation.

    `value`: what the row's attribute `injected` is to hold; None: nothing, the attribute goes. It is the very value that
    was there if nothing changes. `rebinds`: an entry is new, gone or another where a token is given out, so that the
    binding has to be renewed: what does not carry the token may still say where it goes. `names`: the entries that change,
    for a record ("header X-Api-Key").
    """

    value: Mapping[str, Value] | None
    rebinds: bool
    names: tuple[str, ...] = ()


def changed(ports: Ports, team: Team, installation: Installation, wanted: Wanted | None) -> Changed:
    """Apply an admin's change to what the installation injects, check all of it, and seal it.

    `installation` is as it will be, above all `url` and `requires_oauth`, with `injected` as it lies in the row now. So
    call it for every install and change that names `inject` or `requires_oauth`; `wanted` None only checks. A new
    installation has nothing yet, and neither has one whose URL is another now. Nothing is written here, save the team's
    first key.

    Raises:
        InvalidRequest: `header_refused`, `environment_refused`, `template_refused` or `invalid_request`.
        KeysUnavailable: If the values cannot be opened or sealed just now.
        IntegrityError: If the values that are there do not belong to their names.
    """
    if installation.injected is None and not wanted:
        return Changed(None, rebinds=False)
    before = opened(ports, team, installation)
    after = merged(before, wanted) if wanted else before
    check(after, gives_token=installation.requires_oauth is not False)
    news = different(before, after)
    if not news:
        return Changed(installation.injected, rebinds=False)
    return Changed(
        value=_sealed(ports, team, installation, after),
        rebinds=installation.requires_oauth is not False,
        names=tuple(sorted({f"{entry.kind} {entry.name}" for entry in news})),
    )


def given_out(ports: Ports, team: Team, installation: Installation, access_token: Secret | None) -> Given:
    """Open what the installation injects and make it ready for a satellite.

    Raises:
        Conflict: `header_refused`, `environment_refused` or `template_refused`: see `injection.given`.
        KeysUnavailable: If the values cannot be opened just now.
        IntegrityError: If they do not belong to their names.
    """
    return given(opened(ports, team, installation), access_token)


def opened(ports: Ports, team: Team, installation: Installation) -> tuple[Entry, ...]:
    """Open the entries that were entered for this very server."""
    sealed = sealed_in(installation)
    if sealed is None:
        return ()
    ring = ports.vault.ring("installation", team.sealing_keys)
    return from_text(sealed.names, ring.open(sealed.values, place(installation, sealed.names)))


def _sealed(
    ports: Ports, team: Team, installation: Installation, entries: tuple[Entry, ...]
) -> Mapping[str, Value] | None:
    if not entries:
        return None
    names = names_of(entries)
    ring = ports.vault.sealing_ring("installation", team.sealing_keys)
    values = ring.seal(to_text(entries), place(installation, names))
    return Sealed(server_of(installation), names, values).to_value()
