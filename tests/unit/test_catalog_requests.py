"""What the catalog changes about requests to a provider: where they go, what they carry, in which form."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from strongroom.domain.authorization_response import AuthorizationCode
from strongroom.domain.catalog import STRICT, CatalogEntry, Refreshing
from strongroom.domain.http import Outgoing
from strongroom.domain.provider import AuthMethod, ProviderClient
from strongroom.domain.secret import Secret
from strongroom.domain.token_requests import BackChannel, code_request, refresh_request, revocation_request
from tests.providers import entries

REDIRECT = "https://strongroom.example/oauth/callback/key"
RESOURCE = "https://files.example/mcp"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def client(method: AuthMethod = "client_secret_basic") -> ProviderClient:
    return ProviderClient("key", 1, "alice", Secret("s3cret"), method, REDIRECT)


def channel(entry: CatalogEntry, endpoint: str) -> BackChannel:
    return BackChannel(endpoint, client(), entry)


def exchange(entry: CatalogEntry, token_endpoint: str = "") -> Outgoing:
    code, verifier = AuthorizationCode.restore(Secret("the-code")), Secret("v" * 43)
    return code_request(channel(entry, token_endpoint or listed_endpoint(entry)), code, verifier, REDIRECT, RESOURCE)


def refresh(entry: CatalogEntry, token_endpoint: str = "") -> Outgoing:
    return refresh_request(channel(entry, token_endpoint or listed_endpoint(entry)), Secret("rt"), RESOURCE)


def revocation(entry: CatalogEntry) -> Outgoing:
    return revocation_request(channel(entry, "https://provider.example/revoke"), Secret("rt"), "refresh_token")


def listed_endpoint(entry: CatalogEntry) -> str:
    return entry.endpoints.token if entry.endpoints else "https://provider.example/token"


def headers(request: Outgoing) -> dict[str, str]:
    return {name: value.reveal() for name, value in request.headers.items()}


def fields(request: Outgoing) -> dict[str, str]:
    """What is in the body, read as its content type says."""
    assert request.body is not None
    body = request.body.reveal()
    return dict(json.loads(body)) if headers(request)["content-type"] == JSON else dict(parse_qsl(body))


# -- Bodies and headers ------------------------------------------------------------------------------------------------


def test_notion_is_sent_json_and_its_version_at_exchange_refresh_and_revocation() -> None:
    notion = entries()["notion"]
    for request in (exchange(notion), refresh(notion), revocation(notion)):
        sent = headers(request)
        assert (sent["content-type"], sent["accept"]) == (JSON, JSON)
        assert sent["notion-version"] == notion.authenticating.headers["Notion-Version"]
        assert sent["authorization"].startswith("Basic ")
    assert fields(exchange(notion)) == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": REDIRECT,
        "code_verifier": "v" * 43,
        "resource": RESOURCE,
    }
    assert fields(refresh(notion)) == {"grant_type": "refresh_token", "refresh_token": "rt", "resource": RESOURCE}
    assert fields(revocation(notion)) == {"token": "rt", "token_type_hint": "refresh_token"}


def test_control_without_an_entry_requests_are_forms_and_carry_no_header_of_a_provider() -> None:
    for request in (exchange(STRICT), refresh(STRICT), revocation(STRICT)):
        assert headers(request).keys() == {"accept", "content-type", "authorization"}
        assert headers(request)["content-type"] == FORM
    assert fields(refresh(STRICT)) == fields(refresh(entries()["notion"]))


def test_quickbooks_is_sent_json_at_revocation_and_forms_before() -> None:
    quickbooks = entries()["quickbooks"]
    assert headers(revocation(quickbooks))["content-type"] == JSON
    assert fields(revocation(quickbooks))["token"] == "rt"
    assert headers(exchange(quickbooks))["content-type"] == FORM
    assert headers(refresh(quickbooks))["content-type"] == FORM


def test_atlassian_is_sent_json_for_tokens() -> None:
    atlassian = entries()["atlassian"]
    assert headers(exchange(atlassian))["content-type"] == JSON
    assert headers(refresh(atlassian))["content-type"] == JSON
    assert "resource" not in fields(refresh(atlassian))


def test_a_header_of_a_provider_never_replaces_one_of_ours() -> None:
    ours = {"Accept": "text/html", "Content-Type": "text/html", "Authorization": "Bearer x"}
    entry = replace(STRICT, authenticating=replace(STRICT.authenticating, headers=ours))
    assert headers(refresh(entry)) == headers(refresh(STRICT))


# -- Where a refresh goes ----------------------------------------------------------------------------------------------


def test_figma_is_asked_for_a_refresh_at_an_endpoint_of_its_own() -> None:
    figma = entries()["figma"]
    assert exchange(figma).url == "https://api.figma.com/v1/oauth/token"
    assert refresh(figma).url == "https://api.figma.com/v1/oauth/refresh"


@pytest.mark.parametrize(
    "pinned",
    [
        "https://www.figma.com/v1/oauth/token",
        "https://elsewhere.example/token",
        "https://api.figma.com:8443/v1/oauth/token",
        "https://api.figma.com.evil.example/v1/oauth/token",
    ],
)
def test_a_refresh_never_leaves_the_origin_of_the_pinned_token_endpoint(pinned: str) -> None:
    assert refresh(entries()["figma"], pinned).url == pinned


@pytest.mark.parametrize(
    "endpoint", ["http://provider.example/refresh", "/refresh", "https://evil.example/refresh", ""]
)
def test_an_endpoint_for_refreshes_that_is_none_is_not_used(endpoint: str) -> None:
    entry = replace(STRICT, refreshing=Refreshing(endpoint=endpoint))
    assert refresh(entry).url == "https://provider.example/token"


def test_control_an_endpoint_for_refreshes_on_the_same_origin_is_used() -> None:
    entry = replace(STRICT, refreshing=Refreshing(endpoint="https://provider.example/refresh"))
    assert refresh(entry).url == "https://provider.example/refresh"
    assert exchange(entry).url == "https://provider.example/token"
