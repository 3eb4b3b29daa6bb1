"""Who may call the local HTTP API: claims of a JWT, and signatures of version 4 as real clients make them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from local.accounts import HOST, SATELLITE, Caller
from local.api import JwtRules
from local.iam_authorizer import Forbidden, IamAuthorizer
from local.jwt_authorizer import Unauthorized, check_claims, held_scopes, stringified
from local.payload import Request
from local.signing import signed_headers

NOW = 1_700_000_000.0
RULES = JwtRules("https://issuer.example", ("api",))

# -- JWT claims --------------------------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"iss": RULES.issuer, "aud": "api", "exp": NOW + 1, "iat": NOW, "nbf": NOW}


@pytest.mark.parametrize("changed", [{}, {"aud": ["x", "api"]}, {"aud": None, "client_id": "api"}])
def test_claims_for_this_api_are_accepted(changed: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    check_claims(claims, RULES, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": RULES.issuer + "/"},
        {"aud": "other", "client_id": "api"},
        {"aud": []},
        {"exp": NOW},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": NOW + 1},
        {"iat": NOW + 1},
    ],
)
def test_claims_for_something_or_some_time_else_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        check_claims({**GOOD, **changed}, RULES, NOW)


def test_claims_are_handed_over_as_texts() -> None:
    claims = {"sub": "alice", "exp": 5, "ok": True, "aud": ["a", "b"], "deep": {"b": [1], "a": "x"}}
    assert stringified(claims) == {"sub": "alice", "exp": "5", "ok": "true", "aud": "[a b]", "deep": "map[a:x b:[1]]"}


def test_scopes_come_from_scope_or_scp() -> None:
    assert held_scopes({"scope": "a b"}) == held_scopes({"scp": ["a", "b"]}) == ["a", "b"]
    assert held_scopes({}) == []


# -- Signatures --------------------------------------------------------------------------------------------------------


def signed(caller: Caller, target: str = "/machine", body: bytes = b"", **headers: str) -> Request:
    """What botocore signs, at this moment."""
    given = signed_headers(caller, "POST", f"http://127.0.0.1:8400{target}", body, headers)
    return Request("POST", target, tuple(given.items()), body)


def moment_of(request: Request) -> float:
    return datetime.strptime(request.joined["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def verified(request: Request, later: float = 0.0) -> Any:
    return IamAuthorizer([HOST, SATELLITE], lambda: moment_of(request) + later).authorize(request)


@given(
    st.text(alphabet="abc/ %?&=+~*'é", max_size=12),
    st.text(alphabet="abc&=;%20/+~é", max_size=12),
    st.binary(max_size=9),
)
def test_what_botocore_signs_is_accepted(path: str, query: str, body: bytes) -> None:
    prepared = AWSRequest("POST", "http://127.0.0.1:8400/" + path.replace("?", "%3F"), params={"q": query}).prepare()
    target = prepared.url.removeprefix("http://127.0.0.1:8400")
    if "//" in target:  # botocore signs a shorter path than it sends: no server could accept that
        return
    assert verified(signed(SATELLITE, target, body))["iam"]["userId"] == SATELLITE.caller_id


@pytest.mark.parametrize("target", ["/machine", "/a%20b", "/a%2520b", "/a?b=2&a=1", "/a?x=%2F&x=1"])
def test_a_path_may_be_encoded_once_or_twice(target: str) -> None:
    once = AWSRequest("POST", f"http://127.0.0.1:8400{target}", data=b"")
    signer = _SingleEncoding(Credentials(HOST.access_key, HOST.secret), "execute-api", "us-east-1")
    signer.add_auth(once)
    single = Request("POST", target, (("Host", "127.0.0.1:8400"), *once.headers.items()))
    assert verified(single) == verified(signed(HOST, target))


class _SingleEncoding(SigV4Auth):
    """Sign the path as it is sent, as curl does."""

    def _normalize_url_path(self, path: str) -> str:
        return path


def changed(request: Request, **differences: Any) -> Request:
    parts = {"method": request.method, "target": request.target, "headers": request.headers, "body": request.body}
    return Request(**{**parts, **differences})


def with_header(request: Request, name: str, value: str) -> Request:
    others = tuple((given, text) for given, text in request.headers if given.lower() != name)
    return changed(request, headers=(*others, (name, value)))


def test_a_signature_fits_no_other_request() -> None:
    request = signed(HOST, "/machine?a=1", b"one")
    others = [
        changed(request, body=b"two"),
        changed(request, target="/machine?a=2"),
        changed(request, target="/other?a=1"),
        changed(request, method="PUT"),
        with_header(request, "host", "127.0.0.1:8401"),
        with_header(request, "x-amz-target", "unsigned"),
        with_header(request, "authorization", request.joined["authorization"].replace("us-east-1", "eu-west-1")),
        with_header(request, "authorization", request.joined["authorization"].replace("execute-api", "sqs")),
        with_header(request, "authorization", request.joined["authorization"].replace("HOST01", "GATE01")),
        with_header(request, "authorization", "AWS4-HMAC-SHA256"),
    ]
    assert verified(request)["iam"]["accountId"] == "123456789012"
    for other in others:
        with pytest.raises(Forbidden):
            verified(other)


def test_a_date_is_good_for_five_minutes_both_ways() -> None:
    request = signed(HOST)
    assert verified(request, 300) == verified(request, -300)
    for later in (301, -301):
        with pytest.raises(Forbidden):
            verified(request, later)


def test_a_caller_that_is_not_in_the_table_and_a_wrong_secret_are_refused() -> None:
    for caller in (Caller("x", "AKIDNOBODY", "s", "AROA", "s"), Caller("x", HOST.access_key, "wrong", "AROA", "s")):
        with pytest.raises(Forbidden):
            verified(signed(caller))


def test_a_stated_hash_has_to_be_the_bodys() -> None:
    with pytest.raises(Forbidden):
        verified(signed(HOST, "/machine", b"one", **{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}))
