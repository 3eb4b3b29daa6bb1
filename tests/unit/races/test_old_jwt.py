"""A JWT is good for an hour, a membership ends at once: the members' rows decide, on every route that takes a JWT."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.table import Item
from strongroom.domain.team import Member
from tests.requirements import requirement
from tests.unit.entered import installed, provider
from tests.unit.renewals import rows
from tests.weakened import weakened
from tests.world import MCP_URL, ROUTES, Answered, World

OF_PEOPLE = sorted(route for route in ROUTES if route[1].startswith(("/v1/teams/", "/v1/authorizations/")))
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/teams/{team}/installations"): {"name": "More Files", "url": MCP_URL},
    ("POST", "/v1/teams/{team}/probe"): {"url": MCP_URL},
    ("PATCH", "/v1/teams/{team}/installations/{installation}"): {"name": "Other Files"},
    ("PUT", "/v1/teams/{team}/installations/{installation}/client_secret"): {"client_secret": "another-secret"},
}


class OldJwt:
    """Alice, an admin, is connected and has consented once more; then her account is deleted, and her JWT lives on."""

    def __init__(self) -> None:
        self.world = World()
        self.installation = installed(self.world, provider(), requires_oauth=True)
        self.world.connect("alice", self.installation)
        self.mine = self.world.consent(self.world.begin("alice", self.installation), "alice")

    def leave(self) -> None:
        assert self.world.put_member("acme", "alice", None).status == 200

    def call(self, method: str, pattern: str) -> Answered:
        path = pattern.format(team="acme", installation=self.installation, authorization=self.mine.id)
        own = {"secret": self.mine.secret} if pattern.endswith("/complete") else {}
        body = BODIES.get((method, pattern), own)
        return self.world.as_user("alice", method, path, None if method in ("GET", "DELETE") else body)

    def what_there_is(self) -> list[Item]:
        kinds = ("connection", "installation", "member", "team", "provider_client", "chore")
        return [row for kind in kinds for row in rows(self.world, kind)]


@requirement("attack:E7")
@pytest.mark.parametrize("route", OF_PEOPLE, ids=" ".join)
def test_a_jwt_of_one_who_has_left_opens_nothing(route: tuple[str, str]) -> None:
    stage = OldJwt()
    stage.leave()
    before, sent = stage.what_there_is(), len(stage.world.egress.sent)
    answer = stage.call(*route)
    assert (answer.status, answer.json["error"]) in [(404, "not_found"), (400, "no_longer_member")]
    assert (stage.what_there_is(), len(stage.world.egress.sent)) == (before, sent)


@requirement("attack:E7")
@pytest.mark.parametrize("route", OF_PEOPLE, ids=" ".join)
def test_control_the_same_call_succeeds_while_she_is_a_member(route: tuple[str, str]) -> None:
    assert OldJwt().call(*route).status in (200, 201)


@requirement("attack:E7")
@pytest.mark.parametrize("pattern", ["/v1/teams/{team}/installations", "/v1/teams/{team}/installations/{installation}"])
def test_control_if_the_row_of_a_member_were_not_asked_the_jwt_would_do(pattern: str) -> None:
    stage = OldJwt()
    stage.leave()
    left = stage.world.table.row(keys.member("acme", "alice"))
    assert left is not None
    stage.world.table.place({**left, "role": "team_admin", "epoch": "e" * 20})
    assert stage.call("GET", pattern).status == 404
    with weakened(vars(Member)["from_item"].__func__, 'item["state"] != "active"', "False"):
        assert stage.call("GET", pattern).status == 200


@requirement("attack:E7")
def test_a_satellite_gets_nothing_for_one_who_has_left() -> None:
    stage = OldJwt()
    assert stage.world.look_up("alice", stage.installation).status == 200
    stage.leave()
    assert stage.world.look_up("alice", stage.installation).status == 404
