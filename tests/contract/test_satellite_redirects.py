"""Tokens on real connections: servers that lead elsewhere, and proxies in between."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import pytest

from strongroom_satellite import WrongOrigin, injection
from tests.contract.satellite_clients import Get, each_client, for_server, held_by, url_of
from tests.fakes.egress_servers import LOOPBACK, Authority, Heard, Server, _hear, answer, authority, saying
from tests.requirements import requirement
from tests.unit.satellites import HEADER, TOKEN
from tests.weakened import weakened

# -- Redirects ---------------------------------------------------------------------------------------------------------


def leading_to(place: Callable[[], str], status: int = 307) -> Callable[[socket.socket, Heard], None]:
    """Send whoever asks for /mcp elsewhere, and answer everything else."""

    def script(line: socket.socket, heard: Heard) -> None:
        there = answer(status, b"", ("location", place()), ("connection", "close"))
        line.sendall(there if heard.target == "/mcp" else answer(200, b"here", ("connection", "close")))

    return script


@each_client
@requirement("attack:S2")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_gets_nothing_and_the_client_goes_on(get: Get, status: int) -> None:
    with Server(saying(answer(200))) as evil, Server(leading_to(lambda: url_of(evil), status)) as server:
        led, direct = get(for_server(url_of(server)), url_of(server), url_of(server, "/other"))

        assert isinstance(led, WrongOrigin)
        assert direct.text == "here"
        assert evil.heard == []
    assert TOKEN not in str(led)


@each_client
@requirement("attack:S2")
def test_control_without_the_second_look_the_other_origin_gets_the_key(get: Get) -> None:
    with Server(saying(answer(200))) as evil, Server(leading_to(lambda: url_of(evil))) as server:
        with weakened(injection.Injected._sends, "not step.endswith(_SENDING)", "True"):
            get(for_server(url_of(server)), url_of(server))

        assert HEADER in held_by(evil)


@each_client
@requirement("attack:S2")
def test_another_name_of_this_machine_is_another_origin(get: Get) -> None:
    with Server(saying(answer(200))) as server:
        leading = Server(leading_to(lambda: f"http://localhost:{server.port}/mcp"))
        with leading:
            [led] = get(for_server(url_of(leading)), url_of(leading))

        assert isinstance(led, WrongOrigin)
        assert server.heard == []


@each_client
def test_a_redirect_within_the_origin_is_followed_with_the_token(get: Get) -> None:
    with Server(leading_to(lambda: "/elsewhere")) as server:
        [response] = get(for_server(url_of(server)), url_of(server))

        assert response.text == "here"
        assert [heard.headers.get("authorization") for heard in server.heard] == [f"Bearer {TOKEN}"] * 2
        assert [heard.headers.get("x-api-key") for heard in server.heard] == [HEADER] * 2


# -- Proxies -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@each_client
def test_through_a_tunnel_the_token_reaches_its_server_and_the_proxy_sees_none(
    get: Get, certificates: Authority
) -> None:
    inside: list[Heard | None] = []
    tls = certificates.server("files.example")

    def tunnel(line: socket.socket, heard: Heard) -> None:
        line.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        with tls.wrap_socket(line, server_side=True) as through:
            inside.append(_hear(through))
            through.sendall(answer(200, b"through", ("connection", "close")))

    with Server(tunnel) as proxy:
        [response] = get(
            for_server("https://files.example/mcp"),
            "https://files.example/mcp",
            proxy=f"http://{LOOPBACK}:{proxy.port}",
            verify=ssl.create_default_context(cafile=certificates.file),
        )

    assert response.text == "through"
    assert [heard.method for heard in proxy.heard] == ["CONNECT"]
    assert TOKEN not in held_by(proxy)
    assert HEADER not in held_by(proxy)
    assert inside[0] is not None
    assert inside[0].headers["authorization"] == f"Bearer {TOKEN}"


@each_client
@requirement("attack:S1")
def test_over_plain_http_a_proxy_gets_nothing(get: Get) -> None:
    with Server(saying(answer(200))) as proxy:
        [refused] = get(
            for_server("http://127.0.0.1:9/mcp"), "http://127.0.0.1:9/mcp", proxy=f"http://{LOOPBACK}:{proxy.port}"
        )

        assert isinstance(refused, WrongOrigin)
        assert proxy.heard == []
