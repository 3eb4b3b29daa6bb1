"""The end of a gateway whose question is under way on a real connection."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

from local.satellites import SOURCES
from tests.contract.satellite_clients import url_of
from tests.fakes.egress_servers import Heard, Server
from tests.unit.satellites import LONGEST

# Whoever waited has given up, and the main thread has nothing more to do.
_ENDING = """
import asyncio, sys
from strongroom_satellite import Need, Patience, Strongroom
from strongroom_satellite.signed import SignedHttp

class Signer:
    def sign(self, method, url, headers, body):
        return headers

patience = Patience(attempt=3600.0, total=3600.0)
strongroom = Strongroom(SignedHttp(sys.argv[1], Signer(), patience), patience=patience)

async def main():
    asking = asyncio.create_task(strongroom.alook_up(Need("acme", "a" * 20, "alice")))
    await asyncio.to_thread(sys.stdin.readline)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    strongroom.close()
    print("closed", flush=True)

asyncio.run(main())
"""


def test_a_gateway_ends_without_the_answer_that_is_under_way() -> None:
    asked, over = threading.Event(), threading.Event()

    def silent(_: socket.socket, __: Heard) -> None:
        asked.set()
        assert over.wait(2 * LONGEST)

    with Server(silent) as server:
        arguments = [sys.executable, "-c", _ENDING, url_of(server, "")]
        with subprocess.Popen(  # noqa: S603 - our own text
            arguments,
            env={"PYTHONPATH": str(SOURCES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as gateway:
            try:
                assert asked.wait(LONGEST)
                told = gateway.communicate("now\n", timeout=LONGEST)
                assert (gateway.returncode, *told) == (0, "closed\n", "")
            finally:
                gateway.kill()
                over.set()
