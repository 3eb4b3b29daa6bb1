"""Play the life of a connection against each authorization server, one line a step, and the sum."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

from local.accounts import HOST, SATELLITE, Member
from local.demo import say
from local.errors import LocalError
from local.npm import NoNpm
from local.peers.journey import Journey
from local.peers.outcomes import NotOffered, Step, told
from local.peers.servers import ACCOUNT, PEERS, PORTS_OF_PEER, Documents, Peer, Place, prepare, running
from local.peers.tokens import takes_documents
from local.plan import HIGHEST_PORT, Options, Pace, Ports, demo_options, origin
from local.seed import operators_rows
from local.stack import Stack

FIRST_PORT = 8700
FIRST_OF_PEERS = 100  # behind the ports of the system itself
NEEDED = ("sign-in service",)
# Tokens of the peers live an hour: all of them are due, and the schedule fires when the journey says so.
PACE = Pace(renew_ahead=3600, short_lived=5, tick_every=0)


def main(arguments: Sequence[str]) -> int:
    """Play every journey; 0 only if every step holds that a server offers."""
    parser = argparse.ArgumentParser(prog="dev.py peers")
    parser.add_argument("--port", type=int, default=FIRST_PORT)
    parser.add_argument("-k", dest="expression", default="")
    parser.add_argument("--without-node", action="store_true")
    asked = parser.parse_args(arguments)
    if asked.port + FIRST_OF_PEERS + len(PEERS) * PORTS_OF_PEER > HIGHEST_PORT:
        raise LocalError(
            "The authorization servers need more ports than there are behind that one; choose a lower --port."
        )
    chosen = [peer for peer in PEERS if asked.expression in peer.name]
    if not chosen:
        raise LocalError(f"No authorization server has {asked.expression!r} in its name.")
    ready = [peer for peer in chosen if _is_ready(peer, asked.without_node)]
    outcomes = play(ready, Ports(asked.port), say)
    return status(outcomes, len(chosen) - len(ready), may_skip=os.environ.get("STRONGROOM_NO_SKIP") != "1")


def _is_ready(peer: Peer, without_node: bool) -> bool:
    try:
        if without_node and peer.needs_node:
            raise NoNpm("asked not to use Node")
        prepare(peer, say)
    except NoNpm as reason:
        say(f"  -     {peer.name}: skipped ({reason})")
        return False
    return True


def status(outcomes: Counter[str], skipped: int, *, may_skip: bool) -> int:
    """Say the sum, and give the exit status: where everything is installed, a server that was skipped is a hole."""
    say(
        f"{outcomes['ok']} steps hold, {outcomes['FAIL']} fail, {outcomes['-']} are not offered; "
        f"{skipped} servers skipped."
    )
    if skipped and not may_skip:
        say("STRONGROOM_NO_SKIP=1: what was skipped counts as failed.")
    nothing_held = not outcomes["ok"] and not skipped
    return 1 if outcomes["FAIL"] or nothing_held or (skipped and not may_skip) else 0


def play(peers: Sequence[Peer], ports: Ports, say: Callable[[str], None]) -> Counter[str]:
    """Start the system, and one authorization server after the other; then all once more for metadata documents."""
    outcomes: Counter[str] = Counter()
    if not peers:
        return outcomes
    began = time.monotonic()
    reached = origin(ports.front)
    for documents in (Documents(), Documents(reached.replace("http:", "https:"), reached)):
        way = "metadata document" if documents.public else "registration"
        say(f"Starting: a stand-in for AWS, the functions and a sign-in service. Clients by {way}:")
        with Stack(_options(ports, documents), say) as stack:
            for peer in peers:
                place = Place(ports.first + FIRST_OF_PEERS + PEERS.index(peer) * PORTS_OF_PEER)
                outcomes += _journey(stack, peer, place, documents, say)
    say(f"It took {time.monotonic() - began:.0f} seconds. All logs are in {stack.options.run_dir.parent}.")
    return outcomes


def _options(ports: Ports, documents: Documents) -> Options:
    options = demo_options(ports, PACE, operators_rows)
    services = tuple(service for service in options.services if service.name in NEEDED)
    named = {"PublicUrl": documents.public} if documents.public else {}
    parameters = {**options.parameters, **named}
    folder = options.run_dir / ("by-document" if documents.public else "by-registration")
    return replace(options, run_dir=folder, services=services, members=(), satellites={}, parameters=parameters)


def _journey(stack: Stack, peer: Peer, place: Place, documents: Documents, say: Callable[[str], None]) -> Counter[str]:
    """Go as far as the steps hold: each needs what the ones before it left."""
    stack.put_member(HOST, Member(peer.team, ACCOUNT, "team_admin"))
    stack.put_satellite(HOST, peer.team, SATELLITE)
    outcomes: Counter[str] = Counter()

    def tell(name: str, step: Step) -> str:
        mark, text = told(step)
        say(f"  {mark:<4}  {peer.name:<36}{name:<26}{text}")
        outcomes[mark] += 1
        return mark

    with running(stack, peer, place, documents) as standing:
        if documents.public and not takes_documents(standing.metadata):
            tell("registration", lambda: NotOffered("client ID metadata documents"))
            return outcomes
        with closing(Journey(stack, standing)) as journey:
            for name, step in journey.steps():
                if tell(name, step) == "FAIL":
                    break
    return outcomes
