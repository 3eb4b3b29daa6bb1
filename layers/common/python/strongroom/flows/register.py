"""Having a client at a provider: the team's own registration, made once and shared by the team's flows."""

from __future__ import annotations

from strongroom.domain import keys, registration
from strongroom.domain.errors import DiscoveryFailed, Unavailable
from strongroom.domain.provider import Provider, ProviderClient, provider_key
from strongroom.domain.record import record
from strongroom.domain.table import Below, Committed, Is, Item, Missing, Put, Query, Remove, Value, either
from strongroom.domain.team import Team
from strongroom.flows.attempts import fraction, fresh_id
from strongroom.flows.clients import from_item, secret_place
from strongroom.ports import Ports

CLIENT_NAME = "Strongroom"
LEASE = 20
WAIT_AT_MOST = 8.0


def client_for(ports: Ports, team: Team, provider: Provider, scopes: tuple[str, ...], user: str) -> ProviderClient:
    """Give the team's present client at this provider; register one if there is none (RFC 7591).

    Raises:
        DiscoveryFailed: `registration_unsupported` or what the registration came to.
        Unavailable: If another flow is registering and does not come to an end.
    """
    key = provider_key(team.id, provider.issuer)
    until = ports.clock.now() + WAIT_AT_MOST
    while True:
        newest = _newest(ports, key)
        if newest is not None and newest["state"] == "live":
            return from_item(ports, team.sealing_keys, newest)
        lease = fresh_id(ports)
        if _lease(ports, key, lease):
            return _register_under_lease(ports, team, provider, scopes, key, lease, user)
        if ports.clock.now() >= until:
            raise Unavailable("another flow is registering", retry_after=5)
        ports.clock.wait(0.2 + 0.2 * fraction(ports))


def _newest(ports: Ports, key: str) -> Item | None:
    query = Query("table", keys.provider_client(key, 0).pk, prefix="K#", descending=True, limit=1)
    return next(iter(ports.table.query(query).items), None)


def _lease(ports: Ports, key: str, lease: str) -> bool:
    place, now = keys.registration_lease(key), int(ports.clock.now())
    row: Item = {
        "PK": place.pk,
        "SK": place.sk,
        "kind": "registration_lease",
        "lease": lease,
        "lease_until": now + LEASE,
        "ttl": now + LEASE + 3600,
    }
    free = either(Missing(), Below("lease_until", now))
    return isinstance(ports.table.commit((Put(row, require=free),), lease), Committed)


def _register_under_lease(
    ports: Ports, team: Team, provider: Provider, scopes: tuple[str, ...], key: str, lease: str, user: str
) -> ProviderClient:
    try:
        newest = _newest(ports, key)
        if newest is not None and newest["state"] == "live":
            return from_item(ports, team.sealing_keys, newest)
        generation = _generation(newest) + 1
        return _register(ports, team, provider, scopes, key, generation, user)
    finally:
        ports.table.commit((Remove(keys.registration_lease(key), Is("lease", lease)),), fresh_id(ports))


def _register(
    ports: Ports, team: Team, provider: Provider, scopes: tuple[str, ...], key: str, generation: int, user: str
) -> ProviderClient:
    redirect_uri = ports.policy.redirect_uri(key)
    if provider.registration_endpoint is None:
        raise DiscoveryFailed("the provider registers nobody by itself", code="registration_unsupported")
    sealing = ports.vault.sealing_ring("installation", team.sealing_keys)
    method = registration.choose_auth_method(provider)
    answer = ports.egress.send(registration.registration_request(provider, redirect_uri, CLIENT_NAME, scopes))
    client = registration.judge_registration(
        answer, asked=method, provider_key=key, generation=generation, redirect_uri=redirect_uri
    )
    place = keys.provider_client(key, generation)
    now = ports.clock.now()
    row: dict[str, Value] = {
        "PK": place.pk,
        "SK": place.sk,
        "kind": "provider_client",
        "state": "live",
        "team": team.id,
        "issuer": provider.issuer,
        "provider_key": key,
        "generation": generation,
        "client_id": client.client_id,
        "auth_method": client.auth_method,
        "redirect_uri": client.redirect_uri,
        "registered_at": int(now),
        "g1pk": f"{keys.team(team.id).pk}#P",
        "g1sk": f"{key}#{generation:08d}",
    }
    if client.client_secret is not None:
        row["client_secret"] = sealing.seal(client.client_secret, secret_place(place))
    if client.secret_expires_at is not None:
        row["secret_expires_at"] = client.secret_expires_at
    told = record(
        team.id, "registered", user, now, ports.chance.bytes(10), issuer=provider.issuer, generation=generation
    )
    outcome = ports.table.commit((Put(row, require=Missing()), told), fresh_id(ports))
    if not isinstance(outcome, Committed):
        raise Unavailable("another flow has registered", retry_after=1)
    return client


def _generation(newest: Item | None) -> int:
    value = newest["generation"] if newest else 0
    return value if isinstance(value, int) else 0
