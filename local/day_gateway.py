"""A gateway in front: people at terminals, with a stock MCP client each."""

from __future__ import annotations

from local.day import Day
from local.terminal import call, calling

WHOAMI = "team-files__whoami"


def prompting(day: Day) -> None:
    bob, ports = day.people["bob"], day.places.ports
    day.expect("alice asks the tool through the gateway, with her own client: it says alice", _says(day, "alice"))
    with (
        calling("bob", ports, WHOAMI) as newer,
        calling("bob", ports, WHOAMI, handshake=True) as older,
    ):
        day.wait(
            "bob calls it with two clients, one of each revision: each shows him a link, and the call waits",
            lambda: newer.asks_for() == older.asks_for() == day.installation,
        )
        day.expect(
            "the link leads to Strongroom's page, not to the provider",
            (newer.link() or "").startswith(day.places.web_client),
        )
        bob.connect(day.installation)
        day.wait("bob connects", lambda: newer.is_over() and older.is_over())
        day.expect("both calls go on by themselves: the tool says bob", newer.said() == older.said() == "bob")
    day.expect("for alice it still says alice", _says(day, "alice"))


def _says(day: Day, name: str) -> bool:
    return call(name, day.places.ports, WHOAMI) == name
