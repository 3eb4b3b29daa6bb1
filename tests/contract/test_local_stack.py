"""The local machine's AWS against a tiny application: real processes, AWS's own runtime client, real HTTP."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from local.accounts import HOST, Caller
from local.front import Front
from local.payload import Response
from local.plan import Ports
from local.signing import Reply, SignedClient, send, signed_headers
from local.stack import Stack
from tests.contract.toy_stack import Issuer, alive, free_ports, options, until


@pytest.fixture(scope="module")
def ports() -> Ports:
    return free_ports(21000)


@pytest.fixture(scope="module")
def issuer(ports: Ports) -> Iterator[Issuer]:
    service = Issuer(ports.sign_in)
    yield service
    service.close()


@pytest.fixture(scope="module")
def stack(ports: Ports, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("toy")
    with Stack(options(folder, ports, issuer.url)) as running:
        yield running


def get(stack: Stack, path: str, **headers: str) -> Reply:
    return send("GET", f"{stack.url}{path}", headers=headers)


def echoed(reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, reply.body
    return dict(reply.json()["event"])


# -- Routes and events -------------------------------------------------------------------------------------------------


def test_a_request_arrives_as_an_event_of_payload_format_2_through_the_live_alias(stack: Stack) -> None:
    reply = get(stack, "/open/a%20b?x=1&x=2&empty=", Cookie="one=1; two=2", Accept="text/html")
    event = echoed(reply)
    assert event["routeKey"] == "ANY /open/{name}"
    assert event["rawPath"] == "/open/a b"
    assert event["rawQueryString"] == "x=1&x=2&empty="
    assert event["queryStringParameters"] == {"x": "1,2", "empty": ""}
    assert event["pathParameters"] == {"name": "a b"}
    assert event["cookies"] == ["one=1", "two=2"]
    assert event["requestContext"]["http"]["method"] == "GET"
    assert "authorizer" not in event["requestContext"]
    assert reply.json()["arn"].endswith(":function:strongroom-Echo:live")


def test_what_belongs_to_no_route_is_answered_by_the_api_itself(stack: Stack) -> None:
    assert get(stack, "/nothing").json() == {"message": "Not Found"}
    assert send("GET", f"{stack.url}/machine/x").status == 404


def test_redirects_cookies_and_bytes_come_back_as_the_function_gave_them(stack: Stack) -> None:
    redirect = get(stack, "/open/cookies")
    assert (redirect.status, redirect.headers["location"]) == (303, "/there")
    assert redirect.headers["set-cookie"] in ("a=1", "b=2")
    assert get(stack, "/open/bytes").body == b"\x00\xff"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_says_no_length(status: int) -> None:
    port = free_ports(23100).first
    front = Front(port, lambda _: Response(status, (("etag", '"1"'),), b"left out"))
    try:
        connection = http.client.HTTPConnection(f"127.0.0.1:{port}", timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["etag"], answer.headers["content-length"]) == (status, '"1"', None)
        assert answer.read() == b""
        connection.close()
    finally:
        front.close()


def test_a_result_that_is_no_response_and_an_exception_are_500_without_a_word_of_the_function(stack: Stack) -> None:
    assert get(stack, "/open/malformed").json() == {"message": "Internal Server Error"}
    assert get(stack, "/open/raise").json() == {"message": "Internal Server Error"}
    assert "said by the function" in (stack.logs / "Echo.log").read_text()


def test_a_body_over_ten_megabytes_is_refused_and_a_large_one_is_taken(stack: Stack) -> None:
    url, limit = f"{stack.url}/open/x", 10 * 1024 * 1024
    assert send("POST", url, b"x" * (limit + 1)).json() == {"message": "Request Entity Too Large"}
    assert len(echoed(send("POST", url, b"x" * 100_000, {"Content-Type": "text/plain"}))["body"]) == 100_000


def test_a_preflight_is_answered_for_allowed_origins_alone(stack: Stack) -> None:
    def preflight(origin: str) -> Reply:
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        return send("OPTIONS", f"{stack.url}/person", headers=asked)

    allowed, other = preflight("http://127.0.0.1:9"), preflight("http://127.0.0.1:8")
    assert (allowed.status, other.status) == (204, 204)
    assert allowed.headers["access-control-allow-origin"] == "http://127.0.0.1:9"
    assert "access-control-allow-origin" not in other.headers
    assert get(stack, "/open/x", Origin="http://127.0.0.1:9").headers["access-control-allow-origin"]


# -- Functions and their environments ----------------------------------------------------------------------------------


def test_a_function_sees_the_template_and_nothing_of_the_user(stack: Stack) -> None:
    home = get(stack, "/open/home").json()
    variables = home["environment"]
    assert home["layer"] == "layered"
    assert variables["TOY_TABLE"] == "strongroom-Things"
    assert variables["TOY_KEY"].startswith("arn:aws:kms:us-east-1:123456789012:key/")
    assert variables["TOY_EXTRA"] == "given to all"
    assert variables["AWS_ENDPOINT_URL"] == stack.cloud.endpoint
    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert variables["HOME"] != os.environ.get("HOME")
    assert variables["AWS_ACCESS_KEY_ID"] == "AKIDSTRONGROOMLOCAL1"
    of_lambda = {name for name in variables if name.startswith(("AWS_", "TOY_", "_"))}
    expected = {"PATH", "LANG", "LC_CTYPE", "TZ", "HOME", "PYTHONPATH", "LAMBDA_TASK_ROOT"}
    assert set(variables) - of_lambda <= expected


def test_a_function_is_killed_at_its_timeout_and_the_next_request_gets_a_fresh_environment(stack: Stack) -> None:
    before = get(stack, "/open/x").json()["pid"]
    assert get(stack, "/open/sleep").json() == {"message": "Internal Server Error"}
    until(lambda: not alive(before))
    assert get(stack, "/open/x").json()["pid"] != before
    assert "Task timed out after 1.00 seconds" in (stack.logs / "Echo.log").read_text()


def test_an_invocation_names_the_qualifier_that_it_came_through(stack: Stack) -> None:
    def arn(qualifier: str | None) -> str:
        return str(json.loads(stack.invoke("Echo", {}, qualifier).payload)["arn"])

    assert arn("direct").endswith(":strongroom-Echo:direct")
    assert arn(None).endswith(":strongroom-Echo")


# -- Who may call ------------------------------------------------------------------------------------------------------


def test_a_signed_in_person_is_let_in_with_claims_as_texts(stack: Stack, issuer: Issuer) -> None:
    event = echoed(
        get(stack, "/person", Authorization=f"Bearer {issuer.token(groups=['a', 'b'], aud=['toy-api', 'x'])}")
    )
    identity = event["requestContext"]["authorizer"]["jwt"]
    assert identity["claims"]["sub"] == "alice"
    assert identity["claims"]["aud"] == "[toy-api x]"
    assert identity["claims"]["groups"] == "[a b]"
    assert identity["scopes"] == ["toy"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"iss": "http://127.0.0.1:9"}, 401),
        ({"aud": "another-api"}, 401),
        ({"exp": 1}, 401),
        ({"nbf": 99_999_999_999}, 401),
        ({"scope": "other"}, 403),
    ],
)
def test_a_token_for_something_else_is_refused(
    stack: Stack, issuer: Issuer, changed: dict[str, Any], status: int
) -> None:
    assert get(stack, "/person", Authorization=f"Bearer {issuer.token(**changed)}").status == status
    assert get(stack, "/person", Authorization=f"Bearer {issuer.token()}").status == 200


def test_no_token_and_a_token_by_another_key_are_refused(stack: Stack, issuer: Issuer) -> None:
    forger = generate_private_key(public_exponent=65537, key_size=2048)
    assert get(stack, "/person").json() == {"message": "Unauthorized"}
    assert get(stack, "/person", Authorization=f"Bearer {issuer.token(forger)}").status == 401
    assert get(stack, "/person", Authorization="Bearer a.b.c").status == 401


def test_a_signed_request_brings_the_callers_identity(stack: Stack) -> None:
    reply = stack.client(HOST).send("PUT", "/machine/a%20b?x=1", {"word": "hello"})
    event = echoed(reply)
    identity = event["requestContext"]["authorizer"]["iam"]
    assert identity["accountId"] == "123456789012"
    assert identity["userId"] == identity["callerId"] == "AROALOCALHOST0000001:host"
    assert identity["userArn"] == "arn:aws:sts::123456789012:assumed-role/local-host/host"
    assert json.loads(event["body"]) == {"word": "hello"}


def test_unsigned_unknown_and_tampered_requests_are_refused(stack: Stack) -> None:
    url = f"{stack.url}/machine/x"
    unknown = Caller("nobody", "AKIDNOBODY", "secret", "AROANOBODY", "s")
    tampered = signed_headers(HOST, "PUT", url, b"one")
    assert send("PUT", url, b"one").json() == {"message": "Forbidden"}
    assert SignedClient(stack.url, unknown).send("PUT", "/machine/x").status == 403
    assert send("PUT", url, b"two", tampered).status == 403
    assert send("PUT", url, b"one", tampered).status == 200


@pytest.mark.skipif(not Path("/usr/bin/curl").exists(), reason="curl is not here")
@pytest.mark.parametrize("path", ["/machine/x", "/machine/a%20b", "/machine/x?a=1%2F2&b=2"])
def test_what_curl_signs_is_accepted(stack: Stack, path: str) -> None:
    arguments = ["-X", "PUT", "--data", '{"a":1}', "-H", "content-type: application/json"]
    signing = ["--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user", f"{HOST.access_key}:{HOST.secret}"]
    command = ["/usr/bin/curl", "-s", *signing, *arguments, stack.url + path]
    answer = subprocess.run(command, capture_output=True, check=True, env={}).stdout  # noqa: S603 - our own command
    assert json.loads(answer)["event"]["requestContext"]["authorizer"]["iam"]["userId"] == HOST.caller_id


# -- Queues and schedules ----------------------------------------------------------------------------------------------


def row(stack: Stack, key: str) -> dict[str, Any]:
    answer = stack.cloud.dynamodb.get_item(TableName="strongroom-Things", Key={"PK": {"S": key}}, ConsistentRead=True)
    return dict(answer.get("Item", {}))


def test_of_many_writers_with_the_same_condition_one_wins_and_nobody_reads_half_a_change(stack: Stack) -> None:
    names = [f"a{number}" for number in range(20)]
    zeros: dict[str, Any] = {name: {"N": "0"} for name in names}
    stack.cloud.dynamodb.put_item(TableName="strongroom-Things", Item={"PK": {"S": "raced"}, **zeros})
    # botocore makes these classes at first use, and two threads would each make their own.
    refused = stack.cloud.dynamodb.exceptions.ConditionalCheckFailedException
    won: list[int] = []

    def write(_: int) -> None:
        for _ in range(15):
            read = row(stack, "raced")
            assert len({read[name]["N"] for name in names}) == 1
            before = int(read["a0"]["N"])
            with suppress(refused):
                stack.cloud.dynamodb.update_item(
                    TableName="strongroom-Things",
                    Key={"PK": {"S": "raced"}},
                    ConditionExpression="#a0 = :before",
                    UpdateExpression="SET " + ", ".join(f"#{name} = :after" for name in names),
                    ExpressionAttributeNames={f"#{name}": name for name in names},
                    ExpressionAttributeValues={":before": {"N": str(before)}, ":after": {"N": str(before + 1)}},
                )
                won.append(before)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))
    assert sorted(won) == list(range(len(won)))
    assert row(stack, "raced")["a0"] == {"N": str(len(won))}


def test_messages_are_delivered_the_good_ones_deleted_and_the_bad_one_ends_as_a_dead_letter(stack: Stack) -> None:
    url = next(queue for queue in stack.cloud.queues if queue.logical_id == "Work").url(stack.cloud.endpoint)
    for body in ("good-1", "bad", "good-2"):
        stack.cloud.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="files")
    stack.wait_until_empty("Work")
    assert stack.depths() == {"Work": 0, "DeadLetters": 1}
    assert row(stack, "good-1")["group"] == {"S": "files"}
    assert row(stack, "bad")["times"] == {"N": "2"}
    assert row(stack, "good-2")["source"] == {"S": "arn:aws:sqs:us-east-1:123456789012:strongroom-Work"}


def test_a_schedule_fires_when_told_as_the_schedulers_own_event(stack: Stack) -> None:
    [answer] = stack.fire_schedule()
    event = json.loads(answer.payload)["event"]
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.scheduler", "Scheduled Event", "{}")
    assert event["resources"] == ["arn:aws:scheduler:us-east-1:123456789012:schedule/default/ConsumerTick"]
    assert json.loads(answer.payload)["arn"].endswith(":live")
