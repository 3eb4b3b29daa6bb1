"""What installing finds out about a server, and what is shown of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.trail import FINDINGS, GUESSED, NOTES
from strongroom.flows import install as installing
from tests.fakes.egress import replying
from tests.unit.attacks.hostile import RESOURCE_METADATA, SERVER_METADATA
from tests.unit.entered import PROVIDER, provider
from tests.unit.renewals import rows
from tests.unit.test_install import install
from tests.unit.test_probe_route import FAILING, where
from tests.unit.test_probe_route import found as probed
from tests.weakened import weakened
from tests.world import MCP_URL, World

FOUND: dict[str, Any] = {
    "issuer": PROVIDER,
    "authorization_host": "provider.example",
    "token_host": "provider.example",
    "client_id": None,
    "parameters": {},
    "pkce_unlisted": False,
    "registration": "dynamic",
    "scopes": ["files"],
    "entered": False,
}
TO_ADMINS = {**FOUND, "client_secret": None, "callback_url": None}


def shown(world: World, installation: str, user: str = "bob") -> dict[str, Any]:
    answer = world.as_user(user, "GET", f"/v1/teams/acme/installations/{installation}")
    assert answer.status == 200, answer.text
    return answer.json


def test_installing_asks_the_server_and_everybody_sees_what_was_found() -> None:
    world = World()
    answer = install(world)
    assert (answer.json["requires_oauth"], answer.json["provider"]) == (True, TO_ADMINS)
    assert "discovery" not in answer.json
    assert shown(world, answer.json["installation"])["provider"] == FOUND
    assert world.provider.clients == {}


def test_installing_and_probing_say_the_same() -> None:
    world = World()
    probe, installed = probed(world), install(world).json
    assert probe["requires_oauth"] == installed["requires_oauth"]
    assert probe["scopes"] == installed["provider"]["scopes"]
    assert probe["registration"] == installed["provider"]["registration"]
    names = ("issuer", "authorization_host", "token_host")
    assert [probe["provider"][name] for name in names] == [installed["provider"][name] for name in names]


def test_a_server_that_answers_without_a_token_needs_no_oauth() -> None:
    world = World()
    world.egress.on("POST", MCP_URL, replying(200))
    answer = install(world)
    assert (answer.status, answer.json["requires_oauth"], answer.json["next"]) == (201, False, None)
    assert (answer.json["provider"], answer.json["connection"]) == (None, None)
    assert "discovery" not in answer.json


def test_a_server_that_does_not_answer_is_installed_all_the_same_and_nobody_knows_what_it_needs() -> None:
    world = World()
    world.egress.silent.add("files.example")
    answer = install(world)
    assert (answer.status, answer.json["requires_oauth"], answer.json["provider"]) == (201, None, None)
    code = "mcp_server_unusable"
    assert answer.json["discovery"] == {"code": code, "text": FINDINGS[code].sentence}
    assert answer.json["next"]["action"] == "authorize"
    assert answer.json["connection"]["reason"] == "never_connected"


@pytest.mark.parametrize("code", FAILING)
def test_a_server_that_breaks_a_rule_is_installed_and_the_answer_names_the_rule(code: str) -> None:
    answer = install(where(World(), **FAILING[code]))
    assert (answer.status, answer.json["requires_oauth"], answer.json["provider"]) == (201, True, None)
    assert answer.json["discovery"] == {"code": code, "text": FINDINGS[code].sentence}


def test_a_provider_that_registers_nobody_is_found_and_said_to_wait_for_an_admin() -> None:
    answer = install(where(World(), registration_endpoint=None))
    assert answer.json["provider"] == {**TO_ADMINS, "registration": "by_hand"}
    assert answer.json["discovery"]["code"] == "registration_unsupported"


def test_endpoints_that_are_guessed_are_said_to_be() -> None:
    world = World()
    world.egress.on("POST", MCP_URL, replying(401))
    for url in (RESOURCE_METADATA, RESOURCE_METADATA.removesuffix("/mcp"), SERVER_METADATA):
        world.egress.on("GET", url, replying(404))
    answer = install(world)
    assert (answer.json["requires_oauth"], answer.json["discovery"]["code"]) == (True, GUESSED)
    assert answer.json["discovery"]["text"] == NOTES[GUESSED].sentence


@pytest.mark.parametrize("body", [{"requires_oauth": True}, {"requires_oauth": False}, {"provider": provider()}])
def test_a_server_of_which_the_admin_says_what_it_needs_is_not_asked(body: dict[str, Any]) -> None:
    world = World()
    answer = install(world, **body)
    assert (answer.status, world.egress.sent) == (201, [])
    assert answer.json["requires_oauth"] is body.get("requires_oauth", True)


def test_what_an_admin_has_entered_is_shown_and_not_what_is_found() -> None:
    world = World()
    assert install(world, provider=provider()).json["provider"]["entered"] is True


def test_a_name_that_is_taken_is_refused_before_the_server_is_asked() -> None:
    world = World()
    world.install()
    assert install(world).json["error"] == "name_taken"
    assert world.egress.sent == []


def test_what_a_person_waits_for_ends_within_25_seconds() -> None:
    world = World()
    names = [f"https://slow{number}.example" for number in range(5)]
    metadata = {"resource": MCP_URL, "authorization_servers": names}
    document = json.dumps(metadata).encode()
    world.egress.on("GET", RESOURCE_METADATA, replying(200, document, content_type="application/json"))
    world.egress.silent.update(f"slow{number}.example" for number in range(5))
    began = world.clock.now()
    answer = install(world)
    assert (answer.status, answer.json["discovery"]["code"]) == (201, "server_metadata_unavailable")
    assert 10 <= world.clock.now() - began <= 25


# What an authorization corrects


def test_an_authorization_fills_in_what_could_not_be_found_at_installing() -> None:
    world = World()
    world.egress.silent.add("files.example")
    installation = install(world).json["installation"]
    world.egress.silent.clear()
    world.begin("bob", installation)
    after = shown(world, installation)
    assert (after["requires_oauth"], after["provider"]) == (True, FOUND)


def test_an_authorization_corrects_what_is_shown_and_disturbs_no_admin_who_is_changing_it() -> None:
    world = World()
    installation = install(world).json["installation"]
    before = shown(world, installation)
    where(world, registration_endpoint=None, client_id_metadata_document_supported=True)
    world.begin("bob", installation)
    after = shown(world, installation)
    assert after["provider"]["registration"] == "metadata_document"
    assert after["revision"] == before["revision"]


def test_what_is_right_is_not_written_again() -> None:
    world = World()
    installation = install(world).json["installation"]
    before = rows(world, "installation")
    world.begin("bob", installation)
    world.begin("carol", installation)
    assert rows(world, "installation") == before


def test_an_installation_that_was_changed_meanwhile_is_not_given_what_was_found_for_the_old_one() -> None:
    world = World()
    world.egress.silent.add("files.example")
    installation = install(world).json["installation"]
    world.egress.silent.clear()
    changed = {"url": "https://other.example/mcp"}

    def change(_: object) -> None:
        world.egress.routes.pop(("POST", MCP_URL), None)
        (row,) = rows(world, "installation")
        world.table.place({**row, **changed, "binding": "b" * 20})

    meanwhile = world.egress.routes["POST", MCP_URL]

    def answers(request: Any) -> Any:
        reply = meanwhile(request)
        change(request)
        return reply

    world.egress.on("POST", MCP_URL, answers)
    world.begin("bob", installation)
    after = shown(world, installation)
    assert (after["url"], after["requires_oauth"], after["provider"]) == (changed["url"], None, None)


def test_a_table_that_does_not_take_the_correction_does_not_keep_anybody_from_connecting() -> None:
    world = World()
    installation = world.install()

    def only_corrections(writes: Any) -> None:
        if any("found" in getattr(write, "put", {}) for write in writes):
            raise StoreUnavailable("busy")

    world.table.before["commit"] = only_corrections
    world.begin("bob", installation)
    assert "finding_not_written" in world.journal.events()
    assert shown(world, installation)["provider"] is None


def test_what_was_entered_by_hand_is_never_replaced_by_what_is_found() -> None:
    world = World()
    installation = install(world, requires_oauth=True, provider=provider()).json["installation"]
    world.begin("bob", installation)
    (row,) = rows(world, "installation")
    assert "found" not in row


def test_control_an_install_that_did_not_ask_would_show_nothing() -> None:
    world = World()
    with weakened(installing._learn, "wanted.url is None", "True"):
        answer = install(world)
    assert (answer.json["requires_oauth"], answer.json["provider"]) == (None, None)
