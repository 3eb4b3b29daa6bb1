import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.provider import AuthMethod, ProviderClient, provider_key
from strongroom.domain.secret import Secret

ISSUER = "https://provider.example"


def test_a_provider_key_is_32_url_safe_characters_and_always_the_same() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", provider_key("acme", ISSUER))
    assert provider_key("acme", ISSUER) == provider_key("acme", ISSUER)


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_different_teams_or_issuers_have_different_keys(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (provider_key(*one) == provider_key(*other)) == (one == other)


def test_what_joining_would_confuse_is_kept_apart() -> None:
    assert provider_key("acme", "https://a.example") != provider_key("acmeh", "ttps://a.example")


@pytest.mark.parametrize(
    ("method", "secret"),
    [("none", Secret("x")), ("client_secret_post", None), ("client_secret_basic", None)],
)
def test_a_client_has_a_secret_exactly_when_its_method_uses_one(method: AuthMethod, secret: Secret | None) -> None:
    with pytest.raises(ValueError, match="exactly when"):
        ProviderClient("key", 1, "id", secret, method, "https://strongroom.example/oauth/callback/key")
