"""Opened keys: how seldom the key service is asked, for how long an answer counts, and what an outage does."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest

from strongroom.adapters.cipher import AesGcm
from strongroom.domain import keys
from strongroom.domain.errors import IntegrityError, KeysUnavailable, StoreUnavailable
from strongroom.domain.sealing import (
    Box,
    Envelope,
    Purpose,
    TeamKeys,
    Use,
)
from strongroom.domain.secret import Secret
from strongroom.domain.secretbytes import SecretBytes
from strongroom.flows.vaultkeys import Kept
from tests.fakes.clock import FakeClock
from tests.fakes.faults import fails
from tests.fakes.vaults import (
    PLACES,
    TOKEN,
    VaultWorld,
    open_anew,
    seal,
    token_place,
    verifier_place,
    world_with,
)


def test_one_question_to_the_key_service_serves_all_teams_for_five_minutes() -> None:
    teams = [f"team-{number}" for number in range(50)]
    world = world_with(*teams)
    sealed = {}
    for team in teams:
        ring = world.vault().sealing_ring("connection", world.team(team))
        sealed[team] = ring.seal(TOKEN, token_place(team=team))
    vault, rows = world.vault(), {team: world.team(team) for team in teams}
    world.service.requests.clear()
    world.table.requests.clear()

    asked = []
    for seconds in (0, 150, 149.9, 0.1):
        world.clock.advance(seconds)
        for team in teams:
            vault.ring("connection", rows[team]).open(sealed[team], token_place(team=team))
        asked.append((world.service.asked("decrypt"), world.table.requests["BatchGetItem"]))

    assert asked == [(1, 1), (1, 1), (1, 1), (2, 2)]


def test_a_key_that_was_just_made_is_not_asked_for_again() -> None:
    world = world_with("acme", "rivals")
    vault = world.vault()

    for team in ("acme", "rivals"):
        ring = vault.sealing_ring("connection", world.team(team))
        ring.open(ring.seal(TOKEN, token_place(team=team)), token_place(team=team))

    assert [operation for operation, _ in world.service.requests] == ["generate"]


def test_a_team_key_is_forgotten_with_the_vault_key_that_unwrapped_it() -> None:
    world = world_with("acme", "rivals")
    sealed = seal(world, "connection")
    vault = world.vault()
    vault.sealing_ring("connection", world.team("rivals"))
    world.clock.advance(299)
    vault.ring("connection", world.team("acme")).open(sealed, token_place())
    world.service.disabled = True

    world.clock.advance(1)

    with pytest.raises(KeysUnavailable):
        vault.ring("connection", world.team("acme"))


def test_a_clock_that_is_set_back_makes_no_key_live_longer() -> None:
    world = world_with("acme")
    sealed = seal(world, "connection")
    vault = world.vault()
    vault.ring("connection", world.team("acme"))
    world.clock.set(world.clock.now() - 1000)

    vault.ring("connection", world.team("acme")).open(sealed, token_place())

    assert world.service.asked("decrypt") == 2


class CountingCipher(AesGcm):
    def __init__(self) -> None:
        self.opened: list[Use] = []

    def open(self, key: SecretBytes, use: Use, box: Box, data: bytes) -> SecretBytes:
        self.opened.append(use)
        return super().open(key, use, box, data)


def test_a_warm_look_up_opens_one_box() -> None:
    world, cipher = world_with("acme"), CountingCipher()
    sealed = seal(world, "connection")
    vault = world.vault(cipher=cipher)

    for _ in range(3):
        vault.ring("connection", world.team("acme")).open(sealed, token_place())

    assert cipher.opened == ["wrap", "seal", "seal", "seal"]


def test_a_wrapped_key_that_was_changed_is_noticed_by_those_who_opened_it_before() -> None:
    world = world_with("acme")
    seal(world, "connection")
    vault, [key] = world.vault(), world.team("acme").wrapped["connection"]
    vault.ring("connection", world.team("acme"))

    with pytest.raises(IntegrityError):
        vault.ring("connection", TeamKeys("acme", {"connection": (replace(key, wrapped=key.wrapped[:-1] + b"\0"),)}))


def test_an_authorization_opens_after_another_vault_key_has_become_the_current_one() -> None:
    world = world_with()
    sealed = seal(world, "authorization")
    pointer = keys.vault_key("authorization", "current")
    world.table.restore({key: row for key, row in world.table.snapshot().items() if key != pointer})

    ring = world.vault().sealing_ring("authorization", None)

    assert ring.open(sealed, verifier_place()) == TOKEN
    assert Envelope.parse(ring.seal(TOKEN, verifier_place())).vault_key_id != Envelope.parse(sealed).vault_key_id


def test_no_more_than_the_bound_is_kept_and_the_oldest_goes_first() -> None:
    kept: Kept[int, str] = Kept(FakeClock(), most=3)

    for number in (1, 2, 3, 1, 4):
        kept.put(number, f"thing {number}", since=FakeClock().now())

    assert len(kept) == 3
    assert [kept.get(number) for number in (1, 2, 3, 4)] == ["thing 1", None, "thing 3", "thing 4"]


class Reception(FakeClock):
    """A clock that notices who looked: everybody looks twice, at the kept keys, before asking for one."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = Counter[int]()
        self._changed = threading.Condition()

    def now(self) -> float:
        with self._changed:
            self._looks[threading.get_ident()] += 1
            self._changed.notify_all()
        return super().now()

    def await_all(self, threads: int) -> None:
        with self._changed:
            self._looks.pop(threading.main_thread().ident or 0, None)
            done = self._changed.wait_for(lambda: sum(n >= 2 for n in self._looks.values()) == threads, timeout=30)
        assert done


def test_threads_that_start_together_ask_once() -> None:
    clock = Reception()
    world = VaultWorld(clock=clock)
    world.put_team("acme")
    sealed = seal(world, "connection")
    vault, team, opened = world.vault(), world.team("acme"), list[Secret]()
    world.service.before["decrypt"] = lambda context: clock.await_all(16)

    def work() -> None:
        opened.append(vault.ring("connection", team).open(sealed, token_place()))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert opened == [TOKEN] * 16
    assert world.service.asked("decrypt") == 1


def test_after_a_failure_nobody_asks_for_a_second_and_then_all_is_well() -> None:
    world = world_with("acme")
    sealed = seal(world, "connection")
    vault, team = world.vault(), world.team("acme")
    world.service.disabled = True

    for _ in range(64):
        with pytest.raises(KeysUnavailable) as caught:
            vault.ring("connection", team)
    asked = world.service.asked("decrypt")
    world.service.disabled = False
    world.clock.advance(1)

    assert asked == 1
    assert caught.value.detail == {"retry_after": 1}
    assert vault.ring("connection", team).open(sealed, token_place()) == TOKEN


def test_opened_keys_outlast_an_outage_of_the_key_service() -> None:
    world = world_with("acme")
    vault = world.vault()
    ring = vault.sealing_ring("connection", world.team("acme"))
    sealed = ring.seal(TOKEN, token_place())
    world.service.disabled = True
    world.clock.advance(299)

    again = vault.sealing_ring("connection", world.team("acme"))

    assert again.open(sealed, token_place()) == TOKEN
    assert again.open(again.seal(TOKEN, token_place()), token_place()) == TOKEN


@pytest.mark.parametrize("purpose", PLACES)
def test_without_the_key_service_nothing_is_sealed_or_written(purpose: Purpose) -> None:
    world = world_with("acme")
    world.service.disabled = True
    before = world.table.snapshot()

    with pytest.raises(KeysUnavailable):
        seal(world, purpose)

    assert world.table.snapshot() == before


def test_a_table_that_does_not_answer_is_no_missing_key() -> None:
    world = world_with("acme")
    sealed, team = seal(world, "connection"), world.team("acme")
    world.table.before["read"] = fails(StoreUnavailable())

    with pytest.raises(StoreUnavailable):
        world.vault().ring("connection", team).open(sealed, token_place())
    assert open_anew(world, "connection", sealed) == TOKEN
