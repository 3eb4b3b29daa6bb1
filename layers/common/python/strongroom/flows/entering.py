"""What an admin enters about an installation, at installing and at changing it: checked, and made into rows."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import urlencode

from strongroom.domain import identifiers, keys
from strongroom.domain.by_hand import ByHand, Entered
from strongroom.domain.by_hand_rules import accept, client_of
from strongroom.domain.errors import Conflict
from strongroom.domain.installation import Installation
from strongroom.domain.provider import drafted_key
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.table import Item, Key, Missing, Put
from strongroom.domain.team import Team
from strongroom.flows import clients
from strongroom.flows.known import known_providers
from strongroom.ports import Ports


def checked(ports: Ports, team: Team, entered: Entered | None, now: int) -> tuple[ByHand | None, tuple[Put, ...]]:
    """Check what was entered, and make the row of its client; the secret is sealed under the team's own key.

    The client belongs to one installation alone: the callback URL comes from the draft and this team, and a draft serves
    once.

    Raises:
        InvalidRequest, DiscoveryFailed: If what was entered may not be used; see `by_hand_rules.accept`.
        KeysUnavailable: If a client secret cannot be sealed just now.
    """
    if entered is None:
        return None, ()
    accepted, kept = _accepted(ports, team, entered)
    return accepted, (_row_of(ports, team, kept, now),)


def checked_again(
    ports: Ports, team: Team, entered: Entered | None, present: ByHand | None, now: int
) -> tuple[ByHand | None, tuple[Put, ...]]:
    """Check what was entered in the place of what is there; as `checked`, but for a draft that is the installation's own.

    Such a draft may come again, with the very client that was entered under it and to the very places: a request may be
    repeated so, or a parameter corrected. Anything else takes a client with a callback URL of its own: one admin must not
    come to a secret that another has entered by moving the endpoint that it is sent to.

    Raises:
        Conflict: `draft_used`, if it comes with another client, or leads elsewhere.
        InvalidRequest, DiscoveryFailed, KeysUnavailable: As `checked`.
    """
    if entered is None or present is None or present.provider_key != drafted_key(team.id, entered.draft):
        return checked(ports, team, entered, now)
    accepted, kept = _accepted(ports, team, entered)
    stored = clients.newest(ports, team.sealing_keys, accepted.provider_key)
    if stored is None:
        return accepted, (_row_of(ports, team, kept, now),)
    if not _is_same_client(stored, kept) or _places(accepted) != _places(present):
        raise Conflict("another client, or another place, was entered under this draft", code="draft_used")
    return accepted, ()


def _accepted(ports: Ports, team: Team, entered: Entered) -> tuple[ByHand, KeptClient]:
    key, known = drafted_key(team.id, entered.draft), known_providers(ports)
    accepted = accept(entered, key, known, ports.policy.destinations())
    return accepted, client_of(entered, accepted, known, ports.policy.redirect_uri(key))


def _row_of(ports: Ports, team: Team, kept: KeptClient, now: int) -> Put:
    secret = kept.client.client_secret
    ring = ports.vault.sealing_ring("installation", team.sealing_keys) if secret is not None else None
    return Put(clients.to_item(kept, team.id, ring, now), require=Missing())


def _is_same_client(stored: KeptClient, kept: KeptClient) -> bool:
    """The issuer counts: a secret that was entered for one provider is sent to no other."""
    same_place = (stored.issuer, stored.client.redirect_uri) == (kept.issuer, kept.client.redirect_uri)
    same_name = (stored.client.client_id, stored.client.auth_method) == (kept.client.client_id, kept.client.auth_method)
    return same_place and same_name and stored.client.client_secret == kept.client.client_secret


def _places(entered: ByHand) -> tuple[str | None, ...]:
    """Where codes, refresh tokens and the client's secret are sent; None: as the issuer's metadata says."""
    ends = entered.endpoints
    return (entered.issuer, *((ends.token, ends.revocation) if ends is not None else (None, None)))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Where tokens go by what was entered, as a record tells it; what was not entered is None."""

    issuer: str | None = None
    client_id: str | None = None
    authorization: str | None = None
    token: str | None = None
    revocation: str | None = None
    pkce_unlisted: bool | None = None
    parameters: str | None = None


def chosen(entered: ByHand | None) -> Chosen:
    """Say, for a record, where an admin lets tokens go."""
    if entered is None:
        return Chosen()
    ends = entered.endpoints
    return Chosen(
        issuer=entered.issuer,
        client_id=entered.client_id,
        authorization=ends.authorization if ends else None,
        token=ends.token if ends else None,
        revocation=ends.revocation if ends else None,
        pkce_unlisted=entered.pkce_unlisted or None,
        parameters=urlencode(entered.parameters) or None,
    )


def folded(name: str) -> str:
    """Give what tells two names apart: not case, not the width or composition of letters, not spaces, nothing invisible."""
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", name) if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", " ".join(seen.split()).casefold())


def name_key(team: str, name: str) -> Key:
    """Hold a name by its hash: folding case makes some letters three, and a sort key has at most 1,024 bytes."""
    return keys.installation_name(team, identifiers.hashed(folded(name)))


def name_row(installation: Installation) -> Item:
    """Make the row that keeps a name for one installation of the team."""
    key = name_key(installation.team, installation.name)
    return {"PK": key.pk, "SK": key.sk, "kind": "name", "installation": installation.id}
