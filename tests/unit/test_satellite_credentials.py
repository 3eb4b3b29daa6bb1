"""The IAM route: signatures that AWS would take, https only, and whose credentials they are made with."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.session
import httpx2
import pytest
from botocore import exceptions
from hypothesis import given
from hypothesis import strategies as st

from local.accounts import CALLERS, SATELLITE
from local.iam_authorizer import Forbidden, IamAuthorizer, _moment
from local.payload import Request
from strongroom_satellite import Misconfigured, Patience, Strongroom, WrongAnswer, quiet, signed
from strongroom_satellite.asks import Ask, Connections, Installations, LookUp, Rejected
from strongroom_satellite.credentials import AwsSigner, region_of
from strongroom_satellite.signed import MOST_BODY, SignedHttp, checked_base, region_in
from tests.requirements import requirement
from tests.unit.satellites import ALICE, INSTALLATION, parsers_heard, released
from tests.weakened import weakened

API = "https://abc123.execute-api.us-east-1.amazonaws.com"
SESSION_TOKEN = "canary-session/token+7Zq=="


def session_of(token: str | None = None) -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials(SATELLITE.access_key, SATELLITE.secret, token)
    return session


def says(content: bytes, status: int = 200, **headers: str) -> httpx2.Response:
    """An answer whose body has yet to be read, as those from the network have."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, headers=named, stream=httpx2.ByteStream(content))


def signed_http(server: Any, url: str = API, token: str | None = None) -> SignedHttp:
    http = httpx2.Client(transport=httpx2.MockTransport(server))
    return SignedHttp(url, AwsSigner(session_of(token), "us-east-1"), Patience(), http)


def verified(request: httpx2.Request) -> dict[str, Any]:
    """Let the authorizer of the local API verify it, at the time that it was signed for."""
    headers = tuple((name.decode(), value.decode()) for name, value in request.headers.raw)
    authorizer = IamAuthorizer(CALLERS, lambda: _moment(request.headers["x-amz-date"]))
    return authorizer.authorize(Request(request.method, request.url.raw_path.decode(), headers, request.content))


def sent_for(ask: Ask, url: str = API) -> httpx2.Request:
    sent: list[httpx2.Request] = []

    def server(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return says(b"{}")

    signed_http(server, url).send(ask, 5.0)
    return sent[0]


ASKS = [
    LookUp(ALICE),
    LookUp(ALICE, 300),
    Rejected(ALICE, "v.1", 401, 'Bearer error="invalid_token"'),
    Installations("acme", "alice"),
    Connections("acme", INSTALLATION),
    Connections("acme", INSTALLATION, "a+b/c=d&e ~%"),
]


@requirement("attack:S9")
@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: type(ask).__name__)
@pytest.mark.parametrize("base", [API, f"{API}/", f"{API}:443", f"{API}/stage", "http://127.0.0.1:8400"])
def test_every_question_is_signed_so_that_aws_takes_it(ask: Ask, base: str) -> None:
    request = sent_for(ask, base)

    assert verified(request)["iam"]["accessKey"] == SATELLITE.access_key
    assert json.loads(request.content or b"null") == ask.body


@requirement("attack:S9")
@pytest.mark.parametrize("change", ["path", "body", "method", "host"])
def test_control_what_is_changed_on_its_way_is_not_taken(change: str) -> None:
    was = sent_for(LookUp(ALICE))
    request = httpx2.Request(
        "PUT" if change == "method" else was.method,
        str(was.url).replace("acme", "rivals") if change == "path" else was.url,
        headers={**was.headers, "host": "evil.example"} if change == "host" else was.headers,
        content=was.content.replace(b"alice", b"carol") if change == "body" else was.content,
    )

    with pytest.raises(Forbidden):
        verified(request)


@requirement("attack:S9")
@given(after=st.text(min_size=1))
def test_a_page_is_asked_for_by_whatever_text_strongroom_gave(after: str) -> None:
    try:
        path = Connections("acme", INSTALLATION, after).path
    except UnicodeEncodeError:
        return  # half a character: JSON can say it, and no URL
    request = sent_for(Connections("acme", INSTALLATION, after))

    assert verified(request)
    assert path.count("?") == 1
    assert request.url.params["next"] == after


# -- Where -------------------------------------------------------------------------------------------------------------


@requirement("attack:S9")
@pytest.mark.parametrize(
    "url",
    [
        "http://strongroom.example",
        "http://127.0.0.1.evil.example",
        "ftp://strongroom.example",
        "strongroom.example",
        "",
        "https://",
        "https://alice:secret@strongroom.example",
        "https://strongroom.example/?x=1",
        "https://strongroom.example/?",
        "https://strongroom.example/#x",
        "https://strongroom.example/#",
        "https://[::1",
    ],
)
def test_an_address_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        SignedHttp(url, AwsSigner(session_of(), "us-east-1"), Patience())

    assert "secret" not in str(caught.value)


@requirement("attack:S9")
def test_control_without_the_rule_tokens_would_come_over_plain_http() -> None:
    with weakened(checked_base, " or not origin.is_safe", ""):
        assert sent_for(LookUp(ALICE), "http://strongroom.example").url.scheme == "http"


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("abc123.execute-api.eu-west-1.amazonaws.com", "eu-west-1"),
        ("ABC123.execute-api.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("abc123.execute-api.eu-west-1.amazonaws.com.evil.example", None),
        ("strongroom.example", None),
    ],
)
def test_the_region_is_read_from_the_name_that_aws_gives(host: str, region: str | None) -> None:
    assert region_in(host) == region


@requirement("attack:S8")
def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    sent = []

    def endless() -> Any:
        while True:
            sent.append(1)
            assert len(sent) < 100
            yield b" " * 65536

    server = signed_http(lambda _: httpx2.Response(200, content=endless()))
    with pytest.raises(WrongAnswer):
        server.send(LookUp(ALICE), 60.0)
    assert len(sent) == MOST_BODY // 65536 + 1


@requirement("attack:S8")
def test_control_without_the_cap_all_of_it_is_read() -> None:
    server = signed_http(lambda _: says(b" " * (MOST_BODY + 1)))
    with weakened(signed.SignedHttp._send, "if len(body) > MOST_BODY:", "if False:"):
        assert len(server.send(LookUp(ALICE), 60.0).body) == MOST_BODY + 1


def test_a_compressed_answer_is_not_unpacked() -> None:
    packed = gzip.compress(released().body)
    with (
        Strongroom(signed_http(lambda _: says(packed, content_encoding="gzip"))) as satellite,
        pytest.raises(WrongAnswer),
    ):
        satellite.look_up(ALICE)


# -- Whose credentials -------------------------------------------------------------------------------------------------


class Slow:
    """A session whose credentials take a while to be found."""

    def __init__(self) -> None:
        self.asked, self.found = 0, session_of().get_credentials()
        self.many = threading.Event()

    def get_credentials(self) -> Any:
        self.asked += 1
        self.many.wait(0.05)
        return self.found


def test_many_threads_find_the_credentials_once() -> None:
    session: Any = Slow()
    signer = AwsSigner(session, "us-east-1")
    with ThreadPoolExecutor(8) as threads:
        all(threads.map(lambda _: signer.sign("GET", API, {}, b""), range(32)))

    assert session.asked == 1


class Failing:
    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def get_credentials(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    "error",
    [
        None,
        exceptions.ProfileNotFound(profile="x"),
        exceptions.CredentialRetrievalError(provider="x", error_msg="canary"),
        exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "canary"}}, "AssumeRole"),
    ],
)
def test_credentials_that_are_not_to_be_had_are_told_as_such_and_at_once(error: Exception | None) -> None:
    session: Any = Failing(error)
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: says(b"", 500)))
    transport = SignedHttp(API, AwsSigner(session, "us-east-1"), Patience(), http)
    with Strongroom(transport) as satellite, pytest.raises(Misconfigured) as caught:
        satellite.look_up(ALICE)

    assert "canary" not in str(caught.value)


def test_a_profile_or_region_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)

    for profile in ("nobody", None):
        with pytest.raises(Misconfigured):
            Strongroom.at("https://strongroom.example", profile=profile)
        with pytest.raises(Misconfigured):
            Strongroom.direct("token", profile=profile)
    assert region_of(session_of(), None, {"AWS_REGION": "eu-west-1"}) == "eu-west-1"


@pytest.mark.parametrize(
    "environ",
    [{}, {"STRONGROOM_URL": "", "STRONGROOM_FUNCTION": ""}, {"STRONGROOM_URL": "x", "STRONGROOM_FUNCTION": "y"}],
)
def test_an_environment_that_names_no_way_or_two_is_told(environ: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        Strongroom.from_environment(environ)


# -- Logs --------------------------------------------------------------------------------------------------------------


def log_all(caplog: pytest.LogCaptureFixture) -> None:
    for name in (None, "botocore", "httpx2", "httpcore2"):  # other libraries set levels of their own
        caplog.set_level(logging.DEBUG, logger=name)


def logged_while_signing(caplog: pytest.LogCaptureFixture) -> str:
    log_all(caplog)
    with Strongroom(signed_http(lambda _: says(released().body), token=SESSION_TOKEN)) as satellite:
        satellite.look_up(ALICE)
    return caplog.text


@requirement("attack:S7")
def test_the_session_token_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    text = logged_while_signing(caplog)

    assert "x-amz-security-token:***" in text
    assert SESSION_TOKEN not in text
    assert SATELLITE.secret not in text


@requirement("attack:S7")
def test_control_botocore_itself_logs_it(caplog: pytest.LogCaptureFixture) -> None:
    with weakened(quiet._Redacting.filter, r'_TOKEN.sub(r"\1***", record.getMessage())', "record.getMessage()"):
        assert SESSION_TOKEN in logged_while_signing(caplog)


@requirement("attack:S7")
@pytest.mark.parametrize(
    "line",
    [
        b"<Credentials><SecretAccessKey>%s</SecretAccessKey></Credentials>",
        b"<SessionToken>%s</SessionToken>",
        b'{"roleCredentials":{"secretAccessKey":"%s"}}',
        b'{"sessionToken": "%s"}',
        b'{"accessToken":"%s"}',
    ],
)
def test_credentials_are_not_logged_as_they_are_fetched(line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    log_all(caplog)
    with parsers_heard() as parsers:
        quiet.about_signatures()
        parsers.debug("Response body:\n%r", line % SESSION_TOKEN.encode())
    logging.getLogger("botocore.endpoint").debug("params: %s", {"WebIdentityToken": SESSION_TOKEN})

    assert caplog.text.count("***") == 2
    assert SESSION_TOKEN not in caplog.text
