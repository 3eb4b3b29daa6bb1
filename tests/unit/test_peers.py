"""The judgements of `dev.py peers`: what it takes for a rotation, a refusal and a success."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from mcp.server.auth.provider import AccessToken
from starlette.types import Message, Receive, Scope, Send

from local.day import StepFailed
from local.errors import LocalError
from local.npm import NodePrograms
from local.peers import command, inspector, notes
from local.peers.browser import PeerBrowser
from local.peers.outcomes import Holds, Noted, NotOffered, Outcome, told
from local.peers.servers import NODE, PEERS, PYTHON, Documents, Place
from local.peers.tokens import complaint_about_rotation, offers_refresh
from local.peers.wire import Exchange
from local.plan import ROOT
from local.services.page_reader import forms_of
from strongroom.domain.identifiers import checked_team

MCP = "http://127.0.0.1:8802/mcp"


def exchange(grant: str, sent: str, given: Mapping[str, Any], status: int = 200, resource: str = MCP) -> Exchange:
    form = {"grant_type": grant, "refresh_token": sent, "resource": resource}
    return Exchange("/token", {}, urlencode(form).encode(), status, json.dumps(given).encode())


def code(refresh: str) -> Exchange:
    return exchange("authorization_code", "", {"access_token": "a", "refresh_token": refresh})


def renewal(sent: str, refresh: str, **more: Any) -> Exchange:
    return exchange("refresh_token", sent, {"access_token": "b", "refresh_token": refresh}, **more)


def test_a_chain_of_renewals_each_with_the_newest_refresh_token_is_a_rotation() -> None:
    chain = [code("r1"), renewal("r1", "r2"), renewal("r2", "r3"), code("r4"), renewal("r4", "r5")]
    assert complaint_about_rotation(chain, MCP) is None


@pytest.mark.parametrize(
    ("exchanges", "complaint"),
    [
        ([code("r1"), renewal("r1", "r2"), renewal("r1", "r3")], "not the newest"),
        ([code("r1"), renewal("r1", "r2"), code("r3"), renewal("r2", "r4")], "not the newest"),
        ([code("r1"), renewal("r1", "r1")], "did not rotate"),
        ([code("r1"), exchange("refresh_token", "r1", {"access_token": "b"})], "did not rotate"),
        ([code("r1"), renewal("r1", "r2", resource="http://127.0.0.1:1/mcp")], "does not name the resource"),
        ([code("r1"), exchange("refresh_token", "r1", {"error": "invalid_grant"}, 400)], "refused"),
        ([code("r1")], "no refresh"),
        ([], "no refresh"),
    ],
)
def test_anything_else_is_not(exchanges: list[Exchange], complaint: str) -> None:
    assert complaint in (complaint_about_rotation(exchanges, MCP) or "")


def test_what_a_server_offers_is_read_from_its_metadata() -> None:
    assert offers_refresh({"grant_types_supported": ["authorization_code", "refresh_token"]})
    assert not offers_refresh({"grant_types_supported": ["authorization_code"]})
    assert not offers_refresh({})


def test_an_exchange_prints_no_secret() -> None:
    assert "r1" not in repr(renewal("r1", "r1"))


@pytest.mark.parametrize(
    ("outcomes", "skipped", "may_skip", "status"),
    [
        ({"ok": 10}, 0, True, 0),
        ({"ok": 10, "-": 1, "note": 1}, 0, True, 0),
        ({"ok": 10, "FAIL": 1}, 0, True, 1),
        ({"ok": 10}, 2, True, 0),
        ({"ok": 10}, 2, False, 1),
        ({}, 2, True, 0),
        ({}, 0, True, 1),
        ({"-": 3}, 0, True, 1),
    ],
)
def test_only_what_holds_is_a_success(outcomes: dict[str, int], skipped: int, may_skip: bool, status: int) -> None:
    assert command.status(Counter(outcomes), skipped, may_skip=may_skip) == status


def raising(error: Exception) -> Outcome:
    raise error


def test_each_step_is_one_line() -> None:
    assert told(lambda: Holds("it holds")) == ("ok", "it holds")
    assert told(lambda: NotOffered("revocation")) == ("-", "does not offer revocation")
    assert told(lambda: Noted("still lives")) == ("note", "still lives")
    assert told(lambda: raising(StepFailed("it does not"))) == ("FAIL", "it does not")
    assert told(lambda: raising(LocalError("too late"))) == ("FAIL", "too late")


def test_an_answer_without_what_is_needed_fails_the_step_and_is_not_printed() -> None:
    assert told(lambda: raising(KeyError("secret-token"))) == ("FAIL", "an answer is not as expected (KeyError)")


def test_every_server_has_a_team_ports_and_start_files_of_its_own() -> None:
    places = [Place(8800 + number * 3) for number in range(len(PEERS))]
    assert len({checked_team(peer.team) for peer in PEERS}) == len(PEERS)
    assert len({place.issuer for place in places} | {place.mcp for place in places}) == 2 * len(PEERS)
    assert all((ROOT / "local" / "peers" / name).exists() for peer in PEERS for name in peer.starts)


def test_every_server_is_pinned() -> None:
    pins = json.loads((ROOT / "requirements" / NODE.name / "package.json").read_text())["dependencies"]
    assert {peer.name for peer in PEERS if peer.needs_node} <= pins.keys()
    assert all(version[0].isdecimal() for version in pins.values())
    assert all(f"\n{peer.name}==" in PYTHON.lock.read_text() for peer in PEERS if not peer.needs_node)


@pytest.mark.parametrize("programs", [NODE, inspector.PROGRAMS], ids=lambda one: one.name)
def test_the_lock_of_the_node_programs_has_a_hash_for_each_and_names_no_registry(programs: NodePrograms) -> None:
    lock = json.loads((ROOT / "requirements" / programs.name / "package-lock.json").read_text())["packages"]
    installed = [package for path, package in lock.items() if path and not package.get("link")]
    assert installed
    assert all(package["integrity"].startswith("sha512-") and "resolved" not in package for package in installed)


def test_the_inspector_and_its_node_are_pinned_and_node_is_that_of_the_other_programs() -> None:
    pins, others = (
        json.loads((ROOT / "requirements" / name / "package.json").read_text())["dependencies"]
        for name in (inspector.PROGRAMS.name, NODE.name)
    )
    assert pins == {"@modelcontextprotocol/inspector": "2.12.0", "node": others["node"]}


def test_the_inspectors_token_stands_in_no_command_line(tmp_path: Path) -> None:
    asked = inspector.command(tmp_path, "modern", "--method", "tools/list")
    assert "Bearer" not in " ".join(asked)
    assert "--header" not in asked


def test_the_inspector_signs_nobody_in_and_is_guarded(tmp_path: Path) -> None:
    asked = inspector.command(tmp_path, "modern")
    assert {"--cli", "--stored-auth-only", "--permission", "--require"} <= set(asked)
    assert not [one for one in asked if one.startswith(("--allow-child", "--allow-worker", "--allow-addons"))]


def test_what_the_inspector_printed_is_read() -> None:
    printed = b'{"result":{"content":[{"type":"text","text":"bob"},{"type":"image"}],"isError":false}}'
    read = inspector.read(0, printed)
    assert (read.status, read.text, read.tools) == (0, "bob", [])
    assert inspector.read(0, b'{"result":{"tools":[{"name":"a"},{"name":"b"}]}}').tools == ["a", "b"]
    assert inspector.read(3, b"") == inspector.Inspected(3, {})


PAGES = {
    "sign in": '<form method="post"><input name="login"><input type="password" name="password"><button></button></form>',
    "agree": '<form method="post"><input type="hidden" name="prompt" value="consent"><button type="submit"></button></form>',
    "allow": '<form method="post"><input type="submit" value="Cancel"><input type="submit" name="allow" value="Yes"></form>',
}


@pytest.mark.parametrize(
    ("page", "sent"),
    [
        ("sign in", {"login": "alice", "password": "demo"}),
        ("agree", {"prompt": "consent"}),
        ("allow", {"allow": "Yes"}),
    ],
)
def test_the_browser_fills_the_forms_that_others_wrote(page: str, sent: dict[str, str]) -> None:
    with PeerBrowser("alice", Documents()) as browser:
        form = forms_of(PAGES[page], "http://127.0.0.1:8800/page")[0]
        assert browser._fill(form, ("decision", "allow")) == sent


FACTS = {"active": True, "client_id": "c", "scope": "notes:read", "exp": 4102444800, "aud": MCP}


@pytest.mark.parametrize("facts", [{**FACTS, "sub": "alice"}, {**FACTS, "username": "alice", "aud": [MCP]}])
def test_introspections_of_several_spellings_are_read(facts: dict[str, Any]) -> None:
    token = notes.token_of("t", facts)
    assert token is not None
    assert (token.subject, token.resource, token.scopes) == ("alice", MCP, ["notes:read"])


@pytest.mark.parametrize("facts", [None, [], {}, {**FACTS, "active": False}, {**FACTS, "active": "true"}])
def test_a_token_that_is_not_plainly_active_is_worth_nothing(facts: Any) -> None:
    assert notes.token_of("t", facts) is None


@pytest.mark.parametrize("audience", [[MCP, "http://127.0.0.1:1/"], ["http://127.0.0.1:1/"], "", None])
def test_an_audience_that_is_not_this_server_alone_is_not_taken_for_it(audience: Any) -> None:
    token = notes.token_of("t", {**FACTS, "aud": audience})
    assert token is not None
    assert token.resource != MCP


class Tokens:
    """Knows two tokens, named by what they may."""

    async def verify_token(self, token: str) -> AccessToken | None:
        known = {"reads": [notes.READ], "writes": [notes.READ, notes.WRITE]}
        return AccessToken(token=token, client_id="c", scopes=known[token]) if token in known else None


def asked(token: str, tool: str) -> tuple[int, str, bytes]:
    """Call a tool at a server that answers 200 to everything: status, challenge, and what came through to it."""
    through, sent = [], list[Message]()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}).encode()

    async def server(_scope: Scope, receive: Receive, send: Send) -> None:
        through.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b""}
    scope["headers"] = [(b"authorization", f"Bearer {token}".encode())]
    asyncio.run(notes.FurtherScope(server, Tokens(), "http://127.0.0.1:8802/m")(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert through in ([], [body])
    return sent[0]["status"], headers.get("www-authenticate", ""), b"".join(through)


def test_the_tool_that_writes_wants_a_scope_more() -> None:
    status, challenge, through = asked("reads", "write_note")
    assert (status, through) == (403, b"")
    assert challenge.startswith('Bearer error="insufficient_scope", scope="notes:write"')


@pytest.mark.parametrize(("token", "tool"), [("writes", "write_note"), ("reads", "whoami"), ("unknown", "write_note")])
def test_everything_else_comes_through_to_the_server_unchanged(token: str, tool: str) -> None:
    status, _, through = asked(token, tool)
    assert (status, json.loads(through)["params"]["name"]) == (200, tool)
