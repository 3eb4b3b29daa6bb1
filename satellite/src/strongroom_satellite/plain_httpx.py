"""Tokens for the clients of plain httpx, which refuse the `Auth` objects of httpx2."""

from __future__ import annotations

import httpx

from strongroom_satellite.flow import Flow


class StrongroomAuth(Flow, httpx.Auth):
    """As `strongroom_satellite.StrongroomAuth`, for `httpx.Client` and `httpx.AsyncClient`."""
