"""The API of the template: who may call what, from where, how often, and what is written down about it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.requirements import requirement
from tests.template import Template, environment, functions, of_type, routes, template

OF_PROVIDERS = ("GET /oauth/callback/{provider_key}", "GET /oauth/clients/{provider_key}")
OF_THE_PAGE = ("GET /connections", "GET /connections/{file}")
OPEN_ROUTES = OF_PROVIDERS + OF_THE_PAGE
TEAM = "/v1/teams/{team}"
ONE = "/installations/{installation}"

OWNERS = {
    f"GET {TEAM}/installations": ("InstallationsFunction", "SignIn"),
    f"POST {TEAM}/installations": ("InstallationsFunction", "SignIn"),
    f"GET {TEAM}{ONE}": ("InstallationsFunction", "SignIn"),
    f"PATCH {TEAM}{ONE}": ("InstallationsFunction", "SignIn"),
    f"DELETE {TEAM}{ONE}": ("InstallationsFunction", "SignIn"),
    f"DELETE {TEAM}{ONE}/connections": ("InstallationsFunction", "SignIn"),
    f"PUT {TEAM}{ONE}/client_secret": ("InstallationsFunction", "SignIn"),
    f"GET {TEAM}{ONE}/timeline": ("InstallationsFunction", "SignIn"),
    f"GET {TEAM}/records": ("InstallationsFunction", "SignIn"),
    f"POST {TEAM}/probe": ("AuthorizeFunction", "SignIn"),
    f"POST {TEAM}{ONE}/authorize": ("AuthorizeFunction", "SignIn"),
    f"DELETE {TEAM}{ONE}/connection": ("TokenFunction", "SignIn"),
    "GET /v1/authorizations/{authorization}": ("CallbackFunction", "SignIn"),
    "POST /v1/authorizations/{authorization}/complete": ("CallbackFunction", "SignIn"),
    **dict.fromkeys(OF_PROVIDERS, ("CallbackFunction", "NONE")),
    **dict.fromkeys(OF_THE_PAGE, ("WebFunction", "NONE")),
    f"POST /v1/satellite/teams/{{team}}{ONE}/token": ("TokenFunction", "AWS_IAM"),
    f"POST /v1/satellite/teams/{{team}}{ONE}/rejected": ("TokenFunction", "AWS_IAM"),
    "POST /v1/satellite/teams/{team}/installations": ("InstallationsFunction", "AWS_IAM"),
    f"GET {TEAM}{ONE}/connections": ("InstallationsFunction", "SignIn"),
    f"GET /v1/host/teams/{{team}}{ONE}/connections": ("InstallationsFunction", "AWS_IAM"),
    "GET /v1/host/teams/{team}/members": ("InstallationsFunction", "AWS_IAM"),
    "GET /v1/host/teams/{team}/records": ("InstallationsFunction", "AWS_IAM"),
    "PUT /v1/host/teams/{team}/members": ("InstallationsFunction", "AWS_IAM"),
    "PUT /v1/host/teams/{team}/satellites": ("InstallationsFunction", "AWS_IAM"),
    "DELETE /v1/host/teams/{team}": ("InstallationsFunction", "AWS_IAM"),
}

LOGGED = {
    "requestId",
    "requestTimeEpoch",
    "routeKey",
    "status",
    "responseLength",
    "responseLatency",
    "integrationLatency",
    "integrationStatus",
    "error.responseType",
    "identity.sourceIp",
}
"""What API Gateway itself says. Everything else, such as a path, a query or an agent, is text of the caller."""

Change = Callable[[Template], None]


def api(given: Template) -> Any:
    return of_type(given, "AWS::Serverless::HttpApi")["HttpApi"]


def authorizer_findings(given: Template) -> list[str]:
    """Every route says for itself who may call it; what says nothing is refused."""
    findings = []
    for route in routes(given):
        expected = {"SignIn"} if "Ref" in str(route.auth.get("AuthorizationScopes")) else {"AWS_IAM"}
        if route.auth.get("Authorizer") not in expected | ({"NONE"} if route.key in OPEN_ROUTES else set()):
            findings.append(route.key)
    if api(given)["Auth"].get("DefaultAuthorizer") != "AWS_IAM":
        findings.append("the default lets in")
    return findings


def cors(given: Template) -> Any:
    return api(given)["CorsConfiguration"]["Fn::If"][1]


def cors_findings(given: Template) -> list[str]:
    """What differs from the exact list; as one expression, since the translator would drop the rest of any other."""
    expected = {
        "AllowOrigins": {"Fn::Split": [",", {"Ref": "WebOrigins"}]},
        "AllowMethods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
        "AllowHeaders": ["authorization", "content-type", "idempotency-key", "if-match"],
        "ExposeHeaders": ["etag"],
        "MaxAge": 600,
    }
    found = api(given).get("CorsConfiguration")
    return [] if found == {"Fn::If": ["HasWebOrigins", expected, {"Ref": "AWS::NoValue"}]} else [str(found)]


def log_findings(given: Template) -> list[str]:
    written = set(re.findall(r"\$context\.([A-Za-z.]+)", api(given)["AccessLogSettings"]["Format"]))
    return sorted(written - LOGGED)


def circle_findings(given: Template) -> list[str]:
    """A function's environment that names the API is a circle: the API names the function."""
    return [name for name in functions(given) if "HttpApi" in str(environment(given, name))]


def event(given: Template, function: str, name: str) -> Any:
    return given["Resources"][function]["Properties"]["Events"][name]["Properties"]


def test_every_route_has_the_owner_and_the_authorizer_that_it_should_have() -> None:
    found = routes(template())

    assert {route.key: (route.function, route.auth["Authorizer"]) for route in found} == OWNERS
    assert len(found) == len(OWNERS)


def test_every_route_names_its_authorizer_and_only_browsers_and_providers_come_without_one() -> None:
    assert authorizer_findings(template()) == []


def _forget_an_authorizer(given: Template) -> None:
    del event(given, "TokenFunction", "LookUp")["Auth"]


def _open_a_route(given: Template) -> None:
    event(given, "TokenFunction", "LookUp")["Auth"] = {"Authorizer": "NONE"}


def _forget_the_scope(given: Template) -> None:
    del event(given, "CallbackFunction", "Complete")["Auth"]["AuthorizationScopes"]


def _let_in_by_default(given: Template) -> None:
    del api(given)["Auth"]["DefaultAuthorizer"]


@pytest.mark.parametrize("change", [_forget_an_authorizer, _open_a_route, _forget_the_scope, _let_in_by_default])
def test_a_route_that_is_open_by_mistake_is_found(change: Change) -> None:
    given = template()

    change(given)

    assert len(authorizer_findings(given)) == 1


def test_the_authorizer_believes_one_issuer_and_one_audience_of_the_operator() -> None:
    authorizers = api(template())["Auth"]["Authorizers"]

    assert authorizers == {
        "SignIn": {
            "IdentitySource": "$request.header.Authorization",
            "JwtConfiguration": {"issuer": {"Ref": "Issuer"}, "audience": [{"Ref": "Audience"}]},
        }
    }


@requirement("attack:D15")
def test_only_the_exact_origins_of_the_operator_may_call_from_a_browser() -> None:
    assert cors_findings(template()) == []


@requirement("attack:D15")
@pytest.mark.parametrize(
    "wrong", [{"AllowOrigins": ["*"]}, {"AllowCredentials": True}, {"AllowHeaders": ["*"]}, {"AllowMethods": ["*"]}]
)
def test_a_wildcard_or_credentials_in_cors_are_found(wrong: dict[str, Any]) -> None:
    given = template()

    cors(given).update(wrong)

    assert cors_findings(given)


@requirement("attack:D15")
def test_without_an_origin_no_page_of_another_origin_may_call() -> None:
    assert template()["Conditions"]["HasWebOrigins"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "WebOrigins"}, ""]}]}


@requirement("attack:D15")
@pytest.mark.parametrize(
    "value",
    [
        "*",
        "null",
        "https://*.example.com",
        "http://app.example.com",
        "https://app.example.com/",
        "https://app.example.com, https://b.example.com",
        "https://app.example.com,",
    ],
)
def test_an_origin_that_is_not_exact_is_no_value_of_the_parameter(value: str) -> None:
    pattern = template()["Parameters"]["WebOrigins"]["AllowedPattern"]

    assert re.fullmatch(pattern, "https://app.example.com,https://admin.example.com:8443")
    assert re.fullmatch(pattern, value) is None


@requirement("attack:A21")
def test_the_access_log_holds_no_path_query_or_header() -> None:
    assert log_findings(template()) == []


@requirement("attack:A21")
@pytest.mark.parametrize("variable", ["path", "authorizer.error", "identity.userAgent", "error.message"])
def test_text_of_the_caller_in_the_access_log_is_found(variable: str) -> None:
    given = template()

    api(given)["AccessLogSettings"]["Format"] += f"$context.{variable}"

    assert log_findings(given) == [variable]


def test_a_line_of_the_access_log_is_json() -> None:
    line = re.sub(r"\$context\.[A-Za-z.]+", "-", api(template())["AccessLogSettings"]["Format"])

    assert set(json.loads(line).values()) == {"-"}


def test_requests_are_limited_and_those_to_the_open_routes_more_tightly() -> None:
    given = template()
    everywhere, routes_ = api(given)["DefaultRouteSettings"], api(given)["RouteSettings"]
    usual = {name: parameter.get("Default") for name, parameter in given["Parameters"].items()}

    assert tuple(routes_) == OPEN_ROUTES
    for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
        whole = usual[everywhere[name]["Ref"]]
        assert all(usual[routes_[route][name]["Ref"]] * 10 <= whole for route in OF_PROVIDERS)
        # One opening of the page is about twenty requests, none of which reaches the table.
        assert all(20 < usual[routes_[route][name]["Ref"]] < whole for route in OF_THE_PAGE)


def test_no_function_is_told_the_address_of_the_api_by_the_api() -> None:
    assert circle_findings(template()) == []


@pytest.mark.parametrize("value", [{"Ref": "HttpApi"}, {"Fn::Sub": "https://${HttpApi}.execute-api.amazonaws.com"}])
def test_an_environment_that_names_the_api_is_found(value: Any) -> None:
    given = template()

    given["Resources"]["TokenFunction"]["Properties"]["Environment"]["Variables"]["STRONGROOM_PUBLIC_URL"] = value

    assert circle_findings(given) == ["TokenFunction"]


@requirement("attack:A15")
def test_redirect_uris_are_made_of_what_the_operator_gave() -> None:
    own_domain_or_given = {"Fn::If": ["HasDomain", {"Fn::Sub": "https://${DomainName}"}, {"Ref": "PublicUrl"}]}

    for name in functions(template()):
        assert environment(template(), name)["STRONGROOM_PUBLIC_URL"] == own_domain_or_given


def test_with_a_domain_the_other_address_of_the_api_is_off() -> None:
    given = template()

    assert api(given)["DisableExecuteApiEndpoint"] == {"Fn::If": ["HasDomain", True, False]}
    assert {given["Resources"][name]["Condition"] for name in ("Domain", "DomainMapping")} == {"HasDomain"}
