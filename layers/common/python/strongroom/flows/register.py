"""Having a client at a provider: the team's own, made once and shared by the team's flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from strongroom.domain import keys, registration
from strongroom.domain.by_hand import by_hand
from strongroom.domain.connection import number, texts
from strongroom.domain.errors import DiscoveryFailed, NotFound, StoreUnavailable, Unavailable
from strongroom.domain.http import Answer
from strongroom.domain.installation import Installation
from strongroom.domain.provider import AuthMethod, Provider, ProviderClient, provider_key
from strongroom.domain.provider_client import KeptClient, together
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
    wanted = _Wanted(team.id, provider, provider_key(team.id, provider.issuer), scopes, user, until)
    while True:
        found = _present(ports, wanted, clients.generations(ports, wanted.key)) or _next(ports, wanted)
        if found is not None:
            return found
        if ports.clock.now() >= until:
            raise Unavailable("another flow is registering", retry_after=5)
        ports.clock.wait(0.2 + 0.2 * fraction(ports))


def _entered(ports: Ports, team: Team, key: str, provider: Provider) -> KeptClient:
    kept = clients.newest(ports, team.sealing_keys, key)
    if kept is None or kept.issuer != provider.issuer:
        raise DiscoveryFailed("the client that was entered belongs to another issuer", code="client_of_another_issuer")
    return kept


def _present(ports: Ports, wanted: _Wanted, generations: Sequence[Item]) -> KeptClient | None:
    """The newest generation, if it will do. One by document must be what the document would say now; a registered one goes
    on serving, whatever else the provider takes."""
    if not generations:
        return None
    kept = clients.from_item(ports, _sealing_keys(ports, wanted), generations[0])
    if not kept.serves(wanted.scopes, ports.policy.redirect_uri(wanted.key), int(ports.clock.now())):
        return None
    if kept.source != "metadata_document":
        return kept
    return kept if _way(ports, wanted, generations) == registration.ByDocument(kept.client.auth_method) else None


def _sealing_keys(ports: Ports, wanted: _Wanted) -> TeamKeys:
    """The team's keys as they are now: another flow may have made the first one since this one began."""
    key = keys.team(wanted.team)
    row = ports.table.read((key,)).get(key)
    if row is None:
        raise NotFound("the team is gone")
    return Team.from_item(row).sealing_keys


def _way(ports: Ports, wanted: _Wanted, generations: Sequence[Item]) -> registration.Way:
    provider = wanted.provider
    entry = ports.catalog.entry(provider.issuer, provider.token_endpoint)
    return registration.choose(provider, entry, ports.policy, clients.said_in_documents(generations))


def _next(ports: Ports, wanted: _Wanted) -> KeptClient | None:
    """Make the next generation, or have it from who has just made it; None while somebody else is at it."""
    lease = fresh_id(ports)
    if not _lease(ports, wanted.key, lease):
        return None
    try:
        generations = clients.generations(ports, wanted.key)
        return _present(ports, wanted, generations) or _make(ports, wanted, generations)
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


def _make(ports: Ports, wanted: _Wanted, generations: Sequence[Item]) -> KeptClient | None:
    """Make the generation after these; None if somebody else has made it meanwhile.

    What it is sealed under is fetched first: a client whose secret is lost is a stray one.
    """
    ring = ports.vault.sealing_ring("installation", _sealing_keys(ports, wanted))
    said = clients.said_in_documents(generations)
    following = number(generations[0], "generation") + 1 if generations else 1
    match _way(ports, wanted, generations):
        case registration.ByDocument(method):
            kept = _document(ports, wanted, method, following, iss_needed="none" in {*said, method})
        case registration.ByRegistration(method):
            kept = _registered(ports, wanted, method, following, _scopes(wanted, generations))
    now = int(ports.clock.now())
    kept = replace(kept, registered_at=now)
    told = noted(ports, wanted.team, "registered", wanted.user, issuer=kept.issuer, generation=following)
    row = Put(clients.to_item(kept, wanted.team, ring, now), require=Missing())
    return kept if isinstance(ports.table.commit((row, told), fresh_id(ports)), Committed) else None


def _scopes(wanted: _Wanted, generations: Sequence[Item]) -> tuple[str, ...]:
    return together(texts(generations[0], "scopes") if generations else (), wanted.scopes)


def _document(ports: Ports, wanted: _Wanted, method: AuthMethod, generation: int, *, iss_needed: bool) -> KeptClient:
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
    return KeptClient(client, "metadata_document", wanted.provider.issuer, iss_needed=iss_needed)


def _registered(
    ports: Ports, wanted: _Wanted, method: AuthMethod, generation: int, scopes: tuple[str, ...]
) -> KeptClient:
    """Ask to be registered for these scopes; if the provider does not take them from us, once more without any.

    Some servers refuse scopes in a registration, others every scope later that was not named in it (RFC 7591 §2).
    """
    redirect_uri = ports.policy.redirect_uri(wanted.key)
    answer = _asked(ports, wanted, method, scopes)
    if scopes and registration.may_dislike_scopes(answer):
        scopes = ()
        answer = _asked(ports, wanted, method, scopes)
    client = registration.judge_registration(
        answer, asked=method, provider_key=wanted.key, generation=generation, redirect_uri=redirect_uri
    )
    return KeptClient(client, "registered", wanted.provider.issuer, scopes=scopes)


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
