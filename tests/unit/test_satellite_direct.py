"""Direct invoke: what is sent to Lambda, and what any of its answers means."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import exceptions
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from strongroom_satellite import (
    AuthorizationRequired,
    Misconfigured,
    Refused,
    SatelliteError,
    Strongroom,
    Unavailable,
    WrongAnswer,
    direct,
)
from strongroom_satellite.asks import LookUp
from strongroom_satellite.direct import DirectInvoke, lambda_client, region_of_arn
from strongroom_satellite.retry import Patience
from tests.fakes.wire import fake_session
from tests.requirements import requirement
from tests.unit.satellites import ALICE, INSTALLATION, TwoHands, body_of
from tests.weakened import weakened

SECRET = "canary-secret-9Pd"


class FakeLambda:
    """Botocore's client for Lambda, as far as it is used: answers with bytes, or raises."""

    def __init__(self, *script: bytes | Exception, error: str | None = None) -> None:
        self.script, self.error, self.invoked, self.closed = [*script], error, list[dict[str, Any]](), False

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.invoked.append(asked)
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, Exception):
            raise said
        told = {
            "StatusCode": 200,
            "Payload": StreamingBody(io.BytesIO(said), len(said)),
            "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}, "HTTPStatusCode": 200},
        }
        return told | ({"FunctionError": self.error} if self.error else {})

    def close(self) -> None:
        self.closed = True


def answered(status: int, body: Any, **headers: str) -> bytes:
    return json.dumps({"statusCode": status, "headers": headers, "body": json.dumps(body)}).encode()


def refusing(code: str, status: int) -> exceptions.ClientError:
    about: Any = {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(about, "Invoke")


def gateway(client: FakeLambda) -> Strongroom:
    clock = TwoHands()
    return Strongroom(DirectInvoke("token", client), clock=clock, chance=lambda: 0.5, wait=clock.wait)


def test_a_look_up_is_a_payload_of_form_1_for_the_alias_direct() -> None:
    client = FakeLambda(answered(200, body_of()))
    with gateway(client) as satellite:
        assert satellite.look_up(ALICE, min_validity=300).version == "v.1"

    [asked] = client.invoked
    assert (asked["FunctionName"], asked["Qualifier"]) == ("token", "direct")
    assert json.loads(asked["Payload"]) == {
        "form": 1,
        "team": "acme",
        "installation": INSTALLATION,
        "user": "alice",
        "min_validity": 300,
    }
    assert client.closed


def test_a_report_goes_the_same_way() -> None:
    client = FakeLambda(answered(200, body_of("v.2")))
    with gateway(client) as satellite:
        satellite.rejected(ALICE, "v.1", 401, "Bearer")

    rejected = json.loads(client.invoked[0]["Payload"])["rejected"]
    assert rejected == {"version": "v.1", "status": 401, "challenge": "Bearer"}


def test_its_date_is_lambdas_and_its_retry_after_the_functions() -> None:
    sent = DirectInvoke("token", FakeLambda(answered(503, {}, **{"Retry-After": "3"})))
    headers = sent.send(LookUp(ALICE), 1.0).headers
    assert headers["retry-after"] == "3"
    assert headers["date"].endswith("GMT")


def test_lists_are_not_to_be_had_this_way() -> None:
    with gateway(FakeLambda(b"")) as satellite, pytest.raises(Misconfigured):
        satellite.installations("acme", "alice")


@pytest.mark.parametrize(
    ("raised", "kind", "asked"),
    [
        (refusing("AccessDeniedException", 403), Refused, 1),
        (refusing("ExpiredTokenException", 403), Refused, 1),
        (refusing("ResourceNotFoundException", 404), WrongAnswer, 1),
        (exceptions.NoCredentialsError(), Misconfigured, 1),
        (exceptions.PartialCredentialsError(provider="env", cred_var="x"), Misconfigured, 1),
        (exceptions.ProfileNotFound(profile="x"), Misconfigured, 1),
        (exceptions.ParamValidationError(report="x"), Misconfigured, 1),
        (refusing("TooManyRequestsException", 429), Unavailable, 2),
        (refusing("ServiceException", 500), Unavailable, 2),
        (exceptions.EndpointConnectionError(endpoint_url="x"), Unavailable, 2),
        (exceptions.ConnectTimeoutError(endpoint_url="x"), Unavailable, 2),
        (exceptions.ReadTimeoutError(endpoint_url="x"), Unavailable, 2),
        (exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2), Unavailable, 2),
    ],
)
def test_what_lambda_itself_refuses_is_told_apart_and_tried_again_where_it_passes(
    raised: Exception, kind: type[SatelliteError], asked: int
) -> None:
    client = FakeLambda(raised)
    with gateway(client) as satellite, pytest.raises(SatelliteError) as caught:
        satellite.look_up(ALICE)

    assert type(caught.value) is kind
    assert min(len(client.invoked), 2) == asked
    assert SECRET not in f"{caught.value} {caught.value!r}"


def test_a_function_that_fails_is_asked_again_and_what_it_says_is_not_read() -> None:
    client = FakeLambda(answered(200, body_of()), error="Unhandled")
    with gateway(client) as satellite, pytest.raises(Unavailable) as caught:
        satellite.look_up(ALICE)

    assert type(caught.value) is Unavailable
    assert len(client.invoked) > 1


def test_a_refusal_of_strongroom_is_what_it_is_over_https() -> None:
    told = {"error": "authorization_required", "reason": "revoked", "link": "https://web.example/"}
    with gateway(FakeLambda(answered(409, told))) as satellite, pytest.raises(AuthorizationRequired) as caught:
        satellite.look_up(ALICE)

    assert caught.value.reason == "revoked"


MALFORMED = [
    b"",
    b"null",
    b"[]",
    b'"x"',
    b"{}",
    b"{",
    b"\xff",
    b"[" * 100_000,
    b'{"statusCode": "200", "headers": {}, "body": ""}',
    b'{"statusCode": null, "headers": {}, "body": ""}',
    b'{"statusCode": 200, "headers": null, "body": "{}"}',
    b'{"statusCode": 200, "headers": [], "body": "{}"}',
    b'{"statusCode": 200, "headers": {}, "body": null}',
    b'{"statusCode": 200, "headers": {}, "body": {"access_token": "x"}}',
    b'{"statusCode": 200, "headers": {}, "body": "\\ud800"}',
    b'{"statusCode": 200, "headers": {"date": 7}, "body": "{}"}',
    b'{"statusCode": 1e400, "headers": {}, "body": "{}"}',
]


@requirement("attack:S8")
@pytest.mark.parametrize("payload", MALFORMED, ids=range(len(MALFORMED)))
def test_a_payload_of_another_form_is_not_strongrooms(payload: bytes) -> None:
    client = FakeLambda(payload)
    with gateway(client) as satellite, pytest.raises(WrongAnswer):
        satellite.look_up(ALICE)

    assert len(client.invoked) == 1


@requirement("attack:S8")
def test_control_without_the_check_of_its_form_it_ends_in_an_error_of_python() -> None:
    with (
        weakened(direct._reply, '"headers": dict(headers)', '"headers": headers'),
        gateway(FakeLambda(b'{"statusCode": 200, "headers": null, "body": "{}"}')) as satellite,
        pytest.raises(AttributeError),
    ):
        satellite.look_up(ALICE)


@requirement("attack:S8")
@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda x: json.dumps(x).encode())
)
def test_whatever_the_function_says_is_one_of_our_errors(payload: bytes) -> None:
    with gateway(FakeLambda(payload)) as satellite, pytest.raises(SatelliteError):
        satellite.look_up(ALICE)


def test_the_client_retries_nothing_by_itself_and_waits_for_a_renewal() -> None:
    config = lambda_client(fake_session(), "us-east-1", Patience()).meta.config

    assert config.retries["total_max_attempts"] == 1
    assert (config.read_timeout, config.connect_timeout) == (Patience().attempt, Patience().connect)


def test_a_region_that_is_none_is_told() -> None:
    with pytest.raises(Misconfigured):
        lambda_client(fake_session(), "no region", Patience())


# -- Where it is -------------------------------------------------------------------------------------------------------

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:strongroom-token"
ELSEWHERE = ["http://lambda.example", "http://127.0.0.1.example:9000", "http://10.0.0.1", "ftp://lambda.example"]


def client_of(config: Path, endpoint: str) -> Any:
    """Botocore's client, if a profile's configuration names this endpoint."""
    config.write_text(f"[default]\nservices = mine\n[services mine]\nlambda =\n  endpoint_url = {endpoint}\n")
    session = botocore.session.Session()
    session.set_config_variable("config_file", str(config))
    session.set_credentials("AKIDFAKE", "fake")
    return lambda_client(session, "us-east-1", Patience())


@requirement("attack:S9")
@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_no_configuration_has_it_invoke_over_plain_http_elsewhere(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured):
        client_of(tmp_path / "config", endpoint)


@requirement("attack:S9")
def test_control_unchecked_a_configuration_leads_to_plain_http(tmp_path: Path) -> None:
    with weakened(lambda_client, "checked_base(client.meta.endpoint_url)", "pass"):
        assert client_of(tmp_path / "config", ELSEWHERE[0]).meta.endpoint_url == ELSEWHERE[0]


@requirement("attack:S9")
def test_no_variable_has_it_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", ELSEWHERE[0])
    with pytest.raises(Misconfigured):
        Strongroom.direct("token", region="us-east-1")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "http://localhost:9000", "https://lambda.example"])
def test_this_machine_and_https_are_where_it_may_be(endpoint: str, tmp_path: Path) -> None:
    assert client_of(tmp_path / "config", endpoint).meta.endpoint_url == endpoint


@pytest.mark.parametrize(
    ("function", "region"),
    [
        (ARN, "eu-central-1"),
        (f"{ARN}:direct", "eu-central-1"),
        (ARN.replace("arn:aws:", "arn:aws-us-gov:"), "eu-central-1"),
        ("strongroom-token", None),
        ("123456789012:function:strongroom-token", None),
        ("arn:aws:lambda", None),
        ("", None),
    ],
)
def test_an_arn_names_its_region(function: str, region: str | None) -> None:
    assert region_of_arn(function) == region


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({"STRONGROOM_FUNCTION": ARN}, "eu-central-1"),
        ({"STRONGROOM_FUNCTION": "token", "STRONGROOM_REGION": "eu-west-1"}, "eu-west-1"),
        ({"STRONGROOM_FUNCTION": "token"}, "us-east-1"),
    ],
    ids=["arn", "variable", "own"],
)
def test_it_is_invoked_where_it_is_and_not_where_the_gateway_is(environ: dict[str, str], region: str) -> None:
    with Strongroom.from_environment(environ) as satellite:
        assert satellite._transport._client.meta.region_name == region  # type: ignore[attr-defined] # inside, on purpose
