"""The main job from end to end, through the real handlers."""

from tests.world import GATEWAY, World


def test_everybody_connects_and_the_satellite_gets_each_persons_own_token() -> None:
    world = World()
    installation = world.install()
    world.connect("alice", installation)

    assert world.status("alice", installation)["status"] == "connected"
    assert world.status("bob", installation)["reason"] == "never_connected"

    asked = world.look_up("bob", installation)
    assert (asked.status, asked.json["error"]) == (409, "authorization_required")
    assert asked.json["link"] == f"https://web.example/connections?team=acme&installation={installation}"

    world.connect("bob", installation)
    for user in ("alice", "bob"):
        token = world.look_up(user, installation)
        assert world.provider.account_of(token.json["access_token"]) == user


def test_a_denial_is_shown() -> None:
    world = World()
    installation = world.install()
    begun = world.begin("carol", installation)
    answer = world.browse(world.provider.consent(begun.url, "carol", error="access_denied"))
    assert answer.headers["location"] == f"https://web.example/connections#authorization={begun.id}&outcome=denied"
    assert world.status("carol", installation)["reason"] == "denied"


def test_tokens_near_their_end_are_renewed_by_the_schedule_and_the_provider_has_rotated() -> None:
    world = World()
    installation = world.install()
    for user in ("alice", "bob"):
        world.connect(user, installation)
    before = {user: world.look_up(user, installation).json for user in ("alice", "bob")}

    world.clock.advance(3100)
    world.tick()

    for user in ("alice", "bob"):
        after = world.look_up(user, installation).json
        assert after["access_token"] != before[user]["access_token"]
        assert world.provider.account_of(after["access_token"]) == user
    assert [grant.alive for grant in world.provider.grants] == [True, True]


def test_a_look_up_renews_a_token_that_is_about_to_expire() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(3570)
    token = world.look_up("bob", installation).json
    assert token["expires_at"] > world.clock.now() + 3000
    assert world.provider.account_of(token["access_token"]) == "bob"


def test_a_withdrawn_grant_asks_that_person_alone_to_reconnect() -> None:
    world = World()
    installation = world.install()
    for user in ("alice", "bob"):
        world.connect(user, installation)
    world.provider.withdraw("alice")
    world.clock.advance(3100)
    world.tick()

    assert world.status("alice", installation)["reason"] == "refused"
    assert world.look_up("alice", installation).json["reason"] == "refused"
    assert world.status("bob", installation)["status"] == "connected"
    world.connect("alice", installation)
    assert world.provider.account_of(world.look_up("alice", installation).json["access_token"]) == "alice"


def test_a_revoked_connection_gives_nothing_and_the_provider_is_told() -> None:
    world = World()
    installation = world.install()
    for user in ("alice", "bob"):
        world.connect(user, installation)

    assert world.revoke("bob", installation).json["connection"]["reason"] == "revoked"
    assert world.look_up("bob", installation).json["reason"] == "revoked"
    world.deliver()

    assert [(grant.account, grant.alive) for grant in world.provider.grants] == [("alice", True), ("bob", False)]
    assert world.look_up("alice", installation, by=GATEWAY).status == 200
