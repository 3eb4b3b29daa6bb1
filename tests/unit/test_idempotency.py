"""An install that is sent twice: one installation, and one answer."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.errors import StoreUnavailable
from strongroom.flows import install as installing
from tests.fakes.faults import fails, meanwhile
from tests.unit.entered import SECRET, provider
from tests.unit.renewals import rows
from tests.unit.test_install import listing
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

KEY = "0b5b9a2c-5f5e-4a8e-a1c5-2f3f3f9d6c11"


def install(
    world: World, key: str = KEY, user: str = "alice", team: str = "acme", name: str = "Team Files", **body: Any
) -> Answered:
    wanted = {"name": name, "url": MCP_URL, **body}
    headers = {"idempotency-key": key}
    return world.as_user(user, "POST", f"/v1/teams/{team}/installations", wanted, headers=headers)


def test_the_same_request_twice_installs_once_and_answers_the_same() -> None:
    world = World()
    first, asked = install(world), len(world.egress.sent)
    again = install(world)
    assert (again.status, again.json) == (201, first.json)
    assert again.headers["etag"] == first.headers["etag"]
    assert len(listing(world, "alice")) == 1
    assert len(world.egress.sent) == asked


def test_what_could_not_be_found_out_is_said_again() -> None:
    world = World()
    world.egress.silent.add("files.example")
    assert install(world).json == install(world).json
    assert install(world).json["discovery"]["code"] == "mcp_server_unusable"


def test_the_order_of_the_members_is_no_difference() -> None:
    world = World()
    world.install()
    body: dict[str, Any] = {"url": MCP_URL, "name": "Other", "requires_oauth": True}
    first = install(world, **body)
    again = install(world, **dict(reversed(body.items())))
    assert (again.status, again.json["installation"]) == (201, first.json["installation"])


@pytest.mark.parametrize("change", [{"name": "Another"}, {"sharing": "shared"}, {"scopes": ["mail"]}])
def test_another_body_under_the_same_key_is_refused(change: dict[str, Any]) -> None:
    world = World()
    install(world)
    refused = install(world, **change)
    assert (refused.status, refused.json["error"]) == (409, "idempotency_key_reused")
    assert len(listing(world, "alice")) == 1


def test_another_person_or_team_has_keys_of_its_own() -> None:
    world = World()
    world.put_member("acme", "bob", "team_admin")
    first = install(world)
    theirs = install(world, user="bob", name="Of bob")
    rivals = install(world, user="mallory", team="rivals")
    assert {theirs.status, rivals.status} == {201}
    assert len({answer.json["installation"] for answer in (first, theirs, rivals)}) == 3


def test_without_a_key_the_same_request_is_another_one() -> None:
    world = World()
    install(world)
    assert (
        world.as_user("alice", "POST", "/v1/teams/acme/installations", {"name": "Team Files", "url": MCP_URL}).json[
            "error"
        ]
        == "name_taken"
    )


def test_a_day_later_the_key_is_forgotten_whatever_ttl_has_removed() -> None:
    world = World()
    install(world)
    world.clock.advance(24 * 3600 - 1)
    assert install(world).status == 201
    world.clock.advance(1)
    assert install(world).json["error"] == "name_taken"
    later = install(world, name="Another")
    assert later.status == 201
    assert install(world, name="Another").json["installation"] == later.json["installation"]


def test_two_at_once_install_once_and_both_get_the_same_answer() -> None:
    world = World()
    answers: list[Answered] = []
    world.table.before["commit"] = meanwhile(lambda: answers.append(install(world, requires_oauth=True)))
    answers.append(install(world, requires_oauth=True))
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert len(rows(world, "installation")) == 1


def test_two_at_once_of_two_bodies_install_one_and_refuse_the_other() -> None:
    world = World()
    world.table.before["commit"] = meanwhile(lambda: install(world, requires_oauth=True))
    refused = install(world, name="Another", requires_oauth=True)
    assert refused.json["error"] == "idempotency_key_reused"
    assert len(rows(world, "installation")) == 1


def test_an_answer_that_got_lost_is_given_by_the_repetition() -> None:
    world = World()
    world.table.after["commit"] = fails(StoreUnavailable("the answer got lost"))
    assert install(world, requires_oauth=True).status == 503
    assert install(world, requires_oauth=True).status == 201
    assert len(rows(world, "installation")) == 1


def test_an_install_that_was_refused_leaves_its_key_free() -> None:
    world = World()
    assert install(world, url="https://127.0.0.1/mcp").status == 422
    assert install(world).status == 201


def test_what_was_removed_since_is_not_installed_again() -> None:
    world = World()
    first = install(world)
    removed = world.as_user("alice", "DELETE", f"/v1/teams/acme/installations/{first.json['installation']}")
    assert removed.status == 200
    assert install(world).status == 404
    assert listing(world, "alice") == []


def test_one_who_is_no_admin_any_more_gets_nothing_repeated() -> None:
    world = World()
    install(world)
    world.put_member("acme", "alice", "team_user")
    assert install(world).json["error"] == "admin_required"


@pytest.mark.parametrize("key", ["", "a b", "k" * 129, "caf\u00e9", "tab\t"])
def test_a_key_is_1_to_128_visible_ascii_characters(key: str) -> None:
    world = World()
    refused = install(world, key)
    assert (refused.status, refused.json["error"]) == (400, "invalid_request")
    assert world.egress.sent == []


@pytest.mark.parametrize("key", ["k", "k" * 128, "!~"])
def test_a_key_may_be_any_visible_text(key: str) -> None:
    world = World()
    assert install(world, key).status == install(world, key).status == 201


def test_neither_the_key_nor_the_body_is_kept() -> None:
    world = World()
    entered = provider()
    assert install(world, provider=entered).status == 201
    (row,) = rows(world, "idempotency")
    assert set(row) - {"PK", "SK", "mark"} == {"kind", "team", "user", "installation", "body", "ends_at", "ttl"}
    assert KEY not in str(world.table.snapshot())
    assert SECRET not in str(world.table.snapshot())


def test_the_mark_of_one_body_differs_from_key_to_key() -> None:
    """So a table that is read tells nobody which bodies are the same, and none can be tried against it without the key."""
    world = World()
    install(world, "one", requires_oauth=True)
    install(world, "two", name="Other", requires_oauth=True)
    world.put_member("acme", "bob", "team_admin")
    first, second = (row["body"] for row in rows(world, "idempotency"))
    assert first != second


def test_control_without_the_row_a_repetition_is_a_second_request() -> None:
    world = World()
    install(world)
    with weakened(installing._done_before, "if intent else None", "if False else None"):
        assert install(world).json["error"] == "name_taken"
