"""A gateway's way to Strongroom belongs to the process that made it."""

from __future__ import annotations

import subprocess
import sys

from local.satellites import SOURCES
from tests.requirements import requirement
from tests.unit.satellites import LONGEST

# A gateway that has looked up, has one look-up under way, and forks while a thread holds every lock. In the child each
# call has a bounded time: an alarm ends it.
_FORKED = """
import anyio, json, os, signal, sys, threading
from email.utils import formatdate
from strongroom_satellite import Misconfigured, Need, Strongroom
from strongroom_satellite.answers import Reply
if {weak}:
    Strongroom._check_process = lambda self: None

alice, bob = (Need("acme", "a" * 20, user) for user in ("alice", "bob"))
held = threading.Event()

class Transport:
    def send(self, ask, within):
        if getattr(ask, "need", None) == bob:
            held.wait()
        body = dict(access_token="t", token_type="Bearer", expires_at=None, scopes=[], version="v", cache_until=2**40,
                    url="https://files.example", headers=dict(), env=dict(), installations=[], connections=[])
        return Reply(200, dict(date=formatdate(usegmt=True)), json.dumps(body).encode())

    def close(self):
        print("closed what is the parent's", flush=True)

strongroom = Strongroom(Transport())
strongroom.look_up(alice)
strongroom._look_up(bob, None)
strongroom._shelf._lock.acquire()
strongroom._flights._lock.acquire()
strongroom._lists._lock.acquire()

def told(name, call):
    try:
        call()
        print(name, "came back")
    except Misconfigured:
        print(name, "Misconfigured")
    sys.stdout.flush()

child = os.fork()
if child == 0:
    signal.alarm({alarm})
    told("look_up", lambda: strongroom.look_up(alice))
    told("alook_up", lambda: anyio.run(strongroom.alook_up, alice))
    told("rejected", lambda: strongroom.rejected(alice, "v", 401))
    told("arejected", lambda: anyio.run(strongroom.arejected, alice, "v", 401))
    told("forget", lambda: strongroom.forget(alice))
    told("installations", lambda: strongroom.installations("acme", "alice"))
    told("ainstallations", lambda: anyio.run(strongroom.ainstallations, "acme", "alice"))
    told("connections", lambda: strongroom.connections("acme", "a" * 20))
    told("aconnections", lambda: anyio.run(strongroom.aconnections, "acme", "a" * 20))
    strongroom.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
print("the child", "hung" if os.WIFSIGNALED(status) else "ended", flush=True)
os._exit(0)
"""
METHODS = ("look_up", "alook_up", "rejected", "arejected", "forget")
LISTS = ("installations", "ainstallations", "connections", "aconnections")


def forked(*, weak: bool = False, alarm: int = int(LONGEST)) -> list[str]:
    ended = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _FORKED.format(weak=weak, alarm=alarm)],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=2 * LONGEST,
        check=False,
    )
    assert ended.stderr == ""
    return ended.stdout.splitlines()


@requirement("attack:S14")
def test_after_a_fork_every_method_says_so_and_what_is_the_parents_stays_open() -> None:
    assert forked() == [*(f"{method} Misconfigured" for method in (*METHODS, *LISTS)), "the child ended"]


@requirement("attack:S14")
def test_control_without_the_comparison_of_processes_the_child_hangs() -> None:
    assert forked(weak=True, alarm=1) == ["the child hung"]
