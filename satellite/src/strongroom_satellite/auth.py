"""Tokens for httpx2's clients, and so for the stock `mcp` client."""

from __future__ import annotations

import httpx2

from strongroom_satellite.flow import Flow


class StrongroomAuth(Flow, httpx2.Auth):
    """Send each request with the token of one user at one installation: `httpx2.AsyncClient(auth=StrongroomAuth(...))`.

    The token is put on requests to the installation's own origin, https or this machine's, and on none that a redirect leads
    elsewhere. After a 401, and after a 403 that challenges, the rejection is reported and the request sent once more.

    One client for one person: a client keeps cookies, and would send those of one person with the token of another.

    A request raises what a look-up raises (`AuthorizationRequired` with the link), and `WrongOrigin`.
    """
