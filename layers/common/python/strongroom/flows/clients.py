"""Our clients at providers, as they are kept: one per team and provider, in generations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from strongroom.domain import keys
from strongroom.domain.breaker import Breaker
from strongroom.domain.client_authentication import PublicKey, assertion_to_sign, key_id, signed
from strongroom.domain.client_document import Published, client_document
from strongroom.domain.connection import Connection
from strongroom.domain.errors import NotFound
from strongroom.domain.exchange import ClientRejected
from strongroom.domain.json_document import JsonObject
from strongroom.domain.provider import AUTH_METHODS, AuthMethod, ProviderClient
from strongroom.domain.provider_client import SOURCES, KeptClient
from strongroom.domain.renewal import ONE_WRITE
from strongroom.domain.rows import number, optional_number, texts
from strongroom.domain.sealed_tokens import Destination
from strongroom.domain.sealing import TeamKeys
from strongroom.domain.secret import Secret
from strongroom.domain.secret_rotation import SecretState
from strongroom.domain.table import Change, Item, Key, Put, Query, Value
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.sealed_secrets import opened, rotation_in, secret_place
from strongroom.ports import Ports, Ring

MOST_READ = 100
MOST_GENERATIONS = 20
ENTERED = 1
"""The generation of a client that an admin has entered: it gives way to no other."""


def known(ports: Ports, team_keys: TeamKeys, destination: Destination) -> KeptClient:
    """Read the provider client that tokens were given to, and open its secret, if it has one.

    Raises:
        NotFound: If the row is gone.
        KeysUnavailable: If a secret cannot be opened just now.
    """
    key = keys.provider_client(destination.provider_key, destination.client_generation)
    return _found(ports, team_keys, ports.table.read((key,)).get(key))


def known_to_renew(ports: Ports, team_keys: TeamKeys, destination: Destination) -> tuple[KeptClient, Breaker]:
    """As `known`, and in the same read what speaks against asking its provider just now.

    Raises:
        NotFound, KeysUnavailable: As `known`.
    """
    key = keys.provider_client(destination.provider_key, destination.client_generation)
    beside = keys.breaker(destination.provider_key)
    rows = ports.table.read((key, beside))
    client = _found(ports, team_keys, rows.get(key))
    return client, Breaker.from_item(destination.provider_key, rows.get(beside))


def _found(ports: Ports, team_keys: TeamKeys, row: Item | None) -> KeptClient:
    if row is None:
        raise NotFound("the provider client is gone")
    return from_item(ports, team_keys, row)


def newest(ports: Ports, team_keys: TeamKeys, provider_key: str) -> KeptClient | None:
    """Read the latest generation, live or not."""
    row = next(iter(generations(ports, provider_key)), None)
    return from_item(ports, team_keys, row) if row is not None else None


def generations(ports: Ports, provider_key: str) -> Sequence[Item]:
    """Read the rows of the latest generations, newest first, live or not. Nothing is opened.

    A bounded number: a provider decides how often we have to register, and anybody may ask for a document.
    """
    query = Query(
        "table", keys.provider_client(provider_key, 0).pk, prefix="K#", descending=True, limit=MOST_GENERATIONS
    )
    return ports.table.query(query).items


def published(ports: Ports, provider_key: str) -> JsonObject:
    """Give the client ID metadata document of one provider, from what lies in clear.

    Raises:
        NotFound: If we are no client by document there, or not under this URL.
    """
    client_id = ports.policy.client_metadata_url(provider_key)
    rows = [row for row in generations(ports, provider_key) if _is_published(row, client_id)]
    if not rows:
        raise NotFound("no client by metadata document")
    return client_document([_public_half(row) for row in rows], ports.policy.public_url)


def _is_published(row: Item, client_id: str) -> bool:
    return row.get("source") == "metadata_document" and row["state"] == "live" and row["client_id"] == client_id


def _public_half(row: Item) -> Published:
    return Published(str(row["client_id"]), _auth_method(row), str(row["redirect_uri"]), _public_key(row))


def _auth_method(row: Item) -> AuthMethod:
    return next(method for method in AUTH_METHODS if method == row["auth_method"])


def _public_key(row: Item) -> PublicKey | None:
    key = row.get("public_key")
    return {name: str(value) for name, value in key.items()} if isinstance(key, Mapping) else None


def from_item(ports: Ports, team_keys: TeamKeys, row: Item) -> KeptClient:
    key = Key(str(row["PK"]), str(row["SK"]))
    ring = ports.vault.ring("installation", team_keys) if isinstance(row.get("client_secret"), bytes) else None
    client = ProviderClient(
        provider_key=str(row["provider_key"]),
        generation=number(row, "generation"),
        client_id=str(row["client_id"]),
        client_secret=opened(ring, row, key) if ring is not None else None,
        auth_method=_auth_method(row),
        redirect_uri=str(row["redirect_uri"]),
        secret_expires_at=optional_number(row, "secret_expires_at"),
        public_key=_public_key(row),
    )
    return KeptClient(
        client=client,
        source=next((source for source in SOURCES if source == row.get("source")), "registered"),
        issuer=str(row["issuer"]),
        is_live=row["state"] == "live",
        scopes=texts(row, "scopes"),
        unnamed=row.get("scopes_unnamed") is True,
        registered_at=optional_number(row, "registered_at") or 0,
        rejected_at=optional_number(row, "rejected_at"),
        rotation=rotation_in(ring, row, key, ports.clock.now()) if ring is not None else None,
    )


def to_item(kept: KeptClient, team: str, ring: Ring | None, now: int) -> Item:
    """Make the row; `ring` seals the secret, if there is one."""
    client, place = kept.client, kept.key
    row: dict[str, Value] = {
        "PK": place.pk,
        "SK": place.sk,
        "kind": "provider_client",
        "state": "live",
        "source": kept.source,
        "team": team,
        "issuer": kept.issuer,
        "provider_key": client.provider_key,
        "generation": client.generation,
        "client_id": client.client_id,
        "auth_method": client.auth_method,
        "redirect_uri": client.redirect_uri,
        "scopes": list(kept.scopes),
        "scopes_unnamed": kept.unnamed or None,
        "registered_at": now,
        "secret_expires_at": client.secret_expires_at,
        "public_key": dict(client.public_key) if client.public_key else None,
        "g1pk": f"{keys.team(team).pk}#P",
        "g1sk": f"{client.provider_key}#{client.generation:08d}",
    }
    if client.client_secret is not None and ring is not None:
        row["client_secret"] = ring.seal(client.client_secret, secret_place(place))
    return {name: value for name, value in row.items() if value is not None}


def assertion_for(ports: Ports, client: ProviderClient, issuer: str) -> Secret | None:
    """Sign what proves that we are this client (RFC 7523 §3), good for one request to this issuer.

    None if it does not sign.
    """
    if client.client_secret is None or client.public_key is None:
        return None
    now = int(ports.clock.now())
    text = assertion_to_sign(client.client_id, issuer, key_id(client.public_key), fresh_id(ports), now)
    return signed(text, ports.signer.sign(client.client_secret, text))


def note_rejection(ports: Ports, kept: KeptClient, rejected: ClientRejected, team: str, until: float) -> None:
    """The provider does not take us for its client: perhaps the end of this generation.

    An alarm if nothing but a person can help: a registered client gives way to the next by itself, and any team's provider
    could ring at will.

    It comes last, and only if `until` (epoch seconds) leaves time for it: the next rejection says the same again.
    """
    heals = kept.source == "registered" and rejected.error == "invalid_client"
    tell = ports.journal.note if heals else ports.journal.alarm
    tell("client_rejected", provider_key=kept.client.provider_key, team=team, source=kept.source)
    change = kept.after_rejection(int(ports.clock.now())) if rejected.error == "invalid_client" else None
    if change is None or _is_late(ports, until):
        return
    if "state" not in change.put:
        _write(ports, change)
        return
    told = noted(ports, team, "client_retired", "strongroom", issuer=kept.issuer, generation=kept.client.generation)
    _write(ports, change, told)


def note_success(ports: Ports, kept: KeptClient, until: float) -> None:
    """The provider knows us: an earlier rejection was a passing fault. As late, and as little a matter, as a rejection."""
    change = kept.after_success(ports.clock.now())
    if change is not None and not _is_late(ports, until):
        _write(ports, change)


def _is_late(ports: Ports, until: float) -> bool:
    return ports.clock.now() + ONE_WRITE > until


def retired_among(ports: Ports, connections: Iterable[Connection]) -> dict[Key, int]:
    """Tell which of these connections belong to a client that has been retired, and since when (epoch seconds).

    Only those that need it for their next renewal. One read for a hundred clients, however many connections share them.
    """
    of_client: dict[Key, list[Key]] = {}
    for one in connections:
        if one.tokens is not None and one.tokens.refresh is not None and one.destination is not None:
            place = keys.provider_client(one.destination.provider_key, one.destination.client_generation)
            of_client.setdefault(place, []).append(one.key)
    rows = _all_of(ports, list(of_client))
    return {
        key: optional_number(row, "retired_at") or 0
        for place, row in rows.items()
        if row["state"] == "retired"
        for key in of_client[place]
    }


def secret_states(ports: Ports, provider_keys: Iterable[str]) -> dict[str, SecretState]:
    """Tell of each client that an admin has entered how its secret stands, if it has one. Nothing is opened."""
    places = [keys.provider_client(key, ENTERED) for key in provider_keys]
    now, rows = ports.clock.now(), _all_of(ports, places).values()
    return {str(row["provider_key"]): SecretState.from_item(row, now) for row in rows if "client_secret" in row}


def _all_of(ports: Ports, places: Sequence[Key]) -> dict[Key, Item]:
    parts = [places[start : start + MOST_READ] for start in range(0, len(places), MOST_READ)]
    return {place: row for part in parts for place, row in ports.table.read(part).items()}


def _write(ports: Ports, change: Change, *told: Put) -> None:
    """Not worth failing for, whatever it is: the next rejection or success says the same again."""
    try:
        ports.table.commit((change, *told), fresh_id(ports))
    except Exception as error:
        ports.journal.note("client_state_not_written", kind=type(error).__name__)
