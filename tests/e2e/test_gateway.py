"""The example gateway on the local system: stock clients of both revisions before it, real MCP servers behind it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client import Client, ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitRequestParams, ElicitResult

from examples.client import http_of, text_of
from local.accounts import SATELLITE
from local.plan import connections_page, origin
from local.services.notes_stdio import KEY, VARIABLE
from local.terminal import calling
from tests.contract.toy_stack import alive, free_ports, until
from tests.e2e.gateway_scene import PATIENCE, Scene, command, environment, gateway_at, in_a_loop, names, scene_at, told
from tests.requirements import requirement
from tests.unit.attacks.hunt import found_in

REVISIONS = pytest.mark.parametrize(
    ("user", "handshake"), [("bob", True), ("carol", False)], ids=["2025-11-25", "2026-07-28"]
)
TELLING = str(Path(__file__).parents[1] / "contract" / "telling_server.py")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_at(free_ports(21700), tmp_path_factory.mktemp("gateway")) as running:
        yield running


# An admin may install so many servers in a minute: tests that can share one do.
@pytest.fixture(scope="module")
def before(scene: Scene) -> str:
    return scene.install("before")


@pytest.fixture(scope="module")
def waits(scene: Scene) -> str:
    return scene.install("waits")


@pytest.fixture(scope="module")
def untouched(scene: Scene) -> str:
    return scene.install("untouched")


@pytest.fixture(scope="module")
def used(scene: Scene) -> str:
    installation = scene.install("used")
    for user in ("alice", "bob"):
        scene.connect(user, installation)
    return installation


@REVISIONS
@in_a_loop
async def test_the_tool_to_connect_gives_way_to_the_servers_own(
    scene: Scene, before: str, user: str, handshake: bool
) -> None:
    async with scene.client(user, handshake=handshake) as client:
        assert await names(client, "before") == ["before__connect"]
        await anyio.to_thread.run_sync(scene.connect, user, before)
        assert await names(client, "before") == ["before__whoami", "before__list_files"]
        assert await told(client, "before__whoami") == user


@REVISIONS
def test_a_call_shows_the_link_waits_for_the_person_and_goes_on(
    scene: Scene, waits: str, user: str, handshake: bool
) -> None:
    with calling(user, scene.ports, "waits__whoami", handshake=handshake) as call:
        until(lambda: call.asks_for() == waits or call.is_over(), within=PATIENCE)
        assert call.asks_for() == waits
        assert (call.link() or "").startswith(f"{connections_page(scene.ports)}?")
        assert not call.is_over()
        scene.connect(user, waits)
        until(call.is_over, within=PATIENCE)
        assert call.said() == user


@in_a_loop
async def test_whoever_declines_is_told_that_nothing_was_done(scene: Scene, untouched: str) -> None:
    async def declines(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="decline")

    async with http_of(scene.token("carol")) as http:
        transport = streamable_http_client(scene.url, http_client=http)
        async with Client(transport, elicitation_callback=declines) as client:
            result = await client.call_tool("untouched__whoami", {})
    assert result.is_error
    assert "nothing was done" in text_of(result)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
@in_a_loop
async def test_a_client_that_declares_nothing_is_told_the_link_in_words(
    scene: Scene, untouched: str, mode: str
) -> None:
    async with (
        http_of(scene.token("carol")) as http,
        Client(streamable_http_client(scene.url, http_client=http), mode=mode) as client,
    ):
        result = await client.call_tool("untouched__whoami", {})
    assert result.is_error
    assert f"{connections_page(scene.ports)}?team=acme&installation={untouched}" in text_of(result)


@in_a_loop
async def test_a_disabled_installation_is_not_there_until_it_is_enabled_and_an_uninstalled_one_never(
    scene: Scene,
) -> None:
    installation = scene.install("switched")
    scene.connect("bob", installation)
    alice = scene.people["alice"]
    async with scene.client("bob") as client:
        assert await told(client, "switched__whoami") == "bob"
        assert alice.at("PATCH", installation, body={"enabled": False}).status == 200
        assert await names(client, "switched") == []
        assert text_of(await client.call_tool("switched__whoami", {})) == "There is no such tool."
        assert alice.at("PATCH", installation, body={"enabled": True}).status == 200
        assert await names(client, "switched") == ["switched__whoami", "switched__list_files"]
        assert alice.at("DELETE", installation).status in (200, 204)
        assert await names(client, "switched") == []
        assert text_of(await client.call_tool("switched__whoami", {})) == "There is no such tool."


@in_a_loop
async def test_people_who_call_at_once_each_speak_for_themselves(scene: Scene, used: str) -> None:
    heard: dict[str, set[str]] = {"alice": set(), "bob": set()}

    async def speaks(user: str, handshake: bool) -> None:
        async with scene.client(user, handshake=handshake) as client:
            for _ in range(5):
                heard[user].add(await told(client, "used__whoami"))

    async with anyio.create_task_group() as speaking:
        for user in heard:
            for handshake in (True, False):
                speaking.start_soon(speaks, user, handshake)
    assert heard == {"alice": {"alice"}, "bob": {"bob"}}


@in_a_loop
async def test_servers_whose_names_look_alike_have_tools_of_their_own(scene: Scene) -> None:
    one, other = scene.install("Look Alike"), scene.install("look alike!")
    scene.connect("bob", one)
    async with scene.client("bob") as client:
        first, second = (f"look-alike_{installation[:6]}" for installation in (one, other))
        assert await told(client, f"{first}__whoami") == "bob"
        assert await names(client, first) == [f"{first}__whoami", f"{first}__list_files"]
        assert await names(client, second) == [f"{second}__connect"]


@in_a_loop
async def test_a_server_that_is_started_answers_and_one_in_trouble_takes_nothing_away(scene: Scene) -> None:
    for name in ("Team Notes", "Unknown Notes"):
        scene.install(name, None, requires_oauth=False, inject={"env": {VARIABLE: KEY}})
    async with scene.client("carol") as client:
        assert await names(client, "team-notes") == ["team-notes__list_notes"]
        assert "Release on Friday" in await told(client, "team-notes__list_notes")
        assert await names(client, "unknown-notes") == []
    assert "unknown-notes: Misconfigured" in scene.log.read_text()


@requirement("attack:S11")
def test_only_tokens_for_the_gateway_itself_are_taken(scene: Scene) -> None:
    given, good = scene.tokens_of("bob"), scene.token("bob")
    refused = [None, given["access_token"], given["id_token"], good[:-6], f"{good}x"]
    assert [post(scene, token).status_code for token in refused] == [401] * len(refused)
    assert post(scene, good).status_code == 200
    challenge = post(scene, None).headers["www-authenticate"]
    [where] = [one.partition('"')[2].rstrip('"') for one in challenge.split(", ") if "resource_metadata" in one]
    document = httpx2.get(where, trust_env=False).json()
    assert document["resource"] == scene.url
    assert [one.rstrip("/") for one in document["authorization_servers"]] == [origin(scene.ports.sign_in)]


def post(scene: Scene, token: str | None) -> httpx2.Response:
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}
    shown = {} if token is None else {"Authorization": f"Bearer {token}"}
    headers = {"Accept": "application/json, text/event-stream", **shown}
    return httpx2.post(scene.url, json=asked, headers=headers, trust_env=False, timeout=PATIENCE)


@in_a_loop
async def test_nothing_secret_is_in_the_gateways_log(scene: Scene, used: str) -> None:
    jwts = {scene.token("bob"), scene.tokens_of("bob")["access_token"]}
    for token in jwts:
        post(scene, token)
    async with scene.client("bob") as client:
        assert await told(client, "used__whoami") == "bob"
        assert (await client.call_tool("used__no_such_tool", {})).is_error
    tokens = {scene.released("bob", used)["access_token"]}
    secrets = {"JWT": jwts, "access token": tokens, "key": {KEY, SATELLITE.secret}}
    log = scene.log.read_text()
    assert found_in(log, secrets) == []
    for secret in (*jwts, *tokens, KEY, SATELLITE.secret):
        assert found_in(f"{log}\n{secret}", secrets)  # the control


# -- how it ends, and why it does not start


def stubborn(scene: Scene, folder: Path, name: str) -> list[str]:
    """Install a server that heeds neither the end of its input nor SIGTERM once `stay` has been called."""
    scene.install(name, None, requires_oauth=False, inject={"env": {VARIABLE: KEY}})
    told_to = {"command": sys.executable, "args": ["-I", "-S", TELLING], "env": [VARIABLE]}
    lines = [f"{key} = {json.dumps(value)}" for key, value in told_to.items()]
    (folder / "servers.toml").write_text("\n".join([f'[stdio."{name}"]', *lines]))
    return ["--servers", str(folder / "servers.toml")]


async def child_that_stays(scene: Scene, port: int, slug: str) -> int:
    async with scene.client("carol", url=f"{origin(port)}/mcp") as client:
        await client.call_tool(f"{slug}__stay", {})
        return int(json.loads(await told(client, f"{slug}__tell"))["pid"])


def stopped(scene: Scene, folder: Path, name: str, **program: Any) -> tuple[int, int]:
    """Run a gateway, let it start a child that stays, and stop it: its exit status, and the child."""
    port = free_ports(21800).first
    arguments = command(scene, port, *stubborn(scene, folder, name), **program)
    with gateway_at(scene, port, folder, arguments) as gateway:
        child = anyio.run(child_that_stays, scene, port, name)
        assert alive(child)
        gateway.send_signal(signal.SIGTERM)
        return gateway.wait(PATIENCE), child


def test_on_sigterm_it_ends_with_all_that_it_has_started(scene: Scene, tmp_path: Path) -> None:
    status, child = stopped(scene, tmp_path, "stays")
    assert (status, alive(child)) == (0, False)
    assert "Traceback" not in (tmp_path / "gateway.log").read_text()


ENDED_BY_SIGNAL = """
import uvicorn
from examples import gateway
gateway.HttpServer = uvicorn.Server
raise SystemExit(gateway.main())
"""


def test_control_a_server_that_raises_the_signal_once_more_leaves_them_behind(scene: Scene, tmp_path: Path) -> None:
    status, child = stopped(scene, tmp_path, "left-behind", program=("-c", ENDED_BY_SIGNAL))
    try:
        assert (status, alive(child)) == (-signal.SIGTERM, True)
    finally:
        subprocess.run(["kill", "-KILL", str(child)], check=False)  # noqa: S603, S607 - the child of this test


NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@pytest.mark.parametrize(
    ("changed", "more", "sentence"),
    [
        ({"STRONGROOM_URL": None}, (), "set STRONGROOM_URL"),
        ({"STRONGROOM_URL": "http://strongroom.example"}, (), "Strongroom's URL begins with https://"),
        ({"AWS_REGION": None}, (), "no AWS region"),
        (NO_KEYS, (), "there are no AWS credentials"),
        ({}, ("--servers", "nowhere.toml"), "nowhere.toml does not say what to start"),
        ({}, ("--issuer", "http://127.0.0.1:9"), "http://127.0.0.1:9 does not answer as a sign-in service does"),
        ({}, ("--port", "TAKEN"), "is taken or not allowed: choose another one with --port"),
        ({}, ("--port", "99999"), "is taken or not allowed: choose another one with --port"),
    ],
    ids=["no URL", "plain http", "no region", "no credentials", "no such file", "no issuer", "port taken", "no port"],
)
def test_what_it_lacks_is_told_in_one_sentence(
    scene: Scene, tmp_path: Path, changed: dict[str, str | None], more: tuple[str, ...], sentence: str
) -> None:
    taken = [str(scene.ports.gateway) if one == "TAKEN" else one for one in more]
    run = subprocess.run(  # noqa: S603 - our own example
        command(scene, free_ports(21900).first, *taken),
        env=environment(scene, tmp_path, **changed),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (run.returncode, run.stdout) == (1, "")
    [line] = run.stderr.splitlines()
    assert line.startswith("The gateway does not start: ")
    assert sentence in line
