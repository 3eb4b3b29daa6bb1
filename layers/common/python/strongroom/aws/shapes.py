"""What goes over the wire, member by member. Times are whole seconds since the epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from strongroom.domain.authorization import Authorization, State
    from strongroom.domain.by_hand import ByHand
    from strongroom.domain.status import Status
    from strongroom.flows.begin import Begun
    from strongroom.flows.installed import Listed
    from strongroom.flows.look_up import Released


def released(token: Released) -> dict[str, Any]:
    """The one answer that holds a token: to a satellite."""
    return {
        "access_token": token.access_token.reveal(),
        "token_type": "Bearer",
        "expires_at": token.expires_at,
        "expiry": token.expiry,
        "scopes": list(token.scopes),
        "version": token.version,
        "cache_until": token.cache_until,
        "url": token.url,
        "headers": {name: value.reveal() for name, value in token.headers.items()},
        "env": {},
    }


def status_of(status: Status) -> dict[str, Any]:
    return {
        "status": status.status,
        "reason": status.reason,
        "since": status.since or None,
        "next": status.next,
        "expires_at": status.expires_at,
        "expiry": status.expiry,
        "scopes": list(status.scopes),
        "missing_scopes": list(status.missing_scopes),
        "consent_ends_at": status.consent_ends_at,
    }


def provider_of(entered: ByHand) -> dict[str, Any]:
    """What an admin has entered, as every member may see it. A host is null if it is discovered."""
    return {
        "issuer": entered.issuer,
        "authorization_host": entered.authorization_host,
        "token_host": entered.token_host,
        "client_id": entered.client_id,
        **added_by(entered),
        "entered": True,
    }


def added_by(entered: ByHand | None) -> dict[str, Any]:
    """What an admin adds to the authorization request, and vouches for. None of it is secret: a browser carries it."""
    return {
        "parameters": dict(entered.parameters) if entered else {},
        "pkce_unlisted": entered is not None and entered.pkce_unlisted,
    }


def listed(entry: Listed) -> dict[str, Any]:
    one, entered = entry.installation, entry.provider
    return {
        "installation": one.id,
        "name": one.name,
        "url": one.url,
        "sharing": one.sharing,
        "enabled": one.enabled,
        "scopes": list(one.scopes),
        "provider": provider_of(entered) if entered else None,
        "connection": status_of(entry.status),
    }


def begun(start: Begun) -> dict[str, Any]:
    """What the page shows before the click. The URL holds the state, for this browser alone."""
    authorization = start.authorization
    return {
        "authorization_id": authorization.id,
        "authorization_url": start.authorization_url.reveal(),
        "mcp_host": authorization.mcp_host,
        "provider_host": authorization.authorization_host,
        "token_host": urlsplit(authorization.destination.token_endpoint).netloc,
        "scopes": list(authorization.scopes),
        **added_by(start.entered),
        "expires_at": authorization.expires_at,
    }


def authorization_of(authorization: Authorization, state: State) -> dict[str, Any]:
    return {
        "authorization_id": authorization.id,
        "state": state,
        "team": authorization.team,
        "installation": authorization.installation,
        "mcp_host": authorization.mcp_host,
        "provider_host": authorization.authorization_host,
        "expires_at": authorization.expires_at,
    }
