import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.errors import DiscoveryFailed, ProviderFailed
from strongroom.domain.http import Answer, NoAnswer, NotSent, Reply
from strongroom.domain.provider import AuthMethod, Provider, ProviderClient
from strongroom.domain.registration import choose_auth_method, judge_registration, registration_request
from strongroom.domain.secret import Secret
from tests.requirements import requirement

REDIRECT = "https://strongroom.example/oauth/callback/key"
REGISTERED: dict[str, Any] = {"client_id": "files-client", "client_secret": "s3cret", "redirect_uris": [REDIRECT]}


def provider(*methods: str, endpoint: str | None = "https://provider.example/register") -> Provider:
    issuer = "https://provider.example"
    return Provider(issuer, f"{issuer}/authorize", f"{issuer}/token", endpoint, token_auth_methods=methods)


def judged(answer: Answer, asked: AuthMethod = "client_secret_basic") -> ProviderClient:
    return judge_registration(answer, asked=asked, provider_key="key", generation=3, redirect_uri=REDIRECT)


def registered(**fields: object) -> Reply:
    document = {name: value for name, value in (REGISTERED | fields).items() if value is not None}
    return Reply(201, {}, json.dumps(document).encode())


def code_of(call: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(DiscoveryFailed) as refusal:
        call(*args, **options)
    return refusal.value.public_code


@pytest.mark.parametrize(
    ("listed", "chosen"),
    [
        (("none", "client_secret_post", "client_secret_basic"), "client_secret_basic"),
        (("none", "client_secret_post", "private_key_jwt"), "client_secret_post"),
        (("none",), "none"),
    ],
)
def test_the_strongest_method_that_both_know_is_chosen(listed: tuple[str, ...], chosen: str) -> None:
    assert choose_auth_method(provider(*listed)) == chosen


def test_without_a_common_method_there_is_no_client() -> None:
    assert code_of(choose_auth_method, provider("tls_client_auth")) == "client_authentication_unsupported"


@requirement("mcp:R4")
@requirement("mcp:R5")
def test_a_registration_names_what_we_are() -> None:
    request = registration_request(provider("none"), REDIRECT, "none", ("read", "write"))
    assert request.body is not None
    assert json.loads(request.body.reveal()) == {
        "client_name": "Strongroom",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "web",
        "scope": "read write",
    }
    assert (request.method, request.hops) == ("POST", 0)


def test_a_provider_that_registers_nobody_says_so() -> None:
    lonely = provider("none", endpoint=None)
    assert code_of(registration_request, lonely, REDIRECT, "none") == "registration_unsupported"


def test_a_registration_becomes_a_client() -> None:
    client = judged(registered(client_secret_expires_at=2_000_000_000))
    assert client == ProviderClient(
        "key", 3, "files-client", Secret("s3cret"), "client_secret_basic", REDIRECT, 2_000_000_000
    )
    assert "s3cret" not in repr(client)


@requirement("attack:B4")
def test_only_what_we_use_is_kept() -> None:
    internal = "http://169.254.169.254/latest"
    client = judged(registered(registration_client_uri=internal, registration_access_token="t", jwks_uri=internal))
    assert "169.254" not in repr(client)


@pytest.mark.parametrize(("value", "kept"), [(None, None), (0, None), (-1, None), (True, None), ("x", None), (9.5, 9)])
def test_the_end_of_a_secret_is_kept_if_there_is_one(value: object, kept: int | None) -> None:
    assert judged(registered(client_secret_expires_at=value)).secret_expires_at == kept


def test_the_provider_may_choose_another_method_that_we_know() -> None:
    client = judged(registered(token_endpoint_auth_method="client_secret_post"))
    assert (client.auth_method, client.client_secret) == ("client_secret_post", Secret("s3cret"))


def test_a_secret_that_the_method_does_not_use_is_dropped() -> None:
    client = judged(registered(client_secret_expires_at=5), asked="none")
    assert (client.auth_method, client.client_secret, client.secret_expires_at) == ("none", None, None)


@requirement("attack:B4")
@pytest.mark.parametrize(
    "uris",
    [
        [],
        [REDIRECT + "/"],
        [REDIRECT, "https://evil.example/"],
        [REDIRECT, REDIRECT],
        REDIRECT,
        ["https://evil.example"],
    ],
)
def test_altered_redirect_uris_are_refused(uris: object) -> None:
    assert code_of(judged, registered(redirect_uris=uris)) == "redirect_uri_rejected"


@requirement("attack:B4")
@pytest.mark.parametrize(
    "fields",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_id": 7},
        {"client_id": "x" * 2_049},
        {"client_id": "a\r\nb"},
        {"client_id": "é"},
        {"client_secret": None},
        {"client_secret": ""},
        {"client_secret": "x" * 1_000_000},
        {"client_secret": "a\nb"},
        {"client_secret": ["x"]},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": ["none"]},
        {"token_endpoint_auth_method": ""},
    ],
    ids=repr,
)
def test_a_client_that_we_could_not_be_is_refused(fields: dict[str, object]) -> None:
    assert code_of(judged, registered(**fields)) == "registration_unusable"


def test_a_success_without_a_document_is_unusable() -> None:
    assert code_of(judged, Reply(201, {}, b"<html>")) == "registration_unusable"


@requirement("mcp:R4")
def test_a_rejected_redirect_uri_is_told_apart() -> None:
    assert code_of(judged, Reply(400, {}, b'{"error": "invalid_redirect_uri"}')) == "redirect_uri_rejected"
    assert code_of(judged, Reply(400, {}, b'{"error": "invalid_client_metadata"}')) == "registration_refused"
    assert code_of(judged, Reply(403, {}, b"no")) == "registration_refused"
    assert code_of(judged, Reply(302, {}, b"")) == "registration_refused"


@pytest.mark.parametrize("answer", [NotSent("dns"), NoAnswer("x"), Reply(429, {}, b""), Reply(503, {}, b"")])
def test_a_passing_fault_is_no_refusal(answer: Answer) -> None:
    with pytest.raises(ProviderFailed):
        judged(answer)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2)
FIELDS = [
    "client_id",
    "client_secret",
    "token_endpoint_auth_method",
    "client_secret_expires_at",
    "redirect_uris",
    "error",
]


@given(st.integers(100, 599), st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_any_answer_gives_a_client_or_a_typed_error(status: int, document: dict[str, object]) -> None:
    with suppress(DiscoveryFailed, ProviderFailed):
        judged(Reply(status, {}, json.dumps(document).encode()))
