"""The call that passes at each route, by who may, with something changed: in the request, or in the event made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from strongroom.domain import team
from tests.openapi import operations
from tests.unit.attacks.doors import jwt
from tests.unit.attacks.entrance import Entrance
from tests.unit.attacks.kinds import ADMIN, ANOTHER, HOST, SATELLITE, Headers, kind_named
from tests.unit.attacks.matrix import ROWS, Row, Scene
from tests.weakened import weakened
from tests.world import GATEWAY as GATEWAY_ROLE
from tests.world import HOST as HOST_ROLE
from tests.world import Answered, Context, World, iam, routed

PASSES = {
    "every member": ADMIN,
    "admins": ADMIN,
    "who began": ANOTHER,
    "satellites of the team": SATELLITE,
    "hosts of the team": HOST,
    "everybody": ADMIN,
}
AUTHORIZERS = {
    ADMIN: jwt("alice"),
    ANOTHER: jwt("carol"),
    SATELLITE: {"iam": iam(GATEWAY_ROLE)},
    HOST: {"iam": iam(HOST_ROLE)},
}
FIRST_OF_ROUTE = tuple({row.route: row for row in reversed(ROWS)}.values())
WITH_BODY = tuple(row for row in FIRST_OF_ROUTE if "requestBody" in operations()[row.route])
WITHOUT_BODY = tuple(row for row in FIRST_OF_ROUTE if row not in WITH_BODY)
Again: TypeAlias = Callable[[], None]


def name_of(one: object) -> str:
    return one.route if isinstance(one, Row) else str(one)


def send(
    entrance: Entrance, scene: Scene, row: Row, *, headers: Headers = (), kind: str = "application/json", **changed: Any
) -> Answered:
    """Send the call that passes, by who may, with something changed: `method`, `target` or `body`."""
    entrance.world = scene.world
    method, target, body = row.request(scene)
    method, target, body = (
        changed.get(name, old) for name, old in (("method", method), ("target", target), ("body", body))
    )
    own = kind_named(PASSES[row.rule]).headers(entrance, method, target, body)
    return entrance.send(method, target, [*own, ("content-type", kind), *headers], body)


def handed_over(scene: Scene, row: Row, changed: Mapping[str, Any]) -> Answered:
    """Give the handler the event of the call that passes, with something changed in it."""
    method, target, body = row.request(scene)
    path, _, query = target.partition("?")
    authorizer = AUTHORIZERS[PASSES[row.rule]]
    handler, event = routed(method, path, None, authorizer, query=query, raw_body=body.decode() or None)
    return World.answered(handler({**event, **changed}, Context(), scene.world.wired))


def path_of(scene: Scene, row: Row) -> Mapping[str, str]:
    """The parts of the path, as API Gateway hands them over."""
    return {**scene.ids, **row.ids(scene)}


def assert_sound(scene: Scene, answer: Answered, alarms: int) -> None:
    """No 500, no error that nobody foresaw; a refusal is a page, or has our shape or API Gateway's."""
    assert answer.status < 500, answer.text
    assert [one for one in scene.world.journal.alarms()[alarms:] if "unexpected" in str(one)] == []
    if answer.status >= 400 and answer.text.startswith("{"):
        assert answer.json.keys() in ({"message"}, {"error", "message", "request_id"})


@contextmanager
def no_rows_asked() -> Iterator[None]:
    """Take out what the rows of team and host say about roles: only API Gateway is left."""
    no_host_row = 'if host_row is None or host_row.get("kind") != "host":\n        return False'
    with (
        weakened(team.admit_satellite, "str(caller) in team.satellites", "True"),
        weakened(team.speaks_for, no_host_row, "if True:\n        return True"),
    ):
        yield
