"""Sending one request to an address that people or providers chose, and as whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from strongroom.domain import exchange
from strongroom.domain.catalog import CatalogEntry
from strongroom.domain.errors import EgressRefused
from strongroom.domain.http import Answer, NotSent, Outgoing
from strongroom.domain.provider import ProviderClient
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.sealed_tokens import Destination
from strongroom.domain.token_requests import BackChannel
from strongroom.flows import clients
from strongroom.ports import Egress, Ports

Send = Callable[[Outgoing], Answer]


def sent(egress: Egress, request: Outgoing) -> Answer:
    """Send it; an address that may not be called is one that was not reached."""
    try:
        return egress.send(request)
    except EgressRefused:
        return NotSent("address_refused")


@dataclass(frozen=True, slots=True)
class Asking:
    """A request to a provider as our client; and the same with the previous secret, tried until `until` (seconds since
    the epoch)."""

    entry: CatalogEntry
    request: Outgoing
    with_previous: Outgoing | None = None
    until: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What counts as the answer. `by_previous`: it is one to the previous secret, since the present one was refused."""

    answer: Answer
    by_previous: bool = False


def asking_as(
    ports: Ports, endpoint: str, kept: KeptClient, destination: Destination, made: Callable[[BackChannel], Outgoing]
) -> Asking:
    """Have a request to this endpoint of a provider made for each secret that may have to be tried."""
    entry = ports.catalog.entry(destination.issuer, destination.token_endpoint)
    before = kept.before(ports.clock.now())

    def as_client(client: ProviderClient) -> Outgoing:
        # A signed assertion is good once.
        return made(BackChannel(endpoint, client, entry, clients.assertion_for(ports, client, destination.issuer)))

    until = (kept.rotation.until or 0) if kept.rotation is not None else 0
    return Asking(entry, as_client(kept.client), as_client(before) if before is not None else None, until)


def note_success(ports: Ports, kept: KeptClient, answered: Asked, team: str, until: float) -> None:
    """Tokens were given to the present secret; or only to the one before it, whose time an admin may want to know."""
    if not answered.by_previous:
        clients.note_success(ports, kept, until)
    elif kept.rotation is not None:
        key, ends = kept.client.provider_key, kept.rotation.until
        ports.journal.note("previous_client_secret_used", provider_key=key, team=team, until=ends)


def asked(ports: Ports, asking: Asking, send: Send) -> Asked:
    """Send it, and with the previous secret once more if the provider definitely did not authenticate us by the present one.

    After any other answer, and after none, the code or refresh token in it may be spent, and it is not sent again (RFC 6749
    §5.2, RFC 9700 §4.14.2). Both requests together take no longer than the first alone could have: whoever sends has
    reckoned with that time and no more.
    """
    began = ports.clock.now()
    answer = send(asking.request)
    if asking.with_previous is None or not exchange.is_client_unknown(answer, asking.entry.reading):
        return Asked(answer)
    now = ports.clock.now()
    if now >= asking.until:
        return Asked(answer)
    left = asking.request.within - (now - began)
    # One refusal took longer than the rest of the time: the next answer would come too late, and a request that is cut off
    # leaves a doubt that none leaves. Half also covers name resolution, which is bounded by the resolver's own options.
    if left < asking.request.within / 2:
        return Asked(NotSent("out_of_time"), by_previous=True)
    again = replace(asking.with_previous, within=min(left, asking.request.within))
    return Asked(sent(ports.egress, again), by_previous=True)
