"""A lease whose write was repeated, because its answer got lost: it is recognised as our own."""

from __future__ import annotations

from typing import Any

from strongroom.domain.connection import Connection
from strongroom.domain.renewal_outcome import Adopted, Renewed, Waiting
from strongroom.domain.table import Change, Committed, Value
from strongroom.flows import renew
from tests.fakes.faults import Hook
from tests.unit.renewals import Scene, nearly_over, when
from tests.weakened import weakened


def takes_lease(writes: Any) -> bool:
    return any(isinstance(write, Change) and "lease" in write.put for write in writes)


def done_once_already(scene: Scene, *meanwhile: dict[str, Value]) -> Hook:
    """The first attempt at the write is done and its answer lost; others change the row; then it is sent again."""
    table = scene.world.table

    def deed(writes: Any) -> None:
        hook = table.before.pop("commit")
        (write,) = writes
        assert isinstance(table.commit(writes, str(write.put["lease"])), Committed)
        for number, changed in enumerate(meanwhile):
            assert isinstance(table.commit((Change(write.key, None, put=changed),), f"other-{number}"), Committed)
        table.before["commit"] = hook

    return when(takes_lease, deed, times=1)


def repeated(*meanwhile: dict[str, Value]) -> Scene:
    scene = nearly_over()
    scene.world.table.before["commit"] = done_once_already(scene, *meanwhile)
    return scene


def test_a_lease_that_was_written_twice_is_ours() -> None:
    scene = repeated()
    assert isinstance(scene.renew(), Renewed)
    assert scene.works()


def test_a_lease_that_was_written_twice_is_ours_though_a_use_was_noted_in_between() -> None:
    scene = repeated({"last_used_at": 1_800_003_000})
    assert isinstance(scene.renew(), Renewed)
    assert len(scene.refreshes()) == 1
    assert scene.works()


def test_control_who_goes_by_the_mark_alone_waits_for_itself() -> None:
    scene = repeated({"last_used_at": 1_800_003_000})
    with weakened(renew._is_ours, "(present.renewal.lease, present.version) == (lease, connection.version)", "False"):
        assert isinstance(scene.renew(), Waiting)
    assert scene.refreshes() == []


def test_a_lease_that_somebody_else_holds_by_now_is_not_ours() -> None:
    scene = repeated({"lease": "another-lease"})
    assert isinstance(scene.renew(), Waiting)
    assert scene.refreshes() == []


def test_a_lease_on_tokens_that_are_no_more_is_not_ours() -> None:
    scene = repeated({"n": 2})
    assert scene.renew() == Adopted()
    assert scene.refreshes() == []


def test_a_row_that_is_gone_holds_no_lease() -> None:
    assert not renew._is_ours(None, Connection.from_item(nearly_over().row), "a-lease")
