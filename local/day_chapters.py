"""The chapters of the day, in their order."""

from __future__ import annotations

from local.day import Chapter
from local.day_admin import rotating, starting
from local.day_attack import attacking
from local.day_connecting import connecting, installing, using
from local.day_gateway import prompting
from local.day_renewing import renewing, revoking, withdrawing
from local.day_team import in_two_teams, leaving, sharing

CHAPTERS: tuple[Chapter, ...] = (
    ("alice installs an MCP server by its URL", installing),
    ("bob is asked to connect, and does", connecting),
    ("the satellite calls the tool, for each with their own token", using),
    ("tokens near their end are renewed", renewing),
    ("the provider withdraws alice's grant", withdrawing),
    ("bob revokes", revoking),
    ("a call through the gateway asks bob to connect, and goes on", prompting),
    ("one account serves the whole team", sharing),
    ("carol works in two teams, and leaves one", in_two_teams),
    ("bob leaves the team and comes back", leaving),
    ("a client secret is rotated", rotating),
    ("a server that the gateway starts itself needs an environment variable", starting),
    ("an attacker is turned away", attacking),
)
