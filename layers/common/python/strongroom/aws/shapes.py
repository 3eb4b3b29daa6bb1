"""What goes over the wire, member by member. Times are whole seconds since the epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from strongroom.domain.authorization import Authorization, State
    from strongroom.domain.by_hand import ByHand
    from strongroom.domain.counts import Counts
    from strongroom.domain.found import Found
    from strongroom.domain.installation import Installation
    from strongroom.domain.secret_rotation import SecretState
    from strongroom.domain.status import LastError, Status
    from strongroom.flows.begin import Begun
    from strongroom.flows.everybody import Everybody
    from strongroom.flows.installed import Listed, Listing
    from strongroom.flows.look_up import Released


def released(token: Released) -> dict[str, Any]:
    """The one answer that holds a token, or what else is secret and injected: to a satellite."""
    return {
        "access_token": token.access_token.reveal() if token.access_token is not None else None,
        "token_type": "Bearer" if token.access_token is not None else None,
        "expires_at": token.expires_at,
        "expiry": token.expiry,
        "scopes": list(token.scopes),
        "version": token.version,
        "cache_until": token.cache_until,
        "url": token.url,
        "headers": {name: value.reveal() for name, value in token.headers.items()},
        "env": {name: value.reveal() for name, value in token.env.items()},
    }


def status_of(status: Status) -> dict[str, Any]:
    by = status.authorized_by
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
        "last_success_at": status.last_success_at,
        "last_error": error_of(status.last_error),
        "authorized_by": {"user": by.user, "left_at": by.left_at} if by else None,
        "renewable": status.renewable,
        "account": status.account,
    }


def error_of(error: LastError | None) -> dict[str, Any] | None:
    """Our code, our sentence, and since when. Nothing that a provider said."""
    if error is None:
        return None
    from strongroom.domain.timeline_words import words_of_error  # a look-up has no use for it

    return {"code": error.code, "text": words_of_error(error.code), "at": error.at}


def counts_of(counted: Counts) -> dict[str, Any]:
    """How an installation stands with everybody. Nobody is in it: numbers and codes alone."""
    return {
        "members": counted.members,
        "connected": counted.connected,
        "not_connected": dict(counted.not_connected),
        "complete": counted.complete,
        "last_success_at": counted.last_success_at,
        "last_error": error_of(counted.last_error),
    }


def secret_state(state: SecretState) -> dict[str, Any]:
    return {"rotated_at": state.rotated_at, "previous_until": state.previous_until}


def secret_of(entry: Listed) -> dict[str, Any]:
    """What admins see of our client at the provider: how its secret stands, and where browsers come back to."""
    if not entry.to_admin:
        return {}
    secret = {"set": True, **secret_state(entry.secret)} if entry.secret is not None else None
    return {"client_secret": secret, "callback_url": entry.callback_url}


def provider_of(entered: ByHand) -> dict[str, Any]:
    """What an admin has entered, as every member may see it. A host is null if it is discovered."""
    return {
        "issuer": entered.issuer,
        "authorization_host": entered.authorization_host,
        "token_host": entered.token_host,
        "client_id": entered.client_id,
        **added_by(entered),
        "registration": "by_hand",
        "scopes": [],
        "entered": True,
    }


def found_of(found: Found) -> dict[str, Any]:
    """What was found out about the provider, in the same shape: `scopes` are those that the server asks for."""
    return {
        "issuer": found.issuer,
        "authorization_host": found.authorization_host,
        "token_host": found.token_host,
        "client_id": None,
        **added_by(None),
        "registration": found.way,
        "scopes": list(found.scopes),
        "entered": False,
    }


def provider_shown(entry: Listed) -> dict[str, Any] | None:
    """What an admin has entered comes before what was found."""
    entered, found = entry.provider, entry.found
    if entered is not None:
        return {**provider_of(entered), **secret_of(entry)}
    return {**found_of(found), **secret_of(entry)} if found is not None else None


def added_by(entered: ByHand | None) -> dict[str, Any]:
    """What an admin adds to the authorization request, and vouches for. None of it is secret: a browser carries it."""
    return {
        "parameters": dict(entered.parameters) if entered else {},
        "pkce_unlisted": entered is not None and entered.pkce_unlisted,
    }


def injects(installation: Installation) -> list[dict[str, Any]]:
    """What everybody may know of what satellites inject."""
    from strongroom.domain.injection_row import sealed_in  # a look-up seldom has a use for it

    sealed = sealed_in(installation)
    return [{**name.to_value()} for name in sealed.names] if sealed is not None else []


def listed(entry: Listed) -> dict[str, Any]:
    one = entry.installation
    return {
        "installation": one.id,
        "name": one.name,
        "url": one.url,
        "sharing": one.sharing,
        "enabled": one.enabled,
        "revision": one.revision,
        "scopes": list(one.scopes),
        "requires_oauth": one.requires_oauth,
        "provider": provider_shown(entry),
        "injects": injects(one),
        "connection": status_of(entry.connection) if entry.connection else None,
    }


def listing_shown(page: Listing) -> dict[str, Any]:
    return {
        "installations": [listed(entry) for entry in page.entries],
        "next": page.next.text if page.next else None,
    }


def own_listing_shown(page: Listing) -> dict[str, Any]:
    """The same to the person whose statuses these are, with the role that this person has in the team."""
    return {"role": page.role, **listing_shown(page)}


def everybody_shown(page: Everybody) -> dict[str, Any]:
    return {
        "connections": [
            {"user": one.user, "connection": status_of(one.status) if one.status else None} for one in page.members
        ],
        "next": page.next.text if page.next else None,
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
