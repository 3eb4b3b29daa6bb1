"""`offline_access` is worth nothing at an OpenID provider that was not asked to prompt for consent."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from strongroom.domain.authorization_request import AuthorizationRequest, authorization_url
from strongroom.domain.provider import Provider, ProviderClient
from strongroom.domain.secret import Secret
from tests.requirements import requirement

ISSUER = "https://provider.example"
REDIRECT = "https://strongroom.example/oauth/callback/key"
CLIENT = ProviderClient("key", 1, "files-client", None, "none", REDIRECT)


def prompts(scopes: tuple[str, ...], endpoint: str = f"{ISSUER}/authorize", **extra: str) -> list[str]:
    provider = Provider(ISSUER, endpoint, f"{ISSUER}/token")
    request = AuthorizationRequest(provider, CLIENT, scopes, "", extra=extra)
    url = authorization_url(request, Secret("s" * 43), "challenge")
    given = parse_qsl(urlsplit(url).query)
    assert ("scope", " ".join(scopes)) in given
    return [value for name, value in given if name == "prompt"]


@requirement("mcp:A4")
def test_offline_access_goes_with_a_prompt_for_consent() -> None:
    assert prompts(("read", "offline_access")) == ["consent"]


def test_without_it_nobody_is_asked_to_prompt() -> None:
    assert prompts(("read", "offline_access_too")) == []


@pytest.mark.parametrize("named", ["login", "consent", "login consent", ""])
def test_a_prompt_that_is_named_already_is_not_repeated(named: str) -> None:
    assert prompts(("read", "offline_access"), prompt=named) == [value for value in [named] if value]
    kept = f"{ISSUER}/authorize?prompt={named.replace(' ', '+')}"
    assert prompts(("read", "offline_access"), kept) == [value for value in [named] if value]
