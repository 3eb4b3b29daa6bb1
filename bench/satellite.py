"""CPU of a request that carries a kept token, against the same request with the header written by hand.

Ours: `httpx2.Client` with `StrongroomAuth`, whose look-up is kept. Bare: the same client without it. Nothing is sent: a
transport in memory answers both at once, so that our share looks larger than it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from bench.look_up import Calls, calls_of
from bench.ratios import Act, Compared, alternated
from strongroom_satellite import Need, Strongroom, StrongroomAuth
from tests.fakes.satellite import FakeStrongroom

URL = "https://files.example/mcp"
NEED = Need("acme", "filesfilesfilesfiles", "bob")
TOKEN = "a" * 40
MESSAGE = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}


@dataclass(frozen=True, slots=True)
class Stage:
    """Both ways to send one request, and what our side has asked of Strongroom."""

    ours: Act
    bare: Act
    strongroom: FakeStrongroom


@dataclass(frozen=True, slots=True)
class Measured:
    """`requests` is how many our side has sent, `asked` how often it has asked Strongroom for them."""

    cpu: Compared
    ours: Calls
    bare: Calls
    requests: int
    asked: int


def measure(rounds: int = 30, times: int = 200) -> Measured:
    """Compare the two, after each has been done once."""
    with stage() as ready:
        ready.ours()
        ready.bare()
        calls = calls_of(ready.ours), calls_of(ready.bare)
        cpu = alternated(ready.ours, ready.bare, rounds, times)
        return Measured(cpu, *calls, rounds * times + 2, len(ready.strongroom.asks))


@contextmanager
def stage() -> Iterator[Stage]:
    """Give bob a token, and a client that has it looked up and one that is told it."""
    vault = FakeStrongroom(time.time)
    vault.connect(NEED, TOKEN, url=URL)
    told = {"Authorization": f"Bearer {TOKEN}"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": {}}))
    with Strongroom(vault) as strongroom:
        auth = StrongroomAuth(strongroom, team=NEED.team, installation=NEED.installation, user=NEED.user)
        with httpx2.Client(transport=transport, auth=auth) as ours, httpx2.Client(transport=transport) as bare:
            yield Stage(lambda: ours.post(URL, json=MESSAGE), lambda: bare.post(URL, json=MESSAGE, headers=told), vault)
