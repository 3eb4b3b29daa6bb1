"""Sending one request to an address that people or providers chose."""

from __future__ import annotations

from strongroom.domain.errors import EgressRefused
from strongroom.domain.http import Answer, NotSent, Outgoing
from strongroom.ports import Ports


def sent(ports: Ports, request: Outgoing) -> Answer:
    """Send it; an address that may not be called is one that was not reached."""
    try:
        return ports.egress.send(request)
    except EgressRefused:
        return NotSent("address_refused")
