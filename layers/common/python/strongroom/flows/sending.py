"""Sending one request to an address that people or providers chose, and as whom."""

from __future__ import annotations

from strongroom.domain.connection import Destination
from strongroom.domain.errors import EgressRefused
from strongroom.domain.http import Answer, NotSent, Outgoing
from strongroom.domain.provider import ProviderClient
from strongroom.domain.token_requests import BackChannel
from strongroom.flows import clients
from strongroom.ports import Egress, Ports


def sent(egress: Egress, request: Outgoing) -> Answer:
    """Send it; an address that may not be called is one that was not reached."""
    try:
        return egress.send(request)
    except EgressRefused:
        return NotSent("address_refused")


def back_channel(ports: Ports, endpoint: str, client: ProviderClient, destination: Destination) -> BackChannel:
    """Say how one request to this endpoint of a provider is made: a signed assertion is good once."""
    entry = ports.catalog.entry(destination.issuer, destination.token_endpoint)
    return BackChannel(endpoint, client, entry, clients.assertion_for(ports, client, destination.issuer))
