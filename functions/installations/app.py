"""Teams, members, satellites, installations, statuses, timelines and records. It can open client secrets, and no token."""

from __future__ import annotations

from functools import partial
from typing import Any

from strongroom.aws import host_routes, installation_routes, satellite_routes, story_routes
from strongroom.aws.http import Response, serve
from strongroom.aws.wiring import Wired, wire

PORTS = wire("installations", queues=("chore",))
ROUTES = {
    "GET /v1/teams/{team}/installations": installation_routes.show_all,
    "POST /v1/teams/{team}/installations": installation_routes.add,
    "GET /v1/teams/{team}/installations/{installation}": installation_routes.show,
    "PATCH /v1/teams/{team}/installations/{installation}": installation_routes.change,
    "DELETE /v1/teams/{team}/installations/{installation}": installation_routes.remove,
    "PUT /v1/teams/{team}/installations/{installation}/client_secret": installation_routes.rotate_client_secret,
    "DELETE /v1/teams/{team}/installations/{installation}/connections": installation_routes.revoke_all,
    "GET /v1/teams/{team}/installations/{installation}/timeline": story_routes.show_timeline,
    "GET /v1/teams/{team}/records": story_routes.show_records,
    "GET /v1/teams/{team}/installations/{installation}/connections": installation_routes.show_counts,
    "POST /v1/satellite/teams/{team}/installations": satellite_routes.show_all,
    "GET /v1/host/teams/{team}/members": host_routes.list_members,
    "GET /v1/host/teams/{team}/installations/{installation}/connections": host_routes.list_connections,
    "GET /v1/host/teams/{team}/records": host_routes.host_records,
    "PUT /v1/host/teams/{team}/members": host_routes.put_member,
    "PUT /v1/host/teams/{team}/satellites": host_routes.put_satellite,
    "DELETE /v1/host/teams/{team}": host_routes.delete_team,
}


def lambda_handler(event: Any, context: Any, ports: Wired = PORTS) -> Response:
    """Answer the API."""
    routes = {name: partial(route, ports) for name, route in ROUTES.items()}
    return serve(event, context, ports.ports.journal, routes)
