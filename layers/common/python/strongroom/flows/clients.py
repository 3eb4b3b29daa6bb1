"""Our own registrations at providers, as they are kept: one per team and provider, in generations."""

from __future__ import annotations

from strongroom.domain import keys
from strongroom.domain.connection import number
from strongroom.domain.errors import NotFound
from strongroom.domain.provider import AUTH_METHODS, ProviderClient
from strongroom.domain.sealing import Place, TeamKeys
from strongroom.domain.table import Item, Key
from strongroom.ports import Ports


def secret_place(key: Key) -> Place:
    return Place("installation", "provider_client", key, "client_secret", ())


def known_client(ports: Ports, team_keys: TeamKeys, provider_key: str, generation: int) -> ProviderClient:
    """Read a provider client and open its secret, if it has one.

    Raises:
        NotFound: If the row is gone.
        KeysUnavailable: If a secret cannot be opened just now.
    """
    key = keys.provider_client(provider_key, generation)
    row = ports.table.read((key,)).get(key)
    if row is None:
        raise NotFound("the provider client is gone")
    return from_item(ports, team_keys, row)


def from_item(ports: Ports, team_keys: TeamKeys, row: Item) -> ProviderClient:
    key = Key(str(row["PK"]), str(row["SK"]))
    sealed = row.get("client_secret")
    secret = None
    if isinstance(sealed, bytes):
        secret = ports.vault.ring("installation", team_keys).open(sealed, secret_place(key))
    return ProviderClient(
        provider_key=str(row["provider_key"]),
        generation=number(row, "generation"),
        client_id=str(row["client_id"]),
        client_secret=secret,
        auth_method=next(method for method in AUTH_METHODS if method == row["auth_method"]),
        redirect_uri=str(row["redirect_uri"]),
    )
