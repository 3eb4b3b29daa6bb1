"""Play a connection's life against each authorization server, and the inspector's visit; one line a step, and the sum."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from local.accounts import HOST, SATELLITE, Member
from local.demo import say
from local.errors import LocalError
from local.npm import NoNpm
from local.peers import inspector
from local.peers.journey import Journey
from local.peers.outcomes import NotOffered, Step, told
from local.peers.servers import ACCOUNT, PEERS, PORTS_OF_PEER, Documents, Peer, Place, prepare, running
from local.peers.tokens import takes_documents
from local.peers.visit import Visit
from local.plan import HIGHEST_PORT, Options, Pace, Ports, demo_options, origin
from local.seed import operators_rows
from local.stack import Stack

FIRST_PORT = 8700
FIRST_OF_PEERS = 100  # behind the ports of the system itself
NEEDED = ("sign-in service",)
# Tokens of the peers live an hour: all of them are due, and the schedule fires when the journey says so.
PACE = Pace(renew_ahead=3600, short_lived=5, tick_every=0)
VISIT = Pace(tick_every=0)


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
    visits = [inspector.NAME] if asked.expression in inspector.NAME else []
    if not chosen and not visits:
        raise LocalError(f"No authorization server or client has {asked.expression!r} in its name.")
    began = time.monotonic()
    ready = [peer for peer in chosen if _is_ready(peer.name, partial(prepare, peer, say), _avoids(asked, peer))]
    visiting = [name for name in visits if _is_ready(name, inspector.PROGRAMS.install, asked.without_node)]
    outcomes = play(ready, Ports(asked.port), say)
    if visiting:
        outcomes += visit(Ports(asked.port), say)
    say(f"It took {time.monotonic() - began:.0f} seconds.")
    skipped = len(chosen) + len(visits) - len(ready) - len(visiting)
    return status(outcomes, skipped, may_skip=os.environ.get("STRONGROOM_NO_SKIP") != "1")


def _avoids(asked: argparse.Namespace, peer: Peer) -> bool:
    return bool(asked.without_node and peer.needs_node)


def _is_ready(name: str, install: Callable[[], None], avoids_node: bool) -> bool:
    try:
        if avoids_node:
            raise NoNpm("asked not to use Node")
        install()
    except NoNpm as reason:
        say(f"  -     {name}: skipped ({reason})")
        return False
    return True


def status(outcomes: Counter[str], skipped: int, *, may_skip: bool) -> int:
    """Say the sum, and give the exit status: where everything is installed, a peer that was skipped is a hole."""
    say(
        f"{outcomes['ok']} steps hold, {outcomes['FAIL']} fail, {outcomes['-']} are not offered; "
        f"{skipped} peers skipped."
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
    reached = origin(ports.front)
    for documents in (Documents(), Documents(reached.replace("http:", "https:"), reached)):
        way = "metadata document" if documents.public else "registration"
        say(f"Starting: a stand-in for AWS, the functions and a sign-in service. Clients by {way}:")
        with Stack(_options(ports, documents), say) as stack:
            for peer in peers:
                place = Place(ports.first + FIRST_OF_PEERS + PEERS.index(peer) * PORTS_OF_PEER)
                outcomes += _journey(stack, peer, place, documents, say)
    say(f"All logs are in {stack.options.run_dir.parent}.")
    return outcomes


def visit(ports: Ports, say: Callable[[str], None]) -> Counter[str]:
    """Start the whole system, and let the inspector look at the example gateway."""
    outcomes: Counter[str] = Counter()
    options = demo_options(ports, VISIT, operators_rows)
    options = replace(options, run_dir=options.run_dir / "inspected")
    say("Starting: the whole system, for a client that nobody here wrote:")
    with Stack(options, say) as stack, closing(Visit(stack)) as visiting:
        for name, step in visiting.steps():
            if _tell(inspector.NAME, name, step, outcomes, say) == "FAIL":
                break
    say(f"All logs are in {options.run_dir}.")
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
    with running(stack, peer, place, documents) as standing:
        if documents.public and not takes_documents(standing.metadata):
            _tell(peer.name, "registration", lambda: NotOffered("client ID metadata documents"), outcomes, say)
            return outcomes
        with closing(Journey(stack, standing)) as journey:
            for name, step in journey.steps():
                if _tell(peer.name, name, step, outcomes, say) == "FAIL":
                    break
    return outcomes


def _tell(peer: str, name: str, step: Step, outcomes: Counter[str], say: Callable[[str], None]) -> str:
    mark, text = told(step)
    say(f"  {mark:<4}  {peer:<36}{name:<26}{text}")
    outcomes[mark] += 1
    return mark
