"""Sending one request to an address that people or providers chose."""

from __future__ import annotations

from dataclasses import replace

from strongroom.domain.errors import EgressRefused, Unavailable
from strongroom.domain.http import Answer, NotSent, Outgoing
from strongroom.ports import Ports


def sent(ports: Ports, request: Outgoing) -> Answer:
    """Send it; an address that may not be called is one that was not reached."""
    try:
        return ports.egress.send(request)
    except EgressRefused:
        return NotSent("address_refused")


def sent_until(ports: Ports, request: Outgoing, until: float) -> Answer:
    """Send it, and wait no longer than `until` (epoch seconds).

    Raises:
        Unavailable: If less than a second is left. Nothing was sent.
    """
    remaining = until - ports.clock.now()
    if remaining < 1:
        raise Unavailable("no time left to ask a provider", retry_after=1)
    return sent(ports, replace(request, within=min(request.within, remaining)))
