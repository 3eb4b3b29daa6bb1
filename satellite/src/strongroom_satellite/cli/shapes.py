"""What the commands print as JSON: one object each, with stable names. Times are whole seconds since the epoch."""

from __future__ import annotations

from typing import Any

from strongroom_satellite.errors import AuthorizationRequired, SatelliteError, Unavailable
from strongroom_satellite.release import Release


def release_shown(release: Release) -> dict[str, Any]:
    """The one shape that holds secrets."""
    token = release.access_token
    return {
        "access_token": token.reveal() if token is not None else None,
        "token_type": release.token_type,
        "expires_at": release.expires_at,
        "expiry": release.expiry,
        "scopes": list(release.scopes),
        "version": release.version,
        "cache_until": release.cache_until,
        "url": release.url,
        "headers": {name: value.reveal() for name, value in release.headers.items()},
        "env": {name: value.reveal() for name, value in release.env.items()},
    }


def outcome_shown(release: Release, rejected: str) -> dict[str, Any]:
    """What came of a report. No token is in it."""
    return {
        "outcome": "same" if release.version == rejected else "another",
        "version": release.version,
        "expires_at": release.expires_at,
    }


def error_shown(error: SatelliteError) -> dict[str, Any]:
    about: dict[str, Any] = {"error": error.code, "message": said(error), "request_id": error.request_id}
    if isinstance(error, AuthorizationRequired):
        about |= {"reason": error.reason, "link": error.link}
    if isinstance(error, Unavailable):
        about |= {"retry_after": error.retry_after}
    return about


def said(error: SatelliteError) -> str:
    """The sentence alone: reason and link stand beside it."""
    return str(error.args[0]) if error.args else "failed"
