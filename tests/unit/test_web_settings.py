"""What the page is told: read from settings that explain themselves."""

from __future__ import annotations

import json

import pytest

from strongroom.aws.settings import Settings
from strongroom.aws.web_settings import PageSettings, page_settings
from strongroom.domain.errors import SettingsError
from tests.settings import SETTINGS

LOOPBACK = {
    "DEVELOPMENT": "loopback",
    "PUBLIC_URL": "http://127.0.0.1:8400",
    "ISSUER": "http://127.0.0.1:8402",
    "SIGN_IN_ORIGINS": "http://127.0.0.1:8409",
}


def told(**changed: str) -> PageSettings:
    return page_settings(Settings(SETTINGS | {f"STRONGROOM_{name}": value for name, value in changed.items()}))


def refusal(**changed: str) -> str:
    with pytest.raises(SettingsError) as stopped:
        told(**changed)
    return str(stopped.value)


def test_the_page_is_told_where_it_is_how_people_sign_in_and_nothing_else() -> None:
    assert json.loads(told().document()) == {
        "origin": "https://strongroom.example",
        "issuer": "https://sign-in.example",
        "client_id": "strongroom-web",
        "scope": "strongroom",
        "parameters": {"audience": "strongroom-api"},
    }


def test_the_sign_in_services_endpoints_may_lie_on_further_origins_beside_its_issuers() -> None:
    issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC"
    listed = "https://a.auth.eu-west-1.amazoncognito.com, https://cognito-idp.eu-west-1.amazonaws.com"

    assert told(ISSUER=issuer, SIGN_IN_ORIGINS=listed).sign_in_origins == (
        "https://cognito-idp.eu-west-1.amazonaws.com",
        "https://a.auth.eu-west-1.amazoncognito.com",
    )
    assert told(SIGN_IN_ORIGINS="").sign_in_origins == ("https://sign-in.example",)


def test_an_issuer_keeps_its_spelling_and_only_its_origin_is_asked_for() -> None:
    given = told(ISSUER="https://Login.Example/tenant/", SIGN_IN_ORIGINS="")

    assert (given.issuer, given.sign_in_origins) == ("https://Login.Example/tenant/", ("https://login.example",))


def test_on_a_developers_machine_all_may_be_http_on_loopback() -> None:
    assert told(**LOOPBACK).sign_in_origins == ("http://127.0.0.1:8402", "http://127.0.0.1:8409")


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https:",
        "'unsafe-inline'",
        "https://a.example; script-src *",
        "https://a.example https://evil.example",
        "https://a.example/",
        "https://*.example",
        "http://a.example",
        "https://a.example;",
        "https://A.example",
        "data:",
    ],
)
def test_what_goes_into_the_policy_is_one_origin_after_the_other_and_nothing_else(origin: str) -> None:
    text = refusal(SIGN_IN_ORIGINS=f"https://tokens.example,{origin}")

    assert text.startswith("STRONGROOM_SIGN_IN_ORIGINS is ")
    assert "set it to" in text


@pytest.mark.parametrize("issuer", ["http://sign-in.example", "https://a.example; script-src *", "https://a.example?x"])
def test_an_issuer_that_is_no_url_stops_the_start(issuer: str) -> None:
    assert refusal(ISSUER=issuer).startswith("STRONGROOM_ISSUER is ")


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", {}),
        ("audience=https://strongroom.example/api", {"audience": "https://strongroom.example/api"}),
        (" audience=a , connection=b=c ", {"audience": "a", "connection": "b=c"}),
        ("resource=https://api.example", {"resource": "https://api.example"}),
    ],
)
def test_parameters_are_pairs(text: str, parameters: dict[str, str]) -> None:
    assert told(SIGN_IN_PARAMETERS=text).parameters == parameters


@pytest.mark.parametrize(
    "text", ["audience", "=a", "audience=", "a b=c", "a=b c", "a=ä", "ä=a", "audience=a,audience=b", "a=b\x00", "a&b=c"]
)
def test_what_is_no_pair_stops_the_start(text: str) -> None:
    assert refusal(SIGN_IN_PARAMETERS=text).startswith("STRONGROOM_SIGN_IN_PARAMETERS is ")


@pytest.mark.parametrize(
    "name",
    ["state", "nonce", "redirect_uri", "code_challenge", "client_id", "response_type", "scope", "Scope", "request_uri"],
)
def test_no_parameter_replaces_one_that_the_sign_in_sets_itself(name: str) -> None:
    assert refusal(SIGN_IN_PARAMETERS=f"audience=a,{name}=x").startswith("STRONGROOM_SIGN_IN_PARAMETERS is ")


@pytest.mark.parametrize("value", ["a b", "a\nb", "ä", "a" * 256])
def test_a_client_id_is_visible_ascii(value: str) -> None:
    assert refusal(WEB_CLIENT_ID=value).startswith("STRONGROOM_WEB_CLIENT_ID is ")


@pytest.mark.parametrize("value", ["a b", 'a"b', "a\\b", "ä"])
def test_a_scope_is_one_scope(value: str) -> None:
    assert refusal(SCOPE=value).startswith("STRONGROOM_SCOPE is ")


def test_the_page_may_ask_for_further_scopes_so_that_it_is_told_a_name() -> None:
    assert told(SIGN_IN_SCOPES=" email  profile ").scope == "strongroom email profile"
    assert told(SIGN_IN_SCOPES="").scope == "strongroom"
    assert refusal(SIGN_IN_SCOPES="email ä").startswith("STRONGROOM_SIGN_IN_SCOPES is ")


@pytest.mark.parametrize("name", ["PUBLIC_URL", "ISSUER", "SCOPE"])
def test_what_is_not_set_is_named_with_what_it_means(name: str) -> None:
    text = refusal(**{name: ""})

    assert text.startswith(f"STRONGROOM_{name} is not set: set it to the ")
