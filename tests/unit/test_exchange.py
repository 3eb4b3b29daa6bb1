import base64
import json
from email.utils import formatdate
from urllib.parse import parse_qs, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.authorization_response import AuthorizationCode
from strongroom.domain.exchange import (
    Ambiguous,
    ClientRejected,
    Issued,
    Outcome,
    RateLimited,
    Refused,
    Transient,
    judge_revocation,
    judge_token_answer,
)
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing, Reply
from strongroom.domain.provider import AuthMethod, ProviderClient
from strongroom.domain.secret import Secret
from strongroom.domain.token_requests import BackChannel, code_request, refresh_request, revocation_request
from tests.requirements import requirement

TOKEN_ENDPOINT = "https://provider.example/token"
REDIRECT = "https://strongroom.example/oauth/callback/key"
RESOURCE = "https://files.example/mcp"
NOW = 1_700_000_000.9
YEAR = 365 * 86_400


def client(method: AuthMethod, client_id: str = "files-client", key: str = "s3cret") -> ProviderClient:
    return ProviderClient("key", 1, client_id, None if method == "none" else Secret(key), method, REDIRECT)


def channel(method: AuthMethod, client_id: str = "files-client", key: str = "s3cret") -> BackChannel:
    return BackChannel(TOKEN_ENDPOINT, client(method, client_id, key))


def form(request: Outgoing) -> dict[str, str]:
    assert request.body is not None
    fields = parse_qs(request.body.reveal(), strict_parsing=True)
    assert all(len(values) == 1 for values in fields.values())
    return {name: values[0] for name, values in fields.items()}


def reply(document: object, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def judged(**fields: object) -> Outcome:
    document = {"access_token": "at", "token_type": "Bearer"} | fields
    return judge_token_answer(reply({name: value for name, value in document.items() if value != "left out"}), NOW)


def issued(**fields: object) -> Issued:
    outcome = judged(**fields)
    assert isinstance(outcome, Issued)
    return outcome


# Requests


@requirement("mcp:A2")
def test_a_code_is_redeemed_with_verifier_redirect_uri_and_resource() -> None:
    code = AuthorizationCode.restore(Secret("c/o+d e"))
    request = code_request(channel("none"), code, Secret("v" * 43), REDIRECT, RESOURCE)
    assert form(request) == {
        "grant_type": "authorization_code",
        "code": "c/o+d e",
        "redirect_uri": REDIRECT,
        "code_verifier": "v" * 43,
        "resource": RESOURCE,
        "client_id": "files-client",
    }
    assert (request.method, request.url, request.hops, request.within) == ("POST", TOKEN_ENDPOINT, 0, 10.0)
    assert request.headers["accept"].reveal() == "application/json"


@requirement("mcp:A2")
def test_a_refresh_names_the_resource_too() -> None:
    request = refresh_request(channel("client_secret_post"), Secret("rt"), RESOURCE)
    assert form(request) == {
        "grant_type": "refresh_token",
        "refresh_token": "rt",
        "resource": RESOURCE,
        "client_id": "files-client",
        "client_secret": "s3cret",
    }
    assert "authorization" not in request.headers


def test_a_refresh_names_no_scopes_and_may_lack_a_resource() -> None:
    fields = form(refresh_request(channel("none"), Secret("rt"), ""))
    assert fields.keys() == {"grant_type", "refresh_token", "client_id"}


@requirement("mcp:T1")
def test_basic_is_form_encoded_first_and_sends_no_client_id_in_the_body() -> None:
    request = refresh_request(channel("client_secret_basic", "a:b c", "p%+:ü"), Secret("rt"), RESOURCE)
    scheme, _, encoded = request.headers["authorization"].reveal().partition(" ")
    name, _, secret = base64.b64decode(encoded).decode().partition(":")
    assert (scheme, name, secret) == ("Basic", "a%3Ab+c", "p%25%2B%3A%C3%BC")
    assert (unquote_plus(name), unquote_plus(secret)) == ("a:b c", "p%+:ü")
    assert form(request).keys() == {"grant_type", "refresh_token", "resource"}


def test_a_revocation_says_which_kind_of_token_it_is() -> None:
    request = revocation_request(channel("none"), Secret("rt"), "refresh_token")
    assert form(request) == {"token": "rt", "token_type_hint": "refresh_token", "client_id": "files-client"}


@requirement("attack:C11")
@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_no_secret_of_a_request_prints(method: AuthMethod) -> None:
    code = AuthorizationCode.restore(Secret("secret-code"))
    verifier = Secret("secret-verifier")
    requests = [
        code_request(channel(method, key="secret-secret"), code, verifier, REDIRECT, RESOURCE),
        refresh_request(channel(method, key="secret-secret"), Secret("secret-rt"), RESOURCE),
    ]
    assert "secret" not in repr(requests)


# Successes


@requirement("mcp:T2")
@pytest.mark.parametrize("status", [200, 201])
def test_a_success_gives_tokens_and_counts_their_life_from_before_the_request(status: int) -> None:
    document = {
        "access_token": "at",
        "refresh_token": "rt",
        "token_type": "bEARER",
        "expires_in": 3600,
        "scope": "read write",
        "id_token": "ignored",
    }
    expected = Issued(Secret("at"), Secret("rt"), 1_700_003_600, 3600, ("read", "write"))
    assert judge_token_answer(reply(document, status), NOW) == expected
    assert "'at'" not in repr(expected)


def test_what_the_provider_leaves_out_is_unknown() -> None:
    assert issued(token_type="left out") == Issued(Secret("at"), None, None, None, None)


@requirement("attack:B15")
@pytest.mark.parametrize("token", ["", None, 7, True, ["at"], {}, "a b", "a\rb", "a\n", "a\x00b", "é", "x" * 16_385])
def test_a_success_without_a_usable_access_token_may_have_spent_the_old_one(token: object) -> None:
    assert judged(access_token=token) == Ambiguous("unusable_answer")


@requirement("attack:B15")
@pytest.mark.parametrize("kind", ["mac", "DPoP", "", 7, ["Bearer"], "Bearer "])
def test_another_token_type_is_not_taken_for_bearer(kind: object) -> None:
    assert judged(token_type=kind) == Ambiguous("unusable_answer")


@requirement("attack:B15")
@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"[]", b"null", b"access_token=at&token_type=bearer"])
def test_a_success_that_is_no_json_object_may_have_spent_the_old_token(body: bytes) -> None:
    assert judge_token_answer(Reply(200, {}, body), NOW) == Ambiguous("unusable_answer")


@requirement("mcp:T2")
@pytest.mark.parametrize("error", ["bad_verification_code", "invalid_grant", "invalid_client", {"code": 1}, 7, True])
def test_a_200_with_an_error_is_an_error_and_no_verdict_about_the_grant(error: object) -> None:
    assert judged(error=error) == Transient("provider_refused")


@requirement("attack:B15")
@requirement("fault:F15")
@pytest.mark.parametrize("token", ["", None, 7, ["rt"], "r\nt", "r\x00t", "rü", "x" * 16_385])
def test_an_unusable_refresh_token_is_none(token: object) -> None:
    assert issued(refresh_token=token).refresh_token is None


def test_a_refresh_token_may_hold_spaces() -> None:
    assert issued(refresh_token="a new one").refresh_token == Secret("a new one")


@requirement("attack:B15")
@pytest.mark.parametrize("scope", [None, 7, {}, ["read"], "re\tad"])
def test_an_unusable_scope_is_unknown(scope: object) -> None:
    outcome = issued(scope=scope)
    assert (outcome.scopes, outcome.ignored) == (None, ("scope",))


@requirement("attack:B16")
@requirement("fault:F14")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (3600, 3600),
        ("3600", 3600),
        (" 3600 ", 3600),
        ("3600.9", 3600),
        (3600.9, 3600),
        (3600.0, 3600),
        (0.5, 1),
        (1, 1),
        (YEAR + 1, YEAR),
        (10**30, YEAR),
        ("9" * 40, YEAR),
        (True, None),
        (False, None),
        (None, None),
        (0, None),
        (-1, None),
        ("0", None),
        ("-1", None),
        ("", None),
        ("1e3", None),
        ("3600s", None),
        ("٣٦٠٠", None),
        ("9" * 5_000, None),
        ([3600], None),
        ({}, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**70, None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_lifetime_is_read_as_deployed_providers_write_it(value: object, seconds: int | None) -> None:
    outcome = issued(expires_in=value)
    assert outcome.lifetime == seconds
    assert outcome.expires_at == (None if seconds is None else 1_700_000_000 + seconds)
    assert outcome.ignored == (() if seconds else ("expires_in",))


@requirement("attack:B16")
def test_a_lifetime_that_overflows_does_not_throw_the_tokens_away() -> None:
    outcome = judge_token_answer(Reply(200, {}, b'{"access_token": "at", "expires_in": 1e400}'), NOW)
    assert outcome == Issued(Secret("at"), None, None, None, None, ignored=("expires_in",))


@requirement("attack:B16")
def test_negative_control_a_plain_int_takes_other_digits_and_truth_for_seconds() -> None:
    assert int("٣٦٠٠") == 3600
    assert int(True) == 1


# Refusals and faults


@requirement("fault:F13")
@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, b'{"error": "invalid_grant"}', Refused()),
        (401, b'{"error": "invalid_grant", "error_description": "x"}', Refused()),
        (403, b'{"error": "invalid_grant"}', Transient("provider_refused")),
        (404, b'{"error": "invalid_grant"}', Transient("provider_refused")),
        (400, b"invalid_grant", Transient("provider_refused")),
        (400, b'"invalid_grant"', Transient("provider_refused")),
        (400, b'{"error": ["invalid_grant"]}', Transient("provider_refused")),
        (400, b'{"error": "INVALID_GRANT"}', Transient("provider_refused")),
        (400, b'{"error_description": "invalid_grant"}', Transient("provider_refused")),
        (400, b'{"error": "invalid_grant", "error": "invalid_grant"}', Transient("provider_refused")),
        (400, b"<html>", Transient("provider_refused")),
        (400, b'{"error": "invalid_client"}', ClientRejected("invalid_client")),
        (401, b'{"error": "invalid_client"}', ClientRejected("invalid_client")),
        (400, b'{"error": "unauthorized_client"}', ClientRejected("unauthorized_client")),
        (401, b"", Transient("provider_refused")),
        (400, b'{"error": "invalid_scope"}', Transient("invalid_scope")),
        (400, b'{"error": "temporarily_unavailable"}', Transient("temporarily_unavailable")),
        (400, b'{"error": "<script>"}', Transient("provider_refused")),
        (302, b"", Transient("redirected")),
        (204, b"", Ambiguous("unusable_answer")),
        (202, b'{"access_token": "at"}', Ambiguous("unusable_answer")),
    ],
)
def test_only_invalid_grant_in_a_json_error_ends_a_grant(status: int, body: bytes, outcome: Outcome) -> None:
    assert judge_token_answer(Reply(status, {}, body), NOW) == outcome


@requirement("fault:F11")
@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
@pytest.mark.parametrize("body", [b"", b'{"error": "invalid_grant"}', b'{"access_token": "at"}'])
def test_a_5xx_is_passing_but_may_have_spent_the_token(status: int, body: bytes) -> None:
    assert judge_token_answer(Reply(status, {}, body), NOW) == Transient("provider_error", may_be_spent=True)


@requirement("fault:F11")
def test_what_was_not_sent_has_spent_nothing_and_what_was_not_answered_may_have() -> None:
    assert judge_token_answer(NotSent("dns"), NOW) == Transient("unreachable")
    assert judge_token_answer(NoAnswer("deadline"), NOW) == Ambiguous("no_answer")


@requirement("fault:F12")
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 1),
        ("315360000", 900),
        ("9" * 5_000, 900),
        (formatdate(NOW + 60.1, usegmt=True), 60),
        (formatdate(NOW - 60, usegmt=True), 1),
        (formatdate(NOW + 10 * YEAR, usegmt=True), 900),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 30),
        ("soon", 30),
        ("-5", 30),
        ("1.5", 30),
        ("٣", 30),
        ("", 30),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_pause_is_honoured_within_bounds(header: str, seconds: int) -> None:
    answer = Reply(429, {"retry-after": (header,)}, b"")
    assert judge_token_answer(answer, NOW) == RateLimited(seconds)


def test_a_pause_without_the_header_is_the_usual_one_and_a_5xx_may_name_one() -> None:
    assert judge_token_answer(Reply(429, {}, b""), NOW) == RateLimited(30)
    faulty = Reply(503, {"retry-after": ("7",)}, b"")
    assert judge_token_answer(faulty, NOW) == Transient("provider_error", may_be_spent=True, retry_after=7)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Reply(200, {}, b""), "revoked"),
        (Reply(204, {}, b""), "revoked"),
        (Reply(400, {}, b'{"error": "invalid_token"}'), "revoked"),
        (Reply(400, {}, b'{"error": "unsupported_token_type"}'), "unsupported"),
        (Reply(404, {}, b""), "unsupported"),
        (Reply(501, {}, b""), "unsupported"),
        (Reply(200, {}, b'{"ok": false, "error": "not_allowed"}'), "refused_by_provider"),
        (Reply(400, {}, b'{"error": ["invalid_token"]}'), "refused_by_provider"),
        (Reply(401, {}, b'{"error": "invalid_client"}'), "unreachable"),
        (Reply(400, {}, b'{"error": "invalid_client"}'), "unreachable"),
        (Reply(403, {}, b'{"error": "invalid_client"}'), "refused_by_provider"),
        (Reply(401, {}, b'{"error": "unauthorized_client"}'), "refused_by_provider"),
        (Reply(302, {}, b""), "refused_by_provider"),
        (Reply(408, {}, b""), "unreachable"),
        (Reply(429, {}, b""), "unreachable"),
        (Reply(500, {}, b""), "unreachable"),
        (Reply(503, {}, b""), "unreachable"),
        (NotSent("dns"), "unreachable"),
        (NoAnswer("deadline"), "unreachable"),
    ],
)
def test_a_revocation_has_one_of_four_ends(answer: Answer, outcome: str) -> None:
    assert judge_revocation(answer) == outcome


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)
FIELDS = ["access_token", "refresh_token", "token_type", "expires_in", "scope", "error"]
BODIES = st.binary(max_size=100) | st.dictionaries(st.sampled_from(FIELDS), VALUES).map(json.dumps).map(str.encode)


@given(st.integers(100, 599), BODIES, st.text() | st.integers().map(str))
def test_any_answer_gives_one_of_the_outcomes(status: int, body: bytes, retry_after: str) -> None:
    answer = Reply(status, {"retry-after": (retry_after,)}, body)
    outcome = judge_token_answer(answer, NOW)
    assert isinstance(outcome, Issued | Refused | ClientRejected | RateLimited | Transient | Ambiguous)
    if isinstance(outcome, Issued):
        assert outcome.lifetime is None or 1 <= outcome.lifetime <= YEAR
        assert outcome.access_token.reveal().isascii()
    if isinstance(outcome, Refused):
        assert status in {400, 401}
    assert judge_revocation(answer) in {"revoked", "unsupported", "refused_by_provider", "unreachable"}
