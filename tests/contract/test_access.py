"""The matrix once more over real HTTP: a listener, a sign-in service that publishes its keys, signatures by the clock."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from local.accounts import HOST as HOST_KEYS
from local.accounts import SATELLITE as GATEWAY_KEYS
from local.accounts import Caller
from local.front import Front
from local.jwt_authorizer import fetch_json
from local.payload import Request, Response
from local.plan import Ports, origin
from tests.contract.toy_stack import free_ports
from tests.requirements import requirement
from tests.unit.attacks.entrance import KNOWN_KEYS, Entrance, published, signature
from tests.unit.attacks.kinds import HOST, KINDS, SATELLITE, Headers, Kind, kind_named
from tests.unit.attacks.matrix import OK, ROWS, Row, Scene, cell, prepared, table
from tests.unit.attacks.test_two_locks import documented
from tests.world import GATEWAY, Answered

POLICED = replace(GATEWAY_KEYS, access_key="AKIDSTRONGROOMPOLICY", policy=documented(SATELLITE))
POLICED_HOST = replace(HOST_KEYS, access_key="AKIDSTRONGROOMPOLHST", policy=documented(HOST))


class OpenDoor(Entrance):
    """An entrance behind a listener; what the sign-in service publishes comes over HTTP too."""

    def __init__(self, scene: Scene, ports: Ports) -> None:
        issuer = origin(ports.sign_in)
        documents = published(issuer)

        def publish(request: Request) -> Response:
            found = json.dumps(documents(f"{issuer}{request.path}")).encode()
            return Response(200, (("content-type", "application/json"),), found)

        super().__init__(scene.world, (*KNOWN_KEYS, POLICED, POLICED_HOST), issuer, fetch_json, time.time)
        self._listeners = (Front(ports.sign_in, publish), Front(ports.front, self.gateway.handle))
        self.origin = origin(ports.front)

    def over_http(self, scene: Scene, row: Row, kind: Kind) -> Answered:
        """Make a row's call as a client would."""
        self.world = scene.world
        method, target, body = row.request(scene)
        return self.sent(method, target, kind.headers(self, method, target, body), body)

    def sent(self, method: str, target: str, headers: Headers, body: bytes = b"") -> Answered:
        """Send headers as they are: two of one name stay two, and `Host` is the one that was signed."""
        given = [("content-type", "application/json"), ("Content-Length", str(len(body))), *headers]
        connection = http.client.HTTPConnection(urlsplit(self.origin).netloc, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=any(name.lower() == "host" for name, _ in given))
            for name, value in given:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answered(answer.status, dict(answer.getheaders()), answer.read().decode())
        finally:
            connection.close()

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        super().close()


@pytest.fixture(scope="module")
def door() -> Iterator[OpenDoor]:
    opened = OpenDoor(Scene(), free_ports(24000))
    yield opened
    opened.close()


@requirement("attack:D6")
def test_over_http_too_everybody_gets_what_the_rules_say(door: OpenDoor) -> None:
    """Every cell but those that change something: these the other matrix tries, in a scene each."""
    found, expected = {}, {}
    for kind in KINDS:
        scene = prepared(kind)
        for row in (row for row in ROWS if not row.changes_something(kind)):
            found[row.name, kind.name] = cell(row, door.over_http(scene, row, kind))
            expected[row.name, kind.name] = row.expected[kind.name]
    assert found == expected, f"\n{table(found)}"


@requirement("attack:D6")
@pytest.mark.parametrize("name", ["admin", SATELLITE, HOST])
def test_control_over_http_those_who_may_do_pass(door: OpenDoor, name: str) -> None:
    kind = kind_named(name)
    for row in ROWS:
        if row.expected[name] == OK:
            assert door.over_http(prepared(kind), row, kind).status == row.ok, row.name


@requirement("attack:D6")
def test_a_signature_is_for_one_request_and_a_few_minutes(door: OpenDoor) -> None:
    scene = Scene()
    door.world = scene.world
    row = next(row for row in ROWS if row.route.endswith("/token"))
    method, target, body = row.request(scene)
    good = signature(GATEWAY_KEYS, method, target, body)
    old = [(name, "20260101T000000Z" if name.lower() == "x-amz-date" else text) for name, text in good]
    other = target.replace("/teams/acme/", "/teams/rivals/")
    assert door.sent(method, target, good, body).status == 200
    for refused in (
        door.sent(method, target, old, body),
        door.sent(method, other, good, body),
        door.sent(method, f"{target}?user=mallory", good, body),
        door.sent(method, target, good, body.replace(b"bob", b"mallory")),
        door.sent("PUT" if method == "POST" else "POST", target, good, body),
        door.sent(method, target, [*good, ("x-amz-security-token", "stolen")], body),
        door.sent(method, target, [(name, text) for name, text in good if name.lower() != "x-amz-date"], body),
    ):
        assert refused.status in {403, 404}
        assert refused.json.keys() == {"message"}


@requirement("attack:D4")
@pytest.mark.parametrize(("keys", "kind"), [(POLICED, SATELLITE), (POLICED_HOST, HOST)], ids=[SATELLITE, HOST])
def test_over_http_a_policy_is_a_lock_of_its_own(door: OpenDoor, keys: Caller, kind: str) -> None:
    for row in (row for row in ROWS if kind in row.rule):
        scene = Scene()
        door.world = scene.world
        scene.world.put_satellite("rivals", GATEWAY)
        method, target, body = row.request(scene)
        elsewhere = target.replace("/teams/acme", "/teams/rivals")
        refused = door.sent(method, elsewhere, signature(keys, method, elsewhere, body), body)
        assert (refused.status, refused.json) == (403, {"message": "Forbidden"})
        assert door.sent(method, target, signature(keys, method, target, body), body).status == row.ok
