import base64
import hashlib
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import authorization_response
from strongroom.domain.authorization_request import AuthorizationRequest, authorization_url, code_challenge
from strongroom.domain.authorization_response import (
    CHECKS,
    AuthorizationCode,
    CallbackParameters,
    Denied,
    PendingAnswer,
    ProviderSaidNo,
    Response,
    accept_response,
    parse_callback_query,
)
from strongroom.domain.errors import AuthorizationRefused, DiscoveryFailed, InvalidRequest
from strongroom.domain.identifiers import hashed
from strongroom.domain.provider import Provider, ProviderClient
from strongroom.domain.secret import Secret
from tests.requirements import requirement
from tests.unit.pending import Pending

ISSUER = "https://provider.example"
REDIRECT = "https://strongroom.example/oauth/callback/key"
STATE = "a-state-of-43-characters-that-nobody-guesses"
PENDING = Pending(hashed(STATE), issuer=ISSUER)
CLIENT = ProviderClient("key", 1, "files-client", None, "none", REDIRECT)


def url_for(endpoint: str, **options: object) -> str:
    wanted = {"scopes": ("read", "write"), "resource": "https://files.example/mcp"} | options
    provider = Provider(ISSUER, endpoint, f"{ISSUER}/token")
    request = AuthorizationRequest(provider, CLIENT, **wanted)  # type: ignore[arg-type]
    return authorization_url(request, Secret(STATE), "challenge")


def answered(
    pending: PendingAnswer = PENDING,
    *,
    state: str = STATE,
    code: str | None = "the-code",
    iss: str | None = None,
    error: str | None = None,
    path_key: str = PENDING.provider_key,
    now: float = 0,
) -> Response:
    params = CallbackParameters(Secret(state), Secret(code) if code else None, iss, error)
    return accept_response(params, pending, path_key, now)


def refusal_of(pending: PendingAnswer = PENDING, **answer: object) -> str:
    with pytest.raises(AuthorizationRefused) as refusal:
        answered(pending, **answer)  # type: ignore[arg-type]
    return refusal.value.public_code


def accepted_without(
    check: str, params: CallbackParameters, pending: PendingAnswer, path_key: str, now: float
) -> Response:
    """Judge as `accept_response` does, with one of its checks left out."""
    rest = tuple(one for one in CHECKS if one.__name__ != check)
    assert len(rest) == len(CHECKS) - 1
    received = authorization_response._Received(params, pending, path_key, now)
    return authorization_response._accept(received, rest)


# The request


@requirement("mcp:A1")
def test_the_challenge_is_the_hash_of_the_verifier() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
    assert code_challenge(Secret(verifier)) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("verifier", ["", "x" * 42, "x" * 129, "x" * 42 + "+", "x" * 42 + "é"])
def test_a_verifier_of_another_form_is_refused(verifier: str) -> None:
    with pytest.raises(ValueError, match="43 to 128"):
        code_challenge(Secret(verifier))


@requirement("mcp:A2")
def test_the_authorization_url_holds_each_parameter_once() -> None:
    parts = urlsplit(url_for(f"{ISSUER}/authorize"))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{ISSUER}/authorize"
    assert parse_qsl(parts.query, strict_parsing=True) == [
        ("response_type", "code"),
        ("client_id", "files-client"),
        ("redirect_uri", REDIRECT),
        ("state", STATE),
        ("code_challenge", "challenge"),
        ("code_challenge_method", "S256"),
        ("scope", "read write"),
        ("resource", "https://files.example/mcp"),
    ]
    assert "scope=read%20write" in parts.query


def test_what_is_empty_is_not_sent() -> None:
    query = urlsplit(url_for(f"{ISSUER}/authorize", scopes=(), resource="")).query
    assert {"scope", "resource"}.isdisjoint(name for name, _ in parse_qsl(query))


@requirement("mcp:A7")
def test_a_query_that_is_there_is_kept_to_the_letter() -> None:
    url = url_for(f"{ISSUER}/authorize?tenant=a%2Fb&flag", extra={"audience": "files example"})
    assert url.startswith(f"{ISSUER}/authorize?tenant=a%2Fb&flag&audience=files%20example&response_type=code&")


@requirement("mcp:A7")
@requirement("attack:A17")
@pytest.mark.parametrize("query", ["state=x", "x=1&client%5Fid=x", "REDIRECT_URI=x", "x=1;state=x"])
def test_a_query_that_smuggles_a_parameter_of_ours_is_refused_again_at_use(query: str) -> None:
    with pytest.raises(DiscoveryFailed):
        url_for(f"{ISSUER}/authorize?{query}")


@pytest.mark.parametrize("name", ["state", "Client_Id", "redirect.uri", "scope", "a&state"])
def test_extra_parameters_may_not_be_ours(name: str) -> None:
    if name == "a&state":  # encoded, and so no separator
        assert "a%26state=x" in url_for(f"{ISSUER}/authorize", extra={name: "x"})
        return
    with pytest.raises(DiscoveryFailed):
        url_for(f"{ISSUER}/authorize", extra={name: "x"})


# The callback's query


def test_a_query_is_read_and_what_is_not_ours_is_not_looked_at() -> None:
    params = parse_callback_query(f"state={STATE}&code=a%2Fb+c&iss={quote(ISSUER, safe='')}&session_state=%FF&x&x")
    assert params == CallbackParameters(Secret(STATE), Secret("a/b c"), ISSUER)
    assert "a/b" not in repr(params)


REFUSED_QUERIES = {
    "nothing": "",
    "no state": "code=x",
    "an empty state": "state=&code=x",
    "a state without a value": "state&code=x",
    "the state twice": f"state={STATE}&state={STATE}&code=x",
    "another state behind it": f"state={STATE}&code=x&state=b",
    "the state twice, once encoded": f"state={STATE}&st%61te=b&code=x",
    "the code twice": f"state={STATE}&code=x&code=y",
    "iss twice": f"state={STATE}&code=x&iss=a&iss=b",
    "error twice": f"state={STATE}&error=a&error=b",
    "a code and an error": f"state={STATE}&code=x&error=access_denied",
    "an empty code": f"state={STATE}&code=",
    "an empty iss": f"state={STATE}&code=x&iss=",
    "an empty error": f"state={STATE}&error=",
    "a state of 10 kB": f"state={'a' * 10_000}&code=x",
    "8 KiB and one": f"state={STATE}&code=x&" + "y" * 8_192,
    "a state that is not ASCII": "state=é&code=x",
    "a state that is not ASCII, encoded": "state=%C3%A9&code=x",
    "a line break": "state=a%0D%0Ab&code=x",
    "a NUL": "state=a%00b&code=x",
    "half an escape": "state=a%2&code=x",
    "no escape": "state=a%zzb&code=x",
    "a semicolon for an ampersand": f"code=x;state={STATE}",
}


@requirement("attack:A1")
@pytest.mark.parametrize("raw", REFUSED_QUERIES.values(), ids=REFUSED_QUERIES.keys())
def test_a_callback_query_of_another_form_is_refused(raw: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_callback_query(raw)


@requirement("attack:A1")
def test_negative_control_a_plain_reading_takes_one_of_two_states() -> None:
    assert dict(parse_qsl(f"state=mine&code=x&state={STATE}"))["state"] == STATE


@given(st.text() | st.text("stae=&%20codeis+", max_size=60))
def test_any_query_is_read_or_refused(raw: str) -> None:
    try:
        params = parse_callback_query(raw)
    except InvalidRequest:
        return
    assert params.state.reveal().isprintable()


PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=200)


@given(PRINTABLE, PRINTABLE, PRINTABLE)
def test_every_printable_value_survives(state: str, code: str, iss: str) -> None:
    raw = urlencode({"iss": iss, "code": code, "state": state})
    assert parse_callback_query(raw) == CallbackParameters(Secret(state), Secret(code), iss)


# The check of the answer


def test_a_right_answer_gives_the_code() -> None:
    response = answered(iss=ISSUER)
    assert isinstance(response, AuthorizationCode)
    assert response.code == Secret("the-code")
    assert "the-code" not in repr(response)


def test_no_other_path_leads_to_a_code_that_can_be_redeemed() -> None:
    with pytest.raises(TypeError):
        AuthorizationCode(Secret("x"), object())
    assert AuthorizationCode.restore(Secret("x")).code == Secret("x")


@requirement("attack:A1")
def test_another_state_is_refused() -> None:
    assert refusal_of(state="another") == "state_mismatch"


@requirement("attack:A4")
def test_the_time_for_an_answer_ends() -> None:
    assert isinstance(answered(now=599.9), AuthorizationCode)
    assert refusal_of(now=600) == "authorization_expired"


WRONG_ISSUERS = [
    f"{ISSUER}/",
    "https://PROVIDER.example",
    "HTTPS://provider.example",
    f"{ISSUER}:443",
    "https://provider%2Eexample",
    "https://provider.example%2F",
    "https://evil.example",
    f" {ISSUER}",
    "x",
]


@requirement("attack:A11")
@requirement("mcp:A6")
@pytest.mark.parametrize("iss", WRONG_ISSUERS)
@pytest.mark.parametrize("announced", [False, True])
def test_an_iss_that_is_not_identical_is_refused_announced_or_not(iss: str, announced: bool) -> None:
    assert refusal_of(replace(PENDING, iss_supported=announced), iss=iss) == "issuer_mismatch"


@requirement("attack:A11")
@requirement("mcp:A6")
def test_iss_may_be_missing_only_where_nothing_promises_or_demands_it() -> None:
    assert isinstance(answered(), AuthorizationCode)
    assert refusal_of(replace(PENDING, iss_supported=True)) == "issuer_missing"
    assert refusal_of(replace(PENDING, iss_required=True)) == "issuer_missing"
    assert refusal_of(path_key="another-key") == "wrong_callback"


@requirement("attack:A10")
def test_a_mixed_up_code_is_refused_by_its_issuer_alone() -> None:
    assert refusal_of(iss="https://honest.example") == "issuer_mismatch"


@requirement("attack:A10")
def test_a_mixed_up_code_is_refused_by_its_path_alone() -> None:
    assert refusal_of(path_key="key-of-the-honest-provider") == "wrong_callback"
    assert refusal_of(path_key="key-of-the-honest-provider", iss=ISSUER) == "wrong_callback"


@requirement("attack:A10")
@requirement("attack:A11")
def test_negative_control_without_the_check_of_iss_a_mixed_up_code_is_accepted() -> None:
    params = CallbackParameters(Secret(STATE), Secret("code-of-another"), "https://honest.example")
    response = accepted_without("_issuer_answers", params, PENDING, PENDING.provider_key, 0)
    assert isinstance(response, AuthorizationCode)


@requirement("attack:A10")
def test_negative_control_without_the_check_of_the_path_a_mixed_up_code_is_accepted() -> None:
    params = CallbackParameters(Secret(STATE), Secret("code-of-another"))
    response = accepted_without("_path_is_the_providers", params, PENDING, "key-of-another", 0)
    assert isinstance(response, AuthorizationCode)


@requirement("attack:A1")
@requirement("attack:A4")
def test_negative_control_without_the_other_checks_a_stranger_and_a_latecomer_are_accepted() -> None:
    stranger = CallbackParameters(Secret("another"), Secret("x"))
    latecomer = CallbackParameters(Secret(STATE), Secret("x"))
    key = PENDING.provider_key
    assert isinstance(accepted_without("_state_is_ours", stranger, PENDING, key, 0), AuthorizationCode)
    assert isinstance(accepted_without("_in_time", latecomer, PENDING, key, 10_000), AuthorizationCode)


@pytest.mark.parametrize("error", ["server_error", "invalid_scope", "temporarily_unavailable"])
def test_an_error_ends_the_flow_under_its_known_name(error: str) -> None:
    assert answered(code=None, error=error) == ProviderSaidNo(error)


def test_a_denial_is_told_apart() -> None:
    assert answered(code=None, error="access_denied", iss=ISSUER) == Denied()


@requirement("attack:A12")
def test_a_providers_own_words_go_to_no_one() -> None:
    params = parse_callback_query(f"state={STATE}&error=%3Cscript%3E&error_description=%3Cscript%3E&error_uri=x")
    response = accept_response(params, PENDING, PENDING.provider_key, 0)
    assert response == ProviderSaidNo("unknown_error")
    assert "script" not in repr(params) + repr(response)


@requirement("attack:A12")
@requirement("mcp:A6")
@pytest.mark.parametrize("error", ["access_denied", "server_error"])
def test_an_error_from_another_issuer_is_not_acted_on(error: str) -> None:
    assert refusal_of(code=None, error=error, iss="https://evil.example") == "issuer_mismatch"
    assert refusal_of(replace(PENDING, iss_supported=True), code=None, error=error) == "issuer_missing"
    assert refusal_of(state="another", code=None, error=error) == "state_mismatch"


@requirement("attack:A12")
def test_negative_control_without_the_check_of_iss_anybody_can_deny() -> None:
    params = CallbackParameters(Secret(STATE), None, "https://evil.example", "access_denied")
    assert accepted_without("_issuer_answers", params, PENDING, PENDING.provider_key, 0) == Denied()


def test_an_answer_that_says_nothing_is_refused() -> None:
    assert refusal_of(code=None) == "code_missing"


def test_our_own_state_is_checked_before_everything_else() -> None:
    assert refusal_of(state="another", iss="x", path_key="x", now=10_000, error="x", code=None) == "state_mismatch"


def test_the_states_hash_is_base64url_of_sha256() -> None:
    digest = hashlib.sha256(STATE.encode()).digest()
    assert PENDING.state_hash == base64.urlsafe_b64encode(digest).decode().rstrip("=")
