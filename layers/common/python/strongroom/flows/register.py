"""Having a client at a provider: the team's own registration, made once and shared by the team's flows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain import keys, registration
from strongroom.domain.errors import DiscoveryFailed, EgressRefused, Unavailable
from strongroom.domain.http import Answer, NotSent
from strongroom.domain.provider import Provider, ProviderClient, provider_key
from strongroom.domain.table import Below, Committed, Is, Item, Missing, Put, Query, Remove, Value, either
from strongroom.domain.team import Team
from strongroom.flows.attempts import fraction, fresh_id, noted
from strongroom.flows.clients import from_item, secret_place
from strongroom.ports import Ports, Ring

CLIENT_NAME = "Strongroom"
LEASE = 20


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A client that is to be registered: whose, where, on whose behalf, and until when (epoch seconds)."""

    team: Team
    provider: Provider
    key: str
    scopes: tuple[str, ...]
    user: str
    until: float


def client_for(
    ports: Ports, team: Team, provider: Provider, scopes: tuple[str, ...], user: str, until: float
) -> ProviderClient:
    """Give the team's present client at this provider; register one if there is none (RFC 7591), by `until`.

    Raises:
        DiscoveryFailed: `registration_unsupported` or what the registration came to.
        Unavailable: If another flow is registering and does not come to an end.
    """
    wanted = _Wanted(team, provider, provider_key(team.id, provider.issuer), scopes, user, until)
    while True:
        newest = _newest(ports, wanted.key)
        if newest is not None and newest["state"] == "live":
            return from_item(ports, team.sealing_keys, newest)
        lease = fresh_id(ports)
        if _lease(ports, wanted.key, lease):
            return _register_under_lease(ports, wanted, lease)
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


def _register_under_lease(ports: Ports, wanted: _Wanted, lease: str) -> ProviderClient:
    try:
        newest = _newest(ports, wanted.key)
        if newest is not None and newest["state"] == "live":
            return from_item(ports, wanted.team.sealing_keys, newest)
        return _register(ports, wanted, _generation(newest) + 1)
    finally:
        ports.table.commit((Remove(keys.registration_lease(wanted.key), Is("lease", lease)),), fresh_id(ports))


def _register(ports: Ports, wanted: _Wanted, generation: int) -> ProviderClient:
    if wanted.provider.registration_endpoint is None:
        raise DiscoveryFailed("the provider registers nobody by itself", code="registration_unsupported")
    sealing = ports.vault.sealing_ring("installation", wanted.team.sealing_keys)
    client = registration.judge_registration(
        _ask(ports, wanted),
        asked=registration.choose_auth_method(wanted.provider),
        provider_key=wanted.key,
        generation=generation,
        redirect_uri=ports.policy.redirect_uri(wanted.key),
    )
    row = _row(wanted, client, sealing, int(ports.clock.now()))
    issuer = wanted.provider.issuer
    told = noted(ports, wanted.team.id, "registered", wanted.user, issuer=issuer, generation=generation)
    if not isinstance(ports.table.commit((Put(row, require=Missing()), told), fresh_id(ports)), Committed):
        raise Unavailable("another flow has registered", retry_after=1)
    return client


def _ask(ports: Ports, wanted: _Wanted) -> Answer:
    redirect_uri = ports.policy.redirect_uri(wanted.key)
    request = registration.registration_request(wanted.provider, redirect_uri, CLIENT_NAME, wanted.scopes)
    remaining = wanted.until - ports.clock.now()
    if remaining < 1:
        raise Unavailable("no time left to register", retry_after=1)
    try:
        return ports.egress.send(replace(request, within=min(request.within, remaining)))
    except EgressRefused:
        return NotSent("address_refused")


def _row(wanted: _Wanted, client: ProviderClient, sealing: Ring, now: int) -> Item:
    place = keys.provider_client(wanted.key, client.generation)
    row: dict[str, Value] = {
        "PK": place.pk,
        "SK": place.sk,
        "kind": "provider_client",
        "state": "live",
        "team": wanted.team.id,
        "issuer": wanted.provider.issuer,
        "provider_key": wanted.key,
        "generation": client.generation,
        "client_id": client.client_id,
        "auth_method": client.auth_method,
        "redirect_uri": client.redirect_uri,
        "registered_at": now,
        "g1pk": f"{keys.team(wanted.team.id).pk}#P",
        "g1sk": f"{wanted.key}#{client.generation:08d}",
    }
    if client.client_secret is not None:
        row["client_secret"] = sealing.seal(client.client_secret, secret_place(place))
    if client.secret_expires_at is not None:
        row["secret_expires_at"] = client.secret_expires_at
    return row


def _generation(newest: Item | None) -> int:
    value = newest["generation"] if newest else 0
    return value if isinstance(value, int) else 0
