"""`dev.py serve`: start the system, say how to use it, and keep it running until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace

from local.accounts import HOST, MEMBERS, REGION, SATELLITE, STRANGER, Caller
from local.actors import Places
from local.demo import say
from local.plan import Options, Pace, Ports, demo_options, gateway_url, origin
from local.seed import operators_rows
from local.stack import Stack

LOOKED_EVERY = 1.0  # seconds
# Tokens live two minutes, and are renewed in the last one: whoever watches the logs sees it happen.
PACE = Pace(access_token=120, renew_ahead=60, short_lived=5, tick_every=10)


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM, or until a service ends; then stop every process that was started."""
    parser = argparse.ArgumentParser(prog="dev.py serve")
    parser.add_argument("--port", type=int, default=8400)
    parser.add_argument("--conformance-client", default="")
    asked = parser.parse_args(arguments)
    ports = Ports(asked.port)
    stopping = threading.Event()
    say("Starting ...")
    with Stack(_options(ports, asked.conformance_client), say) as stack:
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, lambda *_: stopping.set())
        say(manual(ports))
        say(f"Logs of every function and service: {stack.logs}\nCtrl-C stops it.")
        went_well = watch(stack, stopping)
        say("\nStopping ...")
    say("Stopped. Nothing is left running.")
    return 0 if went_well else 1


def watch(stack: Stack, stopping: threading.Event) -> bool:
    """Wait until somebody wants it to stop. False: a service has ended before that, and the rest is of no use."""
    while not stopping.wait(LOOKED_EVERY):
        if part := stack.ended():
            say(f"\nThe {part.name} has ended; what it said is in {stack.log_of(part)}.")
            return False
    return True


def _options(ports: Ports, conformance_client: str) -> Options:
    options = demo_options(ports, PACE, operators_rows)
    more = {"STRONGROOM_CONFORMANCE_CLIENT": conformance_client} if conformance_client else {}
    return replace(options, environment={**options.environment, **more})


def manual(ports: Ports) -> str:
    """What a newcomer needs: where things are, who exists, and a command for each call."""
    places = Places(ports)
    accounts = "\n".join(f"  {one.user:<8} {one.role} of team {one.team}" for one in MEMBERS)
    return f"""
Running:
  Strongroom's API      {places.api}
  Connections page      {places.web_client}
  sign-in service       {places.sign_in}
  OAuth provider        {places.provider}
  MCP server            {places.mcp}
  example host page     {origin(ports.host_page)}
  example gateway       {gateway_url(ports)}

Accounts (at the sign-in service and at the provider; the password of each is "demo"):
{accounts}

In a browser: open {places.web_client} and sign in with one of these accounts; the team is acme. alice can install
Team Files by its URL, {places.mcp}, and everybody can connect. The example host shows the same list on a page of its own.

A JWT of an account, and the page's calls with it:
  JWT=$(python3 dev.py jwt alice{_port(ports)})
  curl -s {places.api}/v1/teams/acme/installations -H "Authorization: Bearer $JWT"
  curl -s {places.api}/v1/teams/acme/installations -H "Authorization: Bearer $JWT" \\
       -d '{{"name": "Team Files", "url": "{places.mcp}"}}'
  curl -s -X POST {places.api}/v1/teams/acme/installations/$INSTALLATION/authorize -H "Authorization: Bearer $JWT"
  python3 dev.py consent alice "$AUTHORIZATION_URL"     # plays the browser: prints $AUTHORIZATION and $SECRET
  curl -s {places.api}/v1/teams/acme/installations/$INSTALLATION -H "Authorization: Bearer $JWT"
  curl -s {places.api}/v1/authorizations/$AUTHORIZATION -H "Authorization: Bearer $JWT"
  curl -s {places.api}/v1/authorizations/$AUTHORIZATION/complete -H "Authorization: Bearer $JWT" \\
       -d "{{\\"secret\\": \\"$SECRET\\"}}"
  curl -s -X DELETE {places.api}/v1/teams/acme/installations/$INSTALLATION/connection -H "Authorization: Bearer $JWT"

An admin's:
  curl -s {places.api}/v1/teams/acme/installations/$INSTALLATION/connections -H "Authorization: Bearer $JWT"
  curl -s -X PATCH {places.api}/v1/teams/acme/installations/$INSTALLATION -H "Authorization: Bearer $JWT" \\
       -d '{{"sharing": "shared"}}'
  curl -s -X DELETE {places.api}/v1/teams/acme/installations/$INSTALLATION/connections -H "Authorization: Bearer $JWT"
  curl -s -X DELETE {places.api}/v1/teams/acme/installations/$INSTALLATION -H "Authorization: Bearer $JWT"

A satellite's calls, signed with SigV4:
  curl -s {places.api}/v1/satellite/teams/acme/installations/$INSTALLATION/token {_signed(SATELLITE)} \\
       -d '{{"user": "bob"}}'
  curl -s {places.api}/v1/satellite/teams/acme/installations/$INSTALLATION/rejected {_signed(SATELLITE)} \\
       -d "{{\\"user\\": \\"bob\\", \\"version\\": \\"$VERSION\\", \\"status\\": 401}}"

Through the example gateway, with the stock MCP client (without a tool it lists them; whoever has not connected is prompted):
  GATEWAY_TOKEN=$(python3 dev.py jwt bob --gateway{_port(ports)}) \\
       .venv/bin/python -m examples.client {gateway_url(ports)} team-files__whoami

The satellite package and its command line, as the satellite (a host's: {HOST.access_key}, {HOST.secret}):
  export STRONGROOM_URL={places.api} STRONGROOM_TEAM=acme AWS_REGION={REGION} \\
         AWS_ACCESS_KEY_ID={SATELLITE.access_key} AWS_SECRET_ACCESS_KEY={SATELLITE.secret}

A role that nobody has registered: --user {STRANGER.access_key}:{STRANGER.secret}

A host's calls:
  curl -s -X PUT {places.api}/v1/host/teams/acme/members {_signed(HOST)} \\
       -d '{{"user": "bob", "role": "team_user"}}'     # null takes bob out
  curl -s {places.api}/v1/host/teams/acme/members {_signed(HOST)}
  curl -s -X PUT {places.api}/v1/host/teams/acme/satellites {_signed(HOST)} \\
       -d '{{"account": "{SATELLITE.account}", "role_id": "{SATELLITE.role_id}", "allowed": true}}'
  curl -s -X DELETE {places.api}/v1/host/teams/lab {_signed(HOST)}     # for good: a team's name is never used again

The provider takes back what bob allowed:
  curl -s {places.provider}/control/withdraw -H "Content-Type: application/json" -d '{{"account": "bob"}}'
"""


def _port(ports: Ports) -> str:
    return "" if ports.first == Ports().first else f" --port {ports.first}"


def _signed(caller: Caller) -> str:
    return f"--aws-sigv4 aws:amz:{REGION}:execute-api --user {caller.access_key}:{caller.secret}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
