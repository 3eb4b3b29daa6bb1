"""Bodies made of the interface's document and spoilt: no 500, and nothing of another team changes."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.domain.table import Item, Key
from tests.openapi import body_schema
from tests.requirements import requirement
from tests.unit.attacks.bodies import spoilt
from tests.unit.attacks.entrance import Entrance
from tests.unit.attacks.matrix import Row, Scene
from tests.unit.attacks.passing import WITH_BODY, Again, assert_sound, name_of, send


def of_the_rivals(scene: Scene) -> dict[Key, Item]:
    return {key: row for key, row in scene.world.table.snapshot().items() if row.get("team") == "rivals"}


@requirement("attack:D13")
@requirement("invariant:I1")
@pytest.mark.parametrize("row", WITH_BODY, ids=name_of)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_the_body_no_500_and_no_row_of_another_team_changes(
    entrance: Entrance, scene: Scene, again: Again, row: Row, data: st.DataObject
) -> None:
    again()
    theirs, alarms = of_the_rivals(scene), len(scene.world.journal.alarms())
    good = json.loads(row.request(scene)[2] or b"{}")
    answer = send(entrance, scene, row, body=data.draw(spoilt(body_schema(row.route), good), label="body"))
    assert_sound(scene, answer, alarms)
    assert of_the_rivals(scene) == theirs


@requirement("attack:D13")
def test_control_a_body_that_changed_the_rivals_would_be_seen(scene: Scene, again: Again) -> None:
    theirs = of_the_rivals(scene)
    assert len(theirs) > 3
    scene.world.put_member("rivals", "mallory", None)
    assert of_the_rivals(scene) != theirs
