"""Having a client at a provider: the team's own, made once and shared by the team's flows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain import keys, registration
from strongroom.domain.by_hand import by_hand
from strongroom.domain.errors import DiscoveryFailed, NotFound, StoreUnavailable, Unavailable
from strongroom.domain.http import Answer
from strongroom.domain.installation import Installation
from strongroom.domain.provider import AuthMethod, Provider, ProviderClient, document_key, provider_key
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.rows import number
from strongroom.domain.sealing import TeamKeys
from strongroom.domain.table import Below, Committed, Is, Item, Missing, Put, Remove, either
from strongroom.domain.team import Team
from strongroom.flows import clients
from strongroom.flows.attempts import fraction, fresh_id, noted
from strongroom.flows.budget import STEP, Budget
from strongroom.ports import Ports

LEASE = 15
SEED_BYTES = 40


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A client that is to be had: whose, where, for what, on whose behalf, and until when (epoch seconds)."""

    team: str
    provider: Provider
    key: str
    scopes: tuple[str, ...]
    user: str
    until: float


def client_for(
    ports: Ports,
    team: Team,
    installation: Installation,
    provider: Provider,
    scopes: tuple[str, ...],
    user: str,
    until: float,
) -> KeptClient:
    """Give the client for an authorization at this provider, by `until` (epoch seconds).

    One that an admin has entered for the installation comes first, and only at the issuer that it was entered for. Otherwise
    the team's present client at this issuer; if it has none that will do, the next generation is made, once, however many
    people ask at the same time (MCP 2026-07-28, authorization, client registration approaches).

    Raises:
        DiscoveryFailed: `client_of_another_issuer`, `registration_unsupported` or what the registration came to.
        Unavailable: If another flow is registering and does not come to an end.
    """
    entered = by_hand(installation)
    if entered is not None:
        return _entered(ports, team, entered.provider_key, provider)
    key = provider_key(team.id, provider.issuer)
    wanted = _Wanted(team.id, provider, key, tuple(scopes), user, until)
    return _present(ports, wanted) or _by_the_best_way(ports, wanted)


def _by_the_best_way(ports: Ports, wanted: _Wanted) -> KeptClient:
    """A client by document has a key, and with it a callback URL, of its own."""
    provider = wanted.provider
    way = registration.choose(provider, ports.catalog.entry(provider.issuer, provider.token_endpoint), ports.policy)
    if isinstance(way, registration.ByDocument):
        wanted = replace(wanted, key=document_key(wanted.team, provider.issuer, way.method))
    while True:
        found = _present(ports, wanted) or _next(ports, wanted, way)
        if found is not None:
            return found
        if ports.clock.now() >= wanted.until:
            raise Unavailable("another flow is registering", retry_after=5)
        ports.clock.wait(0.2 + 0.2 * fraction(ports))


def _entered(ports: Ports, team: Team, key: str, provider: Provider) -> KeptClient:
    kept = clients.newest(ports, team.sealing_keys, key)
    if kept is None or kept.issuer != provider.issuer:
        raise DiscoveryFailed("the client that was entered belongs to another issuer", code="client_of_another_issuer")
    return kept


def _present(ports: Ports, wanted: _Wanted) -> KeptClient | None:
    """The newest generation that will do. A registered client goes on serving, whatever else the provider takes now."""
    redirect_uri, now = ports.policy.redirect_uri(wanted.key), int(ports.clock.now())
    live = [row for row in clients.generations(ports, wanted.key) if row["state"] == "live"]
    team_keys = _sealing_keys(ports, wanted) if live else None
    found = (clients.from_item(ports, team_keys, row) for row in live if team_keys is not None)
    return next((kept for kept in found if kept.serves(wanted.scopes, redirect_uri, now)), None)


def _sealing_keys(ports: Ports, wanted: _Wanted) -> TeamKeys:
    """The team's keys as they are now: another flow may have made the first one since this one began."""
    key = keys.team(wanted.team)
    row = ports.table.read((key,)).get(key)
    if row is None:
        raise NotFound("the team is gone")
    return Team.from_item(row).sealing_keys


def _next(ports: Ports, wanted: _Wanted, way: registration.Way) -> KeptClient | None:
    """Make the next generation, or have it from who has just made it; None while somebody else is at it."""
    lease = fresh_id(ports)
    if not _lease(ports, wanted.key, lease):
        return None
    try:
        return _present(ports, wanted) or _make(ports, wanted, way)
    finally:
        _give_back(ports, wanted.key, lease)


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


def _give_back(ports: Ports, key: str, lease: str) -> None:
    """Let the next one register. Not worth failing for: the lease ends by itself."""
    try:
        ports.table.commit((Remove(keys.registration_lease(key), Is("lease", lease)),), fresh_id(ports))
    except StoreUnavailable:
        ports.journal.note("registration_lease_left")


def _make(ports: Ports, wanted: _Wanted, way: registration.Way) -> KeptClient | None:
    """Make the next generation; None if somebody else has made it meanwhile.

    What it is sealed under is fetched first: a client whose secret is lost is a stray one.
    """
    ring = ports.vault.sealing_ring("installation", _sealing_keys(ports, wanted))
    earlier = clients.generations(ports, wanted.key)
    following = number(earlier[0], "generation") + 1 if earlier else 1
    match way:
        case registration.ByDocument(method):
            kept = _document(ports, wanted, method, following)
        case registration.ByRegistration(method):
            kept = _registered(ports, wanted, method, following)
    now = int(ports.clock.now())
    kept = replace(kept, registered_at=now)
    told = noted(ports, wanted.team, "registered", wanted.user, issuer=kept.issuer, generation=following)
    row = Put(clients.to_item(kept, wanted.team, ring, now), require=Missing())
    return kept if isinstance(ports.table.commit((row, told), fresh_id(ports)), Committed) else None


def _document(ports: Ports, wanted: _Wanted, method: AuthMethod, generation: int) -> KeptClient:
    """A client by metadata document, with a key of its own where the provider takes signatures: no request is needed."""
    secret, public = ports.signer.make(ports.chance.bytes(SEED_BYTES)) if method == "private_key_jwt" else (None, None)
    client = ProviderClient(
        provider_key=wanted.key,
        generation=generation,
        client_id=ports.policy.client_metadata_url(wanted.key),
        client_secret=secret,
        auth_method=method,
        redirect_uri=ports.policy.redirect_uri(wanted.key),
        public_key=public,
    )
    return KeptClient(client, "metadata_document", wanted.provider.issuer)


def _registered(ports: Ports, wanted: _Wanted, method: AuthMethod, generation: int) -> KeptClient:
    """Ask to be registered for the scopes that are wanted; if the provider does not take them, once more without any.

    Some servers refuse scopes in a registration, others every scope later that was not named in it (RFC 7591 §2).

    Raises:
        DiscoveryFailed: Among others `registration_unusable`, if the secret ends before an authorization could.
    """
    answer, unnamed = _asked(ports, wanted, method, wanted.scopes), False
    if wanted.scopes and registration.may_dislike_scopes(answer):
        answer, unnamed = _asked(ports, wanted, method, ()), True
    client = registration.judge_registration(
        answer,
        asked=method,
        provider_key=wanted.key,
        generation=generation,
        redirect_uri=ports.policy.redirect_uri(wanted.key),
    )
    registration.require_a_life(client, ports.clock.now())
    return KeptClient(client, "registered", wanted.provider.issuer, scopes=wanted.scopes, unnamed=unnamed)


def _asked(ports: Ports, wanted: _Wanted, method: AuthMethod, scopes: tuple[str, ...]) -> Answer:
    """Whoever gives no answer takes a whole step of time, as in a discovery: a provider chooses this address too."""
    if wanted.until - ports.clock.now() < STEP:
        raise Unavailable("no time left to register", retry_after=1)
    redirect_uri = ports.policy.redirect_uri(wanted.key)
    budget = Budget(ports.egress, ports.clock)
    try:
        return budget.send(registration.registration_request(wanted.provider, redirect_uri, method, scopes))
    finally:
        budget.settle()
