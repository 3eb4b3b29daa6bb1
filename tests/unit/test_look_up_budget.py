"""What a look-up may cost: one read of five rows, and next to nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from strongroom.domain import keys, schedule
from strongroom.domain.sealing import Place, Purpose, TeamKeys
from strongroom.domain.secret import Secret
from strongroom.domain.table import Key
from strongroom.flows import look_up
from strongroom.ports import Ring
from tests.weakened import weakened
from tests.world import GATEWAY, World

HOUR = 3600


class Bill:
    """What was asked of whom between two moments."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.reads: list[list[Key]] = []
        self.start()

    def start(self) -> None:
        world, self.reads = self._world, []
        self._before = Counter(world.table.requests), len(world.keys.requests), len(world.egress.sent)
        world.table.before["read"] = self._note

    def _note(self, asked: Sequence[Key]) -> None:
        self.reads.append(list(asked))

    @property
    def table(self) -> dict[str, int]:
        return dict(self._world.table.requests - self._before[0])

    @property
    def keys(self) -> int:
        return len(self._world.keys.requests) - self._before[1]

    @property
    def outside(self) -> int:
        return len(self._world.egress.sent) + len(self._world.egress.dialled) - self._before[2]


@pytest.fixture
def connected() -> tuple[World, str]:
    """Bob is connected with a token that lives a day, and the function is warm."""
    world = World()
    world.provider.lifetime = 24 * HOUR
    installation = world.install()
    world.connect("bob", installation)
    assert world.look_up("bob", installation).status == 200
    return world, installation


def test_a_warm_look_up_of_a_fresh_token_is_one_read_of_five_rows(connected: tuple[World, str]) -> None:
    world, installation = connected
    bill = Bill(world)

    assert world.look_up("bob", installation).status == 200

    assert bill.table == {"BatchGetItem": 1}
    assert bill.reads == [
        [
            keys.team("acme"),
            keys.member("acme", "bob"),
            keys.installation("acme", installation),
            keys.connection("acme", "bob", installation),
            keys.shared_connection("acme", installation),
        ]
    ]
    assert (bill.keys, bill.outside) == (0, 0)


def test_a_shared_token_costs_the_same(connected: tuple[World, str]) -> None:
    world, _ = connected
    shared = world.install(name="Shared Files", sharing="shared")
    world.connect("alice", shared, confirm_shared=True)
    bill = Bill(world)
    assert world.look_up("bob", shared).status == 200
    assert (bill.table, len(bill.reads[0]), bill.keys, bill.outside) == ({"BatchGetItem": 1}, 5, 0, 0)


def test_nothing_to_give_costs_the_same(connected: tuple[World, str]) -> None:
    world, installation = connected
    bill = Bill(world)
    assert world.look_up("carol", installation).status == 409
    assert (bill.table, bill.keys, bill.outside) == ({"BatchGetItem": 1}, 0, 0)


def test_the_use_of_a_connection_is_written_at_most_once_in_six_hours(connected: tuple[World, str]) -> None:
    world, installation = connected
    written = []
    for _ in range(3):
        world.clock.advance(6 * HOUR)
        bill = Bill(world)
        for _ in range(30):
            assert world.look_up("bob", installation).status == 200
            world.clock.advance(60)
        written.append(bill.table.get("UpdateItem", 0))
        assert bill.outside == 0
        world.clock.advance(-30 * 60)
    assert written == [1, 1, 1]


def test_control_without_the_rule_every_look_up_would_write(connected: tuple[World, str]) -> None:
    world, installation = connected
    bill = Bill(world)
    with weakened(schedule.use_is_worth_a_write, "now - last_used_at >= USED_GRANULARITY", "True"):
        for _ in range(3):
            world.look_up("bob", installation)
    assert bill.table == {"BatchGetItem": 3, "UpdateItem": 3}


def test_the_key_service_is_asked_once_in_five_minutes_however_many_people_there_are(
    connected: tuple[World, str],
) -> None:
    world, installation = connected
    world.connect("alice", installation)
    world.ports = world.new_environment()
    bill = Bill(world)
    for _ in range(4):
        for user in ("alice", "bob"):
            assert world.look_up(user, installation).status == 200
        world.clock.advance(74)
    assert bill.keys == 1
    world.clock.advance(10)
    world.look_up("bob", installation)
    assert bill.keys == 2


def test_control_a_second_read_would_be_on_the_bill(connected: tuple[World, str]) -> None:
    world, installation = connected
    bill = Bill(world)
    with weakened(
        look_up.admit,
        "return reads",
        "five_reads(ports.table, ask.team, ask.user, ask.installation)\n    return reads",
    ):
        world.look_up("bob", installation)
    assert bill.table == {"BatchGetItem": 2}


@pytest.mark.parametrize(
    "inject", [{"headers": {"X-Key": "k"}}, {"env": {"KEY": "{access_token}"}}], ids=["header", "template"]
)
def test_what_an_installation_injects_costs_one_more_opening_and_nothing_of_table_or_keys(inject: object) -> None:
    world = World()
    world.provider.lifetime = 24 * HOUR
    plain, injecting = (world.install(name=name, inject=what) for name, what in (("Plain", {}), ("Keyed", inject)))
    openings = []
    for installation in (plain, injecting):
        world.connect("bob", installation)
        assert world.look_up("bob", installation).status == 200
        bill = Bill(world)
        with counted(world) as opened:
            assert world.look_up("bob", installation).status == 200
        openings.append(len(opened))
        assert (bill.table, len(bill.reads[0]), bill.keys, bill.outside) == ({"BatchGetItem": 1}, 5, 0, 0)
    assert openings == [1, 2]


def test_a_server_without_oauth_costs_one_read_and_nothing_to_open_unless_something_is_injected() -> None:
    world = World()
    plain, injecting = (
        world.install(name=name, requires_oauth=False, inject=what)
        for name, what in (("Plain", {}), ("Keyed", {"env": {"KEY": "k"}}))
    )
    openings = []
    for installation in (plain, injecting):
        assert world.look_up("bob", installation).status == 200
        bill = Bill(world)
        with counted(world) as opened:
            assert world.look_up("bob", installation).status == 200
        openings.append(len(opened))
        assert (bill.table, bill.keys, bill.outside) == ({"BatchGetItem": 1}, 0, 0)
    assert openings == [0, 1]


@contextmanager
def counted(world: World) -> Iterator[list[Place]]:
    """List what the vault opens meanwhile."""
    opened: list[Place] = []
    before = world.ports

    class Counting:
        def __init__(self, ring: Ring) -> None:
            self._ring = ring

        def seal(self, secret: Secret, place: Place) -> bytes:
            return self._ring.seal(secret, place)

        def open(self, sealed: bytes, place: Place) -> Secret:
            opened.append(place)
            return self._ring.open(sealed, place)

    class CountingVault:
        def ring(self, purpose: Purpose, team: TeamKeys | None) -> Ring:
            return Counting(before.vault.ring(purpose, team))

        def sealing_ring(self, purpose: Purpose, team: TeamKeys | None) -> Ring:
            return Counting(before.vault.sealing_ring(purpose, team))

    world.ports = replace(before, vault=CountingVault())
    try:
        yield opened
    finally:
        world.ports = before


def test_a_caller_that_the_team_does_not_list_costs_one_read_more_and_no_key(connected: tuple[World, str]) -> None:
    world, installation = connected
    world.put_satellite("acme", GATEWAY, allowed=False)
    bill = Bill(world)
    assert world.look_up("bob", installation).status == 404
    assert (bill.table, bill.keys, bill.outside) == ({"BatchGetItem": 2}, 0, 0)
