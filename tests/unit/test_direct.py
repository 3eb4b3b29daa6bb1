"""Look-ups and reports by direct invoke answer, change and write down what the routes of the API do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.token import app as token
from strongroom.aws import direct
from strongroom.domain import keys
from tests.requirements import requirement
from tests.unit.attacks.scenes import records
from tests.unit.renewals import Scene, connected
from tests.weakened import weakened
from tests.world import GATEWAY, Answered, Context, World

MORE = 'Bearer error="insufficient_scope", scope="files mail"'
NEVER_MINTED = "a" * 20
OLD = f"{NEVER_MINTED}.1"


def invoked(scene: Scene, **more: Any) -> Answered:
    payload = {"form": 1, "team": "acme", "installation": scene.installation, "user": "bob", **more}
    given = {name: value for name, value in payload.items() if value is not ...}
    return World.answered(token.lambda_handler(given, Context("direct"), scene.world.wired))


def reported(scene: Scene, version: str | None = None, status: int = 401, **more: Any) -> Answered:
    return invoked(scene, rejected={"version": version or str(scene.connection.version), "status": status, **more})


def through_the_api(scene: Scene, version: str | None = None, status: int = 401, **more: Any) -> Answered:
    return scene.world.reject("bob", scene.installation, version or str(scene.connection.version), status, **more)


# -- as the route does


def _twice(scene: Scene, report: Callable[..., Answered]) -> Answered:
    report(scene)
    scene.world.clock.advance(60)
    return report(scene)


def _of_an_older_version(scene: Scene, report: Callable[..., Answered]) -> Answered:
    old = str(scene.connection.version)
    scene.renew()
    return report(scene, old)


def _of_a_disabled_installation(scene: Scene, report: Callable[..., Answered]) -> Answered:
    path = f"/v1/teams/acme/installations/{scene.installation}"
    version = str(scene.connection.version)
    scene.world.as_user("alice", "PATCH", path, {"enabled": False})
    return report(scene, version)


def _of_an_ex_member(scene: Scene, report: Callable[..., Answered]) -> Answered:
    version = str(scene.connection.version)
    scene.world.put_member("acme", "bob", None)
    return report(scene, version)


REPORTS: dict[str, tuple[int, Callable[[Scene, Callable[..., Answered]], Answered]]] = {
    "a rejection": (200, lambda scene, report: report(scene)),
    "a 403 of another kind": (200, lambda scene, report: report(scene, status=403, challenge="Bearer")),
    "a step-up": (409, lambda scene, report: report(scene, status=403, challenge=MORE)),
    "a second version": (409, _twice),
    "an older version": (200, _of_an_older_version),
    "a version of nobody": (200, lambda scene, report: report(scene, OLD)),
    "a disabled installation": (409, _of_a_disabled_installation),
    "an ex-member": (404, _of_an_ex_member),
}


@pytest.mark.parametrize(("status", "report"), REPORTS.values(), ids=REPORTS.keys())
def test_a_report_is_answered_remembered_and_written_down_as_the_routes(
    status: int, report: Callable[[Scene, Callable[..., Answered]], Answered]
) -> None:
    by_route, directly = connected(), connected()
    expected, given = report(by_route, through_the_api), report(directly, reported)
    assert (given.status, given.json, given.headers) == (expected.status, expected.json, expected.headers)
    assert given.status == status
    assert directly.refreshes() == by_route.refreshes()
    assert _called_direct(by_route) == _told(directly)
    assert directly.world.table.snapshot().keys() == by_route.world.table.snapshot().keys()


def _told(scene: Scene) -> list[tuple[str, dict[str, Any]]]:
    return [(entry.event, {**entry.fields}) for entry in scene.world.journal.entries]


def _called_direct(scene: Scene) -> list[tuple[str, dict[str, Any]]]:
    """The lines as they would be if the satellite had come through the alias."""
    return [
        (event, {name: "direct" if value == str(GATEWAY) else value for name, value in fields.items()})
        for event, fields in _told(scene)
    ]


def test_a_report_forces_one_renewal_and_the_new_token_is_the_answer() -> None:
    scene = connected()
    failed = str(scene.connection.version)
    answer = reported(scene, failed)
    assert (answer.status, answer.json["version"] != failed) == (200, True)
    assert reported(scene, failed).json["version"] == answer.json["version"]
    assert len(scene.refreshes()) == 1


def test_a_step_up_is_recorded_as_told_by_the_direct_gateway() -> None:
    scene = connected()
    assert reported(scene, status=403, challenge=MORE).json["error"] == "insufficient_scope"
    [told] = records(scene.world, "more_scopes_wanted")
    assert told["by"] == "direct"
    assert scene.refreshes() == []


def test_min_validity_counts_beside_a_report() -> None:
    scene = connected()
    assert invoked(scene, rejected={"version": OLD, "status": 401}, min_validity=600).status == 200
    assert invoked(scene, rejected={"version": OLD, "status": 401}, min_validity=601).status == 400


def test_a_look_up_without_a_report_is_what_it_was() -> None:
    scene = connected()
    for more in ({}, {"rejected": None}, {"min_validity": 30}):
        assert invoked(scene, **more).json == scene.world.look_up("bob", scene.installation).json
    assert scene.refreshes() == []


# -- what is refused

SAID = {"version": OLD, "status": 401}
WRONG: dict[str, Any] = {
    "a text": "yes",
    "a flag": True,
    "a number": 1,
    "a list": [SAID],
    "a list of pairs": [["version", OLD], ["status", 401]],
    "nothing in it": {},
    "no version": {"status": 401},
    "no status": {"version": OLD},
    "a version that we never gave": {**SAID, "version": "x"},
    "a version of null": {**SAID, "version": None},
    "another status": {**SAID, "status": 200},
    "a status in words": {**SAID, "status": "401"},
    "a status with a fraction": {**SAID, "status": 401.0},
    "a flag for a status": {**SAID, "status": True},
    "an empty challenge": {**SAID, "challenge": ""},
    "a challenge that is no text": {**SAID, "challenge": ["Bearer"]},
    "a long challenge": {**SAID, "challenge": "a" * 8193},
}


def refused(scene: Scene, **more: Any) -> str:
    before, sent = scene.world.table.snapshot(), len(scene.world.egress.sent)
    answer = invoked(scene, **more)
    assert answer.status == 400
    assert (scene.world.table.snapshot(), len(scene.world.egress.sent)) == (before, sent)
    return str(answer.json["error"])


@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG.keys())
def test_a_report_of_another_form_is_refused_and_does_nothing(said: Any) -> None:
    assert refused(connected(), rejected=said) == "invalid_request"


@requirement("attack:D14")
@pytest.mark.parametrize("member", ["user", "team", "caller", "installation", "not_version", "min_validity"])
def test_a_report_with_a_member_that_does_not_belong_there_is_refused(member: str) -> None:
    assert refused(connected(), rejected={**SAID, member: "alice"}) == "unknown_field"


def test_a_report_and_a_version_that_is_not_wanted_exclude_each_other() -> None:
    scene = connected()
    assert refused(scene, rejected=SAID, not_version=str(scene.connection.version)) == "invalid_request"


def test_control_if_they_did_not_exclude_each_other_one_of_them_would_be_lost() -> None:
    scene = connected()
    with weakened(direct._rejection, "wish.not_version is not None", "False"):
        assert invoked(scene, rejected=SAID, not_version=str(scene.connection.version)).status == 200
    assert scene.refreshes() == []


@requirement("attack:A32")
@pytest.mark.parametrize("alias", [None, "live", "$LATEST", "1"], ids=repr)
def test_a_report_means_nothing_through_any_other_alias(alias: str | None) -> None:
    scene = connected()
    before = scene.world.table.snapshot()
    payload = {"form": 1, "team": "acme", "installation": scene.installation, "user": "bob"}
    report = {**payload, "rejected": {"version": str(scene.connection.version), "status": 401}}
    answer = World.answered(token.lambda_handler(report, Context(alias), scene.world.wired))
    assert answer.status in {400, 404}
    assert (scene.world.table.snapshot(), scene.refreshes()) == (before, [])


@requirement("attack:A32")
def test_control_if_the_shape_decided_a_report_would_be_enough() -> None:
    scene = connected()
    payload = {"form": 1, "team": "acme", "installation": scene.installation, "user": "bob"}
    report = {**payload, "rejected": {"version": str(scene.connection.version), "status": 401}}
    with weakened(token.lambda_handler, "qualifier(context) == direct.ALIAS", '"form" in event'):
        assert World.answered(token.lambda_handler(report, Context("live"), scene.world.wired)).status == 200
    assert len(scene.refreshes()) == 1


@pytest.mark.parametrize("where", [{"installation": NEVER_MINTED}, {"team": "rivals"}, {"team": "ACME"}, {"user": "x"}])
def test_a_report_about_what_is_not_there_is_not_found(where: dict[str, str]) -> None:
    scene = connected()
    before = scene.world.table.snapshot()
    answer = invoked(scene, rejected={"version": str(scene.connection.version), "status": 401}, **where)
    assert (answer.status, answer.json["error"]) == (404, "not_found")
    assert scene.world.table.snapshot() == before


def test_what_a_server_said_is_in_no_answer_and_no_line() -> None:
    scene = connected()
    answer = reported(scene, status=403, challenge='Bearer error="insufficient_scope", scope="canary", realm="canary"')
    assert "canary" not in answer.text
    assert "canary" not in str(_told(scene))
    row = scene.world.table.row(keys.connection("acme", "bob", scene.installation))
    assert row is not None
    assert row["challenged_scopes"] == ["canary"]
