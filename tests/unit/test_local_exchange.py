"""The request rules that both local OAuth services share."""

import pytest

from local.services.exchange import OAuthError, is_challenge, may_be_redirect_uri, parameters, proves, redirect, s256


def test_a_repeated_parameter_is_refused() -> None:
    with pytest.raises(OAuthError):
        parameters("state=a&state=b")


def test_an_empty_parameter_counts_as_omitted() -> None:
    assert parameters("scope=&state=a%26b") == {"state": "a&b"}


@pytest.mark.parametrize(
    "uri",
    ["https://app.example/cb", "https://app.example/cb?x=1", "http://127.0.0.1:8400/cb", "http://localhost/cb"],
)
def test_https_and_http_on_loopback_may_be_redirect_uris(uri: str) -> None:
    assert may_be_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/cb",
        "javascript:alert(1)",
        "https://app.example/cb#f",
        "https://u@app.example/cb",
        "https:///cb",
        "https://app.example/cb\r\nx",
        "//app.example/cb",
        "https://[::1",
        None,
        7,
    ],
)
def test_anything_else_may_not(uri: object) -> None:
    assert not may_be_redirect_uri(uri)


def test_only_the_verifier_of_a_challenge_proves_it() -> None:
    verifier = "v" * 43

    assert is_challenge(s256(verifier))
    assert proves(verifier, s256(verifier))
    assert not proves("w" * 43, s256(verifier))
    assert not proves("", s256(""))


def test_a_redirect_keeps_the_query_that_was_registered() -> None:
    location = redirect("https://app.example/cb?x=1", {"code": "a b", "state": None}).headers["location"]

    assert location == "https://app.example/cb?x=1&code=a+b"
