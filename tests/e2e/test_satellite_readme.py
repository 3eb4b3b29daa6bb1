"""The package's README: its Python, as it stands there, against the real local stack."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, InputRequiredResult

from local.accounts import SATELLITE
from local.actors import Person, Places
from local.demo import PACE
from local.plan import Ports, demo_options
from local.satellites import who_and_where
from local.seed import operators_rows
from local.services.notes_stdio import KEY, VARIABLE
from local.stack import Stack
from strongroom_satellite import AuthorizationRequired, Need, Strongroom, StrongroomAuth
from strongroom_satellite.elicitation import Prompts
from strongroom_satellite.stdio import StdioPool, StdioServer
from tests.contract.toy_stack import free_ports
from tests.documents import ROOT, blocks

PYTHON = [block.text for block in blocks(ROOT / "satellite" / "README.md") if block.language == "python"]
FIVE_LINES, REQUIRED, STARTED, PROMPTING = PYTHON


class Place:
    """The running system, with two installations, and bob connected."""

    def __init__(self, ports: Ports) -> None:
        places = Places(ports)
        alice, bob = Person("alice", "acme", places), Person("bob", "acme", places)
        self.url, self.api = places.mcp, places.api
        self.files = str(alice.install("Team Files", places.mcp).json()["installation"])
        notes = alice.install("Team Notes", None, requires_oauth=False, inject={"env": {VARIABLE: KEY}})
        self.notes = str(notes.json()["installation"])
        bob.connect(self.files)
        for person in (alice, bob):
            person.browser.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    options = demo_options(free_ports(21700), PACE, operators_rows)
    with Stack(replace(options, run_dir=tmp_path_factory.mktemp("stack")), lambda _: None) as stack:
        yield Place(stack.options.ports)


@pytest.fixture
def environment(place: Place) -> Iterator[None]:
    """What the README tells people to set, for the one block that reads it, and where the demo's server is found."""
    before = dict(os.environ)
    os.environ.update(who_and_where(SATELLITE, place.api), PYTHONPATH=str(ROOT))
    yield
    os.environ.clear()
    os.environ.update(before)


def run(block: str, **given: Any) -> dict[str, Any]:
    """Run a block inside a coroutine, with what its text takes for granted, and give what it has named."""
    names: dict[str, Any] = {
        "httpx2": httpx2,
        "Client": Client,
        "streamable_http_client": streamable_http_client,
        "MCPServer": MCPServer,
        "Context": Context,
        "CallToolResult": CallToolResult,
        "InputRequiredResult": InputRequiredResult,
        "AuthorizationRequired": AuthorizationRequired,
        "Need": Need,
        "Strongroom": Strongroom,
        "StrongroomAuth": StrongroomAuth,
        "Prompts": Prompts,
        "StdioPool": StdioPool,
        "StdioServer": StdioServer,
        **given,
    }
    code = compile(block, "satellite/README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def go() -> None:
        outcome = eval(code, names)  # noqa: S307 - our own document
        if outcome is not None:
            await outcome

    anyio.run(go)
    return names


@pytest.fixture
def strongroom(place: Place, environment: None) -> Iterator[Strongroom]:
    with Strongroom.from_environment() as strongroom:
        yield strongroom


def test_five_lines_call_a_tool_with_the_users_own_token(
    place: Place, environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run(FIVE_LINES, INSTALLATION=place.files, MCP_URL=place.url)["strongroom"].close()
    assert "text='bob'" in capsys.readouterr().out


def test_whoever_has_not_connected_gets_a_reason_and_a_link(
    place: Place, strongroom: Strongroom, capsys: pytest.CaptureFixture[str]
) -> None:
    run(REQUIRED, strongroom=strongroom, INSTALLATION=place.files)
    said = capsys.readouterr().out
    assert said.startswith("never_connected http://")
    assert place.files in said


def test_a_server_that_is_started_gets_its_variable(
    place: Place, strongroom: Strongroom, capsys: pytest.CaptureFixture[str]
) -> None:
    run(STARTED, strongroom=strongroom, NOTES=place.notes)
    assert "Release on Friday" in capsys.readouterr().out


@pytest.mark.parametrize(("user", "answered"), [("bob", "notes.txt"), ("carol", "connect your account at http://")])
def test_a_gateways_tool_serves_whoever_is_connected_and_prompts_the_others(
    place: Place, strongroom: Strongroom, user: str, answered: str
) -> None:
    given: Mapping[str, Any] = {"INSTALLATION": place.files, "MCP_URL": place.url, "signed_in_user": lambda: user}
    names = run(PROMPTING, strongroom=strongroom, **given)

    async def call() -> str:
        async with names["prompts"], Client(names["server"]) as client:
            return str(await client.call_tool("list_files", {}))

    assert answered in anyio.run(call)
