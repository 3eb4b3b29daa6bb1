"""Scopes that an admin has entered: exactly they are asked for, and nobody is led to allow more."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from strongroom.domain import step_up
from strongroom.domain.http import Reply
from strongroom.flows import locate, reject
from tests.requirements import requirement
from tests.unit.entered import installed, provider, whole_provider
from tests.unit.renewals import Scene
from tests.unit.test_step_up import wants
from tests.weakened import weakened
from tests.world import MCP_URL, World

GREEDY = "admin:* files " + " ".join(f"scope{number}" for number in range(90))
ENTERED: dict[str, Any] = {"nothing else": None, "a client": provider(), "everything": whole_provider()}


def challenges(world: World, scope: str) -> None:
    """The MCP server's 401 asks for this."""
    metadata = "https://files.example/.well-known/oauth-protected-resource/mcp"
    header = f'Bearer resource_metadata="{metadata}", scope="{scope}"'
    world.egress.on("POST", MCP_URL, lambda _: Reply(401, {"www-authenticate": (header,)}, b""))


def asked(world: World, installation: str) -> list[str]:
    url = world.begin("bob", installation).url
    return parse_qs(urlsplit(url).query).get("scope", [""])[0].split()


def allowed(*scopes: str, entered: Any = None, **metadata: Any) -> Scene:
    """Bob is connected where an admin allows these scopes."""
    world = World()
    world.provider.metadata |= metadata
    installation = installed(world, entered, scopes=list(scopes))
    world.connect("bob", installation)
    return Scene(world, installation)


def remembering(scene: Scene, **changed: Any) -> Scene:
    scene.world.table.place({**scene.row, **changed})
    return scene


# The 401


@requirement("attack:B20")
@requirement("mcp:A3")
@pytest.mark.parametrize("entered", ENTERED.values(), ids=ENTERED.keys())
def test_what_a_challenge_asks_for_does_not_count_where_scopes_were_entered(entered: Any) -> None:
    world = World()
    challenges(world, GREEDY)
    installation = installed(world, entered, scopes=["mail", "files"])
    assert asked(world, installation) == ["mail", "files"]
    assert all("admin:*" not in (request.body.reveal() if request.body else "") for request in world.egress.sent)


@requirement("attack:B20")
@requirement("mcp:A3")
@pytest.mark.parametrize("entered", ENTERED.values(), ids=ENTERED.keys())
def test_control_without_the_ceiling_people_are_asked_for_what_the_server_likes(entered: Any) -> None:
    world = World()
    challenges(world, GREEDY)
    installation = installed(world, entered, scopes=["mail", "files"])
    knock = (locate._as_entered, "() if installation.scopes else", "")
    with weakened(step_up.scopes_to_ask_again, "if ceiling:", "if False:"), weakened(*knock):
        assert asked(world, installation) == GREEDY.split()


@requirement("mcp:A3")
def test_without_entered_scopes_those_of_the_challenge_are_asked_for() -> None:
    world = World()
    challenges(world, "files more")
    assert asked(world, installed(world, scopes=[])) == ["files", "more"]


@requirement("mcp:A4")
@pytest.mark.parametrize("listed", [[], ["files", "offline_access"]])
@pytest.mark.parametrize("scopes", [["files"], ["offline_access", "files"]])
def test_offline_access_is_asked_for_as_the_admin_wrote_it(scopes: list[str], listed: list[str]) -> None:
    world = World()
    world.provider.metadata |= {"scopes_supported": listed}
    assert asked(world, installed(world, scopes=scopes)) == scopes


# The 403


@requirement("attack:B20")
@requirement("mcp:S2")
@pytest.mark.parametrize("challenge", ["admin:*", "files admin:*", "mail admin:*", GREEDY])
def test_a_scope_above_the_ceiling_sends_nobody_to_consent_and_look_ups_go_on(challenge: str) -> None:
    scene = allowed("files", "mail")
    before = scene.row
    answer = wants(scene, challenge)
    assert (answer.status, answer.json["error"], answer.json["reason"]) == (
        409,
        "insufficient_scope",
        "scope_not_allowed",
    )
    assert "link" not in answer.json
    assert scene.row == before
    assert scene.works()
    assert asked(scene.world, scene.installation) == ["files", "mail"]


@requirement("attack:B20")
def test_control_without_the_look_at_the_ceiling_a_person_is_sent_for_nothing() -> None:
    scene = allowed("files", "mail")
    with weakened(reject._step_up, "lies_above(challenge.scope, admitted.installation.scopes)", "False"):
        assert "link" in wants(scene, "admin:*").json
    assert scene.connection.challenged == ("admin:*",)
    with weakened(step_up.scopes_to_ask_again, "if ceiling:", "if False:"):
        assert "admin:*" in asked(scene.world, scene.installation)


@requirement("mcp:S2")
@pytest.mark.parametrize("challenge", ["mail", "files mail", ""])
def test_what_the_ceiling_holds_was_asked_for_already(challenge: str) -> None:
    scene = allowed("files", "mail")
    assert wants(scene, challenge).json["reason"] == "scope_not_enough"


@requirement("mcp:S1")
def test_one_who_consented_to_less_is_asked_for_all_that_the_ceiling_holds_and_no_more() -> None:
    scene = remembering(allowed("files", "mail"), requested_scopes=["files", "old"], challenged_scopes=["admin:*"])
    answer = wants(scene, "mail")
    assert (answer.json["reason"], "link" in answer.json) == ("insufficient_scope", True)
    assert asked(scene.world, scene.installation) == ["files", "mail"]


@requirement("attack:B20")
def test_a_shared_connection_has_the_same_ceiling_for_an_admin() -> None:
    world = World()
    installation = installed(world, scopes=["files"], sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    scene = Scene(world, installation, "alice")
    assert wants(scene, "admin:*").json["reason"] == "scope_not_allowed"


# The grant


def granting(scene: Scene, scope: str) -> Scene:
    """The provider gives this scope from now on, whatever was asked for."""
    (grant,) = scene.world.provider.grants
    grant.scope = scope
    scene.renew()
    return scene


@requirement("attack:B20")
@pytest.mark.parametrize("ceiling", [("files",), ()])
def test_a_wider_grant_is_shown_and_never_asked_for(ceiling: tuple[str, ...]) -> None:
    scene = granting(allowed(*ceiling), "files admin:*")
    shown = scene.world.status("bob", scene.installation)
    assert (shown["scopes"], shown["missing_scopes"]) == (["files", "admin:*"], [])
    assert scene.connection.requested_scopes == ("files",)
    assert asked(scene.world, scene.installation) == ["files"]
    assert all("scope" not in form for form in scene.world.provider.token_requests)
    wants(scene, "mail")
    assert "admin:*" not in asked(scene.world, scene.installation)


@requirement("attack:B20")
def test_control_were_the_grant_taken_for_the_request_it_would_be_asked_for() -> None:
    scene = granting(allowed(), "files admin:*")
    wants(scene, "mail")
    with weakened(step_up.scopes_to_ask_again, "(*connection.requested_scopes,", "(*connection.tokens.scopes,"):
        assert "admin:*" in asked(scene.world, scene.installation)


@requirement("attack:B20")
def test_a_narrower_grant_is_shown_with_what_is_missing() -> None:
    scene = granting(allowed("files", "mail"), "files")
    shown = scene.world.status("bob", scene.installation)
    assert (shown["scopes"], shown["missing_scopes"]) == (["files"], ["mail"])
    assert scene.world.look_up("bob", scene.installation).json["scopes"] == ["files"]
