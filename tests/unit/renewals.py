"""Scenes of renewing: one connected person, what the provider does, what the table does, and who comes in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from strongroom.domain import keys
from strongroom.domain.connection import Connection
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.http import Answer, NoAnswer, Outgoing, Reply
from strongroom.domain.renewal_outcome import Outcome
from strongroom.domain.table import Change, Item, Put
from strongroom.flows import renew
from strongroom.flows.reads import five_reads
from strongroom.ports import Ports
from tests.fakes.faults import Hook
from tests.fakes.queue import FakeQueue
from tests.world import World

TOKEN_URL = "https://provider.example/token"
Deed = Callable[[], Any]
Behaviour = Callable[[Outgoing], Answer]


class Killed(BaseException):
    """The end of a process: nothing of ours runs any more."""


@dataclass
class Scene:
    """A person with a connection, in a world."""

    world: World
    installation: str
    user: str = "bob"

    @property
    def row(self) -> Item:
        row = self.world.table.row(self._key)
        assert row is not None
        return row

    @property
    def connection(self) -> Connection:
        return Connection.from_item(self.row)

    @property
    def _key(self) -> Any:
        own = keys.connection("acme", self.user, self.installation)
        shared = keys.shared_connection("acme", self.installation)
        return own if self.world.table.row(own) else shared

    def renew(self, ports: Ports | None = None, cause: str = "schedule", within: float = 23) -> Outcome:
        """Let one worker read and renew."""
        used = ports or self.world.ports
        admitted = five_reads(used.table, "acme", self.user, self.installation).admitted()
        assert admitted.connection is not None
        return renew.renew(used, admitted.team, admitted.connection, cause, used.clock.now() + within)

    def refreshes(self) -> list[str]:
        """The refresh tokens that the provider was sent, in order."""
        sent = self.world.provider.token_requests
        return [form["refresh_token"] for form in sent if form["grant_type"] == "refresh_token"]

    def provider_does(self, *behaviours: Behaviour) -> None:
        self.world.provider.answer_next.extend(behaviours)

    def works(self) -> bool:
        """Whether a satellite gets a living grant's newest token, and the table holds its newest refresh token."""
        answer = self.world.look_up(self.user, self.installation)
        alive = {grant.access: grant.refresh for grant in self.world.provider.grants if grant.alive}
        return answer.status == 200 and alive.get(answer.json["access_token"]) == self.sealed_refresh()

    def sealed_refresh(self) -> str:
        """Open what the row holds, as a new environment would."""
        connection = self.connection
        team = five_reads(self.world.table, "acme", self.user, self.installation).team
        assert connection.tokens is not None
        assert connection.tokens.refresh is not None
        assert team is not None
        ring = self.world.new_environment().vault.ring("connection", team.sealing_keys)
        return ring.open(connection.tokens.refresh, connection.place("refresh_token")).reveal()


def connected(user: str = "bob", **policy: Any) -> Scene:
    world = World(**policy)
    installation = world.install()
    world.connect(user, installation)
    return Scene(world, installation, user)


def nearly_over(user: str = "bob", left: int = 30, **policy: Any) -> Scene:
    """The access token has so many seconds left; 0 or less: it is over."""
    scene = connected(user, **policy)
    scene.world.clock.advance(3600 - left)
    return scene


# -- what a provider does


def replies(status: int, body: bytes = b"{}", **headers: str) -> Behaviour:
    answer = Reply(status, {name.replace("_", "-"): (value,) for name, value in headers.items()}, body)
    return lambda request: answer


def says(error: str, status: int = 400) -> Behaviour:
    return replies(status, b'{"error": "%s"}' % error.encode())


def silence(request: Outgoing) -> Answer:
    """The request never arrived, or so it seems."""
    return NoAnswer("timed_out")


def rotates_in_silence(world: World) -> Behaviour:
    """The provider does its work, and the answer gets lost."""

    def behave(request: Outgoing) -> Answer:
        world.provider.honest(request)
        return NoAnswer("timed_out")

    return behave


def forgives(world: World) -> Behaviour:
    """The provider takes the token that was spent last once more, as in a grace window."""

    def behave(request: Outgoing) -> Answer:
        spent = world.provider.token_requests[-1]["refresh_token"]
        for grant in world.provider.grants:
            if spent in grant.spent:
                grant.spent.discard(spent)
                grant.refresh = spent
        return world.provider.honest(request)

    return behave


def before_answering(world: World, *deeds: Deed) -> Behaviour:
    """Others act while the request is on its way; then the provider works as usual."""

    def behave(request: Outgoing) -> Answer:
        for deed in deeds:
            deed()
        return world.provider.honest(request)

    return behave


def after_rotating(world: World, *deeds: Deed) -> Behaviour:
    """The provider has rotated; others act before its answer is here."""

    def behave(request: Outgoing) -> Answer:
        answer = world.provider.honest(request)
        for deed in deeds:
            deed()
        return answer

    return behave


def slowly(world: World, seconds: float) -> Behaviour:
    return after_rotating(world, lambda: world.clock.advance(seconds))


def dies(request: Outgoing) -> Answer:
    raise Killed


def dies_after_rotating(world: World) -> Behaviour:
    def behave(request: Outgoing) -> Answer:
        world.provider.honest(request)
        raise Killed

    return behave


# -- what the table does


def holds_tokens(writes: Any) -> bool:
    """Whether the commit stores what a renewal or a consent brought."""
    changes = [
        write.put if isinstance(write, Change) else write.item
        for write in writes
        if hasattr(write, "put") or isinstance(write, Put)
    ]
    return any("access" in change and change.get("kind") != "chore" for change in changes)


def when(wanted: Callable[[Any], bool], deed: Hook, times: int = 10_000) -> Hook:
    """Do the deed at the first so many calls that are wanted."""
    left = [times]

    def hook(argument: Any) -> None:
        if left[0] and wanted(argument):
            left[0] -= 1
            deed(argument)

    return hook


def raises(error: Exception) -> Hook:
    def hook(argument: Any) -> None:
        raise error

    return hook


def refuses_tokens(world: World, times: int = 10_000) -> None:
    """The table takes leases and failures, but no new tokens."""
    world.table.before["commit"] = when(holds_tokens, raises(StoreUnavailable("busy")), times)


def heals(world: World) -> None:
    world.table.before.clear()
    world.table.after.clear()


def queue(world: World, name: str) -> FakeQueue:
    found = getattr(world.queues, name)
    assert isinstance(found, FakeQueue)
    return found


def rows(world: World, kind: str) -> list[Item]:
    return [row for row in world.table.snapshot().values() if row.get("kind") == kind]


def rejections(world: World) -> list[str]:
    """How each rejection of our client was told: as a line or as an alarm."""
    return [entry.level for entry in world.journal.entries if entry.event == "client_rejected"]


def alarms(world: World) -> list[str]:
    return [entry.event for entry in world.journal.alarms()]
