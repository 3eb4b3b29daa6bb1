"""The right person's access token for an MCP server, from Strongroom.

strongroom = Strongroom.from_environment()
auth = StrongroomAuth(strongroom, team="acme", installation="...", user="alice")
async with httpx2.AsyncClient(auth=auth) as http, Client(streamable_http_client(url, http_client=http)) as client:
    await client.call_tool("list_files", {})
"""

from __future__ import annotations

from strongroom_satellite.auth import StrongroomAuth
from strongroom_satellite.errors import (
    AuthorizationRequired,
    InstallationDisabled,
    Misconfigured,
    NotFound,
    Refused,
    SatelliteError,
    Unavailable,
    WrongAnswer,
    WrongOrigin,
)
from strongroom_satellite.links import required_in
from strongroom_satellite.need import Need
from strongroom_satellite.release import Release
from strongroom_satellite.retry import Patience
from strongroom_satellite.secret import Secret
from strongroom_satellite.strongroom import Strongroom

__version__ = "0.1.0"

__all__ = [
    "AuthorizationRequired",
    "InstallationDisabled",
    "Misconfigured",
    "Need",
    "NotFound",
    "Patience",
    "Refused",
    "Release",
    "SatelliteError",
    "Secret",
    "Strongroom",
    "StrongroomAuth",
    "Unavailable",
    "WrongAnswer",
    "WrongOrigin",
    "required_in",
]
