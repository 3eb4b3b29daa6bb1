"""The web client's scripts, run for real by Node.js with as much of a document as they touch: no browser, no network.

What a browser itself enforces (opener policy, content policy, same origin) is not shown here; that the page asks
for it is, in `tests/unit/attacks/test_web_client_page.py`.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local.peers.servers import NODE
from local.services.pages import WEB
from tests.requirements import requirement

ID, FORGED = "a" * 43, "b" * 43
FACTS = {"team": "acme", "installation": "files", "mcp_host": "files.example", "provider_host": "provider.example"}
ONE = {"installation": "files", "name": "Files", "url": "https://files.example/mcp", "sharing": "per_user"}
CONNECTED = {"status": "connected", "reason": None, "expires_at": None}
CLAIMS = base64.urlsafe_b64encode(json.dumps({"sub": "alice"}).encode()).decode().rstrip("=")
JWT = f"head.{CLAIMS}.signature"
COMPLETE = f"POST /v1/authorizations/{ID}/complete"
FORGERIES = (
    {"authorization": FORGED, "secret": "s", "outcome": "completed"},
    {"id": FORGED, "secret": "s", "result": "completed"},
    json.dumps({"authorization": FORGED, "secret": "s"}),
    {"type": "strongroom", "id": FORGED, "status": "connected"},
)


def answers(**more: Any) -> dict[str, Any]:
    """What API and sign-in service say to alice, who began the authorization."""
    endpoints = {"issuer": "https://signin.example", "token_endpoint": "https://signin.example/token"}
    endpoints["authorization_endpoint"] = "https://signin.example/authorize"
    return {
        "GET /.well-known/openid-configuration": [200, endpoints],
        "POST /token": [200, {"access_token": JWT}],
        f"GET /v1/authorizations/{ID}": [200, {"authorization_id": ID, "state": "returned", **FACTS}],
        "GET /v1/teams/acme/installations/files": [200, {**ONE, "connection": CONNECTED}],
        "GET /v1/teams/acme/installations": [200, {"installations": [{**ONE, "connection": CONNECTED}], "next": None}],
        COMPLETE: [200, {"authorization_id": ID, "state": "completed", **FACTS, "connection": CONNECTED}],
        **more,
    }


def back_from_sign_in(**arrival: Any) -> dict[str, Any]:
    """Alice comes back from the sign-in service; before that, `arrival` was taken out of a fragment."""
    sign_in = {"verifier": "v", "state": "known", "place": {"team": "acme", "installation": None}}
    kept = {"strongroom.sign-in": json.dumps(sign_in)}
    if arrival:
        kept["strongroom.arrival"] = json.dumps(arrival)
    return {"address": "https://web.example/signed-in?code=c&state=known&iss=https://signin.example", "tab": kept}


BEGAN_HERE = {f"strongroom.begun.{ID}": json.dumps({"user": "alice", "team": "acme", "expires_at": 9_999_999_999})}


def node() -> str:
    """The machine's Node.js, or the project's own, which is installed where nothing may be skipped."""
    found = shutil.which("node")
    if found is not None:
        return found
    if not NODE.is_installed() and os.environ.get("STRONGROOM_NO_SKIP") != "1":
        pytest.skip("Node.js is not here; `dev.py peers` brings one")
    NODE.install()
    return str(NODE.node)


def lived(tmp_path: Path, scene: Mapping[str, Any], more: str = "") -> dict[str, Any]:
    """Open the page in this scene, with more code in it for a control, and say what it did."""
    scripts = shutil.copytree(WEB, tmp_path / "web")
    (scripts / "package.json").write_text('{"type": "module"}')
    (scripts / "app.js").write_text((scripts / "app.js").read_text("utf-8") + more, "utf-8")
    command = [node(), str(Path(__file__).with_name("web_page.mjs")), str(scripts)]
    given = json.dumps({"answers": answers(), **scene})
    ran = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 -- our own script
    assert ran.returncode == 0, ran.stderr
    happened: dict[str, Any] = json.loads(ran.stdout)
    return happened


def routes(happened: Mapping[str, Any]) -> list[str]:
    return [one["route"] for one in happened["requests"] if "/v1/" in one["route"]]


@requirement("attack:A20")
@pytest.mark.parametrize("signed_in", [True, False])
def test_messages_of_another_window_move_nothing(tmp_path: Path, signed_in: bool) -> None:
    scene = back_from_sign_in() if signed_in else {"address": "https://web.example/"}
    happened = lived(tmp_path, {**scene, "messages": FORGERIES})
    assert routes(happened) == (["GET /v1/teams/acme/installations"] if signed_in else [])
    assert (happened["listens"], happened["touched"]) == ([], [])
    assert FORGED not in json.dumps(happened)


@requirement("attack:A20")
def test_control_a_page_that_took_messages_would_finish_what_is_in_them(tmp_path: Path) -> None:
    takes = "attempt(() => api.complete(data.authorization, { secret: data.secret }))"
    takes = f'\naddEventListener("message", ({{ data }}) => {takes});'
    happened = lived(tmp_path, {**back_from_sign_in(), "messages": FORGERIES[:1]}, takes)
    assert f"POST /v1/authorizations/{FORGED}/complete" in routes(happened)


@requirement("attack:A20")
def test_control_a_page_that_told_its_opener_would_be_seen(tmp_path: Path) -> None:
    tells = '\nwindow.opener.postMessage({ id: "x", secret: "y" }, "*");'
    assert "opener.postMessage" in lived(tmp_path, {"address": "https://web.example/"}, tells)["touched"]


@requirement("attack:A20")
def test_what_this_browser_began_is_finished_and_its_result_is_read_from_the_api(tmp_path: Path) -> None:
    happened = lived(tmp_path, {**back_from_sign_in(id=ID, secret="s", outcome=None), "browser": BEGAN_HERE})
    asked = routes(happened)
    assert {*asked[asked.index(COMPLETE) + 1 :]} == {"GET /v1/teams/acme/installations"}
    assert {one["authorization"] for one in happened["requests"] if "/v1/" in one["route"]} == {f"Bearer {JWT}"}
    assert happened["touched"] == []
    assert happened["tab"] == {}


@requirement("attack:A20")
@requirement("attack:A7")
def test_the_fragment_is_gone_from_the_address_before_anything_is_asked(tmp_path: Path) -> None:
    happened = lived(tmp_path, {"address": f"https://web.example/?team=acme#authorization={ID}&secret=s"})
    assert happened["address"] == "/?team=acme"
    assert routes(happened) == []
    assert happened["notes"] == ["Sign in to finish connecting."]


@requirement("attack:A8")
def test_what_somebody_else_began_is_not_finished_and_the_person_is_told(tmp_path: Path) -> None:
    scene = back_from_sign_in(id=FORGED, secret="s", outcome=None)
    happened = lived(tmp_path, scene)
    assert f"POST /v1/authorizations/{FORGED}/complete" not in routes(happened)
    assert "did not begin this" in happened["notes"][-1]
    assert happened["tab"] == {}


@requirement("attack:A8")
def test_what_this_person_began_in_another_browser_is_asked_about_first(tmp_path: Path) -> None:
    happened = lived(tmp_path, back_from_sign_in(id=ID, secret="s", outcome=None))
    assert COMPLETE not in routes(happened)
    assert ["provider.example" in text and text.startswith("alice") for text in happened["asked"]] == [True]


@requirement("attack:A17")
@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "blob:https://web.example/x"])
def test_no_address_but_of_the_web_is_left_for(tmp_path: Path, url: str) -> None:
    begun = {
        "authorization_id": ID,
        "authorization_url": url,
        "expires_at": 9,
        **FACTS,
        "token_host": "t",
        "scopes": [],
    }
    leaves = f"\nattempt(async () => leaveFor({json.dumps(begun)}));"
    happened = lived(tmp_path, {"address": "https://web.example/"}, leaves)
    assert (happened["left"], happened["notes"]) == ([], ["This is no address of a provider."])
