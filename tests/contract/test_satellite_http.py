"""The satellite package on real connections: whatever may stand at Strongroom's address, and what is logged of it all."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import botocore.session
import pytest

from strongroom_satellite import (
    Misconfigured,
    Patience,
    SatelliteError,
    Strongroom,
    Unavailable,
    WrongAnswer,
)
from strongroom_satellite.asks import LookUp
from strongroom_satellite.credentials import AwsSigner
from strongroom_satellite.signed import SignedHttp
from tests.contract.satellite_clients import Get, each_client, url_of
from tests.fakes.egress_servers import LOOPBACK, Heard, Server, answer, saying
from tests.requirements import requirement
from tests.unit.satellites import ALICE, TOKEN, body_of, parsers_heard
from tests.weakened import weakened

AWS_SECRET, SESSION_TOKEN = "canary-aws-secret+7Zq/", "canary-session/token+7Zq=="

# -- At Strongroom's address -------------------------------------------------------------------------------------------


def session() -> botocore.session.Session:
    made = botocore.session.Session()
    made.set_credentials("AKIDFAKE", AWS_SECRET, SESSION_TOKEN)
    made.set_config_variable("region", "us-east-1")
    return made


PATIENCE = Patience(attempt=1.0, total=0.5)


@contextmanager
def asking(server: Server, patience: Patience = PATIENCE) -> Iterator[Strongroom]:
    transport = SignedHttp(f"http://{LOOPBACK}:{server.port}", AwsSigner(session(), "us-east-1"), patience)
    with Strongroom(transport, patience=patience) as satellite:
        yield satellite


def good(version: str = "v.1", **other: Any) -> bytes:
    return answer(200, json.dumps(body_of(version, **other)).encode(), ("connection", "close"))


def dripping(line: socket.socket, heard: Heard) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        line.sendall(b" ")
        threading.Event().wait(0.02)


def endless(line: socket.socket, heard: Heard) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while True:
        line.sendall(b" " * 65536)


def silent(line: socket.socket, heard: Heard) -> None:
    line.recv(1)


def test_a_good_answer_is_taken() -> None:
    with Server(saying(good())) as server, asking(server) as satellite:
        assert satellite.look_up(ALICE).version == "v.1"


@requirement("attack:S8")
@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (dripping, Unavailable),
        (silent, Unavailable),
        (endless, WrongAnswer),
        (saying(), Unavailable),
        (saying(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"), Unavailable),
        (saying(b"SSH-2.0-OpenSSH\r\n"), Unavailable),
        (saying(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200_000), Unavailable),
        (saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n"), Unavailable),
        (saying(answer(200, b"<html>")), WrongAnswer),
        (saying(answer(204)), WrongAnswer),
        (saying(answer(404, b"not here")), WrongAnswer),
    ],
    ids=["dripping", "silent", "endless", "mute", "cut", "junk", "headers", "chunks", "html", "empty", "missing"],
)
def test_whatever_stands_there_ends_in_an_error_of_ours(
    script: Callable[[socket.socket, Heard], None], kind: type[SatelliteError]
) -> None:
    with Server(script) as server, asking(server) as satellite, pytest.raises(kind) as caught:
        satellite.look_up(ALICE)

    assert type(caught.value) is kind


@requirement("attack:S8")
def test_a_redirect_is_not_followed_with_a_signature() -> None:
    with Server(saying(good())) as evil:
        led = answer(307, b"", ("location", url_of(evil)), ("connection", "close"))
        with Server(saying(led)) as server, asking(server) as satellite, pytest.raises(WrongAnswer):
            satellite.look_up(ALICE)

        assert evil.heard == []


@requirement("attack:S8")
def test_control_a_client_that_follows_redirects_takes_an_answer_from_anywhere() -> None:
    with Server(saying(good(version="v.evil"))) as evil:
        led = answer(307, b"", ("location", url_of(evil)), ("connection", "close"))
        with Server(saying(led)) as server:
            following = weakened(SignedHttp.__init__, "follow_redirects=False", "follow_redirects=True")
            with following, asking(server) as satellite:
                assert satellite.look_up(ALICE).version == "v.evil"


@requirement("attack:S9")
def test_no_proxy_of_the_environment_stands_between_us_and_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(saying(good(version="v.proxy"))) as proxy, Server(saying(good())) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{LOOPBACK}:{proxy.port}")
        with asking(server) as satellite:
            assert satellite.look_up(ALICE).version == "v.1"
        assert proxy.heard == []

        trusting = weakened(SignedHttp.__init__, "trust_env=not is_loopback(self._base.host)", "trust_env=True")
        with trusting, asking(server) as satellite:
            assert satellite.look_up(ALICE).version == "v.proxy", "the control"


def test_what_has_been_closed_says_so() -> None:
    with Server(saying(good())) as server:
        transport = SignedHttp(f"http://{LOOPBACK}:{server.port}", AwsSigner(session(), "us-east-1"), PATIENCE)
        transport.close()

        with pytest.raises(Unavailable):
            transport.send(LookUp(ALICE), 1.0)
        assert server.heard == []


def test_nobody_there_is_told_as_such() -> None:
    with Server(saying()) as server:
        pass
    with asking(server) as satellite, pytest.raises(Unavailable):
        satellite.look_up(ALICE)


# -- Logs --------------------------------------------------------------------------------------------------------------


def spellings(secret: str) -> set[str]:
    """A secret as it is, in base64 wherever it may begin, and in a URL."""
    found = {secret, quote(secret, safe="")}
    for before in range(3):
        coded = base64.b64encode(b"x" * before + secret.encode()).decode()
        found.add(coded[4:-4])
    return found


def log_all(caplog: pytest.LogCaptureFixture) -> None:
    for name in (None, "botocore", "urllib3", "httpx2", "httpcore2", "httpx", "httpcore", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)  # other libraries set levels of their own


def found_in(text: str, *secrets: str) -> list[str]:
    return [secret for secret in secrets for spelling in spellings(secret) if spelling in text]


@each_client
@requirement("attack:S7")
def test_a_whole_call_logged_as_closely_as_possible_shows_no_secret(get: Get, caplog: pytest.LogCaptureFixture) -> None:
    log_all(caplog)

    def script(line: socket.socket, heard: Heard) -> None:
        bad = heard.headers.get("authorization", "").endswith("v.1")
        challenge = [("www-authenticate", "Bearer")] if bad else []
        line.sendall(answer(401 if bad else 200, b"", *challenge, ("connection", "close")))

    with Server(script) as server:
        bodies = [good(version=version, url=url_of(server)) for version in ("v.1", "v.2")]
        with Server(lambda line, heard: line.sendall(bodies.pop(0))) as strongroom, asking(strongroom) as satellite:
            [response] = get(satellite._transport, url_of(server))

    assert response.status_code == 200
    assert {"httpx2", "httpcore2.http11", "botocore.auth"} <= {record.name for record in caplog.records}
    assert found_in(caplog.text, TOKEN, AWS_SECRET, SESSION_TOKEN) == []


def invoked(monkeypatch: pytest.MonkeyPatch) -> Any:
    told = json.dumps({"statusCode": 200, "headers": {}, "body": json.dumps(body_of())}).encode()
    with Server(saying(answer(200, told, ("connection", "close")))) as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", f"http://{LOOPBACK}:{aws.port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFAKE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
        monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION_TOKEN)
        with Strongroom.direct("token", region="us-east-1", patience=PATIENCE) as satellite:
            return satellite.look_up(ALICE), aws.heard[0]


@requirement("attack:S7")
def test_direct_invoke_works_and_its_logs_show_no_secret(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_all(caplog)
    with parsers_heard():
        release, heard = invoked(monkeypatch)

    assert release.access_token.reveal() == f"{TOKEN}-v.1"
    assert heard.target == "/2015-03-31/functions/token/invocations?Qualifier=direct"
    assert heard.headers["x-amz-security-token"] == SESSION_TOKEN
    assert {"botocore.auth", "botocore.endpoint", "botocore.parsers", "urllib3.connectionpool"} <= {
        record.name for record in caplog.records
    }
    assert found_in(caplog.text, TOKEN, AWS_SECRET, SESSION_TOKEN) == []


@requirement("attack:S7")
def test_control_the_search_finds_a_secret_however_it_is_spelt() -> None:
    for text in (TOKEN, base64.b64encode(f"ab{TOKEN}z".encode()).decode(), quote(f"a/{SESSION_TOKEN}", safe="")):
        assert found_in(text, TOKEN, SESSION_TOKEN)


def test_a_deployment_elsewhere_takes_https(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        Strongroom.at("http://strongroom.example", region="us-east-1")
