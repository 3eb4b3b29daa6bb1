"""What the attacks share: looks at the world that no caller has, and moments that only a test can choose."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from strongroom.domain import keys
from strongroom.domain.http import Outgoing
from strongroom.domain.table import Item, Put, Write
from tests.world import GATEWAY, RIVAL_GATEWAY, Answered, Begun, Consented, World

T = TypeVar("T")


# -- URLs


def parameters(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def changed(url: str, **wanted: str | None) -> str:
    """The URL with query parameters set; None takes one out."""
    kept = {name: value for name, value in (parameters(url) | wanted).items() if value is not None}
    return with_query(url, urlencode(kept))


def with_query(url: str, query: str) -> str:
    return urlunsplit(urlsplit(url)._replace(query=query))


def given_to_the_browser(answered: Answered) -> Consented:
    """What the fragment of a callback's redirect hands to this browser."""
    assert answered.status == 303, answered.text
    fragment = dict(parse_qsl(urlsplit(answered.headers["location"]).fragment))
    return Consented(fragment["authorization"], fragment["secret"])


# -- looks behind the scenes


def rows(world: World, kind: str) -> list[Item]:
    return [row for row in world.table.snapshot().values() if row.get("kind") == kind]


def records(world: World, event: str) -> list[Item]:
    return [row for row in rows(world, "record") if row["event"] == event]


def authorization(world: World, identifier: str) -> Item:
    row = world.table.row(keys.authorization(identifier))
    assert row is not None
    return row


def state_of(world: World, identifier: str) -> str:
    return str(authorization(world, identifier)["state"])


def form_of(request: Outgoing) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.body.reveal() if request.body else "").items()}


def exchanges(world: World) -> list[tuple[str, str]]:
    """Every code that was sent anywhere: (URL, code)."""
    found = [(request.url, form_of(request).get("code")) for request in world.egress.sent]
    return [(url, code) for url, code in found if code is not None]


def account_behind(world: World, user: str, installation: str, team: str = "acme") -> str | None:
    """Whose account the MCP server would see for this person; None if no token is given."""
    gateway = GATEWAY if team == "acme" else RIVAL_GATEWAY
    answer = world.look_up(user, installation, by=gateway, team=team)
    return world.provider.account_of(answer.json["access_token"]) if answer.status == 200 else None


# -- moments


def before_the_connection_is_written(world: World, *deeds: Callable[[], Any]) -> None:
    """Do one deed at each attempt to store a connection, until there are no more."""
    left = list(reversed(deeds))

    def hook(writes: Sequence[Write]) -> None:
        if left and any(isinstance(write, Put) and write.item.get("kind") == "connection" for write in writes):
            left.pop()()

    world.table.before["commit"] = hook


def while_the_code_is_redeemed(world: World, deed: Callable[[], Any]) -> None:
    """Do something between the token request and the provider's honest answer to it."""

    def answer(request: Outgoing) -> Any:
        deed()
        return world.provider.honest(request)

    world.provider.answer_next.append(answer)


def all_at_once(world: World, identifier: str, deed: Callable[[], T], times: int = 50) -> list[T]:
    """Do it in so many threads, none of which writes to the authorization before all are about to."""
    gate, opened = threading.Barrier(times, action=lambda: opened.set(), timeout=30), threading.Event()

    def hook(writes: Sequence[Write]) -> None:
        if not opened.is_set() and any(write.key == keys.authorization(identifier) for write in writes):
            gate.wait()

    world.table.before["commit"] = hook
    with ThreadPoolExecutor(max_workers=times) as pool:
        return list(pool.map(lambda _: deed(), range(times)))


# -- beginnings


def bob_begins(**metadata: Any) -> tuple[World, Begun, str]:
    """Bob has consented; the URL is what the provider sends bob's browser to."""
    world = World()
    world.provider.metadata |= metadata
    begun = world.begin("bob", world.install())
    return world, begun, world.provider.consent(begun.url, "bob")


def generic_page(world: World) -> Answered:
    return world.browse(f"https://strongroom.example/oauth/callback/key?state={'u' * 43}&code=x")


def bob_consents() -> tuple[World, str, Consented]:
    world = World()
    installation = world.install()
    return world, installation, world.consent(world.begin("bob", installation), "bob")


@dataclass(frozen=True)
class Trap:
    """Mallory began; bob opened her link and consented with his account; his browser holds the secret."""

    world: World
    installation: str
    begun: Begun
    with_bob: Consented

    @property
    def prey(self) -> str | None:
        """Whose account serves mallory."""
        return account_behind(self.world, "mallory", self.installation, "rivals")


def trap() -> Trap:
    world = World()
    installation = world.install("mallory", "rivals")
    begun = world.begin("mallory", installation, "rivals")
    return Trap(world, installation, begun, world.consent(begun, "bob"))
