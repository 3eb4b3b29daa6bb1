"""A connection that cannot be renewed for a reason of ours: an alarm and a pause, and the good token still goes out."""

from strongroom.domain import keys
from strongroom.domain.table import Key
from tests.unit.renewals import Scene, connected


def damaged() -> Scene:
    """Let the refresh token's ciphertext be changed, five minutes before the access token ends."""
    scene = connected()
    refresh = scene.row["refresh"]
    assert isinstance(refresh, bytes)
    scene.world.table.place({**scene.row, "refresh": refresh[:-1] + bytes([refresh[-1] ^ 1])})
    scene.world.clock.advance(3300)
    return scene


def test_a_damaged_refresh_token_withholds_no_good_access_token() -> None:
    scene = damaged()
    assert scene.world.look_up("bob", scene.installation, min_validity=600).status == 200
    assert "renewal_stuck" in [entry.event for entry in scene.world.journal.alarms()]
    assert scene.world.provider.grants[0].alive


def test_a_damaged_refresh_token_waits_for_its_next_try() -> None:
    scene = damaged()
    scene.world.tick()
    assert scene.connection.renewal.last_error == "integrity_error"
    assert scene.connection.renewal.retry_at > scene.world.clock.now()
    alarms = len(scene.world.journal.alarms())
    scene.world.tick()
    assert len(scene.world.journal.alarms()) == alarms


def test_a_missing_client_waits_too() -> None:
    scene = connected()
    destination = scene.connection.required_destination()
    gone: Key = keys.provider_client(destination.provider_key, destination.client_generation)
    scene.world.table.restore({key: row for key, row in scene.world.table.snapshot().items() if key != gone})
    scene.world.clock.advance(3300)
    assert scene.world.look_up("bob", scene.installation, min_validity=600).status == 200
    assert scene.connection.renewal.last_error == "not_found"
